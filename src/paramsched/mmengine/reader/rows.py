"""The ten schedulers of MMEngine, a class each: arguments, checks, and conversion to a plan."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import Any, ClassVar, Final, TypeAlias

from paramsched.core.files.arguments import Argument
from paramsched.core.schedules import Level, absolute, rules
from paramsched.core.schedules.rules import Rule
from paramsched.mmengine.reader.row import (
    CONVERTED,
    INF,
    WINDOW_ARGUMENTS,
    Arguments,
    InvalidSchedulerArgument,
    SchedulerRow,
    each_number,
    invalid,
    is_real_number,
    number_errors,
)

_Errors: TypeAlias = Iterator[InvalidSchedulerArgument]


def _factor_errors(arguments: Arguments, *names: str) -> _Errors:
    """Yield the errors of factors that must be in [0, 1]."""
    instead = "Use 1 or less, as MMEngine requires; a native plan also accepts constant(2.5)"
    for name in names:
        yield from number_errors(arguments, name)
        if is_real_number(arguments[name]) and not 0 <= arguments[name] <= 1:
            yield invalid(name, f"{name}={arguments[name]!r} should be between 0 and 1", instead=instead)


def _window_of_rule(arguments: Arguments) -> dict[str, Any]:
    """Return the window of a scheduler as arguments of a recurrence's rule."""
    by = "epoch" if arguments["by_epoch"] else "update"
    return {"begin": ceil(arguments["begin"]), "end": ceil(arguments["end"]), "by": by}


def _int_if_whole(number: Any) -> Any:
    return int(number) if number == int(number) else float(number)


def _warn_of_one_tick(arguments: Arguments, factor: float) -> Iterator[str]:
    """Warn of a window of one step, which multiplies the value and never restores it.

    This behavior of MMEngine is row 3 of docs/reference/divergences.md.
    """
    if arguments["end"] - arguments["begin"] == 1 and not arguments.get(CONVERTED, False):
        fix = "write convert_to_iter_based=True" if arguments["by_epoch"] else "make the window longer"
        yield (
            f"the window [{arguments['begin']}, {arguments['end']}) has one step: "
            f"it multiplies the value by {factor:g}, which is never undone; {fix}"
        )


class _Constant(SchedulerRow):
    name = "Constant"
    meaning = "multiply {it} by `factor`, and undo it at the last step of the window"
    arguments: ClassVar = {"factor": Argument(1 / 3, meaning="in [0, 1]"), **WINDOW_ARGUMENTS}
    length_from = ()

    def own_errors(self, arguments: Arguments) -> _Errors:
        return _factor_errors(arguments, "factor")

    def warnings(self, arguments: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        return _warn_of_one_tick(arguments, arguments["factor"])

    def rule(self, arguments: Arguments) -> Rule:
        return rules.constant(float(arguments["factor"]), **_window_of_rule(arguments))


class _Linear(SchedulerRow):
    name = "Linear"
    meaning = (
        "scale {it} along a straight line from `start_factor` to `end_factor`, reached at the last step of the window"
    )
    arguments: ClassVar = {
        "start_factor": Argument(1 / 3, meaning="in [0, 1]"),
        "end_factor": Argument(1.0, meaning="in [0, 1]"),
        **WINDOW_ARGUMENTS,
    }
    length_from = ()

    def own_errors(self, arguments: Arguments) -> _Errors:
        return _factor_errors(arguments, "start_factor", "end_factor")

    def warnings(self, arguments: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        return _warn_of_one_tick(arguments, arguments["start_factor"])

    def rule(self, arguments: Arguments) -> Rule:
        return rules.linear(
            float(arguments["start_factor"]), float(arguments["end_factor"]), **_window_of_rule(arguments)
        )


class _Step(SchedulerRow):
    name = "Step"
    meaning = "multiply {it} by `gamma` every `step_size` steps, counted from `begin`"
    arguments: ClassVar = {
        "step_size": Argument(meaning="steps between two multiplications"),
        "gamma": Argument(0.1, meaning="factor"),
        **WINDOW_ARGUMENTS,
    }
    counted = ("step_size",)

    def own_errors(self, arguments: Arguments) -> _Errors:
        yield from number_errors(arguments, "step_size", "gamma")
        if is_real_number(arguments["step_size"]) and arguments["step_size"] <= 0:
            message = f"step_size must be greater than 0, got {arguments['step_size']!r}"
            yield invalid("step_size", message)

    def rule(self, arguments: Arguments) -> Rule:
        # MMEngine tests `k % size == 0` for integers k, so a period of 5/2 matches every fifth step only.
        every = Fraction(arguments["step_size"]).numerator
        return rules.step(min(every, INF), float(arguments["gamma"]), **_window_of_rule(arguments))


class _MultiStep(SchedulerRow):
    name = "MultiStep"
    meaning = "multiply {it} by `gamma` at each milestone, counted from `begin`"
    arguments: ClassVar = {
        "milestones": Argument(meaning="steps counted from `begin`; a repeated milestone multiplies twice"),
        "gamma": Argument(0.1, meaning="factor at a milestone"),
        "last_step": WINDOW_ARGUMENTS["last_step"],  # before `begin`, unlike in MMEngine's other schedulers
        **WINDOW_ARGUMENTS,
    }
    counted = ("milestones",)

    def own_errors(self, arguments: Arguments) -> _Errors:
        milestones = arguments["milestones"]
        is_list = isinstance(milestones, Iterable) and not isinstance(milestones, (str, bytes))
        if not is_list or not all(map(is_real_number, milestones)):
            message = f"expected a list of counts, got milestones={milestones!r}"
            yield invalid("milestones", message, TypeError)
        yield from number_errors(arguments, "gamma")

    def derived(self, arguments: Arguments) -> dict[str, Any]:
        return {"milestones": Counter(arguments["milestones"])}

    def rule(self, arguments: Arguments) -> Rule:
        return rules.multistep(_reached_milestones(arguments), float(arguments["gamma"]), **_window_of_rule(arguments))


def _reached_milestones(arguments: Arguments) -> list[int]:
    """Return the sorted milestones with repetitions, without fractional and negative ones, which are never reached."""
    milestones: Counter[float] = Counter(arguments["milestones"])
    return sorted(int(one) for one in milestones.elements() if one == int(one) and one >= 0)


class _Exponential(SchedulerRow):
    name = "Exponential"
    meaning = "multiply {it} by `gamma` at each step"
    arguments: ClassVar = {"gamma": Argument(meaning="factor of each step"), **WINDOW_ARGUMENTS}

    def own_errors(self, arguments: Arguments) -> _Errors:
        return number_errors(arguments, "gamma")

    def warnings(self, arguments: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        if converted_from_epochs:
            yield (
                f"after the conversion to iterations it multiplies by gamma={arguments['gamma']!r} at each iteration, "
                "not at each epoch; write gamma ** (1 / epoch_length)"
            )

    def rule(self, arguments: Arguments) -> Rule:
        return rules.exponential(float(arguments["gamma"]), **_window_of_rule(arguments))


class _Poly(SchedulerRow):
    name = "Poly"
    meaning = "decay {it} to `eta_min` by a power of the remaining steps, reached at the last step of the window"
    arguments: ClassVar = {
        "eta_min": Argument(0, meaning="floor, as an absolute value"),
        "power": Argument(1.0, meaning="exponent"),
        **WINDOW_ARGUMENTS,
    }
    length_from = ()

    def own_errors(self, arguments: Arguments) -> _Errors:
        return number_errors(arguments, "eta_min", "power")

    def rule(self, arguments: Arguments) -> Rule:
        floor = absolute(float(arguments["eta_min"]))
        return rules.polynomial(float(arguments["power"]), floor, **_window_of_rule(arguments))


_FLOORS: Final = {
    "eta_min": Argument(None, meaning="floor, as an absolute value"),
    "eta_min_ratio": Argument(None, meaning="floor, as a multiple of the base value; excludes `eta_min`"),
}


def _floor_errors(arguments: Arguments) -> _Errors:
    """Yield the errors of `eta_min` and `eta_min_ratio`, each checked on its own."""
    return number_errors(arguments, *(name for name in _FLOORS if arguments[name] is not None))


def _floor_level(arguments: Arguments) -> Level:
    """Return the floor of a cosine, an absolute value or a multiple of the base."""
    ratio = arguments.get("eta_min_ratio")
    return absolute(arguments["eta_min"] or 0.0) if ratio is None else float(ratio)


class _CosineAnnealing(SchedulerRow):
    name = "CosineAnnealing"
    meaning = "decay {it} to the floor in `T_max` steps along half a cosine wave, then increase it along the other half"
    arguments: ClassVar = {
        "T_max": Argument(None, meaning="length of the decay; None for that of the window"),
        "eta_min": _FLOORS["eta_min"],
        **WINDOW_ARGUMENTS,
        "eta_min_ratio": _FLOORS["eta_min_ratio"],
    }
    counted = length_from = ("T_max",)

    def own_errors(self, arguments: Arguments) -> _Errors:
        """Yield an error for two floors at once, and for a length that is not a number of at least 0."""
        yield from _floor_errors(arguments)
        if arguments["eta_min"] is not None and arguments["eta_min_ratio"] is not None:
            message = "Either `eta_min` or `eta_min_ratio` should be specified, not both"
            yield invalid("eta_min_ratio", message, AssertionError)
        length = arguments["T_max"]
        if length is not None:
            yield from number_errors(arguments, "T_max")
        if is_real_number(length) and length < 0:
            yield invalid("T_max", f"T_max must not be negative, got {length!r}")

    def derived(self, arguments: Arguments) -> dict[str, Any]:
        neither = arguments["eta_min"] is None and arguments["eta_min_ratio"] is None
        length = arguments["T_max"] or arguments["end"] - arguments["begin"]
        return {"T_max": length, "eta_min": 0.0 if neither else arguments["eta_min"]}

    def rule(self, arguments: Arguments) -> Rule:
        return rules.cosine(
            _floor_level(arguments), over=_int_if_whole(arguments["T_max"]), **_window_of_rule(arguments)
        )


class _CosineRestart(SchedulerRow):
    name = "CosineRestart"
    meaning = (
        "decay {it} to the floor along a cosine in each period, starting at the period's weight times the base value"
    )
    arguments: ClassVar = {
        "periods": Argument(meaning="lengths of the periods"),
        "restart_weights": Argument((1,), meaning="level at the start of each period, as a multiple of the base value"),
        **_FLOORS,
        **WINDOW_ARGUMENTS,
    }
    counted = ("periods",)

    def own_errors(self, arguments: Arguments) -> _Errors:
        """Yield the errors: not exactly one floor, lists of different lengths, periods that are not positive."""
        yield from _floor_errors(arguments)
        if (arguments["eta_min"] is None) == (arguments["eta_min_ratio"] is None):
            message = "exactly one of `eta_min` and `eta_min_ratio` should be specified"
            yield invalid("eta_min", message, AssertionError)
        lists = {}
        for name in ("periods", "restart_weights"):
            value = arguments[name]
            if not isinstance(value, (list, tuple)) or not value or not all(is_real_number(one) for one in value):
                yield invalid(name, f"expected a list of numbers, got {name}={value!r}", TypeError)
            else:
                lists[name] = value
        if len(lists) == 2 and len(lists["periods"]) != len(lists["restart_weights"]):
            counts = f"{len(lists['periods'])} and {len(lists['restart_weights'])} entries"
            message = f"periods and restart_weights should have the same length, not {counts}"
            yield invalid("restart_weights", message, AssertionError)
        if "periods" in lists and not all(period > 0 for period in lists["periods"]):
            yield invalid("periods", f"periods={lists['periods']!r}: each should be above 0")

    def derived(self, arguments: Arguments) -> dict[str, Any]:
        return {"cumulative_periods": list(accumulate(arguments["periods"]))}

    def rule(self, arguments: Arguments) -> Rule:
        periods, weights = tuple(map(_int_if_whole, arguments["periods"])), tuple(arguments["restart_weights"])
        return rules.cosine_restarts(periods, weights, _floor_level(arguments), **_window_of_rule(arguments))


class _OneCycle(SchedulerRow):
    """The one-cycle schedule, whose levels are absolute values."""

    name = "OneCycle"
    meaning = "increase {it} to `eta_max`, then decay it far below its initial value; all levels are absolute values"
    arguments: ClassVar = {
        "eta_max": Argument(0, meaning="highest value, or a list with one value for each group"),
        "total_steps": Argument(None, meaning="length; None for that of the window"),
        "pct_start": Argument(0.3, meaning="fraction of the length in which the value increases, a float in [0, 1]"),
        "anneal_strategy": Argument("cos", meaning="`cos` or `linear`"),
        "div_factor": Argument(25.0, meaning="the initial value is `eta_max / div_factor`"),
        "final_div_factor": Argument(1e4, meaning="the last value is the initial value over `final_div_factor`"),
        "three_phase": Argument(False, meaning="if True, return to the initial value before the final decay"),
        **WINDOW_ARGUMENTS,
    }
    counted = length_from = ("total_steps",)
    only_field = "lr"

    def own_errors(self, arguments: Arguments) -> _Errors:
        """Yield the errors that MMEngine raises at construction, and those that it would raise at the first step."""
        total, share, strategy = arguments["total_steps"], arguments["pct_start"], arguments["anneal_strategy"]
        if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total <= 0):
            yield invalid("total_steps", f"Expected positive integer total_steps, but got {total}")
        if not isinstance(share, float) or not 0 <= share <= 1:
            yield invalid("pct_start", f"Expected float between 0 and 1 pct_start, but got {share}")
        if strategy not in ("cos", "linear"):
            message = f'anneal_strategy must by one of "cos" or "linear", instead got {strategy}'
            yield invalid("anneal_strategy", message)
        if not isinstance(arguments["three_phase"], (bool, int)):
            message = f"expected True or False, got three_phase={arguments['three_phase']!r}"
            yield invalid("three_phase", message, TypeError)
        for name in ("div_factor", "final_div_factor"):
            yield from number_errors(arguments, name)
            if is_real_number(arguments[name]) and arguments[name] <= 0:
                yield invalid(name, f"{name} must be greater than 0, got {arguments[name]!r}")
        peaks = arguments["eta_max"]
        if not each_number(peaks) or not all(map(is_real_number, each_number(peaks))):
            message = f"expected a number or a list of numbers, got eta_max={peaks!r}"
            yield invalid("eta_max", message, TypeError)

    def derived(self, arguments: Arguments) -> dict[str, Any]:
        return {"total_steps": arguments["end"] - arguments["begin"]} if arguments["total_steps"] is None else {}

    def run_errors(self, arguments: Arguments, stop: int) -> _Errors:
        """Yield an error if the cycle is shorter than its window, for which MMEngine raises during the run."""
        begin, total = arguments["begin"], arguments["total_steps"]
        if stop - begin - 1 > total:
            message = f"the window has {stop - begin} steps, and the cycle only {total}"
            yield invalid("total_steps", message, instead=f"Write end={begin + total}")

    def rule(self, arguments: Arguments) -> Rule:
        return rules.one_cycle(
            float(arguments["eta_max"]),
            ceil(arguments["total_steps"]),
            arguments["pct_start"],
            arguments["anneal_strategy"],
            float(arguments["div_factor"]),
            float(arguments["final_div_factor"]),
            bool(arguments["three_phase"]),
            **_window_of_rule(arguments),
        )


class _ReduceOnPlateau(SchedulerRow):
    name = "ReduceOnPlateau"
    meaning = "multiply {it} by `factor` when a metric has stopped improving"
    arguments: ClassVar = {
        "monitor": Argument("loss", meaning="name of the metric"),
        "rule": Argument("less", meaning="`less` if smaller metrics are better, `greater` if larger ones are"),
        "factor": Argument(0.1, meaning="factor of one reduction, less than 1"),
        "patience": Argument(10, meaning="validations without improvement before a reduction"),
        "threshold": Argument(1e-4, meaning="smallest change of the metric that counts as an improvement"),
        "threshold_rule": Argument("rel", meaning="`rel` if the threshold is relative to the best metric, or `abs`"),
        "cooldown": Argument(0, meaning="validations after a reduction that are ignored"),
        "min_value": Argument(0.0, meaning="floor, as an absolute value, or a list with one value for each group"),
        "eps": Argument(1e-8, meaning="smallest reduction; smaller ones are skipped"),
        **WINDOW_ARGUMENTS,
    }
    reacts_to_metric = True

    def own_errors(self, arguments: Arguments) -> _Errors:
        """Yield the errors that MMEngine raises, and arguments that are not numbers."""
        yield from number_errors(arguments, "factor", "threshold", "patience", "cooldown", "eps")
        if is_real_number(arguments["factor"]) and arguments["factor"] >= 1:
            yield invalid("factor", f"Factor should be < 1.0, but got {arguments['factor']}")
        if is_real_number(arguments["threshold"]) and arguments["threshold"] < 0:
            yield invalid("threshold", f"threshold {arguments['threshold']} should be >= 0")
        if arguments["rule"] not in ("less", "greater"):
            yield invalid("rule", f"mode {arguments['rule']} is unknown! Write 'less' or 'greater'")
        if arguments["threshold_rule"] not in ("rel", "abs"):
            message = f"threshold mode {arguments['threshold_rule']} is unknown! Write 'rel' or 'abs'"
            yield invalid("threshold_rule", message)
        if not arguments["by_epoch"]:
            message = "it only supports by_epoch=True, because it acts after validations"
            yield invalid("by_epoch", message, AssertionError)
        floors = arguments["min_value"]
        if not all(map(is_real_number, each_number(floors))):
            message = f"expected a number or a list of numbers, got min_value={floors!r}"
            yield invalid("min_value", message, TypeError)


COSINE_ANNEALING, MULTI_STEP = _CosineAnnealing(), _MultiStep()
_EXPONENTIAL, _POLY, _STEP = _Exponential(), _Poly(), _Step()

"""The schedulers that decrease the value throughout their window."""

SCHEDULER_ROWS: Final[dict[str, SchedulerRow]] = {
    row.name: row
    for row in (
        _Constant(),
        COSINE_ANNEALING,
        _CosineRestart(),
        _EXPONENTIAL,
        _Linear(),
        MULTI_STEP,
        _OneCycle(),
        _POLY,
        _ReduceOnPlateau(),
        _STEP,
    )
}
"""The ten rows by name."""
