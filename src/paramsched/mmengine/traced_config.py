"""The values of a config's schedulers: the drop-ins run on an optimizer of one parameter for each group."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch

from paramsched.core.base.codes import NOTHING_PLANNED, REFUSED_VALUE
from paramsched.core.base.printing import entry_path
from paramsched.core.base.problem import Problem
from paramsched.core.fields import Field
from paramsched.core.plan.optimizers import unique_labels
from paramsched.errors import ConfigError, MissingFact
from paramsched.mmengine.schedulers import optimizers as dropins
from paramsched.mmengine.schedulers.build import build_param_scheduler

_MOST: Final = 2_000_000  # iterations


def recognizes(data: Any) -> bool:
    """Return whether data looks like a config of MMEngine."""
    return isinstance(data, Mapping) and any(part in data for part in ("param_scheduler", "optim_wrapper"))


def traced_values(config: Mapping[str, Any], epoch_length: int | None = None) -> dict[tuple[str, int | str], np.ndarray]:
    """Return the values that each iteration of a run uses, by field and group.

    Args:
        config: the config as a dict.
        epoch_length: iterations per epoch; needed if the run or a scheduler counts epochs.

    Raises:
        ConfigError: the config has no schedulers, or one of them cannot be built.
        MissingFact: the length of the run or of an epoch is unknown.
    """
    if not config.get("param_scheduler"):
        found = "it is missing or empty, so every value stays constant"
        raise ConfigError("config", [Problem(entry_path("param_scheduler"), found, code=NOTHING_PLANNED)])
    train = config.get("train_cfg") or {}
    epochs, iterations = train.get("max_epochs"), train.get("max_iters")
    if epochs is None and iterations is None:
        found, advice = "the length of the run is unknown", "For example: train_cfg=dict(max_epochs=12)"
        raise MissingFact("train_cfg", found, advice, fact="total", example="12")
    if epoch_length is None and epochs is not None:
        advice = "For example: --steps-per-epoch 100"
        raise MissingFact("train_cfg", "the length of an epoch is unknown", advice, fact="steps_per_epoch", example="100")
    length = epoch_length or int(iterations)
    total = int(iterations) if epochs is None else int(epochs) * length
    if total > _MOST:
        found = f"{total:,} iterations are too many to run one by one"
        raise ConfigError("config", [Problem(entry_path("train_cfg"), found, code=REFUSED_VALUE)])
    made = _optimizers_of(config)
    lengths = {"epoch_length": epoch_length, "max_epochs": epochs, "max_iters": iterations}
    try:
        one = list(made) == [""]
        built = build_param_scheduler(config["param_scheduler"], made[""] if one else made, **lengths)
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        text = str(error.args[0] if error.args else error)
        raise ConfigError("config", [Problem(entry_path("param_scheduler"), text, code=REFUSED_VALUE)]) from error
    by_name = {"": built} if isinstance(built, list) else dict(built)
    found_values: dict[tuple[str, int | str], list[float]] = {}
    columns = [
        (found_values.setdefault((field, f"{name}/{label}" if name else label), []), group, field)
        for name, many in by_name.items()
        for field in dict.fromkeys(scheduler.param_name for scheduler in many)
        for label, group in zip(unique_labels(made[name].param_groups), made[name].param_groups, strict=True)
    ]
    stepped = [one for many in by_name.values() for one in many if not getattr(one, "need_val_args", False)]
    for t in range(total):
        for column, group, field in columns:
            column.append(float(dropins.present_value(group, field)))
        for optimizer in made.values():
            optimizer.step()
        for scheduler in stepped:
            if not scheduler.by_epoch or (t + 1) % length == 0:
                scheduler.step()
    return {key: np.array(column) for key, column in found_values.items()}


def _optimizers_of(config: Mapping[str, Any]) -> dict[str, torch.optim.Optimizer]:
    """Return an optimizer of one parameter for each one in `optim_wrapper`; a single one has the name ""."""
    wrapper = config.get("optim_wrapper") or {}
    own = wrapper.get("optimizer")
    if isinstance(own, Mapping) or not any(isinstance(one, Mapping) for one in wrapper.values()):
        return {"": _optimizer(own or {})}
    return {name: _optimizer(one.get("optimizer") or {}) for name, one in wrapper.items() if isinstance(one, Mapping)}


def _optimizer(given: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Return torch's optimizer of this name with the numbers of the config; SGD for another one, with its entries."""
    kind = given.get("type", "SGD")
    name = (kind.__name__ if isinstance(kind, type) else str(kind)).rpartition(".")[2]
    made: Any = getattr(torch.optim, name, None)
    arguments = {key: value for key, value in given.items() if key not in ("type", "params", "_scope_")}
    parameters = [torch.nn.Parameter(torch.zeros(1))]
    if isinstance(made, type) and issubclass(made, torch.optim.Optimizer):
        try:
            return made(parameters, **{"lr": 0.001, **arguments})
        except (TypeError, ValueError):
            pass
    optimizer = torch.optim.SGD(parameters, lr=float(arguments.get("lr", 0.001)))
    for key, value in arguments.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            Field.of(key)
            optimizer.param_groups[0].setdefault(key, value)
            optimizer.param_groups[0][key] = value
    return optimizer
