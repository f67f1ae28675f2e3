"""The record of a run in a checkpoint, and what a changed base means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from paramsched.base.pickles import names_in_pickles
from paramsched.core.groups.fields import RECORD, json_or_none
from paramsched.core.plan.lines import (
    BoundLine,
    GroupValues,
    RuleStates,
)
from paramsched.core.plan.optimizers import ALONE, WHOLE, OptimizerScope
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan, facts_as_data, resolve_in_run
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.group_entries import (
    GroupDict,
    check_rules,
    count_carried,
    is_amount,
    is_count,
    is_finite_number,
    mapping_in,
    read_entries,
    restored_states,
)
from paramsched.core.run.history import History, HistoryPlan, read_history
from paramsched.core.run.messages import LogCall
from paramsched.core.run.messages import records as messages
from paramsched.core.run.position import BEGIN, RunPosition
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import InvalidArgument, StateError

# It is one text, because `torch.distributed.checkpoint` loads exactly the keys of the state into which it loads: a plan
# with other fields or rules has the same keys.

_MAX_GROUPS = 2**20  # an invalid number would allocate more memory than there is
_OF_PLAN = {"version", "plan", "facts"}
"""The keys of every record; their values are constant between two bindings, so the live groups have them too."""
_OF_POSITION = {
    "t", "amount", "last_amount", "reported_amount", "measured", "rules", "history", "counts", "optimizers", "external",
}  # fmt: skip
"""The keys that `state_dict()` adds."""
_OF_ALL = {"groups", "bases"}
"""The keys of a Scheduler's state only: the numbers of all groups. In a checkpoint each group has its own."""


@final
@dataclass(frozen=True, slots=True)
class Record:
    """A validated record.

    Args:
        text: the plan's canonical text, or None.
        in_force: the plan with its resolved form; None without a text, or if it cannot be read here.
        unreadable: the reason why it cannot be read here, or None.
        facts: the run facts.
        optimizers: the number of groups of each optimizer, by name.
        bases: the bases of each optimizer, by group index and flat field name; those in its groups if it is missing.
        feedback: the states of metric rules, by `rule_keys`.
        position: the position of the run: `t`, and the amounts if the plan's clock counts one.
        history: the plans that were in force.
        counts: the update of the next step of the optimizers that have not stepped in that of the run, by name.
        last_amount: the amount before the last update.
        owner: its owner, for messages.
        is_loaded: False if it is that of a Scheduler of this process.
        external: the flat names of the fields that other code wrote in the run, or when it was saved.
    """

    text: str | None
    in_force: ResolvedPlan | None
    unreadable: str | None
    facts: RunFacts
    optimizers: dict[str, int]
    bases: dict[str, dict[tuple[int, str], float]]
    feedback: dict[str, dict[str, Any]]
    position: RunPosition
    history: History
    counts: Mapping[str, int] = field(default_factory=dict)
    last_amount: Amount | None = None
    owner: str = "the checkpoint's"
    is_loaded: bool = True
    external: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of several optimizers; empty for one."""
        return () if ALONE in self.optimizers else tuple(self.optimizers)

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates or is unknown."""
        return None if self.in_force is None else self.in_force.unit

    def position_at(self, count: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the previous one."""
        return self.position if count == self.position.t else RunPosition(count, self.last_amount)

    @property
    def identity(self) -> tuple[str | None, RunFacts]:
        """The plan and its facts, to recognize a plan that was compared before."""
        return self.text, self.facts


def single_plan_history(text: str | None, amount: Amount | None) -> History:
    """Return the history of a run whose only plan started at update 0; records omit this history."""
    return History((HistoryPlan(0, None if amount is None else 0, text),))


@final
@dataclass(frozen=True, slots=True)
class SavedOptimizer:
    """The entries that the groups of an optimizer contain.

    Args:
        count: the number of the update of its next step; None if its groups carry no count.
        record: the record of the run; None if there is none.
        position: the position of the optimizer, on the clock of the record's plan; None without a count.
        bases: those recorded in each group, by group index and flat field name.
        is_in_groups: False if a Scheduler's state has it, and the groups are those of the run.
    """

    count: int | None
    record: Record | None
    position: RunPosition | None
    bases: GroupValues
    is_in_groups: bool = True

    @staticmethod
    def in_state(record: Record, name: str) -> "SavedOptimizer":
        """Return what the state of a Scheduler has for one optimizer, as if its groups saved it."""
        position = record.position_at(record.counts.get(name, record.position.t))
        return SavedOptimizer(position.t, record, position, record.bases.get(name, {}), is_in_groups=False)

    @property
    def completeness(self) -> tuple[bool, int]:
        """The order of what several optimizers of one run carry: the greatest has the record that continues."""
        record = self.record
        return record is not None, self.count or 0 if record is None else record.position.t

    def position_on(self, unit: str | None) -> RunPosition | None:
        """Return the position on the clock `unit`, without the amounts if they are on another clock."""
        run_position = self.position
        if run_position is None or self.is_on(unit):
            return run_position
        return RunPosition(run_position.t)

    def is_on(self, unit: str | None) -> bool:
        """Return whether the amounts are on the clock `unit`, or their clock is unknown."""
        return self.record is None or self.record.in_force is None or self.record.unit == unit


NOTHING: Final = SavedOptimizer(None, None, None, {})
"""The entries of the groups of a new optimizer: none."""


def rule_states(record: Record | None, in_force: ResolvedPlan) -> RuleStates:
    """Return the states of the metric rules of a plan: those of a record, else the initial ones.

    Raises:
        StateError: the record has the states of other rules than its plan.
    """
    rules = in_force.metric_rules
    if record is None:
        return {rule: rule.init() for rule in rules}
    if in_force.plan.text == record.text:
        check_rules(record.feedback, in_force.plan)
    return restored_states(record.feedback, rules)


CHECKPOINT: Final = "the checkpoint"  # the source of a base; the other one is an initial value, such as `initial_lr`


@final
@dataclass(frozen=True, slots=True)
class OtherBase:
    """A base in another source that differs from the one in the code.

    Args:
        field: the field.
        group: the label of the group.
        code: the number in the code.
        base: the number in the other source.
        source: the other source.
        code_applies: True if the code's applies.
        own: what `code` is: the number in the code, or the one that the group has.
    """

    field: str
    group: str | int
    code: Any
    base: float
    source: str = CHECKPOINT
    code_applies: bool = False
    own: str = "the code"

    def text(self) -> str:
        """Return both numbers."""
        return f"{self.base!r} in {self.source}, {self.code!r} in {self.own}"


@final
@dataclass(frozen=True, slots=True)
class RestoredOptimizer:
    """The state with which an optimizer continues at a start or after a load, computed before anything is written.

    Args:
        saved: what its groups or the state of a Scheduler have.
        in_force: the plan.
        notes: what to log: how the saved plan differs from the code's.
        plan_identity: that of the saved plan, whose notes are logged once; None if they are always logged.
        scope: the lines of the plan that concern the optimizer.
        lines: these lines, with the bases that apply.
        changes: the bases that differ between the code and the checkpoint.
        replaced: those of the checkpoint that do not apply, by field and group.
        position: the position of the optimizer.
        states: the states of the metric rules.
    """

    saved: SavedOptimizer
    in_force: ResolvedPlan
    notes: tuple[LogCall, ...] = ()
    plan_identity: tuple[str | None, RunFacts] | None = None
    scope: OptimizerScope = WHOLE
    lines: tuple[BoundLine, ...] = ()
    changes: tuple[OtherBase, ...] = ()
    replaced: Mapping[tuple[str, str], float] = field(default_factory=dict)
    position: RunPosition = BEGIN
    states: RuleStates = field(default_factory=dict)

    @property
    def is_loaded(self) -> bool:
        """False if it is the present run, which another optimizer leaves with a load."""
        return self.saved.record is None or self.saved.record.is_loaded

    @property
    def run_position(self) -> RunPosition:
        """The position of the run: that of the optimizer, or the next update if the optimizer was behind."""
        record = self.saved.record
        if record is None or record.position.t == self.saved.count or not self.saved.is_on(self.in_force.unit):
            return self.position
        return record.position

    @property
    def last_amount(self) -> Amount | None:
        """The amount before the last update of the run; None if it is unknown, or on another clock."""
        record = self.saved.record
        return record.last_amount if record is not None and self.saved.is_on(self.in_force.unit) else None

    def run_position_at(self, t: int) -> RunPosition:
        """Return the position of the run at its update, or at the previous one."""
        position = self.run_position
        return position if position.t == t else RunPosition(t, self.last_amount)


def read_groups(groups: list[GroupDict], name: str = ALONE, in_code: ResolvedPlan | None = None) -> SavedOptimizer:
    """Return what the groups of an optimizer carry, without side effects.

    A record of another update than the count is one of earlier values: other code copied the groups without
    `state_dict()`. Then only the count and the bases are known, as in the groups of a run.

    Args:
        groups: the groups.
        name: the optimizer.
        in_code: a plan; if the record has the same one, it is neither read nor resolved again.

    Raises:
        StateError: an entry of paramsched is invalid.
    """
    data, bases = read_entries(groups)
    count = count_carried(groups)
    if data is None or count is None:
        return SavedOptimizer(count, None, None if count is None else RunPosition(count), bases)
    t = _require_count_below("t", data["t"]) if "t" in data else None
    if t == count or (t == count + 1 and "counts" in data):
        state = _read(data, in_code)
        if state.counts.get(name, t) == count:
            return SavedOptimizer(count, state, state.position_at(count), bases)
    return SavedOptimizer(count, None, RunPosition(count), bases)


def read_scheduler_state(state: Any, in_code: ResolvedPlan | None = None) -> Record:
    """Validate the state of a Scheduler, without side effects; `known` as for `read_groups`."""
    if not isinstance(state, Mapping):
        raise messages.state_is_not_a_dict(state)
    if state.keys() != {RECORD}:
        raise _error_of_other_state(state)
    try:
        data = json.loads(state[RECORD])
    except (TypeError, ValueError, RecursionError):
        raise messages.entry_is_not_a_record(state[RECORD]) from None
    return _read(data, in_code, bases=True)


def _error_of_other_state(state: Mapping[Any, Any]) -> StateError:
    """Return the error for a dict that is not the state of a Scheduler."""
    if {"param_groups", "state"} <= state.keys():
        return messages.state_of_optimizer(state)
    entry = _entry_with_state(state)
    if entry is not None:
        return messages.state_is_an_entry(state, entry)
    return messages.state_of_no_scheduler(state)


def _entry_with_state(checkpoint: Mapping[Any, Any]) -> object | None:
    """Return the key of a checkpoint whose entry is the state of a Scheduler; None if no entry is one."""
    states = (key for key, entry in checkpoint.items() if isinstance(entry, Mapping) and entry.keys() == {RECORD})
    return next(states, None)


def _read(data: Any, in_code: ResolvedPlan | None, *, bases: bool = False) -> Record:
    """Validate a record, key by key; `bases` is True if it must have the bases of all groups."""
    _check_keys(data, bases=bases)
    optimizers = _read_sizes(data)
    text = data["plan"]
    groups = sum(optimizers.values())
    recorded = mapping_in("facts", data["facts"])
    names = () if ALONE in optimizers else tuple(optimizers)
    unreadable = "it has no text" if text is None else None
    in_force = None
    is_known = in_code is not None and (in_code.text, in_code.optimizers) == (text, names)
    # Compared as text, because a damaged fact may equal that of the run: True and 1.
    if in_code is not None and is_known and str(facts_as_data(in_code.facts)) == str(recorded):
        facts = in_code.facts
        in_force = None if text is None else in_code
    else:
        facts = _read_facts(recorded)
    if in_force is None and text is not None:
        plan_data = json_or_none(text) if isinstance(text, str) else None
        if not isinstance(plan_data, dict):
            raise messages.text_is_not_a_plan(text)
        _refuse_removed(plan_data)
        in_force, unreadable = _resolved_or_why(text, facts, names)
    position = _read_position(data, in_force)
    entries = data.get("history") or None
    history = single_plan_history(text, position.amount)
    if entries is not None:
        history = read_history(entries)
        if history.entries[-1].text != text:
            raise messages.history_ends_with_other_plan()
    bases_by_field = _read_by_field("bases", data["bases"], groups) if bases else {}
    feedback = {rule: mapping_in("rules", saved) for rule, saved in mapping_in("rules", data.get("rules", {})).items()}
    counts = _read_counts(data.get("counts", {}), optimizers, position.t)
    return Record(
        text, in_force, unreadable, facts, optimizers, _by_optimizer(bases_by_field, optimizers),
        feedback, position, history, counts, data.get("last_amount"),
        external=_read_external(data.get("external", [])),
    )  # fmt: skip


_SECONDS = re.compile(r'"[^"]*\d (s|min|h)\b')
"""A length in wall-clock time in the text of a schedule."""


def _refuse_removed(plan: dict[str, Any]) -> None:
    """Raise for the plan of a record that needs what 1.0.0rc6 had and this version lacks.

    Raises:
        StateError: the plan counts seconds, or it has a clock for one field.
    """
    clock = plan.get("clock")
    lines = plan.get("bindings")
    schedules = [line[2:3] for line in lines if isinstance(line, list)] if isinstance(lines, list) else []
    if isinstance(clock, dict):
        removed = f"a clock for one field, {json.dumps(clock)}"
    elif clock == "seconds":
        removed = "a clock of seconds"
    elif _SECONDS.search(json.dumps([plan.get("total"), *schedules]).replace('\\"', '"')):
        removed = "a length in wall-clock time"
    else:
        return
    raise messages.no_longer_read(removed)


def _read_facts(recorded: dict[str, Any]) -> RunFacts:
    """Return the run facts of a record. That of a clock which no plan has any more is left out."""
    try:
        return RunFacts(**{name: fact for name, fact in recorded.items() if name != "seconds_per_step"})
    except (TypeError, ValueError) as error:
        raise messages.facts_are_invalid(error) from None


def _check_keys(data: Any, *, bases: bool) -> None:
    """Raise if a record is of another version, or lacks a key."""
    if not isinstance(data, dict):
        raise messages.not_a_record(data)
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise messages.version_is_not_an_integer(version)
    if version != VERSION:
        raise messages.other_version(version, VERSION)
    needed = _OF_PLAN | {"t"} | ({"bases", "groups"} if bases else set())
    missing = needed - data.keys()
    if missing:
        raise messages.keys_are_missing(missing)
    foreign = data.keys() - needed - _OF_POSITION - (_OF_ALL if bases else set())
    if foreign:
        raise messages.unknown_keys(foreign)


@lru_cache(maxsize=4)
def _resolved_or_why(text: str, facts: RunFacts, names: tuple[str, ...]) -> tuple[ResolvedPlan | None, str | None]:
    """Return the plan of a canonical text, and the reason if it cannot be read here."""
    plan = plan_or_why(text)
    if isinstance(plan, str):
        return None, plan
    try:
        return resolve_in_run(plan, facts, names), None
    except InvalidArgument as error:
        raise messages.facts_do_not_resolve(error) from None


def _read_position(data: Mapping[str, Any], plan: ResolvedPlan | None) -> RunPosition:
    """Return the position of the run."""
    clock = None if plan is None else plan.unit
    for name in ("amount", "reported_amount", "last_amount"):
        amount = data.get(name)
        if amount is not None and not is_amount(amount, clock):
            raise messages.not_an_amount(name, amount)
        if plan is not None and amount is not None and clock is None:
            raise messages.amount_without_clock(name, amount)
    measured = data.get("measured", False)
    if not isinstance(measured, bool):
        raise messages.measured_is_not_a_bool(measured)
    t = _require_count_below("t", data["t"])
    position = RunPosition(t, data.get("amount"), data.get("reported_amount"), measured)
    if position.amount is None and position.reported is not None:
        raise messages.reported_without_amount()
    return position


def _read_counts(counts: Any, optimizers: Mapping[str, int], t: int) -> dict[str, int]:
    """Return the counts of the optimizers that had not stepped in the last update."""
    count_by_name = mapping_in("counts", counts)
    if not count_by_name.keys() < optimizers.keys():
        raise messages.counts_of_other_optimizers(count_by_name)
    if any(not is_count(count) or count != t - 1 for count in count_by_name.values()):
        raise messages.counts_do_not_match(count_by_name, t)
    return count_by_name


def _read_external(names: Any) -> tuple[str, ...]:
    """Return the fields that other code wrote."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise messages.external_is_not_a_list(names)
    return tuple(names)


def _read_sizes(data: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of groups of each optimizer, 0 if it is unknown; one that is alone has no name in a record."""
    names = data.get("optimizers", [ALONE])
    sizes = data.get("groups", 0)
    if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
        raise messages.optimizers_are_not_names(names)
    counts = sizes if isinstance(sizes, list) else [sizes] * len(names)
    if len(counts) != len(names):
        raise messages.sizes_do_not_match(len(counts), len(names))
    return {
        str(name): _require_count_below("groups", count, _MAX_GROUPS) for name, count in zip(names, counts, strict=True)
    }


def _read_by_field(key: str, value: Any, groups: int) -> dict[str, list[float | None]]:
    """Return a dict from field to a list of numbers, one per group; a state may have one number for all groups."""
    by_field: dict[str, list[float | None]] = {}
    for name, numbers_of_field in mapping_in(key, value).items():
        numbers = list(numbers_of_field) if isinstance(numbers_of_field, list) else [numbers_of_field] * groups
        if len(numbers) != groups:
            raise messages.values_do_not_match(key, name, len(numbers), groups)
        if all(number is None for number in numbers):
            raise messages.no_number(key, name)
        for number in numbers:
            if number is not None and not is_finite_number(number):
                raise messages.not_finite(f"{key}[{name!r}]", number)
        by_field[name] = numbers
    return by_field


def _by_optimizer(
    by_field: Mapping[str, list[float | None]], optimizers: Mapping[str, int]
) -> dict[str, dict[tuple[int, str], float]]:
    """Return the numbers of each optimizer, by group index and flat field name."""
    bases: dict[str, dict[tuple[int, str], float]] = {name: {} for name in optimizers}
    for slot, values in by_field.items():
        places = ((bases[name], index) for name, size in optimizers.items() for index in range(size))
        for (own_bases, index), base in zip(places, values, strict=True):
            if base is not None:
                own_bases[index, slot] = base
    return bases


def position_of_torch(state: Any) -> int | None:
    """Return the position in a state of one of torch's schedulers; None for any other state.

    >>> position_of_torch({"last_epoch": 500, "_step_count": 501, "_last_lr": [0.1]})
    500
    """
    if not isinstance(state, Mapping) or not {"last_epoch", "_schedulers"} & state.keys():
        return None
    if "last_epoch" in state:
        last_epoch = state["last_epoch"]
        return last_epoch if is_count(last_epoch) and {"_last_lr", "_step_count", "base_lrs"} & state.keys() else None
    members = state["_schedulers"] if isinstance(state["_schedulers"], (list, tuple)) else []
    return next((position for member in members if (position := position_of_torch(member)) is not None), None)


def _require_count_below(name: str, value: Any, most: int = 2**62) -> int:
    if not is_count(value) or value >= most:
        raise messages.not_a_count_below(name, value, most)
    whole: int = value
    return whole


@lru_cache(maxsize=4)
def plan_or_why(text: str) -> Plan | str:
    """Return the plan of a canonical text, or the reason why it cannot be read here."""
    try:
        return Plan.of_text(text)
    except (InvalidArgument, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return f"plan is invalid: {error}"


OnChange: TypeAlias = Literal["new", "checkpoint", "error"]
"""Which plan applies if that of a checkpoint differs from the code's."""


OnBase: TypeAlias = Literal["checkpoint", "code", "error"]


VERSION: Final = 5
"""The version of a record."""


def record_of_plan(in_force: ResolvedPlan) -> dict[str, Any]:
    """Return the part of a record that has the plan."""
    record = {"version": VERSION, "plan": in_force.plan.text, "facts": facts_as_data(in_force.facts)}
    return record | ({"optimizers": list(in_force.optimizers)} if in_force.optimizers else {})


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist
    __getattr__ = names_in_pickles(__name__)
