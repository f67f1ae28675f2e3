"""The JSON Schema of plan files, made from the signatures of the registered shapes."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final

from paramsched.core.base.params import Param, params_of
from paramsched.core.curves import CONSTANTS, FAMILIES
from paramsched.core.fields import KNOWN
from paramsched.core.files.native.plan_entries import RESERVED, SCHEMA, TARGET_ENTRIES
from paramsched.core.files.native.read_schedule import OPERATORS, WITH_A_NUMBER
from paramsched.core.files.schedule_text import ShapeLike, ShapeNames
from paramsched.core.plan.note import MOST_NOTE, NOTE_KEYS
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS
from paramsched.core.schedules.registry import RULES
from paramsched.core.time.calendar import CLOCK_SYNONYMS, CLOCKS
from paramsched.core.time.duration import UNIT_NAMES

_FIELD = r"^[A-Za-z_][A-Za-z0-9_]*(\[[0-9]{1,4}\])?$"


def schema(*, shapes: Iterable[ShapeLike] = ()) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of plan files, which editors use to complete and check them.

    The schema contains all registered shapes with their arguments.

    Args:
        shapes: a user's own builders, as in `load`.

    >>> sorted(schema()["$defs"])
    ['curve', 'fields', 'length', 'level', 'line', 'rule', 'schedule']
    """
    fields: dict[str, Any] = dict.fromkeys(KNOWN, _schema_reference("line"))
    clock = {"enum": [*CLOCKS, *CLOCK_SYNONYMS]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:paramsched:plan",
        "title": "paramsched plan",
        "type": "object",
        "properties": {
            SCHEMA: {"type": "string", "description": "where an editor finds this schema"},
            "clock": {
                "description": "the clock: what time counts; updates by default",
                "anyOf": [clock, {"type": "object", "additionalProperties": clock}],
            },
            "horizon": _schema_reference("length"),
            "note": _mapping(
                {key: {"type": "string", "maxLength": MOST_NOTE} for key in NOTE_KEYS},
                description="who changed the plan, when and why",
                minProperties=1,
            ),
            "groups": {
                "type": "object",
                "description": "fields by the name of a group; [0] is an index",
                "additionalProperties": {"$ref": "#/$defs/fields", "minProperties": 1},
                "minProperties": 1,
            },
            "targets": {
                "type": "object",
                "propertyNames": {"pattern": "^[^\\W\\d]\\w*$"},
                "additionalProperties": _mapping(
                    {"initial": {"type": "number"}, "schedule": _schema_reference("line")},
                    required=list(TARGET_ENTRIES),
                ),
                "minProperties": 1,
            },
            **fields,
        },
        "patternProperties": {
            f"^(?!({'|'.join(RESERVED)})$)" + _FIELD.lstrip("^"): _schema_reference("line"),
        },
        "additionalProperties": False,
        "minProperties": 1,
        "$defs": {
            "schedule": _schedule_schema(ShapeNames(shapes)),
            "line": {
                "anyOf": [
                    {"type": "number", "enum": [0, 1], "description": "0, or base; another number has two readings"},
                    *({"type": kind, **_schema_reference("schedule")} for kind in ("string", "array", "object")),
                ]
            },
            "fields": _mapping(fields, patternProperties={_FIELD: _schema_reference("line")}),
            "length": {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "description": "updates"},
                    {
                        "type": "string",
                        "pattern": length_text_pattern(),
                        "description": '"5%", "10 epochs", "1e6 samples", "250B tokens", "90 min", "until 80%"',
                    },
                ]
            },
            "level": {
                "anyOf": [
                    {"type": "number", "description": "a multiple of base"},
                    {"enum": sorted(NEIGHBOR_LEVELS), "description": "the level of the previous or the next stage"},
                    {
                        "type": "string",
                        "pattern": r"^[-+.\deE_\s]*absolute\(.*\)[-+.\deE_\s]*$",
                        "description": "0.5 + absolute(2e-05)",
                    },
                    _mapping_of_one({"absolute": {"type": "number", "description": "an absolute value"}}),
                ]
            },
            "curve": {
                "anyOf": [
                    {"enum": [prefix + name for prefix in ("", "curves.") for name in sorted(CONSTANTS)]},
                    {"type": "string", "pattern": rf"^(curves\.)?({'|'.join(sorted(FAMILIES))})\(.*\)$"},
                    _mapping_of_one({name: _call_schema(builder) for name, builder in sorted(FAMILIES.items())}),
                ]
            },
            "rule": {
                "anyOf": [
                    {"type": "string", "pattern": r"^\s*rules\..*\)\s*$"},
                    _mapping_of_one({f"rules.{name}": _call_schema(made) for name, made in sorted(RULES.items())}),
                ]
            },
        },
    }


def _schedule_schema(names: ShapeNames) -> dict[str, Any]:
    """Return the schema of a schedule in each of its forms."""
    made = {name: _call_schema(builder) for name, builder in sorted(names.everything().items())}
    several = {"type": "array", "items": _schema_reference("schedule"), "minItems": 1}
    made |= dict.fromkeys(OPERATORS, several)
    made["absolute"] = {**_schema_reference("schedule"), "description": "a schedule whose numbers are values"}
    pair = [_schema_reference("schedule"), {"type": "number"}]
    made |= {name: {"type": "array", "prefixItems": pair, "minItems": 2, "items": False} for name in WITH_A_NUMBER}
    return {
        "anyOf": [
            {"type": "number", "description": "a constant, a multiple of base"},
            {
                "type": "string",
                "pattern": schedule_text_pattern(names.everything()),
                "description": 'one line: warmup("5%") >> cosine(to=0.1)',
            },
            {"type": "array", "items": _schema_reference("schedule"), "minItems": 1, "description": "a sequence"},
            _mapping_of_one(made),
        ]
    }


def _schema_reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": entries, "additionalProperties": False, **more}


def _mapping_of_one(entries: dict[str, Any]) -> dict[str, Any]:
    return _mapping(entries, minProperties=1, maxProperties=1)


def _call_schema(builder: Callable[..., Any]) -> dict[str, Any]:
    """Return the schema of a call's arguments: a mapping, a list, or the first argument alone."""
    params = [one for one in params_of(builder).values() if not one.free]
    named = {one.name: _argument_schema(one) for one in params}
    places = [one for one in params if one.form is not inspect.Parameter.KEYWORD_ONLY]
    required = [one.name for one in params if one.required]
    forms = [_mapping(named, required=required)]
    variadic = next((one for one in places if one.several), None)
    fixed = places[: places.index(variadic)] if variadic else places
    items: dict[str, Any] = {"type": "array", "prefixItems": [named[one.name] for one in fixed]}
    if not fixed:
        del items["prefixItems"]  # the list must not be empty
    items["items"] = named[variadic.name]["items"] if variadic else False
    forms.append(items | {"minItems": sum(one.required for one in fixed)})
    if len(required) <= 1 and places:
        forms.append(items["items"] if not fixed else named[fixed[0].name])
    if not required:
        forms.append({"type": "null"})
    line = (inspect.getdoc(builder) or "").partition("\n")[0]
    return ({"description": line} if line else {}) | {"anyOf": forms}


def _argument_schema(param: Param) -> dict[str, Any]:
    """Return the schema of a parameter, including null and its default."""
    forms = _forms(param)
    if param.several:
        return {"type": "array", "items": _any_of(forms)}
    schema = _any_of([*forms, {"type": "null"}] if param.none and forms else forms)
    return schema | ({"default": param.default} if isinstance(param.default, (bool, int, float, str)) else {})


def _any_of(forms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": forms} if len(forms) > 1 else forms[0] if forms else {}


def _forms(param: Param) -> list[dict[str, Any]]:
    """Return the schema of each kind of value that a parameter accepts; none if the shape has to check the value."""
    match param:
        case Param(kind="any", members=members):
            return [form for one in members for form in _forms(one)]
        case Param(kind="choice", choices=choices):
            return [{"enum": list(choices)}]
        case Param(kind="pairs", items=(item,)) | Param(kind="list", items=(item,)):
            return [{"type": "array", "items": _any_of(_forms(item))}]
        case Param(kind="list", items=items):
            places = [_any_of(_forms(item)) for item in items]
            return [{"type": "array", "prefixItems": places, "minItems": len(places), "items": False}]
    return [{"type": _TYPES[param.kind]} if param.kind in _TYPES else _schema_reference(param.kind)]


_TYPES: Final = {"number": "number", "count": "integer", "text": "string", "bool": "boolean"}
"""A dict from each kind of parameter that is a type of JSON to the name of that type."""

_NUMBER = r"(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d{1,3})?"
_TERM = rf"{_NUMBER}[kKMBT]?(?:\s*/\s*\d[\d_]*)?"


def schedule_text_pattern(names: Iterable[str]) -> str:
    """Return the pattern of schedule text: every name before a bracket must be known.

    >>> import re
    >>> pattern = schedule_text_pattern(["warmup", "cosine"])
    >>> [bool(re.search(pattern, line)) for line in ('warmup("5%") >> cosine(to=0.1)', "warmup(5) >> cosin()")]
    [True, False]
    """
    called = "|".join(
        [
            *sorted({"absolute", *names}),
            *(f"curves\\.{name}" for name in sorted(FAMILIES)),
            *(f"rules\\.{name}" for name in sorted(RULES)),
        ]
    )
    text, call = r'"[^"]*"|' + r"'[^']*'", rf"(?:{called})\s*\("
    word, sign = r"[A-Za-z_]\w*(?:\.\w+)*(?!\s*\(|\w|\.)", r"[^A-Za-z_\"']"
    return rf"^(?:{text}|{call}|{word}|{sign})+$"


def length_text_pattern() -> str:
    """Return the pattern of a length: amounts with units, added and subtracted.

    >>> import re
    >>> pattern = length_text_pattern()
    >>> [bool(re.search(pattern, text)) for text in ("5%", "until 1.5B tokens", "2 epochs - 1 step", "5 epohcs", "5")]
    [True, True, True, False, False]
    """
    units = "|".join(sorted(UNIT_NAMES))
    term = rf"[+-]?\s*{_TERM}\s*(?:{units})"
    singular = "|".join(name for name in UNIT_NAMES if len(name) > 3 and f"{name}s" in UNIT_NAMES)
    return rf"^\s*(?:until\s+)?(?:{term}(?:\s*[+-]\s*{_TERM}\s*(?:{units}))*|{singular}|batch)\s*$"
