"""What was clean is not searched again; what was not, always is."""

from __future__ import annotations

from botbottle.dlp import OUTBOUND, Finding, FragmentMemory, Scanner

SECRET = b"correct-horse-battery-staple"
URL = "https://api.example.com/x"
CLEAN = ((b"user-agent", b"curl/8.1"), (b"accept", b"*/*"))
TOKEN = b"ghp_" + b"16C7e42F292c6912E7710c838347Ae178B4a"


def scan(scanner: Scanner, headers: tuple[tuple[bytes, bytes], ...], **more: object) -> set[str]:
    found: tuple[Finding, ...] = scanner.scan_request(URL, headers, b"", **more)  # type: ignore[arg-type]
    return {each.rule for each in found}


def test_a_clean_header_is_remembered_by_this_scanner_alone() -> None:
    scanner = Scanner({"S": SECRET}, key=b"k")
    assert scan(scanner, CLEAN) == set()
    assert {key[1] for key in scanner._clean} >= {b"user-agent: curl/8.1", b"accept: */*"}
    assert scan(scanner, (*CLEAN, (b"x", SECRET)))
    fresh = Scanner({"S": b"curl/8.1"}, key=b"k")
    assert scan(fresh, CLEAN)


def test_a_header_in_which_something_was_found_is_found_each_time() -> None:
    scanner = Scanner({"S": SECRET}, key=b"k")
    headers = ((b"x-a", TOKEN), (b"x-a", TOKEN), (b"x-b", SECRET[::-1]), *CLEAN)
    first = scan(scanner, headers)
    assert first
    assert scan(scanner, headers) == first
    for header in headers[:3]:
        assert scan(scanner, (header,)), header
    assert not scanner._clean


def test_pieces_of_a_secret_are_not_clean() -> None:
    random = b"kX9vQ2mZ7pL4tR8wB3nY6cF1hJ5dS0aGe7Ub3Wq"
    scanner, memory = Scanner({"S": random}, key=b"k"), FragmentMemory()
    pieces = [random[at : at + 10] for at in range(0, len(random), 10)]
    found: set[str] = set()
    for _ in range(2):
        for number, piece in enumerate(pieces):
            header = (b"x-%d" % number, piece)
            found |= scan(scanner, (header,), memory=memory, scope="h")
    assert found
    kept = b"".join(key[1] for key in scanner._clean)
    assert not any(piece in kept for piece in pieces[:2])


def test_what_one_detector_passes_is_searched_for_another() -> None:
    scanner = Scanner({"S": SECRET}, key=b"k")
    header = ((b"x-a", TOKEN),)
    assert scan(scanner, header, detectors=frozenset({"known_secrets"})) == set()
    assert scan(scanner, header, detectors=OUTBOUND)


def test_what_is_remembered_is_bounded() -> None:
    scanner = Scanner({"S": SECRET}, key=b"k")
    for number in range(1100):
        scan(scanner, ((b"x", b"%d" % number), (b"long", b"word " * 400)))
    assert len(scanner._clean) <= 1027
    assert all(len(key[1]) <= 1024 for key in scanner._clean)
