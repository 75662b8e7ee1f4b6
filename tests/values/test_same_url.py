"""Which URLs are one source, and how they travel (cli.md, SOURCE)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seedvr_cli.values.urls import is_plain_url, url_identity, wire_url

SAME = {
    "scheme and host in any case": ["https://example.com/A.png", "HTTPS://EXAMPLE.com/A.png"],
    "the default port": ["https://example.com/a.png", "https://example.com:443/a.png", "https://example.com:/a.png"],
    "the fragment": ["https://example.com/a.png", "https://example.com/a.png#top"],
    "the case of an escape": ["https://example.com/%C3%A4%2F.png", "https://example.com/%c3%a4%2f.png"],
    "a letter and its escape": ["https://example.com/ä.png", "https://example.com/%C3%A4.png"],
    "a host in another script": ["https://straße.example/a", "https://xn--strae-oqa.example/a"],
    "a host in another script and case": ["https://BÜCHER.example/a", "https://xn--bcher-kva.example/a"],
    "a host that is a number": ["https://[2001:db8::a]/a.png", "https://[2001:DB8::A]:443/a.png"],
    "no path": ["https://example.com", "https://example.com/"],
    "S3, version 4": [
        "https://b.s3.amazonaws.com/k?versionId=7",
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F1&X-Amz-Date=1&versionId=7"
            "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=ab&X-Amz-Security-Token=t"
        ),
    ],
    "S3, version 2": [
        "https://b.s3.amazonaws.com/k",
        "https://b.s3.amazonaws.com/k?AWSAccessKeyId=A&Expires=1&Signature=b%2Bc%3D",
        "https://b.s3.amazonaws.com/k?AWSAccessKeyId=A&Expires=2&Signature=x&x-amz-security-token=t",
    ],
    "Google, version 4": [
        "https://storage.googleapis.com/b/k",
        (
            "https://storage.googleapis.com/b/k?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=c&X-Goog-Date=1"
            "&X-Goog-Expires=60&X-Goog-SignedHeaders=host&X-Goog-Signature=ab"
        ),
    ],
    "Google, version 2": [
        "https://storage.googleapis.com/b/k",
        "https://storage.googleapis.com/b/k?GoogleAccessId=a%40b&Expires=1&Signature=x",
    ],
    "Azure": [
        "https://a.blob.core.windows.net/c/k?snapshot=1",
        "https://a.blob.core.windows.net/c/k?snapshot=1&sv=2024-11-04&se=2026-12-01&sr=b&sp=r&sig=x%2By%3D",
        (
            "https://a.blob.core.windows.net/c/k?skoid=1&sktid=2&skt=3&ske=4&sks=b&skv=5&sv=6&st=7&se=8&sr=b&sp=r&spr=https"
            "&snapshot=1&sig=z"
        ),
    ],
    "CloudFront": [
        "https://d1.cloudfront.net/k?width=9",
        "https://d1.cloudfront.net/k?width=9&Expires=1&Signature=x~&Key-Pair-Id=K1",
        "https://d1.cloudfront.net/k?Policy=p&Signature=y&Key-Pair-Id=K1&width=9",
    ],
}
OTHER = {
    "the case of the path": ["https://example.com/a.png", "https://example.com/A.png"],
    "another port": ["https://example.com/a.png", "https://example.com:8443/a.png"],
    "http": ["https://localhost/a.png", "http://localhost/a.png"],
    "a query": ["https://example.com/a.png?v=1", "https://example.com/a.png?v=2"],
    "the order of a query": ["https://example.com/a?x=1&y=2", "https://example.com/a?y=2&x=1"],
    "what only looks like a signature": ["https://example.com/a?expires=1", "https://example.com/a?expires=2"],
    "a parameter sig of a site's own": ["https://example.com/a?sig=1", "https://example.com/a?sig=2"],
    "the version of an object": [
        "https://b.s3.amazonaws.com/k?versionId=7&X-Amz-Signature=a",
        "https://b.s3.amazonaws.com/k?versionId=8&X-Amz-Signature=a",
    ],
}


@pytest.mark.parametrize("what", SAME)
def test_spellings_of_one_source(what):
    """Whatever does not lead elsewhere makes no second source."""
    assert len({url_identity(url) for url in SAME[what]}) == 1


@pytest.mark.parametrize("what", OTHER)
def test_different_sources(what):
    """Whatever may lead elsewhere makes another source."""
    assert len({url_identity(url) for url in OTHER[what]}) == len(OTHER[what])


@pytest.mark.parametrize(
    "url",
    [
        "https://EXAMPLE.com:443/%c3%a4.png?X-Amz-Signature=abc#top",
        "https://example.com/a%2fb.png",
        "https://example.com/?a[]=1",
    ],
)
def test_a_valid_url_travels_as_it_was_given(url):
    """The gateway is sent the URL to the letter: a signature holds for one spelling only."""
    assert wire_url(url) == url


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("https://straße.example/ä.png?q=ü", "https://xn--strae-oqa.example/%C3%A4.png?q=%C3%BC"),
        ("https://user:pass@bücher.example:8443/a", "https://user:pass@xn--bcher-kva.example:8443/a"),
        ("https://example.com/100%.png", "https://example.com/100%25.png"),
        ('https://example.com/a"<b>.png', "https://example.com/a%22%3Cb%3E.png"),
        ("https://example.com/{a}|b.png", "https://example.com/%7Ba%7D%7Cb.png"),
    ],
)
def test_an_invalid_url_is_made_a_valid_one(url, wire):
    """What may not stand in a URL is encoded, what is encoded stays, and the host is one of IDNA 2008."""
    assert wire_url(url) == wire


@pytest.mark.parametrize("url", ["https://a..example\u00e4/x", "https://\u0000\u00e4/x", "https://-ä.example/"])
def test_a_host_that_is_none(url):
    """A host that no name can be made of is a ValueError."""
    with pytest.raises(ValueError, match="host"):
        wire_url(url)


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="#?/@:[]\\"), max_size=20
)
hosts = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?(\.[a-zA-Z]{2,5}){1,2}", fullmatch=True)
urls = st.builds(
    lambda host, port, parts, query: f"https://{host}{port}/{'/'.join(parts)}{query}",
    hosts,
    st.sampled_from(["", ":443", ":8443"]),
    st.lists(texts, max_size=3),
    st.builds(lambda words: f"?{'&'.join(words)}" if words else "", st.lists(texts, max_size=3)),
)


@given(urls)
@example("https://example.com/%zz%2")
def test_once_is_enough(url):
    """The identity of an identity is itself, and what travels has the same identity."""
    identity = url_identity(url)
    assert url_identity(identity) == identity
    assert url_identity(wire_url(url)) == identity
    assert wire_url(wire_url(url)) == wire_url(url)


@given(urls)
def test_a_plain_url_needs_no_closer_look(url):
    """What the quick look lets through is what the close look would say."""
    if is_plain_url(url):
        assert url_identity(url) == url == wire_url(url)


@given(urls, st.randoms())
def test_two_spellings_have_one_identity(url, random):
    """The case of scheme, host and escapes, and a fragment, never make another source."""
    scheme, _, rest = url.partition("://")
    host, slash, tail = rest.partition("/")
    other = f"{random.choice([scheme, scheme.upper()])}://{random.choice([host.upper(), host.lower()])}{slash}{tail}#x"
    assert url_identity(other) == url_identity(url)
