"""Blotting out: what a log may be sent with holds no key, no signature and no password."""

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.values.catalog import KEY_HEADER
from seedvr_cli.values.redaction import login_secrets, redact, without_login

KEY = "k-0123456789abcdef"


# Secrets that are known.


def test_a_known_key_is_blotted_out_wherever_it_stands():
    """A key that this process knows is in no text, however often it was in it."""
    text = f"--api-key-file {KEY} {{'key': '{KEY}'}} https://example.com/{KEY}/a"
    assert redact(text, [KEY]) == "--api-key-file *** {'key': '***'} https://example.com/***/a"


def test_a_key_within_another_leaves_no_rest():
    """Where one key begins like another, the longer one goes first, and no end of it stays."""
    assert redact(f"{KEY}-more {KEY}", [KEY, f"{KEY}-more"]) == "*** ***"


def test_an_empty_key_is_no_secret():
    """A variable that is set to nothing does not blot out the whole text."""
    assert redact("nothing to hide", ["", ""]) == "nothing to hide"


@pytest.mark.parametrize(("text", "clean"), [("not known: k", "not known: ***"), ("k=k, keys", "***=***, keys")])
def test_a_short_key_is_blotted_out_as_a_word(text, clean):
    """A key of a letter, as one takes for a try, does not blot out that letter in other words."""
    assert redact(text, ["k"]) == clean


@settings(deadline=None)
@given(st.text(), st.text(), st.text("0123456789abcdef", min_size=8))
def test_no_known_key_survives(before, after, key):
    """Whatever stands around a known key, it is not in the text any more."""
    assert key not in redact(f"{before}{key}{after}", [key])


# Headers.


@pytest.mark.parametrize(
    "written",
    [
        "Ocp-Apim-Subscription-Key: {}",
        "ocp-apim-subscription-key:{}",
        "{{'Ocp-Apim-Subscription-Key': '{}'}}",
        '{{"Ocp-Apim-Subscription-Key": "{}"}}',
        "(b'ocp-apim-subscription-key', b'{}')",
        "Ocp-Apim-Subscription-Key={}",
        "curl -H 'OCP-APIM-SUBSCRIPTION-KEY: {}' https://gateway.pixazo.ai",
    ],
)
def test_the_header_of_the_key_is_blotted_out_in_every_form(written):
    """A key that nobody told of is recognised by its header: of a request, a mapping, raw bytes or curl."""
    text = redact(written.format(KEY))
    assert KEY not in text
    assert text == written.format("***")


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Authorization: Bearer abc.def\r\nHost: a", "Authorization: ***\r\nHost: a"),
        ("{'authorization': 'Basic dTpw', 'host': 'a'}", "{'authorization': '***', 'host': 'a'}"),
        ("Proxy-Authorization: Basic dTpw", "Proxy-Authorization: ***"),
        ("Cookie: session=abc; theme=dark\nX: 1", "Cookie: ***\nX: 1"),
        ("Ocp-Apim-Subscription-Key: abc,def", "Ocp-Apim-Subscription-Key: ***"),
        ('api-key = "abc"', 'api-key = "***"'),
        ("{'password': 'abc'}", "{'password': '***'}"),
        ("--api-key-file key.txt", "--api-key-file key.txt"),
        ("password='my \"own\" secret' host=db", "password='***' host=db"),
        ('{"password": "my \\"own\\" secret", "host": 1}', '{"password": "***", "host": 1}'),
    ],
)
def test_whatever_lets_somebody_in_is_blotted_out(written, clean):
    """Headers, cookies and settings that are as good as a key go whole, and nothing behind them does."""
    assert redact(written) == clean


def test_the_header_alone_tells_nothing():
    """A text that only names the header stays as it is."""
    text = f"the header {KEY_HEADER} is missing"
    assert redact(text) == text


# URLs.


@pytest.mark.parametrize(
    ("query", "clean"),
    [
        ("X-Amz-Signature=0f0f&X-Amz-Expires=60", "X-Amz-Signature=***&X-Amz-Expires=60"),
        ("X-Amz-Credential=AKIA%2F2026&x=1", "X-Amz-Credential=***&x=1"),
        ("X-Amz-Security-Token=abc%3D%3D", "X-Amz-Security-Token=***"),
        ("x-goog-signature=abc", "x-goog-signature=***"),
        ("sv=2024-01-01&sig=a%2Bb%3D", "sv=2024-01-01&sig=***"),
        ("AWSAccessKeyId=AKIA&Signature=abc&Expires=9", "AWSAccessKeyId=***&Signature=***&Expires=9"),
        ("Key-Pair-Id=K1&Policy=p", "Key-Pair-Id=***&Policy=p"),
        ("api_key=abc&client_secret=def&TOKEN=ghi", "api_key=***&client_secret=***&TOKEN=***"),
        ("password=a&pwd=b&auth=c&jwt=d", "password=***&pwd=***&auth=***&jwt=***"),
        ("a=1&amp;token=abc", "a=1&amp;token=***"),
        ("a=1;token=abc;b=2", "a=1;token=***;b=2"),
        ("x=1#access_token=abc&state=2", "x=1#access_token=***&state=2"),
        ("apikey=abc&accessToken=def", "apikey=***&accessToken=***"),
        ("width=2&format=png", "width=2&format=png"),
        ("monkey=1&keyword=b&design=c&bypass=d&author=e", "monkey=1&keyword=b&design=c&bypass=d&author=e"),
    ],
)
def test_what_signs_a_url_is_blotted_out(query, clean):
    """Of a URL the parameters that let others in are blotted out, and what says which file it is stays."""
    assert redact(f"GET https://cdn.example/a.png?{query} -> 200") == f"GET https://cdn.example/a.png?{clean} -> 200"


def test_a_quoted_url_keeps_its_quote():
    """What stands behind a URL in a traceback is not swallowed."""
    assert redact("open('https://a.example/x?token=abc', 3)") == "open('https://a.example/x?token=***', 3)"


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://me:hunter2@example.com/a", "https://***@example.com/a"),
        ("http://user:p%40ss@proxy.example:3128", "http://***@proxy.example:3128"),
        ("socks5://u:p@127.0.0.1:1080", "socks5://***@127.0.0.1:1080"),
        ("https://u:p@ss@example.com/a", "https://***@example.com/a"),
        ("https://:hunter2@example.com/a", "https://***@example.com/a"),
        ("https://ghp_token@example.com/a", "https://***@example.com/a"),
        ("https://user:pa/ss@example.com/a", "https://***@example.com/a"),
        ("postgresql://seedvr:pw@db/ledger", "postgresql://***@db/ledger"),
        ("https://u:p@example.com/a@b", "https://***@example.com/a@b"),
        ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
        ("https://example.com?a@b", "https://example.com?a@b"),
        ("https://example.com:8443/a@b", "https://example.com:8443/a@b"),
        ("https://example.com/a:b@c", "https://example.com/a:b@c"),
    ],
)
def test_a_password_in_a_url_is_blotted_out(url, clean):
    """Name and password before a host go, of sources and of proxies; a port and an @ in a path are none."""
    assert redact(f"cannot reach {url} now") == f"cannot reach {clean} now"


@pytest.mark.parametrize("odd", ['SEC"RET', "SEC'RET", "SEC<RE>T", "SEC RET", "SEC\tRET", "SE/C RET", 'SE"C@R@ET'])
def test_a_password_that_no_url_may_have_is_blotted_out(odd):
    """Quotes, blanks and more than one @ in a password do not end it."""
    assert redact(f"cannot use 'http://user:{odd}@127.0.0.1:9' now") == "cannot use 'http://***@127.0.0.1:9' now"


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example:8080, ask me@b.example",
        "https://a.example:8080: ask me@b.example",
        '"https://a.example:80","me@b.example"',
        "https://a.example: ask me@b.example",
        "(http://a.example:8080) ask me@b.example",
    ],
)
def test_an_address_behind_a_url_is_no_login(text):
    """What follows a URL with a port is not taken for its password."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ('http://user:SEC"RET@proxy.example:3128', "http://***@proxy.example:3128"),
        ("user:SEC RET@proxy.example", "***@proxy.example"),
        ("us er:SE://CRET@proxy.example", "***@proxy.example"),
        ("postgresql://me:a@b/c#d?e@db.example/x", "postgresql://***@db.example/x"),
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("socks5://SEC RET@[::1]:1080", "socks5://***@[::1]:1080"),
    ],
)
def test_a_url_that_stands_alone_is_taken_apart(url, clean):
    """All between the scheme and the last @ is secret, whatever it has in it."""
    assert without_login(url) == clean


def test_a_password_is_secret_in_all_spellings():
    """As it is written, as it is meant and as a library may write it; a name alone is none."""
    assert {'p"w %', "p%22w %25", "p%22w%20%25"} <= login_secrets('http://me:p"w %@h') | login_secrets(
        "http://me:p%22w %25@h"
    )
    assert login_secrets("http://me@h") == login_secrets("http://h:80") == set()


def test_a_traceback_stays_readable():
    """What is left of a traceback still says what happened and where."""
    try:
        raise ValueError(f"https://u:secret@example.com/a?sig=0f0f refused {KEY}")
    except ValueError as error:
        lines = "".join(traceback.format_exception(error))
    text = redact(lines, [KEY])
    assert "ValueError: https://***@example.com/a?sig=*** refused ***" in text
    assert __file__ in text
    assert not any(secret in text.splitlines()[-1] for secret in ("secret", "0f0f", KEY))
