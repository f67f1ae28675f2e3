"""The arguments of timm's `create_scheduler_v2`, and what its scheduler counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

from paramsched.schedules import Level, absolute
from paramsched.time import Duration

DEFAULTS: Final[Mapping[str, Any]] = {
    "sched": "cosine",
    "num_epochs": 300,
    "decay_epochs": None,
    "decay_milestones": (90, 180, 270),
    "cooldown_epochs": 0,
    "patience_epochs": 10,
    "decay_rate": 0.1,
    "min_lr": 0.0,
    "warmup_lr": 1e-5,
    "warmup_epochs": 0,
    "warmup_prefix": False,
    "noise": None,
    "noise_pct": 0.67,
    "noise_std": 1.0,
    "noise_seed": 42,
    "cycle_mul": 1.0,
    "cycle_decay": 0.1,
    "cycle_limit": 1,
    "k_decay": 1.0,
    "decay_fn": None,
    "stable_timescale": None,
    "plateau_mode": "max",
    "step_on_epochs": True,
    "updates_per_epoch": 0,
    "eval_metric": None,
}
"""The arguments, and what timm takes where one is missing; `eval_metric` is an option of its training script."""

CYCLES: Final = ("cosine", "poly", "tanh")
STABLE: Final = ("wsd", "rsqrt")
SCHEDULERS: Final = (*CYCLES, "step", "multistep", *STABLE, "constant", "plateau", "none")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimmArguments:
    """Arguments that were checked; `decay_epochs` has its default. Their meaning is timm's."""

    sched: str
    num_epochs: int
    decay_epochs: float
    decay_milestones: tuple[float, ...]
    cooldown_epochs: int
    patience_epochs: int
    decay_rate: float
    min_lr: float
    warmup_lr: float
    warmup_epochs: int
    warmup_prefix: bool
    noise: float | tuple[float, ...] | None
    noise_pct: float
    noise_std: float
    noise_seed: int
    cycle_mul: float
    cycle_decay: float
    cycle_limit: int
    k_decay: float
    decay_fn: str | None
    stable_timescale: float | None
    plateau_mode: str
    step_on_epochs: bool
    updates_per_epoch: int
    eval_metric: str | None

    @property
    def ticks_in_epoch(self) -> int:
        """What the scheduler counts, epochs or updates, in an epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def run(self) -> int:
        """`num_epochs` in its counts."""
        return self.num_epochs * self.ticks_in_epoch

    @property
    def warmup(self) -> int:
        """`warmup_epochs` in its counts; nothing where there is no schedule."""
        return 0 if self.sched == "none" else self.warmup_epochs * self.ticks_in_epoch

    @property
    def stable_and_decay(self) -> int:
        """The counts of `wsd` and `rsqrt` behind their warmup, which is always before them."""
        return self.run if self.warmup_prefix else self.run - self.warmup

    @property
    def decay(self) -> int:
        """The counts of the last descent of `wsd` and `rsqrt`, rounded as timm rounds them."""
        share = 0 < self.decay_epochs < 1
        return round(self.decay_epochs * (self.stable_and_decay if share else self.ticks_in_epoch))

    @property
    def is_prefix(self) -> bool:
        """Whether the warmup stands before the curve, and not over its begin."""
        return self.warmup_prefix or self.sched in STABLE

    @property
    def floor(self) -> Level:
        """`min_lr` as a level."""
        return absolute(self.min_lr) if self.min_lr else 0.0

    def length(self, ticks: float) -> Duration:
        """So many counts as a length of a plan."""
        if self.step_on_epochs:
            return Duration.of(f"{ticks!r} epochs")
        return Duration.of_updates(Fraction(repr(ticks)))
