"""Payments, shops, banking and advertising."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import mixed, mixed_case
from botbottle.dlp.rules.model import Context, Rule, context, token

_UUID = r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_STRIPE = "Stripe docs, API keys: sk_/pk_/rk_ + live/test/prod, webhook secrets whsec_"


def square(value: bytes) -> bool:
    """Not the run of zeros that WebAssembly and fonts have in Base64."""
    return mixed(value) and (
        not value.startswith(b"EAAA") or value[4:].count(b"A") * 5 < len(value)
    )


RULES: tuple[Rule | Context, ...] = (
    token("stripe.key", r"[spr]k_(?:live|test|prod)_[A-Za-z0-9]{10,120}", "k_live_", "k_test_", "k_prod_", source=_STRIPE, entropy=2.8, left=True),
    token("stripe.organisation", r"[sr]k_org_(?:live|test)_[A-Za-z0-9]{20,120}", "k_org_", source=_STRIPE + ", sk_org_ for organisations", entropy=3.0),
    token("stripe.client-secret", r"(?:pi|seti|src|cs|evt|sub|in)_[A-Za-z0-9]{16,60}_secret_[A-Za-z0-9]{24,60}", "_secret_", source="Stripe docs: client secrets <object>_secret_<25>", entropy=3.4, check=mixed_case),
    token("stripe.webhook", r"whsec_[A-Za-z0-9+/=]{24,80}", "whsec_", source=_STRIPE, entropy=3.0),
    token("square.token", r"(?:EAAA|sq0(?:atp|csp|idp|idb)-)[\w\-+=]{20,62}", "eaaa", "sq0", source="Square docs: EAAA access tokens, sq0atp-, sq0csp- secrets", entropy=3.0, left=True, check=square, apart=True),
    token("shopify.token", r"shp(?:at|ca|pa|ss|ua|tka|sa|it)_[A-Za-z0-9]{32}", "shp", source="Shopify docs: shpat_, shpca_, shppa_, shpss_ and 32 characters", entropy=2.8),
    token("braintree.token", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}", "access_token$", source="Braintree docs: access_token$<env>$<id>$<32 hex>"),
    token("adyen.key", r"AQE[A-Za-z0-9+/]{80,160}=?-[A-Za-z0-9+/=]{40,60}-[\w\\<>~#;:.,%^&*(){}\[\]$!?@|+=/\-]{8,40}", "aqe", source="Adyen docs: AQE + base64", entropy=4.0, apart=True),
    token("paypal.context", r"(?i:paypal)[\w.\-\"'\\ ]{0,30}[=:]\s{0,3}\\*[\"']?([AE][A-Za-z0-9_\-]{79})", "paypal", source="PayPal docs: client ids and secrets of 80", entropy=4.0),
    token("plaid.token", r"access-(?:sandbox|development|production)-" + _UUID, "access-", source="Plaid docs: access-<env>-<uuid>"),
    context("plaid.keys", "plaid", r"[A-Za-z0-9]{24,30}", source="Plaid docs: client ids of 24, secrets of 30", entropy=3.3, check=mixed),
    token("flutterwave.key", r"FLW(?:PUBK|SECK)_TEST-[0-9a-h]{12}(?:[0-9a-h]{20}-X)?", "flwpubk", "flwseck", source="Flutterwave docs: FLWSECK_TEST-..."),
    token("flutterwave.live", r"FLW(?:PUBK|SECK)-[0-9a-h]{32}-X", "flwpubk", "flwseck", source="Flutterwave docs: FLWSECK-<32>-X"),
    token("lob.key", r"(?:live|test)_(?:pub_)?[0-9a-f]{31,35}", "live_", "test_", source="Lob docs: live_/test_ + 35 hex", entropy=2.8, left=True, right=True),
    token("gocardless.token", r"(?i:gocardless)[\s\S]{0,60}?(live_[A-Za-z0-9_=\-]{40})", "gocardless", source="GoCardless docs: live_ + 40", entropy=3.0),
    token("easypost.key", r"EZ[AT]K[A-Za-z0-9]{54}", "ezak", "eztk", source="EasyPost docs: EZAK/EZTK + 54", entropy=3.0, left=True),
    token("shippo.token", r"shippo_(?:live|test)_[0-9a-fA-F]{40}", "shippo_", source="Shippo docs: shippo_live_/shippo_test_ + 40 hex"),
    token("duffel.token", r"duffel_(?:live|test)_[\w\-=]{40,46}", "duffel_", source="Duffel docs: duffel_live_ + 43"),
    token("checkout.key", r"sk_(?:sbox_|test_)?(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[a-z2-7]{26}[a-z2-7*#$=]{1,4})", "sk_", source="Checkout.com docs: sk_<uuid>", entropy=2.8, left=True),
    token("midtrans.key", r"(?:SB-)?Mid-(?:client|server)-[A-Za-z0-9_\-]{16,30}", "mid-", source="Midtrans docs: Mid-server-/Mid-client-"),
    token("asaas.token", r"\$aact_(?:prod|hmlg)_[A-Za-z0-9=:\-]{20,300}", "$aact_", source="Asaas docs: $aact_prod_"),
    token("paddle.key", r"pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}", "pdl_", source="Paddle docs: pdl_live_apikey_<26>_<22>_<3>"),
    token("mercury.token", r"mercury_production_[a-z]{3}_[\w]{30,80}", "mercury_production_", source="Mercury docs: secret-token:mercury_production_"),
    token("ramp.key", r"ramp_(?:id|sec)_[A-Za-z0-9]{40,48}", "ramp_id_", "ramp_sec_", source="Ramp docs: ramp_id_ and ramp_sec_", entropy=3.0),
    token("polar.token", r"polar_[a-z]{2,4}_[\w\-]{36,64}", "polar_", source="Polar docs: polar_oat_, polar_pat_, polar_at_", entropy=3.2),
    token("persona.key", r"persona_(?:production|sandbox)_[\w\-]{30,48}", "persona_", source="Persona docs: persona_production_", entropy=3.0),
    token("onfido.token", r"api_(?:live|sandbox)(?:_(?:us|ca|eu))?\.[\w\-]{11,14}\.?[\w\-]{16,36}", "api_live", "api_sandbox", source="Onfido docs: api_live.<11>.<32>", entropy=3.0),
    token("highnote.key", r"[sr]k_(?:live|test)_[A-Za-z0-9+/]{60,160}={0,2}", "k_live_", "k_test_", source="Highnote and WorkOS docs: sk_live_ + base64", entropy=3.5),
    token("gumroad.token", r"(?i:gumroad)[\s\S]{0,40}?[=:]\s{0,3}\\*[\"']?([0-9a-f]{64})", "gumroad", source="Gumroad docs: 64 hex", entropy=3.0),
    token("etsy.key", r"(?i:x-api-key)\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?([0-9a-z]{24}:[0-9a-z]{10})", "x-api-key", source="Etsy docs: keystring:shared secret", entropy=2.5),
    context("etsy.context", "etsy bittrex kraken kucoin finicity freshbooks", r"[A-Za-z0-9+/=_\-]{20,90}", source="Vendor dashboards: opaque values", entropy=3.3, check=mixed),
    context("commerce.context", "coinbase rapidapi squarespace finnhub marketstack coinmarketcap binance klarna bigcommerce recurly chargebee", r"[A-Za-z0-9_\-]{20,70}", source="Vendor dashboards: opaque values", entropy=3.3, check=mixed),
    token("facebook.page", r"EAA[MC][A-Za-z0-9]{80,260}", "eaam", "eaac", source="Meta docs: page tokens start EAA", entropy=4.0, left=True, check=mixed_case, apart=True),
    token("facebook.app-token", r"\d{15,16}(?:\||%7C)[\w\-]{27,40}", "|", "%7c", source="Meta docs: app access tokens are <app id>|<secret>", entropy=3.0, left=True),
    context("facebook.secret", "facebook fb[_-]app instagram meta[_-]app", r"[0-9a-f]{32}", source="Meta docs: app secrets of 32 hex"),
    token("facebook.graph", r"EAA[A-Za-z0-9]{60,260}", "eaa", source="Meta docs: user tokens start EAA", entropy=4.3, left=True, check=mixed_case, apart=True),
    token("pinterest.token", r"pina_[\w\-]{32,64}", "pina_", source="Pinterest docs: pina_ prefix", entropy=3.2),
    context("twitter.keys", "twitter", r"\d{15,25}-[A-Za-z0-9]{20,40}|A{22}[A-Za-z0-9%]{80,100}|[A-Za-z0-9]{45,50}|[A-Za-z0-9]{25}", source="X developer docs: keys of 25, secrets of 50, tokens <id>-<40>, bearer A{22}...", check=mixed),
    token("twitter.bearer", r"A{20,24}[A-Za-z0-9%]{60,100}", "aaaaaaaaaaaaaaaaaaaa", source="X developer docs: bearer tokens start with 22 A", entropy=3.0, left=True, placeholders=False, apart=True),
    context("linkedin.keys", "linked[_-]?in", r"[A-Za-z0-9]{14,16}", source="LinkedIn docs: client ids of 14, secrets of 16", entropy=2.6, check=mixed),
    token("ebay.secret", r"PRD-[0-9a-f]{8,12}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4,12}", "prd-", source="eBay docs: cert ids PRD-..."),
    token("ebay.id", r"[A-Za-z0-9]{2,20}-[A-Za-z0-9]{2,20}-(?:PRD|SBX)-[0-9a-f]{8,9}-[0-9a-f]{8}", "-prd-", "-sbx-", source="eBay docs: app ids <name>-<app>-PRD-..."),
    token("proof.key", r"prf_(?:cli_)?[\w\-]{36,40}", "prf_", source="Proof docs: prf_ prefix", entropy=3.4, check=mixed),
    token("freemius.key", r"(?i:secret_key)\\*[\"']\s{0,3}=>\s{0,3}\\*[\"'](sk_[\S]{29})\\*[\"']", "secret_key", source="Freemius docs: sk_ + 29", entropy=3.0),
    token("rainforest.key", r"apikey_[0-9a-f]{64}", "apikey_", source="Rainforest docs: apikey_ + 64 hex"),
)  # fmt: skip
