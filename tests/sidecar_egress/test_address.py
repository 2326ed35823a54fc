"""Only public addresses are connected to, whatever form they come in."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.address import refusal


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1",
        "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16",
        "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:0a00:0001::1", "::7f00:1", "::127.0.0.1",
        "2001:0:0:0:0:0:80ff:fffe", "fec0::1", "not an address", "",
        "64:ff9b:1:a9fe:a9:fe00:808:808", "64:ff9b:1::808:808", "::ffff:0:7f00:1", "200::1",
        "400::1", "4000::1", "5f00::1", "100:0:0:1::1", "3fff::1", "3fff:fff::1", "192.88.99.1",
        "192.0.0.9", "192.0.0.10", "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "160.79.104.10",
        "2606:4700::1111",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700::5efe:8.8.8.8",
        "2606:4700:0:5efe::1",
        "3ffe::1",
    ],
)
def test_public_addresses_pass(address: str) -> None:
    assert refusal(address) == ""


@given(st.ip_addresses(v=4))
def test_an_address_and_its_embeddings_are_judged_alike(address: ipaddress.IPv4Address) -> None:
    plain = bool(refusal(str(address)))
    number = int(address)
    assert bool(refusal(f"::ffff:{address}")) == plain
    assert bool(refusal(str(ipaddress.IPv6Address(0x64FF9B << 96 | number)))) == plain
    assert bool(refusal(str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)))) == plain
