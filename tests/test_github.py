"""Workflows, the action and the image's recipe: parsed, and what can run here is run."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from helpers.command import clean_environment
from helpers.examples import path_with_seedvr
from helpers.places import DATA, ROOT
from readme import README

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTION = GITHUB / "actions" / "seedvr" / "action.yml"
PINNED = re.compile(r"\./[\w./-]+|[\w.-]+(/[\w.-]+)+@(v\d+(\.\d+)*|release/v\d+|[0-9a-f]{40})")
# As GitHub starts a step with `shell: bash`.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


def load(path):
    """The file as GitHub reads it, for which `on` is a word and no truth."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in loaded.items()}


def steps_of(path):
    """The steps of a workflow's jobs, or of an action."""
    loaded = load(path)
    jobs = loaded["jobs"].values() if "jobs" in loaded else [loaded["runs"]]
    return [step for job in jobs for step in job.get("steps", [])]


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_what_others_wrote_is_pinned_and_data_is_no_script(path):
    """Each action that is used has a version, and no script has something put into it that others may choose."""
    used = re.findall(r"(?m)^\s*(?:- )?uses: (\S+)", path.read_text(encoding="utf-8"))
    assert all(PINNED.fullmatch(one) for one in used), used
    for step in steps_of(path):
        assert not re.search(r"\$\{\{\s*(inputs|github|secrets|steps)\b", step.get("run", "")), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_no_more_than_it_says(path):
    """Each workflow says what its token may, and writes nothing by default."""
    permissions = load(path)["permissions"]
    assert set(permissions.values()) <= {"read"}


def test_ci_runs_what_contributors_run():
    """The workflow of changes runs `.ci/run`, for the release too."""
    ci = load(GITHUB / "workflows" / "ci.yml")
    assert ".ci/run" in [step.get("run") for step in ci["jobs"]["check"]["steps"]]
    assert {"pull_request", "workflow_call"} <= ci["on"].keys()


def test_a_release_is_published_by_who_it_is():
    """Only the job that publishes has an identity; it comes after the checks, in an environment, without a token."""
    jobs = load(GITHUB / "workflows" / "release.yml")["jobs"]
    identified = [name for name, job in jobs.items() if "id-token" in job["permissions"]]
    assert identified == ["publish"]
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"check", "build"}
    assert publish["environment"]["name"] == "pypi"
    *_, attest, upload = publish["steps"]
    assert attest["uses"].startswith("actions/attest-build-provenance@")
    assert upload["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert upload["with"] == {"attestations": True}
    assert ".ci/packages dist" in [step.get("run") for step in jobs["build"]["steps"]]


@pytest.mark.parametrize(
    ("tag", "heading", "code"), [("v{}", "[{}] - 2026", 0), ("v0.0.1", "[{}] - 2026", 1), ("v{}", "[Unreleased]", 1)]
)
def test_a_tag_is_the_version_of_the_changelog(tag, heading, code, tmp_path):
    """A release goes on only where the tag, the package's version and a heading of the changelog are the same."""
    import seedvr_cli

    (tmp_path / "seedvr_cli").mkdir()
    shutil.copy(ROOT / "seedvr_cli" / "__init__.py", tmp_path / "seedvr_cli")
    (tmp_path / "CHANGELOG.md").write_text(f"## {heading.format(seedvr_cli.__version__)}\n")
    (script,) = [step["run"] for step in steps_of(GITHUB / "workflows" / "release.yml") if "agree" in str(step)]
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_REF_NAME": tag.format(seedvr_cli.__version__)}
    assert subprocess.run([*BASH, script], cwd=tmp_path, env=environment).returncode == code


# The action.


@pytest.fixture
def act(tmp_path, sandbox):
    """Runs the action's own step with inputs, as GitHub would; its exit code, what it said, and its outputs."""
    home = tmp_path / "home"
    home.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(DATA / "photo.jpg", work)
    path = path_with_seedvr(home)

    def run(**inputs):
        action = load(ACTION)
        values = {name: about.get("default", "") for name, about in action["inputs"].items()}
        values |= {name.replace("_", "-"): value for name, value in inputs.items()}
        (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "upscale"]
        given = {
            name: values[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", text)[1]] for name, text in step["env"].items()
        }
        output = tmp_path / "output"
        output.write_text("")
        more = {"PATH": path, "RUNNER_TEMP": str(tmp_path), "GITHUB_ACTION": "upscale", "GITHUB_OUTPUT": str(output)}
        env = clean_environment(home, {"SEEDVR_API_KEY": "any", "SEEDVR_BASE_URL": sandbox.url, **more, **given})
        done = subprocess.run([*BASH, step["run"]], cwd=work, env=env, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr, outputs(output.read_text())

    return run


def outputs(text):
    """What a step wrote to GITHUB_OUTPUT, in its two forms."""
    found = {name: value for name, _, value in re.findall(r"(?m)^([\w-]+)<<(\S+)\n((?:.*\n)*?)\2$", text)}
    return found | dict(re.findall(r"(?m)^([\w-]+)=(.*)$", text))


@pytest.mark.slow
def test_the_action_upscales(act, tmp_path):
    """The action takes sources by line and options with quotes, and puts out paths, results and the exit code."""
    code, said, found = act(
        sources="https://example.com/a.png\nhttps://example.com/b%20c.png\n",
        max_cost="0.01",
        args="-x 4 --tag 'album 7'",
    )
    assert code == 0, said
    assert found["paths"].splitlines() == ["upscaled/a-4x.png", "upscaled/b c-4x.png"]
    assert found["exit-code"] == "0"
    objects = [json.loads(line) for line in Path(found["results"]).read_text().splitlines()]
    assert sorted(one["source"] for one in objects) == ["https://example.com/a.png", "https://example.com/b%20c.png"]
    assert all((tmp_path / "work" / path).stat().st_size for path in found["paths"].splitlines())


@pytest.mark.slow
def test_the_action_takes_a_list(act, tmp_path):
    """The action takes a list in place of sources."""
    (tmp_path / "work" / "urls.txt").write_text("https://example.com/list.png\n")
    code, said, found = act(list="urls.txt", max_cost="0.01", output="{stem}-big{ext}")
    assert (code, found["paths"]) == (0, "list-big.png\n"), said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"max_cost": "0"}, 4),
        ({"max_cost": ""}, 2),
        ({"max_cost": "1", "sources": "$(touch broken)"}, 2),
        ({"max_cost": "1", "command": "image; touch broken"}, 2),
        ({"max_cost": "1", "args": "'"}, 1),
    ],
)
def test_the_action_fails_as_the_command_does(act, inputs, code, tmp_path):
    """The command's exit code is the step's; what an input says is never run."""
    ended, said, _ = act(**{"sources": "https://example.com/a.png", **inputs})
    assert ended == code, said
    assert not (tmp_path / "work" / "broken").exists()


def test_the_action_of_the_readme_has_inputs_that_there_are():
    """The README's use of the action gives inputs that it has, all that it must, and the key by the environment."""
    (text,) = re.findall(r"```yaml\n(jobs:\n  upscale:.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (step,) = [step for step in yaml.safe_load(text)["jobs"]["upscale"]["steps"] if step.get("id") == "upscale"]
    inputs = load(ACTION)["inputs"]
    assert {name for name, about in inputs.items() if about.get("required")} <= step["with"].keys() <= inputs.keys()
    assert step["env"]["SEEDVR_API_KEY"] == "${{ secrets.SEEDVR_API_KEY }}"
    assert f"/{ACTION.parent.relative_to(ROOT)}@v" in step["uses"]


def test_the_key_is_no_input():
    """The action has no input for the key, which would show in logs; it comes by the environment."""
    action = load(ACTION)
    assert not any("key" in name for name in action["inputs"])
    assert "SEEDVR_API_KEY" in action["description"]


# The image.


def test_the_image_runs_the_command_as_a_user():
    """The recipe's image runs `seedvr` as a user of its own, with extras that there are, and a ledger that stays."""
    text = (GITHUB / "Containerfile").read_text(encoding="utf-8")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in lines} <= {
        "FROM",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "WORKDIR",
        "VOLUME",
        "ENTRYPOINT",
        "CMD",
    }
    last = dict(lines)
    assert json.loads(last["ENTRYPOINT"]) == ["seedvr"]
    assert json.loads(last["CMD"]) == ["help"]
    assert last["USER"] == "seedvr"
    assert f"SEEDVR_HOME={last['VOLUME']}" in last["ENV"].split()
    (extras,) = re.findall(r"'/src\[([\w,]+)\]'", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
