"""MMEngine's Runner. It accepts only MMEngine's scheduler classes, so the classes of this module inherit from them.

    from paramsched.mmengine.engine import MultiStepLR, PlanScheduler, register

    Runner(..., param_scheduler=PlanScheduler(optim_wrapper, plan, steps_per_epoch=500))
    register()                                   # for configs: dict(type='PlanScheduler', plan='plan.yaml')

The classes with the names of MMEngine's schedulers step per batch or per epoch, as these do. A plan counts updates.
`register` also allows torch to load MMEngine's checkpoints. `ValuesHook` logs every value, and `AmountHook` counts
batches.
"""

from collections.abc import Mapping
from functools import cache, partial
from math import ceil
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Unpack

from paramsched.engines.torch_required import torch  # first, because it reports that torch is missing

# isort: split
from paramsched.core.calls.checked_calls import with_short_errors
from paramsched.core.groups.fields import Field, flat_groups
from paramsched.core.plan import SIZES_OF_BATCHES, PlanLike
from paramsched.core.run import EngineHandle, OnBase, OnChange, Scheduler
from paramsched.core.time import Facts, RunFacts, facts_if_passed
from paramsched.engines.engine_facts import AmountOf, EngineFacts, PlanOptions, check_kinds
from paramsched.engines.reporting import (
    BatchAmounts,
    MetricRelay,
    classes_on_demand,
    make_class,
    samples_in_lists,
)
from paramsched.engines.writes import FieldWriter, TrainedOptimizers, warn_of_writers
from paramsched.errors import MissingDependency
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine.schedulers import base
from paramsched.mmengine.schedulers.base import INF, is_scheduler
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES


def allow_checkpoints() -> None:
    """Allow torch to load MMEngine's checkpoints, whose history of logged values torch 2.6 and later reject.

    Call this before each load, because other libraries shrink torch's
    list: the Trainer of transformers removes NumPy's entries after it has loaded a random state.
    """
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 6):
        torch.serialization.add_safe_globals(_checkpoint_globals())


@cache
def _checkpoint_globals() -> list[Any]:
    """Return the objects that a history of logged values refers to. Its only methods are those that read it."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    def method(owner: Any, name: str) -> Any:
        if owner is HistoryBuffer and name in ("min", "max", "current", "mean"):
            return getattr(HistoryBuffer, name)
        raise UnpicklingError(f"{name} of {owner!r} is not a part of a history of logged values")

    kinds = (np.float64, np.float32, np.int64, np.int32, np.uint64, np.bool_)
    rebuild = [np.empty(()).__reduce__()[0], np.float64().__reduce__()[0]]
    allowed = [HistoryBuffer, np.ndarray, np.dtype, *rebuild, *(type(np.dtype(kind)) for kind in kinds)]
    return [*allowed, (method, "builtins.getattr")]


class _AllowsCheckpoints:
    """Mixin for the classes with MMEngine's names, whose states are in MMEngine's checkpoints."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        allow_checkpoints()
        super().__init__(*args, **keywords)


class _PlanScheduler:
    """A plan as an MMEngine scheduler: the Runner saves it in checkpoints and passes metrics to it.

    The optimizer's step advances the plan, so that accumulation and skipped updates count correctly. `step()` does not
    advance it.

    Args:
        optimizer: an optimizer, or MMEngine's wrapper of one.
        plan: a plan, a mapping as in a plan file, the text of a plan, or the path of a file.
        end: the number of epochs of the run, passed by a Runner: the default total of the plan.
        epoch_length: the number of batches in an epoch, passed by a Runner if the config has
            `convert_to_iter_based=True`.
        on_change: as in `ps.Scheduler`.
        on_base: as in `ps.Scheduler`.
        strict: as in `ps.Scheduler`.
        facts: the run facts as one object, in place of keywords.
        run_facts: run facts that the engine does not know, as in `ps.Scheduler`: `steps_per_epoch`, `total`, ….

    Raises:
        MissingFact: a unit of the plan needs an unknown run fact.
    """

    need_val_args = True
    by_epoch = True

    @with_short_errors
    def __init__(
        self,
        optimizer: Any,
        plan: PlanLike,
        *,
        end: int | None = None,
        epoch_length: int | None = None,
        on_change: OnChange = "new",
        on_base: OnBase = "checkpoint",
        strict: bool = False,
        facts: RunFacts | None = None,
        **run_facts: Unpack[Facts],
    ) -> None:
        check_kinds("PlanScheduler", optimizer=optimizer, plan=plan)
        allow_checkpoints()
        self.optimizer = optimizer
        user_facts = facts_if_passed("PlanScheduler(optimizer, plan)", facts, run_facts)
        accumulation = getattr(optimizer, "_accumulative_counts", 1)
        total = None
        if epoch_length is not None and end is not None and end < INF:
            total = ceil(epoch_length * end / accumulation)
        convert = "the config needs convert_to_iter_based=True" if epoch_length is None else ""
        uneven = f"an epoch of {epoch_length} batches is not a multiple of the accumulation of {accumulation}"
        engine_facts = EngineFacts(
            call="PlanScheduler",
            batches=epoch_length,
            accumulation=accumulation,
            total=total,
            whole=False,  # MMEngine's accumulation continues into the next epoch
            why={"steps_per_epoch": convert or uneven, "total": convert or "its argument end (epochs) is unknown"},
            has_tokens_per_sample=False,
            counter="Runner(…, custom_hooks=[AmountHook({})])",
            fixed_sizes=SIZES_OF_BATCHES,
        )
        inner = base.inner_optimizer(optimizer)
        options = PlanOptions(
            facts=user_facts, on_change=on_change, on_base=on_base,
            strict=strict,
        )  # fmt: skip
        written = _fields_of_others(optimizer, inner)
        self.scheduler: Scheduler = engine_facts.attach(inner, plan, options)
        attached = self.scheduler.optimizer
        writers = [FieldWriter(_OTHER, attached.param_groups, field) for field in written]
        warn_of_writers([attached], writers, "param_scheduler")
        self.trained = TrainedOptimizers("PlanScheduler", [self.scheduler])
        self._metrics = MetricRelay("PlanScheduler")

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, epoch_length: int, by_epoch: bool = True, **keywords: Any) -> Any:
        """Construct the scheduler with the length of an epoch, for configs with `convert_to_iter_based=True`."""
        del by_epoch
        return cls(*args, epoch_length=epoch_length, **keywords)

    def step(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Pass the metrics of a validation to the metric rules; without metrics, only acknowledge the last update."""
        if metrics is not None:
            self._metrics.report(self.scheduler, metrics, is_evaluation=True)
        else:
            self.scheduler.step()

    def get_last_value(self) -> list[float]:
        """Return the values of the next update, in the order of the plan's lines."""
        return list(EngineHandle(self.scheduler).values().values())

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Do nothing, because `ValuesHook` logs the values."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the plan's scheduler."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state; if the state has another plan, `on_change` decides which plan applies."""
        self.scheduler.load_state_dict(state_dict)


class _ValuesHook:
    """Logs the values of every group at each update, with the names of `scheduler.scalars()`: `train/lr/1`.

    MMEngine itself logs only the learning rate of the first group.
    """

    priority = "VERY_HIGH"

    def before_train(self, runner: Any) -> None:
        """Warn of schedulers that write what a plan writes."""
        _warn_of_others(runner)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Write the values into the Runner's message hub, which its loggers read."""
        for name, schedulers in _schedulers_by_name(runner).items():
            values: dict[str, float] = {}
            for scheduler in schedulers:
                if isinstance(scheduler, _PlanScheduler):
                    scheduler.trained.check(_optimizers_of(runner))
                    values |= scheduler.scheduler.scalars("coming")
            for scheduler in schedulers:
                if is_scheduler(scheduler):
                    inner = base.inner_optimizer(scheduler.optimizer) or scheduler.optimizer
                    groups = flat_groups(inner.param_groups)
                    for field, by_group in drop_ins.scheduled_values([scheduler]).items():
                        slot = Field.of(field).slot
                        values |= {slot + group: value for group, value in zip(groups, by_group, strict=True)}
            for key, value in values.items():
                runner.message_hub.update_scalar(f"train/{name + '.' if name else ''}{key}", value)


class _AmountHook:
    """Counts samples or tokens, for plans whose clock counts these, and reports the sum before each update.

    Args:
        scheduler: a scheduler that was constructed outside of the Runner. Each `PlanScheduler` of the Runner is
            found automatically.
        amount_of: returns the number of samples, tokens or frames in a batch of one process. Default: the
            number of samples, times `tokens_per_sample` if the clock counts tokens.
        tokens_per_sample: the length of a sequence.
    """

    priority = "VERY_HIGH"

    def __init__(
        self,
        scheduler: Scheduler | None = None,
        *,
        amount_of: AmountOf | None = None,
        tokens_per_sample: float | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._options = PlanOptions(tokens_per_sample=tokens_per_sample, amount_of=amount_of)
        self._amounts: list[BatchAmounts] = []

    def before_train(self, runner: Any) -> None:
        """Find the schedulers, after checkpoints were loaded, and warn of those that write what a plan writes."""
        _warn_of_others(runner)
        schedulers = [] if self._scheduler is None else [self._scheduler]
        schedulers += [scheduler.scheduler for scheduler in _plan_schedulers(runner)]
        self._amounts = [
            BatchAmounts(scheduler, self._options, runner.world_size, _sum_over_ranks, samples_in_lists)
            for scheduler in schedulers
        ]

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        wrapper = runner.optim_wrapper
        should_sync = getattr(wrapper, "should_sync", None)  # a dict of wrappers has none
        for amounts in self._amounts:
            amounts.count_batch(data_batch, ends_update=None if should_sync is None else should_sync())


def _optimizers_of(runner: Any) -> list[Any]:
    """Return the wrappers of a Runner's optimizers."""
    wrapper = runner.optim_wrapper
    wrappers = getattr(wrapper, "optim_wrappers", None)  # of several optimizers
    return [wrapper] if wrappers is None else list(wrappers.values())


def _schedulers_by_name(runner: Any) -> dict[str, list[Any]]:
    """Return the schedulers of each optimizer of a Runner by its name; the name of a single optimizer is empty."""
    schedulers = runner.param_schedulers
    return schedulers if isinstance(schedulers, dict) else {"": schedulers or []}


def _schedulers_of(runner: Any) -> list[Any]:
    """Return the schedulers of all optimizers of a Runner."""
    return [scheduler for schedulers in _schedulers_by_name(runner).values() for scheduler in schedulers]


def _plan_schedulers(runner: Any) -> list[_PlanScheduler]:
    """Return each PlanScheduler of a Runner."""
    return [scheduler for scheduler in _schedulers_of(runner) if isinstance(scheduler, _PlanScheduler)]


_OTHER = "another scheduler of MMEngine, such as LinearLR in param_scheduler,"


def _fields_of_others(wrapper: Any, inner: Any) -> list[Field]:
    """Return the fields that other schedulers of MMEngine write, which were constructed for an optimizer before.

    They count the steps of the wrapper, and store the initial value of their field in each group. Nothing refers to
    the schedulers themselves, so they have no names here.
    """
    if inner is None or not getattr(wrapper.step, "_with_counter", False):
        return []
    prefix = "initial_"
    fields = {
        base.field_of_group(group, key.removeprefix(prefix))
        for group in inner.param_groups
        for key in group
        if str(key).startswith(prefix)
    }
    return sorted(fields, key=str)


def _warn_of_others(runner: Any) -> None:
    """Warn of each scheduler of a Runner that writes a field of a group which a plan writes too."""
    for scheduler in _schedulers_of(runner):
        inner = None if isinstance(scheduler, _PlanScheduler) else base.inner_optimizer(scheduler.optimizer)
        if inner is not None:
            name = type(scheduler).__name__
            field = getattr(scheduler, "param_name", "lr")  # a user's class may have none
            writers = [FieldWriter(name, [group], base.field_of_group(group, field)) for group in inner.param_groups]
            warn_of_writers([inner], writers, "param_scheduler")


def register(*, force: bool = False) -> None:
    """Make the scheduler classes, `PlanScheduler`, and the hooks of this module usable by name in MMEngine's configs.

    Args:
        force: True to register the classes also under MMEngine's names, such as `StepLR`, in place of MMEngine's.
            With the scope `paramsched`, as in `paramsched.StepLR`, they are always registered.

    Raises:
        MissingDependency: mmengine is not installed.
    """
    _mmengine_bases()
    from mmengine.registry import HOOKS, PARAM_SCHEDULERS, Registry

    allow_checkpoints()
    scope = PARAM_SCHEDULERS.children.get("paramsched")  # the scope `paramsched.` of names; created once
    if scope is None:
        scope = Registry("parameter scheduler", parent=PARAM_SCHEDULERS, scope="paramsched")
    for name in SCHEDULER_CLASSES:
        scope.register_module(name=name, module=_class_of(name), force=True)
        if force:
            PARAM_SCHEDULERS.register_module(name=name, module=_class_of(name), force=True)
    PARAM_SCHEDULERS.register_module(name="PlanScheduler", module=_class_of("PlanScheduler"), force=True)
    for name in _HOOKS:
        HOOKS.register_module(name=name, module=_class_of(name), force=True)


def _sum_over_ranks(amount: torch.Tensor) -> torch.Tensor:
    from mmengine.dist import all_reduce

    all_reduce(amount)  # in place, on the device of the process group
    return amount


_HOOKS: dict[str, type[Any]] = {"ValuesHook": _ValuesHook, "AmountHook": _AmountHook}


def _make_with_base(name: str) -> type[Any]:
    """Return the class with this name, which is also a subclass of MMEngine's base class."""
    hook, scheduler = _mmengine_bases()
    if name in _HOOKS:
        return make_class(name, __name__, _HOOKS[name], hook)
    if name == "PlanScheduler":
        return make_class(name, __name__, _PlanScheduler, scheduler)
    if name == "_ParamScheduler":
        return make_class(name, __name__, drop_ins._ParamScheduler, scheduler)
    cls = SCHEDULER_CLASSES[name]
    return make_class(name, __name__, _AllowsCheckpoints, cls, _class_of("_ParamScheduler"), doc=cls.__doc__)


_class_of = classes_on_demand(
    __name__,
    {
        name: partial(_make_with_base, name)
        for name in (*SCHEDULER_CLASSES, "_ParamScheduler", "PlanScheduler", *_HOOKS)
    },
)


def _mmengine_bases() -> tuple[type[Any], type[Any]]:
    try:
        from mmengine.hooks import Hook
        from mmengine.optim.scheduler import _ParamScheduler
    except ModuleNotFoundError:
        raise MissingDependency("paramsched.mmengine.engine", "mmengine") from None
    return Hook, _ParamScheduler


if TYPE_CHECKING:
    PlanScheduler = _PlanScheduler
    ValuesHook = _ValuesHook
    AmountHook = _AmountHook
    from paramsched.mmengine.schedulers.base import _ParamScheduler as _ParamScheduler
    from paramsched.mmengine.schedulers.families import *  # noqa: F403  # the same names, with MMEngine's base class
    from paramsched.mmengine.schedulers.param_scheduler import *  # noqa: F403  # as above
else:
    __getattr__ = _class_of


def __dir__() -> list[str]:
    return sorted([*SCHEDULER_CLASSES, "PlanScheduler", *_HOOKS])
