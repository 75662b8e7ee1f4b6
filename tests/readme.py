"""What the README and the skill show of other files, and the screen that a test keeps: this writes them in place.

Tables are made of what the code goes by, recipes are the files of tests/recipes, other files are shown by their path.
"""

import re
from pathlib import Path

from seedvr_cli.cli.help_text import write
from seedvr_cli.cli.schema import schema_object
from seedvr_cli.cli.surface import describe_all
from seedvr_cli.values.catalog import ENDPOINTS, Endpoint
from seedvr_cli.values.environment import COMMON_VARIABLES, OWN_VARIABLES
from seedvr_cli.values.errors import EXIT_CODES
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.parameter import Parameter

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SKILL = ROOT / "seedvr_cli" / "SKILL.md"
HELP = Path(__file__).parent / "data" / "help-image.txt"
TABLE = re.compile(r"<!-- ([\w-]+): made by tests/readme.py -->\n.*?<!-- /\1 -->\n", re.DOTALL)
RECIPES = Path(__file__).parent / "recipes"
RECIPE = re.compile(r"<!-- recipe: (\S+) -->\n.*?<!-- /recipe -->\n", re.DOTALL)
FILE = re.compile(r"<!-- file: (\S+) -->\n.*?<!-- /file -->\n", re.DOTALL)
LANGUAGES = {".py": "python", ".sh": "sh", ".yaml": "yaml", ".yml": "yaml", ".json": "json", "": "dockerfile"}


def with_tables(text: str) -> str:
    """The text with each table as it should be."""

    def shown(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- {name}: made by tests/readme.py -->\n" + "\n".join(TABLES[name]()) + f"\n<!-- /{name} -->\n"

    return TABLE.sub(shown, text)


def with_files(text: str) -> str:
    """The README with each recipe and each other file that it shows as that is."""

    def shown(kind: str, folder: Path, match: re.Match[str]) -> str:
        file = folder / match[1]
        code = f"```{LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8')}```\n"
        return f"<!-- {kind}: {match[1]} -->\n{code}<!-- /{kind} -->\n"

    text = RECIPE.sub(lambda match: shown("recipe", RECIPES, match), text)
    return FILE.sub(lambda match: shown("file", ROOT, match), text)


def without_files(text: str) -> str:
    """What the README has beside them."""
    return FILE.sub("", RECIPE.sub("", text))


def _endpoints() -> list[str]:
    """One row for each endpoint and parameter."""
    rows = ["| endpoint | flag | body key | takes | |", "|---|---|---|---|---|"]
    for endpoint in ENDPOINTS.values():
        rows.append(
            f"| **`{endpoint.name}`** | `{_command(endpoint)}` | `{endpoint.source_key}` | {_prices(endpoint)} | |"
        )
        rows += [
            f"| | `--{parameter.flag}` | `{parameter.wire}` | {_takes(parameter)} | {parameter.note} |"
            for parameter in endpoint.parameters
            if parameter.flag
        ]
    return rows


def _exit_codes() -> list[str]:
    """One row for each exit code."""
    rows = [f"| {code} | {_code(meaning)} | {_code(then)} |" for code, (meaning, then) in EXIT_CODES.items()]
    return ["| code | meaning | what to do next |", "|---|---|---|", *rows]


def _commands() -> list[str]:
    """One row for each command."""
    rows = [f"| `{face.title}` | {face.summary} |" for face in describe_all().commands]
    return ["| command | |", "|---|---|", *rows]


def _price_list() -> list[str]:
    """One row for each endpoint."""
    rows = [f"| `{_command(endpoint)}` | {_prices(endpoint)} |" for endpoint in ENDPOINTS.values()]
    return ["| command | list price |", "|---|---|", *rows]


def _settings() -> list[str]:
    """One row for each setting."""
    rows = [
        f"| `{one['name']}` | {one['default'] or ''} | {one['meaning'].replace('|', ', ')} |"
        for one in schema_object(describe_all())["settings"]
    ]
    return ["| setting | default | |", "|---|---|---|", *rows]


def _variables() -> list[str]:
    """One row for each variable of the environment that is ours or every program's."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in {**OWN_VARIABLES, **COMMON_VARIABLES}.items()]
    return ["| variable | |", "|---|---|", *rows]


TABLES = {
    "endpoints": _endpoints,
    "exit-codes": _exit_codes,
    "commands": _commands,
    "prices": _price_list,
    "settings": _settings,
    "environment": _variables,
}


def _code(text: str) -> str:
    """Flags, settings and commands as code."""
    words = r"'(seedvr [^']+)'|(?<![\w-])(--[a-z][a-z-]+|max-cost-per-day|SEEDVR_\w+)"
    return re.sub(words, lambda match: f"`{match[1] or match[2]}`", text)


def _takes(parameter: Parameter) -> str:
    return parameter.allowed.replace("*", "`*`")


def _command(endpoint: Endpoint) -> str:
    first = next(other for other in ENDPOINTS.values() if other.kind == endpoint.kind)
    return f"seedvr {endpoint.kind}" + ("" if endpoint is first else f" --model {endpoint.model}")


def _prices(endpoint: Endpoint) -> str:
    if len(endpoint.prices) == 1:
        return f"{show_usd(endpoint.prices[0].micros)} each"
    return ", ".join(f"{row.label} {show_usd(row.micros)}" for row in endpoint.prices)


def help_screen() -> str:
    """The screen of `seedvr image --help` on a terminal of 80 columns."""
    face = next(face for face in describe_all().commands if face.name == "image")
    return write(face, 80, colour=False) + "\n"


if __name__ == "__main__":
    HELP.write_text(help_screen(), encoding="utf-8")
    for page in (README, SKILL):
        page.write_text(with_files(with_tables(page.read_text(encoding="utf-8"))), encoding="utf-8")
