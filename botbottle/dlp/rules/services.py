"""Services and programs whose tokens say what they are: a prefix of four characters or more."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import mixed, mixed_case
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Context, Rule, token
from botbottle.dlp.wordlike import wordlike

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_B58 = r"[1-9A-HJ-NP-Za-km-z]"
_PHRASE = r"(?i:(?:seed|recovery|mnemonic|secret)[ _\-]?(?:phrase|words)|mnemonic)\\*[\"']?\s{0,2}[:=]\s{0,2}\\*[\"']?"


def opaque(value: bytes) -> bool:
    """Random letters of both cases and digits, not the name of something."""
    return mixed_case(value) and not wordlike(value.partition(b"-")[2])


def words(value: bytes) -> bool:
    """Hardly any of them twice; behind the phrase a text may go on."""
    found = value.split()[:12]
    return len(set(found)) >= 8


RULES: tuple[Rule | Context, ...] = (
    token("postman.collection", r"PMAT-[0-9A-Z]{26}", "pmat-", source="Postman docs: collection access keys PMAT- + ULID", check=mixed),
    token("posthog.refresh", r"phr_[A-Za-z0-9]{40,56}", "phr_", source="PostHog docs: phr_ OAuth refresh tokens", entropy=3.4, left=True, check=mixed_case),
    token("langfuse.key", r"sk-lf-" + _UUID, "sk-lf-", source="Langfuse docs: sk-lf-<uuid>"),
    token("llamacloud.key", r"llx-[A-Za-z0-9]{40,60}", "llx-", source="LlamaCloud docs: llx- keys", entropy=3.6, left=True, check=mixed_case),
    token("firecrawl.key", r"fc-[0-9a-f]{32}", "fc-", source="Firecrawl docs: fc- + 32 hex", entropy=2.8, left=True, right=True),
    token("jina.key", r"jina_[A-Za-z0-9_\-]{50,64}", "jina_", source="Jina docs: jina_ keys", entropy=3.4, left=True, check=mixed_case),
    token("friendli.token", r"flp_[A-Za-z0-9]{44,50}", "flp_", source="Friendli docs: flp_ tokens", entropy=3.6, left=True, check=mixed_case),
    token("e2b.key", r"e2b_[0-9a-f]{40}", "e2b_", source="E2B docs: e2b_ + 40 hex", entropy=2.8, left=True),
    token("sourcegraph.cody", r"slk_[0-9a-f]{64}", "slk_", source="Sourcegraph docs: slk_ + 64 hex", entropy=2.8, left=True),
    token("coderabbit.key", r"cr-[0-9a-f]{58}", "cr-", source="CodeRabbit docs: cr- + 58 hex", entropy=2.8, left=True, right=True),
    token("live.token", r"live_(?:\d{6,12}_[A-Za-z0-9]{30}|[A-Za-z0-9_\-]{40})", "live_", source="Twitch docs: stream keys live_<id>_<30>; GoCardless docs: live_ + 40", entropy=3.4, left=True, right=True, check=mixed_case),
    token("razorpay.key", r"rzp_(?:live|test)_[A-Za-z0-9]{14,24}", "rzp_", source="Razorpay docs: rzp_live_ and rzp_test_ key ids, which pages show", entropy=2.8, left=True, verdict=Verdict.WARN),
    token("branch.key", r"key_live_[A-Za-z0-9]{32}", "key_live_", source="Branch docs: key_live_ + 32", entropy=3.2, check=mixed),
    token("coinbase.cdp", r"organizations/" + _UUID + r"/apiKeys/" + _UUID, "/apikeys/", source="Coinbase Developer Platform docs: names of API keys", verdict=Verdict.SUPERVISE),
    token("akamai.edgegrid", r"akab-[a-z0-9]{16}-[a-z0-9]{16}", "akab-", source="Akamai EdgeGrid docs: akab-<16>-<16>", entropy=3.0, check=mixed),
    token("dependencytrack.key", r"odt_[A-Za-z0-9]{32}", "odt_", source="Dependency-Track docs: odt_ + 32", entropy=3.4, left=True, right=True, check=mixed_case),
    token("kubernetes.bootstrap", r"(?i:bootstrap[_\- ]?token|join[_\- ]token|kubeadm[^\n]{1,80}?--token)[\s\"'=:\\]{1,5}([a-z0-9]{6}\.[a-z0-9]{16})", "token", anchor=r"(?i)token[\s\"'=:\\]{1,5}[a-z0-9]{6}\.[a-z0-9]{16}", before=200, source="Kubernetes docs, bootstrap tokens: [a-z0-9]{6}.[a-z0-9]{16}", entropy=3.0, right=True, check=mixed),
    token("riot.key", r"RGAPI-" + _UUID, "rgapi-", source="Riot developer docs: RGAPI-<uuid>"),
    token("adafruit.key", r"aio_[A-Za-z0-9]{28}", "aio_", source="Adafruit IO docs: aio_ + 28", entropy=3.4, left=True, right=True, check=mixed_case),
    token("instagram.token", r"IGQ[VW][A-Za-z0-9_\-]{80,260}", "igqv", "igqw", source="Instagram Graph API docs: long-lived tokens begin IGQ", entropy=3.6, left=True, apart=True, check=mixed_case),
    token("teams.connector", r"(?:outlook\.office(?:365)?\.com/webhook|webhook\.office\.com/webhookb2)/(" + _UUID + "@" + _UUID + r"/IncomingWebhook/[0-9a-zA-Z]{32}/[\w\-]{36,60})", "/incomingwebhook/", source="Microsoft Teams docs: incoming webhooks"),
    token("zapier.webhook", r"hooks\.zapier\.com/hooks/catch/(\d{4,12}/[A-Za-z0-9]{5,20})", "hooks.zapier.com", source="Zapier docs: webhooks by Zapier", verdict=Verdict.SUPERVISE),
    token("alchemy.url", r"\.g\.alchemy\.com/v2/([\w\-]{32})", "g.alchemy.com", source="Alchemy docs: the key is the path", entropy=3.2, right=True, check=mixed),
    token("infura.url", r"\.infura\.io/(?:ws/)?v3/([0-9a-f]{32})", "infura.io", source="Infura docs: the key is the path", entropy=2.8, right=True),
    token("ngrok.authtoken", r"(?i:auth_?token)[\s\"'=:\\]{1,6}([0-9][A-Za-z0-9]{24,30}_[A-Za-z0-9]{18,24})", "authtoken", "auth_token", source="ngrok docs: authtokens", entropy=3.6, right=True, check=mixed_case),
    token("turnstile.secret", r"0x4AAAAAA[\w\-]{25,32}", "0x4aaaaaa", source="Cloudflare Turnstile docs: secret keys begin 0x4AAAA", left=True, check=mixed_case),
    token("cloudinary.url", r"cloudinary:(?:\\*/){2}\d{6,20}:([\w\-]{20,40})@[\w\-]", "cloudinary:", source="Cloudinary docs: CLOUDINARY_URL", entropy=3.0),
    token("trello.token", r"ATTA[0-9a-f]{64}[0-9A-F]{8}", "atta", source="Atlassian docs: Trello tokens ATTA + 72", entropy=2.8, left=True),
    token("xata.key", r"xau_[A-Za-z0-9]{32,44}", "xau_", source="Xata docs: xau_ keys", entropy=3.4, left=True, right=True, check=mixed_case),
    token("inngest.key", r"signkey-(?:prod|test|branch)-[0-9a-f]{32,64}", "signkey-", source="Inngest docs: signing keys", entropy=2.8),
    token("trigger.key", r"tr_(?:prod|dev|stg|preview)_[A-Za-z0-9]{18,24}", "tr_prod_", "tr_dev_", "tr_stg_", "tr_preview_", source="Trigger.dev docs: tr_<environment>_ keys", entropy=3.2, left=True, check=mixed_case),
    token("statsig.secret", r"secret-[A-Za-z0-9]{40,50}", "secret-", source="Statsig docs: server secret keys", entropy=3.8, left=True, right=True, check=opaque),
    token("axiom.token", r"xa[ap]t-" + _UUID, "xaat-", "xapt-", source="Axiom docs: xaat-<uuid>, xapt-<uuid>"),
    token("splunk.hec", r"(?i:splunk)\s{1,2}(" + _UUID + ")", "splunk", source="Splunk docs, HTTP Event Collector: Authorization: Splunk <uuid>"),
    token("salesforce.refresh", r"5Aep861[\w.=\-]{60,200}", "5aep861", source="Salesforce docs: refresh tokens begin 5Aep861", left=True),
    token("brevo.smtp", r"xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}", "xsmtpsib-", source="Brevo docs: SMTP keys xsmtpsib-<64>-<16>"),
    token("amazon.oauth", r"amzn1\.oa2-cs\.v1\.[0-9a-f]{64}", "amzn1.oa2-cs", source="Login with Amazon docs: client secrets amzn1.oa2-cs.v1."),
    token("entra.refresh", r"[01]\.A[A-Za-z0-9_\-]{20,100}\.AgABA[\w\-]{60,800}", ".agaba", source="Microsoft identity platform: refresh tokens of MSAL", entropy=4.0, left=True),
    token("copilot.token", r"tid=[0-9a-f]{32};exp=\d{10};[^\s\"'\\]{10,600}:[0-9a-f]{64}", ";exp=", source="GitHub Copilot clients: tid=...;exp=...;...:<signature>", entropy=3.4, after=800),
    token("jetbrains.token", r"perm[:\-][A-Za-z0-9+/=]{3,60}\.[A-Za-z0-9+/=\-]{3,20}\.[A-Za-z0-9]{26,40}", "perm:", "perm-", source="JetBrains docs: permanent tokens perm:<user>.<name>.<secret>", entropy=3.4, left=True, check=mixed_case),
    token("nexus.nuget", r"NuGetApiKey\.(" + _UUID + ")", "nugetapikey.", source="Sonatype Nexus docs: NuGet API keys"),
    token("packagist.token", r"packagist_[a-z]{2,4}_[0-9a-f]{60,80}", "packagist_", source="Packagist docs: packagist_ tokens"),
    token("jsr.token", r"jsrp_[A-Za-z0-9]{30,40}", "jsrp_", source="JSR docs: jsrp_ personal tokens", entropy=3.4, left=True),
    token("kaggle.token", r"KGAT_[0-9a-f]{32}", "kgat_", source="Kaggle docs: KGAT_ + 32 hex"),
    token("totp.uri", r"otpauth:(?:\\*/){2}(?:totp|hotp)/[^\s\"'<]{0,200}?secret=([A-Z2-7]{16,64})", "otpauth:", source="Key URI format of authenticator programs: otpauth://totp/...?secret=", entropy=2.6, after=300),
    token("bip32.xprv", r"[xyz]prv" + _B58 + r"{107}", "xprv", "yprv", "zprv", source="BIP 32: extended private keys in Base58Check", entropy=4.0, left=True),
    token("bip39.phrase", _PHRASE + r"((?:[a-z]{3,8} ){11,23}[a-z]{3,8})", "phrase", "words", "mnemonic", anchor=_PHRASE + r"(?:[a-z]{3,8} ){11}", source="BIP 39: twelve to twenty-four words", after=300, check=words, verdict=Verdict.SUPERVISE),
    token("openvpn.static-key", r"-----BEGIN OpenVPN Static key V1-----[\s\\nr]{1,8}([0-9a-f]{32}(?:[\s\\nr]{1,8}[0-9a-f]{32}){0,15})", "openvpn static key", source="OpenVPN manual: --secret, static keys", after=800),
    token("hash.password", r"\$(?:2[aby]\$\d\d\$[./A-Za-z0-9]{53}|[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86})", "$2a$", "$2b$", "$2y$", "$5$", "$6$", source="crypt(5): bcrypt, sha256crypt, sha512crypt", verdict=Verdict.WARN),
)  # fmt: skip
