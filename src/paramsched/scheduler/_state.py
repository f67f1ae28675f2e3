"""The scheduler's state: clock, feedback states, bases and the plan as text; plain data, checked before it is used."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, final

from paramsched.errors import InvalidArgument, StateError
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan
from paramsched.scheduler._driver import Driver
from paramsched.time import Calendar

VERSION = 1
_KEYS = {"version", "t", "plan", "calendar", "groups", "bases", "feedback"}


@final
@dataclass(frozen=True, slots=True)
class State:
    """A checked state.

    Args:
        t: completed updates.
        text: the plan's canonical text; None for one that has none.
        calendar: the facts it was resolved with.
        groups: how many groups there were.
        bases: by flat field name, one for each group (None where the group was not scheduled).
        feedback: each metric rule's state as JSON scalars, by the rule's text.
    """

    t: int
    text: str | None
    calendar: Calendar
    groups: int
    bases: dict[str, list[float | None]]
    feedback: dict[str, dict[str, Any]]

    def plan(self) -> Plan | None:
        """The plan as it was.

        Raises:
            StateError: its text cannot be read here, say for a shape that is not registered.
        """
        try:
            return None if self.text is None else Plan.of_text(self.text)
        except InvalidArgument as error:
            raise StateError(f"the plan in the state cannot be read here: {error}") from None

    def base_of(self) -> dict[tuple[int, str], float]:
        """Bases by group and flat field name."""
        return {
            (index, slot): base
            for slot, bases in self.bases.items()
            for index, base in enumerate(bases)
            if base is not None
        }


def state_of(driver: Driver, calendar: Calendar, groups: int) -> dict[str, Any]:
    """The state as plain numbers, strings, lists and dicts; equal bases are kept once."""
    bases: dict[str, list[float | None]] = {}
    for slot in driver.table.slots:
        bases.setdefault(slot.field.slot, [None] * groups)[slot.group] = slot.base
    return {
        "version": VERSION,
        "t": driver.t,
        "plan": driver.plan.text,
        "calendar": {
            field.name: value if isinstance(value, (int, float)) else str(value)
            for field in fields(calendar)
            if (value := getattr(calendar, field.name)) is not None
        },
        "groups": groups,
        "bases": {name: values[0] if len(set(values)) == 1 else values for name, values in bases.items()},
        "feedback": {
            str(rule): {field.name: getattr(state, field.name) for field in fields(state)}
            for rule, state in driver.states.items()
        },
    }


def read(state: Any) -> State:
    """Check a state, key by key; nothing is changed.

    Raises:
        StateError: it is foreign, truncated or spoiled, with the key and what was found.
    """
    if not isinstance(state, Mapping):
        raise StateError(f"state is a {type(state).__name__}, not the dict that scheduler.state_dict() gives")
    if "version" not in state:
        raise StateError(f"not a state of ps.Scheduler: it has the keys {', '.join(map(str, sorted(state, key=str))) or 'none'}")
    version = state["version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise StateError(f"state: version is {version!r}, not a number from 1 on")
    if version > VERSION:
        raise StateError(f"state of version {version}; this paramsched reads up to {VERSION}: update paramsched")
    if missing := _KEYS - state.keys():
        raise StateError(f"state is truncated: {', '.join(sorted(missing))} missing")
    if foreign := state.keys() - _KEYS:
        raise StateError(f"state has keys that are not its own: {', '.join(sorted(map(str, foreign)))}")
    groups = _count("groups", state["groups"])
    return State(
        t=_count("t", state["t"]),
        text=_text(state["plan"]),
        calendar=_calendar(state["calendar"]),
        groups=groups,
        bases=_bases(state["bases"], groups),
        feedback=_feedback(state["feedback"]),
    )


def restored(feedback: Mapping[str, dict[str, Any]], rules: tuple[MetricRule[Any], ...]) -> dict[MetricRule[Any], Any]:
    """The states of rules: as saved where they were, else at their beginning."""
    return {rule: rule.restore(feedback[str(rule)]) if str(rule) in feedback else rule.init() for rule in rules}


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise StateError(f"state: {name} is {value!r}, not a whole number from 0 on")
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise StateError(f"state: plan is a {type(value).__name__}, not text")
    if not value.startswith('{"horizon"'):
        raise StateError(f"state: plan is {value[:40]!r}, not the text of a plan")
    return value


def _calendar(value: Any) -> Calendar:
    if not isinstance(value, Mapping):
        raise StateError(f"state: calendar is a {type(value).__name__}, not a dict")
    try:
        return Calendar(**value)
    except (TypeError, ValueError) as error:
        raise StateError(f"state: calendar: {error}") from None


def _bases(value: Any, groups: int) -> dict[str, list[float | None]]:
    if not isinstance(value, Mapping):
        raise StateError(f"state: bases is a {type(value).__name__}, not a dict")
    found: dict[str, list[float | None]] = {}
    for name, given in value.items():
        bases = list(given) if isinstance(given, (list, tuple)) else [given] * groups
        if not isinstance(name, str) or len(bases) != groups:
            raise StateError(f"state: bases[{name!r}] has {len(bases)} values for {groups} groups")
        for base in bases:
            number = isinstance(base, (int, float)) and not isinstance(base, bool)
            if base is not None and not (number and math.isfinite(base)):
                raise StateError(f"state: bases[{name!r}] holds {base!r}, no finite number")
        found[name] = bases
    return found


def _feedback(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise StateError(f"state: feedback is a {type(value).__name__}, not a dict")
    for name, state in value.items():
        if not isinstance(name, str) or not isinstance(state, Mapping):
            raise StateError(f"state: feedback[{name!r}] is {state!r}, not a dict")
    return {name: dict(state) for name, state in value.items()}
