"""The plan of a Scheduler before it is resolved, and the file that it comes from."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

from paramsched.core.plan import Plan
from paramsched.core.plan.extras import Note
from paramsched.core.plan.forms import PlanLike, PublishedPlan, is_path, is_plan_text, plan_of, published_plan
from paramsched.core.plan.optimizers import refuse_several_plans
from paramsched.core.run.messages import WORLD, Processes
from paramsched.core.run.recipe_plan import differing_bases, log_differing_bases, with_number_of_recipe
from paramsched.core.time import Calendar, DurationLike
from paramsched.errors import MissingFact, PlanError

if TYPE_CHECKING:
    from paramsched.core.files.plan_files import PlanText

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        note: the note of its file.
        text: the text of its file; None if the plan was not passed as a path.
        engine_total: the length of the run in an engine, which applies if a plan has no horizon.
        published: the recipe, if the plan was passed as one.
        counted_by: the call that counts the batches of an engine, for messages, with `{}` for its arguments.
        warns_of_metrics: True if an engine warns about metrics that were never reported.
        processes: the processes that train together.
    """

    plan: Plan
    note: Note | None = None
    text: "PlanText | None" = None
    engine_total: DurationLike | None = None
    published: PublishedPlan | None = None
    counted_by: str = ""
    warns_of_metrics: bool = False
    processes: Processes = WORLD

    @staticmethod
    def of(
        given: "PlanLike | PlanSource",
        call: str = "Scheduler",
        names: Collection[str] = (),
        processes: Processes = WORLD,
    ) -> "PlanSource":
        """Return a plan with its source; read it if it is a file, a text or a mapping.

        Args:
            given: the plan argument of a Scheduler.
            call: the call, for messages.
            names: the names of the optimizers, if there are several.
            processes: the processes that train together.
        """
        if isinstance(given, PlanSource):
            return replace(given, processes=processes)
        refuse_several_plans(call, given, names)
        if isinstance(given, Plan):
            return PlanSource(given, processes=processes)
        from paramsched.core.files.plan_files import open_plan  # imports YAML

        if is_path(given):
            text = open_plan(given)
            loaded = text.loaded()
            return PlanSource(loaded.plan, loaded.note, text, processes=processes)
        if isinstance(given, Mapping) or is_plan_text(given):  # it may have a note
            loaded = open_plan(given).loaded()
            return PlanSource(loaded.plan, loaded.note, processes=processes)
        return PlanSource(plan_of(given, call), published=published_plan(given), processes=processes)

    @contextmanager
    def attaching(
        self, recipe: PublishedPlan, calendar: Calendar, optimizers: Mapping[str, Any]
    ) -> "Iterator[PlanSource]":
        """Apply the rules of recipes to the attaching of a plan. Yield the source that is attached."""
        plan = self.plan if calendar.total is None else Plan(*self.plan.as_written(), clock=self.plan.clock)
        source = replace(self, plan=plan)
        try:
            differences = differing_bases(recipe, plan, source.facts_for(plan, calendar), optimizers)
            yield source
        except MissingFact as refusal:
            raise with_number_of_recipe(refusal, recipe) from None
        log_differing_bases(recipe, differences, self.processes)

    def facts_for(self, plan: Plan, calendar: Calendar) -> Calendar:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return calendar
        return replace(calendar, total=self.engine_total if plan.horizon is None else None)


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.core.base.diagnostic import Diagnostic

    if not refusal.path:
        return refusal
    (fault,) = text.placed([Diagnostic(refusal.path, refusal.found, at_key=True)])
    return refusal.changed(site=f"{fault.location(text.name)}: {refusal.path}")
