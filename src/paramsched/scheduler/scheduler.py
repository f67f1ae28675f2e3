"""Scheduler: applies a plan to an optimizer."""

import logging
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, final
from weakref import ref

import torch
from torch.optim.lr_scheduler import LRScheduler

from paramsched._trace import Key, unique_labels
from paramsched.errors import InvalidArgument, InvalidTime, ParamschedError, nearest, shown
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan, Target
from paramsched.scheduler import _keys
from paramsched.scheduler._driver import Driver, prepared
from paramsched.scheduler._driver import LateGroups as LateGroups
from paramsched.scheduler._keys import Group
from paramsched.scheduler._resume import Resume, say_initial, say_position, warn_if_over
from paramsched.scheduler._run_facts import (
    WAITS,
    Drive,
    Waiting,
    calendar_of,
    given_facts,
    refuse_to_step,
    resolve_for,
)
from paramsched.scheduler._slots import slots_of, values_of
from paramsched.scheduler._state import position_of_torch, read, restored, saved, state_of
from paramsched.scheduler._table import Table
from paramsched.scheduler._unwrap import require_hooks, unwrap
from paramsched.scheduler.on_change import OnChange, checked_on_change
from paramsched.scheduler.updates import updates_in_state
from paramsched.time import Calendar, DurationLike

log = logging.getLogger("paramsched")


@final
class Scheduler(LRScheduler):
    """Applies a plan: the one object that holds a clock and writes into an optimizer.

    After construction there is nothing to call: each step of the optimizer is an update, and right after it the groups
    hold the values of the next. Steps that were no updates (skipped by a GradScaler, raised, nested) do not count. The
    optimizer's own checkpoint carries count and bases, so it alone resumes; constructing on an optimizer that carries a
    count goes on from there.

    It is a `torch.optim.lr_scheduler.LRScheduler` by type, for engines that look; its `step()` moves nothing (but see
    `drive`), so however often an engine calls it, the values stay right.

    Args:
        optimizer: a torch optimizer, or an engine's wrapper of one.
        plan: what is applied.
        calendar: the facts that convert units; or these facts as keywords: `total`, `steps_per_epoch`,
            `batches_per_epoch`, `accumulation`, `batch_size`, `tokens_per_step`, `seconds_per_step`. `"later"` where
            they are not known yet: `scheduler.resolve(steps_per_epoch=len(loader))` then gives them, before the first
            update.
        drive: `"optimizer"`: each step of the optimizer moves the clock; `"manual"`: each `scheduler.step()` does.
        on_change: what a plan that differs from a checkpoint's does: `"new"` (the code's plan goes on from the current
            update), `"checkpoint"`, `"error"`, or a mapping from field to one of these. The difference is logged.
        late_groups: what a group that is added later brings: `"base"`, the base of its schedule, or `"present"`, its
            value at that moment, which goes on by the same factors, v(t) = value · f(t) / f(t_added). It is logged.
        t: completed updates of a run that had no plan so far. A count that the optimizer carries wins.

    Raises:
        InvalidArgument: an argument that cannot be, or an optimizer whose step fires no hooks.
        PlanError: a group or field of the plan that the optimizer does not have. The optimizer is as before.
        PlanChanged: the optimizer carries another plan and `on_change="error"`. The optimizer is as before.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), horizon=4))
    >>> for _ in range(2):
    ...     _ = optimizer.step()
    >>> scheduler.last_epoch, optimizer.param_groups[0]["lr"]
    (2, 0.05)
    """

    def __init__(  # LRScheduler's own is not run: it would wrap the step, write initial_lr and step
        self,
        optimizer: Any,
        plan: Plan,
        *,
        calendar: Calendar | Literal["later"] | None = None,
        drive: Drive = "optimizer",
        on_change: OnChange = "new",
        late_groups: LateGroups = "base",
        t: int | None = None,
        total: DurationLike | None = None,
        steps_per_epoch: int | None = None,
        batches_per_epoch: int | None = None,
        accumulation: int | None = None,
        batch_size: int | None = None,
        tokens_per_step: float | None = None,
        seconds_per_step: float | None = None,
    ) -> None:
        given = given_facts(
            total=total, steps_per_epoch=steps_per_epoch, batches_per_epoch=batches_per_epoch,
            accumulation=accumulation, batch_size=batch_size, tokens_per_step=tokens_per_step,
            seconds_per_step=seconds_per_step,
        )  # fmt: skip
        if not isinstance(plan, Plan):
            instead = "Write ps.Plan(lr=ps.cosine(to=0.1), horizon=1000)"
            raise InvalidArgument(f"Scheduler(…, {plan!r})", "no Plan", instead)
        if drive not in ("optimizer", "manual"):
            raise InvalidArgument(f"Scheduler(drive={drive!r})", nearest(str(drive), ("optimizer", "manual")))
        if late_groups not in ("base", "present"):
            found = nearest(str(late_groups), ("base", "present"))
            raise InvalidArgument(f"Scheduler(late_groups={late_groups!r})", found, 'Write late_groups="present"')
        if t is not None:
            _require_updates(t, f"Scheduler(…, t={shown(t)})", "Write ps.Scheduler(optimizer, plan, t=500)")
        inner, resume = unwrap(optimizer), Resume(checked_on_change(on_change))
        if calendar != "later":
            self._start(inner, plan, calendar_of("Scheduler", calendar, given), drive, resume, late_groups, t)
            return
        if given:
            raise InvalidArgument(
                f'Scheduler(calendar="later", {", ".join(given)}=…)', "facts are given now and later", "Leave one out"
            )
        if drive == "optimizer":
            require_hooks(inner)
        slots_of(plan, inner.param_groups)  # a field or a group that is not there is told now
        self.optimizer, self._step_count = inner, 1
        self._waiting: Waiting | None = Waiting(plan, drive, resume, late_groups, t)
        if drive == "optimizer":
            self._waiting.handle = inner.register_step_pre_hook(refuse_to_step)

    def resolve(self, calendar: Calendar | None = None, **facts: Any) -> None:
        """Give the facts of a Scheduler that was built with `calendar="later"`; the plan is attached now.

        Args:
            calendar: the facts; or the same as keywords.
            facts: `steps_per_epoch=len(loader)`, say.

        Raises:
            ParamschedError: it has its facts.
            MissingFact: a unit of the plan needs another one.
        """
        waiting = self._waiting
        if waiting is None:
            raise ParamschedError(
                "scheduler.resolve(…): its plan has its facts. It is for a Scheduler that was built with "
                'ps.Scheduler(optimizer, plan, calendar="later")'
            )
        known = calendar_of("resolve", calendar, given_facts(**facts))
        self._start(
            self.optimizer, waiting.plan, known, waiting.drive, waiting.resume, waiting.late_groups, waiting.t,
            call="scheduler.resolve(",
        )  # fmt: skip
        if waiting.handle is not None:
            waiting.handle.remove()
        if waiting.state is not None:
            self.load_state_dict(waiting.state)

    def __getattr__(self, name: str) -> Any:
        if name == "_driver":  # nothing is attached yet
            raise ParamschedError(WAITS)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _start(
        self,
        optimizer: Any,
        plan: Plan,
        calendar: Calendar,
        drive: Drive,
        resume: Resume,
        late_groups: LateGroups,
        begin: int | None,
        call: str = "ps.Scheduler(optimizer, plan, ",
    ) -> None:
        if drive == "optimizer":
            require_hooks(optimizer)
        groups: list[Group] = optimizer.param_groups
        resolved = resolve_for(call, plan, calendar)
        before = _driver_of(optimizer)
        _keys.check(groups)
        count = _keys.count_in(groups)
        if before is not None:
            before.sync(groups)
            theirs = before.plan, before.resolved, before.calendar
            whose = "that of the Scheduler before this one"
            plan, resolved, calendar = resume.decide(theirs, (plan, resolved, calendar), whose)
        driver = Driver(plan, resolved, calendar, resume, late_groups=late_groups, begin=begin)
        driver.taken = partial(_taken, ref(optimizer)) if isinstance(optimizer, torch.optim.Optimizer) else _unknown
        unknown = before is None and resume.differs(driver, groups)
        if unknown:
            resume.refuse_if_error(f"the optimizer carries another plan than the code's: {plan!r}")
        carried = before.t if before is not None else count
        t = (begin or 0) if carried is None else carried
        driver.stand_at(t, None if before is not None or count is None else "optimizer")
        if before is not None:
            known = {rule: state for rule, state in before.states.items() if rule in driver.states}
            driver.states = driver.states | known
        table = prepared(resolved, slots_of(resolved, groups), groups, driver.t, driver.states)
        initial = carried is None and say_initial(table.slots, groups)
        driver.bind(groups, table)
        if before is not None:
            replace_driver(before, t)
        driver.attach(optimizer, step=drive == "optimizer")
        self.optimizer, self._driver, self._manual = optimizer, driver, drive == "manual"
        self._waiting = None
        driver.handle = ref(self)
        self._step_count = 1
        if unknown:
            resume.say_unknown(driver)
        if carried is None and begin is None and (initial or driver.taken()):
            say_position(optimizer)
        if carried is not None and begin is not None and begin != carried:
            log.warning(
                "t=%d is for an optimizer without a count of updates; this one carries %d, which wins", begin, t
            )
        warn_if_over(driver)

    # ------------------------------------------------------------------ what is asked

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._driver.plan

    @property
    def calendar(self) -> Calendar:
        """The facts that converted its units."""
        return self._driver.calendar

    @property
    def states(self) -> dict[MetricRule[Any], Any]:
        """The states of the plan's metric rules."""
        return dict(self._driver.states)

    def value(self, field: str, group: int | str = 0) -> float:
        """The planned value of the coming update.

        Args:
            field: as the plan names it (`"lr"`, `"betas[0]"`, `"momentum"`), or a target's name.
            group: a group's index or its name.

        Raises:
            InvalidArgument: nothing of that name is scheduled there.
        """
        values = self.values()
        labels = unique_labels(self.optimizer.param_groups)
        for key in ((field, ""), (field, group), (field, labels.get(group) if isinstance(group, int) else group)):
            if key in values:
                return values[key]
        known = ", ".join(f"{name!r} of {label!r}" if label != "" else repr(name) for name, label in values)
        raise InvalidArgument(f"scheduler.value({field!r}, {group!r})", f"not scheduled; there are {known}")

    def values(self) -> dict[Key, float]:
        """The planned values of the coming update, by field and group as in a `Trace`; targets have group ""."""
        import numpy as np

        driver = self._synced()
        labels = unique_labels(self.optimizer.param_groups)
        found: dict[Key, float] = {
            (slot.name, labels[slot.group]): value
            for slot, value in driver.values()
            if slot.group in labels  # of a detached scheduler's optimizer groups may have gone
        }
        for binding in driver.resolved.bindings:
            if isinstance(binding.field, Target):
                at = np.array([driver.t])
                found[binding.name, ""] = float(
                    values_of(binding.schedule, at, binding.field.initial, driver.states)[0]
                )
        return found

    # ------------------------------------------------------------------ what moves it

    def seek(self, t: int) -> None:
        """Go to update `t` at once; the values of `t` are in the groups on return. Feedback states stay as they are.

        Raises:
            InvalidTime: not a whole number from 0 on.
        """
        _require_updates(t, f"scheduler.seek({shown(t)})", "Write scheduler.seek(0)")
        self._require_alive("seek")
        self._synced().seek(self.optimizer.param_groups, int(t))

    def observe(self, **metrics: Any) -> None:
        """Tell the metric rules what training measured; a reduction is in the groups on return.

        Args:
            metrics: name and value; a number or a tensor without dimensions.

        Raises:
            InvalidArgument: a name no rule watches, or a value that is no number. Nothing has changed then.
        """
        self._require_alive("observe")
        driver = self._driver
        watched = {rule.metric for rule in driver.states}
        numbers = {}
        for name, value in metrics.items():
            if name not in watched:
                instead = nearest(name, watched) if watched else "the plan has no metric rule"
                raise InvalidArgument(f"observe({name}={value!r})", f"no rule watches {name!r}; {instead}")
            numbers[name] = _metric(name, value)
        states = {
            rule: rule.observe(state, numbers[rule.metric]) if rule.metric in numbers else state
            for rule, state in driver.states.items()
        }
        changed = any(states[rule] != state for rule, state in driver.states.items())
        driver.change(states)
        if changed:
            self._synced().rewrite(self.optimizer.param_groups)

    def step(self, metrics: Any = None, epoch: Any = None) -> None:  # type: ignore[override]  # engines pass a metric first, and an epoch
        """What engines call: acknowledges the last update, and with `drive="manual"` counts one.

        Args:
            metrics: the metric of the plan's only rule, observed; ignored where the plan has none.
            epoch: ignored.

        Raises:
            InvalidArgument: a metric, and several rules that could be meant: use `observe`.
        """
        driver = self._driver
        if metrics is not None and driver.states and not driver.released:
            self._observe_only(metrics)
        if self._manual:
            if driver.released:
                self._require_alive("step")
            driver.advance(self.optimizer.param_groups, True)  # by position: half a floor quicker
        driver.acknowledged_at = driver.t
        self._step_count += 1

    def _observe_only(self, metric: Any) -> None:
        """What `step(metric)` means: the metric of the plan's only rule."""
        rules = self._driver.states
        names = sorted({rule.metric for rule in rules})
        if len(rules) > 1:
            raise InvalidArgument(
                f"scheduler.step({metric!r})",
                f"the plan has {len(rules)} metric rules",
                f"Write scheduler.observe({', '.join(f'{name}=…' for name in names)})",
            )
        self.observe(**{names[0]: metric})

    def detach(self) -> None:
        """Stop writing, and leave no trace in the optimizer: hooks and entries go, values stay as they are."""
        if self._alive:
            self._driver.remove_from(self.optimizer.param_groups)

    # ------------------------------------------------------------------ what engines read

    @property
    def t(self) -> int:
        """Completed updates: the number of the coming one, counted from zero."""
        return self._driver.t

    @property
    def last_epoch(self) -> int:
        """Completed updates. Writes are ignored: the optimizer's step is what counts."""
        return self._driver.t

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        del value  # engines count it up on their own

    @property
    def base_lrs(self) -> list[Any]:
        """The base of each group's lr; its present value where no plan schedules it."""
        bases = {slot.group: slot.base for slot in self._synced().table.slots if slot.field.key == "lr"}
        return [bases.get(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)]

    @base_lrs.setter
    def base_lrs(self, value: Any) -> None:
        del value

    def get_lr(self) -> list[Any]:
        """The lr of each group as it is."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[Any]:
        """The lr the last update used, until `step()` is called; then that of the coming one."""
        driver = self._synced()
        now = [_plain(lr) for lr in self.get_lr()]
        if driver.acknowledged or driver.t == 0:
            return now
        for slot, value in driver.values(driver.t - 1):
            if slot.field.key == "lr" and slot.group < len(now):
                now[slot.group] = value
        return now

    @property
    def _last_lr(self) -> list[Any]:  # type: ignore[override]  # an attribute there, made when asked for here
        return self.get_last_lr()

    # ------------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Clock, feedback states, bases and the plan as text: plain data, loadable with `weights_only=True`."""
        return state_of(self._synced(), len(self.optimizer.param_groups))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state: values are in the groups on return.

        A state of one of torch's schedulers says where a run stands that had no plan so far: the plan goes on there.

        Raises:
            StateError: foreign, truncated or spoiled; nothing has changed.
            PlanChanged: the plan differs and `on_change="error"`; nothing has changed.
        """
        if self._waiting is not None:
            self._waiting.state = state_dict
            return
        self._require_alive("load_state_dict")
        driver, groups = self._synced(), self.optimizer.param_groups
        at = position_of_torch(state_dict)
        if at is not None:
            self._resume.load_position(driver, at, state_dict.get("base_lrs"), groups)
        else:
            self._resume.load(driver, read(state_dict, (driver.plan, driver.calendar)), groups)

    def __getstate__(self) -> dict[str, Any]:
        driver = self._driver
        return {
            "optimizer": self.optimizer,
            "plan": driver.plan,
            "calendar": driver.calendar,
            "drive": "manual" if self._manual else "optimizer",
            "on_change": self._resume.on_change,
            "late_groups": driver.late_groups,
            "begin": driver.begin,
            "alive": self._alive,
            "t": driver.t,
            "feedback": [saved(driver.states), saved(driver.used)],
            "acknowledged": driver.acknowledged,
            "step_count": self._step_count,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        resume, groups = Resume(state["on_change"]), state["optimizer"].param_groups
        if state["alive"]:
            late_groups, begin = state.get("late_groups", "base"), state.get("begin")  # absent in pickles of before
            self._start(
                state["optimizer"], state["plan"], state["calendar"], state["drive"], resume, late_groups, begin
            )
        else:  # a copy of a detached one writes no more than that
            resolved = state["plan"].resolve(state["calendar"])
            self._driver = Driver(state["plan"], resolved, state["calendar"], resume)
            self._driver.stand_at(state["t"])
            self._driver.released = True
            self._driver.table = Table(resolved, slots_of(resolved, groups), groups)
            self.optimizer, self._manual = state["optimizer"], state["drive"] == "manual"
            self._waiting = None
        driver = self._driver
        now, used = (restored(one, driver.resolved.metric_rules) for one in state["feedback"])
        driver.states = used
        driver.change(now)
        if self._alive:
            driver.rewrite(groups)
        if not state["acknowledged"]:
            driver.acknowledged_at = -1  # its engine had not called step() yet
        self._step_count = state["step_count"]

    def __repr__(self) -> str:
        return f"<Scheduler at update {self.last_epoch} of {self.plan!r}>"

    # ------------------------------------------------------------------ inside

    @property
    def _alive(self) -> bool:
        return not self._driver.released

    @property
    def _resume(self) -> Resume:
        assert isinstance(self._driver.loading, Resume)
        return self._driver.loading

    def _synced(self) -> Driver:
        """The driver, with the groups bound that came since."""
        if self._alive:
            self._driver.sync(self.optimizer.param_groups)
        return self._driver

    def _require_alive(self, what: str) -> None:
        if not self._alive:
            raise ParamschedError(
                f"scheduler.{what}(): this Scheduler is detached, or another one has taken its optimizer over. "
                "Write ps.Scheduler(optimizer, plan) to go on."
            )


def _driver_of(optimizer: Any) -> Driver | None:
    """The driver an earlier Scheduler left on an optimizer: it is found among the hooks."""
    for name in ("_optimizer_step_post_hooks", "_optimizer_load_state_dict_post_hooks"):
        for hook in getattr(optimizer, name, {}).values():
            owner = getattr(hook, "__self__", None)
            if isinstance(owner, Driver):
                return owner
    return None


def replace_driver(before: Driver, t: int) -> None:
    """Take an optimizer over from an earlier Scheduler of this process."""
    if before.handle() is not None:
        log.warning(
            "another Scheduler of this process has driven this optimizer up to update %d: it is detached now, and its "
            "calls say so; this one goes on from there", t,
        )  # fmt: skip
    before.release()


def _taken(optimizer: Any) -> int | None:
    held = optimizer()
    return None if held is None else updates_in_state(held)


def _unknown() -> None:
    return None


def _require_updates(t: Any, asked: str, instead: str) -> None:
    if isinstance(t, bool) or not isinstance(t, Integral) or not 0 <= int(t) < 2**62:
        raise InvalidTime(asked, "not a number of completed updates", instead)


def _metric(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                f"observe({name}=…)", "an integer beyond the numbers", f'Write observe({name}=float("inf"))'
            ) from None
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    raise InvalidArgument(
        f"observe({name}=…)", f"a {type(value).__name__}{shape} is no number", f"Write observe({name}=float(value))"
    )


def _plain(lr: Any) -> Any:
    return lr.detach().clone() if isinstance(lr, torch.Tensor) else lr
