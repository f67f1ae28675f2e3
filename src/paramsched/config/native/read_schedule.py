"""Schedules in files: a line of text, a mapping of one name, a list as a sequence, a number as a constant."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import reduce
from operator import add, mul
from types import NoneType
from typing import Any, final

from paramsched.advice.calls import build_from_call
from paramsched.advice.number_checks import finite_number, meant_number
from paramsched.advice.peer_words import advice_for_name, advice_for_peer
from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import certain_name, closest, did_you_mean
from paramsched.config.diagnostic_collector import (
    BadValue,
    DiagnosticCollector,
    bad_values_in,
    plain_json,
    short_json,
)
from paramsched.config.native.assign_arguments import (
    MISSING,
    ArgumentAssignment,
    annotated_signature,
    asks_for_array,
    is_of_type,
    item_annotations,
    kind_of_argument,
    literal_values,
    takes_none,
    type_asked_for,
    union_members,
    within_float,
)
from paramsched.config.schedule_text import ShapeNames, read_expression, read_schedule_text
from paramsched.curves import CONSTANTS, FAMILIES, curve_of, unknown_curve
from paramsched.errors import InvalidArgument
from paramsched.feedback.base import Guided, MetricRule
from paramsched.schedules import Absolute, Schedule, absolute, constant, meant_line
from paramsched.schedules.affine import AffineLevel, NeighborLevel, is_first_share
from paramsched.schedules.leaves import Constant, line_of, schedule_of
from paramsched.schedules.registry import RULES, combine_operands
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.time import Duration

OPERATORS = ("product", "sequence", "sum")
"""Names in mappings for `*`, `>>` and `+`, which otherwise only schedule text can express."""

WITH_A_NUMBER = ("power", "quotient")
"""Names in mappings for `**` and `/`, with a schedule and a number."""

_OTHER_OPERATORS = {"seq": "sequence", "mul": "product", "add": "sum"}
_FORMS = "Write cosine(to=0.1)"
_NAME_OF_A_CLASS = ("type", "_target_", "class_name", "name", "scheduler")  # keys for class names elsewhere
NAMES_OF_CLASS = (*_NAME_OF_A_CLASS, "schedule", "kind", "shape")
_A_CURVE = "Write cosine, or {power: 2}"


@final
class ScheduleReader:
    """A reader of the values in one config. An invalid value adds a diagnostic and becomes `MISSING`."""

    def __init__(self, names: ShapeNames, diagnostics: DiagnosticCollector) -> None:
        self.names, self.diagnostics = names, diagnostics

    def read_line(self, value: Any, path: str) -> Any:
        """Read the schedule of a field or a target."""
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], (int, float)):
            value = value[0]
        return self.read_followed(value, path, line_of)

    def read_followed(self, value: Any, path: str, convert: Callable[..., Schedule] = schedule_of) -> Any:
        """Read a schedule, or a metric rule without a schedule. `convert` is for a number alone."""
        match value:
            case str():
                is_line = convert is line_of
                found = read_schedule_text(value, path, self.names, self.diagnostics, is_line=is_line)
                return MISSING if found is None else found
            case BadValue():
                return self.note_bad_value(value, path)
            case bool() | None:
                return self.note_wrong_type(value, path, "a schedule", _FORMS)
            case int() | float():
                return self.try_or_note(path, lambda: convert(within_float(value), lambda: short_json(value)))
            case list():
                return self.read_sequence(value, path)
            case _:
                return self.read_mapping(value, path)

    def read_schedule(self, value: Any, path: str) -> Any:
        """Read a schedule inside another schedule."""
        found = self.read_followed(value, path)
        if isinstance(found, MetricRule) or (isinstance(found, Schedule) and found.metric_rules):
            reacts = f"{found} reacts to a metric; only the entire schedule of a field can do that"
            return self.note_fault(path, reacts, "Write {product: [cosine(), plateau()]}")
        return found

    def read_sequence(self, values: Any, path: str) -> Any:
        """Read a list as a sequence; nested sequences are flattened, as with `>>`."""
        stages = self.read_several(values, path)
        if stages is MISSING:
            return MISSING
        flat: list[Schedule] = []
        for stage in stages:
            flat += stage.stages if isinstance(stage, Sequence) else (stage,)
        return flat[0] if len(flat) == 1 else Sequence(tuple(flat))

    def read_several(self, values: Any, path: str, read: Callable[[Any, str], Any] | None = None) -> Any:
        """Read a list of schedules, which must not be empty."""
        if isinstance(values, BadValue):
            return self.note_bad_value(values, path)
        if not isinstance(values, list) or not values:
            found = f"expected a list of schedules, got {short_json(values)}"
            return self.note_fault(path, found, 'Write ["warmup(100)", "cosine()"]')
        several = self.read_each(values, path, read or self.read_schedule)
        return MISSING if any(one is MISSING for one in several) else several

    def read_each(self, values: Iterable[Any], path: str, read: Callable[[Any, str], Any]) -> tuple[Any, ...]:
        """Read each entry of a list, with its path."""
        return tuple(read(value, child_path(path, index)) for index, value in enumerate(values))

    def read_mapping(self, value: dict[Any, Any], path: str) -> Any:
        """Read `{name: …}`: an operator with its operands, or a shape with its arguments."""
        builder = self.names.find(str(next(iter(value)))) if len(value) == 1 else None
        known = builder is not None or any(name in (*OPERATORS, *WITH_A_NUMBER, "absolute") for name in value)
        meant = _line_of_mapping(plain_json(value)) if value and not known else None
        if len(value) != 1:
            if peer := next(filter(None, (advice_for_peer(str(value.get(key, ""))) for key in _NAME_OF_A_CLASS)), None):
                return self.note_mapping(path, peer[0], meant, f"For example: {peer[1]}", code=UNKNOWN_NAME)
            keys = ", ".join(map(str, value)) or "nothing"
            return self.note_mapping(path, f"a schedule is a mapping of one name; found {keys[:60]}", meant, _FORMS)
        ((name, given),) = value.items()
        if name in OPERATORS:
            return self.read_operator(name, given, path)
        if name in WITH_A_NUMBER:
            return self.read_with_number(name, given, path)
        if name == "absolute":
            return self.read_absolute(given, path)
        if builder is None:
            if peer := advice_for_name(str(name)):
                line = None if "-" in str(name) else meant
                return self.note_mapping(path, peer[0], line, f"For example: {peer[1]}", code=UNKNOWN_NAME)
            names = [*self.names.everything(), *OPERATORS, *WITH_A_NUMBER]
            near = _OTHER_OPERATORS.get(str(name), closest(str(name), names))
            if meant and near is not None and not meant.startswith(near):
                return self.note_mapping(path, f'unknown schedule "{str(name)[:60]}"', meant, "", code=UNKNOWN_NAME)
            found = f'unknown schedule "{str(name)[:60]}"; '
            found += did_you_mean(str(name), names) if near is None else f'did you mean "{near}"?'
            is_certain = near is not None and near in (certain_name(str(name), names), _OTHER_OPERATORS.get(str(name)))
            replace = (str(name), near) if near and is_certain else None
            instead = f"Write {meant}" if meant else "" if near else _FORMS
            return self.note_fault(path, found, instead, code=UNKNOWN_NAME, replace=replace)
        found = self.read_call(str(name), builder, given, path, lambda: _line_of_mapping(plain_json(value)))
        if found is not MISSING and not isinstance(found, (Schedule, MetricRule)):
            return self.note_fault(
                path, f"expected a schedule from {name}, got {type(found).__name__}", "Return a schedule"
            )
        return found

    def read_absolute(self, given: Any, path: str) -> Any:
        """Read `{absolute: 0.1}` or `{absolute: "linear(0.85, 0.95)"}` where a schedule is expected."""
        if isinstance(given, list) and len(given) == 1:  # its only argument, as in the mapping of any other shape
            given = given[0]
        inner = self.read_followed(given, child_path(path, "absolute"))
        if inner is MISSING:
            return MISSING
        if isinstance(given, (int, float)):
            return constant(Absolute(given))
        return self.try_or_note(path, lambda: absolute(inner))

    def note_mapping(self, path: str, found: str, meant: str | None, example: str, *, code: str = REFUSED_VALUE) -> Any:
        """Report a mapping that is not a schedule, with the entry that was probably intended."""
        key = path.rpartition(".")[2]
        entry = (key, meant) if meant and key.isidentifier() else None
        instead = f"Write {meant}" if meant else example
        self.diagnostics.add(path, found, "" if entry else instead, at_key=entry is not None, code=code, entry=entry)
        return MISSING

    def read_operator(self, name: str, given: Any, path: str) -> Any:
        """Read `{product: […]}`, `{sum: […]}` or `{sequence: […]}`."""
        if name == "sequence":
            return self.read_sequence(given, path)
        operands = self.read_several(given, path, self.read_factor if name == "product" else None)
        if operands is MISSING:
            return MISSING
        if len(operands) > 1 and all(isinstance(one, Schedule) and not one.metric_rules for one in operands):
            return self.try_or_note(path, lambda: combine_operands(name, *operands))
        return self.try_or_note(path, lambda: reduce(mul if name == "product" else add, operands))

    def read_with_number(self, name: str, given: Any, path: str) -> Any:
        """Read `{power: [cosine(), 2]}` or `{quotient: [cosine(), 2]}`."""
        if not isinstance(given, list) or len(given) != 2:
            found = f"expected a list of a schedule and a number, got {short_json(given)}"
            return self.note_fault(path, found, f'Write {{{name}: ["cosine()", 2]}}')
        schedule = self.read_schedule(given[0], child_path(path, 0))
        number = self.read_value(float, given[1], child_path(path, 1))
        if schedule is MISSING or number is MISSING:
            return MISSING
        return self.try_or_note(path, lambda: combine_operands(name, schedule, number))

    def read_factor(self, value: Any, path: str) -> Any:
        """Read an operand of a product: a schedule or a metric rule."""
        found = self.read_followed(value, path)
        if isinstance(found, Guided) and found.schedule == Constant(1.0, None):
            return reduce(mul, found.guides)  # the text `plateau()` means 1.0 * plateau()
        return found

    def read_call(
        self,
        name: str,
        builder: Callable[..., Any],
        given: Any,
        path: str,
        meant_line: Callable[[], str | None] = lambda: None,
    ) -> Any:
        """Call `builder` with `{argument: value}`, `[values]` or one value."""
        signature = annotated_signature(builder)
        before = self.diagnostics.count
        raw = ArgumentAssignment(name, signature.parameters, path, self.diagnostics, meant_line).of_given(given)
        read = {
            key: self.read_argument(one, raw[key], child_path(path, key))
            for key, one in signature.parameters.items()
            if key in raw
        }
        if self.diagnostics.count > before:
            return MISSING
        bound = inspect.BoundArguments(signature, read)
        return self.try_or_note(path, lambda: build_from_call(builder, name, bound.args, bound.kwargs), tuple(read))

    def read_argument(self, parameter: inspect.Parameter, value: Any, path: str) -> Any:
        """Read the value of one parameter by its annotation: one value, a list, or null if allowed."""
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        if parameter.kind is parameter.VAR_POSITIONAL:
            if isinstance(value, BadValue):
                return self.note_bad_value(value, path)
            if not isinstance(value, list):
                return self.note_wrong_type(value, path, "a list", "Write [ … ]")
            return self.read_each(value, path, lambda one, place: self.read_value(annotation, one, place))
        if parameter.kind is parameter.VAR_KEYWORD:
            return {key: self.read_value(annotation, one, path) for key, one in value.items()}
        if value is None and takes_none(parameter):
            return None
        return self.read_value(annotation, value, path)

    def read_value(self, annotation: Any, value: Any, path: str) -> Any:
        """Read a value by its annotation."""
        kind = kind_of_argument(annotation)
        if isinstance(value, BadValue):
            return self.note_fault(path, value.found, _A_CURVE if kind == "curve" else value.instead)
        match kind:
            case "schedule":
                return self.read_schedule(value, path)
            case "rule":
                return self.read_rule(value, path)
            case "level":
                return self.read_level(value, path)
            case "length":
                return self.read_length(value, path)
            case "curve":
                return self.read_curve(value, path)
        return self.read_plain(annotation, value, path)

    def read_level(self, value: Any, path: str) -> Any:
        """Read a number, `{absolute: x}`, or text such as `absolute(x)`, `0.5 + absolute(x)` or `previous`."""
        instead = "Write 0.1"
        if isinstance(value, dict) and len(value) == 1 and certain_name(str(next(iter(value))), ["absolute"]):
            instead = f"Write {{absolute: {meant_number(next(iter(value.values())))}}}"
        match value:
            case bool():
                pass
            case int() | float():
                return self.try_or_note(path, lambda: finite_number("level", within_float(value)))
            case {"absolute": BadValue() as number} if len(value) == 1:
                return self.note_bad_value(number, path)
            case {"absolute": number} if len(value) == 1:
                return self.try_or_note(path, lambda: Absolute(within_float(number)))
            case str():
                with suppress(InvalidArgument, TypeError, ArithmeticError):  # it is not a level in this case
                    found = read_expression(value, self.names)
                    if isinstance(found, (Absolute, AffineLevel, NeighborLevel)):
                        return found
                words = {"next": "following", "prev": "previous", "last": "previous"}
                word = words.get(value.strip().lower(), certain_name(value.strip(), ("previous", "following")))
                instead = f"Write {word or meant_number(value)}"
                if is_first_share(value):
                    instead = 'To begin at 1/n leave it out, and write index: "(t+1)/n"'
        return self.note_wrong_type(value, path, "a level", instead)

    def read_length(self, value: Any, path: str, instead: Callable[[], str] | None = None) -> Any:
        """Read a Duration. `instead` makes the advice of all errors, for a field that accepts only some lengths."""
        if isinstance(value, BadValue):
            return self.note_fault(path, value.found, instead() if instead else "Write 5%")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return self.note_wrong_type(value, path, "a length", instead() if instead else "Write 5%")
        if instead is None:
            return self.try_or_note(path, lambda: Duration.of(value))
        try:
            return Duration.of(value)
        except InvalidArgument as refusal:
            return self.note_fault(path, refusal.problem, instead(), code=refusal.code, replace=refusal.replace)

    def read_curve(self, value: Any, path: str) -> Any:
        """Read `cosine`, `curves.cosine`, `power(2)` or `{power: 2}`."""
        if isinstance(value, str):
            name = value.strip().removeprefix("curves.")
            if name in CONSTANTS or name in FAMILIES:
                return self.try_or_note(path, lambda: curve_of(name))  # its error shows the required arguments
            if "(" not in name:
                return self.note_unknown_curve(name, path)
            return self.try_or_note(path, lambda: read_expression(value, self.names, prefix="curves."))
        if isinstance(value, dict) and len(value) == 1:
            ((key, given),) = value.items()
            name = str(key).removeprefix("curves.")
            if name in FAMILIES:
                return self.read_call(name, FAMILIES[name], given, path)
            if name in CONSTANTS:
                return self.note_fault(path, f"{name} takes no arguments", f"Write {name}")
            return self.note_unknown_curve(name, path)
        return self.note_wrong_type(value, path, "a curve", _A_CURVE)

    def read_rule(self, value: Any, path: str) -> Any:
        """Read `{rules.linear: {start: 0.1}}`, or the text `rules.linear(0.1)`."""
        if isinstance(value, dict) and len(value) == 1:
            ((key, given),) = value.items()
            name = str(key).removeprefix("rules.")
            if name in RULES:
                return self.read_call(f"rules.{name}", RULES[name], given, path)
            found = f'unknown rule "{name[:60]}"; {did_you_mean(name, RULES)}'
            return self.note_fault(path, found, "Write {rules.linear: {start: 0.1}}", code=UNKNOWN_NAME)
        if isinstance(value, str):
            rule = self.try_or_note(path, lambda: read_expression(value, self.names))
            if rule is MISSING or isinstance(rule, Rule):
                return rule
        return self.note_wrong_type(value, path, "a rule", "Write rules.linear(0.1, end=5)")

    def read_plain(self, annotation: Any, value: Any, path: str) -> Any:
        """Read numbers, text, choices and lists. The value of another type is returned as it is."""
        members = [one for one in union_members(annotation) if one is not NoneType]
        lists = [items for member in members if (items := item_annotations(member)) is not None]
        bad = () if lists and isinstance(value, list) else tuple(bad_values_in(value))
        for one in bad:
            self.note_bad_value(one, path)
        if bad:
            return MISSING
        if Any in members or inspect.Parameter.empty in members or object in members:
            return value
        allowed = [choice for member in members for choice in literal_values(member)]
        if any(value == choice and type(value) is type(choice) for choice in allowed):
            return value
        for member in members:
            if is_of_type(member, value):
                return self.try_or_note(path, lambda: within_float(value)) if member is float else value
        if lists and isinstance(value, list):
            return self.read_items(lists[0], value, path)
        if allowed:
            near = f"; {did_you_mean(value, map(str, allowed))}" if isinstance(value, str) else ""
            return self.note_fault(
                path, f"expected one of {', '.join(map(short_json, allowed))}, got {short_json(value)}{near}"
            )
        written = [member for member in members if not asks_for_array(member)]
        words = [word for member in written if (word := type_asked_for(member))]
        if words and len(words) == len(written):
            instead = ""
            if (lists and isinstance(value, (int, float))) or (
                lists and isinstance(value, str) and re.fullmatch(r"[\d.]+(, ?[\d.]+)*", value)
            ):
                instead = f"Write [{value}]"
            elif float in members or int in members:
                whole = float not in members
                instead = f"Write {max(1, round(meant_number(value))) if whole else meant_number(value)}"
            return self.note_wrong_type(value, path, " or ".join(dict.fromkeys(words)), instead)
        return value  # of a type that the shape has to check

    def read_items(self, items: tuple[Any, ...], values: list[Any], path: str) -> Any:
        """Read a list whose annotation has one type for each item, or one type for all items."""
        if len(items) == 2 and items[1] is ...:
            return self.read_each(values, path, lambda value, place: self.read_value(items[0], value, place))
        if len(items) != len(values):
            return self.note_fault(path, f"{short_json(values)} has {len(values)} items, not {len(items)}")
        pairs = zip(items, values, strict=True)
        return self.read_each(pairs, path, lambda pair, place: self.read_value(pair[0], pair[1], place))

    def note_fault(
        self,
        path: str,
        found: str,
        instead: str = "",
        *,
        code: str = REFUSED_VALUE,
        replace: tuple[str, str] | None = None,
    ) -> Any:
        """Add a diagnostic and return MISSING."""
        self.diagnostics.add(path, found, instead, code=code, replace=replace)
        return MISSING

    def note_wrong_type(self, value: Any, path: str, wanted: str, instead: str = "") -> Any:
        """Report a value of the wrong type."""
        found = f"expected {wanted}, got {short_json(value)}"
        return self.note_fault(path, found, instead, code=WRONG_TYPE)

    def note_unknown_curve(self, name: str, path: str) -> Any:
        """Report an unknown curve and suggest the closest one."""
        meant = certain_name(name[:60], [*CONSTANTS, *FAMILIES])
        replace = (name, meant) if meant else None
        found, write, is_example = unknown_curve(name[:60])
        advice = f"{'For example:' if is_example else 'Write'} {write}"
        return self.note_fault(path, found, advice, code=UNKNOWN_NAME, replace=replace)

    def note_bad_value(self, value: BadValue, path: str) -> Any:
        """Report a value that a config cannot contain."""
        return self.note_fault(path, value.found, value.instead)

    def try_or_note(self, path: str, make: Callable[[], Any], arguments: Iterable[str] = ()) -> Any:
        """Return the result of `make`. If it fails, report the error at its argument and return MISSING."""
        try:
            return make()
        except InvalidArgument as refusal:
            argument = refusal.argument
            place = child_path(path, argument) if argument is not None and argument in arguments else path
            self.diagnostics.refuse(place, refusal)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:  # from a builder of the user
            self.diagnostics.add(path, f"{type(error).__name__}: {error}", code=REFUSED_VALUE)
        return MISSING


def _line_of_mapping(value: Mapping[Any, Any]) -> str | None:
    """Return the text that a mapping in another form probably means; None if it is unclear.

    >>> _line_of_mapping({"warmup": 10, "cosine": {"to": 0.2}})
    'warmup(10) >> cosine(to=0.2)'
    >>> _line_of_mapping({"type": "StepLR", "step_size": 30, "gamma": 0.5})
    'step(30, 0.5)'
    """
    kind = next((key for key in NAMES_OF_CLASS if isinstance(value.get(key), str)), None)
    if len(value) == 1 and kind is not None and "(" in value[kind]:
        return meant_line(value[kind])
    if kind is None:
        line = " >> ".join(_meant_call(str(name), given) for name, given in value.items())
    else:
        line = _meant_call(value[kind], {key: one for key, one in value.items() if key != kind})
    return meant_line(line) if len(line) <= 400 else None


def _meant_call(name: str, given: Any) -> str:
    if isinstance(given, dict):
        given = given.get("args", given) if set(given) == {"args"} else given
    if isinstance(given, dict):
        return f"{name}({', '.join(f'{key}={_meant_argument(one)}' for key, one in given.items())})"
    several = given if isinstance(given, list) else [] if given is None else [given]
    return f"{name}({', '.join(map(_meant_argument, several))})"


def _meant_argument(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_meant_argument, value))}]"
    if isinstance(value, dict):
        return " >> ".join(_meant_call(str(key), one) for key, one in value.items())
    if isinstance(value, str) and ("(" in value or value in ("previous", "following")):
        return value
    return json.dumps(value) if isinstance(value, str) else repr(value)
