"""Whom connections trust, and what the gateway is shown: the flag, the environment, the profile."""

import os

import pytest

from seedvr_cli.settings.profile import Settings
from seedvr_cli.settings.trust import VARIABLES, find_trust
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import OPTIONS
from seedvr_cli.values.trust import USUAL, Trust

GATEWAY = "https://gateway.example"
OF_PROFILE = {"ca-bundle": "/p/ca.pem", "client-cert": "/p/me.pem", "client-key": "/p/me.key"}


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def found(values=None, **given):
    given = {name.replace("_", "-"): value for name, value in given.items()}
    return find_trust(Settings("default", "", values or {}), GATEWAY, given)


def test_nothing_is_asked_for_unless_it_is():
    """Without flags and settings there are the usual certificates, and none to show."""
    assert found() == Trust(base_url=GATEWAY)
    assert Trust() == USUAL


@pytest.mark.parametrize("name", VARIABLES)
def test_flag_before_environment_before_profile(monkeypatch, name):
    """Of the certificates to trust the flag counts first; a variable that is set keeps the profile's out."""
    assert found(OF_PROFILE).bundle == "/p/ca.pem"
    assert found(OF_PROFILE, ca_bundle="/f/ca.pem").bundle == "/f/ca.pem"
    monkeypatch.setenv(name, "/e/ca.pem")
    assert found(OF_PROFILE).bundle is None
    assert found(OF_PROFILE, ca_bundle="system").bundle == "system"


def test_a_certificate_goes_with_its_own_key():
    """A certificate that is given does not take the profile's key, which is another's."""
    assert (found(OF_PROFILE).certificate, found(OF_PROFILE).key) == ("/p/me.pem", "/p/me.key")
    assert found(OF_PROFILE, client_cert="/f/me.pem").key is None
    assert found(OF_PROFILE, client_key="/f/me.key").key == "/f/me.key"
    with pytest.raises(UsageError, match="--client-key: there is no certificate"):
        found(client_key="/f/me.key")


def test_a_path_is_good_in_every_folder(monkeypatch):
    """What is stored of a path is absolute, and `~` is the home folder; `system` is a word."""
    monkeypatch.setenv("HOME", "/home/me")
    read = OPTIONS["ca-bundle"].parse
    assert read("ca.pem") == os.path.abspath("ca.pem")
    assert read("~/ca.pem") == "/home/me/ca.pem"
    assert (read("system"), read("./system")) == ("system", os.path.abspath("system"))
