"""Reading a plan from the data of a native file."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final, final

from paramsched.core.advice.lookalikes import first_lookalike, straighten_text
from paramsched.core.advice.number_checks import finite_number, meant_number
from paramsched.core.advice.peer_words import (
    LENGTHS_OF_RUN,
    OTHER_NAMES,
    UNCLEAR_NAMES,
    advice_for_name,
    instead_of,
    is_warmup_length,
    letters_of,
    meant_argument,
)
from paramsched.core.base.advise import keeps_numbers, text_leaves
from paramsched.core.base.codes import (
    HORIZON_NOT_POSITIVE,
    NOTHING_PLANNED,
    REFUSED_VALUE,
    SAID_TWICE,
    UNKNOWN_FIELD,
    UNKNOWN_NAME,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.core.base.diagnostic import CLOCK, GROUPS, HORIZON, ROOT, TARGETS, child_path, entry_path
from paramsched.core.base.near_names import certain_name, closest, did_you_mean
from paramsched.core.base.problem import Advice, Entry, Sentence
from paramsched.core.fields import KNOWN, PAIRS, Field, certain_field, known_field, line_of_values
from paramsched.core.files.diagnostic_collector import (
    BadValue,
    DiagnosticCollector,
    bad_values_in,
    number_from_text,
    plain_json,
    plain_or_bad,
    short_json,
    type_name_of,
    values_in,
)
from paramsched.core.files.native.data_tree import NAMES_OF_CLASS, OPERATORS, WITH_A_NUMBER
from paramsched.core.files.native.foreign_settings import Misplaced, foreign_setting
from paramsched.core.files.native.plan_entries import (
    MISSING,
    RESERVED,
    SCHEMA,
    TARGET_ENTRIES,
    index_in_name,
)
from paramsched.core.files.native.read_schedule import ScheduleReader
from paramsched.core.files.schedule_text import ShapeLike, ShapeNames
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.binding import PlanClock, checked_plan_clock
from paramsched.core.plan.field_keywords import OF_FILES
from paramsched.core.plan.note import MOST_NOTE, NOTE_KEYS, Note
from paramsched.core.schedules import SHAPES, calls_function, meant_line
from paramsched.core.time import Calendar, Duration
from paramsched.core.time.calendar import ClockName, Facts, known_clock, meant_clock
from paramsched.core.time.progress import PROGRESS
from paramsched.errors import InvalidArgument, shown

NOTE = entry_path("note")
_A_PLAN = Advice(Entry("lr", '"cosine(to=0.1)"'), is_example=True)
_WRAPPERS = ("schedule", "plan", "hparams", "paramsched", "config", "hyperparameters", "schedules")
"""Keys under which users may write an entire plan by mistake."""
_A_TARGET: Final = {"initial": 1.0, "schedule": "cosine()"}
_LONGEST_ENTRY = 100  # characters of the value of a corrected entry
_MOST_NAMES = 1_000  # fields that are checked for misspellings; no optimizer has as many

_NO_BLANK = re.compile(r"\s*([A-Za-z_][\w\[\]]*)\s*(:|=)\s*(\S.*)")
_NEXT_ENTRY = re.compile(r"\s[A-Za-z_]\w*\s*[:=]")
_NO_COLON = re.compile(r"\s*([A-Za-z_][\w\[\]]*)\s+(\w+\(.*)")
_PAIR = re.compile(r"\(\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*\)")
_LARGE_COUNT = re.compile(r"([\d._]+ ?[MBT])")
"""A horizon that may count updates or tokens."""
_WARMUP_SHARE = re.compile(r"(?:^|_)warmup_(?:ratio|fraction|proportion|frac)$")


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
    shapes: Iterable[ShapeLike] = (),
    folder: Path | None = None,
) -> Plan:
    """Return the plan of a file's data, without its note.

    Args:
        data: mappings, lists, text and numbers.
        calendar, base: unused, because native plans do not need them.
        shapes: functions that build schedules, which the plan may call by their names.
        folder: the folder of the plan's file, to which relative paths refer; None for the working directory.

    Raises:
        ConfigError: the plan has errors; the exception contains all of them.

    >>> print(to_plan({"horizon": "20 epochs", "lr": ["warmup('5%')", {"cosine": {"to": 0.01}}]}))
    horizon: 20 epochs
    lr: warmup("5%") >> cosine(to=0.01)
    """
    del calendar, base
    return to_plan_and_note(data, shapes=shapes, folder=folder)[0]


def to_plan_and_note(
    data: Mapping[str, Any], *, shapes: Iterable[ShapeLike] = (), folder: Path | None = None
) -> tuple[Plan, Note | None]:
    """Return the plan of a file's data, as `to_plan` does, and its note.

    >>> to_plan_and_note({"lr": "cosine()", "note": {"why": "loss is flat"}})[1]
    {'why': 'loss is flat'}
    """
    diagnostics = DiagnosticCollector()
    return plan_and_note_of(plain_or_bad(data, diagnostics), diagnostics, ShapeNames(shapes, folder))


def plan_and_note_of(plain: Any, diagnostics: DiagnosticCollector, names: ShapeNames) -> tuple[Plan, Note | None]:
    """Return the plan and the note of a file's plain data; raise the diagnostics if there are any."""
    if not isinstance(plain, dict):
        if isinstance(plain, BadValue):
            diagnostics.report(ROOT, plain.problem)
        else:
            diagnostics.add(ROOT, *_no_mapping(plain), code=REFUSED_VALUE)
        diagnostics.raise_any("config")
    reader = _PlanReader(plain, diagnostics, names)
    plan = reader.read_plan()
    diagnostics.raise_any("config")
    assert plan is not None
    return plan, reader.note


def _entry(key: str, value: Any) -> Entry:
    return Entry(key, json.dumps(value, ensure_ascii=False))


def _no_mapping(data: Any) -> tuple[str, str | Advice]:
    """Return the problem and the advice for data that is not a mapping; often a space or a colon is missing."""
    if data is None:
        return "the file is empty; a plan needs at least lr", _A_PLAN
    found = f"expected a plan, got {short_json(data)}"
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict) and len(data[0]) == 1:
        ((key, value),) = data[0].items()
        clear = not bad_values_in(value) and _are_read([value], ShapeNames())
        return found, Advice(Sentence("Write {}", entries=(_entry(str(key), value),))) if clear else _A_PLAN
    if not isinstance(data, str):
        return found, _A_PLAN
    if entry := _NO_BLANK.match(data):
        value = _NEXT_ENTRY.split(entry[3])[0].strip()
        if entry[2] == "=":
            found = "YAML needs a colon, not an equals sign"
        elif entry.end(2) == entry.start(3):
            found = "a space is missing after the colon"
        return found, f"Write {entry[1]}: {value}" if _are_read([value], ShapeNames()) else _A_PLAN
    if entry := _NO_COLON.match(data):
        clear = _are_read([entry[2]], ShapeNames())
        found = "a colon is missing after the name of the field"
        return found, f"Write {entry[1]}: {entry[2]}" if clear else _A_PLAN
    return found, f"Write lr: {line}" if "(" in data and (line := meant_line(data)) else _A_PLAN


@final
class _PlanReader:
    """A reader of one plan, which continues after a problem to report all problems."""

    def __init__(self, data: dict[Any, Any], diagnostics: DiagnosticCollector, names: ShapeNames) -> None:
        self.data, self.diagnostics = data, diagnostics
        self.values = ScheduleReader(names, diagnostics, self.epochs)
        self.bindings: list[Binding] = []
        self.note: Note | None = None
        self.count = 0  # the number of fields read so far
        self.around: dict[Any, Any] = data  # the entries next to the one that is read: of the plan, or of a group
        self.places: dict[tuple[str, str | int | None], str] = {}

    def read_plan(self) -> Plan | None:
        """Return the plan; None if there is a diagnostic."""
        clock = self.read_clock(self.data["clock"]) if "clock" in self.data else None
        horizon = self.read_horizon(self.data["horizon"]) if "horizon" in self.data else None
        for key, value in self.data.items():
            if read := _READERS.get(key):
                read(self, value)
            elif key not in ("clock", "horizon"):
                self.read_field(key, value, entry_path(key), None)
        if self.diagnostics.count:
            return None
        if not self.bindings:
            self.diagnostics.add(ROOT, "a plan without a field", _A_PLAN, code=NOTHING_PLANNED)
            return None
        place = CLOCK
        try:
            plan_clock = checked_plan_clock(clock, [binding.name for binding in self.bindings])
            place = HORIZON if plan_clock == PROGRESS and horizon is not None else ROOT
            return Plan(*self.bindings, horizon=horizon, clock=plan_clock)
        except InvalidArgument as refusal:
            self.diagnostics.refuse(place, refusal)
            return None

    def epochs(self) -> Fraction | None:
        """Return the horizon in epochs; None if it is missing or has another unit."""
        horizon = self.data.get("horizon")
        with suppress(InvalidArgument):
            terms = Duration.of(horizon).terms if isinstance(horizon, str) else ()
            return terms[0][1] if [unit for unit, _ in terms] == ["epochs"] else None
        return None

    def read_clock(self, value: Any) -> PlanClock | None:
        """Return the clock of the plan, or a dict from field to clock; None if it is invalid."""
        if not isinstance(value, dict):
            return self.read_clock_name(value, CLOCK)
        named = {str(name): self.read_clock_name(one, child_path(CLOCK, name)) for name, one in value.items()}
        return {name: one for name, one in named.items() if one is not None}

    def read_clock_name(self, value: Any, path: str) -> ClockName | None:
        """Return the name of a clock; None if it is invalid."""
        if isinstance(value, BadValue):
            self.diagnostics.add(path, value.problem.found, "For example: tokens", code=REFUSED_VALUE)
        elif not isinstance(value, str):
            self.values.note_wrong_type(value, path, "the name of a clock", "For example: tokens")
        else:
            try:
                return known_clock(value, path)
            except InvalidArgument as refusal:
                meant = meant_clock(value)
                self.values.note_fault(
                    path, refusal.found, refusal.instead, replace=None if meant is None else (value, meant)
                )
        return None

    def read_horizon(self, value: Any) -> Duration | None:
        """Return the length of the run, which must be greater than 0 and not a percentage."""

        def instead() -> str:
            if isinstance(value, str) and (count := _LARGE_COUNT.fullmatch(value.strip())):
                return f"Use {count[1]} tokens for tokens, or {count[1]} steps for updates"
            meant = _whole_length(_without_until(plain_json(value)))
            if meant is None:
                return ""
            keeps = sorted(_numbers_in(meant)) == sorted(_numbers_in(plain_json(value)))
            keeps = keeps and not _has_unknown_unit(value)
            return f"{'Write' if keeps else 'For example:'} {meant}"

        size = value
        if isinstance(value, (int, float, str)) and str(value).strip().startswith("-"):
            size = value.strip()[1:] if isinstance(value, str) else -value
        length = self.values.read_length(size, HORIZON, instead)
        if length is MISSING:
            return None
        if size is not value or not length.terms:
            found = f"the horizon must be greater than 0, got {short_json(value)}"
            unclear = length in (Duration.of(0), Duration.of(1)) or "percent" in dict(length.terms)
            example = "1000" if unclear else str(length)  # some programs write -1
            self.values.note_fault(HORIZON, found, f"For example: {example}", code=HORIZON_NOT_POSITIVE)
            return None
        if "percent" in dict(length.terms):
            found = f"{short_json(value)} is a percentage, which would refer to the horizon itself"
            self.values.note_fault(HORIZON, found, instead())
            return None
        if length.until:
            found = f"{short_json(value)} is a position, but a horizon is a length"
            self.values.note_fault(HORIZON, found, instead())
            return None
        return length  # type: ignore[no-any-return]  # MISSING is ruled out

    def read_schema(self, value: Any) -> None:
        """Check the name of the schema, which editors use. It only has to be text."""
        if isinstance(value, BadValue):
            self.diagnostics.add(entry_path(SCHEMA), value.problem.found, "Leave it out", code=REFUSED_VALUE)
        elif not isinstance(value, str):
            instead = 'For example: "$schema": "plan.schema.json"'
            self.values.note_wrong_type(value, entry_path(SCHEMA), "the name of a schema", instead)

    def read_note(self, value: Any) -> None:
        """Read who changed the plan, when and why. It is not a part of the plan."""
        texts: dict[str, str] = {}
        for key, text in self.entries_of(
            value, NOTE, "a mapping", ("note", {"who": "ann", "why": "loss is flat"})
        ).items():
            place = child_path(NOTE, key)
            if key not in NOTE_KEYS:
                found = f'unknown key "{key}" of a note; {did_you_mean(str(key), NOTE_KEYS)}'
                near = certain_name(str(key), NOTE_KEYS)
                replace = None if near is None else (str(key), near)
                self.diagnostics.add(place, found, at_key=True, code=WRONG_ARGUMENT, replace=replace)
            elif isinstance(text, BadValue):
                self.diagnostics.add(place, text.problem.found, "Put it in quotes", code=REFUSED_VALUE)
            elif not isinstance(text, str):
                self.values.note_wrong_type(text, place, "a text", f"Write {json.dumps(json.dumps(text))}")
            elif len(text) > MOST_NOTE:
                found = f"the text has {len(text)} characters, more than {MOST_NOTE}"
                self.diagnostics.add(place, found, "Shorten it", code=REFUSED_VALUE)
            else:
                texts[key] = text
        self.note = {key: texts[key] for key in NOTE_KEYS if key in texts}

    def read_groups(self, value: Any) -> None:
        """Read the fields of each group."""
        listed: dict[str, dict[str, Any]] = {}
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict) and isinstance(one.get("name"), str):  # [{name: head, lr: …}]
                listed[one["name"]] = {key: line for key, line in one.items() if key not in ("name", "params")}
            elif isinstance(one, dict):  # [{head: {lr: …}}]
                listed |= {str(name): fields for name, fields in one.items() if isinstance(fields, dict)}
        if listed:
            found = f"expected a mapping from the names of groups, got {short_json(value)}"
            self.diagnostics.add(GROUPS, found, at_key=True, code=WRONG_TYPE, entry=("groups", listed))
            return
        for name, fields in self.entries_of(
            value, GROUPS, "groups by name", ("groups", {"head": {"lr": "cosine()"}})
        ).items():
            path = child_path(GROUPS, name)
            selector = self.selector_of(name, path)
            if isinstance(fields, (str, int, float)) and not isinstance(fields, bool):
                found = f"expected fields and their schedules, got {short_json(fields)}"
                entry = (str(name), {"lr": fields}) if _are_read([fields], self.values.names) else None
                self.diagnostics.add(
                    path,
                    found,
                    at_key=True,
                    code=WRONG_TYPE,
                    entry=entry or (str(name), {"lr": "cosine()"}),
                    is_example=entry is None,
                )
                continue
            self.around = self.entries_of(fields, path, "fields and their schedules", (str(name), {"lr": "cosine()"}))
            for key, schedule in self.around.items():
                place = child_path(path, key)
                if key in RESERVED:
                    once = f"{key} applies to the entire plan, so it must not be repeated"
                    self.diagnostics.add(place, once, f"Move {key} to the top level", at_key=True, code=WRONG_ARGUMENT)
                else:
                    self.read_field(key, schedule, place, selector)
        self.around = self.data

    def entries_of(self, value: Any, path: str, what: str, example: tuple[str, Any]) -> dict[Any, Any]:
        """Return a mapping that is not empty; otherwise add a diagnostic with an example of the entry."""
        if isinstance(value, dict) and value:
            return value
        found, code = f"{short_json(value)} is {type_name_of(value)}, not {what}", WRONG_TYPE
        if isinstance(value, BadValue):
            found, code = value.problem.found, REFUSED_VALUE
        elif value == {}:
            found, code = "it is empty", NOTHING_PLANNED
        self.diagnostics.add(path, found, entry=example, is_example=True, code=code)
        return {}

    def selector_of(self, name: str | int, path: str) -> str | int:
        """Return the name of a group, or its index from an integer or a text such as `[0]`."""
        wrong = None if name else ("an empty name of a group", "Use its name, or its index")
        if isinstance(name, int):
            wrong = (
                (
                    f"the index of a group must not be negative, got {shown(name)}",
                    "Count from 0, or write the group's name",
                )
                if name < 0
                else None
            )
        if wrong:
            self.diagnostics.add(path, *wrong, at_key=True, code=WRONG_ARGUMENT)
            return f"[{name}]"  # the name of no group, so that its fields are read without another problem
        index = name if isinstance(name, int) else index_in_name(name)
        return name if index is None else index

    def read_field(self, key: str | int, value: Any, path: str, selector: str | int | None) -> None:
        """Read the schedule of a field, for all groups or for a selected group."""
        self.count += 1
        key = key if isinstance(key, str) else shown(key)  # an integer of a mapping in Python, maybe of many digits
        if key in PAIRS and isinstance(value, str) and (pair := _PAIR.fullmatch(value)):  # betas: (0.9, 0.999)
            value = [number_from_text(one) for one in pair.groups()]
        name: str | None = key
        if key not in KNOWN or isinstance(value, (list, dict)):  # otherwise it is a field and its schedule
            plain = plain_json(value)
            if (wrong := self.other_place(str(key), plain, selector)) is not None:
                code = WRONG_TYPE if key in PAIRS and isinstance(plain, list) else UNKNOWN_FIELD
                self.diagnostics.add(path, *wrong[:2], at_key=True, code=code, entry=wrong[2])
                return
            if self.note_foreign_name(key, value, path, selector):
                return
            name = self.name_of_field(key, value, path, selector)
        schedule = self.values.read_line(value, path, key)
        if name is None:
            return
        if (before := self.places.setdefault((name, selector), path)) != path:
            found = f"{name} of the same groups is scheduled at {before} too"
            self.diagnostics.add(path, found, "Keep one", at_key=True, code=SAID_TWICE)
        elif schedule is not MISSING:
            try:
                self.bindings.append(Binding(name, schedule, selector))
            except InvalidArgument as refusal:
                self.diagnostics.refuse(path, refusal)

    def other_place(self, key: str, value: Any, selector: str | int | None) -> Misplaced | None:
        """Return what is wrong with an entry that belongs elsewhere in the plan, such as `max_steps`."""
        if key in PAIRS and isinstance(value, list):
            # Numbers in such a list are values, as they are in torch.
            items = [f"absolute({one})" if isinstance(one, (int, float)) else one for one in value]
            items = [line_of_values(one) if isinstance(one, str) else one for one in items]
            found = "a list is a sequence of stages; each element of this field is a field of its own"
            if not value or None in value:
                return found, Advice(Entry(f"{key}[0]", '"absolute(0.9)"'), is_example=True), None
            split = tuple(_entry(f"{key}[{index}]", one) for index, one in enumerate(items))
            return found, Advice(Sentence(f"Split it: {' and '.join(['{}'] * len(split))}", entries=split)), None
        name, is_schedule = key.lower().replace("-", "_"), re.search(r"[({]", str(value)) is not None
        if selector is None and (setting := foreign_setting(key, value, self.data)) is not None:
            return setting
        if selector is None and name in OF_FILES and not is_schedule:
            return f'"{key}" is not a hyperparameter', "Remove it", None
        if name in Facts.__annotations__ and name not in LENGTHS_OF_RUN and not is_schedule:
            found = f'"{key}" is a run fact, not a field'
            known = "…"
            with suppress(InvalidArgument):  # an invalid value is not repeated
                Calendar(**{name: value})
                known = repr(value)
            return found, f"Remove it, and pass {name}={known} to the Scheduler", None
        if (unit := LENGTHS_OF_RUN.get(name)) is not None and not is_schedule:
            found = f'"{key}" is not a field; the length of the run is "horizon"'
            horizon = _meant_horizon(unit, value)
            length = horizon or (f"1000 {unit}" if unit else 1000)
            written = _entry("horizon", length)
            instead: str | Advice = Advice(Sentence("Move it to the top level: {}", entries=(written,)))
            if horizon is None:
                instead = Advice(written, is_example=True)
            entry = ("horizon", horizon) if horizon is not None and selector is None else None
            if "horizon" in self.data:
                instead, entry = "Remove it, because the plan has a horizon", None
            return found, instead, entry
        if key == "tool" and isinstance(value, dict) and isinstance(value.get("paramsched"), dict):  # of pyproject.toml
            key, value = "paramsched", value["paramsched"]
        if selector is None and key in _WRAPPERS and isinstance(value, dict) and any(one in KNOWN for one in value):
            found = f'"{key}" is not a field; the entries of a plan are written at the top level'
            if len(value) == 1 and _are_read(value.values(), self.values.names):
                return found, "", next(iter(value.items()))
            return found, "Move its entries to the top level", None
        lr, warmup = self.data.get("lr"), _meant_warmup(key, value)
        line = meant_line(f"warmup({warmup}) >> {lr}") if warmup is not None and isinstance(lr, str) else None
        if selector is None and line is not None:
            found = f'"{key}" is a name of other libraries, not a field; a warmup is a separate stage'
            return found, "", ("lr", line)
        fields: Any = None
        others: Any = None
        if key == "optimizers" and isinstance(value, dict) and {*map(type, value.values())} == {dict}:
            fields = value
        elif key == "optimizers" and isinstance(value, dict) and value and _are_read(value.values(), self.values.names):
            fields = {name: {"lr": line} for name, line in value.items()}
        elif (named := _field_and_group(key)) is not None:
            fields = {named[1]: {named[0]: value}}
        elif key not in KNOWN and isinstance(value, dict) and value and all(name in KNOWN for name in value):
            fields = {key: value}
        elif key in KNOWN and (lines := _groups_in_field(value, self.values.names)) is not None and lines[0]:
            by_name, others = lines
            fields = {name: {key: line} for name, line in by_name.items()}
        if fields is None or selector is not None:
            return None
        found = "schedules for single groups are written under groups"
        moved = [line for several in fields.values() for line in several.values()]
        if others is None and "groups" not in self.data and _are_read(moved, self.values.names):
            return found, "", ("groups", fields)
        # Two entries must change, or a line is invalid, so there is no single line to paste.
        if others is None:
            moving = tuple(_entry(*one) for one in fields.items())
            places = ", ".join(["{}"] * len(moving))
            return found, Advice(Sentence(f"Move it into groups: {places}", entries=moving)), None
        kept = _entry(key, others), _entry("groups", fields)
        return found, Advice(Sentence("Keep {} and move the other entries to {}", entries=kept)), None

    def note_foreign_name(self, key: str | int, value: Any, path: str, selector: str | int | None) -> bool:
        """Report a misspelled entry of a plan, or a name of another library. Return whether it was reported."""
        near: str | None = None
        if self.count <= _MOST_NAMES and key not in KNOWN:
            lower = "groups" if key in ("param_groups", "parameter_groups") else str(key).lower()
            # "noise" and "nodes" may be fields, so they are not corrected to "note".
            near = lower if lower in RESERVED else closest(str(key), [name for name in RESERVED if name != "note"])
        is_theirs = isinstance(value, (bool, int, float)) or (isinstance(value, str) and value.isidentifier())
        instead: str | Advice = ""
        replace, entry = None, None
        if near is not None:
            found = f'unknown field "{key}"; did you mean "{near}"?'
            replace = (str(key), near) if near in (lower, certain_name(str(key), RESERVED)) else None
            entry = None if replace is None else self.promised(near, value, selector)
        elif "-" in str(key) and (peer := advice_for_name(str(key))) is not None:
            found, instead = peer[0], Advice(_entry("lr", peer[1]), is_example=True) if peer[1] else ""
        elif is_theirs and (meant := instead_of(str(key))) is not None:
            found = f'"{key}" is a name of other libraries, not a field; {meant}'
        else:
            return False
        self.diagnostics.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD, replace=replace, entry=entry)
        return True

    def promised(self, key: str, value: Any, selector: str | int | None) -> tuple[str, Any] | None:
        """Return a corrected entry of the plan or of a group if it can be promised, else None."""
        data = {key: value} if selector is None else {"groups": {selector: {key: value}}}
        return self.entry_if_read(key, value, self.around, {"lr": "constant()", **data})

    def entry_if_read(self, key: str, value: Any, around: Collection[Any], data: Any) -> tuple[str, Any] | None:
        """Return an entry if it is short, is not among those around it, and a plan with it is valid, else None."""
        plain, diagnostics = plain_json(value), DiagnosticCollector()
        if key in around or len(json.dumps(plain)) > _LONGEST_ENTRY or bad_values_in(value):
            return None
        _PlanReader(data, diagnostics, self.values.names).read_plan()
        return None if diagnostics.count else (key, plain)

    def name_of_field(self, key: str | int, value: Any, path: str, selector: str | int | None) -> str | None:
        """Return the canonical name of a field; None if it is invalid or misspelled."""
        try:
            name = str(Field.of(key))  # type: ignore[arg-type]  # an integer key is refused there
        except InvalidArgument as refusal:
            self.note_no_field(str(key), value, path, selector, refusal)
            return None
        slip = known_field(name) if self.count <= _MOST_NAMES else None
        if slip is None:
            return name
        found = f'"{key}" is not an optimizer field; did you mean "{slip}"?'
        self.note_slip(str(key), value, path, selector, found, certain_field(name))
        return None

    def note_slip(
        self, key: str, value: Any, path: str, selector: str | int | None, found: str, meant: str | None
    ) -> None:
        """Report a misspelled name with the line that is certainly meant, if one is."""
        if meant is None:
            self.diagnostics.add(path, found, at_key=True, code=UNKNOWN_FIELD)
        elif meant in self.around:
            self.diagnostics.add(path, found, "Keep one of the two lines", at_key=True, code=UNKNOWN_FIELD)
        else:
            line = line_of_values(value) if isinstance(value, str) and meant.startswith(("betas", "mom")) else value
            entry = self.promised(meant, line, selector)
            replace = (key, meant) if line is value else None  # else the advice changes the line too
            self.diagnostics.add(path, found, at_key=True, code=UNKNOWN_FIELD, replace=replace, entry=entry)

    def note_no_field(
        self, key: str, value: Any, path: str, selector: str | int | None, refusal: InvalidArgument
    ) -> None:
        """Report an invalid name of a field, and describe letters of other alphabets in it."""
        other, name = first_lookalike(key), re.sub(r"\W+", "_", key.strip()).strip("_")
        if other is None and (meant := OTHER_NAMES.get(name.lower()) or (name if name in KNOWN else None)):
            found = f'"{key}" is not the name of a field; did you mean "{meant}"?'
            self.note_slip(key, value, path, selector, found, None if name.lower() in UNCLEAR_NAMES else meant)
        elif other is None:
            self.diagnostics.refuse(path, refusal, at_key=True)
        else:
            written = straighten_text(key).strip("\"'")
            found = f"unknown field {short_json(key)}: {other[1]}"
            self.diagnostics.add(path, found, f"Write {written}", at_key=True, code=UNKNOWN_FIELD)

    def read_targets(self, value: Any) -> None:
        """Read the targets, each with its initial value."""
        example = "targets", {"temperature": _A_TARGET}
        for name, entries in self.entries_of(value, TARGETS, "targets by name", example).items():
            path = child_path(TARGETS, name)
            meant = str(name)
            if not isinstance(name, str) or not name.isidentifier():
                meant = re.sub(r"\W+", "_", str(name)).strip("_") or "temperature"
                meant = meant if meant.isidentifier() else f"target_{meant}"
                found = f"expected an identifier, got {short_json(name)}"
                replace = (str(name), meant) if letters_of(str(name)) == letters_of(meant) else None
                advice = f"{'Write' if replace else 'For example:'} {meant}"
                self.diagnostics.add(path, found, advice, at_key=True, code=WRONG_ARGUMENT, replace=replace)
            if isinstance(entries, (str, int, float)) and not isinstance(entries, bool):
                found = f"{short_json(entries)} is {type_name_of(entries)}, not a target"
                is_text = isinstance(entries, str)
                whole = {
                    "initial": 1.0 if is_text else entries,
                    "schedule": entries if is_text and _are_read([entries], self.values.names) else "cosine()",
                }
                self.diagnostics.add(path, found, entry=(meant, whole), is_example=True, code=WRONG_TYPE)
                continue
            given = self.entries_of(entries, path, "a target", (meant, _A_TARGET))
            if not given:
                continue
            self.note_wrong_entries(given, path, meant)
            before = self.diagnostics.count
            first, place = given.get("initial", 1.0), child_path(path, "initial")
            initial = schedule = MISSING
            if isinstance(first, BadValue):
                self.values.note_bad_value(first, place)
            elif isinstance(first, bool) or not isinstance(first, (int, float)):
                only = first[0] if isinstance(first, list) and len(first) == 1 else first
                number = meant_number(only, math.nan)
                is_meant = not math.isnan(number) and keeps_numbers(only, number)
                advice = f"Write {number!r}" if is_meant else "For example: 1.0"
                self.values.note_wrong_type(first, place, "a number", advice)
            else:
                initial = self.values.try_or_note(place, partial(finite_number, "initial", first))
            if "schedule" in given:
                schedule = self.values.read_line(given["schedule"], child_path(path, "schedule"), "schedule")
            if self.diagnostics.count == before and schedule is not MISSING and str(name).isidentifier():
                self.bindings.append(Binding(Target(str(name), initial), schedule))

    def note_wrong_entries(self, entries: dict[Any, Any], path: str, name: str) -> None:
        """Report unknown and missing entries of a target, except for those explained by a misspelling."""
        meant = set[str | None]()
        for key in entries:
            if key in TARGET_ENTRIES:
                continue
            near = meant_argument(str(key), TARGET_ENTRIES, "Target")
            meant.add(near or closest(str(key), TARGET_ENTRIES))
            found = f'a target has no "{key}"; {did_you_mean(near or str(key), TARGET_ENTRIES)}'
            replace, entry = (str(key), near) if near else None, None
            if near:
                target = {"initial": 1.0, "schedule": "cosine()", near: entries[key]}
                data = {"lr": "constant()", "targets": {"temperature": target}}
                entry = self.entry_if_read(near, entries[key], entries, data)
            place = child_path(path, key)
            self.diagnostics.add(place, found, at_key=True, code=UNKNOWN_FIELD, replace=replace, entry=entry)
        missing = [key for key in TARGET_ENTRIES if key not in entries and key not in meant]
        if missing:
            first, line = entries.get("initial"), entries.get("schedule")
            is_number = isinstance(first, (int, float)) and not isinstance(first, bool)
            is_read = _are_read([line], self.values.names)
            whole = {"initial": first if is_number else 1.0, "schedule": line if is_read else "cosine()"}
        for key in missing:
            found = f'"{key}" is missing'
            self.diagnostics.add(path, found, entry=(name, whole), is_example=True, code=WRONG_ARGUMENT)


_READERS: Final[Mapping[object, Callable[[_PlanReader, Any], None]]] = {
    "groups": _PlanReader.read_groups,
    "targets": _PlanReader.read_targets,
    "note": _PlanReader.read_note,
    SCHEMA: _PlanReader.read_schema,
}


def has_schedule(data: Any) -> bool:
    """Return whether a config has a schedule of this library. A number is not one, because each library has numbers.

    >>> has_schedule({"lr": "cosine()"}), has_schedule({"lr": 0.1, "lr_scheduler_type": "cosine"})
    (True, False)
    """
    return isinstance(data, dict) and any(
        (isinstance(value, str) and "(" in value and calls_function(value))
        or (key in KNOWN and isinstance(value, dict) and any(name in SHAPES for name in value))
        or (key == "groups" and isinstance(value, dict) and any(map(has_schedule, value.values())))
        for key, value in data.items()
    )


def _are_read(values: Iterable[Any], names: ShapeNames) -> bool:
    """Return whether values are valid schedules of fields."""
    diagnostics = DiagnosticCollector()
    reader = ScheduleReader(names, diagnostics)
    for value in values:
        reader.read_line(value, ROOT, "lr")
    return diagnostics.count == 0


def _numbers_in(data: Any) -> list[float]:
    """Return the numbers in the data of an entry."""
    texts = [one for one in values_in(data) if isinstance(one, (str, int, float))]
    return [leaf for one in texts for leaf in text_leaves(str(one)) if isinstance(leaf, float)]


# Corrections of entries with a wrong key or form.

_DEFAULTS = ("default", "others", "rest", "all", "*", "else", "base")
_FIELD = rf"(?P<field>(?:{'|'.join(KNOWN)})(?:\[\d\])?)"
_WITH_GROUP = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_FIELD}\s*@\s*(?P<group>.+)",  # as `print(plan)` shows it
        rf"{_FIELD}\[(?P<group>[^\[\]]*[^\[\]\d][^\[\]]*)\]",
        rf"{_FIELD}\((?P<group>[^()]+)\)",
        rf"{_FIELD}[/.:](?P<group>(?!\d\Z).+)",
        rf"(?P<group>[^@]+?)\s*[/.@:]\s*{_FIELD}",
    )
)


def _has_unknown_unit(value: Any) -> bool:
    try:
        Duration.of(value)
    except InvalidArgument as refusal:
        return refusal.code == UNKNOWN_NAME and refusal.is_example
    return False


def _meant_horizon(unit: str, value: Any) -> int | str | None:
    """Return the horizon that the value of an entry such as `max_epochs` means; None if it is invalid.

    >>> _meant_horizon("epochs", 20), _meant_horizon("", 100), _meant_horizon("", "20 ep"), _meant_horizon("", 0)
    ('20 epochs', 100, '20 epochs', None)
    """
    if isinstance(value, (int, float)):
        if isinstance(value, bool) or value <= 0:  # -1 is "no limit" in some programs
            return None
        whole = int(value) if float(value).is_integer() else value
        return _whole_length(f"{whole} {unit}" if unit else whole)
    if isinstance(value, str) and unit and re.fullmatch(r"[\d_.]+ ?[kKMBT]?", value):
        value = f"{value} {unit}"
    return _whole_length(value) if isinstance(value, str) and re.search(r"\d", value) else None


def _whole_length(value: Any) -> int | str | None:
    """Return the length of a run that a value probably means; None if it is unclear."""
    if isinstance(value, dict) and value.keys() <= {"value", "amount", "unit"} and "unit" in value:
        value = f"{next((one for key, one in value.items() if key != 'unit'), 1)} {value['unit']}"
    if isinstance(value, dict) and len(value) == 1:
        ((unit, amount),) = value.items()
        value = f"{amount} {unit}"
    try:
        length = Duration.of(value)
    except InvalidArgument as refusal:  # its corrected length may be 0 too
        return None if refusal.sample is None else _whole_length(refusal.sample)
    value = value if length.terms else None
    text = str(value)
    if not isinstance(value, (int, str)) or text.endswith("%") or value == 0 or isinstance(value, bool):
        return None
    return value


def _without_until(value: Any) -> Any:
    """Return the length of a run that is written as a position: "100" for "until 100"."""
    return re.sub(r"^\s*until\s+(?=\d)", "", value) if isinstance(value, str) else value


def _meant_warmup(key: str, value: Any) -> str | None:
    """Return the text of a warmup's length from an entry next to the schedule; None if it is not one.

    >>> _meant_warmup("warmup_steps", 500), _meant_warmup("warmup_ratio", 0.1), _meant_warmup("warmup_epochs", 5)
    ('500', '"10%"', '"5 epochs"')
    """
    name = key.lower().replace("-", "_")
    if isinstance(value, str) and is_warmup_length(name):
        with suppress(InvalidArgument):
            return f'"{value}"' if Duration.of(value).terms else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or "warmup" not in name:
        return None
    if unit := next((unit for unit in ("epochs", "samples", "tokens") if name.endswith(unit)), ""):
        return f'"{value:.12g} {unit}"'
    # Only some names are lengths: `warmup_lr` and `warmup_min_ratio` are levels.
    is_length = is_warmup_length(name)
    if _WARMUP_SHARE.search(name) or (is_length and isinstance(value, float) and 0 < value < 1):
        return f'"{value * 100:.12g}%"'
    return f"{value:.12g}" if is_length else None


def _field_and_group(key: str) -> tuple[str, str | int] | None:
    """Return the field and the group of a key such as `lr @ head`; None for other keys.

    >>> _field_and_group("lr @ kind=muon"), _field_and_group("head.lr"), _field_and_group("betas[0]")
    (('lr', 'kind=muon'), ('lr', 'head'), None)
    """
    for pattern in _WITH_GROUP:
        if found := pattern.fullmatch(key.strip()):
            group = found["group"].strip().strip("\"'")
            return found["field"], f"[{group}]" if group.isdecimal() else group
    return None


def _groups_in_field(value: Any, names: ShapeNames) -> tuple[dict[str, Any], Any] | None:
    """Return the schedules by group and the default schedule of a field that is a mapping of groups.

    >>> _groups_in_field({"head": "linear()", "default": "cosine()"}, ShapeNames())
    ({'head': 'linear()'}, 'cosine()')
    >>> _groups_in_field({"cosine": {"to": 0.1}}, ShapeNames()) is None
    True
    """
    if not isinstance(value, dict) or not value or any(name in NAMES_OF_CLASS for name in value):
        return None
    shapes = (*SHAPES, *OPERATORS, *WITH_A_NUMBER, "absolute")
    for key, line in value.items():
        name = str(key)
        if advice_for_name(name) is not None or names.find(name) is not None or name in shapes:
            return None
        if closest(name, shapes) is not None:
            return None
        is_call = isinstance(line, dict) and len(line) == 1 and next(iter(line)) in SHAPES
        is_number = isinstance(line, (int, float)) and not isinstance(line, bool)
        if not is_call and not is_number and not (isinstance(line, str) and "(" in line):
            return None
    others = next((one for name, one in value.items() if name in _DEFAULTS), None)
    return {str(name): one for name, one in value.items() if name not in _DEFAULTS}, others
