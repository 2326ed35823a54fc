"""Identifiers that are no secrets but tell an outsider whose account or tenant this is.

They are `warn`: worth a line in the log when they leave a bottle, never a reason to stop it.
"""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import has_digit
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Check, Context, Rule, token

_AZURE_HOSTS = (
    r"(?:blob\.core|queue\.core|file\.core|table\.core|search|servicebus)\.windows\.net"
    r"|(?:openai|cognitiveservices|azconfig|vault)\.(?:azure\.com|io|azure\.net)"
)
_SAAS = (
    r"(?:cloud|gcp)\.databricks\.com|firebaseio\.com|firebaseapp\.com|azuredatabricks\.net|snowflakecomputing\.com|my\.salesforce\.com"
    r"|supabase\.co|jfrog\.io|online\.tableau\.com|okta\.com|myshopify\.com|atlassian\.net"
)


def _warn(
    rule_id: str,
    pattern: str,
    *literals: str,
    source: str,
    anchor: str = "",
    check: Check | None = None,
) -> Rule:
    return token(
        rule_id, pattern, *literals, source=source, verdict=Verdict.WARN, anchor=anchor, check=check
    )


RULES: tuple[Rule | Context, ...] = (
    _warn("id.aws-arn", r"arn:aws[\w\-]{0,12}:[\w\-]{1,30}:[\w\-]{0,20}:(?:\d{12})?:[\w$/{.*:\-]{2,120}", "arn:aws", source="AWS docs, ARN format"),
    _warn("id.aws-account", r"(?i:aws_?account_?id)\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?(\d{12})", "account", source="AWS docs: 12-digit account ids"),
    _warn("id.s3-bucket", r"[a-z0-9][a-z0-9.\-]{2,62}\.s3(?:[.\-][a-z0-9\-]{2,20})?\.amazonaws\.com", "amazonaws.com", source="Amazon S3 docs, virtual-hosted URLs", anchor=r"\.s3(?:[.\-][a-z0-9\-]{2,20})?\.amazonaws\.com"),
    _warn("id.google-client", r"\d{8,15}-[a-z0-9]{28,36}\.apps\.googleusercontent\.com", "googleusercontent", source="Google Identity docs: OAuth client ids"),
    _warn("id.gcs-bucket", r"[\w.\-]{1,62}\.storage\.googleapis\.com", "storage.googleapis.com", source="Cloud Storage docs: bucket hosts", anchor=r"[\w]\.storage\.googleapis\.com"),
    _warn("id.azure-host", rf"[a-z0-9][a-z0-9\-]{{2,62}}\.(?:{_AZURE_HOSTS})", "windows.net", "azure.com", "azconfig", "azure.net", "openai", "cognitiveservices", "vault", source="Azure docs, resource host names", anchor=rf"[a-z0-9]\.(?:{_AZURE_HOSTS})"),
    _warn("id.azure-account", r"AccountName=([a-z0-9]{3,24})", "accountname=", source="Azure Storage docs, connection strings"),
    _warn("id.azure-devops", r"dev\.azure\.com(?:\\*/)([\w\-]{2,60})", "dev.azure.com", source="Azure DevOps docs, organisation URLs"),
    _warn("id.saas-host", rf"[a-z0-9][a-z0-9.\-]{{1,62}}\.(?:{_SAAS})", "databricks", "firebase", "snowflake", "salesforce", "supabase", "jfrog", "tableau", "okta.com", "myshopify", "atlassian.net", source="Vendor docs, tenant host names", anchor=rf"[a-z0-9]\.(?:{_SAAS})"),
    _warn("id.bot", r"(?i:bot_?id|account_?id|org_?id|zone_?id|subscription_?id|project_?id|client_?id|app_?id|auth_?id|key_?id|cloud_?name|token_?name|planetscale_id)\\*[\"']?\s{0,3}[=:]\s{0,3}\\*[\"']?([\w\-]{4,60})", "bot", "account", "org", "zone", "subscription", "project", "client", "app", "auth", "key", "cloud", "token", "planetscale_id", source="OAuth 2.0 (RFC 6749) client identifiers and their like", anchor=r"(?i)(?:bot_?id|account_?id|org_?id|zone_?id|subscription_?id|project_?id|client_?id|app_?id|auth_?id|key_?id|cloud_?name|token_?name|planetscale_id)\\{0,3}[\"']?\s{0,3}[=:]\s{0,3}\\{0,3}[\"']?[\w\-]{4}", check=has_digit),
    _warn("id.wallet", r"(?i:address|wallet)\w{0,10}\\*[\"']?[\s:=?>,]{1,8}\\*[\"'\x60]?(0x[0-9a-fA-F]{40})", "address", "wallet", source="Ethereum yellow paper: 20-byte addresses"),
)  # fmt: skip
