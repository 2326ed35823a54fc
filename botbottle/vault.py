"""Secret values, in memory only, and only for as long as a run lasts.

Nothing here can be printed, compared, pickled or copied by accident: representations show counts,
never names or values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

from botbottle.errors import MissingValue
from botbottle.model.sidecar_config import fingerprint
from botbottle.providers.login import texts


class Vault(Protocol):
    """Where the executor gets the values a plan only names."""

    @property
    def key(self) -> bytes:
        """HMAC key of fingerprints."""

    def secret(self, name: str) -> str:
        """Value of a credential by the name routes use. Raises MissingValue."""

    def known(self) -> Mapping[str, str]:
        """Every credential of this run, name → text: to be searched for, nothing else."""

    def env(self, bottle: str) -> Mapping[str, str]:
        """Asked and copied variables of a bottle, name → value."""

    @property
    def ledger(self) -> str:
        """The password of the ledger's database; empty when it needs none."""


class MemoryVault:
    """The vault of one run."""

    __slots__ = ("_env", "_key", "_ledger", "_secrets")

    def __init__(
        self,
        key: bytes,
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, Mapping[str, str]] | None = None,
        ledger: str = "",
    ) -> None:
        self._key = key
        self._ledger = ledger
        self._secrets = dict(secrets or {})
        self._env = {bottle: dict(values) for bottle, values in (env or {}).items()}

    @property
    def key(self) -> bytes:
        return self._key

    def secret(self, name: str) -> str:
        value = self._secrets.get(name, "")
        if not value:
            raise MissingValue(
                f"no value for the credential {name}", hint="bb plan says where it comes from"
            )
        return value

    def known(self) -> Mapping[str, str]:
        return texts({name: value for name, value in self._secrets.items() if value})

    def env(self, bottle: str) -> Mapping[str, str]:
        return dict(self._env.get(bottle, {}))

    @property
    def ledger(self) -> str:
        return self._ledger

    def fingerprints(self) -> dict[str, str]:
        """Credential name → keyed fingerprint: what a plan may show."""
        return {n: fingerprint(self._key, v) for n, v in sorted(self._secrets.items())}

    def __repr__(self) -> str:
        return f"<vault: {len(self._secrets)} secrets, {len(self._env)} bottles>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault stays in memory")
