"""The schema of report.json as the typed contents of a report give it, and its tables of keys.

Run as a program, it writes metrics/report.schema.json and the tables of docs/report.md anew; tests
hold them together, so that no key changes its name unseen. Change SCHEMA_VERSION where one does.
"""

import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen.metrics import report
from stylegen.metrics.report_sections import SECTIONS, Sections

PLACE = Path(__file__).parents[2] / "metrics" / "report.schema.json"
GUIDE = Path(__file__).parents[2] / "docs" / "report.md"
MARK = "<!-- from here on: python tests/metrics/schema_from_types.py -->\n"
_PLAIN = {float: "number", int: "integer", str: "string", bool: "boolean", type(None): "null"}


def _described(kind: type) -> dict[str, str]:
    """Read what a docstring says of each attribute."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: _words(text) for name, text in found}


def _words(text: str) -> str:
    """Write what is said of a Python value for readers of JSON."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split())).replace("``", "`")


class Builder:
    """Turns types into rules, and gathers named ones."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def rule(self, kind: Any) -> dict[str, Any]:
        if kind is Any:
            return {}
        if kind is float:  # null where it is not finite
            return {"type": ["number", "null"]}
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            return self._union([self.rule(one) for one in inner])
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.rule(inner[1])}
        if origin in (tuple, list):
            return {"type": "array", "items": self.rule(inner[0])}
        return self._own(kind)

    def _union(self, rules: list[dict[str, Any]]) -> dict[str, Any]:
        kinds = [rule["type"] for rule in rules if set(rule) == {"type"}]
        if len(kinds) == len(rules):
            flat = [k for kind in kinds for k in (kind if isinstance(kind, list) else [kind])]
            return {"type": list(dict.fromkeys(flat))}
        return {"anyOf": rules}

    def _own(self, kind: Any) -> dict[str, Any]:
        if kind.__name__ not in self.named:
            self.named[kind.__name__] = {}
            self.named[kind.__name__] = self.parts(kind, typing.get_type_hints(kind))
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def parts(self, kind: Any, hints: Mapping[str, Any]) -> dict[str, Any]:
        words = _described(kind)
        kept = {name: hint for name, hint in hints.items() if hint is not Tensor}
        properties = {}
        for name, hint in kept.items():
            about = {"description": words[name]} if name in words else {}
            properties[name] = {**about, **self.rule(hint)}
        return {"type": "object", "properties": properties, "required": list(kept),
                "additionalProperties": False}  # fmt: skip


def build() -> dict[str, Any]:
    """Return the schema."""
    builder = Builder()
    hints = typing.get_type_hints(Sections)
    sections = builder.parts(Sections, {name: hints[name] for name in SECTIONS})
    metric = builder.rule(report.Metric)
    text, facts = {"type": "string"}, {"type": "object"}
    undefined = builder.parts(object, {"where": str, "reason": str})
    words = _described(report.Report)
    properties: dict[str, Any] = {
        "schema_version": {"description": "of this schema", "enum": [report.SCHEMA_VERSION]},
        "created": {"description": words["created"], **text},
        "metrics": {"description": words["metrics"], "type": "object",
                    "additionalProperties": metric},
        "draws": {"description": words["draws"], "type": ["string", "null"]},
        "protocol": {"description": words["protocol"], **facts},
        "features": {"description": words["features"], **facts},
        "sides": {"description": words["sides"], "type": "object", "additionalProperties": facts},
        "notes": {"description": words["notes"], "type": "array", "items": text},
        "sections": {"description": "what else was found: see Sections", **sections},
        "not_taken": {"description": _described(Sections)["not_taken"], "type": "object",
                      "additionalProperties": text},
        "wall_time_sec": {"description": words["seconds"], "type": "object",
                          "additionalProperties": {"type": "number"}},
        "environment": {"description": words["environment"], **facts},
        "undefined": {"description": "where numbers are null because they are not finite, and why",
                      "type": "array", "items": undefined},
    }  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "report.json of stylegen evaluate",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "$defs": dict(sorted(builder.named.items())),
    }


def text_of(schema: Mapping[str, Any]) -> str:
    """Write a schema as the file holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _kind(rule: Mapping[str, Any]) -> str:
    if "$ref" in rule:
        name = rule["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in rule:
        return " or ".join(_kind(one) for one in rule["anyOf"])
    if "enum" in rule:
        return ", ".join(map(str, rule["enum"]))
    if rule.get("type") == "array":
        return f"list of {_kind(rule['items'])}"
    if rule.get("type") == "object" and isinstance(rule.get("additionalProperties"), dict):
        return f"{{name: {_kind(rule['additionalProperties'])}}}"
    kinds = rule.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _table(title: str, rule: Mapping[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_kind(member)} | {member.get('description', '')} |"
        for name, member in rule["properties"].items()
    ]
    return "\n".join(
        (f"### {title}", "", "| key | type | what it is |", "|---|---|---|", *rows, "")
    )


def tables(schema: Mapping[str, Any]) -> str:
    """Return the tables of all keys."""
    sections = schema["properties"]["sections"]
    parts = [_table("The report", schema), _table("Sections", sections)]
    parts += [_table(name, rule) for name, rule in schema["$defs"].items()]
    return "\n".join(parts)


if __name__ == "__main__":
    PLACE.write_text(text_of(build()), encoding="utf-8")
    before = GUIDE.read_text(encoding="utf-8").partition(MARK)[0]
    GUIDE.write_text(before + MARK + tables(build()), encoding="utf-8")
