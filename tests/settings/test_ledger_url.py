"""Where the URL of a shared ledger comes from."""

import pytest

from seedvr_cli.settings.key import seen_keys
from seedvr_cli.settings.ledger_url import VARIABLE, find_ledger_url
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import UsageError

URL = "postgresql://me@db.example/jobs"


@pytest.fixture(autouse=True)
def _no_url(monkeypatch):
    """An environment that names none."""
    monkeypatch.delenv(VARIABLE, raising=False)


def profile(**values):
    """A profile that has these stored."""
    return Settings("default", "config.toml", {name.replace("_", "-"): value for name, value in values.items()})


def test_most_have_none(monkeypatch):
    """Without a word of it there is no shared ledger, whatever other programs' variables say."""
    monkeypatch.setenv("DATABASE_URL", URL)
    assert find_ledger_url(profile()) is None


def test_the_environment_goes_before_the_profile(monkeypatch):
    """The variable counts, then the profile's URL, then its command."""
    assert find_ledger_url(profile(ledger_url_command=f"echo {URL}3")) == f"{URL}3"
    assert find_ledger_url(profile(ledger_url=f"{URL}2", ledger_url_command="exit 1")) == f"{URL}2"
    monkeypatch.setenv(VARIABLE, f" {URL}1\n")
    assert find_ledger_url(profile(ledger_url=f"{URL}2")) == f"{URL}1"


@pytest.mark.parametrize(("command", "words"), [("exit 3", "ended with exit code 3"), ("true", "printed nothing")])
def test_a_command_that_prints_no_url_is_a_usage_error(command, words):
    """A command that fails, or says nothing, is never taken for "no shared ledger"."""
    with pytest.raises(UsageError, match=f"ledger_url_command {words}"):
        find_ledger_url(profile(ledger_url_command=command))


def test_its_password_is_a_secret():
    """The password, as it stands there and as it is meant, is blotted out of whatever is logged; odd URLs have none."""
    assert find_ledger_url(profile(ledger_url="postgresql://me:pass%2Fword@db.example/x"))
    assert {"pass%2Fword", "pass/word"} <= seen_keys
    find_ledger_url(profile(ledger_url="postgresql://me:pass/wo rd@db.example/x"))
    assert "pass/wo rd" in seen_keys
    assert find_ledger_url(profile(ledger_url="postgresql://[::1")) == "postgresql://[::1"
