"""Registration of builders by name, and errors that suggest a corrected call."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from types import FunctionType, MethodType
from typing import Any, ParamSpec, TypeVar, cast, final, get_args, get_origin

from paramsched.core.advice.number_checks import meant_number
from paramsched.core.advice.peer_calls import line_of_own_call
from paramsched.core.advice.peer_words import (
    ABSOLUTE,
    DROPPED,
    LENGTHS_OF_RUN,
    has_same_value,
    instead_of,
    is_share_of_run,
    is_total,
    is_warmup_length,
    line_in_code,
    meant_argument,
    own_name,
    unit_of_length,
    warmup_text,
    with_other_names,
)
from paramsched.core.base.entries import load_entry
from paramsched.core.base.near_names import did_you_mean, shortened_text
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown

_LONGEST = 120  # characters of a call that is written for the user

_Builder = TypeVar("_Builder", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)
_Parameters = ParamSpec("_Parameters")
_Built = TypeVar("_Built")


def explain_wrong_keywords(
    function: _Builder, name: str = "", *, builder: Callable[..., Any] | None = None, values: bool = False
) -> _Builder:
    """Wrap a function so that wrong arguments raise an error that suggests the corrected call.

    The wrapper keeps the signature, the type and the documentation. It adds 0.1 µs to a call.

    Args:
        function: the function to wrap.
        name: the name in messages; by default the function's name after `ps.`.
        builder: the class, if `function` is the `__init__` of a class.
        values: True if errors about wrong values must show the call of this function instead of a call inside it.
    """
    called, refuse, known = name or f"ps.{function.__name__}", refused_call, InvalidArgument
    selves = int(cast(Any, function).__code__.co_varnames[:1] == ("self",))
    site = builder or (MethodType(function, function) if selves else function)  # a bound method has no `self`

    explain = _with_call if selves else _explained

    def call(*positional: Any, **named: Any) -> Any:
        """Call the function. Errors about its arguments show this call."""
        unknown: InvalidArgument | None
        try:
            return function(*positional, **named)
        except known as refusal:
            if not values:
                raise
            unknown = explain(refusal, site, called, positional[selves:], named)
        except TypeError:
            unknown = refuse(site, called, positional[selves:], named)
            if unknown is None:
                raise
            if values and not selves:
                unknown = explain(unknown, site, called, positional, named)
        raise unknown

    # The wrapper gets the globals of the function, because doctest uses them to find the module of an example.
    here = cast(Any, call)
    same = FunctionType(here.__code__, function.__globals__, function.__name__, None, here.__closure__)
    return cast(_Builder, wraps(function)(same))


def _explained(
    error: InvalidArgument, builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument:
    """Return the error of a call of a registered function, as the reader of schedules explains it."""
    explained: InvalidArgument = load_entry("packages", "calls").explained(error, builder, name, positional, named)
    return explained


def explain_wrong_keywords_of(name: str = "", *, values: bool = False) -> Callable[[_Class], _Class]:
    """Return a class decorator that applies `explain_wrong_keywords` to the constructor."""

    def explained(made: _Class) -> _Class:
        init: Any = made.__init__  # type: ignore[misc]  # the class has no subclasses
        made.__init__ = explain_wrong_keywords(init, name or made.__name__, builder=made, values=values)  # type: ignore[misc]
        return made

    return explained


def build_from_call(builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]) -> Any:
    """Call a builder with arguments from a text or a config. Convert any error into an InvalidArgument."""
    positional = list(positional)
    try:
        return builder(*positional, **named)
    except InvalidArgument:
        raise
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        refusal = refused_call(builder, name, positional, named)
        raise refusal or InvalidArgument(f"{name}(…)", str(error)) from None


def refused_call(
    builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidCall | None:
    """Return the error for arguments that do not match the signature of `builder`; None if they match."""
    signature, positional = inspect.signature(builder), list(positional)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        return _MeantCall(signature.parameters, name, positional, named).refusal(builder, str(error))
    return None


def _with_call(
    refusal: InvalidArgument,
    builder: Callable[..., Any],
    name: str,
    positional: Iterable[Any],
    named: Mapping[str, Any],
    attempts: int = 3,
) -> InvalidArgument:
    """Return the error with the call that the user wrote, not a call inside it: `cosine(to=…)`, not `anneal(to=…)`.

    The suggested call is tried first, because its arguments may contradict each other. If it fails, the advice of that
    failure replaces the suggestion. If there is no such advice, an example is suggested.

    Args:
        attempts: the number of further suggestions that may be tried.
    """
    signature = inspect.signature(builder)
    parameters = signature.parameters
    given = signature.bind_partial(*positional, **named).arguments
    refused = refusal.call
    # Texts are compared, because comparing arrays does not return a single bool.
    same = [key for key, one in given.items() if refusal.refused is not None and shown(one) == shown(refusal.refused)]
    if len(same) == 1 and type(given[same[0]]) is type(refusal.refused):
        site = refused or CallSite("", "", shown(refusal.refused))
        refused = replace(site, argument=same[0])
    if refused is None or (argument := refused.argument) not in parameters:
        return refusal
    refusal = refusal.changed(site=replace(refused, call=name))
    if refusal.sample is None:
        return refusal
    wrong, default, sample = given.get(argument), parameters[argument].default, refusal.sample
    has_number = isinstance(wrong, (float, str)) and any(map(str.isdigit, str(wrong)))
    unknown = sample == "100%" or (sample == "5%" and not has_number)
    if unknown or (sample == 0.1 and math.isnan(meant_number(wrong, math.nan))):  # the intended value is unclear
        general = 1000 if unknown else 0.1
        sample = general if default in (None, inspect.Parameter.empty) else default
    own = argument in given or default is None  # False if the builder set the argument itself
    if "curve" in parameters and "curve" not in given and type(wrong).__module__.startswith("paramsched.core.curves"):
        del given[argument]
        argument, sample = "curve", wrong
    values = {key: _as_share(parameters[key], value) for key, value in {**given, argument: sample}.items()}
    texts = {key: _value_text(value, key, "") for key, value in values.items()}
    line = f"{name}({', '.join(f'{key}={text}' for key, text in texts.items())})"
    named_all = all(one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters.values())
    known = own and named_all and len(line) <= _LONGEST and "" not in texts.values() and not refused.entry
    write = line if known else ""
    if known:
        try:
            builder(**values)
        except InvalidArgument as other:
            again = _with_call(other, builder, name, (), values, attempts - 1) if attempts else other
            write = again.write if again.write.startswith(f"{name}(") and not again.is_example else ""
        except Exception:  # noqa: BLE001  # a function of the user may raise anything
            write = ""
    return refusal.changed(write=write or example_call(builder, name), is_example=not write)


_HORIZON = ", horizon=100"
"""The horizon of a plan that is an example. A call with a `total` does not need it."""

_CODE = ("ps.", "plan.", "planned", "scheduler.")
"""The starts of names of functions and methods that are called in Python only, not in the text of a schedule."""

_STRING = re.compile('("[^"]*")')

_EXAMPLES = {
    "at": '"50%"',
    "base": '{"lr": 0.1}',
    "calendar": "ps.Calendar(total=100)",
    "field": '"lr"',
    "groups": '"head"',
    "initial": "1.0",
    "optimizer": "optimizer",
    "over": '"10%"',
    "plan": f'ps.Plan(lr="cosine()"{_HORIZON})',
    "schedule": '"cosine()"',
    "t": "0",
}
"""Example values of missing required arguments."""

_EXAMPLES_OF_CLASS = {"at": "6.0", "over": "100", "schedule": "cosine()"}  # of arguments that do not accept text

_FACTS = ("total", "steps_per_epoch", "batches_per_epoch", "accumulation", "batch_size", "tokens_per_step",
          "seconds_per_step", "sequence_length", "frames_per_step", "deadline", "untimed_updates")  # fmt: skip
_FACT_OF_UNIT = {
    "epochs": ("steps_per_epoch", "100"),
    "tokens": ("tokens_per_step", "4096"),
    "samples": ("batch_size", "32"),
}
_OF_ONE_CURVE = ("linear", "cosine")
_STAGES = ("cosine", "linear", "polynomial", "exponential", "constant", "anneal", "inverse_sqrt", "step", "multistep")


@final
class _MeantCall:
    """The call that the user probably intended, for a call with unknown or missing arguments."""

    def __init__(
        self, parameters: Mapping[str, inspect.Parameter], name: str, positional: list[Any], named: Mapping[str, Any]
    ) -> None:
        self.parameters, self.name, self.named = parameters, name, named
        self.meant: dict[str, str | None] = {}  # the known name for each unknown argument
        self.renamed = set[str]()  # the unknown arguments whose value stays the same with the known name
        self.prefix, self.facts, self.written, self.in_order = "", dict[str, str](), dict[str, str](), list[str]()
        self.complete = True  # False if an argument does not appear in the corrected call
        self.is_example = False  # True if the corrected call has values that the user did not write
        first = next(iter(parameters.values()), None)
        if first is not None and takes_list(first) and len(positional) > 1 and _are_plain(positional):
            # The brackets around a list of lengths may be missing. For a list of pairs, the intended call is unclear.
            positional = positional if get_origin(get_args(first.annotation)[0]) is tuple else [positional]
        if first is not None and first.kind is first.VAR_POSITIONAL:
            self.in_order = [_value_text(value, "", name) for value in positional]
        else:
            places = [
                key
                for key, one in parameters.items()
                if one.kind is not one.VAR_KEYWORD and (key not in named or one.kind is not one.KEYWORD_ONLY)
            ]
            self.complete = len(positional) <= len(places)
            for key, value in zip(places, positional, strict=False):
                text = _value_text(_as_share(parameters[key], value), key, name)
                if parameters[key].kind is inspect.Parameter.KEYWORD_ONLY:
                    self.written[key] = text
                else:
                    self.in_order.append(text)
        placed = [*parameters][: len(self.in_order)]
        others = next((one for one in parameters.values() if one.kind is one.VAR_KEYWORD), None)
        for key, value in named.items():
            if (parameter := parameters.get(key, others)) and parameter.kind is not parameter.VAR_POSITIONAL:
                self.written[key] = _value_text(_as_share(parameter, value), key, name)
            else:
                self._translate(key, value, {*parameters} - {*placed, *self.written})
        if self.prefix and (total := next(filter(is_total, named), None)) and "over" in self.written:
            self.written["over"] = f'"until {named[total]} steps"'
        self._add_facts()
        self.missing = [
            key
            for key, one in parameters.items()
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            if key not in placed and key not in self.written
        ]
        self.is_example |= bool(self.missing)
        for key in self.missing:
            only_class = isinstance(parameters[key].annotation, type)  # no text
            example = _EXAMPLES_OF_CLASS.get(key) if only_class else None
            key_of_example = "base" if (name, key) == ("ps.trace", "optimizer") else key
            self.written[key] = example or _EXAMPLES.get(key_of_example, "")
        if "total" in self.written and "plan" in self.written:
            self.written["plan"] = self.written["plan"].replace(_HORIZON, "")
        if "curve" in self.named and name in _OF_ONE_CURVE:  # anneal takes any curve
            self.in_order, self.written, placed = (
                [],
                {**dict(zip(placed, self.in_order, strict=True)), **self.written},
                [],
            )
            self.meant["curve"], self.written["curve"] = None, _value_text(named["curve"], "curve", name)
            self.complete, name = True, "anneal"
        texts = [*self.in_order, *(f"{key}={text}" for key, text in self.written.items())]
        self.line = f"{self.prefix}{name}({', '.join(texts)})"
        self.complete &= "" not in (*self.in_order, *self.written.values()) and len(self.line) <= _LONGEST
        given = {**dict(zip(parameters, positional, strict=False)), **named}
        if (line := line_of_own_call(name, given, parameters)) is not None:
            self.line, self.complete = line, bool(line)

    def _translate(self, key: str, value: Any, free: set[str]) -> None:
        """Add an unknown argument to the corrected call as the matching parameter; omit it if there is none."""
        text, word = _value_text(value, key, self.name), meant_argument(key, self.parameters, self.name)
        total = next((one for one in ("total", "horizon") if one in self.parameters), None)
        facts = "calendar" in self.parameters and not total
        lengths = [one for one, known in self.parameters.items() if "Duration" in str(known.annotation)]
        length = word if word in lengths else next((one for one in lengths if one in free), None)
        is_field = key in ("lr", "weight_decay", "momentum")
        self.meant[key] = word
        if self.name == "Binding" and {"field", "schedule"} <= free and is_field:
            self.meant[key] = "field"
            self.written |= {"field": repr(key), "schedule": text}
        elif is_warmup_length(key) and self.name in _STAGES and word in (None, "start"):
            self.meant[key], self.prefix = None, f"warmup({warmup_text(key, value)}) >> "
        elif is_field and "plan" in free:  # Scheduler(optimizer, lr="cosine()")
            self.meant[key], self.written["plan"] = None, f"ps.Plan({key}={text}{_HORIZON})"
            self.is_example = True
        elif is_field and "optimizer" in free:
            self.meant[key], self.written["optimizer"] = "optimizer", f"{{{key!r}: {text}}}"
        elif key in LENGTHS_OF_RUN and (total or facts) and isinstance(value, (int, float)):
            unit, ours = LENGTHS_OF_RUN[key], total or "total"
            self.meant[key] = ours
            (self.facts if facts else self.written)[ours] = f'"{value} {unit}"' if unit else text
        elif key == "until" and "over" in free:
            self.meant[key], self.written["over"] = "over", f'"until {value}{" steps" * isinstance(value, int)}"'
        elif is_share_of_run(key, value) and "over" in free:
            self.meant[key], self.written["over"] = "over", repr(f"{value * 100:.12g}%")
        elif length and isinstance(value, int) and (unit := unit_of_length(key)):
            self.meant[key], self.written[length] = length, f'"{value} {unit}"'
        elif word in free:
            given, parameter = _as_share(self.parameters[word], value), self.parameters[word]
            text = _value_text(given, word, self.name)
            self.written[word] = f"absolute({text})" if is_rate(key, parameter, value) else text
            if given is value and self.written[word] == text and has_same_value(key, word):
                self.renamed.add(key)
        elif facts and (known := meant_argument(key, _FACTS)) is not None:
            self.meant[key], self.facts[known] = known, text
        elif key not in DROPPED:
            self.complete = False

    def _add_facts(self) -> None:
        """Add a Calendar with the run facts to the corrected call, and the fact that the unit of `total` requires."""
        into = self.facts or self.written
        for unit, (fact, example) in _FACT_OF_UNIT.items():
            if into.get("total", "").endswith(f' {unit}"') and not {fact, "batches_per_epoch"} & {*into}:
                into[fact] = example
        if self.facts:
            inside = ", ".join(f"{key}={value}" for key, value in self.facts.items())
            before = self.written.pop("calendar", "").removesuffix(")")
            start = f"{before}, " if before.startswith("ps.Calendar(") else "ps.Calendar("
            self.written["calendar"] = f"{start}{inside})"

    def refusal(self, builder: Callable[..., Any], error: str) -> InvalidCall:
        """Return the error with the corrected call, or with an example if no call is probably meant."""
        is_code = self.name.startswith(_CODE)
        write, is_example = self.line if self.complete else "", self.is_example and is_code
        if not self.complete or (is_code and not (self.in_order or self.named)):
            write, is_example = example_call(builder, self.name), True
        if not self.meant:
            return InvalidCall(f"{self.name}(…)", error, write=write, is_example=is_example)
        unknown = []
        for key, ours in self.meant.items():
            if key == "curve" and self.name in _OF_ONE_CURVE:
                advice = "anneal takes any curve"
            elif ours is None:
                advice = instead_of(key) or did_you_mean(key, self.parameters)
            elif ours in _FACTS and ours not in self.parameters:
                advice = f"it is a run fact: Calendar({ours}=…)"
            elif own_name(key, [ours], self.name) is None and key != "until":
                advice = did_you_mean(key, [ours])
            else:
                advice = f'use "{ours}"'
            unknown.append(f'unknown argument "{shortened_text(key)}"; {advice}')
        key, ours = next(iter(self.meant.items()))
        found = "; ".join(unknown).replace("?; u", "? U")
        swap = (key, ours) if len(self.meant) == 1 and ours and key in self.renamed else None
        return InvalidCall(f"{self.name}(…)", found, write=write, is_example=is_example, replace=swap)


def takes_list(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter expects a list."""
    return get_origin(parameter.annotation) is tuple


def is_rate(key: str, parameter: inspect.Parameter, value: object) -> bool:
    """Return whether an argument of another library is a rate, where the parameter expects a multiple of base."""
    return (
        key in ABSOLUTE
        and "Absolute" in str(parameter.annotation)
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and value != 0
    )


def _as_share(parameter: inspect.Parameter, value: Any) -> Any:
    """Return 0.1 as "10%" if the parameter is a length. Other values are returned unchanged."""
    length = "Duration" in str(parameter.annotation) and not takes_list(parameter)
    return f"{value * 100:.12g}%" if length and isinstance(value, float) and 0 < value < 1 else value


def _are_plain(values: Iterable[Any]) -> bool:
    # Python raises for the digits of an integer of more than 4300.
    return all(isinstance(one, (float, str)) or (isinstance(one, int) and abs(one) < 10**40) for one in values)


def _value_text(value: object, key: str, name: str) -> str:
    """Return the Python code of a value. If there is none, return the argument's name or an empty text."""
    if key == "plan" and name == "ps.resolve" and isinstance(value, str):
        return f"ps.parse({value!r})"
    if key == "calendar" and type(value) is int and value > 0:
        return f"ps.Calendar(total={value!r})"
    plain = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    if value is None or _are_plain(plain):
        return repr(value)
    if type(value).__name__ == "Calendar" and is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        facts = [f"{fact}={_value_text(one, fact, name)}" for fact, one in given.items() if one is not None]
        return f"ps.Calendar({', '.join(facts)})"
    is_ours = type(value).__module__.partition(".")[0] == "paramsched"
    if is_ours and ": " not in (text := str(value)):  # no Plan or Binding
        if "(" in text:
            text = line_in_code(text) if name.startswith("ps.") else text
            return f"ps.Plan(lr={text}{_HORIZON})" if (name, key) == ("ps.trace", "plan") else text
        return text if text.replace(".", "").isidentifier() or text.isdecimal() else f'"{text}"'
    return key if name.startswith(_CODE) else ""


def example_call(builder: Callable[..., Any], name: str) -> str:
    """Return the first call of a builder in its doctest; the signature if there is no doctest.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documented, last = inspect.getdoc(builder) or "", name.rpartition(".")[2]
    for _, _, line in (line.partition(">>> ") for line in documented.splitlines() if line.startswith(">>> ")):
        begin = line.find(f"{last}(")
        if begin >= 0 and (end := _closing_bracket(line, begin)) is not None:
            inside = _STRING.split(line[begin + len(last) : end])
            if name.startswith(_CODE) and "." in name:  # planned takes names of optax
                inside = [one if one.startswith('"') else line_in_code(one) for one in inside]
            return name + "".join(inside)
    parameters = inspect.signature(builder).parameters.values()
    if name.startswith(_CODE):
        needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
        return f"{name}({', '.join(f'{one}={_EXAMPLES.get(one, one)}' for one in needed)})"
    return f"{name}({', '.join(str(one).split(':')[0] for one in parameters)})"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Return the index after the bracket that closes the first one after `begin`; None if it is not closed."""
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if line[place] in ")]}" and depth == 0:
            return place + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(
    table: MutableMapping[str, Callable[..., Any]], builder: Builder, *, kind: str, prefix: str
) -> Builder:
    """Register a builder in a table, and wrap it so that an unknown keyword suggests the right one.

    The names that other libraries use for the same schedule are appended to its docstring.

    Args:
        table: the registry, a dict from name to builder.
        builder: the function to register. Its return annotation is the class that it builds.
        kind: the kind of value that it builds, for messages, such as `shape`.
        prefix: the prefix of its name in schedule text, such as `rules.`.
    """
    if not inspect.isfunction(builder):
        found = f"expected a function, got {type(builder).__name__}"
        raise InvalidArgument(f"{kind} {shown(builder)}", found, f"Write @ps.{kind} above a def")
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"{kind} {name!r}", "the name is taken", "Choose another name")
    if not isinstance(built_class(builder), type):
        made = "Curve" if kind == "curve" else "Schedule"
        raise InvalidArgument(f"{kind} {name!r}", "its return annotation is missing", f"Write def {name}(…) -> {made}:")
    known = explain_wrong_keywords(builder, prefix + name, values=True)
    known.__doc__ = with_other_names(known.__doc__, prefix + name)
    table[name] = known
    _PLAIN[known] = builder
    return known


_PLAIN: dict[Callable[..., Any], Callable[..., Any]] = {}


def plain_builder(builder: Callable[..., Any]) -> Callable[..., Any]:
    """Return a registered function without its wrapper, so that an error in it is explained once."""
    return _PLAIN.get(builder, builder)


def constructor(name: str, kind: Callable[_Parameters, _Built]) -> Callable[_Parameters, _Built]:
    """Return the constructor of a dataclass as a function called `name`, with the documentation of the class."""

    def build(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _Built:
        return kind(*positional, **named)

    made, known = cast(Any, build), cast(Any, kind)
    made.__name__ = made.__qualname__ = name
    made.__module__, made.__doc__ = known.__module__, known.__doc__
    made.__annotations__ = {**known.__init__.__annotations__, "return": known}
    made.__signature__ = inspect.signature(known).replace(return_annotation=known)
    return build


def built_class(builder: Callable[..., Any]) -> Any:
    """Return the annotated return type of a function; None if there is none."""
    return builder.__annotations__.get("return")  # `inspect.signature` would double the time
