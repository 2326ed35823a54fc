"""Files as text: encodings, newlines, fences, limits, and things that are no files."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from botbottle.load.fault import Fault
from botbottle.load.source import cut, hidden_in_body, read_text

GOOD = "---\nsupervise: true\n---\nBody\n"


def refused(path: Path) -> Fault:
    with pytest.raises(Fault) as caught:
        read_text(path)
    return caught.value


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_the_same_whatever_ends_them(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(GOOD.replace("\n", newline).encode())
    source = cut(read_text(path), "a.md", "home")
    assert source.front == "supervise: true\n"
    assert source.front_line == 2
    assert source.body == "Body"
    assert source.line(2) == "supervise: true"


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read_text(path) == GOOD


def test_bytes_that_are_not_utf_8_are_refused_at_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"---\r\nenv:\r\n  A: caf\xe9\r\n---\n")
    fault = refused(path)
    assert (fault.code, fault.line, fault.column) == ("BB2003", 3, 9)


def test_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(GOOD, encoding="utf-16")
    assert "UTF-16" in refused(path).message


def test_a_file_of_ten_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"x" * 10_000_000)
    start = time.process_time()
    assert refused(path).code == "BB2002"
    assert time.process_time() - start < 0.1


def test_links_in_a_circle_and_into_nothing_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "b.md")
    (tmp_path / "b.md").symlink_to(tmp_path / "a.md")
    (tmp_path / "c.md").symlink_to(tmp_path / "nowhere")
    assert "leads back" in refused(tmp_path / "a.md").message
    assert "leads nowhere" in refused(tmp_path / "c.md").message


def test_a_file_that_vanished_is_not_called_a_link(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.md").message == "the file is gone"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(GOOD)
    (tmp_path / "a.md").symlink_to(tmp_path / "real")
    assert read_text(tmp_path / "a.md") == GOOD


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    assert refused(tmp_path / "a.md").code == "BB2001"


def test_folders_and_devices_are_no_manifests(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    assert refused(tmp_path / "a.md").code == "BB2001"
    assert refused(Path("/dev/zero")).code == "BB2001"


def test_an_unreadable_file_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # root, who runs this in CI, may read everything
    assert "permission denied" in refused(tmp_path / "a.md").message


def test_dashes_inside_a_value_do_not_close_the_front_matter() -> None:
    source = cut('---\nenv:\n  A: "x --- y"\n  B: ---x\n---\nbody\n---\nmore\n', "a.md", "home")
    assert "B: ---x" in source.front
    assert source.body == "body\n---\nmore"


def test_front_matter_may_be_empty() -> None:
    assert cut("---\n---\nbody\n", "a.md", "home").front == ""


def test_front_matter_has_a_limit_and_a_long_body_is_fine() -> None:
    cut("---\na: 1\n---\n" + "x" * 500_000, "a.md", "home")
    with pytest.raises(Fault) as caught:
        cut("---\na: " + "x" * 300_000 + "\n---\n", "a.md", "home")
    assert caught.value.code == "BB2002"


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u2028", "\U000e0041"])
def test_invisible_characters_are_refused_in_keys_and_found_in_prompts(character: str) -> None:
    with pytest.raises(Fault) as caught:
        cut(f"---\na: 1\nb: x{character}y\n---\n", "a.md", "home")
    assert (caught.value.code, caught.value.line, caught.value.column) == ("BB2018", 3, 5)
    body = cut(f"---\na: 1\n---\nfirst\nab{character}\n", "a.md", "home")
    found = hidden_in_body(body)
    assert found is not None
    assert found[:2] == (5, 3)
    assert hidden_in_body(cut("---\na: 1\n---\nGrüße, 世界\n", "a.md", "home")) is None
