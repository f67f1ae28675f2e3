"""Plan: which field of which groups follows which schedule, over which horizon. A frozen value."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar, final

from paramsched.base.calls import explain_wrong_keywords
from paramsched.base.drawing import renderer
from paramsched.base.peer_words import line_in_code
from paramsched.base.user_warnings import renamed_property
from paramsched.curves import CurveLike
from paramsched.curves import linear as linear_curve
from paramsched.errors import InvalidArgument, PlanError, UnreadableTable, shown
from paramsched.feedback.base import MetricRule
from paramsched.plan.binding import (
    UPDATES,
    Binding,
    PlanClock,
    ScheduleLike,
    Target,
    amount_clock,
    checked_binding,
    checked_plan_clock,
    clock_as_data,
    clock_of_field,
    clock_text,
    normal_bindings,
    place_of,
    read_canonical_text,
    replace_schedule,
    write_canonical_text,
)
from paramsched.plan.changes import PlanLines
from paramsched.plan.field_keywords import refuse_wrong_fields
from paramsched.plan.group_matching import with_followed_fields
from paramsched.plan.resolve_clocks import resolve_on_clocks
from paramsched.plan.run_amounts import PLANNED_SIZES
from paramsched.schedules import Level, Schedule, anneal, previous
from paramsched.schedules.cuts import is_resolved_in
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.span import Span
from paramsched.time import Calendar, Duration, DurationLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _method(function: _Method) -> _Method:
    """Let a method answer arguments that it does not have with the right call."""
    return explain_wrong_keywords(function, f"plan.{function.__name__}")


def refuse_no_plan(call: str, plan: object) -> None:
    """Refuse a value that is not a Plan, with the plan that a schedule or a line would be."""
    if not isinstance(plan, Plan):
        line = line_in_code(str(plan)) if isinstance(plan, Schedule) else repr(plan)
        instead = f"Write ps.Plan(lr={line}, horizon=100)" if isinstance(plan, (Schedule, str)) else ""
        raise InvalidArgument(f"{call}({shown(plan)}, …)", "no Plan", instead)


def refuse_no_calendar(site: str, calendar: object) -> None:
    """Refuse what is no Calendar; a number is the length of the run."""
    if not isinstance(calendar, Calendar):
        total = calendar if isinstance(calendar, int) and calendar > 0 and not isinstance(calendar, bool) else 10_000
        raise InvalidArgument(site, "not a Calendar", f"Write ps.Calendar(total={total})")


@final
class Plan:
    """Which field of which groups follows which schedule, over which horizon: a frozen value.

    Bindings without `groups` are the default; one with `groups` replaces the default for the groups it selects.
    Bindings of one field with the same selector chain in the order written.

    Args:
        bindings: for groups, targets, or fields that are no identifiers.
        horizon: how long the plan runs, any unit but per cent; None leaves it to the calendar.
        clock: what `t` counts: `"updates"` (as is without it), `"samples"`, `"tokens"`, `"seconds"`, `"frames"` or
            `"batches"`; or the clocks of single fields and targets, `{"batch_size": "tokens"}`, the others by updates.
        fields: `lr=…, weight_decay=…`, each a schedule, a finite number, or a line of text.

    Raises:
        PlanError: no binding.
        InvalidArgument: a binding that is none, a horizon that is no length, or a clock that is none.

    >>> plan = Plan(lr=warmup("5%") >> cosine(to=0.01), weight_decay=linear(1.0, 0.5), horizon="20 epochs")
    >>> print(plan)
    horizon: 20 epochs
    lr: warmup("5%") >> cosine(to=0.01)
    weight_decay: linear(to=0.5)
    """

    __slots__ = ("_key", "_written", "bindings", "clock", "horizon")

    bindings: tuple[Binding, ...]
    horizon: Duration | None
    clock: PlanClock
    _key: str | None
    _written: tuple[Any, ...]  # fields, targets and selectors as they were given; equal plans may differ in it

    if TYPE_CHECKING:
        # A number is taken by name for torch's own fields only, so that `Plan(horizn=100)` is refused before it runs.
        def __init__(
            self,
            *bindings: Binding,
            horizon: DurationLike | None = None,
            clock: PlanClock | None = None,
            lr: ScheduleLike = ...,
            weight_decay: ScheduleLike = ...,
            momentum: ScheduleLike = ...,
            alpha: ScheduleLike = ...,
            beta2_decay: ScheduleLike = ...,
            d: ScheduleLike = ...,
            dampening: ScheduleLike = ...,
            eps: ScheduleLike = ...,
            initial_accumulator_value: ScheduleLike = ...,
            lambd: ScheduleLike = ...,
            lr_decay: ScheduleLike = ...,
            momentum_decay: ScheduleLike = ...,
            rho: ScheduleLike = ...,
            t0: ScheduleLike = ...,
            **fields: Schedule | MetricRule[Any] | str,
        ) -> None: ...

    else:

        def __init__(
            self,
            *bindings: Binding,
            horizon: DurationLike | None = None,
            clock: PlanClock | None = None,
            **fields: ScheduleLike,
        ) -> None:
            refuse_wrong_fields(bindings, fields, horizon, clock)
            given = [checked_binding(one) for one in bindings] + [
                Binding(name, schedule) for name, schedule in fields.items()
            ]
            if not given:
                run = "20 epochs" if horizon is None else horizon
                raise PlanError("Plan()", "no binding", f"Write Plan(lr=cosine(to=0.1), horizon={run!r})")
            try:
                length = None if horizon is None else Duration.of(horizon)
            except InvalidArgument as refusal:
                sample = refusal.sample
                if sample is None or str(sample).endswith("%"):
                    sample = 10_000
                raise refusal.changed(instead=f"Write horizon={sample!r}") from None
            if length is not None and length.until:
                raise InvalidArgument(f'Plan(horizon="{length}")', "a run is as long as it is", "Leave until out")
            if length is not None and any(unit == "percent" for unit, _ in length.terms):
                raise InvalidArgument(
                    f'Plan(horizon="{length}")', "per cent are of the horizon itself", 'Write horizon="20 epochs"'
                )
            if length is not None and not length.terms:
                raise InvalidArgument("Plan(horizon=0)", "a run of no update", 'Write horizon="20 epochs"')
            object.__setattr__(self, "bindings", normal_bindings(given))
            object.__setattr__(self, "horizon", length)
            object.__setattr__(self, "clock", checked_plan_clock(clock, dict.fromkeys(one.name for one in given)))
            object.__setattr__(self, "_written", tuple(dict.fromkeys(place_of(binding) for binding in given)))
            text = write_canonical_text(self.bindings, length, self.clock) if self.serializable else None
            object.__setattr__(self, "_key", text)

    @staticmethod
    def of_text(text: str) -> "Plan":
        """The plan that `plan.text` was taken from.

        Raises:
            InvalidArgument: not such a text.
            UnreadableTable: a file of values that it names is not there, or another one.
        """
        try:
            bindings, horizon, clock = read_canonical_text(text)
            return Plan(*bindings, horizon=horizon, clock=clock)
        except UnreadableTable:  # the text is sound
            raise
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise InvalidArgument("Plan.of_text(…)", f"no text of a plan ({error})", "Take it from plan.text") from None

    @property
    def text(self) -> str | None:
        """The canonical JSON, for checkpoints; None where a predicate or a function without a name is in the plan."""
        return self._key

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Plan is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Plan is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.as_written(), self.horizon, clock_as_data(self.clock))

    def as_written(self) -> tuple[Binding, ...]:
        """The bindings in the order in which their fields were given: a file that is written back keeps its order.

        >>> plan = Plan(weight_decay=constant(), lr=cosine())
        >>> [binding.name for binding in plan.as_written()], [binding.name for binding in plan.bindings]
        (['weight_decay', 'lr'], ['lr', 'weight_decay'])
        """
        places = {key: place for place, key in enumerate(self._written)}
        return tuple(sorted(self.bindings, key=lambda binding: places[place_of(binding)]))

    @property
    def serializable(self) -> bool:
        """Whether text says everything: no predicate, no function without a name."""
        return all(binding.serializable for binding in self.bindings)

    serialisable = renamed_property("serialisable", "serializable")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, in hex: the same in every process, equal exactly for equal plans.

        Raises:
            PlanError: a predicate or a function without a name is in it.
        """
        if self._key is None:
            raise PlanError(
                "plan.fingerprint",
                "a predicate or a function without a name is in the plan",
                "Select by name, or register",
            )
        import hashlib  # OpenSSL comes with it, which only a fingerprint needs

        return hashlib.sha256(self._key.encode()).hexdigest()

    @property
    def metric_rules(self) -> tuple[MetricRule[Any], ...]:
        """The rules in it that react to metrics, each once."""
        return tuple(dict.fromkeys(rule for binding in self.bindings for rule in binding.schedule.metric_rules))

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(binding.field for binding in self.bindings if isinstance(binding.field, Target))

    @property
    def is_resolved(self) -> bool:
        horizon = () if self.horizon is None or self.horizon.is_resolved else self.horizon.terms
        if any(unit != amount_clock(self.clock) for unit, _ in horizon):
            return False
        return all(is_resolved_in(one.schedule, clock_of_field(self.clock, one.name)) for one in self.bindings)

    @_method
    def resolve(self, calendar: Calendar) -> "Plan":
        """The same plan with every length in updates, or in the unit of its clock, which the length then names.

        Raises:
            MissingFact: a unit the calendar cannot convert.
            PlanError: the horizon and the calendar's total differ.
            Unresolved: a stage takes the time it is given and no horizon is known.
        """
        refuse_no_calendar(f"plan.resolve({shown(calendar)})", calendar)
        written = with_followed_fields(self.as_written())
        if self.clock != UPDATES or any(target.name in PLANNED_SIZES for target in self.targets):
            resolved, length = resolve_on_clocks(written, self.clock, self.horizon, calendar)
            return Plan(*resolved, horizon=length, clock=self.clock)
        total = calendar.horizon
        if self.horizon is not None:
            site = f'horizon "{self.horizon}"'
            updates = ceil(calendar.exact(self.horizon, site=site))
            if total is not None and total != updates:
                found = f"it is {updates} updates, but the run is {total} updates long"
                raise PlanError(site, found, "Give one of the two")
            total = updates
        if total is not None:
            calendar = replace(calendar, total=total)
        span = Span.of_run(calendar, total)
        return Plan(
            *(replace_schedule(binding, resolve_in_span(binding.schedule, span)) for binding in written), horizon=total
        )

    def change(
        self, at: DurationLike, *bindings: Binding, horizon: DurationLike | None = None, **fields: ScheduleLike
    ) -> "Plan":
        """The plan that goes on otherwise from a time on; up to there every value is this plan's, bit for bit.

        What is not given goes on as it was planned, also where the run is now shorter. Where it is longer, what took
        the time of the run is held behind the end that was planned: so `change(end, horizon=longer)` without a field
        holds the end. A field that follows another, `like("lr")`, follows its new course.

        Args:
            at: from when on, any unit; per cent are of this plan's horizon.
            bindings: what single lines follow from then on: the default without `groups`, or some groups.
            horizon: how long the changed plan runs; None: as long as this one.
            fields: `lr=…`: what all lines of a field, or a target, follow from then on, each on its own clock.
                `previous` is the level at which this plan ends there.

        Raises:
            UnknownField: the plan has no such field; the nearest is named.
            PlanError: another horizon for a schedule that takes the time of the run, in a plan without a horizon.
            InvalidArgument: nothing is given, or `at` is not before the end.

        >>> plan = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", horizon=10_000)
        >>> print(plan.change("8000 steps", lr='linear(previous, 0, over="1000 steps")', horizon="9000 steps"))
        horizon: 9000
        lr: take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(previous, over=1000)
        weight_decay: take(linear(to=0.5), 10000, 10000)
        """
        lines = PlanLines(self.as_written(), self.horizon, self.clock)
        given = normal_bindings(map(checked_binding, bindings))
        named = {one.name: one for one in (Binding(name, schedule) for name, schedule in fields.items())}
        length = self.horizon if horizon is None else Duration.of(horizon)
        when = Duration.of(at)
        if length != self.horizon:
            when = lines.of_run(f'change("{when}")', when)
        return Plan(*lines.changed(when, length, given, named), horizon=length, clock=self.clock)

    @_method
    def cooldown(
        self,
        at: DurationLike,
        over: DurationLike,
        to: Level = 0.0,
        curve: CurveLike = linear_curve,
        fields: Iterable[str] = ("lr",),
    ) -> "Plan":
        """The plan that comes down from where it is, and ends: a branch of a run that goes on.

        `change` with `anneal(previous, to, over, curve)` and the horizon `at + over`.

        Args:
            at: when it begins, any unit; per cent, also of `over`, are of this plan's horizon.
            over: how long it takes.
            to: the level at its end.
            curve: how it comes down.
            fields: what comes down; every other field goes on as it was planned.

        Raises:
            UnknownField, PlanError, InvalidArgument: as `change`.

        >>> print(Plan(lr="warmup(100) >> constant()", horizon=10_000).cooldown(6000, 1000))
        horizon: 7000
        lr: take(warmup(100) >> constant(), 6000) >> linear(previous, over=1000)
        """
        lines = PlanLines(self.as_written(), self.horizon, self.clock)
        begin, length = (lines.of_run(f'cooldown("{at}", "{over}")', Duration.of(time)) for time in (at, over))
        descent = anneal(previous, to, length, curve)
        names = (fields,) if isinstance(fields, str) else fields
        return self.change(begin, horizon=begin + length, **dict.fromkeys(names, descent))

    def scale(self, at: DurationLike, **factors: float) -> "Plan":
        """The plan whose fields are multiplied from a time on, and which are before it as they were, bit for bit.

        Args:
            at: from when on, any unit.
            factors: `lr=0.5`, by field or target.

        Raises:
            UnknownField: the plan has no such field; the nearest is named.
            InvalidArgument: no field, a factor that is no finite number, or `at` is not before the end.

        >>> print(Plan(lr="cosine()", horizon=10_000).scale(8000, lr=0.5))
        horizon: 10000
        lr: take(cosine(), 8000) >> constant(0.5) * skip(cosine(), 8000)
        """
        scaled = PlanLines(self.as_written(), self.horizon, self.clock).scaled(Duration.of(at), factors)
        return Plan(*scaled, horizon=self.horizon, clock=self.clock)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return self is other or (self._key is not None and self._key == other._key)

    def __hash__(self) -> int:
        return object.__hash__(self) if self._key is None else hash(self._key)

    def __str__(self) -> str:
        horizon = [] if self.horizon is None else [f"horizon: {self.horizon}"]
        clock = [] if self.clock == UPDATES else [f"clock: {clock_text(self.clock)}"]
        return "\n".join([*clock, *horizon, *(str(binding) for binding in self.bindings)])

    def plot(
        self,
        bases: Any = None,
        *,
        calendar: Calendar | None = None,
        axes: Any = None,
        log: bool | None = None,
        log_time: bool = False,
        unit: str = UPDATES,
        **facts: Any,
    ) -> "tuple[Axes, ...]":
        """Draw the plan with Matplotlib, a plot for each field.

        Args:
            bases: an optimizer, or dicts like its groups, `{"lr": 0.1}`; None: multiples of base are drawn.
            calendar: the facts that convert units; or the same as keywords: `steps_per_epoch=500`. What only stretches
                the picture is assumed where it is missing, and said above it.
            axes: where to draw, as many as there are fields; None: a new figure.
            log: whether the axes of values are logarithmic; None: where the values span three decades.
            log_time: whether the axis of time is; it begins behind the first update.
            unit: of the axis of time, which the facts have to tell: `"epochs"`, `"tokens"`.

        Returns:
            The axes, in the order of the fields: `plan.plot()[0].figure.savefig("plan.png")`.

        Raises:
            MissingFact: a fact is missing that would change the shape of a curve.
            MissingDependency: Matplotlib is not installed.
        """
        if calendar is not None and facts:
            given = f"plot(calendar=…, {', '.join(facts)}=…)"
            raise InvalidArgument(given, "the facts are said twice", "Leave one out")
        known = Calendar(**facts) if calendar is None else calendar
        view = {"log": log, "log_time": log_time, "unit": unit}
        show = renderer()
        drawn: tuple[Axes, ...] = show.plan_axes(self, bases, known, axes, show.View(**view))
        return drawn

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle: dict[str, str] = renderer().mime_bundle(self)
        return bundle

    def __repr__(self) -> str:
        return f"<Plan {'; '.join(str(self).splitlines())}>"


def _rebuilt(bindings: tuple[Binding, ...], horizon: Duration | None, clock: PlanClock = UPDATES) -> Plan:
    return Plan(*bindings, horizon=horizon, clock=clock)
