"""Scheduler: applies a plan to an optimizer."""

import os
from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, TypeAlias, final, get_args
from weakref import ref

import torch
from torch.optim.lr_scheduler import LRScheduler

from paramsched.base.calls import explain_wrong_keywords_of
from paramsched.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, ParamschedError, PlanError, shown
from paramsched.feedback.base import MetricRule
from paramsched.fields import Field, flat_groups
from paramsched.plan import Plan
from paramsched.plan.run_amounts import Amount
from paramsched.plan.trace import Key, unique_labels
from paramsched.scheduler._attach import (
    AttachRequest,
    Drive,
    NotAttached,
    PlanHooks,
    WaitingForFacts,
    attach_plan,
    calendar_of_call,
    copied_state,
    given_facts,
    hooks_of_copy,
    is_count_of_updates,
    refuse_to_step,
    require_hooks,
    unwrapped_optimizer,
)
from paramsched.scheduler._clock import RunPosition
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._resume import Resume
from paramsched.scheduler._slots import LateGroups as LateGroups
from paramsched.scheduler._slots import slots_of
from paramsched.scheduler.consumption import MOST_CONSUMED, ConsumptionSource, checked_amount
from paramsched.scheduler.saved_state import (
    OnChange,
    checked_on_change,
    position_of_torch,
    read_scheduler_state,
    state_of,
)
from paramsched.time import Calendar, DurationLike

PlanLike: TypeAlias = Plan | Mapping[str, Any] | str | os.PathLike[str]
"""A plan; or what says one: a mapping as in a native file, its YAML text, or the path of a file."""

WhichUpdate: TypeAlias = Literal["last", "coming"]


@final
@explain_wrong_keywords_of("ps.Scheduler")
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
        plan: what is applied: a plan, the path of a plan file, the text of one, or a mapping as in one.
        calendar: the facts that convert units; or these facts as keywords: `total`, `steps_per_epoch`,
            `batches_per_epoch`, `accumulation`, `batch_size`, `tokens_per_step`, `seconds_per_step`, `sequence_length`,
            `frames_per_step`. `"later"` where they are not known yet: `scheduler.resolve(steps_per_epoch=len(loader))`
            then gives them, before the first update.
        drive: `"optimizer"`: each step of the optimizer moves the clock; `"manual"`: each `scheduler.step()` does.
        on_change: what a plan that differs from a checkpoint's does: `"new"` (the code's plan goes on from the current
            update), `"checkpoint"`, `"error"`, or a mapping from field to one of these. The difference is logged.
        late_groups: what a group that is added later brings: `"base"`, the base of its schedule, or `"present"`, its
            value at that moment, which goes on by the same factors, v(t) = value · f(t) / f(t_added). It is logged.
        t: completed updates of a run that had no plan so far. A count that the optimizer carries wins.

    Raises:
        InvalidArgument: an argument that cannot be, or an optimizer whose step fires no hooks.
        ConfigError: every fault of a plan given as a file, a text or a mapping, each with its place.
        FileNotFoundError: there is no such file.
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

    optimizer: Any
    _hooks: PlanHooks
    _planned: PlannedGroups
    _waiting: WaitingForFacts | None = None

    def __init__(  # LRScheduler's own is not run: it would wrap the step, write initial_lr and step
        self,
        optimizer: Any,
        plan: PlanLike,
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
        sequence_length: int | None = None,
        frames_per_step: float | None = None,
    ) -> None:
        given = given_facts(
            total=total, steps_per_epoch=steps_per_epoch, batches_per_epoch=batches_per_epoch,
            accumulation=accumulation, batch_size=batch_size, tokens_per_step=tokens_per_step,
            seconds_per_step=seconds_per_step, sequence_length=sequence_length, frames_per_step=frames_per_step,
        )  # fmt: skip
        inner = unwrapped_optimizer(optimizer)
        request = AttachRequest(_plan_given(plan), drive, Resume(checked_on_change(on_change)), late_groups, t)
        if calendar != "later":
            try:
                hooks = attach_plan(inner, request, calendar_of_call("Scheduler", calendar, given))
            except PlanError as refusal:
                raise _with_place(refusal, plan)  # noqa: B904  # the same error
            self._start(inner, request, hooks)
            return
        if given:
            raise InvalidArgument(
                f'Scheduler(calendar="later", {", ".join(given)}=…)', "facts are given now and later", "Leave one out"
            )
        # What can be checked now is; of hooks only one that refuses to step is attached.
        slots_of(request.plan, inner.param_groups)
        waiting = self._waiting = WaitingForFacts(request)
        if drive == "optimizer":
            require_hooks(inner)
            waiting.handle = inner.register_step_pre_hook(refuse_to_step)
        self._hooks = self._planned = NotAttached()  # type: ignore[assignment]  # any use of it tells what is missing
        self.optimizer, self._manual, self._step_count = inner, drive == "manual", 1

    def _start(self, optimizer: Any, request: AttachRequest, hooks: PlanHooks) -> None:
        """Hold the hooks of a plan that was attached."""
        self.optimizer, self._hooks, self._planned = optimizer, hooks, hooks.planned
        self._manual, self._step_count = request.drive == "manual", 1
        self._waiting = None
        hooks.scheduler = ref(self)

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
        known = calendar_of_call("resolve", calendar, given_facts(**facts))
        hooks = attach_plan(self.optimizer, waiting.request, known, call="scheduler.resolve(")
        self._start(self.optimizer, waiting.request, hooks)
        if waiting.handle is not None:
            waiting.handle.remove()
        if waiting.state is not None:
            self.load_state_dict(waiting.state)

    # ------------------------------------------------------------------ what is asked

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._planned.in_force.plan

    @property
    def calendar(self) -> Calendar:
        """The facts that converted its units."""
        return self._planned.in_force.calendar

    @property
    def states(self) -> dict[MetricRule[Any], Any]:
        """The states of the plan's metric rules."""
        return dict(self._planned.clock.states)

    @property
    def history(self) -> list[list[Any]]:
        """The plans that were in force: `[update, amount, text]` each, from which update on it was and its `plan.text`.

        The amount is None on the clock of updates, the text None for a plan that has none. A plan that enters at an
        update drops the entries from there on. `state_dict()["history"]` is the same, or None if the plan of
        the state has been in force since update 0.
        """
        return self._planned.history.as_data()

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
        planned, labels = self._synced(), unique_labels(self.optimizer.param_groups)
        found = {
            (slot.name, labels[slot.group]): value
            for slot, value in planned.values()
            if slot.group in labels  # of a detached scheduler's optimizer groups may have gone
        }
        return found | {(name, ""): value for name, value in planned.target_values()}

    def scalars(self, update: WhichUpdate = "last") -> dict[str, float]:
        """Flat names and numbers for a logger: `{"lr/body": 0.1, "lr/head": 1.0, "temperature": 0.5}`.

        A field is named as the plan names it, `betas[0]` without its brackets. Where the optimizer has several groups,
        the group's name follows, or its index where it has none of its own. A target has its own name. On a clock that
        counts an amount, `consumed_tokens`, say, is what had been consumed before that update. TensorBoard, W&B, MLflow
        and trackio take each of these names as it is.

        Args:
            update: whose values: `"last"`, those that the last `optimizer.step()` used, update `t - 1`, which belong to
                the loss just measured; `"coming"`, those that the next one will use, update `t`, as `values()` says
                them. Before the first update the last are the coming ones. They are as planned: what something else
                wrote into the groups is not in them, but is warned of.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), horizon=4))
        >>> _ = optimizer.step()
        >>> scheduler.scalars(), scheduler.scalars("coming")
        ({'lr': 0.1}, {'lr': 0.07500000000000001})
        """
        if update not in get_args(WhichUpdate):
            near = did_you_mean(str(update), get_args(WhichUpdate))
            raise InvalidArgument(f"scheduler.scalars({update!r})", near, 'Write scheduler.scalars("coming")')
        planned, names = self._synced(), flat_groups(self.optimizer.param_groups)
        clock = planned.clock
        last = update == "last" and clock.t > 0
        # TensorBoard rewrites other characters, MLflow refuses most of them, and a slash makes a folder in each.
        found = {
            Field.of(slot.name).slot + names[slot.group]: value
            for slot, value in planned.values(last=last)
            if slot.group < len(names)  # as above
        }
        for name, value in planned.target_values(last=last):
            found[name if name not in found else f"targets/{name}"] = value
        amount = clock.last_amount if last else clock.amount
        if amount is not None:
            found[f"consumed_{planned.in_force.unit}"] = float(amount)
        return found

    # ------------------------------------------------------------------ what moves it

    def seek(self, t: int, **amount: Any) -> None:
        """Go to update `t` at once; the values of `t` are in the groups on return. Feedback states stay as they are.

        Args:
            t: completed updates.
            amount: what they have consumed, on the plan's clock: `tokens=4_194_304`. Needed only where it is neither
                planned nor a constant of the calendar.

        Raises:
            InvalidTime: not a whole number from 0 on.
            InvalidArgument: another unit than the plan's clock counts, or no amount of it.
            MissingFact: the plan's clock counts an amount, and nothing says it.
        """
        if not is_count_of_updates(t):
            raise InvalidTime(
                f"scheduler.seek({shown(t)})", "not a number of completed updates", "Write scheduler.seek(0)"
            )
        self._planned.require_alive("seek")
        planned, t = self._synced(), int(t)
        in_force = planned.in_force
        try:
            reached = (
                checked_amount(f"scheduler.seek({t}, ", in_force.unit, amount) if amount else in_force.amount_at(t)
            )
        except MissingFact as error:
            instead = f"Write scheduler.seek({t}, {in_force.unit}={error.example})"
            found = f"nothing says how many {in_force.unit} the updates took"
            raise MissingFact(f"scheduler.seek({t})", found, instead, fact=error.fact, example=error.example) from None
        planned.seek(RunPosition(t, reached))

    def consumed(self, **amount: Any) -> None:
        """Say how much the coming update consumes, before it: `scheduler.consumed(tokens=n)`.

        Several calls add up. What is said beats what is planned or known, for that update only. The next update that
        counts counts it, so what was said before a skipped step is carried. Of several processes each says the number
        of all together; now and then the Scheduler looks whether they agree.

        Args:
            amount: one keyword, what the plan's clock counts: `tokens`, `samples` (or `images`, `examples`), `frames`,
                `batches`, whole numbers from 0 on; or `seconds`.

        Raises:
            InvalidArgument: another unit, or no amount of it; or the plan counts updates. Nothing has changed then.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0, over="100 tokens"), clock="tokens"))
        >>> scheduler.consumed(tokens=30)
        >>> scheduler.consumed(tokens=20)
        >>> _ = optimizer.step()
        >>> scheduler.amount, optimizer.param_groups[0]["lr"]
        (50, 0.05)
        """
        source, said = self._checked_amount("consumed", amount)
        source.say(said)

    def measured(self, **amount: Any) -> None:
        """The same, said by an engine that counts its batches: where the loop says it too, what the loop says counts.

        Args:
            amount: as in `consumed`.

        Raises:
            InvalidArgument: as in `consumed`.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0, over="100 tokens"), clock="tokens"))
        >>> scheduler.measured(tokens=30)
        >>> scheduler.consumed(tokens=20)
        >>> _ = optimizer.step()
        >>> scheduler.amount
        20
        """
        source, counted = self._checked_amount("measured", amount)
        source.count(counted)

    def _checked_amount(self, what: str, amount: dict[str, Any]) -> tuple[ConsumptionSource, Amount]:
        """What was said of the coming update, and who takes it."""
        self._planned.require_alive(what)
        said = checked_amount(f"scheduler.{what}(", self._planned.in_force.unit, amount)
        source, clock = self._planned.source, self._planned.clock
        assert source is not None
        assert clock.amount is not None
        if clock.amount + (clock.said or 0) + said >= MOST_CONSUMED:
            site = f"scheduler.{what}({source.unit}={said})"
            raise InvalidArgument(site, f"more {source.unit} than a clock counts", "Say those of one update")
        return source, said

    def observe(self, **metrics: Any) -> None:
        """Tell the metric rules what training measured; a reduction is in the groups on return.

        Args:
            metrics: name and value; a number or a tensor without dimensions.

        Raises:
            InvalidArgument: a name no rule watches, or a value that is no number. Nothing has changed then.
        """
        self._planned.require_alive("observe")
        clock = self._planned.clock
        before, watched = clock.states, {rule.metric for rule in clock.states}
        numbers = {}
        for name, value in metrics.items():
            if name not in watched:
                instead = did_you_mean(name, watched) if watched else "the plan has no metric rule"
                raise InvalidArgument(f"observe({name}={value!r})", f"no rule watches {name!r}; {instead}")
            numbers[name] = _metric_as_float(name, value)
        observed = {r: r.observe(state, numbers[r.metric]) for r, state in before.items() if r.metric in numbers}
        clock.change({**before, **observed})
        if any(observed[rule] != before[rule] for rule in observed):
            self._synced().rewrite()

    def step(self, metrics: Any = None, epoch: Any = None) -> None:  # type: ignore[override]  # engines pass a metric first, and an epoch
        """What engines call: acknowledges the last update, and with `drive="manual"` counts one.

        Args:
            metrics: the metric of the plan's only rule, observed; ignored where the plan has none.
            epoch: ignored.

        Raises:
            InvalidArgument: a metric, and several rules that could be meant: use `observe`.
        """
        planned = self._planned
        if metrics is not None and planned.clock.states and self._alive:
            names = sorted(rule.metric for rule in planned.clock.states)
            if len(names) > 1:
                raise InvalidArgument(
                    f"scheduler.step({metrics!r})",
                    f"the plan has {len(names)} metric rules",
                    f"Write scheduler.observe({', '.join(f'{name}=…' for name in sorted(set(names)))})",
                )
            self.observe(**{names[0]: metrics})
        if self._manual:
            planned.advance_by_hand(self.optimizer)
        else:
            planned.clock.acknowledged_at = planned.clock.t
        self._step_count += 1

    def detach(self) -> None:
        """Stop writing, and leave no trace in the optimizer: hooks and entries go, values stay as they are."""
        if self._alive:
            self._hooks.remove_from(self.optimizer.param_groups)

    # ------------------------------------------------------------------ what engines read

    @property
    def t(self) -> int:
        """Completed updates: the number of the coming one, counted from zero."""
        return self._planned.clock.t

    @property
    def amount(self) -> Amount:
        """What has been consumed before the coming update, on the plan's clock; on the clock of updates `t`."""
        amount = self._planned.clock.amount
        return self._planned.clock.t if amount is None else amount

    @property
    def last_epoch(self) -> int:
        """Completed updates. Writes are ignored: the optimizer's step is what counts."""
        return self._planned.clock.t

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        del value  # engines count it up on their own

    @property
    def base_lrs(self) -> list[Any]:
        """The base of each group's lr; its present value where no plan schedules it."""
        bases = {slot.group: slot.base for slot in self._synced().block.slots if slot.field.key == "lr"}
        return [bases.get(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)]

    @base_lrs.setter
    def base_lrs(self, value: Any) -> None:
        del value

    def get_lr(self) -> list[Any]:
        """The lr of each group as it is."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[Any]:
        """The lr the last update used, until `step()` is called; then that of the coming one."""
        planned, clock = self._synced(), self._planned.clock
        now = [lr.detach().clone() if isinstance(lr, torch.Tensor) else lr for lr in self.get_lr()]
        if clock.acknowledged or clock.t == 0:
            return now
        for slot, value in planned.values(last=True):
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
        self._planned.require_alive("load_state_dict")
        planned = self._synced()
        at = position_of_torch(state_dict)
        if at is not None:
            self._hooks.resume.load_position(planned, at, state_dict.get("base_lrs"), self.optimizer)
        else:
            known = planned.in_force.plan, planned.in_force.calendar
            self._hooks.resume.load(planned, read_scheduler_state(state_dict, known), self.optimizer.param_groups)

    def __getstate__(self) -> dict[str, Any]:
        copied = copied_state(self._hooks, self.optimizer)
        return copied | {"drive": "manual" if self._manual else "optimizer", "step_count": self._step_count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        request, hooks = hooks_of_copy(state)
        self._start(state["optimizer"], request, hooks)
        self._step_count = state["step_count"]

    def __repr__(self) -> str:
        return f"<Scheduler at update {self.last_epoch} of {self.plan!r}>"

    # ------------------------------------------------------------------ inside

    @property
    def _alive(self) -> bool:
        return not self._planned.released

    def _synced(self) -> PlannedGroups:
        if self._alive:
            self._planned.sync(self.optimizer.param_groups)
        return self._planned


def _with_place(refusal: PlanError, plan: PlanLike) -> PlanError:
    """The same error; where the plan was given as a file, with the line of what is meant."""
    if refusal.path and isinstance(plan, (str, os.PathLike)) and "\n" not in str(plan) and os.path.isfile(plan):  # noqa: PTH113  # a text of any length too
        from paramsched.base.diagnostic import Diagnostic
        from paramsched.config.plan_files import read_plan_text

        source = read_plan_text(plan)
        (fault,) = source.placed([Diagnostic(refusal.path, refusal.found, at_key=True)])
        return refusal.changed(site=f"{fault.location(source.name)}: {refusal.path}")
    return refusal


def _plan_given(plan: PlanLike) -> Plan:
    """The plan, read where it was given as a file, a text or a mapping."""
    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, (str, os.PathLike, Mapping)):
        from paramsched.config import plan_from  # it brings YAML, which a plan in code does not need

        return plan_from(plan)
    raise InvalidArgument(f"Scheduler(…, {plan!r})", "no Plan", "Write ps.Plan(lr=ps.cosine(to=0.1), horizon=1000)")


def _metric_as_float(name: str, value: Any) -> float:
    """A metric as a float: a real number, or a tensor of one."""
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
        f"observe({name}=…)",
        f"expected a number, got {type(value).__name__}{shape}",
        f"Write observe({name}=float(value))",
    )
