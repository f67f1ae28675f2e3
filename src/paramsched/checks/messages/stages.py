"""The sentences about the stages of a line, and about how a rate uses the run."""

from dataclasses import dataclass
from typing import Final, final

from paramsched.checks.answer import Answer, updates_text
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.duration import Duration

_OTHER_LEVEL: Final = "Write another level or ratio, such as 0.1, or constant()"
_SHORTER: Final = 'Shorten the warmup, for example warmup("5%")'


# ---------------------------------------------------------------- does it jump, or change nothing?


@final
@dataclass(frozen=True, slots=True)
class Jump:
    """A stage that begins at base after another level.

    Args:
        number: the number of the stage.
        stage: the stage.
        end: the multiple of base at which the stage before ends.
        name: the name of the field.
        values: the values from which and to which it jumps; None if the base is unknown.
    """

    number: int
    stage: Schedule
    end: float
    name: str
    values: tuple[float, float] | None

    def __str__(self) -> str:
        """Return where the stage begins, and where the one before ends."""
        before = f"stage {self.number - 1} ends at {self.end:.3g} × base"
        message = f"stage {self.number}, {self.stage}, begins at 1 × base, but {before}"
        if self.values is None:
            return message
        first, last = self.values
        return f"{message}: {self.name} jumps from {first:.4g} to {last:.4g}"


def jump_from_level(jump: Jump) -> Answer:
    """Return the answer for a jump that a factor before the stage prevents."""
    return Answer(str(jump), f"To begin at the level before write {jump.end:.3g} * before this stage")


def jump_without_factor(jump: Jump) -> Answer:
    """Return the answer for a jump whose factor is not known: from 0, or to a sum."""
    return Answer(str(jump), "Write a factor before this stage, for example 0.1 * exponential(0.99)")


def idle_stage(number: int, stage: Schedule, level: AbsoluteValue | float, argument: str) -> Answer:
    """Return the answer for a stage whose open level makes it constant.

    Args:
        number: the number of the stage.
        stage: the stage.
        level: the level at which it begins and ends.
        argument: the argument that is not written: `to` or `start`.
    """
    text = str(level) if isinstance(level, AbsoluteValue) else f"{level:.3g} × base"
    message = f"stage {number}, {stage}, begins and ends at {text}, so it changes nothing"
    verb = "end" if argument == "to" else "begin"
    return Answer(message, _OTHER_LEVEL if level == 1.0 else f"To {verb} at base write {argument}=1.0")


def idle_shape(schedule: Schedule) -> Answer:
    """Return the answer for a shape that holds base."""
    return Answer(f"{schedule} begins and ends at 1 × base, so it changes nothing", _OTHER_LEVEL)


# ---------------------------------------------------------------- does the rate fall, and late enough?


def falling_warmup(warmup: Schedule, first: float, last: float, unit: str) -> Answer:
    """Return the answer for a warmup that falls from a value to another one."""
    message = f"{warmup} falls from {first:.3g} to {last:.3g}{unit}"
    return Answer(message, f"To rise to the higher level write start=0.0, to={warmup.args['start']}")


@final
@dataclass(frozen=True, slots=True)
class Rise:
    """A rate that rises until a time near the end.

    Args:
        group: the words for the group; empty for all groups.
        time: the words for the time.
    """

    group: str
    time: str

    def __str__(self) -> str:
        """Return until when which rate rises."""
        return f"the learning rate{self.group} rises until {self.time}"


def rises_in_warmup(rise: Rise) -> Answer:
    """Return the answer for a rate whose warmup takes the run."""
    return Answer(str(rise), _SHORTER)


def rises_to_value(rise: Rise, first: float, level: AbsoluteValue) -> Answer:
    """Return the answer for a rate that rises to an absolute level."""
    advice = f"To fall to a level below {first:.3g} write to=absolute({float(f'{first / 10:.3g}')!r})"
    return Answer(f"{rise}, from {first:.3g} to the level {level}", advice)


def rises_from_base_of_zero(rise: Rise) -> Answer:
    """Return the answer for a rate that rises because the optimizer's own one is 0."""
    return Answer(f"{rise}, from the optimizer's own 0", "Set lr in the optimizer")


def ends_swapped(rise: Rise, start: AbsoluteValue | float, to: AbsoluteValue | float) -> Answer:
    """Return the answer for a rate that rises from one written level to the other."""
    return Answer(f"{rise}, without a warmup", f"To fall write start={to}, to={start}")


def ratio_above_one(rise: Rise) -> Answer:
    """Return the answer for a rate that rises by a ratio."""
    return Answer(f"{rise}, without a warmup", "Use a ratio below 1")


def long_warmup(warmup: Schedule, share: float) -> Answer:
    """Return the answer for a warmup that takes a large share of the run."""
    return Answer(f"{warmup} takes {share:.0%} of the run", _SHORTER)


def warmup_last(stage: Schedule, level: float) -> Answer:
    """Return the answer for a last stage that rises to a multiple of base."""
    message = f"the last stage, {stage}, rises to {level:.3g} × base at the end of the run"
    return Answer(message, f"A warmup comes first: {stage} >> cosine()")


def restart_at_the_end(time: str, left: int) -> Answer:
    """Return the answer for a restart with few updates left."""
    message = f"the rate restarts at {time}, {updates_text(left)} before the end, and ends high"
    return Answer(message, "Choose a period that divides the run, such as restarts(cosine(), times=4)")


# ---------------------------------------------------------------- does it end too early?


def never_above_zero(*, is_frozen: bool) -> Answer:
    """Return the answer for a rate of 0 during the entire run; `is_frozen` if the optimizer's own one is 0."""
    advice = "Set lr in the optimizer, and use lr: cosine()" if is_frozen else "Use lr: cosine(), or remove the line"
    return Answer("the learning rate is 0 during the entire run", advice)


@final
@dataclass(frozen=True, slots=True)
class LastLevel:
    """The last level of a rate, which it has early.

    Args:
        time: the words for the time from which on it has the level.
        share: the share of the run after that time.
        longer: the fragment to write for a decay that ends later; empty if that is not known.
    """

    time: str
    share: float
    longer: str


def zero_at_the_end(last: LastLevel) -> Answer:
    """Return the answer for a rate that is nearly 0 long before the end."""
    return _ends_early(last, "nearly 0", "End it above 0, or extend")


def last_level_early(last: LastLevel, level: float, unit: str) -> Answer:
    """Return the answer for a rate that has its last level, which is not 0, early in the run."""
    return _ends_early(last, f"{level:.3g}{unit}", "Extend")


def _ends_early(last: LastLevel, level: str, verb: str) -> Answer:
    message = f"the learning rate is {level} from {last.time} on, for {last.share:.0%} of the run"
    advice = f"{verb} the decay to the end of the run"
    return Answer(message, f"{advice}: {last.longer}" if last.longer else advice)


def omit_length(length: Duration) -> str:
    """Return what to do with the length of a decay that ends too early."""
    return f"omit its length, {length.written()}"
