"""The errors of the arguments of shapes: one function for each mistake, which returns the error."""

from typing import Final

from paramsched.errors import CallSite, InvalidArgument, PlanError, shown, site_with_value

# ---------------------------------------------------------------- arguments of all shapes


def cycles_shrink(site: CallSite, mult: object) -> InvalidArgument:
    """Return the error for a ratio of cycles below 1."""
    return _invalid_growth(site, mult, "must be at least 1: cycles must not shrink", "mult=1")


def growth_too_fast(site: CallSite, mult: object, most: int) -> InvalidArgument:
    """Return the error for a ratio of cycles that is larger than a clock counts."""
    return _invalid_growth(site, mult, f"expected at most {most:.0e}", "mult=2")


def growth_too_slow(site: CallSite, mult: object, least: float) -> InvalidArgument:
    """Return the error for a ratio of cycles that needs too many of them."""
    return _invalid_growth(site, mult, f"expected 1, or at least {least}", "mult=1")


def _invalid_growth(site: CallSite, mult: object, message: str, example: str) -> InvalidArgument:
    return InvalidArgument(CallSite(site.call, site.argument, repr(mult)), message, example=example)


def length_is_zero(site: CallSite) -> InvalidArgument:
    """Return the error for a period or a time scale of 0."""
    return InvalidArgument(site_with_value(site, 0), "must be greater than 0", example="30")


def index_as_level(site: CallSite, level: str) -> InvalidArgument:
    """Return the error for the text `1/n` in place of a level."""
    message = "a level is a number; index defines the value of the first update"
    advice = 'To begin at 1/n write index="(t+1)/n"'
    return InvalidArgument(CallSite(site.call, site.argument, shown(level)), message, advice, refused=level)


def not_a_bool(site: CallSite, value: object) -> InvalidArgument:
    """Return the error for another value in place of True or False."""
    call = CallSite(site.call, site.argument, repr(value))
    return InvalidArgument(call, "expected True or False", example=f"{site.argument}=True")


# ---------------------------------------------------------------- shapes between two levels


def geometric_to_absolute(start: object, to: object) -> InvalidArgument:
    """Return the error for a ratio from a multiple of base to a value, of which one is not above 0."""
    message = "from a multiple of base to an absolute value, both must be above 0"
    return InvalidArgument(f"geometric({start}, {to})", message, example="geometric(1.0, absolute(1e-06))")


def levels_of_two_kinds(start: object, to: object) -> InvalidArgument:
    """Return the error for a ratio of levels of which at least one is the sum of a multiple and a value."""
    message = "expected two multiples of base, two absolute values, or a multiple of base and then an absolute value"
    return _invalid_ratio(start, to, message)


def levels_without_ratio(start: object, to: object) -> InvalidArgument:
    """Return the error for a ratio to or from 0, or of two signs."""
    return _invalid_ratio(start, to, "both levels must be nonzero and have the same sign")


def _invalid_ratio(start: object, to: object, message: str) -> InvalidArgument:
    return InvalidArgument(f"geometric({start}, {to})", message, example="geometric(1.0, 0.01)")


def end_of_zero(level: object) -> InvalidArgument:
    """Return the error for a geometric change to 0."""
    site = CallSite("geometric", "to", str(level))
    return InvalidArgument(site, "must not be 0, which no ratio reaches", example="to=0.01")


def base_is_not_above_zero(site: str, base: float, stage: object, to: object, value: float) -> PlanError:
    """Return the error for a base from which no ratio reaches an absolute value, the `value` of the level `to`."""
    start = abs(base) if abs(base) not in (0, value) else 10 * value
    advice = f"For example: geometric(absolute({start:g}), {to})"
    return PlanError(site, f"the base is {base:g}, but {stage} needs a base above 0", advice)


# ---------------------------------------------------------------- cycles


def too_many_growing_cycles(call: str, times: int, most: int) -> InvalidArgument:
    """Return the error for more growing cycles than a table contains."""
    return InvalidArgument(CallSite(call, "times", str(times)), f"expected at most {most} growing cycles", "Omit times")


def cycles_do_not_grow(call: str, lengths: str, first: int, mult: float) -> InvalidArgument:
    """Return the error for cycles that are rounded down to the length of the first one."""
    message = f"cycles of {first} updates do not grow: int({first} * {mult!r}) is {first}"
    return InvalidArgument(CallSite(call, "lengths", repr(lengths)), message, example='lengths="exact"')


def neither_period_nor_times(example: str) -> InvalidArgument:
    """Return the error for restarts of an unknown period."""
    site = CallSite("restarts", "times", "None")
    return InvalidArgument(site, "expected every, times, or both", example=example)


def even_cycles_are_not_rounded(lengths: str) -> InvalidArgument:
    """Return the error for a rounding of cycles that divide the total evenly."""
    message = "cycles that divide the total evenly are not rounded"
    return InvalidArgument(CallSite("restarts", "lengths", repr(lengths)), message, "Omit lengths")


def cycles_split_epochs(call: str, schedule: str, size: object, example: str) -> InvalidArgument:
    """Return the error for cycles in which a part that changes at epochs of the run changes at different updates."""
    message = f"{schedule} changes at epochs of the run, and cycles of {size} are not whole epochs"
    return InvalidArgument(call, message, f"Write {example} to count from the start of each cycle")


def gamma_without_its_mode(mode: str, gamma: float) -> InvalidArgument:
    """Return the error for a ratio that the mode of `cyclic` does not use."""
    site = CallSite("cyclic", "mode", f"{mode!r}, gamma={gamma!r}")
    return InvalidArgument(site, 'gamma requires mode="exp_range"', 'Use mode="exp_range", or omit gamma')


# ---------------------------------------------------------------- decays and steps


def exponent_of_zero() -> InvalidArgument:
    """Return the error for a power law that is constant."""
    message = "must not be 0, because the value would be base at every update"
    return InvalidArgument(CallSite("power_law", "exponent"), message, example="0.5")


def ratio_of_zero(call: str, since: str) -> InvalidArgument:
    """Return the error for steps to 0, with the line that has them."""
    advice = f"Write piecewise([(0, 1), ({since}, 0)])"
    return InvalidArgument(CallSite(call, "gamma", "0"), "must be greater than 0", advice)


def milestones_are_not_a_list(milestones: object) -> InvalidArgument:
    """Return the error for another value in place of a list of times."""
    message = f"expected a list of times, got {type(milestones).__name__}"
    return InvalidArgument(f"multistep({milestones!r})", message, example="multistep([30, 80])")


def milestone_after_end(call: str, milestone: object, update: str, length: str) -> InvalidArgument:
    """Return the error for a milestone at or after the end of its stage."""
    message = (
        f'milestone "{milestone}" is at {update} of a stage of {length}: milestones count from the start of the stage'
    )
    return InvalidArgument(call, message, "To count from the start of the run, multiply: warmup(…) * multistep(…)")


# ---------------------------------------------------------------- points and tables

_POINTS: Final = 'piecewise([(0, 1.0), ("50%", 0.1)])'
_NUMBERS: Final = "[1.0, 0.5, 0.1]"


def points_are_not_pairs(points: object) -> InvalidArgument:
    """Return the error for another value in place of a list of points."""
    return InvalidArgument(f"piecewise({points!r})", "expected pairs of time and level", example=_POINTS)


def times_decrease(points: object, before: object, after: object) -> InvalidArgument:
    """Return the error for a point that is earlier than the point before it."""
    message = f"expected increasing times, got {after} after {before}"
    return InvalidArgument(f"piecewise({shown(points)})", message, example=_POINTS)


def values_of_two_kinds(site: CallSite) -> InvalidArgument:
    """Return the error for a table of multiples and values."""
    message = "some values are absolute and some are multiples of base"
    advice = "Values of both kinds are levels of piecewise([(0, 1.0), (10, absolute(0.1))])"
    return InvalidArgument(site, message, advice)


def nested_values(site: CallSite) -> InvalidArgument:
    """Return the error for a table of lists of different lengths."""
    return _not_numbers(site, "nested lists")


def values_are_not_a_list(site: CallSite, values: object) -> InvalidArgument:
    """Return the error for a number, a text or a mapping in place of the values of a table."""
    return _not_numbers(site_with_value(site, values), type(values).__name__)


def no_values(site: CallSite) -> InvalidArgument:
    """Return the error for an empty table."""
    return _not_numbers(site, "an empty list")


def values_of_several_dimensions(site: CallSite, dimensions: int) -> InvalidArgument:
    """Return the error for an array of several dimensions in place of the values of a table."""
    return _not_numbers(site, f"an array of {dimensions} dimensions")


def _not_numbers(site: str | CallSite, got: str) -> InvalidArgument:
    return InvalidArgument(site, f"expected a list of numbers, got {got}", example=_NUMBERS)


def value_is_not_finite(site: CallSite, index: int, value: float) -> InvalidArgument:
    """Return the error for a table with NaN or infinity."""
    return InvalidArgument(site, f"values[{index}] is {value}; it must be finite", "Write finite numbers")


def too_many_values(site: CallSite, count: int, most: int) -> InvalidArgument:
    """Return the error for a table that is too long for the text of a plan."""
    message = f"a table has at most {most:,} values, got {count:,}"
    advice = "Write @ps.shape above def replay(t): return values[t], and replay() in the plan"
    return InvalidArgument(site, message, advice)


def curve_of_one_value(curve: object) -> InvalidArgument:
    """Return the error for a curve between the values of a table with only one."""
    message = "a curve needs at least two values, got one"
    return InvalidArgument(CallSite("table", "curve", str(curve)), message, "Leave curve out")


# ---------------------------------------------------------------- published schedules


def rate_as_length(name: str, rate: float) -> InvalidArgument:
    """Return the error for torch's first argument, the rate, in place of a length."""
    message = "expected a length; the peak is base, the optimizer's own lr"
    site = CallSite("one_cycle", name, shown(rate))
    return InvalidArgument(site, message, 'For example: "30%"', refused=rate)


def empty_ramp(name: str, length: object) -> InvalidArgument:
    """Return the error for a ramp of no update that ends one update early."""
    message = 'with index="t/(n-1)" this ramp ends one update early, so it must not be empty'
    return InvalidArgument(CallSite("one_cycle", name, shown(length)), message, 'Use "30%", or omit index')


def peak_of_unknown_update(warmup: str) -> InvalidArgument:
    """Return the error for a warmup whose number of updates is unknown."""
    message = "its peak depends on the number of updates"
    return InvalidArgument(f'noam(…, warmup="{warmup}")', message, "Use the warmup in steps")
