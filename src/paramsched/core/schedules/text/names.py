"""What an unknown name in a line means: a slip, a curve, a field, or a scheduler of another library."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from paramsched.core.advice.calls import example_call
from paramsched.core.advice.peer_words import (
    SEQUENCES,
    advice_for_name,
    advice_for_peer,
    letters_of,
    meant_argument,
    meant_by,
    with_library,
)
from paramsched.core.base.advise import GRAMMAR, Mend
from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import certain_name, did_you_mean, shortened_text
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Text, Word
from paramsched.core.base.params import Param, params_of, required_names
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text, unknown_curve
from paramsched.core.schedules.affine import NEIGHBOR_LEVELS
from paramsched.core.schedules.registry import RULES, SHAPES
from paramsched.core.schedules.text.arguments import without_places
from paramsched.core.schedules.text.grammar import EXAMPLE_LINE, is_field, tree_of
from paramsched.core.schedules.text.peer_lines import calls_named, schedule_of_call
from paramsched.core.schedules.text.printing import text_of

_OTHER_NAMES: Final = {
    "max": "maximum", "min": "minimum", "clip": "clamp", "1cycle": "one_cycle",
    "const": "constant", "cos": "cosine", "lin": "linear", "linear_decay": "linear", "inv_sqrt": "inverse_sqrt",
    "invsqrt": "inverse_sqrt", "cosine_warm_restarts": "cosine_restarts",
}  # fmt: skip
"""Other names of functions here, with the same arguments."""

_OPTIMIZER: Final = re.compile(r"(?:self\.)?(?:optimizer|optim|opt)\w*")
_Names = Mapping[str, Callable[..., Any]]


class NameProblem(NamedTuple):
    """What is wrong with a name, the tree that is meant (None if it is unclear), and an example."""

    found: str
    meant: Node | None = None
    mend: Mend = GRAMMAR
    example: str = EXAMPLE_LINE
    code: str = UNKNOWN_NAME


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
    if name.lower() in ("none", "null", "nil"):
        return NameProblem(f'"{name}" is not a schedule; a field without a line keeps its value', example="constant()")
    if peer := advice_for_name(name):
        return NameProblem(shortened_found(peer[0], name), example=peer[1] or EXAMPLE_LINE)
    return _near(name, known, "schedule", lambda near: Word(near, node.place))


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
    if wants_curve:
        return _unknown_curve(name, lambda near: renamed(f"curves.{near}"))
    return _near(name, [*names, *NEIGHBOR_LEVELS], "schedule", renamed)


def shortened_found(found: str, name: str) -> str:
    """Return a message with a long name shortened."""
    return found.replace(name, shortened_text(name))


def _near(name: str, known: Iterable[str], kind: str, renamed: Callable[[str], Node]) -> NameProblem:
    known = list(known)
    near = certain_name(name, known)
    found = f'unknown {kind} "{shortened_text(name)}"; {did_you_mean(name, known)}'
    if near is None:
        return NameProblem(found)
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
    name = node.name
    full = with_library(name, [key.name for key in node.kwargs])
    advice = advice_for_peer(full) or advice_for_name(name) or ("", "")
    found, example = shortened_found(advice[0].replace(full, name), name), advice[1] or EXAMPLE_LINE
    args = node.args[1:] if node.args and is_optimizer(node.args[0]) else node.args
    given = [value_of(one)[0] for one in args]
    named = {key.name: value_of(key.value)[0] for key in node.kwargs}
    schedule = schedule_of_call(name, given, named)
    if schedule is None and not args and not node.kwargs:
        return NameProblem(found, example=example)
    if schedule is not None:
        meant = _without_places(str(schedule), names)
        library = (meant_by(full) or ("it",))[0]
        simple = _until_it_rises(meant)
        then = "rises again after it"
        if simple is None:
            simple, then = _one_cycle_of_base(meant), "moves the momentum or beta1 too, unless cycle_momentum=False"
        if simple is not None:
            found = f'"{shortened_text(name)}" is a name of {library}; {simple}. {library} {then}'
        return NameProblem(found, meant, Mend("peer"), example)
    if name.rpartition(".")[2] in (*SEQUENCES, "SequentialLR"):
        return _sequence(Call(name, args, node.kwargs, node.place, node.head), name)
    ours = _own_function(name, len(args), [key.name for key in node.kwargs])
    if ours is None and not args and advice[1].startswith("plateau("):  # the metric is missing
        keywords = tuple(key for key in node.kwargs if key.name in params_of(SHAPES["plateau"]))
        example = text_of(Call("plateau", (Text("val_loss"),), keywords)) if len(keywords) == len(named) else example
    if ours is not None:
        meant = Call(ours, args, node.kwargs, node.place, node.head)
        return NameProblem(found, meant, Mend("other", (name,), (ours,)), example)
    return NameProblem(found, example=example)


def _until_it_rises(node: Node) -> str | None:
    """Return the simple line of a wave that a run ends before it rises again, with the update; None for other lines.

    >>> wave = Call("restarts", (Call("cosine_wave"), Number(180, "180")))
    >>> _until_it_rises(Call(">>", (Call("warmup", (Number(10, "10"),)), wave)))
    'if the run ends at update 100: warmup(10) >> cosine(over=90)'
    """
    stages = node.args if isinstance(node, Call) and node.name == ">>" else (node,)
    begin = 0
    for one in stages[:-1]:
        if not (isinstance(one, Call) and one.args and isinstance(one.args[0], Number)):
            return None
        begin += int(one.args[0].value)
    match stages[-1]:
        case Call("restarts", (Call("cosine_wave", (), kwargs), Number(value=period))) if period % 2 == 0:
            half = Number(period // 2, f"{period // 2:.0f}")
            fall = Call("cosine", (), (*kwargs, Keyword("over", half)))
            line = text_of(Call(">>", (*stages[:-1], fall)) if len(stages) > 1 else fall)
            return f"if the run ends at update {begin + int(half.value)}: {line}"
    return None


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


def _own_function(name: str, positional: int, named: Iterable[str]) -> str | None:
    """Return the function here that a term of papers or a lowercase name of another library means.

    None if its arguments may mean something else there.
    """
    library, (_, ours, line, _) = meant_by(name) or ("", ("", "", "", ""))
    is_function = library == "optax" or any(calls_named(name))
    builder = SHAPES.get(ours)
    named = list(named)
    if builder is None or positional > 1 or (is_function and not named) or not (name.islower() or library == "papers"):
        return None
    is_stage = re.fullmatch(rf"(warmup\([^()]*\) >> )?{ours}\([^()]*\)", line) and "warmup" not in letters_of(name)
    known = params_of(builder)
    if not (is_stage or ours == "warmup") or not all(meant_argument(key, known, ours) for key in named):
        return None
    return ours
