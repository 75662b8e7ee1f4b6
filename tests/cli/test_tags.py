"""Tags and the caps of months and tags, over the real command."""

import json

import pytest
from helpers.sources import new_url, urls

pytestmark = pytest.mark.slow


def tags_of(run, tag, to):
    """The sources that status lists for a tag."""
    return [line.split("\t")[4] for line in run("status", "--tag", tag, to=to).lines]


def test_tags_are_no_part_of_what_is_paid_for(run, gateway):
    """The same request under other tags is paid for once, and has all of them, also where its file stands already."""
    fake, source = gateway(), new_url("a.png")
    for words in (("--tag", "one"), ("--tag", "two,three", "--tag", "one"), (), ("--tag", "two")):
        done = run("image", source, *words, to=fake)
        assert (done.rc, done.stdout) == (0, "a-upscaled.png\n"), done.stderr
    assert len(fake.posts()) == 1
    for tag in ("one", "two", "three"):
        assert tags_of(run, tag, fake) == [source]


def test_a_list_has_a_column_of_tags(run, gateway, work):
    """A line's own tags, in JSON a list or a text, in CSV between commas, come beside those of the command."""
    fake, sources = gateway(), urls(3)
    (work / "a.csv").write_text(f'source,tag\n{sources[0]},"x, y"\n')
    lines = [{"source": sources[1], "tag": ["x", "z"]}, {"source": sources[2], "tag": "z"}]
    (work / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run("image", "--from", "a.csv", "--from", "b.jsonl", "--tag", "all", "-o", "{tag}/{index}{ext}", to=fake)
    assert sorted(done.lines) == ["all-x-y/1.png", "all-x-z/2.png", "all-z/3.png"]
    assert sorted(tags_of(run, "x", fake)) == sorted(sources[:2])
    assert sorted(tags_of(run, "all", fake)) == sorted(sources)


def test_a_list_that_is_done_gets_its_new_tags(run, gateway, work):
    """A list that is run again under another tag is passed over but for that, and is paid for once."""
    fake, sources = gateway(), urls(3)
    (work / "l.txt").write_text("\n".join(sources))
    for words in ((), ("--tag", "later"), ("--tag", "later")):
        assert len(run("image", "--from", "l.txt", *words, to=fake).lines) == 3
    assert len(fake.posts()) == 3
    assert sorted(tags_of(run, "later", fake)) == sorted(sources)


def test_a_name_without_its_tag_is_refused(run, gateway, url):
    """{tag} without --tag, and a tag that is none, are usage errors: nothing is sent."""
    fake = gateway()
    for words in (("-o", "{tag}{ext}"), ("--tag", ""), ("--tag", "a\tb"), ("--tag", "x" * 65)):
        done = run("image", url, *words, to=fake)
        assert (done.rc, done.stdout) == (2, "")
        assert "tag" in done.stderr
    assert fake.heard == []


def test_a_later_command_names_a_result_by_its_tags(run, gateway, url):
    """download knows the tags that a job was submitted with."""
    fake = gateway()
    assert run("image", url, "--tag", "b", "--tag", "a", "--no-wait", to=fake).rc == 0
    assert run("download", "-o", "{tag}{ext}", to=fake).lines == ["b-a.png"]


def test_caps_of_a_month_and_of_a_tag(run, sandbox):
    """Each refuses what would go past it with code 4 and says what is spent; what has another tag goes on."""
    assert run("config", "set", "max-cost-per-tag", "small=0.002,other=1").rc == 0
    sources = urls(5)
    done = run("image", *sources[:3], "--tag", "small", "-j", "1", to=sandbox)
    assert (done.rc, len(done.lines)) == (4, 2)
    assert "could take the tag small past $0.002 ($0.002 spent, $0.00 left)" in done.stderr
    assert run("config", "set", "max-cost-per-month", "0.003").rc == 0
    done = run("image", *sources[3:], "--tag", "other", "-j", "1", to=sandbox)
    assert (done.rc, len(done.lines)) == (4, 1)
    assert "could take this month past $0.003" in done.stderr
    assert sum(sandbox.accepted(source) for source in sources) == 3


def test_a_cap_of_another_tag_limits_no_watch(run, work, sandbox):
    """--watch wants a limit: a cap of a tag that is not given is none."""
    (work / "in").mkdir()
    assert run("config", "set", "max-cost-per-tag", "small=0.002").rc == 0
    done = run("image", "--watch", "in", "--tag", "large", "-o", "out/", to=sandbox)
    assert done.rc == 2
    assert "max-cost-per-month" in done.stderr


def test_an_id_may_be_cut_short(run, sandbox, url):
    """status, download and report take the beginning of an id, with the endpoint's name in front or without."""
    request_id = run("image", url, "--no-wait", to=sandbox).stdout.strip()
    tail = request_id.partition("_")[2]
    for word in (request_id, request_id[:-1], tail[:8]):
        done = run("status", word, to=sandbox)
        assert done.lines[0].split("\t")[0] == request_id
    assert run("download", tail[:9], request_id, "-o", "a.png", to=sandbox).lines == ["a.png"]
    assert run("report", tail[:8], "--base-url", sandbox.url, "-o", "r.html").rc == 0
    done = run("status", "nobody", to=sandbox)
    assert (done.rc, "nobody" in done.stderr) == (1, True)
