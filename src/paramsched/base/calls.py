"""Calls of builders: registered by name, and one that it does not take is told in our words."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast, final, get_args, get_origin

from paramsched.base.peer_words import (
    DROPPED,
    LENGTHS_OF_RUN,
    instead_of,
    is_share_of_run,
    is_warmup_length,
    line_in_code,
    meant_argument,
    our_word,
    unit_of_length,
    warmup_text,
    with_other_names,
)
from paramsched.errors import Asked, InvalidArgument, InvalidCall, nearest, shown

_LONGEST = 120  # characters of a call that is written for the user

_Builder = TypeVar("_Builder", bound=Callable[..., Any])


def explain_wrong_calls(builder: _Builder, prefix: str = "") -> _Builder:
    """The same function, which tells a call that it does not take: `cosine(T_max=100)` says `over`.

    `inspect.signature`, the type and the documentation are those of `builder`; a call costs 0.1 µs more.
    """
    name, refuse, tell, known = prefix + builder.__name__, refused_call, _in_words_of_call, InvalidArgument

    def call(*positional: Any, **named: Any) -> Any:
        """Call the builder; what it refuses is told in the words of this call."""
        try:
            return builder(*positional, **named)
        except known as refusal:
            tell(refusal, builder, name, positional, named)
            raise
        except TypeError:
            unknown = refuse(builder, name, positional, named)
            if unknown is None:
                raise
        raise unknown

    return _in_place_of(builder, call)


_Class = TypeVar("_Class", bound=type)


def explain_wrong_construction(made: _Class) -> _Class:
    """The same class, which tells a call that it does not take: `Calendar(max_steps=100)` says `total`."""
    init: Callable[..., None] = made.__init__  # type: ignore[misc]  # of a dataclass, and nothing inherits from it

    @wraps(init)
    def call(self: Any, *positional: Any, **named: Any) -> None:
        """Fill a new value; what it refuses is told in the words of this call."""
        try:
            init(self, *positional, **named)
        except InvalidArgument as refusal:
            _in_words_of_call(refusal, made, made.__name__, positional, named)
            raise
        except TypeError:
            unknown = refused_call(made, made.__name__, positional, named)
            if unknown is None:
                raise
            raise unknown from None

    made.__init__ = call  # type: ignore[misc]  # as above
    return made


def explain_wrong_keywords_of(name: str = "") -> Callable[[_Class], _Class]:
    """Let a class answer a call with arguments that it does not have with the right call."""

    def explained(made: _Class) -> _Class:
        made.__init__ = explain_wrong_keywords(made.__init__, name or made.__name__)  # type: ignore[misc]  # as above
        return made

    return explained


def build_from_call(builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]) -> Any:
    """Call a builder for a text or a config: whatever it raises is told as what it is."""
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
    """Why a function does not take these arguments; None where it does, and the fault is in it."""
    positional, parameters = list(positional), dict(inspect.signature(builder).parameters)
    if next(iter(parameters), "") == "self":
        del parameters["self"]
        positional = positional if isinstance(builder, type) else positional[1:]
    try:
        inspect.Signature([*parameters.values()]).bind(*positional, **named)
    except TypeError as error:
        return _Correction(parameters, name, positional, named).refusal(builder, str(error))
    return None


_EXAMPLES = {
    "calendar": "ps.Calendar(total=100)",
    "field": '"lr"',
    "groups": '"head"',
    "initial": "1.0",
    "optimizer": "optimizer",
    "over": '"10%"',
    "plan": 'ps.Plan(lr="cosine()", horizon=100)',
    "schedule": '"cosine()"',
}
"""What to write for a required argument that is missing."""

_FACTS = ("total", "steps_per_epoch", "batches_per_epoch", "accumulation", "batch_size", "tokens_per_step",
          "seconds_per_step", "sequence_length", "frames_per_step")  # fmt: skip
_FACT_OF_UNIT = {"epochs": "steps_per_epoch=100", "tokens": "tokens_per_step=4096", "samples": "batch_size=32"}


@final
class _Correction:
    """A call with arguments that a function does not have, and the call that was meant."""

    def __init__(
        self, parameters: Mapping[str, inspect.Parameter], name: str, positional: list[Any], named: Mapping[str, Any]
    ) -> None:
        self.parameters, self.name = parameters, name
        self.unknown = [key for key in named if key not in parameters]
        self.meant: dict[str, str | None] = {}
        self.prefix = ""
        self.facts: dict[str, str] = {}
        self.lost = 0  # arguments that the right call does not have
        first = next(iter(parameters.values()), None)
        if first is not None and is_length_list(first) and len(positional) > 1 and _are_numbers(positional):
            positional = [positional]
        several = any(one.kind is one.VAR_POSITIONAL for one in parameters.values())
        places = [key for key, one in parameters.items() if one.kind is not one.KEYWORD_ONLY]
        places += [key for key in parameters if key not in places and key not in named]
        self.placed = set(places[: len(positional)])
        count = sum(parameters[key].kind is not inspect.Parameter.KEYWORD_ONLY for key in places)
        values = [self._text("" if several else key, value) for key, value in zip(places, positional, strict=False)]
        if several:
            values = [self._text("", value) for value in positional]
        self.lost += max(0, len(positional) - len(values)) + values.count("")
        self.written = {} if several else dict(zip(places[count:], values[count:], strict=False))
        values = values if several else values[:count]
        for key, value in named.items():
            self._keep(key, value)
        self._add_facts()
        for key, one in parameters.items():
            given = key in self.placed or key in self.written
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) and not given:
                self.written[key] = '{"lr": 0.1}' if name == "ps.trace" else _EXAMPLES.get(key, "")
        self.line = f"{self.prefix}{name}({', '.join([*values, *(f'{k}={v}' for k, v in self.written.items())])})"

    def _add_facts(self) -> None:
        """Put the facts of the run into the Calendar, with the one that a unit needs."""
        into = self.facts or self.written
        for unit, example in _FACT_OF_UNIT.items():
            fact = example.partition("=")[0]
            if into.get("total", "").endswith(f' {unit}"') and not {fact, "batches_per_epoch"} & {*into}:
                into[fact] = example.partition("=")[2]
        if self.facts:
            calendar = self.written.pop("calendar", "")
            inside = ", ".join(f"{key}={value}" for key, value in self.facts.items())
            kept = f"{calendar[:-1]}, {inside})" if calendar.startswith("ps.Calendar(") else f"ps.Calendar({inside})"
            self.written["calendar"] = kept

    def _text(self, key: str, value: Any) -> str:
        parameter = self.parameters.get(key)
        if parameter is not None and is_share_for_length(parameter, value):
            return f'"{value * 100:.12g}%"'
        return _value_text(value, key, self.name)

    def _keep(self, key: str, value: Any) -> None:
        """Keep an argument under our name of it; leave out what has none."""
        text = self._text(key, value)
        if key in self.parameters:
            self.written[key] = text
            self.lost += self.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL or text == ""
            return
        free = {one for one in self.parameters if one not in self.placed and one not in self.written}
        unit = LENGTHS_OF_RUN.get(key)
        length = next((name for name in ("total", "horizon") if name in self.parameters), None)
        facts = "calendar" in self.parameters and not length
        word = meant_argument(key, self.parameters, self.name)
        self.meant[key] = word
        lengths = [one for one, known in self.parameters.items() if "Duration" in str(known.annotation)]
        length_name = next((one for one in lengths if one in free and not takes_list(self.parameters[one])), None)
        if self.name == "Binding" and {"field", "schedule"} <= free and key in ("lr", "weight_decay", "momentum"):
            self.meant[key] = "field"
            self.written |= {"field": repr(key), "schedule": text}
        elif is_warmup_length(key) and self.name in _STAGES and word in (None, "start"):
            self.meant[key], self.prefix = None, f"warmup({warmup_text(key, value)}) >> "
        elif key in ("lr", "weight_decay", "momentum") and "plan" in free:  # Scheduler(optimizer, lr="cosine()")
            self.meant[key], self.written["plan"] = None, f"ps.Plan({key}={text}, horizon=100)"
        elif key in ("lr", "weight_decay", "momentum") and "optimizer" in free:
            self.meant[key], self.written["optimizer"] = "optimizer", f"{{{key!r}: {text}}}"
        elif unit is not None and (length or facts) and isinstance(value, (int, float)):
            ours = "total" if facts or length is None else length
            (self.facts if facts else self.written)[ours] = f'"{value} {unit}"' if unit else text
            self.meant[key] = ours
        elif is_share_of_run(key, value) and "over" in free:
            self.meant[key], self.written["over"] = "over", f'"{value * 100:.12g}%"'
        elif (unit := unit_of_length(key)) and isinstance(value, int) and (word in lengths or length_name):
            ours = str(word if word in lengths else length_name)
            self.meant[key], self.written[ours] = ours, f'"{value} {unit}"'
        elif word in free:
            self.written[word] = self._text(word, value)
        elif facts and (known := meant_argument(key, _FACTS)) is not None:
            self.meant[key], self.facts[known] = known, text
        elif key not in DROPPED:
            self.lost += 1

    def refusal(self, builder: Callable[..., Any], error: str) -> InvalidCall:
        """The error of the call, with the call that was meant; with an example where no argument is given."""
        complete = not self.lost and "" not in self.written.values() and len(self.line) <= _LONGEST
        empty = not (self.placed or self.written or self.unknown)
        example = f"Write {example_call(builder, self.name)}" if empty or self.line == f"{self.name}()" else ""
        instead = f"Write {self.line}" if complete else example
        if not self.unknown:
            return InvalidCall(f"{self.name}(…)", error, instead)
        found = "; ".join(f'no argument "{key}"; {self._advice(key)}' for key in self.unknown)
        refusal = InvalidCall(f"{self.name}(…)", found, instead)
        meant = self.meant[self.unknown[0]]
        return refusal.classify(refusal.code, (self.unknown[0], meant) if len(self.unknown) == 1 and meant else None)

    def _advice(self, key: str) -> str:
        ours = self.meant[key]
        if ours is None:
            return instead_of(key) or nearest(key, self.parameters)
        if ours in _FACTS and ours not in self.parameters:
            return f'it is a fact of the run, "{ours}" of a Calendar'
        return nearest(key, [ours]) if our_word(key, [ours], self.name) is None else f'here it is "{ours}"'


_STAGES = ("cosine", "linear", "polynomial", "exponential", "constant", "anneal", "inverse_sqrt", "step", "multistep")


def takes_list(parameter: inspect.Parameter) -> bool:
    """Whether an argument is a list."""
    return get_origin(parameter.annotation) is tuple


def is_length_list(parameter: inspect.Parameter) -> bool:
    """Whether an argument is a list of lengths."""
    return takes_list(parameter) and get_origin(get_args(parameter.annotation)[0]) is not tuple


def is_share_for_length(parameter: inspect.Parameter, value: object) -> bool:
    """Whether a value is a share of the run, 0.05, where a length is wanted, `"5%"`."""
    length = "Duration" in str(parameter.annotation) and not takes_list(parameter)
    return length and isinstance(value, float) and 0 < value < 1


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(one, (int, float, str)) for one in values)


def _value_text(value: object, key: str, name: str) -> str:
    """A value as code has it; the name of its argument where it has no text."""
    if key == "plan" and name == "ps.resolve" and isinstance(value, str):
        return f"ps.parse({value!r})"
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    if type(value).__name__ == "Calendar" and is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        facts = [f"{fact}={_value_text(one, fact, name)}" for fact, one in given.items() if one is not None]
        return f"ps.Calendar({', '.join(facts)})"
    if isinstance(value, dict) and _are_numbers(value.values()):
        return repr(value)
    if isinstance(value, (list, tuple)) and _are_numbers(value):
        return repr(value)
    if type(value).__module__.partition(".")[0] == "paramsched":
        text = str(value)
        if type(value).__name__ == "Plan":
            return _plan_text(value) or key or "plan"
        if ": " in text:  # of a Binding
            return key
        if "(" in text:
            text = line_in_code(text) if name.startswith("ps.") else text
            return f"ps.Plan(lr={text}, horizon=100)" if (name, key) == ("ps.trace", "plan") else text
        return text if text.replace(".", "").isidentifier() or text.isdecimal() else f'"{text}"'
    return key if name.startswith(("ps.", "plan.")) else ""


def _plan_text(plan: Any) -> str:
    """A plan as code has it; empty where it has no text, or a long one."""
    if not plan.serializable or plan.clock not in (None, "updates"):
        return ""
    written: list[str] = []
    for one in plan.as_written():
        if not isinstance(one.field, str):
            return ""
        plain = one.groups is None and one.field.isidentifier()
        groups = "" if one.groups is None else f", groups={one.groups!r}"
        line = f"{str(one.schedule)!r}"
        written.append(f"{one.field}={line}" if plain else f"ps.Binding({one.field!r}, {line}{groups})")
    written.sort(key=lambda one: not one.startswith("ps."))
    if plan.horizon is not None:
        length = str(plan.horizon)
        written.append(f"horizon={length if length.isdecimal() else repr(length)}")
    text = f"ps.Plan({', '.join(written)})"
    return text if len(text) <= _LONGEST - 40 else ""


def explain_wrong_keywords(function: _Builder, name: str = "") -> _Builder:
    """Wrap a function so that a call with arguments that it does not have is answered with the right call."""
    called, refuse = name or f"ps.{function.__name__}", refused_call

    def call(*positional: Any, **named: Any) -> Any:
        try:
            return function(*positional, **named)
        except TypeError:
            unknown = refuse(function, called, positional, named)
            if unknown is None:
                raise
        raise unknown

    return _in_place_of(function, call)


def _in_place_of(function: _Builder, call: Callable[..., Any]) -> _Builder:
    """The wrapper in the function's own module, where doctest looks for examples."""
    here = cast(Any, call)
    same = FunctionType(here.__code__, function.__globals__, function.__name__, None, here.__closure__)
    return cast(_Builder, wraps(function)(same))


def _in_words_of_call(
    refusal: InvalidArgument,
    builder: Callable[..., Any],
    name: str,
    positional: Iterable[Any],
    named: Mapping[str, Any],
) -> None:
    """Name the call that the user wrote, not one behind it: `cosine(to=…)`, not `anneal(to=…)`."""
    signature = inspect.signature(builder)
    arguments = signature.bind_partial(*positional, **named).arguments
    refused = _argument_of_value(refusal.refused, arguments) or refusal.call
    if refused is None or refused.argument not in signature.parameters:
        return
    refusal.ask(replace(refused, call=name))
    if refusal.sample is None:
        return
    parameters = signature.parameters
    plain = all(one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters.values())
    given = arguments | {refused.argument: refusal.sample}
    wrong = arguments.get(refused.argument)
    if "curve" in parameters and "curve" not in arguments and type(wrong).__module__.startswith("paramsched.curves"):
        given = {key: one for key, one in arguments.items() if key != refused.argument} | {"curve": wrong}
    given |= {key: f"{one * 100:.12g}%" for key, one in given.items() if is_share_for_length(parameters[key], one)}
    line = f"{name}({', '.join(f'{key}={_argument_text(value)}' for key, value in given.items())})"
    works = plain and len(line) <= _LONGEST and _call_works(getattr(builder, "__wrapped__", builder), given)
    refusal.advise(f"Write {line}" if works else f"For example: {example_call(builder, name)}")


def _call_works(builder: Callable[..., Any], named: Mapping[str, Any]) -> bool:
    """Whether a builder takes what is advised: two arguments may contradict each other, and another one be wrong."""
    try:
        builder(**named)
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError):
        return False
    return True


def _argument_of_value(refused: object, arguments: Mapping[str, Any]) -> Asked | None:
    if refused is None:
        return None
    # By their texts, because arrays are not compared by one truth value.
    mine = [key for key, value in arguments.items() if type(value) is type(refused) and shown(value) == shown(refused)]
    return Asked("", mine[0], shown(refused)) if len(mine) == 1 else None


def _argument_text(value: object) -> str:
    """A value as code and text have it; of ours a call, a name, or a length, with its unit in quotes."""
    if type(value).__module__.partition(".")[0] != "paramsched":
        return repr(value)
    text = str(value)
    plain = "(" in text or text.replace(".", "").isidentifier() or text.isdecimal()
    return text if plain else f'"{text}"'


def example_call(builder: Callable[..., Any], name: str) -> str:
    """A call that works: the first one of the builder's own examples; its parameters where it has none.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documented = inspect.getdoc(builder) or ""
    for _, _, line in (line.partition(">>> ") for line in documented.splitlines() if line.startswith(">>> ")):
        begin = line.find(f"{name.rpartition('.')[2]}(")
        if begin >= 0 and (end := _closing_bracket(line, begin)) is not None:
            return name.rpartition(".")[0] + "." * ("." in name) + line[begin:end]
    return f"{name}({', '.join(str(p).split(':')[0] for p in inspect.signature(builder).parameters.values())})"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Where the bracket that opens first behind `begin` is closed."""
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if line[place] in ")]}" and depth == 0:
            return place + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(table: dict[str, Callable[..., Any]], builder: Builder, *, kind: str, prefix: str) -> Builder:
    """The same function, kept in a table under its own name; its docstring has others' names, and wrong calls are told.

    Args:
        builder: its return annotation is the class that it builds.
        kind: what it builds, for messages: `shape`.
        prefix: what stands before its name in text: `rules.`.
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
    known = explain_wrong_calls(builder, prefix)
    known.__doc__ = with_other_names(known.__doc__, prefix + name)
    table[name] = known
    return known


def built_class(builder: Callable[..., Any]) -> Any:
    """The class that a function says it returns; None where it says nothing."""
    return builder.__annotations__.get("return")  # not by `inspect.signature`, which takes as long as the rest
