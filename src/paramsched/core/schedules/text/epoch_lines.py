"""Two readings of a line of torch in a plan that counts epochs: a scheduler counts its steps, of epochs or updates."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from paramsched.core.advice.peer_words import meant_by
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Text, names_called
from paramsched.core.base.params import Param, params_of
from paramsched.core.schedules.registry import SHAPES
from paramsched.core.schedules.text.arguments import without_places
from paramsched.core.schedules.text.grammar import BINDS, tree_of
from paramsched.core.schedules.text.names import simple_line
from paramsched.core.schedules.text.parsing import Reading, read_line
from paramsched.core.schedules.text.printing import text_of
from paramsched.core.schedules.text.variables import without_total
from paramsched.errors import ParseError


def readings_of_text(text: str, own: Mapping[str, Callable[..., Any]], epochs: Fraction) -> tuple[str, str] | None:
    """Return what a line of torch means and the two lines to choose from; None for other lines.

    Args:
        text: the line.
        own: functions that it may call besides the registered ones.
        epochs: the horizon of its plan in epochs.

    For `StepLR(30)` and 90 epochs, the lines are `step("30 epochs")` and `step(30)`.

    >>> readings_of_text("step(30)", {}, Fraction(90)) is None  # a line of this library counts updates
    True
    """
    try:
        written = tree_of(text, {**SHAPES, **own}).node
    except ParseError:
        return None
    if not isinstance(written, Call) or written.name in (*BINDS, *SHAPES, *own):
        return None  # a part of the line has lengths of this library
    return readings_in_epochs(read_line(text, own), written.name, epochs)


def readings_in_epochs(reading: Reading, name: str, epochs: Fraction) -> tuple[str, str] | None:
    """Return what the call of a scheduler of torch means and the two lines to choose from; None for other calls."""
    if not reading.line or reading.node is None or (meant_by(name) or ("",))[0] != "torch":
        return None
    node = without_places(reading.node)
    simple, end = simple_line(node)
    counted = in_epochs((without_total(node) if end == epochs else None) or simple)
    if counted is None or counted == node or _longest(counted) > epochs:
        return None
    peak = "; max_lr is the base" if "one_cycle" in names_called(counted) else ""
    found = f'"{name}" is a name of torch; its lengths may count epochs or updates{peak}'
    return found, f"Use {text_of(counted)} for epochs, or {text_of(node)} for updates"


def in_epochs(node: Node) -> Node | None:
    """Return a line whose lengths count epochs instead of updates; None if a part of it has no such form.

    >>> text_of(in_epochs(Call("multistep", (List((Number(30, "30"), Number(80, "80"))),))))
    'multistep(["30 epochs", "80 epochs"])'
    """
    if not isinstance(node, Call):
        return node
    if node.name not in SHAPES:
        parts = [in_epochs(one) for one in node.args]
        is_known = not node.kwargs and not node.name[:1].isalpha() and None not in parts
        return replace(node, args=tuple(one for one in parts if one is not None)) if is_known else None
    params = params_of(SHAPES[node.name])
    order = [*params.values()]
    args = [_counted(one, order[min(at, len(order) - 1)]) for at, one in enumerate(node.args)]
    named = [(key, _counted(key.value, params[key.name])) for key in node.kwargs]
    if None in args or any(value is None for _, value in named):
        return None
    kwargs = tuple(Keyword(key.name, value) for key, value in named if value is not None)
    if node.name == "exponential" and len(args) < 2 and not kwargs:  # the decay of one step
        kwargs = (Keyword("per", Text("1 epoch")),)
    return replace(node, args=tuple(one for one in args if one is not None), kwargs=kwargs)


def _longest(node: Node) -> float:
    """Return the largest number of epochs in a line."""
    match node:
        case Text(value) if value.endswith(("epoch", "epochs")):
            return float(value.split()[0])
        case List(items):
            return max(map(_longest, items), default=0.0)
        case Call(_, args, kwargs):
            return max(map(_longest, (*args, *(key.value for key in kwargs))), default=0.0)
    return 0.0


def _counted(node: Node, param: Param) -> Node | None:
    """Return an argument with epochs as the unit of its lengths."""
    match node:
        case Number(value=value) if "length" in (param.kind, *(one.kind for one in param.members)):
            return Text("1 epoch" if value == 1 else f"{value:.12g} epochs")
        case List(items, is_round) if param.items:
            inner = param.items if len(param.items) > 1 else param.items * len(items)
            made = [_counted(one, each) for one, each in zip(items, inner, strict=True)]
            return None if None in made else List(tuple(one for one in made if one is not None), is_round)
        case Call() if param.kind == "schedule":
            return in_epochs(node)
    return node
