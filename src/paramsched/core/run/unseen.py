"""Updates that a Scheduler does not see, because another optimizer than its own makes them."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, final
from weakref import ref

import torch
from torch.optim import Optimizer

from paramsched.core.base.problem import Problem
from paramsched.core.run.hooks import hooks_on
from paramsched.core.run.run import Run

_PARAMETERS: Final = 4  # the smallest ones, and as many others, that are compared
_ELEMENTS: Final = 4_096  # of each
_BEGUN: Final = 64  # times that the calls are counted from 1 again
_WITHOUT_GRADIENTS: Final = 16  # calls of `scheduler.step()`; the default scale of a GradScaler is 2**16
_WITH_SCALER: Final = 64  # calls; a larger first scale may skip more updates
_WITH_GRADIENTS: Final = 256  # calls; more than the batches of an accumulated update


def parameters_of(optimizer: Any) -> list[torch.Tensor]:
    """Return the parameters of an optimizer that may be trained; of one divided among processes, the own part."""
    found = (one for group in optimizer.param_groups for one in group["params"])
    trained = (one for one in found if isinstance(one, torch.Tensor) and one.requires_grad)
    return [getattr(one, "_local_tensor", one) for one in trained]


def sample_of(parameters: Sequence[torch.Tensor]) -> list[float]:
    """Return a number for each of a few parameters, which changes with their values.

    torch's own counts of changes are not enough: fused optimizers do not increment them. It is a weighted sum, because
    the gradients of a layer may add up to 0. Reading them waits for the device.
    """
    by_size = sorted(parameters, key=torch.Tensor.numel)
    rest = by_size[_PARAMETERS:]
    found: list[float] = []
    with torch.no_grad():
        for one in (*by_size[:_PARAMETERS], *rest[:: -(-len(rest) // _PARAMETERS) or 1]):
            with suppress(RuntimeError, NotImplementedError):  # on the meta device, or of a type without a sum
                part = torch.view_as_real(one.detach()) if one.is_complex() else one.detach()
                values = part.flatten()[:_ELEMENTS].double()
                weights = torch.arange(1, len(values) + 1, dtype=values.dtype, device=values.device).sqrt()
                found.append(float(torch.dot(values, weights)))
    return found


@final
class IdleScheduler:
    """Notices that parameters change, or that another optimizer trains, while the optimizer of a run makes no update.

    Batches of an update that is accumulated, and updates that a GradScaler skips, change no parameter. Calls of the
    Scheduler are counted, and at the calls 1, 2, 3, 4, 8, 16, … the parameters are read.

    Args:
        run: the run.
        optimizers: its optimizers, by name.
    """

    def __init__(self, run: Run, optimizers: Mapping[str, Any]) -> None:
        self._run, self._optimizers, self._calls, self._begun = run, optimizers, 0, 0
        self._begin()

    def _begin(self) -> None:
        """Begin anew, at the present update. A loop may call twice after each update, so later ones are read rarely."""
        self._begun += 1
        if self._begun < _BEGUN:
            self._calls = 0
        self._at, self._steps, self._changes, self._discarded = self._run.clock.t, 0, 0, 0
        self._sample: list[float] | None = None
        self._gradient: torch.Tensor | None = None  # the last one of a parameter
        self._has_gradients = self._takes_turns = False
        self._others: dict[int, tuple[ref[Any], list[float]]] = {}

    def look(self, *, is_step: bool) -> None:
        """Note a call of the Scheduler between two updates; `is_step` is True for `scheduler.step()`."""
        if self._run.clock.warned_of_unseen:
            return
        if self._run.clock.t != self._at:
            self._begin()
        self._steps += is_step
        self._calls += 1
        if self._calls > 4 and self._calls.bit_count() > 1:
            return
        parameters = [one for optimizer in self._optimizers.values() for one in parameters_of(optimizer)]
        self._compare(parameters)
        if self._changes >= (2 if self._steps else 3):  # weights may have been loaded between two calls
            self._warn(f"parameters change without an update of this optimizer{self._called()}")
        elif self._steps >= 4 and (reason := self._reason()) is not None:
            self._warn(f"{self._steps} calls of scheduler.step(), and no update of this optimizer{reason}")

    def _compare(self, parameters: list[torch.Tensor]) -> None:
        """Note whether parameters have changed since the last call, and whether gradients were discarded."""
        sample = sample_of(parameters)
        self._changes += self._sample is not None and sample != self._sample
        self._sample = sample
        gradient = next((one.grad for one in parameters if one.grad is not None), None)
        # Batches are accumulated in the same tensor.
        self._discarded += self._gradient is not None and gradient is not self._gradient
        self._gradient, self._has_gradients = gradient, self._has_gradients or gradient is not None

    def _called(self) -> str:
        return f": {self._steps} calls of scheduler.step() at update {self._at}" if self._steps else (
            f", which is at update {self._at}"
        )  # fmt: skip

    def _reason(self) -> str | None:
        """Return what shows that the optimizer was probably meant to make updates; None if it may be waiting."""
        if self._steps >= _WITH_GRADIENTS:
            return ""
        if not self._has_gradients:
            planned, unplanned = self._trained()
            self._takes_turns = self._takes_turns or bool(planned)
            if self._takes_turns:
                return None  # several networks, each with its plan
            if unplanned:
                return f", whose parameters have no gradients, while another {type(unplanned[0]).__name__} trains"
            reason = ", whose parameters have no gradients"
        elif self._discarded >= 3:
            reason = ", whose gradients are replaced without one"
        else:
            return None
        if self._steps < _WITHOUT_GRADIENTS:
            return None
        return reason if self._steps >= _WITH_SCALER or not _alive(torch.amp.GradScaler) else None

    def _trained(self) -> tuple[list[Optimizer], list[Optimizer]]:
        """Return the other optimizers that have trained since the last call: those with a plan, and those without."""
        before, self._others = self._others, {}
        planned, unplanned = list[Optimizer](), list[Optimizer]()
        mine = {id(one) for one in self._optimizers.values()}
        one: Optimizer
        for one in _alive(Optimizer):
            if id(one) not in mine and one.__dict__.get("param_groups"):
                sample = sample_of(parameters_of(one))
                last, values = before.get(id(one), (None, sample))
                if last is not None and last() is one and sample != values:
                    (unplanned if hooks_on(one) is None else planned).append(one)
                self._others[id(one)] = ref(one), sample
        return planned, unplanned

    def _warn(self, found: str) -> None:
        run, kinds = self._run, shown_kinds(self._optimizers.values())
        run.clock.warned_of_unseen = True
        self._begin()
        advice = "If another optimizer trains the model, construct ps.Scheduler(optimizer, plan) with that one"
        if run.drive == "manual":
            advice = 'With drive="manual", call scheduler.step() after each update'
        run.clock.processes.warn(Problem(site=f"Scheduler({kinds}, …)", found=found, advice=advice))


def shown_kinds(optimizers: Iterable[Any]) -> str:
    """Return the classes of some optimizers, for a message."""
    return ", ".join(type(one).__name__ for one in optimizers)


def _alive(kind: type) -> list[Any]:
    """Return the objects of a class in this process; torch has no list of them."""
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]
