"""Options come in groups, and the request's come from the catalog: what changes there changes the command line."""

import inspect
import json

import pytest
import typer
from typer.testing import CliRunner

from seedvr_cli.cli import options as o
from seedvr_cli.cli.groups import Group, command

URL = "https://example.com/photo.jpg"
FILM = "https://example.com/film.mp4"

# Run by the interpreter before any module of ours has read the catalog, so that all of them see the change.
CHANGED = """
from dataclasses import replace
from types import MappingProxyType
from seedvr_cli.values import catalog
from seedvr_cli.values.parameter import Parameter

seven = catalog.ENDPOINTS["7b-image"]
parameters = tuple(replace(one, maximum=16) if one.flag == "scale" else one for one in seven.parameters)
sharpness = Parameter("edge_sharpness", "sharpness", "integer", 0, 9, note="sharpens edges", short="k")
grain = Parameter("grain_kind", "grain", "choice", choices={"fine": "FINE", "coarse": "COARSE"}, note="of the film")
changed = replace(seven, parameters=(*parameters, sharpness, grain))
catalog.ENDPOINTS = MappingProxyType({**catalog.ENDPOINTS, "7b-image": changed})
"""
FOURTH = """
from types import MappingProxyType
from seedvr_cli.values import catalog
from seedvr_cli.values.catalog import Endpoint, PriceRow
from seedvr_cli.values.parameter import Parameter

film = Endpoint(
    name="7b-video",
    kind="video",
    model="7b",
    title="SeedVR2 7B, videos",
    path="/seedvr2-7b-upscale/video-request",
    model_id="seedvr2-7b-video",
    source_key="film_url",
    parameters=(
        Parameter("upscale_factor", "scale", "number", 1, 2, note="multiplies the size", short="x"),
        Parameter("frame_grain", "frame-grain", "integer", 0, 100, note="adds film grain"),
    ),
    prices=(PriceRow("all resolutions", None, 50_000),),
)
catalog.ENDPOINTS = MappingProxyType({**catalog.ENDPOINTS, "7b-video": film})
"""


class Pair(Group):
    """Two options for a test."""

    jobs: o.Jobs = None
    recursive: o.Recursive = None


def run_typer(function, *words):
    app = typer.Typer()
    app.command()(function)
    return CliRunner().invoke(app, list(words))


def test_a_group_stands_for_its_options():
    """A parameter that is a group becomes the group's options, and comes in as one again, its values parsed."""
    seen = []

    @command
    def work(*, pair: Pair, quiet: o.Quiet = None) -> int:
        """Work."""
        seen.append((pair.jobs, pair.recursive, quiet))
        return 3

    assert list(inspect.signature(work).parameters) == ["jobs", "recursive", "quiet"]
    assert {one.kind for one in inspect.signature(work).parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert run_typer(work).exit_code == 0
    assert run_typer(work, "-j", "2", "--no-recursive", "-q").exit_code == 0
    assert seen == [(None, None, None), (2, False, True)]
    assert (Pair(jobs=3).jobs, Pair(jobs=3).recursive) == (3, None)
    assert "Work." in run_typer(work, "--help").output


def test_a_wrong_value_names_its_flag(run):
    """A flag's text is read by the table, with the flag as the place in the message."""
    done = run("image", URL, "-j", "9" * 5000)
    assert (done.rc, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("seedvr: --jobs: ")
    assert len(done.stderr) < 300


# The catalog.


def completed(bench, *words, inject=""):
    """What is offered at TAB after these words."""
    env = {"_SEEDVR_COMPLETE": "complete_bash", "_SEEDVR_WORDS": "\x1f".join(["seedvr", *words])}
    return [line.partition("\t")[0] for line in bench.run(inject=inject, env=env).lines[1:]]


def test_a_parameter_of_the_catalog_is_a_flag(bench):
    """A parameter more and another range in the catalog are in --help, in completion, in checks and in the request."""
    page = " ".join(bench.run("image", "--help", inject=CHANGED).stdout.split())
    assert "-k, --sharpness N 0-9. Sharpens edges (7B)." in page
    assert "--grain fine|coarse Of the film (7B)." in page
    assert "-x, --scale N 7B: 1-16. 3B: 1-8. Multiplies the size." in page
    assert "--sharpness" not in bench.run("video", "--help", inject=CHANGED).stdout
    assert "--sharpness" in completed(bench, "image", "--sha", inject=CHANGED)
    assert completed(bench, "image", "--grain", "", inject=CHANGED) == ["fine", "coarse"]
    assert completed(bench, "config", "set", "grain", "c", inject=CHANGED) == ["coarse"]

    done = bench.run("image", URL, "-k", "4", "-x", "12", "--grain", "fine", "--json", "--dry-run", inject=CHANGED)
    assert done.object["request"]["body"] == {
        "image_url": URL, "upscale_factor": 12, "edge_sharpness": 4, "grain_kind": "FINE",
    }  # fmt: skip
    for words, says in ((["--sharpness", "10"], "0-9"), (["-x", "12", "--model", "3b"], "1-8")):
        done = bench.run("image", URL, *words, inject=CHANGED)
        assert (done.rc, says in done.stderr) == (2, True), done.stderr


def test_help_says_where_models_differ(run):
    """A flag whose meaning differs by model says so, and one that only some have names them."""
    page = " ".join(run("image", "--help").stdout.split())
    assert "--noise N 0-1. 7B: adds synthetic detail. 3B: smooths noise away." in page
    assert "--width N 256-4096. Output width in pixels, overrides the scale (7B)." in page
    assert "--sync The answer carries the result itself (3B). [off: --no-sync]" in page
    assert "--noise N 0-1. Smooths noise away." in " ".join(run("video", "--help").stdout.split())


def test_a_fourth_endpoint_is_one_more_entry(bench, work, clip):
    """An endpoint more in the catalog has flags, defaults, lists, prices, a sandbox and results, by that alone."""
    page = " ".join(bench.run("video", "--help", inject=FOURTH).stdout.split())
    assert "--model 3b|7b Which model." in page
    assert "--frame-grain N 0-100. Adds film grain (7B)." in page
    assert "--model" not in bench.run("video", "--help").stdout
    assert completed(bench, "video", "--model", "", inject=FOURTH) == ["3b", "7b"]

    dry = ["--dry-run", "--json"]
    done = bench.run("video", FILM, "--model", "7b", "--frame-grain", "9", *dry, inject=FOURTH).object
    assert done["request"]["url"].endswith("/seedvr2-7b-upscale/video-request")
    assert (done["request"]["body"], done["price_usd"]) == ({"film_url": FILM, "frame_grain": 9}, 0.05)
    assert bench.run("video", FILM, "--frame-grain", "9", *dry, inject=FOURTH).rc == 2  # 3B has none

    line = json.dumps({"source": FILM, "model": "7b", "frame_grain": 8})
    done = bench.run("video", "--from", "-", *dry, stdin=line, inject=FOURTH).object
    assert (done["endpoint"], done["params"]) == ("7b-video", {"frame_grain": 8})

    assert bench.run("config", "set", "frame-grain", "7", inject=FOURTH).rc == 0
    assert bench.run("config", "set", "model", "7b", inject=FOURTH).rc == 0
    done = bench.run("video", clip, "--sandbox", "-x", "2", "--json", inject=FOURTH)
    assert done.rc == 0, done.stderr
    assert (done.object["endpoint"], done.object["params"]) == ("7b-video", {"upscale_factor": 2, "frame_grain": 7})
    assert (done.object["files"][0]["width"], done.object["files"][0]["height"]) == (640, 360)
    assert bench.files() == ["clip-2x.mp4"]


# What is stored, and flags against it.


def body(done):
    assert done.rc == 0, done.stderr
    return done.object["request"]["body"]


def test_a_no_form_switches_a_stored_default_off(bench):
    """--no-sync and --no-json take back what the profile says, for one run."""
    bench.configure("[default]\nmodel = '3b'\nsync = true\njson = true\n")
    assert body(bench.run("image", URL, "--dry-run"))["sync_mode"] is True
    assert body(bench.run("image", URL, "--dry-run", "--no-sync")) == {"image_url": URL}
    assert bench.run("image", URL, "--dry-run", "--no-json").stdout.startswith("$0.001\tPOST ")


def test_a_stored_overwrite_is_switched_off(bench, sandbox, work, url):
    """With `overwrite = true` stored, --no-overwrite leaves a file alone that is in the way."""
    bench.configure("[default]\noverwrite = true\n")
    (work / "photo-2x.png").write_text("mine")
    done = bench.run("image", url, "-x", "2", "-o", "photo-2x.png", "--no-overwrite", to=sandbox)
    assert (done.rc, (work / "photo-2x.png").read_text()) == (2, "mine")
    done = bench.run("image", url, "-x", "2", "-o", "photo-2x.png", to=sandbox)
    assert (done.rc, done.stdout) == (0, "photo-2x.png\n"), done.stderr


@pytest.mark.parametrize("model", ["7b", "7b-image"])
def test_a_stored_model_is_for_the_commands_that_have_it(bench, model):
    """A stored model that is none for videos is passed over by `video`; as a flag it would be wrong."""
    bench.configure(f"[default]\nmodel = {model!r}\njson = true\n")
    assert body(bench.run("video", FILM, "--dry-run")) == {"video_url": FILM}
    assert bench.run("image", URL, "--dry-run").object["endpoint"] == "7b-image"
    assert bench.run("video", FILM, "--dry-run", "--model", "7b").rc == 2


def test_a_text_in_the_param_of_a_line_is_sent_as_it_is(run):
    """`param` of a line has values, not words: a text goes into the body without quotes."""
    line = json.dumps({"source": URL, "param": {"job_id": "abc", "text": "5", "list": [1]}})
    done = run("image", "--from", "-", "--dry-run", "--json", stdin=line)
    assert body(done) == {"image_url": URL, "job_id": "abc", "text": "5", "list": [1]}


def test_config_shows_what_was_written(bench):
    """`config get` and `config list` print a value as it was written, whatever it is to the program."""
    bench.configure("[default]\ntimeout = '1h30m'\nmax_cost = '$0.50'\nscale = 2.0\n")
    assert bench.run("config", "get", "timeout").stdout == "1h30m\n"
    assert bench.run("config", "list").lines == ["timeout = 1h30m", "max-cost = $0.50", "scale = 2.0"]
    assert bench.run("config", "set", "rate", "30/m").rc == 0
    assert bench.run("config", "get", "rate").stdout == "30/m\n"
