"""Which proxy stands on the way: one rule, and words for what is wrong that show no password."""

import urllib.request

import pytest

from seedvr_cli.gateway import proxies
from seedvr_cli.gateway.proxies import PROXIES, hide_proxies, is_exempt, proxy_for, proxy_trouble

HERE = "https://gateway.example/v2"
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in (*PROXIES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://other.example", "https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": ""}, None),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": PROXY, "HTTP_PROXY": "http://other.example"}, PROXY),
        ({"ALL_PROXY": "socks5://other.example", "HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "gateway.example"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "gateway.example", "no_proxy": "other.example"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "*"}, PROXY),
    ],
)
def test_lower_case_comes_first_and_all_proxy_last(variables, proxy, monkeypatch):
    """Of two spellings the lower one counts, even where it is empty; ALL_PROXY is for what has none of its own."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(HERE) == proxy


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1", "https://[::1]:8", "http://localhost", "https://a.localhost/", "https://[x", "https:///a"],
)
def test_this_machine_and_no_host_have_no_proxy(url, monkeypatch):
    """What is asked on this machine never goes through a proxy."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    ("exceptions", "host", "port", "exempt"),
    [
        ("*", "a.example", 443, True),
        ("other.example, *", "a.example", 443, True),
        ("a.example", "a.example", 443, True),
        ("A.Example.", "a.example", 443, True),
        ("example", "a.example", 443, True),
        (".example", "a.example", 443, True),
        ("*.example", "a.example", 443, True),
        (".a.example", "a.example", 443, True),
        ("ample", "a.example", 443, False),
        ("a.example.com", "a.example", 443, False),
        ("a.example:443", "a.example", 443, True),
        ("a.example:8443", "a.example", 443, False),
        ("x.example  a.example", "a.example", 443, True),
        ("x.example ,\ta.example ", "a.example", 443, True),
        (" , ", "a.example", 443, False),
        (".", "a.example", 443, False),
        ("10.0.0.7", "10.0.0.7", 443, True),
        ("10.0.0.7:443", "10.0.0.7", 443, True),
        ("10.0.0.7:80", "10.0.0.7", 443, False),
        ("10.0.0.0/8", "10.9.9.9", 443, True),
        ("10.0.0.5/8", "10.9.9.9", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.0/8", "a.example", 443, False),
        ("0.7", "10.0.0.7", 443, False),
        ("fd00::/8", "fd12::7", 443, True),
        ("fd00::/8", "fe80::7", 443, False),
        ("fd00::/8", "10.0.0.7", 443, False),
        ("FD12::0007", "fd12::7", 443, True),
        ("[fd12::7]", "fd12::7", 443, True),
        ("[fd12::7]:443", "fd12::7", 443, True),
        ("[fd12::7]:80", "fd12::7", 443, False),
        ("http://[what", "a.example", 443, False),
        ("a.example:port", "a.example", 443, False),
    ],
)
def test_no_proxy_in_all_its_forms(exceptions, host, port, exempt):
    """Hosts and what lies below them, ports, addresses and networks of both kinds, with commas or blanks between."""
    assert is_exempt(host, port, exceptions) is exempt


def test_the_systems_own_proxy_counts_where_the_environment_names_none(monkeypatch):
    """Windows and macOS keep proxies, and exceptions from them, in their settings."""
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": PROXY})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "inside.example", raising=False)
    assert proxy_for(HERE) is None
    monkeypatch.setattr(proxies, "keeps_proxies", lambda: True)
    assert proxy_for(HERE) == PROXY
    assert proxy_for("https://inside.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://mine.example")
    assert proxy_for(HERE) == "http://mine.example"


@pytest.mark.parametrize("value", ["http://proxy.example:3128", "proxy.example:3128", "https://u:p@proxy.example", ""])
def test_a_proxy_that_can_be_used_is_no_trouble(monkeypatch, value):
    """Addresses of proxies as people write them, and an empty variable, are passed on."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert proxy_trouble() is None


@pytest.mark.parametrize("name", [*PROXIES, *(name.lower() for name in PROXIES)])
@pytest.mark.parametrize(
    "value",
    [
        "ftp://u:secret@proxy.example",
        "http://",
        "http://[u:secret",
        "http://proxy:port",
        "http://u:secret",
        "http://u:secret/x@proxy.example",
        "socks5://u:secret@",
        "http://u:12/secret@proxy.example",
        "http://u:12#secret@proxy.example",
        "http://u:se cret@proxy.example",
        "http://u:secr\u00e9t@proxy.example",
        "http://u:secret@secret@proxy.example",
        "u:12?secret@proxy.example",
    ],
)
def test_a_proxy_that_is_none_is_named(monkeypatch, name, value):
    """The line begins with the variable as it is spelled there."""
    monkeypatch.setenv(name, value)
    line = proxy_trouble()
    assert line.startswith(f"{name}: ")
    assert "no address of a proxy" in line
    assert "secret" not in line
    assert "cret@" not in line


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy", "http_proxy"])
def test_what_a_library_says_has_no_password_of_a_proxy(monkeypatch, name):
    """The password goes from a text that is not like a URL, in whatever variable it stands."""
    monkeypatch.setenv(name, "u:PRO XY%22PW@127.0.0.1:9")
    assert hide_proxies("bad 'PRO XY%22PW' or PRO XY\"PW or PRO%20XY%22PW") == "bad '***' or *** or ***"


def test_the_proxies_of_the_system_are_hidden(monkeypatch):
    """Windows and macOS keep passwords of proxies as well."""
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://u:PROXYPASS@proxy.example"})
    monkeypatch.setattr(proxies, "keeps_proxies", lambda: True)
    assert hide_proxies("it is PROXYPASS") == "it is ***"


@pytest.mark.parametrize("package", [None, object()])
def test_a_socks_proxy_needs_its_package(monkeypatch, package):
    """What to install is said where the package is missing, and nothing where it is there."""
    monkeypatch.setattr("seedvr_cli.gateway.proxies.find_spec", lambda _: package)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    line = proxy_trouble()
    assert line is None if package else "pip install 'seedvr-cli[socks]'" in line
