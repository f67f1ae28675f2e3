"""Values: the clock and the values of a plan without an optimizer, for loops in JAX, for RL, and for loss weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from math import isfinite
from typing import Any, Final, Never, SupportsFloat, Unpack, final

import numpy as np

from paramsched.base.codes import BASE_OF_ZERO
from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, pickled_object
from paramsched.base.problem import PlanWarning, Problem, warn_user
from paramsched.base.words import RESERVED
from paramsched.core.calls.checked_calls import answering_class
from paramsched.core.calls.lazy_imports import warnings_of
from paramsched.core.calls.number_checks import finite_number, whole_number
from paramsched.core.metrics.metric_rules import MetricRule, ignored_metrics, misplaced_metric
from paramsched.core.plan.binding import Binding, Target
from paramsched.core.plan.lines import FINITE, first_outside
from paramsched.core.plan.messages import values as messages
from paramsched.core.plan.messages.lines import limit_advice
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.plan.plan_forms import PlanLike, plan_in_run
from paramsched.core.plan.resolution import updates_of_total
from paramsched.core.schedules.anneals import require_positive_base
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import evaluate
from paramsched.core.schedules.user_shapes import has_open_function, require_values_until
from paramsched.core.time.duration import Duration
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_of_call
from paramsched.errors import InvalidArgument, PlanError

_FIELDS: Final = ("lr", "weight_decay", "momentum", "eps", "betas")
"""Fields of optimizers, whose lines are multiples of a base that an optimizer would have."""
_VERSION: Final = 3
_AHEAD: Final = 256
"""Values of a line that are computed at once, because one takes as long as a hundred. They are the same bits."""


@answering_class
@final
class Values(Mapping[str, float]):
    """The values of a plan for a loop without a torch optimizer: `values["kl"]`, and `values.advance()`.

    values[name] = line(t, base), with its metric rules applied, at update t.

    Probable mistakes are warned of, as by `ps.Scheduler`.

    Args:
        plan: a dict from name to line, or a plan in any form. Its lines are for no group, and its clock counts updates.
        bases: the value that a line multiplies, by name. Default: 1; a target of a plan has its `initial`. A field of
            an optimizer, such as `lr`, needs it unless its levels are absolute.
        strict: True to raise what is otherwise a warning, except for a metric that is NaN or infinite.
        facts: the run facts as one object, in place of keywords.
        run_facts: the run facts, as in `ps.Scheduler`: `total=10_000`.

    Raises:
        PlanWarning: `strict`, and the plan probably contains a mistake.
        PlanError: a line is for some groups only, the clock counts an amount, the base of a field is missing, or a
            value of an update is not finite.
        Unresolved: the length of the run is unknown.

    >>> plan = {"lr": "cosine()", "kl": "linear(0, 1, over=2)"}
    >>> values = Values(plan, bases={"lr": 0.1}, total=4)
    >>> values.advance()
    >>> dict(values), values.t
    ({'lr': 0.08535533905932738, 'kl': 0.5}, 1)
    """

    def __init__(
        self,
        plan: PlanLike,
        *,
        bases: Mapping[str, float] | None = None,
        strict: bool = False,
        facts: RunFacts | None = None,
        **run_facts: Unpack[Facts],
    ) -> None:
        if isinstance(plan, Mapping) and plan.keys().isdisjoint(RESERVED):
            plan = Plan(*(Binding(Target(name, 1.0), line) for name, line in plan.items()))
        self._strict = strict
        self._facts = facts_of_call("ps.Values(plan)", facts, run_facts)
        self._plan = plan_in_run(plan, "ps.Values", self._facts)
        if self._plan.clock != UPDATES:
            raise messages.clock_counts_an_amount()
        if any(line.groups is not None for line in self._plan.bindings):
            raise messages.line_for_some_groups()
        resolved = self._plan.resolve(facts=self._facts)
        self._end = updates_of_total(resolved, None)
        self._lines = self._checked_lines(resolved, bases or {})
        for problem in self._probable_mistakes():
            self._warn(problem)
        self._states: dict[MetricRule[Any], Any] = {
            rule: rule.init() for line, _ in self._lines.values() for rule in line.metric_rules
        }
        self._ignored = set[str]()  # the metrics of which an ignored value was reported
        self._targets = _written_targets(self._plan)
        self._warned_of_end = False
        self._t = 0
        self._ahead = dict[str, tuple[int, Sequence[float]]]()  # the first update, and values from it on
        self._write(self._written(0, self._states))

    def _checked_lines(self, resolved: Plan, bases: Mapping[str, float]) -> dict[str, tuple[Schedule, float]]:
        """Return the resolved schedule and the base of each line, whose values are finite in this run."""
        lines = dict[str, tuple[Schedule, float]]()
        for line in resolved.bindings:
            schedule = line.schedule
            initial = line.field.initial if isinstance(line.field, Target) else 1.0
            is_field = line.name.partition("[")[0] in _FIELDS and initial == 1.0 and not schedule.has_absolute
            if is_field and line.name not in bases:
                raise messages.base_is_missing(line.name)
            if self._end is not None:
                require_values_until(schedule, self._end)
            base = finite_number(f"bases[{line.name!r}]", bases.get(line.name, initial))
            require_positive_base(schedule, base, f"ps.Values(plan): {line.name}")
            outside = first_outside(schedule, FINITE, base, lambda updates: updates, 0, self._end or 1)
            if outside is not None:
                raise self._not_finite(line.name, *outside)
            lines[line.name] = schedule, base
        unknown = {name: base for name, base in bases.items() if name not in lines}
        if unknown:
            raise messages.bases_without_lines(unknown, lines)
        return lines

    def _probable_mistakes(self) -> Iterator[Problem]:
        """Yield what the rules find. A line that is named as a field of an optimizer is checked as one."""
        bindings = [
            Binding(line.name if line.name in _FIELDS else Target(line.name, self._lines[line.name][1]), line.schedule)
            for line in self._plan.bindings
        ]
        plan = plan_of_lines(bindings, self._plan.total, None)
        counted = plan.resolve(facts=self._facts)
        problems = warnings_of(
            plan, self._facts, lambda line: [(line.name, self._lines[line.name][1])], counted=counted
        )
        for binding, problem in problems:
            name = "" if binding is None else binding.name
            advice = messages.base_of_zero(name) if problem.code == BASE_OF_ZERO else problem.advice
            yield Problem(code=problem.code, found=problem.found, site=name, advice=advice)

    def _warn(self, problem: Problem) -> None:
        if self._strict:
            raise PlanWarning(problem)
        warn_user(problem)

    @property
    def t(self) -> int:
        """The number of completed updates."""
        return self._t

    @property
    def plan(self) -> Plan:
        """The plan as written."""
        return self._plan

    def __getitem__(self, name: str) -> float:
        if name not in self._lines:
            raise messages.unknown_field(name, self._lines)
        value = self._value(name, self._t, self._states)
        if not isfinite(value) and self._t != self._end:  # after the last update it is not used
            raise self._not_finite(name, self._t, value)
        return value

    def _value(self, name: str, t: int, states: Mapping[MetricRule[Any], Any]) -> float:
        """Return the value of a line at an update."""
        line, base = self._lines[name]
        first, ahead = self._ahead.get(name, (0, ()))
        if not first <= t < first + len(ahead):
            first = t
            if self._end is not None and t <= self._end:
                size = min(_AHEAD, self._end + 1 - t)
            else:  # a function may have no value for an update that the run does not reach
                size = 1 if has_open_function(line) else _AHEAD
            ahead = evaluate(line, np.arange(t, t + size), base).tolist()
            self._ahead[name] = first, ahead
        value: float = ahead[t - first]
        for rule in line.metric_rules:
            value = rule.apply(states[rule], value, base)
        return value

    def _not_finite(self, name: str, t: int, value: float) -> PlanError:
        """Return the error of a value of an update that is not finite."""
        written = next(line.schedule for line in self._plan.bindings if line.name == name)
        return messages.value_is_not_finite(name, t, value, limit_advice(written, value))

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def advance(self, updates: int = 1) -> None:
        """Count updates: the values are now those of the next one, and targets with `write` receive their value.

        Args:
            updates: the number of completed updates, 0 or more.

        Raises:
            PlanWarning: `strict`, and more updates were counted than the plan has. They are counted.
            PlanError: a value of a target with `write` is not finite. Nothing is changed.
        """
        t = self._t + whole_number("values.advance(…)", updates, 0)
        written = self._written(t, self._states)
        self._t = t
        self._write(written)
        problem = self._problem_if_over(t)
        if problem is not None:
            self._warned_of_end = True
            self._warn(problem)

    @readable
    def observe(self, *misplaced: Never, **metrics: SupportsFloat) -> None:
        """Pass metrics to the metric rules of the plan, such as `plateau("val_loss")`.

        Raises:
            InvalidArgument: no rule watches a metric, or a value is not a number. Nothing is changed.
            PlanError: as `advance`.
        """
        if misplaced:
            raise misplaced_metric("values.observe", misplaced[0], self._states)
        watched = {rule.metric for rule in self._states}
        numbers = dict[str, float]()
        for name, value in metrics.items():
            if name not in watched:
                raise messages.no_rule_watches(name, value, watched)
            try:
                numbers[name] = float(value)
            except (TypeError, ValueError):
                raise messages.metric_is_not_a_number(name, value) from None
        begun = [state for state in self._states if state.after is None or Duration.of(state.after).count <= self._t]
        observed = {
            rule: rule.observe(self._states[rule], numbers[rule.metric]) for rule in begun if rule.metric in numbers
        }
        states = self._states | observed
        written = self._written(self._t, states)
        self._states = states
        self._write(written)
        for problem in ignored_metrics("values.observe", observed, numbers, self._t, self._ignored):
            warn_user(problem)  # not an error with `strict`: one overflow must not end a run

    def state_dict(self) -> dict[str, Any]:
        """Return the position, the states of metric rules, the bases and the lines: plain data for JSON."""
        states = {_key(rule): state for rule, state in self._states.items()}
        return {
            "paramsched_values": _VERSION,
            "t": self._t,
            "rules": {
                key: {field.name: getattr(state, field.name) for field in fields(state)}
                for key, state in states.items()
            },
            "bases": {name: base for name, (_, base) in self._lines.items()},
            "lines": {line.name: str(line.schedule) for line in self._plan.bindings},
            "lines_in_updates": {name: str(line) for name, (line, _) in self._lines.items()},
            "total": self._end,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state. The plan and the bases of the code apply; each difference is a warning.

        Raises:
            StateError: it is not a state of `ps.Values`. Nothing is changed.
            PlanWarning: `strict`, and something differs. Nothing is changed.
            PlanError: as `advance`.
        """
        if not isinstance(state, Mapping) or state.get("paramsched_values") != _VERSION:
            raise messages.not_a_saved_state()
        saved = state.get("rules", {})
        try:
            t = whole_number("state['t']", state.get("t"), 0)
            states = {rule: rule.restore(saved[_key(rule)]) for rule in self._states if _key(rule) in saved}
        except (InvalidArgument, TypeError, KeyError) as error:
            raise messages.damaged_state(error) from None
        written = self._written(t, self._states | states)
        for difference in _differences(state, self.state_dict()):
            self._warn(messages.differs_from_saved(difference, t))
        problem = self._problem_if_over(t)
        if problem is not None:
            self._warn(problem)
            self._warned_of_end = True
        self._t = t
        self._states = self._states | states
        self._write(written)

    def __reduce__(self) -> Reduced:
        bases = {name: base for name, (_, base) in self._lines.items()}
        metrics = {"states": self.state_dict()["rules"], "ignored": self._ignored}
        run = {"t": self._t, "warned_of_end": self._warned_of_end, "strict": self._strict}
        return pickled_object(self, "", {"plan": self._plan, "facts": self._facts, "bases": bases} | metrics | run)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "plan" not in state:  # of 1.0.0rc6
            vars(self).update(state)
            return
        self._strict = state["strict"]
        self._facts = state["facts"]
        self._plan = state["plan"]
        resolved = self._plan.resolve(facts=self._facts)
        self._end = updates_of_total(resolved, None)
        self._lines = {line.name: (line.schedule, state["bases"][line.name]) for line in resolved.bindings}
        rules = [rule for line, _ in self._lines.values() for rule in line.metric_rules]
        self._states = {rule: rule.restore(state["states"][_key(rule)]) for rule in rules}
        self._ignored = state["ignored"]
        self._warned_of_end = state["warned_of_end"]
        self._targets = _written_targets(self._plan)
        self._t = state["t"]
        self._ahead = {}

    def _problem_if_over(self, t: int) -> Problem | None:
        """Return the problem of more updates than the plan has; None if it was reported."""
        if self._end is None or t <= self._end or self._warned_of_end:
            return None
        return messages.plan_is_over(self._end, t)

    def _written(self, t: int, states: Mapping[MetricRule[Any], Any]) -> list[float]:
        """Return the value of each target with `write` at an update; raise PlanError if it is not finite."""
        values = [self._value(target.name, t, states) for target in self._targets]
        for target, value in zip(self._targets, values, strict=True):
            if not isfinite(value) and t != self._end:
                raise self._not_finite(target.name, t, value)
        return values

    def _write(self, values: Sequence[float]) -> None:
        for target, value in zip(self._targets, values, strict=True):
            if target.write is not None:
                target.write(value)

    def __repr__(self) -> str:
        values = [f"{name}={self._value(name, self._t, self._states):.6g}" for name in self]
        return f"<Values at update {self._t}: {', '.join(values)}>"


readable(Values, Values.__init__)


def _written_targets(plan: Plan) -> list[Target]:
    """Return the targets whose values are passed to a function."""
    return [line.field for line in plan.bindings if isinstance(line.field, Target) and line.field.write]


def _differences(saved_state: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between two states: the length of the run, the lines and the bases."""
    is_as_long = saved_state.get("total") == state["total"]
    if not is_as_long:
        yield f"total: {saved_state.get('total')} -> {state['total']}"
    written = dict(_changed_entries(saved_state, state, "lines"))
    for name, change in _changed_entries(saved_state, state, "lines_in_updates"):
        if name in written or is_as_long:  # another length changes the other lines too
            yield f"{name}: {written.get(name, change)}"
    for name, change in _changed_entries(saved_state, state, "bases"):
        yield f"base of {name}: {change}"


def _changed_entries(
    saved_state: Mapping[str, Any], state: Mapping[str, Any], pattern: str
) -> Iterator[tuple[str, str]]:
    """Yield the name and the change of each entry of a part of two states that differs."""
    saved_entry = saved_state.get(pattern)
    was = saved_entry if isinstance(saved_entry, Mapping) else {}
    now = state[pattern]
    for name in dict.fromkeys([*now, *was]):
        if was.get(name) != now.get(name):
            yield name, f"{was.get(name)} -> {now.get(name)}"


def _key(rule: MetricRule[Any]) -> str:
    return str(rule if rule.after is None else replace(rule, after=None))
