"""Formulas of the curves in `published_curves.yaml`, as the libraries and the papers have them."""

from collections.abc import Callable
from itertools import pairwise
from math import cos, exp, log, pi, tanh

BASE = 0.2
TOTAL = 100
WARMUP = 10
LEAST = 1e-05  # timm's min_lr
DOUBLED = [10, 20, 40, 80]
CUT = [10, 15, 22, 33, 49, 73]  # int(int(10 * 1.5) * 1.5) and so on


def fall(u: float) -> float:
    """Return the cosine decay from 1 to 0."""
    return (1 + cos(pi * u)) / 2


def rise(u: float) -> float:
    """Return the cosine ramp from 0 to 1."""
    return (1 - cos(pi * u)) / 2


def between(first: float, last: float, share: float) -> float:
    """Interpolate linearly between two values."""
    return first + (last - first) * share


def clip(u: float) -> float:
    """Limit a fraction of a stage to the range from 0 to 1."""
    return min(max(u, 0.0), 1.0)


def after_warmup(t: float) -> float:
    """Return the elapsed fraction of the updates after the warmup."""
    return clip((t - WARMUP) / (TOTAL - WARMUP))


def warmed(decay: Callable[[float], float]) -> Callable[[int], float]:
    """Return a linear warmup from 0 and a decay over the remaining updates, as in transformers."""
    return lambda t: BASE * (t / WARMUP if t < WARMUP else decay(after_warmup(t)))


def counted_from_one(decay: Callable[[float], float]) -> Callable[[int], float]:
    """Return the curve of `warmed` as OLMo-core evaluates it, which counts updates from 1."""
    return lambda t: BASE * ((t + 1) / WARMUP if t + 1 < WARMUP else decay(after_warmup(t + 1)))


def cycle_of(t: int, lengths: list[int]) -> tuple[int, int]:
    """Return the index of the cycle that contains update t, and the position in it; len(lengths) after the last."""
    for number, length in enumerate(lengths):
        if t < length:
            return number, t
        t -= length
    return len(lengths), t


def wsd(descent, floor=0.0, start=0.0):
    """A warmup of 10 updates, base, and a decay over the last 20."""
    return lambda t: between(start, BASE, t / 10) if t < 10 else between(floor, BASE, descent(clip((t - 80) / 20)))


def torchtitan(descent):
    """The warmup counts from one and the decay from zero; the minimum is a tenth."""
    return lambda t: BASE * (min((t + 1) / 10, 1) if t < 80 else between(0.1, 1, descent(clip((t - 80) / 20))))


def timm_tanh(t):
    return 0.01 + 0.5 * (BASE - 0.01) * (1 - tanh(-7.0 * (1 - t / 100) + 3.0 * t / 100))


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
    """ReLoRA's cosine, with a warmup of 4 updates after each restart of the optimizer."""
    cycle, since = divmod(t, 25)

    def envelope(p):
        return between(0.1, 1, fall(p / 90))

    if t < 10 or t >= 100:
        return BASE * (t / 10 if t < 10 else 0.1)
    return BASE * (since / 4 * envelope(cycle * 25) if cycle and since < 4 else envelope(t - 10))


def periods_with_a_decay(t, lengths=(45, 30, 25), decay=0.2):
    """OLMo-core's WSDS, evaluated one update late: at the minimum in the last update of each period."""
    now = min(t + 1, sum(lengths))
    begin = 0
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
        p = t / total
        begin = 0.0
        for end, formula in parts:
            if p < end or end == 1:
                return BASE * formula(min((p - begin) / (end - begin), 1))
            begin = end
        raise AssertionError

    return value


def straight(u):
    return u


def three_stages(t):
    if t < 50:
        return BASE * (0.01 + 0.99 * t / 10 if t < 10 else 1)
    return BASE * exp(log(0.01) * min(t - 50, 50) / 50)


def olmo_two(t):
    whole = t / 10 if t < 10 else between(0.1, 1, fall((min(t, 80) - 10) / 90))
    return BASE * whole * (1 - clip((t - 80) / 20))


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


def times_base(formula):
    return lambda t: BASE * formula(t)


def seen_late(formula):
    """The value in a library that increments its counter before the update."""
    return lambda t: BASE * formula(t + 1)


def warmed_by_nemo(then, warmup=10):
    """NeMo's warmup, which starts above 0 and is one update longer than its argument."""
    return lambda t: BASE * ((t + 1) / (warmup + 1) if t <= warmup else then(t))


def _shrinking(t):
    """fairseq's cycles of 12, 18, 27, 40.5, … updates, each half as high."""
    number = 0
    begin = 0.0
    length = 12.0
    while t >= begin + length:
        number = number + 1
        begin = begin + length
        length = length * 1.5
    return 0.5**number * between(0.01, BASE, fall((t - begin) / length))
