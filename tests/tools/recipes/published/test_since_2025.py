"""Recipes of runs since 2025, compared with formulas from their papers, configs and code."""

from math import ceil, cos, pi, sqrt

import pytest

from support.published_runs import Run, line

BILLION, TRILLION = 10**9, 10**12


def transformers_cosine(t, peak, warm, total, floor):
    """transformers' cosine, and cosine_with_min_lr: `floor` is min_lr_rate."""
    if t < warm:
        return peak * t / max(1, warm)
    progress = (t - warm) / max(1, total - warm)
    return peak * (max(0.0, 0.5 * (1.0 + cos(pi * progress))) * (1 - floor) + floor)


# Each row: the updates, the peak, the share or the number of updates of warmup, and the floor as a share of the peak.
COSINES = {
    "smollm3-3b-midtraining": (5000, 2e-5, 0.03, 0.1),
    "smollm3-3b-apo": (1000, 1e-6, 0.1, 0.1),
    "smollm3-3b-long-context": (20_000, 2e-5, 1000, 0.0),
    "openr1-distill-7b": (5000, 4e-5, 0.03, 0.1),
    "olympiccoder-7b": (10_000, 1e-5, 0.03, 0.1),
    "qwen3-4b-lora": (375, 1e-4, 0.1, 0.0),
    "qwen3-8b-lora": (3235, 3e-4, 100, 0.0),
    "qwen3-32b-qlora": (1000, 2e-4, 0.1, 0.0),
}


@pytest.mark.parametrize("name", COSINES)
def test_a_cosine_of_transformers(name):
    total, peak, warmup, floor = COSINES[name]
    warm = ceil(total * warmup) if warmup < 1 else warmup
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: transformers_cosine(t, peak, warm, total, floor), warm)


@pytest.mark.parametrize(
    ("name", "peak", "warm", "total"), [("tulu3-8b-sft", 5e-6, 60, 2000), ("tulu3-8b-dpo", 5e-7, 100, 1000)]
)
def test_a_line_of_transformers(name, peak, warm, total):
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: peak * (t / warm if t < warm else (total - t) / (total - warm)), warm)


@pytest.mark.parametrize(
    ("name", "peak", "warm", "total"),
    [
        ("dapo-qwen2.5-32b", 1e-6, 20 * 16, 10_000),
        ("gpt-oss-20b-lora", 2e-4, ceil(0.1 * 125), 125),
        ("olmo3-7b-rlzero-math", 1e-6, 0, 768_000 // (32 * 8)),
        ("flux-lora", 1e-4, 0, 2000),
        ("qwen-image-lora", 1e-4, 0, 2000),
        ("dinov3-vit7b", 5e-5 * 4 * sqrt(4096 / 1024), 100_000, 1_000_000),
    ],
)
def test_a_constant_rate_after_a_warmup(name, peak, warm, total):
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: peak * min(1.0, t / max(1, warm) if warm else 1.0), warm)


def test_nemotron_3_nano():
    run, batch = Run("nemotron-3-nano"), 3072 * 8192

    def rate(seen):
        if seen < 8.4 * BILLION:
            return 1e-3 * seen / (8.4 * BILLION)
        return line(seen, 20 * TRILLION, 25 * TRILLION, 1e-3, 1e-5) if seen > 20 * TRILLION else 1e-3

    assert run.total == ceil(25 * TRILLION / batch)
    warm, down = ceil(8.4 * BILLION / batch), ceil(20 * TRILLION / batch)
    run.agrees("lr", rate, warm, down, of="amount")


def test_kimi_k2():
    run, batch = Run("kimi-k2"), 2**26
    down = 10 * TRILLION

    def rate(seen):
        if seen < 500 * batch:
            return 2e-4 * seen / (500 * batch)
        part = max(0.0, (seen - down) / (5.5 * TRILLION))
        return 2e-5 + (2e-4 - 2e-5) * (1 + cos(pi * part)) / 2

    assert run.total == ceil(15.5 * TRILLION / batch)
    run.agrees("lr", rate, 500, ceil(down / batch), of="amount")


@pytest.mark.parametrize(
    ("name", "peak", "first", "ramp"),
    [("apertus-8b", 1.1e-4, 1024, 1_718_272_000), ("apertus-70b", 1e-5, 2048, 1_072_164_864)],
)
def test_apertus(name, peak, first, ramp):
    run, warm, total, cooldown = Run(name), 4_096_000, 3_662_109_375, 403_905_806

    def rate(seen):
        """Megatron's WSD with the decay style minus_sqrt."""
        if seen <= warm:
            return peak * seen / warm
        part = max(0.0, (seen - (total - cooldown)) / cooldown)
        return peak / 10 + (peak - peak / 10) * (1.0 - sqrt(part))

    marks = [run.update_at(mark) for mark in (warm, ramp, total - cooldown)]
    run.agrees("lr", rate, *marks, of="amount")
    run.agrees("batch_size", lambda seen: first if seen < ramp else 2 * first, *marks, of="amount")


def test_modded_nanogpt():
    run, scheduled, extension = Run("modded-nanogpt-2026-08"), 1270, 15
    ends = [0, *(round(part * scheduled) for part in (1 / 3, 2 / 3, 1.0)), scheduled + extension]

    def stage(step):
        return next(index for index in range(4) if step < ends[index + 1])

    def rate(step):
        start = int(scheduled * (1 - 0.6))
        found = (1.0, 1.52, 1.73, 1.0)[stage(step)]
        if step >= start:
            t = min(1.0, (step - start) / (scheduled - start))
            found = found * (1 - t) + 0.15 * t
        return found

    def momentum(step):
        down = scheduled + extension - 50
        if step < 300:
            return 0.85 + step / 300 * (0.95 - 0.85)
        return 0.95 - (step - down) / 50 * (0.95 - 0.85) if step > down else 0.95

    assert run.total == scheduled + extension
    run.agrees("lr", lambda t: 0.023 * rate(t), *ends, 508, group="muon")
    run.agrees("lr", lambda t: 0.008 * rate(t), *ends, 508, group="adam")
    run.agrees("momentum", momentum, 300, 1235, group="muon")
    run.agrees("tokens_per_step", lambda t: (8, 16, 24, 24)[stage(t)] * 2048 * 8, *ends)


def test_dinov3_warms_the_temperature_of_its_teacher():
    Run("dinov3-vit7b").agrees("teacher_temperature", lambda t: line(t, 0, 100_000, 0.04, 0.07) if t < 1e5 else 0.07)


def test_vjepa2():
    def warmup_cosine(t):
        step, warm = t + 1, 40 * 300
        return 1e-4 + step / warm * (5.25e-4 - 1e-4) if step < warm else 5.25e-4

    run = Run("vjepa2-vitg")

    assert run.total == 800 * 300
    run.agrees("lr", warmup_cosine, 12_000)


def test_the_cooldown_of_vjepa2_is_cut():
    run, length = Run("vjepa2-vitg-cooldown"), 1.25 * 40 * 300

    assert run.total == 40 * 300
    run.agrees("lr", lambda t: 5.25e-4 + (t + 1) / length * (1e-6 - 5.25e-4))
