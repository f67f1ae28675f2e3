"""MMEngine's ten schedulers, a class each: what one takes, what it does, and how a plan says it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import Any, ClassVar, Final, TypeAlias

from paramsched.config.arguments import Argument, from_level
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.feedback.base import MetricRule
from paramsched.feedback.plateau import Plateau, plateau
from paramsched.peers.mmengine.row import (
    CONVERTED,
    EPOCH,
    INF,
    UPDATE,
    WINDOW_ARGUMENTS,
    ArgumentFault,
    Arguments,
    ClosedForm,
    FormNeeds,
    FoundArguments,
    RuleOfPlan,
    SchedulerRow,
    WrittenPart,
    each_number,
    is_real_number,
    number_faults,
    whole_epochs,
    window_arguments,
)
from paramsched.schedules import (
    Absolute,
    Anneal,
    Constant,
    Exponential,
    Level,
    Schedule,
    absolute,
    constant,
    cosine,
    exponential,
    linear,
    multistep,
    polynomial,
    rules,
    step,
)
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Duration

_Faults: TypeAlias = Iterator[ArgumentFault]


def _factor_faults(given: Arguments, *names: str) -> _Faults:
    """What is wrong with factors in [0, 1]."""
    instead = "Write 1 or less, as MMEngine wants it; a native plan may say constant(2.5)"
    for name in names:
        yield from number_faults(given, name)
        if is_real_number(given[name]) and not 0 <= given[name] <= 1:
            yield ArgumentFault(name, f"{name}={given[name]!r} should be between 0 and 1", instead=instead)


def _window_of_rule(given: Arguments) -> dict[str, Any]:
    """The window of a scheduler as that of a kernel rule."""
    by = "epoch" if given["by_epoch"] else "update"
    return {"begin": ceil(given["begin"]), "end": ceil(given["end"]), "by": by}


def _ticks_in_window(given: Arguments) -> dict[str, Any]:
    """`total_iters`, the length of a shape that is stretched over its window."""
    return {"total_iters": given["end"] - given["begin"] - 1}


def _int_if_whole(number: Any) -> Any:
    return int(number) if number == int(number) else float(number)


def _one_tick_caution(given: Arguments, factor: float) -> Iterator[str]:
    """A window of one tick multiplies once and never gives it back: row 3 of docs/compat/divergences.md."""
    if given["end"] - given["begin"] == 1 and not given.get(CONVERTED, False):
        cure = "write convert_to_iter_based=True" if given["by_epoch"] else "make the window longer"
        yield (
            f"the window [{given['begin']}, {given['end']}) has one tick: "
            f"the value is multiplied by {factor:g} there and stays so for ever; {cure}"
        )


class _Constant(SchedulerRow):
    name = "Constant"
    meaning = "multiply {it} by `factor`, and undo it at the last tick of the window"
    arguments: ClassVar = {"factor": Argument(1 / 3, meaning="in [0, 1]"), **WINDOW_ARGUMENTS}
    length_from = ()

    def diagnostics(self, given: Arguments) -> _Faults:
        return _factor_faults(given, "factor")

    def derived(self, given: Arguments) -> dict[str, Any]:
        return _ticks_in_window(given)

    def cautions(self, given: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        return _one_tick_caution(given, given["factor"])

    def rule(self, given: Arguments) -> Rule:
        return rules.constant(float(given["factor"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        """The factor, and 1 from the last tick of the window on; with a single tick it is never taken back."""
        factor, ticks = given["factor"], needs.ticks
        if needs.endless:
            return None
        if needs.single:
            return ClosedForm(constant(factor), ends_itself=True)
        if factor == 0 and not needs.alone:
            return None  # nothing is left of what others do meanwhile
        held = constant(factor, over=ticks.last(needs.size)) >> constant(1.0, over=ticks.one)
        return ClosedForm(held, ends_itself=True, undone=True)

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        return {"factor": rule.factor} if isinstance(rule, rules.ConstantRule) and rule.over is None else None

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """Return a factor with its window: to the end of the run, or of one tick; or for a while."""
        match schedule:
            case Sequence(stages=(Constant(value=float() as factor, over=Duration() as over), Constant(value=1.0))) if (
                0 <= factor <= 1
            ):
                # The last tick of the window takes the factor back.
                first, size = whole_epochs(part.begin), whole_epochs(over + UPDATE)
                if size and first is not None:
                    return {"factor": factor, **window_arguments(first, first + size, True, converted=True)}
                count, by_epoch = part.ticks(over)
                begin = part.first_tick(by_epoch)
                return {"factor": factor, **window_arguments(begin, begin + count + 1, by_epoch)}
            case Constant():
                if not isinstance(schedule.value, float) or not 0 <= schedule.value <= 1:
                    part.refuse(schedule, "its Constant multiplies by a factor in [0, 1]")
                begin, by_epoch = part.ticks(part.begin)
                end = begin
                if part.stop is None or part.stop != part.begin:
                    if part.horizon is None:
                        part.refuse(schedule, "it needs an end, and the plan has no horizon")
                    # The last tick takes the factor back: that has to come after the run.
                    end, by_epoch = part.ticks(part.horizon)
                return {"factor": schedule.value, **window_arguments(begin, end + 1, by_epoch)}
        return None


class _Linear(SchedulerRow):
    name = "Linear"
    meaning = (
        "scale {it} along a straight line from `start_factor` to `end_factor`, reached at the last tick of the window"
    )
    arguments: ClassVar = {
        "start_factor": Argument(1 / 3, meaning="in [0, 1]"),
        "end_factor": Argument(1.0, meaning="in [0, 1]"),
        **WINDOW_ARGUMENTS,
    }
    length_from = ()

    def diagnostics(self, given: Arguments) -> _Faults:
        return _factor_faults(given, "start_factor", "end_factor")

    def derived(self, given: Arguments) -> dict[str, Any]:
        return _ticks_in_window(given)

    def cautions(self, given: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        return _one_tick_caution(given, given["start_factor"])

    def rule(self, given: Arguments) -> Rule:
        return rules.linear(float(given["start_factor"]), float(given["end_factor"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        """The line over the window; with a single tick its first factor only."""
        start, to = float(given["start_factor"]), float(given["end_factor"])
        if needs.endless:
            return None
        if start == 0 and not needs.single and not needs.alone:
            return None  # nothing is left of what others do meanwhile
        if needs.single:
            return ClosedForm(constant(start), ends_itself=True)
        line = needs.ticks.changing(linear(start, to, over=needs.ticks.last(needs.size)))
        return ClosedForm(line, ends_itself=True, undone=to == 1)

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.LinearRule) or rule.over is not None:
            return None
        return {"start_factor": rule.start, "end_factor": rule.to}

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """Between multiples of the base."""
        level, found = part.level, part.stretched
        if found is None or not isinstance(schedule, Anneal) or not isinstance(schedule.curve, Linear):
            return None
        start, to = schedule.start, schedule.to
        if not isinstance(to, float) or not isinstance(level, float):
            return None
        if not found.whole:
            part.refuse(schedule, "its line ends with the window")
        if not isinstance(start, float) or level == 0:
            part.refuse(schedule, "its line scales the value it finds")
        first, last = start / level, to / level
        if not 0 <= first <= 1 or not 0 <= last <= 1:
            part.refuse(schedule, "its factors are in [0, 1]")
        if first == 0:
            part.refuse(schedule, "its line divides by the first factor, so that it cannot begin at 0; begin at 1e-6")
        return {"start_factor": first, "end_factor": last, **found.window}


class _Step(SchedulerRow):
    name = "Step"
    meaning = "multiply {it} by `gamma` every `step_size` ticks, counted from `begin`"
    arguments: ClassVar = {
        "step_size": Argument(meaning="ticks between two of them"),
        "gamma": Argument(0.1, meaning="factor"),
        **WINDOW_ARGUMENTS,
    }
    counted = ("step_size",)

    def diagnostics(self, given: Arguments) -> _Faults:
        yield from number_faults(given, "step_size", "gamma")
        if is_real_number(given["step_size"]) and given["step_size"] <= 0:
            yield ArgumentFault("step_size", f"step_size={given['step_size']!r} must be greater than 0")

    def rule(self, given: Arguments) -> Rule:
        # `k % size == 0` for whole k: a size of 5/2 divides every fifth tick only.
        every = Fraction(given["step_size"]).numerator
        return rules.step(min(every, INF), float(given["gamma"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm:
        return ClosedForm(step(needs.ticks.count(given["step_size"]), given["gamma"]))

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        return {"step_size": rule.every, "gamma": rule.gamma} if isinstance(rule, rules.StepRule) else None

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        if not isinstance(schedule, Step):
            return None
        size, by_epoch = part.ticks(schedule.every)
        return {"step_size": size, "gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


class _MultiStep(SchedulerRow):
    name = "MultiStep"
    meaning = "multiply {it} by `gamma` at each milestone, counted from `begin`"
    arguments: ClassVar = {
        "milestones": Argument(meaning="ticks counted from `begin`; repeated ones count twice"),
        "gamma": Argument(0.1, meaning="factor at a milestone"),
        "last_step": WINDOW_ARGUMENTS["last_step"],  # MMEngine's own order, which is not that of the others
        **WINDOW_ARGUMENTS,
    }
    counted = ("milestones",)

    def diagnostics(self, given: Arguments) -> _Faults:
        milestones = given["milestones"]
        if isinstance(milestones, (str, bytes)) or not isinstance(milestones, Iterable):
            yield ArgumentFault("milestones", f"milestones={milestones!r}: expected a list of counts", TypeError)
        elif not all(map(is_real_number, milestones)):
            yield ArgumentFault("milestones", f"milestones={milestones!r} are not all numbers", TypeError)
        yield from number_faults(given, "gamma")

    def derived(self, given: Arguments) -> dict[str, Any]:
        return {"milestones": Counter(given["milestones"])}

    def rule(self, given: Arguments) -> Rule:
        return rules.multistep(_reached_milestones(given), float(given["gamma"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        if needs.run is None and needs.endless:
            return None
        limit = min(given["end"], INF if needs.run is None else needs.run) - given["begin"]
        times = tuple(needs.ticks.count(one) for one in _reached_milestones(given) if one < limit)
        return ClosedForm(multistep(times, given["gamma"]), cut_at_end=True) if times else None

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.MultiStepRule):
            return None
        return {"milestones": list(rule.milestones), "gamma": rule.gamma}

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """Milestones of one unit, in the unit of the window."""
        if not isinstance(schedule, MultiStep):
            return None
        counts = [part.ticks(milestone) for milestone in schedule.milestones]
        units = {by_epoch for count, by_epoch in counts if count}  # of 0 it may be any
        if len(units) > 1:
            part.refuse(schedule, "its milestones have one unit")
        by_epoch = units.pop() if units else part.bounds_by_epoch()
        milestones = [count for count, _ in counts]
        return {"milestones": milestones, "gamma": schedule.gamma, **part.window(by_epoch, one_more=False)}


def _reached_milestones(given: Arguments) -> list[int]:
    """The milestones in order, repeated ones too; one that is no whole number, or below 0, is never reached."""
    milestones: Counter[float] = Counter(given["milestones"])
    return sorted(int(one) for one in milestones.elements() if one == int(one) and one >= 0)


class _Exponential(SchedulerRow):
    name = "Exponential"
    meaning = "multiply {it} by `gamma` at each tick"
    arguments: ClassVar = {"gamma": Argument(meaning="ratio of one tick to the one before"), **WINDOW_ARGUMENTS}

    def diagnostics(self, given: Arguments) -> _Faults:
        return number_faults(given, "gamma")

    def cautions(self, given: Arguments, *, converted_from_epochs: bool) -> Iterator[str]:
        if converted_from_epochs:
            yield (
                f"converted to iterations it multiplies by gamma={given['gamma']!r} in each of them, "
                "not in each epoch; write gamma ** (1 / epoch_length)"
            )

    def rule(self, given: Arguments) -> Rule:
        return rules.exponential(float(given["gamma"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm:
        return ClosedForm(needs.ticks.changing(exponential(given["gamma"], needs.ticks.one)))

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        return {"gamma": rule.gamma} if isinstance(rule, rules.ExponentialRule) else None

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        if not isinstance(schedule, Exponential):
            return None
        by_epoch = part.stepwise and schedule.per == EPOCH
        if not by_epoch and (part.stepwise or schedule.per != UPDATE):
            part.refuse(schedule, "its Exponential multiplies once a tick")
        return {"gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


class _Poly(SchedulerRow):
    name = "Poly"
    meaning = "let {it} fall to `eta_min` as a power of the ticks left, reached at the last tick of the window"
    arguments: ClassVar = {
        "eta_min": Argument(0, meaning="floor, as a value"),
        "power": Argument(1.0, meaning="exponent"),
        **WINDOW_ARGUMENTS,
    }
    length_from = ()

    def diagnostics(self, given: Arguments) -> _Faults:
        return number_faults(given, "eta_min", "power")

    def derived(self, given: Arguments) -> dict[str, Any]:
        return _ticks_in_window(given)

    def rule(self, given: Arguments) -> Rule:
        floor = absolute(float(given["eta_min"]))
        return rules.polynomial(float(given["power"]), floor, **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        if needs.endless or needs.single:
            return None
        floor = absolute(float(given["eta_min"]))
        descent = polynomial(float(given["power"]), to=floor, over=needs.ticks.last(needs.size))
        return ClosedForm(needs.ticks.changing(descent), multiplies=False, ends_itself=True)

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.PolynomialRule) or rule.over is not None or not isinstance(rule.to, Absolute):
            return None
        return {"eta_min": rule.to.value, "power": rule.power}

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """A power of what is left, down to a value or to 0, over the whole window."""
        found = part.stretched
        if found is None or not isinstance(schedule, Anneal) or schedule.start != part.level or not found.whole:
            return None
        floor = from_level(schedule.to)
        if floor is None or not isinstance(schedule.curve, (Linear, Polynomial)):
            return None
        power = 1.0 if isinstance(schedule.curve, Linear) else schedule.curve.exponent
        return {"eta_min": floor, "power": power, **found.window}


_FLOORS: Final = {
    "eta_min": Argument(None, meaning="floor, as a value"),
    "eta_min_ratio": Argument(None, meaning="floor, as a multiple of the base value; instead of `eta_min`"),
}


def _floor_faults(given: Arguments) -> _Faults:
    """What is wrong with `eta_min` and `eta_min_ratio`, each by itself."""
    return number_faults(given, *(name for name in _FLOORS if given[name] is not None))


def _floor_level(given: Arguments) -> Level:
    """The floor of a cosine: a value, or a multiple of the base."""
    ratio = given.get("eta_min_ratio")
    return absolute(given["eta_min"] or 0.0) if ratio is None else float(ratio)


def _floor_arguments(level: Level) -> dict[str, Any]:
    """`eta_min` or `eta_min_ratio`, whichever says this floor."""
    return {"eta_min": level.value} if isinstance(level, Absolute) else {"eta_min_ratio": level}


class _CosineAnnealing(SchedulerRow):
    name = "CosineAnnealing"
    meaning = "let {it} follow half a cosine wave down to the floor in `T_max` ticks, and up again"
    arguments: ClassVar = {
        "T_max": Argument(None, meaning="length of the descent; None is the window"),
        "eta_min": _FLOORS["eta_min"],
        **WINDOW_ARGUMENTS,
        "eta_min_ratio": _FLOORS["eta_min_ratio"],
    }
    counted = length_from = ("T_max",)

    def diagnostics(self, given: Arguments) -> _Faults:
        """Either floor, not both; a length that is a number from 0 on."""
        yield from _floor_faults(given)
        if given["eta_min"] is not None and given["eta_min_ratio"] is not None:
            message = "Either `eta_min` or `eta_min_ratio` should be specified, not both"
            yield ArgumentFault("eta_min_ratio", message, AssertionError)
        length = given["T_max"]
        if length is not None:
            yield from number_faults(given, "T_max")
        if is_real_number(length) and length < 0:
            yield ArgumentFault("T_max", f"T_max={length!r} is below 0")

    def derived(self, given: Arguments) -> dict[str, Any]:
        neither = given["eta_min"] is None and given["eta_min_ratio"] is None
        length = given["T_max"] or given["end"] - given["begin"]
        return {"T_max": length, "eta_min": 0.0 if neither else given["eta_min"]}

    def rule(self, given: Arguments) -> Rule:
        return rules.cosine(_floor_level(given), over=_int_if_whole(given["T_max"]), **_window_of_rule(given))

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        """The descent alone; None where the window goes on and the wave climbs again."""
        length, ticks = given["T_max"], needs.ticks
        reached = needs.size if needs.run is None else min(needs.size, needs.run - given["begin"])
        if reached - (0 if ticks.converted else 1) > length:
            return None  # it turns round and climbs
        ratio = given["eta_min_ratio"]
        if ratio is not None and ratio != 0 and not needs.any_floor:
            return None  # a multiple of the base, not of what the schedulers before left of it
        floor: Level = absolute(float(given["eta_min"])) if ratio is None else float(ratio)
        zero = floor in (absolute(0.0), 0.0)
        descent = ticks.changing(cosine(to=0.0 if zero else floor, over=ticks.count(length)))
        ends_itself = length == needs.size - 1 and not ticks.converted
        return ClosedForm(descent, multiplies=zero, ends_itself=ends_itself, to_base=bool(ratio))

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.CosineRule) or rule.base != 1.0:
            return None
        return {**({} if rule.over is None else {"T_max": rule.over}), **_floor_arguments(rule.to)}

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        found = part.stretched
        if found is None or not isinstance(schedule, Anneal) or schedule.start != part.level:
            return None
        if not isinstance(schedule.curve, Cosine):
            return None
        floor = {} if schedule.to == 0.0 else _floor_arguments(schedule.to)
        return {"T_max": found.ticks, **floor, **found.open_window}


class _CosineRestart(SchedulerRow):
    name = "CosineRestart"
    meaning = "let {it} descend as a cosine to the floor in each period, beginning at its weight times the base value"
    arguments: ClassVar = {
        "periods": Argument(meaning="lengths, one for each descent"),
        "restart_weights": Argument((1,), meaning="as many multiples of the base value"),
        **_FLOORS,
        **WINDOW_ARGUMENTS,
    }
    counted = ("periods",)

    def diagnostics(self, given: Arguments) -> _Faults:
        """One floor; two lists of one length; periods above 0."""
        yield from _floor_faults(given)
        if (given["eta_min"] is None) == (given["eta_min_ratio"] is None):
            message = "exactly one of `eta_min` and `eta_min_ratio` should be specified"
            yield ArgumentFault("eta_min", message, AssertionError)
        lists = {}
        for name in ("periods", "restart_weights"):
            value = given[name]
            if not isinstance(value, (list, tuple)) or not value or not all(is_real_number(one) for one in value):
                yield ArgumentFault(name, f"{name}={value!r}: expected a list of numbers", TypeError)
            else:
                lists[name] = value
        if len(lists) == 2 and len(lists["periods"]) != len(lists["restart_weights"]):
            counts = f"{len(lists['periods'])} and {len(lists['restart_weights'])} entries"
            message = f"periods and restart_weights should have the same length, not {counts}"
            yield ArgumentFault("restart_weights", message, AssertionError)
        if "periods" in lists and not all(period > 0 for period in lists["periods"]):
            yield ArgumentFault("periods", f"periods={lists['periods']!r}: each should be above 0")

    def derived(self, given: Arguments) -> dict[str, Any]:
        return {"cumulative_periods": list(accumulate(given["periods"]))}

    def rule(self, given: Arguments) -> Rule:
        periods, weights = tuple(map(_int_if_whole, given["periods"])), tuple(given["restart_weights"])
        return rules.cosine_restarts(periods, weights, _floor_level(given), **_window_of_rule(given))

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.CosineRestartsRule) or rule.base != 1.0:
            return None
        lists = {"periods": list(rule.periods), "restart_weights": list(rule.weights)}
        return {**lists, **_floor_arguments(rule.to)}


class _OneCycle(SchedulerRow):
    """In absolute values."""

    name = "OneCycle"
    meaning = "let {it} rise to `eta_max` and fall far below its first value, in absolute values"
    arguments: ClassVar = {
        "eta_max": Argument(0, meaning="highest value, or a list with one for each group"),
        "total_steps": Argument(None, meaning="length; None is the window"),
        "pct_start": Argument(0.3, meaning="share of the length that rises, a float in [0, 1]"),
        "anneal_strategy": Argument("cos", meaning="`cos` or `linear`"),
        "div_factor": Argument(25.0, meaning="the first value is `eta_max / div_factor`"),
        "final_div_factor": Argument(1e4, meaning="the last value is the first over this"),
        "three_phase": Argument(False, meaning="whether it comes back to the first value before the last descent"),
        **WINDOW_ARGUMENTS,
    }
    counted = length_from = ("total_steps",)
    only_field = "lr"

    def diagnostics(self, given: Arguments) -> _Faults:
        """What MMEngine refuses, and what would fail at the first step."""
        total, share, strategy = given["total_steps"], given["pct_start"], given["anneal_strategy"]
        if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total <= 0):
            yield ArgumentFault("total_steps", f"Expected positive integer total_steps, but got {total}")
        if not isinstance(share, float) or not 0 <= share <= 1:
            yield ArgumentFault("pct_start", f"Expected float between 0 and 1 pct_start, but got {share}")
        if strategy not in ("cos", "linear"):
            message = f'anneal_strategy must by one of "cos" or "linear", instead got {strategy}'
            yield ArgumentFault("anneal_strategy", message)
        if not isinstance(given["three_phase"], (bool, int)):
            yield ArgumentFault("three_phase", f"three_phase={given['three_phase']!r} is not True or False", TypeError)
        for name in ("div_factor", "final_div_factor"):
            yield from number_faults(given, name)
            if is_real_number(given[name]) and given[name] <= 0:
                yield ArgumentFault(name, f"{name}={given[name]!r} must be greater than 0")
        peaks = given["eta_max"]
        if not each_number(peaks) or not all(map(is_real_number, each_number(peaks))):
            yield ArgumentFault("eta_max", f"eta_max={peaks!r}: expected a number or a list of numbers", TypeError)

    def derived(self, given: Arguments) -> dict[str, Any]:
        return {"total_steps": given["end"] - given["begin"]} if given["total_steps"] is None else {}

    def run_faults(self, given: Arguments, stop: int) -> _Faults:
        """MMEngine raises when the cycle is stepped past its length; a plan knows it before."""
        begin, total = given["begin"], given["total_steps"]
        if stop - begin - 1 > total:
            message = f"the window goes on for {stop - begin} steps, and the cycle has {total}"
            yield ArgumentFault("total_steps", message, instead=f"Write end={begin + total}")

    def rule(self, given: Arguments) -> Rule:
        return rules.one_cycle(
            float(given["eta_max"]),
            ceil(given["total_steps"]),
            given["pct_start"],
            given["anneal_strategy"],
            float(given["div_factor"]),
            float(given["final_div_factor"]),
            bool(given["three_phase"]),
            **_window_of_rule(given),
        )

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        if not isinstance(rule, rules.OneCycleRule):
            return None
        return {
            "eta_max": rule.peak,
            **({} if rule.over is None else {"total_steps": rule.over}),
            "pct_start": rule.pct_start,
            "anneal_strategy": rule.anneal,
            "div_factor": rule.div,
            "final_div_factor": rule.final_div,
            "three_phase": rule.three_phase,
        }


class _ReduceOnPlateau(SchedulerRow):
    name = "ReduceOnPlateau"
    meaning = "multiply {it} by `factor` when a metric has stopped improving"
    arguments: ClassVar = {
        "monitor": Argument("loss", meaning="name of the metric"),
        "rule": Argument("less", meaning="`less` or `greater`: what is better"),
        "factor": Argument(0.1, meaning="of one reduction, below 1"),
        "patience": Argument(10, meaning="validations without improvement that are put up with"),
        "threshold": Argument(1e-4, meaning="how much better counts as better"),
        "threshold_rule": Argument("rel", meaning="`rel` to the best value, or `abs`"),
        "cooldown": Argument(0, meaning="validations after a reduction that do not count"),
        "min_value": Argument(0.0, meaning="floor, as a value, or a list with one for each group"),
        "eps": Argument(1e-8, meaning="smaller reductions are left out"),
        **WINDOW_ARGUMENTS,
    }
    reacts_to_metric = True

    def diagnostics(self, given: Arguments) -> _Faults:
        """What MMEngine refuses, and numbers that are none."""
        yield from number_faults(given, "factor", "threshold", "patience", "cooldown", "eps")
        if is_real_number(given["factor"]) and given["factor"] >= 1:
            yield ArgumentFault("factor", f"Factor should be < 1.0, but got {given['factor']}")
        if is_real_number(given["threshold"]) and given["threshold"] < 0:
            yield ArgumentFault("threshold", f"threshold {given['threshold']} should be >= 0")
        if given["rule"] not in ("less", "greater"):
            yield ArgumentFault("rule", f"mode {given['rule']} is unknown! Write 'less' or 'greater'")
        if given["threshold_rule"] not in ("rel", "abs"):
            message = f"threshold mode {given['threshold_rule']} is unknown! Write 'rel' or 'abs'"
            yield ArgumentFault("threshold_rule", message)
        if not given["by_epoch"]:
            message = "it only supports by_epoch=True: it acts after validations"
            yield ArgumentFault("by_epoch", message, AssertionError)
        floors = given["min_value"]
        if not all(map(is_real_number, each_number(floors))):
            yield ArgumentFault("min_value", f"min_value={floors!r}: expected a number or a list of numbers", TypeError)

    def metric_rule(self, given: Arguments, base: float | None) -> MetricRule[Any]:
        """Floor and smallest change are multiples of the base."""
        return plateau(
            given["monitor"],
            "min" if given["rule"] == "less" else "max",
            float(given["factor"]),
            int(given["patience"]),
            float(given["threshold"]),
            given["threshold_rule"],
            int(given["cooldown"]),
            float(given["min_value"]) / base if base and given["min_value"] else 0.0,
            float(given["eps"]) / base if base else 0.0,
        )

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        """A plateau without a floor, which MMEngine says as a value."""
        if not isinstance(rule, Plateau):
            return None
        if rule.min or rule.nonfinite != "count":
            why = "its floor is a value, not a multiple of base, and what is not finite counts as not better"
            part.refuse(rule, why)
        return {
            "monitor": rule.metric,
            "rule": "less" if rule.mode == "min" else "greater",
            "factor": rule.factor,
            "patience": rule.patience,
            "threshold": rule.threshold,
            "threshold_rule": rule.threshold_mode,
            "cooldown": rule.cooldown,
            "eps": rule.eps,
        }


COSINE_ANNEALING, MULTI_STEP = _CosineAnnealing(), _MultiStep()
_EXPONENTIAL, _POLY, _STEP = _Exponential(), _Poly(), _Step()

DECAYS: Final = (COSINE_ANNEALING, _EXPONENTIAL, MULTI_STEP, _POLY, _STEP)
"""Those that lower a value in all of their window."""

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
