"""The multipliers of Composer's schedulers, reimplemented from its documentation and code.

Source: mosaicml/composer 0.33, `composer/optim/scheduler.py` (`_convert_time` and the classes) and
`composer/core/time.py`; llm-foundry 0.22, `llmfoundry/optim/scheduler.py`. Composer itself cannot be installed here,
because it needs torchvision.
"""

import math
import re
from dataclasses import dataclass, replace


class NotAllowed(Exception):
    """An argument that Composer rejects."""


@dataclass(frozen=True)
class Clock:
    """The position before an update, and the facts of the run."""

    batch: int
    epoch_length: int
    batch_size: int
    sequence_length: int
    max_duration: str
    unscaled: str

    def amount(self, unit):
        samples = self.batch * self.batch_size
        return {"ba": self.batch, "sp": samples, "tok": samples * self.sequence_length}[unit]

    def batches(self):
        """Return the number of batches in the run."""
        value, unit = parts(self.max_duration)
        per_batch = {"ep": 1 / self.epoch_length, "ba": 1, "sp": self.batch_size}
        per_batch["tok"] = self.batch_size * self.sequence_length
        return int(value) * self.epoch_length if unit == "ep" else math.ceil(int(value) / per_batch[unit])


def parts(text):
    value, unit = re.fullmatch(r"(.+?)(ep|ba|sp|tok|dur)", text).groups()
    return float(value), unit


def converted(text, clock, ssr=1.0):
    """Convert a time as `_convert_time` does: epochs to batches, fractions to amounts, truncated to integers."""
    value, unit = parts(text)
    longest, longest_unit = parts(clock.max_duration)
    if unit == "dur":
        if longest_unit == "ep":
            return int(value * clock.epoch_length * int(longest)), "ba"
        return int(value * int(longest)), longest_unit
    if unit == "ep":
        return int(int(value) * clock.epoch_length * ssr), "ba"
    return int(int(value) * ssr), unit


def share(clock, length):
    return clock.amount(length[1]) / length[0]


def before(clock, time):
    return clock.amount(time[1]) < time[0]


def half_wave(u, floor):
    return floor + (1 - floor) * (1 + math.cos(math.pi * min(max(u, 0.0), 1.0))) / 2


def step(clock, ssr, step_size, gamma=0.1):
    return gamma ** int(share(clock, converted(step_size, clock, ssr)))


def multistep(clock, ssr, milestones, gamma=0.1):
    return gamma ** sum(not before(clock, converted(one, clock, ssr)) for one in milestones)


def constant(clock, ssr, alpha=1.0, t_max="1dur"):
    return alpha if before(clock, converted(t_max, clock, ssr)) else 1.0


def line(clock, ssr, alpha_i=1.0, alpha_f=0.0, t_max="1dur"):
    return alpha_i + min(1.0, share(clock, converted(t_max, clock, ssr))) * (alpha_f - alpha_i)


def exponential(clock, ssr, gamma, decay_period="1ep"):
    return gamma ** share(clock, converted(decay_period, clock, ssr))


def cosine(clock, ssr, t_max="1dur", alpha_f=0.0):
    return half_wave(share(clock, converted(t_max, clock, ssr)), alpha_f)


def restarts(clock, ssr, t_0, t_mult=1.0, alpha_f=0.0):
    size, unit = converted(t_0, clock, ssr)
    begin = 0
    while begin + size <= clock.amount(unit):
        if not size:
            raise NotAllowed("a cycle of length 0")
        begin, size = begin + size, int(t_mult * size)
    return half_wave((clock.amount(unit) - begin) / size, alpha_f)


def polynomial(clock, ssr, power, t_max="1dur", alpha_f=0.0):
    u = min(1.0, share(clock, converted(t_max, clock, ssr)))
    return alpha_f + (1 - u) ** power * (1 - alpha_f)


def warm(clock, ssr, t_warmup, top, scale_warmup):
    """Return the value during the warmup, or None after it."""
    if not before(clock, converted(t_warmup, clock)):
        return None
    return top * min(1.0, share(clock, converted(t_warmup, clock, ssr if scale_warmup else 1.0)))


def share_after_warmup(clock, ssr, t_warmup, t_max):
    """Return the elapsed fraction of the stage after the warmup; check t_max as the classes with a warmup do."""
    first, last = converted(t_warmup, clock), converted(t_max, clock, ssr)
    if first[1] != last[1]:
        raise NotAllowed("units")
    for when in (clock, replace(clock, max_duration=clock.unscaled)):  # in the run, and when the scheduler is built
        end, longest = converted(t_max, when, ssr), converted("1dur", when)
        if end[1] == longest[1] and end[0] < longest[0]:
            raise NotAllowed("t_max")
    at = clock.amount(first[1])
    return min(1.0, (at - first[0]) / (last[0] - first[0])) if last[0] > first[0] else 0.0


def warm_steps(clock, ssr, t_warmup, milestones, gamma=0.1, scale_warmup=False):
    value = warm(clock, ssr, t_warmup, 1.0, scale_warmup)
    return multistep(clock, ssr, milestones, gamma) if value is None else value


def warm_line(clock, ssr, t_warmup, alpha_i=1.0, alpha_f=0.0, t_max="1dur", scale_warmup=False):
    u, value = share_after_warmup(clock, ssr, t_warmup, t_max), warm(clock, ssr, t_warmup, alpha_i, scale_warmup)
    return alpha_i + u * (alpha_f - alpha_i) if value is None else value


def warm_constant(clock, ssr, t_warmup, alpha=1.0, t_max="1dur", scale_warmup=False):
    return warm_line(clock, ssr, t_warmup, alpha, alpha, t_max, scale_warmup)


def warm_cosine(clock, ssr, t_warmup, t_max="1dur", alpha_f=0.0, scale_warmup=False):
    u, value = share_after_warmup(clock, ssr, t_warmup, t_max), warm(clock, ssr, t_warmup, 1.0, scale_warmup)
    return half_wave(u, alpha_f) if value is None else value


def warm_polynomial(clock, ssr, t_warmup, power=2.0, t_max="1dur", alpha_f=0.0, scale_warmup=False):
    u, value = share_after_warmup(clock, ssr, t_warmup, t_max), warm(clock, ssr, t_warmup, 1.0, scale_warmup)
    return alpha_f + (1 - u) ** power * (1 - alpha_f) if value is None else value


def warm_root(clock, ssr, t_warmup, t_scale, t_cooldown, t_max="1dur", alpha_f_decay=0.0, alpha_f_cooldown=0.0):
    value = warm(clock, ssr, t_warmup, 1.0, False)
    if value is not None:
        return value
    first, (scale, unit) = converted(t_warmup, clock)[0], converted(t_scale, clock, ssr)
    cool, end = converted(t_cooldown, clock, ssr)[0], converted(t_max, clock, ssr)[0]
    cooling = max(end - cool, first)
    at = clock.amount(unit)
    top = alpha_f_decay + (1 - alpha_f_decay) / math.sqrt((min(at, cooling) - first + scale) / scale)
    if at < cooling or cool == 0:
        return top
    return top + min(1.0, (at - cooling) / cool) * (alpha_f_cooldown - top)


FORMULAS = {
    "StepScheduler": step,
    "MultiStepScheduler": multistep,
    "ConstantScheduler": constant,
    "LinearScheduler": line,
    "ExponentialScheduler": exponential,
    "CosineAnnealingScheduler": cosine,
    "CosineAnnealingWarmRestartsScheduler": restarts,
    "PolynomialScheduler": polynomial,
    "MultiStepWithWarmupScheduler": warm_steps,
    "ConstantWithWarmupScheduler": warm_constant,
    "LinearWithWarmupScheduler": warm_line,
    "CosineAnnealingWithWarmupScheduler": warm_cosine,
    "PolynomialWithWarmupScheduler": warm_polynomial,
    "InverseSquareRootWithWarmupScheduler": warm_root,
}


def multipliers(schedulers, max_duration, ssr, *, epoch_length, batch_size, sequence_length):
    """Return the multiplier of every update of a run: the product over its schedulers."""
    value, unit = parts(max_duration)
    scaled = f"{int(value * ssr)}{unit}"
    facts = (epoch_length, batch_size, sequence_length, scaled, max_duration)
    found = []
    for batch in range(Clock(0, *facts).batches()):
        values = [FORMULAS[name](Clock(batch, *facts), ssr, **arguments) for name, arguments in schedulers]
        found.append(math.prod(values))
    return found
