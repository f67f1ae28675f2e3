"""The length of a training in `train_cfg`, in epochs or iterations."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.base import child_path, codes
from paramsched.core import whole_number
from paramsched.errors import InvalidArgument
from paramsched.files import ProblemCollector, short_json
from paramsched.mmengine.registry import bare_class_name

LENGTHS: Final = {"EpochBasedTrainLoop": "max_epochs", "IterBasedTrainLoop": "max_iters"}
"""The argument of each of MMEngine's loops that has the length of the run."""


def loop_of(train: Mapping[str, Any]) -> str | None:
    """Return the name of the loop that a `train_cfg` selects by `type`, `by_epoch` or its length; None if unknown.

    >>> loop_of({"type": "IterBasedTrainLoop"}), loop_of({"max_epochs": 12})
    ('IterBasedTrainLoop', 'EpochBasedTrainLoop')
    """
    by_epoch = train.get("by_epoch")
    if train.get("type") is not None:
        return bare_class_name(train["type"])
    if isinstance(by_epoch, bool):
        return "EpochBasedTrainLoop" if by_epoch else "IterBasedTrainLoop"
    return next((loop for loop, length in LENGTHS.items() if train.get(length) is not None), None)


def read_lengths(train: Mapping[str, Any], path: str, problems: ProblemCollector) -> dict[str, int | None]:
    """Return `max_epochs` and `max_iters` of a `train_cfg`; report what MMEngine refuses.

    Args:
        train: the value of `train_cfg`.
        path: its path.
        problems: receives the problems.
    """
    lengths: dict[str, int | None] = dict.fromkeys(LENGTHS.values())
    for name in lengths:
        if train.get(name) is not None:
            try:
                lengths[name] = whole_number(name, train[name])
            except InvalidArgument:
                message = f"expected an integer of at least 1, got {short_json(train[name])}"
                problems.add(child_path(path, name), message, f"For example: {name}=12", code=codes.WRONG_TYPE)
    if all(train.get(name) is not None for name in lengths):
        problems.add(path, "max_epochs and max_iters exclude each other", "Omit one of them", code=codes.SAID_TWICE)
    elif train.get("type") is not None and train.get("by_epoch") is not None:
        problems.add(path, "type and by_epoch exclude each other", "Omit by_epoch", code=codes.SAID_TWICE)
    else:
        loop = loop_of(train)
        for name, length in LENGTHS.items():
            if loop in LENGTHS and loop != name and length in train:
                advice = f"Use {LENGTHS[loop]}=…, or dict(type='{name}', {length}=…)"
                problems.add(child_path(path, length), f"{loop} has no {length}", advice, code=codes.REFUSED_VALUE)
    return lengths
