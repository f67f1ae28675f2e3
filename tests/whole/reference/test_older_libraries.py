"""Schedules of older or smaller libraries: Caffe, Darknet, Chainer, MXNet, NeMo, ESPnet, and others."""

from math import sqrt

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
)

EPOCHS = {"steps_per_epoch": 10}


def times_base(formula):
    return lambda t: BASE * formula(t)


def seen_late(formula):
    """The value in a library that increments its counter before the update."""
    return lambda t: BASE * formula(t + 1)


def warmed_by_nemo(then, warmup=10):
    """NeMo's warmup, which starts above 0 and is one update longer than its argument."""
    return lambda t: BASE * ((t + 1) / (warmup + 1) if t <= warmup else then(t))


CAFFE = [
    FieldCurve("caffe inv", "inverse_time(0.05) ** 0.75", times_base(lambda t: (1 + 0.05 * t) ** -0.75)),
    FieldCurve(
        "detectron2 WarmupCosineLR, the old class", "(warmup(10, 0.001) >> constant()) * cosine()",
        times_base(lambda t: min(0.001 * (1 - t / 10) + t / 10, 1) * fall(min(t, 100) / 100)),
    ),
    FieldCurve(
        "detectron2 WarmupPolyLR", "polynomial(0.9) * (warmup(10, 0.001) >> constant())",
        times_base(lambda t: min(0.001 * (1 - t / 10) + t / 10, 1) * (1 - min(t, 100) / 100) ** 0.9),
    ),
    FieldCurve("caffe exp", "exponential(0.97)", times_base(lambda t: 0.97**t)),
    FieldCurve("caffe poly", "polynomial(0.9)", times_base(lambda t: (1 - min(t, 100) / 100) ** 0.9)),
    FieldCurve(
        "darknet burn_in",
        "skip(overlay(warmup(10, curve=curves.power(4)), multistep([40, 60])), 1)",
        seen_late(lambda k: (k / 10) ** 4 if k < 10 else 0.1 ** ((k >= 40) + (k >= 60))),
    ),
    FieldCurve(
        "yolov5 lrf", 'every(linear(to=0.01), "epoch")',
        times_base(lambda t: (1 - min(t // 10, 10) / 10) * 0.99 + 0.01), facts=EPOCHS,
    ),
    FieldCurve(
        "yolov5 cos_lr", 'every(cosine(to=0.01), "epoch")',
        times_base(lambda t: between(1, 0.01, rise(min(t // 10, 10) / 10))), facts=EPOCHS,
    ),
    FieldCurve(
        "chainer InverseShift with a target", "clamp(inverse_time(0.05) ** 0.75, low=0.5)",
        times_base(lambda t: max((1 + 0.05 * t) ** -0.75, 0.5)),
    ),
    FieldCurve(
        "chainer LinearShift", "shift(linear(1.0, 0.1, over=50), 20)",
        times_base(lambda t: between(1, 0.1, clip((t - 20) / 50))),
    ),
    FieldCurve("chainer WarmupShift", "warmup(10, 0.1) >> constant()", times_base(lambda t: min(0.1 + 0.09 * t, 1))),
    FieldCurve(
        "mxnet FactorScheduler", "clamp(step(30, 0.1), low=absolute(0.001))",
        lambda t: max(BASE * 0.1 ** len(range(30, t + 1, 30)), 0.001),
    ),
    FieldCurve(
        "mxnet MultiFactorScheduler with a warmup", "overlay(skip(warmup(10), 1), multistep([40, 60]))",
        seen_late(lambda k: k / 10 if k < 10 else 0.1 ** ((k > 40) + (k > 60))),
    ),
    FieldCurve(
        "mxnet PolyScheduler", 'skip(warmup(10) >> polynomial(2.0), 1, of="100%")',
        seen_late(lambda k: k / 10 if k < 10 else (1 - after_warmup(k)) ** 2),
    ),
    FieldCurve(
        "mxnet CosineScheduler", 'skip(warmup(10) >> cosine(to=absolute(0.01)), 1, of="100%")',
        lambda t: BASE * (t + 1) / 10 if t + 1 < 10 else between(0.01, BASE, fall(after_warmup(t + 1))),
    ),
]  # fmt: skip
NEMO = [
    FieldCurve(
        "nemo WarmupAnnealing", 'warmup(10, index="(t+1)/(n+1)") >> linear()',
        warmed_by_nemo(lambda t: 1 - after_warmup(t)),
    ),
    FieldCurve(
        "nemo CosineAnnealing", 'warmup(10, index="(t+1)/(n+1)") >> cosine(to=absolute(0.01))',
        lambda t: BASE * (t + 1) / 11 if t <= 10 else between(0.01, BASE, fall(after_warmup(t))),
    ),
    FieldCurve(
        "nemo CosineAnnealing with constant_steps", "warmup(10) >> cosine(to=absolute(0.01)) >> constant(previous, 20)",
        lambda t: BASE * t / 10 if t <= 10 else between(0.01, BASE, fall(clip((t - 10) / 70))),
    ),
    FieldCurve(
        "nemo InverseSquareRootAnnealing", 'warmup(10, index="(t+1)/(n+1)") >> inverse_sqrt(11)',
        warmed_by_nemo(lambda t: 1 / sqrt((t + 1) / 11)), times=range(101),
    ),
    FieldCurve(
        "nemo SquareAnnealing", 'warmup(10, index="(t+1)/(n+1)") >> clamp(polynomial(2.0), low=absolute(0.01))',
        lambda t: BASE * (t + 1) / 11 if t <= 10 else max(BASE * (1 - after_warmup(t)) ** 2, 0.01),
    ),
    FieldCurve(
        "nemo SquareRootAnnealing",
        'overlay(warmup(11, index="(t+1)/n"), clamp(polynomial(0.5), low=absolute(0.01)))',
        lambda t: BASE * (t + 1) / 11 if t <= 10 else max(BASE * sqrt(max(100 - t, 0) / 100), 0.01),
    ),
    FieldCurve(
        "nemo NoamAnnealing", "shift(noam(512, 10, factor=0.2), 1)",
        lambda t: 0.2 * 512**-0.5 * min(max(t, 1) ** -0.5, max(t, 1) * 10**-1.5),
    ),
    FieldCurve(
        "nemo NoamHoldAnnealing",
        'warmup(10, index="(t+1)/(n+1)") >> constant(over=30) >> power_law(1.0, 10)',
        warmed_by_nemo(lambda t: 1 if t < 40 else 10 / (t - 30)), times=range(101),
    ),
    FieldCurve(
        "nemo PolynomialHoldDecayAnnealing",
        'warmup(10, index="(t+1)/(n+1)") >> constant(over=30) >> polynomial(2.0, to=0.1)',
        warmed_by_nemo(lambda t: 1 if t < 40 else between(0.1, 1, (1 - clip((t - 40) / 60)) ** 2)),
    ),
    FieldCurve(
        "espnet WarmupLR", "skip(warmup(10) >> inverse_sqrt(10), 1)",
        seen_late(lambda k: sqrt(10) * min(k**-0.5, k * 10**-1.5)),
    ),
    FieldCurve(
        "espnet WarmupStepLR", "skip(warmup(20) >> step(30, gamma=0.1), 1)",
        seen_late(lambda k: k / 20 if k <= 20 else 0.1 ** ((k // 10 - 2) // 3)),
    ),
    FieldCurve(
        "espnet ExponentialDecayWarmup", "constant(over=10) >> geometric(1.0, 0.01)",
        times_base(lambda t: 0.01 ** after_warmup(t)),
    ),
    FieldCurve(
        "espnet PiecewiseLinearWarmupLR",
        "skip(take(piecewise([(0, absolute(0.0)), (10, absolute(0.05)), (30, absolute(0.2))], curve=curves.linear), "
        "30) >> inverse_sqrt(30), 1)",
        lambda t: (t + 1) * 0.005 if t < 10 else 0.05 + (t - 9) * 0.0075 if t < 30 else BASE * sqrt(30 / (t + 1)),
    ),
]  # fmt: skip
OTHERS = [
    FieldCurve(
        "t5x rsqrt_normalized_decay", "constant(over=10) >> inverse_sqrt(10)",
        times_base(lambda t: sqrt(10) / sqrt(max(t, 10))),
    ),
    FieldCurve(
        "t5x steps_per_cycle", "warmup(10) >> restarts(cosine(), 40)",
        times_base(lambda t: t / 10 if t < 10 else fall((t - 10) % 40 / 40)),
    ),
    FieldCurve(
        "sockeye LearningRateSchedulerInvSqrtT", 'skip(inverse_sqrt("40/3 steps"), 1)',
        seen_late(lambda k: 1 / sqrt(1 + 3 * k / 40)),
    ),
    FieldCurve(
        "sockeye LearningRateSchedulerInvT", "skip(inverse_time(1.0, per=40), 1)", seen_late(lambda k: 1 / (1 + k / 40))
    ),
    FieldCurve(
        "sockeye LearningRateSchedulerLinearDecay", 'skip((warmup(10) >> constant()) * linear(), 1, of="100%")',
        seen_late(lambda k: min(k / 10, 1) * (1 - min(k, 100) / 100)),
    ),
    FieldCurve(
        "opennmt start_decay_steps", "skip(constant(over=50) >> 0.5 * step(10, gamma=0.5), 1)",
        seen_late(lambda k: 0.5 ** (max(k - 50 + 10, 0) // 10)),
    ),
    FieldCurve(
        "opennmt noamwd", "noam(512, 10) * skip(constant(over=50) >> 0.5 * step(10, gamma=0.5), 1)",
        lambda t: 512**-0.5 * min((t + 1) ** -0.5, (t + 1) * 10**-1.5) * 0.5 ** (max(t + 1 - 50 + 10, 0) // 10),
    ),
    FieldCurve(
        "paddle NoamDecay", "constant(0.0, 1) >> noam(512, 10)",
        lambda t: 512**-0.5 * min(t**-0.5, t * 10**-1.5) if t else 0,
    ),
    FieldCurve(
        "allennlp noam", "shift(noam(512, 10), 1)",
        lambda t: 512**-0.5 * min(max(t, 1) ** -0.5, max(t, 1) * 10**-1.5),
    ),
    FieldCurve(
        "tf-models LinearWarmup", "overlay(warmup(10, absolute(0.01), to=following), cosine())",
        lambda t: BASE * fall(min(t, 100) / 100) if t >= 10 else between(0.01, BASE * fall(0.1), t / 10),
    ),
    FieldCurve(
        "tf-models PolynomialWarmUp", "overlay(warmup(10, to=following, curve=curves.power(2)), cosine())",
        lambda t: BASE * (fall(min(t, 100) / 100) if t >= 10 else fall(0.1) * (t / 10) ** 2), times=range(1, 131),
    ),
    FieldCurve(
        "tf-models PowerDecayWithOffset",
        "clamp(constant(absolute(0.2), over=21) >> power_law(0.5, 1), high=absolute(0.2))",
        lambda t: min(0.2, BASE * (t - 20) ** -0.5) if t > 20 else 0.2,
    ),
    FieldCurve(
        "fairseq manual", 'piecewise([(0, absolute(0.1)), ("4 epochs", absolute(0.01))])',
        lambda t: 0.1 if t < 40 else 0.01, facts=EPOCHS,
    ),
    FieldCurve("tf-models DirectPowerDecay", "shift(power_law(0.5, 1), 1)", times_base(lambda t: max(t, 1) ** -0.5)),
    FieldCurve(
        "tf-models PowerAndLinearDecay", 'shift(power_law(0.5, 1), 1) * (constant() >> linear(over="10%"))',
        times_base(lambda t: max(t, 1) ** -0.5 * min(1, max(0, (100 - t) / 10))),
    ),
    FieldCurve(
        "tf-models StepCosineDecayWithOffset",
        "shift(piecewise([(0, 1.0), (40, 0.5), (80, 0.0)], curve=curves.cosine), 5)",
        times_base(lambda t: between(0.5, 1, fall((t - 5) / 40)) if t < 45 else 0.5 * fall(clip((t - 45) / 40))),
        times=range(5, 131),
    ),
    FieldCurve(
        "fairseq cosine with lr-period-updates and lr-shrink",
        'warmup(10) >> cosine_restarts(12, mult=1.5, to=absolute(0.01), gamma=0.5, to_gamma=0.5, lengths="exact")',
        lambda t: BASE * t / 10 if t < 10 else _shrinking(t - 10), times=range(100),
    ),
    FieldCurve(
        "fairseq fixed", 'warmup(10, index="(t+1)/n") >> constant()', times_base(lambda t: min((t + 1) / 10, 1))
    ),
    FieldCurve(
        "fairseq triangular with lr-shrink",
        "restarts(cyclic(10, start=0.0), 20, gamma=0.5) + cyclic(10, start=0.1, to=0.0)",
        times_base(lambda t: 0.1 + (0.5 ** (t // 20) - 0.1) * max(0, 1 - abs(t / 10 - 2 * (t // 20 + 1) + 1))),
    ),
    FieldCurve(
        "fairseq triangular with shrink-min", "restarts(cyclic(10, start=0.1), 20, gamma=0.5)",
        times_base(lambda t: 0.5 ** (t // 20) * (0.1 + 0.9 * max(0, 1 - abs(t / 10 - 2 * (t // 20 + 1) + 1)))),
    ),
    FieldCurve(
        "catalyst OneCycleLRWithWarmup",
        'linear(0.1, 1.0, 10, index="t/(n-1)") >> linear(to=0.05, index="t/(n-1)") '
        '>> linear(0.05, 0.01, 20, index="t/(n-1)")',
        times_base(
            lambda t: between(0.1, 1, t / 9) if t < 10 else between(1, 0.05, (t - 10) / 69) if t < 80 else
            between(0.05, 0.01, clip((t - 80) / 19))
        ),
    ),
    FieldCurve("mean teacher cosine_rampdown", "cosine()", times_base(lambda t: fall(min(t, 100) / 100))),
]  # fmt: skip


def _shrinking(t):
    """fairseq's cycles of 12, 18, 27, 40.5, … updates, each half as high."""
    number, begin, length = 0, 0.0, 12.0
    while t >= begin + length:
        number, begin, length = number + 1, begin + length, length * 1.5
    return 0.5**number * between(0.01, BASE, fall((t - begin) / length))


@each_of([*CAFFE, *NEMO, *OTHERS])
def test_a_schedule_has_the_values_of_the_library_at_every_update(curve):
    assert_line_is_the_formula(curve)
