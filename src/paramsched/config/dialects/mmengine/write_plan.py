"""From a plan to a config of MMEngine: a dict for each window, rule or stage that one of its classes gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn, TypeAlias, final

from paramsched.config.dialects.mmengine.table import CONVERTED, INF
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.errors import PlanError
from paramsched.feedback.base import Guided, MetricRule
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Binding, Plan, Target
from paramsched.schedules import Schedule, rules
from paramsched.schedules._level import Absolute, Level
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.constant import Constant
from paramsched.schedules.exponential import Exponential
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.retimed import Chain, Every
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.step import MultiStep, Step
from paramsched.schedules.window import Window
from paramsched.time import Duration

Written: TypeAlias = tuple[str, dict[str, Any]]
"""A curve's name, and the arguments of its scheduler."""

_EPOCH, _STEP = Duration.of("1 epoch"), Duration.of(1)


def config_from_plan(plan: Plan) -> dict[str, Any]:
    """`param_scheduler`, and `train_cfg` where the plan has a horizon."""
    config: dict[str, Any] = {}
    if plan.horizon is not None:
        length, by_epoch = _ticks(plan.horizon, "horizon", f'"{plan.horizon}"')
        config["train_cfg"] = {"by_epoch": by_epoch, "max_epochs" if by_epoch else "max_iters": length}
    selectors = {binding.groups for binding in plan.bindings}
    if None in selectors or len(selectors) == 0:
        if len(selectors) > 1:
            _refuse(plan.bindings[-1], "its schedulers act on all groups of an optimizer alike")
        config["param_scheduler"] = _schedulers(plan, plan.bindings)
    else:
        by_name: dict[str, list[dict[str, Any]]] = {}
        for selector in selectors:
            mine = [binding for binding in plan.bindings if binding.groups == selector]
            if not isinstance(selector, str):
                _refuse(mine[0], "its schedulers act on all groups of an optimizer alike")
            by_name[selector] = _schedulers(plan, mine)
        config["param_scheduler"] = dict(sorted(by_name.items()))
    return config


def python_text(data: Any) -> str:
    """A config as Python text: an assignment for each entry.

    >>> print(python_of({"param_scheduler": [{"type": "StepLR", "step_size": 2}]}))
    param_scheduler = [
        dict(type='StepLR', step_size=2),
    ]
    <BLANKLINE>
    """
    whole = data if isinstance(data, Mapping) and "type" not in data else {"param_scheduler": data}
    return "".join(f"{name} = {_python(value)}\n" for name, value in whole.items())


def _python(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"dict({', '.join(f'{name}={_python(one)}' for name, one in value.items())})"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "[\n" + "".join(f"    {_python(one)},\n" for one in value) + "]"
    return repr(value)


def _schedulers(plan: Plan, bindings: Any) -> list[dict[str, Any]]:
    found = []
    for binding in bindings:
        writer = _Writer(binding, plan.horizon)
        for curve, arguments in writer.written(binding.schedule):
            found.append(_named(binding, curve, arguments))
    return found


def _named(binding: Binding, curve: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """With the class of the family, and the field where the class does not say it."""
    if isinstance(binding.field, Target):
        _refuse(binding, "it knows no targets outside the optimizer")
    family = {"lr": "LR", "momentum": "Momentum", "betas[0]": "Momentum"}.get(binding.name)
    if curve == "OneCycle" and family != "LR":
        _refuse(binding, "its OneCycle is for lr only")
    if family is None and "[" in binding.name:
        _refuse(binding, "of a tuple it schedules betas[0] only")
    if family is None:
        return {"type": f"{curve}ParamScheduler", "param_name": binding.name, **arguments}
    return {"type": curve + family, **arguments}


def _refuse(binding: Binding, why: str) -> NoReturn:
    raise PlanError(f"MMEngine cannot say {binding}", why, 'Write it in the native format: format="yaml"')


def _epochs(duration: Duration) -> int | None:
    """A length as a whole number of epochs; None where it is none. Nothing is none of any unit, so it is."""
    amounts = dict(duration.terms)
    count = amounts.pop("epochs", Fraction(0))
    return int(count) if not amounts and count.denominator == 1 else None


def _ticks(duration: Duration, what: str, shown: str) -> tuple[int, bool]:
    """A length as a whole number of epochs or iterations, and which."""
    units = {unit for unit, _ in duration.terms}
    amount = sum((count for _, count in duration.terms), Fraction(0))
    if (not units <= {"epochs"} and not units <= {"updates"}) or amount.denominator != 1:
        raise PlanError(
            f"MMEngine cannot say {what} {shown}",
            "it counts whole epochs or iterations",
            "Write ps.resolve(plan, calendar)",
        )
    return int(amount), units == {"epochs"}


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part acts: its begin, its last tick but one (None: to the end), whether it changes by epochs only."""

    begin: Duration
    stop: Duration | None
    stepwise: bool


@final
class _Writer:
    """Writes the schedule of one binding."""

    def __init__(self, binding: Binding, horizon: Duration | None) -> None:
        self.binding, self.horizon = binding, horizon

    def written(self, schedule: Schedule) -> list[Written]:
        if isinstance(schedule, Guided):
            neutral = isinstance(schedule.schedule, Constant) and schedule.schedule.value == 1.0
            found = [] if neutral else self.written(schedule.schedule)
            return found + [self.plateau(rule) for rule in schedule.guides]
        if isinstance(schedule, Recurrence):
            return [self.rule(rule) for rule in schedule.rules]
        if isinstance(schedule, Chain):
            return [one for operand in schedule.operands for one in self.written(operand)]
        return self.part(schedule, _Place(Duration.of(0), None, False))

    def part(self, schedule: Schedule, place: _Place) -> list[Written]:
        match schedule:
            case Window() if place == _Place(Duration.of(0), None, False):
                return self.part(schedule.schedule, _Place(schedule.begin, self.inside(schedule.end), False))
            case Every() if schedule.period == _EPOCH and schedule.phase == 0:
                return self.part(schedule.schedule, _Place(place.begin, place.stop, True))
            case Sequence() if place.stop is None or self.ends_before(schedule, place):
                return self.stages(schedule, place)
            case Constant() | Anneal() | Exponential() | Step() | MultiStep():
                return self.leaf(schedule, place, 1.0)
        return self.refuse(schedule, "it has no such scheduler")

    def leaf(self, schedule: Schedule, place: _Place, level: Level) -> list[Written]:
        """One shape, entered at `level`."""
        match schedule:
            case Constant():
                if schedule.value == level:
                    return []
                return self.constant(schedule, place)
            case Anneal():
                return [self.anneal(schedule, place, level)]
            case Exponential():
                by_epoch = place.stepwise and schedule.per == _EPOCH
                if not by_epoch and (place.stepwise or schedule.per != Duration.of(1)):
                    return self.refuse(schedule, "its Exponential multiplies once a tick")
                return [("Exponential", {"gamma": schedule.gamma, **self.window(place, by_epoch, one_more=True)})]
            case Step():
                size, by_epoch = self.ticks(schedule.every)
                return [
                    (
                        "Step",
                        {"step_size": size, "gamma": schedule.gamma, **self.window(place, by_epoch, one_more=True)},
                    )
                ]
            case MultiStep():
                counts = [self.ticks(milestone) for milestone in schedule.milestones]
                units = {by_epoch for count, by_epoch in counts if count}  # of 0 it may be any
                if len(units) > 1:
                    return self.refuse(schedule, "its milestones have one unit")
                by_epoch = units.pop() if units else self.unit(place)
                milestones = [count for count, _ in counts]
                return [
                    (
                        "MultiStep",
                        {
                            "milestones": milestones,
                            "gamma": schedule.gamma,
                            **self.window(place, by_epoch, one_more=False),
                        },
                    )
                ]
        return self.refuse(schedule, "it has no such scheduler")

    def constant(self, schedule: Constant, place: _Place) -> list[Written]:
        value = schedule.value
        if isinstance(value, Absolute) or not 0 <= value <= 1:
            return self.refuse(schedule, "its Constant multiplies by a factor in [0, 1]")
        if place.stop is not None and place.stop == place.begin:
            begin, by_epoch = self.ticks(place.begin)
            return [("Constant", {"factor": value, **_window(begin, begin + 1, by_epoch)})]
        if self.horizon is None:
            return self.refuse(schedule, "it needs an end, and the plan has no horizon")
        end, by_epoch = self.ticks(self.horizon)
        begin, _ = self.ticks(place.begin)
        # Its last tick undoes the factor: that has to come after the run.
        return [("Constant", {"factor": value, **_window(begin, end + 1, by_epoch)})]

    def anneal(self, schedule: Anneal, place: _Place, level: Level) -> Written:
        length = schedule.over or self.rest(schedule, place)
        by_iteration = None if place.stepwise else self.converted(schedule, length, place, level)
        if by_iteration is not None:
            return by_iteration
        n, by_epoch = self.ticks(length)
        if by_epoch and not place.stepwise:
            self.refuse(schedule, 'by epochs it changes between epochs only; write every(…, "epoch")')
        if place.stepwise and not by_epoch:
            self.refuse(schedule, "its length is in epochs where it changes by epochs")
        if schedule.index != "t/n":
            self.refuse(schedule, 'its schedulers follow index="t/n"')
        begin = self.begin(place, by_epoch)
        end = begin + n + 1 if place.stop is None else self.ticks(place.stop)[0] + 1
        window = _window(begin, end, by_epoch)
        if isinstance(schedule.curve, Linear) and isinstance(schedule.to, float) and isinstance(level, float):
            return self.line(schedule, level, window, end - begin - 1 == n)
        if schedule.start != level:
            self.refuse(schedule, f"it starts from the value it finds, {_shown(level)}")
        if isinstance(schedule.curve, Cosine):
            floor = {"eta_min_ratio": schedule.to} if isinstance(schedule.to, float) else {"eta_min": schedule.to.value}
            if schedule.to == 0.0:
                floor = {}
            if place.stop is None and begin == 0 and schedule.over is not None and schedule.over == self.horizon:
                window = _window(begin, None, by_epoch)
            return "CosineAnnealing", {"T_max": n, **floor, **window}
        if isinstance(schedule.curve, (Linear, Polynomial)) and end - begin - 1 == n:
            power = 1.0 if isinstance(schedule.curve, Linear) else schedule.curve.exponent
            if isinstance(schedule.to, Absolute) or schedule.to == 0.0:
                floor_value = schedule.to.value if isinstance(schedule.to, Absolute) else 0.0
                return "Poly", {"eta_min": floor_value, "power": power, **window}
        return self.refuse(schedule, "it has no such curve")

    def converted(self, schedule: Anneal, length: Duration, place: _Place, level: Level) -> Written | None:
        """A shape over whole epochs that changes with each iteration; None where it is none."""
        begin, cosine = _epochs(place.begin), isinstance(schedule.curve, Cosine)
        size = _epochs(length if cosine else length + _STEP)
        if begin is None or not size or schedule.index != "t/n" or not isinstance(level, float):
            return None
        end = begin + size
        if place.stop is not None:
            closed = _epochs(place.stop + _STEP)
            if closed is None or (closed > end if cosine else closed != end):
                return None
            end = closed
        elif cosine and self.horizon != Duration.of(f"{end} epochs"):
            return None
        window = {**_window(begin, end, True), CONVERTED: True}
        if cosine and schedule.start == level:
            floor = {"eta_min_ratio": schedule.to} if isinstance(schedule.to, float) else {"eta_min": schedule.to.value}
            return "CosineAnnealing", {"T_max": size, **({} if schedule.to == 0.0 else floor), **window}
        if isinstance(schedule.curve, Linear) and isinstance(schedule.to, float):
            return self.line(schedule, level, window, True)
        if isinstance(schedule.curve, (Linear, Polynomial)) and schedule.start == level:
            power = 1.0 if isinstance(schedule.curve, Linear) else schedule.curve.exponent
            if isinstance(schedule.to, Absolute) or schedule.to == 0.0:
                floor_value = schedule.to.value if isinstance(schedule.to, Absolute) else 0.0
                return "Poly", {"eta_min": floor_value, "power": power, **window}
        return None

    def line(self, schedule: Anneal, level: float, window: dict[str, Any], whole: bool) -> Written:
        """A straight line between multiples of base."""
        start, to = schedule.start, schedule.to
        if not whole:
            self.refuse(schedule, "its line ends with the window")
        if isinstance(start, Absolute) or isinstance(to, Absolute) or level == 0:
            self.refuse(schedule, "its line scales the value it finds")
        factors = start / level, to / level
        if not all(0 <= factor <= 1 for factor in factors):
            self.refuse(schedule, "its factors are in [0, 1]")
        if factors[0] == 0:
            self.refuse(schedule, "its line divides by the first factor, so that it cannot begin at 0; begin at 1e-6")
        return "Linear", {"start_factor": factors[0], "end_factor": factors[1], **window}

    def stages(self, schedule: Sequence, place: _Place) -> list[Written]:
        undone = self.undone(schedule, place)
        if undone is not None:
            return [undone]
        found: list[Written] = []
        begin, level = place.begin, 1.0
        for index, stage in enumerate(schedule.stages):
            inner, stepwise = (
                (stage.schedule, True) if isinstance(stage, Every) and stage.period == _EPOCH else (stage, False)
            )
            here = _Place(begin, None, stepwise)
            if not isinstance(inner, (Constant, Anneal)):
                self.refuse(stage, "as a stage it can say straight lines, cosines, powers and constants")
            start = inner.value if isinstance(inner, Constant) else inner.start
            if isinstance(start, Absolute) or (start != level and index):
                self.refuse(stage, f"it starts from the value it finds, {_shown(level)}")
            found += self.leaf(inner, here, level if index else 1.0)
            length = inner.over
            if length is None:
                if index < len(schedule.stages) - 1:
                    length = self.rest(schedule, place, stage)
                else:
                    break
            begin = begin + length
            after = inner.value if isinstance(inner, Constant) else inner.to
            if isinstance(after, Absolute) and index < len(schedule.stages) - 1:
                self.refuse(stage, "what follows would have to start from a value, not from a multiple of base")
            level = after if isinstance(after, float) else level
        return found

    def undone(self, schedule: Sequence, place: _Place) -> Written | None:
        """A factor for a while and then none: that is its Constant."""
        match schedule.stages:
            case (Constant(value=float() as factor, over=Duration() as over), Constant(value=1.0)) if 0 <= factor <= 1:
                first, size = _epochs(place.begin), _epochs(over + _STEP)
                if size and first is not None:
                    return "Constant", {"factor": factor, **_window(first, first + size, True), CONVERTED: True}
                n, by_epoch = self.ticks(over)
                begin = self.begin(place, by_epoch)
                return "Constant", {"factor": factor, **_window(begin, begin + n + 1, by_epoch)}
        return None

    def inside(self, stop: Duration | None) -> Duration | None:
        """The last tick of a window, where the run goes on behind it."""
        if (
            stop is None
            or self.horizon is None
            or {unit for unit, _ in stop.terms} != {unit for unit, _ in self.horizon.terms}
        ):
            return stop
        left = [count - dict(stop.terms)[unit] for unit, count in self.horizon.terms]
        return None if len(left) == 1 and left[0] <= 1 else stop

    def ends_before(self, schedule: Sequence, place: _Place) -> bool:
        """Whether all stages are over when the window is, so that it cuts nothing off."""
        stages = schedule.stages
        if self.undone(schedule, place) is not None:
            stages = stages[:1]  # what follows is held in any case
        lengths = [stage.length for stage in stages]
        taken = place.begin
        for length in lengths:
            if length is None:
                return False
            taken = taken + length
        if place.stop is None or {unit for unit, _ in taken.terms} != {unit for unit, _ in place.stop.terms}:
            return place.stop is None
        over, stop = dict(taken.terms), dict(place.stop.terms)
        return all(over[unit] <= stop[unit] for unit in over)

    def unit(self, place: _Place) -> bool:
        """Whether a window is in epochs, where the shape in it does not say."""
        bounds = [bound for bound in (place.begin, place.stop) if bound is not None and bound.terms]
        return self.ticks(bounds[0])[1] if bounds else place.stepwise

    def rest(self, schedule: Schedule, place: _Place, stage: Schedule | None = None) -> Duration:
        """What a stage without length takes: the horizon without the others."""
        if self.horizon is None:
            self.refuse(schedule, "it takes the time it is given, and the plan has no horizon")
        others = Duration.of(0)
        if isinstance(schedule, Sequence):
            for one in schedule.stages:
                if one is not stage and one.length is not None:
                    others = others + one.length
        return self.horizon - place.begin - others

    def rule(self, rule: Rule) -> Written:
        if rule.by not in ("update", "epoch"):
            self.refuse(rule, "its schedulers tick by iterations or epochs")
        window = _window(rule.begin, rule.end, rule.by == "epoch")
        match rule:
            case rules.ConstantRule(over=None):
                return "Constant", {"factor": rule.factor, **window}
            case rules.LinearRule(over=None):
                return "Linear", {"start_factor": rule.start, "end_factor": rule.to, **window}
            case rules.ExponentialRule():
                return "Exponential", {"gamma": rule.gamma, **window}
            case rules.StepRule():
                return "Step", {"step_size": rule.every, "gamma": rule.gamma, **window}
            case rules.MultiStepRule():
                return "MultiStep", {"milestones": list(rule.milestones), "gamma": rule.gamma, **window}
            case rules.CosineRule(base=1.0):
                length = {} if rule.over is None else {"T_max": rule.over}
                return "CosineAnnealing", {**length, **_floor(rule.to), **window}
            case rules.PolynomialRule(over=None, to=Absolute(value)):
                return "Poly", {"eta_min": value, "power": rule.power, **window}
            case rules.CosineRestartsRule(base=1.0):
                lists = {"periods": list(rule.periods), "restart_weights": list(rule.weights)}
                return "CosineRestart", {**lists, **_floor(rule.to), **window}
            case rules.OneCycleRule():
                return "OneCycle", {
                    "eta_max": rule.peak,
                    **({} if rule.over is None else {"total_steps": rule.over}),
                    "pct_start": rule.pct_start,
                    "anneal_strategy": rule.anneal,
                    "div_factor": rule.div,
                    "final_div_factor": rule.final_div,
                    "three_phase": rule.three_phase,
                    **window,
                }
        return self.refuse(rule, "it has no such scheduler")

    def plateau(self, rule: MetricRule[Any]) -> Written:
        if not isinstance(rule, Plateau):
            self.refuse(rule, "it has no such rule")
        if rule.min or rule.nonfinite != "count":
            self.refuse(
                rule, "its floor is a value, not a multiple of base, and what is not finite counts as not better"
            )
        return "ReduceOnPlateau", {
            "monitor": rule.metric,
            "rule": "less" if rule.mode == "min" else "greater",
            "factor": rule.factor,
            "patience": rule.patience,
            "threshold": rule.threshold,
            "threshold_rule": rule.threshold_mode,
            "cooldown": rule.cooldown,
            "eps": rule.eps,
        }

    def window(self, place: _Place, by_epoch: bool, *, one_more: bool) -> dict[str, Any]:
        begin = self.begin(place, by_epoch)
        if place.stop is None:
            return _window(begin, None, by_epoch)
        return _window(begin, self.ticks(place.stop)[0] + one_more, by_epoch)

    def begin(self, place: _Place, by_epoch: bool) -> int:
        begin, theirs = self.ticks(place.begin)
        if begin and theirs != by_epoch:
            self.refuse(self.binding.schedule, "its window has the unit of its counts")
        return begin

    def ticks(self, duration: Duration) -> tuple[int, bool]:
        return _ticks(duration, "length", f'"{duration}" of {self.binding}')

    def refuse(self, part: object, why: str) -> NoReturn:
        raise PlanError(
            f"MMEngine cannot say {part} of {self.binding.name}", why, 'Write it in the native format: "yaml"'
        )


def _window(begin: int, end: int | None, by_epoch: bool) -> dict[str, Any]:
    window: dict[str, Any] = {} if by_epoch else {"by_epoch": False}
    if begin:
        window["begin"] = begin
    if end is not None and end < INF:
        window["end"] = end
    return window


def _floor(level: Level) -> dict[str, Any]:
    return {"eta_min": level.value} if isinstance(level, Absolute) else {"eta_min_ratio": level}


def _shown(level: Level) -> str:
    return str(level) if isinstance(level, Absolute) else f"{level:g} times base"
