"""The errors and problems of the arguments of a Scheduler and of its methods, and of the optimizers that it gets."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from paramsched.base.problem import Problem
from paramsched.base.words import closest, did_you_mean
from paramsched.core.time.duration import Duration
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, PlanError, Unresolved, shown

BY_HAND: Final = 'Use Scheduler(…, drive="manual") and call scheduler.step() after each update'
"""What to do with an optimizer whose steps cannot be counted."""

_NOT_A_COUNT: Final = "not a number of completed updates"

STEP_AFTER_UPDATE: Final = "scheduler.step() after each update"
STEP_AFTER_EVALUATION: Final = "scheduler.step(metric) after an evaluation"


def call_with(optimizer: object) -> str:
    """Return the call of the constructor that an error about its optimizer names."""
    return f"Scheduler({type(optimizer).__name__}, …)"


# ---------------------------------------------------------------- the arguments of a Scheduler


def start_is_not_a_count(t: object) -> InvalidTime:
    """Return the error for an argument `t` that is not a number of updates."""
    example = "ps.Scheduler(optimizer, plan, t=500)"
    return InvalidTime(f"Scheduler(…, t={shown(t)})", _NOT_A_COUNT, example=example, refused=t)


def strict_is_not_a_bool(value: object) -> InvalidArgument:
    """Return the error for an argument `strict` that is not a bool."""
    return InvalidArgument(f"strict={shown(value)}", "expected True or False", example="strict=True")


def unknown_choice(name: str, value: object, choices: Sequence[str], usual: str) -> InvalidArgument:
    """Return the error for an argument that is not one of its choices.

    Args:
        name: the argument.
        value: its value.
        choices: the choices.
        usual: the choice in the example, if none is near.
    """
    message = f"unknown choice {value!r}; {did_you_mean(str(value), choices)}"
    example = f'{name}="{closest(str(value), choices) or usual}"'
    return InvalidArgument(f"Scheduler({name}={value!r})", message, example=example)


def unknown_drive(drive: object, choices: Sequence[str]) -> InvalidArgument:
    """Return the error for a drive that is neither a choice nor the name of an optimizer."""
    example = f'drive="{closest(str(drive), choices) or "optimizer"}"'
    return InvalidArgument(f"Scheduler(drive={drive!r})", did_you_mean(str(drive), choices), example=example)


def fact_is_missing(error: MissingFact, *, is_shared: bool) -> MissingFact:
    """Return the error for a missing run fact with the call that passes it; `is_shared` for several optimizers."""
    site = error.problem.call or error.problem.site
    message = f"{error.problem.found}; construct the Scheduler after it is known"
    advice = f"For example: {_constructor(is_shared=is_shared)}{error.fact}={error.example})"
    return MissingFact(site, message, advice, fact=error.fact, example=error.example)


def total_is_missing(error: Unresolved, *, is_shared: bool) -> Unresolved:
    """Return the error for a plan without a length, with `total` as advice: a line of text cannot have it."""
    return error.changed(advice=f"For example: {_constructor(is_shared=is_shared)}total=10_000)")


def two_totals(error: PlanError, total: Duration, *, by_updates: bool, is_shared: bool) -> PlanError:
    """Return the error for a total in the plan and one in the run facts, with the advice to omit one.

    Args:
        error: the error.
        total: the total in the run facts.
        by_updates: True if the plan's clock counts updates.
        is_shared: True for several optimizers.
    """
    plan = f"ps.Plan(*plan.bindings{'' if by_updates else ', clock=plan.clock'})"
    line = f"{_constructor(plan, is_shared=is_shared)}total={total.written()})"
    return error.changed(advice=f"Omit one of them, or write {line}")


def _constructor(plan: str = "plan", *, is_shared: bool) -> str:
    optimizers = '{"muon": muon, "adamw": adamw}' if is_shared else "optimizer"
    return f"ps.Scheduler({optimizers}, {plan}, "


# ---------------------------------------------------------------- optimizers


def same_optimizer(name: str, second: str) -> InvalidArgument:
    """Return the error for one optimizer with two names."""
    site = f"Scheduler({{{name!r}: …, {second!r}: …}}, …)"
    return InvalidArgument(site, "they are the same optimizer", "Pass each optimizer once")


def plan_for_optimizer(value: object) -> InvalidArgument:
    """Return the error for a plan or a schedule in place of an optimizer."""
    return _not_an_optimizer(value, "the optimizer comes first, and the plan after it")


def text_for_optimizer(text: str) -> InvalidArgument:
    """Return the error for a text in place of an optimizer."""
    return _not_an_optimizer(text, "expected an optimizer, got str; the plan comes after it")


def no_param_groups(optimizer: object) -> InvalidArgument:
    """Return the error for an object without groups in place of an optimizer."""
    return _not_an_optimizer(optimizer, "it has no param_groups")


def _not_an_optimizer(value: object, message: str) -> InvalidArgument:
    return InvalidArgument(call_with(value), message, "For example: ps.Scheduler(optimizer, plan)")


def container_of_optimizers(optimizer: object, container: str, contained: str) -> InvalidArgument:
    """Return the error for an object that only contains optimizers.

    Args:
        optimizer: the object.
        container: its kind.
        contained: the expression of its optimizers.
    """
    message = f"this is a {container} of optimizers; give the optimizers names"
    names = f'{{f"optimizer_{{i}}": one for i, one in enumerate({contained})}}'
    return InvalidArgument(call_with(optimizer), message, f"Write ps.Scheduler({names}, plan)")


def step_calls_no_hooks(optimizer: object, inner: str | None) -> InvalidArgument:
    """Return the error for an optimizer whose step calls no hooks; `inner` is the attribute of one whose step does."""
    message = "its step does not call hooks, so no Scheduler can follow it"
    advice = BY_HAND if inner is None else f"Write ps.Scheduler(optimizer.{inner}, plan)"
    return InvalidArgument(call_with(optimizer), message, advice)


def zero_steps_parts(optimizer: object) -> InvalidArgument:
    """Return the error for an optimizer that DeepSpeed's ZeRO steps several times per update."""
    message = (
        "DeepSpeed's ZeRO steps this optimizer several times per update, once for each of its groups or their "
        "parts, so the steps are not updates"
    )
    return InvalidArgument(call_with(optimizer), message, BY_HAND)


# ---------------------------------------------------------------- the methods of a Scheduler


def stepped_by_processes(call: str, processes: int, instead: str) -> InvalidArgument:
    """Return the error for a scheduler that Accelerate steps once for each process.

    Args:
        call: the user's call.
        processes: the number of processes.
        instead: the calls to write after "Do not pass it to prepare, and call ".
    """
    message = f"Accelerate steps a prepared scheduler {processes} times per update, once for each process"
    return InvalidArgument(call, message, f"Do not pass it to prepare, and call {instead}")


def unknown_update(update: object, choices: Sequence[str]) -> InvalidArgument:
    """Return the error for an unknown choice of the update whose values are returned."""
    advice = 'Use scheduler.scalars("coming")'
    return InvalidArgument(f"scheduler.scalars({update!r})", did_you_mean(str(update), choices), advice)


def seek_to_no_count(t: object) -> InvalidTime:
    """Return the error for a jump to what is not a number of updates."""
    site = f"scheduler.seek({shown(t)})"
    return InvalidTime(site, _NOT_A_COUNT, "For example: scheduler.seek(0)")


def several_rules(metric: object, names: Collection[str]) -> InvalidArgument:
    """Return the error for a metric without a name and a plan with several rules, which watch these metrics."""
    arguments = ", ".join(f"{name}=…" for name in sorted(set(names)))
    advice = f"For example: scheduler.observe({arguments})"
    return InvalidArgument(f"scheduler.step({metric!r})", f"the plan has {len(names)} metric rules", advice)


def number_has_no_effect(number: object, count: int | None) -> InvalidArgument:
    """Return the error for a number of updates or epochs in a step; `count` is the number if it can be a count."""
    message = "updates advance a plan, and a number has no effect"
    return InvalidArgument(f"scheduler.step({shown(number)})", message, _seek_to(count))


def count_is_assigned(value: object, t: int, count: int | None) -> InvalidArgument:
    """Return the error for an assigned number of updates.

    Args:
        value: the number.
        t: the update of the plan.
        count: the number, if it can be a count.
    """
    message = f"updates advance a plan, and this one is at update {t}"
    return InvalidArgument(f"scheduler.last_epoch = {shown(value)}", message, _seek_to(count))


def _seek_to(count: int | None) -> str:
    number = "n" if count is None else count
    return f"Remove it. To continue once at another update, write scheduler.seek({number})"


def metric_is_ignored(metric: object) -> Problem:
    """Return the problem of a metric that is passed to a plan without a metric rule."""
    sentence = f"scheduler.step({shown(metric)}) ignores its argument, because the plan has no metric rule"
    advice = "Write scheduler.step(), or a rule in the plan: lr=\"cosine() * plateau('val_loss')\""
    return Problem(found=sentence, advice=advice)


def bases_are_assigned(value: object, bases: Sequence[object], rate: object, t: int) -> InvalidArgument:
    """Return the error for assigned bases.

    Args:
        value: the assigned value.
        bases: the present bases.
        rate: the first assigned base.
        t: the update of the plan.
    """
    message = f"the bases are {shown(bases)}, as when the plan was attached"
    lines = f'scheduler.detach(); group["lr"] = group["initial_lr"] = {shown(rate)}'
    advice = f"For example: {lines}; ps.Scheduler(optimizer, plan, t={t})"
    return InvalidArgument(f"scheduler.base_lrs = {shown(value)}", message, advice)


def not_scheduled(field: str, group: object, places: Iterable[tuple[str, object]]) -> InvalidArgument:
    """Return the error for a value that the plan does not schedule; `places` are the fields and groups that it does."""
    listed = ", ".join(f"{name} of group {label!r}" if label != "" else name for name, label in places)
    return InvalidArgument(f"scheduler.value({field!r}, {group!r})", f"the plan does not schedule it (only {listed})")
