"""Command lines that pages show, run as a user would run them: by a shell, with `seedvr` on its PATH."""

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from helpers.command import Bench
from helpers.places import DATA
from helpers.screen import SEEDVR
from helpers.waiting import PATIENCE

# Commands that serve until they are told to end, each on a port that is free.
SERVERS = {"seedvr sandbox": "--port 0", "seedvr listen": "--bind 127.0.0.1:0"}


def prepare(bench: Bench, url: str) -> dict[str, str]:
    """A folder with what the examples name, and the environment that leads to the command and to that gateway."""
    shutil.copy(DATA / "photo.jpg", bench.work / "photo.jpg")
    Path(bench.work, "urls.txt").write_text("https://example.com/a.png\nhttps://example.com/b.png\n")
    Path(bench.work, "statement.csv").write_text("request_id,amount\n")
    Path(bench.work, "big").mkdir()
    bench.configure("[default]\nscale = 2\n")
    planned = ["image", "https://example.com/planned.png", "--plan", "plan.jsonl", "--base-url", url]
    assert bench.run(*planned).rc == 0
    return bench.environment(
        env={
            "SEEDVR_BASE_URL": url,
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "EDITOR": "true",
            "PATH": path_with_seedvr(bench.home),
        }
    )


def path_with_seedvr(home: Path) -> str:
    """A PATH on which `seedvr` is the command, from a folder in that home."""
    folder = home / "bin"
    folder.mkdir()
    command = folder / "seedvr"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(SEEDVR)} "$@"\n')
    command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run_example(line: str, bench: Bench, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, or, where it serves, until it says that it does."""
    server = next((name for name in SERVERS if line.startswith(name)), None)
    words = f"exec {line} {SERVERS[server]}" if server else f"set -o pipefail; {line}"
    process = subprocess.Popen(
        ["bash", "--norc", "-c", words],
        cwd=bench.work,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        if server:
            assert process.stdout
            said = process.stdout.readline()
            assert "http" in said, said
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate("test-key-0123456789\n", timeout=PATIENCE)
        ended = {143, -signal.SIGTERM} if server else {0}  # told to end before it hears of signals, or after
        if line.startswith("seedvr reconcile"):  # a wallet that nobody has does not agree with the ledger
            ended = {0, 1}
        code = 0 if process.returncode in ended else process.returncode
        return subprocess.CompletedProcess(line, code, out, "")
