"""Which addresses a sidecar may connect to: public ones, by the very address used.

``ipaddress.is_global`` (the IANA special-purpose registries) is the base, of IPv6 within what is
assigned for global unicast (2000::/3). Embedded IPv4 in IPv6 (mapped, 6to4, NAT64, Teredo,
IPv4-compatible, ISATAP) is judged by what it embeds; local NAT64 (RFC 8215) may embed it anywhere.
The well-known metadata and platform addresses that lie in public space are named here.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
_DOCUMENTS = ipaddress.IPv6Network("3fff::/20")  # RFC 9637
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")  # of 6to4, RFC 7526
_ANYCAST = ipaddress.IPv4Network("192.0.0.0/24")  # of the local network: PCP, TURN (RFC 6890)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # bits 64 to 95 (RFC 5214, 6.1)
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_PLATFORM = frozenset(
    {
        ipaddress.ip_address("168.63.129.16"),  # Azure's host agent: public range, local service
        ipaddress.ip_address("100.100.100.200"),  # Alibaba Cloud metadata
        ipaddress.ip_address("169.254.169.254"),
        ipaddress.ip_address("fd00:ec2::254"),
    }
)


def refusal(text: str) -> str:
    """Why ``text`` (an address literal) may not be connected to, or '' when it may."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "not an address"
    return _judge(address)


def _judge(address: IPv4Address | IPv6Address) -> str:
    if address in _PLATFORM:
        return "a cloud platform's own address"
    if isinstance(address, IPv6Address) and (inner := _embedded(address)) is not None:
        return _judge(inner)
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local or (isinstance(address, IPv6Address) and address.is_site_local):
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    return "" if address.is_global and _assigned(address) else "a private or reserved address"


def _assigned(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one that a host in the world may have."""
    if isinstance(address, IPv4Address):
        return address not in _RELAYS and address not in _ANYCAST
    return address in _UNICAST and address not in _DOCUMENTS


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(low)
    if address in _COMPATIBLE and low > 1:
        return IPv4Address(low)
    return None
