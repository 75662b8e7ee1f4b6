"""The command in networks of all kinds: behind real proxies, with certificates of a company's own, over IPv6."""

import ssl
from contextlib import ExitStack, contextmanager

import pytest
import trustme
from fakes.gateway import FakeGateway
from helpers.command import CARRIERS
from helpers.proxies import over_tls, proxy
from helpers.sources import new_url

LOGIN = "me:p%40ss"


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A folder with the company's certificate `ca.pem`, and a client's: `me.pem`, its key within."""
    folder = tmp_path_factory.mktemp("company")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert(
        "gateway.test", "cdn.test", "localhost", "127.0.0.1", "::1"
    ).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(folder / "me.pem")
    return folder


def tls(company, verify=ssl.CERT_NONE, version=ssl.TLSVersion.TLSv1_3):
    """TLS of a server of the company; `verify`: whether it asks for a certificate of the client's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(company / "server.pem")
    context.load_verify_locations(company / "ca.pem")
    context.verify_mode = verify
    context.maximum_version = version
    return context


@contextmanager
def serving(company, verify=ssl.CERT_NONE, media="https://cdn.test:{port}", **more):
    """A gateway over TLS, whose media are at that address."""
    fake = FakeGateway(tls=tls(company, verify, **more))

    def script(heard):
        if not heard.path.startswith("/v2/requests/status/") or heard.source is None:
            return None
        url = f"{media.format(port=fake.port)}/media/{heard.request_id}/output.png"
        return fake.view(heard, output={"media_url": [url], "media_type": "image/png"})

    fake.script = script
    try:
        yield fake
    finally:
        fake.close()
    assert fake.errors == []


def upscale(bench, url, *more, **how):
    return bench.run("image", new_url(), "--no-check", "--base-url", url, "--poll-interval", "0.05", *more, **how)


@CARRIERS
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_picture_comes_through_a_proxy(scheme, carrier, bench, company, tmp_path):
    """Submission, polls and media go through each kind of proxy, which is told a password and looks names up."""
    with ExitStack() as stack:
        fake = stack.enter_context(serving(company))
        there = stack.enter_context(proxy(tmp_path, LOGIN.replace("%40", "@")))
        address = stack.enter_context(over_tls(there.address, tls(company))) if scheme == "https" else there.address
        env = {"HTTPS_PROXY": f"{scheme}://{LOGIN}@{address}"}
        done = upscale(
            bench, f"https://gateway.test:{fake.port}", "--ca-bundle", company / "ca.pem", env=env, inject=carrier
        )
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
        assert (len(fake.posts()), len(fake.downloads())) == (1, 1)
        lines = "\n".join(there.lines)
        assert f"-> gateway.test:{fake.port}" in lines
        assert f"-> cdn.test:{fake.port}" in lines


# What keeps a proxy from being one: who asks first, and what is then said of it.
CLOSED = {
    "a wrong password": ("http://me:wrong@{}", "the proxy says HTTP 407", "check name and password"),
    "no password": ("http://{}", "the proxy says HTTP 407", "check name and password"),
    "a wrong password over SOCKS": ("socks5://me:wrong@{}", "the proxy lets nothing through", "check"),
}


@CARRIERS
@pytest.mark.parametrize("what", CLOSED)
def test_a_proxy_that_refuses_is_told_at_once(what, carrier, bench, company, tmp_path):
    """One line has the reason, the remedy and no password, the code is 5, and nothing is submitted or claimed."""
    address, reason, remedy = CLOSED[what]
    impatient = carrier + "import seedvr_cli.run.post as s\n" + ("s.SUBMIT_PATIENCE = 0.1\n" if "SOCKS" in what else "")
    with serving(company) as fake, proxy(tmp_path, "me:right") as there:
        env = {"HTTPS_PROXY": address.format(there.address), "SSL_CERT_FILE": str(company / "ca.pem")}
        url = f"https://gateway.test:{fake.port}"
        done = upscale(bench, url, "-q", env=env, inject=impatient)
        assert (done.rc, done.stdout, done.stderr.count("\n")) == (5, "", 1), done.stderr
        assert reason in done.stderr
        assert remedy in done.stderr
        assert "wrong" not in done.stderr
        assert bench.run("status", "--base-url", url).stdout == ""
        assert fake.heard == []


@CARRIERS
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_is_not_there_is_named(scheme, carrier, bench):
    """A proxy that is down is one line which names it, the exit code 5, and nothing is submitted."""
    impatient = carrier + "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.1\n"
    env = {"ALL_PROXY": f"{scheme}://me:secret@127.0.0.1:1"}
    done = upscale(bench, "https://gateway.invalid", "-q", env=env, inject=impatient)
    assert (done.rc, done.stderr.count("\n")) == (5, 1), done.stderr
    assert f"by way of the proxy {scheme}://***@127.0.0.1:1" in done.stderr
    assert bench.run("status", "--base-url", "https://gateway.invalid").stdout == ""


@CARRIERS
def test_the_client_certificate_is_for_the_gateway_alone(carrier, bench, company):
    """A gateway that asks for a certificate is shown it with every request; a media server that asks is shown none."""
    with serving(company, ssl.CERT_OPTIONAL) as cdn:
        media = f"https://localhost:{cdn.port}"
        with serving(company, ssl.CERT_REQUIRED, media=media) as fake:
            bench.configure(f'[default]\nca-bundle = "{company}/ca.pem"\n')
            done = upscale(bench, fake.url, "--client-cert", company / "me.pem", inject=carrier)
            assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
            assert {one.certificate for one in fake.heard} == {True}
        assert [one.certificate for one in cdn.downloads()] == [False]


@CARRIERS
def test_media_of_the_gateways_own_server_see_its_certificate(carrier, bench, company):
    """Where a gateway that wants a certificate serves results itself, they come."""
    with serving(company, ssl.CERT_REQUIRED, media="https://127.0.0.1:{port}") as fake:
        bench.configure(f'[default]\nca-bundle = "{company}/ca.pem"\nclient-cert = "{company}/me.pem"\n')
        done = upscale(bench, fake.url, inject=carrier)
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
        assert bench.run("doctor", "--base-url", fake.url, inject=carrier).stdout.count("me.pem") == 1


@CARRIERS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_its_certificate_nothing_is_submitted(version, carrier, bench, company):
    """A gateway that wants a certificate, or another one, never hears of a submission.

    With TLS 1.3 it says so after a request has left, and its connection may be gone before that is heard.
    """
    impatient = carrier + "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.1\n"
    other = company / "other.pem"
    if not other.exists():
        trustme.CA().issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(other)
    with serving(company, ssl.CERT_REQUIRED, version=version) as fake:
        for flags in ((), ("--client-cert", other)):
            done = upscale(bench, fake.url, "-q", "--ca-bundle", company / "ca.pem", *flags, inject=impatient)
            codes = {5} if version == ssl.TLSVersion.TLSv1_2 else {5, 7}
            assert (done.rc in codes, done.stderr.count("\n")) == (True, 1), done.stderr
            assert "nforeseen" not in done.stderr
        assert fake.heard == []


@CARRIERS
@pytest.mark.parametrize("by", ["flag", "setting", "SSL_CERT_FILE", "system"])
def test_a_companys_certificates_are_trusted_by_each_name(by, carrier, bench, company):
    """The flag, the setting, the environment and the system's own store each make the company's gateway trusted."""
    flags, env = [], {}
    if by == "flag":
        flags, env = ["--ca-bundle", company / "ca.pem"], {"SSL_CERT_FILE": "/nowhere"}
    elif by == "setting":
        bench.configure(f'[default]\nca-bundle = "{company}/ca.pem"\n')
    elif by == "SSL_CERT_FILE":
        bench.configure('[default]\nca-bundle = "/nowhere"\n')
        env = {by: str(company / "ca.pem")}
    else:
        flags = ["--ca-bundle", "system"]
        carrier += "import ssl\nnone = ssl.get_default_verify_paths()._replace(openssl_cafile='')\n"
        carrier += "ssl.get_default_verify_paths = lambda: none\nimport seedvr_cli.gateway.certificates as c\n"
        carrier += f"c.SYSTEM_FILES = ['{company}/ca.pem']\n"
    with serving(company, media="https://127.0.0.1:{port}") as fake:
        done = upscale(bench, fake.url, *flags, env=env, inject=carrier)
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr


@CARRIERS
def test_an_authority_below_another_may_be_named_alone(carrier, bench, company, tmp_path):
    """A bundle may have the certificate that has signed the gateway's, and none of those above it."""
    below = trustme.CA().create_child_ca()
    below.cert_pem.write_to_path(tmp_path / "below.pem")
    server = below.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(tmp_path / "server.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem", append=True)
    below.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(tmp_path, media="https://127.0.0.1:{port}") as fake:
        done = upscale(bench, fake.url, "--ca-bundle", tmp_path / "below.pem", inject=carrier)
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr


@CARRIERS
def test_who_is_not_trusted_is_sent_nothing(carrier, bench, company):
    """Without the company's certificates nothing is sent, and the line names the flag that helps."""
    impatient = carrier + "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.1\n"
    with serving(company) as fake:
        done = upscale(bench, fake.url, "-q", inject=impatient)
        assert (done.rc, done.stderr.count("\n")) == (5, 1), done.stderr
        assert "--ca-bundle" in done.stderr
        assert fake.heard == []


@CARRIERS
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--ca-bundle", "none.pem"], "none.pem': there is no such file"),
        (["--ca-bundle", "words.txt"], "words.txt': it holds no certificates (PEM)"),
        (["--client-cert", "none.pem"], "none.pem': there is no such file"),
        (["--client-key", "words.txt"], "--client-key: there is no certificate to it"),
        (["--client-cert", "words.txt"], "words.txt': it holds no certificate (PEM)"),
    ],
)
def test_certificates_that_are_none_are_bad_usage(flags, words, carrier, bench, gateway):
    """One line, the exit code 2, and nothing is sent, whatever the gateway speaks."""
    (bench.work / "words.txt").write_text("words")
    fake = gateway()
    for url in (fake.url, "https://gateway.invalid"):
        done = upscale(bench, url, "-q", *flags, inject=carrier)
        assert (done.rc, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert words in done.stderr
    assert fake.heard == []


@CARRIERS
@pytest.mark.parametrize("is_secure", [False, True])
def test_a_gateway_on_ipv6_is_one_like_any_other(is_secure, carrier, bench, company):
    """Plain or over TLS, with a proxy in the environment that is not asked."""
    fake = FakeGateway(host="::1", tls=tls(company) if is_secure else None)
    try:
        assert fake.url.partition("://")[2].startswith("[::1]:")
        flags = ["--ca-bundle", company / "ca.pem"] if is_secure else []
        done = upscale(bench, fake.url, *flags, env={"ALL_PROXY": "http://127.0.0.1:1"}, inject=carrier)
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
    finally:
        fake.close()
