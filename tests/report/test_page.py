"""Cards as a page: what stands in it, and what cannot."""

import base64
import hashlib
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from helpers.report import GREEN, WHITE, card, failed, seen, summary, text_of
from PIL import Image

from seedvr_cli.report.card import Side
from seedvr_cli.report.histogram import counted, histogram
from seedvr_cli.report.page import MARK, MARK_BYTES, Page, page
from seedvr_cli.report.previews import look

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--", "-->", "]]>", "</style>", "{{script}}", "{{cards}}", "&lt;b&gt;", "\0\x1b[31m", "\ud800",
]  # fmt: skip


class Reader(HTMLParser):
    """What a page is made of: tags with their attributes, and the text of each tag."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag):
        return [data for name, data in self.texts if name == tag]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_outside_stays_text(text):
    """Names, errors, ids, parameters, notes and gateways from outside make no tag, no attribute and no script."""
    plain = Reader(text_of(card("plain"), failed("other")))
    hostile = card(
        text, request_id=text, endpoint=text, status=text, params={text: text}, others=(text,),
        before=Side(text, 1, card().before.look, note=text), after=replace(card().after, name=text, note=text),
    )  # fmt: skip
    read = Reader(text_of(hostile, failed(text, error=text), gateway=text, notes=(text,)))
    assert {tag for tag, _ in read.tags} <= {tag for tag, _ in plain.tags}
    assert len(read.all("script")) == len(plain.all("script"))
    assert len(read.all("img")) == len(plain.all("img"))
    names = {name for _, attributes in plain.tags for name in attributes}
    assert {name for _, attributes in read.tags for name in attributes} <= names


def test_a_hostile_name_is_shown_as_it_is():
    """A name with markup in it stands on the page as the user wrote it."""
    assert HOSTILE[1] in Reader(text_of(card(HOSTILE[1]))).text("bdi")


def test_text_that_turns_directions_turns_nothing_else():
    """Names stand in elements of their own direction, and characters that turn text around are left out."""
    text = text_of(card("שלום\u202egpj.exe"))
    assert "\u202e" not in text
    assert '<bdi dir="auto">שלוםgpj.exe</bdi>' in text


def test_a_long_text_is_cut():
    """An error of a megabyte takes a few hundred characters of the page."""
    assert len(text_of(failed(error="x" * 1_000_000))) - len(text_of(failed(error="x"))) < 1000


def test_the_policy_names_the_page_s_own_script_and_style():
    """The policy allows nothing but the one script and the one style of the page, by their hashes."""
    read = Reader(text_of(card()))
    (policy,) = (one["content"] for one in read.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    def hashed(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    style, script = read.text("style")[0], next(text for text in read.text("script") if "use strict" in text)
    assert rules == {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "media-src": "data: blob:",
        "style-src": hashed(style),
        "script-src": hashed(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_on_the_page_needs_what_the_policy_forbids():
    """There is no style in an attribute, no handler in one, no link, and no address of anything elsewhere."""
    read = Reader(text_of(*(card(f"{number}.jpg") for number in range(4)), failed()))
    attributes = [(name, value) for _, one in read.tags for name, value in one.items()]
    assert not [name for name, _ in attributes if name == "style" or name.startswith("on")]
    assert [value for name, value in attributes if name in {"src", "href", "action"}] == ["data:,"]


def test_the_mark_is_in_the_first_bytes():
    """A report is known as ours by its first bytes."""
    assert MARK in text_of(card()).encode()[:MARK_BYTES]


def test_the_facts_of_a_job():
    """A card tells sizes, factor, bytes, time, price, request id, endpoint, status and parameters."""
    text = " ".join(" ".join(data for _, data in Reader(text_of(card())).texts).split())
    for fact in ("300 × 200 → 600 × 400", "factor 2", "1.953 KiB → 7.812 KiB",
                 "12s", "$0.001", "seedvr-photo.jpg", "7b-image", "COMPLETED", "upscale_factor 2"):  # fmt: skip
        assert fact in text, fact


def test_why_there_is_nothing_to_see():
    """A side without a picture says why, and a failure says what the gateway said."""
    text = text_of(card(before=Side("a", note="The source is gone.")), failed(error="out of memory"))
    assert "The source is gone." in text
    assert "out of memory" in text


@pytest.mark.parametrize(
    ("charge", "words"),
    [("listed", "$0.001<"), ("maybe", "may be charged"), ("unknown", "may be charged"), ("not_charged", "not charged")],
)
def test_what_is_known_of_the_charge(charge, words):
    """The price says whether it is charged, may be, or is not."""
    assert words in text_of(card(charge=charge))


def test_the_summary_counts():
    """The summary has the jobs by their states, the list price, what may come to it, and the results' bytes."""
    read = Reader(text_of(card("a"), card("b"), failed("c")))
    tiles = " ".join(data for name, data in read.texts if name in {"dt", "dd"})
    for words in ("jobs 3", "done 2", "failed 1", "unknown 0", "list price $0.002", "and up to $0.001 that may be"):
        assert words in tiles, words


@pytest.mark.parametrize(
    ("size", "ratio", "is_same"), [((600, 400), "1.5", True), ((4000, 100), "3.0", False), ((100, 4000), "0.5", False)]
)
def test_a_frame_is_neither_flat_nor_tall(size, ratio, is_same):
    """A picture has a frame of its own shape, but that of a very flat or tall one has room beside it."""
    look = seen(GREEN, WHITE, size)
    text = text_of(card(before=Side("b", 1, look), after=Side("a", 1, look)))
    assert f'data-ratio="{ratio}' in text
    assert ('class="stage same"' in text) == is_same


def test_an_empty_page():
    """A page of no jobs says so."""
    assert "No jobs." in text_of()


def test_a_page_comes_in_pieces():
    """Cards are asked for one after the other, when the page is ready for them."""
    taken = []

    def cards():
        for number in range(3):
            taken.append(number)
            yield card(str(number))

    pieces = page(summary([]), cards())
    next(pieces)
    assert taken == []
    next(pieces)
    assert taken == [0]


def test_two_hundred_jobs_of_noise_stay_below_thirty_megabytes(tmp_path):
    """200 jobs whose pictures are noise, the worst there is, make a page of less than 30 MB."""
    paths = [tmp_path / name for name in ("before.png", "after.png")]
    for path, size in zip(paths, [(900, 600), (1800, 1200)], strict=True):
        Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)).save(path, compress_level=1)
    after = look(str(paths[1]))
    sides = {"before": Side("b.png", 9, look(str(paths[0]), like=after)), "after": Side("a.png", 9, after)}
    made = Page(summary([], jobs=200))
    size = sum(len(made.card(card(f"photo-{number}.png", **sides)).encode()) for number in range(200))
    assert 5_000_000 < size + len(made.beginning()) + len(made.end()) < 30_000_000


def test_pictures_are_whole():
    """What a card holds of its pictures is their bytes."""
    one = card()
    parts = re.findall(r'<script type="text/plain" data-part="([\w-]+)" data-type="image/webp">([^<]*)</script>',
                       text_of(one))  # fmt: skip
    assert {name: base64.b64decode(text) for name, text in parts} == {
        "before": one.before.look.whole.data,
        "before-detail": one.before.look.detail.data,
        "after": one.after.look.whole.data,
        "after-detail": one.after.look.detail.data,
    }


def test_a_histogram_has_every_job():
    """Each length stands in the one bar that holds it, and bars without a job stand between others only."""
    bars = counted([0.5, 4, 4.9, 5, 90, 90_000])
    assert sum(count for _, count in bars) == 6
    assert bars[0] == ("< 1s", 1)
    assert dict(bars)["< 5s"] == 2
    assert dict(bars)["< 10s"] == 1
    assert bars[-1] == ("≥ 2h", 1)
    assert histogram([1.0, 2.0]) == ""
    assert histogram([1.0, 2.0, 30.0]).count("<rect") == 5
