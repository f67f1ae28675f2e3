"""What training changes, kept so that it can be put back: parameters, buffers, the optimizer, random numbers."""

import copy
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True)
class TrainingSnapshot:
    """A copy of everything that some updates may change; made by `snapshot_of`.

    Tensors are filled in place, so whoever holds one of them, a compiled step say, still holds the right one.
    """

    optimizer: Any
    tensors: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    grads: tuple[tuple[torch.Tensor, torch.Tensor | None], ...]
    entries: tuple[dict[str, Any], ...]
    state: dict[Any, Any]
    modes: tuple[tuple[torch.nn.Module, bool], ...]
    others: tuple[tuple[Any, Any], ...]
    random_states: tuple[Any, ...] | None

    def restore(self) -> None:
        """Put everything back."""
        with torch.no_grad():
            for tensor, kept in self.tensors:
                tensor.copy_(kept)
        for parameter, grad in self.grads:
            parameter.grad = grad
        for group, entries in zip(self.optimizer.param_groups, self.entries, strict=True):
            for key in group.keys() - entries.keys() - {"params"}:
                del group[key]
            group.update(entries)
        self.optimizer.state.clear()
        self.optimizer.state.update(self.state)
        for module, training in self.modes:
            module.training = training
        for one, state in self.others:
            one.load_state_dict(state)
        if self.random_states is not None:
            _set_random_states(self.random_states)

    def parameters_moved(self) -> bool:
        """Whether any tensor is not as it was."""
        return not all(torch.equal(tensor, kept) for tensor, kept in self.tensors)


def snapshot_of(optimizer: Any, restored: Iterable[Any], *, with_random: bool) -> TrainingSnapshot:
    """Copy what training changes.

    Args:
        optimizer: its groups, its state, its parameters and their gradients.
        restored: modules, with their buffers and modes; and others that have `state_dict` and `load_state_dict`.
        with_random: the states of the random numbers of Python, NumPy and torch too.

    Raises:
        InvalidArgument: one of them has no such methods.
    """
    modules, others = [], []
    for one in restored:
        if isinstance(one, torch.nn.Module):
            modules.append(one)
        elif callable(getattr(one, "state_dict", None)) and callable(getattr(one, "load_state_dict", None)):
            others.append((one, copy.deepcopy(one.state_dict())))
        else:
            found = f"a {type(one).__name__} has no state_dict and load_state_dict"
            raise InvalidArgument("find_lr(…, restore=…)", found, "Write restore=model, or restore=(model, scaler)")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters += [parameter for module in modules for parameter in module.parameters()]
    parameters = list(dict.fromkeys(parameters))
    tensors: list[torch.Tensor] = [*parameters, *(buffer for module in modules for buffer in module.buffers())]
    tensors += [one for parameter in parameters if (one := parameter.grad) is not None]
    entries = tuple({key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups)
    tensors += _held_tensors(list(entries))
    tensors += _held_tensors(list(optimizer.state.values()))
    return TrainingSnapshot(
        optimizer=optimizer,
        tensors=tuple((tensor, tensor.detach().clone()) for tensor in dict.fromkeys(tensors)),
        grads=tuple((parameter, parameter.grad) for parameter in parameters),
        entries=tuple(_with_own_containers(one) for one in entries),
        state=_with_own_containers(dict(optimizer.state)),
        modes=tuple((one, one.training) for module in modules for one in module.modules()),
        others=tuple(others),
        random_states=_random_states() if with_random else None,
    )


def _held_tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _held_tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _held_tensors(one)


def _with_own_containers(value: Any) -> Any:
    """The same tensors, in copies of the dicts and lists that hold them; anything else is copied."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        return {key: _with_own_containers(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_own_containers(one) for one in value)
    return copy.deepcopy(value)


def _random_states() -> tuple[Any, ...]:
    """The states of the generators that the process shares."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002  # the shared one


def _set_random_states(states: tuple[Any, ...]) -> None:
    """Put the states of the shared generators back."""
    python, numpy, cpu, cuda = states
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002  # the shared one
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)
