"""Five recipes of different kinds, compared with their sources."""

from math import sqrt

from support.published_runs import Run, half_wave, line


def test_gpt3():
    run = Run("gpt3-175b")
    warm, decayed = 375_000_000, 260 * 10**9

    def rate(tokens):
        return line(tokens, 0, warm, 0, 6e-5) if tokens < warm else half_wave(tokens, warm, decayed, 6e-5, 6e-6)

    run.agrees("lr", rate, run.update_at(warm), run.update_at(decayed), of="amount")
    run.agrees("batch_size", lambda tokens: round(line(tokens, 0, 12e9, 1, 100)) * 16, of="amount")
    assert run.amount_at(run.total - 1) < 300 * 10**9 <= run.amount_at(run.total)


def test_llama3():
    run = Run("llama3-405b")

    assert run.total == 1_200_000
    run.agrees("lr", lambda t: 8e-5 * t / 8000 if t < 8000 else half_wave(t, 8000, 1_200_000, 8e-5, 8e-7), 8000)
    run.agrees("sequence_length", lambda tokens: 4096 if tokens < 252_000_000 else 8192, 61, of="amount")
    run.agrees("batch_size", lambda tokens: 1024 if tokens < 2_870_000_000_000 else 2048, 342_162, of="amount")
    assert [run.amount_at(t + 1) - run.amount_at(t) for t in (0, 61, run.total - 1)] == [2**22, 2**23, 2**24]


def test_dinov2():
    run = Run("dinov2-vitl")
    peak, warm, total = 2e-4 * sqrt(3072 / 1024), 80 * 1250, 500 * 1250

    def rate(t):
        """The CosineScheduler of DINOv2: numpy's linspace includes the end of the warmup."""
        return peak * t / (warm - 1) if t < warm else half_wave(t, warm, total, peak, 1e-6)

    assert run.total == total
    run.agrees("lr", rate, warm, group="default")
    run.agrees("lr", lambda t: 0.0 if t < 1250 else rate(t), 1250, warm, group="last_layer")
    run.agrees("weight_decay", lambda t: half_wave(t, 0, total, 0.04, 0.2), group="default")
    run.agrees("teacher_momentum", lambda t: half_wave(t, 0, total, 0.994, 1.0))
    run.agrees("teacher_temperature", lambda t: line(t, 0, 30 * 1250 - 1, 0.04, 0.07), 30 * 1250)


def test_resnet_in_an_hour():
    def rate(t):
        return line(t, 0, 785, 0.1, 3.2) if t < 785 else 3.2 / 10 ** sum(t >= one * 157 for one in (30, 60, 80))

    run = Run("resnet50-goyal")

    assert run.total == 90 * 157
    run.agrees("lr", rate, 785, 30 * 157, 60 * 157, 80 * 157)


def test_bert():
    run = Run("bert-base")

    assert run.total == 1_000_000
    run.agrees("lr", lambda t: 1e-4 * (t / 10_000 if t < 10_000 else 1 - t / 1_000_000), 10_000)
