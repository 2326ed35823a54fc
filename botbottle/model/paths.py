"""Where bb keeps its own files below the home directory. Pure: builds paths, touches nothing.

::

    HOME/                         ~/.bot-bottle, 0700
      ledger/bot-bottle.db        the SQLite ledger; the directory is mounted in the service only
      run/fingerprint.key         HMAC key of secret fingerprints, 0600
      run/ledger/SLUG/            ledger.sock: one bottle's identity towards the ledger service
      run/bottles/SLUG/control/   control.sock of the egress sidecar, mounted in it only
      run/bottles/SLUG/ca/        the bottle's own CA key, mounted in its sidecar only
      run/bottles/SLUG/public/    ca.pem and bundle.pem, mounted read-only in the agent
      run/bottles/SLUG/system.pem the same bundle as a file, for the system's own place in the agent
      run/locks/PROJECT.lock      the project's flock
      run/manifests/PROJECT.json  what the manifests declared when they were last applied, 0600
      run/projects/PROJECT        the project's folder, when it was last applied
      run/place                   this home's own path, when it was last applied
"""

from __future__ import annotations

import functools
import hashlib

from msgspec import Struct


class HomePaths(Struct, frozen=True, dict=True):
    """Paths below one bb home (an absolute path)."""

    home: str

    @functools.cached_property
    def home_id(self) -> str:
        """Short hash that labels this home's resources."""
        return hashlib.sha256(self.home.encode()).hexdigest()[:8]

    @property
    def ledger_dir(self) -> str:
        return f"{self.home}/ledger"

    @property
    def ledger_db(self) -> str:
        return f"{self.home}/ledger/bot-bottle.db"

    @property
    def socket_root(self) -> str:
        """Mounted whole in the ledger service."""
        return f"{self.home}/run/ledger"

    @property
    def fingerprint_key(self) -> str:
        return f"{self.home}/run/fingerprint.key"

    @property
    def manifests(self) -> str:
        """A cache: what is in it may be removed at any time."""
        return f"{self.home}/run/manifests"

    @property
    def place(self) -> str:
        return f"{self.home}/run/place"

    @property
    def project_places(self) -> str:
        return f"{self.home}/run/projects"

    def project_place(self, project: str) -> str:
        return f"{self.project_places}/{project}"

    def lock(self, project: str) -> str:
        return f"{self.home}/run/locks/{project}.lock"

    def bottle(self, project: str, name: str) -> BottlePaths:
        return BottlePaths(self.home, slug(project, name))


class BottlePaths(Struct, frozen=True):
    """Paths of one bottle."""

    home: str
    slug: str

    @property
    def socket_dir(self) -> str:
        return f"{self.home}/run/ledger/{self.slug}"

    @property
    def root(self) -> str:
        return f"{self.home}/run/bottles/{self.slug}"

    @property
    def control(self) -> str:
        return f"{self.root}/control"

    @property
    def ca(self) -> str:
        return f"{self.root}/ca"

    @property
    def public(self) -> str:
        return f"{self.root}/public"

    @property
    def system_bundle(self) -> str:
        """A file outside of what a sidecar can write names in: it cannot put a link there, which
        the engine would follow to any file of the host."""
        return f"{self.root}/system.pem"


def slug(project: str, name: str) -> str:
    """Short, unique directory name of a bottle (unix socket paths are limited to 107 bytes)."""
    return f"{name[:24]}-{hashlib.sha256(f'{project}/{name}'.encode()).hexdigest()[:8]}"


def account(project: str, name: str) -> str:
    """A bottle's key in the ledger."""
    return f"{project}/{name}"
