"""From arguments of transformers to a plan."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched._fault_codes import UNKNOWN_NAME
from paramsched.config.dialects.transformers.keywords import is_real
from paramsched.config.dialects.transformers.rows import SCHEDULERS, row_named, schedule_of_run
from paramsched.config.dialects.transformers.run_arguments import (
    LEARNING_RATE,
    is_call,
    run_arguments,
)
from paramsched.config.faults import Faults
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.errors import InvalidArgument
from paramsched.near_names import closest, did_you_mean
from paramsched.plan import Plan
from paramsched.time import Calendar

_SIGNS: Final = (
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "scheduler_specific_kwargs",
    "num_warmup_steps",
    "num_training_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
)
_BETAS: Final = {"adam_beta1": 0.9, "adam_beta2": 0.999}
_WITHOUT_BETAS: Final = ("sgd", "adafactor", "rmsprop", "adagrad", "lion")


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of transformers."""
    return isinstance(data, Mapping) and any(name in data for name in _SIGNS)


def to_plan(data: Mapping[str, Any], *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """The plan that gives what the scheduler of transformers gives.

    Args:
        data: a `TrainingArguments` or the arguments of `get_scheduler`; those that are missing have their defaults.
        calendar: the updates of an epoch, or of the run, where shares of it are to be rounded as transformers does.
        base: lr's value; the floor of a plateau is written as a value.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> arguments = {"lr_scheduler_type": "cosine", "warmup_ratio": 0.03, "num_train_epochs": 2}
    >>> print(to_plan(arguments))
    horizon: 2 epochs
    lr: warmup("3%") >> cosine()
    >>> print(to_plan({"name": "polynomial", "num_warmup_steps": 10, "num_training_steps": 100}))
    horizon: 100
    lr: warmup(10) >> linear(to=absolute(1e-07))
    """
    faults = Faults()
    run = run_arguments(data, calendar, base, faults)
    row = row_named(run.name)
    key = "$.name" if isinstance(data, Mapping) and is_call(data) else "$.lr_scheduler_type"
    if row is None:
        near = closest(run.name, SCHEDULERS)
        found = f'"{run.name}": no such scheduler; {did_you_mean(run.name, SCHEDULERS)}'
        faults.add(key, found, code=UNKNOWN_NAME, replace=(run.name, near) if near else None)
        faults.raise_any("config")
        raise InvalidArgument(f'"{run.name}"', "no such scheduler", "Write cosine")
    if not row.ignores:
        run.keywords.refuse_unknown(row.keywords, run.name)
    try:
        plan = Plan(lr=schedule_of_run(row, run), horizon=run.horizon)
    except InvalidArgument as refusal:
        faults.refuse(run.keywords.path, refusal)
        faults.raise_any("config")
        raise
    faults.raise_any("config")
    return plan


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # the contract
    """The optimizer's own values: those of a `TrainingArguments`, or the rate beside arguments of `get_scheduler`."""
    if not isinstance(data, Mapping):
        return NO_BASES
    if is_call(data):
        rate = data.get("learning_rate", data.get("lr"))
        return Bases(({"lr": float(rate)},), "learning_rate") if is_real(rate) else NO_BASES
    found: dict[str, Any] = {"lr": LEARNING_RATE, "weight_decay": 0.0}
    for field, name in (("lr", "learning_rate"), ("weight_decay", "weight_decay")):
        if is_real(data.get(name)):
            found[field] = float(data[name])
    if not any(word in str(data.get("optim", "adamw")) for word in _WITHOUT_BETAS):
        betas = [data.get(name, default) for name, default in _BETAS.items()]
        found |= {"betas": tuple(map(float, betas))} if all(map(is_real, betas)) else {}
    notes = ("weight_decay is for weights; biases and norms have none",) if found["weight_decay"] else ()
    return Bases((found,), "TrainingArguments", notes)
