"""Scheduler: applies a plan to an optimizer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from math import inf
from numbers import Integral, Real
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Never,
    NoReturn,
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
from paramsched.base.words import did_you_mean, text_on_screen
from paramsched.core.answering import answering_class
from paramsched.core.entries import load_entry
from paramsched.core.feedback import MetricRule, ignored_metrics, misplaced_metric
from paramsched.core.fields import Field
from paramsched.core.plan.forms import PlanLike, without_total
from paramsched.core.plan.lines import bases_of, by_group
from paramsched.core.plan.optimizers import find_group, flat_optimizers, unique_labels
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import resolved_rules
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount
from paramsched.core.plan.traces import Key
from paramsched.core.run.parameter_writes import ParameterWrites
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import OnBase, OnChange, position_of_torch, read_scheduler_state, state_of
from paramsched.core.run.resume import Resume
from paramsched.core.run.run import Member, Run, counter, planned_values, sync, sync_for_checkpoint
from paramsched.core.run.short import MovesAfterLoad, note_run, unmoved
from paramsched.core.run.start import (
    Drive,
    PlanSource,
    Settings,
    checked_on_base,
    checked_on_change,
    checked_strict,
    is_count_of_updates,
    settings_of,
    start,
    unwrapped_optimizers,
    with_location,
)
from paramsched.core.run.state import Group, remove_entries
from paramsched.core.run.steps import refuse_steps_of_processes
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_of_call, meant_clock
from paramsched.errors import InvalidArgument, InvalidCall, InvalidTime, MissingFact, PlanError, shown

if TYPE_CHECKING:
    from paramsched.core.run.amounts import Consumption


short_name("OnChange", OnChange)
short_name("OnBase", OnBase)

WhichUpdate: TypeAlias = Literal["last", "coming"]


class OptimizerLike(Protocol):
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
    _by_name: dict[str, Member]
    _resume: Resume
    _count: Callable[[], object] | None = None  # what `step` calls, from its first call on
    _warned: frozenset[str] = frozenset()  # the kinds of reports and metrics that have caused a warning

    def __init__(  # does not call LRScheduler.__init__, which would wrap the step, write initial_lr and step
        self,
        optimizer: OptimizerLike | Mapping[str, OptimizerLike],
        plan: PlanLike | PlanSource,
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
        policy, names = checked_on_change(on_change), tuple(self._optimizers) if several else ()
        processes = Processes(checked_strict(strict))
        source = PlanSource.of(plan, names=names, processes=processes)
        resume = Resume(policy, checked_on_base(on_base), processes)
        settings = settings_of(source, drive, resume, t, names)
        try:
            self._attach(settings, facts_of_call("Scheduler(optimizer, plan)", facts, run_facts))
        except PlanError as refusal:
            raise refusal if source.text is None else with_location(refusal, source.text)  # noqa: B904  # the same error, with its location
        note_run(self._run)

    def _attach(self, settings: Settings, facts: RunFacts) -> None:
        """Attach a plan to all optimizers."""
        source = settings.source
        if source.is_recipe and facts.total is not None:
            settings = replace(settings, source=replace(source, plan=without_total(source.plan)))
        self._start(settings, *start(self._optimizers, settings, facts))

    def _start(self, settings: Settings, run: Run, members: dict[str, Member]) -> None:
        """Store the run of an attached plan, and own its members."""
        self._run, self._by_name, self._resume, self._source = run, members, settings.resume, settings.source
        self._count, self._step_count = None, 1
        run.scheduler = ref(self)
        for ended in run.takes_over:
            ended.successor = self
        run.takes_over = ()
        run.warns_of_metrics = run.warns_of_groups = not settings.source.warns_of_metrics
        if not run.released:
            run.writes = ParameterWrites(
                {name: one for name, one in self._optimizers.items() if members[name].can_start}
            )
            if run.drive == "manual":
                MovesAfterLoad(run, self._optimizers.values())

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
        in_force, states = self._run.in_force, self._run.states
        return {rule: states[same] for rule, same in resolved_rules(in_force.plan, in_force.resolved).items()}

    @property
    def history(self) -> list[list[Any]]:
        """The plans of the run, each as `[update, amount, text]`: the update from which it was in force, and its text.

        The amount is what was consumed before that update; it is None on the clock of updates. The text is `plan.text`,
        which may be None. A fourth element, a dict, has `"bases"`, the bases from that update on, by field and group,
        if `on_base` changed them. Only the first 10 and the last 90 plans of a run are kept. A plan that comes into force at an update replaces all entries from that update on.
        """
        self._run.require_in_use("history")
        return self._run.history.as_data()

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
        return values[self._key(values, field, group)]

    def _values(self) -> dict[Key, float]:
        """Return the planned values of the next update by field and group, as in a `Trace`; targets have group ""."""
        run = self._synced()
        found: dict[Key, float] = {}
        for groups, member in self._members():
            labels = member.labels(groups)
            values = planned_values(member)
            found |= {
                (line.name, labels[index]): values[index, line.field.slot]
                for index, line, _ in by_group(member.rows.lines)
                if index < len(labels)  # the optimizer of a detached scheduler may have lost groups
            }
        return found | {(name, ""): value for name, value in run.target_values().items()}

    def _key(self, keys: Collection[Key], field: str, group: int | str | None) -> Key:
        """Return the key of a field in a group, or raise."""
        if self._run.is_shared:
            candidates: list[Any] = [find_group(keys, self._optimizers, field, group)]
        else:
            group = 0 if group is None else group
            labels: dict[Any, Any] = dict(enumerate(unique_labels(self.optimizer.param_groups)))
            candidates = [(field, ""), (field, group), (field, labels.get(group))]
        key: Key | None = next((candidate for candidate in candidates if candidate in keys), None)
        if key is not None:
            return key
        known = ", ".join(f"{name} of group {label!r}" if label != "" else name for name, label in keys)
        message = f"the plan does not schedule it (only {known})"
        raise InvalidArgument(f"scheduler.value({field!r}, {group!r})", message)

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
            near = did_you_mean(str(update), get_args(WhichUpdate))
            raise InvalidArgument(f"scheduler.scalars({update!r})", near, 'Use scheduler.scalars("coming")')
        run = self._synced()
        last = update == "last" and run.t > 0
        names = flat_optimizers({name: one.param_groups for name, one in self._optimizers.items()})
        # TensorBoard replaces all other characters, and MLflow rejects most. A slash creates a section in each logger.
        scalars: dict[str, float] = {}
        for (_, member), its_names in zip(self._members(), names.values(), strict=True):
            values = planned_values(member, last=last)
            scalars |= {
                Field.of(line.name).slot + its_names[index]: values[index, line.field.slot]
                for index, line, _ in by_group(member.rows.lines)
                if index < len(its_names)  # as above
            }
        for name, value in run.target_values(last=last).items():
            scalars[name if name not in scalars else f"targets/{name}"] = value
        amount = run.last_amount if last else run.amount
        if amount is not None:
            scalars[f"consumed_{run.in_force.unit}"] = float(amount)
        return scalars

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
            raise InvalidTime(
                f"scheduler.seek({shown(t)})", "not a number of completed updates", "For example: scheduler.seek(0)"
            )
        self._run.require_attached("seek(…)")
        in_force, t = self._synced().in_force, int(t)
        try:
            if amount:
                from paramsched.core.run.amounts import checked_amount, checked_progress

                check = checked_progress if in_force.unit == PROGRESS else checked_amount
                reached: Amount | None = check(f"scheduler.seek({t}, ", in_force.unit, amount)
            else:
                reached = in_force.amount_at(t)
        except MissingFact as error:
            instead = f"For example: scheduler.seek({t}, {in_force.unit}={error.example})"
            message = f"the number of {in_force.unit} that these updates consumed is unknown"
            if in_force.unit == PROGRESS:
                message = "the progress of the run before this update is unknown"
            raise MissingFact(
                f"scheduler.seek({t})", message, instead, fact=error.fact, example=error.example
            ) from None
        self._run.seek(RunPosition(t, reached))

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
        if misplaced:
            raise self._misplaced("consumed", misplaced[0])
        source, reported = self._checked_amount("scheduler.consumed(", amount)
        source.report(reported)

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
        if misplaced:
            raise self._misplaced("report", misplaced[0])
        run, consumption = self._run, self._run.consumption
        run.require_attached("report(…)")
        if consumption is None:
            from paramsched.core.run.amounts import checked_progress

            checked_progress("scheduler.report(", None, progress)  # raises
        assert consumption is not None
        reached, before = consumption.checked_progress(progress), run.amount
        assert before is not None
        if reached > 1:
            message = (
                f"scheduler.report(progress={shown(progress[PROGRESS])}) counts as 1: the progress of a run is a "
                "fraction: 0.37, not 37"
            )
            self._warn_once("above", Problem(found=message))
            reached = 1.0
        if reached < before:
            message = (
                f"scheduler.report(progress={reached}) is less than the last progress, {before}. The position stays "
                "there until a report exceeds it, so that no schedule goes back"
            )
            advice = f"To go back, call scheduler.seek({run.t}, progress={reached})"
            self._warn_once("below", Problem(found=message, advice=advice))
        elif reached > before:
            self._synced().report(reached)
        consumption.note_progress()

    def _misplaced(self, method: Literal["consumed", "report"], value: Any) -> InvalidCall:
        """Return the error for an amount without its unit; raise the one for an amount that is wrong beside that."""
        from paramsched.core.run.amounts import checked_amount, checked_progress

        consumption, call = self._run.consumption, f"scheduler.{method}("
        unit = None if consumption is None else consumption.unit
        if method == "report":
            name, _ = PROGRESS, checked_progress(call, unit, {PROGRESS: value}, most=inf)
        else:
            name = unit or "tokens"
            checked_amount(call, unit, {name: value})
        return InvalidCall(f"{call}{shown(value)})", f"{name} must be named", f"Write {call}{name}={shown(value)})")

    def _warn_once(self, kind: Literal["above", "below", "metric"], problem: Problem) -> None:
        """Warn of one kind of reports or metrics, once in the life of the Scheduler."""
        if kind not in self._warned:
            self._warned |= {kind}
            self._resume.processes.warn(problem)

    def _measured(self, **amount: Any) -> None:
        """Report the consumption of the next update that an engine measured from its batches.

        Consumption that the loop reports with `consumed` takes precedence.

        Args:
            amount: as in `consumed`.

        Raises:
            InvalidArgument: as in `consumed`.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> plan = Plan(lr=linear(1.0, 0.0, over="100 tokens"), clock="tokens")
        >>> scheduler = Scheduler(optimizer, plan)
        >>> scheduler._measured(tokens=30)
        >>> scheduler.consumed(tokens=20)
        >>> _ = optimizer.step()
        >>> scheduler.amount
        20
        """
        source, counted = self._checked_amount("scheduler.consumed(", amount)
        source.add_measured(counted)

    def _checked_amount(self, call: str, amount: dict[str, Any]) -> "tuple[Consumption, Amount]":
        """Validate reported consumption; return it with the source that receives it. `call` is its start."""
        source, run = self._run.consumption, self._run
        if run.released:
            run.require_attached(f"{call.removeprefix('scheduler.')}…)")
        if source is None:
            from paramsched.core.run.amounts import checked_amount

            checked_amount(call, None, amount)  # raises
        assert source is not None
        reported = source.checked(call, amount)
        assert run.amount is not None
        if run.amount + (run.reported or 0) + reported >= MAX_CONSUMED:
            site = f"{call}{source.unit}={reported})"
            raise InvalidArgument(site, f"more {source.unit} than a clock can count", "Pass the number of one update")
        return source, reported

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
        if misplaced:
            raise misplaced_metric("scheduler.observe", misplaced[0], self._run.states)
        self._run.require_attached("observe(…)")
        run = self._run
        before, watched = run.states, {rule.metric for rule in run.states}
        numbers = {}
        for name, value in metrics.items():
            if name not in watched:
                site = f"observe({name}={value!r})"
                if (unit := meant_clock(name)) is not None:
                    call = f"scheduler.{'report' if unit == PROGRESS else 'consumed'}({unit}={value!r})"
                    clock = run.in_force.unit
                    advice = f"For example: {call}" if unit == clock else f"The plan's clock counts {clock or UPDATES}"
                    raise InvalidArgument(site, f"{name} is an amount, not a metric", advice)
                instead = did_you_mean(name, watched) if watched else "the plan has no metric rule"
                raise InvalidArgument(site, f"no rule watches {name!r}; {instead}")
            numbers[name] = _metric_as_float(name, value)
        begun = run.in_force.rules_at(run.t, run.amount)
        observed = {rule: rule.observe(before[rule], numbers[rule.metric]) for rule in begun if rule.metric in numbers}
        run.observed |= numbers.keys()
        run.change({**before, **observed})
        if any(observed[rule] != before[rule] for rule in observed):
            self._synced().rewrite()
        for problem in ignored_metrics("scheduler.observe", observed, numbers, run.t, run.skipped):
            WORLD.warn(problem)  # not an error with `strict`: one overflow must not end a run

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
        ignored = None if metrics is None and epoch is None else self._check_arguments_of_step(metrics, epoch)
        (self._count or self._chosen_count())()
        self._step_count += 1
        if ignored is not None:
            self._warn_once("metric", ignored)

    def _check_arguments_of_step(self, metrics: Any, epoch: Any) -> Problem | None:
        """Observe the metric that was passed to `step`, and refuse a number of updates.

        Returns a problem if the metric has no effect, because the plan has no metric rule.
        """
        self._run.require_in_use("step()")
        states = self._run.states
        if metrics is not None and states:
            if not self._is_attached:
                return None
            names = sorted(rule.metric for rule in states)
            if len(names) > 1:
                raise InvalidArgument(
                    f"scheduler.step({metrics!r})",
                    f"the plan has {len(names)} metric rules",
                    f"For example: scheduler.observe({', '.join(f'{name}=…' for name in sorted(set(names)))})",
                )
            refuse_steps_of_processes(f"scheduler.step({shown(metrics)})", "scheduler.step(metric) after an evaluation")
            self.observe(**{names[0]: metrics})
            return None
        number = metrics if epoch is None else epoch
        if epoch is not None or (isinstance(number, Integral) and not isinstance(number, bool)):
            message = "updates advance a plan, and a number has no effect"
            raise InvalidArgument(f"scheduler.step({shown(number)})", message, _seek_to(number))
        if states:
            return None
        message = f"scheduler.step({shown(metrics)}) ignores its argument, because the plan has no metric rule"
        advice = "Write scheduler.step(), or a rule in the plan: lr=\"cosine() * plateau('val_loss')\""
        return Problem(found=message, advice=advice)

    def _chosen_count(self) -> Callable[[], object]:
        """Choose what `step` calls: it counts one update, or notes that an engine has seen the last one."""
        run = self._run
        if run.drive == "manual":
            refuse_steps_of_processes('Scheduler(…, drive="manual")', "scheduler.step() after each update")
            count = counter(run, [(member, self._optimizers[name]) for name, member in self._by_name.items()])
            self._count = count
            return count
        self._count = partial(_acknowledge, run)  # without a reference to this Scheduler, which would be a circle
        return self._count

    def detach(self) -> None:
        """Stop writing; remove the hooks and all entries of paramsched from the optimizers. Their values remain."""
        if self._is_attached:
            self._run.release()
            for groups, member in self._members():
                member.rows.remove_views(groups)
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
        amount = self._run.amount
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
        t, run = self.t, self._run
        if run.writes is not None and run.writes.note_query():
            problem = unmoved(run)
            run.end_writes()  # reported once
            if problem is not None:
                run.processes.warn(problem)
        return run.in_force.is_over_at(t, run.amount)

    @property
    def last_epoch(self) -> int:
        """The number of completed updates. Another number cannot be assigned, because only updates advance the plan."""
        return self.t

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        if value not in (self.t, self.t + 1):  # Ignite increments it, and reads `get_lr()`
            message = f"updates advance a plan, and this one is at update {self.t}"
            raise InvalidArgument(f"scheduler.last_epoch = {shown(value)}", message, _seek_to(value))

    @property
    def base_lrs(self) -> list[Any]:
        """The base of each group's lr; its current value if the plan does not schedule it."""
        self._synced()
        found: list[Any] = []
        for groups, member in self._members():
            bases = {index: base for (index, slot), base in bases_of(member.rows.lines).items() if slot == "lr"}
            found += [bases.get(i, group["lr"]) for i, group in enumerate(groups)]
        return found

    @base_lrs.setter
    def base_lrs(self, value: Any) -> None:
        """Raise, unless the value is the present one, because the bases belong to the groups and their checkpoint."""
        bases, given = self.base_lrs, list(value)
        if given != bases:
            message = f"the bases are {shown(bases)}, as when the plan was attached"
            lines = f'scheduler.detach(); group["lr"] = group["initial_lr"] = {shown((given or bases)[0])}'
            instead = f"For example: {lines}; ps.Scheduler(optimizer, plan, t={self.t})"
            raise InvalidArgument(f"scheduler.base_lrs = {shown(value)}", message, instead)

    def get_lr(self) -> list[Any]:
        """Return the current lr of each group."""
        self._run.require_in_use("get_lr()")
        return [group["lr"] for one in self._optimizers.values() for group in one.param_groups]

    def get_last_lr(self) -> list[Any]:
        """Return the lr of each group at the last update; after a call of `step()`, the lr for the next update."""
        run = self._synced()
        now = [lr.detach().clone() if isinstance(lr, torch.Tensor) else lr for lr in self.get_lr()]
        if run.acknowledged or run.t == 0:
            return now
        first = 0
        for groups, member in self._members():
            for (index, slot), value in planned_values(member, last=True).items():
                if slot == "lr" and index < len(groups):
                    now[first + index] = value
            first += len(groups)
        return now

    @property
    def _last_lr(self) -> list[Any]:  # type: ignore[override]  # an attribute of LRScheduler, computed on access here
        return self.get_last_lr()

    # ------------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return the clock, the rule states, the bases and the plan as text: plain data for `weights_only=True`."""
        self._run.require_in_use("state_dict()")
        if self._is_attached:
            for groups, member in self._members():
                sync_for_checkpoint(member, groups)
        self._run.saved_at = self.t
        return state_of(self._run, {name: len(one.param_groups) for name, one in self._optimizers.items()})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state, and write the values of its position into the groups.

        A state of one of torch's schedulers has the position of a run without a plan: the plan starts at this position.

        Raises:
            StateError: the state is foreign, truncated or invalid. The scheduler is unchanged.
            PlanChanged: the plan differs and `on_change="error"`. The scheduler is unchanged.
        """
        self._run.require_attached("load_state_dict(…)")
        run = self._synced()
        at = None if run.is_shared else position_of_torch(state_dict)
        if at is not None:
            self._resume.load_position(self._run, at, state_dict, self.optimizer)
            return
        state = read_scheduler_state(state_dict, run.in_force)
        self._resume.load(run, state, {name: one.param_groups for name, one in self._optimizers.items()})

    def __reduce__(self) -> Reduced:
        return pickled_object(self, "", self.__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        from paramsched.core.run.copied import plain_state
        from paramsched.core.run.start import copied_state

        copied = copied_state(self._run, self._resume, self._optimizers, self._source)
        return plain_state(copied) | {"step_count": self._step_count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from paramsched.core.run.copied import state_of_copy
        from paramsched.core.run.start import run_of_copy

        copied = state_of_copy(state)
        self._optimizers = MappingProxyType(copied["optimizers"])
        self.optimizer = next(iter(self._optimizers.values()))
        self._start(*run_of_copy(self._optimizers, copied))
        self._step_count = copied["step_count"]

    if not TYPE_CHECKING:  # hidden, so that type checkers reject these names
        __iter__ = None  # `__getitem__` alone would make a Scheduler iterable

        def __getitem__(self, key: object) -> NoReturn:
            raise TypeError("a Scheduler has no items; its values by field and group are scheduler.scalars()")

    def __repr__(self) -> str:
        plan = repr(self.plan).replace("\n", " ")  # its lines are broken anew
        state = "replaced " * self._run.replaced
        return text_on_screen(f"<{state}Scheduler at update {self._run.t} of {plan}>")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the picture of the plan in force that a notebook shows, with the values of the next update."""
        optimizers = self._optimizers if self._run.is_shared else self.optimizer
        notebook, values = load_entry("notebook"), self._values()
        bundle: dict[str, str] = notebook.bundle_of_run(self.plan, optimizers, self.facts, self.last_epoch, values)
        return bundle

    # ------------------------------------------------------------------ inside

    @property
    def _is_attached(self) -> bool:
        return not self._run.released

    def _synced(self) -> Run:
        """Return the run, after binding groups that were added or replaced."""
        self._run.require_in_use("value(…), scalars(), …")
        if self._is_attached:
            for groups, member in self._members():
                sync(member, groups)
        return self._run

    def _members(self) -> list[tuple[list[Group], Member]]:
        """Return the group dicts of each optimizer, and its part of the run."""
        return [(self._optimizers[name].param_groups, member) for name, member in self._by_name.items()]


readable(Scheduler, Scheduler.__init__)
readable(Scheduler.__init__)


def _seek_to(number: Any) -> str:
    """Return the advice for a number of updates, or of epochs, that has no effect."""
    count = int(number) if is_count_of_updates(number) else "n"
    return f"Remove it. To continue once at another update, write scheduler.seek({count})"


def _acknowledge(run: Run) -> None:
    """Note that an engine has seen the last update."""
    run.require_in_use("step()")
    run.acknowledged_at = run.t


def _metric_as_float(name: str, value: Any) -> float:
    """Convert a metric to a float: a real number, or a tensor without dimensions."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                f"observe({name}=…)",
                "the integer is too large for a float",
                f'For example: observe({name}=float("inf"))',
            ) from None
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    raise InvalidArgument(
        f"observe({name}=…)",
        f"expected a number, got {type(value).__name__}{shape}",
        f"For example: observe({name}=float(value))",
    )
