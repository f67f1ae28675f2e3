"""Spike: a metric rule that reduces a schedule after a spike of the loss, and lets it recover."""

import math
import re
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Literal, TypeAlias, final

from paramsched.core.advice.calls import constructor
from paramsched.core.advice.number_checks import checked, finite_number, one_of, positive_number, whole_number
from paramsched.core.feedback.base import (
    REDUCTION,
    MetricRule,
    Mode,
    Nonfinite,
    metric_name,
    metric_number,
    reduced_factor,
    reduced_value,
    require_state,
)
from paramsched.core.schedules.registry import shape
from paramsched.errors import CallSite, InvalidArgument, StateError, shown, site_with_value

Spread: TypeAlias = Literal["mad", "std"]
"""The measure of spread: the median absolute deviation, or the standard deviation."""

_MAD_OF_NORMAL = 1.4826  # the standard deviation of normal values with a median absolute deviation of 1
_LEAST_SPREAD = 0.001  # times the median, because losses of few digits may all be equal


@final
@dataclass(frozen=True, slots=True)
class SpikeState:
    """The state of a spike rule.

    Args:
        recent: the last finite values of the metric, at most `window`.
        low: the factor after the last reduction; 1 if there was none.
        since: the number of values since the last reduction, up to the number after which it has no effect.
        spikes: the number of spikes so far, also those that did not reduce.
    """

    recent: tuple[float, ...] = ()
    low: float = 1.0
    since: int = 0
    spikes: int = 0


def _observations(site: CallSite, count: object, least: int) -> int:
    if isinstance(count, str):
        number = re.search(r"\d+", count)
        found = "expected a number of observations, because a metric rule does not know the update"
        valid = int(number[0]) if number else 100
        raise InvalidArgument(site_with_value(site, count), found, write=f"{site.argument}={valid}", sample=valid)
    return whole_number(site, count, least)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Spike(MetricRule[SpikeState]):
    """Reduce a schedule after a spike of a metric, and return to the plan: `cosine() * spike("loss")`.

    value(t) = schedule(t) * (low + (1 - low) * j / recover), j values after a spike; schedule(t) from j = recover on

    A value x is a spike if x - m > sigma * w. m and w are the median and the spread of the last `window` values before
    it, of which at least `window // 2` must be known. Every number counts values of the metric, not updates: observe
    each update, or scale the numbers.

    Args:
        metric: the name of the metric, as in `scheduler.observe(loss=…)`.
        sigma: the height of a spike in spreads, above 0.
        window: the number of values, at least 2, with which a value is compared.
        factor: the factor of one reduction, greater than 0 and less than 1. It multiplies the current factor.
        recover: the number of values, at least 1, in which the factor rises to 1 again, along a straight line.
        cooldown: the number of values after a reduction that cannot reduce again.
        spread: `"mad"` for 1.4826 times the median absolute deviation from the median, and at least 0.001 times the
            median. `"std"` for the mean and the standard deviation; one spike then hides the next for a whole window.
        mode: `"min"` if a spike is a rise, `"max"` if it is a fall.
        min: the smallest factor, a multiple of the planned value.
        nonfinite: NaN and infinite values are spikes (`"count"`), are skipped (`"ignore"`), or raise an error
            (`"raise"`).

    Raises:
        InvalidArgument: an argument is out of range, or a length has a unit.

    The rule does not skip the update, drop the batch or reset the optimizer. That a lower rate helps after a spike is
    known from reports of single runs only.

    Source: the criterion of `"std"` is that of OLMo-core's `SkipStepOptimizer`, which starts one value earlier.

    >>> rule = spike(window=4, recover=2, cooldown=0)
    >>> state = rule.init()
    >>> for loss in (3.0, 3.1, 9.0, 3.0, 3.1):
    ...     state = rule.observe(state, loss)
    ...     print(rule.apply(state, 0.1), end=" ")
    0.1 0.1 0.05 0.07500000000000001 0.1
    """

    metric: str = field(default="loss", metadata=checked(metric_name))
    sigma: float = field(default=6.0, metadata=checked(positive_number))
    window: int = field(default=128, metadata=checked(_observations, least=2))
    factor: float = field(default=0.5, metadata=REDUCTION)
    recover: int = field(default=500, metadata=checked(_observations, least=1))
    cooldown: int = field(default=50, metadata=checked(_observations, least=0))
    spread: Spread = field(default="mad", metadata=one_of(Spread))
    mode: Mode = field(default="min", metadata=one_of(Mode))
    min: float = field(default=0.0, metadata=checked(finite_number))
    nonfinite: Nonfinite = field(default="count", metadata=one_of(Nonfinite))

    def check_together(self) -> None:
        if not 0 <= self.min <= 1:
            found = "expected a multiple of the planned value from 0 to 1"
            raise InvalidArgument(CallSite("spike", "min", shown(self.min)), found, write="min=0.1", sample=0.1)

    @property
    def _settled(self) -> int:
        """The number of values after which the last reduction has no effect."""
        return max(self.recover, self.cooldown + 1)

    def init(self) -> SpikeState:
        return SpikeState(since=self._settled)

    def observe(self, state: SpikeState, value: float) -> SpikeState:
        number = metric_number("spike", self.metric, value, self.nonfinite)
        if number is None:
            return state
        spiked = self._is_spike(state.recent, number)
        recent = (*state.recent, number)[-self.window :] if math.isfinite(number) else state.recent
        since = min(state.since + 1, self._settled)
        after = SpikeState(recent, state.low, since, state.spikes + spiked)
        if not spiked or since <= self.cooldown:
            return after
        return replace(after, low=reduced_factor(self._factor_of(state), self.factor, self.min), since=0)

    def _is_spike(self, recent: tuple[float, ...], number: float) -> bool:
        if not math.isfinite(number):
            return True
        if len(recent) < max(self.window // 2, 2 if self.spread == "std" else 1):
            return False
        if self.spread == "mad":
            middle = median(recent)
            deviations = [abs(one - middle) for one in recent]
            spread = max(_MAD_OF_NORMAL * median(deviations), _LEAST_SPREAD * abs(middle))
        else:
            middle = math.fsum(one / len(recent) for one in recent)
            deviations = [abs(one - middle) for one in recent]
            largest = max(deviations) or 1.0  # divided by it, because squares could overflow
            squares = math.fsum(one / largest * (one / largest) for one in deviations)
            spread = largest * math.sqrt(squares / (len(recent) - 1))
        rise = number - middle if self.mode == "min" else middle - number
        return rise > self.sigma * spread

    def _factor_of(self, state: SpikeState) -> float:
        if state.since >= self.recover:
            return 1.0
        return state.low + (1 - state.low) * state.since / self.recover

    def apply(self, state: SpikeState, value: Any, base: Any = 1.0) -> Any:
        return reduced_value(value, self._factor_of(state), 0.0, base)

    def restore(self, data: dict[str, Any]) -> SpikeState:
        require_state(self, data, SpikeState, ("recent",), self.window)
        if data["low"] > 1 or data["since"] > self._settled:
            raise StateError(f"state of {self}: low must be at most 1, and since at most {self._settled}")
        return SpikeState(**{**data, "recent": tuple(map(float, data["recent"]))})


spike = shape(constructor("spike", Spike))
