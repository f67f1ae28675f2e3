"""Recipes of speech, generation, biology, reinforcement learning and others, compared with their sources."""

from bisect import bisect_right
from math import ceil, exp, log, pi, sin, sqrt

import pytest

from support.published_runs import Run, half_wave


def line_after(peak, warm, total):
    """A linear warmup, then a linear decay to 0."""
    return lambda t: peak * (t / warm if t < warm else (total - t) / (total - warm))


LINES = {
    "wav2vec2-base": (400_000, 5e-4, 32_000),
    "wav2vec2-large": (250_000, 3e-4, 20_000),
    "hubert-base": (400_000, 5e-4, 32_000),
    "whisper-large": (2**20, 1.75e-4, 2048),
}


@pytest.mark.parametrize("name", LINES)
def test_a_warmup_and_a_line(name):
    total, peak, warm = LINES[name]
    run = Run(name)

    assert run.total == total
    run.agrees("lr", line_after(peak, warm, total), warm)


@pytest.mark.parametrize(("name", "low"), [("wav2vec2-base", 0.5), ("wav2vec2-large", 0.1)])
def test_gumbel_temperatures(name, low):
    Run(name).agrees("temperature", lambda t: max(2 * 0.999995**t, low), ceil(log(low / 2) / log(0.999995)))


def test_three_stages():
    def fairseq(t):
        """Its TriStageLRSchedule: the decay factor is -log(final scale) / steps of the decay."""
        if t < 8000:
            return 3e-7 + (3e-5 - 3e-7) * t / 8000
        return 3e-5 * exp(log(0.05) / 40_000 * max(t - 40_000, 0))

    Run("wav2vec2-finetuning-100h").agrees("lr", fairseq, 8000, 40_000)
    run = Run("data2vec-audio-base")
    run.agrees("lr", lambda t: 5e-4 * min(t / 12_000, 1, (400_000 - t) / 28_000), 12_000, 372_000)
    run.agrees("tau", lambda t: min(0.999 + 0.0009 * t / 30_000, 0.9999), 30_000)


def test_specaugment():
    def rate(t):
        return 1e-3 * min(t / 1000, 1) * 0.01 ** (max(t - 140_000, 0) / 180_000)

    run = Run("specaugment-ld")
    run.agrees("lr", rate, 1000, 140_000)
    run.agrees("weight_noise", lambda t: 0.075 if t >= 20_000 else 0.0, 20_000)


def test_hifigan():
    Run("hifigan-v1").agrees("lr", lambda t: 2e-4 * 0.999 ** (t // 809), 809, 8090)


def test_a_warmup_and_no_decay():
    Run("stable-diffusion-v1").agrees("lr", lambda t: 1e-4 * min(1e-6 + (1 - 1e-6) * t / 10_000, 1), 10_000)
    Run("ddpm-cifar10").agrees("lr", lambda t: 2e-4 * min(t / 5000, 1), 5000)
    Run("decision-transformer-gym").agrees("lr", lambda t: 1e-4 * min((t + 1) / 10_000, 1), 9999)
    run = Run("schedule-free-imagenet")
    assert run.total == 200 * 5004
    run.agrees("lr", lambda t: 1.5 * min((t + 1) / 50_040, 1), 50_039)
    run = Run("edm-cifar10")
    assert run.total == ceil(200e6 / 512)
    run.agrees("lr", lambda images: 1e-3 * min(images / 10e6, 1), of="amount")


def test_edm2():
    run = Run("edm2-xs")

    def rate(images):
        return 0.012 / sqrt(max(images / (70_000 * 2048), 1)) * min(images / 10e6, 1)

    assert run.total == 2**31 // 2048
    run.agrees("lr", rate, 4883, 70_000, of="amount")
    run.agrees("ema_beta", lambda images: (images / (images + 2048)) ** 17.97, of="amount")


def test_stylegan2():
    run = Run("stylegan2-ffhq")

    assert run.total == ceil(25e6 / 32)
    run.agrees("lr", lambda t: 0.002 * 4 / (4 + 1), group="generator")
    run.agrees("lr", lambda t: 0.002 * 16 / (16 + 1), group="discriminator")
    run.agrees("ema_beta", lambda t: 0.5 ** (32 / (10 * 1000)))


def test_cyclegan():
    def lambda_rule(epoch):
        return 2e-4 * (1.0 - max(0, epoch + 1 - 100) / (100 + 1))

    # The scheduler is stepped at the begin of each epoch, so the first one has lambda_rule(1).
    marks = [epoch * 1334 for epoch in (98, 99, 100, 199)]
    Run("cyclegan").agrees("lr", lambda t: lambda_rule(t // 1334 + 1), *marks)


def test_wgan():
    Run("wgan-gp-cifar10").agrees("lr", lambda iteration: 2e-4 * max(0.0, 1.0 - iteration / 100_000))


def test_scenes():
    Run("nerf").agrees("lr", lambda t: 5e-4 * 0.1 ** (t / 250_000))

    def mip(update):
        t = update + 1  # range(state.step + 1, max_steps + 1)
        delay = 0.01 + (1 - 0.01) * sin(0.5 * pi * min(t / 2500, 1))
        return delay * exp(log(5e-4) * (1 - t / 1e6) + log(5e-6) * t / 1e6)

    Run("mip-nerf").agrees("lr", mip, 2500)

    def splats(t):
        share = (t + 1) / 30_000
        return exp(log(1.6e-4) * (1 - share) + log(1.6e-6) * share)

    run = Run("gaussian-splatting")
    run.agrees("lr", splats, group="positions")
    for group, rate in {"features": 0.0025, "opacity": 0.05, "scaling": 0.005, "rotation": 0.001}.items():
        run.agrees("lr", lambda t, rate=rate: rate, group=group)


def test_proteins():
    def rate(samples):
        return 1e-3 * min(samples / 128_000, 1) * (0.95 if samples >= 6_400_000 else 1)

    run = Run("alphafold2")
    assert run.total == ceil(10e6 / 128)
    run.agrees("lr", rate, 1000, 50_000, of="amount")

    def openfold(step):
        if step <= 1000:
            return step / 1000 * 1e-3
        return 1e-3 * 0.95 ** ((step - 50_000) // 50_000 + 1) if step > 50_000 else 1e-3

    Run("openfold").agrees("lr", openfold, 1000, 50_000, 100_000)


def test_agents_of_atari():
    run = Run("dqn-atari")
    assert run.total == 12_500_000
    run.agrees("epsilon", lambda frames: max(1 - 0.9 * frames / 1e6, 0.1), 250_000, of="amount")
    run.agrees("lr", lambda t: 2.5e-4)
    run = Run("rainbow-atari")
    assert run.total == 12_500_000
    run.agrees("per_beta", lambda frames: 0.4 + 0.6 * frames / 200e6, of="amount")
    run = Run("ppo-atari")
    assert run.total == (10_000_000 // 1024) * 3 * 4
    run.agrees("lr", lambda t: 2.5e-4 * (1 - (t // 12) / 9765), 12, 24)
    run.agrees("clip_range", lambda t: 0.1 * (1 - (t // 12) / 9765), 12, 24)


def test_players_of_board_games():
    run = Run("alphago-zero")
    run.agrees("lr", lambda t: [1e-2, 1e-3, 1e-4][bisect_right([400_000, 600_000], t)], 400_000, 600_000)
    marks = [100_000, 300_000, 500_000]
    Run("alphazero-chess").agrees("lr", lambda t: [2e-1, 2e-2, 2e-3, 2e-4][bisect_right(marks, t)], *marks)
    run = Run("muzero-atari")
    run.agrees("lr", lambda t: 0.05 * 0.1 ** (t / 350e3))
    run.agrees("visit_temperature", lambda t: 1.0 if t < 500e3 else 0.5 if t < 750e3 else 0.25, 500_000, 750_000)


def test_weights_of_kl():
    def beta(t, total=40_000, cycles=4, share=0.5):
        """Equation 6, with t from 0."""
        tau = (t % ceil(total / cycles)) / (total / cycles)
        return tau / share if tau <= share else 1.0

    Run("cyclical-kl-vae").agrees("kl_weight", beta, 5000, 10_000, 15_000, 20_000)
    Run("ladder-vae-mnist").agrees("kl_weight", lambda t: min(t / (200 * 196), 1), 200 * 196)


def test_fastais_one_cycle():
    def rate(t):
        share = t / 500
        if share < 0.25:
            return half_wave(share, 0, 0.25, 1e-3 / 25, 1e-3)
        return half_wave(share, 0.25, 1, 1e-3, 1e-3 / 1e5)

    def momentum(t):
        return half_wave(t, 0, 125, 0.95, 0.85) if t < 125 else half_wave(t, 125, 500, 0.85, 0.95)

    run = Run("one-cycle-fastai")
    assert run.total == 500
    run.agrees("lr", rate, 125)
    run.agrees("momentum", momentum, 125)
