"""Credentials inside connection strings, configuration files and command lines."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from botbottle.dlp.checks import b64_lenient, mixed
from botbottle.dlp.findings import Verdict
from botbottle.dlp.manifested import data_end, in_data
from botbottle.dlp.rules.model import Context, Rule, token

_SLASHES = r"(?:\\*/){2}"
_SCHEMES = (
    "postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|valkey|amqps?|mssql|sqlserver|oracle|"
    "cockroachdb|clickhouse|nats|ldaps?|s?ftps?|smtps?|imaps?|ssh|jdbc:\\w+|couchbase|cassandra|db2"
)
# A user, a password and a host in a URL of any scheme: both rules ask for it.
_USERINFO = r":(?:\\*/){2}[^\s:/@\"'\\<>]{0,80}:[^\s/@\"'\\<>{}]{3,120}@"
_PASSWORDS = frozenset(
    b"password pass passwd pwd pw secret user username xxx test token key foo bar baz admin root "
    b"guest hunter2 changeme example pass@word mypassword userpass bob alice demo 1234 12345 "
    b"123456 postgres mysql redis mongo credentials p4ssw0rd passw0rd s3cret y z x b a c d pass1 "
    b"password1 pass123 password123 opensesame qwerty oauth2 x-oauth-basic git null none api your-password".split()
)
# What is put in later, or was taken out: <password>, {{ x }}, ${X}, $X, %s, %(x)s, %X%, [x], ***.
_TEMPLATE = re.compile(
    rb"[<>{}].*|\$(?:[({].*|[A-Z_][A-Z0-9_]*|[a-z_]+\d?)|%(?:[\[({].*|\w*%|[\d.]*[a-z])|\[.*\]|\|.*\||[*|].?|\*{2}.*",
    re.DOTALL,
)


def real_password(value: bytes) -> bool:
    """Not a documentation word, a template variable or a single repeated character."""
    lower = value.lower()
    if lower in _PASSWORDS or len(set(value)) < 3:
        return False
    words = unquote_to_bytes(lower).replace(b"#", b" ").split()
    if len(words) > 1 and all(word in _PASSWORDS for word in words):
        return False
    return not _TEMPLATE.fullmatch(value) and not value.endswith((b"}", b">", b"..."))


def basic_pair(value: bytes) -> bool:
    """Base64 that decodes to printable ``user:password``."""
    plain = b64_lenient(value)
    user, colon, password = plain.partition(b":")
    printable = all(32 <= c < 127 for c in plain)
    return bool(user and colon) and printable and real_password(password or b"x")


def kubernetes_entry(lead: bytes, value: bytes) -> Verdict | None:
    """Whole Base64 groups of more than letters in the data: no name of a kind, no word."""
    if len(value) % 4 or not (value.endswith(b"=") or mixed(value)) or not b64_lenient(value):
        return None
    return Verdict.TOKEN if in_data(lead) else None


def chosen(lead: bytes, value: bytes) -> Verdict | None:
    """A password somebody chose; one made of letters alone may as well be a column."""
    del lead
    if not real_password(value):
        return None
    return Verdict.WARN if value.replace(b"_", b"").isalpha() else Verdict.SUPERVISE


def opaque(value: bytes) -> bool:
    """A bearer value: not a word, not a template."""
    return real_password(value) and any(48 <= c <= 57 for c in value)


RULES: tuple[Rule | Context, ...] = (
    token("url.database", rf"(?i:{_SCHEMES})(?:\+\w{{1,12}})?:{_SLASHES}[^\s:/@\"'\\<>]{{0,80}}:([^\s/@\"'\\<>{{}}]{{3,120}})@[\w.\-\[]", "postgres", "mysql", "mariadb", "mongodb", "redis", "valkey", "amqp", "mssql", "sqlserver", "oracle", "cockroachdb", "clickhouse", "nats", "ldap", "ftp", "smtp", "imap", "ssh", "jdbc", "couchbase", "cassandra", "db2", anchor=_USERINFO, source="RFC 3986 section 3.2.1 userinfo, as libpq, MongoDB and Redis use it", check=real_password),
    token("url.basic-auth", rf"(?i:(?:git\+)?https?|svn|git):{_SLASHES}[^\s:/@\"'\\<>?#]{{0,80}}:([^\s/@,\"'\\<>{{}}?#]{{4,120}})@[\w.\-\[]", "http", "svn:", "git:", anchor=_USERINFO, source="RFC 3986 section 3.2.1 userinfo, RFC 7617", check=real_password, entropy=2.0),
    token("netrc", r"machine(?:\s|\\+n){1,4}[\w.\-:]{1,100}(?:\s|\\+[nrt]){1,8}login(?:\s|\\+[nrt]){1,4}[^\s\\]{1,100}(?:\s|\\+[nrt]){1,8}password(?:\s|\\+[nrt]){1,4}([^\s\\\"'<]{3,200})", "machine", anchor=r"machine[\s\\n]{1,4}[\w.\-:]{1,100}[\s\\nrt]{1,8}login", source="GNU inetutils manual, .netrc", check=real_password),
    token("kubeconfig.key", r"client-key-data\\*[\"']?:\s{0,3}\\*[\"']?([A-Za-z0-9+/]{40,}={0,2})", "client-key-data", after=9000, source="Kubernetes docs, kubeconfig: client-key-data is Base64 PEM"),
    token("kubernetes.secret", r"(?i:kind[\s\"'\\:]{1,12}secret\b.{0,600}?(?:^|[\s\"',{]|\\n)data[\s\"'\\:]{1,12}.{0,200}?[\w.\-]{1,80}[\"'\\]{0,4}:[\s|>\"'\\nrt]{1,24}?)([A-Za-z0-9+/]{10,}={0,3})", "secret", anchor=r"(?i)kind[\s\"'\\:]{1,12}secret[^a-z0-9_]", before=64, after=1500, source="Kubernetes docs, Secret: data values are Base64", judge=kubernetes_entry, extend=data_end),
    token("kubernetes.secret-reversed", r"(?i:(?:^|[\s\"',{]|\\n)data[\s\"'\\:]{1,12}.{0,200}?[\w.\-]{1,80}[\"'\\]{0,4}:[\s|>\"'\\nrt]{1,24}?)([A-Za-z0-9+/]{10,}={0,3})(?i:.{0,600}?kind[\s\"'\\:]{1,12}secret)", "secret", anchor=r"(?i)kind[\s\"'\\:]{1,12}secret", before=1000, after=64, source="Kubernetes docs, Secret: data values are Base64", judge=kubernetes_entry, extend=data_end),
    token("curl.user", r"curl\b.{0,400}?(?:\s|\\n)(?:-u|--user|--proxy-user)[\s=]{0,3}\\*[\"']?([^\s\"'\\$<{:]{0,80}:[^\s\"'\\$<{(]{3,120}|[^\s\"'\\$<{(:]{8,120}:|\{[^\s\"'\\]{3,80}\}\\*\"?:\\*\"?\{[^\s\"'\\]{3,80}\})", "curl", anchor=r"(?:-u|--user|--proxy-user)[\s=\"'\\]{0,5}[^\s:\"'\\$<]{0,90}[\"'\\]{0,3}:[\"'\\]{0,3}[^\s\"'\\$<(]{3}", before=500, after=200, source="curl manual: -u user:password", check=real_password, entropy=2.2),
    token("curl.key-only", r"curl\b.{0,400}?(?:\s|\\n)(?:-u|--user)[\s=]{0,3}\\*[\"']?([A-Za-z0-9_\-.!@#%^&*]{10,120}):(?:[\s\"'\\]|$)", "curl", anchor=r"(?:-u|--user)[\s=\"'\\]{0,5}[A-Za-z0-9_\-.!@#%^&*]{10,120}:[\s\"'\\]", before=500, after=200, source="curl manual: -u key: with an empty password", check=opaque, entropy=2.8),
    token("curl.header", r"(?i:-H|--header)[\s=]{0,4}\\*[\"']?\s{0,4}(?i:authorization|[\w\-]{0,24}(?:token|key|auth)[\w\-]{0,12})\s{0,4}:\s{0,4}(?i:bearer|basic|token|apikey|key|api-token)?[\s:]{0,4}([\w=~@.+/\-]{8,400})", "-h", "--header", anchor=r"(?i:-H|header)[\s=\"'\\]{1,6}[\w\-]{3,48}\s{0,4}:\s{0,4}[\w=~@.+/\-]{3}", source="curl manual: -H 'Authorization: ...'", check=opaque, entropy=2.8),
    token("http.authorization", r"(?i:authorization)[\"'\\\s]{0,5}[:=,(\]]{1,3}[\"'\\\s\[]{0,6}(?i:bearer|token|apikey|ssws|bot)\s{1,3}([\w=~.+/\-]{16,400})", "authorization", anchor=r"(?i)authorization[\"'\\\s]{0,5}[:=,(\]]{1,3}[\"'\\\s\[]{0,6}(?:bearer|token|apikey|ssws|bot)\s{1,3}[\w=~.+/\-]{16}", source="RFC 6750, RFC 7617: credentials in an Authorization header", check=opaque, entropy=3.5),
    token("http.basic", r"(?i:basic)\s{1,2}([A-Za-z0-9+/]{12,200}={0,2})", "basic", source="RFC 7617: Basic base64(user:password)", check=basic_pair),
    token("sql.identified", r"(?i:identified\s{1,3}by|with\s{1,3}password)\s{1,3}\\*[\"']([^\s\"'\\]{6,80})", "identified", "password", source="MySQL and PostgreSQL manuals: CREATE USER ... IDENTIFIED BY / PASSWORD", judge=chosen, verdict=Verdict.SUPERVISE, entropy=2.6),
    token("connection.password", r"(?i:server|data source|host)=[^\"'\n]{3,200};\s{0,2}(?i:pwd|password)=([^\s;\"'\\<>{}$]{3,80})", "pwd=", "password=", anchor=r"(?i);\s{0,2}(?:pwd|password)=[^\s;\"'\\<>{}$]{3}", before=260, source="ADO.NET and ODBC connection strings", check=real_password),
)  # fmt: skip
