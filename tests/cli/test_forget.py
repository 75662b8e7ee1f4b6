"""`seedvr forget` and `status --unknown`, over the real command."""

import pytest
from helpers.sources import urls

pytestmark = pytest.mark.slow


def test_unknown_outcomes_are_listed_and_settled(run, work, sandbox_server):
    """`status --unknown` lists them with their sources, `forget` settles one or all, and then they are submitted."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "lost-submit=1")
    healthy = sandbox_server("--instant", "--latency", "0s")
    one, two = urls(2)
    assert run("image", one, two, to=server).rc == 7
    shown = run("status", "--unknown", to=server)
    assert sorted(line.split("\t")[4] for line in shown.lines) == sorted([one, two])
    assert run("forget", "https://example.com/other.png", "--base-url", server.url).rc == 2
    assert run("forget", one, "--base-url", server.url).lines == [one]
    assert [line.split("\t")[4] for line in run("status", "--unknown", to=server).lines] == [two]
    assert run("image", two, to=server).rc == 7
    assert server.accepted(two) == 1
    assert run("image", one, to=server).rc == 7
    assert server.accepted(one) == 2
    assert run("forget", "--all", "--base-url", server.url).rc == 0
    assert run("status", "--unknown", to=server).stdout == ""
    assert healthy.accepted() == 0
