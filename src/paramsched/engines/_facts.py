"""What an engine knows of a run: enough for a Calendar, or a reason why not."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any, final

from paramsched._trace import column_name, unique_labels
from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from paramsched.plan import Plan
from paramsched.scheduler._resume import OnChange
from paramsched.scheduler.scheduler import LateGroups, Scheduler
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of a run as one engine has them.

    Args:
        call: what the user wrote, for messages: `accelerate.scheduler`.
        batches: batches that one process takes in an epoch; None if the engine does not know.
        accumulation: batches to an update.
        batch_size: samples in a batch of one process.
        processes: how many work on their own share of the data.
        total: updates of the run.
        whole: whether each epoch ends with an update. Else a window goes on into the next epoch.
        why: for a fact that is not known the reason.
    """

    call: str
    batches: int | None = None
    accumulation: int = 1
    batch_size: int | None = None
    processes: int = 1
    total: int | None = None
    whole: bool = True
    why: Mapping[str, str]

    def calendar(self, told: Calendar | None = None, *, tokens_per_sample: float | None = None) -> Calendar:
        """The Calendar of these facts. What the user told wins over what the engine knows.

        Args:
            told: facts from the user.
            tokens_per_sample: tokens in a sample: with it tokens are counted over all processes and batches.
        """
        told = told or Calendar()
        samples = None if self.batch_size is None else self.batch_size * self.processes
        known: dict[str, Any] = {"accumulation": self.accumulation, "batch_size": samples, "total": self.total}
        if self.batches is not None and (self.whole or self.batches % self.accumulation == 0):
            known["batches_per_epoch"] = self.batches
        given = {one.name: getattr(told, one.name) for one in fields(told) if getattr(told, one.name) is not None}
        if given.keys() & {"steps_per_epoch", "batches_per_epoch"}:
            known.pop("batches_per_epoch", None)
        merged = known | given
        if tokens_per_sample is not None and "tokens_per_step" not in given:
            if merged["batch_size"] is None:
                raise MissingFact(
                    f"{self.call}(..., tokens_per_sample={tokens_per_sample})",
                    self._reason("batch_size"),
                    f"Write {self.call}(..., calendar=ps.Calendar(tokens_per_step=4096))",
                    fact="tokens_per_step",
                    example="4096",
                )
            merged["tokens_per_step"] = tokens_per_sample * merged["batch_size"] * merged["accumulation"]
        return Calendar(**merged)

    def scheduler(
        self,
        optimizer: Any,
        plan: Plan,
        *,
        calendar: Calendar | None = None,
        tokens_per_sample: float | None = None,
        on_change: OnChange = "new",
        late_groups: LateGroups = "base",
    ) -> Scheduler:
        """Attach a plan. A horizon of its own counts, not the engine's length; where they differ, that is logged.

        Raises:
            MissingFact: a unit of the plan needs what neither the engine nor the user says.
        """
        if not isinstance(plan, Plan):
            raise InvalidArgument(f"{self.call}(…, {plan!r})", "no Plan", "Write ps.Plan(lr=ps.cosine(to=0.1))")
        facts = self.calendar(calendar, tokens_per_sample=tokens_per_sample)
        told = calendar is not None and calendar.total is not None
        try:
            if plan.horizon is not None and not told:
                engine, facts = facts.horizon, replace(facts, total=None)
                own = ceil(facts.exact(plan.horizon, asked=f'horizon "{plan.horizon}"'))
                if engine is not None and engine != own:
                    log.warning(
                        'horizon "%s" of the plan is %d updates, %s counts %d for this run; the plan\'s counts',
                        plan.horizon, own, self.call, engine,
                    )  # fmt: skip
            return Scheduler(optimizer, plan, calendar=facts, on_change=on_change, late_groups=late_groups)
        except MissingFact as error:
            raise self._missing(
                error.asked, f"{error.found}; {self._reason(error.fact)}", error.fact, error.example
            ) from None
        except Unresolved as error:
            if facts.horizon is not None or plan.horizon is not None:
                raise
            raise self._missing(error.asked, self._reason("total"), "total", "10_000") from None

    def _reason(self, fact: str) -> str:
        return self.why.get(fact, f"{self.call.partition('.')[0]} does not say {fact}")

    def _missing(self, asked: str, found: str, fact: str, example: str) -> MissingFact:
        line = "tokens_per_sample=1024" if fact == "tokens_per_step" else f"calendar=ps.Calendar({fact}={example})"
        return MissingFact(asked, found, f"Write {self.call}(..., {line})", fact=fact, example=example)


def length_of(loader: Any) -> int | None:
    """The number of batches in a loader; None for one that has no length."""
    try:
        length = len(loader)
    except TypeError:  # a stream, or an iterable that says no length
        return None
    return length or None


def batch_size_of(loader: Any) -> int | None:
    """The samples in a batch of a loader; None where it does not say."""
    size = getattr(loader, "batch_size", None)
    if size is None:  # a loader with a batch sampler of its own has None here
        size = getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
    return size if isinstance(size, int) and size > 0 else None


def first_lr(scheduler: Scheduler) -> str:
    """The column of the first group's lr in `flat`, for engines that log that rate under a name of their own."""
    groups = scheduler.optimizer.param_groups
    return column_name(("lr", unique_labels(groups)[0])) if len(groups) > 1 else "lr"


def flat(scheduler: Scheduler) -> dict[str, float]:
    """The values of the coming update by column names, for a logger: `lr`, or `lr[head]` of several groups."""
    values = scheduler.values()
    several = len(scheduler.optimizer.param_groups) > 1
    return {column_name(key) if several else key[0]: value for key, value in values.items()}


@final
class Watch:
    """Hands the metrics an engine reports to the rules of a plan, and says at the end which never came."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._seen: set[str] = set()
        self._reported: set[str] = set()

    def tell(self, scheduler: Scheduler, metrics: Mapping[str, Any]) -> None:
        """Observe those of the metrics that a rule watches."""
        self._reported |= metrics.keys()
        found = {rule.metric: metrics[rule.metric] for rule in scheduler.plan.metric_rules if rule.metric in metrics}
        if found:
            self._seen |= found.keys()
            scheduler.observe(**found)

    def finish(self, scheduler: Scheduler) -> None:
        """Warn of metrics that were watched and never reported."""
        missed = sorted({rule.metric for rule in scheduler.plan.metric_rules} - self._seen)
        if missed:
            warn_user(
                f"{self._call}: the plan watches {', '.join(missed)}, which was never reported; reported were: "
                f"{', '.join(sorted(self._reported)) or 'none'}. Name one of these in plateau(…)."
            )
