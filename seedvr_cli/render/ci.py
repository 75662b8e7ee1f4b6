"""Lines for the logs of CI: GitHub Actions reads some of them as commands.

GitLab's sections are made with escape codes, which no log of ours has: there lines stay plain.
"""

import os
import sys
from collections.abc import Iterable


def is_ci() -> bool:
    """Whether standard error goes into the log of a CI job."""
    return is_github() or (os.environ.get("GITLAB_CI") == "true" and not sys.stderr.isatty())


def is_github() -> bool:
    """Whether it is one of GitHub Actions, or of what speaks like it."""
    return os.environ.get("GITHUB_ACTIONS") == "true" and not sys.stderr.isatty()


def annotation(level: str, text: str, secrets: Iterable[str] = ()) -> str:
    """`::error title=seedvr::what is wrong`: without queries of URLs, and without these secrets."""
    from seedvr_cli.values.redaction import redact, without_queries

    title, colon, message = text.partition(": ")
    if not colon:
        title, message = "seedvr", text
    message = redact(without_queries(message), secrets)
    return f"::{level} title={_property(title)}::{_data(message)}"


def defused(text: str) -> str:
    """A line that is no command, whatever stands in it: those of the old form may stand anywhere."""
    return text.replace("##[", "## [")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
