"""Limits in Docker's terms, chosen so that every limit can also be taken away in place.

Docker's update call reads 0 as "leave unchanged" and refuses -1 for memory, so removing a
memory limit means setting one above any machine's memory. CPUs travel as quota and period and
not as ``NanoCpus``: a quota can be removed (-1), and may exceed the machine's CPUs (an engine
refuses ``NanoCpus`` above them, which would tie a manifest to one machine).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from botbottle.model.resources import Limits

NO_MEMORY_LIMIT = 1 << 60  # bytes; decoded as "no limit", like anything above
_PERIOD = 100_000  # microseconds: the kernel's default period
_NANO = 1_000_000_000


def for_create(limits: Limits) -> dict[str, Any]:
    """Fields of HostConfig at create. Swap is never granted beside the memory limit."""
    body = _cpu(limits) | {"PidsLimit": limits.pids or None, "RestartPolicy": _restart(limits)}
    if limits.memory:
        body |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    return body


def for_update(limits: Limits) -> dict[str, Any]:
    """The whole body of ``POST /containers/ID/update``; every field present, also removed ones."""
    memory = limits.memory or NO_MEMORY_LIMIT
    return {
        "Memory": memory,
        "MemorySwap": memory,
        "CpuPeriod": _PERIOD,
        "CpuQuota": _quota(limits) or -1,
        "PidsLimit": limits.pids or -1,
        "RestartPolicy": _restart(limits),
    }


def decode(host_config: Mapping[str, Any]) -> Limits:
    """Limits from an inspected HostConfig, whoever set them and in whichever form."""
    memory = host_config.get("Memory") or 0
    return Limits(
        memory=0 if memory >= NO_MEMORY_LIMIT else memory,
        nano_cpus=_nano_cpus(host_config),
        pids=max(host_config.get("PidsLimit") or 0, 0),
        restart=_restart_name((host_config.get("RestartPolicy") or {}).get("Name")),
    )


def _cpu(limits: Limits) -> dict[str, int]:
    quota = _quota(limits)
    return {"CpuPeriod": _PERIOD, "CpuQuota": quota} if quota else {}


def _quota(limits: Limits) -> int:
    """Microseconds of CPU time a period; the kernel's minimum is 1000."""
    if not limits.nano_cpus:
        return 0
    return max(limits.nano_cpus * _PERIOD // _NANO, 1000)


def _nano_cpus(host_config: Mapping[str, Any]) -> int:
    if nano := host_config.get("NanoCpus") or 0:
        return int(nano)
    quota = host_config.get("CpuQuota") or 0
    period = host_config.get("CpuPeriod") or _PERIOD
    return int(quota) * _NANO // int(period) if quota > 0 else 0


def _restart_name(name: str | None) -> Literal["no", "unless-stopped", "on-failure"]:
    """Docker's ``always`` differs from ``unless-stopped`` only after an engine restart."""
    match name:
        case "on-failure":
            return "on-failure"
        case "always" | "unless-stopped":
            return "unless-stopped"
        case _:
            return "no"


def _restart(limits: Limits) -> dict[str, Any]:
    return {"Name": limits.restart, "MaximumRetryCount": 0}
