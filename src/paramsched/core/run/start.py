"""The start of a run: how a plan is attached to optimizers, from the first check to the first write.

All that can raise comes before the first write. `beginning.py` and `continued.py` say how the optimizers begin.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, final

from paramsched.base.pickles import names_in_pickles
from paramsched.core.calls.lazy_imports import is_installed_entry, load_entry
from paramsched.core.groups.fields import RECORD, Field
from paramsched.core.plan.binding import Binding, binding_key
from paramsched.core.plan.lines import bases_of
from paramsched.core.plan.plan_forms import without_total
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.arguments import Arguments, with_location
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.beginning import StartingRun, new_beginning
from paramsched.core.run.continued import continued_beginning
from paramsched.core.run.group_entries import COUNT, GroupDict
from paramsched.core.run.hooks import PlanHooks, hooks_on, require_hooks
from paramsched.core.run.ranges import refuse_values_outside
from paramsched.core.run.run import Run
from paramsched.core.run.saving import record_bases
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import PlanError


@final
class StartedRun(NamedTuple):
    """A run that has begun, its optimizers, which the caller owns, and the runs that it has ended."""

    run: Run
    attached: dict[str, AttachedOptimizer]
    ended: tuple[Run, ...] = ()


def attach(optimizers: Mapping[str, Any], arguments: Arguments, facts: RunFacts) -> StartedRun:
    """Attach a plan, which may be a recipe, to optimizers; an error has its line in the plan's file."""
    if arguments.is_recipe and facts.total is not None:
        arguments = replace(arguments, plan=without_total(arguments.plan))
    try:
        return start(optimizers, arguments, facts)
    except PlanError as refusal:
        if arguments.text is None:
            raise
        raise with_location(refusal, arguments.text)  # noqa: B904  # the same error, with its location


def start(optimizers: Mapping[str, Any], arguments: Arguments, facts: RunFacts) -> StartedRun:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Args:
        optimizers: the optimizers, by name.
        arguments: those of the Scheduler.
        facts: the run facts.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if arguments.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    in_force = arguments.resolved(facts)
    beginning = beginning_of(optimizers, arguments, in_force)
    run, attached = new_run(beginning)
    refuse_values(run, attached, beginning)
    observe(run, beginning)

    run.bind()  # the first write
    for name, optimizer in attached.items():
        optimizer.bind(beginning.groups[name], optimizer.table)
    replaced = dict(chain.from_iterable(restored.replaced.items() for restored in beginning.restored.values()))
    if replaced:
        record_bases(run, replaced)
    ended = end_earlier(beginning)
    for name, optimizer in attached.items():
        PlanHooks(run, optimizer).attach(optimizers[name])
    for observer in run.state.observers:
        observer.begun()
    return StartedRun(run, attached, ended)


def beginning_of(optimizers: Mapping[str, Any], arguments: Arguments, in_force: ResolvedPlan) -> StartingRun:
    """Return how the optimizers begin: anew, or with what some of them carry."""
    groups = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    earlier = {name: hooks for name, optimizer in optimizers.items() if (hooks := hooks_on(optimizer)) is not None}
    carry = any(COUNT in group or RECORD in group for own_groups in groups.values() for group in own_groups)
    if not carry and not earlier:
        return new_beginning(arguments, optimizers, groups, in_force)
    return continued_beginning(arguments, optimizers, groups, in_force, earlier)


def new_run(beginning: StartingRun) -> tuple[Run, dict[str, AttachedOptimizer]]:
    """Return the run and its optimizers, which have computed their values and have not written them."""
    restored = beginning.restored
    first = next(iter(restored.values()))
    positions = sorted((restored_optimizer.position for restored_optimizer in restored.values()), key=attrgetter("t"))
    run = Run(first.in_force, positions[-1], first.states, beginning.arguments, beginning.source)
    if run.state.amounts is not None:
        run.state.amounts.last_amount = positions[0].amount
    attached = {
        name: run.attach(
            name,
            restored_optimizer.scope,
            restored_optimizer.position,
            restored_optimizer.lines,
            beginning.groups[name],
        )
        for name, restored_optimizer in restored.items()
    }
    if run.state.amounts is not None and beginning.last_amount is not None:
        run.state.amounts.last_amount = beginning.last_amount
    if run.shared is not None:
        run.shared.restored |= beginning.saved.keys()
    if beginning.plans is not None:
        run.history.plans = beginning.plans
    return run, attached


def refuse_values(run: Run, attached: Mapping[str, AttachedOptimizer], beginning: StartingRun) -> None:
    """Refuse values that an optimizer cannot use, and note the bases of the code.

    Raises:
        PlanError: a value leaves the range of its field.
        UnknownField: an optional line selects a group that lacks its field.
    """
    for binding in run.in_force.plan.bindings:
        if binding.optional:
            for name, optimizer in attached.items():
                _require_field(binding, optimizer, beginning.groups[name])
    for name, optimizer in attached.items():
        groups = beginning.groups[name]
        lines = optimizer.table.lines
        refuse_values_outside(run.in_force, lines, optimizer.scope.labels(groups), optimizer.times)
        optimizer.bases.values = bases_of(lines)


def _require_field(binding: Binding, attached: AttachedOptimizer, groups: list[GroupDict]) -> None:
    """Raise if an optional line selects a group that lacks its field."""
    field = Field.of(binding.name)
    scope = attached.scope
    for index, (group, label) in enumerate(zip(groups, scope.labels(groups), strict=True)):
        applies = scope.applies(binding.name, binding_key(binding))
        if applies and scope.selects(binding.groups, group, label, index):
            field.within(group, f"group {label!r}")


def observe(run: Run, beginning: StartingRun) -> None:
    """Ask the diagnosis, if it is installed, to look at the start and to observe the run."""
    if is_installed_entry("diagnosis"):
        load_entry("diagnosis").observe(run, beginning)


def end_earlier(beginning: StartingRun) -> tuple[Run, ...]:
    """End the runs of the earlier Schedulers, whose hooks are removed, and return them."""
    earlier = beginning.earlier.values()
    ended = {id(hooks.run): hooks.run for hooks in earlier}
    for run in ended.values():
        run.release(kept=[hooks.attached.name for hooks in earlier if hooks.run is run])
    return tuple(ended.values())


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist
    __getattr__ = names_in_pickles(__name__)
