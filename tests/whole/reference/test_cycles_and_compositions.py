"""Cycles, one-cycles and compositions of other libraries, each with its schedule text.

The cycles of timm and ignite themselves are run in `test_cycles_of_peers.py`, those of transformers in
`test_transformers_cycles.py`.
"""

from itertools import pairwise
from math import exp, log, sqrt

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import curves
from paramsched.core.plan import resolve
from paramsched.core.time import Calendar
from whole.reference.field_curves import (
    BASE,
    IN_THE_RUN,
    TO_THE_END,
    FieldCurve,
    after_warmup,
    assert_line_is_the_formula,
    between,
    clip,
    cycle_of,
    each_of,
    fall,
    rise,
)

EPOCHS = {"steps_per_epoch": 10}
DOUBLED = [10, 20, 40, 80]
CUT = [10, 15, 22, 33, 49, 73]  # int(int(10 * 1.5) * 1.5) and so on


def cosines(lengths, peak=lambda i: 1.0, floor=lambda i: 0.0):
    """Cosine cycles from `peak` to `floor`, multiples of base."""

    def value(t):
        i, c = cycle_of(t, lengths)
        return BASE * between(floor(i), peak(i), fall(c / lengths[min(i, len(lengths) - 1)]))

    return value


def triangles(mode, low=0.1):
    def value(t):
        cycle, c = divmod(t, 25)
        height = (c / 10 if c <= 10 else (25 - c) / 15) * mode(cycle, t)
        return BASE * between(low, 1, height)

    return value


def relora(t):
    cycle, since = divmod(t, 25)

    def envelope(p):
        return between(0.1, 1, fall(p / 90))

    if t < 10 or t >= 100:
        return BASE * (t / 10 if t < 10 else 0.1)
    return BASE * (since / 4 * envelope(cycle * 25) if cycle and since < 4 else envelope(t - 10))


def wsd_s(t, lengths=(45, 30, 25), decay=0.2):
    """OLMo-core's WSDS, evaluated one update late: at the minimum in the last update of each period."""
    now, begin = min(t + 1, sum(lengths)), 0
    if now < 10:
        return BASE * now / 10
    for length in lengths:
        if now <= begin + length:
            break
        begin += length
    down = round(decay * length)
    return BASE * (1 - 0.9 * clip((now - begin - (length - down)) / down))


def optax_sgdr(t):
    if t < 30:
        return BASE * (t / 5 if t < 5 else fall((t - 5) / 25))
    return BASE * (between(0.1, 0.5, (t - 30) / 5) if t < 35 else between(0.1, 0.5, fall(min(t - 35, 65) / 65)))


CYCLES = [
    FieldCurve(
        "torch CosineAnnealingWarmRestarts",
        "cosine_restarts(10, mult=2, to=0.05)",
        cosines(DOUBLED, floor=lambda i: 0.05),
    ),
    FieldCurve(
        "paddle CosineAnnealingWarmRestarts",
        "cosine_restarts(10, mult=2, to=absolute(0.01))",
        cosines(DOUBLED, floor=lambda i: 0.01 / BASE),
    ),
    FieldCurve("fastai fit_sgdr", 'cosine_restarts("1 epoch", mult=2)', cosines(DOUBLED), facts=EPOCHS),
    FieldCurve(
        "timm cosine cycle_mul cycle_decay cycle_limit",
        "cosine_restarts(10, 2, 0.01, 0.5, times=3)",
        lambda t: cosines(DOUBLED, lambda i: 0.5**i, lambda i: 0.01)(t) if t < 70 else 0.01 * BASE,
    ),
    FieldCurve(
        "mmengine CosineRestartLR",
        "recurrence(rules.cosine_restarts([10, 20, 70], [1.0, 0.5, 0.25], to=absolute(0.01)))",
        cosines([10, 20, 70], lambda i: [1, 0.5, 0.25][i], lambda i: 0.01 / BASE),
        IN_THE_RUN,
    ),
    FieldCurve(
        "a list of cycles",
        "cosine(over=10) >> cosine(start=0.5, over=20) >> cosine(start=0.25, over=70)",
        cosines([10, 20, 70], lambda i: [1, 0.5, 0.25][i]),
        IN_THE_RUN,
    ),
    FieldCurve(
        "optax sgdr_schedule",
        "warmup(5) >> cosine(over=25) >> linear(0.1, 0.5, 5) >> cosine(start=0.5, to=0.1, over=65)",
        optax_sgdr,
    ),
    FieldCurve(
        "composer CosineAnnealingWarmRestarts",
        'cosine_restarts(10, 1.5, 0.1, lengths="floor")',
        cosines(CUT, floor=lambda i: 0.1),
    ),
    FieldCurve(
        "ignite CosineAnnealingScheduler",
        'cosine_restarts(10, 1.5, 0.1, 0.9, 1.1, lengths="floor")',
        cosines(CUT, lambda i: 0.9**i, lambda i: 0.1 * 1.1**i),
    ),
    FieldCurve(
        "keras CosineDecayRestarts",
        "0.9 * cosine_restarts(10, 2, gamma=0.5) + 0.1",
        lambda t: 0.9 * cosines(DOUBLED, lambda i: 0.5**i)(t) + 0.1 * BASE,
    ),
    FieldCurve(
        "pytorch_optimizer CosineAnnealingWarmupRestarts",
        "restarts(warmup(5, 0.1) >> cosine(to=0.1), 30)",
        lambda t: BASE * (between(0.1, 1, t % 30 / 5) if t % 30 < 5 else between(0.1, 1, fall((t % 30 - 5) / 25))),
    ),
    FieldCurve(
        "ignite warmup_duration",
        "restarts(cosine(to=0.1, over=20) >> warmup(5, 0.1), 25)",
        lambda t: BASE * between(0.1, 1, fall(t % 25 / 20) if t % 25 < 20 else (t % 25 - 20) / 5),
    ),
    FieldCurve(
        "transformers cosine_with_restarts",
        "warmup(10) >> restarts(cosine(), times=4)",
        lambda t: BASE * (t / 10 if t < 10 else fall(4 * after_warmup(t) % 1) if t < 100 else 0),
    ),
    FieldCurve("torch CyclicLR", "cyclic(10, 15, start=0.1)", triangles(lambda cycle, t: 1)),
    FieldCurve("paddle CyclicLR", "cyclic(10, 15, start=0.1)", triangles(lambda cycle, t: 1)),
    FieldCurve(
        "torch CyclicLR triangular2",
        'cyclic(10, 15, start=0.1, mode="triangular2")',
        triangles(lambda cycle, t: 0.5**cycle),
    ),
    FieldCurve(
        "torch CyclicLR exp_range",
        'cyclic(10, 15, start=0.1, mode="exp_range", gamma=0.99)',
        triangles(lambda cycle, t: 0.99**t),
    ),
    FieldCurve(
        "torch CyclicLR momentum",
        "cyclic(10, 15, start=1.0, to=0.8)",
        lambda t: BASE * 1.8 - triangles(lambda cycle, t: 1, 0.8)(t),
    ),
    FieldCurve(
        "ignite LinearCyclicalScheduler",
        "cyclic(10, start=1.0, to=0.1)",
        lambda t: BASE * between(1, 0.1, 1 - abs(t % 20 / 10 - 1)),
    ),
    FieldCurve(
        "ignite LinearCyclicalScheduler monotonic",
        "restarts(linear(1.0, 0.1), 20)",
        lambda t: BASE * between(1, 0.1, t % 20 / 20),
    ),
    FieldCurve("ReLoRA", "jagged(warmup(10) >> cosine(to=0.1), 25, 4, meets=10)", relora),
    FieldCurve("OLMo-core WSDS", 'wsd_s([45, 30, 25], 0.2, 10, to=0.1, index="(t+1)/n", decay_index="(t+1)/n")', wsd_s),
    FieldCurve(
        "Fu et al. 2019",
        "clamp(restarts(linear(0.0, 2.0), times=4), high=1.0)",
        lambda t: BASE * min(t % 25 / 12.5, 1) if t < 100 else BASE,
    ),
    FieldCurve(
        "Fu et al. 2019, cosine",
        "restarts(anneal(0, 1, over=15, curve=curves.cosine), times=4)",
        lambda t: BASE * rise(min(t % 25 / 15, 1)) if t < 100 else BASE,
    ),
]


def one_cycle(pct, total=100, way=rise, back=False):
    """torch's OneCycleLR: its phases end at pct * total - 1, (2 pct * total - 2,) total - 1, which are real numbers."""
    up = pct * total - 1
    knots = [(0, 0.04), (up, 1.0), *([(2 * up, 0.04)] if back else []), (total - 1, 4e-6)]

    def value(t):
        (begin, first), (end, last) = next(pair for pair in pairwise(knots) if t <= pair[1][0] or pair[1] == knots[-1])
        return BASE * between(first, last, way((t - begin) / (end - begin)))

    return value


def momentum_cycle(pct, total):
    up = pct * total - 1
    return lambda t: between(0.95, 0.85, rise(t / up) if t <= up else fall((t - up) / (total - 1 - up)))


def optax_cycle(shares, levels, total, way):
    """The phases end at integer updates, int(share * total)."""
    ends = [0, *(int(share * total) for share in shares), total]

    def value(t):
        phase = next((i for i, end in enumerate(ends[1:]) if t < end), len(shares))
        u = clip((t - ends[phase]) / (ends[phase + 1] - ends[phase]))
        return BASE * between(levels[phase], levels[phase + 1], way(u))

    return value


def by_share(total, *parts):
    """The phases of fastai and fvcore, which end at fractions of the run, possibly between updates."""

    def value(t):
        p, begin = t / total, 0.0
        for end, formula in parts:
            if p < end or end == 1:
                return BASE * formula(min((p - begin) / (end - begin), 1))
            begin = end
        raise AssertionError

    return value


def straight(u):
    return u


ONE_CYCLES = [
    FieldCurve("torch OneCycleLR", 'one_cycle("30%", index="t/(n-1)")', one_cycle(0.3), IN_THE_RUN),
    FieldCurve(
        "torch OneCycleLR between two updates", 'one_cycle("23%", index="t/(n-1)")', one_cycle(0.23, 97), range(97), 97
    ),
    FieldCurve(
        "torch OneCycleLR linear",
        'one_cycle("23%", curve=curves.linear, index="t/(n-1)")',
        one_cycle(0.23, 97, straight),
        range(97),
        97,
    ),
    FieldCurve(
        "torch OneCycleLR three_phase",
        'one_cycle("30%", back="30%", index="t/(n-1)")',
        one_cycle(0.3, back=True),
        IN_THE_RUN,
    ),
    FieldCurve(
        "torch OneCycleLR three_phase between two updates",
        'one_cycle("23%", back="23%", curve=curves.linear, index="t/(n-1)")',
        one_cycle(0.23, 97, straight, back=True),
        range(97),
        97,
    ),
    FieldCurve(
        "torch OneCycleLR momentum",
        'one_cycle("23%", absolute(0.95), absolute(0.95), index="t/(n-1)", peak=absolute(0.85))',
        momentum_cycle(0.23, 97),
        range(97),
        97,
    ),
    FieldCurve("optax cosine_onecycle_schedule", 'one_cycle("30%")', optax_cycle([0.3], [0.04, 1, 4e-6], 100, rise)),
    FieldCurve(
        "optax cosine_onecycle_schedule, cut",
        'with_lengths(one_cycle("23%"), "floor")',
        optax_cycle([0.23], [0.04, 1, 4e-6], 97, rise),
        total=97,
    ),
    FieldCurve(
        "optax linear_onecycle_schedule",
        'one_cycle("30%", back="55%", curve=curves.linear)',
        optax_cycle([0.3, 0.85], [0.04, 1, 0.04, 4e-6], 100, straight),
    ),
    FieldCurve(
        "optax linear_onecycle_schedule, cut",
        'with_lengths(one_cycle("23%", back="62%", curve=curves.linear), "floor")',
        optax_cycle([0.23, 0.85], [0.04, 1, 0.04, 4e-6], 97, straight),
        total=97,
    ),
    FieldCurve(
        "fastai fit_one_cycle",
        'with_lengths(one_cycle("25%", to=1e-05))',
        by_share(101, (0.25, lambda u: between(0.04, 1, rise(u))), (1, lambda u: between(1e-5, 1, fall(u)))),
        total=101,
    ),
    FieldCurve(
        "fastai fit_one_cycle moms",
        'with_lengths(one_cycle("25%", absolute(0.95), absolute(0.95), peak=absolute(0.85)))',
        by_share(
            101,
            (0.25, lambda u: between(0.85, 0.95, fall(u)) / BASE),
            (1, lambda u: between(0.85, 0.95, rise(u)) / BASE),
        ),
        total=101,
    ),
    FieldCurve(
        "fastai fit_flat_cos",
        'with_lengths(constant(over="72%") >> cosine())',
        by_share(77, (0.72, lambda u: 1), (1, fall)),
        total=77,
    ),
    FieldCurve(
        "fvcore CompositeParamScheduler",
        'with_lengths(warmup("13%", 0.1) >> cosine())',
        by_share(97, (0.13, lambda u: 0.1 + 0.9 * u), (1, fall)),
        range(97),
        97,
    ),
    FieldCurve(
        "ULMFiT",
        'warmup("10%", 0.03125) >> linear(to=0.03125)',
        lambda t: BASE * (1 + (t / 10 if t < 10 else 1 - (t - 10) / 90) * 31) / 32,
        TO_THE_END,
    ),
]


def three_stages(t):
    if t < 50:
        return BASE * (0.01 + 0.99 * t / 10 if t < 10 else 1)
    return BASE * exp(log(0.01) * min(t - 50, 50) / 50)


def olmo_two(t):
    whole = t / 10 if t < 10 else between(0.1, 1, fall((min(t, 80) - 10) / 90))
    return BASE * whole * (1 - clip((t - 80) / 20))


COMPOSITIONS = [
    FieldCurve(
        "nanochat",
        'wsd(10, "65%", to=0.05, index="(t+1)/n")',
        lambda t: BASE * ((t + 1) / 10 if t < 10 else between(0.05, 1, min((100 - t) / 65, 1))),
        TO_THE_END,
    ),
    FieldCurve(
        "OLMo-core WSD",
        'wsd(10, "10%", index="(t+1)/n", decay_index="(t+1)/n")',
        lambda t: BASE * min((t + 1) / 10, 1, (100 - min(t + 1, 100)) / 10),
    ),
    FieldCurve(
        "straight lines by (t+1)/n",
        'wsd(10, 20, index="(t+1)/n")',
        lambda t: BASE * min((t + 1) / 10, 1, (100 - t) / 20),
        TO_THE_END,
    ),
    FieldCurve(
        "composer t_warmup, cut",
        'with_lengths(warmup("13%") >> cosine(to=0.1), "floor")',
        lambda t: BASE * (t / 12 if t < 12 else between(0.1, 1, fall((t - 12) / 85))),
        range(97),
        97,
    ),
    FieldCurve(
        "OLMo-core warmup_fraction, to the nearest",
        'with_lengths(warmup("13%", index="(t+1)/n") >> linear(to=0.1, index="(t+1)/n"), "nearest")',
        lambda t: BASE * ((t + 1) / 13 if t < 13 else between(1, 0.1, (t - 12) / 84)),
        range(97),
        97,
    ),
    FieldCurve(
        "fairseq tri-stage", 'warmup("10%", 0.01) >> constant(over="40%") >> geometric(1.0, 0.01, "50%")', three_stages
    ),
    FieldCurve(
        "Ibrahim et al. 2024",
        "warmup(10) >> cosine(to=0.5, over=30) >> constant(0.5) >> geometric(0.5, 0.01, 20)",
        lambda t: (
            BASE
            * (
                t / 10
                if t < 10
                else between(0.5, 1, fall((t - 10) / 30))
                if t < 40
                else 0.5 * 0.02 ** clip((t - 80) / 20)
            )
        ),
    ),
    FieldCurve(
        "OLMo-core CosWithWarmupAndLinearDecay",
        'skip(take(warmup(10) >> cosine(to=0.1), "80%") >> linear(previous, 0, over="20%"), 1, of="100%")',
        lambda t: olmo_two(min(t + 1, 100)),
    ),
    FieldCurve(
        "OLMo 2, a cosine and a straight end",
        'take(warmup(10) >> cosine(to=0.1), "80%") >> linear(previous, 0, over="20%")',
        olmo_two,
    ),
    FieldCurve(
        "axolotl cosine_constant_lr_ratio",
        'warmup(10) >> cosine(to=0.1, over="70%") >> constant(0.1)',
        lambda t: BASE * (t / 10 if t < 10 else between(0.1, 1, fall(min((t - 10) / 70, 1)))),
    ),
    FieldCurve(
        "big_vision, frozen inverse square root",
        "warmup(10) >> inverse_sqrt(10) >> linear(previous, over=20)",
        lambda t: BASE * (t / 10 if t < 10 else sqrt(10 / min(t, 80)) * (1 - clip((t - 80) / 20))),
    ),
    FieldCurve(
        "torch SequentialLR",
        "linear(0.1, 1, 10) >> exponential(0.97)",
        lambda t: BASE * (0.1 + 0.9 * t / 10 if t < 10 else 0.97 ** (t - 10)),
    ),
    FieldCurve(
        "torch ChainedScheduler",
        "linear(0.1, 1, 10) * exponential(0.97)",
        lambda t: BASE * (0.1 + 0.9 * min(t, 10) / 10) * 0.97**t,
    ),
    FieldCurve(
        "ignite ConcatScheduler",
        "linear(0.1, 1, 10) >> cosine(to=0.1)",
        lambda t: BASE * (0.1 + 0.9 * t / 10 if t < 10 else between(0.1, 1, fall(after_warmup(t)))),
    ),
    FieldCurve(
        "ignite create_lr_scheduler_with_warmup",
        'warmup(10, 0.1, index="t/(n-1)") >> skip(cosine(to=0.1, over=90), 1)',
        lambda t: BASE * (0.1 + 0.9 * t / 9 if t < 10 else between(0.1, 1, fall((t - 9) / 90))),
        range(99),
    ),
    FieldCurve(
        "mmengine LinearLR and CosineAnnealingLR",
        "recurrence(rules.linear(0.1, end=10), rules.cosine(begin=10, end=100))",
        lambda t: BASE * (0.1 + 0.9 * t / 9 if t < 10 else fall((min(t, 99) - 10) / 90)),
    ),
    FieldCurve(
        "mmengine LinearLR and PolyLR",
        "recurrence(rules.linear(0.1, end=10), rules.polynomial(begin=10, end=100))",
        lambda t: BASE * (0.1 + 0.9 * t / 9 if t < 10 else 1 - (min(t, 99) - 10) / 89),
    ),
    FieldCurve(
        "pytorch_optimizer get_linear_schedule",
        'take(constant(0.1, 1) >> warmup(10, 0.1) >> linear(to=0.1), "100%", of="100% + 1 step")',
        lambda t: BASE * (0.1 + 0.9 * max(t - 1, 0) / 10 if t < 11 else between(1, 0.1, after_warmup(t - 1))),
        IN_THE_RUN,
    ),
    FieldCurve(
        "a short decay by epochs",
        'every(wsd(0, "5 epochs", curve=curves.one_minus_sqrt), "1 epoch")',
        lambda t: BASE * (1 - sqrt(clip((t // 10 - 5) / 5))),
        facts=EPOCHS,
    ),
    FieldCurve(
        "ignite FastaiLRFinder",
        'geometric(1.0, 1000, over=100, index="(t+1)/n")',
        lambda t: BASE * 1000 ** ((t + 1) / 100),
        IN_THE_RUN,
    ),
    FieldCurve(
        "fastai lr_find",
        "geometric(absolute(1e-07), absolute(10), over=100)",
        lambda t: 1e-7 * 1e8 ** (t / 100),
        TO_THE_END,
    ),
    FieldCurve(
        "Lightning lr_find",
        'constant(absolute(1e-08), 1) >> skip(geometric(absolute(1e-08), absolute(1), over=100, index="(t+1)/n"), 1)',
        lambda t: 1e-8 * 1e8 ** ((t + 1) / 100) if t else 1e-8,
        IN_THE_RUN,
    ),
    FieldCurve(
        "a linear range test",
        'linear(absolute(1e-06), absolute(1), index="(t+1)/n")',
        lambda t: between(1e-6, 1, (t + 1) / 100),
        IN_THE_RUN,
    ),
    FieldCurve("OLMo-core exponential", "geometric(0.001, 1.0)", lambda t: BASE * 0.001 ** (1 - t / 100), IN_THE_RUN),
    FieldCurve(
        "torch SWALR",
        "recurrence(rules.anneal(absolute(0.05), 10, curve=curves.cosine))",
        lambda t: between(0.05, BASE, fall(min(t, 10) / 10)),
    ),
    FieldCurve(
        "SWA behind a cosine",
        'cosine(to=0.1, over="75%") >> cosine(start=previous, to=absolute(0.05), over=10) >> constant(absolute(0.05))',
        lambda t: BASE * (0.1 + 0.9 * fall(t / 75)) if t < 75 else between(0.05, 0.1 * BASE, fall(clip((t - 75) / 10))),
    ),
]


@each_of([*CYCLES, *ONE_CYCLES, *COMPOSITIONS])
def test_a_schedule_has_the_published_values_at_every_update(curve):
    assert_line_is_the_formula(curve)


@given(
    total=st.integers(4, 120),
    pct=st.sampled_from([0.25, 0.3, 0.33, 0.4, 0.45]),
    strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
)
def test_a_one_cycle_equals_torch_for_lr_and_momentum(total, pct, strategy, three_phase):
    assume(pct * total > 1)  # or torch divides by zero
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.9)
    peer = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, BASE, total_steps=total, pct_start=pct, anneal_strategy=strategy, three_phase=three_phase
    )
    facts, up = Calendar(total=total), f"{pct * 100:g}%"
    curve, back = curves.cosine if strategy == "cos" else curves.linear, up if three_phase else None
    rate = resolve(ps.one_cycle(up, curve=curve, index="t/(n-1)", back=back), facts)
    high, low = ps.absolute(0.95), ps.absolute(0.85)
    momentum = resolve(ps.one_cycle(up, high, high, curve, "t/(n-1)", back, peak=low), facts)

    for t in range(total):
        group = optimizer.param_groups[0]
        assert rate(t, BASE) == pytest.approx(group["lr"], rel=1e-11, abs=1e-15)
        assert momentum(t, 0.9) == pytest.approx(group["momentum"], rel=1e-12)
        optimizer.step()
        if t < total - 1:
            peer.step()
