"""Build schedulers from a config, as MMEngine's Runner does."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, final, overload

from paramsched.errors import AssertedArgument, CallSite, InvalidArgument
from paramsched.mmengine.schedulers.base import _ParamScheduler, is_scheduler
from paramsched.mmengine.schedulers.optim_wrapper import OptimWrapper
from paramsched.mmengine.schedulers.optimizers import OptimizerLike
from paramsched.mmengine.schedulers.registry import PARAM_SCHEDULERS

CONVERTED: Final = "convert_to_iter_based"
"""The entry of a scheduler's dict whose counts of epochs are converted to iterations."""
BUILDER_KEYS: Final = ("type", "epoch_length", "_scope_", CONVERTED)
"""The entries of a scheduler's dict that are not arguments of its class."""


@final
@dataclass(frozen=True, slots=True)
class RunLength:
    """The length of a run.

    Args:
        epoch_length: iterations per epoch; None if unknown.
        max_epochs: its length in epochs, if the loop runs by epochs.
        max_iters: its length in iterations, if the loop runs by iterations.
    """

    epoch_length: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None

    def end(self, by_epoch: bool) -> int | None:
        """Return the end of the run, the default of a scheduler's `end`, in epochs or iterations; None if unknown."""
        epochs, length = self.max_epochs, self.epoch_length
        if by_epoch:
            if epochs is None and self.max_iters is not None and length:
                return ceil(self.max_iters / length)  # MMEngine takes 1 instead
            return epochs
        return epochs * length if self.max_iters is None and epochs is not None and length else self.max_iters


@overload
def build_param_scheduler(
    config: Any,
    optimizer: OptimizerLike,
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> list[_ParamScheduler]: ...
@overload
def build_param_scheduler(
    config: Any,
    optimizer: Mapping[str, OptimizerLike],
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> dict[str, list[_ParamScheduler]]: ...
def build_param_scheduler(
    config: Any,
    optimizer: OptimizerLike | Mapping[str, OptimizerLike],
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> list[_ParamScheduler] | dict[str, list[_ParamScheduler]]:
    """Build the schedulers of a config.

    A scheduler whose dict has no `end` ends with the run. A dict with `convert_to_iter_based=True` is passed to the
    `build_iter_from_epoch` of its class.

    Args:
        config: None, a dict with `type`, a built scheduler, or a list of either. For several optimizers it may also be
            a dict of these, keyed by the names of the optimizers.
        optimizer: one optimizer, or a dict of optimizers by name.
        epoch_length: batches per epoch; None if unknown.
        max_epochs: length of the run in epochs; None if the run is measured in iterations.
        max_iters: length of the run in iterations; schedulers with `by_epoch=True` then count passes of
            `epoch_length` batches.

    Returns:
        A list of schedulers; for several optimizers a dict of lists by name.

    Raises:
        TypeError: if an element is neither a dict nor a scheduler, or the list contains both.
        AssertionError: if a dict has no `type`.
        KeyError: if a `type` is unknown, or the dict omits an optimizer.
        ValueError: if one built scheduler is passed for several optimizers, a name belongs to no optimizer, or an
            argument is out of range. The message names the scheduler's index in the list.

    Source: MMEngine `Runner.build_param_scheduler`. docs/reference/divergences.md lists the differences.
    """
    run = RunLength(epoch_length, max_epochs, max_iters)
    if not isinstance(optimizer, Mapping):
        return _build_list(config, optimizer, run, "")
    if isinstance(config, Mapping) and "type" not in config:
        unknown = sorted(set(config) - set(optimizer))
        if unknown:
            raise ValueError(
                f"param_scheduler names {', '.join(map(repr, unknown))}, but the optimizers are "
                f"{', '.join(map(repr, optimizer))}. Name each scheduler after its optimizer"
            )
        missing = sorted(set(optimizer) - set(config))
        if missing:
            raise KeyError(
                f"param_scheduler has no entry for {', '.join(map(repr, missing))}. "
                f"Use {missing[0]}=None for no scheduler"
            )
        return {name: _build_list(config[name], one, run, f"{name}: ") for name, one in optimizer.items()}
    if len(optimizer) > 1 and any(map(is_scheduler, _config_elements(config))):
        raise ValueError(
            "a built scheduler belongs to one optimizer, but it would be stepped once for each of "
            f"{', '.join(map(repr, optimizer))}. Use {{{next(iter(optimizer))!r}: [scheduler], …}}, or dict(type=…)"
        )
    return {name: _build_list(config, one, run, f"{name}: ") for name, one in optimizer.items()}


def _config_elements(config: Any) -> list[Any]:
    if config is None:
        return []
    return list(config) if isinstance(config, (list, tuple)) else [config]


def _build_list(config: Any, optimizer: OptimizerLike, run: RunLength, where: str) -> list[_ParamScheduler]:
    """Build the schedulers of one optimizer."""
    elements = _config_elements(config)
    if len({is_scheduler(one) for one in elements}) == 2:
        raise TypeError(
            f"{where}param_scheduler mixes built schedulers and dicts. Use dicts only, or build all of them"
        )
    return [
        element
        if is_scheduler(element)
        else _build_located(element, f"{where}param_scheduler[{index}]", optimizer, run)
        for index, element in enumerate(elements)
    ]


def _build_located(element: Any, place: str, optimizer: OptimizerLike, run: RunLength) -> _ParamScheduler:
    """Build one scheduler; errors keep their type and name its place in the config."""
    if not isinstance(element, Mapping):
        raise TypeError(
            f"{place}: expected a scheduler or a dict, got {element!r}. For example: dict(type='StepLR', step_size=3)"
        )
    if "type" not in element:
        raise AssertionError(f"{place}: it has no `type`. For example: dict(type='StepLR', step_size=3)")
    cls = PARAM_SCHEDULERS.find(element["type"])
    try:
        return build_scheduler(cls, element, optimizer, run)
    except InvalidArgument as error:
        raise error.changed(site=f"{place}: {error.problem.site}") from error  # the site begins with the class
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise type(error)(f"{place} ({cls.__name__}): {text}") from error


def _is_of_mmengine(cls: Any) -> bool:
    return any(one.__module__.startswith("mmengine.") for one in getattr(cls, "__mro__", ()))


def build_scheduler(cls: Any, element: Mapping[str, Any], optimizer: OptimizerLike, run: RunLength) -> _ParamScheduler:
    """Build a scheduler of a class from its dict; a missing `end` is the end of the run."""
    arguments = {name: value for name, value in element.items() if name not in BUILDER_KEYS}
    by_epoch = arguments.get("by_epoch", True)
    end = run.end(by_epoch)
    if end is not None:
        arguments.setdefault("end", end)
    if isinstance(optimizer, OptimWrapper) and _is_of_mmengine(cls):
        optimizer = optimizer.optimizer  # MMEngine's base class refuses wrappers other than its own
    if not element.get(CONVERTED, False):
        return cls(optimizer=optimizer, **arguments)  # type: ignore[no-any-return]  # a class named in a config
    site = CallSite(cls.__name__, CONVERTED, "True")
    if not by_epoch:
        raise AssertedArgument(site, "it requires arguments in epochs", "Omit by_epoch=False")
    if run.epoch_length is None:
        found = "it needs the number of batches per epoch"
        raise InvalidArgument(site, found, example="epoch_length=len(train_dataloader)")
    return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=run.epoch_length, **arguments)  # type: ignore[no-any-return]  # as above
