"""Lists over the real command: done once, line by line, with what failed as a list again."""

import json
import os
import subprocess

import pytest
from helpers.sources import new_url, urls, write
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow


def test_a_list_and_a_key_want_not_both_standard_input(run, gateway):
    """The first line of a list is never taken for a key, and sent."""
    fake = gateway()
    done = run("image", "--from", "-", "--api-key-file", "-", stdin="https://example.com/a.png?signature=x\n", to=fake)
    assert (done.rc, fake.heard, len(done.stderr.splitlines())) == (2, [], 1)
    assert "signature" not in done.stderr


def test_a_list_is_done_once(run, work, sandbox):
    """A list gives one path a line, and the same command again prints the same paths and pays for nothing."""
    sources = urls(30)
    batch = write(work / "list.txt", sources)
    first = run("image", "--from", batch, "-x", "2", to=sandbox)
    assert first.rc == 0, first.stderr
    assert sorted(first.lines) == sorted(f"picture-{number}-2x.png" for number in range(30))
    again = run("image", "--from", batch, "-x", "2", to=sandbox)
    assert (again.rc, sorted(again.lines)) == (0, sorted(first.lines))
    assert [sandbox.accepted(source) for source in sources] == [1] * 30


def test_duplicates_are_one_job_and_both_are_reported(run, work, sandbox):
    """A source that stands twice in a list is paid for once, and each line has its result."""
    source = urls(1)[0]
    batch = write(work / "list.txt", [source, source, source])
    done = run("image", "--from", batch, "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert [value["source"] for value in done.objects] == [source] * 3
    assert {value["files"][0]["path"] for value in done.objects} == {"picture-0-upscaled.png"}
    assert sandbox.accepted(source) == 1


def test_lines_have_their_own_options(run, work, sandbox):
    """A line's own options go over the command's, its own size over the command's size, and output names its file."""
    one, two, three = urls(3)
    lines = [
        json.dumps({"source": one, "scale": 4, "output": "named.png"}),
        json.dumps({"source": two, "model": "3b", "target": "1080p"}),
        json.dumps({"source": three, "param": {"extra": [1]}}),
    ]
    done = run("image", "--from", write(work / "l.jsonl", lines), "-x", "2", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    found = {value["source"]: value for value in done.objects}
    assert found[one]["params"] == {"upscale_factor": 4}
    assert found[one]["files"][0]["path"] == "named.png"
    assert found[two]["endpoint"] == "3b-image"
    assert found[two]["params"] == {"target_resolution": "1080p", "upscale_mode": "target"}
    assert found[three]["params"] == {"upscale_factor": 2, "extra": [1]}


def test_names_that_differ_by_their_request_id_get_no_numbers(run, work, sandbox):
    """A template with {request_id} names every result after its own id alone."""
    done = run("image", "--from", write(work / "l", urls(5)), "-o", "{request_id}{ext}", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert [value["files"][0]["path"] for value in done.objects] == [f"{v['request_id']}.png" for v in done.objects]


def test_a_bad_line_of_a_file_stops_everything_before_it_costs(run, work, sandbox):
    """Any bad line of a regular file is named by file and number, and nothing is submitted: code 2."""
    good = urls(1)[0]
    batch = write(work / "list.txt", [good, "ftp://example.com/x.png", "", "nofile.png"])
    done = run("image", "--from", batch, to=sandbox)
    assert (done.rc, done.stdout) == (2, "")
    assert f"{batch}:2:" in done.stderr
    assert f"{batch}:4:" in done.stderr
    assert sandbox.accepted(good) == 0


def test_a_bad_line_of_standard_input_is_that_items_failure(run, work, sandbox):
    """On standard input the good lines are done, and a bad one is a failure: code 1."""
    one, two = urls(2)
    done = run("image", "--from", "-", "--failed-file", "f.txt", to=sandbox, stdin=f"{one}\nnofile.png\n{two}\n")
    assert done.rc == 1
    assert sorted(done.lines) == ["picture-0-upscaled.png", "picture-1-upscaled.png"]
    assert (work / "f.txt").read_text().splitlines()[-1] == "nofile.png"


def test_standard_input_is_worked_on_as_it_comes(start, sandbox):
    """A line's result is there before the next line is written."""
    one, two = urls(2)
    process = start("image", "--from", "-", "-q", to=sandbox, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for number, source in enumerate((one, two)):
        process.stdin.write(f"{source}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == f"picture-{number}-upscaled.png\n".encode()
    process.stdin.close()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("form", ["lines", "jsonl", "csv"])
def test_a_failed_file_is_a_list_again(run, work, sandbox_server, form):
    """What did not succeed is written in the list's own form with the reason, and runs as a list of its own."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "error=1")
    one, two = urls(2)
    lines = {
        "lines": [one, two],
        "jsonl": [json.dumps({"source": one, "scale": 2}), json.dumps({"source": two})],
        "csv": ["source,scale", f"{one},2", f"{two},"],
    }[form]
    done = run("image", "--from", write(work / "list", lines), "--failed-file", "failed", to=server)
    assert done.rc == 1
    text = (work / "failed").read_text()
    assert one in text
    assert "ERROR" in text
    again = run("image", "--from", "failed", "--dry-run", "--json", key=None)
    assert again.rc == 0, again.stderr
    assert sorted(value["source"] for value in again.objects) == sorted([one, two])
    if form != "lines":
        assert {value["source"]: value["params"] for value in again.objects}[one] == {"upscale_factor": 2}


def test_no_failed_file_without_a_failure(run, work, sandbox):
    """Where all succeeds no failed-file is made."""
    assert run("image", urls(1)[0], "--failed-file", "failed", to=sandbox).rc == 0
    assert not (work / "failed").exists()


def test_a_failed_file_is_that_of_the_latest_run(run, work, gateway):
    """A run that is through without a failure takes the failed-file of an earlier one away, once it has delivered."""
    states = iter(["ERROR", "COMPLETED"])
    fake = gateway(lambda heard: fake.view(heard, next(states)) if heard in fake.polls() else None)
    url = urls(1)[0]
    assert run("image", url, "--failed-file", "failed", to=fake).rc == 1
    assert url in (work / "failed").read_text()
    assert run("image", url, "--failed-file", "failed", key=None, to=fake).rc == 3
    assert (work / "failed").exists()
    assert run("image", url, "--failed-file", "failed", to=fake).rc == 0
    assert not (work / "failed").exists()


def test_a_list_without_sources_says_so(run, work, sandbox):
    """An empty list is no error, and no silence either."""
    done = run("image", "--from", write(work / "list", ["# nothing yet"]), to=sandbox)
    assert (done.rc, done.stdout) == (0, "")
    assert "no sources, nothing to do" in done.stderr


def test_fail_fast_submits_nothing_more(run, work, sandbox_server):
    """After the first failure --fail-fast submits nothing more, and says so of each item that was left."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "error=1")
    sources = urls(40)
    done = run("image", "--from", write(work / "l", sources), "-j", "1", "--fail-fast", "--json", to=server)
    assert done.rc == 1
    assert server.accepted() < 10
    assert len(done.objects) == 40
    assert done.objects[-1]["charge"] == "none"


def test_the_list_itself_is_no_place_for_failures(bench, sandbox):
    """--failed-file that is the list, also through a link, or that has no folder, is refused, and nothing is sent."""
    lines = "".join(f"{new_url()}\n" for _ in range(3))
    (bench.work / "urls.txt").write_text(lines)
    (bench.work / "link.txt").symlink_to("urls.txt")
    os.link(bench.work / "urls.txt", bench.work / "hard.txt")
    (bench.work / "folder").mkdir()
    for name in ("urls.txt", "./urls.txt", "link.txt", "hard.txt", "folder", "nowhere/failed.txt", "/dev/null"):
        done = bench.run("image", "--from", "urls.txt", "--failed-file", name, to=sandbox)
        assert (done.rc, done.stdout) == (2, ""), name
        assert "--failed-file" in done.stderr
    assert (bench.work / "urls.txt").read_text() == lines
    assert all(sandbox.accepted(url) == 0 for url in lines.split())


def test_a_failed_file_takes_no_place_of_somebodys(bench, sandbox):
    """--failed-file replaces and removes lists of failures alone: what else has the name is refused, and stays."""
    (bench.work / "notes.txt").write_text("# notes\nprecious\n")
    (bench.work / "photo.png").write_bytes(b"a picture")
    source = new_url()
    for words in (["notes.txt"], ["photo.png"], ["out.png", "-o", "out.png"], ["-"], [""]):
        done = bench.run("image", source, "--failed-file", *words, to=sandbox)
        assert (done.rc, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), words
    assert sandbox.accepted(source) == 0
    assert bench.run("image", source, "--failed-file", "notes.txt", "--overwrite", to=sandbox).rc == 0
    assert (bench.work / "notes.txt").read_text() == "# notes\nprecious\n"
    (bench.work / "empty.txt").touch()
    assert bench.run("image", source, "--failed-file", "empty.txt", to=sandbox).rc == 0


@pytest.mark.parametrize("first", ["url,scale", "just words", "ftp://example.com/a.png"])
def test_a_stream_that_begins_with_no_source_ends_at_once(bench, sandbox, first):
    """Where the first line of standard input is no source, nothing is sent, and the code is 2."""
    url = new_url()
    done = bench.run("image", "--from", "-", to=sandbox, stdin=f"{first}\n{url},4\n{url}\n")
    assert (done.rc, done.stdout, sandbox.accepted(url)) == (2, "", 0), done.stderr
    assert "first line" in done.stderr


def test_a_dry_run_shows_bad_lines(run):
    """--dry-run of a stream shows the lines that are wrong, and ends with 2."""
    done = run("image", "--from", "-", "--dry-run", key=None, stdin=f"{new_url()}\nnonsense\n{new_url()}\n")
    assert (done.rc, len(done.lines)) == (2, 2)
    assert "standard input:2" in done.stderr
