"""The certificates of connections, and the words for what is wrong with them."""

import os
import ssl

import pytest
import trustme
from fakes.transport import call

from seedvr_cli.gateway import certificates
from seedvr_cli.gateway.certificates import (
    CERTIFICATES,
    certificate_trouble,
    is_own,
    load_certificates,
    trouble,
)
from seedvr_cli.values.errors import NotSent, OutcomeUnknown
from seedvr_cli.values.trust import SYSTEM, Trust

GATEWAY = "https://gateway.example"


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch):
    for name in CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A folder with certificates and keys, right and wrong."""
    folder = tmp_path_factory.mktemp("pems")
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    mine = authority.issue_cert("me.example")
    mine.private_key_pem.write_to_path(folder / "me.key")
    mine.cert_chain_pems[0].write_to_path(folder / "me.pem")
    mine.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    other.issue_cert("you.example").private_key_pem.write_to_path(folder / "you.key")
    (folder / "words.txt").write_text("words")
    (folder / "locked.key").write_bytes(locked(mine.private_key_pem.bytes()))
    return folder


def locked(pem):
    from cryptography.hazmat.primitives import serialization as s

    form = s.Encoding.PEM, s.PrivateFormat.PKCS8
    return s.load_pem_private_key(pem, None).private_bytes(*form, s.BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_that_are_missing_or_none(monkeypatch, tmp_path, name):
    """A path that is not there is told from a file that holds no certificates."""
    monkeypatch.setenv(name, str(tmp_path / "none.pem"))
    assert trouble(FileNotFoundError()) == f"{name}: {str(tmp_path / 'none.pem')!r}: there is no such file"
    (tmp_path / "none.pem").write_text("words")
    assert trouble(ssl.SSLError()).endswith("it holds no certificates")


def test_without_a_variable_to_blame_the_errors_own_words_stand(monkeypatch):
    """And no password that is among them."""
    assert trouble(ValueError("odd")) == "the environment's network settings cannot be used: odd"
    assert "secret" not in trouble(ValueError("http://u:secret@proxy.example is odd"))


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        ("ca.pem", None),
        ("", None),  # the folder
        ("none.pem", "there is no such file"),
        ("words.txt", "it holds no certificates (PEM)"),
        ("pipe.pem", "it is no regular file"),
    ],
)
def test_a_bundle_is_a_file_or_a_folder_of_certificates(pems, bundle, words):
    """What is neither is told with its name and its path."""
    path = os.path.join(pems, bundle)
    if bundle == "pipe.pem":  # as a shell's <(...) gives, which can be read once
        os.mkfifo(path)
        assert certificate_trouble(Trust(certificate=path)) == f"client-cert: {path!r}: {words}"
    assert certificate_trouble(Trust(bundle=path)) == (words and f"ca-bundle: {path!r}: {words}")


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("me.pem", "me.key", None),
        ("both.pem", None, None),
        ("none.pem", None, "client-cert: '{}/none.pem': there is no such file"),
        ("me.pem", "none.key", "client-key: '{}/none.key': there is no such file"),
        ("", None, "client-cert: '{}/': Is a directory"),
        ("words.txt", None, "client-cert: '{}/words.txt': it holds no certificate (PEM)"),
        ("me.pem", None, "client-cert: '{}/me.pem': it holds no key (PEM); --client-key names its file"),
        ("me.pem", "words.txt", "client-key: '{}/words.txt': it holds no key (PEM)"),
        ("me.pem", "you.key", "client-key: '{}/you.key': the key is not that of the certificate"),
        ("me.pem", "locked.key",
         "client-key: '{}/locked.key': the key wants a passphrase; 'openssl pkey' makes one without"),
    ],
)  # fmt: skip
def test_a_client_certificate_needs_its_key(pems, certificate, key, words):
    """Each way in which the two are no pair has words of its own, and nobody is asked for a passphrase."""
    trust = Trust(certificate=os.path.join(pems, certificate), key=key and os.path.join(pems, key))
    assert certificate_trouble(trust) == (words and words.format(pems))


def test_the_systems_own_certificates(monkeypatch, pems):
    """They are what Python's OpenSSL looks at, or where systems keep them; Windows has a store that is no file."""
    trust = Trust(bundle=SYSTEM)
    monkeypatch.setattr(certificates, "SYSTEM_FILES", [str(pems / "ca.pem")])
    nowhere = ssl.get_default_verify_paths()._replace(openssl_cafile="/nowhere", openssl_capath="/nowhere")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    assert certificates.certificates(trust) == (str(pems / "ca.pem"), None)
    assert [one["subject"] for one in load_certificates(trust).get_ca_certs()]
    assert certificate_trouble(trust) is None
    monkeypatch.setattr(certificates, "SYSTEM_FILES", [])
    assert "nobody finds them" in certificate_trouble(trust)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere._replace(openssl_capath=str(pems)))
    assert certificates.certificates(trust) == (None, str(pems))
    monkeypatch.setattr(certificates, "is_windows", lambda: True)
    assert certificates.certificates(trust) == (None, None)
    assert certificate_trouble(trust) is None


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (f"{GATEWAY}/v2", True),
        (f"{GATEWAY.upper()}:443/", True),
        ("http://gateway.example", False),
        ("https://gateway.example:8443", False),
        ("https://cdn.gateway.example", False),
        ("https://gateway.example@cdn.example", False),
        ("https://[gateway.example", False),
    ],
)
def test_the_certificate_is_for_the_gateways_own_server(url, own):
    """No other host, port or scheme is shown it, and nobody is where there is none."""
    assert is_own(Trust(certificate="me.pem", base_url=GATEWAY), url) is own
    assert not is_own(Trust(base_url=GATEWAY), url)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)", True),
        ("OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0", True),
        ("error:0A000412:SSL routines::ssl/tls alert bad certificate", True),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)", True),
        ("[SSL: SSLV3_ALERT_BAD_RECORD_MAC] sslv3 alert bad record mac", False),
        ("[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]", False),
        ("certificate verify failed: self-signed certificate", False),
    ],
)
def test_alerts_about_the_clients_certificate_are_known(text, refuses):
    """They come of a handshake that has failed; whatever else breaks may have come after a request was read."""
    assert certificates.is_refusal(text) is refuses


@pytest.mark.parametrize(
    ("words", "kind"),
    [("tlsv13 alert certificate required", NotSent), ("sslv3 alert bad record mac", OutcomeUnknown)],
)
def test_what_tls_says_after_a_submission_has_left(words, kind):
    """A handshake that the server refuses leaves nothing submitted; any other error of TLS leaves it unknown."""
    error, _ = call("submit", ssl.SSLError(1, f"[SSL: X] {words} (_ssl.c:2580)"))
    assert type(error) is kind
    assert (getattr(error, "is_lasting", False), "--client-cert" in error.hint) == (kind is NotSent, kind is NotSent)
