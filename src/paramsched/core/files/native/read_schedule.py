"""Schedules in files: a line of text, a mapping of one name, a list as a sequence, a number as a constant."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, final

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_TYPE
from paramsched.core.files.diagnostic_collector import BadValue, DiagnosticCollector, short_json
from paramsched.core.files.native.data_tree import NAMES_OF_CLASS, DataTree
from paramsched.core.files.native.plan_entries import MISSING, within_float
from paramsched.core.files.schedule_text import ShapeNames, read_schedule_text
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.leaves import line_of
from paramsched.core.schedules.text.epoch_lines import readings_in_epochs, readings_of_text
from paramsched.core.schedules.text.parsing import known_names, read_tree
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument

_OF_CLASS = re.compile(r"\b[A-Z]\w*\(")
"""A call of a class, such as a scheduler of torch."""
_FORMS = "For example: cosine(to=0.1)"


@final
class ScheduleReader:
    """A reader of the values in one config. An invalid value adds a diagnostic and becomes `MISSING`."""

    def __init__(
        self, names: ShapeNames, diagnostics: DiagnosticCollector, epochs: Callable[[], Fraction | None] = lambda: None
    ) -> None:
        self.names, self.diagnostics = names, diagnostics
        self.epochs = epochs
        """Returns the horizon of the plan in epochs; None if it is unknown or has another unit."""

    def read_line(self, value: Any, path: str, key: str) -> Any:
        """Read the schedule of a field or a target, whose entry has this key."""
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], (int, float)):
            value = value[0]
        match value:
            case str():
                if _OF_CLASS.search(value) and (epochs := self.epochs()) is not None:
                    readings = readings_of_text(value, self.names.called_in(value), epochs)
                    if readings is not None:
                        return self.note_fault(path, *readings, code=UNKNOWN_NAME)
                found = read_schedule_text(value, path, self.names, self.diagnostics, is_line=True)
                return MISSING if found is None else found
            case BadValue():
                return self.note_bad_value(value, path)
            case bool() | None:
                return self.note_wrong_type(value, path, "a schedule", _FORMS)
            case int() | float():
                return self.try_or_note(path, lambda: line_of(within_float(value), lambda: short_json(value)))
        return self.read_data(value, path, key)

    def read_data(self, value: Any, path: str, key: str) -> Any:
        """Read a mapping or a list. A promised correction is the line of the entire entry."""
        own = self.names.called_in(" ".join(_called_names(value)))
        tree = DataTree(known_names(own), lambda at, bad: self.note_bad_value(bad, at))
        before = self.diagnostics.count
        node = tree.schedule(value, path)
        for error, place in tree.broken:
            self.diagnostics.refuse(place.path, error)
        reading = read_tree(node, own, tree.forms)
        epochs = self.epochs() if reading.problems and not tree.broken and isinstance(value, dict) else None
        if epochs is not None and (readings := readings_in_epochs(reading, _scheduler_in(value), epochs)) is not None:
            return self.note_fault(path, *readings, code=UNKNOWN_NAME)
        for error, place in zip(reading.problems, reading.places, strict=True):
            entry = (key, reading.line) if reading.line and not tree.broken else None
            self.diagnostics.refuse(place.path or path, error, at_key=place.at_key, entry=entry)
        if self.diagnostics.count > before:
            return MISSING
        if isinstance(reading.value, Schedule):
            return reading.value
        return self.note_fault(path, f"expected a schedule, got {type(reading.value).__name__}", "Return a schedule")

    def read_length(self, value: Any, path: str, instead: Callable[[], str]) -> Any:
        """Read a Duration. `instead` makes the advice of all errors, because a field may accept only some lengths."""
        if isinstance(value, BadValue):
            return self.note_fault(path, value.problem.found, instead())
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return self.note_wrong_type(value, path, "a length", instead())
        try:
            return Duration.of(value)
        except InvalidArgument as refusal:
            return self.note_fault(path, refusal.problem.summary, instead(), code=refusal.code, replace=refusal.replace)

    def note_fault(
        self,
        path: str,
        found: str,
        instead: str = "",
        *,
        code: str = REFUSED_VALUE,
        replace: tuple[str, str] | None = None,
    ) -> Any:
        """Add a diagnostic and return MISSING."""
        self.diagnostics.add(path, found, instead, code=code, replace=replace)
        return MISSING

    def note_wrong_type(self, value: Any, path: str, wanted: str, instead: str = "") -> Any:
        """Report a value of the wrong type."""
        found = f"expected {wanted}, got {short_json(value)}"
        return self.note_fault(path, found, instead, code=WRONG_TYPE)

    def note_bad_value(self, value: BadValue, path: str) -> Any:
        """Report a value that a config cannot contain."""
        self.diagnostics.report(path, value.problem)
        return MISSING

    def try_or_note(self, path: str, make: Callable[[], Any]) -> Any:
        """Return the result of `make`. If it fails, report the error and return MISSING."""
        try:
            return make()
        except InvalidArgument as refusal:
            self.diagnostics.refuse(path, refusal)
        return MISSING


def _scheduler_in(value: dict[Any, Any]) -> str:
    """Return the name of the scheduler in a mapping: `{type: StepLR, …}` or `{StepLR: …}`."""
    return str(next((value[key] for key in NAMES_OF_CLASS if key in value), next(iter(value), "")))


def _called_names(value: Any) -> Iterator[str]:
    """Yield the texts in data, and each key as a call of the function with its name."""
    if isinstance(value, str):
        yield value if "(" in value else f"{value}("
    elif isinstance(value, dict):
        for key, one in value.items():
            yield f"{key}("
            yield from _called_names(one)
    elif isinstance(value, list):
        for one in value:
            yield from _called_names(one)
