"""Optimizer wrappers of the Runner, which accumulate and clip as in MMEngine, and step by Accelerate."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, final

import torch
from torch.optim import Optimizer

from paramsched.core import positive_number
from paramsched.core.run import watch_updates
from paramsched.core.time import PROGRESS
from paramsched.engines.reporting import BatchAmounts
from paramsched.errors import CallSite, InvalidArgument, MissingFact, site_with_value
from paramsched.mmengine.schedulers import OptimWrapper, batches_per_update, clip_gradients, count_batch

PRECISIONS: Mapping[str, str] = {"float16": "fp16", "bfloat16": "bf16", "float32": "no", "float64": "no"}
"""Accelerate's names of precisions, by MMEngine's names."""


class AmpOptimWrapper(OptimWrapper):
    """An `OptimWrapper` that requests mixed precision from Accelerate.

    Args:
        optimizer, accumulative_counts, clip_grad: as in `OptimWrapper`.
        dtype: `"float16"`, `"bfloat16"` or torch's dtype; None (default) means float16 on an accelerator and bfloat16
            on a CPU.
        loss_scale: for float16, `"dynamic"`, an initial scale, or arguments of `torch.amp.GradScaler`.

    Raises:
        InvalidArgument: if the dtype is unknown or the loss scale is invalid.

    Source: MMEngine `AmpOptimWrapper`. A number as `loss_scale` is the initial scale. It never grows, but an overflow
    halves it.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> AmpOptimWrapper(torch.optim.SGD([weight], lr=0.1), dtype="bfloat16").precision
    'bf16'
    """

    def __init__(
        self,
        optimizer: Optimizer,
        accumulative_counts: int = 1,
        clip_grad: Mapping[str, Any] | None = None,
        dtype: str | torch.dtype | None = None,
        loss_scale: str | float | Mapping[str, Any] = "dynamic",
    ) -> None:
        super().__init__(optimizer, accumulative_counts, clip_grad)
        name = str(dtype).removeprefix("torch.") if dtype is not None else None
        if name is not None and name not in PRECISIONS:
            site = CallSite("AmpOptimWrapper", "dtype", got=repr(dtype))
            message = f"expected one of {', '.join(PRECISIONS)}"
            raise InvalidArgument(site, message, example='dtype="bfloat16"')
        self.dtype = name
        self.scaling: dict[str, Any] = {}  # arguments of `torch.amp.GradScaler`
        if isinstance(loss_scale, Mapping):
            self.scaling = dict(loss_scale)
        elif loss_scale != "dynamic":
            self.scaling = {"init_scale": loss_scale, "growth_interval": 2**31 - 1}
        site = CallSite("AmpOptimWrapper", "loss_scale")
        if "init_scale" in self.scaling:
            self.scaling["init_scale"] = positive_number(site, self.scaling["init_scale"])
        try:
            torch.amp.GradScaler("cpu", **self.scaling)
        except (AssertionError, TypeError) as error:
            raise InvalidArgument(
                site_with_value(site, loss_scale), str(error), example='"dynamic", or 512.0'
            ) from None

    @property
    def precision(self) -> str:
        """Accelerate's name of the precision."""
        if self.dtype is None:
            return "fp16" if torch.accelerator.is_available() else "bf16"
        return PRECISIONS[self.dtype]


@final
class AcceleratedWrapper:
    """An `OptimWrapper` that runs backward, step and zero_grad through Accelerate. `train_step` receives it.

    Args:
        inner: the user's wrapper. Its own methods still step without Accelerate.
        prepared: the optimizer returned by `accelerator.prepare`.
        accelerator: an `Accelerator`.
    """

    def __init__(self, inner: OptimWrapper, prepared: Any, accelerator: Any) -> None:
        self.inner = inner
        self.prepared = prepared
        self.accelerator = accelerator
        self.updates = 0  # completed updates, not counting steps that the loss scaler skipped
        # Counts the samples or tokens of an update. It reports them before the scheduler's hook runs.
        self.amounts: BatchAmounts | None = None

        def before_update(_: Optimizer) -> None:
            if self.amounts is not None:
                self.amounts.report_counted()

        def after_update(_: Optimizer) -> None:
            self.updates += 1

        watch_updates(inner.optimizer, before_update, after_update)

    def note_batch(self, data: Any) -> None:
        if self.amounts is not None:
            self.amounts.count_batch(data, ends_update=False)  # the step determines the last batch of an update

    @property
    def optimizer(self) -> Optimizer:
        return self.inner.optimizer

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not set while the object is copied or unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)

    @contextmanager
    def optim_context(self, model: Any) -> Iterator[None]:
        """Return the context of a forward pass: mixed precision, and no synchronization while gradients accumulate."""
        with ExitStack() as stack:
            # Gradients are synchronized once per update, with its last batch.
            if not self.inner.should_sync():
                stack.enter_context(self.accelerator.no_sync(model))
            stack.enter_context(self.accelerator.autocast())
            yield

    def update_params(
        self,
        loss: torch.Tensor,
        step_kwargs: Mapping[str, Any] | None = None,
        zero_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Scale and backpropagate the loss of one batch; if the batch completes an update, step and clear gradients."""
        self.backward(self.inner.scale_loss(loss))
        if self.inner.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        self.accelerator.backward(loss, **kwargs)
        count_batch(self.inner)

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients and step the optimizer, unless the loss scaler skips the update."""
        if self.inner.clip_func is not None:
            # Clip gradients after removing the factor of the loss scaler.
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.unscale_(self.optimizer)
            clip_gradients(self.inner)
        try:
            self.prepared.step(**kwargs)
        except MissingFact as error:  # without the count of samples or tokens the update was not made
            if error.fact == PROGRESS:
                raise
            by_length = "Runner(..., tokens_per_sample=1024), or " if error.fact == "tokens_per_step" else ""
            instead = f"Use {by_length}Runner(..., amount_of=lambda batch: …)"
            raise error.changed(advice=instead) from None

    def zero_grad(self, **kwargs: Any) -> None:
        self.prepared.zero_grad(**kwargs)

    @property
    def in_cycle(self) -> bool:
        """True if gradients of earlier batches are waiting for an update."""
        return not self.inner.should_update()

    def __repr__(self) -> str:
        return f"<{self.inner!r} on Accelerate>"


@final
class AcceleratedWrappers(dict[str, AcceleratedWrapper]):
    """Several optimizers by name, passed to `train_step`."""

    @property
    def param_groups(self) -> dict[str, list[dict[str, Any]]]:
        return {name: stepper.param_groups for name, stepper in self.items()}

    @contextmanager
    def optim_context(self, model: Any) -> Iterator[None]:
        with next(iter(self.values())).optim_context(model):  # all accumulate equally
            yield

    def update_params(self, loss: torch.Tensor) -> None:
        """Train on one batch with a shared loss: one backward pass, then a step of each optimizer."""
        first, *later_steppers = self.values()
        if any(batches_per_update(stepper) != batches_per_update(first) for stepper in later_steppers):
            raise InvalidArgument(
                "optim_wrapper",
                "the optimizers have different accumulative_counts",
                "Implement the model's train_step(data, optim_wrapper)",
            )
        first.backward(first.scale_loss(loss))
        # The batch counts for each optimizer. Gradients are cleared after all have stepped, because two optimizers may
        # share a parameter.
        for stepper in later_steppers:
            count_batch(stepper.inner)
        for stepper in self.values():
            if stepper.should_update():
                stepper.step()
        for stepper in self.values():
            if stepper.should_update():
                stepper.zero_grad()
