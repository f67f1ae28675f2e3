"""What a command prints: messages and tables."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any, NoReturn, TypeVar, final

import click
import numpy as np

from paramsched.base.files import near_file, write_whole_file
from paramsched.base.params import params_of_record
from paramsched.base.problem import Problem
from paramsched.base.terminal import Line, plain_text, table_rows, terminal_text
from paramsched.base.words import printable, printable_lines
from paramsched.core.fields import Field
from paramsched.core.plan import (
    Bases,
    Binding,
    Plan,
    RunAmounts,
    Target,
    amount_clock,
    clock_of_field,
    clock_text,
    counted_plan,
    is_by_amount,
    selector_text,
)
from paramsched.core.schedules import Schedule, stages_of, with_unit
from paramsched.core.time import COUNTS_OF_A_PERCENT, PROGRESS, WHOLE, Duration, Facts, counts_in_unit
from paramsched.errors import ConfigError, MissingDependency, MissingFact, ParamschedError, UnreadableLog, Unresolved


@final
class WrongUsage(click.UsageError):
    """Wrong arguments of a command. The message is the printed problem.

    Args:
        site: the argument, such as `--at 5`; empty if the problem is not about one.
        found: the description of the problem.
        advice: what to do, in one sentence.
        ctx: the context of the command.
    """

    def __init__(self, site: str, found: str, advice: str = "", *, ctx: click.Context | None = None) -> None:
        self.problem = Problem(site=site, found=found, advice=with_options(advice))
        click.UsageError.__init__(self, str(self.problem), ctx)


_Result = TypeVar("_Result")

BAD_PLAN, BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


def run_guarded(run: Callable[[], _Result]) -> _Result:
    """Run a command. An error that a user can cause prints one message and sets the exit code, without a traceback.

    Each warning is printed once, as a line on standard error.
    """
    printed: set[str] = set()

    def show_once(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in printed:
            printed.add(str(message))
            echo(f"warning: {message}", err=True)

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # because a console such as cp1252 lacks some characters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show_once
            return run()
    except click.UsageError as error:  # click prints the message and sets the exit code
        raise _usage_error(problem_text(error), error.ctx) from None
    except UnreadableLog as error:
        raise _usage_error(problem_text(error), None) from None
    except (MissingFact, Unresolved, MissingDependency) as error:
        _end_with(problem_text(error), BAD_USAGE)
    except ParamschedError as error:
        _end_with(problem_text(error), BAD_PLAN)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            # The process that read our output has ended. Python would report that again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        _end_with(problem_text(error), BAD_USAGE)
    except KeyboardInterrupt:
        _end_with("Interrupted.", INTERRUPTED)


def _usage_error(message: str, context: click.Context | None) -> click.UsageError:
    prefix = "Error: "  # which click prints
    return click.UsageError(fitting(prefix + message, err=True).removeprefix(prefix), context)


def problem_text(error: ParamschedError | OSError | click.UsageError) -> str:
    """Return the message of an error. It may contain control characters, which `echo` escapes."""
    if isinstance(error, click.UsageError):
        return error.format_message()
    if isinstance(error, OSError) and not isinstance(error, ParamschedError):
        return file_problem(error)
    if isinstance(error, ConfigError):
        return str(ConfigError(error.source, error.problems))
    return str(problem_with_options(error))


def problem_with_options(error: ParamschedError) -> Problem:
    """Return the problem of an error. Advice that is a keyword in Python is an option here."""
    problem = error.problem
    if isinstance(error, Unresolved):
        return problem.changed(advice="For example: --total 10_000")
    if not isinstance(error, MissingFact):
        return problem.changed(advice=with_options(problem.advice))
    options = options_of_facts()
    found, known, names = problem.found.partition(_KNOWN)
    listed = ", ".join(options.get(name, name) for name in names.split(", "))
    advice, argument = problem.advice, f"{error.fact}={error.example}"
    if error.fact in options and argument in advice:  # also in a call, which a command line cannot contain
        advice = f"For example: {options[error.fact]} {error.example}"
    return problem.changed(found=found + known + listed, advice=advice)


def option_of(fact: str) -> str:
    """Return the option that passes a run fact.

    >>> option_of("steps_per_epoch")
    '--steps-per-epoch'
    """
    return f"--{fact.replace('_', '-')}"


def options_of_facts() -> dict[str, str]:
    """Return a dict from each run fact to its option."""
    return {name: option_of(name) for name in params_of_record(Facts)}


def with_options(advice: str) -> str:
    """Return advice with options in place of keywords in Python. A call in Python is not changed.

    >>> with_options("For example: batch_size=256"), with_options("Pass one of steps_per_epoch and batches_per_epoch")
    ('For example: --batch-size 256', 'Pass one of --steps-per-epoch and --batches-per-epoch')
    """
    if "(" in advice:
        return advice
    for name, option in options_of_facts().items():
        advice = re.sub(rf"\b{name}=(?=[\w\"'])", f"{option} ", advice)
        advice = re.sub(rf"(?<!-)\b{name}\b", option, advice) if "_" in name else advice
    return advice.replace('format="yaml"', "--format yaml")


_KNOWN = "these are known: "  # before the run facts that are known, in the error for a missing one


def file_problem(error: OSError) -> str:
    """Convert an OSError into a message of one line."""
    # An error without a file name means: the current folder was removed, or standard output cannot be written.
    unnamed = "the current folder" if isinstance(error, FileNotFoundError) else "standard output"
    near = near_file(Path(str(error.filename))) if isinstance(error, FileNotFoundError) and error.filename else None
    advice = f'; did you mean "{near}"?' if near else ""
    return printable(f"{error.filename or unnamed}: {error.strerror or error}{advice}")


def _end_with(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # standard error may be full or closed; the exit code still reports the error
        click.echo(fitting(message, err=True), err=True)
    sys.exit(code)


def is_terminal(*, err: bool = False) -> bool:
    """Return whether standard output or error is a terminal. If a shell closed it with `>&-`, `sys.stdout` is None."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()


def terminal_width(*, err: bool = False) -> int | None:
    """Return the columns of the terminal of standard output or error; None if it is not a terminal."""
    if not is_terminal(err=err):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size((sys.stderr if err else sys.stdout).fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


_COLUMNS = 80  # of a terminal that does not report its size


def uses_color(*, err: bool = False) -> bool:
    """Return whether standard output or error is a terminal with colors."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return is_terminal(err=err) and not plain


def aligned_rows(rows: Sequence[Sequence[str]], *, right: int = 0, indent: int = 0) -> list[str]:
    """Return the rows of a table for standard output. A terminal gets rows that fit, to the right of `indent`."""
    width = terminal_width()
    return table_rows(rows, right=right, width=None if width is None else width - indent)


STANDARD_OUTPUT = "-"
"""The argument of --output for standard output."""


def file_of_output(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return the argument of --output; a file that is redirected to `/dev/stdout` is not replaced."""
    return STANDARD_OUTPUT if value == "/dev/stdout" else value


def write_output(output: str, content: str | bytes) -> None:
    """Write the result of a command to the file of --output, or to standard output, always in UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    if output == STANDARD_OUTPUT:
        click.echo(data, nl=False)
    else:
        write_whole_file(Path(output), data)


def echo_note(text: str) -> None:
    """Print a note on standard error: an assumption, or the origin of a value."""
    echo(f"note: {text}", err=True)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text. Control characters are escaped, because names in it may be of a file or a user."""
    click.echo(fitting(text, err=err), err=err, nl=nl)


def echo_data(text: str) -> None:
    """Print data for a program, such as JSON: the lines are not broken."""
    click.echo(printable_lines(text))


def fitting(text: str, *, err: bool = False) -> str:
    """Return text with escaped control characters; for a terminal, in lines that fit."""
    width = terminal_width(err=err)
    return printable_lines(text) if width is None else terminal_text([[(text, None)]], width, color=False)


def echo_lines(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines with styles. A terminal shows the styles, and gets lines that fit."""
    width = terminal_width(err=err)
    if width is None:
        echo(plain_text(lines), err=err)
    else:
        click.echo(terminal_text(lines, width, color=uses_color(err=err)), err=err, color=True)


def echo_yaml(text: str, comments: Sequence[str] = ()) -> None:
    """Print the text of a plan, below comments. A terminal gets lines that fit, which YAML reads as the same plan."""
    from paramsched.core.files import folded_yaml

    width = terminal_width()
    if width is not None:
        rows = [
            wrap(comment, max(width - 4, 1), break_long_words=False, break_on_hyphens=False) for comment in comments
        ]
        comments = ["\n#   ".join(row) for row in rows]
        text = folded_yaml(text, width)
    echo_data("\n".join([*(f"# {comment}" for comment in comments), text.rstrip("\n")]))


_HEAD = ("stage", "from", "to", "start value", "end value", "formula", "units")
_INDENT = 9 * " "  # of a formula that has lines of its own
_NUMBERS = 5  # leading columns that are aligned to the right
_LONGEST = 200  # characters of a formula, because a table may contain thousands of numbers
_UNKNOWN = "?"
_TRIED = 1000  # updates at which the values for two bases are compared


def stage_table(
    plan: Plan,
    resolved: Plan | None,
    bases: Bases,
    total: int | None,
    steps_per_epoch: int | None,
    amounts: RunAmounts | None = None,
) -> str:
    """Return the table of a plan: a row for each stage, with its first and last update and the values there.

    Args:
        plan: the plan as written.
        resolved: the plan with its lengths in updates; None if its units cannot be converted.
        bases: the optimizer's values that the plan's file contains.
        total: the length of the run in updates, or None if unknown.
        steps_per_epoch: the length of an epoch in updates, or None if unknown.
        amounts: the amounts of the run on the plan's clock; None if it counts updates, or if no facts are known.

    >>> from paramsched.core.files import NO_BASES
    >>> from paramsched.core.time import RunFacts
    >>> plan = Plan(lr="warmup('5%') >> cosine(to=0.1)")
    >>> print(stage_table(plan, plan.resolve(total=1000), NO_BASES, 1000, None))
    The run is 1,000 updates long.
    <BLANKLINE>
    lr: warmup("5%") >> cosine(to=0.1)
      stage  from   to  start value  end value  formula                   units
          1     0   49            0       0.98  warmup(50)                updates, × base
          2    50  999            1   0.100002  cosine(to=0.1, over=950)  updates, × base
    """
    clock = amount_clock(plan.clock)
    if clock is None and resolved is not None and resolved.total is not None:
        total = resolved.total.updates
    if total is not None:
        epochs = f", {total / steps_per_epoch:.6g} epochs of {steps_per_epoch:,}" if steps_per_epoch else ""
        lines = [f"The run is {total:,} updates long{epochs}."]
    elif plan.total is not None:
        lines = [f"The run is {plan.total}{' updates' * plan.total.is_resolved} long."]
    else:
        lines = ["The length of the run is unknown."]
    if clock is not None:
        reported = "is the progress that its loop reports"
        lines.append(f"Its clock {reported if plan.clock == PROGRESS else f'counts {clock_text(plan.clock)}'}.")
    as_written = {(isinstance(one.field, Target), one.name, one.groups): one for one in plan.bindings}
    for binding in (plan if resolved is None else counted_plan(resolved)).bindings:
        # Resolving a field that follows another field may add bindings for its groups.
        written = as_written.get((isinstance(binding.field, Target), binding.name, binding.groups), binding)
        lines += ["", *_heading(written, bases)]
        end, unit = plan.total if total is None else Duration.of(total), "updates"
        if resolved is not None and is_by_amount(plan.clock, binding.name):
            unit = clock_of_field(plan.clock, binding.name)
            end = Duration.of_updates(WHOLE) if unit == PROGRESS else _end_by_amount(resolved.total, amounts, unit)
        rows = [_HEAD, *_rows(binding.schedule, end, unit)]
        width = terminal_width()
        if width is None or max(map(len, table_rows(rows))) + 2 <= width:
            lines += [f"  {row}" for row in aligned_rows(rows, right=_NUMBERS, indent=2)]
            continue
        lines.append(f"  units: {rows[1][-1]}")
        numbers = aligned_rows([row[:_NUMBERS] for row in rows], right=_NUMBERS, indent=2)
        if len(numbers) > len(rows):  # not even the numbers fit
            lines += [f"  {row}" for row in aligned_rows([row[:-1] for row in rows], right=_NUMBERS, indent=2)]
            continue
        lines.append(f"  {numbers[0]}")
        for line, row in zip(numbers[1:], rows[1:], strict=True):
            lines += [f"  {line}", *wrap(row[_NUMBERS], width, initial_indent=_INDENT, subsequent_indent=_INDENT)]
    return "\n".join(lines)


def _end_by_amount(total: Duration | None, amounts: RunAmounts | None, clock: str) -> Duration | None:
    """Return the end of a run in counts of its clock; None if it is unknown."""
    counts = counts_in_unit(clock)
    if total is None or not total.is_resolved:
        return None if total is None else Duration.of(ceil(total.terms[0][1] * counts))
    with suppress(MissingFact):  # the size of an update is unknown
        return None if amounts is None else Duration.of(ceil(amounts.amount_at(total.updates) * counts))
    return None


def _heading(binding: Binding, bases: Bases) -> Iterator[str]:
    """Yield the line of the plan, and the base of its field if a recipe has it."""
    place = "" if binding.groups is None else f" of group {selector_text(binding.groups)}"
    if isinstance(binding.field, Target):
        place = f", a target with the initial value {binding.field.initial!r}"
    yield printable(f"{binding.name}{place}: {binding.schedule}"[: 10 * _LONGEST])
    if isinstance(binding.field, Target):
        return
    field, name = Field.of(binding.name), binding.groups if isinstance(binding.groups, str) else None
    values = {group.get("name"): bases.value(group, field) for group in ([bases.of(name)] if name else bases.groups)}
    known = [
        f"{value:.6g}" + (f" ({label})" if label and not name else "")
        for label, value in values.items()
        if value is not None
    ]
    if known:
        yield printable(f"  base: {', '.join(known)}, from the recipe")


def _rows(schedule: Schedule, end: Duration | None, unit: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each stage, with the values of the entire schedule at its first and last update."""
    start: Duration | None = Duration.of(0)
    inner = schedule
    while inner.kind in ("every", "with_lengths", "guided"):  # wrappers that do not move the stages
        inner = inner.args["schedule"]
    stages = stages_of(inner) if inner.kind == "sequence" else (schedule,)
    value_unit = "× base"
    if schedule.has_absolute and schedule.affine:
        value_unit = "× base + absolute" if _follows_base(schedule, end) else "absolute"
    elif schedule.has_absolute:
        value_unit = "absolute, of base 1"
    for number, stage in enumerate(stages, 1):
        length = stage.known_length
        stop = None if start is None or length is None else start + length
        if number == len(stages) and end is not None:
            stop = end
        times, values = [_UNKNOWN, _UNKNOWN], [_UNKNOWN, _UNKNOWN]
        for place, time in enumerate((start, stop)):
            if time is None:
                last = place == 1 and number == len(stages)
                times[place] = ("end" if schedule.fills else "open") if last else _UNKNOWN
            elif not time.is_resolved:
                times[place] = str(time)
            else:
                update = ceil(time.number) - place
                times[place] = _time_text(time, update, unit)
                if schedule.is_resolved and update >= 0:
                    values[place] = _value(schedule, update)
        formula = str(with_unit(stage, unit) if counts_in_unit(unit) > 1 else stage)
        formula = formula if len(formula) <= _LONGEST else formula[: _LONGEST - 1] + "…"
        yield (str(number), *times, *values, printable(formula), f"{unit}, {value_unit}")
        start = stop


def _time_text(time: Duration, update: int, unit: str) -> str:
    if unit == PROGRESS:
        return f"{time.number / COUNTS_OF_A_PERCENT:g}%"
    counts = counts_in_unit(unit)
    return f"{update:,}" if counts == 1 else f"{float(time.number) / counts:g}"


def _follows_base(schedule: Schedule, end: Duration | None) -> bool:
    """Return whether a value of an affine schedule depends on base, as far as its values are known."""
    if not schedule.is_resolved or end is None or not end.is_resolved:
        return True
    times = np.unique(np.linspace(0, ceil(end.number) - 1, _TRIED).astype(np.int64))
    return not np.allclose(schedule(times, 0.0), schedule(times, 1.0), rtol=1e-12, atol=0)


def _value(schedule: Schedule, update: int) -> str:
    """Return the value at an update as text: its multiple of base plus its absolute part."""
    if not schedule.has_absolute or not schedule.affine:
        return f"{schedule(update, 1.0):.6g}"
    # An affine value is share * base + fixed: two evaluations give both numbers.
    fixed = schedule(update, 0.0)
    share = schedule(update, 1.0) - fixed
    scaled = f"{share:.6g} × base" if abs(share) > 1e-12 * abs(fixed) else ""
    return " + ".join(part for part in (scaled, f"{fixed:.6g}" if fixed else "") if part) or "0"
