"""How one job stands: one poll, and what is learned is kept."""

import asyncio

import pytest
from fakes.scripted import ScriptedGateway, completed, processing
from helpers.jobs import draft, run

from seedvr_cli.ledger.listing import Listing, Selection
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.run.ask import ask, full_ids, outcome_of
from seedvr_cli.run.session import Access, Session
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import JobFailed, NetworkError, OutcomeUnknown, UsageError

GATEWAY = "https://gateway.example"


def asked(house, gateway, request_id: str):
    async def run():
        async with house.ledger() as ledger:
            access = Access(base_url=GATEWAY, key="k", folder=str(house.folder))
            return await ask(Session(access, gateway, ledger), request_id)

    return asyncio.run(run())


def test_what_is_learned_of_an_own_job_is_recorded(house, go):
    """A job of ours that is done by now is done in the ledger too."""
    go(ScriptedGateway(), wait=False)
    outcome = asked(house, ScriptedGateway(polls=[completed()]), "job-1")
    assert (outcome.error, outcome.known.status, outcome.resumed) == (None, "COMPLETED", True)
    assert [job.state for job in house.jobs()] == ["completed"]


@pytest.mark.parametrize("word", ["FAILED", "ERROR"])
def test_a_strangers_end_is_told_and_not_kept(house, word):
    """A job of another machine is shown as the gateway has it, and the ledger stays as it was."""
    outcome = asked(house, ScriptedGateway(polls=[Answer("theirs", word, error="no")]), "theirs")
    assert isinstance(outcome.error, JobFailed)
    assert (outcome.job, outcome.request_id, outcome.known.status) == (None, "theirs", word)
    assert house.jobs() == []


def test_a_stranger_that_runs_has_no_error(house):
    """A job that goes on is no failure."""
    outcome = asked(house, ScriptedGateway(polls=[processing("theirs")]), "theirs")
    assert (outcome.error, outcome.charge) == (None, "maybe")


def test_ids_may_be_cut_short(tmp_path):
    """Each word becomes the id that it begins, of this gateway before others; what nobody knows stays as it is."""

    async def work(ledger):
        for request_id, gateway in (("7b_abc1", "g"), ("7b_abc2", "h"), ("7b_xyz1", "g"), ("7b_xyz2", "g")):
            await ledger.adopt(request_id, gateway, "default")
        for number in range(9):
            await ledger.adopt(f"7b_many{number}", "g", "default")

    run(tmp_path, work)
    words = ["abc", "abc2", "7b_abc1", "7b_xyz1", "nobody", "abc1"]
    assert full_ids(str(tmp_path), "g", words) == ["7b_abc1", "7b_abc2", "7b_xyz1", "nobody"]
    with pytest.raises(UsageError, match=r"7b_xyz1, 7b_xyz2$") as caught:
        full_ids(str(tmp_path), "g", ["xyz"])
    assert caught.value.hint == "give more of it"
    with pytest.raises(UsageError, match=r"(7b_many\d, ){4}7b_many\d and 4 more$"):
        full_ids(str(tmp_path), "g", ["many"])
    with pytest.raises(UsageError, match="several ids"):
        full_ids(str(tmp_path), "another", ["abc"])


@pytest.mark.parametrize("word", ["", " "])
def test_an_empty_id_is_refused(tmp_path, word):
    """An unset variable is no id that anybody could be asked about."""
    with pytest.raises(UsageError, match="REQUEST_ID: it is empty"):
        full_ids(str(tmp_path), "g", ["7b_abc1", word])


@pytest.mark.parametrize("own", [True, False])
def test_what_went_wrong_is_the_outcomes_error(house, go, own):
    """A poll that fails is told; what the ledger knows is shown all the same."""
    if own:
        go(ScriptedGateway(), wait=False)
    lost = NetworkError("no connection")
    outcome = asked(house, ScriptedGateway(polls=[lost]), "job-1")
    assert outcome.error is lost
    assert (outcome.known is not None) is own


def test_a_submission_without_an_answer_says_so(house, go):
    """The record of an unknown outcome has that as its error, and its files only where they are asked for."""
    go(ScriptedGateway(submits=[OutcomeUnknown("lost")]))

    ((found,),) = Listing(str(house.folder / "state"), Selection(gateway=GATEWAY, states=["unknown"]))
    outcome = outcome_of(found.job, found.files)
    assert isinstance(outcome.error, OutcomeUnknown)
    assert (outcome.charge, outcome.files) == ("unknown", ())


def test_what_dead_runs_left_is_settled_by_a_look(house):
    """What a run that was killed had in the air is listed as unknown, and what it only held is gone."""
    folder = house.folder / "state"

    async def die():
        async with house.ledger() as ledger:
            for key in ("held", "air"):
                claimed = await ledger.claim(draft(key), Terms())
                if key == "held":
                    await ledger.hold(claimed.job)
            ledger._lock.release()  # as a kill does
            assert [one.job.key for jobs in Listing(str(folder), Selection(gateway="g")) for one in jobs] == ["air"]

    asyncio.run(die())
    ((one,),) = Listing(str(folder), Selection(gateway="g", states=["unknown"]))
    assert (one.job.key, one.job.state) == ("air", "unknown")
