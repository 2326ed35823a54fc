"""The providers' own commands: which npm packages, pinned by version and SHA-512. Data only."""

from __future__ import annotations

from msgspec import Struct


class Platform(Struct, frozen=True):
    """One architecture's package: an npm spec, its integrity (base64 SHA-512), and the folder
    inside it that holds the files."""

    spec: str
    sha512: str
    folder: str


class Cli(Struct, frozen=True):
    """A provider's command. ``keep``: path prefixes below ``folder`` that the image needs."""

    name: str
    program: str  # path below the folder, linked as /usr/local/bin/NAME
    keep: tuple[str, ...]
    platforms: tuple[tuple[str, Platform], ...]


_CLAUDE = "@anthropic-ai/claude-code-linux-{}@2.1.330"
_CODEX = "@openai/codex@0.169.0-linux-{}"
_NODE = "node-linux-{}@22.23.3"
_PI = Platform(
    "@earendil-works/pi-coding-agent@1.5.2",
    "mUWI04rqF1Vd/m1q+Ps1XeWsTXEVvRUnsmRa83I3Dzua0Tx5bYS93imeqtIfrXf7PkkaR6ERz+AuQhIJlom5yA==",
    "package/",
)

# Debian's Node.js is too old for pi. It is no part of the other images.
NODE = Cli(
    name="node",
    program="bin/node",
    keep=("bin/node", "LICENSE"),
    platforms=(
        (
            "x86_64",
            Platform(
                _NODE.format("x64"),
                "qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbob"
                "E9BtHNg/AKR2583eYorLF/c7ng==",
                "package/",
            ),
        ),
        (
            "aarch64",
            Platform(
                _NODE.format("arm64"),
                "l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+3"
                "6tjJnSE+dzpMNtgW+c3oiDvXtA==",
                "package/",
            ),
        ),
    ),
)

CLIS = {
    cli.name: cli
    for cli in (
        Cli(
            name="claude",
            program="claude",
            keep=("claude", "LICENSE.md"),
            platforms=(
                (
                    "x86_64",
                    Platform(
                        _CLAUDE.format("x64"),
                        "9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85S"
                        "DN/LPVZyjsGezQ==",
                        "package/",
                    ),
                ),
                (
                    "aarch64",
                    Platform(
                        _CLAUDE.format("arm64"),
                        "V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0ue"
                        "djQxUY02ARPcsA==",
                        "package/",
                    ),
                ),
            ),
        ),
        Cli(
            name="codex",
            program="bin/codex",
            keep=("bin/", "codex-path/", "codex-resources/bwrap"),
            platforms=(
                (
                    "x86_64",
                    Platform(
                        _CODEX.format("x64"),
                        "o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8"
                        "mlGOsQGFXVbVww==",
                        "package/vendor/x86_64-unknown-linux-musl/",
                    ),
                ),
                (
                    "aarch64",
                    Platform(
                        _CODEX.format("arm64"),
                        "NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TW"
                        "xYzvxPfj5G/xFg==",
                        "package/vendor/aarch64-unknown-linux-musl/",
                    ),
                ),
            ),
        ),
        Cli(
            name="pi",
            program="dist/bundle/cli.js",
            keep=(
                "package.json",
                "dist/bundle/",
                "dist/modes/interactive/",
                "dist/core/export-html/",
            ),
            platforms=(("x86_64", _PI), ("aarch64", _PI)),
        ),
    )
}
RUNTIMES = {"pi": NODE}  # what a command's image needs beside it


def parts(name: str) -> tuple[Cli, ...]:
    """The packages of one provider's image: its command, then what runs that."""
    return (CLIS[name], *((RUNTIMES[name],) if name in RUNTIMES else ()))
