"""Schedules in files: a line of text, a mapping of one name, a list as a sequence, a number as a constant."""

import inspect
from collections.abc import Callable, Iterable
from functools import reduce
from operator import add, mul
from types import NoneType
from typing import Any, final

from paramsched._calls import build_from_call
from paramsched._number_checks import finite_number
from paramsched._vocabulary import NOWHERE, our_word
from paramsched.config._annotations import (
    ArgumentKind,
    annotated_signature,
    asks_for_function,
    item_annotations,
    kind_of_argument,
    literal_values,
    takes_none,
    union_members,
)
from paramsched.config._plain_data import BadValue, bad_values_in
from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.schedule_text import read_expression, read_schedule_line
from paramsched.config.shape_names import ShapeNames
from paramsched.config.value_words import short_json, type_in_words
from paramsched.curves import CONSTANTS, FAMILIES, Curve, curve_of
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.feedback.base import Guided, MetricRule
from paramsched.near_names import closest, did_you_mean
from paramsched.schedules import Absolute, Schedule
from paramsched.schedules.base import schedule_of
from paramsched.schedules.constant import Constant
from paramsched.schedules.registry import RULES, combine_operands
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.time import Duration

OPERATORS = ("product", "sequence", "sum")
"""Names a mapping has for `*`, `>>` and `+`, which only a line of text can say otherwise."""

MISSING: Any = object()
"""What could not be read; the fault is noted."""

_FORMS = "Write a line of text: cosine(to=0.1), or a mapping: {cosine: {to: 0.1}}"
_A_CURVE = "Write cosine, or {power: 2}"


@final
class ScheduleReader:
    """Reads the values of one config; every fault is noted and stands for `MISSING`."""

    def __init__(self, names: ShapeNames, faults: Faults) -> None:
        self.names, self.faults = names, faults

    # ---------------------------------------------------------------- schedules

    def bound(self, value: Any, path: str) -> Any:
        """What a field follows: a schedule, or a metric rule by itself."""
        match value:
            case BadValue():
                return self.unread(value, path)
            case bool() | None:
                return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, no schedule", _FORMS)
            case int() | float():
                return self.kept(path, lambda: schedule_of(self.number(value), lambda: short_json(value)))
            case str():
                found = read_schedule_line(value, path, self.names, self.faults)
                return MISSING if found is None else found
            case list():
                return self.sequence(value, path)
            case _:
                return self.mapping(value, path)

    def schedule(self, value: Any, path: str) -> Any:
        """A schedule that stands inside another."""
        found = self.bound(value, path)
        if isinstance(found, MetricRule) or (isinstance(found, Schedule) and found.metric_rules):
            return self.fault(
                path,
                f"{found} reacts to a metric, which only a whole schedule can",
                "Write {product: [cosine(), plateau()]}",
            )
        return found

    def sequence(self, values: Any, path: str) -> Any:
        stages = self.several(values, path)
        if stages is MISSING:
            return MISSING
        flat: list[Schedule] = []
        for stage in stages:
            flat += stage.stages if isinstance(stage, Sequence) else (stage,)
        return flat[0] if len(flat) == 1 else Sequence(tuple(flat))

    def several(self, values: Any, path: str, read: Callable[[Any, str], Any] | None = None) -> Any:
        """A list of schedules, at least one."""
        if isinstance(values, BadValue):
            return self.unread(values, path)
        if not isinstance(values, list) or not values:
            return self.fault(
                path, f"{short_json(values)} is no list of schedules", 'Write ["warmup(100)", "cosine()"]'
            )
        found = [(read or self.schedule)(value, child_path(path, index)) for index, value in enumerate(values)]
        return MISSING if any(one is MISSING for one in found) else found

    def mapping(self, value: dict[Any, Any], path: str) -> Any:
        if len(value) != 1:
            keys = ", ".join(map(str, value)) or "nothing"
            return self.fault(path, f"a schedule is a mapping of one name; found {keys[:60]}", _FORMS)
        ((name, given),) = value.items()
        if name in OPERATORS:
            return self.operator(name, given, path)
        if name == "absolute":
            return self.fault(path, "absolute is a level, no schedule", "Write {constant: {value: {absolute: 0.1}}}")
        builder = self.names.find(str(name))
        if builder is None:
            known = [*self.names.everything(), *OPERATORS]
            return self.fault(path, f'"{str(name)[:60]}" is no schedule; {did_you_mean(str(name), known)}', _FORMS)
        found = self.call(str(name), builder, given, path)
        if found is not MISSING and not isinstance(found, (Schedule, MetricRule)):
            return self.fault(path, f"{name} gives a {type(found).__name__}, no schedule", "Return a schedule")
        return found

    def operator(self, name: str, given: Any, path: str) -> Any:
        if name == "sequence":
            return self.sequence(given, path)
        operands = self.several(given, path, self.factor if name == "product" else None)
        if operands is MISSING:
            return MISSING
        if len(operands) > 1 and all(isinstance(one, Schedule) and not one.metric_rules for one in operands):
            return self.kept(path, lambda: combine_operands("products" if name == "product" else "sums", *operands))
        return self.kept(path, lambda: reduce(mul if name == "product" else add, operands))

    def factor(self, value: Any, path: str) -> Any:
        """An operand of a product: a schedule, or a metric rule."""
        found = self.bound(value, path)
        if isinstance(found, Guided) and found.schedule == Constant(1.0, None):
            return reduce(mul, found.guides)  # the line `plateau()` says 1.0 * plateau(), a factor too many here
        return found

    # ---------------------------------------------------------------- calls

    def call(self, name: str, builder: Callable[..., Any], given: Any, path: str) -> Any:
        """What `builder` makes of `{argument: value}`, `[values]` or one value."""
        signature = annotated_signature(builder)
        before = self.faults.count
        bound = inspect.BoundArguments(signature, self.assigned(name, signature, given, path))
        if self.faults.count > before:
            return MISSING
        return self.kept(path, lambda: build_from_call(builder, name, bound.args, bound.kwargs), tuple(bound.arguments))

    def assigned(self, name: str, signature: inspect.Signature, given: Any, path: str) -> dict[str, Any]:
        """Each argument's value by its parameter's name, in the order of the signature."""
        parameters = signature.parameters
        raw: dict[str, Any] = {}
        meant: set[str | None] = set()  # the arguments that others were probably written for
        extra = {key for key, one in parameters.items() if one.kind is one.VAR_KEYWORD}
        if isinstance(given, dict):
            for key, value in given.items():
                if key in parameters and key not in extra:
                    raw[key] = value
                elif extra:
                    raw.setdefault(min(extra), {})[key] = value
                else:
                    near, advice = self.word_for(str(key), parameters, name)
                    meant.add(near)
                    self.fault(child_path(path, key), f'{name} has no argument "{key}"; {advice}', at_key=True)
        elif given is not None:
            raw = self.positional(name, list(parameters.values()), given if isinstance(given, list) else [given], path)
        for key, one in parameters.items():
            required = one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            if required and key not in raw and key not in meant:
                self.fault(path, f'{name} needs the argument "{key}"', f"Write {{{name}: {{{key}: …}}}}")
        return {
            key: self.argument(one, raw[key], child_path(path, key)) for key, one in parameters.items() if key in raw
        }

    def word_for(self, key: str, parameters: Iterable[str], function: str) -> tuple[str | None, str]:
        """The argument that an unknown one probably means, by a peer's word or by its spelling, and the advice."""
        ours = our_word(key, parameters, function)
        if ours is not None:
            return ours, f'here it is "{ours}"'
        if key in NOWHERE:
            return None, NOWHERE[key]
        return closest(key, parameters), did_you_mean(key, parameters)

    def positional(self, name: str, parameters: list[inspect.Parameter], given: list[Any], path: str) -> dict[str, Any]:
        places = [one for one in parameters if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
        raw: dict[str, Any] = {}
        for index, one in enumerate(places):
            if one.kind is one.VAR_POSITIONAL:
                return raw | {one.name: given[index:]}
            if index < len(given):
                raw[one.name] = given[index]
        if len(given) > len(places):
            names = ", ".join(one.name for one in places)
            found = f"{name} takes at most {len(places)} values, {names}; found {len(given)}"
            self.fault(path, found, f"A list goes in brackets of its own, or write {{{name}: {{{places[0].name}: …}}}}")
        return raw

    def argument(self, parameter: inspect.Parameter, value: Any, path: str) -> Any:
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        if parameter.kind is parameter.VAR_POSITIONAL:
            if not isinstance(value, list):
                return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, no list", "Write [ … ]")
            return tuple(self.value(annotation, one, child_path(path, index)) for index, one in enumerate(value))
        if parameter.kind is parameter.VAR_KEYWORD:
            return {key: self.value(annotation, one, path) for key, one in value.items()}
        if value is None and takes_none(parameter):
            return None
        return self.value(annotation, value, path)

    # ---------------------------------------------------------------- values

    def value(self, annotation: Any, value: Any, path: str) -> Any:
        """A value as its annotation asks for it."""
        if isinstance(value, BadValue):
            curve = kind_of_argument(annotation) is ArgumentKind.CURVE
            return self.fault(path, value.found, _A_CURVE if curve else value.instead)
        match kind_of_argument(annotation):
            case ArgumentKind.SCHEDULE:
                return self.schedule(value, path)
            case ArgumentKind.RULE:
                return self.rule(value, path)
            case ArgumentKind.LEVEL:
                return self.level(value, path)
            case ArgumentKind.DURATION:
                return self.length(value, path)
            case ArgumentKind.CURVE:
                return self.curve(value, path)
        return self.other(annotation, value, path)

    def level(self, value: Any, path: str) -> Any:
        """A number, or `{absolute: x}`, or the text `absolute(x)`."""
        instead = "Write a number, a multiple of base, or {absolute: 0.1}"
        match value:
            case bool():
                pass
            case int() | float():
                return self.kept(path, lambda: finite_number("level", self.number(value)))
            case {"absolute": BadValue() as number} if len(value) == 1:
                return self.unread(number, path)
            case {"absolute": number} if len(value) == 1:
                return self.kept(path, lambda: Absolute(self.number(number)))
            case str():
                found = self.expression(value)
                if isinstance(found, Absolute):
                    return found
        return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, no level", instead)

    def length(self, value: Any, path: str, instead: str | None = None) -> Any:
        """A Duration; `instead` is what to write at a place where not every length can stand."""
        usual = instead or 'Write 500 for updates, "10 epochs" or "5%"'
        if isinstance(value, BadValue):
            return self.fault(path, value.found, usual)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, no length", usual)
        if instead is None:
            return self.kept(path, lambda: Duration.of(value))
        try:
            return Duration.of(value)
        except InvalidArgument as refusal:
            return self.fault(path, f"{refusal.asked}: {refusal.found}", instead)

    def curve(self, value: Any, path: str) -> Any:
        """`cosine`, `curves.cosine`, `power(2)`, `{power: 2}`."""
        if isinstance(value, str):
            text = value.strip().removeprefix("curves.")
            if "(" not in text:
                if text in CONSTANTS:
                    return CONSTANTS[text]
                if text not in FAMILIES:
                    known = [*CONSTANTS, *FAMILIES]
                    return self.fault(path, f'"{text[:60]}" is no curve; {did_you_mean(text, known)}')
                return self.kept(path, lambda: curve_of(text))
            found = self.kept(path, lambda: read_expression(value, self.names, prefix="curves."))
            if found is MISSING or isinstance(found, Curve):
                return found
        if isinstance(value, dict) and len(value) == 1:
            ((name, given),) = value.items()
            name = str(name).removeprefix("curves.")
            if name in FAMILIES:
                return self.call(name, FAMILIES[name], given, path)
            if name in CONSTANTS:
                return self.fault(path, f"{name} takes no arguments", f"Write {name}")
            return self.fault(path, f'"{name[:60]}" is no curve; {did_you_mean(name, [*CONSTANTS, *FAMILIES])}')
        return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, no curve", _A_CURVE)

    def rule(self, value: Any, path: str) -> Any:
        """`{rules.linear: {start: 0.1}}`, or the text `rules.linear(0.1)`."""
        if isinstance(value, dict) and len(value) == 1:
            ((name, given),) = value.items()
            name = str(name).removeprefix("rules.")
            if name in RULES:
                return self.call(f"rules.{name}", RULES[name], given, path)
            return self.fault(
                path, f'"{name[:60]}" is no rule; {did_you_mean(name, RULES)}', "Write {rules.linear: {start: 0.1}}"
            )
        if isinstance(value, str):
            found = self.kept(path, lambda: read_expression(value, self.names))
            if found is MISSING or isinstance(found, Rule):
                return found
        return self.fault(
            path, f"{short_json(value)} is {type_in_words(value)}, no rule", "Write rules.linear(0.1, end=5)"
        )

    def other(self, annotation: Any, value: Any, path: str) -> Any:
        """Numbers, text, choices, lists of these; for what a user's own shape asks beyond them pydantic decides."""
        members = [one for one in union_members(annotation) if one is not NoneType]
        lists = any(item_annotations(member) is not None for member in members)
        inner = () if lists and isinstance(value, list) else tuple(bad_values_in(value))
        for one in inner:
            self.unread(one, path)
        if inner:
            return MISSING
        if Any in members or inspect.Parameter.empty in members or object in members:
            return value
        allowed = [choice for member in members for choice in literal_values(member)]
        if any(value == choice and type(value) is type(choice) for choice in allowed):
            return value
        for member in members:
            if _is_of_type(member, value):
                return self.kept(path, lambda: self.number(value)) if member is float else value
        for member in members:
            items = item_annotations(member)
            if items is not None and isinstance(value, list):
                return self.items(items, value, path)
        if allowed:
            text = f"; {did_you_mean(value, map(str, allowed))}" if isinstance(value, str) else ""
            return self.fault(path, f"{short_json(value)} is none of {', '.join(map(short_json, allowed))}{text}")
        words = [word for member in members if (word := _type_asked_for(member))]
        if len(words) == len(members):
            return self.fault(path, f"{short_json(value)} is {type_in_words(value)}, not {' or '.join(words)}")
        return self.foreign(annotation, value, path)

    def items(self, items: tuple[Any, ...], values: list[Any], path: str) -> Any:
        if len(items) == 2 and items[1] is ...:
            return tuple(self.value(items[0], value, child_path(path, index)) for index, value in enumerate(values))
        if len(items) != len(values):
            return self.fault(path, f"{short_json(values)} has {len(values)} items, not {len(items)}")
        pairs = zip(items, values, strict=True)
        return tuple(self.value(item, value, child_path(path, index)) for index, (item, value) in enumerate(pairs))

    def foreign(self, annotation: Any, value: Any, path: str) -> Any:
        """A type only its user knows: pydantic reads it, strictly, as it would from JSON.

        Raises:
            MissingDependency: pydantic is not installed. No shape of this library asks for it.
        """
        import json

        try:
            from pydantic import PydanticUserError, TypeAdapter, ValidationError
        except ModuleNotFoundError:
            raise MissingDependency(f"{path}: an argument of a type of your own", "pydantic", "types") from None

        try:
            return TypeAdapter(annotation).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                place = path
                for key in one["loc"]:
                    place = child_path(place, key)
                self.fault(place, f"{short_json(value)}: {one['msg']}")
        except PydanticUserError:  # no type pydantic knows either: the builder has to judge
            return value
        return MISSING

    # ---------------------------------------------------------------- helpers

    def fault(self, path: str, found: str, instead: str = "", *, at_key: bool = False) -> Any:
        self.faults.add(path, found, instead, at_key=at_key)
        return MISSING

    def unread(self, value: BadValue, path: str) -> Any:
        return self.fault(path, value.found, value.instead)

    def kept(self, path: str, make: Callable[[], Any], arguments: Iterable[str] = ()) -> Any:
        """What `make` gives; what it refuses is noted, at the argument where the message names one."""
        try:
            return make()
        except InvalidArgument as refusal:
            argument = refusal.argument
            place = child_path(path, argument) if argument is not None and argument in arguments else path
            self.faults.refuse(place, refusal)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:  # from a user's own builder
            self.faults.add(path, f"{type(error).__name__}: {error}")
        return MISSING

    def number(self, value: Any) -> float:
        """A number a float can hold; booleans and text are left to be refused."""
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
            raise InvalidArgument(
                f"a number of {len(str(abs(value)))} digits", "larger than any float", "Write 0.1, say"
            )
        return value  # type: ignore[no-any-return]  # whatever it is, the caller judges

    def expression(self, text: str) -> Any:
        try:
            return read_expression(text, self.names)
        except (InvalidArgument, TypeError, ArithmeticError):
            return MISSING


def _is_of_type(member: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return member is bool
    if member is float:
        return isinstance(value, (int, float))
    if member is int:
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return member is str and isinstance(value, str)


def _type_asked_for(member: Any) -> str:
    plain = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
    if member in plain:
        return plain[member]
    if item_annotations(member) is not None:
        return "a list"
    return "the name of a registered function" if asks_for_function(member) else ""
