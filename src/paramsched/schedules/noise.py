"""Noise: a value drawn anew at each update, from the seed and the update alone."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from paramsched.base.arrays import Array, Arrays
from paramsched.base.number_checks import keep_checked, positive_number, require_choice, whole_number
from paramsched.errors import CallSite, InvalidArgument, shown
from paramsched.schedules.affine import Affine, Level, level_of, mixed_levels
from paramsched.schedules.base import Schedule
from paramsched.schedules.registry import shape

NoiseKind: TypeAlias = Literal["normal", "uniform"]
"""How draws are spread: a bell of deviation 1, or evenly between -1 and 1."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Noise(Schedule):
    """value(t) = around + size * e(t), with e(t) a hash of the seed and t made a draw."""

    size: Level
    kind: NoiseKind
    clip: float | None
    around: Level
    seed: int

    def __post_init__(self) -> None:
        keep_checked(self, "noise", level_of, "size", "around")
        keep_checked(self, "noise", whole_number, "seed", least=0)
        require_choice(CallSite("noise", "kind"), self.kind, NoiseKind, "unknown kind")
        if self.clip is None:
            return
        if self.kind == "uniform":
            found = "uniform draws are within -size and size as they are"
            raise InvalidArgument(CallSite("noise", "clip", shown(self.clip)), found, 'Write noise(0.1, "uniform")')
        keep_checked(self, "noise", positive_number, "clip")

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        below, rest = _uniform_draw(ops.whole(t), self.seed, ops)
        if self.kind == "uniform":
            drawn = 1.0 - 2.0 * rest
        else:
            within = 1.0 if self.clip is None else math.erf(self.clip / math.sqrt(2.0))
            drawn = _upper_quantile(0.5 * (1.0 - within) + within * rest, ops)
        drawn = ops.where(below, -drawn, drawn)
        return mixed_levels(self.around, self.size, base, lambda middle, size: middle + size * drawn)


_WORD = 0xFFFF
_MULTIPLIER = 0xD2B5  # odd, so that a round loses nothing
_ROUNDS = 10


def _round_keys(seed: int, stream: int) -> list[int]:
    """The key of each round: the digits of SplitMix64, begun at the seed."""
    keys = []
    for number in range(_ROUNDS):
        mixed = (seed + (stream * _ROUNDS + number + 1) * 0x9E3779B97F4A7C15) % 2**64
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        keys.append((mixed ^ mixed >> 31) & _WORD)
    return keys


def _mixed_words(left: Array, right: Array, keys: list[int]) -> tuple[Array, Array]:
    """Rounds of a Philox of two words of 16 bits: their products are right in integers of 32 bits as in those of 64."""
    for key in keys:
        product = left * _MULTIPLIER
        left, right = ((product >> 16) & _WORD) ^ key ^ right, product & _WORD
    return left, right


def _uniform_draw(t: Array, seed: int, ops: Arrays) -> tuple[Array, Array]:
    """For each whole time a number between 0 and 1, of 2 ** 32 that are spread evenly and none of them an end.

    It is told as whether it is below 1/2, and how far it is from the nearer end: small floats keep all digits of that.
    """
    left, right = _mixed_words(t & _WORD, (t >> 16) & _WORD, _round_keys(seed, 0))
    if ops.far >= 2**32 and not (ops.concrete and t.size and t.max() < 2**32):
        high = t >> 32
        far_left, far_right = left ^ (high & _WORD), right ^ ((high >> 16) & _WORD)
        far_left, far_right = _mixed_words(far_left, far_right, _round_keys(seed, 1))
        left, right = ops.xp.where(high > 0, far_left, left), ops.xp.where(high > 0, far_right, right)
    below = left < 2**15
    left, right = ops.xp.where(below, left, _WORD - left), ops.xp.where(below, right, _WORD - right)
    return below, (ops.floating(left) * 2.0**16 + ops.floating(right) + 0.5) / 2.0**32


_MIDDLE = (
    (2.50908_09287_30122_6727e3, 3.34305_75583_58812_8105e4, 6.72657_70927_00870_0853e4, 4.59219_53931_54987_1457e4,
     1.37316_93765_50946_1125e4, 1.97159_09503_06551_4427e3, 1.33141_66789_17843_7745e2, 3.38713_28727_96366_6080e0),
    (5.22649_52788_52854_5610e3, 2.87290_85735_72194_2674e4, 3.93078_95800_09271_0610e4, 2.12137_94301_58659_5867e4,
     5.39419_60214_24751_1077e3, 6.87187_00749_20579_0830e2, 4.23133_30701_60091_1252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545_01427_83414_07640e-4, 2.27238_44989_26918_45833e-2, 2.41780_72517_74506_11770e-1,
     1.27045_82524_52368_38258e0, 3.64784_83247_63204_60504e0, 5.76949_72214_60691_40550e0,
     4.63033_78461_56545_29590e0, 1.42343_71107_49683_57734e0),
    (1.05075_00716_44416_84324e-9, 5.47593_80849_95344_94600e-4, 1.51986_66563_61645_71966e-2,
     1.48103_97642_74800_74590e-1, 6.89767_33498_51000_04550e-1, 1.67638_48301_83803_84940e0,
     2.05319_16266_37758_82187e0, 1.0),
)  # fmt: skip


def _upper_quantile(beyond: Array, ops: Arrays) -> Array:
    """The deviation beyond which so much of a normal distribution lies, at most a half, to 16 digits.

    Source: Wichura 1988, AS 241 (PPND16); 2 ** -33, the least there is, is not in its farthest tail.
    """
    central = beyond >= 0.075
    inner = 0.5 - ops.where(central, beyond, 0.5)
    middle = inner * _polynomial_ratio(0.180625 - inner * inner, _MIDDLE)
    tail = _polynomial_ratio(ops.xp.sqrt(-ops.xp.log(ops.where(central, 0.05, beyond))) - 1.6, _TAIL)
    return ops.where(central, middle, tail)


def _polynomial_ratio(x: Array, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Array:
    above, below = x * 0.0, x * 0.0
    for over, under in zip(*coefficients, strict=True):
        above, below = above * x + over, below * x + under
    return above / below


@shape
def noise(
    size: Level = 0.1,
    kind: NoiseKind = "normal",
    clip: float | None = None,
    around: Level = 1.0,
    seed: int = 0,
) -> Noise:
    """A random value at each update: value(t) = around + size * e(t).

    e(t) comes from the seed and t alone, so it is the same in any order, in any block, and when a run is resumed. It
    multiplies by `cosine() * noise(0.1)`, and adds by `cosine() + noise(absolute(1e-4), around=0)`.

    Args:
        size: of the deviations, a level: the standard deviation of normal noise, the greatest one of uniform noise.
        kind: `"normal"` or `"uniform"`.
        clip: normal draws of more than so many standard deviations are drawn again; None keeps all.
        around: the level they lie around; 0 for noise that is added.
        seed: a whole number from 0 on; another one gives other draws.

    Raises:
        InvalidArgument: an argument out of its range, or `clip` with uniform noise.

    Source: timm's `noise_pct`, `noise_type` and `noise_seed`, with draws of another generator: its uniform noise is
    `noise(pct, "uniform")`, its normal noise `noise(1, clip=pct)`. The uniform draws are a Philox of two words
    (Salmon et al. 2011, Random123).

    >>> jitter = noise(0.1, "uniform", seed=7)
    >>> [round(jitter(t), 6) for t in (0, 1, 1000)]
    [0.972599, 1.026006, 1.056944]
    """
    return Noise(size, kind, clip, around, seed)
