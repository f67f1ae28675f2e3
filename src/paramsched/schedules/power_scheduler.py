"""The power scheduler: a rate that follows the batch size and a power of the tokens seen."""

from paramsched._number_checks import positive_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.base import Schedule
from paramsched.schedules.constant import constant
from paramsched.schedules.inverse import power_law
from paramsched.schedules.levels import Absolute
from paramsched.schedules.registry import shape
from paramsched.schedules.with_lengths import with_lengths
from paramsched.time import Duration


@shape
def power_scheduler(batch: float, a: float = 4.6, exponent: float = 0.51, most: float = 0.02) -> Schedule:
    """The power scheduler, in absolute values: value(t) = min(most, batch * a * n ** -exponent), n the tokens before t.

    Where a plan counts tokens (`clock: tokens`) n is t; on any other clock the run says how many tokens an update has.
    The warmup is laid over it, and the last descent goes on from it:
    `overlay(warmup("1B tokens", to=following), power_scheduler(1024)) >> linear(previous, 0, over="10%")`.

    Args:
        batch: the batch size, in sequences, above 0.
        a: above 0.
        exponent: above 0; the paper's b is -exponent.
        most: the highest value, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Shen et al. 2024 (2408.13359), whose a and b were found for one family of models.

    >>> at_update = resolve(power_scheduler(128), Calendar(tokens_per_step=500_000))
    >>> at_update(0), round(at_update(2000), 9)
    (0.02, 0.01513449)
    """
    per_token = positive_number(Asked("power_scheduler", "a"), a)
    scale = positive_number(Asked("power_scheduler", "batch"), batch) * per_token
    level = positive_number(Asked("power_scheduler", "most"), most)
    power = positive_number(Asked("power_scheduler", "exponent"), exponent)
    falls = constant(Absolute(level)) * power_law(power, begin := _first_token_below(level, scale, power))
    return with_lengths(constant(Absolute(level), begin) >> falls)


def _first_token_below(level: float, scale: float, power: float) -> Duration:
    """The token n0 from which on the power is below the level; there (n / n0) ** -p is (1 + (n - n0) / n0) ** -p."""
    try:
        return Duration.of(f"{(scale / level) ** (1 / power)!r} tokens")
    except (OverflowError, InvalidArgument):
        asked = f"power_scheduler(…, exponent={power!r}, most={level!r})"
        found = f"batch * a = {scale:g} comes to that at no token that a clock counts"
        raise InvalidArgument(asked, found, "Write power_scheduler(1024)") from None
