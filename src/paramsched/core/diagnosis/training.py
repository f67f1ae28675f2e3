"""The writes to parameters before the first update of a run, which show that a plan does not move.

Torch counts the writes to a tensor, but not those of a fused step: the steps of other optimizers are counted, too.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from heapq import nsmallest
from itertools import islice
from typing import Any, Final, final
from weakref import ref

import torch
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import runs as messages
from paramsched.core.diagnosis.step_hook import STEP_HOOK
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.run import Run
from paramsched.core.run.steps import updates_in_state, updates_in_states

_WATCHED: Final = 4  # parameters of an optimizer
_ENOUGH: Final = (
    10  # writes, and queries of `should_stop`. A load, an initialization or a broadcast writes once or twice
)


@final
class OptimizerWrites:
    """The training of a few parameters of one optimizer, and of its own state, since the last call of `begin`.

    It keeps aliases of the smallest trainable parameters. An alias shares the counter of writes with its parameter, and
    exists longer than the optimizer and the model, which a script may have deleted when its process ends. It keeps no
    optimizer, and of a state only one that was empty. A weak reference to a parameter would forbid
    `torch.utils.swap_tensors`.
    """

    def __init__(self, optimizer: Any) -> None:
        watched = nsmallest(
            _WATCHED, filter(_is_watchable, parameters_of(optimizer.param_groups)), key=torch.Tensor.numel
        )
        self.parameters = frozenset(map(id, watched))
        self._aliases: list[torch.Tensor] = []
        self._addresses: dict[int, int] = {}  # of the data, by the identity of the parameter
        for parameter in watched:
            with suppress(Exception):  # a class of tensors may refuse an alias, or count no writes
                alias = parameter.detach()
                alias._version  # noqa: B018  # raises for an inference tensor
                self._aliases.append(alias)
                self._addresses[id(parameter)] = alias.data_ptr()
        self._optimizer = ref(optimizer) if isinstance(optimizer, Optimizer) else None
        self._empty_state: Any = None  # an empty state, which may be filled when the optimizer is deleted
        self.begin()

    def begin(self) -> None:
        """Count writes from now on."""
        self._versions = [alias._version for alias in self._aliases]
        self._steps = 0  # of other optimizers
        state = self._state()
        self._was_filled = _is_filled(state)
        self._updates = _updates_of(state) or 0
        self._empty_state = None if self._was_filled else state

    def has_parameter_of(self, optimizer: Any) -> bool:
        """Return whether another optimizer has one of the parameters."""
        is_own = self._optimizer is not None and self._optimizer() is optimizer
        return not is_own and not self.parameters.isdisjoint(map(id, parameters_of(optimizer.param_groups)))

    def note_step(self, optimizer: Any) -> None:
        """Count a step of another optimizer, if it has trained one of the parameters."""
        driver = None if self._optimizer is None else self._optimizer()
        if optimizer is driver:
            return
        present = set() if driver is None else set(map(id, parameters_of(driver.param_groups)))
        for parameter in parameters_of(optimizer.param_groups):
            if id(parameter) not in self.parameters or parameter.grad is None:
                continue
            # The parameters of a deleted optimizer may be deleted, and others have their identities.
            if id(parameter) in present or self._addresses.get(id(parameter)) == parameter.data_ptr():
                self._steps += 1
                return

    def count(self) -> int:
        """Return the number of writes to the parameters, or of steps of another optimizer that trained them."""
        return max(self._writes(), self._steps)

    def _writes(self) -> int:
        """Return the number of writes that two of the parameters have had, or the only one.

        One alone may be written by an evaluation: an embedding with `max_norm` scales the rows that it reads.
        """
        counts = sorted(
            (alias._version - begun for alias, begun in zip(self._aliases, self._versions, strict=True)), reverse=True
        )
        return counts[:2][-1] if counts else 0

    def measured(self, name: str) -> str:
        """Return what was measured, if it is so much that it was probably training; else an empty string.

        Args:
            name: the name of the optimizer.
        """
        count = self.count()
        writes = self._writes()
        if writes >= _ENOUGH:
            return messages.parameter_was_written(name, writes)
        if count >= _ENOUGH:
            return messages.trained_by_other(name, count)
        state = self._state()
        if count or not _is_filled(state):
            return ""
        updates = _updates_of(state)
        if updates is None:
            return "" if self._was_filled else messages.state_was_filled(name)
        return messages.state_counts_updates(name, updates) if updates - self._updates >= _ENOUGH else ""

    def _state(self) -> Any:
        optimizer = None if self._optimizer is None else self._optimizer()
        return self._empty_state if optimizer is None else optimizer.state


@final
class ParameterWrites:
    """The training of parameters of the optimizers whose steps may move a run, until its first update.

    Args:
        optimizers: these optimizers, by name.
    """

    def __init__(self, optimizers: Mapping[str, Any]) -> None:
        self._optimizers = {name: OptimizerWrites(optimizer) for name, optimizer in optimizers.items()}
        self._queries = 0
        self._counts_at_first_query: dict[str, int] = {}
        STEP_HOOK.add(self)

    def end(self) -> None:
        """Count no more steps of other optimizers."""
        STEP_HOOK.remove(self)

    def waits_for(self, optimizer: Any) -> bool:
        """Return whether an optimizer has one of the parameters, and is another one."""
        return any(writes.has_parameter_of(optimizer) for writes in self._optimizers.values())

    def after_step(self, optimizer: Any) -> None:
        """Note a step of such an optimizer."""
        for writes in self._optimizers.values():
            writes.note_step(optimizer)

    def begin(self) -> None:
        """Count writes and queries from now on, because the run has moved without an update."""
        self._queries = 0
        for writes in self._optimizers.values():
            writes.begin()

    def count(self) -> int:
        """Return the largest number of writes to the parameters of one optimizer, or of steps that trained them."""
        return max((writes.count() for writes in self._optimizers.values()), default=0)

    def are_in(self, groups: Iterable[GroupDict]) -> bool:
        """Return whether one of the watched parameters is in some groups."""
        parameters = set(map(id, parameters_of(groups)))
        return any(not writes.parameters.isdisjoint(parameters) for writes in self._optimizers.values())

    def note_query(self) -> bool:
        """Note a query of `should_stop`; return whether there were many, and each optimizer has trained meanwhile.

        A loop may first train one of several optimizers alone, and other code may train before the first query.
        """
        counts = {name: writes.count() for name, writes in self._optimizers.items()}
        if not self._queries:
            self._counts_at_first_query = counts
        self._queries += 1
        return self._queries >= _ENOUGH and all(
            writes.measured(name) and (counts[name] == 0 or counts[name] - self._counts_at_first_query[name] >= _ENOUGH)
            for name, writes in self._optimizers.items()
        )

    def measured(self) -> str:
        """Return what was measured of the first optimizer that probably trained; an empty string if none has."""
        for name, writes in self._optimizers.items():
            text = writes.measured(name)
            if text:
                return text
        return ""


def unmoved(run: Run, writes: ParameterWrites, observed: Collection[str]) -> Problem | None:
    """Return the problem of a run whose parameters were written and that has counted no update; else None.

    Args:
        run: the run.
        writes: the writes to its parameters.
        observed: the metrics that it has observed.
    """
    state = run.state
    if state.has_moved or run.in_force.is_over_at(state.t, state.amount):
        return None
    if observed and all(binding.schedule.planned.held == 0 for binding in run.in_force.counted.bindings):
        return None  # the metrics alone move it
    measured = writes.measured()
    if not measured:
        return None
    return messages.plan_does_not_move(run.t, measured, by_hand=run.arguments.drive == "manual")


@final
class LoadedUpdates:
    """The updates of a plan by hand between a load and the first step of an optimizer.

    A loop that moves a scheduler forward after a load moves one twice that the load has moved.

    Args:
        run: the run.
        optimizers: its optimizers.
    """

    def __init__(self, run: Run, optimizers: Iterable[Any]) -> None:
        self._run = ref(run)
        self._optimizers = [ref(optimizer) for optimizer in optimizers if isinstance(optimizer, Optimizer)]
        self._updates: dict[int, int | None] = {}  # in the state of each optimizer after the load

    def begin(self) -> None:
        """Wait for the first step after a load."""
        self._updates = {}
        for index, reference in enumerate(self._optimizers):
            optimizer = reference()
            if optimizer is not None:
                self._updates[index] = updates_in_state(optimizer)
        STEP_HOOK.add(self)

    def waits_for(self, optimizer: Any) -> bool:
        """Return whether an optimizer is one of those of the run."""
        return any(reference() is optimizer for reference in self._optimizers)

    def after_step(self, optimizer: Any) -> None:
        """Log the updates without a step, if this is the first step of one of the optimizers after the load."""
        index = next((index for index, reference in enumerate(self._optimizers) if reference() is optimizer), None)
        run = self._run()
        if index is None or run is None:
            return
        STEP_HOOK.remove(self)
        moves = run.t - run.state.came_from
        if moves <= 1 or run.has_ended:
            return
        before = self._updates.get(index)
        now = updates_in_state(optimizer)
        if before is not None and now is not None and now > before + 1:
            return  # steps that call no hook, such as those of a CUDA graph
        run.processes.log(*messages.moved_without_step(moves))


def parameters_of(groups: Iterable[GroupDict]) -> list[Any]:
    """Return the parameters of some groups, which may be those of an engine's wrapper of an optimizer."""
    parameters = list[Any]()
    for group in groups:
        of_group = group.get("params")
        if isinstance(of_group, list | tuple):
            parameters += of_group
    return parameters


def _is_watchable(parameter: Any) -> bool:
    return (
        isinstance(parameter, torch.Tensor)
        and parameter.requires_grad
        and not is_lazy(parameter)
        and parameter.numel() > 0
    )


def _is_filled(state: Any) -> bool:
    """Return whether the state of an optimizer has entries; reading that of a parameter creates an empty one."""
    return isinstance(state, Mapping) and any(isinstance(entry, dict) and entry for entry in state.values())


def _updates_of(state: Any) -> int | None:
    """Return the number of updates in the first entries of a state, because reading one may synchronize the device."""
    return updates_in_states(dict(islice(state.items(), _WATCHED))) if isinstance(state, Mapping) else None
