"""Limits that outlive a run."""

import pytest

from seedvr_cli.values.caps import NO_CAPS, Caps


@pytest.mark.parametrize(
    ("caps", "is_limited"),
    [
        (NO_CAPS, False), (Caps(day=0), True), (Caps(month=0), True), (Caps(tags={"a": 1}), True),
        (Caps(tags={"b": 1}), False),
    ],
)  # fmt: skip
def test_a_cap_holds_for_those_whom_it_is_for(caps, is_limited):
    """Days and months are everybody's; a tag's cap is for those that have it."""
    assert caps.hold_for(["c", "a"]) is is_limited
