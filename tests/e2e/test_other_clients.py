"""Go, Java and Bun in a real bottle, by the proxy variables and without them.

The programs are built or fetched on the host (``tests.sidecar_egress.tools``, kept in .cache) and
copied into the running bottle: no image is built for them. Where one cannot be had its tests are
skipped with the reason.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_clients import ALLOWED, DENIED, ROUTES
from tests.sidecar_egress import tools
from tests.sidecar_egress.test_other_clients import BUN, JAVA, go
from tests.support.live import Live, docker

PLACE = "/workspace/client"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Client:
    """A folder of the host, and the command line that runs it inside."""

    folder: Path
    argv: str
    # Variables that make it use the proxy, as a shell takes them away.
    blind: str = "unset " + " ".join(n for v in VARIABLES for n in (v, v.lower()))


def go_client(folder: Path) -> Client:
    go(folder)
    for other in folder.iterdir():
        if other.name != "get":
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    return Client(folder, f"{PLACE}/get")


def bun_client(folder: Path) -> Client:
    shutil.copy(tools.bun(), folder / "bun")
    (folder / "get.ts").write_text(BUN)
    return Client(folder, f"{PLACE}/bun run {PLACE}/get.ts")


def java_client(folder: Path) -> Client:
    """The class and a runtime of only the modules it needs, made from the machine's JDK."""
    home = tools.java().resolve().parent.parent
    if not (home / "jmods").is_dir():
        pytest.skip("the JDK of this machine has no jmods")
    (folder / "Get.java").write_text(JAVA)
    _run(f"{home}/bin/javac", "-d", f"{folder}", f"{folder}/Get.java")
    kept = tools.CACHE / "jre"
    if not kept.exists():
        _link(home, folder / "jre")
        new = kept.with_name(f"jre.{secrets.token_hex(4)}")
        shutil.copytree(folder / "jre", new)
        with suppress(OSError):  # somebody else was first
            new.rename(kept)
    else:
        shutil.copytree(kept, folder / "jre")
    blind = "export JAVA_TOOL_OPTIONS=$(echo $JAVA_TOOL_OPTIONS | tr ' ' '\\n' | grep trustStore)"
    return Client(folder, f"{PLACE}/jre/bin/java -cp {PLACE} Get", blind)


def _link(home: Path, target: Path) -> None:
    # Elliptic curves are a module of their own, and the bottle's certificates are made with them.
    _run(f"{home}/bin/jlink", "--add-modules", "java.net.http,jdk.crypto.ec", "--strip-debug",
         "--no-header-files", "--no-man-pages", "--output", str(target))  # fmt: skip


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=tools.SECONDS)


def ask(live: Live, client: Client, path: str, *, blind: bool) -> tuple[str, Any]:
    """Status and JSON body of a GET that the client makes inside the bottle."""
    first = f"{client.blind}; " if blind else ""
    done = live.shell(f"{first}exec {client.argv} {path}")
    assert done.returncode == 0, done.stderr[-1500:]
    status, _, body = done.stdout.partition("\n")
    return status, json.loads(body)


@pytest.mark.parametrize("make", [go_client, bun_client, java_client], ids=["go", "bun", "java"])
def test_it_works_where_it_may_and_reads_the_denial_elsewhere(
    live: Live, tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], Client]
) -> None:
    client = make(tmp_path_factory.mktemp("client"))
    client.folder.chmod(0o755)  # its owner inside is not the agent
    live.bottle(extra=ROUTES)
    live.apply()
    docker("cp", str(client.folder), f"{live.container()}:{PLACE}")
    for blind in (False, True):
        live.internet.reset()
        status, _ = ask(live, client, f"https://{ALLOWED}/echo", blind=blind)
        assert status == "200"
        assert len(live.internet.requests(ALLOWED)) == 1
        status, denial = ask(live, client, f"https://{DENIED}/echo", blind=blind)
        assert (status, denial["code"], denial["host"]) == ("403", "no-route", DENIED)
        assert live.internet.requests(DENIED) == []
