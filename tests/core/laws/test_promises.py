"""Every line after "Write" is a promise: it is valid, differs from what was written, and keeps every number.

In a file it is an entry, which replaces the entry of its name. The mistakes are drawn: slips of letters, brackets,
operators and quotes in valid lines, and arguments in another order or of another type.
"""

import copy
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest

import paramsched as ps
from paramsched.core import files as config
from paramsched.core.schedules.registry import SHAPES
from paramsched.errors import ConfigError, InvalidArgument
from support.examples import examples
from support.readings import mapping_of_line
from support.tables import table

LINES = (
    'warmup("5%") >> cosine(to=0.1)',
    "warmup(500, start=0.2) >> constant(over=1000) >> linear(1.0, 0.25, 700)",
    "multistep([30, 60, 80], gamma=0.2)",
    "0.5 * cosine_restarts(10, mult=2, to=0.01)",
    'take(cosine(over="20 epochs"), 8000) >> anneal(0.3, 0.7, 40, curves.power(2))',
    "clamp(exponential(0.97), low=0.05) * plateau('loss', patience=7)",
    'wsd("2%", "20%", curve=curves.one_minus_sqrt) + 0.125',
    "restarts(polynomial(2.0, to=0.15), every=90, times=3)",
)


def a_letter_more(line: str, draw: random.Random) -> str:
    place = draw.choice([found.start() for found in re.finditer(r"[a-z]", line)])
    return line[:place] + line[place] + line[place:]


def two_letters_swapped(line: str, draw: random.Random) -> str:
    place = draw.choice([found.start() for found in re.finditer(r"[a-z]{2}", line)])
    return line[:place] + line[place + 1] + line[place] + line[place + 2 :]


def a_character_less(line: str, draw: random.Random) -> str:
    place = draw.choice([found.start() for found in re.finditer(r"[^\s\d.]", line)])
    return line[:place] + line[place + 1 :]


def another_joint(line: str, draw: random.Random) -> str:
    return re.sub(">>", draw.choice(["->", "|", ",", "then", ">>>", ""]), line, count=1)


def a_colon_for_an_equals_sign(line: str, draw: random.Random) -> str:
    return line.replace("=", ": ")


def no_quotes(line: str, draw: random.Random) -> str:
    return line.replace('"', "").replace("'", "")


def numbers_as_text(line: str, draw: random.Random) -> str:
    return re.sub(r"(?<=[=( ])([\d.]+)(?=[,)])", lambda one: f'"{one[1]}"' if draw.random() < 0.5 else one[1], line)


def arguments_in_another_order(line: str, draw: random.Random) -> str:
    calls = [*re.finditer(r"\(([^()\[\]]+(?:\([^()]*\))?[^()\[\]]*)\)", line)]
    if not calls:
        return line
    found = draw.choice(calls)
    several = found[1].split(", ")
    draw.shuffle(several)
    return line[: found.start(1)] + ", ".join(several) + line[found.end(1) :]


MISTAKES = (
    a_letter_more,
    two_letters_swapped,
    a_character_less,
    another_joint,
    a_colon_for_an_equals_sign,
    no_quotes,
    numbers_as_text,
    arguments_in_another_order,
)


def numbers_in(line: str) -> Counter[float]:
    """Return the numbers in a line by value; 50% is 0.5."""
    found = re.finditer(r"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)\s*(%?)", line)
    return Counter(float(f"{float(one[1]) / (100 if one[2] else 1):.12g}") for one in found)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
def test_a_promised_line_is_valid_differs_and_keeps_every_number(mistake) -> None:
    draw, promised = random.Random(mistake.__name__), 0
    for _ in range(examples(150).max_examples):
        wrong = mistake(draw.choice(LINES), draw)
        try:
            ps.parse(wrong)
        except InvalidArgument as error:
            if not error.write or error.is_example:
                continue
            line = error.write

            assert ps.parse(line), wrong
            assert line != wrong
            assert numbers_in(line) == numbers_in(wrong), (wrong, line)
            promised += 1
    assert promised


@table("name", sorted(SHAPES))
def test_a_misspelled_shape_never_gets_another_number(name: str) -> None:
    wrong = f"{name[0]}{name}(0.31, 17, x='q')"

    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(wrong)

    assert refusal.value.is_example or not refusal.value.write or numbers_in(refusal.value.write) == numbers_in(wrong)


def a_key_with_a_letter_more(data: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    old = at(data, path)
    if not isinstance(old, dict):
        return a_value_in_a_list(data, path, draw)
    return put(data, path, {f"{key[:2]}{key[1:]}" if len(key) > 2 else key: one for key, one in old.items()})


def a_number_as_text(data: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    del draw
    old = at(data, path)
    return put(data, path, str(old) if isinstance(old, (int, float)) else [old])


def a_value_in_a_list(data: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    del draw
    return put(data, path, [at(data, path)])


def another_value(data: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    return put(data, path, draw.choice(["0.3", "31%", "5 epoks", {"absolute": "0.0031"}, None, True, "x", {}]))


def an_argument_more(data: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    old = at(data, path)
    key = draw.choice(["ovr", "power", "warmup_steps", "gamma", "T_max", "type"])
    return put(data, path, {**old, key: 17} if isinstance(old, dict) else [old, 17])


MISTAKES_IN_DATA = (a_key_with_a_letter_more, a_number_as_text, a_value_in_a_list, another_value, an_argument_more)


def paths_in(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, one in pairs:
        yield (*path, key)
        yield from paths_in(one, (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    return reduce(lambda inner, key: inner[key], path, data)


def put(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    data = copy.deepcopy(data)
    at(data, path[:-1])[path[-1]] = value
    return data


@pytest.mark.parametrize("mistake", MISTAKES_IN_DATA, ids=lambda one: one.__name__)
def test_a_promised_entry_of_a_file_is_valid_and_keeps_every_number(mistake) -> None:
    draw, promised = random.Random(mistake.__name__), 0
    for _ in range(max(60, examples(150).max_examples)):
        data = {"lr": mapping_of_line(draw.choice(LINES[:4] + LINES[6:]))}
        wrong = mistake(data, draw.choice(list(paths_in(data))), draw)
        try:
            config.loads(wrong, format="native")
        except ConfigError as refusal:
            for one in refusal.diagnostics:
                if not one.instead.startswith("Write ") or one.entry is None or one.entry[0] != "lr":
                    continue
                line = json.loads(one.entry[1])

                assert config.loads({"lr": line}, format="native"), wrong
                assert line != wrong["lr"]
                assert numbers_in(str(line)) == numbers_in(json.dumps(wrong)), (wrong, line)
                promised += 1
    assert promised
