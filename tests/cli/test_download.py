"""`seedvr download` over the real command."""

import os

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url

pytestmark = pytest.mark.slow


def test_without_ids_everything_that_was_paid_and_not_delivered(run, gateway, bench):
    """Without ids download delivers all that is paid for, to where its command meant it, and nothing a second time."""
    sources = [new_url("a.png"), new_url("b.png")]
    fake = gateway()
    assert run("image", *sources, "-x", "2", "--no-wait", to=fake).rc == 0
    assert run("image", new_url("c.png"), "-o", "out/c.png", "--no-wait", to=fake).rc == 0
    done = run("download", to=fake)
    assert done.rc == 0, done.stderr
    made = {os.path.relpath(bench.work / line, bench.work) for line in done.lines}
    assert made == {"a-2x.png", "b-2x.png", "out/c.png"}
    assert all((bench.work / name).read_bytes() == fake.picture for name in made)
    again = run("download", to=fake)
    assert (again.rc, again.stdout) == (0, "")
    assert "nothing" in again.stderr
    assert len(fake.posts()) == 3


def test_one_id(run, gateway, work, url):
    """download with an id delivers that one alone, under -o if that is given, and prints its path again later."""
    fake = gateway()
    first = run("image", url, "--no-wait", to=fake).stdout.strip()
    run("image", new_url(), "--no-wait", to=fake)
    for _ in range(2):
        done = run("download", first, "-o", "mine.png", to=fake)
        assert (done.rc, done.stdout) == (0, "mine.png\n"), done.stderr
    assert os.listdir(work) == ["mine.png"]
    assert len(fake.downloads()) == 1


def test_a_job_that_still_runs_is_waited_for(run, gateway, photo):
    """download waits for a job that still runs, and ends with 6 where --timeout comes first."""
    left = 1_000_000

    def script(heard):
        nonlocal left
        if heard not in fake.polls():
            return None
        left -= 1
        return fake.view(heard, "PROCESSING" if left > 0 else "COMPLETED")

    fake = gateway(script)
    request_id = run("image", photo, "--no-wait", to=fake).stdout.strip()
    done = run("download", request_id, "--timeout", "0.1s", to=fake)
    assert (done.rc, done.stdout) == (6, "")
    left = 3
    done = run("download", request_id, to=fake)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n")


def test_the_bytes_on_standard_output(run, gateway, bench, url):
    """download ID -o - writes the bytes alone, and a second result does not fit there."""
    fake = gateway()
    request_id = run("image", url, "--no-wait", to=fake).stdout.strip()
    done = run("download", request_id, "-o", "-", to=fake)
    assert (done.rc, done.raw, bench.files()) == (0, fake.picture, [])
    assert run("download", request_id, "another", "-o", "-", to=fake).rc == 2


def test_no_download_prints_urls(run, gateway, bench, url):
    """download --no-download prints media URLs and makes no file."""
    fake = gateway()
    request_id = run("image", url, "--no-wait", to=fake).stdout.strip()
    done = run("download", request_id, "--no-download", to=fake)
    assert (done.rc, done.stdout) == (0, f"{fake.url}/media/{request_id}/output.png\n")
    assert bench.files() == []


def test_a_job_of_another_machine(run, sandbox, url, work):
    """download of an id that this ledger does not know delivers it, and pays nothing."""
    request_id = run("image", url, "--no-wait", to=sandbox).stdout.strip()
    done = run("download", request_id, "--json", to=sandbox, env={"SEEDVR_HOME": "elsewhere"})
    assert done.rc == 0, done.stderr
    assert (work / done.object["files"][0]["path"]).is_file()
    assert done.object["source"] is None
    assert sandbox.accepted(url) == 1


def test_an_id_that_nobody_knows_is_not_remembered(run, sandbox):
    """A mistyped id ends with 1, and is neither tried again by a download without ids nor listed as a job."""
    assert run("download", "seedvr-upscale_typo", to=sandbox).rc == 1
    done = run("download", to=sandbox)
    assert (done.rc, done.stdout) == (0, ""), done.stderr
    assert run("status", to=sandbox).stdout == ""


def test_a_failed_job_has_nothing_to_deliver(run, sandbox_server, photo):
    """download of a FAILED job ends with 1 and says why; without ids it is not tried."""
    server = sandbox_server("--latency", "0s", "--fault", "fail")
    request_id = run("image", photo, "--no-wait", to=server).stdout.strip()
    done = run("download", request_id, to=server)
    assert (done.rc, done.stdout) == (1, "")
    assert "FAILED" in done.stderr
    assert run("download", to=server).rc == 0
    assert server.accepted() == 1


def test_a_result_that_could_not_be_had_is_fetched_later(run, gateway, bench, url):
    """What was paid for and could not be fetched is delivered by a later download, also after its URL has changed."""
    fake = gateway(lambda heard: Reply(403, b"expired") if heard.path.startswith("/media/") else None)
    assert run("image", url, to=fake).rc == 1
    moved = f"{fake.url}/media/elsewhere.png"
    output = {"media_url": [moved], "media_type": "image/png"}
    fake.script = lambda heard: fake.view(heard, output=output) if heard in fake.polls() else None
    done = run("download", to=fake)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
    assert fake.downloads()[-1].path == "/media/elsewhere.png"
    assert (bench.files(), len(fake.posts())) == (["photo-upscaled.png"], 1)


def test_a_file_in_the_way(run, sandbox, work, url):
    """download leaves a foreign file alone, refuses its explicit name with 2, and replaces it with --overwrite."""
    request_id = run("image", url, "--no-wait", to=sandbox).stdout.strip()
    (work / "photo-upscaled.png").write_text("mine")
    assert run("download", request_id, "-o", "photo-upscaled.png", to=sandbox).rc == 2
    assert run("download", request_id, to=sandbox).stdout == "photo-upscaled-2.png\n"
    assert (work / "photo-upscaled.png").read_text() == "mine"
    done = run("download", request_id, "-o", "photo-upscaled.png", "--overwrite", to=sandbox)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n")
    assert (work / "photo-upscaled.png").read_bytes().startswith(b"\x89PNG")
