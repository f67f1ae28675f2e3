"""Drawings of `paramsched edit`: the curves and the problems of a text, made in a process of their own."""

import json
import shlex
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, final

import click

from paramsched.cli._options import UNIT_FACTS, CommandOptions, check_numbers_of_bases
from paramsched.cli._output import WrongUsage, options_of_facts, problem_text
from paramsched.cli._plan_input import PlanInput, read_plan_input
from paramsched.cli._run_facts import facts_if_known
from paramsched.cli._traces import given_bases, groups_to_check, groups_with_bases, refuse_too_long
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.problem import PlanWarning
from paramsched.core.files import PlanText
from paramsched.core.files.plan_files import format_of
from paramsched.errors import InvalidArgument, ParamschedError

MOST_SECONDS: Final = 20.0
_MARK: Final = b"\x1e"  # begins an answer, because a module of the user may print something else
_START: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from paramsched.cli import main
main()
"""


@final
class DrawingProcess:
    """A process that draws one text at a time. A process that takes too long is ended, and another is started.

    A process, because a thread cannot be ended, and because warnings are collected per process.

    Args:
        arguments: those of `paramsched edit`, so that the process reads texts with the same options.
        seconds: the most that a drawing may take.
    """

    def __init__(self, arguments: Sequence[str], seconds: float = MOST_SECONDS) -> None:
        program = [sys.executable, "-P", "-c", _START, json.dumps(sys.path)]
        self.line, self.seconds = [*program, "edit", "--draw", *arguments], seconds
        self.lock = threading.Lock()
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        # In a group of its own, which a Ctrl-C in the terminal does not reach.
        pipe = subprocess.PIPE
        return subprocess.Popen(self.line, stdin=pipe, stdout=pipe, process_group=0)  # noqa: S603  # this program

    def draw(self, text: str, facts: str, bases: str) -> dict[str, Any]:
        """Return what the function `draw` returns, or a problem if there is no answer in time."""
        with self.lock:
            begun = time.monotonic()
            limit = threading.Timer(self.seconds, self.process.kill)
            limit.start()
            answer = _answer(self.process, json.dumps([text, facts, bases]))
            limit.cancel()
            is_late = time.monotonic() - begun >= self.seconds
            if answer is None or is_late:
                _close(self.process)
                self.process = self._started()
        if answer is not None:
            return answer
        found = f"it took more than {self.seconds:g} seconds" if is_late else "its process ended"
        return {"problems": f"The text was not drawn: {found}. It can be saved.", "wrong": True}

    def end(self) -> None:
        """End the process, also during a drawing."""
        self.process.kill()
        with self.lock:
            _close(self.process)


def _answer(process: subprocess.Popen[bytes], asked: str) -> dict[str, Any] | None:
    """Return the answer of a process; None if it ends first."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    with suppress(OSError, ValueError):  # its pipes are closed
        process.stdin.write(f"{asked}\n".encode())
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith(_MARK) and line.endswith(b"\n"):
                found: dict[str, Any] = json.loads(line.removeprefix(_MARK))
                return found
    return None


def _close(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with suppress(OSError), process:  # closes the pipes, and waits for the end
        pass


def answer_drawings(file: Path, options: CommandOptions) -> None:
    """Draw the texts of standard input, each in a line, until it is closed: the program of a `DrawingProcess`."""
    for line in sys.stdin.buffer:
        answer = draw(file, options, *json.loads(line))
        sys.stdout.buffer.write(_MARK + json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def draw(file: Path, options: CommandOptions, text: str, facts: str, bases: str) -> dict[str, Any]:
    """Return the page with the curves, and the problems of a text; only the problems if it is not a plan."""
    from paramsched import show

    try:
        options = replace(options, bases=tuple(part for part in bases.split(",") if part.strip()))
        check_numbers_of_bases(options.bases)
        options = options.with_facts(**_facts(facts))
        with warnings.catch_warnings(record=True) as reported:
            warnings.simplefilter("always")
            syntax = options.format or format_of(file)
            source = PlanText(str(file), text, syntax)
            read = read_plan_input(source.name, options, source=source)
            used, unused = _used_bases(read)
            read = replace(read, options=replace(read.options, bases=used))
            trace, assumed = _curves(read)
        said = [
            str(one.message) for one in reported if isinstance(one.message, PlanWarning) and one.message.problem.path
        ]
        problems = "\n".join([*_problems_of(read), *said, *unused, assumed])
        return {"page": show.html(trace, title=file.name), "problems": problems}
    except (ParamschedError, click.UsageError, OSError) as error:
        return {"problems": _text_for_page(problem_text(error)), "wrong": True}


def _facts(text: str) -> Mapping[str, Any]:
    """Return the run facts of a text such as `total=900 steps_per_epoch=30`."""
    found: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"run facts {text}", str(error).lower(), example="steps_per_epoch=500") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in UNIT_FACTS:
            raise InvalidArgument(f"run facts {word!r}", did_you_mean(name, UNIT_FACTS), example="steps_per_epoch=500")
        found[name] = value
        with suppress(ValueError):  # a length with a unit stays text
            found[name] = value if name == "total" else float(value) if set(value) & set(".eE") else int(value)
    return found


def _text_for_page(text: str) -> str:
    """Return a message with what the fields of the page contain in place of the command's options."""
    for fact, option in options_of_facts().items():
        text = text.replace(f"{option} ", f"{fact}=")
    return text.replace("--base ", "bases ")


def _used_bases(read: PlanInput) -> tuple[tuple[str, ...], list[str]]:
    """Return the bases that the plan uses, and a text for each other one: its line may be about to be written."""
    used, unused = list[str](), list[str]()
    for entry in read.options.bases:
        try:
            given_bases(read.plan, (entry,))
        except WrongUsage as error:
            unused.append(f"ignored: {_text_for_page(error.format_message())}")
        else:
            used.append(entry)
    return tuple(used), unused


def _curves(read: PlanInput) -> tuple[Any, str]:
    """Return the curves of a plan, and a text with the run facts that were assumed."""
    from paramsched.show.plan_curves import curves_of_plan

    facts = facts_if_known(read.known)
    groups, assumed = groups_with_bases(read.loaded, read.options.bases)
    refuse_too_long(read.plan, facts, len(groups))
    trace, text = curves_of_plan(read.plan, groups, facts)
    return trace.with_assumed_bases(pair for pair in trace.keys() if pair in assumed), text


def _problems_of(read: PlanInput) -> list[str]:
    """Return what `paramsched check` reports about a plan, if its package is installed."""
    try:
        from paramsched.core.rules.plan_check import check
    except ModuleNotFoundError:
        return []
    groups = groups_to_check(read.loaded, read.options.bases)
    found = read.placed(check(read.plan, facts=facts_if_known(read.known), groups=groups))
    return [f"{one.location('')}: {one}".lstrip(":") + f" [{one.code}]" for one in found]
