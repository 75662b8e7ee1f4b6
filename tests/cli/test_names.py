"""Names of results over the real command: after the size, by template, beside what is in the way."""

import os
from datetime import UTC, datetime

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url

pytestmark = pytest.mark.slow

NAMES = {
    "": "a-upscaled.png",
    "-x 4": "a-4x.png",
    "-x 1.5": "a-1.5x.png",
    "--width 512 --height 256": "a-512x256.png",
    "--model 3b --target 1080p": "a-1080p.png",
    "-x 2 -f webp": "a-2x.webp",
    "-x 2 -o out/": "out/a-2x.png",
    "-o mine.png": "mine.png",
    "-x 2 --seed 9 -o {stem}_{scale}_{seed}_{index:05}_{endpoint}{ext}": "a_2_9_00001_7b-image.png",
    "--width 512 --height 300 -f jpg -o {name}.{width}.{height}.{format}{ext}": "a.jpg.512.300.jpeg.jpg",
}


@pytest.fixture(scope="module")
def named(module_bench, sandbox):
    """How each of them ended."""
    commands = [["image", new_url("a.jpg"), *words.split()] for words in NAMES]
    return dict(zip(NAMES, module_bench.run_all(*commands, to=sandbox), strict=True))


@pytest.mark.parametrize("words", NAMES)
def test_names(named, module_bench, words):
    """A result's name is made of the size that was asked for, or as -o says, and ends as its bytes are."""
    done = named[words]
    assert (done.rc, done.stdout) == (0, f"{NAMES[words]}\n"), done.stderr
    assert (module_bench.work / NAMES[words]).is_file()


def test_a_template_knows_id_target_and_date(run, sandbox, work):
    """A template may use the request id, the target, the index and the day of the submission."""
    before = datetime.now(UTC)
    template = "{request_id}/{target}/{date}/{index}{ext}"
    done = run("image", new_url(), "--model", "3b", "--target", "720p", "-o", template, "--json", to=sandbox)
    value = done.object
    days = {f"{instant:%Y-%m-%d}" for instant in (before, datetime.now(UTC))}
    assert value["files"][0]["path"] in {f"{value['request_id']}/720p/{day}/1.png" for day in days}
    assert (work / value["files"][0]["path"]).is_file()


def test_an_existing_folder_takes_results(run, sandbox, work, url):
    """-o with a folder that exists puts the default name into it, even one with braces in its name."""
    (work / "my {folder}").mkdir()
    done = run("image", url, "-x", "2", "-o", "my {folder}", to=sandbox)
    assert (done.rc, done.stdout) == (0, "my {folder}/photo-2x.png\n"), done.stderr


def test_a_name_never_leaves_its_folder(run, sandbox, bench):
    """Whatever the last part of a URL says, the result is a plain, visible name in the folder."""
    evil = ["..%2F..%2Fevil.png", "%2e%2e", "a%00b%1b%5b31m.png", "~%2Froot.png", "%2Fetc%2Fpasswd"]
    done = run("image", *map(new_url, evil), to=sandbox)
    assert done.rc == 0, done.stderr
    assert sorted(done.lines) == bench.files()
    assert len(done.lines) == len(evil)
    assert [name for name in done.lines if not name.isprintable() or name.startswith(".") or "/" in name] == []


def test_equal_names_are_numbered_in_the_order_of_the_sources(run, gateway, work):
    """Of sources with one name the first gets the plain name and the others -2, -3, though the first ends last."""
    sources = [new_url("same.png") for _ in range(3)]

    def script(heard):
        others = [name for name in ("same-2x-2.png", "same-2x-3.png") if not (work / name).exists()]
        return (
            fake.view(heard, "PROCESSING") if heard.method == "GET" and heard.source == sources[0] and others else None
        )

    fake = gateway(script)
    done = run("image", *sources, "-x", "2", "--json", to=fake)
    assert done.rc == 0, done.stderr
    names = {one["source"]: one["files"][0]["path"] for one in done.objects}
    assert [names[source] for source in sources] == ["same-2x.png", "same-2x-2.png", "same-2x-3.png"]


@pytest.mark.parametrize("output", ["a" * 251, "{stem}" + "b" * 250, "{name}{name}{name}{name}{name}{name}{ext}"])
def test_a_name_that_is_too_long_is_found_before_it_costs(run, sandbox, url, output):
    """A result that no file system could take under its name is not paid for."""
    source = url.replace("photo.jpg", f"{'c' * 60}.jpg") if "{name}" in output else url
    done = run("image", source, "-o", output, to=sandbox)
    assert (done.rc, done.stdout) == (2, "")
    assert "255 bytes" in done.stderr
    assert sandbox.accepted(source) == 0
    assert run("image", url, "-o", "a" * 250, to=sandbox).rc == 0


def test_a_file_in_the_way_is_left_alone(run, sandbox, work, url):
    """Under a default name a foreign file stays as it is, and the result gets the next number, then and later."""
    (work / "photo-2x.png").write_text("mine")
    for _ in range(2):
        done = run("image", url, "-x", "2", to=sandbox)
        assert (done.rc, done.stdout) == (0, "photo-2x-2.png\n")
        assert (work / "photo-2x.png").read_text() == "mine"
    assert sandbox.accepted(url) == 1


def test_an_explicit_name_that_is_taken_is_found_before_anything_is_paid(run, sandbox, work, url):
    """-o with the name of a foreign file is a usage error, and nothing is submitted; --overwrite replaces the file."""
    (work / "taken.png").write_text("mine")
    done = run("image", url, "-o", "taken.png", to=sandbox)
    assert (done.rc, done.stdout, sandbox.accepted(url)) == (2, "", 0)
    assert "taken.png" in done.stderr
    assert "--overwrite" in done.stderr
    assert (work / "taken.png").read_text() == "mine"
    done = run("image", url, "-o", "taken.png", "--overwrite", to=sandbox)
    assert (done.rc, done.stdout, sandbox.accepted(url)) == (0, "taken.png\n", 1)
    assert (work / "taken.png").read_bytes().startswith(b"\x89PNG")


def test_an_explicit_name_of_another_job_is_taken_too(run, sandbox, url):
    """-o with the name of another job's result is a usage error before anything is paid."""
    assert run("image", url, "-o", "a.png", to=sandbox).rc == 0
    other = new_url()
    assert run("image", other, "-o", "a.png", to=sandbox).rc == 2
    assert sandbox.accepted(other) == 0


def test_new_with_the_name_of_the_old_result_is_found_before_anything_is_paid(run, sandbox, url):
    """--new with -o and the file of the job before is a usage error and not paid, or else replaces that file."""
    assert run("image", url, "-o", "a.png", to=sandbox).rc == 0
    done = run("image", url, "-o", "a.png", "--new", to=sandbox)
    assert (done.rc, sandbox.accepted(url)) in {(2, 1), (0, 2)}, done.stderr


def test_overwrite_replaces_under_a_default_name(run, sandbox, work, url):
    """--overwrite replaces a foreign file that has the default name."""
    (work / "photo-2x.png").write_text("mine")
    done = run("image", url, "-x", "2", "--overwrite", to=sandbox)
    assert (done.rc, done.stdout) == (0, "photo-2x.png\n")
    assert (work / "photo-2x.png").read_bytes().startswith(b"\x89PNG")


def test_bytes_on_standard_output(run, gateway, bench, url):
    """-o - writes the result's bytes and nothing else, leaves no file, and pays once however often it is run."""
    fake = gateway()
    for _ in range(2):
        done = run("image", url, "-o", "-", to=fake)
        assert (done.rc, done.raw) == (0, fake.picture), done.stderr
    assert len(fake.posts()) == 1
    assert bench.files() == []
    spool = bench.home / "state" / "spool"
    assert not spool.exists() or os.listdir(spool) == []


def test_the_ending_is_that_of_the_bytes(run, gateway, url):
    """A result that the gateway calls .png and image/png is named .jpg where its bytes are a JPEG's."""
    fake = gateway()
    fake.picture = b"\xff\xd8\xff\xe0" + b"\0" * 100 + b"\xff\xd9"
    done = run("image", url, to=fake)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.jpg\n"), done.stderr


def test_a_broken_download_is_resumed_by_range(run, sandbox_server, photo, work):
    """A delivery that breaks half way goes on where it stopped, and ends whole under its name, without a .part."""
    server = sandbox_server("--latency", "0s", "--fault", "cut-media")
    done = run("image", photo, "-x", "2", "--json", to=server)
    assert done.rc == 0, done.stderr
    (file,) = done.object["files"]
    assert (work / file["path"]).stat().st_size == file["bytes"]
    assert os.listdir(work) == ["photo-2x.png"]


def test_what_is_no_picture_is_not_delivered(run, gateway, bench):
    """A media URL that gives no picture ends with 1 and makes no file; the same command delivers later, unpaid."""
    media = {
        "page": (Reply(200, b"<html><body>Please wait</body></html>" * 9), "no picture"),
        "nothing": (Reply(200, b""), "empty"),
        "gone": (Reply(404, b"gone"), "404"),
    }
    sources = {new_url(f"{word}.png"): word for word in media}

    def script(heard):
        if heard in fake.polls():
            return fake.view(heard, output={"media_url": [f"{fake.url}/media/{sources[heard.source]}"]})
        return media[heard.path.rpartition("/")[2]][0] if heard in fake.downloads() else None

    fake = gateway(script)
    done = run("image", *sources, to=fake)
    assert (done.rc, done.stdout, bench.files()) == (1, "", [])
    lines = {sources[source]: line for line in done.stderr.splitlines() for source in sources if f"{source}: " in line}
    assert [word for word, (_, says) in media.items() if says not in lines[word]] == [], done.stderr
    fake.script = lambda _: None
    done = run("image", *sources, to=fake)
    assert (done.rc, sorted(done.lines), len(fake.posts())) == (
        0,
        [f"{word}-upscaled.png" for word in sorted(media)],
        3,
    )
