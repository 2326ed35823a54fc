"""Entry point. Answers ``version`` and completion before anything heavy is imported."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    """Run ``bb`` and exit with its code."""
    args = sys.argv[1:]
    open_streams()
    show_everything()
    # No package that happens to be installed gets to look at manifests through pydantic, and its
    # search for such plugins would read the metadata of every installed package.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    # Starting up makes many objects and hardly any garbage: collect less often than every few
    # hundred objects, which costs a twentieth of a short run.
    gc.set_threshold(50_000, 20, 50)
    from botbottle.cli.app import guarded
    from botbottle.cli.app import main as run

    if args[:1] == ["__complete"] or args in (["version"], ["--version"], ["-V"]):
        sys.exit(guarded(lambda: answer_at_once(args), args))
    import_records()
    code = run(args)
    # The end of the process frees everything; looking for garbage in it first costs a tenth of a
    # short run.
    gc.freeze()
    sys.exit(code)


def answer_at_once(args: list[str]) -> int:
    """The version, or what a shell may complete a line with."""
    if args[0] == "__complete":
        from botbottle.cli.complete import answer

        sys.stdout.write(answer(args[1:]))
    else:
        from botbottle import __version__

        sys.stdout.write(f"bb {__version__}\n")
    return 0


def import_records() -> None:
    """Import msgspec without typing_extensions, of which it only takes what typing has as well:
    with what that imports it takes longer than all the rest of msgspec."""
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # "there is no such module"
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


def show_everything() -> None:
    """Write what the terminal's character set lacks as its code: a name must not end a verb."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_streams() -> None:
    """Put /dev/null where a standard stream was closed (``2>&-``, some cron jobs).

    Python leaves such a stream None, and the next file that is opened, a ledger for one, would
    get its number: what some library then writes to "standard error" would land in the ledger.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


if __name__ == "__main__":
    main()
