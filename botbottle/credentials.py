"""The values behind the names that routes use: the operator's own logins and host variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botbottle.load.hostlogin import HostLogins
from botbottle.model.route import Auth, Route
from botbottle.providers import HOST_LOGINS, login

_LOGINS = ("oauth", "login")  # schemes whose value is a program's login
_IN_A_HEADER = ("Bearer", "token", "header")


class Credentials:
    """Those of one run, in memory. ``environ``: the host's variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.logins = HostLogins(environ)

    def find(self, name: str) -> str:
        """The value of this name; '' when there is none."""
        if name in HOST_LOGINS:
            return self.logins.find(name).text
        return self._environ.get(name, "")

    def of(self, routes: Iterable[Route]) -> tuple[dict[str, str], dict[str, str]]:
        """Of what these routes use: name → value of all that can be used, and name → why of those
        that cannot and that somebody has to do something about."""
        values: dict[str, str] = {}
        unusable: dict[str, str] = {}
        for auth in sorted({r.auth for r in routes if r.auth}):
            name, value = auth.secret, self.find(auth.secret)
            why = self.logins.find(name).why if name in HOST_LOGINS else unsendable(auth, value)
            if why:
                unusable[name] = why
            if value:
                values[name] = value
        bad = unusable.keys() - HOST_LOGINS.keys()
        return {n: v for n, v in values.items() if n not in bad}, unusable


def unsendable(auth: Auth, value: str) -> str:
    """Why the sidecar could not send this value, without any part of it; '' when it can. It would
    refuse each request; a line break that a CI system adds is found out before that."""
    if auth.scheme in _LOGINS:
        known = not value or login.read(value) is not None
        return "" if known else f"the value of {auth.secret} is no login of Claude Code or Codex"
    if value.endswith(("\n", "\r")) and not _breaks(value.rstrip("\r\n")):
        return f"the value of {auth.secret} ends with a line break; export it without"
    if _breaks(value):
        return f"the value of {auth.secret} has a line break in it; a credential is one line"
    try:
        value.encode("latin-1" if auth.scheme in _IN_A_HEADER else "utf-8")
    except UnicodeEncodeError:
        return f"the value of {auth.secret} has a character that cannot be sent; export it again"
    return ""


def _breaks(value: str) -> bool:
    return any(c in value for c in "\r\n\0")
