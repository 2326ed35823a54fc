"""The algebra of policies: associative, idempotent, with identity; and the rules per key."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.load.merge import Leaf, Policy, RouteLeaf, fold, merge
from botbottle.model.diagnostic import Origin
from botbottle.model.route import Route
from tests.load.homes import BASE, codes, write

EMPTY = Policy()
PATHS = (
    "env.A",
    "env.B",
    "git-gate.user.name",
    "git-gate.repos.app.url",
    "git-gate.repos.app.key",
    "git-gate.repos.lib.url",
    "agent_provider.template",
    "agent_provider.auth_token",
    "agent_provider.settings.model",
    "shutdown",
    "egress.log",
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A file's own policy: every value has its own place."""
    file = draw(st.sampled_from("abcdefgh"))
    chosen = draw(st.dictionaries(st.sampled_from(PATHS), st.integers(0, 9), max_size=6))
    leaves = {
        path: Leaf(value, Origin(f"{file}{value}", PATHS.index(path) + 1))
        for path, value in chosen.items()
    }
    hosts = draw(st.lists(st.sampled_from(("x.example", "y.example")), max_size=2))
    routes = tuple(RouteLeaf(Route(host), Origin(file, i + 1), i) for i, host in enumerate(hosts))
    resets = set()
    if "agent_provider.template" in leaves:
        resets.add("agent_provider")
    if not any(p.startswith("git-gate.repos") for p in leaves) and draw(st.booleans()):
        resets.add("git-gate.repos")
    return Policy(leaves, routes, frozenset(resets))


def seen(policy: Policy) -> object:
    """What can be observed of a policy: values, histories, routes, resets."""
    leaves = {p: (leaf.value, leaf.origins) for p, leaf in policy.leaves.items()}
    return leaves, [r.place for r in policy.routes], policy.resets


@settings(max_examples=150, deadline=None)
@given(policies(), policies(), policies())
def test_the_grouping_does_not_matter(a: Policy, b: Policy, c: Policy) -> None:
    assert seen(merge(merge(a, b), c)) == seen(merge(a, merge(b, c))) == seen(fold([a, b, c]))


@given(policies())
def test_the_empty_policy_changes_nothing(a: Policy) -> None:
    assert seen(merge(EMPTY, a)) == seen(a) == seen(merge(a, EMPTY))


@given(policies())
def test_a_policy_over_itself_is_itself(a: Policy) -> None:
    assert seen(merge(a, a)) == seen(a)


@given(policies(), policies())
def test_the_later_policy_wins_every_leaf_it_sets(a: Policy, b: Policy) -> None:
    merged = merge(a, b)
    assert {p: merged.value(p) for p in b.leaves} == {p: x.value for p, x in b.leaves.items()}
    kept = [r.place for r in merged.routes]
    assert kept[: len(a.routes)] == [r.place for r in a.routes]


@given(st.lists(policies(), max_size=6))
def test_the_order_matters_and_folding_reads_left_to_right(items: list[Policy]) -> None:
    result = EMPTY
    for item in items:
        result = merge(result, item)
    assert seen(result) == seen(fold(items))


def leaf(value: object, line: int) -> Leaf:
    return Leaf(value, Origin("f", line))


def test_order_matters() -> None:
    a, b = Policy({"shutdown": leaf("kill", 1)}), Policy({"shutdown": leaf("freeze", 2)})
    assert merge(a, b).value("shutdown") == "freeze"
    assert merge(b, a).value("shutdown") == "kill"
    assert [o.line for o in merge(a, b).leaves["shutdown"].origins] == [2, 1]


def test_clearing_remotes_clears_what_lies_below_and_not_what_comes_after() -> None:
    has = Policy({"git-gate.repos.app.url": leaf("u", 1), "git-gate.user.name": leaf("n", 2)})
    clears = Policy(resets=frozenset({"git-gate.repos"}))
    adds = Policy({"git-gate.repos.lib.url": leaf("v", 3)})
    assert set(fold([has, clears]).leaves) == {"git-gate.user.name"}
    assert set(fold([has, clears, adds]).leaves) == {"git-gate.user.name", "git-gate.repos.lib.url"}


def test_another_template_does_not_inherit_the_first_ones_credential() -> None:
    claude = Policy(
        {"agent_provider.template": leaf("claude", 1), "agent_provider.auth_token": leaf("K", 2)},
        resets=frozenset({"agent_provider"}),
    )
    codex = Policy(
        {"agent_provider.template": leaf("codex", 3)}, resets=frozenset({"agent_provider"})
    )
    merged = merge(claude, codex)
    assert set(merged.leaves) == {"agent_provider.template"}
    assert [o.line for o in merged.leaves["agent_provider.template"].origins] == [3, 1]
    token = Policy({"agent_provider.auth_token": leaf("OTHER", 4)})
    assert merge(claude, token).value("agent_provider.auth_token") == "OTHER"


def test_histories_of_a_ladder_of_diamonds_stay_small() -> None:
    policy = Policy({"shutdown": leaf("kill", 0)})
    for line in range(1, 200):
        left = merge(policy, Policy({"env.A": leaf("x", line)}))
        right = merge(policy, Policy({"shutdown": leaf("kill", line)}))
        policy = fold([left, right])
    assert len(policy.leaves["shutdown"].origins) == 200


def test_the_merge_rules_of_every_key(tmp_path: Path) -> None:
    """One parent, one child, all keys: what design.md says for each."""
    from botbottle.load import load

    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    write(
        tmp_path,
        {
            "bottles/parent": f"""
{BASE}
env: {{A: parent, B: parent}}
git-gate:
  user: {{name: Parent, email: p@example.com}}
  repos:
    app: {{url: "ssh://git@h.example/app", host_key: {key}, identity: ~/.ssh/a}}
    lib: {{url: "ssh://git@h.example/lib", host_key: {key}, identity: ~/.ssh/l}}
egress: {{log: 2, routes: [{{host: one.example}}]}}
supervise: false
budget: {{claude: 5M, codex: 1M}}
shutdown: kill
resources: {{memory: 1g, cpus: 1}}
""",
            "bottles/child": """
extends: parent
env: {B: child, C: child}
git-gate:
  user: {name: Child, email: ""}
  repos:
    app: {identity: ~/.ssh/other}
egress: {routes: [{host: two.example}]}
budget: {claude: 2M}
resources: {memory: 2g}
""",
            "bottles/cleared": "extends: parent\ngit-gate: {repos: {}}",
            "agents/one": "bottle: child",
            "agents/two": "bottle: cleared",
        },
    )
    loaded = load(tmp_path)
    assert codes(loaded.diagnostics) == []
    assert loaded.declared is not None
    one, two = loaded.declared.bottles
    assert {v.name: v.value for v in one.env} == {"A": "parent", "B": "child", "C": "child"}
    assert (one.git_user.name, one.git_user.email) == ("Child", "p@example.com")
    assert [(r.name, r.key_path) for r in one.git_repos] == [
        ("app", "~/.ssh/other"),
        ("lib", "~/.ssh/l"),
    ]
    assert [r.host for r in one.routes] == ["one.example", "two.example"]
    assert (one.egress_log, one.supervise, one.shutdown) == (2, False, "kill")
    assert (one.resources.memory, one.resources.cpus) == (2 * 1024**3, 1.0)
    limits = {s.key: [(x.provider, x.tokens) for x in s.limits] for s in one.scopes}
    assert limits["bottle:child"] == [("claude", 2_000_000)]
    assert limits["bottle:parent"] == [("claude", 5_000_000), ("codex", 1_000_000)]
    assert two.git_repos == ()
    assert two.git_user.name == "Parent"
