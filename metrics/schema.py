"""The schema of report.json, and whether a value follows it. Free of torch.

The schema lies in report.schema.json, in the language of json-schema.org (2020-12), of which this
reads: type, enum, properties, required, additionalProperties, items, anyOf and $ref. docs/report.md
says what each key means.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

NEWEST = 2  # schema version
_UNKNOWN = "is not known"
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


@cache
def schema() -> dict[str, Any]:
    """Return the schema of report.json."""
    text = resources.files("stylegen.metrics").joinpath("report.schema.json")
    return dict(json.loads(text.read_text(encoding="utf-8")))


def _kinds(rule: Mapping[str, Any]) -> list[str]:
    kinds = rule.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _object(value: Mapping[str, Any], rule: Mapping[str, Any], where: str) -> list[str]:
    known, others = rule.get("properties", {}), rule.get("additionalProperties", True)
    found = [f"{where}.{name} is missing" for name in rule.get("required", []) if name not in value]
    for name, member in value.items():
        if name in known:
            found += _check(member, known[name], f"{where}.{name}")
        elif others is False:
            found.append(f"{where}.{name} {_UNKNOWN}")
        elif others is not True:
            found += _check(member, others, f"{where}.{name}")
    return found


def _check(value: Any, rule: Mapping[str, Any], where: str) -> list[str]:
    if "$ref" in rule:
        return _check(value, schema()["$defs"][rule["$ref"].rsplit("/", 1)[1]], where)
    if "anyOf" in rule:
        tries = [_check(value, one, where) for one in rule["anyOf"]]
        return min(tries, key=len)
    kinds = _kinds(rule)
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        return [f"{where} is {json.dumps(value)[:40]}; wanted {' or '.join(kinds)}"]
    if "enum" in rule and value not in rule["enum"]:
        return [f"{where} is {value!r}; wanted one of {rule['enum']}"]
    if isinstance(value, dict):
        return _object(value, rule, where)
    if isinstance(value, list) and "items" in rule:
        return [p for i, v in enumerate(value) for p in _check(v, rule["items"], f"{where}[{i}]")]
    return []


def problems(report: Any, *, allow_unknown: bool = False) -> list[str]:
    """Return in what a value does not follow the schema of report.json; nothing: it does.

    Args:
        report: the value.
        allow_unknown: pass over keys that are not known, which a later program may have written.
    """
    found = _check(report, schema(), "report")
    return [p for p in found if not (allow_unknown and p.endswith(_UNKNOWN))]
