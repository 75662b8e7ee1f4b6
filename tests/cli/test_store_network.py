"""Object stores behind a CA of one's own, and behind proxies, by the real command."""

import uuid

import httpx
import pytest
from fakes.proxy import proxy
from helpers.bucket import BUCKET, issue, moto, rclone
from helpers.sources import new_url
from helpers.waiting import PATIENCE
from PIL import Image

pytestmark = pytest.mark.slow

FAST = "import seedvr_cli.objects.opening as opening\nopening._RETRIES = {'max_retries': 0}\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def signing(certificate, tmp_path_factory):
    """The environment that leads to a store over TLS which checks signatures; its CA is named nowhere in it."""
    with rclone(tmp_path_factory.mktemp("rclone"), certificate) as environment:
        yield environment


@pytest.fixture(scope="module")
def conditional(certificate):
    """The same for a store that keeps conditions."""
    with moto(certificate) as environment:
        yield environment


def picture(path, size=1000):
    """A picture that no other test has, in so many bytes at the least."""
    Image.effect_noise((40, 30), 90).save(path)
    with path.open("ab") as file:
        file.truncate(max(size, path.stat().st_size))
    return path


def put(certificate, store, path, content):
    """An object, by a client that knows the CA."""
    import obstore
    from obstore.store import S3Store

    opened = S3Store(BUCKET, endpoint=store["AWS_ENDPOINT_URL"], access_key_id="test", secret_access_key="test",
                     region="us-east-1", client_options={"root_certificate": certificate.ca.read_bytes()})  # fmt: skip
    obstore.put(opened, path, content)


@pytest.mark.parametrize("size", [1000, 20 << 20], ids=["small", "large"])
def test_uploads_go_to_a_store_with_a_ca_of_its_own(run, gateway, signing, certificate, bench, work, size):
    """With SSL_CERT_FILE a file of any size goes to a store whose certificate a private CA has signed."""
    gateway, read = gateway(), []
    gateway.script = lambda heard: (
        read.append(httpx.get(heard.json["image_url"], verify=_trust(certificate), timeout=PATIENCE).content)
        if heard.method == "POST"
        else None
    )
    path = picture(work / "a.png", size)
    bench.configure(f'[default]\nupload = "s3://{BUCKET}/{uuid.uuid4().hex}"\n')
    done = run("image", "a.png", to=gateway, env={**signing, "SSL_CERT_FILE": str(certificate.ca)})
    assert done.rc == 0, done.stderr
    assert read == [path.read_bytes()]


def _trust(certificate):
    import ssl

    return ssl.create_default_context(cafile=certificate.ca)


@pytest.mark.parametrize("size", [1000, 20 << 20], ids=["small", "large"])
def test_an_unknown_ca_is_one_line(run, gateway, signing, bench, work, size):
    """Without it the line says what to set, and nothing is submitted."""
    gateway = gateway()
    picture(work / "a.png", size)
    bench.configure(f'[default]\nupload = "s3://{BUCKET}/x"\n')
    done = run("image", "a.png", "-q", to=gateway, env=signing, inject=FAST)
    assert (done.rc, gateway.posts()) == (1, [])
    assert (
        "has a certificate that nobody known here has signed: name a file with its CA in SSL_CERT_FILE" in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1


def test_a_certificate_for_another_name_is_one_line(run, gateway, signing, certificate, bench, work):
    """A certificate of a known CA that is not for this host is one line, and nothing is submitted."""
    gateway = gateway()
    picture(work / "a.png")
    bench.configure(f'[default]\nupload = "s3://{BUCKET}/x"\n')
    elsewhere = signing["AWS_ENDPOINT_URL"].replace("127.0.0.1", "127.0.0.2")
    env = {**signing, "AWS_ENDPOINT_URL": elsewhere, "SSL_CERT_FILE": str(certificate.ca)}
    done = run("image", "a.png", "-q", to=gateway, env=env, inject=FAST)
    assert (done.rc, gateway.posts()) == (1, [])
    assert len(done.stderr.splitlines()) == 1
    assert "127.0.0.2" in done.stderr


def test_a_list_in_a_store_with_a_ca_of_its_own(run, sandbox, conditional, certificate):
    """`--from s3://` reads it with SSL_CERT_FILE; without, one line says what to set."""
    put(certificate, conditional, "list.txt", f"{new_url()}\n".encode())
    words = ("image", "--from", f"s3://{BUCKET}/list.txt")
    done = run(*words, to=sandbox, env={**conditional, "SSL_CERT_FILE": str(certificate.ca)})
    assert (done.rc, len(done.lines)) == (0, 1), done.stderr
    refused = run(*words, to=sandbox, env=conditional, inject=FAST)
    assert refused.rc == 2
    assert "SSL_CERT_FILE" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_results_and_a_shared_ledger_with_a_ca_of_its_own(run, sandbox, conditional, certificate):
    """`-o s3://` and a ledger in a bucket work with SSL_CERT_FILE; without, nothing is paid."""
    place, url = f"s3://{BUCKET}/{uuid.uuid4().hex}", new_url()
    env = {**conditional, "SEEDVR_LEDGER_URL": f"{place}/ledger"}
    for given, part in ((env, "SSL_CERT_FILE"), (conditional, "SSL_CERT_FILE")):
        refused = run("image", url, "-o", f"{place}/out/", "-q", to=sandbox, env=given, inject=FAST)
        assert refused.rc in {1, 2}, refused.stderr
        assert part in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert sandbox.accepted(url) == 0
    done = run("image", url, "-o", f"{place}/out/", to=sandbox, inject="",
               env={**env, "SSL_CERT_FILE": str(certificate.ca)})  # fmt: skip
    assert done.rc == 0, done.stderr
    assert done.lines[0].startswith(f"{place}/out/")


def test_stores_are_asked_through_the_proxy_of_the_environment(run, gateway, signing, certificate, bench, work):
    """HTTPS_PROXY carries what goes to a store, pieces and all, and NO_PROXY keeps it away."""
    gateway = gateway()
    host = signing["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    env = {**signing, "AWS_ENDPOINT_URL": host, "SSL_CERT_FILE": str(certificate.ca)}
    bench.configure(f'[default]\nupload = "s3://{BUCKET}/x"\n')
    with proxy() as between:
        picture(work / "a.png", 20 << 20)
        through = {**env, "HTTPS_PROXY": between.url, "NO_PROXY": "127.0.0.1"}
        done = run("image", "a.png", to=gateway, env=through)
        assert done.rc == 0, done.stderr
        port = host.rpartition(":")[2]
        assert set(between.asked) == {f"CONNECT localhost:{port}"}
        assert len(between.asked) > 1  # the library's, and that of the pieces
        between.asked.clear()
        picture(work / "b.png", 20 << 20)
        done = run("image", "b.png", to=gateway, env={**through, "NO_PROXY": "127.0.0.1,localhost"})
        assert done.rc == 0, done.stderr
        assert between.asked == []
