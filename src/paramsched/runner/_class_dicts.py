"""Dicts that name a class by `type`, and what is built of them: models, metrics, and for other files the rest."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from paramsched.compat.mmengine.registry import Registry
from paramsched.errors import InvalidArgument
from paramsched.runner._model_calls import inputs_and_target
from paramsched.runner.metrics import Evaluator, MeanOf, MetricLike
from paramsched.runner.registry import METRICS, MODELS


def build_from_dict(config: Any, registry: Registry) -> Any:
    """What a dict with `type` says; anything else is what it is."""
    if not isinstance(config, Mapping) or "type" not in config:
        return config
    arguments = dict(config)
    kind = arguments.pop("type")
    try:
        return (kind if callable(kind) else registry.find(kind))(**arguments)
    except (TypeError, KeyError) as error:
        found = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InvalidArgument(f"dict(type={kind!r}, …)", f"{type(error).__name__}: {found}") from error


def build_model(config: Any) -> nn.Module:
    """The model."""
    model: nn.Module = build_from_dict(config, MODELS)
    if not isinstance(model, nn.Module):
        raise InvalidArgument("Runner(model=…)", f"a {type(model).__name__} is no torch.nn.Module", "Give a module")
    return model


def build_evaluator(config: Any) -> Evaluator | None:
    """What computes the metrics; None for None."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    many = config if isinstance(config, (list, tuple)) else [config]
    return Evaluator([_as_metric(build_from_dict(one, METRICS)) for one in many])


def _as_metric(one: MetricLike | Callable[[Any, Any], Any]) -> MetricLike:
    """A metric, or the mean of what a function of output and target says of each batch."""
    if isinstance(one, MetricLike):
        return one
    name = getattr(one, "__name__", type(one).__name__).lower()
    return MeanOf(lambda output, batch: one(output, inputs_and_target(batch)[1]), name)
