"""The arguments of a Scheduler, checked: optimizers without wrappers, the plan and its file, and the choices."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final, get_args

import numpy as np
from torch.optim import Optimizer

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.fields import numeric
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.forms import PlanLike, PublishedPlan, is_path, plan_of, published_plan, without_total
from paramsched.core.plan.lines import base_in, lines_of
from paramsched.core.plan.optimizers import ALONE, check_names, errors_of, refuse_several_plans, scopes_of
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.on_base import BasePolicy, OnBase
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import OnChange, OnChangeChoice
from paramsched.core.run.resume import Resume
from paramsched.core.run.state import Group, RunPosition
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import depends_on_base
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, PlanError, Unresolved, shown

if TYPE_CHECKING:
    from paramsched.core.files.plan_files import PlanText


def with_number_of_recipe(refusal: MissingFact, recipe: PublishedPlan) -> MissingFact:
    """Return the error with the number that the recipe has for the missing fact."""
    facts = recipe.facts
    numbers = {one.name: getattr(facts, one.name) for one in fields(facts)}
    if facts.tokens_per_step is None and facts.batch_size and facts.sequence_length:
        numbers["tokens_per_step"] = facts.batch_size * facts.sequence_length
    if (number := numbers.get(refusal.fact)) is None:
        return refusal
    instead = f"Use {refusal.fact}={number!r}, as in the recipe"
    return MissingFact(refusal.problem.site, refusal.problem.found, instead, fact=refusal.fact, example=repr(number))


def differing_bases(recipe: PublishedPlan, plan: Plan, facts: RunFacts, optimizers: Mapping[str, Any]) -> list[str]:
    """Return a text for each planned field whose base in the optimizer is not the base in the recipe.

    Args:
        recipe: the recipe.
        plan: its plan in this run.
        facts: the run facts.
        optimizers: the optimizers by name.

    Raises:
        PlanError: a schedule depends on a base that differs, and also has absolute levels.
    """
    named = {} if ALONE in optimizers else dict(optimizers)
    plan = counted_plan(plan.resolve(facts=facts, optimizers=tuple(named)))
    source = _bases_by_field(plan, {ALONE: recipe.bases})
    found = []
    for field, lines in _bases_by_field(plan, {name: one.param_groups for name, one in optimizers.items()}).items():
        published = dict.fromkeys(base for base, _ in source[field])
        other = {base: schedule for base, schedule in lines if base not in published and _depends_on_base(schedule)}
        if not other:
            continue
        before, after = (" and ".join(map(repr, bases)) for bases in (published, other))
        for schedule in other.values():
            if schedule.has_absolute:
                raise PlanError(
                    f"recipe:{recipe.name}: {field}",
                    f"{short_line(schedule)} has an absolute level, so it belongs to the base {before}, got {after}",
                    f'Use the base {before}, or pass ps.recipes["{recipe.name}"].plan, a plan like any other',
                )
        found.append(f"{field} is {before} in the source and {after} in the optimizer, which applies")
    return found


def log_differing_bases(recipe: PublishedPlan, differences: Iterable[str], processes: Processes) -> None:
    """Log one warning for all fields."""
    if text := "; ".join(differences):
        processes.log("recipe:%s: %s", recipe.name, text)


def _bases_by_field(
    plan: Plan, groups: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[tuple[float, Schedule]]]:
    """Return a dict from each planned field to the bases of its groups, with their schedules."""
    found: dict[str, list[tuple[float, Schedule]]] = {}
    for name, scope in scopes_of(plan, plan, groups).items():
        for line in lines_of(plan, groups[name], scope, base_in):
            found.setdefault(line.name, []).extend((base, line.schedule) for base in line.bases)
    return found


def _depends_on_base(schedule: Schedule) -> bool:
    """Return whether the base has an effect; a schedule that is not resolved counts as such."""
    if not schedule.has_absolute or not schedule.is_resolved:
        return True
    times = np.unique(np.geomspace(1, 10**7, 200).astype(np.int64)) - 1
    return depends_on_base(schedule, times)


log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        text: the text of its file; None if the plan was not passed as a path.
        engine_total: the length of the run in an engine, which applies if a plan has no total.
        published: the recipe, if the plan was passed as one.
        counted_by: the call that counts the batches of an engine, for messages, with `{}` for its arguments.
        warns_of_metrics: True if an engine warns about metrics that were never reported.
        is_of_user: False for a Scheduler that the library itself makes and that trains nothing.
        processes: the processes that train together.
    """

    plan: Plan
    text: "PlanText | None" = None
    engine_total: DurationLike | None = None
    published: PublishedPlan | None = None
    counted_by: str = ""
    warns_of_metrics: bool = False
    is_of_user: bool = True
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
        return PlanSource._read(given, call, processes)

    @staticmethod
    def _read(given: Any, call: str, processes: Processes) -> "PlanSource":
        from paramsched.core.files.plan_files import open_plan  # imports YAML

        if is_path(given):
            text = open_plan(given)
            return PlanSource(text.loaded().plan, text, processes=processes)
        return PlanSource(plan_of(given, call), published=published_plan(given), processes=processes)

    @contextmanager
    def attaching(
        self, recipe: PublishedPlan, facts: RunFacts, optimizers: Mapping[str, Any]
    ) -> "Iterator[PlanSource]":
        """Apply the rules of recipes to the attaching of a plan. Yield the source that is attached."""
        plan = self.plan if facts.total is None else without_total(self.plan)
        source = replace(self, plan=plan)
        try:
            differences = differing_bases(recipe, plan, source.facts_for(plan, facts), optimizers)
            yield source
        except MissingFact as refusal:
            raise with_number_of_recipe(refusal, recipe) from None
        log_differing_bases(recipe, differences, self.processes)

    def facts_for(self, plan: Plan, facts: RunFacts) -> RunFacts:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return facts
        return replace(facts, total=self.engine_total if plan.total is None else None)


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.core.base.problem import Problem

    if not refusal.problem.path:
        return refusal
    (problem,) = text.placed([Problem(refusal.problem.path, refusal.problem.found, at_key=True, code=UNREADABLE)])
    return refusal.changed(site=f"{problem.location(text.name)}: {refusal.problem.path}")


Drive: TypeAlias = Literal["optimizer", "manual"]


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """The checked arguments of a Scheduler, for a start and for its run.

    Args:
        source: the plan, its file and its processes.
        resume: the policy for checkpoints.
        drive: `"optimizer"`, `"manual"`, or the name of an optimizer.
        start: the number of completed updates of a run that had no plan so far; None if it was not passed.
        names: the names of the optimizers, if there are several.
        positions: those of the optimizers of a copied Scheduler.
    """

    source: PlanSource
    resume: Resume
    drive: str = "optimizer"
    start: int | None = None
    names: tuple[str, ...] = ()
    positions: Mapping[str, RunPosition] | None = None

    @property
    def plan(self) -> Plan:
        """The plan as written."""
        return self.source.plan

    def resolved(self, facts: RunFacts) -> ResolvedPlan:
        """Return the plan resolved with the run facts.

        Raises:
            ParamschedError: the plan cannot be resolved.
        """
        plan, known = self.plan, self.source.facts_for(self.plan, facts)
        try:
            in_force = ResolvedPlan(plan, plan.resolve(facts=known, optimizers=self.names), known, self.names)
        except MissingFact as error:
            raise self._advised(error) from None
        except Unresolved as error:
            raise self._with_total(error) if plan.clock == UPDATES else error from None
        except PlanError as error:
            differs = known.total is not None and error.problem.site == f'total "{plan.total}"'
            if not differs or self.source.text is not None:
                raise
            clock, total = "" if plan.clock == UPDATES else ", clock=plan.clock", Duration.of(known.total or 0)
            without = f"ps.Plan(*plan.bindings{clock})"
            line = f"{self._constructor.replace('plan', without)}total={total.written()})"
            raise error.changed(advice=f"Omit one of them, or write {line}") from None
        _ = in_force.total  # raises now if an update is planned to consume nothing
        return in_force

    def _with_total(self, error: Unresolved) -> Unresolved:
        """Suggest `total`, because a plan that is one line of text cannot have it."""
        return error.changed(advice=f"For example: {self._constructor}total=10_000)")

    @property
    def _constructor(self) -> str:
        optimizers = '{"muon": muon, "adamw": adamw}' if self.names else "optimizer"
        return f"ps.Scheduler({optimizers}, plan, "

    def _advised(self, error: MissingFact) -> MissingFact:
        found = f"{error.problem.found}; construct the Scheduler after it is known"
        instead = f"For example: {self._constructor}{error.fact}={error.example})"
        return MissingFact(
            error.problem.call or error.problem.site, found, instead, fact=error.fact, example=error.example
        )


def settings_of(source: PlanSource, drive: Any, resume: Resume, t: Any, names: tuple[str, ...]) -> Settings:
    """Check the arguments of a Scheduler; `names` are those of several optimizers."""
    choices = (*get_args(Drive), *names)
    if drive not in choices:
        found = did_you_mean(str(drive), choices)
        near = closest(str(drive), choices)
        write = f'drive="{near or "optimizer"}"'
        raise InvalidArgument(f"Scheduler(drive={drive!r})", found, example=write)
    if t is not None and not is_count_of_updates(t):
        write = "ps.Scheduler(optimizer, plan, t=500)"
        site, found = f"Scheduler(…, t={shown(t)})", "not a number of completed updates"
        raise InvalidTime(site, found, example=write, refused=t)
    start = None if t is None else int(t)  # checkpoints cannot contain NumPy integers
    return Settings(source, resume, drive, start, names)


def is_count_of_updates(t: Any) -> bool:
    """Return whether `t` is a number of completed updates; NumPy integers are accepted."""
    return isinstance(t, Integral) and not isinstance(t, bool) and 0 <= int(t) < 2**62


def _check_choice(name: str, given: Any, choice: Any, choices: Sequence[str], usual: str) -> None:
    """Refuse an argument, or one value of the mapping that it is, that is not one of the choices."""
    if choice not in choices:
        near = closest(str(choice), choices)
        raise InvalidArgument(
            f"Scheduler({name}={given!r})",
            f"unknown choice {choice!r}; {did_you_mean(str(choice), choices)}",
            example=f'{name}="{near or usual}"',
        )


def checked_on_change(on_change: Any) -> OnChange:
    """Validate the argument `on_change`."""
    by_field = dict(on_change) if isinstance(on_change, Mapping) else None
    for choice in [on_change] if by_field is None else by_field.values():
        _check_choice("on_change", on_change, choice, get_args(OnChangeChoice), "new")
    return on_change if by_field is None else by_field


def checked_strict(strict: Any) -> bool:
    """Validate the argument `strict`."""
    if not isinstance(strict, bool):
        raise InvalidArgument(f"strict={shown(strict)}", "expected True or False", example="strict=True")
    return strict


def checked_on_base(on_base: Any) -> BasePolicy:
    """Validate the argument `on_base`."""
    _check_choice("on_base", on_base, on_base, get_args(OnBase), "code")
    return BasePolicy(on_base)


def unwrapped_optimizers(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the innermost optimizers of a mapping from names to optimizers or wrappers of them.

    Raises:
        InvalidArgument: a name cannot be used, a value is not an optimizer, or two are the same.
    """
    check_names("Scheduler", given)
    found: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, optimizer in given.items():
        with errors_of(name):
            found[name] = inner = unwrapped_optimizer(optimizer)
        if id(inner) in names:
            site = f"Scheduler({{{names[id(inner)]!r}: …, {name!r}: …}}, …)"
            raise InvalidArgument(site, "they are the same optimizer", "Pass each optimizer once")
        names[id(inner)] = name
    return found


_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""The attributes in which wrappers store their optimizer: of Accelerate and MMEngine, Lightning, Lookahead, and SAM."""


def unwrapped_optimizer(optimizer: Any) -> Any:
    """Return the innermost optimizer of nested wrappers."""
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        own = getattr(optimizer, "__dict__", {})
        inner = next((own[name] for name in _INNER_NAMES if isinstance(_param_groups_of(own.get(name)), list)), None)
        if inner is None:
            break
        optimizer = inner
    groups = _param_groups_of(optimizer)
    own = getattr(optimizer, "__dict__", {})
    if not (isinstance(groups, list) and any(map(numeric, groups)) and not _has_idle_groups(own, groups)):
        members = next((f"optimizer.{name}" for name, value in own.items() if _are_optimizers(value)), None)
        members = "optimizers" if _are_optimizers(optimizer) else members
        if members is not None:
            kind = type(optimizer).__name__ if members == "optimizers" else "container"
            raise InvalidArgument(
                f"Scheduler({type(optimizer).__name__}, …)",
                f"this is a {kind} of optimizers; give the optimizers names",
                f'Write ps.Scheduler({{f"optimizer_{{i}}": one for i, one in enumerate({members})}}, plan)',
            )
    if not isinstance(groups, list) or not groups:
        found, instead = "it has no param_groups", "For example: ps.Scheduler(optimizer, plan)"
        if isinstance(optimizer, Plan | Schedule):
            found = "the optimizer comes first, and the plan after it"
        elif isinstance(optimizer, str):
            found = "expected an optimizer, got str; the plan comes after it"
        raise InvalidArgument(f"Scheduler({type(optimizer).__name__}, …)", found, instead)
    return optimizer


def _has_idle_groups(own: Mapping[str, Any], groups: list[Group]) -> bool:
    """Return whether no step reads the groups of a container, because its optimizers have their own (torchtitan)."""
    inner = own.get("optimizers")
    if not _are_optimizers(inner):
        return False
    read = {id(group) for one in inner or () for group in one.param_groups}
    return not any(id(group) in read for group in groups)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Optimizer) for one in value)


def _param_groups_of(candidate: Any) -> Any:
    return getattr(candidate, "param_groups", None)
