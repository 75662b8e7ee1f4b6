"""`seedvr sandbox`: the local gateway in the foreground."""

import json
import subprocess

import httpx

PATIENCE = 30


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
