"""What stores say that cannot be used, by the library's own words and by ours."""

import re

import pytest
from fakes.refusing import error, refusing

from seedvr_cli.objects.requests import Requests
from seedvr_cli.objects.store import ObjectStore
from seedvr_cli.objects.trouble import StoreError, explain
from seedvr_cli.values.errors import UsageError


@pytest.fixture
def says(monkeypatch):
    """Says what a store answers."""
    with refusing() as server:
        for name, value in {"ENDPOINT_URL": server.url, "ACCESS_KEY_ID": "AKID", "SECRET_ACCESS_KEY": "hidden",
                            "REGION": "us-east-1"}.items():  # fmt: skip
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setattr("seedvr_cli.objects.opening._RETRIES", {"max_retries": 0})
        monkeypatch.setattr("seedvr_cli.objects.requests.PAUSE", 0.0)

        def say(status, body):
            server.status, server.body = status, body.encode()

        yield say


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (403, error("InvalidAccessKeyId"), "refuses access (403): look at the keys"),
        (403, error("SignatureDoesNotMatch"), "refuses access (403): look at the keys"),
        (403, error("RequestTimeTooSkewed"), "this machine's clock is wrong"),
        (400, error("ExpiredToken"), "these keys have expired"),
        (400, error("AuthorizationHeaderMalformed", "expecting 'eu-west-1'"), "is in another region (eu-west-1)"),
        (301, error("PermanentRedirect"), "is in another region"),
        (404, error("NoSuchBucket"), "is not there (404)"),
        (405, "<html>", "does not answer as an object store does"),
        (418, "a teapot", "418 I'm a "),
    ],
)
def test_what_a_store_says_is_one_line(says, status, body, part):
    """What stores of Amazon's kind say becomes the same line of one's own, whoever has asked."""
    says(status, body)
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match=re.escape(part)) as by_library:
        store.put_empty("x")
    with pytest.raises(StoreError, match=re.escape(part)) as by_us:
        with Requests.open(store._place("x")) as requests:
            requests.begin("image/png")
    for told in (by_library.value, by_us.value):
        assert str(told).startswith("s3://bucket")
        assert "\n" not in str(told)
        assert "hidden" not in str(told)
        assert told.is_lasting == (status != 418)


def test_a_look_that_is_refused_without_a_reason_says_where_to_look(says):
    """HTTP has no text in the answer to HEAD, so that a wrong region and expired keys are a bare 400."""
    says(400, error("AuthorizationHeaderMalformed", "expecting 'eu-west-1'"))
    store = ObjectStore("s3://bucket")
    for look in (store.facts, store.read):
        with pytest.raises(StoreError, match=r"\(400\) without a reason: look at AWS_REGION") as told:
            look("x")
        assert told.value.is_lasting


def test_what_is_no_answer_of_a_store_is_said_to_be_none(says):
    """A page where an object store should be is one line."""
    says(200, "<html>welcome</html>")
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match="does not answer as an object store does"):
        store.put_empty("x")
    with Requests.open(store._place("x")) as requests, pytest.raises(StoreError, match="does not answer"):
        requests.begin("image/png")


def test_an_object_that_could_not_be_made_may_be_told_after_a_200(says):
    """An error in the text of a 200, as S3 sends it at the end of an upload, is an error."""
    says(200, error("InternalError"))
    with Requests.open(ObjectStore("s3://bucket")._place("x")) as requests, pytest.raises(StoreError, match="Internal"):
        requests.complete("upload", {1: '"etag"'})


def test_a_store_that_is_away_is_named(says, monkeypatch):
    """Where nobody listens the line names the host, and that it may be better in a minute."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match=r"cannot be reached at 127.0.0.1:1:") as by_library:
        store.put_empty("x")
    with pytest.raises(StoreError, match=r"cannot be reached at 127.0.0.1:1:") as by_us:
        with Requests.open(store._place("x")) as requests:
            requests.begin("image/png")
    assert not by_library.value.is_lasting
    assert not by_us.value.is_lasting


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("performing GET http://169.254.169.254/latest/meta-data/iam in 1s", "set AWS_ACCESS_KEY_ID"),
        ("performing GET http://metadata.google.internal/computeMetadata/v1/x in 1s", "set GOOGLE_APPLICATION_CRED"),
        ("performing GET http://169.254.169.254/metadata/identity/oauth2/token in 1s", "set AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_the_keys_that_are_missing_are_those_of_its_kind(said, part):
    """Where nobody has given keys, the line names the variables that this kind of store takes them from."""
    assert part in str(explain("gs://bucket", f"Generic error: {said} - error sending request"))


def test_azure_needs_an_account(monkeypatch):
    """A container without an account is a usage error that names its variable."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="set AZURE_STORAGE_ACCOUNT_NAME"):
        ObjectStore("az://container")
