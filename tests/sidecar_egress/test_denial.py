"""What a denial advises can be done with the product as it is."""

from __future__ import annotations

import pytest

from botbottle.sidecar.egress.denial import CODES, Denial


@pytest.mark.parametrize("code", CODES)
def test_it_names_no_tool_and_no_part_that_does_not_exist(code: str) -> None:
    said = Denial(code, "because").document("id")
    assert said["tool"] == ""
    assert said["remedy"] and said["remedy"] in said["error"]["message"]
    assert not any(word in said["remedy"] for word in ("propose", "supervise", "git-gate"))
