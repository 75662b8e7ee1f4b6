"""The real command, in a user's clean home."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.places import ROOT
from helpers.waiting import PATIENCE

KEY = "test-key-0123456789"
# What the developer's own environment must not bring into a test.
_FOREIGN = re.compile(
    r"SEEDVR_.*|PIXAZO_.*|.*_proxy|NO_COLOR|FORCE_COLOR|CLICOLOR.*|SSL_CERT_.*|PYTHONDONTWRITEBYTECODE|COLUMNS"
    r"|GITHUB_.*|GITLAB_.*",
    re.IGNORECASE,
)

# What a command runs first, so that it is installed without the extra `fast`, and with it.
OVER_HTTPX = "import sys\nsys.modules['pycurl'] = None\n"
CARRIERS = pytest.mark.parametrize("carrier", [OVER_HTTPX, ""], ids=["httpx", "curl"])


def clean_environment(home: Path, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """This process's environment without settings of seedvr, at home in `home`; `env` adds, None removes."""
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment |= {
        "HOME": str(home),
        "SEEDVR_HOME": str(home),
        "TERM": "xterm-256color",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # the developer's own is no test's
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


# The command.


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    rc: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines of standard output as JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def object(self) -> dict[str, Any]:
        """The only line of standard output as JSON."""
        (value,) = self.objects
        return value


class Bench:
    """A user's folder to work in, home, and the command."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.work = folder / "work"
        self._site = folder / "site"
        for made in (self.home, self.work):
            made.mkdir(exist_ok=True)
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, *args: Any, stdin: str | bytes | None = None, **how: Any) -> Done:
        """Run the command to its end; see `start`. Without `stdin` there is none to read from."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        process = self.start(*args, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE, **how)
        try:
            out, err = process.communicate(given, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{args} did not end\nstdout: {out!r}\nstderr: {err.decode()}")
        return Done(process.returncode, out or b"", (err or b"").decode())

    def run_all(self, *commands: Sequence[Any], **how: Any) -> list[Done]:
        """Run commands that do not mind each other, as many at once as there are cores; a dict at the end adds how."""

        def one(words: Sequence[Any]) -> Done:
            *plain, last = words
            return self.run(*plain, **{**how, **last}) if isinstance(last, dict) else self.run(*words, **how)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, commands))

    def start(
        self,
        *args: Any,
        to: Any = None,
        key: str | None = KEY,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        inject: str = "",
        **streams: Any,
    ) -> "subprocess.Popen[bytes]":
        """Start the command.

        `to` is a server with a `url`, which is then asked often; `inject` is code that its interpreter runs first.
        """
        words = [str(word) for word in args]
        if to is not None:
            words += ["--base-url", to.url]
            words += ["--poll-interval", "0.05"] if words[0] != "status" and "--poll-interval" not in words else []
        environment = self.environment(key=key, env=env)
        if inject:
            self._site.mkdir(exist_ok=True)
            part = self._site / f"{uuid.uuid4()}.part"
            part.write_text(inject)
            part.replace(self._site / "sitecustomize.py")
            environment["PYTHONPATH"] = os.pathsep.join([str(self._site), environment["PYTHONPATH"]])
        process = subprocess.Popen(
            [sys.executable, "-m", "seedvr_cli", *words],
            cwd=cwd or self.work,
            env=environment,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )
        self._running.append(process)
        return process

    def environment(self, *, key: str | None = KEY, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The command's environment."""
        return clean_environment(self.home, {"SEEDVR_API_KEY": key, **(env or {})})

    def files(self) -> list[str]:
        """The names in the folder to work in, sorted."""
        return sorted(os.listdir(self.work))

    def configure(self, text: str) -> None:
        """Write the config file."""
        path = self.home / "config" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def close(self) -> None:
        """End what a failed test left behind."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
