"""Entry point. Answers ``version`` and completion before anything heavy is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``bb`` and exit with its code."""
    args = sys.argv[1:]
    if args in (["version"], ["--version"], ["-V"]):
        from botbottle import __version__

        sys.stdout.write(f"bb {__version__}\n")
        return
    if args[:1] == ["__complete"]:
        from botbottle.cli.complete import answer

        sys.stdout.write(answer(args[1:]))
        return
    from botbottle.cli.app import main as run

    sys.exit(run(args))


if __name__ == "__main__":
    main()
