"""Recipes for hosts, over an `ssh` that runs the command here."""

import pytest

pytestmark = pytest.mark.slow


def run_twice(place, recipe: str) -> None:
    """Both hosts have had a part, all of the list is submitted once, and the same again submits nothing."""
    lines = place.run(["sh", "-c", place.text(recipe)])
    assert place.hosts() == {"host-1", "host-2"}
    assert sorted(lines) == sorted(f"{place.data}/big/picture-{number}-2x.png" for number in range(len(place.sources)))
    assert place.accepted() == place.once()
    assert len(place.run(["sh", "-c", place.text(recipe)])) == len(lines)
    assert place.accepted() == place.once()


def test_gnu_parallel(place, requires):
    """Shares of a list on two hosts, whichever has a slot free."""
    requires("parallel")
    run_twice(place, "parallel.sh")


def test_gnu_parallel_with_a_host_that_is_lost(place, requires):
    """The shares of a host that is not reached are run by the other."""
    requires("parallel")
    lines = place.run(["sh", "-c", place.text("parallel.sh")], LOST="host-2")
    assert (place.hosts(), len(lines)) == ({"host-1"}, len(place.sources))
    assert place.accepted() == place.once()


def test_xargs(place):
    """A share of a list for each host."""
    run_twice(place, "xargs.sh")
