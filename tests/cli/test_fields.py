"""--fields and --print, with the real command."""

import json
import os

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url

pytestmark = pytest.mark.slow

FIELDS = "status,files[0].path,error.code"


def test_fields_are_picked(run, sandbox, url):
    """image, status and download print objects with these keys alone, in this order; --json may stand there or not."""
    done = run("image", url, "--fields", FIELDS, to=sandbox)
    expected = {"status": "COMPLETED", "files[0].path": "photo-upscaled.png", "error.code": None}
    assert (done.rc, done.stdout) == (0, json.dumps(expected) + "\n")
    for command in ("status", "download"):
        done = run(command, "--json", "--fields", FIELDS, to=sandbox)
        assert done.rc == 0, done.stderr
        assert [{**one, "files[0].path": os.path.basename(one["files[0].path"])} for one in done.objects] == [
            expected
        ] * (command == "status")
    request_id = run("status", "--print", "{request_id}", to=sandbox).stdout.strip()
    assert run("download", request_id, "--fields", "request_id", to=sandbox).object == {"request_id": request_id}
    assert run("status", request_id, "--fields", "request_id", to=sandbox).object == {"request_id": request_id}


def test_a_line_of_ones_own(run, gateway):
    """--print writes a line for each source that has something to show, in place of the path."""
    good, bad = new_url("good.png"), new_url("bad.png")
    fake = gateway(lambda heard: Reply(400, {"message": "no\x1b[0m\n!"}) if heard.source == bad else None)
    done = run("image", good, bad, "--print", "{files[0].path}", to=fake)
    assert (done.rc, done.stdout) == (1, "good-upscaled.png\n")
    done = run("image", good, bad, "--print", "{{{files[0].path}}}\t{error.code}{error.message}", to=fake)
    refused, shown = sorted(done.lines, reverse=True)
    assert shown == "{good-upscaled.png}\t"
    assert refused.startswith("{}\trefused")
    assert refused.removeprefix("{}\t").isprintable()
    assert run("image", new_url("c.png"), "--no-wait", "--print", "id={request_id}", to=fake).stdout == "id=fake_2\n"


def test_nothing_is_paid_where_a_field_is_wrong(run, gateway, url):
    """An unknown name, and what does not go together, is bad usage, with nothing submitted."""
    fake = gateway()
    for words, says in [
        (["--fields", "statu"], "did you mean status?"),
        (["--print", "{request}{files[0].pth}"], "did you mean files[0].path?"),
        (["--print", "{"], "stands alone"),
        (["--print", "{v}", "--json"], "--print and --json"),
        (["--print", "{v}", "--fields", "v"], "--fields and --print"),
        (["--no-json", "--fields", "v"], "--fields and --no-json"),
        (["--print", "{v}", "-o", "-"], "-o - and --print"),
        (["--fields", "v", "-o", "-"], "-o - and --fields"),
    ]:
        done = run("image", url, *words, to=fake)
        assert (done.rc, says in done.stderr) == (2, True), done.stderr
    assert fake.heard == []


def test_the_fields_are_listed(run):
    """--fields without a value prints what there is, one a line, wherever it stands; other commands have none."""
    names = run("image", "--json", "--fields").lines
    assert {"status", "files[0].path", "error.code", "params", "request"} < set(names)
    for words in (["status", "--fields", "--json"], ["download", "--fields"], ["listen", "--json", "--fields"]):
        done = run(*words)
        assert (done.rc, done.lines, done.stderr) == (0, names, ""), words
    assert run("spend", "--fields").rc == 2


def test_the_fields_go_where_they_can(run):
    """A full disk is one line and 1, and who reads no more hears nothing."""
    with open("/dev/full", "wb") as full:
        done = run("image", "--json", "--fields", stdout=full)
    assert (done.rc, done.stderr.count("\n"), "cannot write to standard output" in done.stderr) == (1, 1, True)
    reading, writing = os.pipe()
    os.close(reading)
    done = run("image", "--json", "--fields", stdout=writing)
    os.close(writing)
    assert (done.rc, done.stderr) == (141, "")


def test_a_profile_that_wants_json_gives_way(bench, sandbox, url):
    """--print is stronger than `json = true` of the profile."""
    bench.configure("[default]\njson = true\n")
    assert bench.run("image", url, "--print", "{status}", to=sandbox).stdout == "COMPLETED\n"


def test_a_dry_run_has_fields_too(run, url):
    """--dry-run prints the same fields, and those of the request; what is not known yet is null or left out."""
    done = run("image", url, "-x", "2", "--dry-run", "--fields", "price_usd,request.body,request_id")
    assert list(done.object.values()) == [0.001, {"image_url": url, "upscale_factor": 2}, None]
    assert run("image", url, "--dry-run", "--print", "{price_usd} {request_id}").stdout == "0.001 \n"
    assert run("image", url, "--dry-run", "--print", "{request_id}").stdout == ""
