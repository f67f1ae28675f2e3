"""OptimWrapper: an optimizer with gradient accumulation and clipping, for MMEngine's schedulers and loops."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import Optimizer

from paramsched.base.pickles import Reduced, pickled_object
from paramsched.core.calls.number_checks import whole_number
from paramsched.errors import CallSite, InvalidArgument, InvalidCall


class OptimWrapper:
    """An optimizer that clips gradients and updates once every `accumulative_counts` batches.

    If the optimizer has several groups, `param_groups` ends with an additional pseudo group made of the optimizer's
    defaults. The pseudo group is scheduled too, so that it contains the lr without the factor of any group.

    Args:
        optimizer: a torch optimizer.
        accumulative_counts: batches per update, at least 1.
        clip_grad: arguments of `clip_grad_norm_`, or of `clip_grad_value_` with `type="value"`. None (default)
            disables clipping.

    Raises:
        InvalidArgument: a ValueError if `accumulative_counts` is not a positive integer, or torch cannot clip with
            `clip_grad`.
        InvalidCall: a TypeError if `optimizer` is not an optimizer, or `clip_grad` is not a dict.

    Source: MMEngine `OptimWrapper`.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> wrapper = OptimWrapper(torch.optim.SGD([weight], lr=0.5), accumulative_counts=2)
    >>> for _ in range(2):
    ...     wrapper.update_params(weight.sum())
    >>> weight.tolist()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        accumulative_counts: int = 1,
        clip_grad: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            message = f"expected a torch optimizer, got {type(optimizer).__name__}"
            raise InvalidCall(CallSite("OptimWrapper", "optimizer"), message)
        self.optimizer = optimizer
        self._accumulative_counts = whole_number(CallSite("OptimWrapper", "accumulative_counts"), accumulative_counts)
        self._inner_count = 0
        self._max_counts = -1
        self.clip_kwargs: dict[str, Any] = {}
        self.clip_func: Any = None
        if clip_grad is not None:
            self.clip_func, self.clip_kwargs = _clipping(clip_grad)
        self.base_param_settings: dict[str, Any] | None = None
        if len(optimizer.param_groups) > 1:
            self.base_param_settings = {"params": torch.tensor([0.0]), **optimizer.defaults}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The optimizer's groups, followed by the pseudo group if there are several."""
        groups: list[dict[str, Any]] = self.optimizer.param_groups
        return groups if self.base_param_settings is None else [*groups, self.base_param_settings]

    @property
    def defaults(self) -> dict[str, Any]:
        """The optimizer's defaults."""
        return self.optimizer.defaults

    @property
    def inner_count(self) -> int:
        """The number of batches so far."""
        return self._inner_count

    def update_params(
        self,
        loss: torch.Tensor,
        step_kwargs: Mapping[str, Any] | None = None,
        zero_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Scale and backpropagate the loss of one batch; if the batch completes an update, step and clear gradients."""
        self.backward(self.scale_loss(loss))
        if self.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Backpropagate a loss and count the batch."""
        loss.backward(**kwargs)  # type: ignore[no-untyped-call]  # torch has no type for it
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients and step the optimizer."""
        self._clip_grad()
        self.optimizer.step(**kwargs)

    def zero_grad(self, **kwargs: Any) -> None:
        """Clear the gradients."""
        self.optimizer.zero_grad(**kwargs)

    @contextmanager
    def optim_context(self, model: Any) -> Iterator[None]:
        """Return the context for the forward pass of a batch.

        If the model has `no_sync`, gradients are synchronized only with the last batch of an update.
        """
        quiet = None if self.should_sync() else getattr(model, "no_sync", None)
        if quiet is None:
            yield
        else:
            with quiet():
                yield

    def initialize_count_status(self, model: object, init_counts: int, max_counts: int) -> None:
        """Set the number of past batches and of all batches, because the last update may have fewer batches."""
        self._inner_count = init_counts
        self._max_counts = max_counts

    def should_update(self) -> bool:
        """Return whether the last counted batch completes an update."""
        return self._inner_count % self._accumulative_counts == 0 or self._inner_count == self._max_counts

    def should_sync(self) -> bool:
        """Return whether the next batch completes an update, so that processes must synchronize gradients."""
        coming = self._inner_count + 1
        return coming % self._accumulative_counts == 0 or coming == self._max_counts

    def scale_loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss divided by the number of batches of its update."""
        batches = self._accumulative_counts
        if self._max_counts >= 0:
            rest = self._max_counts % batches
            batches = batches if self._inner_count < self._max_counts - rest else rest or batches
        return loss / batches

    def get_lr(self) -> dict[str, list[float]]:
        """Return a dict: `lr` is the list of the groups' learning rates, and `base_lr` that of the pseudo group."""
        base = {} if self.base_param_settings is None else {"base_lr": [self.base_param_settings["lr"]]}
        return base | {"lr": [group["lr"] for group in self.optimizer.param_groups]}

    def get_momentum(self) -> dict[str, list[float]]:
        """Return a dict with the list `momentum`: for each group SGD's `momentum`, Adam's `betas[0]`, or 0."""
        groups = self.optimizer.param_groups
        return {"momentum": [float(group.get("momentum", group.get("betas", (0.0,))[0])) for group in groups]}

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state, with the pseudo group."""
        state: dict[str, Any] = self.optimizer.state_dict()
        if self.base_param_settings is not None:
            state["base_param_settings"] = dict(self.base_param_settings)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a state of `state_dict`; the mapping is not changed."""
        state = dict(state_dict)
        pseudo = state.pop("base_param_settings", None)
        if pseudo is not None:
            self.base_param_settings = dict(pseudo)
        self.optimizer.load_state_dict(state)

    def __reduce__(self) -> Reduced:
        return pickled_object(self, "mmengine", self.__getstate__())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.optimizer!r}, accumulative_counts={self._accumulative_counts})"

    def _clip_grad(self) -> None:
        parameters: Iterable[torch.Tensor] = (
            parameter for group in self.optimizer.param_groups for parameter in group["params"]
        )
        with_gradients = [parameter for parameter in parameters if parameter.grad is not None]
        if self.clip_func is not None and with_gradients:
            self.clip_func(with_gradients, **self.clip_kwargs)


def batches_per_update(wrapper: Any) -> int:
    """Return the number of batches of an update, of a wrapper of this class or of MMEngine's."""
    count: int = wrapper._accumulative_counts
    return count


def count_batch(wrapper: OptimWrapper) -> None:
    """Count a batch whose loss other code has backpropagated."""
    wrapper._inner_count += 1


def clip_gradients(wrapper: OptimWrapper) -> None:
    """Clip the gradients as before a step, which other code makes."""
    wrapper._clip_grad()


def _clipping(clip_grad: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return torch's function that clips gradients, and its arguments."""
    site = CallSite("OptimWrapper", "clip_grad", got=repr(clip_grad))
    if not isinstance(clip_grad, Mapping):
        raise InvalidCall(site, "expected a dict", example="dict(max_norm=1.0)")
    arguments = dict(clip_grad)
    functions: dict[str, Callable[..., Any]] = {
        "norm": torch.nn.utils.clip_grad_norm_,
        "value": torch.nn.utils.clip_grad_value_,
    }
    name = arguments.pop("type", "norm")
    if name not in functions:
        raise InvalidArgument(site, "type must be 'norm' or 'value'")
    example = torch.nn.Parameter(torch.zeros(1))
    example.grad = torch.zeros(1)
    try:
        functions[name]([example], **arguments)
    except (TypeError, ValueError) as error:
        limit = "max_norm" if name == "norm" else "clip_value"
        raise InvalidArgument(site, str(error), example=f"dict({limit}=1.0)") from None
    return functions[name], arguments
