"""Resume from a checkpoint, of the same plan or another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isclose
from operator import is_
from typing import Any, Final, final

import numpy as np
import torch

from paramsched.base.problem import Problem
from paramsched.core.fields import finite_or_none, recorded_bases
from paramsched.core.plan.differences import diff
from paramsched.core.plan.lines import Line, Place, RuleStates, UpdateTimes, bases_of, by_group, values_at
from paramsched.core.plan.optimizers import ALONE, Scope, errors_of, scopes_of, shown_names
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.history import History
from paramsched.core.run.position import TORCH, RunPosition, resume_position
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import (
    BASES_OF_CHECKPOINT,
    NOTHING,
    BasePolicy,
    LogCall,
    OnChange,
    Restored,
    SavedOptimizer,
    State,
    read_groups,
    record_bases,
    rule_states,
)
from paramsched.core.run.reports import (
    HIDDEN,
    VALUES_SHOWN,
    OtherBase,
    found_count,
    listed,
    log_initial_values,
    log_jumps,
    optimizer_count,
    refuse_values_outside,
    report_bases,
    texts_of_values,
    where_in,
)
from paramsched.core.run.run import Member, Run, groups_changed, note_bases_of_new_fields, note_code_bases
from paramsched.core.run.state import INITIAL_LR, Group, is_finite_number, record_other_bases
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.values import LR, ValueRows, starting_lines
from paramsched.core.schedules.own import has_own_shape, is_own
from paramsched.core.schedules.schedule import Schedule, parts_inside
from paramsched.core.schedules.span import depends_on_base
from paramsched.core.time.duration import amount_text
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import ParamschedError, PlanChanged, StateError, shown

# It is the shape of the user that has other code now, or an entry of the groups that the user has edited.

_TOLERANCE: Final = 1e-5
"""Relative; the values of another kind of processor differ by less, and formats may store numbers in float32."""
_NEAR: Final = 4096  # updates before and after a save, of which a tensor of the running optimizer may have the value


@final
@dataclass(frozen=True, slots=True)
class _Saved:
    """The lines of the plan in a record, the time and the rule states of its values, and the scope of its optimizer."""

    lines: tuple[Line, ...]
    times: UpdateTimes
    states: RuleStates
    scope: Scope | None = None


def _lines_of_save(saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str) -> _Saved | None:
    """Return the lines of the plan in a checkpoint; None if its values are unknown.

    Args:
        saved: what the groups of one optimizer carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
    """
    state, position = saved.state, saved.position
    if state is None or state.in_force is None or position is None:
        return None
    in_force = state.in_force
    if state.optimizers.keys() != groups.keys() or (in_force.unit is not None and position.amount is None):
        return None
    has_states = position.t == state.position.t  # an optimizer that is behind had earlier ones
    try:
        scope = scopes_of(in_force.plan, in_force.resolved, groups)[name]
        lines = starting_lines(in_force.counted, groups[name], saved.bases, scope)
        states = rule_states(state, in_force)
    except ParamschedError:  # the plan of the record is one of other groups
        return None
    known = tuple(line for line in lines if has_states or not line.schedule.metric_rules)
    return _Saved(known, UpdateTimes(position.t, position.amount), states, scope)


def _differing(saved: _Saved, groups: list[Group]) -> Iterator[tuple[int, Line, float, float, float]]:
    """Yield each group with a value that differs from the plan: its index, the line, the base and both numbers."""
    try:
        values = values_at(saved.lines, saved.times, saved.states)
    except ParamschedError:
        return
    for index, line, base in by_group(saved.lines):
        slot = line.field.slot
        entry, value = line.field.read(groups[index]), values[index, slot]
        now = _number(entry)
        if now is None or _is_close(now, value, base, entry):
            continue
        if slot in recorded_bases(groups[index]):  # else the group was added since the save
            yield index, line, base, now, value


def changed_function(saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str) -> Problem | None:
    """Return a problem if the user's shapes return other values than the checkpoint has; None if they are equal.

    The arguments are those of `_lines_of_save`.
    """
    known = _lines_of_save(saved, groups, name)
    if known is None or known.scope is None or saved.state is None or known.times.first != saved.state.position.t:
        return None
    own_lines = tuple(line for line in known.lines if has_own_shape(line.schedule))
    for index, line, _, now, value in _differing(_Saved(own_lines, known.times, known.states), groups[name]):
        own = next(part for part in parts_inside(line.schedule) if isinstance(part, Schedule) and is_own(part))
        message = (
            f"{line.field} of group {known.scope.labels(groups[name])[index]!r} is {now:g} in the checkpoint, and with "
            f"{own.kind} it is {value:g} for update {known.times.first}"
        )
        advice = f"To continue with the values of the save, define {own.kind} as it was then"
        return Problem(found=message, advice=advice)
    return None


def values_of_save(
    saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str, lines: Iterable[Line]
) -> dict[Place, float]:
    """Return the values of the update at which a run was saved, by group and field.

    Those of a Scheduler's state are computed from its plan. Those of an optimizer's checkpoint are in its groups. An
    entry that its plan does not explain is left out: it was edited, or its tensor has moved on.

    Args:
        saved: what the checkpoint has of the optimizer.
        groups: as in `_lines_of_save`.
        name: the optimizer.
        lines: the lines with which it continues.
    """
    known = _lines_of_save(saved, groups, name)
    if not saved.is_in_groups:
        try:
            return {} if known is None else values_at(known.lines, known.times, known.states)
        except ParamschedError:
            return {}
    values: dict[Place, float] = {}
    for index, line, _ in by_group(lines):
        value = _number(line.field.read(groups[name][index]))
        if value is not None:
            values[index, line.field.slot] = value
    if known is not None:
        for index, line, *_ in _differing(known, groups[name]):
            if not has_own_shape(line.schedule):
                values.pop((index, line.field.slot), None)
    return values


# ------------------------------------------------------------------ edited entries


@final
@dataclass(frozen=True, slots=True)
class Edit:
    """An entry of a group that was changed since the save, and that the plan overwrites.

    Args:
        place: the group and the field.
        line: the line of the plan in force that overwrites it.
        entry: the name of the entry: that of the field, or `initial_lr`.
        number: its number.
        expected: the number that it had at the save.
        base: the base in the checkpoint.
        update: the update of the save.
    """

    place: Place
    line: Line
    entry: str
    number: float
    expected: float
    base: float
    update: int

    @property
    def changes_base(self) -> bool:
        """True if the edited number, as base, changes the values of the plan."""
        schedule = self.line.schedule
        if not schedule.has_absolute:
            return True
        held = float(schedule.piece.held or 0)
        times = np.unique(np.linspace(0, held + 1_000, 200).astype(np.int64))
        return depends_on_base(schedule, times, self.base, self.number)

    def as_base(self, label: str | int) -> OtherBase:
        """Return the edited number as a base that applies in place of the checkpoint's."""
        return OtherBase(str(self.line.field), label, self.number, self.base, code_applies=True, own="the group")


def edits_since_save(
    saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str, lines: Iterable[Line]
) -> list[Edit]:
    """Return the entries of one optimizer that differ from its checkpoint's record, and that the plan overwrites.

    Values that other code owned at the save, and those of shapes of the user, are left out.

    Args:
        saved: what its groups carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
        lines: its lines of the plan in force, which may be another one than the saved plan.
    """
    # Torch's distributed checkpoint may load the values of a run without a plan beside the record of update 0.
    known = _lines_of_save(saved, groups, name) if saved.count else None
    if known is None or saved.state is None:
        return []
    return _edits(known, groups[name], lines, saved.state.external)


def edits_since_update(member: Member, groups: list[Group], lines: Iterable[Line]) -> list[Edit]:
    """Return the entries of a running optimizer that differ from its plan, and that other lines overwrite now."""
    if not member.bound or groups_changed(member, groups):  # the lines are those of other groups
        return []
    known = _Saved(member.rows.lines, member.times, member.run.states)
    external = {line.field.slot for line in known.lines if str(line.field) in member.written_fields}
    return _edits(known, groups, lines, external)


def _edits(known: _Saved, groups: list[Group], lines: Iterable[Line], external: Iterable[str]) -> list[Edit]:
    update, owned = known.times.first, set(external)
    written = {(index, line.field): line for line in lines for index in line.groups}
    lines_of_plan = tuple(line for line in known.lines if line.field.slot not in owned)
    compared = tuple(line for line in lines_of_plan if not has_own_shape(line.schedule))
    found: dict[Place, Edit] = {}
    for index, line, base, now, value in _differing(_Saved(compared, known.times, known.states), groups):
        place = index, line.field.slot
        if (index, line.field) in written and not _has_moved_on(
            line.field.read(groups[index]), line, base, known.times
        ):
            found[place] = Edit(place, written[index, line.field], str(line.field), now, value, base, update)
    for index, line, base in by_group(lines_of_plan):
        initial = _number(groups[index].get(INITIAL_LR)) if line.field == LR else None
        if initial is None or (index, line.field) not in written:
            continue
        if _is_close(initial, base, base, groups[index][INITIAL_LR]):
            continue
        # It is the base, so it takes precedence over an edited lr. A group without a base was added since the save.
        if line.field.slot in recorded_bases(groups[index]):
            place = index, line.field.slot
            found[place] = Edit(place, written[index, line.field], INITIAL_LR, initial, base, base, update)
    return [found[place] for place in sorted(found)]


def _has_moved_on(entry: Any, line: Line, base: float, times: UpdateTimes) -> bool:
    """Return whether a tensor may have the value of another update than that of the save.

    A state that was not copied has the tensors of the optimizer itself, which other updates and loads fill.
    """
    if not isinstance(entry, torch.Tensor):
        return False
    if line.schedule.metric_rules or line.by_amount:
        return True
    try:
        first = max(0, times.first - _NEAR)
        near = line.values_of_one(UpdateTimes(first, None, times.first + _NEAR + 1 - first), base, {})
    except ParamschedError:
        return True
    now = float(entry.detach())
    return any(_is_close(now, value, base, entry) for value in near)


def problems_of_edits(edits: Iterable[Edit], labels: Sequence[str | int]) -> Iterator[Problem]:
    """Yield a problem for each field and entry that was edited, with both numbers and the line that uses the edit.

    Args:
        edits: the entries.
        labels: the label of each group.
    """
    alike: dict[tuple[str, bool], list[Edit]] = {}
    for edit in edits:
        alike.setdefault((edit.entry, edit.changes_base), []).append(edit)
    for (entry, changes_base), mine in alike.items():
        numbers = listed(dict.fromkeys(f"{one.number:g} instead of {one.expected:g}" for one in mine), "; ")
        where = where_in([str(labels[one.place[0]]) for one in mine])
        message = (
            f"{entry} in {where} is {numbers} at update {mine[0].update}: it was changed after the save or the last "
            "update, and the plan overwrites it"
        )
        first = mine[0]
        advice = (
            f"To train from {first.number:g} as base, construct the Scheduler after the load and the change, with "
            'ps.Scheduler(optimizer, plan, on_base="code")'
        )
        if not changes_base:
            name, text = first.line.name, f'"absolute({first.number!r})"'
            line = f"{name}={text}" if name.isidentifier() else f'ps.Binding("{name}", {text})'
            advice = f"The values of its line are absolute. To train with {first.number:g}, write it there: {line}"
        yield Problem(found=message, advice=advice)


def _is_close(now: float, value: float, base: float, entry: Any) -> bool:
    return isclose(now, value, rel_tol=_tolerance_of(entry), abs_tol=_TOLERANCE**2 * abs(base))


def _number(entry: Any) -> float | None:
    return finite_or_none(entry.detach() if isinstance(entry, torch.Tensor) else entry)


def _tolerance_of(entry: Any) -> float:
    if isinstance(entry, torch.Tensor) and entry.dtype.is_floating_point:
        return max(_TOLERANCE, float(torch.finfo(entry.dtype).eps))
    return _TOLERANCE


_SAMPLES_CLOCK_HINT = (
    'A plan with clock="samples" keeps its position in the data if the total batch size of all processes changes'
)


def _other_epoch(state: State, saved: ResolvedPlan, code: ResolvedPlan) -> tuple[LogCall, ...]:
    """Return a note if a loaded run has another number of epochs behind it, because an epoch has other updates.

    The number of processes may have changed, for example.
    """
    before, now, t = saved.facts.updates_per_epoch, code.facts.updates_per_epoch, state.position.t
    if not state.is_loaded or not t or saved.text != code.text or code.unit is not None:
        return ()
    if before is None or now is None or before == now:
        return ()
    text = (
        "an epoch has %d updates instead of %d. The plan counts updates, so the run resumes after %.3g epochs, and was "
        "saved after %.3g. "
    )
    return ((text + _SAMPLES_CLOCK_HINT, now, before, t / now, t / before),)


@final
class Resume:
    """The resume policy of one scheduler, used by the hooks when the optimizer's own state is loaded."""

    def __init__(
        self, on_change: OnChange, bases: BasePolicy = BASES_OF_CHECKPOINT, processes: Processes = WORLD
    ) -> None:
        self.on_change, self.bases, self.processes = on_change, bases, processes
        self.accepted: set[tuple[str | None, RunFacts]] = set()  # the plans whose difference was already logged
        self.logged_values: set[str] = set()

    # ------------------------------------------------------------------ the optimizer's own state

    def before_load(self, member: Member, state: dict[str, Any], present: list[Group]) -> Restored | None:
        """Return what the state of one optimizer restores; None if torch raises for it.

        Raises for a state from which a run cannot resume, before anything is written.

        Args:
            member: the optimizer.
            state: its state.
            present: its groups.
        """
        groups = state.get("param_groups") if isinstance(state, dict) else None
        if (
            not isinstance(groups, list)
            or len(groups) != len(present)
            or not all(isinstance(group, dict) for group in groups)
        ):
            return None
        if groups_changed(member, present):
            note_code_bases(member, present)
        return self.checked(member, groups, present=present)

    def checked(
        self,
        member: Member,
        groups: list[Group],
        saved: SavedOptimizer | None = None,
        present: list[Group] | None = None,
    ) -> Restored:
        """Return what a checkpoint restores, as `loading`, after checking that the run can continue with it."""
        with errors_of(member.name):
            member.rows.require_lengths(groups)
        restored = self.loading(member, groups, saved, present)
        refuse_values_outside(restored.in_force, restored.lines, member.labels(groups), restored.position.times)
        return restored

    def loading(
        self,
        member: Member,
        groups: list[Group],
        saved: SavedOptimizer | None = None,
        present: list[Group] | None = None,
    ) -> Restored:
        """Return what a checkpoint restores to one optimizer, without side effects on its groups.

        Args:
            member: the optimizer.
            groups: the groups of the checkpoint.
            saved: what they carry. Default: it is read from them.
            present: the groups with the values of the code, if these are still known.
        """
        run, name, code = member.run, member.name, member.run.in_force
        if saved is None:
            with errors_of(name):
                saved = read_groups(groups, name, code)
        restored, scope = self.plan_of(saved, code), member.scope
        chosen = restored.in_force
        if run.is_shared and chosen is not code:
            bound = {other: one.bound for other, one in run.members.items()}
            scope = scopes_of(chosen.plan, chosen.resolved, bound)[name]
        if saved.is_in_groups:
            # A group without paramsched has values of the last update and no bases, except `initial_lr` of torch's
            # schedulers. Then the bases are those of the code.
            lines = starting_lines(chosen.counted, groups, saved.bases, scope, member.code_bases)
        elif chosen is code:  # of a Scheduler's state, for the bound groups
            lines = tuple(line.with_bases(saved.bases) for line in member.rows.lines)
        else:
            lines = starting_lines(chosen.counted, groups, saved.bases, scope)
        position, states = self._position_of(member, saved, chosen), rule_states(saved.state, chosen)
        restored = replace(restored, scope=scope, lines=lines, position=position, states=states)
        if present is not None and chosen is not code:
            note_bases_of_new_fields(member, lines, chosen.counted, present)
        return self.bases.applied(restored, member, groups)

    def report(
        self,
        run: Run,
        loaded: Mapping[str, Restored],
        groups: Mapping[str, list[Group]],
        taken: int | None = None,
    ) -> None:
        """Warn of what a load probably does not mean. A warning may be an error, so this comes before the first write.

        Args:
            run: the run.
            loaded: what the loads restore, by optimizer.
            groups: the groups that they restore, by optimizer.
            taken: the number of updates in the optimizer's own state, for a message if the groups carry no count.
        """
        reached = run.reached(
            {name: one.saved.count if run.is_shared else one.position.t for name, one in loaded.items()}
        )
        for name, restored in loaded.items():
            if not restored.saved.count:
                problem = self._missing_count(run.members[name], restored, groups[name], taken)
                if problem is not None:
                    self.processes.warn(problem)
            counts = restored.saved.count is not None
            differing = [change for change in restored.changes if counts or change.code_applies]
            warned = [change for change in differing if not change.code_applies]
            new = run.new_bases(differing, reached)
            if run.is_shared and not self.processes.strict:  # one message for all optimizers, after the next update
                run.changed_bases += [change for change in new if change in warned]
                new = [change for change in new if change not in warned]
            report_bases(new, reached, self.processes)
            run.warn_if_over(restored.in_force, reached, restored.position.amount)

    def log_values(self, loaded: Mapping[str, Restored], groups: Mapping[str, list[Group]]) -> None:
        """Log up to four values of the next updates that differ from those of the checkpoint, each once.

        Args:
            loaded: what the loads restore, by optimizer.
            groups: the groups of all optimizers, by name; those of the loaded ones with the values of the checkpoint.
        """
        texts: dict[str, None] = {}
        for name, restored in loaded.items():
            is_explained = not (
                restored.notes or restored.changes or any(has_own_shape(line.schedule) for line in restored.lines)
            )
            if is_explained or not restored.saved.count:
                continue
            before = values_of_save(restored.saved, groups, name, restored.lines)
            texts |= dict.fromkeys(texts_of_values(restored.lines, restored.position.times, restored.states, before))
        new = [text for text in texts if text not in self.logged_values]
        self.logged_values |= texts.keys()
        if new:
            self.processes.log("%s", "\n".join(new[:VALUES_SHOWN]))

    def after_load(
        self, run: Run, loaded: Mapping[str, Restored], groups: Mapping[str, list[Group]], source: str = "optimizer"
    ) -> None:
        """Resume from what the loaded groups of one or more optimizers restore, after `report`.

        Args:
            run: the run.
            loaded: what they restore, by optimizer.
            groups: the groups, by optimizer.
            source: the name of the checkpoint, for a message if two of them disagree.
        """
        members, chosen = run.members, run.in_force
        for restored in loaded.values():
            chosen = self.accept(restored)
        self.log_values(loaded, {name: member.bound for name, member in members.items()} | dict(groups))
        carries_count = any(one.saved.count is not None for one in loaded.values())
        is_new, counts, states, before = chosen is not run.in_force, run.counts, run.states, run.t
        was_running = run.has_moved
        if is_new:
            _use_plan(run, chosen)
        move = run.load
        if run.is_shared:
            from paramsched.core.run.several import load_counts

            move = partial(load_counts, run)
        moves = move({name: one.saved_run for name, one in loaded.items()}, source if carries_count else None)
        if was_running and run.t < before:
            self.processes.log("update %d -> %d, from the loaded state", before, run.t)
        # All values are computed before the first one is written.
        changes_all = moves or is_new or run.states != states
        rows = {
            name: _rows_of(member, member.bound, None, is_new=is_new)
            for name, member in members.items()
            if name not in loaded and (changes_all or member.t != counts[name])
        }
        rows |= {name: _rows_of(members[name], groups[name], one.lines, is_new=is_new) for name, one in loaded.items()}
        if changes_all:
            run.bind()
        for name, restored in loaded.items():
            if not restored.saved.is_in_groups:
                planned_bases = bases_of(restored.lines)
                other = {place: base for place, base in restored.saved.bases.items() if place not in planned_bases}
                record_other_bases(other, groups[name])
        for name, new in rows.items():
            members[name].bind(groups[name] if name in loaded else members[name].bound, new)
        # The states that several optimizers load one after the other have the history of the run before the first load.
        saved = [one.saved_run for one in loaded.values()] if run.loads is None else run.loads.saved.values()
        record_bases(run, dict(pair for saved_run in saved for pair in saved_run.replaced))
        if run.writes is not None:
            run.writes.begin()
        for observe in run.after_load:
            observe()

    def _missing_count(
        self, member: Member, restored: Restored, groups: list[Group], taken: int | None
    ) -> Problem | None:
        """Return a warning if a checkpoint has no count, or 0 although the optimizer has stepped; of several, once."""
        run, lines, count = member.run, () if restored.replaced else restored.lines, restored.saved.count
        parts = [(lines, groups, member.labels(groups))]
        initial = count is None and log_initial_values(parts, self.processes, has_state=True, code=member.code_bases)
        if run.start is not None or (count is not None and (taken or 0) <= HIDDEN):
            return None
        if count is None and run.restored_from == TORCH:  # that state has the count
            return None
        if run.is_shared and (run.t or run.warned_of_missing_count):
            return None
        run.warned_of_missing_count = True
        bases = "initial values" if initial else "those of the code" if count is None else "the recorded values"
        message = found_count("the checkpoint of the optimizer", count)
        message += f"; starting the plan at update 0, with {bases} as bases"
        instead = f"If it was saved after n updates, call scheduler.seek(n){optimizer_count(taken)}."
        return Problem(found=message, advice=instead)

    def _position_of(self, member: Member, saved: SavedOptimizer, chosen: ResolvedPlan) -> RunPosition:
        """Return the position of the run from which the groups of a checkpoint were saved."""
        run = member.run
        start = member.t if run.is_shared else run.start or 0  # without a count, one of several joins the run
        known = run.position if run.restored_from == TORCH else RunPosition(start)
        saved_position = saved.position_on(chosen.unit) or known
        whose = "the optimizer's checkpoint" if saved.is_in_groups else "the scheduler's state"
        return resume_position(chosen, saved_position, whose, member.position)

    # ------------------------------------------------------------------ the record of a run

    def load(self, run: Run, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Resume from the record of a Scheduler's state, as if the checkpoint of each optimizer had been loaded.

        Args:
            run: the run.
            state: the record.
            groups: the groups of each optimizer.

        Raises:
            StateError: the state is of one optimizer and the run has several, or the reverse. Nothing was written.
            PlanChanged: the plan differs and the policy is "error". Nothing was written.
        """
        if bool(state.names) != run.is_shared:
            saved_for = f"the optimizers {shown(','.join(state.names))}" if state.names else "one optimizer"
            raise StateError(
                f"this is the state of a Scheduler for {saved_for}, and this Scheduler has "
                f"{'several' if run.is_shared else 'one'}. If the run has completed n updates, call scheduler.seek(n)"
            )
        message = {
            name: self.checked(run.members[name], group, SavedOptimizer.in_state(state, name), present=group)
            for name, group in groups.items()
        }
        self._warn_of_edits(run, message, groups)
        self.report(run, message, groups)
        self._log_other_optimizers(state, groups)
        self.after_load(run, message, groups, source="scheduler")

    def _warn_of_edits(self, run: Run, restored: Mapping[str, Restored], groups: Mapping[str, list[Group]]) -> None:
        """Warn of values that other code wrote since the last update, and that a state of a Scheduler overwrites."""
        for name, group in groups.items():
            member = run.members[name]
            edits = edits_since_update(member, group, restored[name].lines)
            for problem in problems_of_edits(edits, member.labels(group)):
                self.processes.warn(problem)

    def _log_other_optimizers(self, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Log that a state is of other optimizers than the run, or of another number of groups."""
        if state.optimizers.keys() != groups.keys():
            self.processes.log(
                "the scheduler's state is of the optimizers %s, the run has %s: those in both use the saved bases",
                shown_names(state.optimizers), shown_names(groups),
            )  # fmt: skip
        for name, group in groups.items():
            saved = state.optimizers.get(name) or len(group)  # 0 in an optimizer's checkpoint
            if saved != len(group):
                self.processes.log(
                    "the scheduler's state has %d groups%s, the optimizer has %d: the groups in both use the saved "
                    "bases", saved, "" if name == ALONE else f" of {name}", len(group),
                )  # fmt: skip

    def plan_of(self, saved: SavedOptimizer, code: ResolvedPlan) -> Restored:
        """Return the plan with which an optimizer continues that carries a record or a count.

        Raises:
            PlanChanged: the plan differs and the policy is "error".
        """
        state, same = saved.state, Restored(saved, code)
        if state is None and not saved.count:
            return same
        if state is None:
            message = "the optimizer's checkpoint has a count and no record of the run, so its plan is unknown"
            self._refuse_if_error(message)
            return replace(same, notes=((f"{message}: the code's plan continues from update %d", saved.count),))
        if state.text is not None and (state.text, state.facts) == (code.text, code.facts):
            return same
        if state.in_force is not None:
            chosen, notes = self.choose_plan(state, state.in_force, code)
            return replace(same, in_force=chosen, notes=notes, plan_identity=state.identity)
        why = state.unreadable or "it has no text"
        self._refuse_if_error(f"the plan in the checkpoint cannot be compared with the code's: {why}")
        text = "the plan in the checkpoint cannot be compared with the code's, which is used: %s"
        return replace(same, notes=((text, why),), plan_identity=state.identity)

    def warn_of_dropped_lines(self, before: ResolvedPlan, now: ResolvedPlan) -> None:
        """Warn of fields that the plan of a replaced Scheduler writes and the new one does not."""
        written = {binding.name for binding in now.plan.bindings}
        dropped = list(dict.fromkeys(one.name for one in before.plan.bindings if one.name not in written))
        if dropped:
            fields = ", ".join(dropped)
            message = (
                f"a new Scheduler replaces one that also writes {fields}, which keeps its present value from now on"
            )
            advice = f"Add a line for {fields}, or call detach() of the earlier Scheduler first"
            self.processes.warn(Problem(found=message, advice=advice))

    def accept(self, restored: Restored) -> ResolvedPlan:
        """Log how a saved plan differs, once for each saved plan, and return the plan to continue with."""
        if restored.plan_identity not in self.accepted:
            for note in restored.notes:
                self.processes.log(*note)
        if restored.plan_identity is not None:
            self.accepted.add(restored.plan_identity)
        return restored.in_force

    def load_position(self, run: Run, at: int, state: Mapping[str, Any], optimizer: Any) -> None:
        """Resume from a state of one of torch's schedulers, whose count of steps is `at`."""
        (member,) = run.members.values()
        in_force = run.in_force
        groups: list[Group] = optimizer.param_groups
        taken = updates_in_state(optimizer)
        t = at if taken is None else taken
        bases, rates = (_by_group(state.get(key), len(groups)) for key in ("base_lrs", "_last_lr"))
        kept = {
            (index, "lr"): float(base)
            for (index, _), base in bases.items()
            if is_finite_number(base) and id(groups[index]) not in member.initial_groups  # that is the base already
        }
        lines = tuple(line.with_bases(kept) for line in member.rows.lines)
        restored = self.bases.applied(Restored(NOTHING, in_force, lines=lines), member, groups)
        mine = restored.lines
        position = resume_position(in_force, RunPosition(t), "the state of torch's scheduler", run.position)
        refuse_values_outside(in_force, mine, member.labels(groups), position.times)
        rows = ValueRows(in_force.counted, mine, groups, position.times, run.states, end=in_force.total)
        report_bases(run.new_bases(restored.changes, t), t, self.processes)
        run.warn_if_over(in_force, t, position.amount)
        if 0 < t == at:
            log_jumps(mine, position.times, run.states, rates, self.processes)
        unit = f"{t} updates, the count in the optimizer's own state" if taken is not None and taken != at else f"{t}"
        self.processes.log(
            "the state is one of torch's schedulers, at %d: the plan resumes from %s. If the run has completed another "
            "number of updates (for example, if torch's scheduler was stepped once per epoch), call scheduler.seek(n)",
            at, unit,
        )  # fmt: skip
        run.set_position(position, TORCH)
        member.t = run.t
        run.history = History((run.entry(),))
        run.bind()
        member.bind(groups, rows)

    # ------------------------------------------------------------------ a plan that differs

    def choose_plan(
        self, state: State, saved: ResolvedPlan, code: ResolvedPlan
    ) -> tuple[ResolvedPlan, tuple[LogCall, ...]]:
        """Return the plan to continue with, the saved one or the code's, and what to log.

        Args:
            state: the record of the run.
            saved: its plan.
            code: the plan in the code.

        Raises:
            PlanChanged: `on_change` is "error".
        """
        changes, until = diff(saved.resolved, code.resolved), state.position
        if not changes:
            return code, ()
        amount = "" if until.amount is None else f" ({amount_text(str(saved.unit), until.amount)})"
        whose = f"{state.owner}, which was in force up to update {until.t}{amount}"
        if self.on_change == "error":
            raise PlanChanged(
                f"the plan differs from {whose}; on_change is 'error', so nothing was written.\n"
                + "\n".join(map(str, changes))
                + '\nWrite on_change="new" to continue with the code\'s plan, "checkpoint" with the saved one.'
            )
        chosen = code
        if self.on_change == "checkpoint":
            chosen = saved
            whose += " and stays in force: the code's is not used"
        differs = "the plan differs from %s (on_change=%r):\n%s", whose, self.on_change, changes
        return chosen, (differs, *_other_epoch(state, saved, code))

    def _refuse_if_error(self, text: str) -> None:
        """Raise if `on_change` is "error", for a saved plan that differs but cannot be compared."""
        if self.on_change == "error":
            raise PlanChanged(f"{text}; on_change is 'error', so nothing was written")


def _by_group(values: Any, groups: int) -> dict[Place, Any]:
    """Return the values of lr in a state of one of torch's schedulers, by group; none if their number differs."""
    is_list = isinstance(values, (list, tuple)) and len(values) == groups
    return {(index, "lr"): value for index, value in enumerate(values if is_list else [])}


def _use_plan(run: Run, chosen: ResolvedPlan) -> None:
    """Use another plan in all optimizers, whose values are written afterwards."""
    members = run.members
    scopes = scopes_of(chosen.plan, chosen.resolved, {name: member.bound for name, member in members.items()})
    run.in_force, run.states = chosen, {rule: rule.init() for rule in chosen.resolved.metric_rules}
    for name, member in members.items():
        member.scope = scopes[name]


def _rows_of(member: Member, groups: list[Group], lines: tuple[Line, ...] | None, *, is_new: bool) -> ValueRows:
    """Compute the values of an optimizer at its position, without writing them.

    Args:
        member: the optimizer.
        groups: its groups.
        lines: its lines. Default: those of the plan in force.
        is_new: True if the plan is another one than before.
    """
    rows = member.rows
    if lines is None:
        lines = member.lines(groups) if is_new else rows.lines
    is_same = len(lines) == len(rows.lines) and all(map(is_, lines, rows.lines))
    if is_same and not is_new and not groups_changed(member, groups):
        rows.seek(member.times, member.run.states)
        return rows
    return member.new_rows(lines, groups)
