"""Random Python configs: the values read equal those of Python or are marked as unknown.

Each statement is chosen with the values of the program so far, so that most statements run. A statement that raises an
error is left out.
"""

import math
import re
import sys
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.mmengine.python_config.values import ImportedName, NeedsRunning
from support.python_configs import read_python
from whole.fuzz import unknown_code

_TEMPLATES = yaml.safe_load(Path(__file__).with_name("program_templates.yaml").read_text(encoding="utf-8"))
VALUES, UNKNOWN, NASTY = (_TEMPLATES[name] for name in ("VALUES", "UNKNOWN", "NASTY"))
TEMPLATES, ASSIGNMENTS, CHANGES, HEADS = (_TEMPLATES[name] for name in ("TEMPLATES", "ASSIGNMENTS", "CHANGES", "HEADS"))
HEAD = """import copy
from whole.fuzz.unknown_code import Thing, call, change, fail, falsely, keep, number, poke, same, swallowing, truly
"""
_NAMES = ("a", "b", "k", "m", "n", "xs", "mine", "param_scheduler", "train_cfg")
_KEYS = ("type", "gamma", "end", "x", "y")
_MOST_SIZE = 400
_MOST_STEPS = 5_000


class _TooLong(BaseException):
    """The program runs for too many steps."""


def run(text: str) -> dict[str, Any] | None:
    """Return the global names after a run in Python, or None if it raises an error."""
    unknown_code.forget()
    names: dict[str, Any] = {}
    steps = iter(range(_MOST_STEPS))

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in ("program", unknown_code.__file__):
            return None  # for example a callback of a test tool during a garbage collection
        frame.f_trace_opcodes = True
        step = next(steps, None)
        own = (value for name, value in names.items() if not name.startswith("__"))
        if step is None or (event == "line" and not all(map(_small, own))):
            raise _TooLong
        return trace

    before, functions = sys.gettrace(), dict(vars(math))
    try:
        code = compile(text, "program", "exec", dont_inherit=True)
        sys.settrace(trace)
        exec(code, names)
    except (Exception, _TooLong):  # noqa: BLE001  # a program may raise anything
        return None
    finally:
        sys.settrace(before)
        vars(math).update(functions)  # a program may have replaced one, for this process too
    return {name: value for name, value in names.items() if not name.startswith("__")}


class Program:
    """A program under construction.

    Args:
        random: The random generator.
        nasty: The probability of a statement that a reader cannot follow.
    """

    def __init__(self, random: Random, nasty: float) -> None:
        self.random, self.nasty = random, nasty
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.places: list[tuple[str, Any]] = []

    def grow(self, statements: int) -> str:
        """Add up to `statements` statements. Return the text of the program."""
        for _ in range(statements):
            line = self.statement(0)
            found = run(HEAD + "\n".join([*self.lines, line]) + "\n")
            if found is not None and all(_small(value) for value in found.values()):
                self.lines.append(line)
                self.names = found
                self.places = [one for name in _NAMES if name in found for one in _places(name, found[name], 3)]
        return HEAD + "\n".join(self.lines) + "\n"

    # Choices.

    def pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def named(self, *kinds: type) -> str | None:
        found = [name for name in _NAMES if name in self.names and isinstance(self.names[name], kinds)]
        return self.random.choice(found) if found else None

    def path(self, kind: type | tuple[type, ...]) -> str | None:
        """Return an expression for a list or a dict: a name, or an element inside a named value."""
        found = [place for place, value in self.places if isinstance(value, kind)]
        return self.random.choice(found) if found else None

    def fill(self, template: str, depth: int) -> str:
        """Replace each `<kind>` in the template by an expression."""
        return re.sub(r"<(\w+)>", lambda found: self.expression(found[1], depth + 1), template)

    def choose(self, templates: dict[str, tuple[str, ...]], depth: int) -> str | None:
        """Fill a random template whose marks can be filled: `@list`, `@dict`, `@seq`, `@num`, `@str`."""
        filled = {
            "@list": self.path(list),
            "@dict": self.path(dict),
            "@seq": self.path((list, tuple)),
            "@num": self.named(int, float),
            "@str": self.named(str),
        }
        groups = [group for mark, group in templates.items() if filled.get(mark, "") is not None]
        if not groups:
            return None
        template = self.random.choice(self.random.choice(groups))
        for mark, place in filled.items():
            template = template.replace(mark, place or "1")
        return self.fill(template, depth)

    # Expressions.

    def expression(self, kind: str, depth: int) -> str:
        match kind:
            case "name":
                return self.random.choice(_NAMES)
            case "key":
                return self.random.choice(_KEYS)
            case "any":
                return self.named(object) or "1"
            case "place":
                return self.path((list, dict)) or "[1]"
            case "unknown":
                return self.fill(self.random.choice(UNKNOWN), depth)
            case "int":
                return str(self.random.randint(-3, 12))
            case "value":
                return self.value(depth)
            case "test" if self.chance(self.nasty):
                return self.pick("truly()", "falsely()", "number() == 5", "fail")
        if depth > 4:
            return {"num": "2", "text": "'x'", "list": "[1]", "dict": "{'x': 1}", "test": "True"}.get(kind, "1")
        found = self.choose(TEMPLATES[kind], depth)
        assert found is not None
        return found

    def value(self, depth: int = 0) -> str:
        if self.chance(self.nasty * 0.3):
            return self.expression("unknown", depth)
        place = self.path((list, dict))
        if place and self.chance(0.2):
            return place
        if depth >= 3 or self.chance(0.4):
            return self.fill(self.pick("<num>", "<text>", "None", "True", "(1, 2)", "1.5"), depth)
        return self.fill(self.random.choice(VALUES), depth)

    # Statements.

    def block(self, depth: int, loop: bool = False) -> list[str]:
        lines = []
        for _ in range(self.random.randint(1, 2)):
            if loop and self.chance(self.nasty):
                lines += [self.fill("if <test>:", 2), f"    {self.pick('break', 'continue')}"]
            lines += self.statement(depth + 1, loop).split("\n")
        return [f"    {line}" for line in lines]

    def statement(self, depth: int, loop: bool = False) -> str:
        if self.chance(self.nasty):
            return self.with_blocks(self.fill(self.random.choice(NASTY), 1), depth, loop)
        kind = self.random.random()
        if kind < 0.4 or depth > 2:
            return self.choose(ASSIGNMENTS, 0) or "n = 1"
        if kind < 0.75:
            return self.choose(CHANGES, 0) or "n = 1"
        return self.compound(depth, loop)

    def compound(self, depth: int, loop: bool) -> str:
        head = self.choose(HEADS, 1) or "if True:"
        lines = [*head.split("\n"), "BLOCK"]
        if self.chance(0.25):
            lines += ["else:", "BLOCK"]
        return self.with_blocks("\n".join(lines), depth, loop or not head.startswith("if"))

    def with_blocks(self, text: str, depth: int, loop: bool) -> str:
        """Replace each `BLOCK` and `LOOP` in the text by statements."""
        lines: list[str] = []
        for line in text.split("\n"):
            indent = line[: len(line) - len(line.lstrip())]
            if line.strip() in ("BLOCK", "LOOP"):
                body = self.block(min(depth + 1, 3), loop or line.strip() == "LOOP")
                lines += [indent + one[4:] for one in body] if indent else body
            else:
                lines.append(line)
        return "\n".join(lines)


def _small(value: Any) -> bool:
    """Return whether a value, including its elements, is small enough for further statements."""
    stack, met = [value], set[int]()
    for _ in range(_MOST_SIZE):
        if not stack:
            return True
        value = stack.pop()
        if isinstance(value, (str, bytes, list, tuple, dict, set)) and len(value) > _MOST_SIZE:
            return False
        if isinstance(value, (list, tuple, dict)) and id(value) not in met:
            met.add(id(value))
            stack += value.values() if isinstance(value, dict) else value
        elif isinstance(value, int) and abs(value) > 10**12:
            return False
    return False


def _places(place: str, value: Any, depth: int) -> list[tuple[str, Any]]:
    found = [(place, value)]
    if depth and isinstance(value, dict):
        for key, one in list(value.items())[:4]:
            if isinstance(key, (str, int)):
                found += _places(f"{place}[{key!r}]", one, depth - 1)
    elif depth and isinstance(value, (list, tuple)):
        for index, one in enumerate(value[:3]):
            found += _places(f"{place}[{index}]", one, depth - 1)
    return found


def program(random: Random) -> str:
    """Return a program that runs. In a third of them a reader can follow every statement."""
    return Program(random, random.choice((0.0, 0.1, 0.3))).grow(random.randint(3, 14))


def differences(read: dict[str, Any], text: str) -> list[str]:
    """Return the names whose value differs from Python and is not marked as unknown. The program must run."""
    theirs = run(text)
    assert theirs is not None
    marks = [value for value in read.values() if isinstance(value, NeedsRunning)]
    found = []
    for name, value in read.items():
        if name not in theirs and not isinstance(value, NeedsRunning):
            found.append(f"{name} = {value!r}, which Python does not define")
        elif name in theirs and _differs(value, theirs[name]):
            found.append(f"{name} = {value!r}, but Python has {theirs[name]!r}")
    if not any(mark.why == "may change any name" for mark in marks):
        found += [f"{name} is missing, but Python has {theirs[name]!r}" for name in theirs if name not in read]
    return found


def _differs(ours: Any, theirs: Any, depth: int = 20) -> bool:
    if isinstance(ours, (NeedsRunning, ImportedName)) or depth == 0:
        return False
    if type(ours) is not type(theirs):
        return True
    if isinstance(ours, (list, tuple)):
        pairs = zip(ours, theirs, strict=False)
        return len(ours) != len(theirs) or any(_differs(one, other, depth - 1) for one, other in pairs)
    if isinstance(ours, dict):
        return list(ours) != list(theirs) or any(_differs(one, theirs[key], depth - 1) for key, one in ours.items())
    if isinstance(ours, float) and math.isnan(ours):
        return not math.isnan(theirs)
    return bool(ours != theirs)


@given(st.integers(0, 2**32))
def test_a_config_has_the_values_of_python_or_they_are_marked_as_unknown(seed):
    text = program(Random(seed))

    found = differences(read_python(text), text)

    assert found == [], text


@given(st.text(max_size=200) | st.text("xab=+*()[]{}'\" \n:,.0123456789", max_size=200))
def test_any_text_is_read_or_raises_an_error_of_the_library(text):
    try:
        names = read_python(text)
    except ps.errors.ConfigError:
        return

    assert all(isinstance(name, str) for name in names)
