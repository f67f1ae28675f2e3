"""One optimizer of a run: the param groups that the plan writes, bound and bound again."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import is_
from typing import Any, final

from paramsched.core.fields import RECORD, entry_of
from paramsched.core.plan import Plan
from paramsched.core.plan.lines import Line, UpdateTimes, Values, bases_of, by_group, values_at
from paramsched.core.plan.optimizers import WHOLE, Scope
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.checks import refuse_values_outside
from paramsched.core.run.run import Run
from paramsched.core.run.state import COUNT, Group, RunPosition, record_of_plan, write_entries
from paramsched.core.run.steps import run_uncompiled
from paramsched.core.run.values import LR, Overwritten, ValueRows, initial_value, starting_lines
from paramsched.errors import PlanError, StateError


@final
class Member:
    """One optimizer of a run, without a reference to it, so that deleting the optimizer frees its memory at once.

    Between two updates the following is true, and `is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The columns of `rows` write into these.
    - Each group contains the values of update `t`. The first group contains this count and the record of the plan.

    `is_unchanged` does not check scheduled fields, because the writes detect external ones.

    Attributes:
        t: the update that its next step belongs to: that of the run, or the one before if it has not stepped in it.
        rows: the values of the next updates.
        record: the entry of the first group.
        code_bases: the bases of the code, by group index and flat field name; only those that a checkpoint may replace.
        initial_groups: by id, the groups whose `initial_lr` is of an earlier scheduler, or of the code.
        written_fields: the fields whose external writes were reported.
        load_written: loads a state that other code wrote into groups.

    Args:
        run: the run.
        name: the name of the optimizer.
        scope: the lines of the plan that concern it.
        t: the update that its next step belongs to.
    """

    rows: ValueRows
    record: str
    load_written: Callable[[list[Group]], object]

    def __init__(self, run: Run, name: str, scope: Scope = WHOLE, t: int = 0) -> None:
        self.run, self.name, self.scope, self.t = run, name, scope, t
        self.can_start = run.drive in ("optimizer", "manual", name)  # True if its step may start an update of the run
        self.bound: list[Group] = []
        self.handles: list[Any] = []  # of the hooks on the optimizer
        self.is_plain = False  # True if an update of the run only writes floats into these groups
        # Marks of the last write: the first group, and its lr, because torch's distributed checkpoint temporarily
        # writes another one.
        self.first: Group = {}
        self.lr_key, self.first_lr = COUNT, None
        self._written: tuple[ResolvedPlan | None, str] = None, ""  # a plan, and its record
        self.code_bases: Values = {}
        self.initial_groups: dict[int, Group] = {}
        self.written_fields = set[str]()

    @property
    def times(self) -> UpdateTimes:
        """The time of the update that its next step belongs to."""
        return self.position.times

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in the run."""
        return self.run.position_at(self.t)

    @property
    def is_being_counted(self) -> bool:
        """True while an update is under way: the run counts it first, the entry of the first group is written last."""
        return self.first.get(COUNT) == self.t - 1 and self.first.get(RECORD) is self.record

    # ------------------------------------------------------------------ binding and writing

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        return self.scope.labels(groups)

    def lines(self, groups: list[Group]) -> tuple[Line, ...]:
        """Return the lines of the plan in force in some groups of the optimizer."""
        return starting_lines(self.run.in_force.counted, groups, scope=self.scope)

    def new_rows(self, lines: tuple[Line, ...], groups: list[Group]) -> ValueRows:
        """Compute the values of the next update, without writing them."""
        in_force = self.run.in_force
        return ValueRows(in_force.counted, lines, groups, self.times, self.run.states, end=in_force.total)

    def bind(self, groups: list[Group], rows: ValueRows) -> None:
        """Write the values of the next update, the first ones of `rows`, and use `rows` for later updates."""
        known = self.initial_groups
        self.initial_groups = {
            id(group): group for group in groups if id(group) in known or initial_value(LR, group) is not None
        }
        self.write_entries(rows.lines, groups)
        rows.put()
        self.take(rows, groups)

    def take(self, rows: ValueRows, groups: list[Group]) -> None:
        """Use these rows and groups from now on. The groups already contain the first row."""
        self.rows, self.bound, self.first = rows, list(groups), groups[0]
        self.write_count()
        self.record, self.lr_key = groups[0][RECORD], "lr" if "lr" in groups[0] else COUNT
        self.first_lr = self.first[self.lr_key]
        rows.note_written()
        self.is_plain = self.run.is_plain and rows.tensors is None and not rows.tuples

    def write_entries(self, lines: tuple[Line, ...], groups: list[Group]) -> None:
        """Write the bases into each group, and the plan into the first one."""
        write_entries(bases_of(lines), groups, self.record_of_plan(), self.t)

    def record_of_plan(self) -> str:
        """Return the part of the record that is constant between two bindings."""
        if self._written[0] is not self.run.in_force:
            self._written = self.run.in_force, json.dumps(record_of_plan(self.run.in_force))
        return self._written[1]

    def write_count(self) -> None:
        """Write the count into every group; an update writes it into the first group only."""
        for group in self.bound:
            group[COUNT] = self.t

    def write_values(self) -> None:
        """Write the values of the next update, which were computed, and note that they are written."""
        self.rows.put()
        self.first[COUNT] = self.t  # the other groups get the count when the optimizer is saved
        self.first_lr = self.first[self.lr_key]

    def unbind(self) -> None:
        """Stop writing until the groups are bound again."""
        self.bound, self.is_plain = [], False

    def release(self) -> None:
        """Stop writing, and remove the hooks. The groups keep the written values and the entries of paramsched."""
        self.unbind()
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    # ------------------------------------------------------------------ a step of the optimizer

    def is_unchanged(self, optimizer: Any) -> bool:
        """Return whether the groups are the bound ones and the first group's entries are unchanged.

        Also returns False if the consumption of the next update must be checked. Runs at every update.
        """
        try:
            groups = optimizer.param_groups
            first = groups[0]
            return (
                first[COUNT] is self.t
                and first[RECORD] is self.record
                and first[self.lr_key] is self.first_lr
                and groups == self.bound  # compares only addresses if the dicts are the same
                and not (self.run.needs_check and self.needs_check())
                and not (self.rows.tuples and self.rows.tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is missing, or tensors of other shapes replaced it

    def needs_check(self) -> bool:
        """Return whether the consumption of the update must be checked that the next step starts."""
        return self.run.needs_check and self.can_start and self.t == self.run.t

    def has_own_lr(self, optimizer: Any) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        groups = optimizer.param_groups
        return not groups or groups[0].get(self.lr_key) is self.first_lr

    def before_update(self, optimizer: Any) -> None:
        """Bind added or replaced groups before an update, if `is_unchanged` is False. Other groups are not written.

        Raises:
            MissingFact: the plan's clock counts an amount, and the consumption of this update is unknown.
        """
        run_uncompiled(sync)(self, optimizer.param_groups)
        if self.needs_check():
            run_uncompiled(_check_consumption)(self.run)

    def after_step(self, optimizer: Any) -> None:
        """Count a step of the optimizer that was an update."""
        self.advance(optimizer.param_groups)

    def after_driving_step(self, optimizer: Any) -> None:
        """Count a step of the optimizer that drives the run, and write the next values of all optimizers."""
        try:
            self.advance(optimizer.param_groups)
        finally:
            run_uncompiled(_advance_others)(self)

    def advance(self, groups: list[Group]) -> None:
        """Count a step that was an update, and write the values of the next one.

        The step starts an update of the run, unless another optimizer has started it.
        """
        run = self.run
        if self.t != run.t:
            if run.loads is not None:
                run.loads.forget(self.name)
        elif run.is_plain:
            run.t += 1
        else:
            try:
                run_uncompiled(Run.begin_update)(run, self)
            finally:
                self.write_next(groups)
            return
        self.write_next(groups)

    def write_next(self, groups: list[Group]) -> None:
        """Write the values of the next update of the run."""
        run, rows = self.run, self.rows
        self.t = t = run.t
        try:
            if rows.tensors is not None and rows.tensors.changed():
                run_uncompiled(_check_tensors)(self, groups)
            at = t - rows.first
            if at >= rows.size or (rows.amounts is not None and rows.amounts[at] != run.amount):
                run_uncompiled(_extend)(self)
                at = 1
            for write, entries in rows.loops:
                write(entries[at - 1], entries[at])
            first = groups[0]
            if first is not self.first:  # replaced during the step
                run_uncompiled(sync)(self, groups)
                t = self.t  # that of a state that other code has written
            first[COUNT] = t
            self.first_lr = first[self.lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(refuse_spoiled)(self, groups, error)
        if rows.overwritten:
            run_uncompiled(_note_overwritten)(self, groups)
        if rows.tensors is not None:
            rows.tensors.note_fills()
        if run.unreported:
            run_uncompiled(Run.warn)(run)

    def advance_without_step(self) -> None:
        """Move the optimizer to the next update, without a step of it."""
        if self.bound and self.t < self.run.t:
            try:
                self.advance(self.bound)
            except Exception:
                if self.bound:  # else its groups are invalid, and its own next step raises
                    raise
        self.t = self.run.t

    def bind_changed(self, optimizer: Any) -> None:
        """Bind added or replaced groups after an update by hand, which has used what other code wrote."""
        overwritten: Overwritten = []
        if self.bound:
            with suppress(LookupError, TypeError, ValueError, RuntimeError):  # an entry is missing
                overwritten = self.rows.external_writes(self.t)
        sync(self, optimizer.param_groups)
        self.rows.overwritten.extend(overwritten)


FUNCTIONS_OF_UPDATE = (
    Member.is_unchanged, Member.needs_check, Member.has_own_lr, Member.before_update, Member.after_step,
    Member.after_driving_step, Member.advance, Member.write_next,
)  # fmt: skip
"""The functions that run at every update, which `torch.compile` skips."""


def _extend(member: Member) -> None:
    """Compute the values of the updates from the next one on."""
    run = member.run
    run.extend(member.rows, run.times)
    if run.consumption is None:
        run.note_end(member.rows.lines)


def _check_consumption(run: Run) -> None:
    assert run.consumption is not None
    run.consumption.check()


def _advance_others(driver: Member) -> None:
    for member in driver.run.members.values():
        if member is not driver:
            member.advance_without_step()


def _check_tensors(member: Member, groups: list[Group]) -> None:
    from paramsched.core.run.external import check_tensors

    check_tensors(member, groups)


def _note_overwritten(member: Member, groups: list[Group]) -> None:
    from paramsched.core.run.external import note_overwritten

    note_overwritten(member, groups)


# ------------------------------------------------------------------ updates by hand


def counter(run: Run, optimizers: Sequence[tuple[Member, Any]]) -> Callable[[], None]:
    """Return the function that counts one update of all optimizers, before which no hook ran."""
    ((member, optimizer), *others) = optimizers
    if others:
        return lambda: _count_by_hand(optimizers)

    def count() -> None:
        """Count an update; the first branch is `is_unchanged` and `advance` for plain groups, in half of their time."""
        groups: list[Group] = optimizer.param_groups
        rows, t = member.rows, member.t
        following = t + 1
        at = following - rows.first
        try:
            first = groups[0]
            if (
                member.is_plain
                and at < rows.size
                and first[COUNT] is t
                and first[RECORD] is member.record
                and groups == member.bound
            ):
                run.t = member.t = following
                if rows.equal is None:
                    for write, entries in rows.loops:
                        write(entries[at - 1], entries[at])
                else:  # `FloatColumn._write_equal` without its call
                    field, key, bound, entries = rows.equal
                    last, value = entries[at - 1], entries[at]
                    for group in bound:
                        if group[key] is not last:
                            rows.overwritten.append((field, group, group[key], last))
                        group[key] = value
                first[COUNT] = following
                if not rows.overwritten:
                    return
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            if member.t is following:
                refuse_spoiled(member, groups, error)
        if member.t is following:
            _note_overwritten(member, groups)
            run.warn()
        else:
            _count_by_hand(optimizers)

    return count


def _count_by_hand(optimizers: Sequence[tuple[Member, Any]]) -> None:
    """Count one update of all optimizers, also if the groups of one are invalid."""
    first, run = optimizers[0][0], optimizers[0][0].run
    run.require_attached("step()")
    if run.needs_check:
        _check_consumption(run)
    errors: list[Exception] = []  # raised after all optimizers are counted
    for member, optimizer in optimizers:
        if not member.is_unchanged(optimizer):
            try:
                member.bind_changed(optimizer)
            except Exception as error:
                if not run.is_shared:
                    raise
                errors.append(error)
    try:
        run.begin_update(first)
    finally:
        for member, optimizer in optimizers:
            try:
                if member.bound:
                    member.write_next(optimizer.param_groups)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            member.t = run.t
    if errors:
        raise errors[0]
    for member, optimizer in optimizers:
        if member.rows.tensors is not None and not member.is_unchanged(optimizer):
            sync(member, optimizer.param_groups)  # a copied group contains another tensor than the one just written


# ------------------------------------------------------------------ values


def planned_values(member: Member, *, last: bool = False) -> dict[tuple[int, str], float]:
    """Return the values of the run's next update in the groups of an optimizer, or of the last one if `last`."""
    run = member.run
    times, states = (run.last_times, run.used) if last else (run.times, run.states)
    return values_at(member.rows.lines, times, states)


# ------------------------------------------------------------------ groups that other code has changed


def sync(member: Member, groups: list[Group]) -> bool:
    """Bind the groups again if groups were added, removed or replaced; return whether they were.

    This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
    does not detect external writes of values.
    """
    require_groups(member, groups, member.bound)
    if has_written(member, groups):  # the record of a checkpoint, of which no hook knows
        if groups_changed(member, groups):
            note_code_bases(member, groups)
        member.load_written(groups)
        return True
    changed = _entries_replaced(member, groups) or groups_changed(member, groups) or member.rows.tuple_spoiled()
    if changed:
        _rebind(member, groups)
    return changed


def sync_for_checkpoint(member: Member, groups: list[Group]) -> None:
    """Bind the groups again, without those that the next step refuses: the state of a run can be saved at any time.

    While another thread counts an update, the groups belong to that thread.
    """
    if not member.is_being_counted:
        with suppress(PlanError):  # a value would leave its range, for example
            sync(member, groups)


def _rebind(member: Member, groups: list[Group]) -> None:
    """Bind the current groups, and write only into new or changed ones."""
    run = member.run
    note_code_bases(member, groups)
    lines = member.lines(groups)
    _log_late_groups(member, lines, groups)
    refuse_values_outside(run.in_force, lines, member.labels(groups), member.times)
    anew = not member.bound or _entries_replaced(member, groups)
    before = {} if anew else _schedules_by_group(member.rows.lines, member.bound)
    now = _schedules_by_group(lines, groups)
    unwritten = {
        index for index, group in enumerate(groups) if COUNT not in group or before.get(id(group)) != now[id(group)]
    }
    unwritten_lines = tuple(kept for line in lines if (kept := line.only(unwritten)).groups)
    new_values = member.new_rows(unwritten_lines, groups)
    member.write_entries(lines, groups)
    new_values.put()
    tensors = member.rows.tensors if member.bound else None
    were_filled = tensors is not None and tensors.changed()  # by other code
    rows = member.new_rows(lines, groups)
    if rows.tensors is not None:
        rows.tensors.install_views()
    member.take(rows, groups)
    if were_filled and rows.tensors is not None:
        rows.tensors.forget_fills()


def _log_late_groups(member: Member, lines: tuple[Line, ...], groups: Sequence[Group]) -> None:
    """Log the groups that were added since the last update: their present values are their bases."""
    late = {index for index, group in enumerate(groups) if COUNT not in group}
    late_lines = [kept for line in lines if (kept := line.only(late)).groups]
    now = values_at(late_lines, member.times, member.run.states)
    labels = member.labels(list(groups))
    for index, line, base in by_group(late_lines):
        value = now[index, line.field.slot]
        if value == base or initial_value(line.field, groups[index]) is not None:
            continue
        member.run.processes.log(
            "group %r was added at update %d: its %s %r is used as its base, and the update uses %r",
            labels[index], member.t, line.field, base, value,
        )  # fmt: skip


def note_code_bases(member: Member, groups: list[Group]) -> None:
    """Note the bases of groups that were added, and the present indices of the others."""
    before = {id(group): index for index, group in enumerate(member.bound)}
    noted: dict[int, dict[str, float]] = {}
    for (index, field), base in member.code_bases.items():
        noted.setdefault(index, {})[field] = base
    bases: dict[tuple[int, str], float] = {}
    added: set[int] = set()
    for index, group in enumerate(groups):
        known = before.get(id(group), index if COUNT in group else None)
        if known is None:
            added.add(index)
        else:
            bases |= {(index, field): base for field, base in noted.get(known, {}).items()}
    if added:
        bases |= {place: base for place, base in bases_of(member.lines(groups)).items() if place[0] in added}
    member.code_bases = bases


def note_bases_of_new_fields(member: Member, lines: tuple[Line, ...], plan: Plan, present: list[Group]) -> None:
    """Note the bases in the code of fields that only the plan of a checkpoint has, before its values are loaded.

    Args:
        member: the optimizer.
        lines: the lines of the checkpoint's plan.
        plan: the checkpoint's plan, with lengths that are counted.
        present: the groups, which still have the values of the code.
    """
    missing = bases_of(lines).keys() - member.code_bases.keys()
    if missing:
        bases = bases_of(starting_lines(plan, present, scope=member.scope))
        member.code_bases = {**member.code_bases, **{place: bases[place] for place in missing & bases.keys()}}


def groups_changed(member: Member, groups: list[Group]) -> bool:
    """Return whether the groups are not the bound dicts themselves; equal copies count as changed."""
    return len(groups) != len(member.bound) or not all(map(is_, groups, member.bound))


def _entries_replaced(member: Member, groups: list[Group]) -> bool:
    """Return whether other code changed the count or the record in the first group, such as a checkpoint."""
    first = groups[0]
    count, record = first.get(COUNT), first.get(RECORD)
    if count is member.t and record is member.record:
        return False
    is_bound = bool(member.bound) and first is member.bound[0]
    return is_bound and not (isinstance(count, int) and count == member.t and record == member.record)


def has_written(member: Member, groups: list[Group]) -> bool:
    """Return whether other code wrote the record of a checkpoint into the groups: a live one has no position (`t`)."""
    if groups[0].get(RECORD) is member.record:
        return False
    return any("t" in entry for group in groups if isinstance(entry := entry_of(group), dict))


def require_groups(member: Member, groups: list[Group], bound: list[Group]) -> None:
    """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
    if not groups:
        raise StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")
    if member.rows.tuples:
        known = {id(group) for group in bound}
        member.rows.require_lengths([group if id(group) in known else {} for group in groups])


def _schedules_by_group(lines: tuple[Line, ...], groups: list[Group]) -> dict[int, set[tuple[Any, int]]]:
    """Return the pairs of a field and the identity of a schedule that each group follows, by the group's identity."""
    schedules: dict[int, set[tuple[Any, int]]] = {id(group): set() for group in groups}
    for line in lines:
        for index in line.groups:
            schedules[id(groups[index])].add((line.field, id(line.schedule)))
    return schedules


def refuse_spoiled(member: Member, groups: list[Group], error: Exception) -> None:
    """Raise the error that explains why values could not be written: an entry is missing or invalid.

    Raises:
        PlanError: an entry is not a number. The plan continues once it is a number again.
        StateError: the optimizer has no groups.
    """
    bound = member.bound
    member.unbind()  # bound again before the next update
    require_groups(member, groups, bound)
    member.lines(groups)
    raise error
