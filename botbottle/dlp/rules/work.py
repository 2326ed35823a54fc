"""Issue trackers, documents, design, files and the long tail of developer services."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import re

from botbottle.dlp.checks import mixed, mixed_case
from botbottle.dlp.rules.model import Context, Rule, context, token

_UUID = r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"

_OWNERS = re.compile(rb"(?i)poly|private|wallet|eth")


def named(surface: memoryview, end: int) -> int | None:
    """Whether a name stands in front of the 64 hex digits that end there; most are hashes."""
    return None if _OWNERS.search(surface, max(0, end - 120), max(0, end - 66)) else end


# A digit is one of M N O, D T j z, A to k by fours, w to 5, as its place in Base64 has it.
_DATA_CENTER = r"(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){4}O[g-v][A-Za-z0-9+/]{26}"

RULES: tuple[Rule | Context, ...] = (
    token("linear.key", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{40,64}", "lin_api_", "lin_oauth_", "lin_wh_", source="Linear docs: lin_api_, lin_wh_ + 40", entropy=2.8),
    context("linear.secret", "linear", r"[0-9a-f]{32}", source="Linear docs: OAuth client secrets of 32 hex"),
    token("notion.token", r"ntn_[A-Za-z0-9]{40,50}", "ntn_", source="Notion docs 2024: ntn_ prefix", entropy=3.2),
    token("notion.secret", r"secret_[A-Za-z0-9]{43}", "secret_", source="Notion docs: secret_ + 43", entropy=3.6, left=True, right=True, check=mixed_case),
    context("atlassian.data-center", "atlassian confluence jira bitbucket", _DATA_CENTER, source="Atlassian Data Center: Base64 of twelve digits, a colon and 20 bytes", entropy=3.4),
    context("atlassian.context", "atlassian confluence jira", r"[A-Za-z0-9]{20,24}", source="Atlassian docs: older API tokens of 24", entropy=3.3, check=mixed),
    token("asana.pat", r"[12]/\d{13,20}(?:/\d{13,20})?:[0-9a-f]{32}", ":", source="Asana docs: 1/<user>:<32 hex>"),
    context("asana.keys", "asana", r"\d{16}|[a-z0-9]{32}", source="Asana docs: client ids of 16 digits, secrets of 32", entropy=2.4),
    token("airtable.pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat", source="Airtable docs: pat<14>.<64 hex>"),
    token("airtable.oauth", r"[\w]{16}\.v1\.[\w\-]{20,60}\.[0-9a-f]{64}", ".v1.", source="Airtable docs: OAuth tokens"),
    context("airtable.key", "airtable", r"(?:key)?[A-Za-z0-9]{14,17}", source="Airtable docs: older keys key + 14", check=mixed),
    token("figma.pat", r"fig[dour]_[\w\-]{36,60}", "figd_", "figo_", "figu_", "figr_", source="Figma docs: figd_ prefix", entropy=2.8),
    context("figma.header", "figma", r"[0-9A-Fa-f]{4}-" + _UUID, source="Figma docs: older tokens <4>-<uuid>", entropy=2.5),
    token("clickup.token", r"pk_\d{5,10}_[A-Z0-9]{32}", "pk_", source="ClickUp docs: pk_<user>_<32>"),
    token("hubspot.token", r"pat-(?:na|eu)\d-" + _UUID, "pat-", source="HubSpot docs: pat-na1-<uuid>"),
    context("hubspot.key", "hubspot", _UUID, source="HubSpot docs: API keys are UUIDs", entropy=2.5),
    token("salesforce.token", r"00D[A-Za-z0-9]{12,15}!(?:AQ)?[A-Za-z0-9._\-]{60,140}", "00d", source="Salesforce docs: session ids 00D<org>!<opaque>"),
    token("contentful.token", r"CFPAT-[\w\-]{43}", "cfpat-", source="Contentful docs: CFPAT- + 43"),
    context("contentful.context", "contentful", r"[A-Za-z0-9_\-]{43}", source="Contentful docs: delivery tokens of 43", check=mixed),
    token("dropbox.token", r"sl\.(?:u\.)?[A-Za-z0-9_\-=]{100,1000}", "sl.", source="Dropbox docs: short-lived tokens sl., since 2024 sl.u.", entropy=4.0, left=True),
    context("dropbox.context", "dropbox box[_-]developer", r"[a-z0-9]{15}|[A-Za-z0-9]{32}|[A-Za-z0-9]{11}A{10}[A-Za-z0-9=_\-]{43}", source="Dropbox docs: app keys of 15, long-lived tokens of 64; Box developer tokens of 32", check=mixed),
    token("postman.key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "pmak-", source="Postman docs: PMAK-<24>-<34 hex>"),
    token("readme.key", r"rdme_[a-z0-9]{70}", "rdme_", source="ReadMe docs: rdme_ + 70", entropy=3.0),
    token("typeform.token", r"tfp_[A-Za-z0-9_.=\-]{40,62}", "tfp_", source="Typeform docs: tfp_ + 59", entropy=3.2),
    token("frameio.token", r"fio-u-[\w\-=]{60,66}", "fio-u-", source="Frame.io docs: fio-u- + 64"),
    token("adobe.secret", r"p8e-[A-Za-z0-9]{32}", "p8e-", source="Adobe docs: p8e- + 32", entropy=2.8),
    context("adobe.client", "adobe", r"[0-9a-f]{32}", source="Adobe docs: client ids of 32 hex"),
    token("intra42.secret", r"s-s4t2(?:ud|af)-[0-9a-f]{64}", "s-s4t2", source="42 intranet docs: s-s4t2ud- + 64 hex"),
    token("maxmind.key", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", "_mmk", source="MaxMind docs: keys end _mmk"),
    token("mapbox.token", r"[ps]k\.[A-Za-z0-9]{60}\.[A-Za-z0-9]{22}|[ps]k\.eyJ[\w\-]{30,200}\.[\w\-]{20,24}", "pk.", "sk.", source="Mapbox docs: pk.<JSON>.<22>", left=True),
    token("defined.key", r"dnkey-[A-Za-z0-9=_\-]{26}-[A-Za-z0-9=_\-]{52}", "dnkey-", source="Defined Networking docs: dnkey-<26>-<52>"),
    token("apify.token", r"apify_api_[A-Za-z0-9]{34,40}", "apify_api_", source="Apify docs: apify_api_ + 36", entropy=3.0),
    token("settlemint.token", r"sm_[aps]at_[A-Za-z0-9]{16}", "sm_aat_", "sm_pat_", "sm_sat_", source="SettleMint docs: sm_pat_ + 16", entropy=2.8),
    token("beamer.token", r"b_[A-Za-z0-9=_\-]{44}", "b_", source="Beamer docs: b_ + 44", entropy=3.8, left=True, right=True, check=mixed),
    context("beamer.context", "beamer", r"b_[a-z0-9=_\-]{44}", source="Beamer docs: b_ + 44"),
    token("clerk.key", r"sk_(?:live|test)_[A-Za-z0-9]{30,60}", "sk_live_", "sk_test_", source="Clerk docs: sk_live_ keys", entropy=3.2),
    token("canva.secret", r"cnvca[A-Za-z0-9_\-]{48,56}", "cnvca", source="Canva docs: cnvca prefix", entropy=3.4),
    token("ionic.token", r"ion_[A-Za-z0-9]{42}", "ion_", source="Ionic docs: ion_ + 42", entropy=3.2, right=True),
    token("lichess.token", r"lip_[A-Za-z0-9_]{20,32}", "lip_", source="Lichess docs: lip_ prefix", entropy=3.4, left=True, check=mixed_case),
    token("cfx.key", r"cfxk_[A-Za-z0-9_]{20,34}", "cfxk_", source="Cfx.re docs: cfxk_ prefix"),
    token("databento.key", r"db-[A-Za-z0-9]{28,32}", "db-", source="Databento docs: db- + 29", entropy=3.6, left=True, right=True, check=mixed),
    token("redirect-pizza.token", r"rpa_[a-z0-9]{30}", "rpa_", source="redirect.pizza docs: rpa_ + 30", entropy=3.2),
    token("valtown.token", r"vtwn_[A-Za-z0-9_\-]{24,40}", "vtwn_", source="Val Town docs: vtwn_ prefix", entropy=3.2),
    token("wakatime.key", r"waka_[A-Za-z0-9\-]{36,44}", "waka_", source="WakaTime docs: waka_<uuid>", entropy=2.8),
    token("segment.token", r"sgp_[A-Za-z0-9]{60,66}", "sgp_", source="Segment docs: public API tokens sgp_ + 64", entropy=3.4),
    token("tableau.pat", r"[A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32}", "==:", source="Tableau docs: <16 bytes in base64>:<32>", entropy=3.4),
    token("canva.id", r"(?i:canva)[\w.\-\"'\\ ]{0,30}[=:]\s{0,3}\\*[\"']?(OC-[A-Za-z0-9_\-]{10,14})", "canva", source="Canva docs: client ids OC-", entropy=2.8),
    context("looker.keys", "looker", r"[a-z0-9]{20,24}", source="Looker docs: ids of 20, secrets of 24", check=mixed),
    context("nytimes.keys", "nytimes new-york-times newyorktimes", r"[A-Za-z0-9=_\-]{32}", source="NYT developer docs: keys of 32", check=mixed),
    *(
        context(name, words, r"[A-Za-z0-9_\-]{16,64}", source="Vendor dashboards: opaque keys", entropy=3.2, check=mixed)
        for name, words in (("adafruit.keys", "adafruit aio_key"), ("cloudinary.secret", "cloudinary"), ("disqus.key", "disqus"), ("bitly.token", "bitly"), ("kagi.key", "kagi"), ("ovh.key", "ovh"), ("gitbook.token", "gitbook"), ("readthedocs.token", "readthedocs"))
    ),
    context("work.uuid", "scaleway sendbird squarespace polymarket poly_ yelp trello monday unity wakatime circle pinecone kucoin postmark pusher", _UUID, source="Vendor docs: UUID keys", entropy=2.5),
    context("work.opaque", "trello monday yelp unity pusher ably auth0 optimizely mixpanel keen bugzilla hootsuite webex zapier wrike todoist evernote flickr github_client spotify soundcloud vimeo youtube steam strava foursquare meetup eventbrite docusign", r"[A-Za-z0-9_\-]{32,64}", source="Vendor dashboards: opaque keys", entropy=3.3, check=mixed),
    token("polymarket.key", r"(?i:poly|private|wallet|eth)[\w]{0,24}[\s\S]{0,20}?(0x[0-9a-fA-F]{64})", "0x", anchor=r"0x[0-9a-fA-F]{64}", glance=named, source="Ethereum yellow paper: private keys are 32 bytes, 64 hex", entropy=3.0, right=True),
    context("poly.secret", "poly_ polymarket okcoin bitfinex", r"[A-Za-z0-9+/_\-]{40,66}={0,2}", source="Polymarket CLOB docs: secrets in base64", entropy=3.8),
    context("couchbase.key", "couchbase capella", r"[A-Za-z0-9+/=]{50,100}", source="Couchbase Capella docs", check=mixed),
    context("sslmate.key", "sslmate", r"[A-Za-z0-9]{36}", source="SSLMate docs: keys of 36", check=mixed),
    context("datagov.key", "data\\.gov datagov", r"[A-Za-z0-9]{40}", source="api.data.gov docs: keys of 40", check=mixed),
)  # fmt: skip
