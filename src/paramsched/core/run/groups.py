"""The param groups of one optimizer and the plan that writes them: bound, bound again, and external writes."""

import json
from collections.abc import Callable, Iterator, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, final

import torch

from paramsched.core.base.problem import Problem
from paramsched.core.fields import RECORD, entry_of
from paramsched.core.plan import Plan
from paramsched.core.plan.lines import Line, RuleStates, UpdateTimes, Values, bases_of, by_group, values_at
from paramsched.core.plan.optimizers import WHOLE, Scope
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.checks import refuse_values_outside
from paramsched.core.run.processes import Processes
from paramsched.core.run.state import COUNT, Clock, Group, RunPosition, RunState, record_of_plan, write_entries
from paramsched.core.run.values import LR, ValueRows, initial_value, starting_lines
from paramsched.errors import ParamschedError, PlanError, StateError

if TYPE_CHECKING:
    from paramsched.core.run.amounts import Consumption


def consumption_of(in_force: ResolvedPlan, run: RunState) -> "Consumption | None":
    """Return the consumption of a run; None if the plan is by updates."""
    if in_force.amounts is None:
        return None
    from paramsched.core.run.amounts import Consumption

    return Consumption(in_force, run)


@final
class Groups:
    """The groups of an optimizer, into which the values of a plan are written.

    It references the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates the following is true, and `Steps.is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group contains the values of update `clock.t`. The first group contains the count and the record of the plan.

    `is_unchanged` does not check scheduled fields, because the writers detect external writes.

    Args:
        in_force: the plan in force, as written and resolved.
        clock: the clock of the optimizer; of a single one, that of the run itself.
        run: the state of the run, which has no groups.
        scope: the lines of the plan that concern the optimizer.
        starts: True if a step of the optimizer may start an update of the run.
    """

    rows: ValueRows  # set by `bind`
    is_plain: bool  # set by `bind`; True if an update only writes floats
    record: str  # set by `bind`; the entry of the first group
    load_written: Callable[[list[Group]], object]  # set by the hooks; loads a state that other code wrote into groups
    lr_key: str  # set by `bind`; "lr" if the first group has one

    def __init__(
        self,
        in_force: ResolvedPlan,
        clock: Clock,
        run: RunState,
        scope: Scope = WHOLE,
        *,
        starts: bool = True,
    ) -> None:
        # Given: the plan in force changes, and so does the scope with it.
        self.in_force, self.clock, self.run, self.scope, self.starts = in_force, clock, run, scope, starts
        # Bound: the groups, and (set by `bind`) the rows of values.
        self.bound: list[Group] = []
        # Marks of the last write, which `Steps.is_unchanged` compares with `record`: the first group, and its lr,
        # because torch's distributed checkpoint temporarily writes another one.
        self.first: Group = {}
        self._written: tuple[ResolvedPlan | None, str] = None, ""  # a plan, and its record
        self.first_lr: Any = None
        # Bases: those of the code, by group index and flat field name; only those that a checkpoint may replace. By
        # id, the groups whose `initial_lr` is of an earlier scheduler, or of the code, and not of this plan.
        self.code_bases: Values = {}
        self.given_initial: dict[int, Group] = {}
        # Said: the fields whose external writes were reported.
        self.written_fields = set[str]()

    # ------------------------------------------------------------------ binding and writing

    def lines(self, groups: list[Group], bases: Values | None = None) -> tuple[Line, ...]:
        """Return the lines of the plan in force in some groups of the optimizer."""
        return starting_lines(self.in_force.counted, groups, bases, self.scope)

    def new_rows(
        self, lines: tuple[Line, ...], groups: list[Group], times: UpdateTimes, states: RuleStates
    ) -> ValueRows:
        """Compute the values of one update, without writing them. Only the clock of the run has targets."""
        in_force, of_run = self.in_force, self.clock is self.run
        return ValueRows(in_force.counted, lines, groups, times, states, end=in_force.total, targets=of_run)

    def bind(self, groups: list[Group], rows: ValueRows) -> None:
        """Write the values of the current update, the first ones of `rows`, and use `rows` for later updates.

        Args:
            groups: the groups of the optimizer.
            rows: the values, computed for the current update.
        """
        had = self.given_initial
        self.given_initial = {id(one): one for one in groups if id(one) in had or initial_value(LR, one) is not None}
        self.write_entries(rows.lines, groups)
        rows.put()
        self.reset_consumption()
        self.take(rows, groups)

    def reset_consumption(self) -> None:
        """Discard the earlier measurements of the consumption."""
        if self.clock is self.run:
            self.run.needs_check = False
            self.run.consumption = consumption_of(self.in_force, self.run)

    def take(self, rows: ValueRows, groups: list[Group]) -> None:
        """Use these rows and groups from now on. The groups already contain the first row."""
        self.rows = rows
        self.write_count(groups)
        self.bound, self.first, self.record = list(groups), groups[0], groups[0][RECORD]
        self.lr_key = "lr" if "lr" in groups[0] else COUNT
        self.first_lr = self.first[self.lr_key]
        rows.note_written()
        self.is_plain = not (rows.tensors or rows.tuples or rows.targets or self.run.consumption is not None)

    def write_entries(self, lines: tuple[Line, ...], groups: list[Group]) -> None:
        """Write the bases into each group, and the plan into the first one."""
        write_entries(bases_of(lines), groups, self.record_of_plan(), self.clock.t)

    def record_of_plan(self) -> str:
        """Return the part of the record that is constant between two bindings."""
        if self._written[0] is not self.in_force:
            self._written = self.in_force, json.dumps(record_of_plan(self.in_force))
        return self._written[1]

    def write_count(self, groups: list[Group]) -> None:
        """Write the count into every group; an update writes it into the first group only."""
        for group in groups:
            group[COUNT] = self.clock.t

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, and write its values.

        Args:
            position: the position.
        """
        self.rows.seek(position.times, self.clock.states)
        self.clock.set_position(position)
        self.write_values()
        self.reset_consumption()
        self.write_count(self.bound)

    def rewrite(self) -> None:
        """Recompute the values of the next update, and write them."""
        self.rows.seek(self.clock.times, self.clock.states)
        self.write_values()

    def write_values(self) -> None:
        """Write the values of the next update, and note that they are written."""
        self.rows.put()
        self.first[COUNT] = self.clock.t  # the other groups get the count when the optimizer is saved
        self.first_lr = self.first[self.lr_key]

    def release(self) -> None:
        """Stop writing. The groups keep the written values and the entries of paramsched."""
        self.bound, self.is_plain = [], False

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        return self.scope.labels(groups)


def planned_values(
    planned: Groups, clock: Clock | None = None, *, last: bool = False
) -> tuple[tuple[Line, ...], dict[tuple[int, str], float]]:
    """Return the lines and their values for the next update, or for the last completed update if `last` is True.

    Args:
        clock: the clock of the run. Default: that of the optimizer.
        last: True for the last completed update.
    """
    lines, (times, states) = planned.rows.lines, _times(clock or planned.clock, last=last)
    return lines, values_at(lines, times, states)


def target_values(planned: Groups, *, last: bool = False) -> Iterator[tuple[str, float]]:
    """Return pairs (target name, value) for the next update, or for the last completed one if `last` is True."""
    times, states = _times(planned.clock, last=last)
    return ((column.target.name, column.entries(times, states)[0]) for column in planned.rows.targets)


def _times(clock: Clock, *, last: bool) -> tuple[UpdateTimes, RuleStates]:
    """Return the time of the next update, or of the last completed one, and the states of the metric rules for it."""
    return (clock.last_times, clock.used) if last else (clock.times, clock.states)


def sync(planned: Groups, groups: list[Group]) -> bool:
    """Bind the groups again if groups were added, removed or replaced; return whether they were.

    This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
    does not detect external writes of values.
    """
    require_groups(planned, groups, planned.bound)
    if _load_written(planned, groups):
        return True
    changed = _entries_replaced(planned, groups) or groups_changed(planned, groups) or planned.rows.tuple_spoiled()
    if changed:
        _rebind(planned, groups)
    return changed


def sync_for_checkpoint(planned: Groups, groups: list[Group]) -> list[Group]:
    """Bind the groups again, and return those that the plan writes.

    Groups that the next step refuses, for example because a value would leave its range, stay as they are: the state
    of a run can be saved at any time. While another thread counts an update, the groups belong to that thread.
    """
    if is_being_counted(planned):
        return groups
    try:
        sync(planned, groups)
    except PlanError:
        return [group for group in groups if any(group is one for one in planned.bound)]
    return groups


def is_being_counted(planned: Groups) -> bool:
    """Return whether an update is under way: the clock counts it first, the entry of the first group last."""
    first = planned.first
    return first.get(COUNT) == planned.clock.t - 1 and first.get(RECORD) is planned.record


def _rebind(planned: Groups, groups: list[Group]) -> None:
    """Bind the current groups, and write only into new or changed ones."""
    clock = planned.clock
    note_code_bases(planned, groups)
    lines, labels, run = planned.lines(groups), planned.labels(groups), planned.run
    log_late_groups(lines, groups, clock, labels, run.processes)
    refuse_values_outside(planned.in_force, lines, labels, clock.times)
    anew = not planned.bound or _entries_replaced(planned, groups)
    before = {} if anew else _followed_by(planned.rows.lines, planned.bound)
    now = _followed_by(lines, groups)
    unwritten = {
        index for index, group in enumerate(groups) if COUNT not in group or before.get(id(group)) != now[id(group)]
    }
    mine = tuple(line.only(unwritten) for line in lines)
    unwritten_lines = tuple(one for one in mine if one.groups)
    new_values = ValueRows(planned.in_force.counted, unwritten_lines, groups, clock.times, clock.states)
    planned.write_entries(lines, groups)
    new_values.put()
    before_tensors = planned.rows.tensors if planned.bound else None
    were_filled = before_tensors is not None and before_tensors.changed()  # by other code
    rows = planned.new_rows(lines, groups, clock.times, clock.states)
    if rows.tensors is not None:
        rows.tensors.install_views()
    planned.take(rows, groups)
    if were_filled and rows.tensors is not None:
        rows.tensors.forget_fills()


def log_late_groups(
    lines: tuple[Line, ...],
    groups: Sequence[Group],
    clock: Clock,
    labels: Sequence[str | int],
    processes: Processes,
) -> None:
    """Log the groups that were added since the last update: their present values are their bases."""
    late = {index for index, group in enumerate(groups) if COUNT not in group}
    joined = [mine for line in lines if (mine := line.only(late)).groups]
    now = values_at(joined, clock.times, clock.states)
    for index, line, base in by_group(joined):
        place = index, line.field.slot
        if now[place] == base or initial_value(line.field, groups[index]) is not None:
            continue
        name = labels[index]
        processes.log(
            "group %r was added at update %d: its %s %r is used as its base, and the update uses %r",
            name, clock.t, line.field, base, now[place],
        )  # fmt: skip


def note_code_bases(planned: Groups, groups: list[Group]) -> None:
    """Note the bases of groups that were added, and the present indices of the others."""
    before = {id(group): index for index, group in enumerate(planned.bound)}
    noted: dict[int, dict[str, float]] = {}
    for (index, field), base in planned.code_bases.items():
        noted.setdefault(index, {})[field] = base
    found: dict[tuple[int, str], float] = {}
    added: set[int] = set()
    for index, group in enumerate(groups):
        known = before.get(id(group), index if COUNT in group else None)
        if known is None:
            added.add(index)
        else:
            found |= {(index, field): base for field, base in noted.get(known, {}).items()}
    if added:
        found |= {place: base for place, base in bases_of(planned.lines(groups)).items() if place[0] in added}
    planned.code_bases = found


def note_bases_of_new_fields(planned: Groups, lines: tuple[Line, ...], plan: Plan, present: list[Group]) -> None:
    """Note the bases in the code of fields that only the plan of a checkpoint has, before its values are loaded.

    Args:
        planned: the groups of the optimizer.
        lines: the lines of the checkpoint's plan.
        plan: the checkpoint's plan, with lengths that are counted.
        present: the groups, which still have the values of the code.
    """
    missing = bases_of(lines).keys() - planned.code_bases.keys()
    if missing:
        bases = bases_of(starting_lines(plan, present, scope=planned.scope))
        found = {place: bases[place] for place in missing & bases.keys()}
        planned.code_bases = {**planned.code_bases, **found}


def groups_changed(planned: Groups, groups: list[Group]) -> bool:
    """Return whether the groups are not the bound dicts themselves; equal copies count as changed."""
    return len(groups) != len(planned.bound) or not all(map(is_, groups, planned.bound))


def _entries_replaced(planned: Groups, groups: list[Group]) -> bool:
    """Return whether other code changed the count or the record in the first group, such as a checkpoint."""
    first = groups[0]
    count, record = first.get(COUNT), first.get(RECORD)
    if count is planned.clock.t and record is planned.record:
        return False
    ours = bool(planned.bound) and first is planned.bound[0]
    return ours and not (equals_number(count, planned.clock.t) and record == planned.record)


def _load_written(planned: Groups, groups: list[Group]) -> bool:
    """Load the record that other code wrote into the groups, of which no hook knows; return whether there was one."""
    if not has_written(planned, groups):
        return False
    if groups_changed(planned, groups):
        note_code_bases(planned, groups)
    planned.load_written(groups)
    return True


def has_written(planned: Groups, groups: list[Group]) -> bool:
    """Return whether other code wrote the record of a checkpoint into the groups: a live one has no position (`t`)."""
    if groups[0].get(RECORD) is planned.record:
        return False
    return any("t" in found for group in groups if isinstance(found := entry_of(group), dict))


def require_groups(planned: Groups, groups: list[Group], bound: list[Group]) -> None:
    """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
    if not groups:
        raise StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")
    if planned.rows.tuples:
        ours = {id(group) for group in bound}
        require_lengths(planned, [group if id(group) in ours else {} for group in groups])


def require_lengths(planned: Groups, groups: list[Group]) -> None:
    """Raise if a tuple in a group has another length than when it was bound."""
    for column in planned.rows.tuples:
        column.require_lengths(groups)


def require_attached(run: RunState, what: str) -> None:
    """Raise if the Scheduler of a run is detached."""
    require_in_use(run, what)
    if run.released:
        raise ParamschedError(
            f"scheduler.{what}: this Scheduler is detached. Write ps.Scheduler(optimizer, plan) to continue."
        )


def require_in_use(run: RunState, what: str) -> None:
    """Raise if another Scheduler has taken an optimizer of a run over, whose values this one no longer knows."""
    if run.replaced:
        raise ParamschedError(
            f"scheduler.{what}: another Scheduler has replaced this one at update {run.t}. Use that one, or write "
            "ps.Scheduler(optimizer, plan) to continue."
        )


def equals_number(found: Any, number: int) -> bool:
    """Return whether an entry of any type is an integer equal to `number`.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number


def _followed_by(lines: tuple[Line, ...], groups: list[Group]) -> dict[int, set[tuple[Any, int]]]:
    """Return what each group follows: pairs of a field and the identity of a schedule, by the identity of the group."""
    found: dict[int, set[tuple[Any, int]]] = {id(group): set() for group in groups}
    for line in lines:
        for index in line.groups:
            found[id(groups[index])].add((line.field, id(line.schedule)))
    return found


def check_tensors(planned: Groups, groups: list[Group]) -> None:
    """Note tensors that other code filled or replaced, and write the original tensors into the groups again.

    Args:
        planned: the groups and their plan.
        groups: those that the optimizer has.
    """
    values = planned_values(planned, last=True)[1]
    tensors = planned.rows.tensors
    assert tensors is not None
    for column in tensors.columns:
        for index, (group, _) in zip(column.indices, column.views, strict=True):
            value = values[index, column.field.slot]
            planned.rows.overwritten.append((column.field, group, column.field.read(group), value))
    note_overwritten(planned, groups)
    tensors.install_views()


def note(planned: Groups, groups: list[Group], index: int, found: tuple[Any, Any, float]) -> None:
    """Note that the last update used a value that other code wrote; each field is reported once.

    Args:
        planned: the groups and their plan.
        groups: those that the optimizer has.
        index: the index of a group with an external value.
        found: its field, this value, and the planned one.
    """
    field, value, wanted = found
    if str(field) in planned.written_fields:
        return
    planned.written_fields.add(str(field))
    place, update = f"{field} of group {planned.labels(groups)[index]!r}", planned.clock.t - 1
    text = (
        f"{place} was {value!r} at update {update} instead of the planned {wanted!r}: other code wrote it, and the "
        "update used it. After each update the plan writes the value of the next one"
    )
    advice = "Remove what writes it, such as the step() of another scheduler. For other values, change the plan"
    planned.run.unreported.append(Problem(found=text, advice=advice))


def note_overwritten(planned: Groups, groups: list[Group]) -> None:
    """Note values that differed from the plan, in groups that the optimizer still has.

    The recorded values may equal the plan, because the writers compare object identities.
    """
    places = {id(group): index for index, group in enumerate(groups)}
    for field, group, found, value in planned.rows.overwritten:
        if id(group) in places and not _is_planned(found, value):
            note(planned, groups, places[id(group)], (field, found, value))
    planned.rows.overwritten.clear()


def warn_of_update(run: RunState) -> None:
    """Warn of what the last update found: the last thing that it does."""
    while run.unreported:
        run.processes.warn(run.unreported.pop(0))


def refuse_spoiled(planned: Groups, groups: list[Group], error: Exception) -> None:
    """Raise the error that explains why values could not be written: an entry is missing or invalid.

    Raises:
        PlanError: an entry is not a number. The plan continues once it is a number again.
        StateError: the optimizer has no groups.
    """
    bound, planned.bound = planned.bound, []  # bound again before the next update
    require_groups(planned, groups, bound)
    planned.lines(groups)
    raise error  # raised, for example, by the function of a target


def _is_planned(found: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False
