"""What a video lost of its source is in it again, and what it has is as it came."""

import asyncio
import os
from itertools import pairwise

import pytest
from helpers.waiting import wait_for_end

from seedvr_cli.tracks import carry
from seedvr_cli.tracks.carry import Carried

pytestmark = pytest.mark.slow

AS_IT_CAME = Carried(is_changed=False, troubles=())
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=700
title=Dawn
[CHAPTER]
TIMEBASE=1/1000
START=700
END=2000
title=Day
"""
# A second tone, lower.
SECOND = ("-f", "lavfi", "-i", "sine=f=99:d=2")
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,200\nHello\n\n2\n00:00:01,300 --> 00:00:01,900\nWorld\n"
# By a name's ending, the sound that is in such files.
SOUNDS = [
    ("mp4", "aac"),
    ("mp4", "libmp3lame"),
    ("mp4", "ac3"),
    ("mp4", "libopus"),
    ("mov", "aac"),
    ("mov", "pcm_s16le"),
    ("mov", "pcm_s16be"),
    ("avi", "libmp3lame"),
    ("avi", "pcm_s16le"),
    ("avi", "ac3"),
    ("mkv", "aac"),
    ("mkv", "libopus"),
    ("mkv", "flac"),
    ("mkv", "libvorbis"),
]


def codecs(seen):
    return [one["codec_name"] for one in seen["streams"]]


def agree(one, other, tolerance):
    """Whether both have packets at the same times."""
    return len(one) == len(other) and all(
        abs(first[0] - second[0]) <= tolerance for first, second in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("ending", "codec"), SOUNDS)
def test_sound_of_every_kind_comes_back(films, ending, codec):
    """Whatever container it was in, each packet of the sound is there as it was, at its time; so are the pictures'."""
    source, result = films.source(f"source.{ending}", "-c:a", codec), films.result()
    carried, made = films.carry(source, result)
    assert carried == Carried(is_changed=True, troubles=())
    assert codecs(films.look(made)) == ["h264", films.look(source)["streams"][1]["codec_name"]]
    assert films.packets(made, "v") == films.packets(result, "v")
    assert films.times(made, "v") == films.times(result, "v")
    if "pcm" not in codec:  # which is cut into packets as each reader likes
        assert films.packets(made, "a") == films.packets(source, "a")
        assert agree(films.times(made, "a"), films.times(source, "a"), 0.022 if ending in {"avi", "mkv"} else 0.0005)
    assert abs(float(films.look(made)["format"]["duration"]) - 2) < 0.07


@pytest.mark.parametrize("channels", [2, 6])
@pytest.mark.parametrize("ending", ["avi", "mkv"])
def test_uncompressed_sound_of_several_channels(films, ending, channels):
    """Containers that only count the channels have the usual ones, and the sound comes back sample for sample."""
    source = films.source(f"source.{ending}", "-c:a", "pcm_s16le", "-ac", channels)
    carried, made = films.carry(source, films.result())
    assert carried == Carried(is_changed=True, troubles=())
    assert films.look(made)["streams"][1]["channels"] == channels
    assert films.samples(made) == films.samples(source)


def test_a_webm_source(films):
    """Sound of a WebM is carried as well."""
    source = films.make("source.webm", "-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2",
                        "-c:v", "libvpx", "-c:a", "libopus")  # fmt: skip
    carried, made = films.carry(source, films.result())
    assert carried.is_changed
    assert films.packets(made, "a") == films.packets(source, "a")


def test_sound_of_matroska_has_even_steps(films):
    """The clock of a Matroska ticks in milliseconds, and the sound's steps are whole packets all the same."""
    _, made = films.carry(films.source("source.mkv", "-c:a", "aac"), films.result())
    times = films.times(made, "a")
    steps = {round((after[0] - before[0]) * 48000) for before, after in pairwise(times)}
    assert steps == {1024}


def test_every_track_comes_back_with_its_language(films):
    """Of two tracks both are there, in their order, with language and title and what is said of them."""
    source = films.source(
        "source.mkv", "-map", 0, "-map", 1, "-map", 2, "-c:a", "aac", "-metadata:s:a:0", "language=deu",
        "-metadata:s:a:1", "language=eng", "-disposition:a:1", "default", "-disposition:a:0", "0", inputs=SECOND,
    )  # fmt: skip
    _, made = films.carry(source, films.result())
    sounds = films.look(made)["streams"][1:]
    assert [one["tags"]["language"] for one in sounds] == ["deu", "eng"]
    assert [one["disposition"]["default"] for one in sounds] == [0, 1]
    assert all(films.packets(made, one) == films.packets(source, one) for one in ("a:0", "a:1"))


def test_what_was_kept_is_left_alone(films):
    """A result that has sound, or whose source has none, stays byte for byte as it came."""
    source = films.source("source.mp4")
    for result in (films.source("kept.mp4"), films.source("kept-other.mp4", "-c:a", "libmp3lame")):
        carried, made = films.carry(source, result)
        assert carried == AS_IT_CAME
        assert made.read_bytes() == result.read_bytes()
    result = films.result()
    carried, made = films.carry(films.source("silent.mp4", sound=False), result)
    assert carried == AS_IT_CAME
    assert made.read_bytes() == result.read_bytes()


@pytest.mark.parametrize(("kept", "carried_too"), [("eng", "deu"), ("deu", "eng")])
def test_one_of_two_tracks_was_kept(films, kept, carried_too):
    """The track that is missing is carried beside the one that was kept, told apart by their languages."""
    languages = ("-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=eng")
    source = films.source("source.mp4", "-map", 0, "-map", 1, "-map", 2, "-c:a", "aac", *languages, inputs=SECOND)
    result = films.source("result.mp4", "-c:a", "libmp3lame", "-metadata:s:a:0", f"language={kept}")
    _, made = films.carry(source, result)
    assert [(one["codec_name"], one["tags"]["language"]) for one in films.look(made)["streams"][1:]] == [
        ("mp3", kept),
        ("aac", carried_too),
    ]
    assert films.packets(made, "a:0") == films.packets(result, "a")


@pytest.mark.parametrize("index_first", [True, False])
def test_the_index_stays_where_it_was(films, index_first):
    """A result that plays from its first bytes on still does, and its codec keeps its name."""
    flags = "+faststart" if index_first else "-faststart"
    result = films.result("h265.mp4", "-c:v", "libx265", "-tag:v", "hvc1", "-movflags", flags, "-x265-params",
                          "log-level=none")  # fmt: skip
    _, made = films.carry(films.source("source.mp4"), result)
    content = made.read_bytes()
    assert (content.index(b"moov") < content.index(b"mdat")) is index_first
    assert films.look(made)["streams"][0]["codec_tag_string"] == "hvc1"
    assert films.packets(made, "v") == films.packets(result, "v")


def test_a_mov_stays_one(films):
    """A result that is a MOV is given its sound as one."""
    result = films.result("result.mov")
    carried, made = films.carry(films.source("source.mov", "-c:a", "pcm_s16le"), result, "video/quicktime")
    assert carried.is_changed
    assert films.look(made)["format"]["tags"]["major_brand"] == "qt  "
    assert codecs(films.look(made)) == ["h264", "pcm_s16le"]


def delayed(films, name, *, sound=0.0, pictures=0.0, ending="mp4"):
    """A source in which one of the two begins later."""
    parts = films.source(f"{name}-parts.mp4", "-c:a", "aac")
    return films.make(f"{name}.{ending}", "-itsoffset", pictures, "-i", parts, "-itsoffset", sound, "-i", parts,
                      "-map", "0:v", "-map", "1:a", "-c", "copy")  # fmt: skip


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(("sound", "pictures"), [(0.5, 0.0), (0.0, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize("is_kept", [True, False])
def test_delayed_sound_is_in_step(films, ending, sound, pictures, is_kept):
    """Where one begins later than the other it still does, whether or not the gateway kept the pictures' beginning."""
    source = delayed(films, "source", sound=sound, pictures=pictures, ending=ending)
    result = films.result()
    if is_kept:
        late = delayed(films, "late", pictures=pictures)
        result = films.make("late-pictures.mp4", "-i", late, "-map", "0:v", "-c", "copy", "-copyts")
    _, made = films.carry(source, result)
    before, after = (films.times(path, "a")[1][0] - films.times(path, "v")[0][0] for path in (source, made))
    assert abs(before - after) < 0.003
    assert films.packets(made, "a") == films.packets(source, "a")
    assert films.packets(made, "v") == films.packets(result, "v")


def test_longer_and_shorter_sound(films):
    """Sound that goes on after the pictures, or ends before them, is as long as it was."""
    for seconds in (1, 3):
        source = films.make(f"source-{seconds}.mp4", "-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=2", "-f", "lavfi",
                            "-i", f"sine=d={seconds}", "-c:v", "libx264", "-c:a", "aac")  # fmt: skip
        _, made = films.carry(source, films.result())
        assert films.packets(made, "a") == films.packets(source, "a")
        assert abs(float(films.look(made)["streams"][1]["duration"]) - seconds) < 0.05


def test_a_variable_rate(films):
    """Frames that stay for different times keep them, to the tick."""
    result = films.result("result.mp4", "-vf", "select='not(mod(n,3))+gt(n,30)'", "-vsync", "vfr")
    _, made = films.carry(films.source("source.mp4"), result)
    starts = [time for time, _ in films.times(result, "v")]
    assert {round(after - before, 2) for before, after in pairwise(starts)} == {0.04, 0.12}
    assert films.times(made, "v") == films.times(result, "v")


def test_chapters_and_subtitles(films):
    """Chapters come back with their names, and subtitles that MP4 has, with their language and times."""
    (films.folder / "chapters.txt").write_text(CHAPTERS)
    (films.folder / "words.srt").write_text(SUBTITLES)
    inputs = ("-i", films.folder / "words.srt", "-i", films.folder / "chapters.txt")
    source = films.source("source.mp4", "-map", 0, "-map", 1, "-map", 2, "-map_chapters", 3, "-c:s", "mov_text",
                          "-metadata:s:s:0", "language=fra", inputs=inputs)  # fmt: skip
    carried, made = films.carry(source, films.result())
    assert carried == Carried(is_changed=True, troubles=())
    seen = films.look(made)
    assert codecs(seen) == ["h264", "aac", "mov_text"]
    assert seen["streams"][2]["tags"]["language"] == "fra"
    assert films.packets(made, "s") == films.packets(source, "s")
    assert films.times(made, "s") == films.times(source, "s")
    told = [(one["tags"]["title"], float(one["start_time"]), float(one["end_time"])) for one in seen["chapters"]]
    assert told == [("Dawn", 0.0, 0.7), ("Day", 0.7, 2.0)]
    again, second = films.carry(source, made)
    assert again == AS_IT_CAME
    assert second.read_bytes() == made.read_bytes()
    bare = films.source("sound-alone.mp4")
    _, chaptered = films.carry(source, bare)
    assert [one["tags"]["title"] for one in films.look(chaptered)["chapters"]] == ["Dawn", "Day"]


def test_kept_chapters_stay(films):
    """Chapters that the result has are its own still, where other things are carried."""
    (films.folder / "chapters.txt").write_text(CHAPTERS)
    chapters = ("-i", films.folder / "chapters.txt")
    result = films.result("result.mp4", "-map", 0, "-map_chapters", 1, inputs=chapters)
    _, made = films.carry(films.source("source.mp4"), result)
    seen = films.look(made)
    assert codecs(seen) == ["h264", "aac"]
    assert [one["tags"]["title"] for one in seen["chapters"]] == ["Dawn", "Day"]


def test_what_the_container_cannot_hold_is_told(films):
    """Subtitles and sound that would have to be converted are left out, with one line; the rest is carried."""
    (films.folder / "words.srt").write_text(SUBTITLES)
    text = ("-i", films.folder / "words.srt")
    words = ("-map", 0, "-map", 1, "-map", 2, "-metadata:s:s:0", "language=eng", "-c:s", "srt")
    carried, made = films.carry(films.source("source.mkv", *words, "-c:a", "aac", inputs=text), films.result())
    assert carried == Carried(
        is_changed=True, troubles=("left out, as MP4 cannot hold it as it is: subtitles (srt, eng)",)
    )
    assert codecs(films.look(made)) == ["h264", "aac"]
    result = films.result()
    source = films.source("source.mkv", *words, "-c:a", "pcm_u8", inputs=text)
    carried, made = films.carry(source, result)
    (trouble,) = carried.troubles
    assert not carried.is_changed
    assert "sound (pcm_u8), subtitles (srt, eng)" in trouble
    assert made.read_bytes() == result.read_bytes()


@pytest.mark.parametrize("codec", ["pcm_s24le", "pcm_f32le"])
def test_samples_that_players_misread_are_told(films, codec):
    """Of PCM, MP4 is given 16 bits alone: older players take all of it for that. A MOV is given what there is."""
    source = films.source("source.mov", "-c:a", codec)
    carried, _ = films.carry(source, films.result())
    assert carried == Carried(
        is_changed=False, troubles=(f"left out, as MP4 cannot hold it as it is: sound ({codec})",)
    )
    carried, made = films.carry(source, films.result("result.mov"), "video/quicktime")
    assert carried.is_changed
    assert codecs(films.look(made)) == ["h264", codec]


def test_a_mov_is_given_what_it_can_hold(films):
    """Sound that FFmpeg puts into an MP4 alone is told, and does not keep the other sound out of a MOV."""
    words = ("-map", 0, "-map", 1, "-map", 2, "-c:a:0", "flac", "-c:a:1", "ac3")
    source = films.source("source.mkv", *words, inputs=SECOND)
    carried, made = films.carry(source, films.result("result.mov"), "video/quicktime")
    assert carried == Carried(is_changed=True, troubles=("left out, as MOV cannot hold it as it is: sound (flac)",))
    assert codecs(films.look(made)) == ["h264", "ac3"]


def rotated(films, name, degrees, *, ending="mp4", pictures="testsrc=s=96x64:r=25:d=2"):
    """A source that a player turns."""
    plain = films.source(f"plain.{ending}", pictures=pictures, sound=False)
    return films.make(f"{name}.{ending}", "-i", plain, "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}")


def rotation(films, path):
    sides = films.look(path)["streams"][0].get("side_data_list", [])
    return next((one["rotation"] for one in sides if "rotation" in one), 0)


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotation_that_was_not_applied_is_carried(films, degrees, ending):
    """A result that is stored as its source was is turned by its player as that was; no other byte is another."""
    source, result = rotated(films, "source", degrees, ending=ending), films.result()
    carried, made = films.carry(source, result)
    assert carried == Carried(is_changed=True, troubles=())
    assert rotation(films, made) == rotation(films, source) != 0
    before, after = result.read_bytes(), made.read_bytes()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) <= 36
    again, _ = films.carry(source, made)
    assert again == AS_IT_CAME


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotation_that_was_applied_is_not_carried(films, degrees):
    """A result whose pixels were turned, as FFmpeg turns what it reads, is not turned twice."""
    source = rotated(films, "source", degrees)
    result = films.make("result.mp4", "-i", source, "-vf", "scale=iw*2:ih*2")
    carried, made = films.carry(source, result)
    assert carried == AS_IT_CAME
    assert made.read_bytes() == result.read_bytes()


@pytest.mark.parametrize("is_turned", [True, False])
def test_a_square_is_looked_at(films, is_turned):
    """Where sizes say nothing the pictures do."""
    square = "testsrc=s=64x64:r=25:d=1"
    source = rotated(films, "source", 90, pictures=square)
    turned = films.make("turned.mp4", "-i", source, "-vf", "scale=iw*2:ih*2")
    result = turned if is_turned else films.result(size="128x128")
    carried, _ = films.carry(source, result)
    assert carried.is_changed is not is_turned


def test_rotation_beside_sound(films):
    """Both are carried into one file, and the turned picture begins where it began."""
    plain = films.source("plain.mp4")
    source = films.make("source.mp4", "-i", plain, "-c", "copy", "-metadata:s:v:0", "rotate=90")
    _, made = films.carry(source, films.result())
    assert codecs(films.look(made)) == ["h264", "aac"]
    assert rotation(films, made) == rotation(films, source)
    content = made.read_bytes()
    matrix = content.index(b"tkhd") + 4 + 40
    numbers = [int.from_bytes(content[matrix + 4 * step :][:4], "big", signed=True) for step in range(9)]
    assert numbers == [0, -65536, 0, 65536, 0, 0, 0, 192 << 16, 1 << 30]


@pytest.mark.parametrize("sound", [True, False])
def test_the_time_of_creation(films, sound):
    """When the source was taken is said by its result, also where the gateway's own time stood there."""
    when = ("-metadata", "creation_time=2020-01-02T03:04:05Z")
    source = films.source("source.mp4", *when, sound=sound)
    for result in (films.result(), films.result("stamped.mp4", "-metadata", "creation_time=2026-01-01T00:00:00Z")):
        carried, made = films.carry(source, result)
        assert carried == Carried(is_changed=True, troubles=())
        assert films.look(made)["format"]["tags"]["creation_time"] == "2020-01-02T03:04:05.000000Z"
        assert films.packets(made, "v") == films.packets(result, "v")
    again, _ = films.carry(source, made)
    assert again == AS_IT_CAME


def test_words_that_are_no_utf8(films):
    """Names in another script's bytes, as old AVI files have them, cost the sound nothing."""
    source = films.source("source.avi", "-c:a", "libmp3lame", "-metadata", "title=Caffee")
    source.write_bytes(source.read_bytes().replace(b"Caffee", b"Caf\xe9\xff\xe9"))
    carried, made = films.carry(source, films.result())
    assert carried == Carried(is_changed=True, troubles=())
    assert codecs(films.look(made)) == ["h264", "mp3"]


def test_a_cover_and_a_timecode(films):
    """A source's cover and its timecode are no sound: the sound comes back, and the result plays."""
    cover = films.make("cover.png", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1")
    source = films.source("source.mov", "-timecode", "01:00:00:00", "-c:a", "aac")
    with_cover = films.make("cover.mp4", "-i", films.source("plain.mp4"), "-i", cover, "-map", "0", "-map", "1",
                            "-c", "copy", "-disposition:v:1", "attached_pic")  # fmt: skip
    for one in (source, with_cover):
        carried, made = films.carry(one, films.result())
        assert carried == Carried(is_changed=True, troubles=())
        assert codecs(films.look(made)) == ["h264", "aac"]


def test_a_results_own_tracks_stay(films):
    """A cover or a timecode that the result has is there still."""
    cover = films.make("cover.png", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1")
    covered = films.make("covered.mp4", "-i", films.result("plain.mp4"), "-i", cover, "-map", "0", "-map", "1", "-c",
                         "copy", "-disposition:v:1", "attached_pic")  # fmt: skip
    source = films.source("source.mp4")
    _, made = films.carry(source, covered)
    streams = films.look(made)["streams"]
    assert [one["codec_name"] for one in streams] == ["h264", "aac", "png"]
    assert streams[2]["disposition"]["attached_pic"] == 1
    _, made = films.carry(source, films.result("timed.mp4", "-timecode", "01:00:00:00"))
    streams = films.look(made)["streams"]
    assert [one["codec_name"] for one in streams] == ["h264", "aac"]
    assert streams[0]["tags"]["timecode"] == "01:00:00:00"


def test_a_track_that_nobody_knows_is_not_lost(films):
    """A result with a track that FFmpeg would not write stays as it came, and a line says so."""
    result = films.result("result.mp4", "-timecode", "01:00:00:00")
    result.write_bytes(result.read_bytes().replace(b"tmcd", b"odds"))
    carried, made = films.carry(films.source("source.mp4"), result)
    assert not carried.is_changed
    assert "a track that would be lost" in carried.troubles[0]
    assert made.read_bytes() == result.read_bytes()


def test_a_bad_source_leaves_the_result_as_it_came(films):
    """A source that is no video, or whose index is gone, costs a line."""
    source, result = films.source("source.mp4"), films.result()
    content = source.read_bytes()
    for name, strange in (("cut.mp4", content[: len(content) // 2]), ("text.mp4", b"no video"), ("empty.mp4", b"")):
        path = films.folder / name
        path.write_bytes(strange)
        carried, made = films.carry(path, result)
        assert not carried.is_changed
        assert len(carried.troubles) == 1
        assert made.read_bytes() == result.read_bytes()


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_a_cut_source_leaves_the_result_as_it_came(films, ending):
    """Of a source that was cut within its sound nothing is carried, and one line says why."""
    flags = ("-movflags", "+faststart") if ending == "mp4" else ()
    source, result = films.source(f"source.{ending}", "-c:a", "libmp3lame", *flags), films.result()
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * 2 // 3])
    carried, made = films.carry(source, result)
    assert not carried.is_changed
    assert "cut" in carried.troubles[0]
    assert made.read_bytes() == result.read_bytes()


def test_a_crash_costs_the_sound_alone(films, monkeypatch):
    """Where the process dies the result is as it came, and a line says so."""
    monkeypatch.setattr(carry, "_CODE", "import os; os.abort()")
    result = films.result()
    carried, made = films.carry(films.source("source.mp4"), result)
    assert not carried.is_changed
    assert "came to grief" in carried.troubles[0]
    assert made.read_bytes() == result.read_bytes()


def test_a_full_disk_leaves_the_result_as_it_came(films, monkeypatch):
    """Where there is no room for what is more, the result is whole."""
    result = films.result()
    copy = carry.shutil.copyfileobj

    def full(source, target, length):
        if target.name == str(films.folder / "made.mp4"):
            target.write(b"more")
            raise OSError(28, "No space left on device")
        copy(source, target, length)

    source = films.source("source.mp4")
    monkeypatch.setattr(carry.shutil, "copyfileobj", full)
    made = films.folder / "made.mp4"
    made.write_bytes(result.read_bytes())
    carried = asyncio.run(carry.carry_tracks(str(source), str(made), "video/mp4"))
    assert not carried.is_changed
    assert carried.troubles == ("its tracks are left out: No space left on device",)
    assert made.read_bytes() == result.read_bytes()


def test_who_does_not_wait_ends_the_process(films, monkeypatch):
    """Given up, the process is gone, and the result is as it came."""
    os.mkfifo(films.folder / "pid")
    monkeypatch.setattr(carry, "_CODE", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    monkeypatch.chdir(films.folder)
    result = films.result()
    content = result.read_bytes()

    async def run():
        task = asyncio.create_task(carry.carry_tracks(str(result), str(result), "video/mp4"))
        number = await asyncio.to_thread((films.folder / "pid").read_text)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return int(number)

    number = asyncio.run(run())
    wait_for_end(number)
    assert result.read_bytes() == content
