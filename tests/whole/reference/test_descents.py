"""Decays, lines and stairs of other libraries, each with its schedule text.

timm's, transformers', fvcore's and torchtitan's own code is run beside the plans of its dialect in
`test_timm_dialect.py`, `test_transformers_dialect.py`, …; torch's and MMEngine's in `test_torch_dialect.py` and
`test_mmengine_classes.py`.
"""

from math import cos, pi, sqrt, tanh

from whole.reference.field_curves import (
    BASE,
    IN_THE_RUN,
    TO_THE_END,
    FieldCurve,
    after_warmup,
    assert_line_is_the_formula,
    between,
    clip,
    counted_from_one,
    each_of,
    fall,
    warmed,
)

EPOCHS = {"steps_per_epoch": 10}
LEAST = 1e-05  # timm's min_lr


def wsd(descent, floor=0.0, start=0.0):
    """A warmup of 10 updates, base, and a decay over the last 20."""
    return lambda t: between(start, BASE, t / 10) if t < 10 else between(floor, BASE, descent(clip((t - 80) / 20)))


def torchtitan(descent):
    """The warmup counts from one and the decay from zero; the minimum is a tenth."""
    return lambda t: BASE * (min((t + 1) / 10, 1) if t < 80 else between(0.1, 1, descent(clip((t - 80) / 20))))


def timm_tanh(t):
    return 0.01 + 0.5 * (BASE - 0.01) * (1 - tanh(-7.0 * (1 - t / 100) + 3.0 * t / 100))


FLAT = [
    FieldCurve("torch ConstantLR", "constant(0.5, over=5) >> constant()", lambda t: BASE * (0.5 if t < 5 else 1)),
    FieldCurve("mmengine ConstantLR", "recurrence(rules.constant(0.5, end=5))", lambda t: BASE * (0.5 if t < 4 else 1)),
    FieldCurve("transformers constant", "constant()", lambda t: BASE),
    FieldCurve("optax constant_schedule", "constant(absolute(0.3))", lambda t: 0.3),
    FieldCurve(
        "composer ConstantScheduler", 'constant(0.5, over="50%") >> constant()', lambda t: BASE * (0.5 if t < 50 else 1)
    ),
    FieldCurve("fastai SchedNo", "constant()", lambda t: BASE),
]

STRAIGHT = [
    FieldCurve("transformers linear", "warmup(10) >> linear()", warmed(lambda u: 1 - u)),
    FieldCurve("flair LinearSchedulerWithWarmup", 'warmup("10%") >> linear()', warmed(lambda u: 1 - u)),
    FieldCurve("torch LinearLR", "linear(0.25, 1.0, over=5)", lambda t: BASE * (0.25 + 0.75 * min(t, 5) / 5)),
    FieldCurve(
        "mmengine LinearLR", "recurrence(rules.linear(0.25, end=5))", lambda t: BASE * (0.25 + 0.75 * min(t, 4) / 4)
    ),
    FieldCurve(
        "optax linear_schedule",
        "shift(linear(absolute(0.3), absolute(0.1), over=50), 10)",
        lambda t: between(0.3, 0.1, clip((t - 10) / 50)),
    ),
    FieldCurve("fvcore LinearParamScheduler", "linear(1.0, 0.1)", lambda t: BASE * (1 - 0.9 * t / 100), TO_THE_END),
    FieldCurve("fastai SchedLin", "linear(1.0, 0.1)", lambda t: BASE * (1 - 0.9 * t / 100), TO_THE_END),
    FieldCurve("composer LinearScheduler", 'linear(1.0, 0.1, over="50%")', lambda t: BASE * (1 - 0.9 * clip(t / 50))),
    FieldCurve("torchtitan linear", 'wsd(10, "20%", to=0.1, index="(t+1)/n")', torchtitan(lambda u: 1 - u)),
]

POWERS = [
    FieldCurve("torch PolynomialLR", "polynomial(2.0, over=80)", lambda t: BASE * (1 - min(t, 80) / 80) ** 2),
    FieldCurve(
        "transformers polynomial",
        "warmup(10) >> polynomial(2.0, to=absolute(1e-07))",
        lambda t: BASE * t / 10 if t < 10 else (BASE - 1e-7) * (1 - after_warmup(t)) ** 2 + 1e-7,
    ),
    FieldCurve(
        "mmengine PolyLR",
        "recurrence(rules.polynomial(0.9, to=absolute(0.01), end=51))",
        lambda t: 0.01 + (BASE - 0.01) * (1 - min(t, 50) / 50) ** 0.9,
    ),
    FieldCurve(
        "optax polynomial_schedule",
        "shift(polynomial(3.0, absolute(0.3), absolute(0.1), over=50), 10)",
        lambda t: 0.1 + 0.2 * (1 - clip((t - 10) / 50)) ** 3,
    ),
    FieldCurve(
        "keras PolynomialDecay",
        "polynomial(2.0, to=absolute(0.0001), over=80)",
        lambda t: (BASE - 1e-4) * (1 - min(t, 80) / 80) ** 2 + 1e-4,
    ),
    FieldCurve("fvcore PolynomialDecay", "polynomial(0.9)", lambda t: BASE * (1 - t / 100) ** 0.9, TO_THE_END),
    FieldCurve(
        "composer PolynomialScheduler",
        "polynomial(2.0, to=0.1)",
        lambda t: BASE * (0.1 + 0.9 * (1 - clip(t / 100)) ** 2),
    ),
    FieldCurve(
        "composer PolynomialWithWarmupScheduler",
        "warmup(10) >> polynomial(2.0, to=0.1)",
        warmed(lambda u: 0.1 + 0.9 * (1 - u) ** 2),
    ),
    FieldCurve(
        "timm poly",
        "polynomial(0.5, to=absolute(1e-05))",
        lambda t: between(LEAST, BASE, (1 - clip(t / 100)) ** 0.5),
    ),
    FieldCurve(
        "timm poly k_decay",
        "anneal(1.0, absolute(1e-05), curve=curves.polynomial_k_decay(0.5, 2.0))",
        lambda t: between(LEAST, BASE, (1 - clip(t / 100) ** 2) ** 0.5),
    ),
    FieldCurve(
        "fastai SchedPoly",
        "anneal(0.1, 1.0, curve=curves.power(2))",
        lambda t: BASE * (0.1 + 0.9 * (t / 100) ** 2),
        TO_THE_END,
    ),
    FieldCurve("papers wsd 1-square", "wsd(10, 20, curve=curves.power(2))", wsd(lambda u: 1 - u * u)),
    FieldCurve(
        "transformers wsd 1-sqrt",
        "wsd(10, 20, 0.1, 0.1, curve=curves.one_minus_sqrt)",
        wsd(lambda u: 1 - sqrt(u), 0.1 * BASE, 0.1 * BASE),
    ),
    FieldCurve(
        "torchtitan sqrt",
        'wsd(10, "20%", to=0.1, curve=curves.one_minus_sqrt, index="(t+1)/n")',
        torchtitan(lambda u: 1 - sqrt(u)),
    ),
    FieldCurve(
        "megatron minus_sqrt",
        "wsd(10, 20, to=absolute(0.01), curve=curves.one_minus_sqrt)",
        wsd(lambda u: 1 - sqrt(u), 0.01),
    ),
]

EXPONENTIALS = [
    FieldCurve(
        "megatron WSD exponential",
        "wsd(10, 20, to=absolute(0.01), curve=curves.exponential(0.5))",
        wsd(lambda u: 2 * 0.5**u - 1, 0.01),
    ),
    FieldCurve(
        "timm wsd exp",
        "wsd(10, 20, to=absolute(0.01), curve=curves.exponential(0.1))",
        wsd(lambda u: (0.1**u - 0.1) / 0.9, 0.01),
    ),
    FieldCurve("fvcore Exponential", "geometric(1.0, 0.01)", lambda t: BASE * 0.01 ** (t / 100), TO_THE_END),
    FieldCurve("fastai SchedExp", "geometric(1.0, 0.01)", lambda t: BASE * 0.01 ** (t / 100), TO_THE_END),
    FieldCurve(
        "pytorch-accelerated wsd",
        "wsd(10, 20, to=0.1, curve=curves.inverse_proportional(0.1))",
        lambda t: BASE * (t / 10 if t < 10 else 1 / (clip((t - 80) / 20) / 0.1 + 1 - clip((t - 80) / 20))),
    ),
    FieldCurve("rex", "anneal(curve=curves.rex)", lambda t: BASE * (1 - t / 100) / (1 - t / 200), TO_THE_END),
    FieldCurve(
        "pytorch_optimizer REX",
        "constant(0.1, 1) >> skip(anneal(1, 0.1, curve=curves.rex), 1)",
        lambda t: BASE * (between(0.1, 1, (1 - t / 100) / (1 - t / 200)) if t else 0.1),
        IN_THE_RUN,
    ),
    FieldCurve(
        "axolotl RexLR",
        "warmup(10) >> anneal(to=0.1, curve=curves.rex)",
        warmed(lambda u: 0.1 + 0.9 * (1 - u) / (1 - u / 2)),
    ),
    FieldCurve(
        "timm tanh",
        'tanh(to=absolute(0.01), over="100%") >> constant(absolute(0.01))',
        lambda t: timm_tanh(t) if t < 100 else 0.01,
    ),
    FieldCurve(
        "timm tanh, warmup over it",
        "overlay(warmup(10, absolute(1e-05), to=following), tanh(to=absolute(0.01)))",
        lambda t: between(LEAST, timm_tanh(10), t / 10) if t < 10 else timm_tanh(t),
        IN_THE_RUN,
    ),
]

COSINES = [
    FieldCurve("transformers cosine", "warmup(10) >> cosine()", warmed(fall)),
    FieldCurve(
        "transformers cosine behind its end",
        "warmup(10) >> restarts(cosine_wave(over=180), 180)",
        lambda t: BASE * (t / 10 if t < 10 else fall((t - 10) / 90)),
    ),
    FieldCurve("transformers cosine num_cycles=1.5", "warmup(10) >> cosine_wave(1.5)", warmed(lambda u: fall(3 * u))),
    FieldCurve("transformers cosine num_cycles=0.4", "warmup(10) >> cosine_wave(0.4)", warmed(lambda u: fall(0.8 * u))),
    FieldCurve(
        "transformers wsd cosine",
        "wsd(10, 20, 0.1, 0.1, curve=curves.cosine)",
        wsd(fall, 0.1 * BASE, 0.1 * BASE),
    ),
    FieldCurve(
        "transformers cosine_with_min_lr", "warmup(10) >> cosine(to=0.1)", warmed(lambda u: 0.1 + 0.9 * fall(u))
    ),
    FieldCurve(
        "transformers cosine_warmup_with_min_lr",
        'warmup(10, index="(t+1)/n") >> cosine(to=0.1, index="(t+1)/n")',
        lambda t: BASE * ((t + 1) / 10 if t < 10 else 0.1 + 0.9 * fall((t - 9) / 90)),
        IN_THE_RUN,
    ),
    FieldCurve(
        "transformers cosine_warmup_with_min_lr warmup_lr_rate",
        'warmup(10, 0.2, index="t/(n-1)") >> cosine(to=0.1, index="(t+1)/n")',
        lambda t: BASE * (0.2 + 0.8 * t / 9 if t < 10 else 0.1 + 0.9 * fall((t - 9) / 90)),
        IN_THE_RUN,
    ),
    FieldCurve(
        "torch CosineAnnealingLR",
        "restarts(cosine_wave(to=absolute(0.01), over=80), 80)",
        lambda t: 0.01 + (BASE - 0.01) * fall(t / 40),
    ),
    FieldCurve(
        "optax cosine_decay_schedule",
        "cosine(start=absolute(0.3), to=absolute(0.03), over=80)",
        lambda t: 0.3 * (0.9 * fall(min(t, 80) / 80) + 0.1),
    ),
    FieldCurve(
        "optax cosine_decay_schedule exponent",
        "anneal(1.0, 0.1, 80, curves.cosine_power(2.0))",
        lambda t: BASE * (0.9 * fall(min(t, 80) / 80) ** 2 + 0.1),
    ),
    FieldCurve(
        "optax warmup_cosine_decay_schedule",
        "warmup(10, 0.1) >> cosine(to=0.2, over=80)",
        lambda t: BASE * (0.1 + 0.9 * t / 10 if t < 10 else 0.2 + 0.8 * fall(min(t - 10, 80) / 80)),
    ),
    FieldCurve(
        "keras CosineDecay",
        "warmup(10, absolute(0.02), absolute(0.4)) >> cosine(start=absolute(0.4), to=absolute(0.04), over=60)",
        lambda t: 0.02 + 0.38 * t / 10 if t < 10 else 0.4 * (0.9 * fall(min(t - 10, 60) / 60) + 0.1),
    ),
    FieldCurve("composer CosineAnnealing", "cosine(to=0.1)", lambda t: BASE * (0.1 + 0.9 * fall(clip(t / 100)))),
    FieldCurve(
        "composer CosineAnnealingWithWarmup",
        'warmup("10%") >> cosine(to=0.1)',
        warmed(lambda u: 0.1 + 0.9 * fall(u)),
    ),
    FieldCurve(
        "timm cosine k_decay",
        "anneal(1.0, absolute(1e-05), curve=curves.cosine_k_decay(2.0))",
        lambda t: between(LEAST, BASE, fall(clip(t / 100) ** 2)),
    ),
    FieldCurve(
        "timm cosine, warmup over it",
        "overlay(warmup(10, absolute(1e-05)), cosine(to=absolute(1e-06)))",
        lambda t: between(LEAST, BASE, t / 10) if t < 10 else between(1e-6, BASE, fall(clip(t / 100))),
    ),
    FieldCurve(
        "timm cosine, warmup_prefix",
        "warmup(10, absolute(1e-05)) >> cosine(to=absolute(1e-06))",
        lambda t: between(LEAST, BASE, t / 10) if t < 10 else between(1e-6, BASE, fall(after_warmup(t))),
    ),
    FieldCurve(
        "timm cosine by epochs",
        'every(cosine(to=absolute(1e-05)), "1 epoch")',
        lambda t: between(LEAST, BASE, fall(clip(t // 10 / 10))),
        facts=EPOCHS,
    ),
    FieldCurve("fastai SchedCos", "cosine(to=0.1)", lambda t: BASE * (0.1 + 0.9 * fall(t / 100)), TO_THE_END),
    FieldCurve(
        "fvcore WarmupCosine, fixed",
        "overlay(warmup(10, 0.1), cosine())",
        lambda t: BASE * (0.1 + 0.9 * t / 10 if t < 10 else fall(t / 100)),
        IN_THE_RUN,
    ),
    FieldCurve(
        "detectron2 WarmupCosineLR",
        "overlay(warmup(10, 0.001, to=following), cosine())",
        lambda t: BASE * (between(0.001, fall(0.1), t / 10) if t < 10 else fall(t / 100)),
        IN_THE_RUN,
    ),
    FieldCurve(
        "OLMo-core CosWithWarmup",
        'warmup(10, index="(t+1)/n") >> cosine(to=0.1, index="(t+1)/n")',
        counted_from_one(lambda u: 0.1 + 0.9 * fall(u)),
    ),
    FieldCurve(
        "OLMo-core LinearWithWarmup",
        'warmup(10, index="(t+1)/n") >> linear(to=0.1, index="(t+1)/n")',
        counted_from_one(lambda u: 1 - 0.9 * u),
    ),
    FieldCurve(
        "OLMo-core HalfCosWithWarmup",
        'warmup(10, index="(t+1)/n") >> anneal(1, 0.1, curve=curves.half_cosine, index="(t+1)/n")',
        counted_from_one(lambda u: 0.1 + 0.9 * (1 + cos(pi / 2 + pi * u / 2))),
    ),
    FieldCurve(
        "nanoGPT",
        'warmup(10, index="(t+1)/(n+1)") >> cosine(to=absolute(0.02))',
        lambda t: BASE * (t + 1) / 11 if t < 10 else between(0.02, BASE, fall(after_warmup(t))),
    ),
    FieldCurve(
        "litgpt pretrain",
        "warmup(10) >> cosine(to=absolute(0.02), over=80) >> constant(absolute(0.02))",
        lambda t: BASE * t / 10 if t < 10 else between(0.02, BASE, fall(clip((t - 10) / 80))),
    ),
    FieldCurve("axolotl cosine_min_lr_ratio", "warmup(10) >> cosine(to=0.1)", warmed(lambda u: 0.1 + 0.9 * fall(u))),
    FieldCurve(
        "Hoffmann et al. 2022, too long",
        'cosine(to=0.1, over="150%")',
        lambda t: BASE * (0.1 + 0.9 * fall(t / 150)),
        IN_THE_RUN,
    ),
    FieldCurve(
        "I-JEPA ipe_scale",
        'with_lengths(cosine(over="125%"), "floor")',
        lambda t: BASE * fall(t / int(1.25 * 77)),
        range(77),
        77,
    ),
]

STAIRS = [
    FieldCurve("torch StepLR", "step(30, gamma=0.3)", lambda t: BASE * 0.3 ** (t // 30)),
    FieldCurve(
        "torch MultiStepLR",
        "multistep([30, 80, 80], gamma=0.3)",
        lambda t: BASE * 0.3 ** sum(m <= t for m in (30, 80, 80)),
    ),
    FieldCurve("timm step", 'step("3 epochs", gamma=0.3)', lambda t: BASE * 0.3 ** (t // 10 // 3), facts=EPOCHS),
    FieldCurve(
        "timm multistep",
        'multistep(["2 epochs", "7 epochs"], gamma=0.3)',
        lambda t: BASE * 0.3 ** sum(m <= t // 10 + 1 for m in (3, 8)),
        facts=EPOCHS,
    ),
    FieldCurve(
        "keras PiecewiseConstantDecay",
        "piecewise([(0, absolute(0.3)), (31, absolute(0.2)), (81, absolute(0.05))])",
        lambda t: 0.3 if t <= 30 else 0.2 if t <= 80 else 0.05,
    ),
    FieldCurve(
        "optax piecewise_constant_schedule",
        "multistep([30], 0.5) * multistep([80], 0.1)",
        lambda t: BASE * (0.5 if t >= 30 else 1) * (0.1 if t >= 80 else 1),
    ),
    FieldCurve(
        "optax piecewise_interpolate_schedule linear",
        "piecewise([(0, 1.0), (30, 0.5), (80, 0.05)], curve=curves.linear)",
        lambda t: BASE * (between(1, 0.5, t / 30) if t < 30 else between(0.5, 0.05, clip((t - 30) / 50))),
    ),
    FieldCurve(
        "optax piecewise_interpolate_schedule cosine",
        "piecewise([(0, 1.0), (30, 0.5), (80, 0.05)], curve=curves.cosine)",
        lambda t: BASE * (between(0.5, 1, fall(t / 30)) if t < 30 else between(0.05, 0.5, fall(clip((t - 30) / 50)))),
    ),
    FieldCurve(
        "ignite PiecewiseLinear",
        "piecewise([(10, 0.5), (20, 1.0), (80, 0.1)], curve=curves.linear)",
        lambda t: BASE * (between(0.5, 1, clip((t - 10) / 10)) if t < 20 else between(1, 0.1, clip((t - 20) / 60))),
    ),
    FieldCurve(
        "fvcore MultiStepParamScheduler",
        'piecewise([(0, 1.0), ("30%", 0.5), ("80%", 0.1)])',
        lambda t: BASE * (1 if t < 30 else 0.5 if t < 80 else 0.1),
    ),
    FieldCurve(
        "fvcore StepParamScheduler",
        'piecewise([(0, 1.0), ("25%", 0.5), ("50%", 0.2), ("75%", 0.1)])',
        lambda t: BASE * [1, 0.5, 0.2, 0.1][int(t / 100 * 4)],
        IN_THE_RUN,
    ),
    FieldCurve("fvcore StepWithFixedGamma", 'step("25%", 0.5)', lambda t: BASE * 0.5 ** int(t / 100 * 4), IN_THE_RUN),
    FieldCurve("composer StepScheduler", 'step("3 epochs", 0.3)', lambda t: BASE * 0.3 ** (t // 30), facts=EPOCHS),
    FieldCurve(
        "composer MultiStepScheduler",
        'multistep(["3 epochs", "8 epochs"], 0.3)',
        lambda t: BASE * 0.3 ** ((t >= 30) + (t >= 80)),
        facts=EPOCHS,
    ),
    FieldCurve(
        "composer MultiStepWithWarmupScheduler",
        "overlay(warmup(10), multistep([5, 50], 0.1))",
        lambda t: BASE * (t / 10 if t < 10 else 0.1 ** ((t >= 5) + (t >= 50))),
    ),
    FieldCurve(
        "paddle PiecewiseDecay",
        "piecewise([(0, 1.0), (30, 0.5), (80, 0.1)])",
        lambda t: BASE * (1 if t < 30 else 0.5 if t < 80 else 0.1),
    ),
    FieldCurve(
        "big_vision stair",
        "warmup(10) * piecewise([(0, 1.0), (30, 0.5), (80, 0.1)])",
        lambda t: BASE * min(t / 10, 1) * (1 if t < 30 else 0.5 if t < 80 else 0.1),
    ),
]


@each_of([*FLAT, *STRAIGHT, *POWERS, *EXPONENTIALS, *COSINES, *STAIRS])
def test_a_schedule_has_the_published_values_at_every_update(curve):
    assert_line_is_the_formula(curve)
