"""What bb must know about an agent program: where it connects, how it logs in, how it starts.

Pure data. A provider names hosts, credentials by the *name* of a host variable, placeholder
values, environment and argument lists; the planner turns them into routes and container specs.
No real credential ever passes through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from botbottle.model.route import Auth, AuthScheme, Dlp, Match, PathMatch, Route

if TYPE_CHECKING:
    from botbottle.providers.hostlogin import HostLogin

# Stands in a credential's files for the account of the login, which is no secret.
ACCOUNT_PLACEHOLDER = "botbottle-placeholder-account"
AGENT_HOME = "/home/agent"
WORKSPACE = "/workspace"


class UnknownSetting(ValueError):
    """``agent_provider.settings`` has a key or value that the provider does not know."""

    def __init__(self, key: str, message: str, known: tuple[str, ...]) -> None:
        super().__init__(message)
        self.key = key
        self.known = known


class Host(Struct, frozen=True):
    """A host the program needs. ``paths`` are whole-segment prefixes, empty: any path.

    ``metered``: requests there spend the provider's budget. ``authenticated``: the sidecar
    injects the credential.
    """

    name: str
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    metered: bool = True
    authenticated: bool = True


class OptionalHost(Struct, frozen=True):
    """A host the program tries but works without; suggested, never granted, by bb."""

    name: str
    purpose: str


class File(Struct, frozen=True):
    """A file placed in the agent's home before start. ``path`` is relative to the home."""

    path: str
    content: str


class Credential(Struct, frozen=True):
    """One way to log in.

    ``variable`` is the host variable used when the bottle names none. ``env`` and ``files`` give
    the program something to send: placeholders, which the sidecar strips and replaces. ``budget``
    is the key its tokens spend where that is not the program's own.
    """

    kind: str
    variable: str
    scheme: AuthScheme
    hosts: tuple[Host, ...]
    header: str = ""
    placeholder: str = ""
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[File, ...] = ()
    argv: tuple[str, ...] = ()
    budget: str = ""
    aliases: tuple[str, ...] = ()  # host variable names that imply this kind

    def routes(self, secret: str, budget: str) -> tuple[Route, ...]:
        """The provider's routes with the credential ``secret`` (a variable's name)."""
        auth = Auth(self.scheme, secret, self.header)
        return tuple(_route(host, auth, budget) for host in self.hosts)

    @property
    def of_account(self) -> bool:
        """Whether the program must know the account of its login."""
        return any(ACCOUNT_PLACEHOLDER in file.content for file in self.files)

    def placeholders(self, secret: str) -> tuple[tuple[str, str], ...]:
        """(placeholder, name of the secret it stands for), as SidecarConfig wants it."""
        return ((self.placeholder, secret),) if self.placeholder else ()


def _route(host: Host, auth: Auth, budget: str) -> Route:
    match = Match(
        paths=tuple(PathMatch("prefix", path) for path in host.paths), methods=host.methods
    )
    return Route(
        host=host.name,
        auth=auth if host.authenticated else None,
        matches=(match,) if host.paths or host.methods else (),
        dlp=Dlp(outbound_on_match="redact"),
        provider=budget if host.metered else "",
    )


class Launch(Struct, frozen=True):
    """How the program starts. A headless task is the last argument, after ``--``.

    ``options`` maps a setting and its value to arguments; the value ``*`` stands for any text,
    which replaces ``{}``.
    """

    interactive: tuple[str, ...]
    headless: tuple[str, ...]
    options: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


class Provider(Struct, frozen=True):
    """An agent program. ``name`` is the template's name, ``budget`` the key its tokens spend.

    ``image`` names the recipe in ``botbottle.images``. ``prompt_path`` and ``skills_dir`` are
    relative to the agent's home; a skill is the directory ``skills_dir/NAME``.
    """

    name: str
    budget: str
    image: str
    program: str
    credentials: tuple[Credential, ...]
    launch: Launch
    prompt_path: str
    skills_dir: str
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[File, ...] = ()
    optional_hosts: tuple[OptionalHost, ...] = ()
    host_logins: tuple[HostLogin, ...] = ()

    @property
    def setting_names(self) -> tuple[str, ...]:
        """Keys that ``agent_provider.settings`` may hold, sorted."""
        return tuple(sorted({"credential", *(name for name, _, _ in self.launch.options)}))

    def credential(self, auth_token: str, settings: Mapping[str, str]) -> Credential:
        """The way to log in: the setting ``credential``, else implied by the variable's name."""
        if kind := settings.get("credential"):
            return self._credential_of(kind)
        named = (c for c in self.credentials if auth_token in (c.variable, *c.aliases))
        return next(named, self.credentials[0])

    def host_login(self, settings: Mapping[str, str]) -> HostLogin:
        """The operator's own login to forward. Raises UnknownSetting: none of that kind, or (key
        ``""``) none at all."""
        known = tuple(h.credential.kind for h in self.host_logins)
        kind = settings.get("credential", known[0] if known else "")
        for found in self.host_logins:
            if found.credential.kind == kind:
                return found
        key = "credential" if known else ""
        raise UnknownSetting(key, f"{self.name} has no {kind or 'login'} to forward", known)

    def _credential_of(self, kind: str) -> Credential:
        known = tuple(c.kind for c in self.credentials)
        if kind not in known:
            raise UnknownSetting(
                "credential", f"{kind!r} is not one of {', '.join(known)} for {self.name}", known
            )
        return next(c for c in self.credentials if c.kind == kind)

    def argv(
        self,
        run: Literal["interactive", "headless"],
        credential: Credential,
        settings: Mapping[str, str],
        task: str = "",
    ) -> tuple[str, ...]:
        """The command line. Raises UnknownSetting for a key or value it does not know."""
        base = self.launch.headless if run == "headless" else self.launch.interactive
        extra = tuple(
            argument
            for key, value in sorted(settings.items())
            if key != "credential"
            for argument in self._option(key, value)
        )
        tail = ("--", task) if run == "headless" else ()
        return (*base, *credential.argv, *extra, *tail)

    def _option(self, key: str, value: str) -> tuple[str, ...]:
        rules = {wanted: argv for name, wanted, argv in self.launch.options if name == key}
        if not rules:
            names = self.setting_names
            raise UnknownSetting(key, f"{self.name} has no setting {key!r}", names)
        if value in rules:
            return rules[value]
        if "*" not in rules:
            raise UnknownSetting(key, f"{value!r} is not a value of {key}", tuple(sorted(rules)))
        return tuple(argument.replace("{}", value) for argument in rules["*"])
