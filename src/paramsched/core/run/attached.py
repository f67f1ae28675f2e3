"""One optimizer that follows a plan: its groups, its bases, its values, and the steps that write them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, final

import torch

from paramsched.core.groups.fields import Field
from paramsched.core.plan.binding import binding_key
from paramsched.core.plan.lines import BoundLine, UpdateRange, bases_of, by_group, values_at
from paramsched.core.plan.optimizers import OptimizerScope, fields_of
from paramsched.core.run.group_entries import COUNT, GroupDict, write_entries
from paramsched.core.run.groups import BoundGroups, CodeBases
from paramsched.core.run.messages import values as messages
from paramsched.core.run.observers import ExternalWrite
from paramsched.core.run.position import RunPosition
from paramsched.core.run.ranges import refuse_values_outside
from paramsched.core.run.run_state import RunState
from paramsched.core.run.steps import run_uncompiled
from paramsched.core.run.value_table import Overwritten, ValueTable, initial_value, note_tensors, starting_lines
from paramsched.errors import PlanError


@final
class AttachedOptimizer:
    """One optimizer of a run, without a reference to it, so that deleting the optimizer frees its memory at once.

    Between two updates the following is true, and `is_unchanged` checks it:
    - The groups of `bound` are those of the optimizer. The columns of `table` write into these.
    - Each group contains the values of update `t`. The first group contains this count and the record of the bases.

    Attributes:
        t: the update that its next step belongs to: that of the run, or the one before if it has not stepped in it.
        can_start: True if its step may start an update of the run.
        bound: its groups.
        table: the values of the next updates.
        bases: the bases of the code; only those that a checkpoint may replace.
        written_fields: the fields whose external writes were noted.
        handles: those of the hooks on the optimizer.
        load_written: loads a state that other code wrote into groups.

    Args:
        run: the state of the run.
        name: the name of the optimizer.
        scope: the lines of the plan that concern it.
        t: the update that its next step belongs to.
        lines: its lines of the plan, with their bases.
        groups: its groups, which are written later.
        can_start: as the attribute.
        all_groups: returns the bound groups of all optimizers, by name.
    """

    load_written: Callable[[list[GroupDict]], object]

    def __init__(
        self,
        run: RunState,
        name: str,
        scope: OptimizerScope,
        t: int,
        lines: tuple[BoundLine, ...],
        groups: list[GroupDict],
        *,
        can_start: bool,
        all_groups: Callable[[], Mapping[str, list[GroupDict]]],
    ) -> None:
        self.run = run
        self.name = name
        self.scope = scope
        self.t = t
        self.can_start = can_start
        self.bound = BoundGroups([])
        self.table = self.new_table(lines, groups)
        self.bases = CodeBases()
        self.written_fields = set[str]()
        self.handles: list[Any] = []
        self._all_groups = all_groups

    @property
    def times(self) -> UpdateRange:
        """The time of the update that its next step belongs to."""
        run = self.run
        return UpdateRange(self.t, run.amount if self.t == run.t else run.last_amount)

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in the run."""
        return self.run.position_at(self.t)

    # ------------------------------------------------------------------ lines and values

    def lines(self, groups: list[GroupDict]) -> tuple[BoundLine, ...]:
        """Return the lines of the plan in force in some groups of the optimizer."""
        return starting_lines(self.run.in_force.counted, groups, scope=self.scope)

    def new_table(self, lines: tuple[BoundLine, ...], groups: list[GroupDict]) -> ValueTable:
        """Compute the values of the next update, without writing them."""
        in_force = self.run.in_force
        return ValueTable(in_force.counted, lines, groups, self.times, self.run.states, end=in_force.total)

    def planned_values(self, *, last: bool = False) -> dict[tuple[int, str], float]:
        """Return the values of the run's next update in the groups, or of the last one if `last`."""
        run = self.run
        if last:
            return values_at(self.table.lines, run.last_times, run.used)
        return values_at(self.table.lines, run.times, run.states)

    # ------------------------------------------------------------------ binding and writing

    def bind(self, groups: list[GroupDict], table: ValueTable) -> None:
        """Write the values of the next update, the first ones of `table`, and use `table` for later updates."""
        self.bases.note_initial(groups)
        write_entries(bases_of(table.lines), groups, self.t)
        table.put()
        self.take(table, groups)

    def take(self, table: ValueTable, groups: list[GroupDict]) -> None:
        """Use this table and these groups from now on. The groups already contain the first row."""
        run = self.run
        self.table = table
        self.bound = BoundGroups(groups)
        run.note_values(table)
        for binding in run.in_force.plan.bindings:
            if binding.optional:
                key = binding_key(binding)
                run.matched |= {(key, pattern) for pattern in self.scope.matched_parts(binding.groups, groups)}
        self.bound.write_count(self.t)
        self.bound.mark()
        table.note_written()

    def write_values(self) -> None:
        """Write the values of the next update, which were computed, and note that they are written."""
        self.table.put()
        self.bound.first[COUNT] = self.t  # the other groups get the count when the optimizer is saved
        self.bound.first_lr = self.bound.first[self.bound.lr_key]

    def release(self) -> None:
        """Stop writing, and remove the hooks. The groups keep the written values and the entries of paramsched."""
        self.bound = BoundGroups([])
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    # ------------------------------------------------------------------ a step of the optimizer

    def is_unchanged(self, optimizer: Any) -> bool:
        """Return whether the groups are the bound ones and the first group's entries are unchanged.

        Also returns False if the consumption or the values of the next update must be checked. Runs at every update.
        """
        try:
            return (
                self.bound.are_unchanged(optimizer.param_groups, self.t)
                and not (self.run.needs_check and self.needs_check())
                and not (self.table.tuples and self.table.tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is missing, or tensors of other shapes replaced it

    def needs_check(self) -> bool:
        """Return whether the update must be checked that the next step starts, or whose values it uses."""
        run = self.run
        return run.needs_check and (self.starts_update() or self.t == run.not_finite_at)

    def starts_update(self) -> bool:
        """Return whether the next step starts an update of the run."""
        return self.can_start and self.t == self.run.t

    def has_own_lr(self, optimizer: Any) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        return self.bound.has_own_lr(optimizer.param_groups)

    def before_update(self, optimizer: Any) -> None:
        """Bind added or replaced groups before an update, if `is_unchanged` is False. Other groups are not written.

        Raises:
            MissingFact: the plan's clock counts an amount, and the consumption of this update is unknown.
            PlanError: a value of this update is not finite.
        """
        run_uncompiled(AttachedOptimizer.sync)(self, optimizer.param_groups)
        if self.needs_check():
            run_uncompiled(RunState.check_update)(self.run, self.t, starts=self.starts_update())

    def after_step(self, optimizer: Any) -> None:
        """Count a step of the optimizer that was an update."""
        self.advance(optimizer.param_groups)

    def advance(self, groups: list[GroupDict]) -> None:
        """Count a step that was an update, and write the values of the next one.

        The step starts an update of the run, unless another optimizer has started it.
        """
        run = self.run
        if self.t != run.t:
            run_uncompiled(RunState.join_update)(run, self.name)
        elif run.is_plain:
            run.t += 1
        else:
            try:
                run_uncompiled(RunState.begin_update)(run, self.name)
            finally:
                self.write_next(groups)
            return
        self.write_next(groups)

    def write_next(self, groups: list[GroupDict]) -> None:
        """Write the values of the next update of the run."""
        run = self.run
        table = self.table
        self.t = t = run.t
        try:
            if table.tensors is not None and table.tensors.changed():
                run_uncompiled(AttachedOptimizer._check_tensors)(self, groups)
            row = t - table.first
            if row >= table.size or (table.amounts is not None and table.amounts[row] != run.amount):
                run_uncompiled(AttachedOptimizer._extend)(self)
                row = 1
            for write, cells in table.loops:
                write(cells[row - 1], cells[row])
            first = groups[0]
            bound = self.bound
            if first is not bound.first:  # replaced during the step
                run_uncompiled(AttachedOptimizer.sync)(self, groups)
                t = self.t  # that of a state that other code has written
                bound = self.bound
            first[COUNT] = t
            bound.first_lr = first[bound.lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(AttachedOptimizer._refuse_spoiled)(self, groups, error)
        if table.overwritten:
            run_uncompiled(AttachedOptimizer.hand_over)(self, groups)
        if table.tensors is not None:
            table.tensors.note_fills()
        if run.unreported:
            run_uncompiled(RunState.warn)(run)

    def _extend(self) -> None:
        """Compute the values of the updates from the next one on."""
        run = self.run
        run.extend(self.table, run.times)
        if run.amounts is None or run.is_watched:  # rows of reported amounts are computed at every update
            run.tell_update(self.name)

    def _check_tensors(self, groups: list[GroupDict]) -> None:
        """Note tensors that other code filled or replaced, and write the original tensors into the groups again."""
        run = self.run
        table = self.table
        assert table.tensors is not None
        note_tensors(table, table.tensors, values_at(table.lines, run.last_times, run.states))
        self.hand_over(groups)
        table.tensors.install_views()

    def hand_over(self, groups: list[GroupDict]) -> None:
        """Tell the observers what other code wrote into groups that the optimizer still has, once for each field.

        The noted values may equal the plan, because the writes compare object identities.
        """
        labels = self.scope.labels(groups)
        indices = {id(group): index for index, group in enumerate(groups)}
        for field, group, value, planned in self.table.overwritten:
            index = indices.get(id(group))
            if index is None or _is_planned(value, planned) or str(field) in self.written_fields:
                continue
            self.written_fields.add(str(field))
            write = ExternalWrite(field, labels[index], value, planned, self.t - 1)
            for observer in self.run.observers:
                observer.differed(write)
        self.table.overwritten.clear()

    def advance_without_step(self) -> None:
        """Move the optimizer to the next update, without a step of it."""
        if self.bound and self.t < self.run.t:
            try:
                self.advance(self.bound.groups)
            except Exception:
                if self.bound:  # else its groups are invalid, and its own next step raises
                    raise
        self.t = self.run.t

    def bind_changed(self, optimizer: Any) -> None:
        """Bind added or replaced groups after an update by hand, which has used what other code wrote."""
        overwritten: Overwritten = []
        if self.bound:
            with suppress(LookupError, TypeError, ValueError, RuntimeError):  # an entry is missing
                overwritten = self.table.external_writes(self.t)
        self.sync(optimizer.param_groups)
        self.table.overwritten.extend(overwritten)

    # ------------------------------------------------------------------ groups that other code has changed

    def sync(self, groups: list[GroupDict]) -> bool:
        """Bind the groups again if groups were added, removed or replaced; return whether they were.

        This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
        does not detect external writes of values.
        """
        bound = self.bound
        bound.require(groups, self.table)
        if bound.have_state(groups):  # no hook knows of it
            if bound.differ_from(groups):
                self.note_code_bases(groups)
            self.load_written(groups)
            return True
        changed = bound.are_replaced(groups, self.t) or bound.differ_from(groups) or self.table.tuple_spoiled()
        if changed:
            self._rebind(groups)
        return changed

    def sync_for_checkpoint(self, groups: list[GroupDict]) -> None:
        """Bind the groups again, without those that the next step refuses: the state of a run can be saved at any time.

        While another thread counts an update, the groups belong to that thread.
        """
        if not self.bound.are_counted_at(self.t):
            with suppress(PlanError):  # a value would leave its range, for example
                self.sync(groups)

    def _rebind(self, groups: list[GroupDict]) -> None:
        """Bind the current groups, and write only into new or changed ones."""
        self._note_fields(groups)
        self.note_code_bases(groups)
        lines = self.lines(groups)
        self._log_late_groups(lines, groups)
        refuse_values_outside(self.run.in_force, lines, self.scope.labels(groups), self.times)
        anew = not self.bound or self.bound.are_replaced(groups, self.t)
        before = {} if anew else _schedules_by_group(self.table.lines, self.bound.groups)
        now = _schedules_by_group(lines, groups)
        unwritten = {
            index for index, group in enumerate(groups) if COUNT not in group or before.get(id(group)) != now[id(group)]
        }
        unwritten_lines = tuple(kept for line in lines if (kept := line.only(unwritten)).groups)
        new_values = self.new_table(unwritten_lines, groups)
        write_entries(bases_of(lines), groups, self.t)
        new_values.put()
        tensors = self.table.tensors if self.bound else None
        were_filled = tensors is not None and tensors.changed()  # by other code
        table = self.new_table(lines, groups)
        if table.tensors is not None:
            table.tensors.install_views()
        self.take(table, groups)
        if were_filled and table.tensors is not None:
            table.tensors.forget_fills()

    def _note_fields(self, groups: list[GroupDict]) -> None:
        """Note the fields that an added group of one of several optimizers has: lines for all groups apply to it."""
        scope = self.scope
        all_groups = {**self._all_groups(), self.name: groups} if scope.fields is not None else {}
        if scope.fields is not None and all(all_groups.values()):
            fields = fields_of(self.run.in_force.counted, scope.derived, all_groups, needed=False)[self.name]
            self.scope = replace(scope, fields=scope.fields | fields)

    def _log_late_groups(self, lines: tuple[BoundLine, ...], groups: list[GroupDict]) -> None:
        """Log the groups that were added since the last update: their present values are their bases."""
        late = {index for index, group in enumerate(groups) if COUNT not in group}
        late_lines = [line.only(late) for line in lines if not late.isdisjoint(line.groups)]
        now = values_at(late_lines, self.times, self.run.states)
        labels = self.scope.labels(groups)
        for index, line, base in by_group(late_lines):
            value = now[index, line.field.slot]
            if value == base or initial_value(line.field, groups[index]) is not None:
                continue
            self.run.processes.log(*messages.group_was_added(labels[index], self.t, line.field, base, value))

    def note_code_bases(self, groups: list[GroupDict]) -> None:
        """Note the bases of groups that were added, and the present indices of the others."""
        self.bases.rebind(self.bound.groups, groups, lambda: self.lines(groups))

    def _refuse_spoiled(self, groups: list[GroupDict], error: Exception) -> None:
        """Raise the error that explains why values could not be written: an entry is missing or invalid.

        Raises:
            PlanError: an entry is not a number. The plan continues once it is a number again.
            StateError: the optimizer has no groups.
        """
        bound = self.bound
        self.bound = BoundGroups([])  # bound again before the next update
        bound.require(groups, self.table)
        self.lines(groups)
        raise error


FUNCTIONS_OF_UPDATE: Final = (
    AttachedOptimizer.is_unchanged, AttachedOptimizer.needs_check, AttachedOptimizer.starts_update,
    AttachedOptimizer.has_own_lr, AttachedOptimizer.before_update, AttachedOptimizer.after_step,
    AttachedOptimizer.advance, AttachedOptimizer.write_next, BoundGroups.are_unchanged, BoundGroups.has_own_lr,
)  # fmt: skip
"""The functions that run at every update, which `torch.compile` skips."""


def _schedules_by_group(lines: tuple[BoundLine, ...], groups: list[GroupDict]) -> dict[int, set[tuple[Field, int]]]:
    """Return the pairs of a field and the identity of a schedule that each group follows, by the group's identity."""
    schedules: dict[int, set[tuple[Field, int]]] = {id(group): set() for group in groups}
    for line in lines:
        for index in line.groups:
            schedules[id(groups[index])].add((line.field, id(line.schedule)))
    return schedules


def _is_planned(value: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(value, torch.Tensor):
            value, planned = float(value), float(torch.tensor(planned, dtype=value.dtype))
        return bool(value == planned or (value != value and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False
