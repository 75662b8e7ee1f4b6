"""Faults of the world: what each does when it strikes every time."""

import json

import pytest
from helpers.world import HEADERS, WorldBench

from seedvr_cli.sandbox.faults import FAULTS
from seedvr_cli.sandbox.settings import SandboxSettings


class TestFaults:
    """What each fault of the world does when it strikes every time."""

    def test_each_has_a_sentence(self):
        """Every fault is documented in one sentence."""
        assert all(sentence.endswith(".") for sentence in FAULTS.values())

    def test_unknown(self):
        """Settings with a fault that does not exist are refused, and the fault is named."""
        with pytest.raises(ValueError, match="lost-submitt"):
            SandboxSettings(faults={"lost-submitt": 1})

    def test_none(self):
        """A fault with probability 0 never strikes."""
        bench = WorldBench(faults=dict.fromkeys(FAULTS, 0.0))
        assert bench.poll(bench.accepted(), 30)["status"] == "COMPLETED"

    def test_probability(self):
        """A fault strikes about as often as its probability says."""
        bench = WorldBench(faults={"drop-submit": 0.3})
        assert 240 < sum(bench.submit().cut for _ in range(1000)) < 360

    def test_drop_submit(self):
        """drop-submit cuts the connection, and nothing is accepted."""
        bench = WorldBench(faults={"drop-submit": 1})
        assert bench.submit().cut
        assert not bench.jobs

    def test_lost_submit(self):
        """lost-submit accepts the job and cuts the connection."""
        bench = WorldBench(faults={"lost-submit": 1})
        assert bench.submit().cut
        assert len(bench.jobs) == 1

    def test_server_error(self):
        """server-error answers 500, and nothing is accepted."""
        bench = WorldBench(faults={"server-error": 1})
        assert bench.submit().status == 500
        assert not bench.jobs

    def test_busy(self):
        """Busy answers 503 with Retry-After: 1, and nothing is accepted."""
        bench = WorldBench(faults={"busy": 1})
        reply = bench.submit()
        assert (reply.status, reply.headers) == (503, {"Retry-After": "1"})
        assert not bench.jobs

    def test_garbled(self):
        """Garbled answers 202 with a body that is not JSON, and the job is accepted."""
        bench = WorldBench(faults={"garbled": 1})
        reply = bench.submit()
        assert reply.status == 202
        assert isinstance(reply.body, str)
        with pytest.raises(ValueError):
            json.loads(reply.body)
        assert len(bench.jobs) == 1

    def test_instant_complete(self):
        """instant-complete holds the answer for a job that is due at once."""
        bench = WorldBench(faults={"instant-complete": 1})
        reply = bench.submit()
        assert (reply.status, reply.held) == (200, True)
        assert reply.job
        assert bench.poll(reply.job.request_id)["status"] == "COMPLETED"

    @pytest.mark.parametrize(("fault", "status"), [("fail", "FAILED"), ("error", "ERROR")])
    def test_bad_ends(self, fault, status):
        """Fail and error end the job in that status when it is due, with a text and without output."""
        bench = WorldBench(faults={fault: 1})
        request_id = bench.accepted()
        assert bench.poll(request_id, 29)["error"] is None
        body = bench.poll(request_id, 1)
        assert body["status"] == status
        assert body["error"]
        assert body["output"] is None
        assert body["completed_at"]

    def test_stuck(self):
        """A stuck job is PROCESSING a year later, and nobody is asked to make its result."""
        bench = WorldBench(faults={"stuck": 1})
        request_id = bench.accepted()
        assert bench.poll(request_id, 365 * 86400)["status"] == "PROCESSING"
        assert not bench.jobs[request_id].wants_result

    def test_odd_status(self):
        """odd-status shows an unknown word for the middle third, and then goes on as usual."""
        bench = WorldBench(faults={"odd-status": 1})
        request_id = bench.accepted()
        words = [bench.poll(request_id, 5.0)["status"] for _ in range(6)]
        assert words == ["QUEUED", "WARMING_UP", "WARMING_UP", "PROCESSING", "PROCESSING", "COMPLETED"]

    def test_two_files(self):
        """two-files shows two different media URLs."""
        bench = WorldBench(faults={"two-files": 1})
        urls = bench.poll(bench.accepted(), 30)["output"]["media_url"]
        assert [url.rpartition("/")[2] for url in urls] == ["output.png", "output-2.png"]

    def test_bare_video(self):
        """bare-video is decided with the job, so that whoever makes its result knows of it."""
        bench = WorldBench(faults={"bare-video": 1})
        assert bench.jobs[bench.accepted()].bare

    def test_duplicate_webhook(self):
        """duplicate-webhook has every call made twice."""
        bench = WorldBench(faults={"duplicate-webhook": 1})
        assert bench.jobs[bench.accepted()].webhook_copies == 2

    def test_html(self):
        """Html answers polls 502 with a page."""
        bench = WorldBench(faults={"html": 1})
        reply = bench.world.status(bench.accepted(), HEADERS)
        assert (reply.status, reply.headers) == (502, {"Content-Type": "text/html"})
        assert "<html>" in reply.body

    def test_drop_poll(self):
        """drop-poll cuts the connection of a poll."""
        bench = WorldBench(faults={"drop-poll": 1})
        assert bench.world.status(bench.accepted(), HEADERS).cut

    def test_cut_media(self):
        """cut-media cuts the first download of each file, and neither a later one nor a resumed one."""
        world = WorldBench(faults={"cut-media": 1}).world
        assert [world.media("/a", resumed=False).cut for _ in range(2)] == [True, False]
        assert not world.media("/b", resumed=True).cut

    def test_no_range_and_slow_media(self):
        """no-range and slow-media hold for every download."""
        world = WorldBench(faults={"no-range": 1, "slow-media": 1}).world
        plan = world.media("/a", resumed=True)
        assert (plan.ranges, plan.bytes_per_second) == (False, 65536)

    def test_ambiguous(self):
        """Ambiguous accepts the job and answers the status that was asked for, with a body where one may be."""
        for status in (408, 304, 307, 499):
            bench = WorldBench(faults={"ambiguous": 1}, ambiguous_status=status)
            reply = bench.submit()
            assert (reply.status, bool(reply.body)) == (status, status != 304)
            assert len(bench.jobs) == 1

    def test_envelope(self):
        """Envelope answers a poll 200 with an object that names no job."""
        bench = WorldBench(faults={"envelope": 1})
        reply = bench.world.status(bench.accepted(), HEADERS)
        assert (reply.status, reply.job) == (200, None)
        assert reply.body == {"status": "error", "message": "upstream timeout"}

    def test_slow_poll(self):
        """slow-poll answers with the job, ten bytes a second."""
        bench = WorldBench(faults={"slow-poll": 1})
        reply = bench.world.status(bench.accepted(), HEADERS)
        assert (reply.status, reply.bytes_per_second) == (200, 10)

    def test_expired_url(self):
        """expired-url answers every download 403, in the words of an object store."""
        plan = WorldBench(faults={"expired-url": 1}).world.media("/a", resumed=False)
        assert plan.instead.status == 403
        assert "expired" in plan.instead.body

    def test_moved_range(self):
        """moved-range strikes what is resumed alone."""
        world = WorldBench(faults={"moved-range": 1}).world
        assert [world.media("/a", resumed=resumed).moved for resumed in (False, True)] == [False, True]

    @pytest.mark.parametrize("fault", ["error-page", "empty-media", "expired-url"])
    def test_useless_media(self, fault):
        """What is useless with probability 1 is so for every download, and with less let some through."""
        always, sometimes = WorldBench(faults={fault: 1}).world, WorldBench(faults={fault: 0.5}).world

        def is_useless(world):
            plan = world.media("/a", resumed=False)
            return plan.instead is not None or plan.empty

        assert all(is_useless(always) for _ in range(9))
        assert {is_useless(sometimes) for _ in range(99)} == {True, False}
