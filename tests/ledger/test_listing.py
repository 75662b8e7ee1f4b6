"""What `status` lists: newest first, by what is asked for, with ids as short as they can be told apart."""

import pytest
from helpers.jobs import draft, run

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.listing import OLD_SECONDS, SHORTEST_ID, STATES, Listing, Selection, find_ids, short_ids
from seedvr_cli.ledger.rows import now
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.job import File

IDS = {
    "running": "seedvr2-7b-upscale_aaaaaaaa-1",
    "completed": "seedvr2-7b-upscale_aaaaaaaa-2",
    "delivered": "seedvr2-3b-upscale_bbbbbbbb-1",
    "failed": "seedvr2-3b-upscale_cccccccc-1",
    "error": "short",
}
WORDS = {"running": "PROCESSING", "completed": "COMPLETED", "delivered": "COMPLETED", "failed": "FAILED"}
URLS = ("https://cdn/a.png",)


async def fill(ledger: Ledger) -> None:
    """A job for each word of STATES, in their order, whose key is that word; every other one has a tag."""
    for number, word in enumerate(STATES):
        claimed = await ledger.claim(draft(word, tags=("even",) if number % 2 == 0 else ()), Terms())
        if word in IDS:
            status = WORDS.get(word, "ERROR")
            job = await ledger.record(claimed.job, Answer(IDS[word], status, media_url=URLS))
            if word == "delivered":
                await ledger.deliveries.delivered(job, 0, File("/a.png", 1, "x", "image/png"), mtime_ns=1)
        elif word != "submitting":
            await ledger.lose(claimed.job, "no answer")
    ledger._database._connection.execute("UPDATE jobs SET state = 'forgotten' WHERE key = 'forgotten'")


@pytest.fixture
def folder(tmp_path):
    """A state folder with these jobs, whose run goes on while it is looked at."""

    async def work(ledger):
        await fill(ledger)
        yield_to.append(keys(tmp_path))

    yield_to: list = []
    run(tmp_path, work)
    assert yield_to == [list(reversed(STATES))]
    return tmp_path


def keys(folder, **wanted):
    """The keys of what is listed."""
    return [one.job.key for page in Listing(str(folder), Selection(gateway="g", **wanted)) for one in page]


def test_each_word_lists_its_jobs_the_newest_first(folder):
    """A state has its jobs, `completed` those that are delivered, too; several have the jobs of each."""
    ended = {"submitting": [], "unknown": ["unknown", "submitting"], "completed": ["delivered", "completed"]}
    for word in STATES:
        listed = keys(folder, states=[word])
        assert sorted(listed) == sorted(ended.get(word, [word]))
    assert keys(folder, states=["failed", "running"]) == ["failed", "running"]


def test_tags_times_and_limits_narrow_it(folder):
    """Jobs with one of the tags, those since an instant, and the latest: all of these at once."""
    evens = [word for number, word in enumerate(STATES) if number % 2 == 0]
    assert keys(folder, tags=["even", "other"]) == evens[::-1]
    assert keys(folder, tags=["other"]) == keys(folder, since=now() + 10) == []
    assert keys(folder, since=now() - 100, limit=2) == list(reversed(STATES))[:2]
    assert keys(folder, since=now() - 100, tags=["even"], states=["delivered", "unknown"], limit=1) == ["unknown"]
    assert keys(folder / "none") == []


def test_what_is_left_is_counted_where_it_is_asked_for(folder):
    """Behind the limit there is the rest of the selection, if that is to be known."""
    for counts, left in ((True, len(STATES) - 3), (False, 0)):
        listing = Listing(str(folder), Selection(gateway="g", limit=3), counts=counts)
        assert [len(page) for page in listing] == [3]
        assert listing.left == left


def test_files_come_where_they_are_asked_for(folder):
    """The file that a job became is listed with it, or not looked for."""
    for has_files, paths in ((True, ["/a.png"]), (False, [])):
        ((one,),) = Listing(str(folder), Selection(gateway="g", states=["delivered"]), has_files=has_files)
        assert [file.path for file in one.files] == paths


def test_knowledge_is_old_where_nobody_has_asked_lately(tmp_path):
    """A job under way is old knowledge a while after the last answer, but not while its run is at it."""

    async def work(ledger):
        await fill(ledger)
        await ledger.adopt("stranger", "g", "default")
        connection = ledger._database._connection
        seen = [old(tmp_path)]
        connection.execute("UPDATE jobs SET asked_at = ?", [now() - OLD_SECONDS - 1])
        seen.append(old(tmp_path))
        ledger._lock.release()  # as a kill does
        return [*seen, old(tmp_path)]

    assert run(tmp_path, work) == [["request:stranger"], ["request:stranger"], ["request:stranger", "running"]]


def test_an_answer_makes_knowledge_new(tmp_path):
    """A job that was submitted long ago is no old knowledge where the gateway was asked just now."""

    async def work(ledger):
        claimed = await ledger.claim(draft("running"), Terms())
        job = await ledger.record(claimed.job, Answer("job-1", "QUEUED"))
        connection = ledger._database._connection
        connection.execute("UPDATE jobs SET submitted_at = 0, asked_at = 0")
        ledger._lock.release()  # as a kill does
        before = old(tmp_path)
        await ledger.record(job, Answer("job-1", "PROCESSING"))
        return before, old(tmp_path)

    assert run(tmp_path, work) == (["running"], [])


def old(folder):
    """The keys of jobs of which the knowledge is old."""
    return [one.job.key for page in Listing(str(folder), Selection(gateway="g")) for one in page if one.is_old]


def test_an_id_is_known_by_its_beginning(folder):
    """With the endpoint's name in front or without; an id that is whole is the only one that is meant."""
    both = {(IDS["running"], "g"), (IDS["completed"], "g")}
    assert set(find_ids(str(folder), "aaaa", 5)) == both
    assert set(find_ids(str(folder), "seedvr2-7b", 5)) == both
    assert find_ids(str(folder), "aaaaaaaa-2", 5) == find_ids(str(folder), IDS["completed"], 5)
    assert find_ids(str(folder), IDS["completed"], 5) == [(IDS["completed"], "g")]
    assert find_ids(str(folder), "sho", 5) == [("short", "g")]
    assert len(find_ids(str(folder), "seedvr2", 2)) == 2
    assert find_ids(str(folder), "nobody", 5) == find_ids(str(folder), "", 5) == []
    assert find_ids(str(folder / "none"), "aaaa", 5) == []


def test_an_id_is_cut_to_what_tells_it_apart(folder):
    """At least so many characters, more where others begin with these, and all of it where that is not enough."""
    short = short_ids(str(folder), [*IDS.values(), "seedvr2-7b-upscale_elsewhere"])
    assert short[IDS["running"]] == "aaaaaaaa-1"
    assert short[IDS["delivered"]] == "bbbbbbbb"
    assert len(short[IDS["failed"]]) == SHORTEST_ID
    assert short["short"] == "short"
    assert short["seedvr2-7b-upscale_elsewhere"] == "seedvr2-7b-upscale_elsewhere"
    for whole, cut in short.items():
        assert find_ids(str(folder), cut, 5) in ([(whole, "g")], [])
    assert short_ids(str(folder / "none"), ["a"]) == {"a": "a"}


def test_what_begins_another_id_stays_whole(tmp_path):
    """An id whose end begins another's, or is another's, too, cannot be cut."""

    async def work(ledger):
        for request_id in ("one_12345678", "one_123456789", "one_abcdefghi", "two_abcdefghi"):
            await ledger.adopt(request_id, "g", "default")

    run(tmp_path, work)
    assert short_ids(str(tmp_path), ["one_12345678", "one_123456789", "two_abcdefghi"]) == {
        "one_12345678": "one_12345678", "one_123456789": "123456789", "two_abcdefghi": "two_abcdefghi",
    }  # fmt: skip
