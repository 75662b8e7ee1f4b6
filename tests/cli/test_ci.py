"""In a CI job: what GitHub's runner reads in the log, and the job summary."""

import json

import pytest
from fakes.gateway import Reply
from helpers.github import read_commands
from helpers.sources import new_url

pytestmark = pytest.mark.slow

GITHUB = {"GITHUB_ACTIONS": "true"}


def refusing(word="bad"):
    return lambda heard: Reply(400, {"message": "50% off: no, thanks"}) if word in (heard.source or "") else None


def test_the_log_of_a_run(run, gateway, work):
    """The talk is a group that ends, a failure is an annotation without a query, and standard output is exact."""
    fake = gateway(refusing())
    good, bad = new_url("good.png"), new_url("bad.png") + "?X-Amz-Signature=s3cret"
    done = run("image", good, bad, to=fake, env=GITHUB)
    assert (done.rc, done.stdout) == (1, "good-upscaled.png\n")
    commands = read_commands(done.stderr)
    assert [command.name for command in commands] == ["group", "error", "endgroup"]
    assert commands[0].message == "seedvr image"
    assert commands[1].properties == {"title": "seedvr"}
    assert commands[1].message.startswith(bad.partition("?")[0] + ": ")
    assert "50% off: no, thanks" in commands[1].message
    assert "\x1b" not in done.stderr


def test_a_failure_as_a_whole_is_an_annotation(run, url):
    """Bad usage and a missing key are one annotation each, beside the object of --json."""
    for words, key in (["image", url, "--frob"], "k"), (["status", "x"], None):
        done = run(*words, "--json", key=key, env=GITHUB)
        (command,) = read_commands(done.stderr)
        error = done.object["error"]
        assert (command.name, command.message) == ("error", f"{error['message']}; {error['hint']}")


def test_waiting_that_ended_is_a_warning(run, gateway, url):
    """A job that still runs is no error, and a stored size that does not fit is none either."""
    fake = gateway(lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() else None)
    done = run("image", url, "--timeout", "0s", to=fake, env=GITHUB)
    assert (done.rc, [one.name for one in read_commands(done.stderr)]) == (6, ["group", "warning", "endgroup"])


def test_many_failures_are_ten_annotations(run, gateway, work):
    """Of thirty failures ten are annotations, the others are counted, and the job summary has them in a table."""
    fake = gateway(refusing())
    page = work / "page.md"
    page.write_text("what was there\n")
    sources = "\n".join(new_url(f"bad-{number}.png") + "?sig=s3cret" for number in range(60))
    done = run("image", "--from", "-", stdin=sources, to=fake, env={**GITHUB, "GITHUB_STEP_SUMMARY": str(page)})
    assert (done.rc, done.stdout) == (1, "")
    commands = read_commands(done.stderr)
    assert [one.name for one in commands] == ["group", *(["error"] if commands[1].name == "error" else []), "endgroup",
                                              *["error"] * (9 if commands[1].name == "error" else 10)]  # fmt: skip
    assert "50 more failed" in done.stderr
    assert len(done.stderr.splitlines()) <= 17
    text = page.read_text()
    assert text.startswith("what was there\n### seedvr image\n")
    assert "| failed | 60 |" in text
    assert "| exit code | 1 |" in text
    assert text.count("| https") == 50
    assert "and 10 more" in text
    assert "s3cret" not in text


def test_the_job_summary_of_a_run_without_a_key(run, url, work):
    """What ended the run before its end stands on the page."""
    page = work / "page.md"
    run("image", url, key=None, env={**GITHUB, "GITHUB_STEP_SUMMARY": str(page)})
    assert "no API key" in page.read_text()


@pytest.mark.parametrize("size", [1 << 20, None])
def test_a_page_that_cannot_be_added_to_is_left(run, sandbox, url, work, size):
    """A page that would be too large, or has no place, changes nothing of the run."""
    page = work / "page.md" if size else work / "none" / "page.md"
    if size:
        page.write_bytes(b"x" * size)
    done = run("image", url, to=sandbox, env={**GITHUB, "GITHUB_STEP_SUMMARY": str(page)})
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n")
    assert not size or page.stat().st_size == size
    assert bool(size) != ("::warning title=seedvr::GITHUB_STEP_SUMMARY" in done.stderr)


def test_gitlab_gets_plain_lines(run, sandbox, url):
    """GitLab's sections are made of escape codes: its log gets plain lines, and no command of GitHub's."""
    done = run("image", url, to=sandbox, env={"GITLAB_CI": "true"})
    assert done.rc == 0
    assert read_commands(done.stderr) == []
    assert "section_" not in done.stderr
    assert "seedvr: " in done.stderr


def test_plain_and_quiet_have_no_group(run, sandbox, url):
    """--progress plain is the talk of any pipe, and -q none."""
    assert "::group::" not in run("image", url, "--progress", "plain", to=sandbox, env=GITHUB).stderr
    assert run("image", url, "-q", to=sandbox, env=GITHUB).stderr == ""


def test_a_name_is_no_command(run, work, photo):
    """A file whose name looks like a command of the runner's is text in the log."""
    name = "##[add-mask]x.jpg"
    (work / name).write_bytes(photo.read_bytes())
    done = run("image", name, "--sandbox", "--json", env=GITHUB)
    assert (done.rc, json.loads(done.stdout)["source"]) == (0, name)
    assert "##[" not in done.stderr
    assert "## [add-mask]x.jpg" in done.stderr
