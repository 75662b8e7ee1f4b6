"""`config list --all`, `config profiles`, and the project's file over the real command."""

import re

import pytest
from helpers.command import KEY

from seedvr_cli.settings.known import SETTINGS

pytestmark = pytest.mark.slow

URL = "https://your-cdn.com/source.png"


@pytest.fixture
def project(work):
    """Writes the project's file above the folder of `inside`."""

    def make(text):
        (work / "seedvr.toml").write_text(text)
        return work / "seedvr.toml"

    return make


@pytest.fixture
def inside(work):
    """A folder of the project."""
    (work / "sub").mkdir()
    return work / "sub"


# Everything that may be set.


def test_a_pipe_gets_a_line_a_setting(run, bench, project, inside):
    """`config list --all` has name, value, default, source and a sentence of each, parted by tabs, and no key whole."""
    bench.configure("[default]\nscale = 2\n")
    path = project("jobs = 64\noutput = 'big/'\n")
    done = run("config", "list", "--all", cwd=inside)
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.lines}
    assert list(rows) == ["profile", *SETTINGS]
    assert {len(row) for row in rows.values()} == {4}
    assert rows["jobs"] == ["64", "16", f"project file {path}", "Jobs in flight at once."]
    assert rows["output"][:3] == ["../big/", "", f"project file {path}"]
    assert rows["scale"][2] == f"profile default in {bench.home}/config/config.toml"
    assert rows["api-key"][:3] == ["te…89", "", "environment variable SEEDVR_API_KEY"]
    assert rows["rate"][:3] == ["", "", "default"]
    assert KEY not in done.stdout + done.stderr


def test_scripts_get_one_object(run, project):
    """`config list --all --json` is one object with the same."""
    path = project("jobs = 64\n")
    found = run("config", "list", "--all", "--json").object
    assert found["v"] == 1
    settings = {row["name"]: row for row in found["settings"]}
    assert settings["jobs"] == {
        "name": "jobs",
        "value": 64,
        "default": 16,
        "source": "project",
        "where": str(path),
        "told": f"project file {path}",
        "meaning": "Jobs in flight at once.",
    }
    assert KEY not in str(found)


@pytest.mark.parametrize("columns", [80, 140])
def test_a_terminal_gets_columns(live, project, columns):
    """On a terminal they stand in columns, and which files they come from is said below."""
    path = project("jobs = 64\n")
    with live("config", "list", "--all", columns=columns, rows=200) as screen:
        assert screen.end() == 0
    assert re.search(r"(?m)^NAME +VALUE +DEFAULT +SOURCE", screen.text)
    assert re.search(r"(?m)^jobs +64 +16 +project", screen.text)
    assert f"seedvr: project file {path} goes before it" in screen.text.replace("\n", "")


# Profiles.


def test_profiles_are_listed_and_the_one_in_use_is_marked(bench, project):
    """`config profiles` prints a name a line; the flagged one says so, and who chose it; --json has both."""
    bench.configure("[default]\n[work]\nscale = 2\n")
    commands = ["config", "profiles"]
    plain, chosen, unknown, asjson = bench.run_all(
        commands,
        [*commands, {"env": {"SEEDVR_PROFILE": "work"}}],
        [*commands, {"env": {"SEEDVR_PROFILE": "wrok"}}],
        [*commands, "--json"],
    )
    assert (plain.stdout, plain.stderr) == ("default\tin use\nwork\n", "")
    assert (chosen.stdout, chosen.stderr) == ("default\nwork\tin use\n", "seedvr: SEEDVR_PROFILE chooses work\n")
    assert (unknown.rc, unknown.stdout) == (0, "default\nwork\n")
    assert "wrok, which there is not" in unknown.stderr
    assert asjson.object == {"v": 1, "profiles": ["default", "work"], "in_use": "default"}
    path = project("profile = 'work'\n")
    assert bench.run(*commands).stderr == f"seedvr: {path} chooses work\n"


def test_a_terminal_marks_it_with_a_star(live, bench):
    """On a terminal a star stands before the profile that is in use."""
    bench.configure("[default]\n[work]\n")
    with live("config", "profiles", env={"SEEDVR_PROFILE": "work"}) as screen:
        assert screen.end() == 0
    assert screen.lines[:2] == ["  default", "* work"]


def test_an_unknown_profile_says_what_there_is(run, bench):
    """An unknown --profile is a usage error with the nearest name, and the command that lists them."""
    bench.configure("[default]\n[work]\n")
    done = run("image", URL, "--dry-run", "--profile", "wrok")
    assert done.rc == 2
    assert "(did you mean work?); 'seedvr config profiles' lists them" in done.stderr


# A project's file.


def test_flag_environment_project_profile_default(bench, project, inside):
    """A flag goes before the project's file, that before the profile, and SEEDVR_NO_PROJECT leaves it out."""
    bench.configure("[default]\nscale = 2\nseed = 1\n[work]\nscale = 3\nseed = 5\n")
    project("scale = 4\nprofile = 'work'\n")
    dry = ["image", URL, "--dry-run", "--json"]
    ends = bench.run_all(
        dry,
        [*dry, "-x", "8"],
        [*dry, {"env": {"SEEDVR_PROFILE": "default"}}],
        [*dry, {"env": {"SEEDVR_NO_PROJECT": "1"}}],
        cwd=inside,
    )
    bodies = [done.object["request"]["body"] for done in ends]
    assert [(body["upscale_factor"], body["seed"]) for body in bodies] == [(4, 5), (8, 5), (4, 1), (2, 1)]


def test_results_go_where_the_project_says(run, project, inside, sandbox, url, work):
    """From a folder of the project results go to the folder that its file names, and the path leads there."""
    project("output = 'big/'\n")
    done = run("image", url, to=sandbox, cwd=inside)
    assert done.rc == 0, done.stderr
    (path,) = done.lines
    assert (inside / path).resolve().parent == work / "big"
    assert (inside / path).is_file()


def test_a_project_lowers_a_cap(run, project, gateway):
    """What a project's file allows to be spent is not passed."""
    project("max-cost = '0.001'\njobs = 1\n")
    fake = gateway()
    assert run("image", URL, f"{URL}?2", to=fake).rc == 4
    assert len(fake.posts()) == 1


@pytest.mark.parametrize("line", ["api-key = 'x'", "api_key_command = 'touch {0}'", "base-url = 'https://a.example'"])
def test_a_project_sets_nothing_of_the_users(run, project, gateway, line, work):
    """A project's file with a key, a program or an address in it ends every run before anything is sent or run."""
    fake, trace = gateway(), work / "run"
    project(f"jobs = 2\n{line.format(trace)}\n")
    done = run("image", URL, to=fake)
    assert (done.rc, fake.heard) == (2, [])
    assert done.stderr.startswith(f"seedvr: {work}/seedvr.toml, line 2: ")
    assert done.stderr.count("\n") == 1
    assert not trace.exists()


def test_what_is_not_trusted_is_told(run, project, look, sandbox):
    """A file that everybody may write to is not read; runs, `config path` and `doctor` say so."""
    path = project("scale = 4\n")
    path.chmod(0o666)
    done = run("image", URL, "--dry-run", "--json")
    assert done.object["request"]["body"].get("upscale_factor") is None
    line = f"seedvr: project file {path} is not read: everybody may write to it\n"
    assert done.stderr.startswith(line)
    assert run("config", "path").stderr == line
    checks, _ = look("--base-url", sandbox.url)
    assert (checks["config"]["state"], "is not read" in checks["config"]["message"]) == ("warning", True)


def test_a_mistake_in_it_does_not_keep_from_the_own_file(bench, project, home):
    """`config` shows and sets the user's own all the same, and says that the project's file is not read, and why."""
    path = project("scale = \n")
    line = f"seedvr: project file {path} is not read: Invalid value (at line 1, column 9)\n"
    done = bench.run("config", "path")
    assert (done.rc, done.stdout, done.stderr) == (0, f"{home}/config/config.toml\n", line)
    done = bench.run("config", "set", "jobs", "3")
    assert (done.rc, done.stderr.startswith(line)) == (0, True)
    done = bench.run("config", "get", "jobs")
    assert (done.rc, done.stdout, done.stderr) == (0, "3\n", line)
    assert bench.run("config", "unset", "jobs", "-q").rc == 0
    assert line in bench.run("config", "list").stderr
    done = bench.run("config", "list", "--all")
    assert (done.rc, "mend it there, or set SEEDVR_NO_PROJECT=1" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["", " ", "a\nb"])
def test_what_is_no_name_of_a_profile_is_refused(bench, home, name):
    """An unset variable, or a line break, is no profile, and nothing is stored."""
    done = bench.run("config", "set", "--profile", name, "jobs", "3")
    assert (done.rc, done.stderr.count("\n")) == (2, 1)
    assert not (home / "config").exists()


def test_the_commands_name_it(run, project, look, sandbox, home):
    """`config path` and `config list` name the project's file beside their output, `doctor` with what it sets."""
    path = project("jobs = 2\n")
    done = run("config", "path")
    assert done.stdout == f"{home}/config/config.toml\n"
    assert done.stderr == f"seedvr: project file {path} goes before it\n"
    assert done.stderr in run("config", "list").stderr
    checks, _ = look("--base-url", sandbox.url)
    assert checks["config"]["message"].endswith(f"project file {path} sets jobs")


def test_what_lets_somebody_in_is_in_no_list(bench):
    """Passwords and signatures in any setting are blotted out, with --all and without, as text and as JSON."""
    bench.configure(
        "[default]\n"
        'webhook = "https://a.example/hook?token=SECRET"\n'
        'body-webhook = "https://me:SECRET@b.example/hook"\n'
        'upload-command = "curl -d sig=1 https://c.example/?sig=SECRET"\n'
        'ledger-url = "postgresql://db/jobs?user=me&password=SECRET"\n'
    )
    for words in ((), ("--json",), ("--all",), ("--all", "--json")):
        done = bench.run("config", "list", *words, key=None)
        assert done.rc == 0, done.stderr
        assert all(f"{name}.example" in done.stdout for name in "abc")
        assert "SECRET" not in done.stdout + done.stderr
