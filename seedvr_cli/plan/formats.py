"""-f and the ending of an explicit name say the same thing, or one of them says it alone."""

import os

from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.media import named_type


def named_format(output: str | None, endpoint: Endpoint, given: str | None) -> str | None:
    """The format that the name's ending asks for, where that is more than nothing.

    `output` is -o, `given` is -f. UsageError where the two differ, or the endpoint does not make such files.
    """
    parameter = endpoint.by_flag("format")
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


def _type_of(word: str, endpoint: Endpoint) -> str | None:
    """The media type of what a word of -f asks for."""
    return "video/mp4" if endpoint.kind == "video" else named_type(f"x.{word.lower()}")
