"""What the README shows of other files: `python tests/readme.py` writes it in place.

The table of endpoints is made from the catalog, and recipes are the files of tests/recipes.
"""

import re
from pathlib import Path

from seedvr_cli.values.catalog import ENDPOINTS, Endpoint
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.parameter import Parameter

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- endpoints: made by tests/readme.py -->\n", "<!-- /endpoints -->\n"
RECIPES = Path(__file__).parent / "recipes"
RECIPE = re.compile(r"<!-- recipe: (\S+) -->\n.*?<!-- /recipe -->\n", re.DOTALL)
LANGUAGES = {".py": "python", ".sh": "sh", ".yaml": "yaml", ".json": "json"}


def table() -> str:
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
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """The README with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


def with_recipes(text: str) -> str:
    """The README with each recipe as its file has it."""

    def shown(match: re.Match[str]) -> str:
        file = RECIPES / match[1]
        code = f"```{LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8')}```\n"
        return f"<!-- recipe: {match[1]} -->\n{code}<!-- /recipe -->\n"

    return RECIPE.sub(shown, text)


def without_recipes(text: str) -> str:
    """What the README has beside them."""
    return RECIPE.sub("", text)


def _takes(parameter: Parameter) -> str:
    return parameter.allowed.replace("*", "`*`")


def _command(endpoint: Endpoint) -> str:
    first = next(other for other in ENDPOINTS.values() if other.kind == endpoint.kind)
    return f"seedvr {endpoint.kind}" + ("" if endpoint is first else f" --model {endpoint.model}")


def _prices(endpoint: Endpoint) -> str:
    if len(endpoint.prices) == 1:
        return f"{show_usd(endpoint.prices[0].micros)} each"
    return ", ".join(f"{row.label} {show_usd(row.micros)}" for row in endpoint.prices)


if __name__ == "__main__":
    README.write_text(with_recipes(with_table(README.read_text(encoding="utf-8"))), encoding="utf-8")
