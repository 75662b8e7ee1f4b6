"""What stands at a URL now, beside what was paid for."""

import asyncio

import pytest
from fakes.scripted import PICTURE, ScriptedGateway, completed, queued
from helpers.house import PRICE, SOURCE

from seedvr_cli.run.change import changed_sources, is_comparable
from seedvr_cli.values.answer import Answer, Peek
from seedvr_cli.values.errors import CostCapReached, JobFailed, NetworkError, SourceRefused
from seedvr_cli.values.events import Notice
from seedvr_cli.values.version import Version

V1, V2, V3 = (Version(f'"{number}"', number) for number in (1, 2, 3))
LINE = f"{SOURCE} has changed since it was paid for; --if-changed submits it"


@pytest.fixture
def at(house, go):
    """Runs with that version at the URL; gives the outcome and the gateway."""

    def act(version, *, source=SOURCE, submits=(), polls=(), head=PICTURE, status=206, **policy):
        found = version if isinstance(version, Exception) else Peek(status, head, version)
        gateway = ScriptedGateway(submits=submits, polls=polls, sources={source: found})
        (outcome,) = go(gateway, house.purchases(source), **{"check": "all", **policy})
        return outcome, gateway

    return act


def notices(house):
    return [event.text for event in house.events if isinstance(event, Notice)]


def test_the_version_is_kept_with_the_job(house, at):
    """What is looked at before it is paid for is what later looks are compared with."""
    at(V1)
    at(V1)
    assert [(job.seen, job.request_id) for job in house.jobs()] == [(V1, "job-1")]
    assert notices(house) == []


def test_a_change_is_told_once_a_run(house, at):
    """Without --if-changed it is a line, and the job is what it was."""
    at(V1)
    outcome, gateway = at(V2)
    assert (outcome.error, gateway.submitted, notices(house)) == (None, [], [LINE])
    assert house.jobs()[0].seen == V1


def test_a_query_is_not_told(house, at):
    """The line has the URL without what may be a signature."""
    for version in (V1, V2):
        at(version, source=f"{SOURCE}?token=secret")
    assert notices(house) == [LINE]


def test_a_change_is_paid_for_once(house, at):
    """With --if-changed each version is submitted once, whatever stood there in between."""
    for version, count in ((V1, 1), (V2, 1), (V2, 0), (V3, 1), (V3, 0), (V1, 1)):
        number = len(house.jobs()) + 1
        steps = {"submits": [queued(f"job-{number}")], "polls": [completed(f"job-{number}")]}
        outcome, gateway = at(version, if_changed=True, **steps)
        assert (outcome.error, len(gateway.submitted)) == (None, count)
    assert [job.seen for job in house.jobs()] == [V1, V2, V3, V1]


def test_what_failed_is_not_paid_for_again(house, at):
    """A version that ended FAILED is submitted again with --retry-failed alone; another version is another matter."""
    at(V1)
    failing = {"submits": [queued("job-2")], "polls": [Answer("job-2", "FAILED")], "if_changed": True}
    assert isinstance(at(V2, **failing)[0].error, JobFailed)
    again, gateway = at(V2, if_changed=True)
    assert (type(again.error), gateway.submitted) == (JobFailed, [])
    plain, gateway = at(V2)
    assert (plain.request_id, gateway.submitted, notices(house)) == ("job-1", [], [LINE])
    other, gateway = at(V3, if_changed=True, submits=[queued("job-3")], polls=[completed("job-3")])
    assert (other.request_id, len(gateway.submitted)) == ("job-3", 1)


@pytest.mark.parametrize("trouble", [NetworkError("gone"), None])
def test_what_does_not_answer_is_not_said(house, at, trouble):
    """A look that fails, in whatever way, is silent, and stops nothing that is paid for."""
    at(V1)
    for policy in ({"if_changed": True}, {}):
        outcome, gateway = at(trouble, status=404, **policy)
        assert (outcome.error, gateway.submitted, notices(house)) == (None, [], [])


def test_a_server_that_says_nothing_is_not_compared(house, at):
    """Where it tells neither ETag nor length nor time, nothing is said of it, now or later."""
    for version in (Version(), V1, Version()):
        outcome, _ = at(version, if_changed=True)
        assert outcome.error is None
    assert (len(house.jobs()), notices(house)) == (1, [])


def test_what_was_paid_for_unseen_is_compared_from_then_on(house, at):
    """The first look at what was paid for without one says nothing, and is what the next is compared with."""
    at(V1, check="none")
    assert house.jobs()[0].seen is None
    at(V2)
    assert (house.jobs()[0].seen, notices(house)) == (V2, [])
    at(V3)
    assert notices(house) == [LINE]


def test_it_is_looked_at_where_no_check_is(house, at):
    """--if-changed looks at each source, and refuses what has changed and is none, but not what it only looks at."""
    _, gateway = at(NetworkError("gone"), check="none", if_changed=True)
    assert (len(gateway.submitted), house.jobs()[0].seen) == (1, None)
    _, gateway = at(V1, check="none", if_changed=True)
    assert gateway.peeked == [SOURCE]
    refused, gateway = at(V2, check="files", if_changed=True, head=b"<html>")
    assert (type(refused.error), gateway.submitted) == (SourceRefused, [])
    _, gateway = at(V2, check="none", if_changed=True, head=b"<html>", submits=[queued("job-2")])
    assert len(gateway.submitted) == 1


def test_new_and_no_look_ask_nobody(house, at):
    """--new pays in any case, and compares nothing; without a look nobody is asked."""
    at(V1, check="none")
    _, gateway = at(V2, check="none")
    assert gateway.peeked == []
    _, gateway = at(V2, check="none", new=True, submits=[queued("job-2")], polls=[completed("job-2")])
    assert (gateway.peeked, len(gateway.submitted)) == ([], 1)
    _, gateway = at(V3, new=True, submits=[queued("job-3")], polls=[completed("job-3")])
    assert (gateway.peeked, len(gateway.submitted), notices(house)) == ([SOURCE], 1, [])


def test_a_file_of_this_machine_is_known_by_its_content(house, go):
    """What stands on this disk is not asked for anywhere: under one key it is the same."""
    path = house.folder / "a.png"
    path.write_bytes(PICTURE)
    for _ in range(2):
        gateway = ScriptedGateway()
        (outcome,) = go(gateway, house.purchases(str(path), local_files=True), check="all", if_changed=True)
        assert (outcome.error, gateway.peeked) == (None, [])


def test_the_cap_holds(house, at):
    """What has changed costs what it costs: past --max-cost it is not submitted, and stays what it was."""
    at(V1)
    outcome, gateway = at(V2, if_changed=True, max_cost=PRICE - 1)
    assert (type(outcome.error), gateway.submitted) == (CostCapReached, [])
    assert [job.request_id for job in house.jobs()] == ["job-1"]


def test_only_what_is_of_the_same_url_is_compared(house, at):
    """A name of the user's own may be another URL's; a job whose outcome is unknown is nobody's yet."""
    at(V1)
    (job,) = house.jobs()
    (item,), (other,) = house.purchases(), house.purchases("https://example.com/b.png")

    def like(**fields):
        return type(job)(**{name: getattr(job, name) for name in job.__dataclass_fields__} | fields)

    assert is_comparable(job, item.request)
    assert is_comparable(like(key_name="mine", source=f"{SOURCE}#part"), item.request)
    assert not is_comparable(like(key_name="mine"), other.request)
    assert not is_comparable(like(key_name="mine", source="https://[broken"), item.request)
    assert not is_comparable(like(source=None), item.request)
    assert not is_comparable(like(state="unknown"), item.request)


def test_many_are_compared_at_once(house, at):
    """Of many requests those are named whose source is another one; what cannot be compared is not."""
    at(V1)
    (job,) = house.jobs()
    (item,) = house.purchases()
    gateway = ScriptedGateway(sources={SOURCE: Peek(206, b"", V2)})
    unseen = type(job)(**{name: getattr(job, name) for name in job.__dataclass_fields__} | {"seen": None})
    pairs = {"a": (item.request, job), "b": (item.request, unseen)}
    assert asyncio.run(changed_sources(pairs, gateway)) == {"a"}
