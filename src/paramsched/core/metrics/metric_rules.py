"""Metric rules: schedule components that react to an observed metric."""

import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, final

import numpy as np

from paramsched.base.pickles import Reduced, pickled
from paramsched.base.problem import Problem
from paramsched.base.words import text_on_screen
from paramsched.core.calls.builders import constructor
from paramsched.core.calls.lazy_imports import notebook_display
from paramsched.core.calls.number_checks import (
    check_fields,
    checked,
    finite_number,
    not_negative,
    one_of,
    positive_number,
    proper_share,
    whole_number,
)
from paramsched.core.metrics import messages
from paramsched.core.schedules.combinators import guided
from paramsched.core.schedules.level import AbsoluteValue, Level, split_level
from paramsched.core.schedules.registry import builder_name, registered
from paramsched.core.schedules.schedule import Schedule, call_of_rule, schedule_of
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown

_MORE_IS_BETTER: Final = frozenset(
    {
        *("acc", "accuracy", "top1", "top5", "map", "ap", "ap50", "ar", "iou", "miou", "dice", "f1", "fscore", "auc"),
        *("auroc", "roc", "bleu", "rouge", "psnr", "ssim", "precision", "recall", "reward", "return", "mrr", "ndcg"),
        *("pck", "kappa", "mcc", "r2"),
    }
)
_LESS_IS_BETTER: Final = frozenset(
    {"loss", "error", "err", "perplexity", "ppl", "wer", "cer", "mae", "mse", "rmse", "nll", "fid", "lpips", "epe"}
)
_ANY: Final = _MORE_IS_BETTER | _LESS_IS_BETTER | {"score", "metric", "kl", "elbo", "norm"}
_NO_METRIC: Final = {"scale", "weight", "lr"}  # `loss_scale` is not a loss
_SPLIT: Final = r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+"


def metric_word(name: str) -> str:
    """Return the word in the name of a log's column that names a metric; an empty string if no word does.

    >>> metric_word("val/loss_epoch"), metric_word("Top1"), metric_word("epoch"), metric_word("loss_scale")
    ('loss', 'top1', '', '')
    """
    words = _name_parts(name)
    return "" if _NO_METRIC & set(words) else next((word for word in reversed(words) if word in _ANY), "")


_REVERSED: Final = frozenset(
    {
        *("neg", "negative", "minus", "inv", "inverse", "gap", "diff", "difference", "delta", "one", "std", "var"),
        *("improvement", "reduction", "drop", "gain", "ratio"),
    }
)
"""Words that reverse the direction of a metric, or name a quantity derived from it."""
_MINUS: Final = r"^\s*-|(?<!\w)1\s*-"
"""The negative of a metric, and its difference from 1."""


def better_mode(name: str) -> Literal["min", "max"] | None:
    """Return the mode that the name of a metric suggests; None if it suggests none.

    >>> better_mode("val/acc"), better_mode("valLoss"), better_mode("mAP50"), better_mode("neg_reward")
    ('max', 'min', 'max', None)
    """
    words = _name_parts(name)
    if (_REVERSED | _NO_METRIC) & set(words) or re.search(_MINUS, name):
        return None
    names = [word if word in _ANY else word.rstrip("0123456789") for word in words]
    last = next((word for word in reversed(names) if word in _ANY), "")
    if last in _MORE_IS_BETTER:
        return "max"
    return "min" if last in _LESS_IS_BETTER else None


def _name_parts(metric: str) -> list[str]:
    return [word.lower() for word in re.findall(_SPLIT, metric.replace("mAP", "map").replace("IoU", "iou"))]


State = TypeVar("State")
"""The type of a rule's state: a frozen dataclass of JSON scalars."""


def _time_of_run(site: CallSite, after: Any) -> Duration:
    """Check the time from which on a rule counts."""
    try:
        time = Duration.of(after)
    except InvalidArgument as refusal:
        raise messages.begin_is_not_a_length(refusal, site, after) from None
    if time.until:
        raise messages.begin_is_an_end(site, after, str(Duration(time.terms)))
    return time


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MetricRule(ABC, Generic[State]):
    """A schedule component that reacts to a metric. All its methods are pure.

    A schedule is multiplied by the rule: `cosine() * plateau("loss")`. An observed metric changes the value
    from the next update on.

    To write a rule, subclass `MetricRule` as a frozen dataclass with these four methods. Its state is another frozen
    dataclass, whose fields are JSON scalars or tuples of them. Put `@ps.shape` on the function that builds the rule to
    make its name available in text and files. Every rule has the argument `after`: a length such as `"4 epochs"`, in
    any unit. What is observed before that time of the run does not count, as in a warmup.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SpikeState:
    ...     last: float = float(10**9)
    ...     spikes: int = 0
    >>> @dataclass(frozen=True)
    ... class Spikes(MetricRule[SpikeState]):
    ...     metric: str
    ...     above: float
    ...     def init(self):
    ...         return SpikeState()
    ...     def observe(self, state, value):
    ...         return SpikeState(value, state.spikes + (value > self.above * state.last))
    ...     def apply(self, state, value, base=1.0):
    ...         return value if state.spikes == 0 else value * 0.5**state.spikes
    ...     def restore(self, data):
    ...         return SpikeState(**data)
    >>> rule = Spikes("loss", above=2.0)
    >>> state = rule.init()
    >>> for loss in (1.0, 5.0, 1.0):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.1)
    0.05
    """

    after: DurationLike | None = field(default=None, kw_only=True, metadata=checked(_time_of_run))
    __repr__ = text_on_screen
    _repr_mimebundle_ = notebook_display
    metric: str

    def __post_init__(self) -> None:
        check_fields(self, builder_name(self))
        self.check_together()

    def check_together(self) -> None:  # optional
        """Raise an error if fields that are valid alone contradict each other."""

    @property
    def begin(self) -> Duration | None:
        """The time of the run from which on values count; None if all do."""
        return None if self.after is None else Duration.of(self.after)

    def _is_ignored(self, value: float) -> bool:
        """Return whether a value is not counted, of which the user is warned."""
        return False

    def _advice_if_ignored(self, value: float) -> str:
        """Return the advice about an ignored value; empty if no argument of the rule counts it."""
        return ""

    @abstractmethod
    def init(self) -> State:
        """Return the initial state."""

    @abstractmethod
    def observe(self, state: State, value: float) -> State:
        """Return the state after one more value of the metric."""

    @abstractmethod
    def apply(self, state: State, value: Any, base: Any = 1.0) -> Any:
        """Return the value that replaces the planned value.

        Args:
            state: a state of this rule. In the initial state the planned value is returned unchanged.
            value: the planned value, a number or an array.
            base: the base of the field, that is, its value when the plan was attached; of the shape of `value`.
        """

    @abstractmethod
    def restore(self, data: dict[str, Any]) -> State:
        """Return the state whose fields are in `data`, as read from JSON.

        Raises:
            StateError: `data` is not a state of this rule.
        """

    def __reduce__(self) -> Reduced:
        return pickled("rule", call_of_rule(self))

    def __mul__(self, other: Schedule | float) -> Schedule:
        return _guide_schedule(other, self)

    def __rmul__(self, other: Schedule | float) -> Schedule:
        return _guide_schedule(other, self)

    def __str__(self) -> str:
        return call_of_rule(self)


def _guide_schedule(schedule: Schedule | float, rule: MetricRule[Any]) -> Schedule:
    """Multiply `schedule` by a metric rule; a second rule is the right operand."""
    if isinstance(schedule, MetricRule):
        return guided(schedule_of(1.0, ""), (rule, schedule))
    if isinstance(schedule, Schedule) and schedule.kind == "guided":
        return guided(schedule.args["schedule"], (*schedule.metric_rules, rule))
    return guided(schedule_of(schedule, lambda: f"{shown(schedule)} * {rule}"), (rule,))


def ignored_metrics(
    call: str, rules: Iterable[MetricRule[Any]], metrics: Mapping[str, float], t: int, reported: set[str]
) -> Iterator[Problem]:
    """Yield a warning for each metric of which a rule does not count a value; the first time of each metric.

    Args:
        call: the user's call.
        rules: the rules that observed the metrics.
        metrics: the values by metric name.
        t: the number of completed updates.
        reported: the names of metrics that were reported before, to which new ones are added.
    """
    for rule in rules:
        value = metrics[rule.metric]
        if rule._is_ignored(value) and rule.metric not in reported:
            reported.add(rule.metric)
            advice = rule._advice_if_ignored(value)
            yield messages.ignored_value(call, rule.metric, value, t, rule, advice)


def misplaced_metric(call: str, value: Any, rules: Iterable[MetricRule[Any]]) -> InvalidCall:
    """Return the error about a value that was observed without the name of its metric."""
    if isinstance(value, Mapping):
        return messages.metrics_are_keywords(call, value)
    watched = sorted({rule.metric for rule in rules})
    if not watched:
        return messages.no_metric_rule(call, value)
    return messages.metric_not_named(call, value, watched)


MetricMode: TypeAlias = Literal["min", "max"]
ThresholdMode: TypeAlias = Literal["rel", "abs"]
Nonfinite: TypeAlias = Literal["count", "ignore", "raise"]


def metric_name(site: CallSite, metric: Any, example: str = '("val_loss")') -> str:
    """Check that `metric` is the name of a metric: a string that is not empty. `example` has valid arguments."""
    if isinstance(metric, str) and metric:
        return metric
    raise messages.not_a_metric_name(site, metric, example)


def _checked_floor(site: CallSite, level: Level) -> float | AbsoluteValue:
    """Check that a multiple of base or an absolute value is not negative."""
    if isinstance(level, AbsoluteValue):
        try:
            not_negative(site, level.value)
        except InvalidArgument as refusal:
            raise messages.negative_floor(refusal, site, level) from None
        return level
    if not isinstance(level, (int, float)):
        raise messages.floor_is_not_a_level(site, level)
    return not_negative(site, level)


def _checked_bound(site: CallSite, bound: object) -> float:
    """Check a bound of the multiple of `hold`, which is a number: what it multiplies has no value here."""
    if isinstance(bound, AbsoluteValue):
        raise messages.bound_is_absolute(site, bound)
    return finite_number(site, bound)


REDUCTION = checked(proper_share)
"""Metadata of the factor of a reduction."""

LOWEST = checked(_checked_floor)
"""Metadata of the level below which a rule does not reduce the value."""


def metric_number(name: str, metric: str, value: Any, nonfinite: Nonfinite) -> float | None:
    """Convert a value of a metric to a float. Return None if it is not finite and `nonfinite` is "ignore".

    Raises:
        InvalidArgument: the value is not a number, or it is not finite and `nonfinite` is "raise".
    """
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise messages.observed_no_number(metric, value) from None
    if not math.isfinite(number):
        if nonfinite == "raise":
            raise messages.observed_not_finite(name, metric, number)
        if nonfinite == "ignore":
            return None
    return number


def improves_on(
    value: float, than: float | None, mode: MetricMode, threshold: float, threshold_mode: ThresholdMode
) -> bool:
    """Return whether `value` is better than `than` by more than the threshold.

    Any finite value is better than None. A value that is not finite is never better.
    """
    if than is None or not math.isfinite(value):
        return math.isfinite(value)
    # The margin has the direction of improvement. For a negative `than`, torch's margin has the opposite direction.
    sign = -1 if mode == "min" else 1
    bar = than + sign * threshold if threshold_mode == "abs" else than * (1 + math.copysign(threshold, sign * than))
    return value < bar if mode == "min" else value > bar


_JSON_TYPES: Mapping[Any, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    float | None: (float, int, NoneType),
}
"""The types of the JSON values of a state's field, by its annotation."""


def require_state(rule: Any, data: Any, state: type, signed: tuple[str, ...]) -> None:
    """Check a saved state of a rule.

    Args:
        rule: the rule.
        data: the saved state.
        state: the dataclass of the state.
        signed: the keys whose values may be negative.

    Raises:
        StateError: a key is missing or unknown, or a value is invalid.
    """
    kinds = {field.name: _JSON_TYPES[field.type] for field in fields(state)}
    if not isinstance(data, dict) or set(data) != set(kinds):
        raise messages.state_of_other_keys(rule, data, kinds)
    for name, json_type in kinds.items():
        value = data[name]
        is_of_kind = isinstance(value, json_type) and not isinstance(value, bool)
        # not isfinite, which fails for an integer of more than 308 digits
        is_finite = is_of_kind and (value is None or abs(value) <= sys.float_info.max)
        if not is_finite or (value is not None and value < 0 and name not in signed):
            raise messages.invalid_entry_of_state(rule, name, value)


def reduced_factor(now: float, factor: float, floor: Level) -> float:
    """Return the factor of a schedule after one more reduction: `now * factor`, but not below `floor`.

    An absolute floor is ignored here, because base is unknown. `reduced_value` applies it to the value.

    >>> reduced_factor(0.5, 0.1, 0.2), reduced_factor(0.1, 0.1, 0.2)
    (0.2, 0.1)
    """
    lowest = split_level(floor)[0] or 0.0
    return max(now * factor, min(lowest, now))


def reduced_value(value: Any, factor: float, floor: Level, base: Any) -> Any:
    """Multiply a value of the schedule by `factor`, but not below `floor`. A value below `floor` is unchanged.

    >>> reduced_value(0.5, 0.5, 2.0, base=0.2), reduced_value(0.5, 0.5, AbsoluteValue(1e-3), base=0.2)
    (0.4, 0.25)
    """
    if factor == 1.0:
        return value
    multiple, fixed = split_level(floor)
    lowest: Any = fixed if multiple is None else multiple * base
    if isinstance(value, (int, float)) and isinstance(lowest, (int, float)):
        return max(value * factor, min(value, lowest))
    return np.maximum(value * factor, np.minimum(value, lowest))


def require_reduction(rule: Any, factor: float) -> None:
    """Check the saved factor of a rule that only reduces.

    Raises:
        StateError: the factor is greater than 1.
    """
    if factor > 1:
        raise messages.saved_factor_above_one(rule, factor)


WhenHigh: TypeAlias = Literal["raise", "lower"]
"""The effect of a metric above its target: it raises or lowers the schedule."""

_LEAST = 1e-300  # limits of the multiple, so that it can always return
_MOST = 1e300
_BANDS = (0.5, 2.0)
_LIMIT = 0.2


@final
@dataclass(frozen=True, slots=True)
class HoldState:
    """The state of a hold rule.

    Args:
        multiple: the current factor of the schedule.
    """

    multiple: float = 1.0


def _band(site: CallSite, bands: object) -> tuple[float, float]:
    """Check the pair (a, b) of a band: both are greater than 0, and a is at most b."""
    if isinstance(bands, (list, tuple)) and len(bands) == 2:
        low, high = (finite_number(site, band) for band in bands)
        if 0 < low <= high:
            return low, high
    raise messages.not_a_band(site, bands)


@final
@dataclass(frozen=True, slots=True, repr=False)
class HoldRule(MetricRule[HoldState]):
    """Hold a metric at a target by a factor m of a schedule: `constant() * hold("kl", at=6.0, gain=0.01)`.

    value(t) = schedule(t) * m, where m is 1 at the start and changes with each observed value x by one of three rules:

    - `gain=g`: m * (1 + g * e), with e = x / at - 1 between `-limit` and `limit`
    - `factor=k`: m * k if x > b * at, m / k if 0 < x < a * at, where `bands` is the pair (a, b); else m
    - `add=d`: m + d if x > at, m - d if x < at; else m

    Args:
        metric: the name of the metric, as in `scheduler.observe(kl=…)`.
        at: the target, greater than 0; with `add` any number.
        gain: a number greater than 0. The product of `gain` and `limit` is below 1.
        factor: a number greater than 1.
        add: a number greater than 0, a multiple of the planned value.
        bands: a pair of numbers greater than 0, multiples of `at`; `(0.5, 2)` by default. Only with `factor`.
        limit: the greatest relative error that counts, greater than 0. Only with `gain`.
        when_high: `"raise"` if a metric above the target raises the schedule, such as the coefficient of a penalty;
            `"lower"` if it lowers the schedule, such as the learning rate.
        low, high: bounds of m, multiples of the planned value: `low` is at most 1, `high` at least 1. By default `low`
            is 0 with `add`, and there are no other bounds. For a bound in values, divide it by the base.
        nonfinite: NaN and infinite values are skipped, with one warning (`"ignore"`), or raise an error (`"raise"`).
            With `"count"`, infinity is above the target, minus infinity is below it, and NaN is skipped. With `factor`,
            a value of 0 or less does not count either, with one warning.
        after: the time of the run from which on values count, in any unit: `"4 epochs"`, `"5%"`. By default all do.

    Numbers count observations, not updates.

    Raises:
        InvalidArgument: an argument is out of range, not exactly one of `gain`, `factor` and `add` is passed, or
            `bands` or `limit` is passed with a rule that has none.

    Source: `gain`: Ziegler et al. 2019 (1909.08593), `AdaptiveKLController` of TRL, OpenRLHF and verl, where
    gain = n_steps / horizon. `factor`: Schulman et al. 2017 (1707.06347), section 4, with `factor=2` and bands
    (1 / 1.5, 1.5); the KL-adaptive rate of rsl_rl, with `factor=1.5` and `when_high="lower"`, and of rl_games and skrl,
    which also change it at values of 0 or less. `add`: the adaptive entropy of Skywork-OR1 (2505.22312), with
    `when_high="lower"`.

    >>> rule = hold("kl", at=6.0, gain=0.1)
    >>> state = rule.init()
    >>> for kl in (12.0, 6.0, 5.4):
    ...     state = rule.observe(state, kl)
    ...     print(round(rule.apply(state, 0.2), 6))
    0.204
    0.204
    0.20196
    """

    metric: str = field(metadata=checked(metric_name, example='("kl", at=6.0, gain=0.01)'))
    at: float = field(kw_only=True, metadata=checked(finite_number))
    gain: float | None = field(default=None, kw_only=True, metadata=checked(positive_number))
    factor: float | None = field(default=None, kw_only=True, metadata=checked(positive_number))
    add: float | None = field(default=None, kw_only=True, metadata=checked(positive_number))
    bands: tuple[float, float] | None = field(default=None, kw_only=True, metadata=checked(_band))
    limit: float = field(default=_LIMIT, kw_only=True, metadata=checked(positive_number))
    when_high: WhenHigh = field(default="raise", kw_only=True, metadata=one_of(WhenHigh))
    low: float | None = field(default=None, kw_only=True, metadata=checked(_checked_bound))
    high: float | None = field(default=None, kw_only=True, metadata=checked(_checked_bound))

    nonfinite: Nonfinite = field(default="ignore", kw_only=True, metadata=one_of(Nonfinite))

    def check_together(self) -> None:
        form = self._only_form()
        if form != "add" and self.at <= 0:
            raise messages.target_is_not_above_zero(self.at, form)
        if self.factor is not None and self.factor <= 1:
            raise messages.factor_is_not_above_one(self.factor)
        if self.gain is not None and self.gain * self.limit >= 1:
            raise messages.gain_too_large(self.gain, self.limit)
        if self.factor is None and self.bands is not None:
            raise messages.form_has_no_band(self.bands, form, self.metric, self.at)
        if self.gain is None and self.limit != _LIMIT:
            raise messages.form_has_no_limit(self.limit, form, self.metric, self.at)
        self._check_bounds()

    def _only_form(self) -> str:
        """Return the name of the argument that changes the multiple: gain, factor or add."""
        forms = {"gain": self.gain, "factor": self.factor, "add": self.add}
        passed = [name for name, number in forms.items() if number is not None]
        if len(passed) != 1:
            raise messages.not_one_form(self.metric, self.at, passed)
        return passed[0]

    def _check_bounds(self) -> None:
        """Check that the bounds contain 1, the multiple at the start."""
        if self.low is not None and (self.low > 1 or (self.low < 0 and self.add is None)):
            raise messages.lower_bound_excludes_start(self.low)
        if self.high is not None and self.high < 1:
            raise messages.upper_bound_excludes_start(self.high)

    def _is_ignored(self, value: float) -> bool:
        return self._never_counts(value) or (self.nonfinite == "ignore" and not math.isfinite(value))

    def _advice_if_ignored(self, value: float) -> str:
        return "" if self._never_counts(value) else messages.to_count_it(replace(self, nonfinite="count"))

    def _never_counts(self, value: float) -> bool:
        return math.isnan(value) or self._is_left_out(value)  # a NaN is neither above nor below the target

    def init(self) -> HoldState:
        return HoldState()

    def observe(self, state: HoldState, value: float) -> HoldState:
        number = metric_number("hold", self.metric, value, self.nonfinite)
        if number is None or math.isnan(number) or self._is_left_out(number):
            return state
        changed = self._changed(state.multiple, number)
        low, high = self._bounds
        return HoldState(min(max(changed, low), high))

    def _is_left_out(self, x: float) -> bool:
        """Return whether a value is below the band of a factor only because it is not above 0, as an estimated KL."""
        return self.factor is not None and x <= 0

    def _changed(self, multiple: float, x: float) -> float:
        """Return the multiple after a value of the metric, before its bounds."""
        raises = self.when_high == "raise"
        if self.gain is not None:
            error = min(max(x / self.at - 1, -self.limit), self.limit)
            return multiple * (1 + (self.gain if raises else -self.gain) * error)
        if self.factor is not None:
            below, above = (bound * self.at for bound in self.bands or _BANDS)
            if below <= x <= above:
                return multiple
            return multiple * self.factor if (x > above) == raises else multiple / self.factor
        assert self.add is not None
        if x == self.at:
            return multiple
        return multiple + self.add if (x > self.at) == raises else multiple - self.add

    @property
    def _bounds(self) -> tuple[float, float]:
        low = (0.0 if self.add is not None else _LEAST) if self.low is None else self.low
        return low, _MOST if self.high is None else self.high

    def apply(self, state: HoldState, value: Any, base: Any = 1.0) -> Any:  # bounds are multiples
        return value if state.multiple == 1.0 else value * state.multiple

    def restore(self, data: dict[str, Any]) -> HoldState:
        require_state(self, data, HoldState, ("multiple",))
        low, high = self._bounds
        if not low <= data["multiple"] <= high:
            raise messages.saved_multiple_outside(self, data["multiple"], low, high)
        return HoldState(float(data["multiple"]))


hold = registered(constructor("hold", HoldRule))


@final
@dataclass(frozen=True, slots=True)
class PlateauState:
    """The state of a plateau rule.

    Args:
        best: the best value so far; None if no value was observed.
        bad: the number of consecutive values that were not better.
        cooling: the number of values still to skip after the last reduction.
        factor: the current factor of the schedule.
    """

    best: float | None = None
    bad: int = 0
    cooling: int = 0
    factor: float = 1.0


@final
@dataclass(frozen=True, slots=True, repr=False)
class PlateauRule(MetricRule[PlateauState]):
    """Reduce a schedule when a metric has stopped improving: `cosine() * plateau("val_loss")`.

    value(t) = schedule(t) * factor ** reductions, not below `min`

    Args:
        metric: the name of the metric, as in `scheduler.observe(loss=…)`.
        mode: `"min"` if lower values are better, `"max"` if higher values are better.
        factor: the factor of one reduction, greater than 0 and less than 1.
        patience: the number of values without improvement that are tolerated. One more reduces the schedule.
        threshold: the minimum improvement of a better value, at least 0.
        threshold_mode: `"rel"` if `threshold` is a fraction of the best value, `"abs"` if it is a difference.
        cooldown: the number of values that are ignored after a reduction.
        min: the value below which the rule does not reduce: a multiple of base, or `absolute(1e-6)`.
        eps: a reduction of the factor by at most `eps` is skipped.
        nonfinite: NaN and infinite values are skipped, with one warning (`"ignore"`), count as not better (`"count"`),
            or raise an error (`"raise"`).
        after: the time of the run from which on values count, in any unit: `"4 epochs"`, `"5%"`. By default all do.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: torch `ReduceLROnPlateau`, which counts NaN as not better. For a negative best value torch's threshold has
    the opposite direction; here it always requires an improvement.

    >>> rule = plateau(patience=1, factor=0.5)
    >>> state = rule.init()
    >>> for loss in (1.0, 1.0, 1.0):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.2)
    0.1
    """

    metric: str = field(default="loss", metadata=checked(metric_name))
    mode: MetricMode = field(default="min", metadata=one_of(MetricMode))
    factor: float = field(default=0.1, metadata=REDUCTION)
    patience: int = field(default=10, metadata=checked(whole_number, least=0))
    threshold: float = field(default=1e-4, metadata=checked(not_negative))
    threshold_mode: ThresholdMode = field(default="rel", metadata=one_of(ThresholdMode))
    cooldown: int = field(default=0, metadata=checked(whole_number, least=0))
    min: Level = field(default=0.0, metadata=LOWEST)
    eps: float = field(default=0.0, metadata=checked(not_negative))
    nonfinite: Nonfinite = field(default="ignore", metadata=one_of(Nonfinite))

    def _is_ignored(self, value: float) -> bool:
        return self.nonfinite == "ignore" and not math.isfinite(value)

    def _advice_if_ignored(self, value: float) -> str:
        return messages.to_count_it(replace(self, nonfinite="count"))

    def init(self) -> PlateauState:
        return PlateauState()

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        number = metric_number("plateau", self.metric, value, self.nonfinite)
        if number is None:
            return state
        better = improves_on(number, state.best, self.mode, self.threshold, self.threshold_mode)
        best = number if better else state.best
        bad = 0 if better else state.bad + 1
        cooling = state.cooling
        factor = state.factor
        if cooling > 0:
            cooling = cooling - 1
            bad = 0
        if bad > self.patience:
            reduced = reduced_factor(factor, self.factor, self.min)
            factor = reduced if factor - reduced > self.eps else factor
            cooling = self.cooldown
            bad = 0
        return PlateauState(best, bad, cooling, factor)

    def apply(self, state: PlateauState, value: Any, base: Any = 1.0) -> Any:
        return reduced_value(value, state.factor, self.min, base)

    def restore(self, data: dict[str, Any]) -> PlateauState:
        require_state(self, data, PlateauState, ("best",))
        require_reduction(self, data["factor"])
        return PlateauState(**data)


plateau = registered(constructor("plateau", PlateauRule))
