"""Messaging, mail and telephony."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import b64_lenient, mixed, mixed_case
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Context, Rule, context, token

_SLACK = "Slack docs, token types: xoxb- xoxp- xoxa- xoxr- xoxs- xoxc- xoxd- xapp- xoxe(.xox[bp])-"
# Digits are 0x30 to 0x39, so every group of Base64 of a decimal number starts with M, N or O.
_DISCORD = "Discord docs: bot tokens are base64(user id).timestamp.hmac"
# An expression for each pair of letters that it begins with: one for all of them has no literal, which
# takes the pass for rules 0.1 ms/MB.
_DISCORD_ID = tuple(
    f"{first}{second}" + r"[AEIMQUYcgk][wxyz0-5](?:[MNO][A-Za-z0-9]{3}){4}[A-Za-z0-9]{2}[A-Za-z0-9_\-]{0,6}\."
    for first in "MNO" for second in "DTjz"
)  # fmt: skip
_HOOK = r"(?:\\*/)"


def lettered(value: bytes) -> bool:
    """Not the decimal number of a workflow, which stands in front of its secret."""
    return not value.isdigit()


def account_or_key(value: bytes) -> Verdict:
    """An account's SID only says whose account it is; it stands in every URL of the API."""
    return Verdict.WARN if value.startswith(b"AC") else Verdict.TOKEN


def discord_shape(value: bytes) -> bool:
    """True when the first segment holds a decimal user id (mostly), as Discord's tokens do."""
    first = b64_lenient(value.split(b".", 1)[0])
    digits = sum(48 <= c <= 57 for c in first)
    return digits * 2 >= len(first) > 0 or mixed_case(value)


def telegram_shape(value: bytes) -> bool:
    """A token behind the id, not the rest of an ARN or a UUID."""
    _, _, rest = value.partition(b":")
    return rest.startswith(b"AA") or (mixed_case(rest) and rest.count(b"-") < 3)


RULES: tuple[Rule | Context, ...] = (
    token("slack.token", r"xox[abposr]-(?:\d-)?[A-Za-z0-9]{2,20}-[A-Za-z0-9\-]{4,180}", "xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", source=_SLACK, entropy=2.2, check=mixed),
    token("slack.config", r"xoxe(?:\.xox[bp])?-(?:\d-)?[A-Za-z0-9][A-Za-z0-9\-]{20,220}", "xoxe", source=_SLACK, entropy=3.0, check=mixed),
    token("slack.short", r"xox[abposr]-[A-Za-z0-9\-]{10,180}", "xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", source=_SLACK, entropy=3.0, check=mixed),
    token("slack.session", r"xox(?:c-(?:\d{8,16}-){2,3}[0-9a-f]{64}|d-[A-Za-z0-9%+/\\=_\-]{60,400})", "xoxc-", "xoxd-", source=_SLACK, entropy=3.0),
    token("slack.app", r"xapp-(?:\d-)?[A-Za-z0-9]{6,20}-[A-Za-z0-9/\-]{10,120}", "xapp-", source=_SLACK, entropy=3.0),
    token("slack.webhook", r"hooks\.slack(?:-gov)?\.com" + _HOOK + r"(?:services|workflows|triggers|webhooks)" + _HOOK + r"[A-Za-z0-9]{6,14}" + _HOOK + r"(?:[A-Za-z0-9]{6,20}" + _HOOK + r"){1,2}([A-Za-z0-9]{16,40})", "hooks.slack", source="Slack docs, incoming webhooks: /services/T.../B.../<24>, workflows: a tail of 16", check=lettered),
    token("discord.token", r"[MNO][DTjz][AEIMQUYcgk][wxyz0-5][A-Za-z0-9_\-]{18,24}\.[A-Za-z0-9_\-]{6,7}\.[A-Za-z0-9_\-]{27,40}", ".", anchor=_DISCORD_ID[0], also=_DISCORD_ID[1:], source=_DISCORD, entropy=3.6, right=True, check=discord_shape),
    token("discord.mfa", r"mfa\.[\w\-]{80,90}", "mfa.", source="Discord docs: tokens of accounts with two factors start mfa.", entropy=4.0, left=True),
    token("discord.webhook", r"discord(?:app)?\.com" + _HOOK + r"api" + _HOOK + r"(?:v\d{1,2}" + _HOOK + r")?webhooks" + _HOOK + r"\d{17,20}" + _HOOK + r"([A-Za-z0-9_\-]{60,72})", "webhooks", source="Discord docs, webhooks: /webhooks/<id>/<68>"),
    context("discord.context", "discord", r"[A-Za-z0-9_\-]{24,28}\.[A-Za-z0-9_\-]{6,7}\.[A-Za-z0-9_\-]{27,40}|[0-9a-f]{64}|[A-Za-z0-9=_\-]{32}|\d{17,20}", source="Discord docs: public keys of 64 hex, client secrets of 32, ids are snowflakes", entropy=2.2),
    token("telegram.bot", r"\d{5,16}:[A-Za-z0-9_\-]{34,36}", ":", source="Telegram Bot API: <bot id>:<35 characters>", entropy=4.0, left=True, right=True, check=telegram_shape),
    token("telegram.url", r"(?:bot|tgram:(?:\\*/){2})(\d{5,16}:[A-Za-z0-9_\-]{30,36})", "bot", "tgram", source="Telegram Bot API: /bot<token>/method", entropy=3.2),
    context("telegram.context", "telegram tele[_-]?bot", r"\d{5,16}:[A-Za-z0-9_\-]{34,36}", source="Telegram Bot API", entropy=2.8),
    token("teams.webhook", r"[\w\-]{1,60}\.webhook\.office\.com" + _HOOK + r"webhookb2" + _HOOK + r"([\w\-@]{60,80}" + _HOOK + r"IncomingWebhook" + _HOOK + r"[\w]{20,40}" + _HOOK + r"[\w\-]{30,40})", "webhook.office.com", source="Microsoft Teams docs, incoming webhooks"),
    token("twilio.sid", r"(?:SK|AC)(?:[0-9a-f]{32}|[0-9A-F]{32}|x{32})", "sk", "ac", source="Twilio docs: API key SIDs SK + 32 hex, account SIDs AC + 32 hex", entropy=2.5, left=True, right=True, check=account_or_key),
    context("twilio.context", "twilio", r"[A-Fa-f0-9]{32}|[A-Za-z0-9]{32}", source="Twilio docs: auth tokens of 32 hex, key secrets of 32", check=mixed),
    token("sendgrid.key", r"SG\.[\w\-=]{16,24}[.=][\w\-=.]{16,66}", "sg.", source="SendGrid docs: SG.<22>.<43>", entropy=2.6, left=True),
    token("brevo.key", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", "xkeysib-", source="Brevo docs: xkeysib-<64 hex>-<16>"),
    token("mailgun.key", r"(?:pub)?key-[0-9a-f]{32}", "key-", source="Mailgun docs: key- and pubkey- + 32 hex", entropy=2.8, left=True, right=True),
    context("mailgun.context", "mailgun mg[_-]api", r"[0-9a-f]{32}(?:-[0-9a-f]{8}-[0-9a-f]{8})?|(?:pub)?key-[0-9a-f]{32}", source="Mailgun docs: signing keys of 32-8-8 hex", entropy=2.8),
    token("mailchimp.key", r"[0-9a-f]{32}-us\d{1,2}", "-us", source="Mailchimp docs: 32 hex and the data centre", entropy=2.8, left=True, right=True),
    token("mailersend.token", r"mlsn\.[0-9a-z]{48,72}", "mlsn.", source="MailerSend docs: mlsn. prefix"),
    token("mandrill.key", r"md-[A-Za-z0-9_\-]{22}", "md-", source="Mandrill docs: md- + 22", entropy=3.6, left=True, right=True, check=mixed_case),
    token("postmark.resend", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,28}", "re_", source="Resend docs: re_<8>_<24>", entropy=3.6, left=True, check=mixed_case),
    token("klaviyo.key", r"pk_[A-Za-z0-9]{34}", "pk_", source="Klaviyo docs: private keys pk_ + 34", entropy=3.2, left=True, right=True),
    token("telnyx.key", r"KEY[0-9A-F]{32}_[A-Za-z0-9]{22}", "key", source="Telnyx docs: KEY<32 hex>_<22>"),
    token("onesignal.key", r"os_v2_(?:app|org)_[a-z2-7]{100,110}", "os_v2_", source="OneSignal docs: os_v2_app_/os_v2_org_"),
    context("chat.context", "plivo message[_-]?bird sendbird intercom mattermost zendesk pushover vonage nexmo twitch", r"[A-Za-z0-9=_\-]{25,60}", source="Vendor dashboards: opaque keys", entropy=3.3, check=mixed),
    context("chat.uuid", "message[_-]?bird sendbird intercom", r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", source="Vendor docs: UUID access ids", entropy=2.5),
    token("lark.app", r"cli_[A-Za-z0-9]{16}", "cli_", source="Lark docs: app ids cli_ + 16", entropy=3.2, left=True, right=True, check=mixed),
    context("lark.secret", "lark feishu", r"[A-Za-z0-9]{32}", source="Lark docs: app secrets of 32", check=mixed),
    token("canada.notify", r"(?i:ApiKey-v1\s{1,3})([\w\-]{60,160})", "apikey-v1", source="GC Notify docs: ApiKey-v1 <name>-<uuid>-<uuid>", entropy=3.0),
)  # fmt: skip
