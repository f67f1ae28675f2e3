"""A constructor that raises leaves the optimizer as it found it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

_MARKS = ("step", "_step_count", "_opt_called")  # what schedulers put on the optimizer itself


@contextmanager
def unchanged_on_error(optimizer: Optimizer) -> Iterator[None]:
    """Put back every entry of the groups, and the optimizer's `step`, when the block raises.

    Arguments are checked before the first write where that is possible. This is for the rest: a user's function, for
    example, is first called when the first value is computed, after `initial_lr` has been written.
    """
    groups = [(group, dict(group)) for group in optimizer.param_groups]
    filled = [(v, v.detach().clone()) for _, entries in groups for v in _tensors_in(entries)]
    marks = {name: vars(optimizer)[name] for name in _MARKS if name in vars(optimizer)}
    try:
        yield
    except BaseException:
        for group, entries in groups:
            group.clear()
            group.update(entries)
        for tensor, before in filled:
            tensor.detach().copy_(before)
        for name in _MARKS:
            vars(optimizer).pop(name, None)
        vars(optimizer).update(marks)
        raise


def _tensors_in(entries: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors among the entries, and inside `betas`; not the parameters."""
    for name, value in entries.items():
        if name != "params":
            yield from (item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Tensor))
