"""Environment that makes any program in a bottle use the sidecar and trust the bottle's CA.

Every runtime reads its own variables; the list covers Node, Python (ssl, requests, httpx,
aiohttp), curl, git, Go, Java, Ruby, Deno, Bun, AWS SDKs, Rust (rustls-native-certs, through
SSL_CERT_FILE), Cargo, pip, npm and Codex. Proxy variables are given in both cases because curl
reads only the lower-case ``http_proxy`` and many others only the upper-case forms.
"""

from __future__ import annotations

from collections.abc import Sequence

PROXY_PORT = 9099
TRUST_DIR = "/etc/botbottle"
CA_FILE = f"{TRUST_DIR}/ca.pem"  # the bottle's CA alone
JAVA_STORE = f"{TRUST_DIR}/bundle.p12"
BUNDLE_FILE = f"{TRUST_DIR}/bundle.pem"  # public CAs and the bottle's CA

_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "NPM_CONFIG_CAFILE",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CODEX_CA_CERTIFICATE",
)
# Added to the program's own list instead of replacing it.
_CA_VARIABLES = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


def ca_env() -> tuple[tuple[str, str], ...]:
    """Variables that point every known runtime at the mounted trust files."""
    bundle = ((name, BUNDLE_FILE) for name in _BUNDLE_VARIABLES)
    alone = ((name, CA_FILE) for name in _CA_VARIABLES)
    return (*bundle, *alone)


def proxy_env(proxy_host: str, no_proxy: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Proxy variables in both cases. ``no_proxy``: names reached directly (the sidecars)."""
    url = f"http://{proxy_host}:{PROXY_PORT}"
    exempt = ",".join(("localhost", "127.0.0.1", "::1", *no_proxy))
    pairs = (
        ("HTTP_PROXY", url),
        ("HTTPS_PROXY", url),
        ("ALL_PROXY", url),
        ("WS_PROXY", url),
        ("WSS_PROXY", url),
        ("NO_PROXY", exempt),
    )
    lower = ((name.lower(), value) for name, value in pairs)
    java = (
        f"-Dhttp.proxyHost={proxy_host} -Dhttp.proxyPort={PROXY_PORT} "
        f"-Dhttps.proxyHost={proxy_host} -Dhttps.proxyPort={PROXY_PORT} "
        f"-Dhttp.nonProxyHosts={exempt.replace(',', '|')} "
        f"-Djavax.net.ssl.trustStore={JAVA_STORE} -Djavax.net.ssl.trustStorePassword=changeit"
    )
    return (*pairs, *lower, ("NODE_USE_ENV_PROXY", "1"), ("JAVA_TOOL_OPTIONS", java))


def placeholder(secret: str) -> str:
    """Value an agent gets in place of the secret ``secret``; the sidecar swaps it on its way."""
    return f"botbottle-placeholder-{secret.lower().replace('_', '-')}"
