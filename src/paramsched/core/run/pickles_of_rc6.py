"""The pickles of a Scheduler of 1.0.0rc6: the classes that they name, and their state in the present form."""

import json
from collections.abc import Mapping
from typing import Any, final

from paramsched.core.plan.optimizers import ALONE
from paramsched.core.plan.resolution import facts_as_data
from paramsched.core.run.record import VERSION


@final
class RC6State:
    """An object of a class that is gone, or has other fields: the values of its fields."""

    fields: Any

    def __setstate__(self, state: Any) -> None:
        self.fields = state


@final
class RC6Plan(tuple[Any, ...]):
    """An entry of a history: update, amount, text, bases, facts and the number of plans that were left out."""

    __slots__ = ()

    def __new__(cls, *fields: Any) -> "RC6Plan":
        return super().__new__(cls, fields)


def is_of_rc6(state: Mapping[str, Any]) -> bool:
    """Return whether a state is that of a Scheduler of 1.0.0rc6."""
    return {"source", "positions", "bases", "run", "feedback", "begin"} <= state.keys()


def state_from_rc6(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a pickle of 1.0.0rc6 in the form of `copies.state_of_copy`."""
    _, text, total, recipe, counted_by, warns_of_metrics, *_, processes = state["source"].fields
    now, used = state["feedback"]
    loads = state["run"]["loads"]
    return {
        name: state[name]
        for name in ("optimizers", "drive", "plan", "facts", "on_change", "acknowledged", "step_count")
    } | {
        "state": json.dumps(_record(state, now)),
        "on_base": state["bases"].fields[0],
        "strict": processes.fields[0],
        "start": state["begin"],
        "file": None if text is None else (text.name, text.text, text.format, text.entries),
        "recipe": recipe is not None and recipe is not False,
        "engine": (total, counted_by, warns_of_metrics),
        "bases": state["code_bases"],
        "used": used,
        "loads": None if loads is None else (0, {name: _saved(run) for name, run in loads.fields["saved"].items()}),
        "end": "" if state["alive"] else "replaced" if state["run"]["replaced"] else "detached",
    }


def _record(state: Mapping[str, Any], feedback: Any) -> dict[str, Any]:
    """Return the record of a Scheduler's state; the bases are in the groups."""
    run = state["run"]
    positions = {name: position.fields for name, position in state["positions"].items()}
    t, amount, *_ = max(positions.values(), key=lambda position: position[0])
    names = [] if ALONE in positions else list(state["optimizers"])
    entries = {
        "version": VERSION,
        "plan": state["plan"].text,
        "facts": facts_as_data(state["facts"]),
        "t": t,
        "amount": amount,
        "last_amount": run["last_amount"],
        "reported_amount": None if amount is None else run["reported"],
        "rules": feedback,
        "history": _history(run["history"]),
        "groups": 0,
        "bases": {},
    }
    optional: dict[str, Any] = {"optimizers": names} if names else {}
    if run["is_measured"]:
        optional["measured"] = True
    counts = {name: position[0] for name, position in positions.items() if position[0] != t}
    if counts:
        optional["counts"] = counts
    return entries | optional


def _history(history: RC6State) -> list[list[Any]]:
    """Return the entries of a history: update, amount, text, and the bases that a change replaced."""
    rows: list[list[Any]] = []
    for update, amount, text, bases, *_ in history.fields[0]:
        by_field: dict[str, dict[str, float]] = {}
        for (field, group), base in bases:
            by_field.setdefault(field, {})[group] = base
        rows.append([update, amount, text, *([{"bases": by_field}] if by_field else [])])
    return rows


def _saved(run: RC6State) -> tuple[Any, ...]:
    """Return the state that an optimizer has loaded as text and numbers."""
    count, position, last_amount, feedback, history, is_loaded, replaced = run.fields
    plans = None if history is None else _history(history)
    return count, tuple(position.fields), last_amount, feedback, plans, is_loaded, replaced
