"""Registries: classes by the names they have in configs."""

from typing import Final

from paramsched.compat.mmengine.registry import Registry

MODELS: Final = Registry("model", "MODELS")
"""Models, and functions that make one: `@MODELS.register_module()`."""

DATASETS: Final = Registry("dataset", "DATASETS")
"""Datasets by name."""

METRICS: Final = Registry("metric", "METRICS")
"""Metrics by name: subclasses of `Metric`, or others with `process` and `evaluate`."""

HOOKS: Final = Registry("hook", "HOOKS")
"""Hooks by name."""
