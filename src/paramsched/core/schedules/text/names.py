"""What an unknown name in a line means: a slip, a curve, a field, or a scheduler of another library."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from paramsched.core.advice.calls import example_call
from paramsched.core.advice.peer_words import (
    SEQUENCES,
    advice_for_name,
    advice_for_peer,
    is_warmup_length,
    letters_of,
    meant_argument,
    meant_by,
    warmup_text,
    with_library,
)
from paramsched.core.base.advise import GRAMMAR, Mend
from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import certain_name, closest, did_you_mean, shortened_text
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Text, Word, names_called
from paramsched.core.base.params import Param, params_of, required_names
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text, unknown_curve
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.registry import RULES, SHAPES
from paramsched.core.schedules.text.arguments import without_places
from paramsched.core.schedules.text.grammar import BINDS, EXAMPLE_LINE, is_field, tree_of
from paramsched.core.schedules.text.peer_lines import STATE, calls_named, schedule_of_call
from paramsched.core.schedules.text.printing import text_of
from paramsched.core.schedules.text.variables import example_without_variables, variables_in, variables_of_call
from paramsched.errors import InvalidArgument

_OTHER_NAMES: Final = {
    "max": "maximum", "min": "minimum", "clip": "clamp", "1cycle": "one_cycle",
    "const": "constant", "cos": "cosine", "lin": "linear", "inv_sqrt": "inverse_sqrt",
    "invsqrt": "inverse_sqrt", "cosine_warm_restarts": "cosine_restarts",
}  # fmt: skip
"""Other names of functions here, with the same arguments."""

_NOTHING: Final = ("none", "null", "nil", "on", "off", "yes", "no", "true", "false")
"""Words for no value, and for a switch, in the formats of plan files."""
_OPTIMIZER: Final = re.compile(r"(?:self\.)?(?:optimizer|optim|opt)\w*")
_MOST_VARIABLES: Final = 4  # in a message
_MOST_LISTED: Final = 20  # of more names, those that are similar to none are no help
_NOT_VARIABLES: Final = frozenset(("%", *_NOTHING, "prev", "next", *NEIGHBOR_LEVELS, *CONSTANTS, *FAMILIES))
_OF_NUMBERS: Final = ("length", "number", "count", "level", "list", "pairs")
"""The kinds of parameters whose arguments contain no schedule."""
_Names = Mapping[str, Callable[..., Any]]


class NameProblem(NamedTuple):
    """What is wrong with a name.

    Args:
        found: the description.
        meant: the tree that is meant; None if it is unclear.
        mend: the correction.
        example: an example of a line.
        code: the code of the error.
        is_read: True if the errors in the arguments of the call are reported, or have no meaning.
    """

    found: str
    meant: Node | None = None
    mend: Mend = GRAMMAR
    example: str = EXAMPLE_LINE
    code: str = UNKNOWN_NAME
    is_read: bool = False


def unknown_word(node: Word, param: Param | None, names: _Names) -> NameProblem:
    """Return what is wrong with a name without brackets."""
    name = node.name
    space, _, last = name.rpartition(".")
    wants_curve = param is not None and param.kind == "curve"

    def named_curve(near: str) -> Word | None:
        return Word(f"curves.{near}", node.place) if near in CONSTANTS else None  # others need arguments

    if space == "curves" and last in FAMILIES:
        return NameProblem(f"the curve {last!r} needs arguments", example=_with_curve(curve_text(last)))
    if space == "curves":
        return _unknown_curve(last, named_curve)
    if space == "rules":
        if last not in RULES:
            return _near(last, RULES, "rule", lambda near: Word(f"rules.{near}", node.place))
        example = f"recurrence({example_call(RULES[last], name)})"
        return NameProblem(f"{name} is a function and needs brackets", example=example)
    if (problem := variables_problem(node, param, names)) is not None:
        return problem
    if space:
        return _with_prefix(name, names, lambda short: Word(short, node.place))
    if wants_curve and (name in CONSTANTS or name in FAMILIES):
        found = f'{f"{name} is a schedule; " if name in names else ""}a curve needs the prefix "curves."'
        meant = Word(f"curves.{name}", node.place) if name in CONSTANTS else None
        return NameProblem(found, meant, Mend("leaf"), _with_curve(curve_text(name)))
    if name in names:
        needs = required_names(names[name])
        found = f"{name} is a function and needs brackets"
        if needs:
            return NameProblem(found, example=example_call(names[name], name))
        return NameProblem(found, Call(name, (), (), node.place, node.place))
    if is_field(name):
        found = f'"{name}" is a field or target, not a schedule'
        return NameProblem(found, Call("like", (Text(name),), (), node.place, node.place), Mend("leaf", new=("like",)))
    if name in CONSTANTS or name in FAMILIES:
        return _curve_for_schedule(name, Call(name, (), (), node.place, node.place))
    if wants_curve:
        return _unknown_curve(name, named_curve)
    known = [*names, *NEIGHBOR_LEVELS]
    if name.lower() in _NOTHING:
        return NameProblem(f'"{name}" is not a schedule; a field without a line keeps its value', example="constant()")
    if peer := advice_for_name(name):
        return NameProblem(shortened_found(peer[0], name), example=peer[1] or EXAMPLE_LINE)
    return _near(name, known, "schedule", lambda near: Word(near, node.place))


def variables_problem(node: Node, param: Param | None, names: _Names) -> NameProblem | None:
    """Return what is wrong with an argument that contains variables of a program: `cosine(over=total_steps)`.

    None if it contains none, or if a name may be that of a schedule.
    """
    if param is None or param.kind not in _OF_NUMBERS:
        return None
    if isinstance(node, (Word, Call)) and (
        node.name in _NOT_VARIABLES or is_field(node.name) or node.name.startswith(("ps.", "paramsched."))
    ):
        return None  # other errors describe them
    unknown = list(dict.fromkeys(variables_in(node, names)))
    return NameProblem(f"a plan cannot contain variables: {_listed(unknown)}", is_read=True) if unknown else None


def unknown_call(
    node: Call, param: Param | None, names: _Names, value_of: Callable[[Node], tuple[Any, Node]]
) -> NameProblem:
    """Return what is wrong with the name of a call.

    Args:
        node: the call.
        param: the parameter whose argument it is, if it is one.
        names: the known functions.
        value_of: returns the value of an argument and its corrected tree.
    """
    name = node.name
    space, _, last = name.rpartition(".")
    wants_curve = param is not None and param.kind == "curve"

    def renamed(ours: str) -> Call:
        return Call(ours, node.args, node.kwargs, node.place, node.head)

    if name.startswith("."):
        return _method(node, last, names)
    if space == "curves":
        if last in CONSTANTS:
            found = f"curves.{last} takes no arguments and no brackets"
            meant = None if node.args or node.kwargs else Word(name, node.place)
            return NameProblem(found, meant, example=_with_curve(name))
        return _unknown_curve(last, lambda near: renamed(f"curves.{near}"))
    if space == "rules":
        return _near(last, RULES, "rule", lambda near: renamed(f"rules.{near}"))
    if (problem := variables_problem(node, param, names)) is not None:
        return problem
    if space:
        if last not in names and (meant_by(name) is not None):
            return _peer_call(node, names, value_of)
        return _with_prefix(name, names, renamed)
    if name in NEIGHBOR_LEVELS:
        meant = None if node.args or node.kwargs else Word(name, node.place)
        return NameProblem(f"{name} is a level and takes no brackets", meant, example=name)
    if name in CONSTANTS or name in FAMILIES:
        if wants_curve:
            found = f'{f"{name} is a schedule; " if name in names else ""}a curve needs the prefix "curves."'
            curve = Word(f"curves.{name}", node.place) if name in CONSTANTS else renamed(f"curves.{name}")
            return NameProblem(found, curve, Mend("leaf"), _with_curve(curve_text(name)))
        return _curve_for_schedule(name, node)
    if ours := _OTHER_NAMES.get(name):
        found = f'unknown schedule "{name}"; use {ours}'
        return NameProblem(found, renamed(ours), Mend("other", (name,), (ours,)))
    same = certain_name(name, names) if name.islower() or name.isupper() else None
    if same is not None and letters_of(same) == letters_of(name):
        return _near(name, names, "schedule", renamed)
    if advice_for_name(name) is not None:
        return _peer_call(node, names, value_of)
    if name in SEQUENCES:
        return _sequence(node, name)
    if name == "sqrt":
        return NameProblem('unknown schedule "sqrt"; a root is a power', example="cosine() ** 0.5")
    if wants_curve:
        return _unknown_curve(name, lambda near: renamed(f"curves.{near}"))
    return _near(name, [*names, *NEIGHBOR_LEVELS], "schedule", renamed)


def shortened_found(found: str, name: str) -> str:
    """Return a message with a long name shortened."""
    return found.replace(name, shortened_text(name))


@lru_cache(maxsize=256)  # a long line may contain one word a thousand times
def _near_and_advice(name: str, known: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the name that is certainly meant, and the advice if there is none."""
    near = certain_name(name, known)
    is_listed = near is None and (len(known) <= _MOST_LISTED or closest(name, known) is not None)
    return near, f"; {did_you_mean(name, known)}" if is_listed else ""


def _near(name: str, known: Iterable[str], kind: str, renamed: Callable[[str], Node]) -> NameProblem:
    near, advice = _near_and_advice(name, tuple(known))
    if near is None:
        return NameProblem(f'unknown {kind} "{shortened_text(name)}"{advice}')
    found = f'unknown {kind} "{shortened_text(name)}"; did you mean "{near}"?'
    return NameProblem(found, renamed(near), Mend("name", (name,), (near,)))


def _unknown_curve(name: str, renamed: Callable[[str], Node | None]) -> NameProblem:
    found, example, _ = unknown_curve(shortened_text(name))
    near = certain_name(name, [*CONSTANTS, *FAMILIES])
    if near is None:
        return NameProblem(found, example=_with_curve(example))
    return NameProblem(found, renamed(near), Mend("name", (name,), (near,)), _with_curve(example))


def _with_curve(curve: str) -> str:
    """Return the example of a line with a curve."""
    return f"anneal(curve={curve})"


def _with_prefix(name: str, names: _Names, renamed: Callable[[str], Node]) -> NameProblem:
    """Return what is wrong with a name with a module in front of it: `ps.cosine`, `paramsched.core.curves.cosine`."""
    parts = name.split(".")
    short = ".".join(parts[-2:]) if parts[-2] in ("curves", "rules") else parts[-1]
    found = f"{shortened_text(name.removesuffix(short))}… is not part of a schedule's text"
    space = certain_name(parts[-2], ("curves", "rules")) if len(parts) == 2 and short == parts[-1] else None
    if space is not None and (short in RULES if space == "rules" else short in CONSTANTS or short in FAMILIES):
        found = f'unknown name "{shortened_text(parts[0])}"; did you mean "{space}"?'
        return NameProblem(found, renamed(f"{space}.{short}"), Mend("name", (name,), (short,)))
    if short == parts[-1] and short not in names and (peer := advice_for_peer(name)):
        return NameProblem(peer[0], example=peer[1])
    if short == parts[-1] and short not in names and (near := certain_name(short, [*names, "absolute"])):
        return NameProblem(found, renamed(near), Mend("name", (name,), (near,)))
    if short == parts[-1] and short not in names and short not in NEIGHBOR_LEVELS:
        return NameProblem(found)
    return NameProblem(found, renamed(short), Mend("grammar", (name,), (short.removeprefix("curves."),)))


def _method(node: Call, name: str, names: _Names) -> NameProblem:
    ours = _OTHER_NAMES.get(name, name)
    found = f"a schedule has no method {name} in text"
    function = names.get(ours)
    if function is None:
        return NameProblem(found)
    if ours == "step" and isinstance(node.args[0], Call) and node.args[0].name not in (*names, *BINDS):
        return NameProblem(found)  # the method of a scheduler of torch
    first = next(iter(params_of(function).values()), None)
    mend = Mend("grammar", (), (ours,))
    if first is not None and first.kind == "schedule":
        return NameProblem(found, Call(ours, node.args, node.kwargs, node.place, node.head), mend)
    stage = Call(ours, node.args[1:], node.kwargs, node.place, node.head)
    return NameProblem(found, Call(">>", (node.args[0], stage), (), node.place, node.place), mend)


def _curve_for_schedule(name: str, node: Call) -> NameProblem:
    """Return what is wrong with a curve in place of a schedule: `rex(over=50)`."""
    found = f'"{name}" is a curve, not a schedule'
    example = _with_curve(curve_text(name))
    if name not in CONSTANTS or node.args:
        return NameProblem(found, example=example)
    curve = Keyword("curve", Word(f"curves.{name}"))
    meant = Call("anneal", (), (*node.kwargs, curve), node.place, node.head)
    return NameProblem(found, meant, Mend("leaf", (), ("anneal", "curve")), example)


def _sequence(node: Call, name: str) -> NameProblem:
    items = node.args[0].items if len(node.args) == 1 and isinstance(node.args[0], List) else node.args
    found = f'unknown schedule "{name}": stages are joined by >>'
    if not items or node.kwargs or any(isinstance(one, List) for one in items):
        return NameProblem(found, example="warmup(100) >> cosine()")
    meant = Call(">>", items, (), node.place, node.place) if len(items) > 1 else items[0]
    return NameProblem(found, meant, Mend("other", (name,)), "warmup(100) >> cosine()")


def _peer_call(node: Call, names: _Names, value_of: Callable[[Node], tuple[Any, Node]]) -> NameProblem:
    """Return what is wrong with a call of a scheduler of another library, and the line with the same values."""
    if node.name.rpartition(".")[2] == "get_scheduler":
        return _get_scheduler(node, names, value_of)
    name = node.name
    keywords = [key.name for key in node.kwargs]
    match node.args:
        case (Word() as first, *_) if is_optimizer(first):
            keywords.append("optimizer")
        case (Text(value), *_) if value not in ("min", "max"):
            keywords.append("monitor")
    full = with_library(name, keywords)
    advice = advice_for_peer(full) or advice_for_name(name) or ("", "")
    found, example = shortened_found(advice[0].replace(full, name), name), advice[1] or EXAMPLE_LINE
    args = node.args[1:] if _has_optimizer(node, full) else node.args
    bare = replace(node, name=full, args=args)
    if advice[1].startswith("plateau(") and not full.startswith("keras."):
        return _plateau(bare, found, example, names)
    if unknown := variables_of_call(bare, names):
        return _with_variables(bare, unknown, found, example, names, value_of)
    given = [value_of(one)[0] for one in args]
    named = {key.name: value_of(key.value)[0] for key in node.kwargs if key.name not in STATE}
    schedule = schedule_of_call(full, given, named)
    if schedule is None and not args and not node.kwargs:
        return NameProblem(found, example=example)
    if schedule is not None:
        return _meant_line(name, (meant_by(full) or ("it",))[0], found, schedule, names)._replace(example=example)
    if name.rpartition(".")[2] in (*SEQUENCES, "SequentialLR"):
        if any(meant_by(one) for one in names_called(node) if one not in names and one != name):
            return NameProblem(found, example=example, is_read=True)  # stages of torch have no ends without milestones
        return _sequence(Call(name, args, node.kwargs, node.place, node.head), name)._replace(is_read=True)
    ours = _own_function(name, args, [key.name for key in node.kwargs])
    if ours is not None:
        meant = Call(ours, args, node.kwargs, node.place, node.head)
        return NameProblem(found, meant, Mend("other", (name,), (ours,)), example)
    return NameProblem(found, example=_with_known_warmup(example, node), is_read=True)


def _with_known_warmup(example: str, node: Call) -> str:
    """Return an example line with the length of the warmup of a call, if it is known."""
    known = [(key.name, key.value.value) for key in node.kwargs if isinstance(key.value, Number)]
    known = [one for one in known if is_warmup_length(one[0])]
    begin = re.search(r"warmup\((\d[\d_]*)(?=[,)])", example)
    if len(known) != 1 or begin is None or not isinstance(known[0][1], int):
        return example
    length = warmup_text(*known[0])
    return re.sub(rf"\b{begin[1]}\b", length, example) if length.isdigit() else example


_ARGUMENTS_OF_PLATEAU: Final = (
    "mode",
    "factor",
    "patience",
    "threshold",
    "threshold_mode",
    "cooldown",
    "min_lr",
    "eps",
)
"""The arguments of torch's plateau, in order."""


def _plateau(node: Call, found: str, example: str, names: _Names) -> NameProblem:
    """Return what is wrong with a plateau of another library. Its example has the numbers, and names a metric."""
    params = params_of(SHAPES["plateau"])
    match node.args:
        case (Text(value),) if value not in ("min", "max") and node.name.islower():  # the metric
            meant = replace(node, name="plateau")
            return NameProblem(found, meant, Mend("other", (node.name,), ("plateau",)), example)
    given = dict(zip(_ARGUMENTS_OF_PLATEAU, node.args, strict=False)) | {key.name: key.value for key in node.kwargs}
    kept = dict[str, Any]()
    for name, one in given.items():
        ours = "metric" if name == "monitor" else meant_argument(name, params, "plateau")
        if ours is not None and name != "eps" and isinstance(one, (Number, Text)):  # torch's eps is a rate
            kept[ours] = one
    if unknown := variables_of_call(node, names):
        found = _with_unknown(found, unknown)
    try:
        SHAPES["plateau"](**{name: one.value for name, one in kept.items()})
    except (InvalidArgument, TypeError):
        return NameProblem(found, example=example, is_read=True)
    known = re.search(r'plateau\("(\w+)', example)
    is_higher = kept.get("mode") is not None and kept["mode"].value == "max"
    metric = kept.pop("metric", Text("val_accuracy" if is_higher or known is None else known[1]))
    if (low := kept.get("min")) is not None and low.value:
        kept["min"] = Call("absolute", (low,))
    line = Call("plateau", (metric,), tuple(Keyword(name, one) for name, one in kept.items()))
    return NameProblem(found, example=text_of(line) if kept or is_higher else example, is_read=True)


def _has_optimizer(node: Call, full: str) -> bool:
    """Return whether the first argument of a peer's call is the optimizer: a name that is not the only argument."""
    if not node.args or is_optimizer(node.args[0]):
        return bool(node.args)
    is_first = isinstance(node.args[0], Word) and len(node.args) + len(node.kwargs) > 1
    return is_first and (meant_by(full) or ("",))[0] in ("torch", "transformers", "timm", "deepspeed")


def _with_variables(
    node: Call,
    unknown: list[str],
    found: str,
    example: str,
    names: _Names,
    value_of: Callable[[Node], tuple[Any, Node]],
) -> NameProblem:
    """Return what is wrong with a peer's call that contains variables of a program."""
    line, total = example_without_variables(node, names, value_of) or (None, "")
    found = _with_unknown(found, unknown)
    if total:
        found += f"; a schedule without a length ends with the run, so {total} is not needed"
    if line is not None and any(key.name == "max_lr" and isinstance(key.value, Number) for key in node.kwargs):
        found += "" if "absolute" in names_called(line) else "; max_lr is the base, the lr of the optimizer"
    return NameProblem(found, example=example if line is None else text_of(line), is_read=True)


def _with_unknown(found: str, unknown: list[str]) -> str:
    return f"{found.partition(' (')[0]}. A plan cannot contain variables: {_listed(unknown)}"


def _listed(unknown: list[str]) -> str:
    listed = ", ".join(f'"{shortened_text(one)}"' for one in unknown[:_MOST_VARIABLES])
    return f"{listed}, …" if len(unknown) > _MOST_VARIABLES else listed


def _meant_line(name: str, library: str, found: str, schedule: Schedule, names: _Names) -> NameProblem:
    """Return what is wrong with a peer's call that has a schedule with the same values."""
    meant = _without_places(str(schedule), names)
    simple = _until_it_rises(meant)
    then = "rises again after it"
    if simple is None:
        simple, then = _one_cycle_of_base(meant), "moves the momentum or beta1 too, unless cycle_momentum=False"
    if simple is not None:
        found = f'"{shortened_text(name)}" is a name of {library}; {simple}. {library} {then}'
    return NameProblem(found, meant, Mend("peer"))


_CALL_OF_GET_SCHEDULER: Final = ("name", "optimizer", "num_warmup_steps", "num_training_steps")


def _get_scheduler(node: Call, names: _Names, value_of: Callable[[Node], tuple[Any, Node]]) -> NameProblem:
    """Return what is wrong with a call of `get_scheduler`, whose first argument is the name of the schedule."""
    found, example = advice_for_peer("get_scheduler") or ("", EXAMPLE_LINE)
    given = dict(zip(_CALL_OF_GET_SCHEDULER, node.args, strict=False)) | {key.name: key.value for key in node.kwargs}
    kind = given.pop("name", None)
    word = kind.value if isinstance(kind, Text) else kind.name.lower() if isinstance(kind, Word) else ""
    name = f"transformers.{word.removeprefix('schedulertype.')}"
    known = next((call.arguments for call in calls_named(name)), None)
    if known is not None:
        unused = (*_CALL_OF_GET_SCHEDULER[1:], "scheduler_specific_kwargs")
        given = {key: one for key, one in given.items() if key in known or key not in unused}
    bare = Call(name, (), tuple(Keyword(key, one) for key, one in given.items()), node.place, node.head)
    if known is None and isinstance(kind, Word):
        bare = Call(name, (kind,), bare.kwargs, node.place, node.head)
    if unknown := variables_of_call(bare, names):
        return _with_variables(bare, unknown, found, example, names, value_of)
    schedule = schedule_of_call(name, [], {key: value_of(one)[0] for key, one in given.items() if key not in STATE})
    if schedule is None:
        return NameProblem(found, example=example, is_read=True)
    found = f'{found.partition("; use ")[0]}; here it returns the schedule "{name.rpartition(".")[2]}"'
    return _meant_line(node.name, "transformers", found, schedule, names)._replace(example=example)


def _until_it_rises(node: Node) -> str | None:
    """Return the simple line of a wave that a run ends before it rises again, with the update; None for other lines.

    >>> wave = Call("restarts", (Call("cosine_wave"), Number(180, "180")))
    >>> _until_it_rises(Call(">>", (Call("warmup", (Number(10, "10"),)), wave)))
    'if the run ends at update 100: warmup(10) >> cosine(over=90)'
    """
    line, end = simple_line(node)
    return None if end is None or line is node else f"if the run ends at update {end}: {text_of(line)}"


def simple_line(node: Node) -> tuple[Node, int | None]:
    """Return the line of a run that ends before a wave rises again, and the update at which its last stage ends.

    A line without a wave is returned as it is. The update is None if the last stage has no length.
    """
    stages = node.args if isinstance(node, Call) and node.name == ">>" else (node,)
    begin = 0
    for one in stages[:-1]:
        if not (isinstance(one, Call) and one.args and isinstance(one.args[0], Number)):
            return node, None
        begin += int(one.args[0].value)
    match stages[-1]:
        case Call("restarts", (Call("cosine_wave", (), kwargs), Number(value=period))) if period % 2 == 0:
            half = Number(period // 2, f"{period // 2:.0f}")
            fall = Call("cosine", (), (*kwargs, Keyword("over", half)))
            return Call(">>", (*stages[:-1], fall)) if len(stages) > 1 else fall, begin + int(half.value)
        case Call("recurrence", (Call("rules.one_cycle", (_, Number(value=length), *_)),)):
            return node, int(length)
        case Call(name, args, kwargs) if name in SHAPES:
            given = dict(zip(params_of(SHAPES[name]), args, strict=False)) | {key.name: key.value for key in kwargs}
            if isinstance(over := given.get("over"), Number):
                return node, begin + int(over.value)
    return node, None


def _one_cycle_of_base(node: Node) -> str | None:
    """Return the simple line of torch's one-cycle policy, with its conditions; None for other lines and options.

    >>> given = (Number(0.1, "0.1"), Number(90, "90"), Number(0.4, "0.4"))
    >>> _one_cycle_of_base(Call("recurrence", (Call("rules.one_cycle", given),)))
    'if the base is 0.1 and the run ends at update 90: one_cycle("40%", index="t/(n-1)")'
    """
    match node:
        case Call("recurrence", (Call("rules.one_cycle", (Number(_, base), Number(_, total)), ()),)):
            first: tuple[Node, ...] = ()  # 30%, which both have as the default
        case Call("recurrence", (Call("rules.one_cycle", (Number(_, base), Number(_, total), Number(up)), ()),)):
            share = f"{up * 100:.12g}%"
            first = (Text(share),)
            if up <= 0 or float(share[:-1]) / 100 != up:
                return None
        case _:
            return None
    line = text_of(Call("one_cycle", first, (Keyword("index", Text("t/(n-1)")),)))
    return f"if the base is {base} and the run ends at update {total}: {line}"


def _without_places(line: str, names: _Names) -> Node:
    return without_places(tree_of(line, {**SHAPES, **names}).node)


def is_optimizer(node: Node) -> bool:
    """Return whether an argument is the optimizer, which schedulers of torch take first."""
    return isinstance(node, Word) and _OPTIMIZER.fullmatch(node.name) is not None


def _own_function(name: str, args: Sequence[Node], named: Iterable[str]) -> str | None:
    """Return the function here that a term of papers or a lowercase name of another library means.

    None if its arguments may mean something else there.
    """
    library, (_, ours, line, _) = meant_by(name) or ("", ("", "", "", ""))
    is_function = library == "optax" or any(calls_named(name))
    builder = SHAPES.get(ours)
    named = list(named)
    if builder is None or (is_function and not named) or not (name.islower() or library == "papers"):
        return None
    first = next(iter(params_of(builder).values()), None)
    if len(args) > (first is not None):
        return None
    if args and first is not None and first.kind in ("level", "number"):  # it may be a length, or the last level
        is_length = isinstance(args[0], Number) and args[0].value > (1 if first.kind == "level" else 10)
        if is_length or (first.kind == "level" and library != "papers"):
            return None
    is_stage = re.fullmatch(rf"(warmup\([^()]*\) >> )?{ours}\([^()]*\)", line) and "warmup" not in letters_of(name)
    known = params_of(builder)
    if not (is_stage or ours == "warmup") or not all(meant_argument(key, known, ours) for key in named):
        return None
    return ours
