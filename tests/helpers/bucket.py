"""Object stores on this machine: some that keep conditions, and some that ignore them."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from helpers.waiting import PATIENCE, wait_for

BUCKET = "bucket"
# By the scheme of a store's URLs, the fixture that has the environment which leads to one.
STORES = {"s3": "store", "az": "azure_store"}


@dataclass(frozen=True)
class Certificate:
    """Files of a server's own: its certificate, its key, and the CA that has signed it."""

    chain: Path
    key: Path
    ca: Path


def issue(folder: Path) -> Certificate:
    """A certificate for this machine, signed by a CA that nobody else knows."""
    import trustme

    ca = trustme.CA()
    cert = ca.issue_cert("127.0.0.1", "localhost")
    made = Certificate(folder / "chain.pem", folder / "key.pem", folder / "ca.pem")
    made.chain.write_bytes(b"".join(one.bytes() for one in cert.cert_chain_pems))
    cert.private_key_pem.write_to_path(str(made.key))
    ca.cert_pem.write_to_path(str(made.ca))
    return made


# Between its look at a condition and what it writes, moto lets others in.
_ONE_AT_A_TIME = """
import threading
from moto import server
lock, answer = threading.Lock(), server.DomainDispatcherApplication.__call__
def one(self, environ, start):
    if not {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & environ.keys():
        return answer(self, environ, start)
    with lock:
        return answer(self, environ, start)
server.DomainDispatcherApplication.__call__ = one
server.main()
"""


@contextmanager
def moto(tls: Certificate | None = None) -> Iterator[dict[str, str]]:
    """An S3 that keeps conditions, with an empty bucket; the environment that leads to it."""
    port = _free_port()
    command = [sys.executable, "-c", _ONE_AT_A_TIME, "-H", "127.0.0.1", "-p", str(port)]
    command += ["-c", str(tls.chain), "-k", str(tls.key)] if tls else []
    environment = _environment(port, tls)
    with _serving(command, port):
        request = urllib.request.Request(f"{environment['AWS_ENDPOINT_URL']}/{BUCKET}", method="PUT")
        trust = ssl.create_default_context(cafile=tls.ca) if tls else None
        urllib.request.urlopen(request, timeout=PATIENCE, context=trust).close()
        yield environment


@contextmanager
def rclone(folder: Path, tls: Certificate | None = None) -> Iterator[dict[str, str]]:
    """An S3 that ignores conditions, and checks signatures; the environment that leads to it."""
    (folder / BUCKET).mkdir(parents=True)
    port = _free_port()
    program = os.path.join(os.path.dirname(sys.executable), "rclone")
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "test,test", str(folder)]
    command += ["--cert", str(tls.chain), "--key", str(tls.key)] if tls else []
    with _serving(command, port):
        yield _environment(port, tls)


@contextmanager
def s3rver(program: str, folder: Path) -> Iterator[dict[str, str]]:
    """Another S3 that ignores conditions; the environment that leads to it."""
    port = _free_port()
    command = [program, "-d", str(folder), "-a", "127.0.0.1", "-p", str(port), "--configure-bucket", BUCKET]
    with _serving(command, port):
        yield {**_environment(port, None), "AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}


@contextmanager
def azurite(program: str, folder: Path) -> Iterator[dict[str, str]]:
    """An Azure Blob Storage, with an empty container; the environment that leads to it."""
    port = _free_port()
    command = [program, "--blobPort", str(port), "--location", str(folder), "--silent", "--skipApiVersionCheck"]
    with _serving([*command, "--disableTelemetry"], port):
        _make_container(port)
        yield {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{port}"}


# Those that every emulator of Azure has: the vendor's documentation of Azurite.
_AZURE_ACCOUNT = "devstoreaccount1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def _make_container(port: int) -> None:
    """What the library cannot do; signed as "Authorize with Shared Key" of Azure's documentation says."""
    path = f"/{_AZURE_ACCOUNT}/{BUCKET}"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    lines = [*(f"{name}:{value}" for name, value in headers.items()), f"/{_AZURE_ACCOUNT}{path}", "restype:container"]
    text = "PUT" + "\n" * 12 + "\n".join(lines)
    digest = hmac.digest(base64.b64decode(_AZURE_KEY), text.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {_AZURE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    url = f"http://127.0.0.1:{port}{path}?restype=container"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers), timeout=PATIENCE).close()


def _environment(port: int, tls: Certificate | None) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"{'https' if tls else 'http'}://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def _serving(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port) or process.poll() is not None)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
