"""MMEngine's ten curves: for each the arguments, their checks, and the kernel rule they are parameters of.

One table for the config dialect and for the drop-in classes. Facts: MMEngine 0.10.7.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import ceil, inf, isfinite
from numbers import Real
from typing import Any, Final, TypeAlias, final

from paramsched.schedules import rules
from paramsched.schedules._level import Level, absolute
from paramsched.schedules.rules import Rule

INF: Final = 10**9
"""What MMEngine writes for a window without end."""

CONVERTED: Final = "convert_to_iter_based"
"""Marks arguments that are in epochs and tick by iteration, until the length of an epoch is known."""

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of one scheduler by name, all of them there."""


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a curve: its name, its default, what it means, and whether it counts epochs or iterations."""

    name: str
    default: Any
    meaning: str
    counted: bool = False

    @property
    def required(self) -> bool:
        return self.default is ...


@final
@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """What is wrong with an argument, the built-in error MMEngine raises for it, and what to write in a config."""

    argument: str
    message: str
    kind: type[Exception] = ValueError
    instead: str = ""


@final
@dataclass(frozen=True, slots=True)
class SchedulerRow:
    """A row of the table.

    Args:
        name: what its classes begin with: `Step` of `StepLR`.
        meaning: what it does to a value, as a sentence that begins with a verb.
        arguments: all, in positional order.
        faults: what is wrong with arguments.
        derived: arguments that follow from others, as attributes of a scheduler.
        rule: the kernel rule; None for the plateau, which reacts to a metric.
    """

    name: str
    meaning: str
    arguments: tuple[Argument, ...]
    faults: Callable[[Arguments], Iterable[ArgumentFault]]
    derived: Callable[[Arguments], dict[str, Any]]
    rule: Callable[[Arguments], Rule] | None

    @property
    def counted(self) -> tuple[str, ...]:
        """The arguments that `convert_to_iter_based` multiplies, begin and end aside."""
        return tuple(argument.name for argument in self.arguments if argument.counted)

    def defaulted(self, given: Arguments) -> dict[str, Any]:
        """The arguments given, and the defaults of the others; an infinite `end` is none."""
        found = {one.name: one.default for one in self.arguments if not one.required} | dict(given)
        return found | {"end": INF} if found.get("end") == inf else found

    def complete(self, given: Arguments) -> dict[str, Any]:
        """All arguments, and what follows from them."""
        arguments = self.defaulted(given)
        return arguments | self.derived(arguments)

    def check(self, arguments: Arguments) -> Iterator[ArgumentFault]:
        """Everything that is wrong with complete arguments (before `derived`)."""
        endless = list(_finite_faults(arguments))
        if endless:
            yield from endless
            return
        yield from _window_faults(arguments)
        yield from self.faults(arguments)


_TAIL = (
    Argument("begin", 0, "first epoch (iteration) of the window"),
    Argument("end", INF, "where the window stops; `begin <= t < end`"),
    Argument("last_step", -1, "continue as if `last_step + 1` active steps had been made"),
    Argument("by_epoch", True, "whether counts are epochs (and `step` is called once an epoch) or iterations"),
    Argument("verbose", False, "write a line for each group and change"),
)
_ETA_MIN = Argument("eta_min", None, "floor, as a value")
_ETA_MIN_RATIO = Argument("eta_min_ratio", None, "floor, as a multiple of the base value; instead of `eta_min`")


def is_finite(number: object) -> bool:
    """Whether it is a number that a float holds."""
    try:
        return _number(number) and isfinite(number)  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        return False


def _finite_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """Numbers that no curve can be drawn with: nan, infinity, more than a float holds."""
    for name, value in arguments.items():
        numbers = [one for one in (value if isinstance(value, (list, tuple)) else [value]) if _number(one)]
        if not all(map(is_finite, numbers)):
            yield ArgumentFault(name, f"{name} is no finite number")


def _window_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    for name in ("begin", "end"):
        if not _number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)
            return
    begin, end, last = arguments["begin"], arguments["end"], arguments["last_step"]
    if end <= begin:
        message = f"end should be larger than begin, but got begin={begin}, end={end}"
        yield ArgumentFault(
            "end", message, instead=f"Write end={begin + 1} or more, or leave the scheduler out: the run is over"
        )
    if not isinstance(last, int) or isinstance(last, bool) or last < -1:
        yield ArgumentFault("last_step", f"last_step={last!r} is not an integer from -1 on", AssertionError)


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _numbers(arguments: Arguments, *names: str) -> Iterator[ArgumentFault]:
    for name in names:
        if not _number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)


def _share(arguments: Arguments, name: str) -> Iterator[ArgumentFault]:
    value = arguments[name]
    if not _number(value):
        yield ArgumentFault(name, f"{name}={value!r} is no number", TypeError)
    elif not 0 <= value <= 1:
        instead = "Write 1 or less, as MMEngine wants it; a native plan may say constant(2.5)"
        yield ArgumentFault(name, f"{name}={value!r} should be between 0 and 1", instead=instead)


def _window(arguments: Arguments) -> dict[str, Any]:
    return {
        "begin": ceil(arguments["begin"]),
        "end": ceil(arguments["end"]),
        "by": "epoch" if arguments["by_epoch"] else "update",
    }


def _nothing(arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001  # the contract
    return {}


def _total_iters(arguments: Arguments) -> dict[str, Any]:
    return {"total_iters": arguments["end"] - arguments["begin"] - 1}


def _floor(arguments: Arguments) -> Level:
    ratio = arguments.get("eta_min_ratio")
    return absolute(arguments["eta_min"] or 0.0) if ratio is None else float(ratio)


def _floor_numbers(arguments: Arguments) -> Iterator[ArgumentFault]:
    for name in ("eta_min", "eta_min_ratio"):
        if arguments[name] is not None:
            yield from _numbers(arguments, name)


def _constant(arguments: Arguments) -> Rule:
    return rules.constant(float(arguments["factor"]), **_window(arguments))


def _cosine_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from _floor_numbers(arguments)
    if arguments["eta_min"] is not None and arguments["eta_min_ratio"] is not None:
        yield ArgumentFault(
            "eta_min_ratio", "Either `eta_min` or `eta_min_ratio` should be specified, not both", AssertionError
        )
    length = arguments["T_max"]
    if length is not None and not _number(length):
        yield ArgumentFault("T_max", f"T_max={length!r} is no number", TypeError)
    elif length is not None and length < 0:
        yield ArgumentFault("T_max", f"T_max={length!r} is below 0")


def _cosine_derived(arguments: Arguments) -> dict[str, Any]:
    neither = arguments["eta_min"] is None and arguments["eta_min_ratio"] is None
    length = arguments["T_max"] or arguments["end"] - arguments["begin"]
    return {"T_max": length, "eta_min": 0.0 if neither else arguments["eta_min"]}


def _cosine(arguments: Arguments) -> Rule:
    return rules.cosine(_floor(arguments), over=_whole(arguments["T_max"]), **_window(arguments))


def _restart_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from _floor_numbers(arguments)
    if (arguments["eta_min"] is None) == (arguments["eta_min_ratio"] is None):
        message = "exactly one of `eta_min` and `eta_min_ratio` should be specified"
        yield ArgumentFault("eta_min", message, AssertionError)
    lists = {}
    for name in ("periods", "restart_weights"):
        value = arguments[name]
        if not isinstance(value, (list, tuple)) or not value or not all(_number(one) for one in value):
            yield ArgumentFault(name, f"{name}={value!r} is no list of numbers", TypeError)
        else:
            lists[name] = value
    if len(lists) == 2 and len(lists["periods"]) != len(lists["restart_weights"]):
        counts = f"{len(lists['periods'])} and {len(lists['restart_weights'])} entries"
        yield ArgumentFault(
            "restart_weights", f"periods and restart_weights should have the same length, not {counts}", AssertionError
        )
    if "periods" in lists and not all(period > 0 for period in lists["periods"]):
        yield ArgumentFault("periods", f"periods={lists['periods']!r}: each should be above 0")


def _restart_derived(arguments: Arguments) -> dict[str, Any]:
    return {"cumulative_periods": list(accumulate(arguments["periods"]))}


def _restart(arguments: Arguments) -> Rule:
    periods = tuple(_whole(period) for period in arguments["periods"])
    return rules.cosine_restarts(periods, tuple(arguments["restart_weights"]), _floor(arguments), **_window(arguments))


def _exponential(arguments: Arguments) -> Rule:
    return rules.exponential(float(arguments["gamma"]), **_window(arguments))


def _linear(arguments: Arguments) -> Rule:
    return rules.linear(float(arguments["start_factor"]), float(arguments["end_factor"]), **_window(arguments))


def _linear_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from _share(arguments, "start_factor")
    yield from _share(arguments, "end_factor")


def _multistep_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    milestones = arguments["milestones"]
    if isinstance(milestones, (str, bytes)) or not isinstance(milestones, Iterable):
        yield ArgumentFault("milestones", f"milestones={milestones!r} is no list of counts", TypeError)
    elif not all(map(_number, milestones)):
        yield ArgumentFault("milestones", f"milestones={milestones!r} are not all numbers", TypeError)
    yield from _numbers(arguments, "gamma")


def _multistep_derived(arguments: Arguments) -> dict[str, Any]:
    return {"milestones": Counter(arguments["milestones"])}


def _multistep(arguments: Arguments) -> Rule:
    # A milestone that is no whole number, or below 0, is never reached.
    milestones: Counter[float] = Counter(arguments["milestones"])
    reached = sorted(int(one) for one in milestones.elements() if one == int(one) and one >= 0)
    return rules.multistep(reached, float(arguments["gamma"]), **_window(arguments))


def _one_cycle_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    total, share, strategy = arguments["total_steps"], arguments["pct_start"], arguments["anneal_strategy"]
    if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total <= 0):
        yield ArgumentFault("total_steps", f"Expected positive integer total_steps, but got {total}")
    if not isinstance(share, float) or not 0 <= share <= 1:
        yield ArgumentFault("pct_start", f"Expected float between 0 and 1 pct_start, but got {share}")
    if strategy not in ("cos", "linear"):
        message = f'anneal_strategy must by one of "cos" or "linear", instead got {strategy}'
        yield ArgumentFault("anneal_strategy", message)
    if not isinstance(arguments["three_phase"], (bool, int)):
        yield ArgumentFault("three_phase", f"three_phase={arguments['three_phase']!r} is not True or False", TypeError)
    for name in ("div_factor", "final_div_factor"):
        if not _number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)
        elif arguments[name] <= 0:
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is not above 0")
    peaks = arguments["eta_max"]
    if not all(_number(one) for one in (peaks if isinstance(peaks, (list, tuple)) else [peaks])):
        yield ArgumentFault("eta_max", f"eta_max={peaks!r} is no number and no list of them", TypeError)


def _one_cycle_derived(arguments: Arguments) -> dict[str, Any]:
    total = arguments["total_steps"]
    return {"total_steps": arguments["end"] - arguments["begin"] if total is None else total}


def _one_cycle(arguments: Arguments) -> Rule:
    return rules.one_cycle(
        float(arguments["eta_max"]),
        ceil(arguments["total_steps"]),
        arguments["pct_start"],
        arguments["anneal_strategy"],
        float(arguments["div_factor"]),
        float(arguments["final_div_factor"]),
        bool(arguments["three_phase"]),
        **_window(arguments),
    )


def _poly(arguments: Arguments) -> Rule:
    floor = absolute(float(arguments["eta_min"]))
    return rules.polynomial(float(arguments["power"]), floor, **_window(arguments))


def _plateau_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from _numbers(arguments, "factor", "threshold", "patience", "cooldown", "eps")
    if _number(arguments["factor"]) and arguments["factor"] >= 1:
        yield ArgumentFault("factor", f"Factor should be < 1.0, but got {arguments['factor']}")
    if _number(arguments["threshold"]) and arguments["threshold"] < 0:
        yield ArgumentFault("threshold", f"threshold {arguments['threshold']} should be >= 0")
    if arguments["rule"] not in ("less", "greater"):
        yield ArgumentFault("rule", f"mode {arguments['rule']} is unknown! Write 'less' or 'greater'")
    if arguments["threshold_rule"] not in ("rel", "abs"):
        message = f"threshold mode {arguments['threshold_rule']} is unknown! Write 'rel' or 'abs'"
        yield ArgumentFault("threshold_rule", message)
    if not arguments["by_epoch"]:
        yield ArgumentFault("by_epoch", "it only supports by_epoch=True: it acts after validations", AssertionError)
    floors = arguments["min_value"]
    if not all(_number(one) for one in (floors if isinstance(floors, (list, tuple)) else [floors])):
        yield ArgumentFault("min_value", f"min_value={floors!r} is no number and no list of them", TypeError)


def _step_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from _numbers(arguments, "step_size", "gamma")
    if _number(arguments["step_size"]) and arguments["step_size"] <= 0:
        yield ArgumentFault("step_size", f"step_size={arguments['step_size']!r} is not above 0")


def _step(arguments: Arguments) -> Rule:
    # `k % size == 0` for whole k: a size of 5/2 divides every fifth tick only.
    every = Fraction(arguments["step_size"]).numerator
    return rules.step(min(every, INF), float(arguments["gamma"]), **_window(arguments))


def _whole(number: Any) -> Any:
    return int(number) if number == int(number) else float(number)


_ROWS = (
    SchedulerRow(
        "Constant",
        "multiply by `factor`, and undo it at the last tick of the window",
        (Argument("factor", 1 / 3, "in [0, 1]"), *_TAIL),
        lambda arguments: _share(arguments, "factor"),
        _total_iters,
        _constant,
    ),
    SchedulerRow(
        "CosineAnnealing",
        "follow half a cosine wave down to the floor in `T_max`, and up again",
        (
            Argument("T_max", None, "length of the descent; None is the window", counted=True),
            _ETA_MIN,
            *_TAIL,
            _ETA_MIN_RATIO,
        ),
        _cosine_faults,
        _cosine_derived,
        _cosine,
    ),
    SchedulerRow(
        "CosineRestart",
        "descend as a cosine to the floor in each period, beginning at its weight times the base value",
        (
            Argument("periods", ..., "lengths, one for each descent", counted=True),
            Argument("restart_weights", (1,), "as many multiples of the base value"),
            _ETA_MIN,
            _ETA_MIN_RATIO,
            *_TAIL,
        ),
        _restart_faults,
        _restart_derived,
        _restart,
    ),
    SchedulerRow(
        "Exponential",
        "multiply by `gamma` at each tick",
        (Argument("gamma", ..., "ratio of one tick to the one before"), *_TAIL),
        lambda arguments: _numbers(arguments, "gamma"),
        _nothing,
        _exponential,
    ),
    SchedulerRow(
        "Linear",
        "scale along a straight line from `start_factor` to `end_factor`, reached at the last tick of the window",
        (
            Argument("start_factor", 1 / 3, "in [0, 1]"),
            Argument("end_factor", 1.0, "in [0, 1]"),
            *_TAIL,
        ),
        _linear_faults,
        _total_iters,
        _linear,
    ),
    SchedulerRow(
        "MultiStep",
        "multiply by `gamma` at each milestone",
        (
            Argument("milestones", ..., "ticks counted from `begin`; repeated ones count twice", counted=True),
            Argument("gamma", 0.1, "factor at a milestone"),
            _TAIL[2],
            *_TAIL[:2],
            *_TAIL[3:],
        ),
        _multistep_faults,
        _multistep_derived,
        _multistep,
    ),
    SchedulerRow(
        "OneCycle",
        "rise to `eta_max` and fall far below the first value, in absolute values",
        (
            Argument("eta_max", 0, "highest value, or a list with one for each group"),
            Argument("total_steps", None, "length; None is the window", counted=True),
            Argument("pct_start", 0.3, "share of the length that rises, a float in [0, 1]"),
            Argument("anneal_strategy", "cos", "`cos` or `linear`"),
            Argument("div_factor", 25.0, "the first value is `eta_max / div_factor`"),
            Argument("final_div_factor", 1e4, "the last value is the first over this"),
            Argument("three_phase", False, "whether it comes back to the first value before the last descent"),
            *_TAIL,
        ),
        _one_cycle_faults,
        _one_cycle_derived,
        _one_cycle,
    ),
    SchedulerRow(
        "Poly",
        "fall to `eta_min` as a power of the ticks left in the window",
        (Argument("eta_min", 0, "floor, as a value"), Argument("power", 1.0, "exponent"), *_TAIL),
        lambda arguments: _numbers(arguments, "eta_min", "power"),
        _total_iters,
        _poly,
    ),
    SchedulerRow(
        "ReduceOnPlateau",
        "multiply by `factor` when a metric has stopped improving",
        (
            Argument("monitor", "loss", "name of the metric"),
            Argument("rule", "less", "`less` or `greater`: what is better"),
            Argument("factor", 0.1, "of one reduction, below 1"),
            Argument("patience", 10, "validations without improvement that are put up with"),
            Argument("threshold", 1e-4, "how much better counts as better"),
            Argument("threshold_rule", "rel", "`rel` to the best value, or `abs`"),
            Argument("cooldown", 0, "validations after a reduction that do not count"),
            Argument("min_value", 0.0, "floor, as a value, or a list with one for each group"),
            Argument("eps", 1e-8, "smaller reductions are left out"),
            *_TAIL,
        ),
        _plateau_faults,
        _nothing,
        None,
    ),
    SchedulerRow(
        "Step",
        "multiply by `gamma` every `step_size` ticks",
        (
            Argument("step_size", ..., "ticks between two of them", counted=True),
            Argument("gamma", 0.1, "factor"),
            *_TAIL,
        ),
        _step_faults,
        _nothing,
        _step,
    ),
)  # fmt: skip

CURVES: Final = {row.name: row for row in _ROWS}
"""The ten curves by name."""

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries go on looking in MMEngine's: `mmcls.LinearLR` is its `LinearLR`."""

FAMILIES: Final = {"ParamScheduler": None, "LR": "lr", "Momentum": "momentum"}
"""What the classes of a curve end with, and the parameter each family schedules; None is an argument, `param_name`."""


def row_of_class(name: str) -> tuple[SchedulerRow, str] | None:
    """The curve and the family of a class by its name; None where MMEngine has no such class."""
    for ending in FAMILIES:
        curve = CURVES.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if curve is not None and not (curve.name == "OneCycle" and ending == "Momentum"):
            return curve, ending
    return None


def class_names() -> list[str]:
    """The names of the 29 classes."""
    return [curve + ending for curve in CURVES for ending in FAMILIES if row_of_class(curve + ending)]


def arguments_in_iterations(curve_counted: Iterable[str], given: Arguments, epoch_length: int) -> dict[str, Any]:
    """Arguments in epochs as arguments in iterations: what `build_iter_from_epoch` and `convert_to_iter_based` do."""
    out = dict(given)
    for name in ("begin", "end"):
        if name in out and out[name] != INF:
            out[name] = int(out[name] * epoch_length)
    for name in curve_counted:
        value = out.get(name)
        if isinstance(value, (list, tuple)):
            out[name] = [one * epoch_length for one in value]
        elif value is not None:
            out[name] = value * epoch_length
    out["by_epoch"] = False
    return out


def argument_cautions(
    curve: SchedulerRow, arguments: Arguments, *, converted_from_epochs: bool = False
) -> Iterator[str]:
    """What is legal and hardly meant, with cause and cure: rows 3, 10 and 35 of `docs/compat/divergences.md`."""
    in_epochs = arguments.get(CONVERTED, False)
    if curve.name in ("Linear", "Constant") and arguments["end"] - arguments["begin"] == 1 and not in_epochs:
        factor = arguments["start_factor"] if curve.name == "Linear" else arguments["factor"]
        cure = "write convert_to_iter_based=True" if arguments["by_epoch"] else "make the window longer"
        yield (
            f"the window [{arguments['begin']}, {arguments['end']}) has one tick: "
            f"the value is multiplied by {factor:g} there and stays so for ever; {cure}"
        )
    if curve.name == "Exponential" and converted_from_epochs:
        yield (
            f"converted to iterations it multiplies by gamma={arguments['gamma']!r} in each of them, "
            "not in each epoch; write gamma ** (1 / epoch_length)"
        )
    for name in () if in_epochs else curve.counted:
        values = arguments[name] if isinstance(arguments[name], (list, tuple, Counter)) else [arguments[name]]
        broken = [one for one in values if isinstance(one, float) and not one.is_integer()]
        if broken:
            yield f"{name}={arguments[name]!r} is no whole number, and ticks are; write whole ones"
