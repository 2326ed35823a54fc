"""Names that a manifest may use without declaring them: providers and templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct
from msgspec.structs import replace

from botbottle.providers import PROVIDERS


class Known(Struct, frozen=True):
    """``budgets``: some keys a budget may have; ``budget_keys`` has all. ``templates``: values
    of agent_provider.template."""

    budgets: frozenset[str] = frozenset(p.budget for p in PROVIDERS.values())
    templates: frozenset[str] = frozenset(PROVIDERS)

    def with_contrib(self, names: Collection[str]) -> Known:
        """Plugins bring a template and a budget key of their name."""
        return Known(self.budgets | frozenset(names), self.templates | frozenset(names))

    def with_budgets(self, names: Iterable[str]) -> Known:
        """Further budget keys, from settings."""
        return replace(self, budgets=self.budgets | frozenset(names))

    def budget_keys(self) -> frozenset[str]:
        """Every budget key, also those of providers that bb only meters.

        The meter is imported here and not above: most homes name no such provider, and its
        import costs a tenth of ``bb validate``.
        """
        from botbottle.meter.hosts import METERED_HOSTS

        return self.budgets | frozenset(METERED_HOSTS.values())
