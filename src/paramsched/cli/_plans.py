"""From what stands on the command line to a plan, a calendar and bases."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import click

from paramsched import config
from paramsched._trace import Trace, trace
from paramsched.cli._options import Facts, option_of
from paramsched.config import Loaded
from paramsched.config.faults import Faults
from paramsched.config.plan_text import PlanText, read_plan_text
from paramsched.config.plan_units import units_of_plan
from paramsched.config.schedule_text import read_schedule_line
from paramsched.config.shape_names import ShapeNames
from paramsched.config.text_limits import MOST_BYTES
from paramsched.errors import ConfigError, Fault, InvalidArgument, MissingFact
from paramsched.fields import Field
from paramsched.near_names import did_you_mean
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.time import Calendar, Duration

_PATH = re.compile(r"[^()]*(\.[A-Za-z]\w*|[/\\][^()]*)")
_NUMBER = re.compile(r"\s*\d[\d_]*(e\d+)?\s*")
_MOST_VALUES = 20_000_000  # 160 MB; a picture has a thousand columns
_MOST_GROUPS = 1_000
_SHORT_EPOCH = 100  # updates of an epoch where a config cannot be read without
_EPOCH = 1_000  # updates of an epoch that a config counts beside updates
_ASSUMED = 1_000  # updates of a run that nobody said the length of


@final
@dataclass(frozen=True, slots=True)
class Given:
    """What stands on the command line for a plan, and the plan it is.

    Args:
        name: as it was given.
        loaded: what it says.
        source: the text of its file, or of standard input; None for a line of text.
    """

    name: str
    loaded: Loaded
    source: PlanText | None

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def placed(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """Faults by their paths, each with its place in the file."""
        return tuple(faults) if self.source is None else self.source.placed(faults)


def plan_from(given: str, *, format: str | None = None, field: str = "lr", facts: Facts | None = None) -> Plan:
    """The plan a file, standard input or a line of text says."""
    return read_plan(given, format=format, field=field, facts=facts).plan


def read_plan(given: str, *, format: str | None = None, field: str = "lr", facts: Facts | None = None) -> Given:
    """The plan a file, standard input or a line of text says, with the optimizer's values that stand beside it."""
    if format is not None and format not in config.formats():
        raise click.UsageError(f'No such format "{format}"; {did_you_mean(format, config.formats())}')
    calendar = known_calendar(facts)
    if given == "-":
        source = PlanText(f"{format or 'yaml'} text", _stdin(), format or "yaml")
        return Given(given, source.loaded(calendar=calendar), source)
    if os.path.exists(given):  # noqa: PTH110  # unlike Path.exists it takes a text of any length
        source = read_plan_text(given, format)
        return Given(given, source.loaded(calendar=calendar), source)
    if _PATH.fullmatch(given):
        raise FileNotFoundError(2, "no such file", given)
    faults = Faults()
    schedule = read_schedule_line(given, "", ShapeNames(), faults)
    if schedule is None:
        raise ConfigError(field, [in_line(given, fault) for fault in faults.found()])
    horizon = None if facts is None or facts.horizon is None else length(facts.horizon, "--horizon")
    return Given(given, Loaded(Plan(Binding(field, schedule), horizon=horizon)), None)


def read_assuming(given: str, *, format: str | None = None, field: str = "lr", facts: Facts) -> tuple[Given, Facts]:
    """What `given` says; where it cannot be read without an epoch's length, one is assumed, said, and added."""
    try:
        return read_plan(given, format=format, field=field, facts=facts), facts
    except MissingFact:
        if facts.steps_per_epoch or facts.batches_per_epoch:
            raise
        _note(f"no --steps-per-epoch given; taken to be {_SHORT_EPOCH}")
        more = replace(facts, steps_per_epoch=_SHORT_EPOCH)
        return read_plan(given, format=format, field=field, facts=more), more


def loaded_assuming(given: str, *, format: str | None = None, field: str = "lr", facts: Facts) -> tuple[Loaded, Facts]:
    """As `read_assuming`, where its places do not matter."""
    read, known = read_assuming(given, format=format, field=field, facts=facts)
    return read.loaded, known


def in_line(text: str, fault: Fault) -> Fault:
    """A fault of a line of text that was given as such, with the place in the line."""
    if fault.span is None:
        return fault
    return replace(fault, column=fault.span[0] + 1, excerpt=" ".join(text.splitlines()))


def title_of(given: str) -> str:
    """What a picture of it is called."""
    return Path(given).name if given != "-" and os.path.exists(given) else "Plan"  # noqa: PTH110


def length(text: str, option: str) -> Duration:
    """A length on the command line: a number, 10000 or 1e5, counts updates."""
    try:
        return Duration.of(f"{text} steps" if _NUMBER.fullmatch(text) else text)
    except InvalidArgument as error:
        raise click.UsageError(f"{option}: {error}") from None


def calendar_of(facts: Facts, **assumed: Any) -> Calendar:
    """The Calendar that the options say."""
    given = {name: getattr(facts, name) for name in Facts.__dataclass_fields__ if name != "horizon"}
    total = None if facts.horizon is None else length(facts.horizon, "--horizon")
    try:
        return Calendar(**({"total": total} | given | assumed))
    except MissingFact as error:
        error.ask(f"--horizon {facts.horizon}")  # the one fact that needs another
        raise
    except InvalidArgument as error:
        said = {option_of(name): getattr(facts, name) for name in Facts.__dataclass_fields__}
        options = " ".join(f"{option} {value}" for option, value in said.items() if value is not None)
        raise click.UsageError(f"{options}: {error.found}") from None


def calendar_for(plan: Plan, facts: Facts, *, native: bool = True) -> Calendar:
    """The Calendar for a picture: where only proportions matter, what is not known is assumed, and said.

    A config of another library counts epochs and iterations side by side; for it an epoch's length is assumed too.
    """
    horizon = plan.horizon if facts.horizon is None else length(facts.horizon, "--horizon")
    used = units_of_plan(plan) | ({unit for unit, _ in horizon.terms} if horizon is not None else set())
    if horizon is None:
        known = _own_length(plan, facts)
        if known is not None:
            return calendar_of(facts, total=known)
        if used <= {"percent"}:
            _note(f"no --horizon given; taken to be {_ASSUMED} updates")
            return calendar_of(facts, total=_ASSUMED)
        raise click.UsageError(
            "Nothing says how long the run is. Give --horizon 10000, or --horizon '90 epochs' --steps-per-epoch 500."
        )
    assumed = assumed_fact(plan, facts, native=native)
    if assumed is None:
        return calendar_of(facts)
    fact, value = assumed
    _note(f"no {option_of(fact)} given; taken to be {value:g}")
    return calendar_of(facts, **{fact: value})


def assumed_fact(plan: Plan, facts: Facts, *, native: bool) -> tuple[str, float] | None:
    """The fact that a picture of a plan has to assume, and its value; None where none is missing, or more than one."""
    horizon = plan.horizon if facts.horizon is None else length(facts.horizon, "--horizon")
    if horizon is None:
        return None
    others = (units_of_plan(plan) | {unit for unit, _ in horizon.terms}) - {"percent"}
    epoch = facts.steps_per_epoch or facts.batches_per_epoch
    if len(others) == 1 and "updates" not in others:
        ((unit, amount),) = horizon.terms
        fact, value = _assumption(unit, float(amount))
        if getattr(facts, fact) is None and not (unit == "epochs" and epoch):
            return fact, value
    if not native and others == {"epochs", "updates"} and not epoch:
        return "steps_per_epoch", _EPOCH
    return None


def traced(loaded: Loaded, facts: Facts, bases: tuple[str, ...]) -> Trace:
    """The values of every update."""
    plan = loaded.plan
    calendar = calendar_for(plan, facts, native=loaded.native)
    groups, assumed = groups_for(loaded, bases)
    say_bases(loaded)
    total = plan.resolve(calendar).horizon
    count = 0 if total is None else total.updates * max(len(groups), 1) * len({one.name for one in plan.bindings})
    if count > _MOST_VALUES:
        raise click.UsageError(f"{count:,} values are too many to draw. Give --at for single ones, or coarser facts.")
    found = trace(plan, groups, calendar)
    return found.with_assumed_bases(pair for pair in found.keys() if pair in assumed)


def traced_beside(
    given: str, other: str | None, bases: tuple[str, ...], *, format: str | None = None, field: str = "lr", facts: Facts
) -> tuple[Trace, Trace | None]:
    """The values of a plan, and of one to be drawn beside it, over the same clock.

    What is assumed is assumed of both, so that neither is stretched; a plan that says no length has the other's.
    """
    first, known = loaded_assuming(given, format=format, field=field, facts=facts)
    if other is None:
        return traced(first, known, bases), None
    second, known = loaded_assuming(other, field=field, facts=known)
    plans = (first, second)
    # A horizon that was given is for plans without one; the first plan refuses two, as it does alone.
    told = [known, known if second.plan.horizon is None else replace(known, horizon=None)]
    for fact, value in _assumed_of(plans, told).items():
        _note(f"no {option_of(fact)} given; taken to be {value:g}")
        more: dict[str, Any] = {fact: value}
        told = [replace(one, **more) for one in told]
    lengthless = [_says_no_length(plan.plan, one) for plan, one in zip(plans, told, strict=True)]
    drawn: dict[int, Trace] = {}
    for index in sorted((0, 1), key=lambda at: lengthless[at]):
        beside = drawn.get(1 - index)
        if lengthless[index] and beside is not None:
            _note(f"no horizon given for {(given, other)[index]}; taken to be the other plan's, {beside.total} updates")
            told[index] = replace(told[index], horizon=str(beside.total))
        drawn[index] = traced(plans[index], told[index], bases)
    return drawn[0], drawn[1]


def _says_no_length(plan: Plan, facts: Facts) -> bool:
    return plan.horizon is None and facts.horizon is None and _own_length(plan, facts) is None


def _assumed_of(plans: Iterable[Loaded], told: Iterable[Facts]) -> dict[str, float]:
    """What has to be assumed of plans whose lengths are all in one unit; of two values the greater."""
    found: dict[str, float] = {}
    for one, facts in zip(plans, told, strict=True):
        assumed = assumed_fact(one.plan, facts, native=one.native)
        if assumed is not None:
            found[assumed[0]] = max(assumed[1], found.get(assumed[0], 0))
    return found


def say_bases(loaded: Loaded) -> None:
    """What is to be said of the bases a file has: the picture itself says their values."""
    for note in loaded.bases.notes:
        _note(note)


def groups_for(loaded: Loaded, bases: tuple[str, ...]) -> tuple[list[dict[str, Any]], set[tuple[str, str | int]]]:
    """Param groups as the plan's selectors ask for them, each field at its base: given, the file's own, else 1.

    Returns:
        The groups, and for which fields of which groups nothing says a base.
    """
    plan = loaded.plan
    values = _bases(plan, bases)
    bindings = [one for one in plan.bindings if not isinstance(one.field, Target)]
    indices = {one.groups for one in bindings if isinstance(one.groups, int)}
    if indices and max(indices) >= _MOST_GROUPS:
        raise click.UsageError(f"A group of index {max(indices)} is more than a picture shows.")
    names = list(dict.fromkeys(one.groups for one in bindings if isinstance(one.groups, str)))
    groups: list[dict[str, Any]] = [{} for _ in range(max(indices, default=-1) + 1)]
    if len(groups) == len(indices) and any(one.groups is None for one in bindings):
        alone = not groups and not names
        groups.append({} if alone or "default" in names else {"name": "default"})
    groups += [{"name": name} for name in names]
    several = [str(one["name"]) for one in loaded.bases.groups if "name" in one]
    if len(several) > 1 and not names and not indices:  # one list of schedulers for several optimizers
        groups = [{"name": name} for name in several]
    assumed: set[tuple[str, str | int]] = set()
    for index, group in enumerate(groups):
        label = group.get("name", index)
        own = loaded.bases.of(group.get("name"))
        chosen = [one for one in bindings if one.groups is None or one.groups in (index, group.get("name", index))]
        for one in chosen:
            field = Field.of(one.name)
            value = values.get((one.name, str(label)), values.get((one.name, None), loaded.bases.value(own, field)))
            if value is None:
                assumed.add((one.name, label))
                value = 1.0
            if field.index is None:
                group[field.key] = value
            else:
                row = list(group.get(field.key, ()))
                row += [1.0] * (field.index + 1 - len(row))
                row[field.index] = value
                group[field.key] = tuple(row)
    return groups, assumed


def _bases(plan: Plan, given: tuple[str, ...]) -> Mapping[tuple[str, str | None], float]:
    fields = list(dict.fromkeys(one.name for one in plan.bindings if not isinstance(one.field, Target)))
    labels = {selector_text(one.groups) for one in plan.bindings if one.groups is not None} | {"default"}
    values: dict[tuple[str, str | None], float] = {}
    for entry in (part for text in given for part in text.split(",")):
        place, equals, number = entry.rpartition("=")
        field, at, group = place.strip().partition("@")
        if not equals:
            field = "lr" if "lr" in fields or len(fields) != 1 else fields[0]
        if field not in fields:
            raise click.UsageError(f'--base {entry}: the plan has no field "{field}"; {did_you_mean(field, fields)}')
        if at and group not in labels and not group.isdigit():
            raise click.UsageError(f'--base {entry}: the plan names no group "{group}"; {did_you_mean(group, labels)}')
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not abs(value) < float("inf"):
            raise click.UsageError(f'--base {entry}: "{number}" is no finite number. Write --base lr=0.1')
        values[field, group if at else None] = value
    return values


def known_calendar(facts: Facts | None) -> Calendar | None:
    """A Calendar of the facts that are given, as far as they make one; None without any."""
    if facts is None or not facts.given:
        return None
    try:
        return calendar_of(facts)
    except MissingFact:
        return calendar_of(replace(facts, horizon=None))


def _own_length(plan: Plan, facts: Facts) -> int | None:
    """The length of a plan all of whose schedules have one."""
    try:
        lengths = [one.schedule._resolve(_open(facts)).length for one in plan.bindings if one.schedule.has_length]
    except (MissingFact, InvalidArgument):
        return None
    complete = len(lengths) == len(plan.bindings)
    return max((one.updates for one in lengths if one is not None), default=0) or None if complete else None


def _open(facts: Facts) -> Any:
    from fractions import Fraction

    from paramsched.schedules.span import Span

    return Span(calendar_of(facts), Fraction(0), None)


def _assumption(unit: str, amount: float) -> tuple[str, float]:
    match unit:
        case "epochs":
            return "steps_per_epoch", 100
        case "samples":
            return "batch_size", max(1, round(amount / _ASSUMED))
        case "tokens":
            return "tokens_per_step", amount / _ASSUMED
        case _:
            return "seconds_per_step", amount / _ASSUMED


def _note(text: str) -> None:
    click.echo(f"note: {text}", err=True)


def _stdin() -> str:
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"standard input: byte {error.start} is no UTF-8") from None
