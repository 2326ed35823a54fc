"""Code forges: GitHub, GitLab, Bitbucket, Gitea, Gerrit-like review and CI services."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import checksum_or_random, mixed, mixed_case
from botbottle.dlp.rules.model import Context, Rule, context, token

_GITHUB = (
    "GitHub Engineering 2021: ghp_ gho_ ghu_ ghs_ ghr_ + 36 with a CRC-32 tail; github_pat_ + 22 "
    "_ 59; GitHub changelog 2025: app tokens ghs_<app id>_<JWT>"
)
_GITLAB = "GitLab docs, token overview, table of prefixes (glpat-, gldt-, glrt-, glcbt-, ...)"
_ATLASSIAN = "Atlassian docs: ATATT3 API tokens and ATCTT3 access tokens end in = and a checksum"

RULES: tuple[Rule | Context, ...] = (
    token("github.token", r"gh[pousr]_[A-Za-z0-9]{36}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", source=_GITHUB, check=checksum_or_random, placeholders=False),
    token("github.url-user", r"(?:^|[^A-Za-z0-9])([0-9a-f]{40})@github\.com", "@github.com", source="GitHub docs: a token as the user of a git URL", entropy=3.0),
    token("github.installation", r"v1\.[0-9a-f]{40}", "v1.", source="GitHub docs: installation tokens before April 2021 are v1. + 40 hex", entropy=3.0, left=True, right=True),
    token("gitlab.mail", r"incoming\+[\w\-]{0,80}-([a-z0-9]{20,26}|glimt-[\w\-]{20,25})(?:-issue|-merge-request)?@", "incoming+", source="GitLab docs: incoming mail addresses carry a token", entropy=3.2),
    token("github.refresh", r"ghr_[A-Za-z0-9]{60,80}", "ghr_", source=_GITHUB, entropy=3.0),
    token("github.app-jwt", r"ghs_\d{1,20}_eyJ[\w\-]{10,}\.[\w\-]{10,}\.[\w\-]{20,}", "ghs_", source=_GITHUB),
    token("github.fine-grained", r"github_pat_[A-Za-z0-9_]{60,90}", "github_pat_", source=_GITHUB, entropy=3.0),
    context("github.context", "github git[_-]?hub[_-]?secret", r"[0-9a-f]{40}", source="GitHub OAuth apps: client secret of 40 hex", check=mixed),
    context("github.old", "git[_-]?token gh[_-]token git[_-]?hub[_-]?token git[_-]?hub[_-]?api", r"[0-9a-fA-F]{40}", source="GitHub docs: tokens before April 2021 are 40 hex"),
    context("gitlab.context", "gitlab", r"[A-Za-z0-9_\-]{20,64}", source="GitLab docs: tokens before 14.5 have no prefix", entropy=3.4, check=mixed),
    token("gitlab.pat", r"glpat-[\w\-]{20,}(?:\.[0-9a-z]{2})?(?:\.[0-9a-z]{7,9})?", "glpat-", source=_GITLAB, entropy=2.8),
    token("gitlab.prefixed", r"gl(?:cbt|dt|ft|ffct|imt|oas|ptt|rt|rtr|soat|wt|agent)-[\w\-]{18,80}(?:\.[0-9a-z]{2})?(?:\.[0-9a-z]{7,9})?", "glcbt-", "gldt-", "glft-", "glffct-", "glimt-", "gloas-", "glptt-", "glrt-", "glrtr-", "glsoat-", "glwt-", "glagent-", source=_GITLAB, entropy=2.8),
    token("gitlab.runner-registration", r"GR1348941[\w\-]{20}", "gr1348941", source=_GITLAB),
    token("gitlab.session", r"_gitlab_session=([0-9a-z]{32})", "_gitlab_session", source=_GITLAB, entropy=2.8),
    token("atlassian.token", r"AT[ACS]TT3[A-Za-z0-9_\-=]{100,240}", "atatt3", "atctt3", "atstt3", source=_ATLASSIAN, entropy=3.5),
    token("bitbucket.app-password", r"ATBB[A-Za-z0-9_=.\-]{28,40}", "atbb", source="Bitbucket Cloud docs: app passwords start ATBB", entropy=3.4, left=True),
    token("bitbucket.data-center", r"BBDC-[A-Za-z0-9+/]{40,60}={0,2}", "bbdc-", source="Bitbucket Data Center docs: HTTP access tokens start BBDC-", entropy=3.4, check=mixed_case),
    context("bitbucket.client", "bitbucket", r"[a-z0-9=_\-]{32,64}", source="Bitbucket OAuth consumers: key of 32, secret of 64 characters", check=mixed),
    context("gitea.token", "gitea forgejo gitter gogs", r"[a-z0-9_\-]{40}", source="Gitea docs: tokens are 40 hex", check=mixed),
    token("sourcegraph.token", r"sgp_(?:[A-Fa-f0-9]{16}_|local_)?[A-Fa-f0-9]{40}", "sgp_", source="Sourcegraph docs: sgp_<instance>_<40 hex>", entropy=3.0, right=True),
    token("circleci.token", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}", "ccipat_", "cciprj_", source="CircleCI docs: CCIPAT_<22>_<40 hex>"),
    context("circleci.context", "circle[_-]?ci circle[_-]?token sourcegraph", r"(?i:[0-9a-f]{40})", source="CircleCI and Sourcegraph docs: older tokens are 40 hex"),
    token("buildkite.token", r"bk(?:ua|aa|aj|ct|pi|pt|sr|sa)_[A-Za-z0-9]{30,400}", "bkua_", "bkaa_", "bkaj_", "bkct_", "bkpi_", "bkpt_", "bksr_", "bksa_", source="Buildkite docs, token prefixes", entropy=3.2),
    context("travis.token", "travis", r"[A-Za-z0-9_\-]{22}", source="Travis CI docs: 22 characters", entropy=3.4, check=mixed),
    context("drone.token", "drone codacy", r"[A-Za-z0-9]{20,32}", source="Drone CI docs: 32 characters", entropy=3.4, check=mixed),
    context("codecov.token", "codecov", r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[a-z0-9]{32}", source="Codecov docs: upload tokens are UUIDs", entropy=2.8),
    context("coveralls.token", "coveralls", r"[A-Za-z0-9]{32,40}", source="Coveralls docs: repo tokens of 32-37", check=mixed),
    context("bitrise.token", "bitrise", r"[A-Za-z0-9_\-]{60,90}", source="Bitrise docs: personal access tokens", check=mixed),
    token("mergify.key", r"mergify_application_key_[\w\-]{50,100}", "mergify_application_key_", source="Mergify docs"),
    token("snyk.token", r"snyk_(?:uat|sat)\.[0-9a-f]{8}\.[\w\-]{20,120}\.[\w\-]{20,90}", "snyk_", source="Snyk docs: snyk_uat./snyk_sat. tokens"),
    context("snyk.context", "snyk", r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", source="Snyk docs: API tokens are UUIDs", entropy=2.5),
    context("sonar.token", "sonar", r"(?:squ_|sqp_|sqa_)?[A-Za-z0-9=_\-]{40}", source="SonarQube docs: 40 hex, with squ_/sqp_/sqa_ since 9.6", entropy=2.8),
    token("sonar.prefixed", r"sq[upa]_[0-9a-f]{40}", "squ_", "sqp_", "sqa_", source="SonarQube docs: squ_/sqp_/sqa_ + 40 hex", entropy=3.0),
    token("harness.key", r"(?:pat|sat)\.[\w\-]{22}\.[0-9a-z]{24}\.[A-Za-z0-9]{20}", "pat.", "sat.", source="Harness docs: pat.<account>.<24 hex>.<20>"),
    token("aikido.key", r"AIK_(?:CI|CLIENT|SECRET)_[A-Za-z0-9]{20,80}", "aik_", source="Aikido docs: AIK_ prefixes", entropy=3.0),
    token("endorlabs.key", r"endr\+[A-Za-z0-9]{16}", "endr+", source="Endor Labs docs: endr+ prefix", entropy=3.0),
)  # fmt: skip
