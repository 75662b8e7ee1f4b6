"""Help: its screens, its topics, its colours, and that its examples are true."""

import re

import pytest
from helpers.bucket import BUCKET
from helpers.command import Bench
from helpers.examples import prepare, run_example
from helpers.places import DATA
from helpers.screen import SEEDVR, Screen

from seedvr_cli.cli.help_text import write, write_topic
from seedvr_cli.cli.surface import describe_all
from seedvr_cli.cli.topics import TOPICS
from seedvr_cli.values.environment import OWN_VARIABLES
from seedvr_cli.values.errors import EXIT_CODES
from seedvr_cli.values.naming import FIELDS
from seedvr_cli.values.options import ITEM_OPTIONS

FACES = {face.name: face for face in describe_all().walk()}
STYLE = re.compile(r"\x1b\[\d+m")


def screen(name, width=80):
    return write(FACES[name], width, colour=False)


# The screens.


@pytest.mark.slow
def test_the_screen_of_image_is_as_it_was_looked_at(run):
    """`image --help` at 80 columns is the screen that is kept; `python tests/readme.py` keeps a new one."""
    done = run("image", "--help", env={"COLUMNS": "80"}, key=None)
    assert (done.rc, done.stderr) == (0, "")
    assert done.stdout == (DATA / "help-image.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("name", FACES)
def test_lines_are_no_longer_than_the_terminal(name, width):
    """No line is longer than the terminal is wide, but for a flag, a command or an example that is longer by itself."""
    face = FACES[name]
    whole = {example.line for example in face.examples}
    for line in screen(name, width).splitlines():
        if len(line) > width:
            assert any(example in line for example in whole) or len(line.split()) <= 3, line
            assert width < 80 or any(example in line for example in whole), line


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "widest"), [(20, 60), (80, 80), (200, 100)])
def test_a_page_is_as_wide_as_the_terminal_up_to_100(columns, widest, run):
    """Text goes to the terminal's last column, but never beyond the hundredth."""
    lines = run("help", "money", env={"COLUMNS": str(columns)}, key=None).stdout.splitlines()
    longest = max(map(len, lines))
    assert longest <= widest
    assert longest > widest - 12 or columns == 20


def test_a_summary_is_never_cut():
    """The top screen has every command with its whole summary, under its section, and names the topics."""
    page = " ".join(screen("").split())
    for face in FACES[""].commands:
        assert f"{face.name} {face.summary}" in page
        assert f" {face.section}: " in page
    assert ", ".join(TOPICS) in page
    assert "..." not in page.replace("COMMAND ...", "")


def test_flags_stand_under_headings_with_rare_ones_last():
    """The flags of `image` stand under headings, examples come before them, and what is rarely needed stands last."""
    page = screen("image")
    headings = re.findall(r"(?m)^(\w[\w ]*):$", page)
    assert headings == ["Examples", "Arguments", "Upscaling", "Sources", "Output", "Money", "Waiting", "Callbacks",
                        "Gateway", "Talk"]  # fmt: skip
    assert page.index("--scale") < page.index("--job-id") < page.index("Sources:")
    assert page.index("Talk:") < page.index("-h, --help")
    assert "[default: 16]" in page
    assert "[default: 30m]" in page


def test_commands_below_a_command_are_listed():
    """The screen of `config` has its commands, and each of those has a screen of its own."""
    assert re.search(r"(?m)^Commands:\n  get +Print a stored value", screen("config"))
    assert screen("config set").startswith("Usage: seedvr config set [OPTIONS] NAME [VALUE]")


def test_the_faults_are_on_the_sandboxes_screen():
    """`sandbox --help` lists what can go wrong."""
    assert "  lost-submit        The job is accepted, then the connection is cut" in screen("sandbox")


# The command.


@pytest.mark.slow
def test_help_of_a_command_is_its_own_help(bench):
    """`help COMMAND` prints what `COMMAND --help` does, `help` what `--help` does, without a key or a home."""
    for name in ("image", "config", "config set", "completion"):
        words = name.split()
        assert bench.run("help", *words, key=None).raw == bench.run(*words, "--help", key=None).raw
    assert bench.run("help", key=None).raw == bench.run("--help", key=None).raw
    assert not list(bench.home.iterdir())


@pytest.mark.slow
def test_an_unknown_topic_names_the_nearest(run):
    """A word that is neither a command nor a topic is a usage error that names the nearest one."""
    for word, right in (("imgae", "image"), ("exitcodes", "exit-codes"), ("envronment", "environment")):
        done = run("help", word)
        assert (done.rc, done.stdout) == (2, "")
        assert f"did you mean {right}?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("imgae",), "no such command 'imgae' (did you mean image?); 'seedvr --help' shows how"),
        (("config", "edti"), "no such command 'edti' (did you mean edit?); 'seedvr config --help' shows how"),
        (("xyzzy",), "no such command 'xyzzy'; 'seedvr --help' shows how"),
        (("image", "-x"), "option '-x' requires an argument; 'seedvr image --help' shows how"),
        (("image", "--sclae", "4"), "no such option: --sclae (Possible options: --scale)"),
        (("status", "--limit", "x"), "--limit: 'x' is not a whole number of 1 or more; 'seedvr status --help'"),
        (("report", "--limit", "0"), "--limit: '0' is not a whole number of 1 or more; 'seedvr report --help'"),
        (("sandbox", "--port", "70000"), "--port: '70000' is not a whole number from 0 to 65535; "),
        (("sandbox", "--seed", ""), "--seed: '' is not a whole number; 'seedvr sandbox --help'"),
        (("status", "--bogus"), "no such option: --bogus; 'seedvr status --help' shows how"),
        (("video", "u", "--width", "400"), "no such option: --width; 'seedvr image --model 7b' has it"),
        (("video", "u", "--sync"), "no such option: --sync; 'seedvr image --model 3b' has it"),
        (("video", "u", "--no-keep-metadata"), "no such option: --no-keep-metadata; 'seedvr image' has it"),
        (("image", "u", "--quality=low"), "no such option: --quality; 'seedvr video' has it"),
        (("status", "--scale", "4"), "no such option: --scale; 'seedvr image' and 'seedvr video' have it"),
    ],
)  # fmt: skip
def test_a_slip_is_one_clause_and_its_remedy(run, words, line):
    """What the parser refuses is one line in the words of all others: one clause, what may be meant, and the remedy."""
    done = run(*words)
    assert (done.rc, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(f"seedvr: {line}")


@pytest.mark.slow
def test_a_command_that_is_given_nothing_shows_its_help_on_standard_error(run):
    """Without a command, or with one that needs another behind it, help goes to standard error, and the code is 2."""
    for words in ((), ("config",)):
        done = run(*words)
        assert (done.rc, done.stdout) == (2, "")
        assert done.stderr == run(*words, "--help").stdout


@pytest.mark.slow
def test_the_pager_is_not_asked(run):
    """Help goes to standard output by itself, whatever PAGER says."""
    assert run("help", "money", env={"PAGER": "false"}).stdout.startswith("The same request")


# The topics.

FACTS = {
    "exit-codes": [f"  {code} " for code in EXIT_CODES],
    "environment": [*OWN_VARIABLES, "NO_COLOR", "HTTPS_PROXY"],
    "templates": [f"{{{field}}}" for field in FIELDS],
    "lists": [*ITEM_OPTIONS, "JSON Lines", "CSV"],
    "money": ["$0.001", "$1.95", "--max-cost", "not_charged"],
    "sandbox": ["lost-submit", "--sandbox", "seedvr-cli[video]"],
    "skill": ["name: seedvr", "--max-cost", "| 7 |"],
}


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_has_the_facts_of_the_code(name):
    """Each topic says what the code goes by, in lines that fit, and has a line that says what it is about."""
    text = write_topic(TOPICS[name], 80, colour=False)
    for fact in FACTS[name]:
        assert fact in text
    if name not in {"skill", "sandbox"}:  # which have lines that stand as they are
        assert max(map(len, text.splitlines())) <= 80
    assert TOPICS[name].summary.endswith(".")


# Colours.


@pytest.mark.parametrize("name", FACES)
def test_colours_change_nothing_else(name):
    """A screen in colours is the same screen when they are taken out."""
    painted = write(FACES[name], 80, colour=True)
    assert STYLE.sub("", painted) == screen(name)
    assert "\x1b[1mUsage:\x1b[0m" in painted


@pytest.mark.slow
@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1"}, {"CLICOLOR_FORCE": "1"}], ids=str)
def test_no_code_reaches_a_pipe(env, run):
    """In a pipe help has no colours, whatever is asked for: of commands, topics, and where nothing was given to do."""
    for words in (("image", "--help"), ("help", "image"), ("help", "money"), ()):
        done = run(*words, env=env)
        assert "\x1b" not in done.stdout + done.stderr, words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "is_painted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"CLICOLOR": "0"}, False), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_a_terminal_has_colours(env, is_painted, bench):
    """On a terminal help is in colours, unless the environment says no."""
    with Screen([*SEEDVR, "config", "--help"], env=bench.environment(env=env), cwd=bench.work, rows=40) as shown:
        assert shown.end() == 0
        assert (b"\x1b[36m" in shown.raw) is is_painted
        assert "set       Store a default." in shown.text


# The examples.


@pytest.fixture(scope="module")
def stage(tmp_path_factory, sandbox, store):
    """A folder where the examples can be run, one after the other, and a ledger that they share."""
    bench = Bench(tmp_path_factory.mktemp("examples"))
    environment = prepare(bench, sandbox.url) | store | {"SEEDVR_LEDGER_URL": f"s3://{BUCKET}/examples"}
    yield bench, environment
    bench.close()


LINES = [(name, example.line) for name, face in FACES.items() for example in face.examples]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_does_what_it_shows(name, line, stage, requires):
    """Each example of help and manuals ends as it should where it is run, against the sandbox."""
    requires("jq")
    bench, environment = stage
    if not name.startswith("ledger"):
        environment = {key: value for key, value in environment.items() if key != "SEEDVR_LEDGER_URL"}
    done = run_example(line, bench, environment)
    assert done.returncode == 0, done.stdout
