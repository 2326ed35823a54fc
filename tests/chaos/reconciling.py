"""What the reconciler's chaos runs share: a fleet without an upstream, and strangers beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.live import SEALED, Internet, Live, docker

BOTTLES = ("one", "two", "three")


def stranger_name(live: Live) -> str:
    return f"bb-chaos-stranger-{live.home_id}"


@dataclass
class Strangers:
    """A container, a network and a volume of somebody else, with names like ours."""

    name: str

    def make(self, image: str) -> None:
        docker("network", "create", *SEALED, self.name)
        docker("volume", "create", self.name)
        docker("run", "-d", "--name", self.name, "--network", self.name, "-v", f"{self.name}:/v",
               "--entrypoint", "python3", image, "-c", "import time; time.sleep(3600)")  # fmt: skip

    def look(self) -> tuple[str, ...]:
        shape = "{{.Id}} {{.State.StartedAt}} {{.State.Status}} {{json .NetworkSettings.Networks}}"
        return (
            docker("inspect", "-f", shape, self.name),
            docker("network", "inspect", "-f", "{{.Id}} {{.Created}}", self.name),
            docker("volume", "inspect", "-f", "{{.CreatedAt}}", self.name),
        )

    def remove(self) -> None:
        docker("rm", "-f", self.name, check=False)
        docker("network", "rm", self.name, check=False)
        docker("volume", "rm", self.name, check=False)


class Sealed(Internet):
    """The outer side of the sidecars: a network that leads nowhere."""

    ca = Path()

    def start(self, image: str) -> None:
        docker("network", "create", *SEALED, "--subnet", self.subnet, self.name)

    def stop(self) -> None:
        docker("network", "rm", self.name, check=False)


class Fleet(Live):
    """Three bottles and no upstream."""

    def settings(self, extra: str = "") -> None:
        self.write("settings.yml", f"egress_network: {self.internet.name}\n{extra}")


def check_end(fleet: Fleet, strangers: Strangers, before: tuple[str, ...]) -> None:
    """One resync, then: nothing to do, one live copy of each, agents on their own network only."""
    once = fleet.bb("watch", "--once", code=None)
    plan = fleet.bb("plan", "--detailed-exitcode", code=None)
    assert plan.returncode == 0, f"{plan.stdout}\n{once.stderr[-3000:]}"
    for name in BOTTLES:
        assert len(fleet.containers(name, "egress")) == 1
        (network,) = fleet.inspect(name)["NetworkSettings"]["Networks"]
        assert docker("network", "inspect", "-f", "{{.Internal}}", network) == "true"
    assert strangers.look() == before
