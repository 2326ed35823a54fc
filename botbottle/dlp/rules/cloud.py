"""Cloud platforms: AWS, Google Cloud, Azure and the smaller ones."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import has_digit, mixed, mixed_case
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.beside import PAIR, VALUE
from botbottle.dlp.rules.generic import has_value
from botbottle.dlp.rules.model import Context, Rule, context, token
from botbottle.dlp.wordlike import wordlike

_UUID = r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_AWS = "AWS IAM docs, unique identifiers: AKIA, ASIA, ABIA, ACCA + 16 base32; secret keys of 40"
_SIGNED = "Microsoft security utilities: the signature stands at a fixed place, the length is fixed"
_AZURE = "Microsoft security docs: keys carry signatures (JQQJ99 ... AZDO/ACOG, 7Q~/8Q~, +AStg)"

# As in the rule, but the names as long as they may be: to count letters costs an engine dear.
_SHARED = r"(?i:SharedAccessKey|;Secret|hub\w*Key|SharedSecret\w*)\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?[A-Za-z0-9+/]{34}"


def random24(value: bytes) -> bool:
    """A client secret, not an identifier that happens to have 24 characters."""
    return value.startswith(b"GOCSPX-") or (mixed_case(value) and not wordlike(value))


RULES: tuple[Rule | Context, ...] = (
    token("aws.access-key-id", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}", "akia", "asia", "abia", "acca", "a3t", source=_AWS, entropy=2.0, left=True, right=True),
    context("aws.secret-key", "aws s3_ secret[_-]?access[_-]?key secret[_-]?key SecretAccessKey accesskeysecret", r"[A-Za-z0-9/+]{40}", source=_AWS, entropy=3.7, check=mixed_case),
    token("aws.pair", r"(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9/+](?:.{0,80}?[^A-Za-z0-9/+])?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)", "akia", "asia", source=_AWS + "; id and secret are often neighbours", entropy=3.9, check=mixed_case),
    token("aws.secret-pair", rf"(?i:aws|s3_|secret[_\-]?access[_\-]?key)[\w.\-]{{0,24}}[^}}]{{0,60}}?(?:{'|'.join(PAIR)})([A-Za-z0-9/+]{{40}})(?:[^A-Za-z0-9/+=]|$)", "aws", "s3_", "secret", anchor=PAIR[0] + VALUE, also=tuple(one + VALUE for one in PAIR[1:]), glance=has_value, before=300, after=220, source=_AWS + "; pairs of a name and a value: manifests of Kubernetes, task definitions, CI", entropy=3.7, check=mixed_case),
    token("aws.bedrock", r"ABSK[A-Za-z0-9+/]{100,280}={0,2}", "absk", source="AWS docs, Bedrock API keys: ABSK + base64 of BedrockAPIKey-...", entropy=3.0, left=True, apart=True),
    token("aws.bedrock-short", r"bedrock-api-key-[A-Za-z0-9+/=\-]{20,1000}", "bedrock-api-key-", source="AWS docs: short-term Bedrock keys are a base64 presigned URL"),
    token("aws.mws", r"amzn\.mws\.[0-9a-z]{8}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{12}", "amzn.mws.", source="Amazon MWS docs: amzn.mws.<UUID>"),
    token("aws.appsync", r"da2-[a-z0-9]{26}", "da2-", source="AWS AppSync docs: da2- + 26", entropy=3.0, left=True, right=True),
    context("aws.session", "session[_-]?token X-Amz-Security-Token", r"(?:FwoG|IQoJ|FQoG|AQoD)[A-Za-z0-9+/=%]{80,1000}", source="AWS STS docs: session tokens start IQoJ, FwoG, FQoG or AQoD", entropy=3.5),
    token("gcp.fcm-server", r"AAAA[A-Za-z0-9_\-]{7}:[A-Za-z0-9_\-]{140}", "aaaa", source="Firebase docs: legacy Cloud Messaging server keys AAAA<7>:<140>", entropy=4.0),
    token("gcp.oauth-secret", r"GOCSPX-[\w\-]{20,32}", "gocspx-", source="Google Identity docs: GOCSPX- + 28"),
    token("gcp.refresh", r"1//0[\w\-]{40,160}", "1//0", source="Google Identity docs: refresh tokens start 1//0", entropy=3.5, left=True),
    token("gcp.access", r"ya29\.[\w\-]{30,500}", "ya29.", source="Google Identity docs: access tokens start ya29."),
    token("gcp.service-account", r"\"private_key_id\\*\"\s{0,4}:\s{0,4}\\*\"([0-9a-f]{40})", "private_key_id", source="Google Cloud docs, service account keys: private_key_id of 40 hex"),
    token("gcp.adc", r"\"refresh_token\\*\"\s{0,4}:\s{0,4}\\*\"(1//[\w\-]{6,200})", "refresh_token", source="Google Cloud docs: application default credentials", entropy=2.5),
    token("gcp.hmac-id", r"GOOG(?:1E[A-Z0-9]{55}|[A-Z0-9]{20})", "goog", source="Cloud Storage docs, HMAC keys: GOOG + 20, GOOG1E + 55", entropy=3.2, left=True, right=True, check=has_digit),
    token("gcp.client-pair", r"apps\.googleusercontent\.com(?:[^A-Za-z0-9]|\\{1,3}[nrt])(?:.{0,60}?(?:[^A-Za-z0-9_\-]|\\{1,3}[nrt]))?((?:GOCSPX-)?[A-Za-z0-9_\-]{24})(?:[^A-Za-z0-9_\-]|$)", "googleusercontent", source="Google Identity docs: client id and secret are often neighbours", entropy=3.6, check=random24),
    token("gcp.key-base64", r"QUl6YV[A-Za-z0-9+/]{46,50}", "qul6yv", source="Base64 of AIza..."),
    context("gcp.client-secret", "google clientSecret client_secret client.secret", r"[A-Za-z0-9_\-]{24}", source="Google Identity docs: older client secrets of 24", entropy=3.6, check=mixed),
    token("azure.ad-secret", r"[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}", "7q~", "8q~", "9q~", "6q~", "5q~", "4q~", "3q~", "2q~", "1q~", "0q~", source=_AZURE, entropy=3.3, left=True),
    token("azure.devops-pat", r"[A-Za-z0-9]{50,90}JQQJ\d[\dDH][A-Za-z0-9]{6,40}(?:==)?", "jqqj", source=_AZURE),
    token("azure.key-64-bytes", r"[A-Za-z0-9+/]{76}(?:\+ASt|\+ABa|ACDb|APIM)[A-Za-z0-9+/]{5}[AQgw]==", "+ast", "+aba", "acdb", "apim", anchor=r"(?:\+ASt|\+ABa|ACDb|APIM)[A-Za-z0-9+/]{5}[AQgw]==", source=_SIGNED, entropy=4.2, left=True, check=mixed_case),
    token("azure.key-32-bytes", r"[A-Za-z0-9+/]{33}(?:AIoT|AzCa|AZEG|\+ASb|\+AEh|\+ARm)[A-P][A-Za-z0-9+/]{5}=", "aiot", "azca", "azeg", "+asb", "+aeh", "+arm", anchor=r"(?:AIoT|AzCa|AZEG|\+ASb|\+AEh|\+ARm)[A-P][A-Za-z0-9+/]{5}=", source=_SIGNED, entropy=4.0, left=True, check=mixed_case),
    token("azure.key-39-bytes", r"[A-Za-z0-9+/]{42}(?:AzSe|\+ACR)[A-D][A-Za-z0-9+/]{5}", "azse", "+acr", anchor=r"(?:AzSe|\+ACR)[A-D][A-Za-z0-9+/]{5}", source=_SIGNED, entropy=4.0, left=True, right=True, check=mixed_case),
    token("azure.key-40-bytes", r"[\w\-+/]{44}AzFu[\w\-+/]{5}[AQgw]==", "azfu", source=_SIGNED, entropy=4.0, left=True, check=mixed_case),
    token("azure.key-63-bytes", r"[A-Za-z0-9]{76}(?:AZDO|ACOG)[A-Za-z0-9]{4}", "azdo", "acog", anchor=r"(?:AZDO|ACOG)[A-Za-z0-9]{4}", source=_SIGNED, entropy=4.2, left=True, right=True, check=mixed_case),
    token("azure.identifiable", r"[A-Za-z0-9+/]{40,90}(?:AZDO|ACOG|\+AStg?|\+ACR|AzCa|\+ACDb|AIoT|APIM|ACAAAA|AzFu|AzSe|ASbE?|\+ASb|\+AEh)[A-Za-z0-9+/]{4,8}={0,2}", "azdo", "acog", "+ast", "+acdb", "aiot", "apim", "acaaaa", "azfu", "azse", "azca", "+acr", "asb", "+aeh", source=_AZURE, verdict=Verdict.WARN, right=True, entropy=4.2, left=True, check=mixed_case),
    token("azure.account-key", r"(?i:AccountKey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{80,88}={0,2})", "accountkey", source="Azure Storage docs: connection strings, 64-byte key in base64"),
    token("azure.storage-key", r"(?i:key|storage|account|azure|cosmos|batch|secret)[\w.\-]{0,24}[^A-Za-z0-9+/]{1,12}(?:\\[nrt])?([A-Za-z0-9+/]{86}==)", "==", anchor=r"(?i:key|storage|account|azure|cosmos|batch|secret)[\w.\-]{0,24}[^A-Za-z0-9+/]{1,12}(?:\\[nrt])?[A-Za-z0-9+/]{86}==", source="Azure Storage docs: account keys are 64 bytes in base64", entropy=4.6, left=True, check=mixed_case),
    token("azure.shared-access", r"(?i:SharedAccessKey|;Secret|hub[\w]{0,12}Key|SharedSecret\w{0,8})\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?([A-Za-z0-9+/]{34,46}=?={0,2})", "sharedaccesskey", ";secret", "hub", "sharedsecret", anchor=_SHARED, source="Azure Service Bus and App Configuration docs: 32-byte keys in base64", entropy=3.3, check=mixed),
    token("azure.sas", r"[?&]s[a-z]{1,3}=[^\s\"']{1,400}&(?:amp;)?sig=([A-Za-z0-9%+/]{40,70}(?:%3D|=)?)", "sig=", source="Azure Storage docs: SAS tokens end in sig=", entropy=3.5),
    token("azure.function", r"(?:azurewebsites\.net|x-functions-key)[^\s\"'\\]{0,200}?(?:[?&]code=|\s{0,2}:\s{0,2})([A-Za-z0-9_\-/+]{40,60}={0,2})", "azurewebsites.net", "x-functions-key", source="Azure Functions docs: ?code=KEY or x-functions-key", entropy=3.8, check=mixed_case),
    token("azure.devops-url", r"([a-z2-7]{52}|[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})@(?:dev\.azure\.com|[\w\-]{1,60}\.visualstudio\.com)", "azure.com", "visualstudio.com", source="Azure DevOps docs: a PAT as the user of a git URL", entropy=3.4),
    context("azure.devops-context", "azure devops ado[_-]", r"[a-z2-7]{52}", source=_AZURE, entropy=3.4, check=mixed),
    token("azure.devops-old", r"(?i:token|pat|azure|devops)\w{0,12}\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?([a-z0-9]{52})", "token", "pat", "azure", "devops", anchor=r"(?i:token|azure|devops)\w{0,12}\\{0,3}[\"']?\s{0,3}[=:]\s{0,3}\\{0,3}[\"']?[a-z0-9]{52}", also=(r"(?i:pat)(?:_\w{0,11})?\\{0,3}[\"']?\s{0,3}[=:]\s{0,3}\\{0,3}[\"']?[a-z0-9]{52}",), source="Azure DevOps docs: older PATs are 52 base32 characters", entropy=3.6, left=True, right=True),
    context("azure.openai", "azure[_-]?openai subscription[_-]?key ocp-apim azure cognitive", r"[0-9a-f]{32}", source="Azure AI services docs: keys of 32 hex", entropy=2.8),
    context("azure.tenant", "azure[_-]?client azure[_-]?tenant tenant[_-]?id", _UUID, source="Microsoft Entra docs: ids are UUIDs", entropy=2.5),
    context("digitalocean.context", "digital[_-]?ocean do[_-]token do[_-]api", r"[A-Za-z0-9_\-]{64}", source="DigitalOcean docs: tokens before 2022 are 64 hex", check=mixed),
    token("digitalocean.spaces", r"DO00[A-Z0-9]{16}", "do00", source="DigitalOcean docs: Spaces access keys DO00 + 16", entropy=2.8, left=True, right=True, check=mixed),
    token("digitalocean.token", r"do[opr]_v1_[0-9a-f]{64}", "doo_v1_", "dop_v1_", "dor_v1_", source="DigitalOcean docs: dop_v1_, doo_v1_, dor_v1_ + 64 hex"),
    token("heroku.key-v2", r"HRKU-(?:[\w\-]{58,62}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", "hrku-", source="Heroku changelog 2023: HRKU- prefix", entropy=3.0),
    context("heroku.key", "heroku", _UUID, source="Heroku docs: API keys are UUIDs", entropy=2.5),
    token("fly.token", r"(?:fo1_[\w\-]{43}|fm[12][ar]?_[A-Za-z0-9+/,=]{40,800}|FlyV1\s{1,2}[\w\-+/=,]{40,800})", "fo1_", "fm1", "fm2", "flyv1", source="Fly.io docs: macaroons FlyV1 fm1r_/fm2_, access tokens fo1_", entropy=3.0),
    context("flyio.context", "fly", r"[A-Za-z0-9_\-]{43}", source="Fly.io docs: opaque access tokens", entropy=3.8, check=mixed_case),
    token("cloudflare.token", r"cf(?:at|ut|k)_[A-Za-z0-9_\-]{40,60}", "cfat_", "cfut_", "cfk_", source="Cloudflare blog 2025: cfat_, cfut_, cfk_ tokens", entropy=3.4),
    token("cloudflare.tunnel", r"eyJhIjoi[A-Za-z0-9+/]{90,400}={0,2}", "eyjhijoi", source='Cloudflare docs, tunnel tokens: Base64 of {"a":"<account>"'),
    token("cloudflare.origin-ca", r"v1\.0-[0-9a-f]{24,64}-[0-9a-f]{100,200}", "v1.0-", source="Cloudflare docs: Origin CA keys v1.0-<24>-<146 hex>"),
    context("cloudflare.key", "cloudflare cf[_-]?api x-auth-key", r"[A-Za-z0-9_\-]{40}|[0-9a-f]{37}", source="Cloudflare docs: tokens of 40 characters, global keys of 37 hex", check=mixed),
    context("netlify.token", "netlify", r"(?:nf[pcou]_)?[A-Za-z0-9=_\-]{40,46}", source="Netlify docs: personal access tokens", check=mixed),
    token("netlify.prefixed", r"nf[pcoub]_[A-Za-z0-9]{36,44}", "nfp_", "nfc_", "nfo_", "nfu_", "nfb_", source="Netlify docs 2023: nfp_ prefix", entropy=3.4, left=True),
    token("vercel.blob", r"vercel_blob_rw_[A-Za-z0-9]{10,24}_[A-Za-z0-9]{24,40}", "vercel_blob_rw_", source="Vercel docs: BLOB_READ_WRITE_TOKEN", entropy=3.2),
    context("vercel.token", "vercel", r"[A-Za-z0-9]{24}", source="Vercel docs: older tokens of 24", entropy=3.4, check=mixed),
    token("supabase.token", r"sb(?:p_(?:v0_)?[0-9a-z]{40}|_(?:secret|publishable)_[\w\-]{20,40})", "sbp_", "sb_secret_", "sb_publishable_", source="Supabase docs: sbp_ and sb_secret_ keys", entropy=3.0),
    token("neon.key", r"napi_[a-z0-9]{60,70}", "napi_", source="Neon docs: napi_ prefix", entropy=3.0),
    token("render.key", r"rnd_[A-Za-z0-9]{28,34}", "rnd_", source="Render docs: rnd_ prefix", entropy=3.4, check=mixed),
    token("deno.token", r"(?:ddp|ddo|ddw)_[A-Za-z0-9]{36}", "ddp_", "ddo_", "ddw_", source="Deno Deploy docs: ddp_ + 36", entropy=3.2, right=True),
    token("planetscale.token", r"pscale_(?:tkn|oauth|pw)_[\w=\-.]{32,64}", "pscale_", source="PlanetScale docs: pscale_ prefixes"),
    token("databricks.token", r"dapi[0-9a-h]{32}(?:-\d)?", "dapi", source="Databricks docs: dapi + 32 hex", entropy=3.0, left=True),
    token("databricks.oauth", r"(?:dose|dkea)[0-9a-f]{32,40}", "dose", "dkea", source="Databricks docs: service principal secrets dose, tokens dkea + 32 hex", entropy=3.0, left=True, right=True),
    context("databricks.context", "databricks", r"[A-Za-z0-9]{32,64}", source="Databricks docs: tokens and client secrets", check=mixed),
    token("dynatrace.token", r"dt0[a-z]\d{2}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{60,66}", "dt0", source="Dynatrace docs: dt0c01.<24>.<64>"),
    token("alibaba.id", r"(?:LTAI[A-Za-z0-9]{16,22}|STS\.[A-Za-z0-9]{18,30})", "ltai", "sts.", source="Alibaba Cloud docs: LTAI + 16-20, STS. ids", entropy=3.2, left=True, right=True, check=mixed),
    context("alibaba.secret", "alibaba aliyun access[_-]?key[_-]?secret", r"[A-Za-z0-9]{30,44}", source="Alibaba Cloud docs: secrets of 30, STS of 44", check=mixed),
    token("alibaba.sts-token", r"CAIS[A-Za-z0-9+/]{36,1000}={0,2}", "cais", source="Alibaba Cloud STS docs: security tokens start CAIS", entropy=4.0, left=True, check=mixed_case),
    token("yandex.key", r"AQVN[A-Za-z0-9_\-]{35,38}", "aqvn", source="Yandex Cloud docs: API keys start AQVN", left=True),
    token("yandex.aws", r"YC[A-Za-z0-9_\-]{38}", "yc", source="Yandex Cloud docs: static keys start YC", entropy=3.6, left=True, right=True, check=mixed_case, apart=True),
    token("yandex.iam", r"t1\.[A-Z0-9a-z_\-]+[=]{0,2}\.[A-Z0-9a-z_\-]{80,90}[=]{0,2}", "t1.", source="Yandex Cloud docs: IAM tokens t1.", left=True),
    token("exoscale.key", r"EXO[0-9a-f]{24}", "exo", source="Exoscale docs: EXO + 24 hex", left=True, right=True, entropy=2.8),
    context("exoscale.secret", "exoscale", r"[A-Za-z0-9_\-]{40,44}", source="Exoscale docs: secrets of 43", check=mixed_case),
    token("scalingo.token", r"tk-us-[\w\-]{48}", "tk-us-", source="Scalingo docs: tk-us- + 48"),
    context("ibm.key", "ibm bluemix", r"[A-Za-z0-9_\-]{44}", source="IBM Cloud docs: API keys of 44", check=mixed_case),
    context("cloud.hex-or-uuid", "scaleway ovh linode vultr hetzner civo upcloud tencent aiven confluent", r"[A-Za-z0-9+/=_\-]{32,100}", source="Vendor dashboards: opaque values of 32 or more", entropy=3.2, check=mixed),
    token("tencent.id", r"AKID[A-Za-z0-9]{32}", "akid", source="Tencent Cloud docs: AKID + 32", entropy=3.4, left=True, right=True),
    token("aiven.token", r"(?i:aiven)[\w]{0,20}\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?([A-Za-z0-9+/]{200,400}={0,2})", "aiven", source="Aiven docs: tokens of 256 bytes in base64", entropy=3.8),
    token("upcloud.token", r"ucat_[A-Z0-9]{26}", "ucat_", source="UpCloud docs: ucat_ + ULID"),
    token("cockroach.key", r"CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "ccdb1_", source="CockroachDB Cloud docs: CCDB1_<22>_<40>"),
    token("openshift.token", r"sha256~[\w\-]{43}", "sha256~", source="OpenShift docs: sha256~ + 43", entropy=3.4, check=has_digit),
    token("tailscale.key", r"tskey-[a-z]{2,8}-[A-Za-z0-9]{10,18}-[A-Za-z0-9]{20,40}", "tskey-", source="Tailscale docs: tskey-api-<id>-<secret>"),
    token("telegraf.influx", r"(?i:influx)[\s\S]{0,60}?[=:]\s{0,3}\\*[\"']?([A-Za-z0-9_\-]{86}==)", "influx", source="InfluxDB docs: tokens of 64 bytes in base64url", entropy=3.8),
)  # fmt: skip
