"""Packages are installed without letting them start services, and the policy is put back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[2] / "scripts" / "lib"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="installing packages needs root")


def need(tmp_path: Path, apt: str, *pairs: str, **env: str) -> tuple[int, str]:
    """``need_packages`` with a stand-in for apt-get and for the policy file."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "apt-get").write_text(f"#!/bin/sh\n{apt}\n")
    (tools / "apt-get").chmod(0o755)
    script = (
        f"set -euo pipefail; . {LIB}/say.sh; . {LIB}/debian.sh; policy={tmp_path}/policy-rc.d; "
        f"need_packages 'a test' {' '.join(pairs)}"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": f"{tools}:/usr/bin:/bin"} | env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


def test_what_is_there_is_not_installed(tmp_path: Path) -> None:
    code, said = need(tmp_path, "touch $0.called", "sh=dash", "cat=coreutils")
    assert (code, said) == (0, "")
    assert not (tmp_path / "bin" / "apt-get.called").exists()


def test_services_are_forbidden_during_the_installation_only(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    apt = (
        f'case "$*" in *install*) cp {policy} {tmp_path}/during; echo "$@" > {tmp_path}/argv;; esac'
    )
    code, said = need(tmp_path, apt, "no-such-program=some-package")
    assert code == 0
    assert "installing some-package (a test)" in said
    assert "exit 101" in (tmp_path / "during").read_text()
    assert not policy.exists()
    argv = (tmp_path / "argv").read_text().split()
    assert "--no-install-recommends" in argv
    assert argv[-1] == "some-package"


def test_a_policy_of_the_machines_own_comes_back(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    apt = f'case "$*" in *install*) cp {policy} {tmp_path}/during;; esac'
    assert need(tmp_path, apt, "no-such-program=p")[0] == 0
    assert "exit 101" in (tmp_path / "during").read_text()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_failed_installation_shows_apts_words_and_puts_the_policy_back(tmp_path: Path) -> None:
    apt = 'case "$*" in *install*) echo "E: no such package"; exit 100;; esac'
    code, said = need(tmp_path, apt, "no-such-program=p")
    assert code == 1
    assert "E: no such package" in said
    assert "apt-get could not install: p" in said
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_killed_installations_policy_does_not_outlive_the_next(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    killer = 'case "$*" in *install*) kill -9 $PPID;; esac'
    need(tmp_path, killer, "no-such-program=p")
    assert policy.exists()
    assert need(tmp_path, "exit 0", "no-such-program=p")[0] == 0
    assert not policy.exists()


def test_installing_can_be_forbidden_and_the_command_is_then_named(tmp_path: Path) -> None:
    code, said = need(tmp_path, "touch $0.called", "no-such-program=p", BB_INSTALL_ENGINE="0")
    assert code == 1
    assert "apt-get install --no-install-recommends p" in said
    assert not (tmp_path / "bin" / "apt-get.called").exists()
