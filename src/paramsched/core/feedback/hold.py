"""Hold: a metric rule that keeps a measured value at a target, such as the KL divergence of a policy."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, final

from paramsched.core.builders import constructor
from paramsched.core.feedback.base import MetricRule, Nonfinite, metric_name, metric_number, require_state
from paramsched.core.number_checks import checked, finite_number, one_of, positive_number
from paramsched.core.schedules.registry import shape
from paramsched.errors import CallSite, InvalidArgument, StateError, shown, site_with_value

WhenHigh: TypeAlias = Literal["raise", "lower"]
"""The effect of a metric above its target: it raises or lowers the schedule."""

_LEAST, _MOST = 1e-300, 1e300  # limits of the multiple, so that it can always return
_BANDS, _LIMIT = (0.5, 2.0), 0.2


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
        low, high = (finite_number(site, one) for one in bands)
        if 0 < low <= high:
            return low, high
    found = "expected two numbers greater than 0, the smaller one first"
    raise InvalidArgument(site_with_value(site, bands), found, example="bands=[0.5, 2.0]")


@final
@dataclass(frozen=True, slots=True, repr=False)
class Hold(MetricRule[HoldState]):
    """Hold a metric at a target by a factor m of a schedule: `constant() * hold("kl", at=6.0, gain=0.01)`.

    value(t) = schedule(t) * m, where m is 1 at the start and changes with each observed value x by one of three rules:

    - `gain=g`: m * (1 + g * e), with e = x / at - 1 between `-limit` and `limit`
    - `factor=k`: m * k if x > b * at, m / k if x < a * at, where `bands` is the pair (a, b); else m
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
            With `"count"`, infinity is above the target, minus infinity is below it, and NaN is skipped.
        after: the time of the run from which on values count, in any unit: `"4 epochs"`, `"5%"`. By default all do.

    Numbers count observations, not updates.

    Raises:
        InvalidArgument: an argument is out of range, not exactly one of `gain`, `factor` and `add` is passed, or
            `bands` or `limit` is passed with a rule that has none.

    Source: `gain`: Ziegler et al. 2019 (1909.08593), `AdaptiveKLController` of TRL, OpenRLHF and verl, where
    gain = n_steps / horizon. `factor`: Schulman et al. 2017 (1707.06347), section 4, with `factor=2` and bands
    (1 / 1.5, 1.5); the KL-adaptive rate of rsl_rl, rl_games and skrl, with `factor=1.5` and `when_high="lower"`. A
    value of 0 or less is below the band, as in skrl; rsl_rl raises its rate only if the KL is greater than 0. `add`:
    the adaptive entropy of Skywork-OR1 (2505.22312), with `when_high="lower"`.

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
    low: float | None = field(default=None, kw_only=True, metadata=checked(finite_number))
    high: float | None = field(default=None, kw_only=True, metadata=checked(finite_number))

    nonfinite: Nonfinite = field(default="ignore", kw_only=True, metadata=one_of(Nonfinite))

    def check_together(self) -> None:
        forms = {"gain": self.gain, "factor": self.factor, "add": self.add}
        chosen = [name for name, number in forms.items() if number is not None]
        if len(chosen) != 1:
            found = f"expected one of gain, factor and add, got {' and '.join(chosen) or 'none'}"
            raise InvalidArgument(
                f"hold({shown(self.metric)}, at={self.at})", found, example=self._example("gain=0.01")
            )
        if self.add is None and self.at <= 0:
            raise self._refusal(
                "at", f"it must be greater than 0 with {chosen[0]}, which compares by ratios", sample=6.0
            )
        if self.factor is not None and self.factor <= 1:
            raise self._refusal("factor", "must be greater than 1", sample=1.5)
        if self.gain is not None and self.gain * self.limit >= 1:
            found = (
                f"gain * limit must be less than 1, so that the factor stays above 0; it is {self.gain * self.limit:g}"
            )
            raise self._refusal("gain", found, sample=0.1)
        if self.factor is None and self.bands is not None:
            raise self._refusal("bands", f"{chosen[0]} has no band; only factor has one", self._example("factor=1.5"))
        if self.gain is None and self.limit != _LIMIT:
            raise self._refusal("limit", f"{chosen[0]} has no limit; only gain has one", self._example("gain=0.01"))
        start = "because the factor is 1 at the start"
        if self.low is not None and not (self.low <= 1 and (self.low >= 0 or self.add is not None)):
            found = f"expected a multiple of at most 1, {start}, and at least 0 unless add is passed"
            raise self._refusal("low", found, sample=0.1)
        if self.high is not None and self.high < 1:
            raise self._refusal("high", f"expected a multiple of at least 1, {start}", sample=10.0)

    def _refusal(self, argument: str, found: str, write: str = "", sample: float = 0.1) -> InvalidArgument:
        site = CallSite("hold", argument, shown(getattr(self, argument)))
        return InvalidArgument(site, found, example=write or f"{argument}={sample}")

    def _example(self, form: str) -> str:
        return f'hold("{self.metric}", at={self.at if self.at > 0 else 6.0}, {form})'

    def _advice_if_ignored(self, value: float) -> str | None:
        if math.isnan(value):  # neither above nor below the target
            return ""
        if math.isfinite(value) or self.nonfinite != "ignore":
            return None
        return f"To count it, write {replace(self, nonfinite='count')}"

    def init(self) -> HoldState:
        return HoldState()

    def observe(self, state: HoldState, value: float) -> HoldState:
        number = metric_number("hold", self.metric, value, self.nonfinite)
        if number is None or math.isnan(number):
            return state
        changed = self._changed(state.multiple, number)
        low, high = self._bounds
        return HoldState(min(max(changed, low), high))

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
            raise StateError(f"state of {self}: multiple must be from {low} to {high}, got {data['multiple']!r}")
        return HoldState(float(data["multiple"]))


hold = shape(constructor("hold", Hold))
