"""Decays without an end, absolute values and warmups of other libraries, each with its schedule text."""

from math import e, log, sqrt

from whole.reference.field_curves import (
    BASE,
    FieldCurve,
    after_warmup,
    assert_line_is_the_formula,
    between,
    clip,
    each_of,
    fall,
    rise,
    warmed,
)

EPOCHS = {"steps_per_epoch": 10}
TOKENS = {"tokens_per_step": 64_000}


def noam(k, factor=2.0):
    return factor * 512**-0.5 * min(k**-0.5, k * 10**-1.5)


def power(t, most):
    """The power scheduler of Shen et al., of a batch of 64 sequences and 1000 tokens each."""
    return min(most, 64 * 4.6 * (64_000 * t) ** -0.51) if t else most


def power_with_ends(t, most=0.001):
    if t < 10:
        return power(10, most) * t / 10
    return power(t, most) if t < 90 else power(90, most) * (1 - clip((t - 90) / 10))


def olmo_power(t):
    """Evaluated one update late; in the last stage the power stays constant."""
    now = min(t + 1, 100)
    return BASE * (now / 10 if now < 10 else (min(now, 80) / 10) ** -0.51 * (1 - clip((now - 80) / 20)))


def after_warmup_of_ten(formula):
    return lambda t: BASE * t / 10 if t < 10 else BASE * formula(t)


EXPONENTIALS = [
    FieldCurve("torch ExponentialLR", "exponential(0.97)", lambda t: BASE * 0.97**t),
    FieldCurve("ignite ExpStateScheduler", "exponential(0.97)", lambda t: BASE * 0.97**t),
    FieldCurve("optax exponential_decay", "exponential(0.5, per=20)", lambda t: BASE * 0.5 ** (t / 20)),
    FieldCurve("optax exponential_decay staircase", "step(20, 0.5)", lambda t: BASE * 0.5 ** (t // 20)),
    FieldCurve(
        "optax exponential_decay end_value transition_begin",
        "shift(clamp(exponential(0.5, per=20), low=0.1), 10)",
        lambda t: BASE * max(0.5 ** (max(t - 10, 0) / 20), 0.1),
    ),
    FieldCurve(
        "optax exponential_decay staircase transition_begin",
        "shift(step(20, 0.5), 10)",
        lambda t: BASE * 0.5 ** (max(t - 10, 0) // 20),
    ),
    FieldCurve(
        "optax exponential_decay that grows",
        "clamp(exponential(2, per=20), high=5)",
        lambda t: BASE * min(2 ** (t / 20), 5),
    ),
    FieldCurve(
        "optax warmup_exponential_decay_schedule",
        "warmup(10) >> exponential(0.9, per=20)",
        after_warmup_of_ten(lambda t: 0.9 ** ((t - 10) / 20)),
    ),
    FieldCurve("keras ExponentialDecay", "exponential(0.5, per=20)", lambda t: BASE * 0.5 ** (t / 20)),
    FieldCurve("keras ExponentialDecay staircase", "step(20, 0.5)", lambda t: BASE * 0.5 ** (t // 20)),
    FieldCurve(
        "composer ExponentialScheduler",
        'exponential(0.9, per="1 epoch")',
        lambda t: BASE * 0.9 ** (t / 10),
        facts=EPOCHS,
    ),
    FieldCurve("a half-life", 'exponential(0.5, per="20%")', lambda t: BASE * 2 ** (-t / 20)),
]

INVERSES = [
    FieldCurve("keras InverseTimeDecay", "inverse_time(0.5, per=20)", lambda t: BASE / (1 + 0.5 * t / 20)),
    FieldCurve(
        "keras InverseTimeDecay staircase",
        "every(inverse_time(0.5, per=20), 20)",
        lambda t: BASE / (1 + 0.5 * (t // 20)),
    ),
    FieldCurve("paddle InverseTimeDecay", "inverse_time(0.1)", lambda t: BASE / (1 + 0.1 * t)),
    FieldCurve(
        "transformers inverse_sqrt",
        "warmup(10) >> inverse_sqrt(10)",
        after_warmup_of_ten(lambda t: 1 / sqrt((t + 10 - 10) / 10)),
    ),
    FieldCurve(
        "transformers inverse_sqrt timescale",
        "warmup(10) >> inverse_sqrt(30)",
        after_warmup_of_ten(lambda t: 1 / sqrt((t + 30 - 10) / 30)),
    ),
    FieldCurve(
        "timm rsqrt",
        "warmup(10) >> inverse_sqrt(10) * (constant() >> linear(over=20))",
        after_warmup_of_ten(lambda t: (1 + (t - 10) / 10) ** -0.5 * (1 - clip((t - 80) / 20))),
    ),
    FieldCurve(
        "timm wsd stable_fn=power",
        "warmup(10) >> power_law(0.5, 10)",
        after_warmup_of_ten(lambda t: (1 + (t - 10) / 10) ** -0.5),
    ),
    FieldCurve(
        "big_vision rsqrt",
        "warmup(10) * shift(inverse_sqrt(40), 10) * (constant() >> linear(over=20))",
        lambda t: BASE * min(t / 10, 1) / sqrt(1 + max(t - 10, 0) / 40) * (1 - clip((t - 80) / 20)),
    ),
    FieldCurve(
        "fairseq inverse_sqrt", "warmup(10) >> inverse_sqrt(10)", after_warmup_of_ten(lambda t: 10**0.5 * t**-0.5)
    ),
    FieldCurve(
        "megatron inverse-square-root",
        "warmup(10) >> clamp(inverse_sqrt(10), low=absolute(0.08))",
        lambda t: BASE * t / 10 if t < 10 else max(0.08, BASE * 10**0.5 * t**-0.5),
    ),
    FieldCurve(
        "OLMo-core InvSqrtWithWarmup",
        'warmup(10, index="(t+1)/n") >> 0.1 + 0.9 * skip(inverse_sqrt(10), 1)',
        lambda t: BASE * ((t + 1) / 10 if t + 1 < 10 else 0.1 + 0.9 * sqrt(10 / (t + 1))),
    ),
    FieldCurve(
        "OLMo-core PowerLR",
        'skip(warmup(10) >> power_law(0.51, 10) >> linear(previous, 0, over="20%"), 1, of="100%")',
        olmo_power,
    ),
]

ABSOLUTE = [
    FieldCurve("tensor2tensor noam", "noam(512, 10, 2.0)", lambda t: noam(t + 1)),
    FieldCurve("allennlp noam", "shift(noam(512, 10, 2.0), 1)", lambda t: noam(max(t, 1))),
    FieldCurve("paddle NoamDecay", "constant(0, 1) >> noam(512, 10, 2.0)", lambda t: noam(t) if t else 0),
    FieldCurve(
        "Adafactor warmup_init",
        "noam(1, 10_000)",
        lambda t: min(1e-6 * (t + 1), 1 / sqrt(t + 1)),
        [0, 1, 9_998, 9_999, 10_000, 40_000],
    ),
    FieldCurve("Granite power scheduler", "power_scheduler(64)", lambda t: power(t, 0.02), facts=TOKENS),
    FieldCurve(
        "Granite power scheduler, lower", "power_scheduler(64, most=0.004)", lambda t: power(t, 0.004), facts=TOKENS
    ),
    FieldCurve(
        "Granite power scheduler, both ends",
        'overlay(warmup("640k tokens", to=following), power_scheduler(64, most=0.001)) '
        '>> linear(previous, 0, over="10%")',
        power_with_ends,
        facts=TOKENS,
    ),
]

EDGES = {
    "t/n": lambda t: t / 10,
    "(t+1)/n": lambda t: (t + 1) / 10,
    "(t+1)/(n+1)": lambda t: (t + 1) / 11,
    "t/(n-1)": lambda t: t / 9,
}
WARMUPS = [
    *(
        FieldCurve(
            f"a warmup by {index}",
            f'warmup(10, 0.1, index="{index}")',
            lambda t, u=u: BASE * (0.1 + 0.9 * u(t) if t < 10 else 1),
        )
        for index, u in EDGES.items()
    ),
    FieldCurve("He et al. 2016", "constant(0.01, 40) >> constant()", lambda t: BASE * (0.01 if t < 40 else 1)),
    FieldCurve("mmcv exp", "geometric(0.01, 1.0, 10)", lambda t: BASE * 0.01 ** (1 - min(t, 10) / 10)),
    FieldCurve(
        "a logarithmic warmup", "warmup(10, curve=curves.log)", lambda t: BASE * log(1 + (e - 1) * min(t, 10) / 10)
    ),
    FieldCurve(
        "deepspeed WarmupLR",
        'warmup(10, curve=curves.logarithm(10), index="t/(n-1)") >> constant()',
        lambda t: BASE * (log(t + 1) / log(10) if t < 10 else 1),
    ),
    FieldCurve(
        "deepspeed WarmupLR with a floor, an update late",
        'shift(warmup(10, 0.1, curve=curves.logarithm(10), index="t/(n-1)") >> constant(), 1)',
        lambda t: BASE * (0.1 + 0.9 * (log(max(t, 1)) / log(10) if t - 1 < 10 else 1)),
    ),
    FieldCurve(
        "deepspeed WarmupDecayLR",
        'warmup(10, curve=curves.logarithm(10), index="t/(n-1)") >> linear()',
        lambda t: BASE * (log(t + 1) / log(10) if t < 10 else 1 - after_warmup(t)),
    ),
    FieldCurve(
        "deepspeed WarmupCosineLR",
        'warmup(10, 0.1, curve=curves.logarithm(10), index="t/(n-1)") >> cosine(to=0.01, index="(t+1)/n")',
        lambda t: BASE * (0.1 + 0.9 * log(t + 1) / log(10) if t < 10 else between(0.01, 1, fall((t - 9) / 90))),
        times=range(100),
    ),
    FieldCurve(
        "pytorch_optimizer PolyScheduler",
        "warmup(10) >> constant(over=1) >> 0.1 + 0.9 * power_law(-0.5, 1)",
        lambda t: BASE * (t / 10 if t < 10 else 1 if t == 10 else 0.1 + 0.9 * (t - 10) ** 0.5),
    ),
    FieldCurve(
        "pytorch_optimizer ExponentialScheduler",
        "warmup(10) >> clamp(exponential(0.95), low=0.1)",
        lambda t: BASE * (t / 10 if t < 10 else max(0.95 ** (t - 10), 0.1)),
    ),
    FieldCurve(
        "transformers wsd warmup cosine",
        "wsd(10, 20, 0.1, warmup_curve=curves.cosine)",
        lambda t: BASE * (between(0.1, 1, rise(t / 10)) if t < 10 else 1 - clip((t - 80) / 20)),
    ),
    FieldCurve(
        "transformers wsd warmup 1-sqrt",
        "wsd(10, 20, warmup_curve=curves.polynomial(0.5))",
        lambda t: BASE * (1 - sqrt(1 - t / 10) if t < 10 else 1 - clip((t - 80) / 20)),
    ),
    FieldCurve(
        "axolotl cosine_quadratic",
        "warmup(10, curve=curves.power(2)) >> cosine()",
        lambda t: BASE * ((t / 10) ** 2 if t < 10 else fall(after_warmup(t))),
    ),
    FieldCurve("optax warmup_constant_schedule", "warmup(10) >> constant()", lambda t: BASE * min(t / 10, 1)),
    FieldCurve("transformers constant_with_warmup", "warmup(10) >> constant()", warmed(lambda u: 1)),
]


@each_of([*EXPONENTIALS, *INVERSES, *ABSOLUTE, *WARMUPS])
def test_a_schedule_has_the_published_values_at_every_update(curve):
    assert_line_is_the_formula(curve)
