"""The start of a run: the arguments of a Scheduler, checked, and the steps of a start."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from numbers import Integral
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, final, get_args
from weakref import ref

from torch.optim import Optimizer

from paramsched.base.codes import UNREADABLE
from paramsched.base.words import closest, did_you_mean
from paramsched.core.entries import load_entry
from paramsched.core.fields import RECORD, numeric
from paramsched.core.plan.forms import PlanLike, is_path, plan_of, published_plan
from paramsched.core.plan.lines import RuleStates, bases_of, by_group
from paramsched.core.plan.optimizers import ALONE, check_names, errors_of, refuse_several_plans, scopes_of, shown_names
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.history import History
from paramsched.core.run.hooks import PlanHooks, hooks_on, require_hooks, warn_of_changed_functions
from paramsched.core.run.position import RunPosition, resume_position
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import (
    NOTHING,
    BasePolicy,
    OnBase,
    OnChange,
    Restored,
    SavedOptimizer,
    read_groups,
    record_bases,
    rule_states,
)
from paramsched.core.run.reports import (
    log_initial_values,
    log_jumps,
    log_takeover,
    refuse_values_outside,
    report_bases,
    report_optional_fields,
    report_position,
    report_unlikely_values,
    warn_of_present_bases,
    without_initial,
)
from paramsched.core.run.resume import Edit, Resume, edits_since_save, edits_since_update, problems_of_edits
from paramsched.core.run.run import Member, Run, has_written
from paramsched.core.run.state import COUNT, Group, restored_states, saved_states
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.values import initial_value, starting_lines
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.core.time.run_facts import UPDATES, RunFacts
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, PlanError, Unresolved, shown

if TYPE_CHECKING:
    from paramsched.core.plan.forms import PlanText


log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        text: the text of its file; None if the plan was not passed as a path.
        engine_total: the length of the run in an engine, which applies if a plan has no total.
        is_recipe: True if the plan is that of a recipe, whose total the run facts replace.
        counted_by: the call that counts the batches of an engine, for messages, with `{}` for its arguments.
        warns_of_metrics: True if an engine warns about metrics that were never reported.
        processes: the processes that train together.
    """

    plan: Plan
    text: "PlanText | None" = None
    engine_total: DurationLike | None = None
    is_recipe: bool = False
    counted_by: str = ""
    warns_of_metrics: bool = False
    processes: Processes = WORLD

    def __setstate__(self, state: list[Any]) -> None:
        """Take a state, also that of 1.0.0rc6, which has the recipe itself and one more entry before the processes."""
        plan, text, engine_total, recipe, counted_by, warns_of_metrics, *_, processes = state
        values = plan, text, engine_total, bool(recipe), counted_by, warns_of_metrics, processes
        for item, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, item.name, value)

    @staticmethod
    def of(
        source: "PlanLike | PlanSource",
        call: str = "Scheduler",
        names: Collection[str] = (),
        processes: Processes = WORLD,
    ) -> "PlanSource":
        """Return a plan with its source; read it if it is a file, a text or a mapping.

        Args:
            source: the plan argument of a Scheduler.
            call: the call, for messages.
            names: the names of the optimizers, if there are several.
            processes: the processes that train together.
        """
        if isinstance(source, PlanSource):
            return replace(source, processes=processes)
        refuse_several_plans(call, source, names)
        if isinstance(source, Plan):
            return PlanSource(source, processes=processes)
        if is_path(source):
            text = load_entry("files of plans").open_plan(source)  # imports YAML
            return PlanSource(text.loaded().plan, text, processes=processes)
        return PlanSource(plan_of(source, call), is_recipe=published_plan(source) is not None, processes=processes)

    def facts_for(self, plan: Plan, facts: RunFacts) -> RunFacts:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return facts
        return replace(facts, total=self.engine_total if plan.total is None else None)


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.base.problem import Problem

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

    def resolved(self, facts: RunFacts) -> ResolvedPlan:
        """Return the plan resolved with the run facts.

        Raises:
            ParamschedError: the plan cannot be resolved.
        """
        plan = self.source.plan
        known = self.source.facts_for(plan, facts)
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
        message = f"{error.problem.found}; construct the Scheduler after it is known"
        instead = f"For example: {self._constructor}{error.fact}={error.example})"
        return MissingFact(
            error.problem.call or error.problem.site, message, instead, fact=error.fact, example=error.example
        )


def settings_of(source: PlanSource, drive: Any, resume: Resume, t: Any, names: tuple[str, ...]) -> Settings:
    """Check the arguments of a Scheduler; `names` are those of several optimizers."""
    choices = (*get_args(Drive), *names)
    if drive not in choices:
        message = did_you_mean(str(drive), choices)
        near = closest(str(drive), choices)
        write = f'drive="{near or "optimizer"}"'
        raise InvalidArgument(f"Scheduler(drive={drive!r})", message, example=write)
    if t is not None and not is_count_of_updates(t):
        write = "ps.Scheduler(optimizer, plan, t=500)"
        site, message = f"Scheduler(…, t={shown(t)})", "not a number of completed updates"
        raise InvalidTime(site, message, example=write, refused=t)
    start = None if t is None else int(t)  # checkpoints cannot contain NumPy integers
    return Settings(source, resume, drive, start, names)


def is_count_of_updates(t: Any) -> bool:
    """Return whether `t` is a number of completed updates; NumPy integers are accepted."""
    return isinstance(t, Integral) and not isinstance(t, bool) and 0 <= int(t) < 2**62


def _check_choice(name: str, value: Any, choices: Sequence[str], usual: str) -> None:
    """Refuse an argument that is not one of the choices."""
    if value not in choices:
        near = closest(str(value), choices)
        raise InvalidArgument(
            f"Scheduler({name}={value!r})",
            f"unknown choice {value!r}; {did_you_mean(str(value), choices)}",
            example=f'{name}="{near or usual}"',
        )


def checked_on_change(on_change: Any) -> OnChange:
    """Validate the argument `on_change`."""
    _check_choice("on_change", on_change, get_args(OnChange), "new")
    return cast(OnChange, on_change)


def checked_strict(strict: Any) -> bool:
    """Validate the argument `strict`."""
    if not isinstance(strict, bool):
        raise InvalidArgument(f"strict={shown(strict)}", "expected True or False", example="strict=True")
    return strict


def checked_on_base(on_base: Any) -> BasePolicy:
    """Validate the argument `on_base`."""
    _check_choice("on_base", on_base, get_args(OnBase), "code")
    return BasePolicy(on_base)


def check_option(name: Literal["on_change", "on_base", "strict"], value: Any) -> None:
    """Raise if an argument of a Scheduler has a wrong value; for an engine that gets it before the optimizer.

    Raises:
        InvalidArgument: as the Scheduler.
    """
    {"on_change": checked_on_change, "on_base": checked_on_base, "strict": checked_strict}[name](value)


def unwrapped_optimizers(given: Any) -> dict[str, Any]:
    """Return the innermost optimizers of an optimizer, or of a mapping from names to optimizers, by their names.

    Raises:
        InvalidArgument: a name cannot be used, a value is not an optimizer, or two are the same.
    """
    if not isinstance(given, Mapping):
        return {ALONE: _unwrapped(given)}
    check_names("Scheduler", given)
    optimizers: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, optimizer in given.items():
        with errors_of(name):
            optimizers[name] = inner = _unwrapped(optimizer)
        if id(inner) in names:
            site = f"Scheduler({{{names[id(inner)]!r}: …, {name!r}: …}}, …)"
            raise InvalidArgument(site, "they are the same optimizer", "Pass each optimizer once")
        names[id(inner)] = name
    return optimizers


_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""The attributes in which wrappers store their optimizer: of Accelerate and MMEngine, Lightning, Lookahead, and SAM."""


def _unwrapped(optimizer: Any) -> Any:
    """Return the innermost optimizer of nested wrappers."""
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        own = getattr(optimizer, "__dict__", {})
        inner = None
        for name in _INNER_NAMES:
            if inner is None and isinstance(getattr(own.get(name), "param_groups", None), list):
                inner = own[name]
        if inner is None:
            break
        optimizer = inner
    groups = getattr(optimizer, "param_groups", None)
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
        message, instead = "it has no param_groups", "For example: ps.Scheduler(optimizer, plan)"
        if isinstance(optimizer, Plan | Schedule):
            message = "the optimizer comes first, and the plan after it"
        elif isinstance(optimizer, str):
            message = "expected an optimizer, got str; the plan comes after it"
        raise InvalidArgument(f"Scheduler({type(optimizer).__name__}, …)", message, instead)
    return optimizer


def _has_idle_groups(own: Mapping[str, Any], groups: list[Group]) -> bool:
    """Return whether no step reads the groups of a container, because its optimizers have their own (torchtitan)."""
    inner = own.get("optimizers")
    if not _are_optimizers(inner):
        return False
    read = {id(group) for one in inner or () for group in one.param_groups}
    return not any(id(group) in read for group in groups)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(element, Optimizer) for element in value)


def start(optimizers: Mapping[str, Any], settings: Settings, facts: RunFacts) -> tuple[Run, dict[str, Member]]:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Returns the run and its members, which the caller owns.

    Args:
        optimizers: the optimizers, by name.
        settings: what the arguments of the Scheduler mean.
        facts: the run facts.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if settings.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    in_force = settings.resolved(facts)
    groups: dict[str, list[Group]] = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    earlier = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    saved = read_optimizers(groups, earlier, settings, in_force)
    chosen = choose_plan(settings, saved, earlier, in_force)
    restored = restore(settings, saved, groups, chosen)
    edits: dict[str, list[Edit]] = {}
    if saved and settings.positions is None:  # the groups of a copy are those of its original
        edits = edits_of(saved, earlier, groups, restored)
        restored = with_edited_bases(settings, restored, edits, earlier, groups)
    run, members = new_run(settings, groups, restored, "optimizer" if saved and not earlier else None)
    prepare(run, settings, groups, restored, chosen)
    report(run, optimizers, settings, restored, saved, earlier)
    report_edits(run, settings, groups, restored, edits)
    run.bind()  # the first write
    for name, member in members.items():
        member.bind(groups[name], member.rows)
    replaced: dict[tuple[str, str], float] = {}
    for continued in restored.values():
        replaced |= continued.replaced
    if replaced:
        record_bases(run, replaced)
    hook(run, optimizers, settings, earlier, is_logged=bool(chosen.notes))
    return run, members


def read_optimizers(
    groups: Mapping[str, list[Group]], earlier: Mapping[str, PlanHooks], settings: Settings, in_force: ResolvedPlan
) -> dict[str, SavedOptimizer]:
    """Return what checkpoints and earlier Schedulers have left in the groups of optimizers, after checking it.

    Args:
        groups: the groups of each optimizer, by name.
        earlier: the hooks of earlier Schedulers.
        settings: what the arguments of the Scheduler mean.
        in_force: the plan in the code.
    """
    saved: dict[str, SavedOptimizer] = {}
    for name, own in groups.items():
        if name not in earlier and not any(COUNT in group or RECORD in group for group in own):
            continue
        with errors_of(name):
            in_groups = read_groups(own, name, in_force)
        if name in earlier and not has_written(earlier[name].member, own):
            saved[name] = SavedOptimizer.in_run(earlier[name].member)
        elif in_groups.count is not None:
            at = (settings.positions or {}).get(name)
            saved[name] = in_groups if at is None else replace(in_groups, state=None, position=at)
    return saved


def edits_of(
    saved: Mapping[str, SavedOptimizer],
    earlier: Mapping[str, PlanHooks],
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
) -> dict[str, list[Edit]]:
    """Return the entries of each optimizer that were changed since its checkpoint, or since its last update."""
    found: dict[str, list[Edit]] = {}
    for name, saved_optimizer in saved.items():
        lines = restored[name].lines
        if name in earlier and saved_optimizer.state is not None and not saved_optimizer.state.is_loaded:
            found[name] = edits_since_update(earlier[name].member, groups[name], lines)
        else:
            found[name] = edits_since_save(saved_optimizer, groups, name, lines)
    return found


def with_edited_bases(
    settings: Settings,
    restored: Mapping[str, Restored],
    edits: Mapping[str, list[Edit]],
    earlier: Mapping[str, PlanHooks],
    groups: Mapping[str, list[Group]],
) -> dict[str, Restored]:
    """Return what each optimizer starts with: with `on_base="code"`, an edited number is the base of its group.

    Raises:
        InvalidArgument: the groups hold a checkpoint and no edit, and the choice needs the bases of the code.
    """
    bases = settings.resume.bases
    if bases.on_base == "error" or not any(edits.values()):
        for name in edits.keys() - earlier.keys():
            with errors_of(name):
                bases.require_code()
    if bases.on_base != "code":
        return dict(restored)
    found = dict(restored)
    for name, mine in edits.items():
        one, labels = restored[name], restored[name].scope.labels(groups[name])
        numbers = {edit.place: edit.number for edit in mine}
        found[name] = replace(
            one,
            lines=tuple(line.with_bases(numbers) for line in one.lines),
            changes=tuple(edit.as_base(labels[edit.place[0]]) for edit in mine if edit.changes_base),
            replaced={(edit.line.name, str(labels[edit.place[0]])): edit.base for edit in mine},
        )
    return found


def new_run(
    settings: Settings, groups: Mapping[str, list[Group]], restored: Mapping[str, Restored], source: str | None = None
) -> tuple[Run, dict[str, Member]]:
    """Return the run and its members, which have computed their values and have not written them.

    Args:
        settings: what the arguments of the Scheduler mean.
        groups: the groups of each optimizer.
        restored: what each optimizer starts with.
        source: the name of the checkpoint from which the positions were read; None if there is none.
    """
    first, *_ = restored.values()
    positions = sorted((one.position for one in restored.values()), key=attrgetter("t"))
    run = Run(
        first.in_force, positions[-1], first.states, source, drive=settings.drive, start=settings.start,
        is_shared=bool(settings.names), processes=settings.source.processes, counted_by=settings.source.counted_by,
    )  # fmt: skip
    run.last_amount = positions[0].amount
    members: dict[str, Member] = {}
    for name, one in restored.items():
        member = members[name] = Member(run, name, one.scope, one.position.t)
        member.is_restored = one.saved is not NOTHING
        run.member_refs[name] = ref(member)
        member.rows = member.new_rows(one.lines, groups[name])
    return run, members


def choose_plan(
    settings: Settings, saved: Mapping[str, SavedOptimizer], earlier: Mapping[str, PlanHooks], in_force: ResolvedPlan
) -> Restored:
    """Return the plan that applies, the one of the settings or that of a record, with the record that continues."""
    # The plans of earlier Schedulers are compared if they had one plan.
    known = dict(saved)
    if len({hooks.run.in_force.resolved.text for hooks in earlier.values()}) > 1:
        known = {name: saved_optimizer for name, saved_optimizer in known.items() if name not in earlier}
    if not known:
        return Restored(NOTHING, in_force)
    last = max(known, key=lambda name: (name in earlier, *known[name].completeness))
    if settings.positions is not None:  # a copy has the plan of its original
        return Restored(known[last], in_force)
    chosen = settings.resume.plan_of(known[last], in_force)
    if last in earlier:
        settings.resume.warn_of_dropped_lines(earlier[last].run.in_force, chosen.in_force)
        chosen = replace(chosen, plan_identity=None)  # the same plan in a checkpoint that is loaded later is logged too
    settings.resume.accept(chosen)
    return chosen


def restore(
    settings: Settings, saved: Mapping[str, SavedOptimizer], groups: Mapping[str, list[Group]], chosen: Restored
) -> dict[str, Restored]:
    """Return what each optimizer starts with: its lines, its position, and the values of another plan."""
    in_force, state = chosen.in_force, chosen.saved.state
    counts = {name: saved_optimizer.count or 0 for name, saved_optimizer in saved.items()}
    if settings.names:
        from paramsched.core.run.several import starting_counts

        counts = starting_counts(tuple(groups), counts, settings.start, settings.drive)
    else:
        counts = {name: counts.get(name, settings.start or 0) for name in groups}
    known = (saved_optimizer.position_on(in_force.unit) for saved_optimizer in saved.values())
    by_count = {position.t: position for position in known if position is not None}
    positions = {
        name: resume_position(in_force, by_count.get(count, RunPosition(count)), "the optimizer")
        for name, count in counts.items()
    }
    restored = with_lines(chosen, groups, positions, rule_states(state, in_force))
    return restored | {name: replace(restored[name], saved=saved_optimizer) for name, saved_optimizer in saved.items()}


def with_lines(
    chosen: Restored, groups: Mapping[str, list[Group]], positions: Mapping[str, RunPosition], states: RuleStates
) -> dict[str, Restored]:
    """Return what each optimizer starts with whose groups have no record: its lines of the plan at a position."""
    plan = chosen.in_force
    return {
        name: replace(
            chosen, saved=NOTHING, scope=scope, lines=starting_lines(plan.counted, groups[name], scope=scope),
            position=positions[name], states=states,
        )
        for name, scope in scopes_of(plan.plan, plan.resolved, groups).items()
    }  # fmt: skip


def prepare(
    run: Run,
    settings: Settings,
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
    chosen: Restored,
) -> None:
    """Continue an earlier run, and warn of unlikely values. No check may fail after this.

    A warning may be an error (`python -W error`), so all warnings of a start come before its first write.
    """
    in_force, state, members = chosen.in_force, chosen.saved.state, run.members
    saved = [one for one in restored.values() if one.saved is not NOTHING]
    if state is not None and state.last_amount is not None and state.unit == in_force.unit:
        run.last_amount = state.last_amount
    if saved:
        run.history = _history(run, chosen)
    parts = [(one.rows.lines, groups[name], one.labels(groups[name])) for name, one in members.items()]
    if settings.positions is None:  # a copy was warned of when its original began
        scopes = [(member.scope, groups[name]) for name, member in members.items()]
        report_optional_fields(in_force, scopes, settings.source.processes)
        of_user = settings.source.engine_total is None and not saved  # the run of a checkpoint has its length
        report_unlikely_values(parts, in_force, settings.source.processes, counts_of_user=of_user)
    for (lines, mine, labels), member in zip(parts, members.values(), strict=True):
        refuse_values_outside(in_force, lines, labels, member.times)
        member.code_bases = bases_of(lines)
        if settings.start and not saved:
            before = {
                (index, line.field.slot): line.field.read(mine[index])
                for index, line, _ in by_group(lines)
                if initial_value(line.field, mine[index]) is not None
            }
            log_jumps(lines, member.times, run.states, before, settings.source.processes)


def _history(run: Run, chosen: Restored) -> History:
    """Return the history of a run that has just started and continues another one."""
    in_force, state = chosen.in_force, chosen.saved.state
    now = run.entry()
    if state is not None:
        return state.history.resumed_at(now.update, now.amount).with_plan(now)
    return History((now._replace(update=0, amount=in_force.amount_at(0)),))


def hook(
    run: Run,
    optimizers: Mapping[str, Any],
    settings: Settings,
    earlier: Mapping[str, PlanHooks],
    *,
    is_logged: bool,
) -> None:
    """Register the hooks in place of those of earlier Schedulers, which end.

    Args:
        run: the run.
        optimizers: the optimizers, by name.
        settings: what the arguments of the Scheduler mean.
        earlier: the hooks of earlier Schedulers.
        is_logged: True if the changes of the plan were logged, which report an earlier Scheduler, too.
    """
    if earlier and not is_logged and any(hooks.run.scheduler() is not None for hooks in earlier.values()):
        log_takeover(run.t)
    run.takes_over = list({id(hooks.run): hooks.run for hooks in earlier.values()}.values())
    for ended in run.takes_over:
        ended.release(kept=[hooks.member.name for hooks in earlier.values() if hooks.run is ended])
    for name, member in run.members.items():
        PlanHooks(member, settings.resume).attach(optimizers[name])


def report(
    run: Run,
    optimizers: Mapping[str, Any],
    settings: Settings,
    restored: Mapping[str, Restored],
    saved: Mapping[str, SavedOptimizer],
    earlier: Mapping[str, PlanHooks],
) -> None:
    """Log what the user may not expect at this start; the arguments are as in `read_optimizers`."""
    begin, processes, members = settings.start, settings.source.processes, run.members
    lines = {name: member.rows.lines for name, member in members.items()}
    groups: dict[str, list[Group]] = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    present = [line for name, own in lines.items() for line in without_initial(own, groups[name])]
    fresh = [name for name in lines if name not in saved]
    has_state = any(getattr(optimizers[name], "state", None) for name in fresh)
    parts = [(lines[name], groups[name], members[name].labels(groups[name])) for name in fresh]
    initial = log_initial_values(parts, processes, has_state=has_state, is_continued=bool(begin))
    if not earlier and begin is None and not any(saved_optimizer.count for saved_optimizer in saved.values()):
        taken = max(
            (n for optimizer in optimizers.values() if (n := updates_in_state(optimizer)) is not None), default=None
        )
        if initial or taken:
            count = 0 if saved else None
            whose = "initial" if initial else "present" if present else "recorded"
            report_position(chain.from_iterable(lines.values()), taken, count, processes, whose=whose)
    alone = [name for name in fresh if not getattr(optimizers[name], "state", None)]
    if saved and alone and run.t > 1 and settings.positions is None:
        processes.log(
            "the run is at update %d, from %s, and %s has neither a count nor a state: it joins the run at this "
            "update. If it has a checkpoint, load it before the Scheduler is constructed", run.t, shown_names(saved),
            shown_names(alone),
        )  # fmt: skip
    if not saved and begin:
        warn_of_present_bases(present, begin, processes)
    if saved and begin is not None and begin != run.t:
        whose = "these optimizers carry" if settings.names else "this optimizer carries"
        text = "t=%d is ignored: %s a count of %d updates, which takes precedence. To jump, call scheduler.seek(%d)"
        processes.log(text, begin, whose, run.t, begin)
    for name in saved.keys() - earlier.keys():
        warn_of_changed_functions(saved[name], groups, name, processes)
    if settings.positions is None:  # a copy was warned of when its original began
        run.warn_if_over(run.in_force, run.t, run.amount)
        settings.resume.log_values({name: restored[name] for name in saved.keys() - earlier.keys()}, groups)


def report_edits(
    run: Run,
    settings: Settings,
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
    edits: Mapping[str, list[Edit]],
) -> None:
    """Report the entries that were changed: those that apply as bases, and those that the plan overwrites."""
    processes, uses_edits = settings.source.processes, settings.resume.bases.on_base == "code"
    for name, edit in edits.items():
        report_bases(run.new_bases(restored[name].changes, run.t), run.t, processes)
        overwritten = [one for one in edit if not (uses_edits and one.changes_base)]
        for problem in problems_of_edits(overwritten, restored[name].scope.labels(groups[name])):
            processes.warn(problem)


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy."""
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": run.in_force.plan,
        "facts": run.in_force.facts,
        "on_change": resume.on_change,
        "bases": resume.bases,
        "code_bases": {name: dict(member.code_bases) for name, member in run.members.items()},
        "begin": run.start,
        "alive": not run.released,
        "positions": {name: member.position for name, member in run.members.items()},
        "feedback": [saved_states(run.states), saved_states(run.used)],
        "acknowledged": run.acknowledged,
        "run": {name: getattr(run, name) for name in _COPIED},
        "source": source,
    }


_COPIED = ("replaced", "reported", "is_measured", "last_amount", "warned_of_end", "history", "loads")
"""The attributes of a run that its copy takes over unchanged."""


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Settings, Run, dict[str, Member]]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments, its run and the members."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    settings = Settings(source, resume, state["drive"], state["begin"], names, state["positions"])
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run, members = start(optimizers, settings, state["facts"])
    else:  # its hooks are not registered
        in_force = settings.resolved(state["facts"])
        groups = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
        states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
        nothing = with_lines(Restored(NOTHING, in_force), groups, state["positions"], states)
        run, members = new_run(settings, groups, nothing)
        run.release()
    resume.bases = state["bases"]  # not before, because the copied groups hold a count, as those of a checkpoint do
    for name, member in members.items():
        member.code_bases = state["code_bases"][name]
    for name, value in state["run"].items():
        setattr(run, name, value)
    now, used = (restored_states(one, run.in_force.resolved.metric_rules) for one in state["feedback"])
    run.states = used
    run.change(now)
    if state["alive"]:
        run.reset_consumption()
        run.rewrite()
    if not state["acknowledged"]:
        run.acknowledged_at = -1  # the engine has not called step() yet
    return settings, run, members
