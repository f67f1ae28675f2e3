"""EngineFacts: what an engine knows of a run, and why it does not know the rest."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from math import ceil
from typing import Any, final

from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.scheduler.saved_state import OnChange
from paramsched.scheduler.scheduler import LateGroups, Scheduler
from paramsched.time import Calendar

log = logging.getLogger("paramsched")

AmountOf = Callable[[Any], Any]
"""How many samples, tokens or frames a batch of one process holds: a whole number, or a tensor with one."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What a user may say to each adapter besides the plan.

    Args:
        calendar: facts that win over the engine's, or that it does not have.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        amount_of: for a plan whose clock counts samples, tokens or frames, how many a batch of one process holds.
        on_change: as in `ps.Scheduler`.
    """

    calendar: Calendar | None = None
    tokens_per_sample: float | None = None
    amount_of: AmountOf | None = None
    on_change: OnChange = "new"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
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

    def attach(
        self, optimizer: Any, plan: Plan, options: PlanOptions, *, late_groups: LateGroups = "base"
    ) -> Scheduler:
        """Attach a plan. Its own horizon wins over the engine's length; where they differ, that is logged.

        Raises:
            MissingFact: a unit of the plan needs what neither the engine nor the user says.
        """
        if not isinstance(plan, Plan):
            raise InvalidArgument(f"{self.call}(…, {plan!r})", "no Plan", "Write ps.Plan(lr=ps.cosine(to=0.1))")
        user_facts, length = options.calendar or Calendar(), options.tokens_per_sample
        by_amount = amount_clock(plan.clock) is not None
        if by_amount and length is not None and length == int(length) and not user_facts.tokens_per_step:
            calendar = self.calendar(replace(user_facts, sequence_length=int(length)))  # a fact of its own there
        else:
            calendar = self.calendar(user_facts, tokens_per_sample=length)
        attach_with = partial(Scheduler, optimizer, plan, on_change=options.on_change, late_groups=late_groups)
        try:
            if plan.horizon is not None and user_facts.total is None:
                engine, calendar = calendar.horizon, replace(calendar, total=None)
                # The updates of an amount are known only where nothing but the plan sizes them.
                own = None if by_amount else ceil(calendar.exact(plan.horizon, site=f'horizon "{plan.horizon}"'))
                if own is not None and engine is not None and engine != own:
                    log.warning(
                        'horizon "%s" of the plan is %d updates, %s counts %d for this run; the plan\'s counts',
                        plan.horizon, own, self.call, engine,
                    )  # fmt: skip
            try:
                return attach_with(calendar=calendar)
            except MissingFact:
                # The engine's length is one in updates. Where nobody knows how many tokens these take, a plan by tokens
                # has no use for it, nor needs it if it says all of its lengths.
                if by_amount and calendar.total is not None:
                    with suppress(Unresolved):  # a stage takes all of the run: what is missing is the fact
                        return attach_with(calendar=replace(calendar, total=None))
                raise
        except MissingFact as error:
            raise self._missing_fact(
                error.site, f"{error.found}; {self._reason_for(error.fact)}", error.fact, error.example
            ) from None
        except Unresolved as error:
            if calendar.horizon is not None or plan.horizon is not None:
                raise
            raise self._missing_fact(error.site, self._reason_for("total"), "total", "10_000") from None

    def calendar(self, user_facts: Calendar | None = None, *, tokens_per_sample: float | None = None) -> Calendar:
        """The Calendar of these facts, over which what the user told wins."""
        user_facts = user_facts or Calendar()
        given = {one.name: getattr(user_facts, one.name) for one in fields(user_facts) if getattr(user_facts, one.name) is not None}
        # The batches of a Calendar are those of all processes together.
        samples = None if self.batch_size is None else self.batch_size * self.processes
        known: dict[str, Any] = {"accumulation": self.accumulation, "batch_size": samples, "total": self.total}
        # Where a window goes on into the next epoch, an epoch has a whole number of updates only by chance.
        whole = self.batches is not None and (self.whole or self.batches % self.accumulation == 0)
        if whole and not given.keys() & {"steps_per_epoch", "batches_per_epoch"}:
            known["batches_per_epoch"] = self.batches
        merged = known | given
        if tokens_per_sample is not None and "tokens_per_step" not in given:
            if merged["batch_size"] is None:
                raise MissingFact(
                    f"{self.call}(..., tokens_per_sample={tokens_per_sample})",
                    self._reason_for("batch_size"),
                    f"Write {self.call}(..., calendar=ps.Calendar(tokens_per_step=4096))",
                    fact="tokens_per_step",
                    example="4096",
                )
            merged["tokens_per_step"] = tokens_per_sample * merged["batch_size"] * merged["accumulation"]
        return Calendar(**merged)

    def _reason_for(self, fact: str) -> str:
        return self.why.get(fact, f"{self.call.partition('.')[0]} does not say {fact}")

    def _missing_fact(self, site: str, found: str, fact: str, example: str) -> MissingFact:
        line = "tokens_per_sample=1024" if fact == "tokens_per_step" else f"calendar=ps.Calendar({fact}={example})"
        return MissingFact(site, found, f"Write {self.call}(..., {line})", fact=fact, example=example)


def length_of(loader: Any) -> int | None:
    """The number of batches in a loader; None where it has no length."""
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
