"""Recipes of language models, compared with formulas from their papers and code."""

from math import ceil, cos, log2, pi, sqrt

import pytest

from support.published_runs import Run, half_wave, line

BILLION, TRILLION = 10**9, 10**12


def cosine_after(t, peak, warm, end, low, begin=0.0):
    """A linear warmup, then a cosine to the end."""
    return line(t, 0, warm, begin, peak) if t < warm else half_wave(t, warm, end, peak, low)


def line_after(t, peak, warm, end, low=0.0):
    """A linear warmup, then a linear decay to the end."""
    return line(t, 0, warm, 0.0, peak) if t < warm else line(t, warm, end, peak, low)


def trapezoid(t, peak, warm, down, end):
    return peak * min(t / warm, 1.0, (end - t) / (end - down))


# Each row: the updates of the run, the peak, the updates of warmup, and the minimum as in the source.
COSINES = {
    "llama1-65b": (ceil(1.4e12 / 2**22), 1.5e-4, 2000, 1.5e-5),
    "llama1-7b": (ceil(1e12 / 2**22), 3e-4, 2000, 3e-5),
    "llama2-70b": (ceil(2e12 / 2**22), 1.5e-4, 2000, 1.5e-5),
    "gpt1": (3_000_000, 2.5e-4, 2000, 0.0),
    "gpt-neox-20b": (150_000, 0.97e-4, 1500, 0.97e-5),
    "pythia-6.9b": (143_000, 1.2e-4, 1430, 1.2e-5),
    "tinyllama-1.1b": (1_430_512, 4e-4, 2000, 4e-5),
    "starcoder-15b": (250_000, 3e-4, 2000, 3e-5),
    "qwen-7b": (ceil(2.4e12 / 2**22), 3e-4, 2000, 3e-5),
    "alpaca-7b": (1218, 2e-5, ceil(0.03 * 1218), 0.0),
}


@pytest.mark.parametrize("name", COSINES)
def test_a_warmup_and_a_cosine(name):
    total, peak, warm, low = COSINES[name]
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: cosine_after(t, peak, warm, total, low), warm)


LINES = {
    "opt-175b": (ceil(300e9 / 2**21), 1.2e-4, 2000, 1.2e-5),
    "roberta-large": (500_000, 4e-4, 30_000, 0.0),
    "xlnet-large": (500_000, 4e-4, 40_000, 0.0),
}


@pytest.mark.parametrize("name", LINES)
def test_a_warmup_and_a_line(name):
    total, peak, warm, low = LINES[name]
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: line_after(t, peak, warm, total, low), warm)


def test_olmo():
    run, peak, warm = Run("olmo-7b"), 3e-4, 5000
    total = ceil(2.46e12 / (2160 * 2048))

    def rate(update):
        step = update + 1  # global_step is counted before the update
        if step < warm:
            return peak * 0.10 + (peak - peak * 0.10) * min(step, warm) / warm
        return peak - (peak - 3e-5) * ((step - warm) / (total - warm))

    assert run.total == total
    run.agrees("lr", rate, warm, total)


def olmo_core_linear(step, peak, warm, total):
    """LinearWithWarmup(alpha_f=0) of OLMo-core at its step, which counts from 1."""
    return peak * step / warm if step < warm else peak - peak * ((step - warm) / (total - warm))


def olmo_core_cosine(step, peak, warm, total):
    """CosWithWarmup of OLMo-core, whose alpha_f is 0.1 by default."""
    if step < warm:
        return peak * step / warm
    return 0.1 * peak + (peak - 0.1 * peak) * (1 + cos(pi * (step - warm) / (total - warm))) / 2


def olmo_core_half_cosine(step, peak, warm, total):
    """HalfCosWithWarmup of OLMo-core after its warmup."""
    step, length = step - warm, total - warm
    return 0.1 * peak + (peak - 0.1 * peak) * (1 + cos(pi * (step + length) / (2 * length))) / 2


def test_olmo3_is_extended_in_the_middle_of_its_cosine():
    run, peak, cut = Run("olmo3-7b"), 3e-4, 597_046
    first, second = (ceil(tokens * TRILLION / 2**22) for tokens in (5, 7))

    def rate(t):
        if t < cut:
            return olmo_core_cosine(t + 1, peak, 2000, first)
        return olmo_core_half_cosine(t + 1, peak, 5 * TRILLION // 2**22 // 2 + 1000, second)

    assert run.total == 1_413_814
    run.agrees("lr", rate, 1999, cut)


OLMO_CORE = {
    "olmo3-7b-midtraining": (olmo_core_linear, 2.0712352850360292e-4, 0, 47_684),
    "olmo3-32b": (olmo_core_cosine, 6e-4, 2000, 679_000),
    "olmo3-32b-midtraining": (olmo_core_linear, 2.071235285e-4, 0, 23_842),
    "olmo3-32b-long-context": (olmo_core_linear, 2.071235285e-4, 200, 11_921),
    "olmo-hybrid-7b": (olmo_core_cosine, 3e-4, 2000, 1_414_078),
    "olmo-hybrid-7b-midtraining": (olmo_core_linear, 2.0712352850360292e-4, 0, 23_842),
    "olmo-hybrid-7b-long-context": (olmo_core_linear, 2.0712352850360292e-4, 200, 23_842),
    "olmo-hybrid-7b-sft": (olmo_core_linear, 2.5e-5, round(0.03 * 2000), 2000),
}


@pytest.mark.parametrize("name", OLMO_CORE)
def test_olmo_core(name):
    formula, peak, warm, total = OLMO_CORE[name]
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: formula(t + 1, peak, warm, total), max(warm - 1, 0), total)


TRAPEZOIDS = {
    "smollm-135m": (ceil(600e9 / 2**20), 3e-3, None, 0.2),
    "smollm2-1.7b": (ceil(11e12 / 2**21), 5e-4, 2000, 0.1),
    "smollm3-3b": (ceil(11.2e12 / (576 * 4096)), 2e-4, 2000, 0.1),
}


@pytest.mark.parametrize("name", TRAPEZOIDS)
def test_a_trapezoid(name):
    total, peak, warm, share = TRAPEZOIDS[name]
    warm = warm or ceil(total / 100)
    down = ceil((1 - share) * total)  # the first update after that fraction of the run
    run = Run(name)

    assert run.total == total
    run.agrees("lr", lambda t: trapezoid(t, peak, warm, down, total), warm, down)


@pytest.mark.parametrize(
    ("name", "peak", "low", "warm", "total", "divisor"),
    [
        ("gpt2-124m-nanogpt", 6e-4, 6e-5, 2000, 600_000, 2001),
        ("shakespeare-char-nanogpt", 1e-3, 1e-4, 100, 5000, 101),
        ("gpt2-124m-build-nanogpt", 6e-4, 6e-5, 715, 19_073, 715),
    ],
)
def test_karpathys_get_lr(name, peak, low, warm, total, divisor):
    def get_lr(it):
        if it < warm:
            return peak * (it + 1) / divisor
        return low + 0.5 * (1.0 + cos(pi * (it - warm) / (total - warm))) * (peak - low)

    run = Run(name)

    assert run.total == total
    run.agrees("lr", get_lr, warm)


@pytest.mark.parametrize(
    ("name", "peak", "tokens", "before"),
    [("gopher-280b", 4e-5, 300 * BILLION, 3_000_000), ("chinchilla-70b", 1e-4, 1_400 * BILLION, 1_500_000)],
)
def test_a_batch_that_doubles_midway(name, peak, tokens, before):
    run, warm = Run(name), 1500 * before

    run.agrees("lr", lambda seen: cosine_after(seen, peak, warm, tokens, peak / 10, 1e-7), 1500, of="amount")
    run.agrees("tokens_per_step", lambda seen: before if seen < tokens // 2 else 2 * before, of="amount")
    half = ceil(tokens / 2 / before)
    assert run.total == half + ceil((tokens - half * before) / (2 * before))


def test_palm():
    run = Run("palm-540b")

    assert run.total == 255_000
    run.agrees("lr", lambda t: 1e-2 if t < 10_000 else 1 / sqrt(t), 10_000)
    run.agrees("weight_decay", lambda t: (1e-2 if t < 10_000 else 1 / sqrt(t)) ** 2, 10_000)
    run.agrees("betas[1]", lambda t: 1 - (t + 1) ** -0.8)
    run.agrees("batch_size", lambda t: 512 if t < 50_000 else 1024 if t < 115_000 else 2048, 50_000, 115_000)


def test_bloom():
    run = Run("bloom-176b")
    samples = 200_000_000

    def batch_size(seen):
        """Megatron's ramp: an increment of 16 for each equal share of the samples."""
        return min(192 + 16 * int(seen / (9_765_625 / 116)), 2048)

    marks = [run.update_at(mark) for mark in (183_105, 9_765_625, samples)]
    run.agrees("lr", lambda seen: cosine_after(seen, 6e-5, 183_105, samples, 6e-6), *marks, of="amount")
    run.agrees("batch_size", batch_size, *marks, of="amount")


def test_glm():
    run, tokens = Run("glm-130b"), 400 * BILLION

    run.agrees("lr", lambda seen: cosine_after(seen, 8e-5, 2 * BILLION, tokens, 8e-6, 1e-7), of="amount")
    run.agrees("batch_size", lambda seen: 24 * round(line(seen, 0, 10 * BILLION, 8, 176)), of="amount")


def test_falcon():
    run, tokens = Run("falcon-7b"), 1500 * BILLION

    run.agrees("lr", lambda seen: cosine_after(seen, 6e-4, 4 * BILLION, tokens, 1.2e-5), of="amount")
    run.agrees("batch_size", lambda seen: 32 * round(line(seen, 0, 30 * BILLION, 1, 72)), of="amount")


def test_gpt_j():
    def gpt3_schedule(step):
        warm = min(max(step, 0), 3000) / 3000
        anneal = min(max(step - 3000, 0), 300_000) / 300_000
        return warm * 1.2e-4 - (1.2e-4 - 1.2e-5) * (1 - cos(pi * anneal)) / 2

    Run("gpt-j-6b").agrees("lr", gpt3_schedule, 3000, 303_000)


def test_olmo2():
    run, batch = Run("olmo2-7b"), 1024 * 4096
    planned, cut, total = (ceil(amount * BILLION / batch) for amount in (5000, 4000, 4050))

    def rate(t):
        return cosine_after(t, 3e-4, 2000, planned, 3e-5)

    assert run.total == total
    run.agrees("lr", lambda t: rate(t) if t < cut else line(t, cut, total, rate(cut), 0.0), 2000, cut)


@pytest.mark.parametrize(
    ("name", "peak", "batch"), [("deepseek-llm-67b", 3.2e-4, 4608), ("deepseek-llm-7b", 4.2e-4, 2304)]
)
def test_deepseek_llm(name, peak, batch):
    run = Run(name)
    total = ceil(2 * TRILLION / (batch * 4096))
    first, second = ceil(0.8 * total), ceil(0.9 * total)

    def rate(t):
        return peak * (t / 2000 if t < 2000 else 1 if t < first else 0.316 if t < second else 0.1)

    assert run.total == total
    run.agrees("lr", rate, 2000, first, second)


def test_deepseek_v2():
    run = Run("deepseek-v2")
    warm = run.amount_at(2000)

    def rate(seen):
        cuts = (seen >= 4_860 * BILLION) + (seen >= 7_290 * BILLION)
        return 2.4e-4 * (seen / warm if seen < warm else 0.316**cuts)

    marks = [run.update_at(mark) for mark in (warm, 4_860 * BILLION, 7_290 * BILLION)]
    run.agrees("lr", rate, *marks, of="amount")
    run.agrees("batch_size", lambda seen: 64 * round(line(seen, 0, 225 * BILLION, 36, 144)), of="amount")


def test_deepseek_v3():
    run = Run("deepseek-v3")
    warm = run.amount_at(2000)

    def rate(seen):
        if seen < 14_300 * BILLION:
            return 2.2e-4 * seen / warm if seen < warm else half_wave(seen, 1e13, 1.43e13, 2.2e-4, 2.2e-5)
        return 2.2e-5 if seen < 14_633 * BILLION else 7.3e-6

    marks = [run.update_at(mark * BILLION) for mark in (469, 10_000, 14_300, 14_633)]
    run.agrees("lr", rate, 2000, *marks, of="amount")
    run.agrees("batch_size", lambda seen: 64 * round(line(seen, 0, 469 * BILLION, 48, 240)), *marks, of="amount")
    run.agrees("mtp_loss_weight", lambda seen: 0.3 if seen < 10 * TRILLION else 0.1, *marks, of="amount")
    run.agrees("bias_update_speed", lambda seen: 0.001 if seen < 14_300 * BILLION else 0.0, *marks, of="amount")


def test_minicpm():
    def rate(s):
        return 0.01 * (s / 2600 if s < 2600 else 1 if s < 234_000 else 0.5 ** ((s - 234_000) / 5000))

    Run("minicpm-2.4b").agrees("lr", rate, 2600, 234_000)


def test_phi():
    run = Run("phi-1.5")

    assert run.total == ceil(150 * BILLION / 2**22)
    run.agrees("lr", lambda t: 2e-4)


def test_electra():
    Run("electra-base").agrees("lr", lambda t: 2e-4 * (t / 10_000 if t < 10_000 else 1 - t / 766_000), 10_000)


def test_t5():
    Run("t5-base").agrees("lr", lambda n: 1 / sqrt(max(n, 10_000)), 10_000)


def test_transformer():
    Run("transformer-base").agrees("lr", lambda t: 512**-0.5 * min((t + 1) ** -0.5, (t + 1) * 4000**-1.5), 3999)


def test_esm2():
    Run("esm2-650m").agrees("lr", lambda t: line_after(t, 4e-4, 2000, 450_000, 4e-5), 2000, 450_000)


def test_modded_nanogpt():
    total = 1770

    def get_lr(step):
        left = min((1 - step / total) / 0.4, 1.0)
        return 0.05 * (left * 1.0 + (1 - left) * 0.1)

    run = Run("modded-nanogpt-2025-01")
    run.agrees("lr", get_lr, 1062)
    run.agrees("momentum", lambda step: (1 - min(step / 300, 1)) * 0.85 + min(step / 300, 1) * 0.95, 300)
    run.agrees("attention_window", lambda step: -(-1728 * step // (total * 128)) * 128)


def test_nanochat():
    total = 21_400
    down = round(0.2 * total)

    run = Run("nanochat-d20")
    run.agrees("lr", lambda it: 0.02 * (1.0 if it <= total - down else (total - it) / down), total - down)
    run.agrees("momentum", lambda it: (1 - min(it / 300, 1)) * 0.85 + min(it / 300, 1) * 0.95, 300)


def nanochat_parameters(depth):
    """Return the numbers of elements of the transformer matrices, of the gates of value embeddings and of lm_head."""
    width, gated, heads = 64 * depth, depth // 2, depth * 64 // 128
    return depth * 12 * width**2 + gated * 12 * heads + 32_768 * width


def test_nanochat_of_2026():
    tokens, tokens_of_d12 = (8 * nanochat_parameters(depth) for depth in (24, 12))
    batch = 2 ** round(log2(2**19 * (tokens / tokens_of_d12) ** 0.383))
    total = tokens // batch
    down = round(0.65 * total)
    wider, larger = (64 * 24 / 768) ** -0.5, (batch / 2**19) ** 0.5
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

    def multiple(it):
        if it < 40:
            return (it + 1) / 40
        left = (total - it) / down
        return 1.0 if it <= total - down else left * 1.0 + (1 - left) * 0.05

    def momentum(it):
        if it < 400:
            return (1 - it / 400) * 0.85 + it / 400 * 0.97
        progress = max(it - (total - down), 0) / down
        return 0.97 * (1 - progress) + 0.90 * progress

    run = Run("nanochat-d24")
    assert run.total == total
    for group, base in bases.items():
        run.agrees("lr", lambda it, base=base: base * multiple(it), 39, total - down, group=group)
    run.agrees("momentum", momentum, 400, total - down, group="muon")
    run.agrees("weight_decay", lambda it: decay * 0.5 * (1 + cos(pi * it / total)), group="muon")


def test_slanted_triangles():
    total, cut, ratio = 10_000, 1000, 32

    def rate(t):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / 0.1 - 1))
        return 0.01 * (1 + p * (ratio - 1)) / ratio

    run = Run("ulmfit-finetuning")
    assert run.total == total
    run.agrees("lr", rate, cut)


def test_word2vec():
    Run("word2vec-sgns").agrees("lr", lambda words: 0.025 * max(1 - words / (5 * 1_000_000 + 1), 0.0001), of="amount")


def test_dpo():
    Run("dpo-pythia-2.8b").agrees("lr", lambda t: 1e-6 * min(t / 150, 1), 150)
