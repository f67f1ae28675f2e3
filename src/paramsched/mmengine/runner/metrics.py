"""Metrics computed from predictions over all processes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, final, runtime_checkable

from paramsched.engines.reporting import samples_in_lists
from paramsched.errors import InvalidArgument


@runtime_checkable
class MetricLike(Protocol):
    """A metric of MMEngine's, or another object with these two methods."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Process the predictions for a batch."""

    def evaluate(self, size: int) -> dict[str, Any]:
        """Return the metrics by name."""


class Metric:
    """Collect results from each batch, and compute metrics from all of them.

    A subclass appends to `self.results` in `process`, and returns a dict of numbers from `compute_metrics`.

    Args:
        prefix: text that precedes the name of each metric, with a slash; None adds no prefix.

    Source: MMEngine `BaseMetric`.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = prefix
        self.results: list[Any] = []

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Process the predictions for a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no process(data_batch, data_samples)")

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Compute the metrics from the results of all processes."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_metrics(results)")

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the metrics by name, and clear the results."""
        del size  # no sample is processed twice
        from accelerate.utils import gather_object

        # Averaging the means of the processes would weight samples incorrectly.
        collected = gather_object(self.results)
        self.results = []
        found = self.compute_metrics(collected)
        return {f"{self.prefix}/{name}" if self.prefix else name: value for name, value in found.items()}


@final
class MeanOf(Metric):
    """The mean over all samples of a function of predictions and batch, which returns a number or a dict of numbers."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__()
        self.function, self.name = function, name

    def process(self, data_batch: Any, data_samples: Any) -> None:
        found = self.function(data_samples, data_batch)
        numbers = found if isinstance(found, Mapping) else {self.name: found}
        self.results.append((_samples_in(data_batch), {name: float(value) for name, value in numbers.items()}))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        total = sum(size for size, _ in results)
        names = dict.fromkeys(name for _, numbers in results for name in numbers)
        return {name: sum(size * numbers[name] for size, numbers in results) / total for name in names} if total else {}


def _samples_in(batch: Any) -> int:
    """Return the number of samples in a batch; if its parts differ, that of the last one, the target; 1 if unknown."""
    parts = list(batch.values()) if isinstance(batch, Mapping) else batch
    for part in (batch, parts[-1:] if isinstance(parts, (list, tuple)) else ()):
        with suppress(InvalidArgument, TypeError):
            return samples_in_lists(part)
    return 1
