"""Retention on a real engine: what goes is shown, asked for, removed; what is needed stays."""

from __future__ import annotations

from tests.support.live import Live, docker


def test_superfluous_snapshots_go_with_an_apply_where_the_settings_say_so_and_no_sooner(
    live: Live,
) -> None:
    live.settings("freezes: {keep: 1}\n")
    live.apply()
    for _ in range(2):
        live.bb("freeze", "web")
        live.bb("resume", "web")
    new, old = live.json("freezes")["freezes"]
    assert (new["retention"], old["retention"]) == (None, "retention-count")

    assert live.bb("plan", "--detailed-exitcode").returncode == 0
    live.settings("freezes: {keep: 1, remove: auto}\n")
    shown = live.bb("plan", "--detailed-exitcode", code=2)
    assert old["image"] in shown.stdout and new["image"] not in shown.stdout
    live.bb("freeze", "web", "--reason", "an order removes none")
    live.bb("resume", "web")
    assert len(live.json("freezes")["freezes"]) == 3

    by_hand = docker("create", old["image"], "true").strip()
    assert old["image"] not in live.bb("plan", "--detailed-exitcode", code=2).stdout
    live.bb("apply", "--yes")
    live.bb("freezes", "--prune", "retention")
    kept = live.json("freezes")["freezes"]
    assert [f["image"] for f in kept[1:]] == [old["image"]] and kept[1]["volumes"]
    assert live.bb("plan", "--detailed-exitcode").returncode == 0, "kept, and nothing left to do"
    docker("rm", by_hand)

    live.bb("apply", "--yes")
    (left,) = live.json("freezes")["freezes"]
    assert left["at"] > new["at"] and left["volumes"]
    for found in (new, old):
        for tag in (found["image"], found["volumes"]):
            assert docker("image", "inspect", tag, check=False) in ("", "[]")
    assert docker("image", "inspect", left["image"], left["volumes"])
    assert live.bb("plan", "--detailed-exitcode").returncode == 0
    docker("rmi", "-f", left["image"], left["volumes"])


def test_the_snapshot_of_a_bottle_that_comes_back_from_it_stays(live: Live) -> None:
    """Its container and volumes are lost: only the snapshot has the work."""
    live.settings("freezes: {keep: 1, remove: auto}\n")
    live.apply()
    live.shell("echo thought > /workspace/notes")
    live.bb("freeze", "web")
    (freeze,) = live.json("freezes")["freezes"]
    found = live.inspect()
    docker("rm", "-f", found["Id"])
    docker("volume", "rm", *(m["Name"] for m in found["Mounts"] if m["Type"] == "volume"))
    live.bb("freezes", "--prune", "retention")
    live.bb("apply", "--yes")
    live.bb("resume", "web")
    assert live.shell("cat /workspace/notes").stdout == "thought\n"

    live.bb("freeze", "web")
    live.bb("freezes", "--prune", "retention")
    new, old = live.json("freezes")["freezes"]
    assert old["image"] == freeze["image"], "a container was made from it"
    assert new["retention"] is None and old["retention"] is None
    live.bb("destroy", "--yes", "--allow", "destroy")
    docker("rmi", "-f", *(t for f in (new, old) for t in (f["image"], f["volumes"])))
