"""A finding, and the rules that several rooms judge by."""

from datetime import UTC, datetime, timedelta

import pytest

from seedvr_cli.values.checkup import CLOCK_SECONDS, Check, clock_check

NOW = datetime(2026, 5, 22, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0, CLOCK_SECONDS, -CLOCK_SECONDS])
def test_clocks_that_agree_are_well(seconds):
    """Up to a minute apart nobody suffers, and there is nothing to do."""
    check = clock_check("clock", "theirs", NOW, NOW + timedelta(seconds=seconds), "harm")
    assert (check.state, check.hint) == ("ok", None)


@pytest.mark.parametrize(("seconds", "side"), [(61, "61 seconds ahead of"), (-3600, "3600 seconds behind")])
def test_clocks_that_differ_are_told_with_the_side(seconds, side):
    """A clock that is off says by how much, on which side, and what suffers."""
    check = clock_check("clock", "theirs", NOW, NOW + timedelta(seconds=seconds), "waits go wrong")
    assert check.state == "warning"
    assert f"{side} theirs: waits go wrong" in check.message
    assert "NTP" in check.hint


def test_a_finding_has_no_secret():
    """Known secrets and logins in URLs are blotted out of message and hint."""
    check = Check("key", "problem", "hunter2 at postgresql://me:other@db/x", "not hunter2")
    assert check.without({"hunter2"}) == Check("key", "problem", "*** at postgresql://***@db/x", "not ***")
    assert Check("key", "ok", "plain").without({"hunter2"}) == Check("key", "ok", "plain")
