"""URLs: which may be asked, and one address for one gateway."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.urls import check_base_url, file_path, is_allowed_url, is_local_gateway, is_loopback


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://gateway.pixazo.ai", "https://gateway.pixazo.ai"),
        ("https://gateway.pixazo.ai/", "https://gateway.pixazo.ai"),
        ("https://gateway.pixazo.ai//", "https://gateway.pixazo.ai"),
        ("https://example.com/proxy/v1/", "https://example.com/proxy/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("HTTPS://Gateway.Pixazo.AI/", "https://gateway.pixazo.ai"),
        ("https://gateway.pixazo.ai:443", "https://gateway.pixazo.ai"),
        ("https://example.com:8443/Proxy", "https://example.com:8443/Proxy"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_one_gateway_has_one_address(url, clean):
    """However a gateway's URL is written, the ledger knows it by one name, so that nothing is paid twice."""
    assert check_base_url(url, "--base-url") == clean


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.pixazo.ai",
        "gateway.pixazo.ai",
        "https://",
        "https://user:secret@gateway.pixazo.ai",
        "https://gateway.pixazo.ai?a=b",
        "https://gateway.pixazo.ai/#x",
        "ftp://gateway.pixazo.ai",
        "https://gateway.pixazo.ai/ a",
        "",
    ],
)
def test_a_gateway_that_is_no_https_url_is_refused(url):
    """A base URL is https without credentials, query or fragment, or http to this machine."""
    with pytest.raises(UsageError, match="--base-url"):
        check_base_url(url, "--base-url")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "HTTPS://EXAMPLE.COM/a.png",
        "https://example.com:8443/a.png?x=1#y",
        "https://example.com",
        "https://user:secret@example.com/a.png",
        "https://[2001:db8::1]/a.png",
        "https://bücher.example/ä.png",
        "http://localhost/a.png",
        "http://LOCALHOST:8080/a.png",
        "http://pictures.localhost/a.png",
        "http://127.0.0.1:9/a.png",
        "http://127.8.8.8/a.png",
        "http://[::1]:9/a.png",
    ],
)
def test_https_and_this_machine_are_allowed(url):
    """A URL may be https, or plain http to this machine."""
    assert is_allowed_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "http://localhost.example.com/a.png",
        "http://127.0.0.1@example.com/a.png",
        "http://127.0.0.1.example.com/a.png",
        "http://127.0.0.1\\@example.com/a.png",
        "http://[::ffff:10.0.0.1]/a.png",
        "http://10.0.0.1/a.png",
        "http://192.168.0.1/a.png",
        "http://0.0.0.0/a.png",
        "http://2130706433/a.png",
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "//example.com/a.png",
        "https:///a.png",
        "https:a.png",
        "https://",
        "https://exa mple.com/",
        "https://example.com/a\nb",
        "https://example.com/a\tb",
        "https://example.com/a\0b",
        "https://example.com/a\x1bb",
        "https://example.com/a\x7fb",
        "https://example.com:port/",
        "https://example.com:99999/",
        "https://[::1/",
        "a.png",
        "",
    ],
)
def test_other_urls_are_refused(url):
    """Plain http elsewhere, other schemes, and what is no URL at all are refused."""
    assert not is_allowed_url(url)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_an_allowed_url_or_not(text):
    """No text crashes the check, and what passes begins with its scheme."""
    if is_allowed_url(text):
        assert text.lower().startswith(("https://", "http://"))


def test_no_name_is_looked_up():
    """Only this machine's own names and numbers are this machine."""
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "::1", "a.localhost", "LocalHost")))
    assert not any(map(is_loopback, ("localhost.com", "example.com", "10.0.0.1", "::2", "", "127.1")))


@pytest.mark.parametrize(
    ("base_url", "is_local"),
    [
        (None, True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000/v1", True),
        ("https://localhost", True),
        ("https://gateway.pixazo.ai", False),
        ("https://10.0.0.1", False),
        ("https://", False),
    ],
)
def test_only_a_gateway_on_this_machine_reads_its_files(base_url, is_local):
    """The sandbox and a gateway on loopback can be given paths; every other needs a URL."""
    assert is_local_gateway(base_url) is is_local


@pytest.mark.skipif(os.name == "nt", reason="paths of Windows are Unicode")
@given(st.binary(min_size=1).filter(lambda name: not {0, ord("/")} & set(name) and name not in {b".", b".."}))
def test_any_path_comes_back_from_its_url(name):
    """A file's URL leads to the very bytes of its name."""
    path = os.path.join("/folder", os.fsdecode(name))
    assert file_path(Path(path).as_uri()) == path
