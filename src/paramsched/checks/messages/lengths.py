"""The sentences about the text, the units and the lengths of a line."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from paramsched.base import codes
from paramsched.checks.answer import Answer, in_unit, number_text, percent_text
from paramsched.core.metrics.metric_rules import PlateauRule
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.duration import Duration

_MILESTONES: Final = "Keep each milestone once, in order"
_CYCLE: Final = "Shorten a stage, or lengthen the cycle"


# ---------------------------------------------------------------- the text


def target_of_field(name: str) -> Answer:
    """Return the answer for a target with the name of a field, which it does not write."""
    message = f"the target {name} is a value outside of the optimizer, whose own {name} does not follow it"
    return Answer(message, f"Rename it, or write it outside of targets, for example {name}: cosine()")


def milestone_repeated(milestone: Duration) -> Answer:
    """Return the answer for a milestone that is written twice."""
    return Answer(f'milestone "{milestone}" is repeated, so its factor is applied twice', _MILESTONES)


def milestones_not_in_order(milestones: Sequence[Duration]) -> Answer:
    """Return the answer for milestones that are not in order."""
    return Answer(f"milestones are not in order: {', '.join(map(str, milestones))}", _MILESTONES)


def last_stage_empty(stage: Schedule) -> Answer:
    """Return the answer for a last stage of 0 updates."""
    return Answer(f"the last stage, {stage}, has 0 updates and is skipped", "Remove it, or write a longer length")


# ---------------------------------------------------------------- the metric rules


def mode_of_metric(rule: PlateauRule, mode: str) -> Answer:
    """Return the answer for a metric rule whose mode contradicts the name of its metric."""
    message = f'the best {rule.metric} is probably its {mode}imum, but mode="{rule.mode}"'
    return Answer(message, f'Write mode="{mode}"')


def counts_in_warmup(rule: PlateauRule, epochs: Fraction, written: Duration | None) -> Answer:
    """Return the answer for a plateau rule that counts during a warmup longer than its patience.

    Args:
        rule: the rule.
        epochs: the length of the warmup.
        written: the same as it is written; None if it is not.
    """
    after = Duration.of(f"{float(epochs):.3g} epochs") if written is None else written
    message = f"{rule} counts during the warmup of {float(epochs):.3g} epochs, and may cut it"
    return Answer(message, f"Write after={after.written()}")


# ---------------------------------------------------------------- are updates and epochs confused?


def epochs_for_updates(length: Duration, epochs: Fraction, lengths: list[Duration]) -> Answer:
    """Return the answer for a length in epochs that is many times the length of the run.

    Args:
        length: the length.
        epochs: the number of epochs in the run.
        lengths: all lengths of the shape.
    """
    message = f'the length "{length}" exceeds the run of {number_text(epochs)} epochs'
    return Answer(message, f"For updates write {in_unit(lengths, 'epochs', 'updates')}")


def updates_for_epochs(lengths: list[Duration], epochs: Fraction) -> Answer:
    """Return the answer for lengths in updates that are below the number of epochs in the run."""
    numbers = ", ".join(number_text(length.number) for length in lengths)
    verb = "counts" if len(lengths) == 1 else "count"
    message = f"{numbers} {verb} updates, but the run has {number_text(epochs)} epochs"
    return Answer(message, f"For epochs write {in_unit(lengths, 'updates', 'epochs')}")


# ---------------------------------------------------------------- is a time beyond the run?


def run_ends_first(schedule: Schedule, share: Fraction) -> Answer:
    """Return the answer for a schedule that takes more than the run."""
    return Answer(f"{_taken(schedule, share)} of the total, so the run ends first")


def nothing_left_of_run(schedule: Schedule, share: Fraction) -> Answer:
    """Return the answer for stages that leave no updates of the run for a stage without a length."""
    message = f"{_taken(schedule, share)} of the total, so no updates remain for the rest"
    return Answer(message, "Shorten a stage, or increase the total", code=codes.NOTHING_LEFT)


def cycle_ends_first(schedule: Schedule, share: Fraction) -> Answer:
    """Return the answer for a schedule that takes more than its cycle."""
    return Answer(f"{_taken(schedule, share)} of its cycle, so the cycle ends first", _CYCLE)


def nothing_left_of_cycle(schedule: Schedule, share: Fraction) -> Answer:
    """Return the answer for stages that leave no updates of a cycle for a stage without a length."""
    return Answer(f"{_taken(schedule, share)} of its cycle, so no updates remain for the rest", _CYCLE)


def _taken(schedule: Schedule, share: Fraction) -> str:
    return f"{schedule} takes {percent_text(share)}"


def milestone_after_end(milestone: Duration, share: Fraction) -> Answer:
    """Return the answer for a milestone after the end of the run, at a share of it above 1."""
    message = f'milestone "{milestone}" is after the end of the run, at {float(share):.0%} of it'
    return Answer(message, "Remove it, or write a time within the run")


def period_beyond_run(period: Duration, share: Fraction) -> Answer:
    """Return the answer for a period that is longer than the run, of which it is a share above 1."""
    message = f'the period "{period}" is {percent_text(share)} of the run, so it never completes'
    return Answer(message, "Shorten it, or remove it")


# ---------------------------------------------------------------- is a time too short?


def stage_of_one_update(written: Duration, updates: Fraction, total: int) -> Answer:
    """Return the answer for a length of at most one update of a run with a total in updates."""
    message = f'"{written}" is only {number_text(updates)} of {number_text(total)} updates'
    return Answer(message, 'Use a longer length, such as "5%"')


def decay_in_percent(length: Duration, total: int, *, is_share: bool) -> Answer:
    """Return the answer for a last decay of less than 1% of the run; `is_share` if its number may be one in percent."""
    message = f"the decay takes {length} of {number_text(total)} updates, less than 1% of the run"
    return Answer(message, f'For a share of the run write "{length}%"' if is_share else "")


def many_cycles(schedule: Schedule, cycles: float, length: Duration) -> Answer:
    """Return the answer for many cycles of a few updates."""
    message = f"{schedule} has {cycles:.4g} cycles of {length} updates"
    fragment = f"times={length}" if schedule.kind == "restarts" else f'"{100 / length.number:.6g}%"'
    return Answer(message, f"For {length} cycles write {fragment}")
