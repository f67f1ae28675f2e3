"""What a range test found: the loss at each rate, and which rates it suggests."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Floats
from paramsched.errors import MissingDependency
from paramsched.show import loss_by_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ending: TypeAlias = Literal["highest rate", "diverged", "not finite"]


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RangeTest:
    """The result of `find_lr`; printed, it is a picture.

    Args:
        rates: of the group with the highest rate; the others keep their ratio to it.
        losses: what `step` returned at each.
        smoothed: their running average.
        ending: why it ended: `"highest rate"`, `"diverged"` (the smoothed loss rose too far above its lowest), or
            `"not finite"` (the next loss was nan or infinite, and is left out).

    >>> rates = np.geomspace(1e-4, 1.0, 9)
    >>> found = RangeTest(rates, losses := np.array([2, 2, 2, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0]), losses, "diverged")
    >>> [round(rate, 4) for rate in (found.valley, found.steepest, found.minimum_tenth)]
    [0.0032, 0.001, 0.01]
    """

    rates: Floats
    losses: Floats
    smoothed: Floats
    ending: Ending

    @property
    def suggestion(self) -> float | None:
        """A rate to begin with: `valley`. None where the loss never fell."""
        return self.valley

    @property
    def valley(self) -> float | None:
        """Where the smoothed loss has made half of its way down. None where it never fell."""
        if (way_down := self._way_down()) is None:
            return None
        first, last = way_down
        half = (self.smoothed[: last + 1].max() + self.smoothed[last]) / 2
        return float(self.rates[first + int(np.flatnonzero(self.smoothed[first : last + 1] >= half)[-1])])

    @property
    def steepest(self) -> float | None:
        """Where the smoothed loss falls fastest, per decade of the rate, on its way down. None where it never fell."""
        if (way_down := self._way_down()) is None:
            return None
        first, last = way_down
        slopes = np.gradient(self.smoothed[first : last + 1], np.log10(self.rates[first : last + 1]))
        return float(self.rates[first + int(np.argmin(slopes))])

    @property
    def minimum_tenth(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is lowest. None where it never fell."""
        way_down = self._way_down()
        return None if way_down is None else float(self.rates[way_down[1]]) / 10

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Draw the smoothed loss over the rates, for a terminal; say the suggestions, and why the test ended.

        Args:
            width: of the picture, in characters.
            ascii: draw without characters of Unicode.
        """
        marks = {name: rate for name, rate in self._named_rates() if rate is not None}
        picture = loss_by_rate(self.rates, self.smoothed, marks, width=width, ascii=ascii)
        last = f"{self.rates[-1]:.2g}"
        why = {
            "highest rate": f"The highest rate, {last}, was reached.",
            "diverged": f"The loss rose too far at {last}.",
            "not finite": f"The loss was not finite above {last}.",
        }[self.ending]
        named = ", ".join(f"{name} {rate:.2g}" for name, rate in marks.items())
        return f"{picture}\n{named or 'The loss never fell: no suggestion'}. {why}"

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw losses and smoothed loss over the rates with Matplotlib, and the suggestions.

        Args:
            axes: where; None: a new figure.

        Raises:
            MissingDependency: Matplotlib is not installed.
        """
        if axes is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as absent:
                raise MissingDependency("RangeTest.plot", "matplotlib", "plot") from absent
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

    def _way_down(self) -> tuple[int, int] | None:
        """The fall: from the last update within a tenth of the top to the lowest."""
        last = int(np.argmin(self.smoothed))
        before = self.smoothed[:last]
        if not before.size:
            return None
        fall = before.max() - self.smoothed[last]
        return int(np.flatnonzero(before >= before.max() - fall / 10)[-1]), last

    def _named_rates(self) -> tuple[tuple[str, float | None], ...]:
        return ("valley", self.valley), ("steepest", self.steepest), ("minimum / 10", self.minimum_tenth)
