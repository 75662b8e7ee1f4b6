"""Which jobs a report has."""

import pytest
from helpers.jobs import draft, run

from seedvr_cli.ledger.reported import Wanted, reported_jobs
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.job import File

ENDS = ["COMPLETED", "FAILED", "ERROR", "PROCESSING"]


@pytest.fixture
def filled(tmp_path):
    """A ledger with a job of each end, one that was never answered, and files of the completed one in two folders."""

    async def work(ledger):
        for word in ENDS:
            claimed = await ledger.claim(draft(word), Terms())
            job = await ledger.record(claimed.job, Answer(word, word))
            if word == "COMPLETED":
                for position, folder in enumerate(("one", "one-more")):
                    path = str(tmp_path / folder / "photo.png")
                    await ledger.deliveries.place(job, position, path)
                    await ledger.deliveries.delivered(job, position, File(path, 9, "0" * 64, "image/png"), mtime_ns=1)
                await ledger.deliveries.place(job, 2, str(tmp_path / "under-way" / "photo.png"))
        await ledger.lose((await ledger.claim(draft("LOST"), Terms())).job, "lost")

    run(tmp_path, work)
    return tmp_path


def keys(folder, **wanted):
    """The keys of the jobs, in their order, and how many there are."""
    jobs, total = reported_jobs(str(folder), Wanted(**{"gateway": "g", "limit": 99, **wanted}))
    return [reported.job.key for reported in jobs], total


def test_all_that_has_ended_newest_first(filled):
    """Without a choice all jobs that have ended are reported, the newest first, and none that still runs."""
    assert keys(filled) == (["LOST", "ERROR", "FAILED", "COMPLETED"], 4)
    assert keys(filled, gateway="h") == ([], 0)


def test_a_limit_keeps_the_latest(filled):
    """Of more jobs than the limit the latest are reported, and how many there are."""
    assert keys(filled, limit=2) == (["LOST", "ERROR"], 4)


def test_ids_and_folders_choose_together(filled):
    """An id chooses its job whatever its state, a folder those with a file below it, and both both."""
    assert keys(filled, request_ids=["PROCESSING"]) == (["PROCESSING"], 1)
    assert keys(filled, folders=[str(filled / "one")]) == (["COMPLETED"], 1)
    assert keys(filled, folders=[str(filled)], request_ids=["FAILED"]) == (["FAILED", "COMPLETED"], 2)
    for folder in ("on", "one-", "under-way", "one/photo.png"):
        assert keys(filled, folders=[str(filled / folder)]) == ([], 0)
    assert keys(filled, folders=["/"]) == (["COMPLETED"], 1)


def test_an_instant_leaves_out_what_was_before(filled):
    """Jobs that were submitted before the instant are left out, whatever else chooses them."""
    assert keys(filled, since=0.0)[1] == 4
    assert keys(filled, since=1e12, request_ids=["FAILED"]) == ([], 0)


def test_files_under_way_are_none(filled):
    """A job comes with the files that were delivered, and not with those that are under way."""
    (reported,), _ = reported_jobs(str(filled), Wanted(gateway="g", request_ids=["COMPLETED"], limit=1))
    assert [entry.position for entry in reported.deliveries] == [0, 1]


def test_where_there_is_no_ledger(tmp_path):
    """Without a ledger there are no jobs, and there is none afterwards."""
    assert keys(tmp_path / "none") == ([], 0)
    assert not (tmp_path / "none").exists()
