"""Terminals, and gateways to look at from there."""

import shlex

import pytest
from fakes.stage import Stage
from helpers.checkup import CALM
from helpers.command import KEY, clean_environment
from helpers.screen import SEEDVR, Screen


@pytest.fixture
def live(bench):
    """Starts the command on a terminal of its own; `shell` runs it inside a line of a shell, as $SEEDVR."""
    made = []

    def start(*words, to=None, env=None, shell=None, inject="", columns=80, rows=24):
        command = [*SEEDVR, *map(str, words)]
        if to is not None:
            command += ["--base-url", to.url]
            command += ["--poll-interval", "0.1"] if "--poll-interval" not in command else []
        environment = {"SEEDVR_API_KEY": KEY, "LC_ALL": "C.UTF-8", **(env or {})}
        environment = clean_environment(bench.home, environment)
        if inject:
            site = bench.home / "site"
            site.mkdir()
            (site / "sitecustomize.py").write_text(inject)
            environment["PYTHONPATH"] = f"{site}:{environment['PYTHONPATH']}"
        if shell is not None:
            command = ["bash", "--norc", "--noprofile", "-c", shell.replace("$SEEDVR", shlex.join(command))]
        screen = Screen(command, env=environment, cwd=bench.work, columns=columns, rows=rows)
        made.append(screen)
        return screen

    yield start
    for screen in made:
        screen.__exit__()


@pytest.fixture
def stage(gateway):
    return lambda **more: Stage(gateway, **more)


@pytest.fixture
def look(bench):
    """Runs `doctor --json`; gives its checks by name, and the exit code."""

    def run(*words, inject="", **how):
        done = bench.run("doctor", "--json", *words, inject=CALM + inject, **how)
        assert done.object["v"] == 1
        checks = {check["name"]: check for check in done.object["checks"]}
        assert len(checks) == len(done.object["checks"]), "a name stands twice"
        assert done.rc == (1 if any(check["state"] == "problem" for check in checks.values()) else 0)
        return checks, done

    return run
