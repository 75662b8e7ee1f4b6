"""The live display, read from the screen of a real terminal."""

import io
import re
import shlex
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyte
import pytest
from helpers.command import KEY, clean_environment
from helpers.places import DATA, TINY
from helpers.screen import SEEDVR, Screen
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

# pexpect forks, which Python 3.12 and later warn of where there are threads; its child runs the command at once.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")

HIDE = b"\x1b[?25l"
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")
SPINNER = "[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]"


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


class Stage:
    """A gateway where jobs stand as the test says: QUEUED until told otherwise."""

    def __init__(self, gateway, **more):
        self.status = {}
        self.more = more
        self.fake = gateway(self._answer)
        self.fake._server.socket.listen(128)  # the queue of five that it has would refuse some of sixty at once

    @property
    def url(self):
        return self.fake.url

    def _answer(self, heard):
        if heard not in self.fake.polls():
            return None
        status = self.status.get(heard.source, self.status.get("*", "QUEUED"))
        return self.fake.view(heard, status, **self.more)


@pytest.fixture
def stage(gateway):
    return lambda **more: Stage(gateway, **more)


def sources(count):
    """That many sources named photo-00.jpg and so on."""
    return [new_url(f"photo-{number:02}.jpg") for number in range(count)]


def row(name, endpoint, state, rest=r"\d+s"):
    """The pattern of a row."""
    return rf"^{SPINNER} {name} +{endpoint}  {state} +.*{rest}"


# What is on the screen.


def test_a_job_has_a_row_and_leaves_a_line(live, stage):
    """A job has one row with name, endpoint, state and elapsed time, and leaves its outcome and its path."""
    gateway, (url,) = stage(), sources(1)
    screen = live("image", url, to=gateway)
    screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
    assert len(screen.lines) == 1
    assert not screen.is_cursor_visible
    gateway.status[url] = "PROCESSING"
    screen.wait_for(row("photo-00.jpg", "7b-image", "PROCESSING"))
    gateway.status[url] = "COMPLETED"
    assert screen.end() == 0
    assert screen.lines[-1] == "photo-00-upscaled.png"
    assert "".join(screen.lines[:-1]).startswith(f"✓ {url}: done in ")
    assert not re.search(SPINNER, screen.text)
    assert screen.is_cursor_visible


def test_each_job_has_its_own_state(live, stage):
    """Jobs have a row each, in their order, each with its own state; a word that is not known is shown as it is."""
    gateway, urls = stage(), sources(5)
    states = ["QUEUED", "PROCESSING", "WARMING_UP", "QUEUED", "PROCESSING"]
    gateway.status = dict(zip(urls, states, strict=True))
    screen = live("image", *urls, to=gateway)
    screen.wait_for(
        *(row(f"photo-0{n}.jpg", "7b-image", state) for n, state in enumerate(states)), r"^  0 (of 5 )?done"
    )
    assert [re.search(r"photo-\d\d", line)[0] for line in screen.lines[:5]] == [f"photo-{n:02}" for n in range(5)]
    assert len(screen.lines) == 6
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert "seedvr: 5 done" in screen.text


@pytest.mark.parametrize(("columns", "rows"), [(60, 10), (80, 24)])
def test_what_does_not_fit_is_folded(live, stage, columns, rows):
    """Sixty jobs take no more than the screen's height: a line counts the rest by state, and the last one the run."""
    gateway, urls = stage(), sources(60)
    screen = live("image", *urls, "-j", 60, to=gateway, columns=columns, rows=rows)
    screen.wait_for(r"^  … and \d+ more: \d+ QUEUED$", r"^  0 (of 60 )?done · ")
    assert len(screen.lines) == rows - 3
    shown = [line for line in screen.lines if re.match(SPINNER, line)]
    folded = int(re.search(r"and (\d+) more", screen.text)[1])
    assert len(shown) + folded == 60
    assert len(shown) == rows - 5
    assert screen.raw.count(b"\n\n") == 0
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert screen.lines[-1].startswith("seedvr: 60 done")


def test_the_expected_time_comes_from_the_ledger(run, live, stage):
    """After a job took 30 seconds by the gateway's clock, the rows of the next ones say so, each with a bar."""
    took = {"created_at": "2026-05-22T13:19:00.000Z", "completed_at": "2026-05-22T13:19:30.100Z"}
    gateway, (first, *others) = stage(**took), sources(4)
    gateway.status[first] = "COMPLETED"
    assert run("image", first, to=gateway).rc == 0
    screen = live("image", *others, to=gateway, columns=100)
    screen.wait_for(*(row(f"photo-0{number}.jpg", "7b-image", "QUEUED") for number in (1, 2, 3)))
    assert len(re.findall(r"[━╸─]{10}  \d+s of ~30s$", screen.text, re.MULTILINE)) == 3


class HalfMedia(BaseHTTPRequestHandler):
    """Serves 400,000 bytes, the second half of them when the server's `rest` is set."""

    def do_GET(self):
        picture = (TINY / "picture.png").read_bytes()
        body = picture + bytes(400_000 - len(picture))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:200_000])
        self.server.rest.wait(PATIENCE)
        self.wfile.write(body[200_000:])

    def log_message(self, *_):
        pass


@pytest.fixture
def half_media():
    """A media server that stops half way."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), HalfMedia)
    server.rest = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.rest.set()
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE)


def test_a_download_shows_its_bytes(live, stage, half_media):
    """While a result is fetched, its row shows the bytes that came, those there are, and a bar that is as full."""
    output = {"media_url": [f"http://127.0.0.1:{half_media.server_port}/output.png"], "media_type": "image/png"}
    gateway, (url,) = stage(output=output), sources(1)
    gateway.status[url] = "COMPLETED"
    screen = live("image", url, to=gateway, columns=100)
    screen.wait_for(row("photo-00.jpg", "7b-image", "downloading", rest=r"  \d+s, \d+ of 400 kB$"))
    bar, done = re.search(r"([━╸─]{10})  \d+s, (\d+) of", screen.text).groups()
    assert 0 < int(done) <= 200
    assert bar.count("━") * 2 + bar.count("╸") == int(done) * 20 // 400
    half_media.rest.set()
    assert screen.end() == 0


def test_a_failure_leaves_its_reason(live, stage):
    """A job that fails leaves a line with the gateway's reason, and is counted while the others go on."""
    gateway, (bad, good) = stage(error="out of luck"), sources(2)
    gateway.status[bad] = "FAILED"
    screen = live("image", bad, good, to=gateway, columns=200)
    screen.wait_for(rf"^✗ {re.escape(bad)}: .*FAILED: out of luck", row("photo-01.jpg", "7b-image", "QUEUED"))
    screen.wait_for(r"^  0 (of 2 )?done, 1 failed · ")
    gateway.status[good] = "COMPLETED"
    assert screen.end() == 1
    assert "seedvr: 1 done, 1 failed" in screen.text


def test_what_the_gateway_says_cannot_draw(live, stage):
    """Escape codes in the gateway's words reach the screen without the character that makes them act."""
    gateway, (url,) = stage(error="\x1b[31mred\x07"), sources(1)
    gateway.status[url] = "WARM\x1b[2JUP"
    screen = live("image", url, to=gateway)
    screen.wait_for(r"WARM\[2JUP")
    gateway.status[url] = "FAILED"
    assert screen.end() == 1
    assert b"\x1b[2J" not in screen.raw
    assert b"\x07" not in screen.raw
    assert "[31mred" in screen.text


# Others who write on the same screen.


@pytest.mark.parametrize("shell", [None, "$SEEDVR | cat"], ids=["terminal", "pipe to the terminal"])
def test_paths_come_out_whole_among_the_rows(live, stage, shell):
    """Each path stands alone on its line, also where a pipe's reader prints it among the rows."""
    gateway, urls = stage(), sources(12)
    screen = live("image", *urls, to=gateway, shell=shell, rows=80)
    screen.wait_for(row("photo-11.jpg", "7b-image", "QUEUED"))
    together = 1 if shell else 4  # a frame may come between two lines of another program, and over the second
    for number, url in enumerate(urls):
        gateway.status[url] = "COMPLETED"
        if number % together == together - 1:
            screen.wait_for(rf"^photo-{number:02}-upscaled.png$")
    assert screen.end() == 0
    assert sorted(line for line in screen.lines if line.startswith("photo-")) == [
        f"photo-{number:02}-upscaled.png" for number in range(12)
    ]
    assert sum(line.startswith("✓ ") for line in screen.lines) == 12
    assert not re.search(SPINNER, screen.text)


def test_nothing_but_results_goes_to_a_file(live, stage, bench):
    """With standard output in a file, the file has the paths and nothing else, and the screen has no path."""
    gateway, urls = stage(), sources(3)
    screen = live("image", *urls, to=gateway, shell="$SEEDVR > out.txt", columns=200)
    screen.wait_for(*(row(f"photo-0{number}.jpg", "7b-image", "QUEUED") for number in range(3)))
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    written = (bench.work / "out.txt").read_text()
    assert sorted(written.splitlines()) == [f"photo-0{number}-upscaled.png" for number in range(3)]
    assert "upscaled" not in screen.text


def test_lines_of_talk_come_out_whole(live, gateway):
    """What -v says stands on lines of its own above the rows, also where several lines come at once."""
    go = threading.Event()
    fake = gateway(lambda heard: go.wait(PATIENCE) and None)
    fake._server.socket.listen(128)
    urls = [new_url(f"photo-{number}-{'x' * 100}.jpg") for number in range(5)]  # rows longer than the lines
    screen = live("image", *urls, "-v", "--poll-interval", 60, to=fake, columns=300)
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
    patient = "import seedvr_cli.run.engine; seedvr_cli.run.engine.LAST_SECONDS = 600.0"
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
        "async def failing(self, request_id):\n"
        "    answer = await poll(self, request_id)\n"
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
        screen.wait_for("^photo-00-upscaled.png$", r"^shell>\s*\Z")
        assert screen.is_cursor_visible


# When there is no live display, and how it behaves.


@pytest.mark.parametrize(
    ("env", "flags"),
    [
        ({"TERM": "dumb"}, []),
        ({"TERM": "dumb"}, ["--progress", "live"]),
        ({}, ["--progress", "plain"]),
        ({}, ["--progress", "none"]),
        ({}, ["--quiet"]),
    ],
    ids=str,
)
def test_plain_lines_where_rows_are_not_wanted(live, stage, env, flags):
    """On a dumb terminal, and with --progress plain or none or -q, no escape code is sent."""
    gateway, (url,) = stage(), sources(1)
    gateway.status[url] = "COMPLETED"
    screen = live("image", url, *flags, to=gateway, env=env, columns=200)
    assert screen.end() == 0
    assert b"\x1b" not in screen.raw
    silent = bool({"none", "--quiet"} & set(flags))
    assert len(screen.lines) == 1 if silent else f"seedvr: {url}: COMPLETED" in screen.text
    assert "photo-00-upscaled.png" in screen.lines


def test_no_color_means_none(live, stage):
    """With NO_COLOR set the rows have no colour; without it they do."""
    gateway = stage()
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = live("image", *sources(1), to=gateway, env=env)
        screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
        screen.press("\x03")
        screen.end()
        assert bool(COLOUR.search(screen.raw)) == is_coloured


def test_a_terminal_without_unicode_gets_ascii(live, stage):
    """On a terminal that has nothing but ASCII, every byte of rows and lines is ASCII."""
    gateway, urls = stage(), sources(20)
    gateway.status[urls[0]] = "COMPLETED"
    screen = live("image", *urls, "-j", 20, to=gateway, env={"PYTHONIOENCODING": "ascii"}, columns=200, rows=12)
    screen.wait_for(r"^\+ .*photo-00.jpg: done", r"^[-|/\\] photo-01.jpg +7b-image  QUEUED", r"^  ~ and \d+ more: ")
    assert screen.raw.isascii()


def test_at_most_ten_frames_a_second(live, stage):
    """The number of frames is no more than ten for each second that the run took, however much happens."""
    gateway, urls = stage(), sources(40)
    states = ("QUEUED", "PROCESSING")
    screen = live("image", *urls, "-j", 40, to=gateway, rows=60)
    turn = 0
    while screen.raw.count(HIDE) < 10:
        turn += 1
        gateway.status = {url: states[(turn + number) % 2] for number, url in enumerate(urls)}
        screen.read()
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    elapsed = time.monotonic() - screen.began
    assert screen.raw.count(HIDE) <= 10 * elapsed + 5


@pytest.mark.parametrize("columns", [20, 34, 40, 52, 60, 80, 200])
@pytest.mark.parametrize("height", [1, 4, 5, 10])
def test_rows_fit_any_screen(columns, height):
    """On a screen of any size no line is wider than it, and the lines are no more than its height."""
    from rich.cells import cell_len

    from seedvr_cli.render.rows import Row, Rows
    from seedvr_cli.render.tally import Tally
    from seedvr_cli.values.job import Item
    from seedvr_cli.values.naming import Output

    names = ["a.jpg", "名前の長い写真" * 6 + ".jpg", "x" * 150]
    rows = Rows(Tally(), total=7, is_plain=False)
    for index in range(7):
        item = Item(index, None, names[index % 3], "3b-video", Output("template", ""))
        state = ["QUEUED", "downloading", "AN_UNKNOWN_STATE_OF_" * 9][index % 3]
        rows.by_index[index] = Row(item, 0.0, 30.0, state, 1_200_000, 3_400_000)
    lines = rows.lines(125.0, width=columns, height=height)
    assert len(lines) <= max(height, 2)
    assert all(cell_len(line.plain) <= columns for line in lines)
    assert lines[-1].plain.startswith("  0 of 7 done")
    if columns > 80 and height > 4:
        assert [line.plain[2:5] for line in lines[:2]] == ["a.j", "名前の"]


def test_a_tall_frame_never_scrolls():
    """What is drawn on a screen of four lines leaves its first line where it was."""
    from rich.console import Console

    from seedvr_cli.render.live import LiveReporter
    from seedvr_cli.render.reporter import Talk
    from seedvr_cli.render.tally import Tally
    from seedvr_cli.values.events import Started
    from seedvr_cli.values.job import Item
    from seedvr_cli.values.naming import Output

    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=40, height=4)
    before = signal.getsignal(signal.SIGTSTP)
    reporter = LiveReporter(Talk(), Tally(), console=console)
    for index in range(30):
        reporter.handle(Started(Item(index, None, "photo.jpg", "7b-image", Output("template", ""))))
    reporter.tick()
    screen = pyte.Screen(40, 4)
    stream = pyte.Stream(screen)
    stream.feed("what stands above\r\n" + written.getvalue().replace("\n", "\r\n"))
    assert screen.display[0].rstrip() == "what stands above"
    assert screen.cursor.y == 1
    assert screen.cursor.hidden
    reporter.close()
    stream.feed(written.getvalue().replace("\n", "\r\n"))
    assert not screen.cursor.hidden
    assert signal.getsignal(signal.SIGTSTP) == before


def test_the_recorded_picture_stands_alone():
    """The README's picture of the live display is small, shows a path among rows, and fetches nothing."""
    picture = (DATA / "terminal.svg").read_text(encoding="utf-8")
    assert len(picture.encode()) < 60_000
    assert not re.search(r"url\((?!#)|href|@import|<script", picture)
    words = picture.replace("&#160;", " ")
    assert all(word in words for word in ("$ seedvr image", ">counter-4x.png<", "PROCESSING", "QUEUED"))
