"""A terminal is shared: others write on it too, and however a command ends it is given back."""

import re
import shlex
import signal
import threading

import pytest
from fakes.stage import SPINNER, row, sources
from helpers.command import KEY, clean_environment
from helpers.screen import HIDE, SEEDVR, Screen
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

# What stands before the path in the line of a job that is done.
MARKED = r"✓ photo-\d\d.jpg  .*  "

# Others who write on the same screen.


@pytest.mark.parametrize("shell", [None, "$SEEDVR | cat"], ids=["terminal", "pipe to the terminal"])
def test_paths_come_out_whole_among_the_rows(live, stage, shell):
    """Each path ends the line of its job, or stands alone where a pipe's reader prints it among the rows."""
    gateway, urls = stage(), sources(12)
    screen = live("image", *urls, "--rows", 12, to=gateway, shell=shell, rows=80)
    screen.wait_for(row("photo-11.jpg", "7b-image", "QUEUED"))
    together = 1 if shell else 4  # a frame may come between two lines of another program, and over the second
    for number, url in enumerate(urls):
        gateway.status[url] = "COMPLETED"
        if number % together == together - 1:
            screen.wait_for(rf"^({MARKED})?photo-{number:02}-upscaled.png$")
    assert screen.end() == 0
    paths = [re.sub(MARKED, "", line) for line in screen.lines if not (shell and line.startswith("✓ "))]
    assert sorted(path for path in paths if path.startswith("photo-")) == [
        f"photo-{number:02}-upscaled.png" for number in range(12)
    ]
    assert sum(line.startswith("✓ ") for line in screen.lines) == 12
    assert not re.search(SPINNER, screen.text)


def test_nothing_but_results_goes_to_a_file(live, stage, bench):
    """With standard output in a file, the file has the paths and nothing else, and the screen a line a job."""
    gateway, urls = stage(), sources(3)
    screen = live("image", *urls, to=gateway, shell="$SEEDVR > out.txt", columns=200)
    screen.wait_for(*(row(f"photo-0{number}.jpg", "7b-image", "QUEUED") for number in range(3)))
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    written = (bench.work / "out.txt").read_text()
    assert sorted(written.splitlines()) == [f"photo-0{number}-upscaled.png" for number in range(3)]
    assert len(re.findall(rf"^{MARKED}photo-0\d-upscaled.png$", screen.text, re.MULTILINE)) == 3


def test_lines_of_talk_come_out_whole(live, gateway):
    """What -v says stands on lines of its own above the rows, also where several lines come at once."""
    go = threading.Event()
    fake = gateway(lambda heard: go.wait(PATIENCE) and None)
    urls = [new_url(f"photo-{number}-{'x' * 100}.jpg") for number in range(5)]  # rows longer than the lines
    screen = live("image", *urls, "-v", "--poll-interval", 60, to=fake, columns=300, rows=60)
    screen.wait_for(*(row(f"photo-{number}-x+.jpg", "7b-image", "submitting") for number in range(5)))
    go.set()
    screen.wait_for(*(row(f"photo-{number}-x+.jpg", "7b-image", "QUEUED") for number in range(5)))
    screen.press("\x03")
    assert screen.end() == 130
    assert sum(bool(re.fullmatch(r"seedvr: POST \S+ -> HTTP 202", line)) for line in screen.lines) == 5


def test_a_key_that_echoes_disturbs_nothing(live, stage):
    """After an Enter the rows stand below it, once."""
    gateway, urls = stage(), sources(2)
    screen = live("image", *urls, to=gateway)
    screen.wait_for(row("photo-01.jpg", "7b-image", "QUEUED"))
    frames = screen.raw.count(HIDE)
    screen.press("\r")
    wait_for(lambda: screen.read() and screen.raw.count(HIDE) > frames + 2)
    assert sum(bool(re.match(SPINNER, line)) for line in screen.lines) == 2
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert not re.search(SPINNER, screen.text)


def test_rows_follow_the_width_of_the_window(live, stage):
    """In a window that was made narrow, rows are shortened in the middle of the name, and none is wrapped."""
    gateway, url = stage(), new_url("a-picture-with-a-long-name-that-says-a-lot-of-it.jpg")
    screen = live("image", url, to=gateway, columns=100)
    screen.wait_for(row("a-picture-with-a-long-name-that-says-a-lot-of-it.jpg", "7b-image", "QUEUED"))
    screen.resize(50, 24)
    screen.wait_for(rf"^{SPINNER} a-pictu.*….*of-it.jpg  QUEUED       \d+s$")
    assert len(screen.lines) == 1


# Every way out.


def stop(live, stage, end):
    """A run of two jobs that is stopped by `end`; its screen and exit code."""
    gateway, urls = stage(), sources(2)
    screen = live("image", *urls, to=gateway, columns=300)
    screen.wait_for(row("photo-01.jpg", "7b-image", "QUEUED"))
    assert not screen.is_cursor_visible
    end(screen)
    return screen, screen.end(), urls


def test_ctrl_c_gives_the_terminal_back(live, stage):
    """After Ctrl-C the rows are gone, the cursor is there, the code is 130, and the command that goes on is printed."""
    screen, code, urls = stop(live, stage, lambda screen: screen.press("\x03"))
    assert code == 130
    assert screen.is_cursor_visible
    assert not re.search(SPINNER, screen.text)
    assert f"seedvr image {urls[0]} {urls[1]} --base-url" in screen.text


def test_sigterm_gives_the_terminal_back(live, stage):
    """After SIGTERM the rows are gone, the cursor is there, and the code is 143."""
    screen, code, _ = stop(live, stage, lambda screen: screen.kill(signal.SIGTERM))
    assert code == 143
    assert screen.is_cursor_visible
    assert not re.search(SPINNER, screen.text)


def test_the_second_ctrl_c_ends_at_once(live, gateway):
    """A submission that hangs holds up the first Ctrl-C, and not the second; the cursor is back and the code is 130."""
    answer = threading.Event()
    fake = gateway(lambda _: answer.wait(PATIENCE * 2) and None)
    patient = "import seedvr_cli.ledger.jobs; seedvr_cli.ledger.jobs.Ledger.last_seconds = 600.0"
    try:
        screen = live("image", new_url("photo-00.jpg"), to=fake, inject=patient)
        screen.wait_for(row("photo-00.jpg", "7b-image", "submitting"))
        wait_for(fake.posts)
        screen.press("\x03")
        frames = screen.raw.count(HIDE)
        wait_for(lambda: screen.read() and screen.raw.count(HIDE) > frames + 5)
        screen.press("\x03")
        assert screen.end() == 130
    finally:
        answer.set()
    assert screen.is_cursor_visible
    assert not re.search(SPINNER, screen.text)


def test_an_error_gives_the_terminal_back(live, stage):
    """Where the program itself fails, the rows are gone and the cursor is there."""
    broken = (
        "from seedvr_cli.gateway.client import Gateway\n"
        "poll = Gateway.poll\n"
        "async def failing(self, request_id, **more):\n"
        "    answer = await poll(self, request_id, **more)\n"
        "    assert answer.status != 'BOOM', 'a bug'\n"
        "    return answer\n"
        "Gateway.poll = failing\n"
    )
    gateway, (url,) = stage(), sources(1)
    screen = live("image", url, to=gateway, inject=broken)
    screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
    gateway.status[url] = "BOOM"
    assert screen.end() == 1
    assert "a bug" in screen.text
    assert screen.is_cursor_visible
    assert not re.search(SPINNER, screen.text)


def test_a_closed_pipe_gives_the_terminal_back(live, stage):
    """When the reader of standard output goes away, the command ends quietly, without rows and with a cursor."""
    gateway, urls = stage(), sources(3)
    screen = live("image", *urls, to=gateway, shell="$SEEDVR | true; echo ended ${PIPESTATUS[0]}")
    screen.wait_for(row("photo-02.jpg", "7b-image", "QUEUED"))
    gateway.status[urls[0]] = "COMPLETED"
    screen.end()
    assert screen.lines[-1] == "ended 141"
    assert screen.is_cursor_visible
    assert not re.search(SPINNER, screen.text)
    assert "rror" not in screen.text


def test_ctrl_z_gives_the_shell_its_screen(live, stage, bench):
    """While it is stopped with Ctrl-Z, the shell's screen has no rows and a cursor; after `fg` the rows are back."""
    gateway, (url,) = stage(), sources(1)
    environment = clean_environment(bench.home, {"SEEDVR_API_KEY": KEY, "LC_ALL": "C.UTF-8", "PS1": "shell> "})
    with Screen(["bash", "--norc", "--noprofile", "-i"], env=environment, cwd=bench.work, columns=200) as screen:
        screen.wait_for("^shell>")
        words = [*SEEDVR, "image", url, "--base-url", gateway.url, "--poll-interval", "0.1"]
        screen.press(f"{shlex.join(words)}\r")
        screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
        screen.press("\x1a")
        screen.wait_for("Stopped", r"^shell>\s*\Z")
        assert screen.is_cursor_visible
        assert not re.search(SPINNER, screen.text)
        screen.press("fg\r")
        screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
        gateway.status[url] = "COMPLETED"
        screen.wait_for("  photo-00-upscaled.png$", r"^shell>\s*\Z")
        assert screen.is_cursor_visible
