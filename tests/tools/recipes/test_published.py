"""Published runs next to independent formulas of their papers."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from math import ceil, cos, exp, log, log2, pi, sin, sqrt

import numpy as np
import pytest

import paramsched as ps
from paramsched.core import plan as plans
from paramsched.core.plan import Target
from paramsched.core.plan.binding import is_by_amount
from paramsched.core.plan.resolution import amounts_of_run, counted_plan, updates_of_total

RELATIVE = 1e-12  # tolerance relative to a value


ROUNDED = 1e-15  # tolerance relative to the largest value, because 1 - t / n and 1 + cos lose digits near 0


Formula = Callable[[int], float]


class Run:
    """The values of a recipe at some of its updates."""

    def __init__(self, name: str) -> None:
        recipe = ps.recipes[name]
        resolved = recipe.plan.resolve(facts=recipe.facts)
        self.plan, self.groups = counted_plan(resolved), list(recipe.bases)
        self.run = amounts_of_run(resolved, recipe.facts)
        self.total = updates_of_total(resolved, self.run)

    def amount_at(self, t: int) -> int:
        """Return the amount before an update, or the update itself if the plan counts updates."""
        return t if self.run is None else int(self.run.amount_at(t))

    def update_at(self, amount: float) -> int:
        """Return the first update that starts at or after an amount."""
        return bisect_left(range(self.total), amount, key=self.amount_at)

    def agrees(self, field: str, formula: Formula, *marks: int, group: str = "", of: str = "t") -> None:
        """Check that each value of a field equals the formula, as a function of the update or of the amount before it.

        Args:
            field: The field or target.
            group: The name of the group; "" for a target or for the first group.
            formula: The value at update t, or at an amount with `of="amount"`.
            marks: Updates whose neighbors are all compared.
            of: "t" or "amount".
        """
        times = known_bounds(self.total, marks)
        at = [self.amount_at(t) for t in times] if of == "amount" else times
        actual = np.array(self._values(field, group, times))
        expected = np.array([formula(t) for t in at], dtype=float)
        wrong = ~(np.abs(actual - expected) <= RELATIVE * np.abs(expected) + ROUNDED * np.abs(expected).max())
        first = int(wrong.argmax())
        assert not wrong.any(), f"{field} at {at[first]}: {actual[first]!r} is not {expected[first]!r}"

    def _values(self, field: str, group: str, times: list[int]) -> list[float]:
        clocks = [self.amount_at(t) for t in times] if is_by_amount(self.plan.clock, field) else times
        for binding in self.plan.bindings:
            if isinstance(binding.field, Target) and binding.name == field:
                return [binding.schedule(t, base=binding.field.initial) for t in clocks]
        names = [each.get("name", "") for each in self.groups]
        index = names.index(group) if group else 0
        bound = next(one for one in plans.bind(self.plan, self.groups)[index] if one.name == field)
        return [bound.schedule(t, base=bound.field.base(self.groups[index])) for t in clocks]


def known_bounds(total: int, marks: Iterable[int]) -> list[int]:
    """Return the updates to compare: two hundred of the run, and those around the marks."""
    near = {mark + away for mark in (0, *marks, total) for away in range(-2, 3)}
    return sorted(t for t in near.union(range(0, total, max(total // 200, 1))) if 0 <= t < total)


def line(t: float, begin: float, end: float, low: float, high: float) -> float:
    """Interpolate linearly from `low` at `begin` to `high` at `end`; constant outside."""
    share = min(max((t - begin) / (end - begin), 0.0), 1.0)
    return low * (1 - share) + high * share


def half_wave(t: float, begin: float, end: float, high: float, low: float) -> float:
    """Interpolate with a cosine from `high` at `begin` to `low` at `end`; constant outside."""
    left = min(max((end - t) / (end - begin), 0.0), 1.0)
    # The square of the sine is accurate near the end; 1 + cos would lose digits there.
    return low + (high - low) * (sin(pi * left / 2) ** 2 if left < 0.5 else (1 + cos(pi * (1 - left))) / 2)


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


def line_after_of_other_fields(peak, warm, total):
    """A linear warmup, then a linear decay to 0."""
    return lambda t: peak * (t / warm if t < warm else (total - t) / (total - warm))


LINES_OF_OTHER_FIELDS = {
    "wav2vec2-base": (400_000, 5e-4, 32_000),
    "wav2vec2-large": (250_000, 3e-4, 20_000),
    "hubert-base": (400_000, 5e-4, 32_000),
    "whisper-large": (2**20, 1.75e-4, 2048),
}


@pytest.mark.parametrize("name", LINES_OF_OTHER_FIELDS)
def test_a_warmup_and_a_line_other_fields(name):
    total, peak, warm = LINES_OF_OTHER_FIELDS[name]
    run = Run(name)

    assert run.total == total
    run.agrees("lr", line_after_of_other_fields(peak, warm, total), warm)


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


def transformers_cosine(t, peak, warm, total, floor):
    """transformers' cosine, and cosine_with_min_lr: `floor` is min_lr_rate."""
    if t < warm:
        return peak * t / max(1, warm)
    progress = (t - warm) / max(1, total - warm)
    return peak * (max(0.0, 0.5 * (1.0 + cos(pi * progress))) * (1 - floor) + floor)


# Each row: the updates, the peak, the share or the number of updates of warmup, and the floor as a share of the peak.
COSINES_OF_SINCE_2025 = {
    "smollm3-3b-midtraining": (5000, 2e-5, 0.03, 0.1),
    "smollm3-3b-apo": (1000, 1e-6, 0.1, 0.1),
    "smollm3-3b-long-context": (20_000, 2e-5, 1000, 0.0),
    "openr1-distill-7b": (5000, 4e-5, 0.03, 0.1),
    "olympiccoder-7b": (10_000, 1e-5, 0.03, 0.1),
    "qwen3-4b-lora": (375, 1e-4, 0.1, 0.0),
    "qwen3-8b-lora": (3235, 3e-4, 100, 0.0),
    "qwen3-32b-qlora": (1000, 2e-4, 0.1, 0.0),
}


@pytest.mark.parametrize("name", COSINES_OF_SINCE_2025)
def test_a_cosine_of_transformers(name):
    total, peak, warmup, floor = COSINES_OF_SINCE_2025[name]
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


def test_modded_nanogpt_since_2025():
    run, scheduled, extension = Run("modded-nanogpt-2026-08"), 1270, 15
    ends = [0, *(round(part * scheduled) for part in (1 / 3, 2 / 3, 1.0)), scheduled + extension]

    def stage(step):
        return next(index for index in range(4) if step < ends[index + 1])

    def rate(step):
        start = int(scheduled * (1 - 0.6))
        rate = (1.0, 1.52, 1.73, 1.0)[stage(step)]
        if step >= start:
            t = min(1.0, (step - start) / (scheduled - start))
            rate = rate * (1 - t) + 0.15 * t
        return rate

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


def stairs(peak, factor, *milestones):
    """An lr that is multiplied by a factor at each milestone."""
    return lambda t: peak * factor ** bisect_right(milestones, t)


def by_epoch(formula, epoch):
    return lambda t: formula(t // epoch)


def cosine_after_of_vision(peak, warm, total, low=0.0, begin=0.0, last=False):
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
COSINES_OF_VISION = {
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


@pytest.mark.parametrize("name", COSINES_OF_VISION)
def test_a_warmup_and_a_cosine_vision(name):
    epoch, epochs, warm, levels = COSINES_OF_VISION[name]
    run = Run(name)

    assert run.total == epochs * epoch
    run.agrees("lr", cosine_after_of_vision(warm=warm * epoch, total=epochs * epoch, **levels), warm * epoch)


def test_swin_t():
    rate = cosine_after_of_vision(warm=20 * 1251, total=300 * 1251, peak=5e-4 * 2, low=5e-6 * 2, begin=5e-7 * 2)

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
    whole = cosine_after_of_vision(2e-3, 12_510, total, 1e-5, last=True)
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
    run.agrees("lr", cosine_after_of_vision(1e-3, 10_000, run.total), 10_000)

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
    run.agrees("lr", cosine_after_of_vision(5e-4, 2000, run.total), 2000)
    run = Run("openclip-vitb32-laion400m")
    whole = cosine_after_of_vision(5e-4, 2000, 32 * 12_431)
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
