"""Scheduler: applies a plan to an optimizer."""

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Never,
    Protocol,
    SupportsFloat,
    TypeAlias,
    Unpack,
    final,
    get_args,
)
from weakref import ref

import torch
from torch.optim.lr_scheduler import LRScheduler

from paramsched.base.params import readable, short_name
from paramsched.base.pickles import Reduced, pickled_object
from paramsched.base.problem import Problem
from paramsched.base.words import text_on_screen
from paramsched.core.calls.checked_calls import answering_class
from paramsched.core.calls.lazy_imports import load_entry
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.lines import bases_of
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.plan_forms import PlanLike
from paramsched.core.plan.resolution import resolved_rules
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.plan.traces import Key
from paramsched.core.run.arguments import Arguments, Drive, check_option, is_count_of_updates
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.by_hand import counter
from paramsched.core.run.group_entries import remove_entries
from paramsched.core.run.messages import arguments as messages
from paramsched.core.run.record import OnBase, OnChange, position_of_torch, read_scheduler_state
from paramsched.core.run.reported import consume, observe_metrics, report_progress, sought_position
from paramsched.core.run.resume import load_record
from paramsched.core.run.run import Run
from paramsched.core.run.run_values import flat_values, key_of, planned_values
from paramsched.core.run.saving import state_of
from paramsched.core.run.start import StartedRun, attach
from paramsched.core.run.steps import refuse_steps_of_processes
from paramsched.core.run.torch_state import load_torch_state
from paramsched.core.run.unwrapped import unwrapped_optimizers
from paramsched.core.time.run_facts import Facts, RunFacts, facts_of_call
from paramsched.errors import shown

if TYPE_CHECKING:
    pass


short_name("OnChange", OnChange)
short_name("OnBase", OnBase)

WhichUpdate: TypeAlias = Literal["last", "coming"]


class AnyOptimizer(Protocol):
    """A torch optimizer, or an engine's wrapper of one: whatever has param groups and a step."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of parameters, dicts of their settings."""

    @property
    def step(self) -> Callable[..., Any]:
        """The update."""


@answering_class
@final
class Scheduler(LRScheduler):
    """Applies a plan to an optimizer: keeps the clock, and writes the planned values into the param groups.

    Remove the scheduler that it replaces, and its `step()`, because that would overwrite the planned values. After
    construction no further call is needed. Each step of the optimizer is an update, and right after it the groups
    contain the values of the next update. Steps that are not updates (skipped by a GradScaler, raised, nested) do not
    count. The optimizer's own checkpoint carries the count and the bases, so it is enough to resume. A Scheduler that
    is constructed on an optimizer with a count continues from this count.

    It is a subclass of `torch.optim.lr_scheduler.LRScheduler`, because engines check the type. Its `step()` does not
    advance the clock unless `drive="manual"`, so the values are correct however often an engine calls it.

    Args:
        optimizer: a torch optimizer, or an engine's wrapper of one; or a mapping from names to several of these, which
            one plan then drives on one clock. In the plan, `groups: muon` are all groups of an optimizer, `muon/head`
            and `muon/0` one of them. A name must not contain any of `/ , = * ? [ ]`.
        plan: a plan in any form: a plan, a schedule for lr or its text, `recipe:NAME`, the path of a plan file, the
            text of a plan, or a mapping as in a plan file. The run facts and the bases of a recipe do not apply.
        facts: the run facts that convert units. They must be known when the Scheduler is constructed.
        drive: `"optimizer"`: each step of the optimizer advances the clock; `"manual"`: each `scheduler.step()` does.
            With several optimizers, `"optimizer"` counts shared updates, in which each optimizer takes part at most
            once, and the name of an optimizer counts its updates.
        on_change: which plan applies if the plan differs from a checkpoint's: `"new"` (the code's plan, from the
            current update on), `"checkpoint"`, or `"error"` (raise). The difference is logged.
        on_base: which base applies if a group's differs from a checkpoint's: `"checkpoint"`, `"code"` (the one that the
            group had when the Scheduler was constructed, from the current update on), or `"error"` (raise). Construct
            the Scheduler before the checkpoint is loaded. The difference is logged. After a load, `"code"` uses the
            entries that were edited since the save, and raises an error if there are none.
        t: the number of completed updates of a run that had no plan so far; default 0. A count that the optimizer
            carries takes precedence.
        strict: True raises a `ps.PlanWarning` in place of each warning of this Scheduler, whatever the filters of the
            script are, except for a metric that is NaN or infinite. A start that raises has changed nothing; during the
            run the update is counted, then it raises. A metric rule that has observed nothing raises at the last update
            of the plan; a run that ends before it is only logged.
        run_facts: the run facts as keywords, in place of `facts`: the arguments of `ps.RunFacts`, such as
            `total=1000` or `steps_per_epoch=100`.

    Raises:
        InvalidArgument: an argument is invalid, or the optimizer's step does not call hooks.
        ConfigError: a plan passed as a file, a text or a mapping has errors; all are listed with their locations.
        FileNotFoundError: the plan file does not exist.
        PlanError: the optimizer lacks a group or field of the plan. The optimizer is unchanged.
        PlanWarning: a probable mistake, with `strict=True`. The optimizer is unchanged.
        PlanChanged: the optimizer carries another plan and `on_change="error"`. The optimizer is unchanged.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), total=4))
    >>> for _ in range(2):
    ...     _ = optimizer.step()
    >>> scheduler.last_epoch, optimizer.param_groups[0]["lr"]
    (2, 0.05)
    """

    optimizer: Any
    _optimizers: Mapping[str, Any]  # by name; a single one has the name `ALONE`
    _run: Run
    _attached: dict[str, AttachedOptimizer]
    _count: Callable[[], object] | None = None  # what `step` calls, from its first call on

    def __init__(  # does not call LRScheduler.__init__, which would wrap the step, write initial_lr and step
        self,
        optimizer: AnyOptimizer | Mapping[str, AnyOptimizer],
        plan: PlanLike | Arguments,
        *,
        facts: RunFacts | None = None,
        drive: Drive | str = "optimizer",
        on_change: OnChange = "new",
        on_base: OnBase = "checkpoint",
        t: int | None = None,
        strict: bool = False,
        **run_facts: Unpack[Facts],
    ) -> None:
        several = isinstance(optimizer, Mapping)
        self._optimizers = MappingProxyType(unwrapped_optimizers(optimizer))
        self.optimizer = next(iter(self._optimizers.values()))
        names = tuple(self._optimizers) if several else ()
        check_option("on_change", on_change)
        check_option("strict", strict)
        arguments = Arguments.of(plan, names=names).with_options(drive, on_change, on_base, t, strict, names)
        self._take(attach(self._optimizers, arguments, facts_of_call("Scheduler(optimizer, plan)", facts, run_facts)))

    def _take(self, started: StartedRun) -> None:
        """Take a run that has begun, and own its optimizers."""
        self._run = started.run
        self._attached = started.attached
        self._count = None
        self._step_count = 1
        started.run.scheduler = ref(self)
        for ended in started.ended:
            ended.successor = self

    # ------------------------------------------------------------------ values

    @property
    def optimizers(self) -> dict[str, Any]:
        """The optimizers by name, without the wrappers of engines; a single one has the name `"optimizer"`."""
        return dict(self._optimizers)

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._run.in_force.plan

    @property
    def facts(self) -> RunFacts:
        """The run facts that resolved the plan."""
        return self._run.in_force.facts

    @property
    def total(self) -> int | None:
        """The length of the run in updates; None if it is unknown.

        It is the total after the run facts are applied: `total: 3 epochs` with 100 steps per epoch is 300. On a
        clock of samples or tokens it is the first update at or after the total, if each update consumes the
        planned amount.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> plan = Plan(lr=linear(), total="3 epochs")
        >>> Scheduler(optimizer, plan, steps_per_epoch=100).total
        300
        """
        return self._run.in_force.total

    @property
    def states(self) -> dict[MetricRule[Any], Any]:
        """A dict from each metric rule of the plan to its state."""
        self._run.require_in_use("states")
        in_force = self._run.in_force
        states = self._run.state.states
        return {rule: states[same] for rule, same in resolved_rules(in_force.plan, in_force.counted).items()}

    @property
    def history(self) -> list[list[Any]]:
        """The plans of the run, each as `[update, amount, text]`: the update from which it was in force, and its text.

        The amount is what was consumed before that update; it is None on the clock of updates. The text is `plan.text`,
        which may be None. A fourth element, a dict, has `"bases"`, the bases from that update on, by field and group,
        if `on_base` changed them. Only the first 10 and the last 90 plans of a run are kept. A plan that comes into
        force at an update replaces all entries from that update on.
        """
        self._run.require_in_use("history")
        return self._run.history.plans.as_data()

    def value(self, field: str, group: int | str | None = None) -> float:
        """Return the planned value of a field in one group at the next update.

        Args:
            field: the field's name in the plan (`"lr"`, `"betas[0]"`, `"momentum"`), or a target's name.
            group: the index or the name of the group; ignored for a target. Default: the first group. With several
                optimizers `"adamw/embed"`, `"adamw"` for the first group of an optimizer with this field, or the name
                of a group that only one optimizer has.

        Raises:
            InvalidArgument: the plan does not schedule this field in this group.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), total=4))
        >>> _ = optimizer.step()
        >>> scheduler.value("lr")
        0.375
        """
        values = self._values()
        return values[key_of(values, self._optimizers, field, group, is_shared=self._run.shared is not None)]

    def scalars(self, update: WhichUpdate = "last") -> dict[str, float]:
        """Return flat names and values for a logger: `{"lr/body": 0.1, "lr/head": 1.0, "temperature": 0.5}`.

        A field has its name in the plan, except that `betas[0]` becomes `betas_0`. If the optimizer has several groups,
        the group's name is appended, or its index if the name is missing or not unique. With several optimizers, the
        optimizer's name precedes it: `lr/muon`, `lr/adamw/embed`. A target has its own name. On a clock that counts an
        amount, for example of tokens, `consumed_tokens` is the amount before the update. All names are valid
        in TensorBoard, W&B, MLflow and trackio.

        Args:
            update: the update whose values are returned. `"last"`: update `t - 1`, whose values the last
                `optimizer.step()` used and which belong to the loss just measured. `"coming"`: update `t`, whose values
                the next step will use, as in `value`. Before the first update both are the same. The values are the
                planned ones: external writes cause a warning, but are not included.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), total=4))
        >>> _ = optimizer.step()
        >>> scheduler.scalars(), scheduler.scalars("coming")
        ({'lr': 0.1}, {'lr': 0.07500000000000001})
        """
        if update not in get_args(WhichUpdate):
            raise messages.unknown_update(update, get_args(WhichUpdate))
        return flat_values(self._synced(), self._optimizers, last=update == "last")

    # ------------------------------------------------------------------ position, consumption and metrics

    def seek(self, t: int, **amount: Any) -> None:
        """Jump to update `t`, and write its values into the groups. The states of metric rules do not change.

        Args:
            t: the number of completed updates, at least 0.
            amount: the amount that these updates have consumed, in the unit of the plan's clock, for example
                `tokens=4_194_304` or `progress=0.3`. Needed only if it is neither planned nor a constant of the
                facts. On the clock of progress, later reports of less have no effect.

        Raises:
            InvalidTime: `t` is not an integer of at least 0.
            InvalidArgument: the amount has another unit than the plan's clock, or it is invalid.
            MissingFact: the plan's clock counts an amount, which is unknown at this update.
        """
        if not is_count_of_updates(t):
            raise messages.seek_to_no_count(t)
        self._run.require_attached("seek(…)")
        self._synced().seek(sought_position(self._run.in_force, int(t), amount))

    @readable
    def consumed(self, *misplaced: Never, **amount: Any) -> None:
        """Report the consumption of the next update, before that update: `scheduler.consumed(tokens=n)`.

        Several calls add up. For this update, the report takes precedence over planned and known amounts. If the step
        is skipped, the next update counts the report. With several processes, each one reports the sum of all
        processes.

        Args:
            amount: one keyword, the unit of the plan's clock: `tokens`, `samples` (or `images`, `examples`), `frames`
                or `batches`, an integer of at least 0.

        Raises:
            InvalidArgument: the unit is not that of the plan's clock, the amount is invalid, or the plan counts
                updates. The state is unchanged.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> plan = Plan(lr=linear(1.0, 0.0, over="100 tokens"), clock="tokens")
        >>> scheduler = Scheduler(optimizer, plan)
        >>> scheduler.consumed(tokens=30)
        >>> scheduler.consumed(tokens=20)
        >>> _ = optimizer.step()
        >>> scheduler.amount, optimizer.param_groups[0]["lr"]
        (50, 0.05)
        """
        consume(self._run, misplaced, amount)

    @readable
    def report(self, *misplaced: Never, **progress: Any) -> None:
        """Report the fraction of the run that is done, before the next update: `scheduler.report(progress=0.37)`.

        It is for a plan with `clock="progress"`, and replaces the previous progress. When the call returns, the groups
        contain the values at this progress; all updates until the next report use it. With several processes, each one
        reports the same number.

        Args:
            progress: one keyword, `progress`, a number from 0 to 1. It is rounded to billionths. More than 1 counts as
                1; if it is less than the last one, the position stays. Both cause a warning, once.

        Raises:
            InvalidArgument: the plan has another clock, or the progress is not a number of at least 0. The state is
                unchanged.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), clock="progress"))
        >>> scheduler.report(progress=0.25)
        >>> scheduler.t, scheduler.amount, optimizer.param_groups[0]["lr"]
        (0, 0.25, 0.07500000000000001)
        """
        report_progress(self._run, self._synced, misplaced, progress)

    @readable
    def observe(self, *misplaced: Never, **metrics: SupportsFloat) -> None:
        """Pass metrics to the metric rules of the plan, and write changed values into the groups.

        A rule ignores what is observed before its time `after`.

        Args:
            metrics: the values by metric name, each a number or a tensor without dimensions.

        Raises:
            InvalidArgument: no rule watches a metric, or a value is not a number. The state is unchanged.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> plan = Plan(lr="plateau('val_loss', factor=0.5, patience=0)")
        >>> scheduler = Scheduler(optimizer, plan)
        >>> scheduler.observe(val_loss=0.3)
        >>> scheduler.observe(val_loss=0.4)
        >>> scheduler.value("lr")
        0.05
        """
        observe_metrics(self._run, self._synced, misplaced, metrics)

    def step(self, metrics: Any = None, epoch: Any = None) -> None:  # type: ignore[override]  # engines pass a metric first, and an epoch
        """Acknowledge the last update, as engines do after it; with `drive="manual"`, count one update.

        Args:
            metrics: the metric of the plan's only metric rule. A plan without a rule ignores it, and warns once.
            epoch: refused, as a number of updates in its place is; ignored beside a metric.

        Raises:
            InvalidArgument: a metric was passed, but the plan has several rules: use `observe`. A number of updates or
                epochs was passed: use `seek`. Also if Accelerate calls it once per process, as it does with a prepared
                scheduler.
        """
        ignored = None if metrics is None and epoch is None else self._observe_step(metrics, epoch)
        (self._count or self._chosen_count())()
        self._step_count += 1
        if ignored is not None:
            for observer in self._run.state.observers:
                observer.warn_once("metric", ignored)

    def _observe_step(self, metrics: Any, epoch: Any) -> Problem | None:
        """Observe the metric that was passed to `step`, and refuse a number of updates.

        Returns a problem if the metric has no effect, because the plan has no metric rule.
        """
        self._run.require_in_use("step()")
        states = self._run.state.states
        if metrics is not None and states:
            if self._run.has_ended:
                return None
            names = sorted(rule.metric for rule in states)
            if len(names) > 1:
                raise messages.several_rules(metrics, names)
            refuse_steps_of_processes(f"scheduler.step({shown(metrics)})", messages.STEP_AFTER_EVALUATION)
            self.observe(**{names[0]: metrics})
            return None
        number = metrics if epoch is None else epoch
        if epoch is not None or (isinstance(number, Integral) and not isinstance(number, bool)):
            raise messages.number_has_no_effect(number, _count_in(number))
        return None if states else messages.metric_is_ignored(metrics)

    def _chosen_count(self) -> Callable[[], object]:
        """Choose what `step` calls: it counts one update, or notes that an engine has seen the last one."""
        run = self._run
        if run.arguments.drive == "manual":
            refuse_steps_of_processes('Scheduler(…, drive="manual")', messages.STEP_AFTER_UPDATE)
            count = counter(run, [(attached, self._optimizers[name]) for name, attached in self._attached.items()])
        else:
            count = partial(_acknowledge, run)  # without a reference to this Scheduler, which would be a circle
        self._count = count
        return count

    def detach(self) -> None:
        """Stop writing; remove the hooks and all entries of paramsched from the optimizers. Their values remain."""
        if self._run.has_ended:
            return
        self._run.release()
        for name, attached in self._attached.items():
            groups = self._optimizers[name].param_groups
            attached.table.remove_views(groups)
            remove_entries(groups)

    # ------------------------------------------------------------------ attributes that engines read

    @property
    def t(self) -> int:
        """The number of completed updates, which is the index of the next update."""
        self._run.require_in_use("t")
        return self._run.t

    @property
    def amount(self) -> Amount:
        """The amount before the next update, on the plan's clock; on the clock of updates, `t`.

        On the clock of progress it is the progress of the next update, a float from 0 to 1.
        """
        amount = self._run.state.amount
        return self.t if amount is None else amount

    @property
    def should_stop(self) -> bool:
        """True if the plan is over: `while not scheduler.should_stop`.

        It becomes True when an update ends at or after the total, in updates or on the plan's clock, or when a
        progress of 1 is reported. Without a total the plan has no end. A further step is allowed, and uses the values
        of the plan. With several optimizers, read it once per iteration, like `t`. It warns once, at the tenth query or
        later, if no update was counted and the parameters were written ten times or more.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> scheduler = Scheduler(optimizer, Plan(lr=linear(1.0, 0.0), total=4))
        >>> while not scheduler.should_stop:
        ...     _ = optimizer.step()
        >>> scheduler.t
        4
        """
        t = self.t
        state = self._run.state
        for observer in state.observers:
            observer.queried()
        return state.in_force.is_over_at(t, state.amount)

    @property
    def last_epoch(self) -> int:
        """The number of completed updates. Another number cannot be assigned, because only updates advance the plan."""
        return self.t

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        if value not in (self.t, self.t + 1):  # Ignite increments it, and reads `get_lr()`
            raise messages.count_is_assigned(value, self.t, _count_in(value))

    @property
    def base_lrs(self) -> list[Any]:
        """The base of each group's lr; its current value if the plan does not schedule it."""
        self._synced()
        base_lrs: list[Any] = []
        for name, attached in self._attached.items():
            bases = {index: base for (index, slot), base in bases_of(attached.table.lines).items() if slot == "lr"}
            groups = self._optimizers[name].param_groups
            base_lrs += [bases.get(index, group["lr"]) for index, group in enumerate(groups)]
        return base_lrs

    @base_lrs.setter
    def base_lrs(self, value: Any) -> None:
        """Raise, unless the value is the present one, because the bases belong to the groups and their checkpoint."""
        bases = self.base_lrs
        rates = list(value)
        if rates != bases:
            raise messages.bases_are_assigned(value, bases, (rates or bases)[0], self.t)

    def get_lr(self) -> list[Any]:
        """Return the current lr of each group."""
        self._run.require_in_use("get_lr()")
        return [group["lr"] for optimizer in self._optimizers.values() for group in optimizer.param_groups]

    def get_last_lr(self) -> list[Any]:
        """Return the lr of each group at the last update; after a call of `step()`, the lr for the next update."""
        run = self._synced()
        rates = [lr.detach().clone() if isinstance(lr, torch.Tensor) else lr for lr in self.get_lr()]
        if run.is_acknowledged or run.t == 0:
            return rates
        first = 0
        for name, attached in self._attached.items():
            size = len(self._optimizers[name].param_groups)
            for (index, slot), value in attached.planned_values(last=True).items():
                if slot == "lr" and index < size:
                    rates[first + index] = value
            first += size
        return rates

    @property
    def _last_lr(self) -> list[Any]:  # type: ignore[override]  # an attribute of LRScheduler, computed on access here
        return self.get_last_lr()

    # ------------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return the clock, the rule states, the bases and the plan as text: plain data for `weights_only=True`."""
        self._run.require_in_use("state_dict()")
        if not self._run.has_ended:
            for name, attached in self._attached.items():
                attached.sync_for_checkpoint(self._optimizers[name].param_groups)
        for observer in self._run.state.observers:
            observer.saved(self.t)
        return state_of(self._run, {name: len(optimizer.param_groups) for name, optimizer in self._optimizers.items()})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state, and write the values of its position into the groups.

        A state of one of torch's schedulers has the position of a run without a plan: the plan starts at this position.

        Raises:
            StateError: the state is foreign, truncated or invalid. The scheduler is unchanged.
            PlanChanged: the plan differs and `on_change="error"`. The scheduler is unchanged.
        """
        self._run.require_attached("load_state_dict(…)")
        run = self._synced()
        count = position_of_torch(state_dict) if run.shared is None else None
        if count is not None:
            load_torch_state(run, count, state_dict, self.optimizer)
            return
        record = read_scheduler_state(state_dict, run.in_force)
        load_record(run, record, {name: optimizer.param_groups for name, optimizer in self._optimizers.items()})

    def __reduce__(self) -> Reduced:
        return pickled_object(self, "", self.__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        from paramsched.core.run.copies import state_of_copy

        return state_of_copy(self._run, self._optimizers) | {"step_count": self._step_count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from paramsched.core.run.copies import started_copy

        optimizers = state["optimizers"]
        self._optimizers = MappingProxyType(optimizers)
        self.optimizer = next(iter(optimizers.values()))
        self._take(started_copy(optimizers, state))
        self._step_count = state["step_count"]

    def __repr__(self) -> str:
        plan = repr(self.plan).replace("\n", " ")  # its lines are broken anew
        state = "replaced " if self._run.end == "replaced" else ""
        return text_on_screen(f"<{state}Scheduler at update {self._run.t} of {plan}>")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the picture of the plan in force that a notebook shows, with the values of the next update."""
        optimizers = self.optimizer if self._run.shared is None else self._optimizers
        values = self._values()
        bundle: dict[str, str] = load_entry("notebook").bundle_of_run(
            self.plan, optimizers, self.facts, self.last_epoch, values
        )
        return bundle

    # ------------------------------------------------------------------ inside

    def _values(self) -> dict[Key, float]:
        """Return the planned values of the next update by field and group, as in a `Trace`; targets have group ""."""
        return planned_values(self._synced(), self._optimizers)

    def _synced(self) -> Run:
        """Return the run, after binding groups that were added or replaced."""
        self._run.require_in_use("value(…), scalars(), …")
        if not self._run.has_ended:
            for name, attached in self._attached.items():
                attached.sync(self._optimizers[name].param_groups)
        return self._run


readable(Scheduler, Scheduler.__init__)
readable(Scheduler.__init__)


def _count_in(number: Any) -> int | None:
    """Return a number of updates or of epochs that was passed, if it can be a count of updates; else None."""
    return int(number) if is_count_of_updates(number) else None


def _acknowledge(run: Run) -> None:
    """Note that an engine has seen the last update."""
    run.require_in_use("step()")
    run.acknowledged_at = run.t
