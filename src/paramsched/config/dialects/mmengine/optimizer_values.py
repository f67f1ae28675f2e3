"""The values of the optimizers in a config of MMEngine: the bases its schedulers begin from."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched.config.dialects.mmengine.rows.argument_checks import is_finite
from paramsched.config.known_dialects import NO_BASES, Bases
from paramsched.config.python_config.values import NeedsRunning
from paramsched.time import Calendar

_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Adadelta": {"lr": 1.0, "weight_decay": 0},
    "Adagrad": {"lr": 0.01, "weight_decay": 0},
    "Adam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "AdamW": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0.01},
    "NAdam": {"lr": 0.002, "betas": (0.9, 0.999), "weight_decay": 0},
    "RAdam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "RMSprop": {"lr": 0.01, "momentum": 0, "weight_decay": 0},
    "SGD": {"lr": 0.001, "momentum": 0, "weight_decay": 0},
}
"""What torch's optimizers take where a config says nothing."""


def bases_in_config(data: Any, calendar: Calendar | None = None) -> Bases:
    """The optimizers' own values in a config, by the optimizer's name where there are several.

    Args:
        data: the config.
        calendar: `batch_size`, of all processes, is what `auto_scale_lr` scales by.
    """
    wrapper = data.get("optim_wrapper") if isinstance(data, Mapping) else None
    unread = wrapper.get("optimizer") if isinstance(wrapper, Mapping) else wrapper
    if isinstance(unread, NeedsRunning):
        return Bases((), "optim_wrapper", (f"optim_wrapper: {unread}; the optimizer's values are not known",))
    if not isinstance(wrapper, Mapping):
        return NO_BASES
    notes: list[str] = []
    groups: list[dict[str, Any]] = []
    for name, path, config in _configs_of_optimizers(wrapper):
        values = _numbers_of_optimizer(config, path, notes)
        _scale_rate(values, data, calendar, notes)
        if values:
            groups.append({"name": name, **values} if name is not None else values)
    notes += _notes_on_groups(wrapper)
    return Bases(tuple(groups), "optim_wrapper", tuple(dict.fromkeys(notes)))


def _configs_of_optimizers(wrapper: Mapping[str, Any]) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
    """The optimizers of a wrapper: their names where there are several, their places, their configs."""
    own = wrapper.get("optimizer")
    if isinstance(own, Mapping):
        yield None, "optim_wrapper.optimizer", own
        return
    for name, one in wrapper.items():
        optimizer = one.get("optimizer") if isinstance(one, Mapping) else None
        if isinstance(optimizer, Mapping):
            yield str(name), f"optim_wrapper.{name}.optimizer", optimizer


def _numbers_of_optimizer(config: Mapping[str, Any], path: str, notes: list[str]) -> dict[str, Any]:
    """The numbers of one optimizer, as its param groups hold them."""
    kind_of = config.get("type")
    name = kind_of.__name__ if isinstance(kind_of, type) else str(kind_of)
    values = dict(_DEFAULTS.get(name.rpartition(".")[2], {}))
    for field, value in config.items():
        if isinstance(value, NeedsRunning):
            values.pop(field, None)
            notes.append(f"{path}.{field}: {value}; its base is not known")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and not is_finite(value):
            values.pop(field, None)
            notes.append(f"{path}.{field} is no finite number; its base is not known")
        elif is_finite(value):
            values[field] = value
        elif isinstance(value, (list, tuple)) and value and all(map(is_finite, value)):
            values[field] = tuple(value)
    return values


def _scale_rate(values: dict[str, Any], data: Mapping[str, Any], calendar: Calendar | None, notes: list[str]) -> None:
    """`auto_scale_lr`, where it is on: lr times the batch size of all processes over the one it was found with."""
    scaling = data.get("auto_scale_lr")
    if not isinstance(scaling, Mapping) or scaling.get("enable") is not True or "lr" not in values:
        return
    base, size = scaling.get("base_batch_size"), None if calendar is None else calendar.batch_size
    if not isinstance(base, (int, float)) or base <= 0:
        return
    if size is None:
        notes.append(
            f"auto_scale_lr multiplies lr by the batch size of all processes over {base}; without a batch size "
            "the rate is as written"
        )
        return
    values["lr"] *= size / base
    notes.append(f"auto_scale_lr: lr is times {size} / {base}")


def _notes_on_groups(wrapper: Mapping[str, Any]) -> Iterator[str]:
    """What of a wrapper gives some parameters other values than those written."""
    for part in (wrapper, *wrapper.values()):
        if not isinstance(part, Mapping):
            continue
        paramwise, constructor = part.get("paramwise_cfg"), part.get("constructor")
        if isinstance(paramwise, Mapping) and paramwise:
            keys = paramwise.get("custom_keys")
            names = [
                *(name for name in paramwise if name != "custom_keys"),
                *(keys if isinstance(keys, Mapping) else ()),
            ]
            said = ", ".join(map(str, names[:4])) + (", …" if len(names) > 4 else "")
            yield f"paramwise_cfg ({said}) gives some parameters other multiples of these values; they are not drawn"
        elif isinstance(constructor, str) and not constructor.endswith(
            ("DefaultOptimWrapperConstructor", "MultiOptimWrapperConstructor")
        ):
            yield f"{constructor} may give some parameters other values; they are not drawn"
