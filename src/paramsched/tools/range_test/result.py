"""The result of a range test: the loss at each learning rate, and suggested learning rates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Floats
from paramsched.errors import MissingDependency

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ending: TypeAlias = Literal["highest rate", "diverged", "not finite"]


_FAR: Final = 10  # from this ratio on two suggestions contradict each other, often because of noise
_FEW: Final = 10  # differences, of which fewer have no reliable median
_MEDIAN_TO_DEVIATION: Final = 1.4826  # of normally distributed numbers
_NOISE: Final = 3  # a decrease of fewer standard deviations of the losses is noise in 97 of 100 tests without a signal


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RangeTest:
    """The result of `find_lr`. Printing it shows a picture of the loss.

    Args:
        rates: the learning rates of the group with the highest lr; shape (n,). Other groups keep their ratio to it.
        losses: the loss that `step` returned at each rate; shape (n,).
        smoothed: the exponential moving average of the losses, bias-corrected; shape (n,).
        ending: the reason for the end of the test: `"highest rate"`, `"diverged"` (the smoothed loss rose too far above
            its minimum), or `"not finite"` (the next loss was nan or infinite, and is not included).

    >>> rates = np.geomspace(1e-4, 1.0, 9)
    >>> losses = np.array([2, 2, 2, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0])
    >>> found = RangeTest(rates, losses, losses, "diverged")
    >>> [round(rate, 4) for rate in (found.valley, found.steepest, found.minimum_tenth)]
    [0.0032, 0.001, 0.01]
    """

    rates: Floats
    losses: Floats
    smoothed: Floats
    ending: Ending

    @property
    def suggestion(self) -> float | None:
        """The suggested initial learning rate, `valley`; None if the loss did not decrease by more than its noise."""
        return self.valley

    @property
    def valley(self) -> float | None:
        """The rate at which half of the decrease of the smoothed loss is reached; None as for `suggestion`."""
        if (decrease := self._decrease()) is None:
            return None
        first, last = decrease
        half = (self.smoothed[: last + 1].max() + self.smoothed[last]) / 2
        return float(self.rates[first + int(np.flatnonzero(self.smoothed[first : last + 1] >= half)[-1])])

    @property
    def steepest(self) -> float | None:
        """The rate with the fastest decrease of the smoothed loss per decade; None as for `suggestion`."""
        if (decrease := self._decrease()) is None:
            return None
        first, last = decrease
        slopes = np.gradient(self.smoothed[first : last + 1], np.log10(self.rates[first : last + 1]))
        return float(self.rates[first + int(np.argmin(slopes))])

    @property
    def minimum_tenth(self) -> float | None:
        """A tenth of the rate with the smallest smoothed loss; None as for `suggestion`, or below the lowest rate."""
        decrease = self._decrease()
        tenth = 0.0 if decrease is None else float(self.rates[decrease[1]]) / 10
        return tenth if tenth >= self.rates[0] else None

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Return a picture of the smoothed loss for a terminal, with the suggestions and the reason for the end.

        Args:
            width: the width of the picture in characters.
            ascii: if True, use ASCII characters only.
        """
        from paramsched.show import loss_by_rate

        marks = {name: rate for name, rate in self._named_rates() if rate is not None}
        picture = loss_by_rate(self.rates, self.smoothed, marks, width=width, ascii=ascii)
        last = f"{self.rates[-1]:.2g}"
        why = {
            "highest rate": f"The highest rate, {last}, was reached.",
            "diverged": f"The loss rose too far at {last}.",
            "not finite": f"The loss was not finite above {last}.",
        }[self.ending]
        named = ", ".join(f"{name} {rate:.2g}" for name, rate in marks.items())
        if not marks:
            is_noise = self._decrease(of_noise=True) is not None
            found = "did not decrease by more than its noise" if is_noise else "never decreased"
            named = f"The loss {found}, so no rate is suggested"
        doubt = ""
        if marks and "minimum / 10" not in marks:
            doubt = f" minimum / 10 is below the lowest rate, {self.rates[0]:.2g}."
        if marks and max(marks["steepest"], marks["valley"]) > _FAR * min(marks["steepest"], marks["valley"]):
            doubt += f" steepest and valley differ by a factor of more than {_FAR}: compare them with the curve."
        return f"{picture}\n{named}. {why}{doubt}"

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Plot losses, smoothed losses and suggestions over the rates with Matplotlib, and return the axes.

        Args:
            axes: the axes to draw on. Default: those of a new figure.

        Raises:
            MissingDependency: Matplotlib is not installed.
        """
        if axes is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as absent:
                raise MissingDependency("RangeTest.plot", "matplotlib") from absent
            axes = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
        axes.plot(self.rates, self.losses, color="0.75", linewidth=1, label="loss")
        axes.plot(self.rates, self.smoothed, color="C0", linewidth=2, label="smoothed")
        for number, (name, rate) in enumerate(self._named_rates(), 1):
            if rate is not None:
                axes.axvline(rate, color=f"C{number}", linestyle="--", linewidth=1.2, label=f"{name} {rate:.2g}")
        axes.set(xscale="log", xlabel="lr", ylabel="loss")
        low, high = float(self.smoothed.min()), float(self.smoothed.max())
        axes.set_ylim(low - 0.08 * (high - low or 1.0), high + 0.08 * (high - low or 1.0))
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize="small")
        return axes

    def __repr__(self) -> str:
        return self.text()

    def _decrease(self, *, of_noise: bool = False) -> tuple[int, int] | None:
        """Return the first and the last index of the decrease of the smoothed loss.

        Returns None if the loss never decreases, or not by more than its noise, unless `of_noise` is true.

        The decrease ends at the minimum. It starts at the last index at which at most a tenth of the decrease from
        the earlier maximum to the minimum has been reached.
        """
        last = int(np.argmin(self.smoothed))
        earlier = self.smoothed[:last]
        if not earlier.size:
            return None
        height = earlier.max() - self.smoothed[last]
        if height < _NOISE * self._noise(last) and not of_noise:
            return None
        return int(np.flatnonzero(earlier >= earlier.max() - height / 10)[-1]), last

    def _noise(self, last: int) -> float:
        """Return the standard deviation of the losses around their trend, up to the minimum, or in the first half.

        A trend does not change the second differences, and a jump does not change their median. Few losses return 0.
        """
        differences = np.diff(self.losses[: max(last + 1, len(self.losses) // 2)], 2)
        if differences.size < _FEW:
            return 0.0
        return float(_MEDIAN_TO_DEVIATION * np.median(np.abs(differences)) / 6**0.5)

    def _named_rates(self) -> tuple[tuple[str, float | None], ...]:
        return ("valley", self.valley), ("steepest", self.steepest), ("minimum / 10", self.minimum_tenth)
