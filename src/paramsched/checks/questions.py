"""The questions about a line in their order, with their codes, their limits and the reasons for them.

`base/rules.json` has the sentence and the example of each code.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

from paramsched.base import codes
from paramsched.checks import lengths, levels, stages
from paramsched.checks.answer import Answer
from paramsched.checks.checked_line import CheckedLine

Subject: TypeAlias = Literal["metrics", "text", "levels", "range", "lengths", "stages", "end"]
"""The part of a line that a question is about."""
Need: TypeAlias = Literal["text", "values", "run"]
"""What must be known: the text of the line, its values in any run, or its values and times in the run of the plan."""


@final
class Question(NamedTuple):
    """A question about a line.

    Args:
        code: the code of the problem that it finds.
        needs: what must be known to ask it.
        ask: a function of the line that returns the answer; None if the line is right.
    """

    code: str
    needs: Need
    ask: Callable[[CheckedLine], Answer | None]


LONG_RUN: Final = 1_000
"""Updates of a run that trains a model; a shorter one may try a plan for a longer one."""
_TINY_RUN: Final = 20
"""Updates of a run that only tries a program, which is not asked how its time is divided."""
_HIGH: Final = 0.5
"""The share of the peak from which on a rate is high."""
_AT_PEAK: Final = 0.98
"""The share of the peak from which on a rate has reached it."""
_NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""
_NEAR_ZERO: Final = 1e-3
"""A rate below this multiple of base is probably a value, such as 3e-4: decays of recipes end at 0.001 or above."""
_NEAR_ZERO_OF_GROUP: Final = 1e-4
"""The same for the line of some groups, which may be slowed down."""
_RATES: Final = frozenset({"lr", "final_lr", "step_sizes"})
_BELOW_ONE: Final = frozenset({
    "betas", "beta3", "momentum", "dampening", "eps", "alpha", "rho", "shampoo_beta", "momentum_decay", "lr_decay",
    "weight_decay",
})  # fmt: skip
"""Fields whose usual values are below 1, so that levels below 1 are probably values."""
_USUAL: Final = {
    "weight_decay": (1e-6, 0.5), "betas[0]": (0.8, 0.99), "momentum": (0.8, 0.99), "betas[1]": (0.9, 0.9999),
    "eps": (0, 1e-3),
}  # fmt: skip
"""The lowest and the highest usual value of a field. `betas[0]: constant(0.5)` could be a value or a multiple."""


def _question(code: str, needs: Need, ask: Callable[..., Answer | None], **limits: Any) -> Question:
    return Question(code, needs, partial(ask, **limits) if limits else ask)


QUESTIONS: Final[Mapping[Subject, tuple[Question, ...]]] = {
    # All answers count.
    "metrics": (
        # "min" is the default, so `plateau("val_acc")` reduces the rate at each improvement.
        _question(codes.MODE_OF_METRIC, "text", lengths.mode_of_metric),
        # A metric is usually observed once in an epoch. If it stands still while the rate is low, the first value is
        # the best one, and `patience + 1` further values reduce the rate before it reaches base.
        _question(codes.COUNTS_IN_WARMUP, "text", lengths.counts_in_warmup, at_peak=_AT_PEAK, high=_HIGH),
    ),
    # Here and below, the first answer counts. After one about the text, nothing else is asked.
    "text": (
        # docs/how-to/targets.md: a target is a value outside of the optimizer. `momentum` may be that of a teacher, and
        # `eps` that of a policy.
        _question(
            codes.TARGET_OF_FIELD,
            "text",
            lengths.target_of_field,
            fields=frozenset({"lr", "learning_rate", "weight_decay", "betas"}),
        ),
        # torch's MultiStepLR, whose milestones must be increasing, multiplies twice at one that is repeated.
        _question(codes.MILESTONES_MIXED, "text", lengths.milestones_mixed),
        # timm's `cooldown_epochs=0` and `warmup_epochs=0` switch a stage off; a last stage does not need that.
        _question(codes.ONE_UPDATE, "text", lengths.last_stage_empty),
    ),
    "levels": (
        _question(codes.BASE_OF_ZERO, "text", levels.base_is_zero, below_one=_BELOW_ONE),
        _question(codes.LEVEL_AS_VALUE, "values", levels.momentum_below_base, below_one=_BELOW_ONE, usual=_USUAL),
        _question(codes.LEVEL_AS_VALUE, "values", levels.decay_above_base),
        _question(
            codes.LEVEL_AS_VALUE,
            "values",
            levels.rate_as_value,
            rates=_RATES,
            of_all=_NEAR_ZERO,
            of_group=_NEAR_ZERO_OF_GROUP,
        ),
        _question(codes.LEVEL_AS_VALUE, "values", levels.low_start, rates=_RATES, of_all=_NEAR_ZERO),
        # A staircase falls at most by a factor of ten at once.
        _question(
            codes.LEVEL_AS_VALUE,
            "values",
            levels.stage_near_zero,
            rates=_RATES,
            of_all=_NEAR_ZERO,
            of_group=_NEAR_ZERO_OF_GROUP,
            step=10 * (1 + 1e-9),
        ),
        # `max_lr` of torch's OneCycleLR is a rate, and `one_cycle(peak=3e-4)` is a multiple of base.
        _question(codes.LEVEL_AS_VALUE, "values", levels.small_peak, of_all=_NEAR_ZERO),
        # `min_lr` of nanoGPT, `eta_min` of torch and `min_lr` of timm are rates. A rate below 1e-7 trains nothing: one
        # that is meant as the end of a decay is larger, or 0. The ends of one cycle are the defaults of torch and
        # fastai, which are multiples.
        _question(
            codes.LEVEL_AS_VALUE,
            "values",
            levels.small_end,
            trains_nothing=1e-7,
            of_unknown=1e-4,
            of_one_cycle=(4e-6, 1e-5),
        ),
        _question(codes.LEVEL_AS_VALUE, "values", levels.sum_above_base),
        # A warmup to base begins at most at a half of it.
        _question(codes.LEVEL_AS_VALUE, "values", levels.target_at_its_own_number, lowest_start=0.5),
        # 1e-3 is the lr of torch's AdamW and SGD that nobody wrote, as if the plan alone has the rates.
        _question(codes.GROWS, "values", levels.far_above_base, times=100.0, default_rate=1e-3),
        _question(codes.GROWS, "text", levels.level_far_above_base, times=10.0),
        # No published recipe exceeds 2 × base, but a head may learn much faster.
        _question(codes.GROWS, "text", levels.grows, of_all=10.0, of_group=50.0),
        # Layer-wise rates, and biases and norms without weight decay, are usual; an absolute value has no base.
        _question(codes.GROUPS_MADE_EQUAL, "values", levels.groups_made_equal),
        _question(codes.GROUPS_MADE_EQUAL, "values", levels.decay_of_group_without),
    ),
    # A start raises an error for values that an optimizer cannot use.
    "range": (
        _question(codes.NOT_FINITE, "values", levels.not_finite),
        _question(codes.LEVEL_AS_VALUE, "values", levels.may_reach_one),
        _question(codes.MOMENTUM_OF_ONE, "values", levels.outside_range),
    ),
    "lengths": (
        # MMEngine's schedulers count epochs by default, also for the `end=500` of a warmup in iterations. A warmup is a
        # small part of a run.
        _question(codes.EPOCHS_FOR_UPDATES, "text", lengths.epochs_for_updates, least=100, runs=10, runs_of_warmup=3),
        # The milestones of torch's MultiStepLR and StepLR count epochs in nearly all scripts. In a run of few epochs,
        # small numbers may mean updates; a warmup of more than 20 updates may be intended; in short epochs, numbers of
        # updates and of epochs are similar.
        _question(
            codes.UPDATES_FOR_EPOCHS, "text", lengths.updates_for_epochs, fewest=5, short_warmup=20, short_epoch=10
        ),
        # Hoffmann et al., 2022, appendix B: models train worse if the cosine is over 25% longer than the run. One extra
        # update has no effect, so a length may exceed the run by 1%.
        _question(codes.BEYOND_TOTAL, "text", lengths.beyond_total, longest=Fraction(101, 100)),
        # microsoft/SoftTeacher#224, a run of 12,000 iterations with its first milestone at 480,000. detectron2 warns of
        # such milestones itself, since facebookresearch/detectron2#2609.
        _question(codes.MILESTONE_AFTER_END, "run", lengths.milestone_after_end),
        # A step or a restart that never happens leaves a constant, or a part of one wave.
        _question(codes.PERIOD_BEYOND_RUN, "run", lengths.period_beyond_run),
        # A fraction such as 0.05 was written as a percentage, `"0.05%"`; a stage of one update is written as 1. Of a
        # run of 100 updates a tenth of a percent is reported too, because a short trial of a long run is right.
        _question(
            codes.ONE_UPDATE,
            "run",
            lengths.stage_of_one_update,
            small_share=Fraction(1, 10),
            short_run=100,
            long_run=LONG_RUN,
        ),
        # Decays of constant schedules take 5 to 20% of a run, at most a half. Published ones take 1,000 updates or
        # more.
        _question(codes.ONE_UPDATE, "run", lengths.decay_in_percent, long_run=LONG_RUN, most=100, longest=50),
        # More than fifty cycles, each of at most fifty updates, were probably meant as a number of cycles.
        _question(codes.ONE_UPDATE, "run", lengths.many_cycles, most=50),
    ),
    # Stages count only if levels and lengths are right.
    "stages": (
        # salesforce/LAVIS#72, whose rate jumps from a warmup to its highest level.
        _question(codes.JUMP, "values", stages.jump, near=_NEAR),
        _question(codes.NO_CHANGE, "values", stages.idle_stage),
        _question(codes.NO_CHANGE, "values", stages.idle_shape),
        _question(codes.RISES_TO_THE_END, "run", stages.falling_warmup, near=_NEAR),
        # lightly-ai/lightly#1842, whose warmup took the run, so that the rate never reached its base. In the last tenth
        # of a run, a rate that rises has no time left to fall.
        _question(
            codes.RISES_TO_THE_END,
            "run",
            stages.rises_to_the_end,
            late=0.9,
            high=_HIGH,
            at_peak=_AT_PEAK,
            tiny_run=_TINY_RUN,
        ),
        # The warmups of recipes take up to a third.
        _question(codes.RISES_TO_THE_END, "run", stages.long_warmup, longest=0.5, tiny_run=_TINY_RUN),
        _question(codes.RISES_TO_THE_END, "run", stages.warmup_last, near=_NEAR, high=_HIGH),
        # wandb/senpai#593, which restarts at epoch 80 of 81: in a tenth of a cycle, a rate has no time to fall.
        _question(
            codes.RESTART_AT_THE_END, "run", stages.restart_at_the_end, high=_HIGH, short_cycle=0.1, tiny_run=_TINY_RUN
        ),
    ),
    # Answers count only if each line of the rate has one: a group may be 0 on purpose.
    "end": (
        _question(codes.NEVER_ABOVE_ZERO, "run", stages.never_above_zero),
        # Below 1e-5 of the peak a rate trains nothing. A last `constant(0)` and few steps are meant, but not for half
        # of the run; more than 20 steps were probably meant as longer ones.
        _question(
            codes.ENDS_EARLY,
            "run",
            stages.zero_at_the_end,
            least=1e-5,
            longest=0.1,
            longest_meant=0.5,
            few_steps=20,
            tiny_run=_TINY_RUN,
        ),
        # A rate that still changes after a twentieth of the run is not fixed by mistake. From 400 updates on, a
        # twentieth has as many as a tiny run.
        _question(
            codes.ENDS_EARLY,
            "run",
            stages.last_level_early,
            high=_HIGH,
            early=0.05,
            counted_run=400,
            tiny_run=_TINY_RUN,
        ),
    ),
}
