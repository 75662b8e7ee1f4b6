"""The key in the system's keyring: kept where secrets are kept, and nowhere else."""

import sys

import keyring
import pytest
from helpers.config import write
from helpers.keyrings import Keeper, PlainText
from keyring.backends.chainer import ChainerBackend
from keyring.backends.fail import Keyring as NoKeyring

from seedvr_cli.settings import key_store
from seedvr_cli.settings.file import load
from seedvr_cli.settings.key import find_key
from seedvr_cli.settings.key_store import SERVICE, find_store, read_key, remove_key, store_key
from seedvr_cli.values.errors import KeyMissing, UsageError

KEY = "k-0123456789abcdef"


def test_a_key_is_kept_by_profile(keeper):
    """What is stored under a profile is read and removed under it, and under no other."""
    store_key("work", KEY)
    assert keeper.kept == {(SERVICE, "work"): KEY}
    assert (read_key("work"), read_key("default")) == (KEY, None)
    assert (remove_key("default"), remove_key("work"), remove_key("work")) == (False, True, False)
    assert keeper.kept == {}


def test_it_comes_after_the_file_and_before_the_vendors(keeper, tmp_path):
    """The keyring's key counts where the config file has neither a key nor a command, and goes before ~/.pixazo."""
    vendor = tmp_path / "home" / ".pixazo" / "api-key"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("key-of-the-vendor\n")
    store_key("default", KEY)
    assert find_key(load()) == (KEY, "the keyring")
    write("[default]\napi-key-command = 'echo key-of-command'\n")
    assert find_key(load())[0] == "key-of-command"
    write("[default]\napi-key = 'key-of-file'\n")
    assert find_key(load())[0] == "key-of-file"
    write("[default]\n")
    remove_key("default")
    assert find_key(load())[0] == "key-of-the-vendor"


@pytest.mark.parametrize("backend", [PlainText, NoKeyring], ids=["plain text", "none"])
def test_what_keeps_no_secret_is_no_keyring(backend, folder):
    """A backend that would write plain text, or that keeps nothing, is neither asked nor given a key."""
    keyring.set_keyring(made := backend())
    assert read_key("default") is None
    assert remove_key("default") is False
    with pytest.raises(UsageError, match="plain text") as caught:
        store_key("default", KEY)
    assert KEY not in f"{caught.value.message} {caught.value.hint}"
    assert getattr(made, "kept", {}) == {}


def test_of_several_only_those_that_keep_secrets_are_asked(folder, monkeypatch):
    """Where keyring has several backends in a row, plain text is passed over, even where it comes first."""
    plain, fit = PlainText(), Keeper()
    monkeypatch.setattr(ChainerBackend, "backends", [plain, fit])
    keyring.set_keyring(ChainerBackend())
    store_key("default", KEY)
    assert (plain.kept, fit.kept) == ({}, {(SERVICE, "default"): KEY})


def test_a_locked_one_is_an_error_of_one_line(keeper):
    """A keyring that is locked is no missing key: another one might be somebody else's money. No key is told."""
    keeper.locked = True
    with pytest.raises(KeyMissing, match=r"does not tell its key: Failed to unlock the collection!$"):
        read_key("default")
    with pytest.raises(UsageError, match="does not take it: Failed") as caught:
        store_key("default", KEY)
    assert KEY not in caught.value.message
    with pytest.raises(UsageError, match="does not give up its key"):
        remove_key("default")


def test_an_error_without_words_is_called_by_its_name(keeper, monkeypatch):
    """Where an error says nothing, its kind does."""

    def fail(*_):
        raise TimeoutError

    monkeypatch.setattr(keeper, "get_password", fail)
    with pytest.raises(KeyMissing, match="its key: TimeoutError"):
        read_key("default")


def test_one_that_cannot_be_loaded_is_an_error_of_one_line(monkeypatch):
    """A backend that the environment names and that is not there is said to be missing, before a key is asked for."""

    def fail():
        raise ModuleNotFoundError("No module named 'no'")

    monkeypatch.setattr(keyring, "get_keyring", fail)
    with pytest.raises(UsageError, match="--keyring: the keyring cannot be used: No module named 'no'"):
        find_store()


def test_without_the_extra_there_is_none(monkeypatch):
    """Without the extra nothing is looked for, and storing says what to install."""
    monkeypatch.setattr(key_store, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert (read_key("default"), remove_key("default")) == (None, False)
    with pytest.raises(UsageError) as caught:
        store_key("default", KEY)
    assert caught.value.hint == "pip install 'seedvr-cli[keyring]'"
