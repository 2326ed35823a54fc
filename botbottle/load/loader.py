"""Files → ``Declared`` and diagnostics: everything at once, or one agent and its chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from botbottle.load.checks import cross_checks, folder_checks
from botbottle.load.compose import specs
from botbottle.load.copied import copied_credentials
from botbottle.load.effective import Effective, Overrides, effective
from botbottle.load.extends import Resolver
from botbottle.load.findings import mask_all, quote
from botbottle.load.launch_checks import flag_checks, home_checks
from botbottle.load.layers import Layers, layers
from botbottle.load.library import Library
from botbottle.load.settings import to_settings
from botbottle.model.bottle import BottleSpec, Declared, Settings
from botbottle.model.diagnostic import Diagnostic, Origin, Severity


class Loaded(Struct, frozen=True):
    """What was read. ``declared`` is None when any error was found; ``settings`` are what could be
    read of them even then."""

    declared: Declared | None
    diagnostics: tuple[Diagnostic, ...]
    layers: Layers
    resolver: Resolver
    settings: Settings

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that refuse."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    def path_of(self, origin: Origin) -> Path:
        """The file on this machine that an origin speaks of."""
        return (self.layers.root(origin.layer) / origin.file).absolute()


def load(
    home: Path,
    cwd: Path | None = None,
    *,
    overrides: Overrides | None = None,
    instead: Mapping[Path, Path] | None = None,
) -> Loaded:
    """Read every manifest of home and of the project around ``cwd`` (None: home only).

    ``instead`` maps a file to a draft that is read in its place.
    """
    found = layers(home, cwd)
    library = Library(found, instead)
    resolver = Resolver(library)
    for name in library.bottle_folder.entries:
        resolver.policy(name)
    items, diagnostics = _compose(library, resolver, library.agent_entries, overrides)
    diagnostics += [*home_checks(found), *folder_checks(library)]
    diagnostics += cross_checks(library, resolver, items)
    return _loaded(library, resolver, items, diagnostics, overrides)


def load_one(
    name: str, home: Path, cwd: Path | None = None, *, overrides: Overrides | None = None
) -> Loaded:
    """Read one agent, its bottles and their chains; a broken file elsewhere does not matter.

    ``name`` is an agent's or an instance's (``web-2``). An unknown one gives no bottle.
    """
    found = layers(home, cwd)
    library = Library(found)
    resolver = Resolver(library)
    agent = agent_of(name, library)
    wanted = {agent: library.agent_entries[agent]} if agent else {}
    items, diagnostics = _compose(library, resolver, wanted, overrides)
    return _loaded(library, resolver, items, diagnostics, overrides)


def agent_of(name: str, library: Library) -> str:
    """The agent whose instance ``name`` is, or an empty text."""
    if name in library.agent_entries:
        return name
    stem, _, number = name.rpartition("-")
    return stem if number.isdigit() and stem in library.agent_entries else ""


def _compose(
    library: Library, resolver: Resolver, wanted: Iterable[str], overrides: Overrides | None
) -> tuple[list[Effective], list[Diagnostic]]:
    items: list[Effective] = []
    diagnostics: list[Diagnostic] = []
    for name in wanted:
        agent = library.agent(name)
        if agent is None:
            continue
        item, found = effective(agent, resolver, overrides or Overrides())
        diagnostics += found
        if item:
            items.append(item)
    return items, diagnostics


def _loaded(
    library: Library,
    resolver: Resolver,
    items: list[Effective],
    diagnostics: list[Diagnostic],
    overrides: Overrides | None,
) -> Loaded:
    settings = to_settings(library.settings)
    diagnostics = [_quoted(d, library) for d in (*flag_checks(library, overrides), *diagnostics)]
    found = in_order(
        [mask_all(d) for d in (*library.diagnostics, *resolver.diagnostics, *diagnostics)]
    )
    declared = None
    if not any(d.severity is Severity.ERROR for d in found):
        bottles: list[BottleSpec] = []
        for item in items:
            bottles += specs(item, resolver, settings, overrides or Overrides())
        declared = Declared(library.layers.project_id, tuple(bottles), settings)
        if copied := [_quoted(d, library) for d in copied_credentials(bottles)]:
            declared, found = None, in_order([*found, *copied])
    return Loaded(declared, found, library.layers, resolver, settings)


def _quoted(diagnostic: Diagnostic, library: Library) -> Diagnostic:
    """The same finding with its line, where a check across files did not have it at hand."""
    if diagnostic.snippet or not diagnostic.origin.line:
        return diagnostic
    source = library.source(diagnostic.origin)
    line = quote(source, diagnostic.origin.line) if source else ""
    return replace(diagnostic, snippet=line)


def in_order(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By place, each finding once: the same files give the same report."""
    order = {"home": 0, "settings": 1, "project": 2}
    unique = dict.fromkeys(diagnostics)
    return tuple(
        sorted(
            unique,
            key=lambda d: (
                order.get(d.origin.layer, 3),
                d.origin.file,
                d.origin.line,
                d.origin.column,
                d.code,
                d.message,
            ),
        )
    )
