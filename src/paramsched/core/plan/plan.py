"""Plan: which schedules apply to which fields of which parameter groups."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Unpack, final

from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import closest, printable_lines, text_on_screen
from paramsched.core.calls.checked_calls import answering_method, is_foreign_entry, unknown_argument, with_short_errors
from paramsched.core.calls.lazy_imports import load_entry, notebook_display
from paramsched.core.calls.number_checks import finite_number
from paramsched.core.curves.curve import CurveLike
from paramsched.core.curves.families import linear as linear_curve
from paramsched.core.groups.fields import KNOWN, Field
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import (
    Binding,
    ScheduleLike,
    Target,
    amount_clock,
    binding_key,
    checked_binding,
    checked_plan_clock,
    lengths_of_line,
    normal_bindings,
    read_canonical_text,
    write_canonical_text,
)
from paramsched.core.plan.changes import PlanLines, end_reached
from paramsched.core.plan.clocks import resolve_lines
from paramsched.core.plan.likes import with_followed_lines
from paramsched.core.plan.messages import changes
from paramsched.core.plan.messages import plans as messages
from paramsched.core.schedules.anneals import anneal, require_positive_base
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.text import MOST_WORDS, has_many_words
from paramsched.core.schedules.windows import is_resolved_in
from paramsched.core.time.duration import PROGRESS, Duration, DurationLike
from paramsched.core.time.run_facts import UPDATES, ClockName, Facts, RunFacts, facts_of_call
from paramsched.errors import InvalidArgument, Unresolved

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@final
@dataclass(frozen=True, slots=True)
class Bases:
    """The base values that a published recipe contains; schedules are multiples of them.

    Args:
        groups: dicts like param groups, `{"lr": 0.1, "betas": (0.9, 0.999)}`; with a `name` if there are several.
    """

    groups: tuple[Mapping[str, Any], ...] = ()

    def of(self, name: str | None) -> Mapping[str, Any]:
        """Return the values of a group by its name; a single group without a name applies to all groups."""
        if len(self.groups) == 1 and "name" not in self.groups[0]:
            return self.groups[0]
        return next((group for group in self.groups if name is not None and group.get("name") == name), {})

    @staticmethod
    def value(group: Mapping[str, Any], field: Field) -> float | None:
        """Return a field's value in a group; None if it is missing. Momentum is `betas[0]` if the group has betas."""
        if field.key == "momentum" and field.index is None and "momentum" not in group and "betas" in group:
            field = Field("betas", 0)
        entry = group.get(field.key)
        if field.index is not None:
            entry = entry[field.index] if isinstance(entry, tuple) and field.index < len(entry) else None
        return float(entry) if isinstance(entry, (int, float)) else None


NO_BASES = Bases()
"""The bases of a plan that is not a recipe."""


def group_of_bases(call: str, bases: Mapping[str, float]) -> dict[str, Any]:
    """Return a group with the bases that a user passes by field.

    Raises:
        InvalidArgument: they are not numbers by field.

    >>> group_of_bases("trace", {"lr": 0.1, "weight_decay": 0.01})
    {'lr': 0.1, 'weight_decay': 0.01}
    """
    if not isinstance(bases, Mapping):
        raise messages.bases_are_not_numbers(call, bases)
    group = dict[str, Any]()
    for name, base in bases.items():
        Field.of(name).fill(group, finite_number(f"bases[{name!r}]", base))
    return group


_answering = answering_method("plan.")


@final
class Plan:
    """An immutable mapping from the fields of param groups to schedules, with a total and a clock.

    A binding without `groups` is the default of its field. A binding with `groups` replaces the default for the groups
    that it selects. Bindings of one field with the same selector are chained in the order in which they are written.

    Args:
        bindings: bindings for single groups, for targets, or for fields whose name is not an identifier.
        total: the planned length of the run, an integer of updates or a length in any unit except percent. Default:
            the `total` of the run facts.
        clock: the unit of `t`: `"updates"` (the default), `"samples"`, `"tokens"`, `"frames"`, `"batches"`,
            or `"progress"`, the reported fraction of the run, without a total.
        fields: `lr=…, weight_decay=…`, each a schedule, a metric rule, a finite number, or the text of a schedule.

    Raises:
        PlanError: there is no binding.
        InvalidArgument: a binding, the total or the clock is invalid.

    >>> lr = warmup("5%") >> cosine(to=0.01)
    >>> plan = Plan(lr=lr, weight_decay=linear(1.0, 0.5), total="20 epochs")
    >>> print(plan)
    total: 20 epochs
    lr: warmup("5%") >> cosine(to=0.01)
    weight_decay: linear(1.0, 0.5)
    """

    __slots__ = ("_text", "_written", "bindings", "clock", "total")

    bindings: tuple[Binding, ...]
    total: Duration | None
    clock: ClockName
    _text: str | None
    _written: tuple[Any, ...]  # the order of the bindings as written, in which equal plans may differ

    if TYPE_CHECKING:
        # Only these fields accept numbers and text, so that type checkers reject `Plan(totl="20 epochs")`. They are
        # torch's own, and some of other optimizers.
        def __init__(
            self,
            *bindings: Binding,
            total: DurationLike | None = None,
            clock: ClockName | None = None,
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
            beta3: ScheduleLike = ...,
            d_coef: ScheduleLike = ...,
            growth_rate: ScheduleLike = ...,
            trust_coefficient: ScheduleLike = ...,
            **fields: Schedule | MetricRule[Any],
        ) -> None: ...

    else:

        @with_short_errors
        def __init__(
            self,
            *bindings: Binding,
            total: DurationLike | None = None,
            clock: ClockName | None = None,
            **fields: ScheduleLike,
        ) -> None:
            _check_keywords(fields)
            lines = [checked_binding(binding) for binding in bindings]
            lines += [Binding(name, schedule) for name, schedule in fields.items()]
            self._fill(lines, total, clock)
            if self._text is not None and len(self._text) > MOST_WORDS:
                _refuse_long_lines(self.bindings)

    def _fill(self, lines: Sequence[Binding], total: DurationLike | None, clock: ClockName | None) -> None:
        """Store checked bindings, a total and a clock."""
        if not lines:
            raise messages.plan_without_field(total)
        length = _checked_total(total)
        object.__setattr__(self, "bindings", normal_bindings(lines))
        object.__setattr__(self, "total", length)
        object.__setattr__(self, "clock", checked_plan_clock(clock))
        if length is not None and self.clock == PROGRESS:
            raise messages.total_of_progress(length)
        object.__setattr__(self, "_written", tuple(dict.fromkeys(binding_key(binding) for binding in lines)))
        object.__setattr__(self, "_text", self._written_text())

    @staticmethod
    def of_text(text: str) -> "Plan":
        """Return the plan of a canonical text, as in `plan.text`.

        Raises:
            InvalidArgument: the text is not the canonical text of a plan.
        """
        try:
            bindings, total, clock = read_canonical_text(text)
            return plan_of_lines(bindings, total, clock)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise messages.not_the_text_of_a_plan(error) from None

    @property
    def text(self) -> str | None:
        """The canonical JSON, for checkpoints; None if the plan has a predicate or an unregistered function."""
        try:
            return self._text
        except AttributeError:  # that of a resolved plan is seldom asked for
            object.__setattr__(self, "_text", self._written_text())
            return self._text

    def _written_text(self) -> str | None:
        return write_canonical_text(self.bindings, self.total, self.clock) if self.serializable else None

    def __setattr__(self, name: str, value: object) -> None:
        raise messages.plan_is_frozen(name, "set")

    def __delattr__(self, name: str) -> None:
        raise messages.plan_is_frozen(name, "deleted")

    def __reduce__(self) -> Reduced:
        return pickled("Plan", self.total, self.clock, *self.as_written())

    def as_written(self) -> tuple[Binding, ...]:
        """Return the bindings in the order in which they were passed, which files keep when they are written.

        >>> plan = Plan(weight_decay=constant(), lr=cosine())
        >>> [binding.name for binding in plan.as_written()]
        ['weight_decay', 'lr']
        >>> [binding.name for binding in plan.bindings]
        ['lr', 'weight_decay']
        """
        places = {key: place for place, key in enumerate(self._written)}
        return tuple(sorted(self.bindings, key=lambda binding: places[binding_key(binding)]))

    @property
    def serializable(self) -> bool:
        """True if the plan can be written as text: it has no predicate and no unregistered function."""
        return all(map(attrgetter("serializable"), self.bindings))

    @property
    def metric_rules(self) -> tuple[MetricRule[Any], ...]:
        """The metric rules of the plan, without duplicates."""
        return tuple(dict.fromkeys(rule for binding in self.bindings for rule in binding.schedule.metric_rules))

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of the plan."""
        return tuple(binding.field for binding in self.bindings if isinstance(binding.field, Target))

    @property
    def is_resolved(self) -> bool:
        """True if every length is in the unit of its clock."""
        unit = amount_clock(self.clock)
        if self.total is not None and not self.total.is_resolved and not _is_in(unit, self.total):
            return False
        unit_of_rules = "percent" if unit == PROGRESS else unit
        begins = [rule.begin for rule in self.metric_rules if rule.begin is not None]
        if not all(begin.is_resolved or _is_in(unit_of_rules, begin) for begin in begins):
            return False
        return all(is_resolved_in(binding.schedule, self.clock) for binding in self.bindings)

    @readable
    @_answering
    def resolve(
        self, *, facts: RunFacts | None = None, optimizers: Collection[str] = (), **run_facts: Unpack[Facts]
    ) -> "Plan":
        """Return the plan with every length in updates, or in the unit of its clock.

        Args:
            facts: the run facts as one object, in place of keywords.
            optimizers: the names of the optimizers, if the plan drives several: a line for `muon/*` that follows a
                field then follows its line for `muon`.
            run_facts: the run facts that convert units, as in `ps.Scheduler`: `plan.resolve(steps_per_epoch=100)`.

        Raises:
            MissingFact: a run fact that a unit needs is unknown.
            PlanError: the plan's total and the run's total differ.
            Unresolved: a stage depends on the length of the run, which is unknown.
        """
        facts = facts_of_call("plan.resolve()", facts, run_facts)
        try:
            return self._resolved(facts, optimizers)
        except Unresolved as refusal:
            raise messages.total_is_missing(refusal, amount_clock(self.clock)) from None

    def _resolved(self, facts: RunFacts, optimizers: Collection[str]) -> "Plan":
        written = with_followed_lines(self.as_written(), optimizers)
        lines, total = resolve_lines(written, self.clock, self.total, facts)
        for line in lines:
            if isinstance(line.field, Target):
                require_positive_base(line.schedule, line.field.initial, f"target {line.name!r}")
        if len(lines) != len(self.bindings):  # a line that follows another one has a line for each of its selectors
            return plan_of_lines(lines, total, self.clock)
        return self._with_resolved(lines, total)

    def _with_resolved(self, lines: Iterable[Binding], total: Duration | None) -> "Plan":
        """Return a copy with resolved lines, in the order as written. Nothing is checked, sorted or written again."""
        by_key = {binding_key(line): line for line in lines}
        resolved = object.__new__(Plan)
        object.__setattr__(resolved, "bindings", tuple(by_key[binding_key(line)] for line in self.bindings))
        object.__setattr__(resolved, "total", total)
        object.__setattr__(resolved, "clock", self.clock)
        object.__setattr__(resolved, "_written", self._written)
        return resolved

    @readable
    @_answering
    def change(
        self, at: DurationLike, *bindings: Binding, total: DurationLike | None = None, **fields: ScheduleLike
    ) -> "Plan":
        """Return a plan with other schedules from a time on; all earlier values are equal to this plan's, bit for bit.

        Fields that are not passed continue as planned, even if the new total is smaller. If it is larger, a schedule
        that depends on the length of the run keeps its last value after the end of this plan. A schedule with its own
        length keeps its last value too. A schedule without an end, such as `exponential(0.99)`, `inverse_sqrt(500)` or
        `restarts(cosine(), 1000)`, continues after the end of this plan: `change(end, total=longer)` extends the run
        with the last values only if no line has one. A line that follows another one, such as `like("lr")`, follows
        the changed schedule; its earlier values may differ in the last digit if it multiplies `like("lr")` and the
        schedule of `lr` is itself a product, or if both are sums. In a new schedule, `like("batch_size")` is the
        value of the target at the time of the run, not at the time since the change; the text of the changed plan has
        `skip(like("batch_size"), at)`.

        Args:
            at: the time of the change, in any unit; percent refer to this plan's total.
            bindings: new schedules of single lines: of the default if a binding has no `groups`, else of these groups.
            total: the total of the changed plan; None keeps this plan's total.
            fields: `lr=…`: new schedules of all lines of a field, or of a target, each on its own clock.

        Raises:
            UnknownField: the plan does not schedule this field; the error suggests the nearest one.
            PlanError: the total changes, but the plan has none and a schedule depends on the length of the run.
            InvalidArgument: no argument is passed, or `at` is not before the end.

        >>> lr = warmup("5%") >> cosine(to=0.1)
        >>> plan = Plan(lr=lr, weight_decay="linear(to=0.5)", total=10_000)
        >>> print(plan.change(8000, lr="linear(over=1000)", total="9000 steps"))
        total: 9000
        lr: take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(over=1000)
        weight_decay: take(linear(to=0.5), 10000, 10000)
        """
        lines = PlanLines(self.as_written(), self.total, self.clock)
        self._refuse_other_names_of_total(fields)
        single_lines = normal_bindings(map(checked_binding, bindings))
        lines_of_fields = [Binding(name, schedule) for name, schedule in fields.items()]
        by_field = {line.name: line for line in lines_of_fields}
        length = self.total if total is None else Duration.of(total)
        if total is not None and self.clock == PROGRESS:
            raise changes.changed_total_of_progress(at, length)
        return plan_of_lines(lines.changed(Duration.of(at), length, single_lines, by_field), length, self.clock)

    def _refuse_other_names_of_total(self, fields: Mapping[str, Any]) -> None:
        """Raise for a total of a change that has its name in another library, such as `max_steps`."""
        names = {binding.name for binding in self.bindings}
        for name, value in fields.items():
            if name not in names and is_foreign_entry(name, value):
                raise unknown_argument("change", name, [], value)

    @readable
    @_answering
    def cooldown(
        self,
        at: DurationLike,
        over: DurationLike,
        to: Level = 0.0,
        curve: CurveLike = linear_curve,
        fields: Iterable[str] = ("lr",),
    ) -> "Plan":
        """Return a plan that decays from its current level and then ends: a branch of a longer run.

        This is `change` with `anneal(to=to, over=over, curve=curve)` and the total `at + over`.

        Args:
            at: the start of the cooldown, in any unit; percent refer to this plan's total.
            over: the length of the cooldown, in any unit; percent refer to this plan's total.
            to: the level at the end, a multiple of base or an absolute value. Default: 0.
            curve: the shape of the decay. Default: linear.
            fields: the fields that decay; every other field continues as planned. Default: `lr`.

        Raises:
            UnknownField, PlanError: as in `change`.
            InvalidArgument: `at` is after the end.

        >>> print(Plan(lr="warmup(100) >> constant()", total=10_000).cooldown(6000, 1000))
        total: 7000
        lr: take(warmup(100) >> constant(), 6000) >> linear(over=1000)
        """
        call = changes.call_of_cooldown(at, over)
        if self.clock == PROGRESS:
            raise changes.cooldown_by_progress(call, at)
        lines = PlanLines(self.as_written(), self.total, self.clock)
        start = lines.without_percent(call, Duration.of(at))
        length = lines.without_percent(call, Duration.of(over))
        if not length.terms:
            raise changes.cooldown_without_length(call)
        decay = anneal(to=to, over=length, curve=curve)
        names = (fields,) if isinstance(fields, str) else tuple(fields)
        end = end_reached(start, self.total, or_at=False)
        if end is not None:
            raise changes.cooldown_after_the_end(start, end, decay, length, names)
        return self.change(start, total=start + length, **dict.fromkeys(names, decay))

    @readable
    @_answering
    def scale(self, at: DurationLike, **factors: float) -> "Plan":
        """Return a plan with fields multiplied by factors from a time on; earlier values stay equal, bit for bit.

        Args:
            at: the time from which on fields are multiplied, in any unit.
            factors: finite numbers by field or target, for example `lr=0.5`.

        Raises:
            UnknownField: the plan does not schedule this field; the error suggests the nearest one.
            InvalidArgument: no field is passed, a factor is not a finite number, or `at` is not before the end.

        >>> print(Plan(lr="cosine()", total=10_000).scale(8000, lr=0.5))
        total: 10000
        lr: take(cosine(), 8000) >> 0.5 * skip(cosine(), 8000)
        """
        scaled = PlanLines(self.as_written(), self.total, self.clock).scaled(Duration.of(at), factors)
        return plan_of_lines(scaled, self.total, self.clock)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return self is other or (self.text is not None and self.text == other.text)

    def __hash__(self) -> int:
        return object.__hash__(self) if self.text is None else hash(self.text)

    def __str__(self) -> str:
        total = [] if self.total is None else [f"total: {self.total}"]
        clock = [] if self.clock == UPDATES else [f"clock: {self.clock}"]
        return printable_lines("\n".join([*clock, *total, *(str(binding) for binding in self.bindings)]))

    @readable
    def plot(
        self,
        bases: Any = None,
        *,
        facts: RunFacts | None = None,
        axes: Any = None,
        log: bool | None = None,
        unit: str = UPDATES,
        label: str | None = None,
        **run_facts: Unpack[Facts],
    ) -> "tuple[Axes, ...]":
        """Draw the plan with Matplotlib, one plot for each field.

        Args:
            bases: an optimizer, or dicts like its groups, such as `{"lr": 0.1}`. Default: draw multiples of base.
            facts: the run facts as one object, in place of keywords.
            axes: the axes to draw on, one for each field; their title and limits stay, and the curves have their next
                colors. Default: a new figure.
            log: True for logarithmic axes of values. Default: logarithmic if the values span three decades.
            unit: the unit of the axis of time, for example `"epochs"` or `"tokens"`; the run facts must convert it.
            label: the name of the plan in the legend, for several plans on the same axes. Default: that of the group.
            run_facts: the run facts that convert units, as in `ps.Scheduler`: `steps_per_epoch=500`. A missing fact
                that only scales the time axis is assumed, and the title reports it.

        Returns:
            The axes, in the order of the fields: `plan.plot()[0].figure.savefig("plan.png")`.

        Raises:
            MissingFact: a run fact is missing that determines the shape of a curve.
            MissingDependency: Matplotlib is not installed.
        """
        facts = facts_of_call("plan.plot()", facts, run_facts)
        show = load_entry("drawing")
        axes_of_figure: tuple[Axes, ...] = show.plan_axes(self, bases, facts, axes, show.View(log, unit), label)
        return axes_of_figure

    _repr_mimebundle_ = notebook_display

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        """Return how a field `plan: ps.Plan` of a pydantic model is read, from any form, and written as text."""
        from pydantic_core import core_schema

        files = load_entry("files of plans")

        def read(value: Any) -> Plan:
            try:
                plan: Plan = files.plan_of(value, "plan")
                return plan
            except OSError as error:
                raise ValueError(f"{error.filename}: {error.strerror}") from None  # pydantic collects a ValueError

        written = core_schema.plain_serializer_function_ser_schema(
            lambda plan: files.dump(plan), return_schema=core_schema.str_schema()
        )
        return core_schema.no_info_plain_validator_function(read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {"type": "object"}]}

    def __repr__(self) -> str:
        return text_on_screen(f"<Plan {'; '.join(str(self).splitlines())}>")


readable(Plan, Plan.__init__)
readable(Plan.__init__)


def plan_of_lines(lines: Sequence[Binding], total: DurationLike | None, clock: ClockName | None) -> Plan:
    """Return the plan of checked lines, such as those of another plan or of a checkpoint, of any length."""
    plan = object.__new__(Plan)
    plan._fill(lines, total, clock)
    return plan


def _refuse_long_lines(lines: Iterable[Binding]) -> None:
    """Raise InvalidArgument for lines whose text no file could contain, because reading it would take seconds."""
    texts = [(str(line.schedule), line.name) for line in lines]
    if has_many_words(text for text, _ in texts):
        text, name = max(texts, key=lambda line: len(line[0]))
        raise messages.too_many_words(name, text, MOST_WORDS)


def _checked_total(total: DurationLike | None) -> Duration | None:
    """Validate the total of a plan: a length greater than 0, in any unit except percent."""
    if total is None:
        return None
    try:
        length = Duration.of(total)
    except InvalidArgument as refusal:
        advice = refusal.problem.advice
        if advice.startswith("Write ") and "%" not in advice:  # a percentage is not the length of a run
            raise
        raise messages.total_is_not_a_length(refusal) from None
    if any(unit == "percent" for unit, _ in length.terms):
        raise messages.total_in_percent(length)
    if not length.terms:
        raise messages.total_is_zero()
    if length.until:
        raise messages.total_is_a_position(length)
    return length


def _is_in(unit: str | None, length: Duration) -> bool:
    """Return whether a length is in one unit only."""
    return [term_unit for term_unit, _ in length.terms] == [unit]


def _check_keywords(fields: Mapping[str, Any]) -> None:
    """Raise for run facts, arguments of other libraries and misspelled entries of a plan.

    Every other name may be a field of the optimizer.
    """
    for name, value in fields.items():
        if is_foreign_entry(name, value):
            raise unknown_argument("Plan", name, ["total", "clock"], value)
        if name in Facts.__annotations__ and isinstance(value, (int, float)):
            raise messages.run_fact_in_plan(name)
        argument = None if name in KNOWN else closest(name.lower(), ("total", "clock"))
        if argument is not None:
            raise messages.misspelled_argument(name, argument)


def units_of_plan(plan: Plan) -> frozenset[str]:
    """Return the units in a plan, including its total.

    >>> sorted(units_of_plan(Plan(lr="warmup('5%') >> cosine()", total="20 epochs")))
    ['epochs', 'percent']
    """
    lengths = [length for binding in plan.bindings for length in lengths_of_line(binding)]
    lengths += [plan.total] if plan.total is not None else []
    return frozenset(unit for length in lengths for unit, _ in length.terms)


@restores("Plan")
def _restored(total: Duration | None, clock: Any, *bindings: Binding) -> Plan:
    return plan_of_lines(bindings, total, clock)
