"""Whatever nobody foresaw is one line, an exit code and a log without secrets."""

import pytest
from helpers.sources import new_url

pytestmark = pytest.mark.slow

SECRET = "sk-0123456789abcdef"

# Loaded by the command's interpreter first.
IN_PLANNING = """
import seedvr_cli.plan.planner
def plan(*_, **__):
    raise ValueError("boom \\x1b[31m" + chr(10) + "a second line")
seedvr_cli.plan.planner.plan = plan
"""
# Fails where the key is at hand, and tells it.
WITH_THE_KEY = """
from seedvr_cli.gateway.client import Gateway
async def poll(self, request_id, **_):
    raise ValueError("the key is " + self._discretion._key)
Gateway.poll = poll
"""
IN_DELIVERY = """
import seedvr_cli.run.deliver
async def deliver(*_, **__):
    raise RuntimeError("the unforeseen")
seedvr_cli.run.deliver.fetch_file = deliver
"""


@pytest.fixture
def log(home):
    return home / "state" / "errors.log"


def test_an_unforeseen_error_is_one_line_and_a_log(run, log, url):
    """An unforeseen error is one plain line that names the log, and 1; the log has the traceback, and is private."""
    done = run("image", url, "--dry-run", inject=IN_PLANNING)
    assert (done.rc, done.stdout) == (1, "")
    assert done.stderr.startswith("seedvr: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    assert "ValueError: boom" in done.stderr
    assert str(log) in done.stderr
    text = log.read_text()
    assert "Traceback (most recent call last)" in text
    assert "sitecustomize.py" in text
    assert "a second line" in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_key_is_in_no_line_and_no_log(bench, log, sandbox):
    """The key stands neither in the line nor in the log of an unforeseen error, wherever it came from."""
    (bench.work / "key").write_text(f"{SECRET}\n")
    (bench.home / ".pixazo").mkdir()
    (bench.home / ".pixazo" / "api-key").write_text(SECRET)
    bench.configure(f'[command]\napi-key-command = "cat key"\n[key]\napi-key = "{SECRET}"\n')
    origins = [
        [{"env": {"SEEDVR_API_KEY": SECRET}}],
        [{"env": {"PIXAZO_API_KEY": SECRET}}],
        ["--profile", "key"],
        ["--profile", "command"],
        ["--api-key-file", "key"],
        ["--api-key-file", "-", {"stdin": SECRET}],
        [],
    ]
    commands = [["status", "some-id", *words] for words in origins]
    ends = bench.run_all(*commands, to=sandbox, key=None, inject=WITH_THE_KEY)
    assert [done.rc for done in ends] == [1] * len(origins)
    assert [done.stderr for done in ends if "the key is ***" not in done.stderr or SECRET in done.stderr] == []
    text = log.read_text()
    assert SECRET not in text
    assert text.count("the key is ***") == len(origins)


def test_the_secrets_of_a_url_are_not_logged(run, log):
    """A signature and a password in a source's URL are not in the log."""
    signed = "https://example.com/a.png?X-Amz-Signature=s1gnature&token=t0ken"
    run("image", signed, "https://user:passw0rd@example.com/b.png", "--dry-run", inject=IN_PLANNING)
    text = log.read_text()
    assert "example.com" in text
    assert [word for word in ("s1gnature", "t0ken", "passw0rd") if word in text] == []


def test_what_was_paid_for_survives_an_unforeseen_error(run, log, gateway):
    """An unforeseen error in the middle of a run loses nothing: the same command delivers, and pays nothing more."""
    fake, sources = gateway(), [new_url("a.png"), new_url("b.png")]
    done = run("image", *sources, to=fake, inject=IN_DELIVERY)
    assert (done.rc, done.stdout) == (1, "")
    assert str(log) in done.stderr
    assert "Traceback" not in done.stderr
    paid = len(fake.posts())
    done = run("image", *sources, to=fake)
    assert (done.rc, sorted(done.lines)) == (0, ["a-upscaled.png", "b-upscaled.png"]), done.stderr
    assert (paid, len(fake.posts())) == (2, 2)


def test_a_log_that_cannot_be_written_is_no_second_error(run, tmp_path, url):
    """Where there is no place for a log, the line alone is said, and the exit code is 1 all the same."""
    (tmp_path / "file").write_text("")
    done = run("image", url, "--dry-run", inject=IN_PLANNING, env={"SEEDVR_HOME": str(tmp_path / "file" / "home")})
    assert done.rc in {1, 2}
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_foreseen(run, tmp_path, sandbox, url):
    """A ledger that has no place is one line and 1, and nothing is submitted."""
    (tmp_path / "file").write_text("")
    done = run("image", url, to=sandbox, env={"SEEDVR_HOME": str(tmp_path / "file")})
    assert (done.rc, sandbox.accepted(url)) in {(1, 0), (2, 0)}
    assert done.stderr.count("\n") == 1
    assert "unforeseen" not in done.stderr


def test_a_wrong_word_is_one_line(bench):
    """An unknown command or option is one line with where to find help, and 2."""
    for done in bench.run_all(["upscale"], ["status", "--frob"], ["config", "put"]):
        assert (done.rc, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "--help" in done.stderr


def test_what_was_typed_wrongly_is_quoted_without_its_secrets(bench):
    """A usage error has no query of a URL and no password, of whichever word or setting it is."""
    signed, login = "//a.example/b.mp4?X-Amz-Signature=SECRET", "http://me:SECRET@a.example"
    (bench.work / "l.txt").write_text(f"https://a.example/b.jpg\nftp:{signed}\n")
    commands = (
        (("image", f"https:{signed}"), {}),
        (("image", f"ftp:{signed}"), {}),
        (("image", "--from", "l.txt"), {}),
        (("image", "--from", f"https:{signed}"), {}),
        (("doctor", f"https:{signed}"), {}),
        (("image", "https://a.example/b.jpg", "--webhook", f"http:{signed}"), {}),
        (("config", "set", "public-url", login), {}),
        (("status",), {"SEEDVR_BASE_URL": login}),
    )
    for done in bench.run_all(*((*words, {"env": env}) for words, env in commands)):
        assert done.rc == 2, done.stderr
        assert "a.example" in done.stderr
        assert "SECRET" not in done.stderr
