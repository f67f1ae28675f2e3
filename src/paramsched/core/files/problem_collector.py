"""Collect the problems of a config and raise them together; make data safe to read."""

import json
import math
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched.core.base.codes import REFUSED_VALUE, SAID_TWICE, UNREADABLE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem
from paramsched.core.files.text_limits import (
    MOST_DEPTH,
    MOST_ENTRIES,
    MOST_VALUES,
    refuse_many_schedules,
    too_many_values,
)
from paramsched.core.files.text_places import Pairs
from paramsched.errors import ConfigError, InvalidArgument, shown

_MOST = 200  # problems that are listed; a file may have a hundred thousand problems


@final
class ProblemCollector:
    """A collector of problems. Reading continues after a problem if possible, so that one run reports all problems.

    >>> problems = ProblemCollector()
    >>> problems.add("$.lr", "expected a number, got true", "For example: 0.1")
    >>> problems.lines()
    ('$.lr: expected a number, got true. For example: 0.1',)
    """

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        """True if no more problems are listed, so that expensive searches for advice can be skipped."""
        return len(self._found) >= _MOST

    def add(
        self,
        path: str,
        found: str,
        advice: str = "",
        *,
        span: tuple[int, int] | None = None,
        code: str = UNREADABLE,
        at_key: bool = False,
    ) -> None:
        """Add a problem.

        Args:
            path: the config path.
            found: the description of the problem.
            advice: what to do, in one sentence.
            span, at_key: as for `Problem`.
            code: the code of the rule.
        """
        self.count += 1
        if self.full:
            return
        one = Problem(path, found, advice, span, at_key, code=code)
        self._found[one] = None

    def refuse(self, path: str, refusal: InvalidArgument, *, at_key: bool = False) -> None:
        """Add the error of a library function as a problem."""
        self.report(path, refusal.problem, at_key=at_key)

    def report(self, path: str, problem: Problem, *, at_key: bool = False) -> None:
        """Add a problem of a part at the path of the whole, `path`."""
        self.add(
            path,
            problem.summary,
            problem.advice,
            span=problem.span,
            at_key=at_key,
            code=problem.code,
        )

    def refuse_unknown(
        self, given: Iterable[object], known: Collection[str], path: str, found: str, *, code: str = WRONG_ARGUMENT
    ) -> None:
        """Add a problem for each unknown name, with the name that was probably intended."""
        for name in given:
            if name not in known and self.full:
                self.count += 1  # the search for a suggestion is slow, and the problem would not be listed
            elif name not in known:
                meant = did_you_mean(str(name), known) if known else "it has no arguments"
                self.add(child_path(path, name), f"{found}; {meant}", at_key=True, code=code)

    def lines(self) -> tuple[str, ...]:
        """Return one line of text for each problem."""
        return tuple(one.place_and_message for one in self.found())

    def found(self) -> tuple[Problem, ...]:
        """Return the problems; if there are more than 200, the last one counts those that are not listed."""
        more = self.count - len(self._found)
        listed = tuple(self._found)
        return (*listed, Problem("", f"and {more} more", code=UNREADABLE)) if len(listed) >= _MOST and more else listed

    def raise_any(self, source: str) -> None:
        """Raise a ConfigError if there is a problem."""
        if self.count:
            raise ConfigError(source, self.found())


def short_json(value: object) -> str:
    """Return the JSON of a value, truncated.

    >>> short_json(True), short_json(None), short_json({"a": [1]}), short_json("x" * 100)[-4:]
    ('true', 'null', '{"a": [1]}', 'xxx…')
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def type_name_of(value: object) -> str:
    """Return the type of a value as messages about files name it.

    >>> type_name_of(True), type_name_of([1]), type_name_of("x"), type_name_of(None)
    ('a boolean', 'a list', 'text', 'nothing')
    """
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}")


_MOST_GIVEN = 500_000  # values of a mapping passed in code; a list counts once for each place in which it occurs
_MOST_DIGITS = 400  # no float has more digits before its decimal point


@final
@dataclass(frozen=True, slots=True)
class BadValue:
    """Placeholder for an invalid value. The code that reads its entry reports the problem, so it is reported once."""

    problem: Problem


def _bad_value(path: str, found: str, advice: str) -> BadValue:
    return BadValue(Problem(path, found, advice, code=REFUSED_VALUE))


def values_in(data: Any) -> Iterator[Any]:
    """Yield data and every value in it, at any depth, in the order of the text."""
    rest = [data]
    while rest:
        yield (one := rest.pop())
        items = [value for _, value in one] if isinstance(one, Pairs) else one
        if isinstance(items, (list, dict)):
            rest += reversed([*(items.values() if isinstance(items, dict) else items)])


def refuse_many_values(data: Any, source: str) -> None:
    """Raise ConfigError if data has more values than a plan may have."""
    left = MOST_VALUES + 1
    for one in values_in(data):
        left -= 1 + (one.count(",") if isinstance(one, str) else 0)
        if left < 0:
            raise too_many_values(source)


def plain_data(raw: Any, problems: ProblemCollector) -> Any:
    """Return data with dicts, lists, text, finite numbers, booleans and None only; add problems for other values."""
    data = plain_or_bad(raw, problems)
    for one in bad_values_in(data):
        problems.report(one.problem.path, one.problem)
    return data


def plain_or_bad(raw: Any, problems: ProblemCollector) -> Any:
    """Return data like `plain_data`, with a `BadValue` in place of each invalid value and without problems."""
    return _PlainReader(problems).read_value(raw, ROOT, MOST_DEPTH)


def bad_values_in(data: Any) -> list[BadValue]:
    """Return every `BadValue` in data, at any depth."""
    return [one for one in values_in(data) if isinstance(one, BadValue)]


def refuse_large_plan(data: Any, source: str) -> None:
    """Raise ConfigError if a plan has more or longer schedules than can be read and drawn in seconds."""
    values = [*values_in(data)]
    if sum(len(one) for one in values if isinstance(one, (Pairs, dict))) > MOST_ENTRIES:
        raise ConfigError(source, [f"more than {MOST_ENTRIES:,} entries; a plan is a short text"])
    refuse_many_schedules([one for one in values if isinstance(one, str)], source)


@final
@dataclass(slots=True)
class _PlainReader:
    """A reader that converts data to plain values.

    It limits the number of values, because a list counts once for each place in which it occurs.

    Args:
        problems: the collector.
        left: the number of values that may still be read.
    """

    problems: ProblemCollector
    left: int = _MOST_GIVEN

    def read_value(self, raw: Any, path: str, depth: int) -> Any:
        """Return one plain value; `depth` is the number of nested lists and mappings that are still allowed."""
        if raw is None or isinstance(raw, (str, bool)):
            return str(raw) if isinstance(raw, str) else raw
        if isinstance(raw, (int, float, np.number)):
            return self.read_number(raw, path)
        if depth == 0:
            found = f"nested more than {MOST_DEPTH} deep"
            return _bad_value(path, found, "Use one line of text")
        if isinstance(raw, (Mapping, Pairs)):
            return self.read_mapping(raw, path, depth)
        if isinstance(raw, Sequence) and not isinstance(raw, (bytes, bytearray, memoryview, range)):
            self.count_values(len(raw))
            return [self.read_value(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(raw)]
        if type(raw).__module__ == "datetime":
            return _bad_value(path, f"{raw} is a date or a time", "Use text in quotes, or a number")
        found = f"a file cannot contain {type(raw).__name__}"
        return _bad_value(path, found, "Use numbers, text, lists and mappings")

    def read_number(self, raw: Any, path: str) -> int | float | BadValue:
        """Return a finite number."""
        number = raw.item() if isinstance(raw, np.number) else raw
        if not isinstance(number, (int, float)):
            return _bad_value(path, f"expected a real number, got {number!r}", "For example: 1")
        if abs(number) <= sys.float_info.max:
            return number
        found = (
            f"the number must be finite, got {number}"
            if isinstance(number, float)
            else "the number is too large for any schedule"
        )
        return _bad_value(path, found, "For example: 1")  # which is a length too

    def read_mapping(self, raw: Mapping[Any, Any] | Pairs, path: str, depth: int) -> Any:
        """Return a mapping whose keys are unique texts or integers."""
        self.count_values(len(raw))
        mapping: dict[str | int, Any] = {}
        for key, value in raw.items() if isinstance(raw, Mapping) else raw:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                found = f"the key {short_json(key)} is {type_name_of(key)}"
                self.problems.add(path, found, "Use text, or the index of a group", code=WRONG_TYPE)
                continue
            if isinstance(key, int) and abs(key) > sys.maxsize:  # not a group, and maybe too long to be printed
                found = f"the key is {shown(key)}" if abs(key) >= 10**40 else f"the key {key} is too large"
                self.problems.add(path, found, "Use text, or the index of a group", code=REFUSED_VALUE)
                continue
            place = child_path(path, key)
            if key in mapping:
                self.problems.add(place, "the key occurs twice", "Keep one", at_key=True, code=SAID_TWICE)
                continue
            mapping[key] = self.read_value(value, place, depth - 1)
        return mapping

    def count_values(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ConfigError(
                "config",
                [Problem(ROOT, f"more than {_MOST_GIVEN:,} values", "A plan is a short text", code=UNREADABLE)],
            )


def number_from_text(text: str) -> int | float:
    """Return a number by the rules of JSON; an integer with more than 400 digits is infinite."""
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= _MOST_DIGITS else math.inf
    return float(text)
