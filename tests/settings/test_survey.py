"""Every setting, what holds, and who says so."""

import pytest
from helpers.config import write

from seedvr_cli.settings.file import load
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.key_store import store_key
from seedvr_cli.settings.known import SETTINGS
from seedvr_cli.settings.survey import survey

KEY = "k-0123456789abcdef"
MASKED = "k-…ef"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Where the project's file would be, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "seedvr.toml"


def rows(profile=None):
    return {row.name: row for row in survey(load(profile), profile)}


def test_every_setting_is_there_and_says_what_it_is():
    """The profile and all settings are listed, each with a sentence of its own words."""
    found = rows()
    assert list(found) == ["profile", *SETTINGS]
    assert [row.name for row in found.values() if not row.meaning.endswith(".") or row.meaning == "."] == []
    assert {row.source for row in found.values()} == {"default"}
    assert {row.told for row in found.values()} == {"default"}


def test_what_nobody_has_set_is_the_default():
    """Where nobody says anything the value is the default, as it would be stored; other circumstances' are told."""
    found = rows()
    shown = {
        name: (found[name].value, found[name].default) for name in ("jobs", "timeout", "recursive", "keep-metadata")
    }
    assert shown == {
        "jobs": (16, 16),
        "timeout": ("30m", "30m"),
        "recursive": (False, False),
        "keep-metadata": (True, True),
    }
    assert (found["scale"].value, found["scale"].default) == (None, None)
    assert found["timeout"].meaning.endswith(" (video: 2h).")


def test_each_value_says_where_it_comes_from(project, monkeypatch):
    """A value is the environment's, the project's, the profile's or the default, with the variable or the path."""
    write("[work]\njobs = 2\nrate = '30/m'\nmax-cost = 1\nscale = 2\nwebhook = 'https://a.example/?token=abc'\n")
    project.write_text(
        "jobs = 3\nmax-cost = 5\nmax-filesize = '900G'\noutput = 'big/'\nprofile = 'work'\nwidth = 512\n"
    )
    monkeypatch.setenv("SEEDVR_BASE_URL", "https://gateway.example")
    monkeypatch.setenv("SEEDVR_LEDGER_URL", "postgresql://me:secret@db.example/x")
    found = rows()
    told = {name: (row.value, row.source, row.where) for name, row in found.items() if row.source != "default"}
    assert told == {
        "profile": ("work", "project", str(project)),
        "jobs": (3, "project", str(project)),
        "output": ("big/", "project", str(project)),
        "width": (512, "project", str(project)),
        "rate": ("30/m", "profile", config_file()),
        "max-cost": (1, "profile", config_file()),
        "webhook": ("https://a.example/?token=***", "profile", config_file()),
        "base-url": ("https://gateway.example", "environment", "SEEDVR_BASE_URL"),
        "ledger-url": ("postgresql://***@db.example/x", "environment", "SEEDVR_LEDGER_URL"),
    }
    assert found["scale"].value is None  # width goes before it
    assert found["max-filesize"].value == "64G"
    assert found["jobs"].told == f"project file {project}"
    assert found["rate"].told == f"profile work in {config_file()}"
    assert found["base-url"].told == "environment variable SEEDVR_BASE_URL"


def test_who_has_chosen_the_profile(monkeypatch):
    """The profile says whether the flag or the environment chose it."""
    write("[work]\n")
    assert rows("work")["profile"].told == "--profile"
    monkeypatch.setenv("SEEDVR_PROFILE", "work")
    assert rows()["profile"].told == "environment variable SEEDVR_PROFILE"


def test_the_key_is_told_by_its_place(keeper, monkeypatch, tmp_path):
    """A key is masked, and its place is the environment, the file, the keyring or the vendor's file."""

    def found():
        row = rows()["api-key"]
        assert KEY not in str(row)
        return row.value, row.source, row.told

    assert found() == (None, "default", "default")
    (tmp_path / "home" / ".pixazo").mkdir(parents=True)
    (tmp_path / "home" / ".pixazo" / "api-key").write_text(KEY)
    assert found() == (MASKED, "file", "~/.pixazo/api-key")
    store_key("default", KEY)
    assert found() == (MASKED, "keyring", "the keyring")
    write(f"[default]\napi-key = '{KEY}'\n")
    assert found() == (MASKED, "profile", f"profile default in {config_file()}")
    monkeypatch.setenv("PIXAZO_API_KEY", KEY)
    assert found() == (MASKED, "environment", "environment variable PIXAZO_API_KEY")


def test_no_program_is_run_for_it(tmp_path):
    """A command that prints the key, or the ledger's URL, is named, and not run."""
    write(f"[default]\napi-key-command = 'touch {tmp_path}/run'\nledger-url-command = 'touch {tmp_path}/run'\n")
    found = rows()
    assert (found["api-key"].value, found["api-key-command"].source) == (None, "profile")
    assert found["api-key"].told == "what api-key-command prints"
    assert found["ledger-url"].told == "what ledger-url-command prints"
    assert not (tmp_path / "run").exists()
