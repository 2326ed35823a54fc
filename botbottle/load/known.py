"""Names that a manifest may use without declaring them: providers and templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from botbottle.meter.hosts import METERED_HOSTS
from botbottle.providers import PROVIDERS


@dataclass(frozen=True, slots=True)
class Known:
    """``budgets``: keys a budget may have. ``templates``: values of agent_provider.template."""

    budgets: frozenset[str] = frozenset(METERED_HOSTS.values()) | frozenset(PROVIDERS)
    templates: frozenset[str] = frozenset(PROVIDERS)

    def with_contrib(self, names: Collection[str]) -> Known:
        """Plugins bring a template and a budget key of their name."""
        return Known(self.budgets | frozenset(names), self.templates | frozenset(names))

    def with_budgets(self, names: Iterable[str]) -> Known:
        """Further budget keys, from settings."""
        return replace(self, budgets=self.budgets | frozenset(names))
