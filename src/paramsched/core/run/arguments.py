"""The arguments of a Scheduler, checked; what an engine knows comes with them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final, get_args

from paramsched.base.codes import UNREADABLE
from paramsched.base.problem import Problem
from paramsched.core.calls.lazy_imports import load_entry
from paramsched.core.plan.optimizers import refuse_several_plans
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.plan_forms import PlanLike, is_path, plan_of, published_plan
from paramsched.core.plan.resolution import ResolvedPlan, resolve_in_run
from paramsched.core.run.messages import arguments as messages
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import OnBase, OnChange
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.core.time.run_facts import UPDATES, RunFacts
from paramsched.errors import MissingFact, PlanError, Unresolved

if TYPE_CHECKING:
    from paramsched.core.plan.plan_forms import TextOfPlan

Drive: TypeAlias = Literal["optimizer", "manual"]


@final
@dataclass(frozen=True, slots=True)
class Arguments:
    """The checked arguments of a Scheduler, and where its plan is from.

    Args:
        plan: the plan.
        text: the text of its file; None if the plan was not passed as a path.
        engine_total: the length of the run in an engine, which applies if a plan has no total.
        is_recipe: True if the plan is that of a recipe, whose total the run facts replace.
        counted_by: the call that counts the batches of an engine, for messages, with `{}` for its arguments.
        warns_of_metrics: True if an engine warns about metrics that were never reported.
        processes: the processes that train together.
        on_change: which plan applies if that of a checkpoint differs.
        on_base: which base applies if that of a checkpoint differs.
        drive: `"optimizer"`, `"manual"`, or the name of an optimizer.
        start: the number of completed updates of a run that had no plan so far; None if it was not passed.
        names: the names of the optimizers, if there are several.
    """

    plan: Plan
    text: "TextOfPlan | None" = None
    engine_total: DurationLike | None = None
    is_recipe: bool = False
    counted_by: str = ""
    warns_of_metrics: bool = False
    processes: Processes = WORLD
    on_change: OnChange = "new"
    on_base: OnBase = "checkpoint"
    drive: str = "optimizer"
    start: int | None = None
    names: tuple[str, ...] = ()

    @staticmethod
    def of(source: "PlanLike | Arguments", call: str = "Scheduler", names: Collection[str] = ()) -> "Arguments":
        """Return a plan with its source; read it if it is a file, a text or a mapping.

        Args:
            source: the plan argument of a Scheduler.
            call: the call, for messages.
            names: the names of the optimizers, if there are several.
        """
        if isinstance(source, Arguments):
            return source
        refuse_several_plans(call, source, names)
        if isinstance(source, Plan):
            return Arguments(source)
        if is_path(source):
            text = load_entry("files of plans").open_plan(source)  # imports YAML
            return Arguments(text.loaded().plan, text)
        return Arguments(plan_of(source, call), is_recipe=published_plan(source) is not None)

    def with_options(
        self, drive: Any, on_change: Any, on_base: Any, t: Any, strict: Any, names: tuple[str, ...]
    ) -> "Arguments":
        """Return the arguments with those of the user's call, after checking them."""
        check_option("on_change", on_change)
        check_option("strict", strict)
        check_option("on_base", on_base)
        _check_drive(drive, names)
        if t is not None and not is_count_of_updates(t):
            raise messages.start_is_not_a_count(t)
        return replace(
            self,
            drive=drive,
            on_change=on_change,
            on_base=on_base,
            start=None if t is None else int(t),  # checkpoints cannot contain NumPy integers
            names=names,
            processes=Processes(strict),
        )

    def resolved(self, facts: RunFacts) -> ResolvedPlan:
        """Return the plan resolved with the run facts.

        Raises:
            ParamschedError: the plan cannot be resolved.
        """
        plan = self.plan
        facts_of_run = self._facts_for(plan, facts)
        is_shared = bool(self.names)
        try:
            in_force = resolve_in_run(plan, facts_of_run, self.names)
        except MissingFact as error:
            raise messages.fact_is_missing(error, is_shared=is_shared) from None
        except Unresolved as error:
            if plan.clock != UPDATES:
                raise error from None
            raise messages.total_is_missing(error, is_shared=is_shared) from None
        except PlanError as error:
            total = facts_of_run.total
            if total is None or error.problem.site != f'total "{plan.total}"' or self.text is not None:
                raise
            by_updates = plan.clock == UPDATES
            raise messages.two_totals(error, Duration.of(total), by_updates=by_updates, is_shared=is_shared) from None
        _ = in_force.total  # raises now if an update is planned to consume nothing
        return in_force

    def _facts_for(self, plan: Plan, facts: RunFacts) -> RunFacts:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return facts
        return replace(facts, total=self.engine_total if plan.total is None else None)


def with_location(refusal: PlanError, text: "TextOfPlan") -> PlanError:
    """Return the error with its line in the file."""
    if not refusal.problem.path:
        return refusal
    (problem,) = text.placed([Problem(refusal.problem.path, refusal.problem.found, at_key=True, code=UNREADABLE)])
    return refusal.changed(site=f"{problem.location(text.name)}: {refusal.problem.path}")


def is_count_of_updates(t: Any) -> bool:
    """Return whether `t` is a number of completed updates; NumPy integers are accepted."""
    return isinstance(t, Integral) and not isinstance(t, bool) and 0 <= int(t) < 2**62


def check_option(name: Literal["on_change", "on_base", "strict"], value: Any) -> None:
    """Raise if an argument of a Scheduler has a wrong value; for an engine that gets it before the optimizer.

    Raises:
        InvalidArgument: as the Scheduler.
    """
    if name == "on_change":
        _check_choice(name, value, get_args(OnChange), "new")
    elif name == "on_base":
        _check_choice(name, value, get_args(OnBase), "code")
    elif not isinstance(value, bool):
        raise messages.strict_is_not_a_bool(value)


def _check_choice(name: str, value: Any, choices: Sequence[str], usual: str) -> None:
    """Refuse an argument that is not one of the choices."""
    if value not in choices:
        raise messages.unknown_choice(name, value, choices, usual)


def _check_drive(drive: Any, names: tuple[str, ...]) -> None:
    """Refuse a drive that is neither a choice nor the name of an optimizer."""
    choices = (*get_args(Drive), *names)
    if drive not in choices:
        raise messages.unknown_drive(drive, choices)
