"""Every file at most once: reads on demand, keeps what it read and what was wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from botbottle.load.exposed import exposed, findings
from botbottle.load.known import Known
from botbottle.load.layers import SETTINGS, Entry, Folder, Layers, agents, owned_by_stranger, scan
from botbottle.load.parse import (
    Agent,
    Bottle,
    Result,
    SettingsDoc,
    parse_agent,
    parse_bottle,
    parse_settings,
)
from botbottle.load.source import Source
from botbottle.model.diagnostic import Diagnostic, Origin, Severity


class Library:
    """The manifest files that ``layers`` can see.

    ``diagnostics`` grows with every file that is read. A broken file is None and stays so.
    ``instead`` maps a file to a draft that is read in its place.
    """

    def __init__(self, layers: Layers, instead: Mapping[Path, Path] | None = None) -> None:
        self.layers = layers
        self.instead = instead or {}
        self.diagnostics: list[Diagnostic] = list(_foreign(layers))
        self.bottle_folder = scan(layers.home, "bottles", "home")
        self.home_agents = scan(layers.home, "agents", "home")
        self.project_agents = (
            scan(layers.project, "agents", "project") if layers.project else Folder({})
        )
        self.agent_entries = agents(layers)
        self.diagnostics += findings(exposed(layers, self._places()))
        self._bottles: dict[str, Bottle | None] = {}
        self._agents: dict[str, Agent | None] = {}
        self.known = Known().with_contrib(self._contrib())
        self.settings = self._read_settings()
        if self.settings:
            self.known = self.known.with_budgets(self.settings.keys.providers or ())

    def bottle(self, name: str) -> Bottle | None:
        """The bottle file ``name``, which must exist; None if it is broken."""
        if name not in self._bottles:
            entry = self.bottle_folder.entries[name]
            self._bottles[name] = self._keep(parse_bottle, entry)
        return self._bottles[name]

    def agent(self, name: str) -> Agent | None:
        """The agent file ``name`` (project before home), which must exist; None if broken."""
        if name not in self._agents:
            self._agents[name] = self._keep(parse_agent, self.agent_entries[name])
        return self._agents[name]

    def source(self, origin: Origin) -> Source | None:
        """The text of the file that an origin speaks of, if it was read."""
        documents = (*self._bottles.values(), *self._agents.values(), self.settings)
        for document in documents:
            source = document.source if document else None
            if source and (source.file, source.layer) == (origin.file, origin.layer):
                return source
        return None

    def texts(self) -> dict[tuple[str, str], str]:
        """Layer and path of each file that was read → its text."""
        documents = (*self._bottles.values(), *self._agents.values(), self.settings)
        sources = [document.source for document in documents if document]
        return {(source.layer, source.file): source.text for source in sources}

    def _keep[T](self, parse: Callable[[Entry, Known], Result[T]], entry: Entry) -> T | None:
        value, found = parse(self._draft(entry), self.known)
        self.diagnostics += found
        return value

    def _draft(self, entry: Entry) -> Entry:
        draft = self.instead.get(entry.path)
        return replace(entry, path=draft) if draft else entry

    def _read_settings(self) -> SettingsDoc | None:
        path = self.layers.home / SETTINGS
        if not os.path.lexists(path):
            return None
        entry = Entry("settings", path, SETTINGS, "home")
        value, found = parse_settings(self._draft(entry), self.known)
        self.diagnostics += found
        return value

    def _places(self) -> Iterator[tuple[str, str]]:
        for folder in (self.bottle_folder, self.home_agents, self.project_agents):
            yield from ((entry.layer, entry.file) for entry in folder.entries.values())

    def _contrib(self) -> list[str]:
        try:
            return sorted(e.name for e in os.scandir(self.layers.home / "contrib") if e.is_dir())
        except OSError:
            return []


def _foreign(layers: Layers) -> Iterator[Diagnostic]:
    if layers.project and owned_by_stranger(layers.project):
        yield Diagnostic(
            Severity.ERROR,
            "BB2301",
            "the project's folder belongs to another user, whose agents are not run",
            Origin("", 0, 0, "project"),
            hint=f"look at {layers.project}; take it over with chown, or work elsewhere",
        )
