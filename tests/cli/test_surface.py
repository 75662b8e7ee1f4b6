"""The surface that help, manuals and the schema are made of, against what the parser takes and what was promised."""

import json
import re

import pytest
from helpers.places import DATA, ROOT
from typer._click.exceptions import ClickException

from seedvr_cli.cli import app
from seedvr_cli.cli.app import COMMANDS, SECTIONS, get_command, make_app
from seedvr_cli.cli.groups import HEADINGS, Group, command
from seedvr_cli.cli.schema import schema_object
from seedvr_cli.cli.surface import TYPES, describe_all
from seedvr_cli.render import machine
from seedvr_cli.values.catalog import endpoints_of
from seedvr_cli.values.errors import EXIT_CODES, PRECEDENCE, SeedvrError
from seedvr_cli.values.options import OPTIONS

# The contract with users: what scripts rely on is in the surface, and goes only with a new major version.
PROMISED_COMMANDS = (
    "image video status download config spend forget report listen doctor help schema completion sandbox"
)
PROMISED_FLAGS = """
    --model --scale --width --height --target --format --noise --seed --job-id --sync --webhook --webhook-mode
    --body-webhook --body-webhook-events --param --output --overwrite --jobs --poll-interval --timeout --no-wait
    --no-download --new --retry-failed --max-cost --dry-run --key --failed-file --json --quiet --verbose --progress
    --base-url --sandbox --profile --api-key-file --from --recursive
"""
PROMISED_KEYS = """
    v source endpoint request_id status charge price_usd media_url media_type files error params resumed submitted_at
    completed_at elapsed_s
"""
SHORT = {"-x": "--scale", "-f": "--format", "-p": "--param", "-o": "--output", "-j": "--jobs", "-q": "--quiet",
         "-v": "--verbose"}  # fmt: skip
# Words for arguments that must be there.
PLACEHOLDERS = {"NAME": "scale", "SHELL": "bash", "PLAN": "plan.jsonl"}

SOURCES = {"image": DATA / "photo.jpg", "video": DATA / "clip.mp4"}

FACE = describe_all()
FACES = list(FACE.walk())
FLAGS = [(face, flag) for face in FACES for flag in face.flags]


def each_flag(condition=lambda flag: True):
    """The flags of all commands for which that holds, each a case of a test."""
    cases = [pytest.param(face, flag, id=f"{face.name} {flag.name}".strip()) for face, flag in FLAGS if condition(flag)]
    return pytest.mark.parametrize(("face", "flag"), cases)


@pytest.fixture(scope="module")
def root():
    return get_command(make_app())


@pytest.fixture
def takes(root, tmp_path, monkeypatch, capfd):
    """Whether the command takes a flag's value; for the request's, whose endpoint has a say, by a dry run."""
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path))

    def accepted(face, flag, value):
        words = [flag.name, str(value)]
        if flag.group == "Upscaling":
            dry = [face.name, "--dry-run", "--sandbox", str(SOURCES[face.name]), *words]
            models = [one.model for one in endpoints_of(face.name)][1:] if flag.name != "--model" else []
            return any(app.run(words) == 0 for words in (dry, *([*dry, "--model", model] for model in models)))
        parsed = root
        for word in face.name.split():
            parsed = parsed.commands[word]
        words += [PLACEHOLDERS[argument.name] for argument in face.arguments if argument.required]
        try:
            parsed.make_context(face.name, words)
        except (ClickException, SeedvrError):
            return False
        return True

    return accepted


# It is what the parser has.


def test_the_surface_has_every_command_and_flag_of_the_parser(root):
    """Each command of the parser, and each spelling of a flag, is in the surface, and nothing else is."""

    def spellings(command, path=""):
        own = {word for one in command.params for word in (*one.opts, *one.secondary_opts) if word.startswith("-")}
        yield path, own
        for name, below in getattr(command, "commands", {}).items():
            yield from spellings(below, f"{path} {name}".strip())

    found = {
        face.name: {word for flag in face.flags for word in (flag.name, flag.short, flag.negative) if word}
        for face in FACES
    }
    assert found == dict(spellings(root))


@each_flag(lambda flag: flag.words)
def test_words_are_those_that_are_taken(face, flag, takes):
    """Each word of a flag is taken by the command, and another one is not."""
    assert all(takes(face, flag, word) for word in flag.words)
    assert not takes(face, flag, "nonsense")


@each_flag(lambda flag: flag.minimum is not None)
def test_limits_are_those_that_are_kept(face, flag, takes):
    """The smallest and the largest number are taken by the command, and what lies beyond them is not."""
    assert takes(face, flag, flag.minimum)
    assert not takes(face, flag, flag.minimum - 1)
    if flag.maximum is not None:
        assert takes(face, flag, flag.maximum)
        assert not takes(face, flag, flag.maximum + 1)
    assert takes(face, flag, flag.minimum + 0.5) is (flag.type == "number")


@each_flag(lambda flag: flag.metavar and flag.default)
def test_a_default_is_written_as_it_would_be_given(face, flag, takes):
    """The default that help shows is a value that the flag takes."""
    assert takes(face, flag, flag.default)


def test_a_default_is_that_of_the_table():
    """A default is the table's, in the circumstances of the command, and read back it is the same value."""
    shown = {(face.name, flag.name): flag.default for face, flag in FLAGS}
    assert shown["image", "--timeout"] == "30m"
    assert shown["video", "--timeout"] == shown["download", "--timeout"] == "2h"
    assert shown["image", "--poll-interval"] == "5"
    assert shown["listen", "--poll-interval"] == "60"
    assert shown["image", "--keep-metadata"] == "on"
    assert shown["image", "--overwrite"] is None
    for option in OPTIONS.values():
        if option.shown_default() is not None:
            assert option.parse(option.shown_default()) == option.default


# What a new flag or command needs.


@each_flag()
def test_every_flag_has_its_help_and_its_group(face, flag):
    """A flag has a sentence, and stands under a heading that help shows."""
    assert flag.help.endswith((".", ")."))
    assert flag.help[:1].isupper() or not flag.help[:1].isalpha() or flag.help.startswith("https")
    assert flag.metavar is None or flag.words or flag.metavar in TYPES
    assert flag.group in ("Options", *HEADINGS)


def groups(group=Group):
    """All groups of options, without those of tests."""
    for below in group.__subclasses__():
        if below.__module__.startswith("seedvr_cli."):
            yield below
        yield from groups(below)


@pytest.mark.parametrize("group", [*groups()], ids=lambda group: group.__name__)
def test_every_group_has_a_heading(group):
    """A group of options says under which heading help shows them, and names only options that it has."""
    assert group.heading in HEADINGS
    assert set(group.elsewhere.values()) <= set(HEADINGS)
    if group.heading not in {"Talk", "Upscaling"}:  # of which one table is for several
        assert {*group.elsewhere, *group.rare} <= {option.name for option in group.options()} | group.absent


def test_a_forgotten_heading_is_seen():
    """An option of a group without a heading is under none that help shows."""

    class Forgotten(Group):
        word: str | None = None

    def act(forgotten: Forgotten) -> None:
        """Do."""

    assert command(act).places == {"word": ("", False)}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.title)
def test_every_command_says_what_it_is_for(face):
    """A command has a summary of one sentence, examples that begin with it, and a help for each of its arguments."""
    assert face.summary.endswith(".")
    assert ".." not in face.summary
    assert face.summary[:1].isupper()
    assert len(face.summary) <= 120
    assert face.examples
    assert all(face.title in example.line for example in face.examples if face.name)
    assert all(argument.help.endswith(".") for argument in face.arguments)
    assert all(argument.words or argument.name in TYPES for argument in face.arguments)


def test_every_command_is_in_one_section():
    """Help shows each command under one heading, in the order of the table."""
    assert [face.name for face in FACE.commands] == list(COMMANDS)
    assert len(set(COMMANDS)) == len(COMMANDS)
    assert {face.section for face in FACE.commands} == set(SECTIONS)


def test_image_and_video_have_three_examples():
    """The commands that people begin with have three examples."""
    faces = {face.name: face for face in FACES}
    assert [len(faces[name].examples) for name in ("", "image", "video")] == [3, 3, 3]


# The schema.


@pytest.mark.slow
def test_the_schema_is_one_object(run):
    """`seedvr schema` prints the surface as one line of JSON, from a command that needs no key and no home."""
    done = run("schema", key=None)
    assert (done.rc, done.stderr) == (0, "")
    assert done.object == json.loads(json.dumps(schema_object(FACE)))
    assert done.object["v"] == 1


def test_the_schema_has_what_was_promised():
    """Commands, flags, short forms, keys of the result and exit codes of the contract are in the schema."""
    found = schema_object(FACE)
    assert [flag["name"] for flag in found["flags"]] == ["--version"]
    commands = {one["name"]: one for one in found["commands"]}
    assert set(PROMISED_COMMANDS.split()) <= set(commands)
    flags = {flag["name"]: flag for kind in ("image", "video") for flag in commands[kind]["flags"]}
    assert set(PROMISED_FLAGS.split()) <= set(flags)
    assert {flags[name]["short"]: name for name in SHORT.values()} == SHORT
    assert [one["key"] for one in found["result"] if one["key"] != "extra"] == PROMISED_KEYS.split()
    assert [one["code"] for one in found["exit_codes"]] == [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]


def test_every_exit_code_is_explained():
    """Each code that an error has, and each that counts where several hold, has a meaning and what to do next."""

    def codes(error=SeedvrError):
        yield error.exit_code
        for below in error.__subclasses__():
            yield from codes(below)

    assert {0, *PRECEDENCE} == set(EXIT_CODES)
    assert set(codes()) <= set(EXIT_CODES)
    assert all(meaning and then for meaning, then in EXIT_CODES.values())


@pytest.mark.slow
def test_the_object_of_a_result_has_the_keys_of_the_schema(run, sandbox, url):
    """A result has the keys that the schema lists, in its order, each of a type that it names."""
    kinds = {"integer": int, "number": (int, float), "string": str, "array": list, "object": dict, "boolean": bool}
    found = run("image", "--json", url, to=sandbox).object
    assert list(found) == list(machine.KEYS)
    for key, (kind, _) in machine.KEYS.items():
        allowed = [kinds[word] for word in kind.split("|") if word != "null"]
        assert found[key] is None or isinstance(found[key], tuple(allowed)), key


def test_every_setting_is_in_the_schema():
    """The schema lists what the config may have, with the flag of the same name."""
    from seedvr_cli.settings.known import SETTINGS

    found = {one["name"]: one for one in schema_object(FACE)["settings"]}
    assert all(one["meaning"].endswith(".") for one in found.values())
    assert list(found) == list(SETTINGS)
    assert found["jobs"] == {"name": "jobs", "words": [], "default": "16", "flag": "--jobs",
                             "meaning": "Jobs in flight at once."}  # fmt: skip


def test_every_variable_that_is_read_is_listed():
    """Each variable of the environment that the code names is in the table of variables."""
    from seedvr_cli.values.environment import CLUSTER_VARIABLES, COMMON_VARIABLES, OWN_VARIABLES

    listed = {*OWN_VARIABLES, *COMMON_VARIABLES, *CLUSTER_VARIABLES}
    named = set()
    for path in (ROOT / "seedvr_cli").rglob("*.py"):
        named |= set(re.findall(r"(?<![\w_])(?:SEEDVR|PIXAZO)_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named - listed == set()
    assert set(OWN_VARIABLES) <= named
