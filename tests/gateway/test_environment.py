"""The words for an environment in which nothing can be sent: they name the variable, and show no password."""

import ssl

import pytest

from seedvr_cli.gateway.environment import CERTIFICATES, PROXIES, proxy_trouble, trouble


@pytest.fixture(autouse=True)
def _no_network_settings(monkeypatch):
    for name in (*PROXIES, *CERTIFICATES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


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
    ],
)
def test_a_proxy_that_is_none_is_named(monkeypatch, name, value):
    """The line begins with the variable as it is spelled there."""
    monkeypatch.setenv(name, value)
    line = proxy_trouble()
    assert line.startswith(f"{name}: ")
    assert "no address of a proxy" in line
    assert "secret" not in line


@pytest.mark.parametrize("package", [None, object()])
def test_a_socks_proxy_needs_its_package(monkeypatch, package):
    """What to install is said where the package is missing, and nothing where it is there."""
    monkeypatch.setattr("seedvr_cli.gateway.environment.find_spec", lambda _: package)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    line = proxy_trouble()
    assert line is None if package else "pip install 'seedvr-cli[socks]'" in line


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_that_are_missing_or_none(monkeypatch, tmp_path, name):
    """A path that is not there is told from a file that holds no certificates."""
    monkeypatch.setenv(name, str(tmp_path / "none.pem"))
    assert trouble(FileNotFoundError()) == f"{name}: {str(tmp_path / 'none.pem')!r}: there is no such file"
    (tmp_path / "none.pem").write_text("words")
    assert trouble(ssl.SSLError()).endswith("it holds no certificates")


def test_the_variable_that_is_to_blame_comes_first(monkeypatch):
    """A proxy's fault is said before NO_PROXY is blamed; with neither, the error's own words stand."""
    assert trouble(ValueError("odd")) == "the environment's network settings cannot be used: odd"
    assert "secret" not in trouble(ValueError("http://u:secret@proxy.example is odd"))
    monkeypatch.setenv("NO_PROXY", "fd00::/8")
    assert trouble(ValueError("odd")).startswith("NO_PROXY: 'fd00::/8' cannot be read (odd)")
    monkeypatch.setenv("HTTP_PROXY", "gopher://proxy")
    assert trouble(ValueError("odd")).startswith("HTTP_PROXY: ")
