"""What is ended behind the deadline, and what goes on."""

import pytest

from seedvr_cli.download.movement import LOOK_SECONDS, MOVING_BYTES, MOVING_SECONDS, Movement

DEADLINE = 60.0
# Seconds by which waiting may be overrun (cli.md, `--timeout`).
OVERRUN = 2.0


def end_of(came, *, began=0.0, until=600.0):
    """The instant at which a download is ended of which so many bytes have `came` at each instant; None where never."""
    movement, now = Movement(DEADLINE), began
    while now < until:
        if movement.is_over(now, came(now)):
            return now
        now += movement.pause(now)
    return None


@pytest.mark.parametrize("began", [0.0, 57.0, 59.0, DEADLINE, DEADLINE + LOOK_SECONDS])
@pytest.mark.parametrize("speed", [0, 3, MOVING_BYTES - 1])
def test_what_does_not_move_ends_at_the_deadline(began, speed):
    """A download that brings nothing, or next to nothing, is ended in time, and not before the deadline."""
    assert DEADLINE <= end_of(lambda now: int(now * speed), began=began) <= DEADLINE + OVERRUN


def test_what_moves_goes_on():
    """A download of a speed that makes sense has no deadline."""
    assert end_of(lambda now: int(now * (MOVING_BYTES + 1))) is None


@pytest.mark.parametrize("stall", [59.9, DEADLINE, 300.0])
def test_what_stops_moving_behind_the_deadline_is_ended(stall):
    """A download that moved is ended soon after its last byte, and not before the deadline."""
    end = end_of(lambda now: int(min(now, stall) * 1_000_000))
    assert max(DEADLINE, stall + MOVING_SECONDS) <= end <= stall + OVERRUN + LOOK_SECONDS


def test_a_short_stall_is_none():
    """A second without a byte behind the deadline ends nothing that moves."""
    assert end_of(lambda now: int(now) * 1_000_000) is None


def test_long_before_the_deadline_nobody_looks():
    """The first look after the begin is shortly before the deadline."""
    assert Movement(DEADLINE).pause(0.0) == DEADLINE - MOVING_SECONDS
