# ruff: noqa: E501  # a table, one value of a run a line
"""Published runs next to independent formulas of their papers."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from math import ceil, cos, exp, log, log2, pi, sin, sqrt
from typing import Any

import numpy as np

import paramsched as ps
from paramsched.core import plan as plans
from paramsched.core.plan import Target, amounts_of_run, counted_plan, updates_of_total
from support.tables import table

RELATIVE = 1e-12  # tolerance relative to a value
ROUNDED = 1e-15  # tolerance relative to the largest value, because 1 - t / n and 1 + cos lose digits near 0
MILLION = 10**6
BILLION = 10**9
TRILLION = 10**12
Formula = Callable[[int], float]


class Run:
    """The values of a recipe at some of its updates."""

    def __init__(self, name: str) -> None:
        recipe = ps.recipes[name]
        resolved = recipe.plan.resolve(facts=recipe.facts)
        self.plan = counted_plan(resolved)
        self.groups = list(recipe.bases)
        self.run = amounts_of_run(resolved, recipe.facts)
        self.total = updates_of_total(resolved, self.run)

    def amount_at(self, t: int) -> int:
        """Return the amount before an update, or the update itself if the plan counts updates."""
        return t if self.run is None else int(self.run.amount_at(t))

    def agrees(
        self, field: str, formula: Formula, marks: Iterable[float], group: str = "", of: str = "updates"
    ) -> None:
        """Check that each value of a field equals the formula, as a function of the update or of the amount before it.

        Args:
            field: The field or target.
            formula: The value at update t, or at an amount.
            marks: Updates or amounts; the updates near them are all compared.
            group: The name of the group; "" for a target or for the first group.
            of: "updates" or "amounts".
        """
        if of == "amounts":
            marks = [bisect_left(range(self.total), mark, key=self.amount_at) for mark in marks]
        near = {int(mark) + away for mark in (0, *marks, self.total) for away in range(-2, 3)}
        times = sorted(t for t in near.union(range(0, self.total, max(self.total // 200, 1))) if 0 <= t < self.total)
        positions = [self.amount_at(t) for t in times] if of == "amounts" else times
        actual = np.array(self._values(field, group, times))
        expected = np.array([formula(t) for t in positions], dtype=float)
        wrong = ~(np.abs(actual - expected) <= RELATIVE * np.abs(expected) + ROUNDED * np.abs(expected).max())
        first = int(wrong.argmax())
        assert not wrong.any(), f"{field} at {positions[first]}: {actual[first]!r} is not {expected[first]!r}"

    def _values(self, field: str, group: str, times: list[int]) -> list[float]:
        clocks = [self.amount_at(t) for t in times] if self.plan.clock != "updates" else times
        for binding in self.plan.bindings:
            if isinstance(binding.field, Target) and binding.name == field:
                return [binding.schedule(t, base=binding.field.initial) for t in clocks]
        index = [each.get("name", "") for each in self.groups].index(group) if group else 0
        bound = next(line for line in plans.bind(self.plan, self.groups)[index] if line.name == field)
        return [bound.schedule(t, base=bound.field.base(self.groups[index])) for t in clocks]


# ---------------------------------------------------------------- formulas


def points(*pairs: tuple[float, float]) -> Formula:
    """Return the linear interpolation of points, constant outside."""
    positions, levels = zip(*pairs, strict=True)
    return lambda t: float(np.interp(t, positions, levels))


def half_wave(t: float, begin: float, end: float, high: float, low: float) -> float:
    """Interpolate with a cosine from `high` at `begin` to `low` at `end`; constant outside."""
    left = min(max((end - t) / (end - begin), 0.0), 1.0)
    # The square of the sine is accurate near the end; 1 + cos would lose digits there.
    return low + (high - low) * (sin(pi * left / 2) ** 2 if left < 0.5 else (1 + cos(pi * (1 - left))) / 2)


def wave(begin: float, end: float, high: float, low: float) -> Formula:
    return lambda t: half_wave(t, begin, end, high, low)


def constant(level: float) -> Formula:
    return lambda t: level


def hold(peak: float, warm: float, shift: int = 0) -> Formula:
    """A linear warmup, then the peak; a shift of 1 counts updates from 1."""
    return lambda t: peak * min(1.0, (t + shift) / warm) if warm else peak


def warm_cosine(
    peak: float, warm: float, end: float, low: float = 0.0, begin: float = 0.0, last: bool = False
) -> Formula:
    """A linear warmup, then a cosine; with `last` the warmup reaches its peak in its last update, as linspace does."""
    rise = points((0, begin), (warm - last, peak))
    return lambda t: rise(t) if t < warm else half_wave(t, warm, end, peak, low)


def warm_line(peak: float, warm: float, end: float, low: float = 0.0) -> Formula:
    return points((0, 0.0), (warm, peak), (end, low))


def trapezoid(peak: float, warm: float, down: float, end: float) -> Formula:
    return lambda t: peak * min(t / warm, 1.0, (end - t) / (end - down))


def stairs(peak: float, factor: float, *milestones: int) -> Formula:
    """A value that is multiplied by a factor at each milestone."""
    return lambda t: peak * factor ** bisect_right(milestones, t)


def levels(values: Iterable[float], *milestones: float) -> Formula:
    """The first value, and the next one from each milestone on."""
    each = [*values]
    return lambda t: each[bisect_right(milestones, t)]


def by_epoch(formula: Formula, epoch: int) -> Formula:
    return lambda t: formula(t // epoch)


def ramp(size: int, first: int, last: int, end: float) -> Formula:
    """A batch of whole parts, whose number grows linearly."""
    count = points((0, first), (end, last))
    return lambda seen: size * round(count(seen))


def olmo_core_linear(peak: float, warm: int, total: int) -> Formula:
    """LinearWithWarmup(alpha_f=0) of OLMo-core, whose step counts from 1."""
    return lambda t: peak * (t + 1) / warm if t + 1 < warm else peak - peak * ((t + 1 - warm) / (total - warm))


def olmo_core_cosine(peak: float, warm: int, total: int) -> Formula:
    """CosWithWarmup of OLMo-core, whose alpha_f is 0.1 by default."""

    def rate(t: int) -> float:
        step = t + 1
        if step < warm:
            return peak * step / warm
        return 0.1 * peak + (peak - 0.1 * peak) * (1 + cos(pi * (step - warm) / (total - warm))) / 2

    return rate


def olmo3() -> Formula:
    """HalfCosWithWarmup of OLMo-core from the update at which the run is extended."""
    first = ceil(5 * TRILLION / 2**22)
    second = ceil(7 * TRILLION / 2**22)
    warm = 5 * TRILLION // 2**22 // 2 + 1000
    before = olmo_core_cosine(3e-4, 2000, first)

    def rate(t: int) -> float:
        if t < 597_046:
            return before(t)
        step = t + 1 - warm
        length = second - warm
        return 3e-5 + (3e-4 - 3e-5) * (1 + cos(pi * (step + length) / (2 * length))) / 2

    return rate


def olmo2() -> Formula:
    before = warm_cosine(3e-4, 2000, OLMO2[0], 3e-5)
    return lambda t: before(t) if t < OLMO2[1] else before(OLMO2[1]) * (OLMO2[2] - t) / (OLMO2[2] - OLMO2[1])


OLMO2 = [ceil(amount * BILLION / (1024 * 4096)) for amount in (5000, 4000, 4050)]


def get_lr(peak: float, low: float, warm: int, total: int, divisor: int) -> Formula:
    """get_lr of nanoGPT and build-nanogpt."""

    def rate(it: int) -> float:
        if it < warm:
            return peak * (it + 1) / divisor
        return low + 0.5 * (1.0 + cos(pi * (it - warm) / (total - warm))) * (peak - low)

    return rate


def transformers_cosine(peak: float, warm: int, total: int, floor: float) -> Formula:
    """transformers' cosine, and cosine_with_min_lr: `floor` is min_lr_rate."""

    def rate(t: int) -> float:
        if t < warm:
            return peak * t / max(1, warm)
        progress = (t - warm) / max(1, total - warm)
        return peak * (max(0.0, 0.5 * (1.0 + cos(pi * progress))) * (1 - floor) + floor)

    return rate


def deepseek_v2(run: Run) -> tuple[Any, ...]:
    """Return the row of a run whose warmup is one of updates, and whose decays are ones of tokens."""
    warm = run.amount_at(2000)
    cuts = (4_860 * BILLION, 7_290 * BILLION)
    after = stairs(2.4e-4, 0.316, *cuts)
    return (
        None,
        lr(lambda seen: 2.4e-4 * seen / warm if seen < warm else after(seen), warm, *cuts, **AMOUNTS),
        value("batch_size", ramp(64, 36, 144, 225e9), **AMOUNTS),
    )


def deepseek_v3(run: Run) -> tuple[Any, ...]:
    warm = run.amount_at(2000)
    marks = [mark * BILLION for mark in (469, 10_000, 14_300, 14_633)]

    def rate(seen: int) -> float:
        if seen < 14_300 * BILLION:
            return 2.2e-4 * seen / warm if seen < warm else half_wave(seen, 1e13, 1.43e13, 2.2e-4, 2.2e-5)
        return 2.2e-5 if seen < 14_633 * BILLION else 7.3e-6

    return (
        None,
        lr(rate, warm, *marks, **AMOUNTS),
        value("batch_size", ramp(64, 48, 240, 469e9), *marks, **AMOUNTS),
        value("mtp_loss_weight", levels((0.3, 0.1), 10 * TRILLION), *marks, **AMOUNTS),
        value("bias_update_speed", levels((0.001, 0.0), 14_300 * BILLION), *marks, **AMOUNTS),
    )


def kimi_k2(seen: int) -> float:
    if seen < 500 * 2**26:
        return 2e-4 * seen / (500 * 2**26)
    return 2e-5 + (2e-4 - 2e-5) * (1 + cos(pi * max(0.0, (seen - 10 * TRILLION) / (5.5 * TRILLION)))) / 2


def nemotron(seen: int) -> float:
    down = points((20 * TRILLION, 1e-3), (25 * TRILLION, 1e-5))
    return 1e-3 * seen / (8.4 * BILLION) if seen < 8.4 * BILLION else down(seen)


def apertus(peak: float) -> Formula:
    """Megatron's WSD with the decay style minus_sqrt."""
    warm, total, cooldown = APERTUS

    def rate(seen: int) -> float:
        if seen <= warm:
            return peak * seen / warm
        share = max(0.0, (seen - (total - cooldown)) / cooldown)
        return peak / 10 + (peak - peak / 10) * (1.0 - sqrt(share))

    return rate


APERTUS = 4_096_000, 3_662_109_375, 403_905_806


def gpt_j(step: int) -> float:
    """gpt3_schedule of mesh-transformer-jax."""
    warm = min(step, 3000) / 3000
    anneal = min(max(step - 3000, 0), 300_000) / 300_000
    return warm * 1.2e-4 - (1.2e-4 - 1.2e-5) * (1 - cos(pi * anneal)) / 2


def big_vision(step: int) -> float:
    root = (10_000 / (10_000 + max(step - 10_000, 0))) ** 0.5
    return 8e-4 * root * min(1, step / 10_000) * min(1, (1_000_000 - step) / 50_000)


def timm(epoch: int) -> float:
    """The CosineLRScheduler of timm, whose warmup replaces the start of the cosine; it is one epoch late."""
    epoch = max(epoch - 1, 0)
    if epoch < 5:
        return 1e-6 + epoch * (1e-3 - 1e-6) / 5
    return 1e-5 + 0.5 * (1e-3 - 1e-5) * (1 + cos(pi * epoch / 300))


def barlow_twins(step: int) -> float:
    base = 2048 / 256
    warm = 10 * 625
    if step < warm:
        return base * step / warm
    q = 0.5 * (1 + cos(pi * (step - warm) / (1000 * 625 - warm)))
    return base * q + base * 0.001 * (1 - q)


def ijepa(update: int) -> float:
    step = update + 1  # it is incremented before the value is computed
    return 2e-4 + step / 25_000 * (1e-3 - 2e-4) if step < 25_000 else half_wave(step, 25_000, 187_500, 1e-3, 1e-6)


def clip_steps(step: int) -> float:
    after = warm_cosine(5e-4, 2000, 32 * 12_431)
    return 5e-4 * (step + 1) / 2000 if step < 2000 else after(step)


def yolo(epochs: int, first: float) -> Formula:
    def rate(t: int) -> float:
        of_epoch = 0.01 * ((1 - (t // 1849) / epochs) * (1.0 - 0.01) + 0.01)
        return float(np.interp(t, [0, 3 * 1849], [first, of_epoch]))

    return rate


def segformer(t: int) -> float:
    """MMCV's warmup: the lr of the policy times 1 - k."""
    regular = 6e-5 * (1 - t / 160_000)
    return regular * (1 - (1 - t / 1500) * (1 - 1e-6)) if t < 1500 else regular


def detection(last: int, warm: int, *milestones: int) -> Formula:
    steps = stairs(0.02, 0.1, *milestones)
    return lambda t: 0.02 * (0.001 + 0.999 * t / last) if t < warm else steps(t)


def sgdr(t: int) -> float:
    cycle = bisect_right(SGDR, t)
    length = 3910 * 2**cycle
    return 0.05 * (1 + cos(pi * (t - (SGDR[cycle] - length)) / length)) / 2


SGDR = [10 * 391, 30 * 391, 70 * 391, 150 * 391]


def snapshots(update: int) -> float:
    return 0.1 / 2 * (cos(pi * (update % 31_280) / 31_280) + 1)  # equation 2 counts from 1


def dinov2(t: int) -> float:
    """The CosineScheduler of DINOv2: numpy's linspace includes the end of the warmup."""
    peak = 2e-4 * sqrt(3072 / 1024)
    return peak * t / 99_999 if t < 100_000 else half_wave(t, 100_000, 625_000, peak, 1e-6)


def after_first_epoch(formula: Formula, epoch: int) -> Formula:
    return lambda t: 0.0 if t < epoch else formula(t)


def momentum_to_1(low: float, total: int) -> Formula:
    return lambda k: 1 - (1 - low) * (cos(pi * k / total) + 1) / 2


def bloom(seen: int) -> int:
    """Megatron's ramp: an increment of 16 for each equal share of the samples."""
    return min(192 + 16 * int(seen / (9_765_625 / 116)), 2048)


def fairseq(t: int) -> float:
    """Its TriStageLRSchedule: the decay factor is -log(final scale) / steps of the decay."""
    return 3e-7 + (3e-5 - 3e-7) * t / 8000 if t < 8000 else 3e-5 * exp(log(0.05) / 40_000 * max(t - 40_000, 0))


def mip(update: int) -> float:
    t = update + 1  # range(state.step + 1, max_steps + 1)
    delay = 0.01 + (1 - 0.01) * sin(0.5 * pi * min(t / 2500, 1))
    return delay * exp(log(5e-4) * (1 - t / 1e6) + log(5e-6) * t / 1e6)


def splats(t: int) -> float:
    share = (t + 1) / 30_000
    return exp(log(1.6e-4) * (1 - share) + log(1.6e-6) * share)


def openfold(step: int) -> float:
    if step <= 1000:
        return step / 1000 * 1e-3
    return 1e-3 * 0.95 ** ((step - 50_000) // 50_000 + 1) if step > 50_000 else 1e-3


def kl_weight(t: int, total: int = 40_000, cycles: int = 4, share: float = 0.5) -> float:
    """Equation 6, with t from 0."""
    tau = (t % ceil(total / cycles)) / (total / cycles)
    return tau / share if tau <= share else 1.0


def modded_rate(step: int) -> float:
    start = int(1270 * (1 - 0.6))
    rate = levels((1.0, 1.52, 1.73, 1.0), *MODDED[1:4])(step)
    if step >= start:
        t = min(1.0, (step - start) / (1270 - start))
        rate = rate * (1 - t) + 0.15 * t
    return rate


def modded_momentum(step: int) -> float:
    if step < 300:
        return 0.85 + step / 300 * (0.95 - 0.85)
    return 0.95 - (step - 1235) / 50 * (0.95 - 0.85) if step > 1235 else 0.95


MODDED = [0, *(round(share * 1270) for share in (1 / 3, 2 / 3, 1.0)), 1270 + 15]


def nanochat_parameters(depth: int) -> int:
    """Return the numbers of elements of the transformer matrices, of the gates of value embeddings and of lm_head."""
    width = 64 * depth
    gated = depth // 2
    heads = depth * 64 // 128
    return depth * 12 * width**2 + gated * 12 * heads + 32_768 * width


def nanochat() -> tuple[Any, ...]:
    """Return the row of nanochat of 2026, whose batch, lr and weight decay depend on the depth."""
    tokens, tokens_of_d12 = (8 * nanochat_parameters(depth) for depth in (24, 12))
    batch = 2 ** round(log2(2**19 * (tokens / tokens_of_d12) ** 0.383))
    total = tokens // batch
    down = round(0.65 * total)
    wider = (64 * 24 / 768) ** -0.5
    larger = (batch / 2**19) ** 0.5
    decay = 0.28 * sqrt(batch / 2**19) * (tokens_of_d12 / tokens)
    bases = {
        "muon": 0.02 * larger,
        "lm_head": 0.008 * larger * wider,
        "embeddings": 0.3 * larger * wider,
        "value_embeddings": 0.3 * larger * wider * 0.5,
        "residual_scalars": 0.5 * larger * 0.01,
        "x0_scalars": 0.5 * larger,
        "smear": 0.2,
    }

    def multiple(it: int) -> float:
        if it < 40:
            return (it + 1) / 40
        left = (total - it) / down
        return 1.0 if it <= total - down else left * 1.0 + (1 - left) * 0.05

    momentum = points((0, 0.85), (400, 0.97), (total - down, 0.97), (total, 0.90))
    return (
        total,
        *(
            lr(lambda it, base=base: base * multiple(it), 39, total - down, group=group)
            for group, base in bases.items()
        ),
        value("momentum", momentum, 400, total - down, group="muon"),
        value("weight_decay", lambda it: decay * 0.5 * (1 + cos(pi * it / total)), group="muon"),
    )


# ---------------------------------------------------------------- the runs


def value(field: str, formula: Formula, *marks: float, **more: str) -> tuple[Any, ...]:
    return field, formula, marks, more


def lr(formula: Formula, *marks: float, **more: str) -> tuple[Any, ...]:
    return value("lr", formula, *marks, **more)


AMOUNTS: dict[str, str] = {"of": "amounts"}


def cosine_row(total: int, peak: float, warm: int, low: float = 0.0, **more: Any) -> tuple[Any, ...]:
    return total, lr(warm_cosine(peak, warm, total, low, **more), warm)


def line_row(total: int, peak: float, warm: int, low: float = 0.0) -> tuple[Any, ...]:
    return total, lr(warm_line(peak, warm, total, low), warm)


def hold_row(total: int, peak: float, warm: int, shift: int = 0) -> tuple[Any, ...]:
    return total, lr(hold(peak, warm, shift), warm)


def trapezoid_row(total: int, peak: float, warm: int | None, share: float) -> tuple[Any, ...]:
    down = ceil((1 - share) * total)  # the first update after that fraction of the run
    return total, lr(trapezoid(peak, warm or ceil(total / 100), down, total), warm or ceil(total / 100), down)


def olmo_row(formula: Any, peak: float, warm: int, total: int) -> tuple[Any, ...]:
    return total, lr(formula(peak, warm, total), max(warm - 1, 0), total)


def transformers_row(total: int, peak: float, warmup: float, floor: float) -> tuple[Any, ...]:
    warm = ceil(total * warmup) if warmup < 1 else int(warmup)
    return total, lr(transformers_cosine(peak, warm, total, floor), warm)


def stairs_row(epoch: int, epochs: int, peak: float, factor: float, *milestones: int) -> tuple[Any, ...]:
    marks = [epoch * milestone for milestone in milestones]
    return epochs * epoch, lr(stairs(peak, factor, *marks), *marks)


def vision_row(epoch: int, epochs: int, warm: int, *more: Any, **levels: Any) -> tuple[Any, ...]:
    total = epochs * epoch
    return total, lr(warm_cosine(warm=warm * epoch, end=total, **levels), warm * epoch), *more


def deepseek_llm_row(peak: float, batch: int) -> tuple[Any, ...]:
    total = ceil(2 * TRILLION / (batch * 4096))
    first = ceil(0.8 * total)
    second = ceil(0.9 * total)
    after = levels((peak, peak * 0.316, peak * 0.1), first, second)
    return total, lr(lambda t: peak * t / 2000 if t < 2000 else after(t), 2000, first, second)


def doubling_row(peak: float, tokens: int, before: int) -> tuple[Any, ...]:
    half = ceil(tokens / 2 / before)
    warm = 1500 * before
    return (
        half + ceil((tokens - half * before) / (2 * before)),
        lr(warm_cosine(peak, warm, tokens, peak / 10, 1e-7), warm, **AMOUNTS),
        value("tokens_per_step", levels((before, 2 * before), tokens // 2), **AMOUNTS),
    )


def apertus_row(peak: float, first: int, samples: int) -> tuple[Any, ...]:
    marks = APERTUS[0], samples, APERTUS[1] - APERTUS[2]
    return (
        None,
        lr(apertus(peak), *marks, **AMOUNTS),
        value("batch_size", levels((first, 2 * first), samples), *marks, **AMOUNTS),
    )


def yolo_row(epochs: int) -> tuple[Any, ...]:
    warm = 3 * 1849
    return (
        epochs * 1849,
        lr(yolo(epochs, 0.0), 1849, warm, 9 * 1849),
        lr(yolo(epochs, 0.1), 1849, warm, group="bias"),
        value("momentum", points((0, 0.8), (warm, 0.937)), warm),
    )


def detection_row(total: int, last: int, warm: int, *milestones: int) -> tuple[Any, ...]:
    return total, lr(detection(last, warm, *milestones), warm, *milestones)


AIRBENCH = 11.5 / (1024 * (1 + 1 / (1 - 0.85)))


def palm(t: int) -> float:
    return 1e-2 if t < 10_000 else 1 / sqrt(t)


# The updates of the run, or None if they are not published, and its values; or a function of the run that returns these.
RUNS: dict[str, Any] = {
    "gpt3-175b": (
        None,
        lr(warm_cosine(6e-5, 375 * MILLION, 260 * BILLION, 6e-6), 375 * MILLION, 260 * BILLION, **AMOUNTS),
        value("batch_size", ramp(16, 1, 100, 12e9), **AMOUNTS),
    ),
    "llama3-405b": (
        *cosine_row(1_200_000, 8e-5, 8000, 8e-7),
        value("sequence_length", levels((4096, 8192), 61), 61),
        value("batch_size", levels((1024, 2048), 342_162), 342_162),
    ),
    "dinov2-vitl": (
        625_000,
        lr(dinov2, 100_000, group="default"),
        lr(after_first_epoch(dinov2, 1250), 1250, 100_000, group="last_layer"),
        value("weight_decay", wave(0, 625_000, 0.04, 0.2), group="default"),
        value("teacher_momentum", wave(0, 625_000, 0.994, 1.0)),
        value("teacher_temperature", points((0, 0.04), (37_499, 0.07)), 37_500),
    ),
    "resnet50-goyal": (90 * 157, lr(lambda t: 0.1 + 3.1 * t / 785 if t < 785 else stairs(3.2, 0.1, 4710, 9420, 12_560)(t), 785, 4710, 9420, 12_560)),
    "bert-base": (MILLION, lr(lambda t: 1e-4 * (t / 10_000 if t < 10_000 else 1 - t / MILLION), 10_000)),
    "llama1-65b": cosine_row(ceil(1.4e12 / 2**22), 1.5e-4, 2000, 1.5e-5),
    "llama1-7b": cosine_row(ceil(1e12 / 2**22), 3e-4, 2000, 3e-5),
    "llama2-70b": cosine_row(ceil(2e12 / 2**22), 1.5e-4, 2000, 1.5e-5),
    "gpt1": cosine_row(3_000_000, 2.5e-4, 2000),
    "gpt-neox-20b": cosine_row(150_000, 0.97e-4, 1500, 0.97e-5),
    "pythia-6.9b": cosine_row(143_000, 1.2e-4, 1430, 1.2e-5),
    "tinyllama-1.1b": cosine_row(1_430_512, 4e-4, 2000, 4e-5),
    "starcoder-15b": cosine_row(250_000, 3e-4, 2000, 3e-5),
    "qwen-7b": cosine_row(ceil(2.4e12 / 2**22), 3e-4, 2000, 3e-5),
    "alpaca-7b": cosine_row(1218, 2e-5, ceil(0.03 * 1218)),
    "opt-175b": line_row(ceil(300e9 / 2**21), 1.2e-4, 2000, 1.2e-5),
    "roberta-large": line_row(500_000, 4e-4, 30_000),
    "xlnet-large": line_row(500_000, 4e-4, 40_000),
    "olmo-7b": (ceil(2.46e12 / (2160 * 2048)), lr(lambda t: points((0, 3e-5), (5000, 3e-4), (ceil(2.46e12 / (2160 * 2048)), 3e-5))(t + 1), 5000)),
    "olmo3-7b": (1_413_814, lr(olmo3(), 1999, 597_046)),
    "olmo3-7b-midtraining": olmo_row(olmo_core_linear, 2.0712352850360292e-4, 0, 47_684),
    "olmo3-32b": olmo_row(olmo_core_cosine, 6e-4, 2000, 679_000),
    "olmo3-32b-midtraining": olmo_row(olmo_core_linear, 2.071235285e-4, 0, 23_842),
    "olmo3-32b-long-context": olmo_row(olmo_core_linear, 2.071235285e-4, 200, 11_921),
    "olmo-hybrid-7b": olmo_row(olmo_core_cosine, 3e-4, 2000, 1_414_078),
    "olmo-hybrid-7b-midtraining": olmo_row(olmo_core_linear, 2.0712352850360292e-4, 0, 23_842),
    "olmo-hybrid-7b-long-context": olmo_row(olmo_core_linear, 2.0712352850360292e-4, 200, 23_842),
    "olmo-hybrid-7b-sft": olmo_row(olmo_core_linear, 2.5e-5, round(0.03 * 2000), 2000),
    "smollm-135m": trapezoid_row(ceil(600e9 / 2**20), 3e-3, None, 0.2),
    "smollm2-1.7b": trapezoid_row(ceil(11e12 / 2**21), 5e-4, 2000, 0.1),
    "smollm3-3b": trapezoid_row(ceil(11.2e12 / (576 * 4096)), 2e-4, 2000, 0.1),
    "gpt2-124m-nanogpt": (600_000, lr(get_lr(6e-4, 6e-5, 2000, 600_000, 2001), 2000)),
    "shakespeare-char-nanogpt": (5000, lr(get_lr(1e-3, 1e-4, 100, 5000, 101), 100)),
    "gpt2-124m-build-nanogpt": (19_073, lr(get_lr(6e-4, 6e-5, 715, 19_073, 715), 715)),
    "gopher-280b": doubling_row(4e-5, 300 * BILLION, 3 * MILLION),
    "chinchilla-70b": doubling_row(1e-4, 1_400 * BILLION, 1_500_000),
    "palm-540b": (
        255_000,
        lr(palm, 10_000),
        value("weight_decay", lambda t: palm(t) ** 2, 10_000),
        value("betas[1]", lambda t: 1 - (t + 1) ** -0.8),
        value("batch_size", levels((512, 1024, 2048), 50_000, 115_000), 50_000, 115_000),
    ),
    "bloom-176b": (
        None,
        lr(warm_cosine(6e-5, 183_105, 200 * MILLION, 6e-6), 183_105, 9_765_625, 200 * MILLION, **AMOUNTS),
        value("batch_size", bloom, 183_105, 9_765_625, 200 * MILLION, **AMOUNTS),
    ),
    "glm-130b": (
        None,
        lr(warm_cosine(8e-5, 2 * BILLION, 400 * BILLION, 8e-6, 1e-7), **AMOUNTS),
        value("batch_size", ramp(24, 8, 176, 10e9), **AMOUNTS),
    ),
    "falcon-7b": (
        None,
        lr(warm_cosine(6e-4, 4 * BILLION, 1500 * BILLION, 1.2e-5), **AMOUNTS),
        value("batch_size", ramp(32, 1, 72, 30e9), **AMOUNTS),
    ),
    "gpt-j-6b": (None, lr(gpt_j, 3000, 303_000)),
    "olmo2-7b": (OLMO2[2], lr(olmo2(), 2000, OLMO2[1])),
    "deepseek-llm-67b": deepseek_llm_row(3.2e-4, 4608),
    "deepseek-llm-7b": deepseek_llm_row(4.2e-4, 2304),
    "deepseek-v2": deepseek_v2,
    "deepseek-v3": deepseek_v3,
    "minicpm-2.4b": (None, lr(lambda s: 0.01 * (s / 2600 if s < 2600 else 1 if s < 234_000 else 0.5 ** ((s - 234_000) / 5000)), 2600, 234_000)),
    "phi-1.5": (ceil(150 * BILLION / 2**22), lr(constant(2e-4))),
    "electra-base": (None, lr(lambda t: 2e-4 * (t / 10_000 if t < 10_000 else 1 - t / 766_000), 10_000)),
    "t5-base": (None, lr(lambda n: 1 / sqrt(max(n, 10_000)), 10_000)),
    "transformer-base": (None, lr(lambda t: 512**-0.5 * min((t + 1) ** -0.5, (t + 1) * 4000**-1.5), 3999)),
    "esm2-650m": (None, lr(warm_line(4e-4, 2000, 450_000, 4e-5), 2000, 450_000)),
    "modded-nanogpt-2025-01": (
        None,
        lr(points((0, 0.05), (1062, 0.05), (1770, 0.005)), 1062),
        value("momentum", points((0, 0.85), (300, 0.95)), 300),
        value("attention_window", lambda step: -(-1728 * step // (1770 * 128)) * 128),
    ),
    "modded-nanogpt-2026-08": (
        1285,
        lr(lambda t: 0.023 * modded_rate(t), *MODDED, 508, group="muon"),
        lr(lambda t: 0.008 * modded_rate(t), *MODDED, 508, group="adam"),
        value("momentum", modded_momentum, 300, 1235, group="muon"),
        value("tokens_per_step", levels((8 * 2**14, 16 * 2**14, 24 * 2**14), *MODDED[1:3]), *MODDED),
    ),
    "nanochat-d20": (
        None,
        lr(points((17_120, 0.02), (21_400, 0.0)), 17_120),
        value("momentum", points((0, 0.85), (300, 0.95)), 300),
    ),
    "nanochat-d24": nanochat(),
    "ulmfit-finetuning": (10_000, lr(points((0, 0.01 / 32), (1000, 0.01), (10_000, 0.01 / 32)), 1000)),
    "word2vec-sgns": (None, lr(lambda words: 0.025 * max(1 - words / (5 * MILLION + 1), 0.0001), **AMOUNTS)),
    "dpo-pythia-2.8b": (None, lr(hold(1e-6, 150), 150)),
    "wav2vec2-base": (*line_row(400_000, 5e-4, 32_000), value("temperature", lambda t: max(2 * 0.999995**t, 0.5), ceil(log(0.25) / log(0.999995)))),
    "wav2vec2-large": (*line_row(250_000, 3e-4, 20_000), value("temperature", lambda t: max(2 * 0.999995**t, 0.1), ceil(log(0.05) / log(0.999995)))),
    "hubert-base": line_row(400_000, 5e-4, 32_000),
    "whisper-large": line_row(2**20, 1.75e-4, 2048),
    "wav2vec2-finetuning-100h": (None, lr(fairseq, 8000, 40_000)),
    "data2vec-audio-base": (
        None,
        lr(trapezoid(5e-4, 12_000, 372_000, 400_000), 12_000, 372_000),
        value("tau", points((0, 0.999), (30_000, 0.9999)), 30_000),
    ),
    "specaugment-ld": (
        None,
        lr(lambda t: 1e-3 * min(t / 1000, 1) * 0.01 ** (max(t - 140_000, 0) / 180_000), 1000, 140_000),
        value("weight_noise", levels((0.0, 0.075), 20_000), 20_000),
    ),
    "hifigan-v1": (None, lr(lambda t: 2e-4 * 0.999 ** (t // 809), 809, 8090)),
    "stable-diffusion-v1": (None, lr(points((0, 1e-10), (10_000, 1e-4)), 10_000)),
    "ddpm-cifar10": (None, lr(hold(2e-4, 5000), 5000)),
    "decision-transformer-gym": (None, lr(hold(1e-4, 10_000, 1), 9999)),
    "schedule-free-imagenet": hold_row(200 * 5004, 1.5, 50_040, 1),
    "edm-cifar10": (ceil(200e6 / 512), lr(hold(1e-3, 10e6), **AMOUNTS)),
    "edm2-xs": (
        2**31 // 2048,
        lr(lambda images: 0.012 / sqrt(max(images / (70_000 * 2048), 1)) * min(images / 10e6, 1), 10e6, 70_000 * 2048, **AMOUNTS),
        value("ema_beta", lambda images: (images / (images + 2048)) ** 17.97, **AMOUNTS),
    ),
    "stylegan2-ffhq": (
        ceil(25e6 / 32),
        lr(constant(0.002 * 4 / (4 + 1)), group="generator"),
        lr(constant(0.002 * 16 / (16 + 1)), group="discriminator"),
        value("ema_beta", constant(0.5 ** (32 / (10 * 1000)))),
    ),
    # The scheduler is stepped at the begin of each epoch.
    "cyclegan": (None, lr(by_epoch(lambda e: 2e-4 * (1.0 - max(0, e + 2 - 100) / (100 + 1)), 1334), *(e * 1334 for e in (98, 99, 100, 199)))),
    "wgan-gp-cifar10": (None, lr(lambda iteration: 2e-4 * max(0.0, 1.0 - iteration / 100_000))),
    "nerf": (None, lr(lambda t: 5e-4 * 0.1 ** (t / 250_000))),
    "mip-nerf": (None, lr(mip, 2500)),
    "gaussian-splatting": (
        None,
        lr(splats, group="positions"),
        lr(constant(0.0025), group="features"),
        lr(constant(0.05), group="opacity"),
        lr(constant(0.005), group="scaling"),
        lr(constant(0.001), group="rotation"),
    ),
    "alphafold2": (ceil(10e6 / 128), lr(lambda samples: 1e-3 * min(samples / 128_000, 1) * (0.95 if samples >= 6_400_000 else 1), 128_000, 6_400_000, **AMOUNTS)),
    "openfold": (None, lr(openfold, 1000, 50_000, 100_000)),
    "dqn-atari": (12_500_000, lr(constant(2.5e-4)), value("epsilon", lambda frames: max(1 - 0.9 * frames / 1e6, 0.1), MILLION, **AMOUNTS)),
    "rainbow-atari": (12_500_000, value("per_beta", lambda frames: 0.4 + 0.6 * frames / 200e6, **AMOUNTS)),
    "ppo-atari": (
        (10_000_000 // 1024) * 3 * 4,
        lr(by_epoch(lambda e: 2.5e-4 * (1 - e / 9765), 12), 12, 24),
        value("clip_range", by_epoch(lambda e: 0.1 * (1 - e / 9765), 12), 12, 24),
    ),
    "alphago-zero": (None, lr(stairs(1e-2, 0.1, 400_000, 600_000), 400_000, 600_000)),
    "alphazero-chess": (None, lr(stairs(2e-1, 0.1, 100_000, 300_000, 500_000), 100_000, 300_000, 500_000)),
    "muzero-atari": (
        None,
        lr(lambda t: 0.05 * 0.1 ** (t / 350e3)),
        value("visit_temperature", levels((1.0, 0.5, 0.25), 500_000, 750_000), 500_000, 750_000),
    ),
    "cyclical-kl-vae": (None, value("kl_weight", kl_weight, 5000, 10_000, 15_000, 20_000)),
    "ladder-vae-mnist": (None, value("kl_weight", hold(1, 200 * 196), 200 * 196)),
    "one-cycle-fastai": (
        500,
        lr(lambda t: half_wave(t, 0, 125, 1e-3 / 25, 1e-3) if t < 125 else half_wave(t, 125, 500, 1e-3, 1e-8), 125),
        value("momentum", lambda t: half_wave(t, 0, 125, 0.95, 0.85) if t < 125 else half_wave(t, 125, 500, 0.85, 0.95), 125),
    ),
    "smollm3-3b-midtraining": transformers_row(5000, 2e-5, 0.03, 0.1),
    "smollm3-3b-apo": transformers_row(1000, 1e-6, 0.1, 0.1),
    "smollm3-3b-long-context": transformers_row(20_000, 2e-5, 1000, 0.0),
    "openr1-distill-7b": transformers_row(5000, 4e-5, 0.03, 0.1),
    "olympiccoder-7b": transformers_row(10_000, 1e-5, 0.03, 0.1),
    "qwen3-4b-lora": transformers_row(375, 1e-4, 0.1, 0.0),
    "qwen3-8b-lora": transformers_row(3235, 3e-4, 100, 0.0),
    "qwen3-32b-qlora": transformers_row(1000, 2e-4, 0.1, 0.0),
    "tulu3-8b-sft": line_row(2000, 5e-6, 60),
    "tulu3-8b-dpo": line_row(1000, 5e-7, 100),
    "dapo-qwen2.5-32b": hold_row(10_000, 1e-6, 20 * 16),
    "gpt-oss-20b-lora": hold_row(125, 2e-4, ceil(0.1 * 125)),
    "olmo3-7b-rlzero-math": hold_row(768_000 // (32 * 8), 1e-6, 0),
    "flux-lora": hold_row(2000, 1e-4, 0),
    "qwen-image-lora": hold_row(2000, 1e-4, 0),
    "dinov3-vit7b": (*hold_row(MILLION, 5e-5 * 4 * sqrt(4096 / 1024), 100_000), value("teacher_temperature", points((0, 0.04), (100_000, 0.07)), 100_000)),
    "nemotron-3-nano": (ceil(25 * TRILLION / (3072 * 8192)), lr(nemotron, 8.4 * BILLION, 20 * TRILLION, **AMOUNTS)),
    "kimi-k2": (ceil(15.5 * TRILLION / 2**26), lr(kimi_k2, 500 * 2**26, 10 * TRILLION, **AMOUNTS)),
    "apertus-8b": apertus_row(1.1e-4, 1024, 1_718_272_000),
    "apertus-70b": apertus_row(1e-5, 2048, 1_072_164_864),
    "vjepa2-vitg": (240_000, lr(lambda t: points((0, 1e-4), (12_000, 5.25e-4))(t + 1), 12_000)),
    # The cooldown is cut.
    "vjepa2-vitg-cooldown": (12_000, lr(lambda t: 5.25e-4 + (t + 1) / 15_000 * (1e-6 - 5.25e-4))),
    "resnet50-torchvision": stairs_row(5005, 90, 0.1, 0.1, 30, 60),
    "wide-resnet-28-10-cifar10": stairs_row(391, 200, 0.1, 0.2, 60, 120, 160),
    "densenet-bc-cifar10": stairs_row(782, 300, 0.1, 0.1, 150, 225),
    "inception-v3": (80_100, lr(by_epoch(lambda e: 0.045 * 0.94 ** (e // 2), 801), 801, 1602, 24_030)),
    "mobilenet-v2": (334_000, lr(by_epoch(lambda e: 0.045 * 0.98**e, 835), 835, 1670, 25_050)),
    "moco-v1": stairs_row(5004, 200, 0.03, 0.1, 120, 160),
    "detr-r50": (*stairs_row(1848, 300, 1e-4, 0.1, 200), lr(stairs(1e-5, 0.1, 369_600), 369_600, group="backbone")),
    "deformable-detr-r50": (*stairs_row(3697, 50, 2e-4, 0.1, 40), lr(stairs(2e-5, 0.1, 147_880), 147_880, group="backbone")),
    "mae-vitl": vision_row(312, 800, 40, peak=1.5e-4 * 16),
    "mae-vitl-finetuning": vision_row(1251, 50, 5, peak=1e-3 * 4, low=1e-6),
    "moco-v3-vitb": vision_row(312, 300, 40, value("encoder_momentum", momentum_to_1(0.99, 93_600)), peak=1.5e-4 * 16),
    "simclr-resnet50": vision_row(313, 1000, 10, peak=0.3 * 16),
    "byol-resnet50": vision_row(312, 1000, 10, value("target_momentum", momentum_to_1(0.996, 312_000)), peak=0.2 * 16),
    "vicreg-resnet50": vision_row(625, 1000, 10, peak=0.2 * 8, low=0.002),
    "convnext-t": vision_row(312, 300, 20, peak=4e-3, low=1e-6, last=True),
    "swav-resnet50": vision_row(312, 800, 10, peak=4.8, low=0.0048, begin=0.3, last=True),
    "dino-vits16": vision_row(
        *(1251, 800, 10),
        value("teacher_momentum", momentum_to_1(0.996, 1_000_800)),
        value("weight_decay", wave(0, 1_000_800, 0.04, 0.4)),
        value("teacher_temperature", by_epoch(lambda e: 0.04 + 0.03 * min(e, 29) / 29, 1251), 1251, 29 * 1251, 30 * 1251),
        lr(after_first_epoch(warm_cosine(2e-3, 12_510, 1_000_800, 1e-5, last=True), 1251), 1251, 12_510, group="last_layer"),
        peak=5e-4 * 4, low=1e-5, last=True,
    ),
    # lr_scheduler.step_update(t) comes after update t; before the first one the rate is that of 0.
    "swin-t": (None, lr(lambda t: warm_cosine(1e-3, 25_020, 375_300, 1e-5, 1e-6)(max(t - 1, 0)), 25_020)),
    "resnet50-torchvision-v2": (
        None,
        lr(by_epoch(lambda e: 0.5 * (0.01 + 0.99 * e / 5) if e < 5 else half_wave(e, 5, 600, 0.5, 0.0), 1252), 1252, 5 * 1252, 300 * 1252),
    ),
    "resnet110-cifar10": (64_000, lr(levels((0.01, 0.1, 0.01, 0.001), 400, 32_000, 48_000), 400, 32_000, 48_000)),
    "sgdr-wrn-28-10": (SGDR[-1], lr(sgdr, *(end + near for end in SGDR for near in (-3, 2)))),
    "snapshot-ensemble-resnet110": (None, lr(snapshots, 31_280, 4 * 31_280)),
    "budgeted-resnet18-cifar10": (None, lr(lambda t: 0.1 * (1 - t / 78_200))),
    "shake-shake-cifar10": (None, lr(wave(0, 1800 * 391, 0.2, 0.0))),
    "deeplabv3-voc": (None, lr(lambda t: 0.007 * (1 - t / 30_000) ** 0.9)),
    "moco-v2": (None, lr(by_epoch(wave(0, 200, 0.03, 0.0), 5004), 5004)),
    "nnunet": (None, lr(by_epoch(lambda e: 0.01 * (1 - e / 1000) ** 0.9, 250), 250, 500)),
    "airbench94-cifar10": (
        ceil(48 * 9.9),
        lr(points((0, 0.2 * AIRBENCH), (109, AIRBENCH), (476, 0.07 * AIRBENCH)), 109),
        lr(points((0, 12.8 * AIRBENCH), (109, 64 * AIRBENCH), (476, 4.48 * AIRBENCH)), 109, group="norm_biases"),
    ),
    "dawnbench-resnet9": (None, lr(points((0, 0), (490, 0.4), (2352, 0)), 490)),
    "super-convergence-resnet56": (None, lr(points((0, 0.1), (5000, 3.0), (10_000, 0.1)), 5000)),
    "efficientnet-b0": (350 * 626, lr(lambda t: 0.128 * (t / 3130 if t < 3130 else 0.97 ** (10 * t // 15_024)), 3130, 4508, 7512)),
    "vit-s16-baseline": cosine_row(int(90 * 1281167 / 1024), 1e-3, 10_000),
    "vit-g14-jft": (None, lr(big_vision, 10_000, 950_000)),
    "deit-b16": (None, lr(by_epoch(timm, 1251), *(mark * 1251 for mark in (1, 2, 5, 6, 7)))),
    "simsiam-resnet50": (None, lr(by_epoch(wave(0, 100, 0.1, 0.0), 2502), 2502), lr(constant(0.1), group="predictor")),
    "barlow-twins-resnet50": (
        None,
        lr(lambda step: 0.2 * barlow_twins(step), 6250),
        lr(lambda step: 0.0048 * barlow_twins(step), 6250, group="biases"),
    ),
    "ijepa-vith14": (
        187_500,
        lr(ijepa, 25_000),
        value("weight_decay", lambda t: half_wave(t + 1, 0, 187_500, 0.04, 0.4)),
        value("target_momentum", lambda i: 0.996 + i * (1.0 - 0.996) / 187_500),
    ),
    "clip-vitb32": cosine_row(32 * 12_207, 5e-4, 2000),
    "openclip-vitb32-laion400m": (None, lr(clip_steps, 2000)),
    "yolov5s": yolo_row(300),
    "yolov8n": yolo_row(500),
    "yolox-s": (None, lr(lambda t: 0.01 * (t / 9245) ** 2 if t <= 9245 else half_wave(t, 9245, 526_965, 0.01, 5e-4), 9245, 526_965)),
    "faster-rcnn-r50-1x": detection_row(90_000, 1000, 1000, 60_000, 80_000),
    "faster-rcnn-r50-3x": detection_row(270_000, 1000, 1000, 210_000, 250_000),
    "faster-rcnn-r50-mmdet-1x": detection_row(12 * 7330, 499, 500, 8 * 7330, 11 * 7330),
    "segformer-b0-ade20k": (None, lr(segformer, 1500)),
    "bit-hyperrule-medium": (None, lr(lambda t: 0.003 * t / 500 if t < 500 else stairs(0.003, 0.1, 3000, 6000, 9000)(t), 500, 3000, 9000)),
}  # fmt: skip


@table("name", RUNS)
def test_the_values_of_a_recipe_are_those_of_its_formula(name: str) -> None:
    run = Run(name)
    row = RUNS[name]
    total, *fields = row(run) if callable(row) else row

    assert total in (None, run.total)
    for field, formula, marks, more in fields:
        run.agrees(field, formula, marks, **more)


def test_every_recipe_has_a_formula() -> None:
    assert RUNS.keys() == {*ps.recipes}


def test_a_run_in_tokens_ends_with_its_tokens() -> None:
    gpt3 = Run("gpt3-175b")

    assert gpt3.amount_at(gpt3.total - 1) < 300 * BILLION <= gpt3.amount_at(gpt3.total)
