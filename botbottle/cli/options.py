"""A verb is a function of its name, and its parameters are declared here: once, and read by two.
Typer does everything; ``plain`` understands the command lines that need none of it (see there).

A declaration says what typer's own says, but importing it costs nothing. ``typed`` makes the
function that typer takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from botbottle.cli.context import Context


class Invocation:
    """What a verb gets of its invocation: the ``Context`` that the global options make. They
    themselves get the words after ``bb`` in its place."""

    obj: Context

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.obj = tuple(words)  # type: ignore[assignment]  # until ``root`` has run


class Option:
    """One option by its names (``--yes``, ``-y``; ``--wait/--no-wait`` for a switch). ``low`` and
    ``high`` bound a number."""

    def __init__(
        self,
        *names: str,
        help: str = "",  # noqa: A002  # as typer calls it
        envvar: str = "",
        metavar: str = "",
        low: int | None = None,
        high: int | None = None,
    ) -> None:
        self.names = names
        self.help = help
        self.envvar = envvar
        self.metavar = metavar
        self.low = low
        self.high = high

    def typed(self) -> Any:
        """The same for typer."""
        import typer

        return typer.Option(
            *self.names,
            help=self.help or None,
            envvar=self.envvar or None,
            metavar=self.metavar or None,
            min=self.low,
            max=self.high,
        )


class Argument:
    """A word without a name before it."""

    def __init__(self, *, help: str) -> None:  # noqa: A002  # as typer calls it
        self.help = help

    def typed(self) -> Any:
        """The same for typer."""
        import typer

        return typer.Argument(help=self.help)


class Group:
    """A verb that has ``verbs`` of its own, each called as its function is."""

    def __init__(self, *verbs: Callable[..., int], help: str) -> None:  # noqa: A002  # see above
        self.verbs = {verb.__name__.rstrip("_"): verb for verb in verbs}
        self.help = help


def hints(function: Callable[..., Any]) -> dict[str, tuple[Any, Option | Argument | None]]:
    """Type and declaration of each parameter."""
    found = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        kind, *rest = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        own = (item for item in rest if isinstance(item, (Option, Argument)))
        found[name] = (kind, next(own, None))
    return found


def typed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of the function whose parameters are declared in typer's own words."""
    from types import FunctionType

    import typer

    if not isinstance(function, FunctionType):
        return function
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__doc__, copy.__kwdefaults__ = function.__doc__, function.__kwdefaults__
    copy.__annotations__ = get_type_hints(function, include_extras=True)
    for name, (kind, own) in hints(function).items():
        if own is not None:
            copy.__annotations__[name] = Annotated[kind, own.typed()]
        elif kind is Invocation:
            copy.__annotations__[name] = typer.Context
    return copy
