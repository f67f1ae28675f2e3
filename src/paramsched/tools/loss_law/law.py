"""A fitted loss law, and its predictions."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import hypot, isfinite
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.core.base.files import open_to_read, path_of_file, write_whole_file
from paramsched.core.base.problem import Advice, Problem, Sentence
from paramsched.core.base.user_warnings import warn_user
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.plan.forms import FORMS
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, shown
from paramsched.tools.loss_law.inputs import Rates, first_fitted, rates_of
from paramsched.tools.loss_law.multi_power import CONSTANTS, terms_at

if TYPE_CHECKING:
    from paramsched.show import LoggedRun

NEAR_PEAK = 0.1
"""The largest relative difference of two peaks that one law describes."""

_BAND = 6  # standard deviations; chosen on 191 predictions of public curves, of whose points the band contains 96 %
_EQUAL_RUNS = 0.004  # of the loss, in the band of a difference; chosen with the next number on public curves
_MOST_OF_BANDS = 1 / 3
BIAS = "measured gaps were smaller: on a GRU, predicted ones were 11 to 37 % too large in 12 of 12 pairs"
"""How far the size of a predicted difference can be trusted; its sign was right in these pairs."""

_SAME_LAW = 1e-9  # relative difference of a loss that one law predicts twice, which is only rounding
_POINTS = 200
_MOST_AT_ONCE = 256  # points whose terms are in memory at the same time
_LONGEST = 3  # times the longest fitted run; no longer run was compared with a prediction


@final
@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The predicted loss of a run. In a notebook it draws itself, below the rates.

    Args:
        t: the predicted updates; shape (n,).
        loss: the loss of each of these updates; shape (n,).
        low, high: the band. About nine of ten unseen points are inside it.
        rates: the rate of every update of the run.
    """

    t: Integers
    loss: Floats
    low: Floats
    high: Floats
    rates: Floats

    @property
    def final(self) -> float:
        """The loss of the last predicted update."""
        return float(self.loss[-1])

    @property
    def final_band(self) -> tuple[float, float]:
        """The band of the last predicted update: the lower and the upper end."""
        return float(self.low[-1]), float(self.high[-1])

    def as_run(self, name: str = "predicted") -> "LoggedRun":
        """Return the prediction as a run with the metric `loss` and its band, to draw it over a plan or other runs."""
        from paramsched.show import LoggedRun

        return LoggedRun(name, measured={"loss": (self.t, self.loss)}, bands={"loss": (self.low, self.high)})

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as data for JSON; a loss that is infinite becomes None."""
        curves = {"loss": self.loss, "low": self.low, "high": self.high}
        known = {name: [one if isfinite(one) else None for one in values.tolist()] for name, values in curves.items()}
        return {"t": self.t.tolist(), "final": self.final, "final_band": list(self.final_band), **known}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from paramsched.show import curves_from_values, figure, mime_bundle

        return mime_bundle(figure(curves_from_values({("lr", ""): self.rates}), title="Prediction", log=self.as_run()))

    def __str__(self) -> str:
        low, high = self.final_band
        return f"{self.final:.4f} ({low:.4f} to {high:.4f}) at update {self.t[-1]:,}"

    def __repr__(self) -> str:
        return f"<Prediction {self}>"


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """The predicted difference of the losses of two runs at their ends: of the first plan minus of the second one.

    Its sign is more certain than its size. On a GRU over bytes, with a law of three schedules, the predicted
    differences of four other schedules were 11 % to 37 % larger than the measured ones in all 12 pairs of one seed.

    Args:
        final: the difference. Below 0, the first plan ends with the lower loss.
        low, high: the band. If both have one sign, the order of the plans is certain within the band.
    """

    final: float
    low: float
    high: float

    @property
    def final_band(self) -> tuple[float, float]:
        """The band: the lower and the upper end."""
        return self.low, self.high

    @property
    def about_equal(self) -> bool:
        """Whether the band contains 0."""
        return self.low <= 0 <= self.high

    def __str__(self) -> str:
        return f"{self.final:+.4f} ({self.low:+.4f} to {self.high:+.4f}){' about equal' * self.about_equal}"


@final
@dataclass(frozen=True, slots=True)
class FittedCurve:
    """A curve that a law was fitted on.

    Args:
        updates: the number of updates of its run.
        points: the number of its losses after the warmup.
        mae: the mean absolute difference of these losses from the law.
    """

    updates: int
    points: int
    mae: float


@final
@dataclass(frozen=True, slots=True)
class LossLaw:
    """A multi-power law for one model, one data set and one batch size; built by `fit` or `load`. Experimental.

    Args:
        constants: L0, A, alpha, B, C, beta and gamma, for absolute learning rates.
        covariance: the 7 × 7 covariance of their logarithms, in this order.
        sigma: the standard deviation of the logarithm of a loss around the law.
        peaks: the peak rates of the fitted runs.
        longest: the number of updates of the longest fitted run.
        curves: the fitted curves.
        lowest: the smallest rate of a fitted run after its warmup; 0 if it is unknown.
    """

    constants: Mapping[str, float]
    covariance: tuple[tuple[float, ...], ...] = field(repr=False)
    sigma: float
    peaks: tuple[float, ...]
    longest: int
    curves: tuple[FittedCurve, ...] = field(default=(), repr=False)
    lowest: float = 0.0

    def predict(
        self,
        plan: Rates,
        *,
        base: Any = None,
        calendar: Calendar | None = None,
        group: str | int | None = None,
        at: ArrayLike | None = None,
        other_peak: bool = False,
    ) -> Prediction:
        """Predict the loss of a run with the model, the data and the batch size of the fitted runs.

        Args:
            plan: a plan, a trace, or an array with the rate of every update.
            base: the bases of a plan, such as `{"lr": 3e-4}`. Not required if its levels are absolute.
            calendar: the run facts of a plan. Not required for a plan in updates.
            group: the group whose rates are used. Required if the rates of the groups are not proportional.
            at: the updates to predict. Default: 200 updates from the end of the warmup to the end of the run.
            other_peak: True predicts a run whose peak rate differs from the fitted ones by more than a tenth. A law of
                one peak was wrong by 0.03 at half, by 0.06 at twice, and by 0.2 at a tenth of it.

        Raises:
            InvalidArgument: the rates are unknown, have another peak, or `at` is not in the run; or the law would
                predict a loss below its L0, as it does for many cycles.

        Warns if the run is more than three times as long as the longest fitted run, has smaller rates, or if its rate
        rises again by more than a tenth of the peak after it has fallen.

        >>> constants = dict(L0=2.65, A=0.6, alpha=0.46, B=440, C=2.1, beta=0.59, gamma=0.64)
        >>> law = LossLaw(constants, ((0.0,) * 7,) * 7, 0.001, (3e-4,), 24000)
        >>> rates = np.full(24000, 3e-4)
        >>> print(law.predict(rates))
        2.8920 (2.8747 to 2.9094) at update 23,999
        """
        rates = rates_of("law.predict(…)", plan, base, calendar, group)
        peak, first = float(rates.max()), first_fitted(rates)
        if not other_peak and not any(abs(peak / one - 1) <= NEAR_PEAK + 1e-9 for one in self.peaks):
            fitted = ", ".join(f"{one:g}" for one in self.peaks)
            found = f"the peak rate is {peak:g}, but the law was fitted at {fitted} and holds for 0.9 to 1.1 times that"
            fit, instead = "Fit a law on runs with this peak", "or write other_peak=True"
            raise InvalidArgument("law.predict(…)", found, Advice(Sentence(f"{fit}, {instead}", fit)))
        if at is None:
            points = np.unique(np.linspace(first, rates.size - 1, _POINTS).astype(np.int64))
        else:
            points = np.atleast_1d(np.asarray(at))
            whole = points.ndim == 1 and points.size and points.dtype.kind in "iu"
            if not whole or points.min() < 0 or points.max() >= rates.size:
                found = f"expected integers from 0 to {rates.size - 1}, the updates of the run"
                raise InvalidArgument(f"law.predict(…, at={shown(at)})", found, f"Write at=[{rates.size - 1}]")
            points = points.astype(np.int64)
        if rates.size > _LONGEST * self.longest:
            found = (
                f"the run has {rates.size:,} updates, more than three times the longest fitted run "
                f"({self.longest:,}); no prediction of this length was compared with a run"
            )
            warn_user(Problem(found=found))
        if (lowest := float(rates[first:].min())) < 0.99 * self.lowest:
            found = f"the run has rates down to {lowest:.3g}; the smallest fitted rate is {self.lowest:.3g}"
            warn_user(Problem(found=found))
        losses = self.losses(rates, points)
        if (least := float(losses[0].min())) <= self.constants["L0"]:  # each rise and fall of a rate adds to the terms
            found = f"the predicted loss is {least:.4g}, but the law has no loss below {self.constants['L0']:.4g}"
            instead = (
                "The law does not hold for a rate that rises and falls again and again. Pass a rate with fewer cycles"
            )
            raise InvalidArgument("law.predict(…)", found, instead)
        falls = np.flatnonzero(np.diff(rates[first:]) < 0)
        again = rates[first:][falls[0] + 1 :] if falls.size else rates[:0]
        if again.size and float(np.max(again - np.minimum.accumulate(again))) > NEAR_PEAK * peak:
            found = (
                "the rate rises again after it has fallen; the law counts each cycle anew, and predicts too low a loss"
            )
            warn_user(Problem(found=found))
        return Prediction(points, *losses, rates)

    def losses(self, rates: Floats, points: Integers) -> tuple[Floats, Floats, Floats]:
        """Return the loss at some updates of a run, and its band, without the checks of `predict`."""
        loss, slopes = self._slopes(rates, points)
        variance = self._variance(np.where(np.isfinite(loss), slopes, 0.0) / loss)
        width = np.exp(np.minimum(_BAND * np.sqrt(self.sigma**2 + variance), 100))
        return loss, loss / width, loss * width

    def difference(
        self,
        plan_a: "Rates | Prediction",
        plan_b: "Rates | Prediction",
        *,
        base: Any = None,
        calendar: Calendar | None = None,
        group: str | int | None = None,
        other_peak: bool = False,
    ) -> Difference:
        """Predict the final loss of `plan_a` minus that of `plan_b`, for runs that share their seed and data order.

        The errors of two predictions are mostly the same error, so the band of the difference is at most a third as
        wide as the two bands together. With the derivatives J of the two losses by the logarithms of the constants, its
        half width is the root of 6² · (J_a - J_b) · covariance · (J_a - J_b)ᵀ + (0.004 · loss)².

        Differences are rather predicted too large than too small; see `Difference`.

        Args:
            plan_a, plan_b: two plans, traces, predictions of this law, or arrays with the rate of every update. A
                prediction of some updates is compared at the last update of its run, too.
            base, calendar, group, other_peak: as in `predict`; base and calendar are those of the plans.

        Raises:
            InvalidArgument: as in `predict`; or a prediction is that of another law.

        >>> constants = dict(L0=2.65, A=0.6, alpha=0.46, B=440, C=2.1, beta=0.59, gamma=0.64)
        >>> law = LossLaw(constants, ((0.0,) * 7,) * 7, 0.001, (3e-4,), 24000)
        >>> print(law.difference(np.linspace(3e-4, 3e-5, 24000), np.full(24000, 3e-4)))
        -0.0381 (-0.0495 to -0.0267)
        """
        runs = [
            self._own(plan)
            if isinstance(plan, Prediction)
            else self.predict(
                plan,
                base=base if isinstance(plan, FORMS) else None,
                calendar=calendar if isinstance(plan, FORMS) else None,
                group=group,
                other_peak=other_peak,
            )
            for plan in (plan_a, plan_b)
        ]
        ends = [np.array([run.rates.size - 1]) for run in runs]
        slopes_a, slopes_b = (self._slopes(run.rates, end)[1] for run, end in zip(runs, ends, strict=True))
        (loss_a, low_a, high_a), (loss_b, low_b, high_b) = (
            map(float, np.concatenate(self.losses(run.rates, end))) for run, end in zip(runs, ends, strict=True)
        )
        spread = _BAND * float(np.sqrt(self._variance(slopes_a - slopes_b))[0])
        bands = (high_a - low_a + high_b - low_b) / 2
        width = min(hypot(spread, _EQUAL_RUNS * min(loss_a, loss_b)), bands * _MOST_OF_BANDS)
        gap = loss_a - loss_b
        return Difference(gap, gap - width, gap + width)

    def _own(self, run: Prediction) -> Prediction:
        """Return a prediction of this law unchanged; raise InvalidArgument for that of another law."""
        again = self.losses(run.rates, run.t[-1:])
        if not np.allclose(again, [[run.loss[-1]], [run.low[-1]], [run.high[-1]]], rtol=_SAME_LAW, atol=0.0):
            found = f"the prediction is {run}, but this law predicts {Prediction(run.t[-1:], *again, run.rates)}"
            raise InvalidArgument("law.difference(…)", found, "Use law.difference(law.predict(a), law.predict(b))")
        return run

    def _slopes(self, rates: Floats, points: Integers) -> tuple[Floats, Floats]:
        """Return the losses at some updates, and their derivatives by the logarithms of the constants."""
        constants = [self.constants[name] for name in CONSTANTS]
        parts = np.array_split(points, -(-points.size // _MOST_AT_ONCE))
        found = [terms_at(rates, part).losses(constants) for part in parts]
        return np.concatenate([one for one, _ in found]), np.concatenate([slopes for _, slopes in found], axis=1)

    def _variance(self, slopes: Floats) -> Floats:
        """Return the variance of a value with these derivatives by the logarithms of the constants."""
        variance: Floats = np.maximum(np.einsum("in,ij,jn->n", slopes, np.array(self.covariance), slopes), 0.0)
        return variance

    def to_json(self) -> str:
        """Return the law as JSON. `load` reads it back exactly."""
        data = {"law": _NAME, "version": _VERSION, "source": "arXiv 2503.12811", **asdict(self)}
        return json.dumps(data, indent=1) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the law to a JSON file, atomically."""
        write_whole_file(path_of_file(path), self.to_json().encode())


_NAME, _VERSION = "multi-power", 1
_MOST_BYTES = 2**24


def load(path: str | os.PathLike[str]) -> LossLaw:
    """Read a law that `law.save` has written.

    Raises:
        InvalidArgument: the file is not a law of this version.
        OSError: the file cannot be read.
    """
    with open_to_read(path_of_file(path)) as stream:
        text = stream.read(_MOST_BYTES)

    def refusal(found: str) -> InvalidArgument:
        return InvalidArgument(str(path), found, "Fit the law again: ps.loss_law.fit(curves, plans=plans).save(path)")

    try:
        data = json.loads(text)
        if (data["law"], data["version"]) != (_NAME, _VERSION):
            found = f"got {shown(data['law'])}, version {shown(data['version'])}"
            raise refusal(f"expected a {_NAME} law, version {_VERSION}, {found}")
        law = LossLaw(
            {name: float(data["constants"][name]) for name in CONSTANTS},
            tuple(tuple(float(one) for one in row) for row in data["covariance"]),
            float(data["sigma"]),
            tuple(float(one) for one in data["peaks"]),
            int(data["longest"]),
            tuple(FittedCurve(int(one["updates"]), int(one["points"]), float(one["mae"])) for one in data["curves"]),
            float(data.get("lowest", 0.0)),
        )
    except KeyError as missing:
        raise refusal(f"{missing.args[0]} is missing") from None
    except InvalidArgument:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError, RecursionError):
        raise refusal("expected the JSON of a law") from None
    positive = (*law.constants.values(), *law.peaks, law.longest, law.sigma)
    if not law.peaks or not all(isfinite(one) and one > 0 for one in positive):
        raise refusal("every constant, every peak, longest and sigma must be finite and above 0")
    if not 0 <= law.lowest <= max(law.peaks):
        raise refusal("lowest must be at least 0, and at most the largest peak")
    if [len(row) for row in law.covariance] != [7] * 7 or not np.isfinite(law.covariance).all():
        raise refusal("the covariance must be 7 × 7 finite numbers")
    return law
