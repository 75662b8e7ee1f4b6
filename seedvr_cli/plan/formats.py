"""-f and an explicit name's ending say the same, or one of them says it alone; `same` is what the source is."""

import os

from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.contents import codec_of
from seedvr_cli.values.errors import SourceRefused, UsageError
from seedvr_cli.values.media import named_type, sniff_file
from seedvr_cli.values.parameter import SAME


def named_format(output: str | None, endpoint: Endpoint, given: str | None) -> str | None:
    """The format that the name's ending asks for, where that is more than nothing.

    `output` is -o, `given` is -f. UsageError where the two differ, or the endpoint does not make such files.
    """
    parameter = endpoint.by_flag("format")
    if given is not None and given.lower() == SAME:  # to be compared once it is known
        return None
    if parameter is None or output is None or output.endswith(("/", os.sep)) or os.path.isdir(output):
        return None
    wanted = named_type(output)
    if wanted is None or "{" in os.path.splitext(output)[1]:
        return None
    if given is not None:
        if _type_of(given, endpoint) != wanted:
            raise UsageError(f"-o {output} and -f {given}: two formats", hint="leave one of them out")
        return None
    fitting = [word for word in parameter.words if _type_of(word, endpoint) == wanted]
    if not fitting:
        raise UsageError(f"-o {output}: {endpoint.name} makes no such files", hint=f"-f takes {parameter.allowed}")
    return fitting[0] if len(fitting) == 1 else None  # of a video the ending does not tell the codec


def own_format(endpoint: Endpoint, media_type: str | None, codec: str | None) -> str:
    """The word of -f for what a source is: a picture's type, a video's codec. SourceRefused where there is none."""
    words = _formats(endpoint)
    if endpoint.kind == "video":
        found = codec if codec in words else None
        what = f"its codec is {codec}" if codec else "its codec does not show in its first bytes"
    else:
        found = next((word for word in words if media_type and _type_of(word, endpoint) == media_type), None)
        what = f"it is {media_type}" if media_type else f"it is no {endpoint.kind}"
    if found is None:
        message = f"-f {SAME}: {what}, and {endpoint.name} makes {', '.join(words)}"
        raise SourceRefused(message, hint=choose_instead(endpoint))
    return found


def file_facts(path: str) -> tuple[str | None, str | None]:
    """Media type and codec of a file of this machine; UsageError where it cannot be read."""
    try:
        media_type = sniff_file(path)
        with open(path, "rb") as file:
            return media_type, codec_of(file, media_type or "")
    except OSError as error:
        raise UsageError(f"SOURCE: {path}: {error.strerror}") from error


def choose_instead(endpoint: Endpoint) -> str:
    """What to do where the source's own format is not to be had."""
    return f"nothing was submitted for it; name a format: {' or '.join(f'-f {word}' for word in _formats(endpoint))}"


def _formats(endpoint: Endpoint) -> list[str]:
    """The words that stand for a format by themselves."""
    parameter = endpoint.by_flag("format")
    return [word for word in parameter.words if word != SAME] if parameter else []


def _type_of(word: str, endpoint: Endpoint) -> str | None:
    """The media type of what a word of -f asks for."""
    return "video/mp4" if endpoint.kind == "video" else named_type(f"x.{word.lower()}")
