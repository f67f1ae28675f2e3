"""The example files of published schedules next to their formulas, in exact arithmetic where they have one."""

import functools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import cos, pi, sin, sqrt
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from support.spread import spread

PLANS = Path(__file__).parents[3] / "examples" / "recipes"


RELATIVE = 1e-12  # tolerance relative to a value, because both sides round cosines and roots


def recipe(name: str) -> ps.Plan:
    """Load the plan file of an example."""
    return ps.load(PLANS / f"{name}.yaml")


def amounts_before_updates(size: Callable[[int, int], int], total: int) -> list[int]:
    """Return the amount before each update. Update t consumes `size(t, amount)`; the last may exceed the total."""
    amounts = []
    amount = 0
    while amount < total:
        consumed = size(len(amounts), amount)
        assert consumed >= 1
        amounts.append(amount)
        amount += consumed
    return amounts


def known_bounds(total: int, *marks: int) -> list[int]:
    """Return the updates to compare: all of a short run; a thousand of a long run, and those around the marks."""
    if total <= 20_000:
        return list(range(total))
    near = {mark + away for mark in (0, *marks, total) for away in range(-3, 4)}
    return sorted({*range(0, total, total // 1000), *near} & set(range(total)))


def first_at(amounts: list[int], amount: float) -> int:
    """Return the first update that starts at or after an amount."""
    return int(np.searchsorted(amounts, amount))


def assert_values(values: np.ndarray, formula: Callable[[int], float | Fraction], updates: Iterable[int]) -> None:
    """Check that each value equals the formula."""
    times = np.array(list(updates))
    expected = np.array([float(formula(t)) for t in times.tolist()])
    wrong = ~(np.abs(values[times] - expected) <= RELATIVE * np.abs(expected))
    first = int(wrong.argmax())
    assert not wrong.any(), f"update {times[first]}: {values[times[first]]!r} is not {expected[first]!r}"


def ramp(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    """Interpolate linearly from one level to another; constant before and after."""
    return _line(min(max(amount, begin), end), begin, end, low, high)


@functools.lru_cache(maxsize=1 << 16)  # because most updates of a long run are after its end
def _line(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    return Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction(amount - begin, end - begin)


def half_wave(amount: int, begin: int, end: int, low: float, high: float) -> float:
    """Interpolate with a cosine from `high` to `low`; constant before and after."""
    left = 1 - min(max(Fraction(amount - begin, end - begin), Fraction(0)), Fraction(1))
    # The square of the sine is accurate near the end; 1 + cos would lose digits there.
    return low + (high - low) * (sin(pi * float(left) / 2) ** 2 if left < 0.5 else (1 + cos(pi * float(1 - left))) / 2)


@functools.lru_cache(maxsize=1 << 16)
def nearest_multiple(value: Fraction, of: int) -> int:
    """Return the multiple of an integer that is nearest to a value."""
    return round(value / of) * of


PEAK = 1e-4
WARM = 10_000
TOTAL = 1_000_000


BETA = 1.5
GAMMA = 0.02


def test_lr_equals_the_paper():
    trace = ps.trace(recipe("bolton"), {"lr": 123.0}, total=10_000)

    assert_values(trace["lr"], lambda t: min(1 / BETA, 1 / (GAMMA * (t + 1))), range(10_000))


def test_keras_evaluates_the_first_update_at_step_0():
    """TensorFlow Privacy divides by the completed updates: the first value is infinite, so 1 / beta is smaller."""
    plan = ps.loads(f"lr: constant(absolute(1.0)) * minimum(1 / {BETA}, shift(inverse_time(1.0), 1) / {GAMMA})")

    trace = ps.trace(plan, {"lr": 123.0}, total=10_000)

    assert_values(trace["lr"], lambda t: min(1 / BETA, 1 / (GAMMA * t)) if t else 1 / BETA, range(10_000))


def test_a_clock_that_counts_from_1_equals_a_run_that_started_one_update_earlier():
    plan = ps.loads("lr: skip(linear(1.0, 0.0, over=100), 1)\nweight_decay: skip(exponential(0.9), 1)")

    trace = ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, total=200)

    assert_values(trace["lr"], lambda t: max(0.0, 1 - (t + 1) / 100), range(200))
    assert_values(trace["weight_decay"], lambda t: 0.9 ** (t + 1), range(200))


PEAK_OF_DEEPSEEK_V3 = 2.2e-4
LENGTH = 4096


BILLION = 10**9


STABLE = 10_000 * BILLION
DECAYED = 14_300 * BILLION
HELD = 14_633 * BILLION
TOTAL_OF_DEEPSEEK_V3 = 14_800 * BILLION


GROWN = 469 * BILLION


def batch_size(amount):
    return nearest_multiple(ramp(amount, 0, GROWN, 3072, 15_360), 64)


EPOCH = 1250


TOTAL_OF_DINOV2 = 100 * EPOCH
WARM_OF_DINOV2 = 10 * EPOCH


GROUPS = [
    {"name": "backbone", "lr": 0.004 * 0.9**3, "weight_decay": 0.04, "is_last_layer": False},
    {"name": "norms", "lr": 0.004, "weight_decay": 0.0, "is_last_layer": False},
    {"name": "last", "lr": 0.004, "weight_decay": 0.04, "is_last_layer": True},
]


def rate(t):
    """`linspace` includes its end, so the last update of the warmup and the first of the cosine have the peak."""
    return (
        ramp(t, 0, WARM_OF_DINOV2 - 1, 0, 0.004)
        if t < WARM_OF_DINOV2
        else half_wave(t, WARM_OF_DINOV2, TOTAL_OF_DINOV2, 1e-6, 0.004)
    )


@pytest.fixture(scope="module")
def trace():
    return ps.trace(recipe("dinov2"), GROUPS, steps_per_epoch=EPOCH)


SEEN = known_bounds(TOTAL_OF_DINOV2, EPOCH, WARM_OF_DINOV2, 30 * EPOCH)


def test_lr_equals_the_published_code_in_every_group(trace):
    assert len(trace) == TOTAL_OF_DINOV2
    assert_values(trace["lr", "backbone"], lambda t: float(rate(t)) * 0.9**3, SEEN)
    assert_values(trace["lr", "norms"], rate, SEEN)
    assert_values(trace["lr", "last"], lambda t: 0.0 if t < EPOCH else rate(t), SEEN)


def test_weight_decay_increases_in_groups_that_have_one(trace):
    assert_values(trace["weight_decay", "last"], lambda t: half_wave(t, 0, TOTAL_OF_DINOV2, 0.4, 0.04), SEEN)
    assert not np.any(trace["weight_decay", "norms"])


def test_the_teacher_follows_its_two_schedules(trace):
    assert_values(trace["teacher_momentum"], lambda t: half_wave(t, 0, TOTAL_OF_DINOV2, 1.0, 0.992), SEEN)
    assert_values(trace["teacher_temperature"], lambda t: ramp(t, 0, 30 * EPOCH - 1, 0.04, 0.07), SEEN)


PEAK_OF_EDM2 = 0.01
BATCH = 2048
TOTAL_OF_EDM2 = 8 << 30


EXPONENT = 16.97


def rate_of_edm2(seen):
    """The lr of a published run, as a function of the images before the update."""
    return PEAK_OF_EDM2 / sqrt(max(seen / (70_000 * BATCH), 1)) * min(seen / 10_000_000, 1)


def test_lr_and_weight_average_equal_the_paper():
    trace = ps.trace(recipe("edm2"), {"lr": PEAK_OF_EDM2}, batch_size=BATCH)

    assert len(trace) == TOTAL_OF_EDM2 // BATCH
    seen = known_bounds(len(trace), 10_000_000 // BATCH, 70_000)
    assert [int(trace.amounts[t]) for t in seen] == [t * BATCH for t in seen]
    assert_values(trace["lr"], lambda t: rate_of_edm2(t * BATCH), seen)
    # Equation 127: (1 - batch / images) ** (gamma + 1), with the images after the update.
    assert_values(trace["ema_beta"], lambda t: (t / (t + 1)) ** (EXPONENT + 1), seen)


PEAK_OF_EFFICIENTNET = 0.064
EPOCH_OF_EFFICIENTNET = 1251


PEAK_OF_GPT3 = 6e-5
LENGTH_OF_GPT3 = 2048


WARM_OF_GPT3 = 375_000_000
DECAYED_OF_GPT3 = 260 * 10**9
TOTAL_OF_GPT3 = 300 * 10**9
GROWN_OF_GPT3 = 12 * 10**9


def rate_of_gpt3(amount):
    """Brown et al. 2020, appendix B: the clock is the tokens consumed before the update."""
    return (
        ramp(amount, 0, WARM_OF_GPT3, 0, PEAK_OF_GPT3)
        if amount < WARM_OF_GPT3
        else half_wave(amount, WARM_OF_GPT3, DECAYED_OF_GPT3, PEAK_OF_GPT3 / 10, PEAK_OF_GPT3)
    )


def test_the_batch_size_may_be_written_in_tokens():
    def taken(amount):
        return nearest_multiple(ramp(amount, 0, GROWN_OF_GPT3, 32_000, 3_200_000), 32_000)

    amounts = amounts_before_updates(lambda t, amount: taken(amount), TOTAL_OF_GPT3)
    plan = ps.loads("""
        clock: tokens
        total: 300B tokens
        lr: warmup("375M tokens") >> cosine(to=0.1, over="until 260B tokens") >> constant(0.1)
        targets:
          tokens_per_step: {initial: 1, schedule: 'rounded(linear(32_000, 3.2e6, over="12B tokens"), 32_000)'}
    """)

    trace = ps.trace(plan, {"lr": PEAK_OF_GPT3})

    assert trace.amounts.tolist() == amounts
    assert trace["tokens_per_step"].tolist() == [taken(amount) for amount in amounts]
    marks = [first_at(amounts, amount) for amount in (WARM_OF_GPT3, GROWN_OF_GPT3, DECAYED_OF_GPT3)]
    assert_values(trace["lr"], lambda t: rate_of_gpt3(amounts[t]), known_bounds(len(amounts), *marks))


@pytest.mark.heavy
def test_lr_equals_transformers_at_every_update():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    scheduler = transformers.get_scheduler(
        "cosine_with_restarts", optimizer, 50, 1000, scheduler_specific_kwargs={"num_cycles": 4}
    )
    rates = []
    for _ in range(1000):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()

    trace = ps.trace(recipe("hf_restarts"), {"lr": 3e-4})

    # Transformers takes the cosine near pi, where its rounding is that of 1.
    np.testing.assert_allclose(trace["lr"], rates, rtol=1e-12, atol=1e-12 * 3e-4)


WARM_OF_LLM_FOUNDRY = BILLION
SCALE = 2 * BILLION
COOL = 20 * BILLION
TOTAL_OF_LLM_FOUNDRY = 100 * BILLION


FLOOR = 0.1
LAST = 0.02
PEAK_OF_LLM_FOUNDRY = 3e-4


def factor(amount):
    if amount < WARM_OF_LLM_FOUNDRY:
        return Fraction(amount, WARM_OF_LLM_FOUNDRY)
    falling = FLOOR + (1 - FLOOR) / sqrt(
        (min(amount, TOTAL_OF_LLM_FOUNDRY - COOL) - WARM_OF_LLM_FOUNDRY + SCALE) / SCALE
    )
    share = max(0, amount - (TOTAL_OF_LLM_FOUNDRY - COOL)) / COOL
    return falling + (LAST - falling) * share


@pytest.mark.parametrize("tokens", [2_097_152, 4_000_000, 3_333_333])
def test_lr_equals_the_scheduler_at_every_batch(tokens):
    amounts = amounts_before_updates(lambda t, amount: tokens, TOTAL_OF_LLM_FOUNDRY)

    trace = ps.trace(recipe("llm_foundry"), {"lr": PEAK_OF_LLM_FOUNDRY}, tokens_per_step=tokens)

    assert trace.amounts.tolist() == amounts
    marks = [first_at(amounts, amount) for amount in (WARM_OF_LLM_FOUNDRY, TOTAL_OF_LLM_FOUNDRY - COOL)]
    assert_values(trace["lr"], lambda t: PEAK_OF_LLM_FOUNDRY * factor(amounts[t]), known_bounds(len(amounts), *marks))


PEAK_OF_MEGATRON = 6e-5
LEAST = 6e-6


WARM_OF_MEGATRON = 183_105
DECAYED_OF_MEGATRON = 126_953_125
TOTAL_OF_MEGATRON = 146_484_375


START = 16
RISE = 16
GROWING = 5_859_375
BATCH_OF_MEGATRON = 1536


def batch_size_of_megatron(amount):
    """One increment for each completed fraction of the samples; exact, while Megatron divides by a float."""
    if amount > GROWING:
        return BATCH_OF_MEGATRON
    return START + RISE * math.floor(amount / Fraction(GROWING, (BATCH_OF_MEGATRON - START) // RISE))


def rate_of_megatron(amount):
    return (
        ramp(amount, 0, WARM_OF_MEGATRON, 0, PEAK_OF_MEGATRON)
        if amount <= WARM_OF_MEGATRON
        else half_wave(amount, WARM_OF_MEGATRON, DECAYED_OF_MEGATRON, LEAST, PEAK_OF_MEGATRON)
    )


def test_lr_and_batch_size_equal_the_gpt3_script_at_every_iteration():
    amounts = amounts_before_updates(lambda t, amount: batch_size_of_megatron(amount), TOTAL_OF_MEGATRON)

    trace = ps.trace(recipe("megatron"), {"lr": PEAK_OF_MEGATRON})

    assert trace.amounts.tolist() == amounts
    assert trace["batch_size"].tolist() == [batch_size_of_megatron(amount) for amount in amounts]
    marks = [first_at(amounts, amount) for amount in (WARM_OF_MEGATRON, GROWING, DECAYED_OF_MEGATRON)]
    assert_values(trace["lr"], lambda t: rate_of_megatron(amounts[t]), known_bounds(len(amounts), *marks))


@pytest.mark.parametrize("batch", spread([1024, 1000, 768], 1000))
def test_the_slope_of_a_warmup_in_samples_does_not_depend_on_the_batch(batch):
    plan = ps.loads("""
        clock: samples
        total: 20M samples
        lr: warmup("1M samples") >> linear(1.0, 0.1)
        weight_decay: linear(absolute(0.01), absolute(0.1))
    """)

    trace = ps.trace(plan, {"lr": 1.5e-4, "weight_decay": 0.1}, batch_size=batch)

    updates = -(-20_000_000 // batch)
    assert len(trace) == updates
    assert trace.amounts.tolist() == [t * batch for t in range(updates)]

    def value(t):
        seen = t * batch
        return (
            Fraction(1.5e-4) * seen / 10**6
            if seen < 10**6
            else ramp(seen, 10**6, 20 * 10**6, Fraction(1.5e-4), Fraction(1.5e-4) / 10)
        )

    assert_values(trace["lr"], value, range(updates))
    assert_values(trace["weight_decay"], lambda t: ramp(t * batch, 0, 20 * 10**6, 0.01, 0.1), range(updates))


PEAK_OF_MINICPM = 0.01
TOTAL_OF_MINICPM = 260_000


PEAK_OF_OLMO_BOLT_ON_WARMUP = 3e-4
TOTAL_OF_OLMO_BOLT_ON_WARMUP = 20_000
BEGIN = 1000
END = 1500


def inner(step):
    if step < 200:
        return (
            PEAK_OF_OLMO_BOLT_ON_WARMUP * 0.10
            + (PEAK_OF_OLMO_BOLT_ON_WARMUP - PEAK_OF_OLMO_BOLT_ON_WARMUP * 0.10) * step / 200
        )
    floor = PEAK_OF_OLMO_BOLT_ON_WARMUP * 0.1
    return (
        floor
        + (PEAK_OF_OLMO_BOLT_ON_WARMUP - floor)
        * (1 + cos(pi * (step - 200) / (TOTAL_OF_OLMO_BOLT_ON_WARMUP - 200)))
        / 2
    )


def bolted_on(step):
    if step < BEGIN:
        return 0.0
    return inner(END) * (step - BEGIN) / (END - BEGIN) if step < END else inner(step)


def test_a_bolt_on_warmup_ends_at_the_value_of_the_inner_schedule():
    trace = ps.trace(recipe("olmo_bolt_on_warmup"), {"lr": PEAK_OF_OLMO_BOLT_ON_WARMUP})

    assert_values(trace["lr"], lambda t: bolted_on(t + 1), range(TOTAL_OF_OLMO_BOLT_ON_WARMUP))


PEAK_OF_YOLO = 0.01
MOMENTUM = 0.937
EPOCH_OF_YOLO = 1849


TOTAL_OF_YOLO = 300 * EPOCH_OF_YOLO
WARM_OF_YOLO = 3 * EPOCH_OF_YOLO


GROUPS_OF_YOLO = [
    {"name": "weights", "lr": PEAK_OF_YOLO, "momentum": MOMENTUM},
    {"name": "bias", "lr": PEAK_OF_YOLO, "momentum": MOMENTUM},
]


def line(batch):
    """The lr of an epoch, which changes once per epoch."""
    return ramp(batch // EPOCH_OF_YOLO, 0, 300, PEAK_OF_YOLO, PEAK_OF_YOLO * 0.01)


def warming(batch, start, end):
    """The value of `interp` during the warmup, and its end value afterwards."""
    return Fraction(start) + (Fraction(end) - Fraction(start)) * min(Fraction(batch, WARM_OF_YOLO), 1)


def accumulation(batch, most):
    return max(1, round(ramp(batch, 0, WARM_OF_YOLO, 1, most)))


@pytest.mark.parametrize("most", [4])
def test_the_run_equals_the_published_one_at_the_first_batch_of_every_update(most):
    amounts = amounts_before_updates(lambda t, batch: accumulation(batch, most), TOTAL_OF_YOLO)

    trace = ps.trace(recipe("yolo"), GROUPS_OF_YOLO, batches_per_epoch=EPOCH_OF_YOLO)

    assert trace.amounts.tolist() == amounts
    seen = known_bounds(
        len(amounts),
        *(
            int(np.searchsorted(amounts, mark))
            for mark in (WARM_OF_YOLO, EPOCH_OF_YOLO, 2 * EPOCH_OF_YOLO, 9 * EPOCH_OF_YOLO)
        ),
    )
    assert_values(trace["lr", "weights"], lambda t: warming(amounts[t], 0, line(amounts[t])), seen)
    assert_values(trace["lr", "bias"], lambda t: warming(amounts[t], 0.1, line(amounts[t])), seen)
    assert_values(trace["momentum", "weights"], lambda t: warming(amounts[t], 0.8, MOMENTUM), seen)
