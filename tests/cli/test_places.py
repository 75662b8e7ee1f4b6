"""File systems and terminals that are not this one: what the command does there."""

import pytest
from helpers.sources import new_url

FOLDS = "import seedvr_cli.values.system as s\ns.folds_names = lambda folder: {}\n"


@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("pair", [("A.png", "a.png"), ("\u00e9.png", "e\u0301.png")])
def test_names_that_a_disk_takes_for_one_are_two(folds, pair, bench, gateway):
    """Where a disk folds names the second of two jobs in flight gets a number; elsewhere both stay as they are."""

    def script(heard):  # no job ends before both were submitted
        is_early = heard.method == "GET" and heard.source and len(fake.posts()) < 2
        return fake.view(heard, "PROCESSING") if is_early else None

    fake = gateway(script)
    urls = [new_url(name) for name in pair]
    done = bench.run("image", *urls, "-o", "out/", to=fake, inject=FOLDS.format(folds))
    assert done.rc == 0, done.stderr
    got = [path.name for path in (bench.work / "out").iterdir()]
    one, other = (f"{name.removesuffix('.png')}-upscaled" for name in pair)
    assert set(got) == {f"{one}.png", f"{other}{'-2' if folds else ''}.png"}
    again = bench.run("image", *urls, "-o", "out/", to=fake, inject=FOLDS.format(folds))
    assert (again.rc, sorted(again.lines)) == (0, sorted(done.lines))
    assert len(fake.posts()) == 2


# Encodings that lack most characters, as a C locale and an old Windows have them.
POOR = {
    "C locale": {"LC_ALL": "C"},
    "strict C locale": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},  # which knows no URL but ASCII's
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
}
WORDS = ["--help", "image --help", "help templates", "help skill", "status", "spend", "doctor", "config list --all"]
# Names that read from right to left, and that take two cells a character.
NAMES = ["שלום-עולם.png", "写真と動画.png", "🦊🌲.png", "plain.png"]


@pytest.mark.slow
@pytest.mark.parametrize("poor", POOR)
def test_no_encoding_is_too_poor(poor, bench, live, gateway):
    """Whatever the encoding, every command says what it has to, in a pipe and on a terminal."""
    env = POOR[poor]
    fake, names = gateway(), NAMES[-1:] if "strict" in poor else NAMES
    done = bench.run("image", *map(new_url, names), to=fake, env=env)
    assert (done.rc, len(done.raw.splitlines())) == (0, len(names)), done.stderr
    assert len(bench.files()) == len(names)
    bench.configure('[default]\nupload-command = "写真と動画-写真と動画-写真と動画-写真と動画-end"\n')
    for words in WORDS:
        done = bench.run(*words.split(), env=env, cwd=bench.work)
        assert done.rc in {0, 1}, words
        assert "nforeseen" not in done.stderr
        screen = live(*words.split(), env=env)
        assert screen.end() in {0, 1}, words
        assert "nforeseen" not in screen.text
    screen = live("image", *map(new_url, names), "--base-url", fake.url, "--poll-interval", "0.05", env=env)
    assert screen.end() == 0, screen.text


def test_a_name_that_no_file_can_have_here_is_bad_usage(bench, gateway):
    """Where names of files are ASCII's alone, nothing is paid for what could not be written."""
    fake = gateway()
    env = POOR["strict C locale"]
    bench.configure('[default]\noutput = "写真-{stem}{ext}"\n')
    done = bench.run("image", new_url("plain.png"), to=fake, env=env)
    assert (done.rc, fake.posts()) == (2, []), done.stderr
    assert "no file's name has here (ascii)" in done.stderr


def test_wide_names_stand_below_each_other(bench, live, gateway):
    """Columns are counted in cells: behind names of any script the next column begins at the same place."""
    fake = gateway()
    assert bench.run("image", *map(new_url, NAMES), to=fake).rc == 0
    screen = live("status", "--base-url", fake.url, columns=160)
    assert screen.end() == 0
    rows = [line for line in screen.buffer.display if "COMPLETED" in line]
    assert len(rows) == len(NAMES)
    assert len({cells(row, "COMPLETED") for row in rows}) == 1
    assert all(any(name.removesuffix(".png") in row for row in map(packed, rows)) for name in NAMES)


def packed(row):
    """The line without what a terminal keeps free behind a wide character."""
    return row.replace("\0", "")


def cells(row, word):
    """In which cell of the line a word begins."""
    from rich.cells import cell_len

    return cell_len(row[: row.index(word)])


COLOURS = [
    ({}, True),
    ({"NO_COLOR": "1"}, False),
    ({"CLICOLOR": "0"}, False),
    ({"TERM": "dumb"}, False),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
    ({"FORCE_COLOR": "0"}, False),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", ["doctor", "config list --all", "image --help", "help money"])
def test_one_rule_of_colours(words, live):
    """Tables, findings and help have colours where the variables and the terminal say so, and all by the same rule."""
    for env, is_coloured in COLOURS:
        screen = live(*words.split(), env=env)
        screen.end()
        assert (b"\x1b[" in screen.raw) is is_coloured, env
