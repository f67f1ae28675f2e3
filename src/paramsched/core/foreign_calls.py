"""Calls with arguments of other libraries, written with the arguments of this one. Loaded when a call is refused.

The table of the arguments is `paramsched.base.foreign_names`.
"""

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, final, get_args, is_typeddict

from paramsched.base.foreign_names import BASE, Foreign, Given, Way, foreign_argument, text_of
from paramsched.base.params import Param, params_of, required_names, union_members
from paramsched.base.words import KNOWN, did_you_mean, shortened_text
from paramsched.core.builders import SHAPES, example_call
from paramsched.errors import CallSite, InvalidCall, shown

_OF_WARMUP: Final[Mapping[str, tuple[str, ...]]] = {
    "over": ("warmup", "after"),
    "start": ("start",),
    "curve": ("warmup_curve",),
}
"""The arguments of a warmup, with their names in shapes that contain one, and in metric rules."""
_PLANS: Final = ("plan", "schedule")
"""The argument of a function that takes a plan."""


@final
@dataclass(frozen=True, slots=True)
class Advice:
    """A call that is written with our arguments.

    Args:
        line: the call.
        run: the run facts that the call cannot contain, as text by name.
        notes: reasons why arguments were left out.
    """

    line: str
    run: Mapping[str, str]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the advice as a sentence."""
        facts = f", and pass {', '.join(_keywords(self.run))} to the Scheduler" if self.run else ""
        notes = f": {'; '.join(self.notes)}" if self.notes else ""
        return f"Write {self.line}{facts}{notes}"


def unknown_argument(
    name: str, builder: Callable[..., Any], key: str, args: Iterable[Any], kwargs: Mapping[str, Any]
) -> InvalidCall:
    """Return the error about an argument that a builder does not have, with what to write.

    Args:
        name: the name of the builder in the call.
        builder: the function.
        key: the name of the argument.
        args, kwargs: the arguments of the call.
    """
    params = params_of(builder)
    message = f'unknown argument "{shortened_text(key)}"'
    known = {text: value for text, value in kwargs.items() if text in params or foreign_argument(name, text)}
    is_schedule = "." not in name  # unlike curves.polynomial
    advice = _advice_of_shape(name, params, tuple(args), known) if is_schedule and key in known else None
    if advice is not None:
        return InvalidCall(CallSite(name, key), message, str(advice))
    return InvalidCall(
        CallSite(name, key), f"{message}; {did_you_mean(key, params)}", example=example_call(builder, name)
    )


def foreign_fact(key: str, value: Any) -> tuple[str, str] | None:
    """Return the run fact that an argument of another library is, with its text; None if it is not one.

    >>> foreign_fact("num_train_epochs", 3), foreign_fact("eta_min", 0.1)
    (('total', '"3 epochs"'), None)
    """
    row = foreign_argument("run", key)
    for way in row.ways if row is not None else ():
        if way.belongs == "run" and (text := way.form(value, {key: value})) is not None:
            return way.argument, text
    return None


def foreign_line(arguments: Given) -> Advice | None:
    """Return the schedule to which arguments of another library belong; None if they belong to none.

    >>> print(foreign_line({"num_warmup_steps": 500, "min_lr": 1e-6}))
    Write warmup(500) >> cosine(to=absolute(1e-06))
    """
    return next(
        filter(None, (_advice(home, params_of(SHAPES[home]), (), arguments) for home in _homes("", arguments))), None
    )


def foreign_option(name: str, value: Any) -> tuple[str, str] | None:
    """Return the run fact, "base" or "plan", to which an argument of another library belongs, with its text.

    Returns None if it belongs to none of them.

    >>> foreign_option("num_train_epochs", 3), foreign_option("lr", 0.1), foreign_option("min_lr", 1e-6)
    (('total', '"3 epochs"'), ('base', 'lr=0.1'), ('plan', 'cosine(to=absolute(1e-06))'))
    """
    row = foreign_argument("", name)
    if row is not None and row.ways == (BASE,):
        return "base", f"lr={text_of(value)}"
    fact, line = foreign_fact(name, value), foreign_line({name: value})
    return fact or (None if line is None else ("plan", line.line))


def is_foreign_entry(name: str, value: Any) -> bool:
    """Return whether an entry of a plan is an argument of another library, rather than a field with a schedule.

    So is the name of a shape, or another library's word for a schedule, with text that calls nothing.

    >>> is_foreign_entry("max_steps", 100), is_foreign_entry("max_lr", "cosine()"), is_foreign_entry("alpha", 0.9)
    (True, False, False)
    >>> is_foreign_entry("warmup", "5%"), is_foreign_entry("lr_scheduler_type", "cosine")
    (True, True)
    """
    is_line = isinstance(value, str) and "(" in value
    if name in KNOWN or is_line or not (value is None or isinstance(value, (str, bool, int, float, list, tuple))):
        return False
    fact = foreign_fact(name, value)
    if fact is not None:
        return fact[0] != name  # a run fact is not a name of another library
    if isinstance(value, str) and (name in SHAPES or _means_plan(name)):
        return True
    if name.startswith("warmup_") and foreign_line({name: value}) is not None:
        return True
    is_constant = value in (0, 1) and not isinstance(value, bool)  # the value of any field
    return not is_constant and foreign_line({name: value}) is not None


def _means_plan(name: str) -> bool:
    """Return whether an argument of another library has the name of a schedule."""
    row = foreign_argument("", name)
    return row is not None and any(way.argument == "plan" for way in row.ways)


def answer_to_entry(name: str, value: Any, *, is_length: bool) -> str:
    """Return what to write for an entry of a plan file that is an argument of another library.

    Args:
        name: the entry.
        value: its value.
        is_length: True if the value is the text of a length.

    >>> answer_to_entry("max_epochs", 90, is_length=False), answer_to_entry("milestones", [30, 80], is_length=False)
    ('Write total: "90 epochs"', 'Write lr: multistep([30, 80])')
    >>> answer_to_entry("warmup", "5%", is_length=True)
    'Write lr: warmup("5%") >> cosine()'
    """
    if isinstance(value, str) and (name in SHAPES or _means_plan(name)):
        word = name if name in SHAPES else value
        if word == "warmup" and (is_length or value.isdecimal()):
            return f"Write lr: warmup({value if value.isdecimal() else text_of(value)}) >> cosine()"
        if word not in SHAPES:
            return 'For example: lr: warmup("5%") >> cosine()'
        required = required_names(SHAPES[word])
        return f"For example: lr: {example_call(SHAPES[word], word)}" if required else f"Write lr: {word}()"
    fact = foreign_fact(name, value)
    if fact is not None and fact[0] == "total" and isinstance(value, str) and " " not in fact[1]:
        return "For example: total: 90 epochs"  # the text has no unit
    if fact is not None and fact[0] == "total":
        return f"Write total: {fact[1]}"
    if fact is not None:
        return f"Pass it to the Scheduler as a run fact: {fact[0]}={fact[1]}"
    line = foreign_line({name: value})
    return "" if line is None else str(replace(line, line=f"lr: {line.line}"))


# ---- shapes


def _advice_of_shape(name: str, params: Mapping[str, Param], args: Sequence[Any], arguments: Given) -> Advice | None:
    """Return the call of a shape; if it cannot use the arguments, that of another shape that has them."""
    if (advice := _advice(name, params, args, arguments)) is not None:
        return advice
    named = {**dict(zip(params, args, strict=False)), **arguments}
    for home in _homes(name, arguments):
        others = params_of(SHAPES[home])
        kept = {key: value for key, value in named.items() if key in others or foreign_argument(home, key)}
        if (advice := _advice(home, others, (), kept)) is not None:
            return advice
    return None


def _homes(name: str, arguments: Given) -> Iterable[str]:
    """Return the shapes to which arguments belong, without the function itself."""
    rows = (foreign_argument(name, key) for key in arguments)
    homes = dict.fromkeys(home for row in rows if row is not None for home in row.homes)
    specific = [home for home in homes if home != "cosine"]  # because most arguments of a cosine belong to others too
    return [home for home in (*specific, *homes.keys() - specific) if home != name and home in SHAPES]


def _advice(name: str, params: Mapping[str, Param], args: Sequence[Any], arguments: Given) -> Advice | None:
    """Return the call of a shape with our arguments; None if an argument cannot be written."""
    by_place = dict(zip(params, map(text_of, args), strict=False))
    named: dict[str, str | None] = {key: text_of(value) for key, value in arguments.items() if key in params}
    chosen = _chosen_ways(name, params, {*by_place, *named}, arguments)
    if chosen is None:
        return None
    warmup, hold, run = (
        {way.argument: text for way, text in chosen if way.belongs == place} for place in ("warmup", "hold", "run")
    )
    overlays = any(way.overlays for way, _ in chosen) and arguments.get("warmup_prefix") is not True
    for way, text in chosen:
        if way.argument and not way.belongs:
            named[way.argument] = _until(text) if way.until and warmup and not overlays else text
    required = {key for key, param in params.items() if param.required}
    if required - {*by_place, *named} or None in (*by_place.values(), *named.values()):
        return None
    line = f"{name}({', '.join([*map(str, by_place.values()), *_in_order(params, by_place, named)])})"
    for way, text in chosen:
        line = way.around.format(call=line, value=text) if way.around else line
    if warmup and "over" not in warmup:
        return None
    if hold and (warmup or name == "warmup") and "start" not in {**by_place, **named, **warmup}:
        return None  # a warmup after another stage has two possible starts
    start = {**by_place, **named, **warmup}.get("start")
    if warmup:
        if overlays or "maximum" in line:
            # timm's warmup rises to base, not to the schedule below it. The level of a maximum is not known.
            warmup.setdefault("to", "1")
        before = f"warmup({', '.join([warmup.pop('over'), *_keywords(warmup)])})"
        line = f"overlay({before}, {line})" if overlays else f"{before} >> {line}"
    if hold:
        level = f"{start}, " if start is not None and "start" in hold else ""
        line = f"constant({level}{'' if level else 'over='}{hold.get('start') or hold['base']}) >> {line}"
    return Advice(line, run, tuple(dict.fromkeys(way.note for way, _ in chosen if way.note)))


def _chosen_ways(
    name: str, params: Mapping[str, Param], taken: Iterable[str], arguments: Given
) -> list[tuple[Way, str]] | None:
    """Return a way and the text of the value for each argument of another library; None if there is none for one."""
    free, chosen = [key for key in params if key not in taken], list[tuple[Way, str]]()
    for key in (key for key in arguments if key not in params):
        row = foreign_argument(name, key)
        way = None if row is None else _way(name, row, params, free, arguments[key], arguments)
        if way is None:
            return None
        free = [text for text in free if way[0].belongs or text != way[0].argument]
        chosen.append(way)
    return chosen


def _way(
    name: str, row: Foreign, params: Mapping[str, Param], free: Iterable[str], value: Any, arguments: Given
) -> tuple[Way, str] | None:
    """Return the first way that a function can use, with the text of the value."""
    for way in row.ways:
        text = way.form(value, arguments)
        if text is None or (way.until and name == "warmup"):  # the length of a run is not that of its warmup
            continue
        if way.belongs == "warmup":
            if (inner := _way_of_warmup(name, way, params, free)) is not None:
                return inner, text
        elif way.belongs or not way.argument or way.argument in free:
            return way, text
    return None


def _way_of_warmup(name: str, way: Way, params: Mapping[str, Param], free: Iterable[str]) -> Way | None:
    """Return the way for an argument of a warmup: of this shape, of a part of it, or of a stage before it."""
    if name == "warmup":
        return Way(way.argument) if way.argument in free else None
    for own in _OF_WARMUP[way.argument]:
        if own in params and (own != "start" or "warmup" in params):
            return Way(own) if own in free else None
    return way


def _in_order(params: Mapping[str, Param], by_place: Iterable[str], named: Mapping[str, str | None]) -> list[str]:
    """Return the arguments after those without a name, in the order of the signature; required ones have no name."""
    begins, written = True, list[str]()
    for name, param in params.items():
        begins = begins and (param.required or name in by_place) and param.form is param.form.POSITIONAL_OR_KEYWORD
        if name in named:
            written.append(str(named[name]) if begins else f"{name}={named[name]}")
    return written


def _until(text: str) -> str:
    """Return a length as the time at which a stage ends."""
    return f'"until {text} steps"' if text.isdecimal() else f'"until {text[1:]}'


def _keywords(texts: Mapping[str, str | None]) -> list[str]:
    return [f"{key}={text}" for key, text in texts.items()]


# ---- functions that are not shapes


def unknown_keyword(
    call: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Given,
    *,
    prefix: str = "ps.",
    known: Iterable[str] = (),
    has_more: bool = False,
) -> InvalidCall | None:
    """Return the error about an argument that a function does not have, with what to write; None if it has all.

    Args:
        call: the name of the function.
        function: the function, or the `__init__` of a class.
        args, kwargs: the arguments of the call.
        prefix: what is written before the name of the function.
        known: other arguments that the function has.
        has_more: True if the call has arguments that the line to write would lack, so that there is none.
    """
    names = [*_names_of(function), *known]
    key = next((argument for argument in kwargs if argument not in names), None)
    if key is None:
        return None
    message = f'unknown argument "{shortened_text(key)}"'
    given = {text: value for text, value in kwargs.items() if text in names or foreign_argument(call, text)}
    advice = _advice_of_function(call, names, args, given) if key in given and not has_more else None
    site = CallSite(_site(prefix, call), key)
    if advice is None:
        line = foreign_line({key: kwargs[key]}) if foreign_fact(key, kwargs[key]) is None else None
        meant = did_you_mean(key, names) if line is None else f"it belongs to a schedule, as in {line.line}"
        return InvalidCall(site, f"{message}; {meant}")
    return InvalidCall(site, message, str(Advice(f"{prefix}{advice.line}", advice.run, advice.notes)))


def _site(prefix: str, call: str) -> str:
    """Return the name of a call in an error: a function without `ps.`, a method with its object."""
    return call if prefix == "ps." else f"{prefix}{call}"


_EXAMPLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("plan", "schedule", "text"), '"cosine(over=1000)"'),
    "x": "0.1",
    "initial": "1.0",
}
"""What a call may have for an argument without which it was called, by name; else the name itself."""
_CHANGES: Final[Mapping[str, str]] = {"plan.scale": "lr=0.5", "plan.change": 'lr="linear()"'}
"""What a method that changes lines of a plan may have, if it is called without any line."""
_NOTES: Final[Mapping[str, str]] = {"find_lr": "step() trains on one batch and returns its loss"}
"""What the arguments of a function are that has other ones in another library."""


def wrong_form(
    call: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Given,
    *,
    prefix: str = "ps.",
    examples: Mapping[str, str] = _EXAMPLES,
) -> InvalidCall | None:
    """Return the error about a call without an argument or with too many, with the call to write; None for others.

    Args:
        call: the name of the function.
        function: the function, or the `__init__` of a class.
        args, kwargs: the arguments of the call.
        prefix: what is written before the name of the function.
        examples: the text of arguments that a call needs, by name.
    """
    signature = [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"]
    by_place = [
        parameter.name
        for parameter in signature
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    has_all = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature)
    given = [_variable(name, value) for name, value in zip(by_place, args, strict=False)]
    written = {name: _variable(name, value) for name, value in kwargs.items()}
    required = [
        parameter.name for parameter in signature if parameter.default is parameter.empty and parameter.name in by_place
    ]
    missing = [name for name in required[len(args) :] if name not in kwargs]
    if missing:
        examples = {**examples, **_example_plan(names=examples, has_total="total" in kwargs)}
        begins = [written.pop(name) if name in written else examples.get(name, name) for name in required[len(args) :]]
        lines_to_change = _keywords(written) or [*filter(None, [_CHANGES.get(f"{prefix}{call}")])]
        line = f"{prefix}{call}({', '.join([*given, *begins, *lines_to_change])})"
        message = f"missing argument {' and '.join(map(repr, missing))}"
        return InvalidCall(f"{_site(prefix, call)}(…)", message, example=line)
    extra = args[len(by_place) :]
    if not extra or has_all:
        return None
    named = dict[str, str]()
    for value in extra:
        name = _keyword_of(value, function)
        if name is None or name in named or name in kwargs:
            count = f"{len(by_place)} argument{'s' * (len(by_place) != 1)}"
            message = f"expected {count} without a name, got {len(args)}"
            line = f"{prefix}{call}({', '.join([*given, *_keywords(written)])})"
            site, advice = f"{_site(prefix, call)}(…, {shown(value)})", Advice(line, {}, _notes_on(call))
            return InvalidCall(site, message, str(advice))
        named[name] = _variable(name, value)
    line = f"{prefix}{call}({', '.join([*given, *_keywords(written | named)])})"
    texts = ", ".join(map(shown, extra))
    return InvalidCall(f"{_site(prefix, call)}(…, {texts})", f"{' and '.join(named)} must be named", f"Write {line}")


def _example_plan(names: Iterable[str], *, has_total: bool) -> dict[str, str]:
    """Return the text of a plan, by the name of the argument; with a total, its length is that of the run."""
    return {name: '"cosine()"' for name in names if has_total and name in _PLANS}


def _notes_on(call: str) -> tuple[str, ...]:
    return (_NOTES[call],) if call in _NOTES else ()


def _keyword_of(value: Any, function: Callable[..., Any]) -> str | None:
    """Return the keyword that a value without a name is for; None if that is unknown."""
    names, facts = _names_of(function), inspect.signature(function).parameters.get("facts")
    name = ""
    if facts is not None and value is not None and isinstance(value, _classes_in(facts.annotation)):
        name = "facts"
    elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
        name = "total"
    elif isinstance(value, Mapping):
        name = "bases"
    elif isinstance(value, (list, tuple)) and value and all(isinstance(element, Mapping) for element in value):
        name = "groups"
    return name if name in names else None


def _classes_in(annotation: Any) -> tuple[type, ...]:
    return tuple(member for member in union_members(annotation) if isinstance(member, type))


def answer_to_call(
    call: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Given,
    *,
    prefix: str,
    examples: Callable[[Any], Mapping[str, str]] | None,
) -> InvalidCall | None:
    """Return the error about a call that Python has refused, with the call to write; None if the reason is another one.

    Args:
        call: the name of the function.
        function: the function, or the `__init__` of a class.
        args, kwargs: the arguments of the call, with the object of a method.
        prefix: what is written before the name of the function.
        examples: returns the text of arguments that a call needs, by name, for the object of a method.
    """
    is_method = next(iter(inspect.signature(function).parameters), "") == "self"
    own = args[is_method:]
    texts = _EXAMPLES if examples is None else examples(args[0] if args else None)
    takes_all = _takes_all_keywords(function)
    answer = None if takes_all else unknown_keyword(call, function, own, kwargs, prefix=prefix)
    return answer or wrong_form(call, function, own, kwargs, prefix=prefix, examples=texts)


def _takes_all_keywords(function: Callable[..., Any]) -> bool:
    """Return whether a function has keywords of any name, such as the fields of a plan, and not only the run facts."""
    keywords = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.VAR_KEYWORD
    ]
    return any(not is_typeddict(next(iter(get_args(keyword.annotation)), None)) for keyword in keywords)


def _names_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of a function; of run facts as keywords, their names."""
    names = list[str]()
    for name, parameter in inspect.signature(function).parameters.items():
        facts = next(iter(get_args(parameter.annotation)), None)
        if is_typeddict(facts):
            names += facts.__annotations__
        elif name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
            names.append(name)
    return names


def _advice_of_function(call: str, names: Sequence[str], args: Sequence[Any], arguments: Given) -> Advice | None:
    """Return the call of a function that is not a shape, with our arguments.

    What belongs to a schedule changes its plan, and what is a run fact is passed as one.
    """
    by_place = {name: _variable(name, value) for name, value in zip(names, args, strict=False)}
    written = {name: _variable(name, value) for name, value in arguments.items() if name in names}
    of_plan, run, notes = dict[str, Any](), dict[str, str](), list[str]()
    place = next((name for name in _PLANS if name in names), "lr" if call == "Plan" else "")
    line_of_lr = arguments.get("lr") if isinstance(arguments.get("lr"), str) else None
    for key, value in arguments.items():
        if key in names or (key == "lr" and line_of_lr is not None):
            continue
        row = foreign_argument(call, key)
        if row is not None and row.ways == (BASE,) and "bases" in names and "bases" not in arguments:
            written["bases"] = f'{{"lr": {text_of(value)}}}'
            continue
        own = None if row is None else _way(call, _own_ways(row), dict.fromkeys(names, _ANY), names, value, arguments)
        if own is not None and own[0].argument not in {*by_place, *written}:
            if own[0].argument:
                written[own[0].argument] = own[1]
            notes += [own[0].note] if own[0].note else []
        elif (fact := foreign_fact(key, value)) is not None:
            if fact[0] in arguments:  # it is passed in two ways
                return None
            run[fact[0]] = fact[1]
        else:
            of_plan[key] = value
    if place in _PLANS and place not in {*by_place, *written}:
        by_place[place] = '"cosine()"' if line_of_lr is None else _variable(place, line_of_lr)
    if of_plan:
        line = _line_with(dict(zip(names, args, strict=False)).get(place, arguments.get(place)), of_plan)
        if line is None or not place:
            return None
        run |= line.run
        notes += line.notes
        (by_place if place in by_place else written)[place] = repr(line.line)
    if run and "facts" in names and "facts" not in {*by_place, *written}:
        written["facts"] = f"ps.RunFacts({', '.join(_keywords(run))})"
        run = {}
    return Advice(f"{call}({', '.join([*by_place.values(), *_keywords(written)])})", run, tuple(dict.fromkeys(notes)))


_ANY: Final = Param("", "any")


def _own_ways(row: Foreign) -> Foreign:
    """Return the ways that concern no schedule."""
    ways = tuple(way for way in row.ways if not way.belongs and not way.around)
    return Foreign(tuple(way for way in ways if way.argument or len(row.ways) == len(ways)))


def _line_with(plan: Any, arguments: Given) -> Advice | None:
    """Return a line with the arguments of another library: the call that a text is, or a shape that has them.

    Returns None for any other plan, because the line would not contain it.
    """
    if isinstance(plan, str):
        with suppress(SyntaxError, ValueError):
            call = ast.parse(plan, mode="eval").body
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in SHAPES:
                name, args = call.func.id, [ast.literal_eval(argument) for argument in call.args]
                kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
                rules = {key: value for key, value in arguments.items() if name != "plateau" and _is_of_rule(key)}
                others = {key: value for key, value in arguments.items() if key not in rules}
                line = _advice_of_shape(name, params_of(SHAPES[name]), args, {**kwargs, **others})
                rule = foreign_line(rules) if rules and line is not None else None
                return line if rule is None or line is None else replace(line, line=f"{line.line} * {rule.line}")
    return foreign_line(arguments) if plan is None else None


def _is_of_rule(key: str) -> bool:
    """Return whether an argument of another library belongs to a metric rule alone."""
    row = foreign_argument("", key)
    return row is not None and row.homes == ("plateau",)


def _variable(name: str, value: Any) -> str:
    """Return an argument as Python code: plain data as such, and another value by the name of the argument."""
    if isinstance(value, dict):
        return repr(value) if all(isinstance(one, (str, int, float)) for one in value.values()) else name
    is_plain = value is None or isinstance(value, (str, bool, int, float))
    return text_of(value) or name if is_plain else name
