"""From arguments of transformers to a plan; and back, kept where they are read as the same plan."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched import curves
from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.diagnostic import Diagnostic
from paramsched.base.near_names import closest, did_you_mean
from paramsched.config.command_lines import mapping_of_options, named_options
from paramsched.config.faults import Faults
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_arguments import (
    PeerWords,
    accumulation_fact,
    is_plain_number,
    is_read_as,
    numbers_by_field,
)
from paramsched.config.unused_settings import note_defaults
from paramsched.errors import InvalidArgument
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.peers.transformers.rows import DESCENTS, RAMPS, SCHEDULERS, row_named, schedule_of_run
from paramsched.peers.transformers.run_arguments import (
    LEARNING_RATE,
    defaults_taken,
    is_call,
    run_arguments,
)
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.plan.contents import values_inside
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule
from paramsched.schedules.affine import NeighborLevel
from paramsched.schedules.cuts import Skip
from paramsched.schedules.decays import PowerLaw
from paramsched.schedules.named_anneals import CosineWave
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.sequence import stages_of
from paramsched.time import Calendar, Duration

_SIGNS: Final = (
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "scheduler_specific_kwargs",
    "num_warmup_steps",
    "num_training_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
)
_BETAS: Final = {"adam_beta1": 0.9, "adam_beta2": 0.999}
_WITHOUT_BETAS: Final = ("sgd", "adafactor", "rmsprop", "adagrad", "lion")


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of transformers."""
    return any(name in _SIGNS for name in named_options(data))


def to_plan(data: Mapping[str, Any], *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """The plan that gives what the scheduler of transformers gives.

    Args:
        data: a `TrainingArguments` or the arguments of `get_scheduler`; those that are missing have their defaults.
        calendar: the updates of an epoch, or of the run, where shares of it are to be rounded as transformers does.
        base: lr's value; the floor of a plateau is written as a value.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> arguments = {"lr_scheduler_type": "cosine", "warmup_ratio": 0.03, "num_train_epochs": 2}
    >>> print(to_plan(arguments))
    horizon: 2 epochs
    lr: warmup("3%") >> cosine()
    >>> print(to_plan({"name": "polynomial", "num_warmup_steps": 10, "num_training_steps": 100}))
    horizon: 100
    lr: warmup(10) >> linear(to=absolute(1e-07))
    """
    faults = Faults()
    data = mapping_of_options(data)
    run = run_arguments(data, calendar, base, faults)
    row = row_named(run.name)
    key = "$.name" if isinstance(data, Mapping) and is_call(data) else "$.lr_scheduler_type"
    if row is None:
        near = closest(run.name, SCHEDULERS)
        found = f'"{run.name}": no such scheduler; {did_you_mean(run.name, SCHEDULERS)}'
        faults.add(key, found, code=UNKNOWN_NAME, replace=(run.name, near) if near else None)
        faults.raise_any("config")
        raise InvalidArgument(f'"{run.name}"', "no such scheduler", "Write cosine")
    if not row.ignores:
        faults.refuse_unknown(run.keywords.values, row.keywords, run.keywords.path, f"no argument of {run.name}")
    with faults.told_at(run.keywords.path):
        return Plan(lr=schedule_of_run(row, run), horizon=run.horizon)


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # the contract
    """The optimizer's own values: those of a `TrainingArguments`, or the rate beside arguments of `get_scheduler`."""
    data = mapping_of_options(data)
    if not isinstance(data, Mapping):
        return NO_BASES
    if is_call(data):
        rate = data.get("learning_rate", data.get("lr"))
        return Bases(({"lr": float(rate)},), "learning_rate") if is_plain_number(rate) else NO_BASES
    found: dict[str, Any] = {"lr": LEARNING_RATE, "weight_decay": 0.0}
    found |= numbers_by_field(data, lr="learning_rate", weight_decay="weight_decay")
    if not any(word in str(data.get("optim", "adamw")) for word in _WITHOUT_BETAS):
        betas = [data.get(name, default) for name, default in _BETAS.items()]
        found |= {"betas": tuple(map(float, betas))} if all(map(is_plain_number, betas)) else {}
    notes = ("weight_decay is for weights; biases and norms have none",) if found["weight_decay"] else ()
    return Bases((found,), "TrainingArguments", notes)


def facts_of(data: Any) -> Calendar | None:
    """The accumulation of a `TrainingArguments`."""
    data = mapping_of_options(data)
    return accumulation_fact(data.get("gradient_accumulation_steps")) if isinstance(data, Mapping) else None


def notes_of(data: Any) -> Iterator[Diagnostic]:
    """The defaults that count where entries are missing."""
    return note_defaults("transformers 5.23", defaults_taken(mapping_of_options(data)))


_WORDS: Final = PeerWords("transformers")
_UNTIL_BASE: Final = 1.0


def from_plan(plan: Plan) -> dict[str, Any]:
    """The entries of a `TrainingArguments` that say a plan; without a horizon, the arguments of `get_scheduler`.

    Raises:
        PlanError: transformers has no scheduler for it.

    >>> from paramsched.schedules import cosine, warmup
    >>> from_plan(Plan(lr=warmup("3%") >> cosine(), horizon="2 epochs"))
    {'lr_scheduler_type': 'cosine', 'warmup_steps': 0.03, 'num_train_epochs': 2}
    """
    schedule = _WORDS.schedule_of_lr(plan)
    if plan.clock != "updates":
        _WORDS.refuse(plan.bindings[0], "its schedulers count updates")
    if any(isinstance(value, NeighborLevel) for value in values_inside(schedule)):
        _WORDS.refuse(plan.bindings[0], "a neighbor's level is no number before ps.resolve puts it in")
    run = _run_entries(plan)
    updates = [Calendar()] if plan.horizon is not None and plan.horizon.is_resolved else []
    for name, warmup, keywords in _all_guesses(schedule):
        found = _arguments_of(plan, name, warmup, keywords, run)
        if found is not None and is_read_as(found, plan, to_plan, *updates):
            return found
    return _WORDS.refuse(plan.bindings[0], "none of its schedulers gives these values")


def _run_entries(plan: Plan) -> dict[str, Any]:
    """The horizon: a number of updates, or of epochs."""
    if plan.horizon is None:
        return {}
    if plan.horizon.is_resolved:
        return {"max_steps": plan.horizon.updates}
    if len(plan.horizon.terms) != 1 or plan.horizon.terms[0][0] != "epochs":
        _WORDS.refuse(plan.bindings[0], f"it counts a run in updates or epochs, not as {plan.horizon}")
    amount = float(plan.horizon.terms[0][1])
    return {"num_train_epochs": int(amount) if amount.is_integer() else amount}


def _arguments_of(
    plan: Plan, name: str, warmup: Duration | None, keywords: dict[str, Any], run: dict[str, Any]
) -> dict[str, Any] | None:
    """All entries; None where a length is none that transformers has."""
    length: float = 0
    if warmup is not None and warmup.terms:
        if warmup.is_resolved:
            length = warmup.updates
        elif len(warmup.terms) == 1 and warmup.terms[0][0] == "percent":
            length = float(warmup.terms[0][1] / 100)
        else:
            return None
    if plan.horizon is None:
        call: dict[str, Any] = {"name": name, "num_warmup_steps": length}
        return {**call, "scheduler_specific_kwargs": keywords} if keywords else call
    found = {"lr_scheduler_type": name} | ({"lr_scheduler_kwargs": keywords} if keywords else {})
    return found | ({"warmup_steps": length} if length else {}) | run


_ArgumentGuess = tuple[str, Duration | None, dict[str, Any]]


def _all_guesses(schedule: Schedule) -> Iterator[_ArgumentGuess]:
    """Names with a warmup and arguments, any of which may be wrong."""
    if isinstance(schedule, Guided):
        yield from _plateau_guesses(schedule)
        return
    stages = list(stages_of(schedule))
    first = stages[0]
    yield from _stages_guesses(None, stages)
    if isinstance(first, Anneal) and first.to == _UNTIL_BASE and first.over is not None:
        yield from _stages_guesses(first, stages[1:])
    if isinstance(first, Constant) and isinstance(first.value, float) and first.over == Duration.of(1):
        for _, _, keywords in _early_guesses(stages[1:]):
            yield "cosine_warmup_with_min_lr", first.over, {**keywords, "warmup_lr_rate": first.value}


def _stages_guesses(ramp: Anneal | None, rest: list[Schedule]) -> Iterator[_ArgumentGuess]:
    """What follows a warmup."""
    length = None if ramp is None else ramp.over
    if not rest or (len(rest) == 1 and isinstance(rest[0], Constant)):
        yield "constant" if ramp is None else "constant_with_warmup", length, {}
    if len(rest) == 1:
        yield from ((name, length, keywords) for name, keywords in _decay_guesses(rest[0]))
    for name, _, keywords in _early_guesses(rest):
        late = {} if ramp is None or ramp.index == "(t+1)/n" else {"warmup_lr_rate": ramp.start}
        yield name, length, keywords | late
    yield from _stable_guesses(ramp, rest)


def _decay_guesses(stage: Schedule) -> Iterator[tuple[str, dict[str, Any]]]:
    """One stage behind a warmup."""
    match stage:
        case Anneal(curve=curves.Cosine()):
            yield "cosine", {}
            yield "cosine_with_min_lr", _floor_keywords(stage.to)
        case CosineWave():
            yield "cosine", {"num_cycles": stage.cycles}
            yield "cosine_with_min_lr", {"num_cycles": stage.cycles, **_floor_keywords(stage.to)}
        case Anneal(curve=curves.Linear() | curves.Polynomial()):
            yield "linear", {}
            power = {"power": stage.curve.exponent} if isinstance(stage.curve, curves.Polynomial) else {}
            yield "polynomial", {"lr_end": stage.to.value if isinstance(stage.to, Absolute) else 0.0, **power}
        case PowerLaw(exponent=0.5):
            yield "inverse_sqrt", {}
            if stage.timescale.is_resolved:
                yield "inverse_sqrt", {"timescale": stage.timescale.updates}
        case Restarts(times=int() as times):
            yield "cosine_with_restarts", {"num_cycles": times}


def _early_guesses(rest: list[Schedule]) -> Iterator[_ArgumentGuess]:
    """`cosine_warmup_with_min_lr`, whose cosine is one update early."""
    if len(rest) != 1:
        return
    stage = rest[0]
    if isinstance(stage, Anneal):
        yield "cosine_warmup_with_min_lr", None, _floor_keywords(stage.to)
    elif isinstance(stage, Skip) and isinstance(stage.schedule, CosineWave):
        keywords = {"num_cycles": stage.schedule.cycles, **_floor_keywords(stage.schedule.to)}
        yield "cosine_warmup_with_min_lr", None, keywords


def _stable_guesses(ramp: Anneal | None, rest: list[Schedule]) -> Iterator[_ArgumentGuess]:
    """Base, a descent, perhaps the floor."""
    stable = rest[0] if rest and isinstance(rest[0], Constant) and rest[0].value == _UNTIL_BASE else None
    inner = rest[1:] if stable is not None else rest
    way = inner[0].schedule if inner and isinstance(inner[0], Skip) else inner[0] if inner else None
    length = None if ramp is None else ramp.over
    keywords: dict[str, Any] = {"num_decay_steps": 0}
    if stable is not None and stable.over is not None and stable.over.is_resolved:
        keywords["num_stable_steps"] = stable.over.updates
    if ramp is not None:
        kind = next((word for word, curve in RAMPS.items() if curve == ramp.curve), "linear")
        keywords |= {"warmup_type": kind} if kind != "linear" else {}
    if isinstance(way, Constant):  # no descent: the floor at once
        yield "warmup_stable_decay", length, keywords | {"min_lr_ratio": way.value}
    if not isinstance(way, (Anneal, CosineWave)) or way.over is None or not way.over.is_resolved:
        return
    keywords["num_decay_steps"] = way.over.updates
    if isinstance(way, CosineWave):
        keywords["num_cycles"] = way.cycles
    elif (kind := next((word for word, curve in DESCENTS.items() if curve == way.curve), "cosine")) != "cosine":
        keywords["decay_type"] = kind
    if way.to != 0:
        keywords["min_lr_ratio"] = way.to
    yield "warmup_stable_decay", length, keywords


def _floor_keywords(level: Level) -> dict[str, Any]:
    if isinstance(level, Absolute):
        return {"min_lr": level.value}
    return {"min_lr_rate": level} if isinstance(level, float) and math.isfinite(level) else {}


def _plateau_guesses(schedule: Guided) -> Iterator[_ArgumentGuess]:
    """`reduce_lr_on_plateau`; its floor and its smallest change are values, and a plan has no value of the latter."""
    rule = schedule.guides[0]
    if len(schedule.guides) != 1 or not isinstance(rule, Plateau) or rule.eps:
        return
    floor = {"min_lr": rule.min.value} if isinstance(rule.min, Absolute) else {}
    keywords = {
        "mode": rule.mode,
        "factor": rule.factor,
        "patience": rule.patience,
        "threshold": rule.threshold,
        "threshold_mode": rule.threshold_mode,
        "cooldown": rule.cooldown,
        "eps": 0.0,
        **floor,
    }
    yield "reduce_lr_on_plateau", None, keywords
