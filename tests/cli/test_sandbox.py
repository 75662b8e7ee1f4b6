"""`seedvr sandbox`: the local gateway in the foreground."""

import json
import subprocess

import httpx
import pytest
from helpers.waiting import PATIENCE

from seedvr_cli.values.catalog import ENDPOINTS, KEY_HEADER


def test_with_json_its_address_is_an_object(start, work):
    """`sandbox --json` says on standard output where it listens and where it keeps its jobs, as one object."""
    process = start("sandbox", "--port", "0", "--folder", "box", "--json", "-q", key=None, stdout=subprocess.PIPE)
    ready = json.loads(process.stdout.readline())
    assert httpx.get(f"{ready['url']}/v2/requests/status/none", trust_env=False).status_code == 401
    assert set(ready) == {"v", "url", "folder"}
    assert ready["v"] == 1
    process.terminate()
    assert process.wait(PATIENCE) == 143
    assert (work / ready["folder"]).is_dir()


def test_it_takes_the_common_options_that_mean_something(run):
    """Of the common options it takes --json and -q, which change what it prints, and no other."""
    page = run("sandbox", "--help", key=None).stdout
    flags = "--json --quiet --verbose --progress --api-key-file --profile --sandbox"
    assert [flag for flag in flags.split() if flag in page] == ["--json", "--quiet"]
    done = run("sandbox", "--progress", "loud", key=None)
    assert (done.rc, done.stdout) == (2, "")
    assert "--progress" in done.stderr


def test_it_runs_until_a_signal(start):
    """The command prints its URL on standard output and its requests on standard error, and ends 143 by SIGTERM."""
    process = start("sandbox", "--port", "0", "--folder", "box", "--instant", "--latency", "0s", key=None)
    ready = process.stdout.readline().decode()
    assert ready.startswith("sandbox (not SeedVR2): ")
    url = ready.split()[-1]
    assert httpx.get(url + "/sandbox/accepted", trust_env=False).json()["accepted"] == 0
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert out == b""
    assert err == b"sandbox (not SeedVR2): GET /sandbox/accepted 200\n"


def test_a_port_that_is_taken(start, run):
    """A port that is in use is a usage error that names it and the way out."""
    process = start("sandbox", "--port", "0", "--folder", "box", "-q", key=None)
    port = process.stdout.readline().decode().strip().rpartition(":")[2]
    second = run("sandbox", "--port", port, "--folder", "box", key=None)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert second.rc == 2
    assert port in second.stderr
    assert "--port 0" in second.stderr


@pytest.mark.parametrize(("word", "status"), [("ambiguous", 408), ("ambiguous=1", 408), ("ambiguous=423", 423),
                                              ("ambiguous=499:1", 499), ("ambiguous=0.0", 202)])  # fmt: skip
def test_an_ambiguous_answer_has_its_status(start, word, status):
    """--fault ambiguous=STATUS accepts and answers that; a probability alone is one of 408."""
    process = start("sandbox", "--port", "0", "--folder", "box", "--fault", word, key=None)
    url = process.stdout.readline().decode().split()[-1]
    body = {"image_url": "https://your-cdn.com/a.png"}
    answer = httpx.post(url + ENDPOINTS["7b-image"].path, json=body, headers={KEY_HEADER: "k"}, trust_env=False)
    assert answer.status_code == status
    assert httpx.get(f"{url}/sandbox/accepted", trust_env=False).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fault", "lost-submitt"], "lost-submit?"),
        (["--fault", "fail=2"], "probability"),
        (["--fault", "fail=often"], "probability"),
        (["--fault", "fail=408"], "probability"),
        (["--fault", "ambiguous=200"], "probability"),
        (["--fault", "ambiguous=409:2"], "probability"),
        (["--latency", "soon"], "--latency"),
        (["--balance", "much"], "--balance"),
    ],
)
def test_usage_errors(run, words, said):
    """A word that the command does not understand is a usage error that says what it would."""
    done = run("sandbox", "--folder", "box", *words, key=None)
    assert done.rc == 2
    assert said in done.stderr
