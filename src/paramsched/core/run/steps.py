"""The steps of one optimizer: what is checked before each of them, and what an update counts and writes."""

from typing import Any, Final, final

from paramsched.core.base.codes import BEYOND_THE_PLAN
from paramsched.core.base.problem import Problem
from paramsched.core.fields import RECORD
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.external_writes import check_tensors, log_at_end, refuse_spoiled, warn_overwritten
from paramsched.core.run.group_keys import COUNT
from paramsched.core.run.groups import Groups
from paramsched.core.run.rebinding import sync
from paramsched.core.run.run_state import UpdateTimes
from paramsched.core.run.slots import values_at
from paramsched.core.run.updates import run_uncompiled
from paramsched.core.time.amounts import PROGRESS


@final
class Steps:
    """Checks the groups of an optimizer before each step, and writes the next values after each update.

    Args:
        planned: the groups, and the plan that writes them.
    """

    __slots__ = ("planned",)

    def __init__(self, planned: Groups) -> None:
        self.planned = planned

    def is_unchanged(self, optimizer: Any) -> bool:
        """Return whether the groups are the bound ones and the first group's entries are unchanged.

        Also returns False if the consumption of the next update must be checked. Runs at every update.
        """
        planned = self.planned
        try:
            groups = optimizer.param_groups
            first, clock = groups[0], planned.clock
            return (
                first[COUNT] is clock.t
                and first[RECORD] is planned.record
                and first[planned.lr_key] is planned.first_lr
                and groups == planned.bound  # compares only addresses if the dicts are the same
                and not clock.needs_check
                and not (planned.block.tuples and planned.block.any_tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is missing, or tensors of other shapes replaced it

    def has_own_lr(self, optimizer: Any) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        groups, planned = optimizer.param_groups, self.planned
        return not groups or groups[0].get(planned.lr_key) is planned.first_lr

    def before_update(self, optimizer: Any) -> None:
        """Bind added or replaced groups before an update, if `is_unchanged` is False. Other groups are not written.

        Raises:
            MissingFact: the plan's clock counts an amount, and the consumption of this update is unknown.
        """
        run_uncompiled(sync)(self.planned, optimizer.param_groups)
        check_amount(self.planned)

    def advance(self, optimizer: Any) -> None:
        """Count one update, before which `is_unchanged` was called, and write the values of the next one."""
        planned, groups = self.planned, optimizer.param_groups
        clock, block, held = planned.clock, planned.block, planned.held
        clock.t = t = clock.t + 1
        try:
            if block.amounts is not None:
                coming = next(block.amounts, None)
                if coming is None or clock.reported is not None:
                    run_uncompiled(_consume)(planned, coming)
                else:
                    clock.last_amount, clock.amount = clock.amount, coming
            if block.tensors and block.tensors_changed():
                run_uncompiled(check_tensors)(planned, groups, held)
            for _ in block.writer:  # resumes the writer once; `next` and its exception would cost as much as a write
                break
            else:
                run_uncompiled(write_next_block)(planned, t)
            first = groups[0]
            if first is not planned.first:  # replaced during the step
                run_uncompiled(sync)(planned, groups)
                t = clock.t  # that of a state that other code has written
            first[COUNT] = t
            planned.first_lr = first[planned.lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(refuse_spoiled)(planned, groups, error)
        if block.overwritten:
            run_uncompiled(warn_overwritten)(planned, groups)
        if block.tensors:
            block.note_fills()


def check_amount(planned: Groups) -> None:
    """Check the consumption of the next update, if it must be checked before that update.

    Raises:
        MissingFact: the consumption is unknown.
    """
    if planned.clock.needs_check and planned.consumption is not None:
        run_uncompiled(_check_amount)(planned)


def _check_amount(planned: Groups) -> None:
    source = planned.consumption
    assert source is not None
    source.check_amount()


def write_next_block(planned: Groups, t: int) -> None:
    """Compute the values of the updates from `t` on, and write the first ones."""
    block = planned.block
    if planned.held:
        _end_hold(planned)
    if block.amounts is not None:  # `_consume` has extended the block, so an interrupt ended the writers
        planned.rewrite()
        return
    block.extend(UpdateTimes(t, None, block.next_size(t)), planned.clock.states)
    _end_block(planned, t)
    next(block.writer)
    if not block.overwritten:  # else logged after these are counted
        log_at_end(planned)
    _warn_of_end(planned, t)


def _end_hold(planned: Groups) -> None:
    """Follow the plan in force, after a step with held values, which are alone in their block."""
    if planned.held:
        planned.held = {}


def _consume(planned: Groups, expected: Amount | None) -> None:
    """Compute the next values, after an update that used the last ones or did not consume the `expected` amount."""
    clock, block, source = planned.clock, planned.block, planned.consumption
    assert source is not None
    if planned.held:
        _end_hold(planned)
    times = source.coming_times(expected, block)
    if times is None:
        clock.last_amount, clock.amount = clock.amount, expected
    else:
        amounts = times.listed()
        clock.last_amount, clock.amount = clock.amount, amounts[0]
        block.extend(times, clock.states)
        block.amounts = iter(amounts[1:])
        _end_block(planned, clock.t)
        _warn_of_end(planned, clock.t)


def _end_block(planned: Groups, t: int) -> None:
    """Compare the run with other processes; at the end of the plan, log metric rules that have observed no metric."""
    clock, run = planned.clock, planned.run
    planned.comparison.compare(t, planned.in_force, clock.states)
    if clock.states and run.warns_of_metrics and planned.in_force.is_over_at(t, clock.amount):
        idle = run.idle_rules(t)
        run.warns_of_metrics = False
        if idle:
            names = sorted({rule.metric for rule in idle})
            planned.run.processes.log(
                "the plan is over after %d updates, and no value of %s was ever reported for %s: "
                "call scheduler.observe(%s)",
                t, ", ".join(names), ", ".join(map(str, idle)),
                ", ".join(f"{name}=…" if name.isidentifier() else f"**{{{name!r}: …}}" for name in names),
            )  # fmt: skip


def _warn_of_end(planned: Groups, t: int) -> None:
    """Warn once that a run goes on after the end of its plan, if update `t - 1` was after it."""
    in_force, run = planned.in_force, planned.run
    if run.told_of_end or in_force.unit == PROGRESS or not in_force.is_over_at(t - 1, planned.clock.last_amount):
        return
    run.told_of_end = planned.clock.told_of_end = True
    length, epoch = in_force.total, in_force.calendar.updates_per_epoch
    written = str(in_force.resolved.horizon) if length is None else f"{length} updates"
    if length is not None and epoch is not None:
        written += f" ({length / epoch:.3g} epochs)"
    slots, times, values = planned.block.slots, planned.clock.times, dict[str, list[str]]()
    for slot, value in zip(slots, values_at(slots, times, planned.clock.states), strict=True):
        held = slot.schedule._held_from()
        is_held = held is not None and held <= times.on_clock(slot.clock) and not slot.schedule.metric_rules
        mine = values.setdefault(f"{slot.name} {'stays at' if is_held else 'is now'}", [])
        mine += {f"{value:g}"} - {*mine}
    shown = [f"{field} {', '.join(mine[:_SHOWN])}" for field, mine in values.items()]
    name = "total" if in_force.plan.horizon is None else "horizon"
    is_short = length is not None and in_force.unit is None and length < (epoch or _MOST_EPOCHS)
    found = f"the plan is over after {written}, and the run goes on" + f": {'; '.join(shown)}" * bool(shown)
    advice = f'For {length} epochs write {name}="{length} epochs"'
    advice = advice if is_short else f"Pass the length of the run as {name}"
    planned.run.processes.warn(Problem(BEYOND_THE_PLAN, found, advice=advice))


_SHOWN: Final = 4  # values of a field that a message has
_MOST_EPOCHS: Final = 1_000  # a number of updates below it may be one of epochs
