"""--plan and `seedvr apply` over the real command."""

import json
import os

import pytest
from fakes.media import picture
from helpers.sources import new_url, urls, write

pytestmark = pytest.mark.slow


def test_a_plan_is_submitted_once_and_nothing_else(bench, gateway):
    """A plan sends nothing; applied it submits each of its requests, and applied again none."""
    fake, sources = gateway(), urls(3)
    write(bench.work / "list.txt", [*sources, sources[0]])
    made = bench.run("image", "--from", "list.txt", "-x", 2, "-o", "big/", "--plan", "plan.jsonl", to=fake)
    assert (made.rc, made.stdout) == (0, "")
    assert "3 requests, list price $0.003" in made.stderr
    assert (fake.posts(), fake.polls()) == ([], [])
    for _ in range(2):
        done = bench.run("apply", "plan.jsonl", to=fake)
        assert done.rc == 0, done.stderr
        assert len(done.lines) == len(list((bench.work / "big").iterdir())) == 3
        assert len(fake.posts()) == 3


def test_what_the_ledger_has_is_no_part_of_a_plan(bench, gateway):
    """What was delivered before costs nothing, and the plan has the rest; --new would make it pay twice."""
    fake, (first, second) = gateway(), urls(2)
    assert bench.run("image", first, to=fake).rc == 0
    made = bench.run("image", first, second, "--plan", "plan.jsonl", to=fake)
    lines = [json.loads(line) for line in (bench.work / "plan.jsonl").read_text().splitlines()]
    assert [line.get("source") for line in lines] == [second, None]
    assert lines[-1]["requests"] == 1
    assert made.rc == 0
    refused = bench.run("image", first, "--new", "--plan", "plan.jsonl", to=fake)
    assert (refused.rc, "would pay twice" in refused.stderr) == (2, True)


def test_a_plan_that_does_not_hold_submits_nothing(bench, gateway, photo):
    """With one source changed, or for another gateway, or edited, all of it is refused with code 2."""
    fake, other = gateway(), gateway()
    for name in ("a.jpg", "b.jpg"):
        (bench.work / name).write_bytes(photo.read_bytes() + name.encode())
    assert bench.run("image", "a.jpg", "b.jpg", "--plan", "plan.jsonl", to=fake).rc == 0
    assert bench.run("apply", "plan.jsonl", to=other).rc == 2
    (bench.work / "b.jpg").write_bytes(photo.read_bytes() + b"c")
    refused = bench.run("apply", "plan.jsonl", to=fake)
    assert (refused.rc, "plan.jsonl:2: b.jpg has changed" in refused.stderr) == (2, True)
    (bench.work / "plan.jsonl").write_text((bench.work / "plan.jsonl").read_text().replace("a.jpg", "b.jpg"))
    assert bench.run("apply", "plan.jsonl", to=fake).rc == 2
    assert fake.posts() == other.posts() == []


@pytest.mark.parametrize("flag", ["--max-cost=1", "--embed", "--sidecar", "--keep-metadata", "--preview"])
def test_what_a_plan_has_not_is_refused(bench, gateway, flag):
    """Flags of a run are no part of a plan, and are not dropped without a word."""
    done = bench.run("image", urls(1)[0], "--plan", "plan.jsonl", flag, to=gateway())
    assert (done.rc, len(done.stderr.splitlines()), f"--plan and {flag.partition('=')[0]}: " in done.stderr) == (
        2, 1, True,
    )  # fmt: skip


def test_apply_takes_what_is_of_a_run(bench, sandbox):
    """What is in the way is replaced, and metadata and sidecars are made, where that is asked for."""
    (url,) = urls(1)
    assert bench.run("image", url, "-o", "x.png", "--plan", "plan.jsonl", to=sandbox).rc == 0
    (bench.work / "x.png").write_text("in the way")
    assert bench.run("apply", "plan.jsonl", to=sandbox).rc == 2
    done = bench.run("apply", "plan.jsonl", "--overwrite", "--sidecar", "--embed", to=sandbox)
    assert (done.rc, bench.files()) == (0, ["plan.jsonl", "x.png", "x.png.json"]), done.stderr
    assert b"seedvr:RequestId" in (bench.work / "x.png").read_bytes()


@pytest.mark.parametrize("words", [["--dry-run"], ["--plan", "plan.jsonl"]])
def test_where_nothing_is_submitted_the_summary_says_so(bench, sandbox, words):
    """What an earlier run has written to --summary does not stay as if it were of this one."""
    assert bench.run("image", urls(1)[0], "--summary", "s.json", to=sandbox).rc == 0
    assert bench.run("image", urls(1)[0], *words, "--summary", "s.json", to=sandbox).rc == 0
    found = json.loads((bench.work / "s.json").read_text())
    assert (found["done"], found["exit_code"]) == (0, 0)


def test_a_dry_run_tells_of_the_cap(bench, sandbox):
    """What a run would not submit for --max-cost is not promised."""
    done = bench.run("image", *urls(3), "--dry-run", "--max-cost", "0.001", to=sandbox)
    assert (done.rc, "list price $0.003" in done.stderr, "ends at --max-cost $0.001" in done.stderr) == (0, True, True)


@pytest.mark.parametrize("words", [["--dry-run"], ["--watch"], ["-o", "-"], ["--plan", "/no/such/folder/plan.jsonl"]])
def test_what_makes_no_plan_is_refused(bench, gateway, words):
    """With --dry-run, --watch and -o -, and where it cannot be written, nothing is made."""
    fake = gateway()
    source = "." if "--watch" in words else urls(1)[0]
    done = bench.run("image", source, "--plan", "plan.jsonl", *words, to=fake)
    assert (done.rc, len(done.stderr.splitlines())) == (2, 1)
    assert not (bench.work / "plan.jsonl").exists()


def test_a_plan_takes_no_place_of_somebodys(bench, gateway):
    """--plan replaces plans alone: the list, the source, a file of somebody's, a pipe and standard output stay."""
    fake = gateway()
    (bench.work / "list.txt").write_text(f"{new_url()}\n")
    (bench.work / "notes.json").write_text('{"plans": 1}')
    (bench.work / "photo.jpg").write_bytes(picture())
    os.mkfifo(bench.work / "pipe")
    before = {name: (bench.work / name).read_bytes() for name in ("list.txt", "notes.json", "photo.jpg")}
    for words in (
        ["--from", "list.txt", "--plan", "list.txt"],
        ["photo.jpg", "--plan", "photo.jpg"],
        ["photo.jpg", "--plan", "notes.json"],
        ["photo.jpg", "--plan", "pipe"],
        ["photo.jpg", "--plan", "-"],
        ["photo.jpg", "--plan", "x.png", "-o", "x.png"],
    ):
        done = bench.run("image", *words, to=fake)
        assert (done.rc, "--plan" in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr
    assert {name: (bench.work / name).read_bytes() for name in before} == before
    assert bench.run("image", "photo.jpg", "--plan", "plan.jsonl", to=fake).rc == 0
    (bench.work / "link").symlink_to("plan.jsonl")
    assert bench.run("image", "photo.jpg", "-x", 2, "--plan", "link", to=fake).rc == 0
    assert b'"upscale_factor"' in (bench.work / "plan.jsonl").read_bytes()


def test_a_plan_of_a_source_that_changed_at_its_url_submits_nothing(bench, sandbox, origin):
    """What was seen of a source with --check stands in the plan, and what stands at the URL now is held against it."""
    url = origin.put("/a.jpg", picture(1, (40, 30), "JPEG"), ETag='"1"')
    assert bench.run("image", url, "--check", "--plan", "plan.jsonl", to=sandbox).rc == 0
    origin.put("/a.jpg", picture(2, (80, 60), "JPEG"), ETag='"2"')
    refused = bench.run("apply", "plan.jsonl", to=sandbox)
    assert (refused.rc, f"{url} has changed since the plan was made" in refused.stderr) == (2, True)
    assert sandbox.accepted(url) == 0
    origin.put("/a.jpg", picture(1, (40, 30), "JPEG"), ETag='"1"')
    assert bench.run("apply", "plan.jsonl", to=sandbox).lines == ["a-upscaled.png"]
    assert sandbox.accepted(url) == 1


@pytest.mark.parametrize("words", [("-f", "same"), ("--if-changed",), (), ("--from",)])
def test_a_plan_that_a_look_made_is_of_the_source_that_was_seen(bench, sandbox, origin, words):
    """What was seen for -f same and --if-changed stands in the plan: of another source nothing is submitted."""
    url = origin.put("/a.jpg", picture(1, (40, 30), "JPEG"), ETag='"1"')
    sources = [url, *words] if "--from" not in words else ["--from", write(bench.work / "list.txt", [url])]
    assert bench.run("image", *sources, "--plan", "plan.jsonl", to=sandbox).rc == 0
    for accepted in (1, 1):
        assert bench.run("apply", "plan.jsonl", to=sandbox).rc == 0
        assert sandbox.accepted(url) == accepted
    origin.put("/a.jpg", picture(2, (80, 60), "PNG"), ETag='"2"')
    refused = bench.run("apply", "plan.jsonl", to=sandbox)
    assert (refused.rc, f"{url} has changed since the plan was made" in refused.stderr) == (2, True)
    assert sandbox.accepted(url) == 1


def test_a_source_that_nobody_answers_for_is_planned_all_the_same(bench, gateway, origin):
    """With --if-changed a server that does not answer hinders no plan, as it hinders no run."""
    made = bench.run("image", f"{origin.url}/gone.jpg", "--if-changed", "--plan", "plan.jsonl", to=gateway())
    assert (made.rc, "1 request," in made.stderr) == (0, True), made.stderr


def test_what_could_not_be_written_or_called_is_not_submitted(bench, gateway):
    """A plan whose folder is none by now, and one with a webhook for a run with --callback, are refused unpaid."""
    fake, (url,) = gateway(), urls(1)
    assert bench.run("image", url, "-o", "big/", "--plan", "plan.jsonl", to=fake).rc == 0
    (bench.work / "big").write_text("a file")
    refused = bench.run("apply", "plan.jsonl", to=fake)
    assert (refused.rc, "big is in the way: it is not a folder" in refused.stderr) == (2, True), refused.stderr
    hook, callback = ("--webhook", "https://a.example/hook"), ("--callback", "--public-url", "https://b.example")
    assert bench.run("image", url, *hook, "--plan", "plan.jsonl", to=fake).rc == 0
    refused = bench.run("apply", "plan.jsonl", *callback, to=fake)
    assert (refused.rc, "it has a --webhook" in refused.stderr) == (2, True), refused.stderr
    assert fake.posts() == []
