"""`seedvr schema`: the whole surface as one JSON object, read off what the code goes by."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedvr_cli.cli.surface import Face


def schema() -> None:
    """Print the whole surface as one JSON object: commands, flags, results, exit codes, settings, prices.

    It is for programs that write command lines, or read what they print.
    """
    from seedvr_cli.cli.surface import describe_all
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line

    write_line(machine.line(schema_object(describe_all())))


def schema_object(face: "Face") -> dict[str, Any]:
    """The object; keys may come, none goes and none changes its meaning within `v`."""
    from seedvr_cli import __version__
    from seedvr_cli.cli.groups import HEADINGS, OWN
    from seedvr_cli.cli.help_text import WIDEST, write_topic
    from seedvr_cli.cli.topics import TOPICS
    from seedvr_cli.render.machine import KEYS, PARTS, VERSION
    from seedvr_cli.sandbox.faults import FAULTS
    from seedvr_cli.values.environment import CLUSTER_VARIABLES, COMMON_VARIABLES, OWN_VARIABLES
    from seedvr_cli.values.errors import EXIT_CODES
    from seedvr_cli.values.naming import FIELDS

    variables = {**OWN_VARIABLES, **COMMON_VARIABLES, **CLUSTER_VARIABLES}
    topics = {name: topic for name, topic in TOPICS.items() if name != "skill"}
    return {
        "v": VERSION,
        "version": __version__,
        "summary": face.summary,
        "flags": _command(face)["flags"],
        "groups": [OWN, *HEADINGS],
        "commands": [_command(one) for one in face.walk() if one is not face],
        "result": [_key(key, *told, PARTS.get(key, {})) for key, told in KEYS.items()],
        "exit_codes": [{"code": code, "meaning": means, "next": then} for code, (means, then) in EXIT_CODES.items()],
        "settings": _settings(face),
        "environment": [{"name": name, "meaning": meaning} for name, meaning in variables.items()],
        "template_fields": [{"name": name, "meaning": meaning} for name, meaning in FIELDS.items()],
        "faults": [{"name": name, "meaning": meaning} for name, meaning in FAULTS.items()],
        "topics": [
            {"name": name, "summary": topic.summary, "text": write_topic(topic, WIDEST, colour=False)}
            for name, topic in topics.items()
        ],
        "endpoints": _endpoints(),
    }


def _key(key: str, kind: str, meaning: str, parts: "Mapping[str, tuple[str, str]]") -> dict[str, Any]:
    """A key of the JSON object; `parts` are those below it, or below each of its list."""
    below = [{"key": part, "type": kind, "meaning": meaning} for part, (kind, meaning) in parts.items()]
    return {"key": key, "type": kind, "meaning": meaning, "parts": below}


def _command(face: "Face") -> dict[str, Any]:
    return {
        "name": face.name,
        "section": face.section,
        "summary": face.summary,
        "usage": face.usage,
        "description": list(face.text),
        "examples": [example._asdict() for example in face.examples],
        "arguments": [argument._asdict() for argument in face.arguments],
        "flags": [flag._asdict() for _, flags in face.groups() for flag in flags],
        "commands": [below.name for below in face.commands],
    }


def _settings(face: "Face") -> list[dict[str, Any]]:
    """Each with a sentence: its own, or that of its flag, as the first command says it that has one."""
    from seedvr_cli.settings.known import SETTINGS

    flags = {flag.setting: flag for one in reversed(list(face.walk())) for flag in one.flags}
    return [
        {
            "name": name,
            "words": list(option.words),
            "default": option.shown_default(),
            "flag": flags[name].name if name in flags else None,
            "meaning": option.meaning or flags[name].help,
        }
        for name, option in SETTINGS.items()
    ]


def _endpoints() -> list[dict[str, Any]]:
    from seedvr_cli.values.catalog import ENDPOINTS
    from seedvr_cli.values.money import as_usd

    return [
        {
            "name": one.name,
            "command": one.kind,
            "model": one.model,
            "path": one.path,
            "source_key": one.source_key,
            "prices": [
                {"label": row.label, "short_side": row.short_side, "usd": as_usd(row.micros)} for row in one.prices
            ],
            "parameters": [
                {
                    "key": parameter.wire,
                    "flag": f"--{parameter.flag}" if parameter.flag else None,
                    "type": parameter.kind,
                    "words": list(parameter.words),
                    "minimum": parameter.minimum,
                    "maximum": parameter.maximum,
                    "meaning": parameter.note,
                }
                for parameter in one.parameters
            ],
        }
        for one in ENDPOINTS.values()
    ]
