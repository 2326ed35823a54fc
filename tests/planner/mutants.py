"""Put mistakes into a copy of the planner, one at a time, and see that tests/planner fails.

    python -m tests.planner.mutants [NAME ...]

A mutant is (name, file, text that occurs once, replacement). Prints one line a mutant; exits 1
if one survives. Bounded: each run of the tests gets 120 seconds.
"""

# ruff: noqa: E501 - one mutant a line reads best
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("botbottle", "tests/__init__.py", "tests/planner", "tests/support", "pyproject.toml")


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant("a kept copy is not renamed", "container.py", "    if keep.name != spec.name:\n", "    if False:\n"),
    Mutant("a kept agent that stopped is not started", "agent.py", "    if not agent.running:\n", "    if agent.created_by:\n"),
    Mutant("labels do not decide what is ours", "draft.py", "    return found.get(labels.HOME) == home_id and found.get(labels.PROJECT) == project", "    return labels.HOME in found"),
    Mutant("a taken name is not refused", "container.py", "    if stranger and stranger not in found:", "    if False and stranger:"),
    Mutant("no tightening before an old copy stops", "sidecar.py", "if stopped and status else None", "if False and status else None"),
    Mutant("the config is pushed while the old copy runs", "sidecar.py", "(*after, *stopped, *first)", "(*after, *first)"),
    Mutant("the agent starts without its config", "agent.py", "(*ready, *pushed, *after, *before)", "(*ready, *after, *before)"),
    Mutant("the sidecar starts before the account exists", "plan.py", "(*before, *((registered,) if registered else ()))", "before"),
    Mutant("an old copy is removed while it runs", "container.py", "        if old.state in ALIVE:\n", "        if False:\n"),
    Mutant("limits are not compared", "container.py", "    if keep.limits == spec.limits:\n", "    if True:\n"),
    Mutant("an exhausted budget changes nothing", "enforce.py", "if p.exhausted)", "if False)"),
    Mutant("a kill is forgotten", "enforce.py", '    if record is None or record.policy == "cutoff":', "    if True:"),
    Mutant("strays stay on a network", "attach.py", "cut = tuple(_disconnect(draft, spec, ref, resource, e) for e in stray)", "cut: tuple[str, ...] = ()"),
    Mutant("gained reach is neutral", "reach.py", "ReachChange(bottle, Reach.WIDENS, a)", "ReachChange(bottle, Reach.NEUTRAL, a)"),
    Mutant("orphans are forgotten", "plan.py", "[] if facts.only else orphan_names", "[] if True else orphan_names"),
    Mutant("nobody makes way for a name", "plan.py", "    make_way(draft, chosen)\n", ""),
    Mutant("a name is taken before it is left", "plan.py", "names_first(draft, cuts_first(draft.ops, _networks_of(chosen)))", "cuts_first(draft.ops, _networks_of(chosen))"),
    Mutant("a stray is cut after others start", "plan.py", "cuts_first(draft.ops, _networks_of(chosen))", "tuple(draft.ops)"),
    Mutant("a container of another project makes way", "draft.py", "return owned(marks, home, project) or owned(marks, home, SHARED)", "return marks.get(labels.HOME) == home"),
    Mutant("a paused container is left paused", "container.py", '    if keep.state == "paused":\n', "    if False:\n"),
    Mutant("a superseded network is left", "network.py", "    old = [n for n in found if n is not keep]", "    old: list[ObservedNetwork] = []"),
    Mutant("a stranger on a network does not stop its removal", "network.py", "    if foreign:\n", "    if False:\n"),
    Mutant("a missing credential is not noticed", "sidecar.py", "    return held.issuperset(want.missing)", "    return True"),
    Mutant("a rotated credential is not delivered", "sidecar.py", "return any(held.get(name) != print_ for name, print_ in want.secrets)", "return False"),
    Mutant("an approved reach is asked for again", "reach.py", "sorted(after - before - approved)", "sorted(after - before)"),
    Mutant("a raised budget needs no approval", "analyze.py", 'yield Notice("BB310", name, text, "budget")', 'yield Notice("BB310", name, text)'),
    Mutant("a cutoff replaces what was edited", "container.py", '(held and c.state != "created")', "False"),
    Mutant("a cutoff builds what was edited", "waiting.py", "    if want.standing.free:\n        return want.recipes\n", "    if True:\n        return want.recipes\n"),
    Mutant("a cutoff delivers what was edited", "waiting.py", "if active else want.config", "if False else want.config"),
    Mutant("a cutoff sets edited limits", "container.py", "updated = () if held else _limits(", "updated = _limits("),
    Mutant("what waits is not shown", "plan.py", "        plan_waiting(draft, want)\n", "        pass\n"),
    Mutant("a resume's starts are drift", "sidecar.py", 'drift=reason == "not-running"', "drift=True"),
    Mutant("a snapshot is marked with what was edited", "freeze.py", 'found.labels.get(labels.SPEC, "")', "canonical.canonical(want.agent.immutable)"),
    Mutant("what nobody has applied is made while it is held", "wanted.py", "(known and state.policy", "(state.policy"),
    Mutant("a watch raises a budget", "facts.py", "    raises: bool = True\n", "    raises: bool = False\n"),
    Mutant("a raised limit needs no approval", "raises.py", "if was is not None and (now is None or now > was):", "if False:"),
    Mutant("a limit that another replaces is not compared", "raises.py", "any(_as_strict(p, pool) for p in left)", "left"),
    Mutant("an edit counts less unasked", "raises.py", "if limited and (less :=", "if not limited and (less :="),
    Mutant("a new limit is unused", "pending.py", "books.coming.get(key) or Pool(*key, 0, 0)", "Pool(*key, 0, 0)"),
    Mutant("a limit that waits governs already", "pending.py", "now = standing(was, key, providers, counts,", "now = standing(spec, key, providers, mode,"),
    Mutant("what was taken away comes back unasked", "sidecar.py", "        return frozenset()\n    return draft.facts.approved", "        pass\n    return draft.facts.approved"),
    Mutant("a gone host's protection is forgotten", "approved.py", "return replace(live, routes=(*live.routes, *gone))", "return live"),
    Mutant("what is approved grows by itself", "approved.py", "if atom in wanted]", "or []] + sorted(wanted)"),
    Mutant("what takes requests over protects less unasked", "reach.py", "            | taken\n", ""),
    Mutant("a stop waits for what else is edited", "policy.py", 'if want.mode != "running" or not draft.ops_of(name):', "if not draft.ops_of(name):"),
    Mutant("a project takes another home bottle unasked", "policy.py", "known == now or", "known or"),
    Mutant("a cut-off agent is made with another bottle unasked", "policy.py", 'if want.standing.free or not draft.mine(name, "agent"):', "if want.standing.free:"),
    Mutant("a host leaves the meter unasked", "policy.py", "if key and provider_of(host, counted) != key and _routed(host, now):", "if False:"),
    Mutant("an exact path reads like a prefix", "reach.py", 'json.dumps(value) if "*" in value else _quoted(value)', "value"),
    Mutant("another bottle's container holds a network for ever", "network.py", "after=(*after, *cuts),", "after=after,"),
    Mutant("a deleted volume needs no approval", "analyze.py", 'isinstance(op, RemoveVolume) and op.reason != "killed"', "False"),
    Mutant("no audit row for an enforcement", "plan.py", "    plan_record(draft, want, view)\n", ""),
    Mutant("a subnet that somebody uses is handed out", "bottles.py", "    return (s for n in observed.networks for s in n.subnets)", "    return ()"),
    Mutant("a bottle's subnet changes at every plan", "bottles.py", "existing.get(spec.name) or pool.take()", "pool.take()"),
    Mutant("volumes go with a replaced agent", "agent.py", "if v.name not in have", "if True"),
    Mutant("an old reach stays while the config is the same", "reach.py", "    if old and (old.routes, old.learning) == (new.routes, new.learning):\n", "    if old:\n"),
    Mutant("look-alikes come in the engine's order", "lookalike.py", "sorted(_found(draft, wants), key=lambda n: n.message)", "_found(draft, wants)"),
    Mutant("pools come in the ledger's order", "analyze.py", "        for pool in sorted(view.pools, key=pool_key)\n        if pool_key(pool) in governs", "        for pool in view.pools\n        if pool_key(pool) in governs"),
    Mutant("a stranger's volume is mounted", "agent.py", "    if volumes_taken(draft, want):\n", "    if False:\n"),
    Mutant("a bottle with files is adopted over", "adopt.py", '    if draft.mine(name, "agent"):\n', "    if False:\n"),
    Mutant("a running container is adopted", "adopt.py", "    if source.state in ALIVE:\n", "    if False:\n"),
    Mutant("the copy goes before it was used", "adopt.py", "            after=(restored,),\n", ""),
    Mutant("what is observed decides the order", "draft.py", "sorted(observed.containers, key=lambda c: c.id)", "observed.containers"),
    Mutant("a volume is made before its account", "agent.py", '"volume", "missing", before)', '"volume", "missing", ())'),
    Mutant("volumes alone do not tell of a lost ledger", "forgotten.py", "draft.mine(name, \"egress\"), *made)", "draft.mine(name, \"egress\"))"),
    Mutant("adopted volumes tell of a lost ledger", "forgotten.py", " if labels.ADOPTED not in v.labels)", ")"),
    Mutant("a deleted ledger is not told where nothing is left", "forgotten.py", "not (gone or _was_applied", "not (_was_applied"),
    Mutant("a held sidecar stays on another bottle's network", "waiting.py", "if name not in sealed | {want.network.name}", "if name != want.network.name"),
    Mutant("another authority is trusted unasked", "policy.py", 'yield Notice("BB309", name, text, "widen")', 'yield Notice("BB309", name, text)'),
    Mutant("a certificate in other lines is another one", "policy.py", '"".join(found.split())', "found"),
)  # fmt: skip


def _copy(into: Path) -> None:
    for name in COPIED:
        source, target = ROOT / name, into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def survives(mutant: Mutant, copy: Path) -> bool:
    """True when every planner test still passes with the mistake put into the copy."""
    path = _file(mutant, copy)
    text = path.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"mutant {mutant.name!r} no longer applies: {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    try:
        return _passes(copy)
    finally:
        path.write_text(text, "utf-8")


def _file(mutant: Mutant, copy: Path) -> Path:
    return copy / "botbottle/planner" / mutant.file


def _passes(copy: Path) -> bool:
    command = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--ignore=tests/planner/test_mutants.py",  # it would notice every one of them
        "tests/planner",
    ]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest failed to run\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def main(names: list[str]) -> int:
    """Run the mutants whose name contains one of ``names`` (all by default)."""
    chosen = [m for m in MUTANTS if not names or any(n in m.name for n in names)]
    survivors = 0
    with tempfile.TemporaryDirectory() as name:
        _copy(Path(name))
        for mutant in chosen:
            lives = survives(mutant, Path(name))
            survivors += lives
            print(f"{'SURVIVES' if lives else 'caught  '} {mutant.name}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
