"""Whether what a bottle says about its login makes sense together (BB2133)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.load.merge import Leaf, Policy
from botbottle.model.diagnostic import Diagnostic, Origin, Severity
from botbottle.providers import PROVIDERS, UnknownSetting
from botbottle.providers.hostlogin import PREFIX

CODE = "BB2133"
_AT = "agent_provider"


def login_checks(policy: Policy) -> list[Diagnostic]:
    """What is wrong with ``forward_host_credentials``, and with names that belong to it."""
    return [*_forwarding(policy), *_reserved(policy)]


def _forwarding(policy: Policy) -> Iterator[Diagnostic]:
    asked = policy.leaves.get(f"{_AT}.forward_host_credentials")
    if asked is None or not asked.value:
        return
    if named := policy.leaves.get(f"{_AT}.auth_token"):
        yield _error(
            "forward_host_credentials and auth_token name two different logins",
            asked.origin,
            "keep one of them; a bottle that names its template inherits neither",
            ((named.origin, "auth_token"),),
        )
    template = policy.value(f"{_AT}.template", "claude")
    kind: Leaf | None = policy.leaves.get(f"{_AT}.settings.credential")
    found = PROVIDERS.get(template)
    if found is None:
        yield _error(f"bb knows no host login of {template}", asked.origin, "use auth_token")
        return
    try:
        found.host_login({"credential": kind.value} if kind else {})
    except UnknownSetting as error:
        hint = f"can be forwarded: {', '.join(error.known)}" if error.known else "use auth_token"
        yield _error(str(error), (kind or asked).origin, hint)


def _reserved(policy: Policy) -> Iterator[Diagnostic]:
    """The names of host logins are for the template's own hosts: no route may ask for one."""
    for name, origin in _names(policy):
        if name.startswith(PREFIX):
            yield _error(
                f"names that begin with {PREFIX} stand for this machine's own logins",
                origin,
                "forward_host_credentials: true gives a bottle its provider's",
            )


def _names(policy: Policy) -> Iterable[tuple[str, Origin]]:
    if named := policy.leaves.get(f"{_AT}.auth_token"):
        yield str(named.value), named.origin
    for leaf in policy.routes:
        if leaf.route.auth:
            yield leaf.route.auth.secret, leaf.origin


def _error(
    message: str, origin: Origin, hint: str, related: tuple[tuple[Origin, str], ...] = ()
) -> Diagnostic:
    return Diagnostic(Severity.ERROR, CODE, message, origin, "", hint, related)
