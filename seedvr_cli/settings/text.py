"""A file of settings as text: what TOML reads in it, and on which line a setting stands. Loaded where there is one."""

import re
import tomllib
from typing import Any

from seedvr_cli.settings.profile import LARGEST_FILE
from seedvr_cli.values.errors import UsageError

# What to do about the user's own file.
OWN_HINT = "mend it with 'seedvr config edit', or by hand"
_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_SETTING = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[\w-]+)\s*=")


def parse(path: str, content: bytes, *, hint: str = OWN_HINT) -> dict[str, Any]:
    """The document; UsageError, with that hint, where it is none, or too large for one."""
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{path}: it has more than {LARGEST_FILE} bytes: that is no file of settings", hint=hint)
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", hint=hint) from error
    except RecursionError as error:
        raise UsageError(f"{path}: it is nested too deep", hint=hint) from error
    except ValueError as error:
        raise UsageError(f"{path}: it has a number of thousands of digits", hint=hint) from error


def find_line(text: str, table: str | None, name: str | None) -> int | None:
    """On which line a setting of a table stands, or, without a name, the table itself; None where it is not seen."""
    current = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.fullmatch(line):
            current, found = match[1].strip("\"'"), None
        else:
            found = match[1].strip("\"'") if (match := _SETTING.match(line)) else ""
        if current == table and found == name:
            return number
    return None
