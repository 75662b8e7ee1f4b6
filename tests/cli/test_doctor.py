"""`seedvr doctor`: what is set up, what is not, and the remedy."""

import re
import signal
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fakes.gateway import Reply
from helpers.checkup import BRIEF, CALM, IMPATIENT, tree
from helpers.command import CARRIERS, KEY, OVER_HTTPX
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow

NAMES = [
    "version", "config", "key", "gateway", "clock", "certificates", "proxy", "carrier", "ledger", "unknown",
    "state-folder", "shared", "output", "extras", "terminal",
]  # fmt: skip
# All is well.


def test_all_is_well(look, sandbox, home, work):
    """With a key and a gateway every check is ok, each with all its fields, and nothing is made anywhere."""
    checks, done = look("--base-url", sandbox.url)
    assert done.rc == 0
    assert {name: check for name, check in checks.items() if check["state"] != "ok"} == {}
    assert [set(check) for check in checks.values()] == [{"name", "state", "message", "hint"}] * len(checks)
    assert list(checks) == [name for name in NAMES if name != "unknown"]  # there is no ledger to have some
    assert "takes the key" in checks["gateway"]["message"]
    assert checks["key"]["message"] == "from SEEDVR_API_KEY"
    assert KEY not in done.stdout + done.stderr
    assert tree(home) == []
    assert tree(work) == []


@CARRIERS
def test_it_never_pays(bench, gateway, carrier):
    """One GET is all that the gateway hears, whichever library carries it, and the key is in no line."""
    fake = gateway()
    done = bench.run("doctor", "-v", "--base-url", fake.url, inject=carrier)
    assert done.rc == 0, done.stdout
    (heard,) = fake.heard
    assert (heard.method, KEY in str(heard.headers)) == ("GET", True)
    assert f"GET {fake.url}" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert ("httpx" if carrier else "libcurl") in done.stdout


def test_lines_for_a_pipe_and_for_scripts(bench, sandbox):
    """A pipe gets a line a check with tabs; -q leaves what is not ok, and no talk; the summary is talk."""
    bench.configure("[default]\nscale = 2\n")
    (bench.home / "config" / "config.toml").chmod(0o644)
    done = bench.run("doctor", "--base-url", sandbox.url, inject=CALM)
    assert done.rc == 0
    rows = [line.split("\t") for line in done.lines]
    assert {len(row) for row in rows} == {3}
    assert [name for state, name, _ in rows if state == "warning"] == ["config"]
    assert "; chmod 600 " in next(text for _, name, text in rows if name == "config")
    assert "\x1b" not in done.stdout
    assert done.stderr == "seedvr: 13 ok, 1 warning\n"
    quiet = bench.run("doctor", "-q", "--base-url", sandbox.url, inject=CALM)
    assert ([line.split("\t")[1] for line in quiet.lines], quiet.stderr, quiet.rc) == (["config"], "", 0)


@pytest.mark.parametrize(("encoding", "mark"), [("C.UTF-8", "✗"), ("POSIX", "x")])
def test_a_terminal_has_marks(live, encoding, mark):
    """A terminal gets a mark for each state, in letters where it has no others, and a line for each check."""
    env = {"SEEDVR_API_KEY": None, "LC_ALL": encoding, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with live("doctor", "--base-url", "http://127.0.0.1:1", env=env, columns=160) as screen:
        assert screen.end() == 1
    assert re.search(rf"(?m)^{mark} key +no API key", screen.text), screen.text


# The key and the gateway.


def test_no_key(look, sandbox):
    """Without a key there is a problem with its remedy, and the gateway is reached all the same."""
    checks, done = look("--base-url", sandbox.url, key=None)
    assert done.rc == 1
    assert [name for name, check in checks.items() if check["state"] == "problem"] == ["key"]
    assert "seedvr config set api-key" in checks["key"]["hint"]
    assert "--sandbox needs none" in checks["key"]["hint"]
    assert "wants a key" in checks["gateway"]["message"]


def test_the_sandbox_needs_nothing(look, home):
    """--sandbox needs no key, starts nothing and leaves no folder; together with --base-url it is bad usage."""
    checks, done = look("--sandbox", key=None)
    assert (done.rc, "needs none" in checks["key"]["message"]) == (0, True)
    assert tree(home) == []


def test_two_gateways_are_bad_usage(run):
    """--sandbox and --base-url exclude each other."""
    assert run("doctor", "--sandbox", "--base-url", "http://127.0.0.1:1").rc == 2


def test_a_key_that_is_refused(look, gateway):
    """The gateway's refusal is a problem with the place of keys, and shows no key."""
    fake = gateway(lambda _: Reply(401, {"error": "Unauthorized", "message": f"no {KEY}"}))
    checks, done = look("--base-url", fake.url)
    assert (checks["gateway"]["state"], "refuses the key" in checks["gateway"]["message"]) == ("problem", True)
    assert KEY not in done.stdout + done.stderr


@CARRIERS
def test_a_gateway_that_is_away(look, carrier):
    """Where no connection can be made, the line says what to look at."""
    checks, _ = look("--base-url", "http://127.0.0.1:1", inject=carrier)
    assert (checks["gateway"]["state"], "proxy" in checks["gateway"]["hint"]) == ("problem", True)
    assert "clock" not in checks


@CARRIERS
def test_a_gateway_that_is_silent(look, carrier):
    """A server that takes the connection and says nothing is given up in time, and the command ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        checks, _ = look("--base-url", url, inject=carrier + IMPATIENT)
    assert (checks["gateway"]["state"], "no answer in" in checks["gateway"]["message"]) == ("problem", True)


def test_a_clock_that_is_wrong(look, gateway):
    """A gateway whose date is another day's is a warning, and no problem."""
    date = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    fake = gateway(lambda _: Reply(404, {"error": "Not Found"}, {"Date": date}))
    checks, done = look("--base-url", fake.url)
    assert done.rc == 0
    assert (checks["clock"]["state"], "ahead of the gateway's" in checks["clock"]["message"]) == ("warning", True)


def test_an_address_that_is_none(look):
    """A wrong SEEDVR_BASE_URL is the gateway's finding, and the other checks are made."""
    checks, _ = look(env={"SEEDVR_BASE_URL": "ftp://gateway"})
    assert (checks["gateway"]["state"], "SEEDVR_BASE_URL" in checks["gateway"]["message"]) == ("problem", True)
    assert checks["ledger"]["state"] == "ok"


def test_a_key_command_that_does_not_end(look, sandbox, bench):
    """A command that waits for somebody is given up, and said to be the reason; the gateway is asked without a key."""
    bench.configure("[default]\napi-key-command = 'exec sleep 60'\n")
    checks, _ = look(
        "--base-url", sandbox.url, key=None, inject="import seedvr_cli.cli.checkup as c\nc.COMMAND_SECONDS = 0.5\n"
    )
    assert (checks["key"]["state"], "did not end in 0.5 seconds" in checks["key"]["message"]) == ("problem", True)
    assert "wants a key" in checks["gateway"]["message"]


@pytest.mark.parametrize(("end", "rc"), [("interrupt", 130), ("close", 141)])
def test_whoever_stops_it_does_not_wait(bench, end, rc):
    """Ctrl-C and a closed pipe end it at once, with nothing but a word, while a check hangs."""
    hang = "import socket, threading\nsocket.getaddrinfo = lambda *_, **__: threading.Event().wait()\n"
    how = {"inject": OVER_HTTPX + CALM + hang + "import seedvr_cli.cli.checkup as c\nc.PROBE_SECONDS = 3.0\n"}
    if end == "interrupt":
        how["inject"] += "c.PROBE_SECONDS = c.NETWORK_SECONDS = 600.0\n"
    process = bench.start("doctor", "--base-url", "https://gateway.invalid", **how)
    while not process.stdout.readline().startswith(b"ok\tkey"):
        pass
    if end == "interrupt":
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"seedvr: interrupted\n"
    else:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.wait(PATIENCE) == rc


def test_where_nothing_can_be_printed_it_ends_in_one_line(bench):
    """A full disk behind standard output is one line and 1, though checks are still under way."""
    hang = "import socket, threading\nsocket.getaddrinfo = lambda *_, **__: threading.Event().wait()\n"
    with open("/dev/full", "wb") as full:
        done = bench.run("doctor", "--base-url", "https://gateway.invalid", stdout=full, inject=CALM + hang)
    assert (done.rc, done.stderr) == (1, "seedvr: cannot write to standard output: No space left on device\n")


def test_a_key_file_on_standard_input(look, gateway):
    """--api-key-file - reads the key that the gateway then hears."""
    fake = gateway()
    checks, done = look("--base-url", fake.url, "--api-key-file", "-", key=None, stdin="other-key-0123456\n")
    assert checks["key"]["message"] == "from --api-key-file"
    assert "other-key-0123456" in fake.heard[0].headers.values()
    assert "other-key-0123456" not in done.stdout + done.stderr


# The files.


def test_a_config_file_that_cannot_be_read(look, bench, sandbox):
    """A config file that is none is a problem, and the other checks are made with the defaults."""
    (bench.home / "config" / "config.toml").mkdir(parents=True)
    checks, _ = look("--base-url", sandbox.url)
    assert (checks["config"]["state"], "config.toml" in checks["config"]["message"]) == ("problem", True)
    assert checks["gateway"]["state"] == "ok"


def test_a_profile_that_is_not_there(look, sandbox):
    """A profile without a table is a problem of the config."""
    checks, _ = look("--profile", "work", "--base-url", sandbox.url)
    assert (checks["config"]["state"], "'work'" in checks["config"]["message"]) == ("problem", True)


def test_a_ledger_that_is_damaged(look, bench, sandbox, url):
    """A damaged ledger is a problem; it is neither mended nor set aside."""
    assert bench.run("image", url, to=sandbox).rc == 0
    path = bench.home / "state" / "ledger.sqlite3"
    path.write_bytes(b"no database" * 1000)
    before = tree(bench.home)
    checks, _ = look("--base-url", sandbox.url)
    assert (checks["ledger"]["state"], "damaged" in checks["ledger"]["message"]) == ("problem", True)
    assert [name for name in tree(bench.home) if name not in before] == []
    assert path.read_bytes().startswith(b"no database")


def test_submissions_without_an_answer(look, bench, gateway, url):
    """What was never answered is a warning that says how to list it."""
    fake = gateway(lambda heard: Reply(502) if heard.method == "POST" else None)
    assert bench.run("image", url, to=fake).rc == 7
    checks, done = look("--base-url", fake.url)
    assert (done.rc, checks["unknown"]["state"]) == (0, "warning")
    assert f"'seedvr status --unknown --base-url {fake.url}'" in checks["unknown"]["hint"]


def test_a_check_that_crashes_is_a_problem(look, sandbox):
    """What nobody foresaw in one check is that check's problem, without secrets, and the others are made."""
    crash = f"def boom():\n    raise RuntimeError('boom {KEY}')\ns.check_extras = boom\n"
    checks, done = look("--base-url", sandbox.url, inject=crash)
    assert (checks["extras"]["state"], "RuntimeError: boom ***" in checks["extras"]["message"]) == ("problem", True)
    assert "terminal" in checks
    assert KEY not in done.stdout + done.stderr
    _, told = look("-v", "--base-url", sandbox.url, inject=crash.replace("RuntimeError(", "RuntimeError('a', "))
    assert "in boom" in told.stderr
    assert KEY not in told.stdout + told.stderr


def test_a_short_secret_leaves_the_words_alone(look, gateway):
    """A key that is a word of ours is blotted out of what nobody foresaw, and out of nothing else."""
    crash = "def boom():\n    raise RuntimeError('boom seedvr')\ns.check_extras = boom\n"
    checks, _ = look("--base-url", gateway().url, key="seedvr", inject=crash)
    assert checks["version"]["message"].startswith("seedvr ")
    assert "boom ***" in checks["extras"]["message"]
    assert "'seedvr doctor -v'" in checks["extras"]["hint"]


def test_a_check_that_hangs_is_a_problem(look, sandbox):
    """A check that never ends is given up, the others are made, and the command does not wait for it at its end."""
    hang = "import threading\ns.check_extras = lambda: threading.Event().wait()\n" + BRIEF
    checks, _ = look("--base-url", sandbox.url, inject=hang)
    assert (checks["extras"]["state"], "no answer in" in checks["extras"]["message"]) == ("problem", True)
    assert checks["gateway"]["state"] == "ok"


@pytest.mark.parametrize("env", [{}, {"SEEDVR_LEDGER_URL": "postgresql://db.invalid/x"}], ids=["gateway", "shared"])
def test_a_name_server_that_hangs(look, env):
    """Names that are looked up for ever hold up neither the other checks nor the end."""
    hang = "import socket, threading\nsocket.getaddrinfo = lambda *_, **__: threading.Event().wait()\n"
    checks, _ = look("--base-url", "https://gateway.invalid", inject=OVER_HTTPX + hang + BRIEF + IMPATIENT, env=env)
    names = ["gateway", *(["shared"] if env else [])]
    assert [checks[name]["state"] for name in names] == ["problem"] * len(names)
    assert checks["terminal"]["state"] == "ok"


def test_an_encoding_that_is_not_utf_8(look):
    """Another encoding than UTF-8 is a warning."""
    checks, _ = look("--sandbox", env={"PYTHONIOENCODING": "latin-1"})
    assert (checks["terminal"]["state"], "encoding is" in checks["terminal"]["message"]) == ("warning", True)


def test_what_is_installed(look):
    """The extras are listed, those that are missing apart."""
    hide = "find = s.find_spec\ns.find_spec = lambda name: None if name == 'av' else find(name)\n"
    message = look("--sandbox", inject=hide)[0]["extras"]["message"]
    assert message == "installed: fast, socks, postgres, bucket, watch, keyring; not installed: video"
