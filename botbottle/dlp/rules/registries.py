"""Package registries and artefact stores."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import checksum_or_random, has_digit, mixed, mixed_case
from botbottle.dlp.rules.model import Context, Rule, context, token
from botbottle.dlp.wordlike import wordlike

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def registry_value(value: bytes) -> bool:
    """A token or Base64, not an identifier from source code."""
    if value.startswith(b"npm_") or (has_digit(value) and mixed(value)):
        return True
    return mixed_case(value) and not wordlike(value)


RULES: tuple[Rule | Context, ...] = (
    token("npm.token", r"npm_[A-Za-z0-9]{36}", "npm_", source="GitHub blog 2021: npm_ + 36 with a CRC-32 tail", check=checksum_or_random),
    token("npm.auth-line", r"(?:[:\s\"'n]|^)_(?:auth(?:Token)?|password)\\*[\"']?\s{0,4}[=:]\s{0,4}\\*[\"']?([A-Za-z0-9_+/=\-]{12,200})", "_auth", "_password", source="npm docs, .npmrc: //registry/:_authToken=VALUE, _auth and _password in Base64", entropy=2.0, check=registry_value),
    context("npm.context", "npm", _UUID, source="npm docs: legacy tokens are UUIDs", entropy=2.5),
    token("pypi.token", r"pypi-[\w\-]{50,240}", "pypi-", source="PyPI help: pypi- + macaroon in base64url (AgEIcHlwaS5vcmc...)", entropy=3.2),
    token("rubygems.key", r"rubygems_[0-9a-f]{48}", "rubygems_", source="RubyGems guides: rubygems_ + 48 hex"),
    token("crates.token", r"cio[A-Za-z0-9]{32}", "cio", source="crates.io: cio + 32 letters or digits", entropy=3.6, left=True, right=True, check=mixed_case),
    token("docker.token", r"dckr_(?:pat|oat)_[\w\-]{24,40}", "dckr_", source="Docker docs: dckr_pat_ and dckr_oat_", entropy=3.2),
    token("docker.swarm", r"SWM(?:TKN-1-[0-9a-z]{48,54}-[0-9a-z]{22,28}|KEY-1-[A-Za-z0-9+/]{40,46})", "swmtkn-1-", "swmkey-1-", source="Docker docs, swarm join tokens: SWMTKN-1-<digest>-<secret>"),
    token("docker.auth", r"\"auth\\*\"\s{0,3}:\s{0,3}\\*\"([A-Za-z0-9+/]{16,200}={0,2})\\*\"", "auth", source="Docker docs, config.json: auths.<host>.auth is base64(user:password)", entropy=3.0, check=mixed),
    token("clojars.token", r"CLOJARS_[0-9a-z]{60}", "clojars_", source="Clojars wiki: CLOJARS_ + 60 hex"),
    token("nuget.key", r"oy2[a-z0-9]{43}", "oy2", source="NuGet docs: oy2 + 43 characters", entropy=3.4, left=True, right=True),
    token("nuget.config-password", r"(?i:<add\s+key=\\*[\"'](?:ClearTextPassword|Password)\\*[\"']\s+value=\\*[\"'])([^\"'\\\s$%{}<>]{8,128}|[^\"'\\\s${}<>]{12,128})", "cleartextpassword", "password", source="NuGet docs, nuget.config packageSourceCredentials", entropy=2.0),
    token("jfrog.api-key", r"AKCp[A-Za-z0-9]{60,80}", "akcp", source="JFrog docs: AKCp prefix", entropy=3.2, left=True, apart=True),
    token("jfrog.reference", r"cmVmd[A-Za-z0-9]{59}", "cmvmd", source="JFrog docs: base64 of reftkn:", entropy=3.2, left=True, apart=True),
    context("jfrog.context", "jfrog artifactory bintray xray", r"[A-Za-z0-9]{64,73}", source="JFrog docs: identity tokens of 64, API keys of 73", check=mixed),
    token("octopus.key", r"API-[A-Z0-9]{26}", "api-", source="Octopus Deploy docs: API- + 26", entropy=3.2, left=True, right=True, check=mixed),
    token("cloudsmith.key", r"csa_[A-Za-z0-9]{36,40}", "csa_", source="Cloudsmith docs: csa_ prefix", entropy=3.2, check=mixed),
    token("sidekiq.credential", r"(?i:BUNDLE_(?:ENTERPRISE|GEMS)__CONTRIBSYS__COM).{0,32}?([0-9a-f]{8}:[0-9a-f]{8})", "contribsys", source="Sidekiq wiki: Bundler credentials for gems.contribsys.com are 8 hex : 8 hex"),
    token("sidekiq.url", r"(?i:https?:(?:\\*/){2})([0-9a-f]{8}:[0-9a-f]{8})@(?:gems|enterprise)\.contribsys\.com", "contribsys", source="Sidekiq wiki: gem source URLs"),
    token("prefect.key", r"pn[ub]_[A-Za-z0-9]{36}", "pnu_", "pnb_", source="Prefect docs: pnu_ + 36", entropy=3.2),
    token("thunderstore.token", r"tss_[A-Za-z0-9]{28,40}", "tss_", source="Thunderstore docs: tss_ prefix", entropy=3.4, check=mixed_case, left=True),
)  # fmt: skip
