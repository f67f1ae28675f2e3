"""The native dialect: horizon, fields, groups and targets, as the documentation of plans spells them.

- a schedule is a line of text, a mapping `{name: {argument: value}}`, `{name: value}`, `{name: [values]}`, a list
  (a sequence) or a number (a constant)
- under `groups` a text is a group's name; an integer key, or the text `[0]`, is an index
- a name close to a field of torch's optimizers but not one is a fault, other names pass
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, final

from paramsched._lookalikes import lookalike, straightened
from paramsched._number_checks import finite_number
from paramsched.config._plain_data import BadValue, plain_or_bad
from paramsched.config._schedule_from_data import MISSING, ScheduleReader
from paramsched.config._schedule_to_data import schedule_to_data
from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.shape_names import ShapeLike, ShapeNames
from paramsched.config.value_words import short_json, type_in_words
from paramsched.errors import InvalidArgument, PlanError
from paramsched.fields import KNOWN, Field, known_field
from paramsched.near_names import closest, did_you_mean
from paramsched.plan import Binding, Plan, Target
from paramsched.time import Calendar, Duration

_TOP = ("groups", "horizon", "targets")
_TARGET = ("initial", "schedule")
_LENGTH_OF_RUN = 'Write "20 epochs", or 10000 for updates'
_MOST_NAMES = 1_000  # fields among whose names slips of the pen are looked for; no optimizer has as many
_INDEX = re.compile(r"\[(\d{1,9})\]")


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
    shapes: Iterable[ShapeLike] = (),
) -> Plan:
    """A plan from what a file holds.

    Args:
        data: mappings, lists, text and numbers.
        calendar, base: no native config needs them.
        shapes: a user's own builders of schedules, by their names.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> print(to_plan({"horizon": "20 epochs", "lr": ["warmup('5%')", {"cosine": {"to": 0.01}}]}))
    horizon: 20 epochs
    lr: warmup("5%") >> cosine(to=0.01)
    """
    del calendar, base
    faults = Faults()
    names = ShapeNames(shapes)
    plain = plain_or_bad(data, faults)
    if isinstance(plain, BadValue):
        faults.add(plain.path, plain.found, plain.instead)
    elif not isinstance(plain, dict):
        faults.add("$", *_no_mapping_advice(plain))
    if not isinstance(plain, dict):
        faults.raise_any("config")
    reader = _PlanReader(faults, names)
    plan = reader.plan(plain)
    faults.raise_any("config")
    assert plan is not None
    return plan


def _no_mapping_advice(data: Any) -> tuple[str, str]:
    """What is found where a mapping should be, and what to write."""
    if data is None:
        return "an empty file is no plan", "Write lr: cosine(to=0.1)"
    found = f"{short_json(data)} is {type_in_words(data)}, no plan"
    if not isinstance(data, str):
        return found, "Write lr: cosine(to=0.1)"
    if entry := re.match(r"\s*([A-Za-z_][\w\[\]]*)\s*(:|=)\s*(\S.*)", data):
        value = re.split(r"\s[A-Za-z_]\w*\s*[:=]", entry[3])[0].strip()
        found = "there is no blank behind the colon" if entry[2] == ":" else "a plan has colons, as TOML has ="
        return found, f"Write {entry[1]}: {value[:60]}"
    if entry := re.match(r"\s*([A-Za-z_][\w\[\]]*)\s+(\w+\(.*)", data):
        return "there is no colon behind the field's name", f"Write {entry[1]}: {entry[2][:60]}"
    return found, f"Name the field: lr: {data[:60]}" if "(" in data else "Write lr: cosine(to=0.1)"


def from_plan(plan: Plan) -> dict[str, Any]:
    """What a file says of a plan: numbers, text, lists and mappings only; `to_plan` reads it back to an equal plan.

    Raises:
        PlanError: a predicate or a function without a name is in it, or a group's name reads as an index.

    >>> from_plan(Plan(Binding("lr", 0.1, groups=0), lr="cosine()", horizon=100))
    {'horizon': 100, 'lr': 'cosine()', 'groups': {'[0]': {'lr': 'constant(0.1)'}}}
    """
    if not plan.serializable:
        found = "a predicate or a function without a name is in the plan"
        raise PlanError("dump(plan)", found, "Select groups by name, and register the function")
    data: dict[str, Any] = {}
    if plan.horizon is not None:
        data["horizon"] = plan.horizon.updates if plan.horizon.is_resolved else str(plan.horizon)
    groups: dict[str, dict[str, Any]] = {}
    targets: dict[str, Any] = {}
    for binding in plan.as_written():
        schedule = schedule_to_data(binding.schedule)
        if isinstance(binding.field, Target):
            targets[binding.name] = {"initial": binding.field.initial, "schedule": schedule}
        elif binding.groups is None:
            if binding.name in _TOP:
                raise PlanError(f"dump(plan): field {binding.name!r}", "files use that name", "Schedule it in code")
            data[binding.name] = schedule
        else:
            groups.setdefault(_group_key(binding.groups), {})[binding.name] = schedule
    return data | ({"groups": groups} if groups else {}) | ({"targets": targets} if targets else {})


def _group_key(groups: Any) -> str:
    if isinstance(groups, int):
        return f"[{groups}]"
    if _INDEX.fullmatch(groups):
        raise PlanError(f"dump(plan): group {groups!r}", "in a file that is an index", "Give the group another name")
    return str(groups)


@final
class _PlanReader:
    """Reads one plan; goes on after a fault, to find them all."""

    def __init__(self, faults: Faults, names: ShapeNames) -> None:
        self.faults = faults
        self.values = ScheduleReader(names, faults)
        self.bindings: list[Binding] = []
        self.count = 0  # of fields that were read
        self.places: dict[tuple[str, str | int | None], str] = {}

    def plan(self, data: dict[Any, Any]) -> Plan | None:
        horizon = self.horizon(data["horizon"]) if "horizon" in data else None
        for key, value in data.items():
            if key == "groups":
                self.groups(value)
            elif key == "targets":
                self.targets(value)
            elif key != "horizon":
                self.field(key, value, child_path("$", key), None)
        if self.faults.count:
            return None
        if not self.bindings:
            self.faults.add("$", "a plan without a field", "Write lr: cosine(to=0.1)")
            return None
        try:
            return Plan(*self.bindings, horizon=horizon)
        except InvalidArgument as refusal:
            self.faults.refuse("$", refusal)
            return None

    def horizon(self, value: Any) -> Duration | None:
        length = self.values.length(value, "$.horizon", _LENGTH_OF_RUN)
        if length is MISSING:
            return None
        if any(unit == "percent" for unit, _ in length.terms):
            self.faults.add("$.horizon", f"{short_json(value)}: per cent are of the horizon itself", _LENGTH_OF_RUN)
        elif not length.terms:
            self.faults.add("$.horizon", f"{short_json(value)} is a run of no update", _LENGTH_OF_RUN)
        else:
            return length  # type: ignore[no-any-return]  # MISSING is ruled out
        return None

    def groups(self, value: Any) -> None:
        for name, fields in self.entries(value, "$.groups", "groups by name", "{head: {lr: 0.1}}").items():
            path = child_path("$.groups", name)
            selector = self.selector(name, path)
            for key, schedule in self.entries(fields, path, "fields and their schedules", "{lr: cosine()}").items():
                place = child_path(path, key)
                if key in _TOP:
                    self.faults.add(
                        place, f"{key} is said once, for the whole plan", f"Move {key} to the top", at_key=True
                    )
                else:
                    self.field(key, schedule, place, selector)

    def entries(self, value: Any, path: str, what: str, example: str) -> dict[Any, Any]:
        """A mapping that has something in it; nothing where it is a fault."""
        if isinstance(value, dict) and value:
            return value
        if isinstance(value, BadValue):
            self.faults.add(path, value.found, f"Write {example}")
        else:
            found = "it is empty" if value == {} else f"{short_json(value)} is {type_in_words(value)}, not {what}"
            self.faults.add(path, found, f"Write {example}")
        return {}

    def selector(self, name: str | int, path: str) -> str | int:
        if isinstance(name, int):
            if name < 0:
                self.faults.add(
                    path, f"{name} is no index of a group", "Count from 0, or write the group's name", at_key=True
                )
            return name
        if not name:
            self.faults.add(path, "an empty name of a group", "Write its name, or its index", at_key=True)
        found = _INDEX.fullmatch(name)
        return int(found[1]) if found else name

    def field(self, key: str | int, value: Any, path: str, selector: str | int | None) -> None:
        self.count += 1
        near = closest(str(key), _TOP) if self.count <= _MOST_NAMES else None
        if near is not None and key not in KNOWN:
            found = f'"{key}" is no field; did you mean "{near}"?'
            self.faults.add(path, found, at_key=True)  # then the value is no schedule either
            return
        name = self.name(key, path)
        schedule = self.values.bound(value, path)
        if name is None:
            return
        if (before := self.places.setdefault((name, selector), path)) != path:
            self.faults.add(path, f"{name} of the same groups is scheduled at {before} too", "Keep one", at_key=True)
        elif schedule is not MISSING:
            try:
                self.bindings.append(Binding(name, schedule, selector))
            except InvalidArgument as refusal:
                self.faults.refuse(path, refusal)

    def name(self, key: str | int, path: str) -> str | None:
        """The field's name in its one spelling."""
        try:
            name = str(Field.of(key))  # type: ignore[arg-type]  # an integer key is refused there
        except InvalidArgument as refusal:
            self._no_field(str(key), path, refusal)
            return None
        slip = known_field(name) if self.count <= _MOST_NAMES else None
        if slip is None:
            return name
        self.faults.add(path, f'"{key}" is no field of an optimizer; did you mean "{slip}"?', at_key=True)
        return None

    def _no_field(self, key: str, path: str, refusal: InvalidArgument) -> None:
        other = lookalike(key)
        if other is None:
            self.faults.refuse(path, refusal, at_key=True)
        else:
            written = straightened(key).strip("\"'")
            self.faults.add(path, f"{short_json(key)} is no field: {other[1]}", f"Write {written}", at_key=True)

    def targets(self, value: Any) -> None:
        example = "{temperature: {initial: 1.0, schedule: cosine()}}"
        for name, entries in self.entries(value, "$.targets", "targets by name", f"targets: {example}").items():
            path = child_path("$.targets", name)
            if not isinstance(name, str) or not name.isidentifier():
                self.faults.add(path, f"{short_json(name)} is no identifier", f"Write {example}", at_key=True)
            given = self.entries(entries, path, "a target", "{initial: 1.0, schedule: cosine()}")
            if given:
                self.target(str(name), given, path)

    def target(self, name: str, entries: dict[Any, Any], path: str) -> None:
        slips = [key for key in entries if key not in _TARGET]
        for key in slips:
            found = f'a target has no "{key}"; {did_you_mean(str(key), _TARGET)}'
            self.faults.add(child_path(path, key), found, at_key=True)
        meant = {closest(str(key), _TARGET) for key in slips}
        for key in _TARGET:
            if key not in entries and key not in meant:
                self.faults.add(path, f'"{key}" is missing', "Write {initial: 1.0, schedule: cosine()}")
        before = self.faults.count
        initial = entries.get("initial", 1.0)
        place = child_path(path, "initial")
        if isinstance(initial, BadValue):
            self.faults.add(place, initial.found, initial.instead)
        elif isinstance(initial, bool) or not isinstance(initial, (int, float)):
            self.faults.add(place, f"{short_json(initial)} is {type_in_words(initial)}, no number", "Write 1.0, say")
        else:
            initial = self.values.kept(place, lambda: finite_number("initial", self.values.number(initial)))
        schedule = (
            self.values.bound(entries["schedule"], child_path(path, "schedule")) if "schedule" in entries else MISSING
        )
        if self.faults.count == before and schedule is not MISSING and name.isidentifier():
            self.bindings.append(Binding(Target(name, initial), schedule))
