"""Ignite. No adapter is required: attach a plan before `trainer.run`, without a handler or `scheduler.step()`.

`PlanHandler` is for plans in epochs or percent, because the engine knows its epochs only when it runs. The handler
passes the metrics of an evaluator to the plan, and can be an entry of a `Checkpoint`'s `to_save`. To log values, use
Ignite's own `OptimizerParamsHandler`; at `ITERATION_STARTED` it reads the values that the update will use.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paramsched.engines.torch_required import torch
from paramsched.core.advice.calls import explain_wrong_keywords_of
from paramsched.core.plan.forms import PlanLike
from paramsched.core.runs.arguments import copied_groups
from paramsched.core.runs.scheduler import Scheduler, SignalsLike
from paramsched.core.scheduler.on_base import OnBase
from paramsched.core.scheduler.saved_state import OnChange
from paramsched.core.time import Calendar
from paramsched.core.time.deadline import DeadlineLike
from paramsched.engines.argument_order import check_kinds, check_plan
from paramsched.engines.engine_facts import AmountOf, EngineFacts, PlanOptions, batch_size_of
from paramsched.engines.reporting import BatchAmounts, MetricRelay
from paramsched.engines.run_end import RunEnd
from paramsched.errors import MissingDependency


@explain_wrong_keywords_of("PlanHandler")
class PlanHandler:
    """Attaches a plan when the engine starts: `PlanHandler(optimizer, plan).attach(trainer)`.

    Args:
        optimizer: the optimizer that the engine's function steps.
        plan: the plan to apply, or as in `ps.Scheduler` its file, text or mapping. If it has no horizon, its horizon is
            the length of `trainer.run(max_epochs=…)`.
        accumulation: the number of batches per update: the value of Ignite's `gradient_accumulation_steps`, which the
            engine does not know.
        calendar: run facts that take precedence over the engine's, or that the engine does not know.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        amount_of: returns the number of samples, tokens or frames in a batch of one process, for plans whose
            clock counts these. Default: the number of samples, times `tokens_per_sample` if the clock counts tokens.
        on_change: as in `ps.Scheduler`.
        on_base: as in `ps.Scheduler`.
        deadline, untimed_updates: as in `ps.Scheduler`; `"in 10 min"` counts from this call.
        reserve: a length such as `"30 s"` by which the deadline or `stop_before` is earlier: the time to validate and
            save at the end.
        stop_before, stop_on: as in `ps.Scheduler`; `"in 10 min"` counts from this call.
        stop: True if the engine ends after the first update after which `should_stop` of the Scheduler is True, on any
            clock; False: never. Default: True if there is a deadline, `stop_before` or `stop_on`.
    """

    def __init__(
        self,
        optimizer: Any,
        plan: PlanLike,
        *,
        accumulation: int = 1,
        calendar: Calendar | None = None,
        tokens_per_sample: float | None = None,
        amount_of: AmountOf | None = None,
        on_change: OnChange = "new",
        on_base: OnBase = "checkpoint",
        deadline: DeadlineLike | None = None,
        untimed_updates: int | None = None,
        reserve: str | None = None,
        stop_before: DeadlineLike | None = None,
        stop_on: SignalsLike | None = None,
        stop: bool | None = None,
    ) -> None:
        check_kinds("PlanHandler", optimizer=optimizer, plan=plan)
        check_plan("PlanHandler", plan, tuple(optimizer) if isinstance(optimizer, Mapping) else ())
        self._optimizer, self._plan, self._accumulation = optimizer, plan, accumulation
        self._options = PlanOptions(
            calendar=calendar, tokens_per_sample=tokens_per_sample, amount_of=amount_of, on_change=on_change,
            on_base=on_base, deadline=deadline, untimed_updates=untimed_updates, reserve=reserve,
            stop_before=stop_before, stop_on=stop_on, stop=stop,
        )  # fmt: skip
        self._code_groups = copied_groups(optimizer)  # a Checkpoint loads before the engine starts
        self._metrics = MetricRelay("PlanHandler")
        self._loaded: dict[str, Any] | None = None
        self._amounts: BatchAmounts | None = None
        self._warns = False
        self.scheduler: Scheduler | None = None
        self._ending = RunEnd(())

    def attach(self, trainer: Any, evaluator: Any = None) -> "PlanHandler":
        """Attach the plan when a trainer starts, and pass the metrics of an evaluator to the plan's rules.

        Returns:
            This handler.

        Raises:
            MissingDependency: Ignite is not installed.
        """
        try:
            from ignite.engine import Events
        except ModuleNotFoundError:
            raise MissingDependency("engines.ignite.PlanHandler", "pytorch-ignite", "ignite") from None
        trainer.add_event_handler(Events.STARTED, self._attach_plan)
        trainer.add_event_handler(Events.ITERATION_STARTED, self._count_batch)
        self._warns = evaluator is not None
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._end_if_due)
        trainer.add_event_handler(Events.COMPLETED, lambda: self._ending.finish("PlanHandler"))
        if evaluator is not None:

            def report_metrics() -> None:
                if self.scheduler is not None:
                    self._metrics.report(self.scheduler, evaluator.state.metrics)

            def warn_of_missed() -> None:
                if self.scheduler is not None:
                    self._metrics.finish(self.scheduler)

            evaluator.add_event_handler(Events.COMPLETED, report_metrics)
            trainer.add_event_handler(Events.COMPLETED, warn_of_missed)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return the scheduler's state; before the first run, the loaded state."""
        return self.scheduler.state_dict() if self.scheduler is not None else dict(self._loaded or {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state, or store it until the engine starts."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state_dict)
        else:
            self._loaded = dict(state_dict) or None

    def _attach_plan(self, trainer: Any) -> None:
        if self.scheduler is None:
            known = replace(_facts_of_engine(trainer, self._accumulation), warns_of_metrics=self._warns)
            self.scheduler = known.attach(
                self._optimizer, self._plan, self._options, checked_later=True, code_groups=self._code_groups
            )
            # A Checkpoint loads before the trainer runs; the plan can only be attached now.
            if self._loaded is not None:
                self.scheduler.load_state_dict(self._loaded)
                self._loaded = None
            self._amounts = BatchAmounts(self.scheduler, self._options, known.processes, _sum_by_ignite)
            self._ending = RunEnd([self.scheduler], stop=self._options.stop is True)
        self._ending.begin()

    def _count_batch(self, trainer: Any) -> None:
        if self._amounts is not None:
            ends_update = trainer.state.iteration % self._accumulation == 0
            self._amounts.count_batch(trainer.state.batch, ends_update=ends_update)

    def _end_if_due(self, trainer: Any) -> None:
        if self._ending.is_due:
            trainer.terminate()


def _sum_by_ignite(amount: torch.Tensor) -> torch.Tensor:
    import ignite.distributed as idist

    total: torch.Tensor = idist.all_reduce(amount.to(idist.device()))
    return total


def _facts_of_engine(trainer: Any, accumulation: int) -> EngineFacts:
    """Return the run facts of a running engine."""
    from ignite.distributed import get_world_size

    state = trainer.state
    iterations = state.max_iters
    if iterations is None and state.epoch_length is not None and state.max_epochs is not None:
        iterations = state.epoch_length * state.max_epochs
    return EngineFacts(
        call="PlanHandler",
        batches=state.epoch_length,
        accumulation=accumulation,
        batch_size=batch_size_of(state.dataloader),
        processes=get_world_size(),
        total=None if iterations is None else iterations // accumulation or None,
        whole=False,  # accumulation continues from one epoch into the next
        why={
            "steps_per_epoch": "the data has no length and run() got no epoch_length"
            if state.epoch_length is None
            else f"an epoch of {state.epoch_length} batches is not a multiple of accumulation={accumulation}",
            "total": "the data has no length and run() got neither epoch_length nor max_iters",
            "batch_size": "the data has no batch size",
        },
    )
