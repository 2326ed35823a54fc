"""Ways out below HTTP, tried from inside a real bottle. Each has its positive control: the same
works from a place that is not a bottle, or once the rule in question allows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from botbottle.images import image_tag
from tests.e2e.test_clients import ALLOWED, DENIED, ROUTES, curl, ip_of, live_network, node, reach
from tests.support.live import LABEL, Live, docker

DATAGRAM = """const s = require('node:dgram').createSocket(process.argv[3]);
s.send('stolen', +process.argv[2], process.argv[1], e => { console.log(e ? e.code : 'sent');
  s.close(); process.exit(e ? 1 : 0); });"""
# family, type, protocol: what a program needs for ICMP, forged packets, and the link itself.
RAW_SOCKETS = {"icmp": (2, 3, 1), "raw": (2, 3, 255), "ping": (2, 2, 1), "packet": (17, 3, 768)}
SOCKET = "socket(S, %d, %d, %d) and print 'open' or print 'refused'"


def opened(live: Live, numbers: tuple[int, int, int]) -> str:
    """Perl is in every Debian image and asks the kernel directly."""
    return live.shell(f'perl -e "{SOCKET % numbers}"').stdout


def test_no_socket_below_tcp_and_udp_can_be_opened(live: Live) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    assert opened(live, (2, 1, 6)) == "open", "an ordinary one can"
    for kind, numbers in RAW_SOCKETS.items():
        assert opened(live, numbers) == "refused", kind
        probe = f"import socket; socket.socket{numbers}; print('open')"
        assert docker("exec", live.internet.name, "python3", "-c", probe) == "open", kind


def test_datagrams_and_other_ports_reach_nobody(live: Live) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    far = ip_of(live.internet.name)
    for port in ("53", "123", "443"):  # DNS, NTP, HTTP/3
        node(live, DATAGRAM, far, port, "udp4")
    assert reach(live, (far, 22), (far, 80), (far, 443), (far, 8080)) == [1, 1, 1, 1]
    assert node(live, DATAGRAM, "2001:db8::1", "443", "udp6")[0] == 1, "there is no IPv6"
    truth = live.internet.far.truth()
    assert truth["requests"] == [] and truth["connections"] == [] and truth["dns"] == []
    # The positive control: the bottle's own way works.
    assert curl(live, f"https://{ALLOWED}/echo")[0] == "200"


def test_the_bottle_has_no_neighbour_but_its_sidecar(live: Live) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    sidecar = ip_of(live.container("web", "egress"), live_network(live))
    network = ip_network(f"{sidecar}/28", strict=False)
    gateway = str(next(network.hosts()))  # where an ordinary network has the host
    assert gateway not in (sidecar, ip_of(live.container("web")))
    assert reach(live, (gateway, 22), (sidecar, 9099), (sidecar, 22)) == [1, 0, 1]


def test_nothing_in_the_bottle_leads_to_the_host_or_to_a_credential(live: Live) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    found = live.shell("find / -xdev -type s 2>/dev/null; ls /var/run/docker.sock /run/bb 2>&1")
    assert "docker.sock:" not in found.stdout.replace("cannot access '/var/run/docker.sock'", "")
    assert "control.sock" not in found.stdout and "ledger.sock" not in found.stdout
    texts = live.shell(
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/mounts 2>/dev/null | tr '\\0' '\\n'"
    ).stdout
    assert "placeholder" in texts, "the positive control: environments were read"
    assert not [c for c in live.credentials if c in texts]
    caps = live.shell("grep -i cap /proc/self/status").stdout.split()
    assert {c for c in caps if c.strip("0123456789abcdef") == ""} == {"0" * 16}
    tried = live.shell("iptables -F || ip route add default via 10.0.0.1 || mount -t tmpfs x /mnt")
    assert tried.returncode != 0


def test_without_proxy_variables_the_same_rules_hold(live: Live) -> None:
    """Programs that ignore or override the variables (escapes 13 and 14)."""
    live.bottle(extra=ROUTES)
    live.apply()
    clean = "env -i PATH=$PATH CURL_CA_BUNDLE=$CURL_CA_BUNDLE "
    clean += "curl -sS -m 30 -o /tmp/o -w '%{http_code}'"
    for host, wanted in ((ALLOWED, "200"), (DENIED, "403")):
        assert live.shell(f"{clean} https://{host}/echo").stdout == wanted
    denial = json.loads(live.shell("cat /tmp/o").stdout)
    assert (denial["code"], denial["host"]) == ("no-route", DENIED)
    elsewhere = f"{clean} -x http://{ip_of(live.internet.name)}:80 https://{DENIED}/echo"
    assert live.shell(elsewhere).stdout == "000", "a proxy of its own is out of reach"
    assert live.internet.requests(DENIED) == []


def test_a_crash_leaves_no_memory_behind(live: Live) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    for kind in ("agent", "egress"):
        asked = (
            "exec",
            live.container("web", kind),
            "sh",
            "-c",
            "ulimit -Hc; ulimit -c 1 || echo no",
        )
        assert docker(*asked, check=False).split()[0] == "0", kind
    assert docker("exec", live.internet.name, "sh", "-c", "ulimit -Hc") != "0", "elsewhere it may"


NEIGHBOUR = """
import fcntl, socket, struct, sys
inner, outer = sys.argv[1:]
place = lambda a: struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(a))
route = struct.pack("L", 0) + place(inner) + place(outer) + place("255.255.255.255")
flags = struct.pack("H", 7).ljust(56, b"\\0")  # up, by a gateway, to one host
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x890B, route + flags)
with socket.create_connection((inner, 9099), 10) as peer:
    print("connected")
    try:
        place = b"api.example.org:443"
        peer.sendall(b"CONNECT " + place + b" HTTP/1.1\\r\\nHost: " + place + b"\\r\\n\\r\\n")
        print(peer.recv(100))
    except ConnectionError:
        print(b"")
"""


@pytest.fixture
def ordinary(live: Live) -> Iterator[str]:
    """An outer network as a user's own: not sealed against its members' routes. Nothing is beyond
    it, and nothing here is sent there."""
    name = f"{live.internet.name}-ordinary"
    unseen = "com.docker.network.bridge.enable_ip_masquerade=false"
    docker("network", "create", "--label", LABEL, "-o", unseen, name)
    live.write("settings.yml", f"egress_network: {name}\negress_ca: {live.internet.ca}\n")
    yield name
    live.cleanup()
    docker("network", "rm", name)


def test_a_neighbour_on_the_outer_network_cannot_use_the_sidecar(live: Live, ordinary: str) -> None:
    live.bottle(extra=ROUTES)
    live.apply()
    sidecar = live.container("web", "egress")
    inner, outer = ip_of(sidecar, live_network(live)), ip_of(sidecar, ordinary)
    seen = docker(
        "run", "--rm", "-i", "--cap-add", "NET_ADMIN", "-u", "0:0", "--label", LABEL,
        "--network", ordinary, image_tag("sidecar"), "python3", "-", inner, outer,
        stdin=NEIGHBOUR,
    )  # fmt: skip
    assert seen.splitlines() == ["connected", "b''"], "it got there, and was hung up on"
    assert curl(live, f"https://{DENIED}/echo")[0] == "403", "the bottle is answered"
