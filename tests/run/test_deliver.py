"""A completed job becomes files: of every name, whoever else is at it, whatever is there already."""

import asyncio
import hashlib
import os

import pytest
from fakes.scripted import PICTURE, ScriptedGateway, completed, processing, queued

from seedvr_cli.download.destination import Destination
from seedvr_cli.ledger.files import Deliveries, Placed
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import DeliveryError, StillRunning, UsageError

TWO = Answer("job-1", "COMPLETED", media_url=("https://cdn.example.com/a.png", "https://cdn.example.com/b.png"))

# Size and digest of the whole file.
PROOF = len(PICTURE), hashlib.sha256(PICTURE).hexdigest()


def names(house) -> list[str]:
    return sorted(path.name for path in (house.folder / "out").iterdir())


def pay(house, go, **policy) -> None:
    """A job that is completed and not delivered."""
    go(ScriptedGateway(), download=False, **policy)


def test_every_file_of_a_job_is_delivered(house, go):
    """A result of two files has two names, numbered."""
    (outcome,) = go(ScriptedGateway(polls=[TWO]))
    assert outcome.error is None
    assert names(house) == ["photo-upscaled-2.png", "photo-upscaled.png"]
    assert len(outcome.files) == 2


def test_two_files_do_not_fit_standard_output(house, go):
    """Standard output takes one file."""
    (outcome,) = go(ScriptedGateway(polls=[TWO]), house.purchases(output="-"))
    assert isinstance(outcome.error, DeliveryError)
    assert "2 files" in outcome.error.message


def test_bytes_for_standard_output_go_through_the_spool(house, go):
    """A result for standard output is a file of the spool, and the same again is fetched again."""
    for _ in range(2):
        gateway = ScriptedGateway()
        (outcome,) = go(gateway, house.purchases(output="-"))
        (file,) = outcome.files
        assert outcome.error is None
        assert os.path.dirname(file.path) == str(house.folder / "spool")
        assert len(gateway.fetched) == 1


def test_a_completed_job_without_media_is_a_failed_delivery(go):
    """COMPLETED without a URL cannot be delivered, and is paid for."""
    (outcome,) = go(ScriptedGateway(polls=[Answer("job-1", "COMPLETED")]))
    assert isinstance(outcome.error, DeliveryError)
    assert outcome.charge == "listed"


def test_what_stands_whole_is_not_fetched_again(house, go):
    """A delivered file is found, and nobody is asked."""
    go(ScriptedGateway())
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert outcome.skipped
    assert (gateway.polled, gateway.fetched) == ([], [])


def test_under_another_name_it_is_copied(house, go):
    """Asked for under another name, a whole file is copied on this machine, and not paid or fetched again."""
    go(ScriptedGateway())
    gateway = ScriptedGateway()
    (outcome,) = go(gateway, house.purchases(output=f"{house.folder}/other/x.png"))
    assert (outcome.error, gateway.submitted, gateway.fetched) == (None, [], [])
    assert (house.folder / "other" / "x.png").read_bytes() == PICTURE


def test_a_file_that_was_changed_is_not_ours(house, go):
    """Where the delivered file has other content by now it is left alone, and the result gets the next name."""
    go(ScriptedGateway())
    (house.folder / "out" / "photo-upscaled.png").write_bytes(b"mine now")
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.submitted, len(gateway.fetched)) == (None, [], 1)
    assert names(house) == ["photo-upscaled-2.png", "photo-upscaled.png"]
    assert (house.folder / "out" / "photo-upscaled.png").read_bytes() == b"mine now"


def test_a_stranger_in_the_way_is_left_alone(house, go):
    """A file that nobody here has made gets no new content, and the result the next name."""
    (house.folder / "out").mkdir()
    (house.folder / "out" / "photo-upscaled.png").write_bytes(b"stranger")
    (house.folder / "out" / "photo-upscaled-2.png.part").write_bytes(b"another's")
    (outcome,) = go(ScriptedGateway())
    assert outcome.error is None
    assert names(house) == ["photo-upscaled-2.png.part", "photo-upscaled-3.png", "photo-upscaled.png"]


def test_overwrite_replaces_what_is_in_the_way(house, go):
    """--overwrite takes the name."""
    (house.folder / "out").mkdir()
    (house.folder / "out" / "photo-upscaled.png").write_bytes(b"stranger")
    (outcome,) = go(ScriptedGateway(), overwrite=True)
    assert outcome.error is None
    assert (house.folder / "out" / "photo-upscaled.png").read_bytes() == PICTURE


def test_an_explicit_name_that_is_taken_costs_nothing(house, go):
    """An explicit file name in the way is refused before anything is paid."""
    taken = house.folder / "taken.png"
    taken.write_bytes(b"stranger")
    gateway = ScriptedGateway()
    (outcome,) = go(gateway, house.purchases(output=str(taken)))
    assert isinstance(outcome.error, UsageError)
    assert (gateway.submitted, taken.read_bytes()) == ([], b"stranger")


def test_an_explicit_name_that_is_taken_meanwhile(house, go):
    """What gets into the way of an explicit name while the job runs is left alone; the result is paid for."""
    taken = house.folder / "taken.png"

    def intrude():
        taken.write_bytes(b"stranger")
        return completed()

    (outcome,) = go(ScriptedGateway(polls=[intrude]), house.purchases(output=str(taken)))
    assert isinstance(outcome.error, DeliveryError)
    assert "in the way" in outcome.error.message
    assert (outcome.charge, taken.read_bytes()) == ("listed", b"stranger")


def test_an_own_file_under_an_explicit_name_is_found(house, go):
    """The same command with an explicit name finds its own file there."""
    target = house.purchases(output=str(house.folder / "x.png"))
    go(ScriptedGateway(), target)
    (outcome,) = go(ScriptedGateway(), house.purchases(output=str(house.folder / "x.png")))
    assert (outcome.error, outcome.skipped) == (None, True)


def test_a_name_without_room_costs_nothing(house, go):
    """A name that no file system has room for is refused before anything is paid."""
    gateway = ScriptedGateway()
    (outcome,) = go(gateway, house.purchases(output=f"{house.folder}/{'x' * 250}{{ext}}"))
    assert isinstance(outcome.error, UsageError)
    assert gateway.submitted == []


def test_a_file_that_was_renamed_and_not_recorded_is_recovered(house, go):
    """What an earlier run renamed before it died is recorded now, and not fetched again."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"

    async def die() -> None:
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", "https://gateway.example")
            assert await ledger.deliveries.place(job, 0, str(path)) == Placed(str(path))
            await ledger.deliveries.vouch(job, 0, str(path), *PROOF)

    asyncio.run(die())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(PICTURE)
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.fetched) == (None, [])
    assert names(house) == ["photo-upscaled.png"]


def test_a_file_of_somebody_else_is_not_taken_for_the_result(house, go):
    """Where a run died in the middle and another file has got the name since, the result gets another one."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"

    async def die() -> None:
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", "https://gateway.example")
            await ledger.deliveries.place(job, 0, str(path))

    asyncio.run(die())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(other := PICTURE + b"of another")
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, len(gateway.fetched)) == (None, 1)
    assert names(house) == ["photo-upscaled-2.png", "photo-upscaled.png"]
    assert path.read_bytes() == other


def test_another_machine_that_has_begun_a_file_of_that_name_keeps_it(house, go):
    """A part that a machine with another ledger is at is not touched: the result gets the next name."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"
    path.parent.mkdir(exist_ok=True)
    place = Deliveries.place
    held = []

    async def overtaken(self, job, position, base, **how):
        placed = await place(self, job, position, base, **how)
        if not held:
            held.append(Destination(placed.path).create())
            os.write(held[0], b"theirs")
        return placed

    gateway = ScriptedGateway()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deliveries, "place", overtaken)
        (outcome,) = go(gateway)
    assert outcome.error is None
    assert outcome.files[0].path.endswith("photo-upscaled-2.png")
    assert names(house) == ["photo-upscaled-2.png", "photo-upscaled.png.part"]
    assert path.with_name("photo-upscaled.png.part").read_bytes() == b"theirs"
    os.close(held[0])


def test_a_part_is_taken_up_again(house, go):
    """A `.part` that an earlier run of this job left is the one that is gone on with."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"
    path.parent.mkdir(exist_ok=True)

    async def die() -> None:
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", "https://gateway.example")
            await ledger.deliveries.place(job, 0, str(path))
            await ledger.deliveries.note(job, 0, str(path), '"abc"')

    asyncio.run(die())
    (path.parent / "photo-upscaled.png.part").write_bytes(PICTURE[:40])
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, len(gateway.fetched)) == (None, 1)
    assert names(house) == ["photo-upscaled.png"]
    assert path.read_bytes() == PICTURE


def test_a_part_that_another_run_ended_is_no_reason_for_a_second_name(house, go, monkeypatch):
    """A run that dies between our look at a `.part` and our taking it up may have renamed it: that file is found."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.part")

    async def begin() -> None:
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", "https://gateway.example")
            await ledger.deliveries.place(job, 0, str(path))
            await ledger.deliveries.note(job, 0, str(path), '"abc"')

    asyncio.run(begin())
    part.write_bytes(PICTURE[:40])
    take_over = Deliveries.take_over

    async def overtaken(self, job, position, known):
        monkeypatch.undo()
        async with house.ledger() as other:
            assert await take_over(other.deliveries, job, position, known)
            await other.deliveries.vouch(job, position, str(path), *PROOF)
        part.rename(path)
        path.write_bytes(PICTURE)  # and then it died, before it could record that
        return await take_over(self, job, position, known)

    monkeypatch.setattr(Deliveries, "take_over", overtaken)
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.fetched) == (None, [])
    assert names(house) == ["photo-upscaled.png"]


@pytest.mark.parametrize("ends", [True, False])
def test_another_run_that_delivers_the_same(house, go, ends):
    """A live run that is at this very file is waited for, no longer than the timeout; then its file is ours too."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"
    path.parent.mkdir(exist_ok=True)

    async def both() -> None:
        async with house.ledger() as other:
            job = await other.find("job-1", "https://gateway.example")
            await other.deliveries.place(job, 0, str(path))
            sleep = house.clock.sleep

            async def slept(seconds: float) -> None:
                await sleep(seconds)
                if ends and house.clock.seconds > 5 and not path.exists():
                    path.write_bytes(PICTURE)
                    file = (await other.deliveries.of(job))[0]
                    from seedvr_cli.download.recover import recover

                    found, mtime_ns = recover(Destination(file.path), PROOF[1])
                    await other.deliveries.delivered(job, 0, found, mtime_ns=mtime_ns)

            object.__setattr__(house.clock.clock, "sleep", slept)
            gateway = ScriptedGateway()
            begin = house.clock.seconds
            (outcome,) = await house.run(gateway, house.purchases(), timeout=30.0)
            assert gateway.fetched == []
            if ends:
                assert outcome.error is None
                assert outcome.files[0].path.endswith("photo-upscaled.png")
            else:
                assert isinstance(outcome.error, StillRunning)
                assert house.clock.seconds - begin <= 32

    asyncio.run(both())


def test_a_job_that_others_may_know_is_looked_up_first(house, go):
    """A job that was attached to while it ran is delivered once, under the plain name."""
    go(ScriptedGateway(polls=[processing()]), timeout=5.0)
    gateway = ScriptedGateway(submits=[queued("never")])
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.submitted, names(house)) == (None, [], ["photo-upscaled.png"])


def test_what_was_begun_under_another_name_is_cleared_away(house, go):
    """A part that a dead run left, of what was to be another kind of file, goes when the result stands whole."""
    pay(house, go)
    folder = house.folder / "out"
    folder.mkdir(exist_ok=True)

    async def die() -> None:
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", "https://gateway.example")
            for name in ("photo-upscaled.avif", "photo-upscaled.jpg"):
                await ledger.deliveries.place(job, 0, str(folder / name))
                (folder / f"{name}.part").write_bytes(b"\xff\xd8\xff")

    asyncio.run(die())
    (folder / "photo-upscaled.jpg").write_bytes(b"a user's own, of the same name")
    (outcome,) = go(ScriptedGateway())
    assert outcome.error is None
    assert names(house) == ["photo-upscaled.jpg", "photo-upscaled.png"]


def test_a_run_that_begins_and_dies_while_we_look_gives_us_no_second_name(house, go, monkeypatch):
    """A run may begin a delivery when we have seen that none is under way, rename the file and die: it is found."""
    pay(house, go)
    path = house.folder / "out" / "photo-upscaled.png"
    path.parent.mkdir(exist_ok=True)
    of = Deliveries.of

    async def overtaken(self, job):
        monkeypatch.undo()
        other = Ledger(str(house.folder / "state"))
        await other.__aenter__()
        await other.deliveries.place(job, 0, str(path))
        await other.deliveries.vouch(job, 0, str(path), *PROOF)
        entries = await of(self, job)

        async def die() -> None:
            path.write_bytes(PICTURE)
            await other.__aexit__()

        is_under_way = Deliveries.is_under_way

        def asked(deliveries, seen):
            answer = is_under_way(deliveries, seen)
            if not dead:
                dead.append(asyncio.ensure_future(die()))
            return answer

        dead = []
        monkeypatch.setattr(Deliveries, "is_under_way", asked)
        return entries

    monkeypatch.setattr(Deliveries, "of", overtaken)
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.fetched) == (None, [])
    assert names(house) == ["photo-upscaled.png"]
