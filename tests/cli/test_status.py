"""`seedvr status` over the real command."""

import json

import pytest
from helpers.sources import new_url

pytestmark = pytest.mark.slow


@pytest.fixture
def submitted(run, gateway):
    """A gateway with four jobs that stand as their names say: {word: (source, request id)}."""
    sources = {new_url(f"{word}.png"): word.upper() for word in ("completed", "failed", "error", "processing")}
    fake = gateway(lambda heard: fake.view(heard, sources[heard.source]) if heard in fake.polls() else None)
    done = run("image", *sources, "--no-wait", "--json", to=fake)
    assert done.rc == 0, done.stderr
    ids = {one["source"]: one["request_id"] for one in done.objects}
    return fake, {word: (source, ids[source]) for source, word in sources.items()}


def test_the_exit_code_is_how_the_jobs_stand(bench, submitted):
    """status ends with 0 where all are COMPLETED, 1 where one ended otherwise, 6 where one still runs."""
    fake, jobs = submitted
    ids = {word: request_id for word, (_, request_id) in jobs.items()}

    codes = {
        "COMPLETED": 0,
        "COMPLETED FAILED": 1,
        "ERROR": 1,
        "COMPLETED PROCESSING": 6,
        "FAILED PROCESSING": 6,
    }
    ends = bench.run_all(*(["status", *(ids[word] for word in words.split())] for words in codes), to=fake)
    assert [done.rc for done in ends] == list(codes.values())
    assert len(fake.posts()) == 4


def test_a_line_for_each_id_in_their_order(run, submitted):
    """status prints one line an id, with id, status, endpoint, time and source between tabs."""
    fake, jobs = submitted
    words = ["PROCESSING", "COMPLETED", "FAILED"]
    done = run("status", *(jobs[word][1] for word in words), to=fake)
    rows = [line.split("\t") for line in done.lines]
    assert [row[0] for row in rows] == [jobs[word][1] for word in words]
    assert [row[1] for row in rows] == words
    assert [row[2] for row in rows] == ["7b-image"] * 3
    assert [row[4] for row in rows] == [jobs[word][0] for word in words]


def test_without_ids_the_ledger_is_listed_and_nobody_is_asked(run, submitted):
    """Without ids status lists this user's jobs from the ledger, needs no key and asks no gateway."""
    fake, jobs = submitted
    heard = len(fake.heard)
    done = run("status", to=fake, key=None)
    assert done.rc == 0
    assert {line.split("\t")[0] for line in done.lines} == {request_id for _, request_id in jobs.values()}
    values = run("status", "--json", to=fake, key=None).objects
    assert {(one["source"], one["request_id"]) for one in values} == set(jobs.values())
    assert len(fake.heard) == heard


def test_what_is_learned_is_remembered(run, submitted):
    """What status hears of a job stands in the ledger: the list shows it afterwards."""
    fake, jobs = submitted
    run("status", *(request_id for _, request_id in jobs.values()), to=fake)
    listed = {one["request_id"]: one["status"] for one in run("status", "--json", to=fake, key=None).objects}
    assert listed == {request_id: word for word, (_, request_id) in jobs.items()}


def test_an_empty_ledger_is_said_on_standard_error(bench, sandbox):
    """Without jobs status prints no line, says so on standard error, not with -q, and ends with 0."""
    done, quiet = bench.run_all(["status"], ["status", "-q"], to=sandbox)
    assert (done.rc, done.stdout) == (0, "")
    assert "no job" in done.stderr
    assert (quiet.rc, quiet.stdout, quiet.stderr) == (0, "", "")


def test_an_empty_ledger_tells_of_the_sandbox(bench, sandbox):
    """Without jobs of a gateway status says how those of the sandbox are seen; in the sandbox it does not."""
    done, there = bench.run_all(["status"], ["status", "--sandbox"], to=None)
    assert done.stderr.endswith("; --sandbox shows those of the sandbox\n")
    assert there.stderr == "seedvr: the ledger has no job for the sandbox\n"


def test_a_job_of_another_machine(run, sandbox, url):
    """status of an id that this ledger does not know asks the gateway and shows what it says."""
    request_id = run("image", url, "--no-wait", to=sandbox).stdout.strip()
    done = run("status", request_id, "--json", to=sandbox, env={"SEEDVR_HOME": "elsewhere"})
    assert done.rc == 0, done.stderr
    value = done.object
    assert (value["request_id"], value["status"], value["source"], value["resumed"]) == (
        request_id,
        "COMPLETED",
        None,
        False,
    )


def test_an_id_that_the_gateway_does_not_know(run, sandbox):
    """An id that nobody knows ends with 1 and one line that says 404, and gets no status."""
    done = run("status", "seedvr-upscale_nobody", to=sandbox)
    assert (done.rc, done.stdout) == (1, "")
    assert "404" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "download", "report", "forget"])
def test_an_empty_id_is_not_asked_about(run, gateway, command):
    """An unset variable is a usage error, and the gateway hears nothing of it."""
    fake = gateway()
    done = run(command, "", *([] if command == "report" else ["--base-url", fake.url]))
    assert (done.rc, done.stdout, fake.heard) == (2, "", [])
    assert "it is empty; an unset variable, perhaps" in done.stderr


def test_gateways_have_ledgers_of_their_own(run, bench, sandbox, url):
    """status lists the jobs of the gateway that is asked, not those of another."""
    assert run("image", url, "--no-wait", to=sandbox).rc == 0
    ends = bench.run_all(["status", {"to": sandbox}], ["status"], ["status", "--sandbox"])
    assert [len(done.lines) for done in ends] == [1, 0, 0]


def test_a_job_of_another_gateway_is_told_apart(run, bench, gateway, url, photo):
    """An id that the ledger knows from elsewhere is asked of nobody here; the line says whose it is, and how to ask."""
    here, there = gateway(), gateway()
    request_id = run("image", url, "--no-wait", to=there).stdout.strip()
    sandboxed = run("image", photo, "--no-wait", "--sandbox", key=None).stdout.strip()
    for command in ("status", "download"):
        done = run(command, request_id, to=here)
        assert (done.rc, done.stdout) == (2, "")
        assert f"{request_id} is a job of {there.url}, and not of {here.url}" in done.stderr
        assert f"--base-url {there.url}" in done.stderr
        done = run(command, sandboxed, key=None)
        assert done.rc == 2
        assert f"{sandboxed} is a job of the sandbox" in done.stderr
        assert "--sandbox" in done.stderr
    assert here.heard == []
    assert run("status", request_id, to=there).rc == 0


def test_the_list_of_a_sandbox_run(run, photo):
    """Jobs that ran with --sandbox are listed with --sandbox, and asked for there by a later command."""
    request_id = json.loads(run("image", photo, "--no-wait", "--json", "--sandbox", key=None).stdout)["request_id"]
    assert run("status", "--sandbox", key=None).stdout.startswith(f"{request_id}\t")
    assert run("status", request_id, "--sandbox", key=None).rc in {0, 6}
