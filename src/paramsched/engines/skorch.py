"""skorch. Its optimizer exists only after `initialize()`, so a callback attaches the plan: `PlanCallback(plan)`.

The callback passes to the plan the epochs and batches of the net and the metrics of the history (`valid_loss`), and
records the values at every batch. `fit` starts the plan, `partial_fit` continues it, also after `load_params` and
unpickling.
"""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import paramsched.engines.torch_required  # noqa: F401  # reports that torch is missing
from paramsched.core.advice.calls import explain_wrong_keywords_of
from paramsched.core.plan.forms import PlanLike
from paramsched.core.runs.arguments import copied_groups
from paramsched.core.runs.scheduler import Scheduler, SignalsLike
from paramsched.core.scheduler.on_base import OnBase
from paramsched.core.scheduler.saved_state import OnChange
from paramsched.core.time import Calendar
from paramsched.core.time.deadline import DeadlineLike
from paramsched.engines import accelerate
from paramsched.engines.argument_order import check_plan
from paramsched.engines.engine_facts import AmountOf, EngineFacts, PlanOptions, batch_size_of, length_of
from paramsched.engines.reporting import BatchAmounts, MetricRelay, callbacks_on_demand
from paramsched.engines.run_end import RunEnd


@explain_wrong_keywords_of("PlanCallback")
class _SkorchPlan:
    """Applies a plan to a net's optimizer.

    The default horizon of the plan is the number of epochs in the net's history plus `max_epochs`.

    Args:
        plan: the plan to apply.
        accumulation: the number of batches per update, for a net whose own `train_step` accumulates gradients.
        calendar: run facts that take precedence over the engine's, or that the engine does not know.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        amount_of: returns the number of samples, tokens or frames in a batch of one process. Default: the
            number of samples, times `tokens_per_sample` if the clock counts tokens.
        record: True to record the values in the history, batch by batch.
        on_change: as in `ps.Scheduler`.
        on_base: as in `ps.Scheduler`.
        deadline, untimed_updates: as in `ps.Scheduler`; `"in 10 min"` counts from `fit`.
        reserve: a length such as `"30 s"` by which the deadline or `stop_before` is earlier: the time to validate and
            save at the end.
        stop_before, stop_on: as in `ps.Scheduler`; `"in 10 min"` counts from `fit`.
        stop: True if the engine ends after the first update after which `should_stop` of the Scheduler is True, on any
            clock; False: never. Default: True if there is a deadline, `stop_before` or `stop_on`.

    Raises:
        MissingDependency: skorch is not installed.
    """

    # skorch clones by get_params, so attributes are named like the arguments, or end in an underscore.
    def __init__(
        self,
        plan: PlanLike,
        *,
        accumulation: int = 1,
        calendar: Calendar | None = None,
        tokens_per_sample: float | None = None,
        amount_of: AmountOf | None = None,
        record: bool = True,
        on_change: OnChange = "new",
        on_base: OnBase = "checkpoint",
        deadline: DeadlineLike | None = None,
        untimed_updates: int | None = None,
        reserve: str | None = None,
        stop_before: DeadlineLike | None = None,
        stop_on: SignalsLike | None = None,
        stop: bool | None = None,
    ) -> None:
        self.plan = plan
        self.accumulation = accumulation
        self.calendar = calendar
        self.tokens_per_sample = tokens_per_sample
        self.amount_of = amount_of
        self.record = record
        self.on_change = on_change
        self.on_base = on_base
        self.deadline = deadline
        self.untimed_updates = untimed_updates
        self.reserve = reserve
        self.stop_before = stop_before
        self.stop_on = stop_on
        self.stop = stop
        check_plan("PlanCallback", plan)
        self._checked_options()

    def _checked_options(self) -> PlanOptions:
        return PlanOptions(**{one.name: getattr(self, one.name) for one in fields(PlanOptions) if one.init})

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **keywords: Any) -> None:  # noqa: N803  # skorch's name
        self.scheduler_: Scheduler | None = None
        self.metrics_ = MetricRelay("PlanCallback")
        self.done_ = len(net.history)
        self.code_groups_ = copied_groups(net.optimizer_)  # `LoadInitState` loads after this
        self.options_ = self._checked_options()

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **keywords: Any) -> None:
        """Attach the plan before the first epoch, when the training set is known."""
        if self.scheduler_ is None:
            known = _facts_of_net(net, dataset_train, self.accumulation, self.done_)
            self.scheduler_ = known.attach(
                net.optimizer_, self.plan, self.options_, checked_later=True, code_groups=self.code_groups_
            )
            self.ending_ = RunEnd([self.scheduler_], stop=self.options_.stop is True)
            self.ending_.begin()
            accelerator = getattr(net, "accelerator", None)
            self.amounts_ = (
                BatchAmounts(self.scheduler_, self.options_)
                if accelerator is None
                else accelerate.batch_amounts(accelerator, self.scheduler_, self.options_)
            )

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **keywords: Any) -> None:
        if not training or self.scheduler_ is None:
            return
        seen = len(net.history[-1, "batches"])  # including this one
        self.amounts_.count_batch(batch, ends_update=seen % self.accumulation == 0 if self.accumulation > 1 else None)
        if self.record:
            for name, value in self.scheduler_.scalars("coming").items():
                net.history.record_batch(name, value)

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **keywords: Any) -> None:
        if training and self.scheduler_ is not None and self.ending_.is_due:
            raise KeyboardInterrupt  # as skorch's EarlyStopping ends a fit

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **keywords: Any) -> None:
        if self.scheduler_ is not None:
            self.metrics_.report(self.scheduler_, net.history[-1])

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **keywords: Any) -> None:  # noqa: N803  # as above
        if self.scheduler_ is not None:
            self.ending_.finish("PlanCallback")
            self.metrics_.finish(self.scheduler_)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.endswith("_")}


def _facts_of_net(net: Any, dataset: Any, accumulation: int, done: int) -> EngineFacts:
    """Return the run facts of a net or its Accelerator."""
    loader = net.get_iterator(dataset, training=True)
    epochs = done + net.max_epochs
    accelerator = getattr(net, "accelerator", None)
    if accelerator is not None:
        known = accelerate.facts(accelerator, loader, epochs=epochs)
        return replace(known, call="PlanCallback", counter="", warns_of_metrics=True)
    batches = length_of(loader)
    uneven = batches is not None and batches % accumulation != 0
    reason = (
        "the training set has no length"
        if batches is None
        else f"an epoch of {batches} batches is not a multiple of accumulation={accumulation}"
    )
    return EngineFacts(
        call="PlanCallback",
        batches=batches,
        accumulation=accumulation,
        batch_size=batch_size_of(loader),
        total=None if batches is None or uneven else epochs * batches // accumulation,
        warns_of_metrics=True,
        whole=False,  # a custom train_step may or may not drop the last accumulation of an epoch
        why={"steps_per_epoch": reason, "total": reason},
    )


if TYPE_CHECKING:
    PlanCallback = _SkorchPlan
else:
    __getattr__ = callbacks_on_demand(
        __name__, {"PlanCallback": _SkorchPlan}, "skorch.callbacks.Callback", extra="skorch"
    )
