"""Metrics: what validation computes from predictions, over all processes; and registries of classes by name."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, final, runtime_checkable

import torch

from paramsched.compat.mmengine.registry import Registry


@runtime_checkable
class MetricLike(Protocol):
    """A metric: one of ours, of MMEngine's, or any other object with these two methods."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Look at the predictions for a batch."""

    def evaluate(self, size: int) -> dict[str, Any]:
        """The numbers by name."""


class Metric:
    """Collect something of each batch, and compute metrics of all of it.

    A subclass appends to `self.results` in `process`, and computes a dict of numbers in `compute_metrics`.

    Args:
        prefix: put before each name, with a slash.

    Source: MMEngine `BaseMetric`.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = prefix
        self.results: list[Any] = []

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Look at the predictions for a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no process(data_batch, data_samples)")

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """The numbers, from what all processes collected."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_metrics(results)")

    def evaluate(self, size: int) -> dict[str, float]:
        """The numbers by name; what was collected is forgotten."""
        del size  # no sample is seen twice
        from accelerate.utils import gather_object

        # A mean of the processes' means would weigh samples wrongly.
        collected = gather_object(self.results)
        self.results = []
        found = self.compute_metrics(collected)
        return {f"{self.prefix}/{name}" if self.prefix else name: value for name, value in found.items()}


@final
class MeanOf(Metric):
    """The mean over samples of a function's result: a number, or numbers by name."""

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
    """Return how many samples a batch has."""
    if isinstance(batch, torch.Tensor):
        return int(batch.shape[0]) if batch.ndim else 1
    if isinstance(batch, Mapping):
        return _samples_in(next(iter(batch.values()))) if batch else 1
    if isinstance(batch, (list, tuple)):
        return _samples_in(batch[-1]) if batch and isinstance(batch[-1], (torch.Tensor, Mapping)) else len(batch)
    return 1


MODELS: Final = Registry("model", "MODELS")
"""Models, and functions that make one: `@MODELS.register_module()`."""

DATASETS: Final = Registry("dataset", "DATASETS")
"""Datasets by name."""

METRICS: Final = Registry("metric", "METRICS")
"""Metrics by name: subclasses of `Metric`, or others with `process` and `evaluate`."""

HOOKS: Final = Registry("hook", "HOOKS")
"""Hooks by name."""
