"""Recipes of vision, compared with formulas from their papers and code."""

from bisect import bisect_right
from math import ceil, cos, pi

import numpy as np
import pytest

from support.published_runs import Run, half_wave, line


def stairs(peak, factor, *milestones):
    """An lr that is multiplied by a factor at each milestone."""
    return lambda t: peak * factor ** bisect_right(milestones, t)


def by_epoch(formula, epoch):
    return lambda t: formula(t // epoch)


def cosine_after(peak, warm, total, low=0.0, begin=0.0, last=False):
    """A linear warmup, then a cosine; with `last` the warmup reaches its peak in its last update, as linspace does."""

    def rate(t):
        return line(t, 0, warm - last, begin, peak) if t < warm else half_wave(t, warm, total, peak, low)

    return rate


# Each row: updates of an epoch, epochs, the formula.
STAIRS = {
    "resnet50-torchvision": (5005, 90, stairs(0.1, 0.1, 30 * 5005, 60 * 5005)),
    "wide-resnet-28-10-cifar10": (391, 200, stairs(0.1, 0.2, 60 * 391, 120 * 391, 160 * 391)),
    "densenet-bc-cifar10": (782, 300, stairs(0.1, 0.1, 150 * 782, 225 * 782)),
    "inception-v3": (801, 100, by_epoch(lambda e: 0.045 * 0.94 ** (e // 2), 801)),
    "mobilenet-v2": (835, 400, by_epoch(lambda e: 0.045 * 0.98**e, 835)),
    "moco-v1": (5004, 200, stairs(0.03, 0.1, 120 * 5004, 160 * 5004)),
    "detr-r50": (1848, 300, stairs(1e-4, 0.1, 200 * 1848)),
    "deformable-detr-r50": (3697, 50, stairs(2e-4, 0.1, 40 * 3697)),
}


@pytest.mark.parametrize("name", STAIRS)
def test_stairs(name):
    epoch, epochs, rate = STAIRS[name]
    run = Run(name)

    assert run.total == epochs * epoch
    run.agrees("lr", rate, *(mark * epoch for mark in (1, 2, 30, 40, 60, 120, 150, 160, 200, 225)))


# Each row: updates per epoch, epochs, warmup epochs, and the levels of the cosine.
COSINES = {
    "mae-vitl": (312, 800, 40, {"peak": 1.5e-4 * 16}),
    "mae-vitl-finetuning": (1251, 50, 5, {"peak": 1e-3 * 4, "low": 1e-6}),
    "moco-v3-vitb": (312, 300, 40, {"peak": 1.5e-4 * 16}),
    "simclr-resnet50": (313, 1000, 10, {"peak": 0.3 * 16}),
    "byol-resnet50": (312, 1000, 10, {"peak": 0.2 * 16}),
    "vicreg-resnet50": (625, 1000, 10, {"peak": 0.2 * 8, "low": 0.002}),
    "convnext-t": (312, 300, 20, {"peak": 4e-3, "low": 1e-6, "last": True}),
    "swav-resnet50": (312, 800, 10, {"peak": 4.8, "low": 0.0048, "begin": 0.3, "last": True}),
    "dino-vits16": (1251, 800, 10, {"peak": 5e-4 * 4, "low": 1e-5, "last": True}),
}


@pytest.mark.parametrize("name", COSINES)
def test_a_warmup_and_a_cosine(name):
    epoch, epochs, warm, levels = COSINES[name]
    run = Run(name)

    assert run.total == epochs * epoch
    run.agrees("lr", cosine_after(warm=warm * epoch, total=epochs * epoch, **levels), warm * epoch)


def test_swin_t():
    rate = cosine_after(warm=20 * 1251, total=300 * 1251, peak=5e-4 * 2, low=5e-6 * 2, begin=5e-7 * 2)

    # lr_scheduler.step_update(t) comes after update t; before the first one the rate is that of 0.
    Run("swin-t").agrees("lr", lambda t: rate(max(t - 1, 0)), 20 * 1251)


def test_targets_of_self_supervised_runs():
    def momentum(low):
        return lambda k: 1 - (1 - low) * (cos(pi * k / total) + 1) / 2

    for name, field, low in [
        ("moco-v3-vitb", "encoder_momentum", 0.99),
        ("byol-resnet50", "target_momentum", 0.996),
        ("dino-vits16", "teacher_momentum", 0.996),
    ]:
        run = Run(name)
        total = run.total
        run.agrees(field, momentum(low))
    run.agrees("weight_decay", lambda t: half_wave(t, 0, total, 0.04, 0.4))
    temperatures = [*np.linspace(0.04, 0.07, 30), *[0.07] * 770]
    run.agrees("teacher_temperature", lambda t: temperatures[t // 1251], 1251, 29 * 1251, 30 * 1251)
    whole = cosine_after(2e-3, 12_510, total, 1e-5, last=True)
    run.agrees("lr", lambda t: 0.0 if t < 1251 else whole(t), 1251, 12_510, group="last_layer")


def test_torchvisions_new_recipe():
    def rate(epoch):
        if epoch < 5:
            return 0.5 * (0.01 + 0.99 * epoch / 5)
        return 0.5 * (1 + cos(pi * (epoch - 5) / 595)) / 2

    Run("resnet50-torchvision-v2").agrees("lr", by_epoch(rate, 1252), 1252, 5 * 1252, 300 * 1252)


def test_resnet110():
    def rate(t):
        return 0.01 if t < 400 else 0.1 / 10 ** ((t >= 32_000) + (t >= 48_000))

    run = Run("resnet110-cifar10")
    assert run.total == 64_000
    run.agrees("lr", rate, 400, 32_000, 48_000)


def test_sgdr():
    ends = [10 * 391, 30 * 391, 70 * 391, 150 * 391]

    def rate(t):
        cycle = bisect_right(ends, t)
        length = 10 * 391 * 2**cycle
        return 0.05 * (1 + cos(pi * (t - (ends[cycle] - length)) / length)) / 2

    run = Run("sgdr-wrn-28-10")
    assert run.total == ends[-1]
    run.agrees("lr", rate, *(end - 3 for end in ends), *(end + 2 for end in ends))


def test_snapshots():
    cycle = ceil(200 * 782 / 5)

    def alpha(t):
        return 0.1 / 2 * (cos(pi * ((t - 1) % cycle) / cycle) + 1)  # equation 2 counts from 1

    Run("snapshot-ensemble-resnet110").agrees("lr", lambda t: alpha(t + 1), cycle, 4 * cycle)


def test_one_curve_over_the_run():
    Run("budgeted-resnet18-cifar10").agrees("lr", lambda t: 0.1 * (1 - t / 78_200))
    Run("shake-shake-cifar10").agrees("lr", lambda t: half_wave(t, 0, 1800 * 391, 0.2, 0.0))
    Run("deeplabv3-voc").agrees("lr", lambda t: 0.007 * (1 - t / 30_000) ** 0.9)
    Run("moco-v2").agrees("lr", by_epoch(lambda e: 0.03 * 0.5 * (1 + cos(pi * e / 200)), 5004), 5004)
    Run("nnunet").agrees("lr", by_epoch(lambda e: 0.01 * (1 - e / 1000) ** 0.9, 250), 250, 500)


def test_lines_up_and_down():
    def dawn(t):
        return float(np.interp(t / 98, [0, 5, 24], [0, 0.4, 0]))

    def triangle(t):
        return np.interp(t, [0, int(0.23 * 476), 476], [0.2, 1, 0.07]) * 11.5 / (1024 * (1 + 1 / (1 - 0.85)))

    run = Run("airbench94-cifar10")
    assert run.total == ceil(48 * 9.9)
    run.agrees("lr", triangle, 109)
    run.agrees("lr", lambda t: 64 * triangle(t), 109, group="norm_biases")
    Run("dawnbench-resnet9").agrees("lr", dawn, 490)
    Run("super-convergence-resnet56").agrees("lr", lambda t: 0.1 + 2.9 * (1 - abs(t - 5000) / 5000), 5000)


def test_efficientnet():
    epoch = 626

    def rate(t):
        return 0.128 * (t / (5 * epoch) if t < 5 * epoch else 0.97 ** (10 * t // (24 * epoch)))

    run = Run("efficientnet-b0")
    assert run.total == 350 * epoch
    run.agrees("lr", rate, 5 * epoch, ceil(2.4 * 3 * epoch), 12 * epoch)


def test_big_vision():
    run = Run("vit-s16-baseline")
    assert run.total == int(90 * 1281167 / 1024)
    run.agrees("lr", cosine_after(1e-3, 10_000, run.total), 10_000)

    def rate(step):
        root = (10_000 / (10_000 + max(step - 10_000, 0))) ** 0.5
        return 8e-4 * root * min(1, step / 10_000) * min(1, (1_000_000 - step) / 50_000)

    Run("vit-g14-jft").agrees("lr", rate, 10_000, 950_000)


def test_deit():
    def timm(epoch):
        """The CosineLRScheduler of timm, whose warmup replaces the start of the cosine."""
        if epoch < 5:
            return 1e-6 + epoch * (1e-3 - 1e-6) / 5
        return 1e-5 + 0.5 * (1e-3 - 1e-5) * (1 + cos(pi * epoch / 300))

    marks = [mark * 1251 for mark in (1, 2, 5, 6, 7)]
    Run("deit-b16").agrees("lr", by_epoch(lambda e: timm(max(e - 1, 0)), 1251), *marks)


def test_simsiam():
    run = Run("simsiam-resnet50")

    run.agrees("lr", by_epoch(lambda e: 0.05 * 2 * 0.5 * (1 + cos(pi * e / 100)), 2502), 2502)
    run.agrees("lr", lambda t: 0.1, group="predictor")


def test_barlow_twins():
    def adjusted(step):
        base, warm = 2048 / 256, 10 * 625
        if step < warm:
            return base * step / warm
        q = 0.5 * (1 + cos(pi * (step - warm) / (1000 * 625 - warm)))
        return base * q + base * 0.001 * (1 - q)

    run = Run("barlow-twins-resnet50")
    run.agrees("lr", lambda step: 0.2 * adjusted(step), 6250)
    run.agrees("lr", lambda step: 0.0048 * adjusted(step), 6250, group="biases")


def test_ijepa():
    epoch, total = 625, 300 * 625

    def rate(step):
        """The step is incremented before the value is computed."""
        step += 1
        if step < 40 * epoch:
            return 2e-4 + step / (40 * epoch) * (1e-3 - 2e-4)
        return half_wave(step, 40 * epoch, total, 1e-3, 1e-6)

    run = Run("ijepa-vith14")
    assert run.total == total
    run.agrees("lr", rate, 40 * epoch)
    run.agrees("weight_decay", lambda t: half_wave(t + 1, 0, total, 0.04, 0.4))
    run.agrees("target_momentum", lambda i: 0.996 + i * (1.0 - 0.996) / total)


def test_clip():
    run = Run("clip-vitb32")
    assert run.total == 32 * 12_207
    run.agrees("lr", cosine_after(5e-4, 2000, run.total), 2000)
    run = Run("openclip-vitb32-laion400m")
    whole = cosine_after(5e-4, 2000, 32 * 12_431)
    run.agrees("lr", lambda t: 5e-4 * (t + 1) / 2000 if t < 2000 else whole(t), 2000)


@pytest.mark.parametrize(("name", "epochs"), [("yolov5s", 300), ("yolov8n", 500)])
def test_yolo(name, epochs):
    epoch, warm = 1849, 3 * 1849

    def of_epoch(t):
        return 0.01 * ((1 - (t // epoch) / epochs) * (1.0 - 0.01) + 0.01)

    run = Run(name)
    assert run.total == epochs * epoch
    run.agrees("lr", lambda t: float(np.interp(t, [0, warm], [0.0, of_epoch(t)])), epoch, warm, 9 * epoch)
    run.agrees("lr", lambda t: float(np.interp(t, [0, warm], [0.1, of_epoch(t)])), epoch, warm, group="bias")
    run.agrees("momentum", lambda t: float(np.interp(t, [0, warm], [0.8, 0.937])), warm)


def test_yolox():
    epoch = 1849
    warm, total, calm = 5 * epoch, 300 * epoch, 15 * epoch

    def rate(iters):
        if iters <= warm:
            return 0.01 * (iters / warm) ** 2
        return half_wave(iters, warm, total - calm, 0.01, 0.01 * 0.05)

    Run("yolox-s").agrees("lr", rate, warm, total - calm)


@pytest.mark.parametrize(
    ("name", "total", "milestones", "warm", "last"),
    [
        ("faster-rcnn-r50-1x", 90_000, (60_000, 80_000), 1000, 1000),
        ("faster-rcnn-r50-3x", 270_000, (210_000, 250_000), 1000, 1000),
        ("faster-rcnn-r50-mmdet-1x", 12 * 7330, (8 * 7330, 11 * 7330), 500, 499),
    ],
)
def test_detectors_with_a_short_warmup(name, total, milestones, warm, last):
    steps = stairs(0.02, 0.1, *milestones)
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: 0.02 * (0.001 + 0.999 * t / last) if t < warm else steps(t), warm, *milestones)


def test_backbones_have_a_rate_of_their_own():
    Run("detr-r50").agrees("lr", stairs(1e-5, 0.1, 200 * 1848), 200 * 1848, group="backbone")
    Run("deformable-detr-r50").agrees("lr", stairs(2e-5, 0.1, 40 * 3697), 40 * 3697, group="backbone")


def test_segformer():
    def rate(t):
        """MMCV's warmup: the lr of the policy times 1 - k."""
        regular = 6e-5 * (1 - t / 160_000)
        return regular * (1 - (1 - t / 1500) * (1 - 1e-6)) if t < 1500 else regular

    Run("segformer-b0-ade20k").agrees("lr", rate, 1500)


def test_bit():
    steps = stairs(0.003, 0.1, 3000, 6000, 9000)
    Run("bit-hyperrule-medium").agrees("lr", lambda t: 0.003 * t / 500 if t < 500 else steps(t), 500, 3000, 9000)
