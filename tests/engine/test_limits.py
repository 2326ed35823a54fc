"""Limits survive the way to Docker and back, also when they are taken away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.engine.limits import NO_MEMORY_LIMIT, decode, for_create, for_update
from botbottle.model.resources import Limits

LIMITS = st.builds(
    Limits,
    memory=st.sampled_from([0, 6 << 20, 2 << 30]),
    nano_cpus=st.integers(0, 640).map(lambda n: n * 100_000_000),
    pids=st.integers(0, 5000),
    restart=st.sampled_from(["no", "unless-stopped", "on-failure"]),
)


@given(LIMITS)
def test_what_is_created_or_updated_is_what_is_observed(limits: Limits) -> None:
    assert decode(for_create(limits)) == limits
    assert decode(for_update(limits)) == limits


def test_an_update_says_every_field_as_docker_leaves_out_what_it_does_not_see() -> None:
    assert for_update(Limits()) == {
        "Memory": NO_MEMORY_LIMIT,
        "MemorySwap": NO_MEMORY_LIMIT,
        "CpuPeriod": 100_000,
        "CpuQuota": -1,
        "PidsLimit": -1,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    }


def test_a_quota_below_the_kernels_minimum_is_raised_to_it() -> None:
    assert for_create(Limits(nano_cpus=1_000_000))["CpuQuota"] == 1000


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ({}, Limits()),
        ({"NanoCpus": 1_500_000_000}, Limits(nano_cpus=1_500_000_000)),
        ({"CpuQuota": 50_000}, Limits(nano_cpus=500_000_000)),
        ({"CpuQuota": 50_000, "CpuPeriod": 50_000}, Limits(nano_cpus=10**9)),
        ({"PidsLimit": None, "Memory": 0, "CpuQuota": -1}, Limits()),
        ({"PidsLimit": -1}, Limits()),
        ({"RestartPolicy": {"Name": ""}}, Limits()),
        ({"RestartPolicy": {"Name": "always"}}, Limits(restart="unless-stopped")),
    ],
)
def test_limits_that_others_set_are_read_in_every_form(
    config: dict[str, object], limits: Limits
) -> None:
    assert decode(config) == limits
