"""build_param_scheduler: from a config to schedulers; and what they say."""

from collections.abc import Iterable, Mapping
from typing import Any, overload

from paramsched.base.user_warnings import warn_user
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.one_cycle import ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.mmengine.registry import PARAM_SCHEDULERS
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler
from paramsched.peers.mmengine.config_run import RunLength
from paramsched.peers.mmengine.to_schedule import list_cautions


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

    A dict without `end` gets the length of the run, in its own unit; `convert_to_iter_based=True` builds it by
    `build_iter_from_epoch`.

    Args:
        config: None, a dict with `type`, a built scheduler, a list of either; for several optimizers also a dict of
            these by the optimizers' names.
        optimizer: one, or several by name.
        epoch_length: batches in an epoch.
        max_epochs: length of a run by epochs.
        max_iters: length of a run by iterations; schedulers by epoch then count passes of `epoch_length` batches.

    Returns:
        A list, or a dict of lists for several optimizers.

    Raises:
        TypeError: an element that is no dict and no scheduler, or a list of both kinds.
        AssertionError: a dict without `type`.
        KeyError: an unknown `type`, or an optimizer the dict does not name.
        ValueError: one built scheduler for several optimizers, names of no optimizer, or an argument out of range. The
            message names the scheduler's place in the list.

    Source: MMEngine `Runner.build_param_scheduler`. Rows 25-28 and 38 of docs/compat/divergences.md.
    """
    run = RunLength(epoch_length, max_epochs, max_iters)
    if not isinstance(optimizer, Mapping):
        return _build_list(config, optimizer, run, "")
    if isinstance(config, Mapping) and "type" not in config:
        unknown = sorted(set(config) - set(optimizer))
        if unknown:
            raise ValueError(
                f"param_scheduler names {', '.join(map(repr, unknown))}, and the optimizers are "
                f"{', '.join(map(repr, optimizer))}. Name each scheduler after its optimizer"
            )
        missing = sorted(set(optimizer) - set(config))
        if missing:
            raise KeyError(
                f"param_scheduler has nothing for {', '.join(map(repr, missing))}. Write {missing[0]}=None for none"
            )
        return {name: _build_list(config[name], one, run, f"{name}: ") for name, one in optimizer.items()}
    if len(optimizer) > 1 and any(isinstance(one, _ParamScheduler) for one in _config_elements(config)):
        raise ValueError(
            "a built scheduler belongs to one optimizer, and it would be stepped once for each of "
            f"{', '.join(map(repr, optimizer))}. Write {{{next(iter(optimizer))!r}: [scheduler], …}}, or a dict"
        )
    return {name: _build_list(config, one, run, f"{name}: ") for name, one in optimizer.items()}


def _config_elements(config: Any) -> list[Any]:
    if config is None:
        return []
    return list(config) if isinstance(config, (list, tuple)) else [config]


def _build_list(config: Any, optimizer: OptimizerLike, run: RunLength, where: str) -> list[_ParamScheduler]:
    """Build the schedulers of one optimizer."""
    elements = _config_elements(config)
    kinds = {isinstance(one, _ParamScheduler) for one in elements}
    if len(kinds) == 2:
        raise TypeError(
            f"{where}param_scheduler mixes built schedulers and dicts. Write dicts only, or build all of them"
        )
    built = [_build_element(element, index, optimizer, run, where) for index, element in enumerate(elements)]
    of_table = [(one.table_row, vars(one)) for one in built if isinstance(one, RuleScheduler)]
    for caution in list_cautions(of_table, run):
        warn_user(f"{where}param_scheduler[{caution.index}]: {caution.text}")
    return built


def _build_element(element: Any, index: int, optimizer: OptimizerLike, run: RunLength, where: str) -> _ParamScheduler:
    """Build one scheduler; an error says which."""
    if isinstance(element, _ParamScheduler):
        return element
    place = f"{where}param_scheduler[{index}]"
    if not isinstance(element, Mapping):
        raise TypeError(
            f"{place}: a scheduler or a dict is needed, not {element!r}. Write dict(type='StepLR', step_size=3)"
        )
    if "type" not in element:
        raise AssertionError(f"{place}: it has no `type`. Write dict(type='StepLR', step_size=3)")
    arguments = dict(element)
    cls = PARAM_SCHEDULERS.find(arguments.pop("type"))
    convert = arguments.pop("convert_to_iter_based", False)
    arguments.pop("epoch_length", None)
    by_epoch = arguments.get("by_epoch", True)
    default_end = run.end(by_epoch)
    if default_end is not None:
        arguments.setdefault("end", default_end)
    try:
        if convert:
            return _build_converted(cls, optimizer, arguments, run.epoch_length)
        return cls(optimizer=optimizer, **arguments)  # type: ignore[no-any-return]  # what a config names
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        # The same kind of error, and where it was found (row 38).
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise type(error)(f"{place} ({cls.__name__}): {text}") from error


def _build_converted(
    cls: Any, optimizer: OptimizerLike, arguments: dict[str, Any], epoch_length: int | None
) -> _ParamScheduler:
    """Build a scheduler that ticks by iteration from arguments in epochs."""
    if not arguments.get("by_epoch", True):
        raise AssertionError("convert_to_iter_based=True is for arguments in epochs. Leave by_epoch=False out")
    if epoch_length is None:
        raise ValueError(
            "convert_to_iter_based=True needs the batches in an epoch. Give epoch_length=len(train_dataloader)"
        )
    return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=epoch_length, **arguments)  # type: ignore[no-any-return]  # as above


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """The present value of every scheduled field in every group of the optimizer, for a log.

    MMEngine logs the first group's learning rate only (rows 29 and 30 of docs/compat/divergences.md).
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = optimizers.inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class need not construct its base
        if name is not None:
            values[name] = [float(optimizers.present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[_ParamScheduler]) -> list[str]:
    """A line for each plateau that never saw a metric: cause and cure (row 13 of docs/compat/divergences.md)."""
    return [
        f"[{index}] {type(one).__name__} never received {one.monitor!r} and so never acted: it acts after validations "
        f"in its window [{one.begin}, {one.end}). Give the run a validation, or call step({{{one.monitor!r}: …}})"
        for index, one in enumerate(schedulers)
        if isinstance(one, ReduceOnPlateauParamScheduler) and _never_measured(vars(one))
    ]


def _never_measured(held: Mapping[str, Any]) -> bool:
    """Whether a plateau saw no metric, as far as its class tells."""
    if "last_metric" in held:
        return held["last_metric"] is None
    return "monitor" in held and held.get("last_step", 0) < 0
