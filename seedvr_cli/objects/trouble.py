"""What is wrong with a store, in one line that says what to do about it."""

import re

from seedvr_cli.values.redaction import redact

NO_BUCKET = "is not there (404): make it, or name another"
# What a store, the library or the network say, and what that means; the first one that is found counts.
_CAUSES = {
    r"RequestTimeTooSkewed": "refuses access: this machine's clock is wrong by minutes; set it",
    r"ExpiredToken|TokenRefreshRequired": "refuses access: these keys have expired; sign in anew",
    r"HeaderMalformed.*(?:region|expecting)|PermanentRedirect|IllegalLocationConstraint|redirect without LOCATION": (
        "is in another region{region}: set AWS_REGION, or upload-region for uploads"
    ),
    r"NoSuchBucket": NO_BUCKET,
    r"/latest/(?:api/token|meta-data)": (
        "is asked without keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile that has"
        " them ('aws configure export-credentials --format env' has those of others)"
    ),
    r"/computeMetadata/": (
        "is asked without keys: set GOOGLE_APPLICATION_CREDENTIALS, or run 'gcloud auth application-default login'"
    ),
    r"Account must be specified": (
        "is asked without an account: set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or _SAS_TOKEN"
    ),
    r"/metadata/identity/": ("is asked without keys: set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN"),
    r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|InvalidToken|\b40[13] (?:Forbidden|Unauthorized)": (
        "refuses access (403): look at the keys, and at what they may do"
    ),
    r"InvalidCertificate\(\s*(?:UnknownIssuer|CaUsedAsEndEntity)|unable to get (?:local )?issuer|self.signed": (
        "has a certificate that nobody known here has signed: name a file with its CA in SSL_CERT_FILE"
    ),
    r"performing HEAD \S+ in .*400 Bad Request": (  # to a look a store may say no more than that
        "refuses access (400) without a reason: look at AWS_REGION, which is the bucket's, and at the age of the keys"
    ),
    r"ETag Header missing|Unable to extract metadata|40[45] (?:Not Found|Method Not Allowed)|501 Not Implemented": (
        "does not answer as an object store does: look at upload-endpoint, or AWS_ENDPOINT_URL"
    ),
    r"error sending request": "cannot be reached{host}: look at the network, upload-endpoint and AWS_ENDPOINT_URL",
}
# What may be better in a minute.
_PASSING = frozenset({"error sending request"})
# How stores name the region that a bucket is in, and the library the store.
_HOST = re.compile(r"performing \w+ https?://(?:[^/\s?@]*@)?([^/\s?@]+)")
_REGION = re.compile(r"expecting '([\w-]+)'|<Region>([\w-]+)<")

# What the library says before it says why.
_PREAMBLE = re.compile(r"^Generic \w+ error: (?:Error performing [\w ]+ request: )?Error performing \w+ \S+ in .*? - ")


class StoreError(Exception):
    """A store that cannot be used, in one line. `is_lasting`: it will not be better in a minute."""

    def __init__(self, message: str, *, is_lasting: bool = False) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting


class Stopped(OSError):
    """Whoever wanted it sent wants it no more."""


def explain(root: str, text: str, *, is_lasting: bool = False) -> StoreError:
    """The error for what was said; what is not known is said as it is."""
    for pattern, meaning in _CAUSES.items():
        if re.search(pattern, text, re.DOTALL):
            region, host = _REGION.search(text), _HOST.search(text)
            words = meaning.format(
                region=f" ({region[1] or region[2]})" if region else "", host=f" at {host[1]}" if host else ""
            )
            return StoreError(f"{root} {words}", is_lasting=pattern not in _PASSING)
    said = redact(_PREAMBLE.sub("", text.partition("Debug source")[0]))
    return StoreError(f"{root}: {' '.join(said.split())[:300]}", is_lasting=is_lasting)
