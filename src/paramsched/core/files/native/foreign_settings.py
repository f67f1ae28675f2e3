"""Settings of an optimizer or of another program at the top level of a plan: bases, last levels, optimizers."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from paramsched.core.advice.peer_words import OTHER_NAMES
from paramsched.core.base.node import Call, Keyword, Node, Number
from paramsched.core.base.params import params_of
from paramsched.core.base.problem import Advice, Entry
from paramsched.core.schedules import SHAPES, meant_line
from paramsched.core.schedules.text.parsing import read_line
from paramsched.core.schedules.text.printing import text_of

Misplaced: TypeAlias = tuple[str, str | Advice, tuple[str, Any] | None]
"""What is wrong, the advice, and the entry to write at the top level instead."""

_BASES: Final = ("base", "base_lr", "initial_lr", "init_lr", "lr0", "max_lr", "peak_lr", "learning_rate")
_LAST_LEVELS: Final = ("min_lr", "lr_min", "eta_min", "end_lr", "lr_end", "final_lr", "min_learning_rate")


def foreign_setting(key: str, value: Any, plan: Mapping[Any, Any]) -> Misplaced | None:
    """Return what is wrong with a setting of another program next to the fields of a plan; None for other entries.

    >>> foreign_setting("min_lr", 1e-5, {"lr": "cosine()"})[2]
    ('lr', 'cosine(to=absolute(1e-05))')
    """
    name, lr = key.lower().replace("-", "_"), plan.get("lr")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in _BASES and is_number and any(isinstance(one, str) and "(" in one for one in plan.values()):
        found = f'"{key}" is not a field; the base of a schedule is the lr of the optimizer'
        return found, f"Remove it, and pass lr={value!r} to the optimizer", None
    if name in _LAST_LEVELS and is_number:
        found = f'"{key}" is not a field; the last level is an argument of the schedule'
        line = _with_last_level(lr, value) if isinstance(lr, str) else None
        if line is None:
            return found, Advice(Entry("lr", '"cosine(to=absolute(1e-05))"'), is_example=True), None
        return found, "", ("lr", line)
    if name in ("optimizer", "optim") and isinstance(value, dict) and not {"type", "name"}.isdisjoint(value):
        found = (
            f'"{key}" is not a field; a plan does not contain the optimizer, which a Scheduler connects with the plan'
        )
        return found, "Remove it", None
    if OTHER_NAMES.get(name) == "lr" and "sched" in name and isinstance(value, str):
        line = meant_line(value)
        is_unclear = "epoch" in str(plan.get("horizon")) and re.search(r"\b[A-Z]\w*\(", value) is not None
        # A field of an optimizer may have this name. A scheduler of torch may count epochs.
        if line is not None and line != value and not is_unclear:
            found = f'"{key}" is not an optimizer field; did you mean "lr"?'
            return (
                (found, "Remove it, because lr has a schedule", None) if lr is not None else (found, "", ("lr", line))
            )
    return None


def _with_last_level(line: str, value: float) -> str | None:
    """Return a line whose last stage ends at a value; None if the stage has a last level, or cannot have one."""
    reading = read_line(line)
    if reading.problems or reading.node is None:
        return None
    node = reading.node
    stages = node.args if isinstance(node, Call) and node.name == ">>" else (node,)
    last = stages[-1]
    if not isinstance(last, Call) or last.name not in SHAPES or "to" not in (params := params_of(SHAPES[last.name])):
        return None
    if "to" in (*list(params)[: len(last.args)], *(key.name for key in last.kwargs)):
        return None
    number = Number(value, repr(value))
    level: Node = Call("absolute", (number,)) if value else number
    last = replace(last, kwargs=(Keyword("to", level), *last.kwargs))
    made = text_of(Call(">>", (*stages[:-1], last)) if len(stages) > 1 else last)
    return None if read_line(made).problems else made
