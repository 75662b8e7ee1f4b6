"""`seedvr spend` over the real command."""

import pytest
from helpers.sources import urls

pytestmark = pytest.mark.slow


def test_spend_tells_each_charge_apart(run, sandbox_server):
    """`spend` sums list prices by day, endpoint and profile: listed, not charged, maybe and unknown apart."""
    server = sandbox_server("--instant", "--latency", "0s")
    failing = sandbox_server("--instant", "--latency", "0s", "--fault", "fail=1")
    assert run("image", *urls(3), to=server).rc == 0
    (row,) = run("spend", "--json", "--base-url", server.url).objects
    assert (row["jobs"], row["listed_usd"], row["maybe_usd"], row["endpoint"]) == (3, 0.003, 0, "7b-image")
    assert run("image", urls(1)[0], to=failing).rc == 1
    (row,) = run("spend", "--json", "--base-url", failing.url).objects
    assert (row["listed_usd"], row["maybe_usd"]) == (0, 0.001)
    assert run("spend", "--since", "2099-01-01", "--base-url", server.url).stdout == ""
    assert run("spend", "--since", "tomorrow").rc == 2
