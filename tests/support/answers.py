"""Tables of questions with the library's answers, as YAML. A script writes the answers; a reader checks the diff."""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.last_places import equal_to_last_places

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w.])")


def same_answer(answer: Any, recorded: Any) -> bool:
    """Return whether two answers are equal, up to 4 units in the last place of the largest float of a text or list."""
    if answer == recorded:
        return True
    if isinstance(answer, dict) and isinstance(recorded, dict):
        return answer.keys() == recorded.keys() and all(same_answer(answer[key], recorded[key]) for key in recorded)
    if isinstance(answer, (list, tuple)) and isinstance(recorded, (list, tuple)):
        if recorded and all(isinstance(item, float) for item in (*answer, *recorded)):
            return equal_to_last_places(answer, recorded)
        return len(answer) == len(recorded) and all(map(same_answer, answer, recorded))
    if isinstance(answer, float) and isinstance(recorded, float):
        return equal_to_last_places(answer, recorded)
    if not (isinstance(answer, str) and isinstance(recorded, str)):
        return False
    numbers = _NUMBER.findall(answer)
    expected = _NUMBER.findall(recorded)
    if _NUMBER.split(answer) != _NUMBER.split(recorded) or len(numbers) != len(expected):
        return False
    differing = [pair for pair in zip(numbers, expected, strict=True) if pair[0] != pair[1]]
    if any(
        number.lstrip("-").isdigit() or recorded_number.lstrip("-").isdigit() for number, recorded_number in differing
    ):
        return False  # integers are counts, and no float is one
    pairs = [
        (float(number), float(number) if _is_printed(number, recorded_number) else float(recorded_number))
        for number, recorded_number in zip(numbers, expected, strict=True)
        if not number.isdigit()
    ]
    return equal_to_last_places([number for number, _ in pairs], [recorded_number for _, recorded_number in pairs])


def _is_printed(number: str, recorded: str) -> bool:
    """Return whether two rounded numbers differ by at most 1 in their last digit."""
    mantissa, _, power = number.partition("e")
    recorded_mantissa, _, its_power = recorded.partition("e")
    digits = len(mantissa.lstrip("-0.").replace(".", ""))
    places = len(mantissa.partition(".")[2])
    if power != its_power or places != len(recorded_mantissa.partition(".")[2]) or not 6 <= digits < 15:
        return False
    return abs(Decimal(mantissa) - Decimal(recorded_mantissa)) <= Decimal(1).scaleb(-places)


Answers = list[dict[str, Any]]


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as it is, and equal plans in full, because an entry may be removed."""

    def ignore_aliases(self, data: Any) -> bool:  # of PyYAML
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


@cache
def read(file: Path) -> Answers:
    answers: Answers = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)  # a safe loader
    return answers


def in_parts(file: Path, size: int = 8, step: int = 1) -> Any:
    """Return a mark that runs a test for each part of a file, with the places of its questions as `places`.

    Questions with `long: true`, whose kind another question covers, have parts of their own, which are marked long;
    so are all parts but one of each `step`.
    """
    questions = re.split(r"^- ", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
    marked = [
        re.search(r"(^  |[{ ])long: true(?=[,}]|$)", question, re.MULTILINE) is not None for question in questions
    ]
    parts = []
    for is_long in (False, True):
        places = [place for place, is_marked_long in enumerate(marked) if is_marked_long is is_long]
        for begin in range(0, len(places), size):
            chunk = places[begin : begin + size]
            name = f"{chunk[0]}-{chunk[-1]}"
            parts.append(
                pytest.param(chunk, id=name, marks=pytest.mark.long if is_long or begin // size % step else ())
            )
    return pytest.mark.parametrize("places", parts)


_PLACE = r"PS\d{3}|[\w./-]+:\d+:\d+"


_NUMBER_OF_ANSWERS = r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"


_WORDS = {"message", "found", "advice", "note", "notes", "title", "source", "certain", "inferred"}


"""The keys of JSON reports whose values are sentences."""


def facts_of(text: str) -> str:
    """Return the codes, the places and the numbers in a text, without its words."""
    return " ".join(re.findall(f"{_PLACE}|{_NUMBER_OF_ANSWERS}", text))


def places_of(text: str) -> str:
    """Return the codes and the places in a text."""
    return " ".join(re.findall(_PLACE, text))


def facts_of_report(text: str) -> str:
    """Return a report of a command without its words: JSON without its sentences, else codes, places and numbers."""
    try:
        return json.dumps(_without_words(json.loads(text)), ensure_ascii=False)
    except ValueError:
        return facts_of(text)


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_words(element) for key, element in value.items() if key not in _WORDS}
    return [_without_words(element) for element in value] if isinstance(value, list) else value


def write(file: Path, answers: Answers) -> None:
    text = yaml.dump(answers, Dumper=_Dumper, sort_keys=False, width=150, allow_unicode=True, default_flow_style=None)
    file.write_text(text, "utf-8")


def check(
    file: Path, answer_to: Callable[[dict[str, Any]], dict[str, Any]], places: Iterable[int], subtests: pytest.Subtests
) -> None:
    """Report each of these entries of a file whose answer has changed."""
    for place in places:
        question = read(file)[place]
        answer = answer_to(question)
        if not same_answer(answer, question):
            with subtests.test(question=question):
                assert answer == question
