"""The scheduler's state: plain data, validated before it is used.

It has the same keys for every plan, and mappings in it are tuples of pairs. The reason is that
`torch.distributed.checkpoint` loads exactly the keys of the state into which it loads, including those of inner
mappings, and `dcp_to_torch_save` drops empty mappings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, TypeAlias, final

from paramsched.core.base.diagnostic import names_listed
from paramsched.core.feedback.base import MetricRule
from paramsched.core.fields import Field
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.diff import Diff, PlanTexts
from paramsched.core.plan.optimizers import ALONE
from paramsched.core.plan.resolve import number_of_text
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.scheduler.block import Values
from paramsched.core.scheduler.group_keys import (
    Entry,
    History,
    is_amount,
    is_count,
    is_finite_number,
    read_history,
    read_pairs,
)
from paramsched.core.scheduler.run import Run
from paramsched.core.scheduler.run_state import PlanBefore, ResolvedPlan, RunPosition
from paramsched.core.scheduler.slots import bases_by_slot
from paramsched.core.scheduler.values import pending
from paramsched.core.schedules import SHAPES
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, StateError, UnreadableTable, shown

VERSION = 2
_MAX_GROUPS = 2**20  # an invalid number would allocate more memory than there is
_KEYS = {
    "version", "t", "amount", "last_amount", "said", "measured", "plan", "resolved", "history", "calendar", "groups",
    "bases", "feedback",
}  # fmt: skip
_LATER_KEYS = {"resolved", "measured", "last_amount"}  # which states of 0.2.0 lack
_KEYS_OF_SEVERAL = {"optimizers", "behind", "pending"}


@final
@dataclass(frozen=True, slots=True)
class State:
    """A validated state.

    Args:
        text: the plan's canonical text, or None.
        written: the parts of that text, or None.
        resolved: the parts of the text of the resolved plan, or None.
        numbers: the numbers that the plan may have in param groups.
        unreadable: the reason why the text cannot be read here, or None.
        calendar: the run facts.
        optimizers: the number of groups of each optimizer, by name.
        bases: the bases of each optimizer, by group index and flat field name.
        feedback: the states of metric rules, by the rules' text.
        position: the position of the run: `t`, and the amounts if the plan's clock counts one.
        history: the plans that were in force.
        behind: the optimizers that had not stepped in the last update.
        last_amount: the amount before the last update.
        pending: the values of the coming step of each optimizer that had not stepped, in the form of `bases`.
    """

    text: str | None
    written: PlanTexts | None
    resolved: PlanTexts | None
    numbers: frozenset[int]
    unreadable: str | None
    calendar: Calendar
    optimizers: dict[str, int]
    bases: dict[str, dict[tuple[int, str], float]]
    feedback: dict[str, dict[str, Any]]
    position: RunPosition
    history: History
    behind: frozenset[str] = frozenset()
    last_amount: Amount | None = None
    pending: Mapping[str, Mapping[tuple[int, str], float]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of several optimizers; empty for one."""
        return () if ALONE in self.optimizers else tuple(self.optimizers)

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates or is unknown."""
        return None if self.written is None else amount_clock(self.written.clock)

    def plan_in_force(self, known: Plan | None = None) -> ResolvedPlan:
        """Return the plan with its resolved form.

        Args:
            known: the plan, if it is known; by default, its text is parsed.

        Raises:
            StateError: its text cannot be read here, or the calendar does not resolve it.
        """
        plan = known or plan_of_text(self.text or "")
        try:
            return ResolvedPlan(plan, plan.resolve(self.calendar, self.names), self.calendar, optimizers=self.names)
        except InvalidArgument as error:
            raise StateError(f"state: calendar does not resolve its plan: {error}") from None

    def changes_to(self, code: ResolvedPlan) -> Diff | None:
        """Return the changes to the plan of the code; None if the plan of the state cannot be compared."""
        before = self.resolved
        return None if before is None or self.unreadable else before.changes_to(PlanTexts.of(code.resolved))

    def before(self) -> PlanBefore:
        """Return the plan as that which the code's plan replaces."""
        return PlanBefore(
            self.text, self.calendar, self.unit, self.numbers, self.position, "the checkpoint's",
            self.plan_in_force,
        )  # fmt: skip

    def position_on(self, unit: str | None) -> RunPosition:
        """Return the position on the clock `unit`, without the amounts if they are on another clock."""
        if self.written is None or self.unit == unit:
            return self.position
        return RunPosition(self.position.t, samples=self.position.samples)


def state_of(run: Run, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the state as plain data; bases that are equal in all groups are stored once.

    Args:
        run: the run.
        sizes: the number of groups of each optimizer, by name.
    """
    lead, clock, groups = run.lead, run.clock, sum(sizes.values())
    behind = {name: planned for name, planned in run.members.items() if planned.clock.t < clock.t}
    states, text = saved_states(clock.states), lead.in_force.plan.text
    state = {
        "version": VERSION,
        "t": clock.t,
        "amount": clock.amount,  # None on the clock of updates
        "last_amount": clock.last_amount,
        "said": clock.reported,  # and not counted yet
        "measured": clock.is_measured,
        "plan": text,
        "resolved": None if text is None else lead.in_force.resolved.text,
        "history": None if clock.history == _single_plan_history(text, clock.amount) else clock.history.as_state(),
        "calendar": tuple(_calendar_facts(lead.in_force.calendar).items()) + _samples_fact(run),
        "groups": groups,
        "bases": _by_field({name: bases_by_slot(one.block.slots) for name, one in run.members.items()}, sizes),
        "feedback": tuple((rule, tuple(state.items())) for rule, state in states.items()),
    }
    if not run.is_shared:
        return state
    counts = tuple(sizes.values())
    return state | {
        "optimizers": ",".join(sizes),
        "groups": counts[0] if len(set(counts)) == 1 else counts,
        # A 1 for each optimizer that has not stepped in the last update.
        "behind": "".join(str(int(name in behind)) for name in sizes) if behind else "",
        "pending": _by_field({name: pending(one) for name, one in behind.items()}, sizes, only_known=True),
    }


def _by_field(
    values: Mapping[str, Values], sizes: Mapping[str, int], *, only_known: bool = False
) -> tuple[tuple[str, Any], ...]:
    """Return pairs of a field and its values in the groups of all optimizers, or one number if these are equal.

    With `only_known`, groups without a value are not compared.
    """
    found: dict[str, list[float | None]] = {}
    first = 0  # the place of the optimizer's first group among those of all optimizers
    for name, size in sizes.items():
        for (index, slot), value in values.get(name, {}).items():
            if index < size:  # the optimizer of a detached scheduler may have lost groups
                found.setdefault(slot, [None] * sum(sizes.values()))[first + index] = value
        first += size
    absent = {None} if only_known else set()
    kinds = {name: set(numbers) - absent for name, numbers in found.items()}
    return tuple(
        (name, next(iter(kinds[name])) if len(kinds[name]) == 1 else tuple(one)) for name, one in found.items()
    )


def _single_plan_history(text: str | None, amount: Amount | None) -> History:
    """Return the history of a run whose only plan started at update 0; states omit this history."""
    return History.starting_with(text, None if amount is None else 0)


_SAMPLES: Final = "samples"
"""The name of the number of samples among the run facts, which have it because a key of its own would be missing in the
checkpoints of other plans."""


def _samples_fact(run: Run) -> tuple[tuple[str, int], ...]:
    samples = run.samples()
    return () if samples is None else ((_SAMPLES, samples),)


def _calendar_facts(calendar: Calendar) -> dict[str, float | str]:
    facts = ((field.name, getattr(calendar, field.name)) for field in fields(calendar))
    return {name: fact if isinstance(fact, (int, float)) else str(fact) for name, fact in facts if fact is not None}


def saved_states(states: Mapping[MetricRule[Any], Any]) -> dict[str, dict[str, Any]]:
    """Return a dict from the text of each metric rule to its state, a dict of JSON scalars."""
    return {
        str(rule): {field.name: getattr(state, field.name) for field in fields(state)} for rule, state in states.items()
    }


def read_scheduler_state(state: Any, known: Calendar | None = None) -> State:
    """Validate a state, key by key, without side effects. The schedules of its plan are not parsed.

    Args:
        state: the state.
        known: a calendar; if the state has the same facts, they are not parsed again.
    """
    _check_keys(state)
    optimizers, text, resolved_text = _read_optimizers(state), state["plan"], state.get("resolved")
    groups, entries = sum(optimizers.values()), state["history"]
    history = _single_plan_history(text, state["amount"]) if entries is None else read_history(entries)
    facts = read_pairs("calendar", state["calendar"])
    samples = facts.pop(_SAMPLES, None)
    if samples is not None:
        _require_count_below(_SAMPLES, samples)
    same = known is not None and facts == _calendar_facts(known) and bool not in map(type, facts.values())
    try:
        calendar = known if known is not None and same else Calendar(**facts)
    except (TypeError, ValueError) as error:
        raise StateError(f"state: calendar: {error}") from None
    written = resolved = unreadable = None
    numbers: frozenset[int] = frozenset()
    if text is not None:
        written = _parts_of_text(text)
        resolved = _parts_of_text(resolved_text) if "resolved" in state else None
        numbers = frozenset(map(number_of_text, filter(None, (text, resolved_text))))
        unreadable = _why_unreadable(text, written)
    bases = _read_by_field("bases", state["bases"], groups)
    feedback = {
        rule: read_pairs("feedback", saved) for rule, saved in read_pairs("feedback", state["feedback"]).items()
    }
    if written is not None:
        _check_bases(written, resolved or written, bases)
    position = replace(_read_position(state, written), samples=samples)
    if history.entries[-1].text != text:
        raise StateError("state: the last plan of history differs from the plan of the state")
    late = _read_behind(state.get("behind", ""), optimizers, position.t)
    pending = _read_by_field("pending", state.get("pending", ()), groups)
    found = State(
        text, written, resolved, numbers, unreadable, calendar, optimizers, _by_optimizer(bases, optimizers), feedback,
        position, history, late, state.get("last_amount"), _by_optimizer(pending, optimizers),
    )  # fmt: skip
    if written is None or resolved is not None or unreadable:
        return found
    return replace(found, resolved=PlanTexts.of(found.plan_in_force().resolved))


def _check_keys(state: Any) -> None:
    """Raise if a state is foreign, of another version, or lacks a key."""
    if not isinstance(state, Mapping):
        raise StateError(f"expected the dict that scheduler.state_dict() returns, got {type(state).__name__}")
    if "version" not in state:
        got = f"a dict with the keys: {names_listed(sorted(map(str, state)))}" if state else "an empty dict"
        raise StateError(
            f"expected the dict that scheduler.state_dict() returns, got {got}. If the run has "
            "completed n updates without a plan, call scheduler.seek(n)"
        )
    version = state["version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < VERSION:
        raise StateError(f"state: version is {version!r}, not an integer of at least {VERSION}")
    if version > VERSION:
        raise StateError(f"state of version {version}; this paramsched reads up to version {VERSION}: update it")
    of_several = _KEYS_OF_SEVERAL if "optimizers" in state else set()
    if missing := (of_several | _KEYS) - _LATER_KEYS - state.keys():
        raise StateError(f"state is truncated: {', '.join(sorted(missing))} missing")
    if foreign := state.keys() - _KEYS - of_several:
        raise StateError(f"state has unknown keys: {', '.join(sorted(map(str, foreign)))}")


def _parts_of_text(text: Any) -> PlanTexts:
    """Return the parts of the text of a plan."""
    try:
        return PlanTexts.of_text(text)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StateError(f"state: plan is invalid: {error}") from None


_CALL: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.])(\w+)\(')


def _why_unreadable(text: str, parts: PlanTexts) -> str | None:
    """Return the reason why the text of a plan cannot be read here; None if it can. Only tables in files are read."""
    called = {name for line in parts.lines.values() for name in _CALL.findall(line)}
    if unknown := sorted(called - SHAPES.keys() - {"", "absolute"}):
        return f"no shape is registered here as {', '.join(unknown)}"
    try:
        if "table_file" in called:
            Plan.of_text(text)
    except UnreadableTable as absent:  # the file is missing or has changed
        return str(absent)
    return None


def _check_bases(written: PlanTexts, resolved: PlanTexts, bases: Mapping[str, Any]) -> None:
    """Raise if a state has bases or a resolved form of another plan."""
    fields, of_resolved = ({(name, target) for name, target, _ in one.lines} for one in (written, resolved))
    if fields != of_resolved or written.clock != resolved.clock:
        raise StateError("state: resolved is the text of another plan")
    scheduled = {Field.of(name).slot for name, is_target in fields if not is_target}
    foreign = bases.keys() - scheduled - ({"betas_0"} if "momentum" in scheduled else set())
    missing = scheduled - bases.keys() - ({"momentum"} if "betas_0" in bases else set())
    if foreign or missing:
        raise StateError(f"state: bases are those of {sorted(bases)}, but its plan schedules {sorted(scheduled)}")


def check_rules(feedback: Mapping[str, Any], plan: Plan) -> None:
    """Raise if a state of a plan has the feedback of other metric rules."""
    rules = {str(rule) for rule in plan.metric_rules}
    if rules != feedback.keys():
        raise StateError(
            f"state: feedback is that of {sorted(feedback)}, but the rules of its plan are {sorted(rules)}"
        )


def _read_position(state: Mapping[str, Any], parts: PlanTexts | None) -> RunPosition:
    """Return the position of the run."""
    clock = None if parts is None else amount_clock(parts.clock)
    for name in ("amount", "said", "last_amount"):
        if (amount := state.get(name)) is not None and not is_amount(amount, clock):
            raise StateError(f"state: {name} is {shown(amount)}, not a number of at least 0")
        if parts is not None and amount is not None and clock is None:
            raise StateError(f"state: {name} is {shown(amount)}, but the clock of its plan counts updates")
    if not isinstance(measured := state.get("measured", False), bool):
        raise StateError(f"state: measured is {shown(measured)}, not True or False")
    position = RunPosition(_require_count_below("t", state["t"]), state["amount"], state["said"], measured)
    if position.amount is None and position.reported is not None:
        raise StateError("state: said has a value, but amount is None")
    return position


def _read_behind(behind: Any, optimizers: Mapping[str, int], t: int) -> frozenset[str]:
    """Return the optimizers that had not stepped in the last update."""
    if not isinstance(behind, str) or set(behind) - {"0", "1"} or len(behind) not in (0, len(optimizers)):
        raise StateError(f"state: behind is {shown(behind)}, not a 0 or 1 for each optimizer")
    if "1" in behind and (t == 0 or "0" not in behind):
        raise StateError(f"state: behind is {shown(behind)} at update {t}")
    return frozenset(name for name, one in zip(optimizers, behind, strict=False) if one == "1")


def _read_optimizers(state: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of groups of each optimizer; one that is alone has no name in a state."""
    names, sizes = state.get("optimizers", ALONE), state["groups"]
    if not isinstance(names, str) or not all(names.split(",")):
        raise StateError(f"state: optimizers is {shown(names)}, not names separated by commas")
    listed = names.split(",")
    counts = list(sizes) if isinstance(sizes, (list, tuple)) and "optimizers" in state else [sizes] * len(listed)
    if len(counts) != len(listed) or len(set(listed)) != len(listed):
        raise StateError(f"state: {len(counts)} numbers of groups for the optimizers {shown(names)}")
    return {
        name: _require_count_below("groups", count, _MAX_GROUPS) for name, count in zip(listed, counts, strict=True)
    }


def _by_optimizer(
    by_field: Mapping[str, list[float | None]], optimizers: Mapping[str, int]
) -> dict[str, dict[tuple[int, str], float]]:
    """Return the numbers of each optimizer, by group index and flat field name."""
    found: dict[str, dict[tuple[int, str], float]] = {name: {} for name in optimizers}
    for slot, values in by_field.items():
        places = ((found[name], index) for name, size in optimizers.items() for index in range(size))
        for (mine, index), base in zip(places, values, strict=True):
            if base is not None:
                mine[index, slot] = base
    return found


def position_of_torch(state: Any) -> int | None:
    """Return the position in a state of one of torch's schedulers; None for any other state.

    >>> position_of_torch({"last_epoch": 500, "_step_count": 501, "_last_lr": [0.1]})
    500
    """
    if not isinstance(state, Mapping) or "version" in state or not {"last_epoch", "_schedulers"} & state.keys():
        return None
    if "last_epoch" in state:
        found = state["last_epoch"]
        return found if is_count(found) and {"_last_lr", "_step_count", "base_lrs"} & state.keys() else None
    members = state["_schedulers"] if isinstance(state["_schedulers"], (list, tuple)) else []
    return next((at for one in members if (at := position_of_torch(one)) is not None), None)


def restored_states(
    feedback: Mapping[str, dict[str, Any]], rules: tuple[MetricRule[Any], ...]
) -> dict[MetricRule[Any], Any]:
    """Return a dict from each rule to its state: the saved state if there is one, else the initial one."""
    return {rule: rule.restore(feedback[str(rule)]) if str(rule) in feedback else rule.init() for rule in rules}


def _require_count_below(name: str, value: Any, most: int = 2**62) -> int:
    if not is_count(value) or value >= most:
        raise StateError(f"state: {name} is {shown(value)}, expected an integer from 0 to {most - 1}")
    whole: int = value
    return whole


def plan_of_text(text: str) -> Plan:
    """Return the plan of a canonical text.

    Raises:
        StateError: it cannot be read here.
    """
    try:
        return Plan.of_text(text)
    except (InvalidArgument, RecursionError) as error:
        raise StateError(f"state: plan is invalid: {error}") from None


def _read_by_field(key: str, value: Any, groups: int) -> dict[str, list[float | None]]:
    """Return a dict from field to a list of numbers, one per group; a state may have one number for all groups."""
    found: dict[str, list[float | None]] = {}
    for name, given in read_pairs(key, value).items():
        numbers = list(given) if isinstance(given, (list, tuple)) else [given] * groups
        if len(numbers) != groups:
            raise StateError(f"state: {key}[{name!r}] has {len(numbers)} values for {groups} groups")
        if all(number is None for number in numbers):
            raise StateError(f"state: {key}[{name!r}] has no number")
        for number in numbers:
            if number is not None and not is_finite_number(number):
                raise StateError(f"state: {key}[{name!r}] has {shown(number)}, which is not a finite number")
        found[name] = numbers
    return found


def plans_in_state(state: Any) -> tuple[list[tuple[Entry, Plan | None]], Calendar]:
    """Return the plans that were in force, each with its entry in the history, and the last plan's run facts.

    A plan is None if it has no text, or if the text cannot be read here.
    """
    read = read_scheduler_state(state)
    return [(entry, plan_or_none(entry.text)) for entry in read.history.entries], read.calendar


def plan_or_none(text: str | None) -> Plan | None:
    """Return the plan of a canonical text; None without a text, or if it cannot be read here."""
    try:
        return None if text is None else plan_of_text(text)
    except StateError:
        return None


OnChangeChoice: TypeAlias = Literal["new", "checkpoint", "error"]

OnChange: TypeAlias = OnChangeChoice | Mapping[str, OnChangeChoice]
"""One choice for the entire plan, or one for each field; the default of a field is "new"."""
