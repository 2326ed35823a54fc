"""Monitoring, infrastructure tooling and secret stores."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import has_digit, jwt, mixed, mixed_case
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Context, Rule, context, token
from botbottle.dlp.wordlike import wordlike

_UUID = r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_VAULT = "HashiCorp Vault docs: hvs. service, hvb. batch, hvr. recovery; s. b. r. before 1.10"
# Elsewhere than with Vault this is the name of a resource.
_SECRET_ID = rf"(?i:secret[_-]?id)[\s\\\"'\x60=:>,(]{{1,12}}({_UUID})"


def opaque(value: bytes) -> bool:
    """Both cases and digits, and no attribute of a variable ``s`` or ``b``."""
    return mixed_case(value) and not wordlike(value[2:])


RULES: tuple[Rule | Context, ...] = (
    token("sentry.token", r"sntry[aius]_[A-Za-z0-9+/=_]{60,300}", "sntry", source="Sentry docs: sntrys_<base64 JSON>_<43>; sntryu_, sntrya_ and sntryi_ + 64 hex", entropy=3.2),
    token("sentry.dsn", r"https?:(?:\\*/){2}([0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.\-]{1,80}(?:\\*/)\d{1,20}", "@", source="Sentry docs, DSN: https://<public key>@<host>/<project>"),
    context("sentry.context", "sentry", r"[0-9a-f]{64}", source="Sentry docs: older tokens of 64 hex"),
    context("datadog.keys", "datadog dd[_-]api dd[_-]app", r"[A-Za-z0-9]{40}|[A-Za-z0-9]{32}", source="Datadog docs: API keys of 32 hex, application keys of 40", check=mixed),
    token("datadog.prefixed", r"ddapp_[A-Za-z0-9]{34}|ddp(?:at|ub)_[A-Za-z0-9]{32,40}", "ddapp_", "ddp", source="Datadog docs 2025: ddapp_ keys", entropy=3.2),
    token("newrelic.key", r"NR(?:AK|II|IQ|JS|AA|RA|BR)-[A-Za-z0-9_\-]{19,42}", "nrak-", "nrii-", "nriq-", "nrjs-", "nraa-", "nrra-", "nrbr-", source="New Relic docs: NRAK- user keys, NRII- insert keys, NRJS- browser keys", entropy=2.6, check=mixed),
    token("newrelic.licence", r"(?:eu01xx[0-9a-f]{30}|[0-9a-f]{32,36})(?:FFFF)?NRAL", "nral", source="New Relic docs: licence keys of 40 end in NRAL, those of the EU begin eu01xx", entropy=2.5),
    token("newrelic.mobile", r"(?:AA|eu01xx)[0-9a-f]{34,40}-NRMA", "-nrma", source="New Relic docs: mobile application tokens end in -NRMA", entropy=2.5),
    context("newrelic.context", "new[_-]?relic", r"[a-z0-9]{64}", source="New Relic docs: user key ids of 64", check=mixed),
    token("grafana.token", r"gl(?:c|sa)_[A-Za-z0-9+/_]{32,400}={0,2}", "glc_", "glsa_", source="Grafana docs: glc_ cloud and glsa_<32>_<8> service account tokens", entropy=3.0, check=mixed),
    token("grafana.api-key", r"eyJrIjoi[A-Za-z0-9+/]{50,400}={0,3}", "eyjrijoi", source='Grafana docs: base64 of {"k":"'),
    context("pagerduty.key", "pagerduty pager_duty pd[_-]key pd[_-]api pd[_-]token", r"[A-Za-z0-9+_\-]{20}|[0-9a-f]{32}", source="PagerDuty docs: API keys of 20, routing keys of 32", entropy=3.0, check=mixed),
    token("pagerduty.prefixed", r"(?:pdus|pdeu)\+_[\w\-]{20,60}", "pdus+_", "pdeu+_", source="PagerDuty docs: pdus+_ OAuth tokens"),
    token("honeycomb.key", r"hc[abx][a-z]{2}_[A-Za-z0-9]{58}", "hc", source="Honeycomb docs: hcaik_ and hcxik_ + 58", entropy=3.4),
    context("honeycomb.context", "honeycomb rollbar bugsnag airbrake logdna loggly", r"[A-Za-z0-9]{20,40}", source="Vendor docs: keys of 20-40", check=mixed),
    context("sumologic.keys", "sumo", r"su[A-Za-z0-9]{12}|[A-Za-z0-9]{64}", source="Sumo Logic docs: access ids su + 12, keys of 64", entropy=2.6, check=mixed),
    token("vault.token", r"hv[sbr]\.[\w\-.]{24,400}", "hvs.", "hvb.", "hvr.", source=_VAULT, entropy=3.0),
    context("vault.context", "vault hashicorp x-vault root[_.-]token", r"[sbr]\.[A-Za-z0-9_\-]{24,160}", source=_VAULT, entropy=3.2, check=mixed),
    context("vault.approle", "vault approle", _UUID, source="Vault docs, AppRole: role_id and secret_id are UUIDs", entropy=2.5),
    token("vault.approle-login", r"(?i:vault|approle)[\s\S]{0,300}?" + _SECRET_ID, "secret", anchor=_SECRET_ID, source="As above, beside the name", entropy=2.5, right=True),
    token("vault.argument", r"(?i:vault[\w\-]{0,20})\s{1,3}([sbr]\.[A-Za-z0-9_\-]{24,160})", "vault", source=_VAULT, entropy=3.2, check=mixed),
    token("vault.legacy", r"s\.[A-Za-z0-9]{24}|b\.[A-Za-z0-9_\-]{90,180}", "s.", "b.", anchor=r"[\s\"'\x60=:\\(>,\[{;|&]s\.[A-Za-z0-9]{24}", also=(r"[^A-Za-z0-9_.]b\.[A-Za-z0-9_\-]{90}",), source=_VAULT, entropy=3.6, left=True, right=True, check=opaque),
    token("vault.unseal", r"(?i:(?:unseal|recovery) key\s{0,2}\d{0,2}:|operator unseal)\s{0,2}([A-Za-z0-9+/]{43,44}=?)", "unseal key", "recovery key", "operator unseal", source="Vault docs, operator init and operator unseal: <33 bytes in base64>", entropy=3.8),
    token("terraform.token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=\-]{60,70}", ".atlasv1.", source="HCP Terraform docs: <14>.atlasv1.<67>"),
    token("terraform.password", r"(?i:(?:administrator_login_)?password)\s{1,20}=\s{0,4}\\*\"([A-Za-z0-9=_\-]{8,20})\\*\"", "password", source="Terraform configuration: password attributes", entropy=2.4, verdict=Verdict.SUPERVISE, check=has_digit),
    token("doppler.token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{2,35}\.)?[A-Za-z0-9]{40,46}", "dp.", source="Doppler docs: dp.pt., dp.st.<config>. + 40-44", left=True),
    token("onepassword.service", r"ops_eyJ[A-Za-z0-9+/_\-]{80,1000}={0,3}", "ops_eyj", source="1Password docs: service account tokens ops_ + base64 JSON"),
    token("onepassword.secret-key", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}", "a3-", source="1Password docs, Secret Key: A3-XXXXXX-XXXXXX-XXXXX-XXXXX-XXXXX-XXXXX", entropy=3.0, left=True),
    token("jenkins.secret", r"\{(AQAAABAAAAA[A-Za-z0-9+/]{21,800}={0,2})\}", "{aqaaabaaaaa", source="Jenkins, hudson.util.Secret: {Base64 of 1, the sizes of IV and data, both}", verdict=Verdict.SUPERVISE),
    token("infracost.key", r"ico-[A-Za-z0-9]{32}", "ico-", source="Infracost docs: ico- + 32", entropy=3.4, left=True, right=True),
    token("pulumi.token", r"pul-[0-9a-f]{40}", "pul-", source="Pulumi docs: pul- + 40 hex", entropy=2.8),
    token("confluent.key", r"cflt[A-Za-z0-9+/]{60}", "cflt", source="Confluent docs 2024: cflt prefix", entropy=3.6, left=True, apart=True),
    context("confluent.context", "confluent", r"[A-Za-z0-9+/]{64}|[A-Za-z0-9]{16}", source="Confluent docs: keys of 16, secrets of 64", check=mixed),
    token("snowflake.pat", r"(?i:snowflake)[\s\S]{0,40}?[=:]\s{0,3}\\*[\"']?([A-Za-z0-9_\-]{120,400})", "snowflake", source="Snowflake docs: programmatic access tokens", entropy=4.5),
    token("launchdarkly.key", r"(?:sdk|mob|api)-" + _UUID, "sdk-", "mob-", "api-", source="LaunchDarkly docs: sdk-<uuid>, mob-<uuid>, api-<uuid>", left=True),
    context("launchdarkly.context", "launchdarkly configcat amplitude jumpcloud fullstory segment[_-]", r"[A-Za-z0-9=_\-./]{32,60}", source="Vendor docs: opaque keys", entropy=3.2, check=mixed),
    token("posthog.key", r"ph[cxas]_[A-Za-z0-9_\-]{36,56}", "phc_", "phx_", "pha_", "phs_", source="PostHog docs: phc_ project and phx_ personal keys", entropy=3.2, left=True, check=mixed_case, apart=True),
    token("authress.key", r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_\-][A-Za-z0-9\-]{10,32}\.[A-Za-z0-9+/_=\-]{30,120}", ".acc", source="Authress docs: service client access keys"),
    context("okta.context", "okta ssws", r"00[\w=\-]{40}", source="Okta docs: SSWS tokens 00 + 40", entropy=3.0),
    token("clickhouse.key", r"4b1d[A-Za-z0-9]{38}", "4b1d", source="ClickHouse Cloud docs: API secrets start 4b1d", entropy=3.4, left=True, right=True, check=mixed_case),
    token("astra.token", r"AstraCS:[\w\-]{16,40}(?::[0-9a-f]{64})?[\w\-]{0,60}", "astracs:", source="DataStax docs: AstraCS:<client>:<64 hex>", entropy=3.0),
    token("mongodb.atlas", r"mdb_sa_(?:id_[0-9a-f]{24}|sk_[\w\-]{38,44})", "mdb_sa_", source="MongoDB Atlas docs: service accounts mdb_sa_id_, mdb_sa_sk_"),
    context("mongodb.context", "atlas[_-]?private atlas[_-]?public mongo", _UUID, source="MongoDB Atlas docs: private keys are UUIDs", entropy=2.5),
    token("workos.key", r"sk_(?:live|test)_[A-Za-z0-9+/=]{60,120}", "sk_live_", "sk_test_", source="WorkOS docs: sk_live_ + base64", entropy=3.5),
    token("unkey.key", r"unkey_[A-Za-z0-9]{20,30}", "unkey_", source="Unkey docs: unkey_ prefix", entropy=3.2),
    token("zuplo.key", r"zpka_[0-9a-f]{32}_[0-9a-f]{8}", "zpka_", source="Zuplo docs: zpka_<32 hex>_<8>"),
    token("samsara.rootly", r"(?:samsara_api_[A-Za-z0-9]{30}|rootly_[0-9a-f]{64})", "samsara_api_", "rootly_", source="Samsara and Rootly docs"),
    token("devcycle.key", r"dvc_(?:client|server|mobile)_[\w]{20,70}", "dvc_", source="DevCycle docs: dvc_server_ keys", entropy=3.0),
    token("workato.token", r"wrk[a-z]{1,3}-(eyJ[\w\-]{10,}\.eyJ[\w\-]{10,}\.[\w\-]{10,})", "wrk", source="Workato docs: wrkaus-<JWT>", check=jwt),
    context("ops.hex-or-uuid", "algolia fastly droneci maxmind openweather weatherstack polymarket poly_ plaid meraki postman", r"[A-Za-z0-9_\-]{32,66}", source="Vendor dashboards: opaque keys", entropy=3.2, check=mixed),
    token("algolia.context", r"(?i:algolia)[\w.\-\"'\\ ]{0,30}[=:]\s{0,3}\\*[\"']?([0-9a-f]{32})", "algolia", source="Algolia docs: 32 hex", entropy=2.8),
    token("elastic.key", r"essu_[\w\-+/]{40,120}={0,2}", "essu_", source="Elastic Cloud docs: essu_ keys", entropy=3.4),
    token("temporal.wireguard", r"(?i:PrivateKey|PresharedKey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{43}=)", "privatekey", "presharedkey", source="WireGuard docs: PrivateKey = base64 of 32 bytes", entropy=3.8),
)  # fmt: skip
