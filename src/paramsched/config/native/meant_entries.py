"""What an entry of a native file was meant to be, where its key or its form is another one."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from paramsched.base.near_names import closest
from paramsched.base.peer_words import LENGTHS_OF_RUN, advice_for_word, is_warmup_length
from paramsched.config.schedule_text import ShapeNames
from paramsched.errors import InvalidArgument
from paramsched.fields import KNOWN
from paramsched.schedules import SHAPES, meant_line
from paramsched.time import Duration

_OPERATORS = ("product", "sequence", "sum", "power", "quotient", "absolute")
_DEFAULTS = ("default", "others", "rest", "all", "*", "else", "base")
_NAMES_OF_CLASS = ("type", "_target_", "class_name", "name", "scheduler", "schedule", "kind", "shape")
_FIELD = rf"(?P<field>(?:{'|'.join(KNOWN)})(?:\[\d\])?)"
_WITH_GROUP = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_FIELD}\s*@\s*(?P<group>.+)",  # as a plan prints it
        rf"{_FIELD}\[(?P<group>[^\[\]]*[^\[\]\d][^\[\]]*)\]",
        rf"{_FIELD}\((?P<group>[^()]+)\)",
        rf"{_FIELD}[/.:](?P<group>(?!\d\Z).+)",
        rf"(?P<group>[^@]+?)\s*[/.@:]\s*{_FIELD}",
    )
)


def meant_horizon(key: str, value: Any) -> int | str | None:
    """The horizon that an entry like `max_steps: 100` says; None where it says none.

    >>> meant_horizon("epochs", 20), meant_horizon("max_steps", 100), meant_horizon("duration", "20 ep")
    ('20 epochs', 100, '20 epochs')
    """
    unit = LENGTHS_OF_RUN.get(key.lower().replace("-", "_"))
    if unit is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        whole = int(value) if float(value).is_integer() else value
        return whole_length(f"{whole} {unit}" if unit else whole)
    if isinstance(value, str) and unit and re.fullmatch(r"[\d_.]+ ?[kKMBT]?", value):
        value = f"{value} {unit}"
    return whole_length(value) if isinstance(value, str) and re.search(r"\d", value) and "(" not in value else None


def whole_length(value: Any) -> int | str | None:
    """The length of a run that a value was meant to be; None where that is unknown."""
    if isinstance(value, dict) and value.keys() <= {"value", "amount", "unit"} and "unit" in value:
        value = f"{next((one for key, one in value.items() if key != 'unit'), 1)} {value['unit']}"
    if isinstance(value, dict) and len(value) == 1:
        ((unit, amount),) = value.items()
        value = f"{amount} {unit}"
    try:
        length = Duration.of(value)
    except InvalidArgument as refusal:
        value = refusal.sample
    else:
        value = value if length.terms else None
    text = str(value)
    if not isinstance(value, (int, str)) or text.endswith("%") or value == 0 or isinstance(value, bool):
        return None
    return value


def meant_warmup(key: str, value: Any) -> str | None:
    """The length of a warmup that an entry beside the schedule says, as a line has it.

    >>> meant_warmup("warmup_steps", 500), meant_warmup("warmup_ratio", 0.1), meant_warmup("warmup_epochs", 5)
    ('500', '"10%"', '"5 epochs"')
    """
    name = key.lower().replace("-", "_")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or "warmup" not in name:
        return None
    if name.endswith(("ratio", "fraction", "proportion")) or (isinstance(value, float) and 0 < value < 1):
        return f'"{value * 100:.12g}%"'
    if name == "warmup" or is_warmup_length(name) or name.endswith("epochs"):
        return f'"{value:g} epochs"' if name.endswith("epochs") else f"{value:g}"
    return None


def field_and_group(key: str) -> tuple[str, str | int] | None:
    """The field and the groups that a key like `lr @ head` names; None for any other key.

    >>> field_and_group("lr @ kind=muon"), field_and_group("head.lr"), field_and_group("betas[0]")
    (('lr', 'kind=muon'), ('lr', 'head'), None)
    """
    for pattern in _WITH_GROUP:
        if found := pattern.fullmatch(key.strip()):
            group = found["group"].strip().strip("\"'")
            return found["field"], f"[{group}]" if group.isdecimal() else group
    return None


def groups_in_field(value: Any, names: ShapeNames) -> tuple[dict[str, Any], Any] | None:
    """The lines by groups, and the line of the others, of a field that has a line for each of its groups.

    >>> groups_in_field({"head": "linear()", "default": "cosine()"}, ShapeNames())
    ({'head': 'linear()'}, 'cosine()')
    >>> groups_in_field({"cosine": {"to": 0.1}}, ShapeNames()) is None
    True
    """
    if not isinstance(value, dict) or not value or any(_resembles_shape(str(name), names) for name in value):
        return None
    if any(name in _NAMES_OF_CLASS for name in value):
        return None
    if not all(_is_line(one) for one in value.values()):
        return None
    others = next((one for name, one in value.items() if name in _DEFAULTS), None)
    return {str(name): one for name, one in value.items() if name not in _DEFAULTS}, others


def _resembles_shape(name: str, names: ShapeNames) -> bool:
    if advice_for_word(name) is not None:
        return True
    return names.find(name) is not None or name in (*SHAPES, *_OPERATORS) or closest(name, SHAPES) is not None


def _is_line(value: Any) -> bool:
    """Whether a value is a schedule by its form."""
    if isinstance(value, dict):
        return len(value) == 1 and next(iter(value)) in SHAPES
    return (isinstance(value, str) and "(" in value) or (
        isinstance(value, (int, float)) and not isinstance(value, bool)
    )


def line_of_mapping(value: Mapping[Any, Any]) -> str | None:
    """The line that a mapping of another form was meant to be: several names, or a name beside its arguments.

    >>> line_of_mapping({"warmup": 10, "cosine": {"to": 0.2}})
    'warmup(10) >> cosine(to=0.2)'
    >>> line_of_mapping({"type": "StepLR", "step_size": 30, "gamma": 0.5})
    'step(every=30, gamma=0.5)'
    """
    kind = next((key for key in _NAMES_OF_CLASS if isinstance(value.get(key), str)), None)
    if len(value) == 1 and kind is not None and "(" in value[kind]:
        return meant_line(value[kind])
    if kind is None:
        line = " >> ".join(_call(str(name), given) for name, given in value.items())
    else:
        line = _call(value[kind], {key: one for key, one in value.items() if key != kind})
    return meant_line(line) if len(line) <= 400 else None


def _call(name: str, given: Any) -> str:
    if isinstance(given, dict):
        given = given.get("args", given) if set(given) == {"args"} else given
    if isinstance(given, dict):
        return f"{name}({', '.join(f'{key}={_argument(one)}' for key, one in given.items())})"
    several = given if isinstance(given, list) else [] if given is None else [given]
    return f"{name}({', '.join(map(_argument, several))})"


def _argument(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_argument, value))}]"
    if isinstance(value, dict):
        return " >> ".join(_call(str(key), one) for key, one in value.items())
    if isinstance(value, str) and ("(" in value or value in ("previous", "following")):
        return value
    return json.dumps(value) if isinstance(value, str) else repr(value)


def misplaced_groups(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines by groups of a list, `[{name: head, lr: …}]` or `[{head: {lr: …}}]`."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"], {key: line for key, line in one.items() if key not in ("name", "params")}
        elif isinstance(one, dict):
            yield from ((str(name), fields) for name, fields in one.items() if isinstance(fields, dict))
