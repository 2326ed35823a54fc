"""The proxies of others: srt's TLS-terminating proxy and squid with ssl-bump.

Both are looked for where an earlier run put them (``.cache/bench``); otherwise they are fetched
with the machine's own npm and apt, without changing the system: npm into a folder, Debian's
packages unpacked beside it. A peer that cannot be had raises :class:`Absent`, and the run says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.egress.subjects import (
    CREDENTIAL,
    ROOT,
    Subject,
    certificate,
    free_port,
    listens,
    until,
)

CACHE = ROOT / ".cache" / "bench"
SRT = "@anthropic-ai/sandbox-runtime"
SRT_VERSION = "0.0.78"
SQUID_PACKAGES = ("libecap3", "libltdl7", "squid-common", "squid-langpack", "squid-openssl")


class Absent(Exception):
    """This peer cannot be measured here; the text says why."""


def srt(folder: Path, cert: Path) -> Subject:
    """srt's proxy in a Node process of its own. Raises Absent."""
    node, dist = shutil.which("node"), _srt_files()
    if node is None:
        raise Absent("node is not on PATH")
    port = free_port()
    process = subprocess.Popen(
        [node, Path(__file__).with_name("srt.mjs"), dist, cert, str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_with_tmp(folder),
    )  # fmt: skip
    assert process.stdout is not None
    ca = process.stdout.readline().strip()
    if not ca:
        raise Absent(f"srt {SRT_VERSION} did not start")
    until(lambda: listens(port), "srt")
    return Subject(name="srt", process=process, port=port, ca=Path(ca))


def _with_tmp(folder: Path) -> dict[str, str]:
    """srt keeps its CA and its inner sockets in the temporary directory."""
    (folder / "srt").mkdir()
    return {**os.environ, "TMPDIR": str(folder / "srt")}


def _srt_files() -> Path:
    dist = CACHE / "srt" / "node_modules" / SRT / "dist"
    if not dist.exists():
        _run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix",
             CACHE / "srt", f"{SRT}@{SRT_VERSION}")  # fmt: skip
    return dist


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    """Fetch something; Absent with the tool's own words when that fails."""
    try:
        done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise Absent(f"{command[0]} failed: {''.join(last)[:200]}")


def squid(folder: Path, cert: Path) -> Subject:
    """squid in one process, bumping every tunnel, caching and logging nothing. Raises Absent."""
    root = _squid_files()
    home = folder / "squid"
    home.mkdir()
    ca, key = certificate(
        home, "squid", "-newkey", "rsa:2048", "-addext", "keyUsage=critical,keyCertSign,cRLSign"
    )
    libraries = root / "usr/lib/x86_64-linux-gnu"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)} if root != Path("/") else None
    maker = root / "usr/lib/squid/security_file_certgen"
    subprocess.run([maker, "-c", "-s", home / "db", "-M", "4MB"], check=True,
                   capture_output=True, env=environment)  # fmt: skip
    port = free_port()
    (home / "squid.conf").write_text(_CONFIGURATION.format(
        port=port, ca=ca, key=key, maker=maker, home=home, cert=cert, credential=CREDENTIAL,
        root=root, user=_owned_by_nobody(folder),
    ))  # fmt: skip
    process = subprocess.Popen(
        [root / "usr/sbin/squid", "-N", "-f", home / "squid.conf"],
        stdout=subprocess.DEVNULL, stderr=(home / "stderr").open("wb"), env=environment,
    )  # fmt: skip
    try:
        until(lambda: listens(port), "squid", 15)
    except RuntimeError as error:
        process.kill()
        raise Absent("squid did not start: " + (home / "stderr").read_text()[-200:]) from error
    return Subject(name="squid", process=process, port=port, ca=ca)


_CONFIGURATION = """
http_port 127.0.0.1:{port} ssl-bump tls-cert={ca} tls-key={key} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program {maker} -s {home}/db -M 4MB
sslcrtd_children 1 startup=1 idle=1
ssl_bump bump all
tls_outgoing_options cafile={cert}
request_header_access Authorization deny all
request_header_add Authorization "Bearer {credential}" all
http_access allow all
cache deny all
access_log none
cache_log {home}/cache.log
cache_store_log none
pid_filename {home}/squid.pid
coredump_dir {home}
mime_table {root}/usr/share/squid/mime.conf
icon_directory {root}/usr/share/squid/icons
unlinkd_program {root}/usr/lib/squid/unlinkd
error_directory {root}/usr/share/squid-langpack/en
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname bench
{user}
"""  # noqa: E501 - one directive, one line


def _owned_by_nobody(folder: Path) -> str:
    """squid refuses to stay root: give it its files and an account. Empty for other users."""
    if os.getuid():
        return ""
    folder.chmod(0o755)
    for path in ((folder / "squid"), *(folder / "squid").rglob("*")):
        shutil.chown(path, "nobody", "nogroup")
    return "cache_effective_user nobody\ncache_effective_group nogroup"


def _squid_files() -> Path:
    """Where squid with OpenSSL is installed or unpacked: a root directory."""
    for root in (Path("/"), CACHE / "squid"):
        if (root / "usr/sbin/squid").exists() and (
            root / "usr/lib/squid/security_file_certgen"
        ).exists():
            return root
    packages, root = CACHE / "debs", CACHE / "squid"
    packages.mkdir(parents=True, exist_ok=True)
    _run("apt-get", "download", *SQUID_PACKAGES, cwd=packages)
    for package in packages.glob("*.deb"):
        _run("dpkg", "-x", package, root)
    return root
