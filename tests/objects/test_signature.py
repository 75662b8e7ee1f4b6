"""Signatures of our own against those of Amazon's library."""

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from seedvr_cli.objects.signature import Keys, query_text, signed_headers

NOW = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
OBJECT = "https://s3.eu-west-1.amazonaws.com/bucket/a%20b/%C3%BC%281%29~.png"


class _Unsigned(S3SigV4Auth):
    """Leaves the body out, as is done over TLS."""

    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


@pytest.mark.parametrize("token", [None, "to/ken+="])
@pytest.mark.parametrize(
    ("method", "url", "query", "headers"),
    [
        ("GET", "https://bucket.s3.amazonaws.com", {"uploads": "", "prefix": "in/ü b~*'(1).mp4"}, {}),
        ("POST", OBJECT, {"uploads": ""}, {"Content-Type": "video/mp4"}),
        ("PUT", OBJECT, {"uploadId": "a+/=.b", "partNumber": "10", "partNumber-x": "1"}, {}),
        ("DELETE", "https://127.0.0.1:9000/sub/bucket/x", {}, {}),
    ],
)
def test_a_signature_is_amazons(monkeypatch, method, url, query, headers, token):
    """The headers of a request are those that Amazon's own library makes, with and without a session."""
    whole = f"{url}?{query_text(query)}"
    ours = signed_headers(method, whole, headers, Keys("AKID", "secret/+", token, "eu-west-1"), NOW)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    theirs = AWSRequest(method, whole.replace(".com?", ".com/?"), headers=headers)
    _Unsigned(Credentials("AKID", "secret/+", token), "s3", "eu-west-1").add_auth(theirs)
    assert ours == {name.lower(): value for name, value in theirs.headers.items()}


def test_a_secret_is_not_shown():
    """Keys that are printed by mistake show no secret."""
    assert "secret" not in repr(Keys("AKID", "secret", "secret", "eu-west-1"))
