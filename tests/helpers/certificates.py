"""Certificates of a test's own, which only themselves have signed."""

import subprocess
from pathlib import Path


def make_certificate(openssl: str, folder: Path, name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate for that name (`IP:...` or `DNS:...`), and its key."""
    pem, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=seedvr test", "-addext", f"subjectAltName={name}", "-keyout", key, "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    return pem, key
