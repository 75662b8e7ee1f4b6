"""--sidecar: the JSON object beside each result."""

import hashlib
import json
import os
from dataclasses import replace

import pytest
from helpers.outcomes import FILE, attachment, job
from helpers.sources import new_url

from seedvr_cli.cli.sidecar import write_sidecars
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.items import Outcome

pytestmark = pytest.mark.slow


def test_a_sidecar_is_the_json_object(run, sandbox, url, work):
    """NAME.json beside the result is what --json prints, and the same command again leaves it so."""
    done = run("image", url, "--sidecar", "--json", "-o", "out/", to=sandbox)
    assert done.rc == 0, done.stderr
    path = work / "out" / "photo-upscaled.png.json"
    assert json.loads(path.read_text()) == done.object
    assert sorted(os.listdir(work / "out")) == ["photo-upscaled.png", "photo-upscaled.png.json"]
    again = run("image", url, "--sidecar", "--json", "-o", "out/", to=sandbox)
    assert (again.rc, json.loads(path.read_text())["request_id"]) == (0, done.object["request_id"])
    assert len(os.listdir(work / "out")) == 2


def test_what_is_delivered_gets_one_afterwards(run, sandbox, url, work):
    """A result that stands already gets its sidecar when the same command asks for one, from a list as well."""
    assert run("image", url, to=sandbox).rc == 0
    path = work / "photo-upscaled.png.json"
    assert run("image", url, "--sidecar", to=sandbox).rc == 0
    path.unlink()
    assert run("image", "--from", "-", "--sidecar", stdin=f"{url}\n", to=sandbox).rc == 0
    assert path.exists()


def test_download_writes_one_too(run, sandbox, url, work):
    """What was submitted before gets its sidecar when it is delivered."""
    assert run("image", url, "--no-wait", to=sandbox).rc == 0
    assert run("download", "--sidecar", to=sandbox).rc == 0
    assert json.loads((work / "photo-upscaled.png.json").read_text())["source"] == url


@pytest.mark.parametrize("content", ["{}", "mine", '{"v": 1}'])
def test_a_file_of_somebody_elses_is_not_touched(run, sandbox, url, work, content):
    """A file in the way that is none of ours stays, the result is delivered, and the code is 1."""
    path = work / "photo-upscaled.png.json"
    path.write_text(content)
    done = run("image", url, "--sidecar", to=sandbox)
    assert (done.rc, done.lines) == (1, ["photo-upscaled.png"])
    assert "photo-upscaled.png.json is in the way" in done.stderr
    assert path.read_text() == content
    assert run("image", url, "--sidecar", "--overwrite", to=sandbox).rc == 0
    assert json.loads(path.read_text())["source"] == url


def test_beside_another_file_of_that_name_it_is_renewed(run, sandbox, work):
    """Where its file was replaced, a sidecar says what stands there now, also if nobody asked for one."""
    one, two = new_url(), new_url()
    assert run("image", one, "--sidecar", "-o", "x.png", to=sandbox).rc == 0
    assert run("image", two, "--overwrite", "-o", "x.png", to=sandbox).rc == 0
    found = json.loads((work / "x.png.json").read_text())
    digest = hashlib.sha256((work / "x.png").read_bytes()).hexdigest()
    assert (found["source"], found["files"][0]["sha256"]) == (two, digest)
    (work / "x.png.json").write_text(json.dumps({**found, "files": "edited"}))
    assert run("image", one, "--overwrite", "-o", "x.png", to=sandbox).rc == 0
    assert json.loads((work / "x.png.json").read_text())["source"] == one


def test_what_failed_has_none(run, gateway, url, work):
    """A job without a result leaves no file at all."""
    gateway = gateway(lambda heard: gateway.view(heard, "ERROR") if "status" in heard.path else None)
    assert run("image", url, "--sidecar", to=gateway).rc == 1
    assert os.listdir(work) == []


@pytest.mark.parametrize("words", [["image", "{url}"], ["download", "job_1"], ["listen"]], ids=" ".join)
def test_where_no_file_can_lie_beside_is_a_usage_error(run, gateway, url, words):
    """Results in an object store or on standard output have no sidecar: nothing is submitted, and a line says why."""
    fake = gateway()
    for output in ["s3://bucket/x/", "-"]:
        done = run(*(word.format(url=url) for word in words), "--sidecar", "-o", output, to=fake)
        assert done.rc == 2
        assert f"-o {output}" in done.stderr or "-o -: " in done.stderr
        assert output == "-" or "--sidecar: " in done.stderr
    assert not fake.posts()


def test_a_result_that_went_elsewhere_is_told(tmp_path):
    """A result that an earlier command or a line of a list sent into an object store gets none, which is an error."""
    known = job()
    outcome = Outcome(item=attachment(known), job=known, files=(replace(FILE, path="s3://bucket/photo.png"),))
    with pytest.raises(DeliveryError, match=r"s3://bucket/photo\.png is not on this machine"):
        write_sidecars(outcome, overwrite=False)
