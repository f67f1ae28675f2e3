"""Conversion of optax schedules to a plan and back."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched.base.codes import SAID_TWICE, WRONG_TYPE
from paramsched.base.diagnostic import HORIZON, ROOT, child_path, entry_path
from paramsched.base.user_warnings import warn_user
from paramsched.config.arguments import (
    ReadingNotes,
    base_of_lr,
    from_level,
    numbers_by_field,
    product_as_written,
    ratio_as_written,
)
from paramsched.config.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_exports import PeerExporter, begins_of_stages, schedules_lr_alone
from paramsched.curves import Cosine, CosinePower, Linear, Polynomial
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.peers.optax.constructors import (
    ARGUMENT_KEYS,
    PLATEAU,
    POSITIONAL,
    is_named_in_full,
    known_constructor,
    optax_name_in,
    read_optax_entry,
    rule_of_entry,
    schedule_of_entry,
)
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import Absolute, Anneal, Constant, Exponential, Level, Schedule, constant
from paramsched.schedules.cuts import Take
from paramsched.schedules.pointwise import Maximum, Minimum, Product
from paramsched.schedules.retimed import Shift
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Calendar, Duration

_FIELDS: Final[Mapping[str, str]] = {
    "learning_rate": "lr",
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "b1": "betas[0]",
    "b2": "betas[1]",
    "eps": "eps",
}
"""Arguments of optax's optimizers and the corresponding fields of a param group."""

_HOLDERS: Final = ("optimizer", "tx", "schedule", "scheduler", "lr_schedule", "learning_rate_schedule", *ARGUMENT_KEYS)


def _scheduled_parts(data: Any, path: str, field: str = "lr") -> Iterator[tuple[str, Any, str]]:
    """Yield each schedule with its field and its path; the field of `reduce_on_plateau` is "plateau"."""
    if isinstance(data, (list, tuple)):
        for index, one in enumerate(data):
            yield from _scheduled_parts(one, child_path(path, index), field)
    name = optax_name_in(data)
    if not isinstance(data, Mapping):
        return
    if name is not None:
        yield ("plateau" if name == PLATEAU else field), data, path
        return
    for key, value in data.items():
        if known_constructor(str(key)) and isinstance(value, Mapping):
            yield ("plateau" if key == PLATEAU else field), {key: value}, path
        elif isinstance(value, (Mapping, list, tuple)) and (key in _FIELDS or key in (*_HOLDERS, POSITIONAL)):
            yield from _scheduled_parts(value, child_path(path, key), _FIELDS.get(str(key), field))


def _optimizer_in(data: Any) -> Mapping[str, Any]:
    """Return the arguments of the optimizer in the data, or an empty dict if there is none."""
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    inner = (_optimizer_in(data[key]) for key in _HOLDERS if isinstance(data.get(key), Mapping))
    return next((one for one in inner if one), {})


def recognizes(data: Any) -> bool:
    """Return whether data looks like a schedule of optax or contains one."""
    return any(is_named_in_full(part) for _, part, _ in _scheduled_parts(data, ROOT))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the numbers among the optimizer's arguments as bases."""
    arguments = _optimizer_in(data)
    numbers = numbers_by_field(arguments, **{field: name for name, field in _FIELDS.items()})
    betas = (numbers.pop("betas[0]", 0.9), numbers.pop("betas[1]", 0.999))
    if "b1" in arguments or "b2" in arguments:
        return Bases(({**numbers, "betas": betas},), "optimizer")
    return Bases((numbers,), "optimizer") if numbers else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # optax counts updates
    base: BaseLike | None = None,
) -> Plan:
    """Return the plan with the values of optax's schedules.

    Args:
        data: a constructor with its arguments, or an optimizer with schedules among its arguments; an entry `horizon`
            is optional.
        calendar: not used.
        base: the base of lr. If specified, levels of lr are multiples of it, else absolute values.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> data = {"_target_": "optax.linear_schedule", "init_value": 0.1, "end_value": 0.05, "transition_steps": 50}
    >>> print(to_plan(data))
    lr: linear(absolute(0.1), absolute(0.05), 50)
    >>> print(to_plan(data, base=0.2))
    lr: linear(0.5, 0.25, 50)
    """
    notes = ReadingNotes(DiagnosticCollector(), base=base_of_lr(base))
    parts = list(_scheduled_parts(data, ROOT))
    if not parts:
        read_optax_entry(data, ROOT, notes)
    beside = data if isinstance(data, Mapping) else {}
    monitor = beside.get("monitor", "loss")
    if not isinstance(monitor, str):
        found = f"expected the name of a metric, got {short_json(monitor)}"
        notes.diagnostics.add(entry_path("monitor"), found, "Write monitor: loss", code=WRONG_TYPE)
        monitor = "loss"
    fields: dict[str, Any] = {}
    rule = None
    for field, part, path in parts:
        if field in fields or (field == "plateau" and rule is not None):
            notes.diagnostics.add(path, f"{field} has a schedule already", "Keep one", code=SAID_TWICE)
        elif field == "plateau":
            rule = rule_of_entry(part, path, monitor, notes)
        else:
            # Levels of fields other than lr are absolute values.
            own = notes if field == "lr" else ReadingNotes(notes.diagnostics, notes.cautions)
            fields[field] = schedule_of_entry(part, path, own)
    notes.diagnostics.raise_any("config")
    if rule is not None:
        fields["lr"] = fields["lr"] * rule if "lr" in fields else rule
    with notes.diagnostics.reported_at(HORIZON if "horizon" in beside else ROOT):
        plan = Plan(**fields, horizon=beside.get("horizon"))
    for warning in dict.fromkeys(notes.cautions):
        warn_user(warning)
    return plan


_EXPORTER: Final = PeerExporter("optax")
_DELAYED: Final = ("optax.linear_schedule", "optax.polynomial_schedule", "optax.exponential_decay")
"""The constructors with a `transition_begin`."""


def from_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as constructors of optax that Hydra can build, with the horizon as an entry next to them.

    Raises:
        PlanError: optax has no such schedule.

    >>> from paramsched.schedules import absolute, cosine, warmup
    >>> peak = absolute(0.1)
    >>> from_plan(Plan(lr=warmup(5, to=peak) >> cosine(peak, over=45)))["_target_"]
    'optax.warmup_cosine_decay_schedule'
    """
    if not schedules_lr_alone(plan) or plan.clock != "updates":
        _EXPORTER.refuse(plan, "its schedules set lr of all groups and count updates")
    planned = plan.bindings[0].schedule
    rules = [one for one in planned.metric_rules if isinstance(one, Plateau)]
    if len(rules) > 1 or len(rules) < len(planned.metric_rules):
        _EXPORTER.refuse(planned, "its only metric rule is a single plateau")
    schedule = planned.schedule if isinstance(planned, Guided) else planned
    horizon = None if plan.horizon is None else _EXPORTER.count(plan.horizon)
    if not rules and horizon is None:
        return _optax_written(schedule, horizon)
    written: dict[str, Any] = {}
    if not rules or schedule != constant():
        written["schedule"] = _optax_written(schedule, horizon)
    if rules:
        written |= {"reduce_on_plateau": _rule_for_optax(rules[0]), "monitor": rules[0].metric}
    return written if horizon is None else {**written, "horizon": horizon}


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": f"optax.{name}", **arguments}


def _optax_written(schedule: Schedule, size: int | None) -> dict[str, Any]:
    """Return a schedule as a constructor; a schedule without a length of its own gets the length `size`, if known."""
    match schedule:
        case Constant():
            return _call("constant_schedule", value=_value(schedule.value))
        case Anneal():
            return _written_anneal(schedule, size)
        case Product(operands=(Constant(value=Absolute(value), over=None), shape)):
            return _written_decay(shape, value)
        case Shift(schedule=inner, by=by):
            begin = _EXPORTER.count(by)
            later = _optax_written(inner, None if size is None else size - begin)
            return _joined_calls([_call("constant_schedule", value=float(schedule(0))), later], [begin])
        case Maximum(operands=(decay, Constant(value=end, over=None))):
            return _written_clip(decay, _value(end), rises=False)
        case Minimum(operands=(decay, Constant(value=end, over=None))):
            return _written_clip(decay, _value(end), rises=True)
        case Take(schedule=inner, over=over):
            end = _EXPORTER.count(over)
            held = _call("constant_schedule", value=float(schedule(end)))
            return _call("join_schedules", schedules=[_optax_written(inner, None), held], boundaries=[end])
        case Sequence():
            sizes = _EXPORTER.stage_sizes(schedule.stages, size)
            # In optax the next boundary ends a stage, so `take` is left out and the schedule inside it is written.
            parts = [
                _optax_written(stage.schedule, None) if isinstance(stage, Take) else _optax_written(stage, length)
                for stage, length in zip(schedule.stages[:-1], sizes[:-1], strict=True)
            ]
            return _joined_calls([*parts, _optax_written(schedule.stages[-1], sizes[-1])], begins_of_stages(sizes))
    return _EXPORTER.refuse(schedule, "it has no such schedule of absolute values")


def _value(level: Level) -> float:
    """Return the number in an absolute level; report an error if the level is a multiple of base."""
    value = from_level(level)
    if value is None:
        why = "its values are absolute, and this level is a multiple of base"
        _EXPORTER.refuse(level, why, "Write absolute(0.1)")
    return value


def _written_anneal(schedule: Anneal, size: int | None) -> dict[str, Any]:
    """Return the constructor of a curve from one value to another."""
    if schedule.index != "t/n":
        _EXPORTER.refuse(schedule, 'its schedules use index="t/n"')
    steps = size if schedule.over is None else _EXPORTER.count(schedule.over)
    if steps is None:
        _EXPORTER.refuse(schedule, "the schedule has no length of its own, and the length of the run is unknown")
    start, to = _value(schedule.start), _value(schedule.to)
    if steps == 0 or start == to:
        return _call("constant_schedule", value=to)
    ends = {"init_value": start, "end_value": to}
    match schedule.curve:
        case Linear():
            return _call("linear_schedule", **ends, transition_steps=steps)
        case Polynomial(exponent=power):
            return _call("polynomial_schedule", **ends, power=power, transition_steps=steps)
        case (Cosine() | CosinePower()) as curve if start:
            exponent = {"exponent": curve.exponent} if isinstance(curve, CosinePower) else {}
            return _call(
                "cosine_decay_schedule",
                init_value=start,
                decay_steps=steps,
                alpha=ratio_as_written(to, start),
                **exponent,
            )
    return _EXPORTER.refuse(schedule, "it has no such curve between such values")


def _written_decay(shape: Schedule, value: float) -> dict[str, Any]:
    """Return the constructor of a value that is multiplied by a factor repeatedly."""
    match shape:
        case Exponential(gamma=rate, per=period):
            return _written_exponential(value, rate, period, stairs=False)
        case Step(gamma=rate, every=period):
            return _written_exponential(value, rate, period, stairs=True)
        case MultiStep(milestones=times, gamma=rate):
            updates = [_EXPORTER.count(one) for one in times]
            scales = {time: rate ** updates.count(time) for time in updates}
            return _call("piecewise_constant_schedule", init_value=value, boundaries_and_scales=scales)
    return _EXPORTER.refuse(shape, "it has no schedule that multiplies a value by this")


def _written_exponential(value: float, rate: float, period: Duration, *, stairs: bool) -> dict[str, Any]:
    updates = period.exact
    steps: float = _EXPORTER.count(period) if updates is None or updates.denominator == 1 else float(updates)
    found = _call("exponential_decay", init_value=value, transition_steps=steps, decay_rate=rate)
    return {**found, "staircase": True} if stairs else found


def _written_clip(decay: Schedule, end: float, *, rises: bool) -> dict[str, Any]:
    inner = _optax_written(decay, None)
    if "decay_rate" not in inner or (inner["decay_rate"] >= 1) != rises or "end_value" in inner:
        why = "only exponential_decay has a bound: a lower one if it decreases, an upper one if it increases"
        _EXPORTER.refuse(decay, why)
    return {**inner, "end_value": end}


def _joined_calls(parts: list[dict[str, Any]], times: list[int]) -> dict[str, Any]:
    """Return one constructor for constructors that apply one after another, from the updates `times` on."""
    match parts:
        case [{"_target_": "optax.constant_schedule", "value": first}, {"init_value": begin} as later] if (
            first == begin and later["_target_"] in _DELAYED and "transition_begin" not in later
        ):
            return {**later, "transition_begin": times[0]}
        case [{"_target_": "optax.linear_schedule"} as up, {"_target_": "optax.cosine_decay_schedule"} as down] if (
            up["end_value"] == down["init_value"] and [up["transition_steps"]] == times
        ):
            return _call(
                "warmup_cosine_decay_schedule",
                init_value=up["init_value"],
                peak_value=up["end_value"],
                warmup_steps=up["transition_steps"],
                decay_steps=up["transition_steps"] + down["decay_steps"],  # optax's decay_steps include the warmup
                end_value=product_as_written(down["alpha"], down["init_value"]),
                **({"exponent": down["exponent"]} if "exponent" in down else {}),
            )
    return _call("join_schedules", schedules=parts, boundaries=times)


def _rule_for_optax(rule: Plateau) -> dict[str, Any]:
    """Return the arguments of `reduce_on_plateau`; its `patience` is 1 more than that of a plan's plateau."""
    if rule.mode != "min" or rule.eps or isinstance(rule.min, Absolute) or not rule.threshold:
        why = 'it requires mode="min", a threshold greater than 0, a floor that is a multiple of base, and no eps'
        _EXPORTER.refuse(rule, why)
    if rule.nonfinite != "count" or rule.min > 1 or (rule.threshold_mode == "rel" and rule.threshold >= 1):
        why = 'it counts a metric that is not finite as worse, and requires a floor and a "rel" threshold below 1'
        _EXPORTER.refuse(rule, why)
    relative = rule.threshold_mode == "rel"
    return {
        "factor": rule.factor,
        "patience": rule.patience + 1,
        "rtol": rule.threshold if relative else 0.0,
        "atol": 0.0 if relative else rule.threshold,
        "cooldown": rule.cooldown,
        "min_scale": rule.min,
    }
