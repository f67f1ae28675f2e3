"""The check of one plan: with the log of its run, as text or JSON."""

import re
import shlex
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TypeGuard, final

from paramsched.base import codes
from paramsched.base.problem import PlanWarning, Problem
from paramsched.base.words import entry_path, json_text
from paramsched.checks import binding_path, check, note_of_first_update
from paramsched.cli._input import (
    Config,
    PlanInput,
    check_config,
    config_in,
    facts_from_options,
    facts_if_known,
    names_a_file,
    read_plan_input,
    text_of_plan_input,
    with_facts_beside,
)
from paramsched.cli._options import CommandOptions
from paramsched.cli._output import WrongUsage, problem_with_options
from paramsched.cli._traces import groups_to_check
from paramsched.core.plan import Plan
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact, UnknownGroup, UnreadableLog
from paramsched.files import PlanText


def _of_log(log: str, plan: Plan, facts: RunFacts) -> Iterator[Problem]:
    """Yield a problem if the values of a log differ from the plan, and one if the log is longer than the plan."""
    from paramsched.core.plan import amount_clock
    from paramsched.tools.audit import AmountColumn, compare_with_plan, read_log

    fields = list(dict.fromkeys(binding.name for binding in plan.bindings))
    logged = read_log(log, fields, columns={}, amount=AmountColumn(amount_clock(plan.clock)))
    last = max((int(column.t.max()) for column in logged.columns if column.t.size), default=None)
    yield from _beyond_the_plan(plan, facts, last, "log")
    try:
        report = compare_with_plan(logged, plan, facts=facts)
    except UnknownGroup as error:
        advice = f"For example: paramsched audit {log} --plan plan.yaml --group head"
        raise error.changed(site=log, advice=advice) from None
    if report.first is not None:
        first = report.first
        message = f"at update {first.t} the run used {first.field}={first.logged!r}, but the plan has {first.planned!r}"
        cause = "" if report.cause is None else report.cause.text
        yield Problem(entry_path(first.field), message, cause, code=codes.LOG_DIFFERS)


def _never_logged(log: Path, plan: Plan) -> Iterator[Problem]:
    """Yield a problem for each metric rule whose metric is missing in the log, if the log has other metrics."""
    from paramsched.tools.audit import read_metrics

    waiting = [
        (binding_path(binding), rule.metric) for binding in plan.bindings for rule in binding.schedule.metric_rules
    ]
    measured = [logged_metric.name for logged_metric in read_metrics(log)] if waiting else []
    for path, metric in waiting:
        # The log may use a longer name: `val/loss_epoch` for `val_loss`.
        if not measured or any(_plain_name(metric) in _plain_name(name) for name in measured):
            continue
        with suppress(UnreadableLog):
            if read_metrics(log, names=[metric]):
                continue
        message = f"the rule observes {metric}, but the log has {', '.join(measured)}"
        yield Problem(path, message, "Use the name of the metric as it is logged", code=codes.METRIC_NOT_LOGGED)


def _plain_name(metric: str) -> str:
    """Return a name in lowercase, with `_` in place of other separators."""
    return re.sub(r"[^a-z0-9]+", "_", metric.lower())


def _beyond_the_plan(plan: Plan, facts: RunFacts, updates: int | None, source: str) -> Iterator[Problem]:
    """Yield a problem if the run has more updates than the plan's total."""
    length = facts.total if plan.total is None else plan.total
    if updates is None or length is None:
        return
    try:
        total = ceil(facts.exact(Duration.of(length)))
    except (MissingFact, InvalidArgument):
        return
    if updates > total:
        message = f"the {source} is from update {updates}, but the plan ends at {total}"
        advice = "Give the total in optimizer updates: batches divided by accumulation, of all processes together"
        yield Problem(entry_path("total"), message, advice, code=codes.BEYOND_THE_PLAN)


@final
@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """The problems of one plan.

    Args:
        problems: the problems, in the order of the text.
        text: the text of the file; None if the plan is not a file or cannot be read.
        usage: True if the command lacks a fact or a dependency; the plan may be valid.
        note: the note that the first update has the rate 0; empty if it is above 0.
    """

    problems: tuple[Problem, ...]
    text: str | None = None
    usage: bool = False
    note: str = ""


def checked_plan(
    argument: str,
    options: CommandOptions,
    *,
    log: str | None = None,
) -> CheckedPlan:
    """Check a plan passed to a command, or a config of MMEngine.

    Args:
        argument: the argument.
        options: the options.
        log: the path of a log to compare the plan with, or None.

    Raises:
        OSError: a file is missing.
        WrongUsage: a config was passed with a log.
    """
    if (config := config_in(argument)) is not None:
        mismatch = f"expected a plan, got a config of MMEngine: {argument}"
        if log is not None:
            raise WrongUsage(
                "--log", mismatch, f"Write paramsched audit {shlex.quote(log)} --plan {shlex.quote(argument)}"
            )
        return _checked_config(config, options)
    usage = False
    note = ""
    several = list[Problem]()
    source: PlanText | None = None
    try:
        source = text_of_plan_input(argument, options.format)
        with _collected_warnings(several):
            read = read_plan_input(argument, options, source=source)
        for problem in _problems_in(read, options, log):  # one by one, because it may raise after some
            several.append(problem)
    except ConfigError as error:
        warned = several if source is None else source.placed(dict.fromkeys(several))
        several = [*error.problems, *warned]
        problems = [element.changed(file=argument) for element in several]
    except InvalidArgument as error:
        usage = isinstance(error, MissingFact)
        # The location of the problem is the argument itself, so an error about it need not repeat the name.
        said = problem_with_options(error)
        code = codes.MISSING_FACT if usage else codes.REFUSED_VALUE
        problem = Problem(
            "", said.found if said.site == argument else said.summary, said.advice, code=code, file=argument
        )
        earlier = tuple(dict.fromkeys(several))
        earlier = earlier if source is None else source.placed(earlier)
        problems = [problem, *(element.changed(file=element.file or argument) for element in earlier)]
    except MissingDependency as error:
        problems = [Problem("", str(error), code=codes.UNREADABLE, file=argument)]
        usage = True
    else:
        placed = sorted(read.placed(dict.fromkeys(several)), key=lambda warned: warned.line or 0)
        problems = [element.changed(file=argument) for element in placed]
        note = note_of_first_update(read.plan)
    text = source.text if source is not None and names_a_file(argument) else None
    return CheckedPlan(tuple(problems), text, usage, note)


def _checked_config(config: Config, options: CommandOptions) -> CheckedPlan:
    """Check a config of MMEngine: whether its schedulers can be built."""
    note = "a config of MMEngine; its arguments are checked, its values are not"
    try:
        check_config(config, options)
    except ConfigError as error:
        problems = tuple(problem.changed(file=config.name) for problem in error.problems)
        return CheckedPlan(problems, None if config.source is None else config.source.text, note=note)
    return CheckedPlan((), note=note)


@contextmanager
def _collected_warnings(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of warnings in the `with` block to `problems`, also if the block raises an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            problems += [warning.message.problem for warning in caught if _is_of_entry(warning.message)]
    for warning in caught:
        if not _is_of_entry(warning.message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _is_of_entry(message: Warning | str) -> TypeGuard[PlanWarning]:
    """Return whether a warning is about an entry of a config."""
    return isinstance(message, PlanWarning) and bool(message.problem.path)


def _problems_in(read: PlanInput, options: CommandOptions, log: str | None) -> Iterator[Problem]:
    """Yield the problems of a plan that could be read, for the run of the options and the log.

    Raises:
        MissingFact: facts were passed, but a length cannot be converted.
    """
    loaded = read.loaded
    facts = facts_if_known(read.complete_options)
    problems = check(read.plan, facts=facts, groups=groups_to_check(loaded, options.bases))
    yield from problems
    if any(problem.severity == "error" for problem in problems):
        return
    if options.facts:
        read.plan.resolve(facts=facts_from_options(with_facts_beside(loaded, options)))
    facts = facts or RunFacts()
    if log is not None:
        yield from _of_log(log, read.plan, facts)
        yield from _never_logged(Path(log), read.plan)


def problems_as_text(problems: Sequence[Problem]) -> str:
    """Return problems as lines: location, message and code, and the line with a caret if it is known."""
    lines = list[str]()
    for problem in problems:
        parts = [f"{problem.location()}: "]
        parts += [f"{problem.path}: "] if problem.path else []
        parts += [f"{problem.severity}: "] if problem.severity != "error" else []
        parts += [problem.before_advice, problem.advice] if problem.advice else [problem.found]
        lines.append(f"{''.join(parts)} [{problem.code}]")
        lines += [problem.pointer] if problem.pointer else []
    return "\n".join(lines)


def problems_as_json(problems: Sequence[Problem]) -> str:
    """Return a JSON list of objects: plan, path, line, column, code, rule, severity, message, found, advice."""
    return json_text([problem.as_data() for problem in problems])
