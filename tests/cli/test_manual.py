"""Manual pages, made of the surface."""

import re
import subprocess

import pytest
from helpers.waiting import PATIENCE

from seedvr_cli.cli.manual import page, pages
from seedvr_cli.cli.surface import describe_all

PAGES = dict(pages("2026-11-29"))


def plain(text, command):
    """A page as `man` shows it, without bold and slanted."""
    done = subprocess.run([command, "-T", "utf8", "-O", "width=200"], input=text, capture_output=True, text=True,
                          timeout=PATIENCE, check=True)  # fmt: skip
    return re.sub(".\x08", "", done.stdout)


@pytest.mark.slow
def test_pages_are_clean(requires, tmp_path):
    """mandoc finds nothing to say of any page."""
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run([requires("mandoc"), "-T", "lint", "-W", "all", *sorted(PAGES)], cwd=tmp_path,
                          capture_output=True, text=True, timeout=PATIENCE)  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.slow
def test_a_page_says_what_help_does(requires):
    """The page of a command has its flags with their sentences and defaults, its examples, and what they print."""
    shown = plain(PAGES["seedvr-image.1"], requires("mandoc"))
    face = next(face for face in describe_all().commands if face.name == "image")
    words = " ".join(shown.split())
    for flag in face.flags:
        assert f"{flag.name}" in words
        assert flag.help in words, flag.help
    for example in face.examples:
        assert example.line in words
    assert "The default is 16." in words
    assert "'seedvr forget'" in words
    assert "SEEDVR_API_KEY" in words
    assert "--sync, --no-sync" in words


def test_a_page_leads_to_the_pages_around_it():
    """The page of seedvr names those of its commands, and a command's names the one above it."""
    assert ".BR seedvr-config (1)" in PAGES["seedvr.1"]
    assert ".BR seedvr-config-set (1)" in PAGES["seedvr-config.1"]
    assert PAGES["seedvr-config-set.1"].rstrip().endswith(".SH SEE ALSO\n.BR seedvr-config (1),\n.B seedvr help")


def test_no_text_is_taken_for_a_macro():
    """A line that begins with a dot is a macro of ours, and none begins with a quote."""
    macros = {"TH", "SH", "SS", "TP", "PP", "B", "BR", "I"}
    for text in PAGES.values():
        for line in text.splitlines():
            assert not line.startswith("'")
            assert not line.startswith(".") or line[1:].split(" ")[0] in macros


def test_what_is_written_is_what_is_read(requires):
    """Text that begins with a dot, and characters that roff takes for others, come out as they were."""
    face = describe_all()._replace(text=(".de is no macro: 'a' `b` ^ ~ \\\\ -- \"q\".",), commands=())
    assert ".de is no macro: 'a' `b` ^ ~ \\\\ -- \"q\"." in plain(page(face, "2026-11-29"), requires("mandoc"))
