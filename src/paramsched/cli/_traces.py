"""Traces of the values of a plan, and the groups that it has."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import click
import numpy as np

from paramsched.base import codes
from paramsched.base.problem import Problem
from paramsched.base.terminal import table_rows
from paramsched.base.words import did_you_mean, names_listed, printable
from paramsched.cli._input import (
    Config,
    PlanInput,
    assumed_fact,
    config_in,
    curves_of_config,
    facts_for_picture,
    facts_from_options,
    known_length,
    length_from_option,
    names_a_file,
    read_plan_input,
    refuse_base,
    with_facts_beside,
)
from paramsched.cli._options import CommandOptions
from paramsched.cli._output import WrongUsage, echo_note, option_of
from paramsched.core.calls.lazy_imports import is_installed
from paramsched.core.curves import Floats
from paramsched.core.groups.fields import Field
from paramsched.core.metrics.metric_rules import metric_word
from paramsched.core.plan import (
    Binding,
    BoundLine,
    Plan,
    Target,
    Trace,
    bind,
    column_name,
    resolve_in_run,
    selector_text,
    trace,
    unique_labels,
)
from paramsched.core.schedules import depends_on_base
from paramsched.core.time import UPDATES, RunFacts, times_on
from paramsched.errors import MissingFact, UnreadableLog, Unresolved
from paramsched.files import Loaded

if TYPE_CHECKING:
    from paramsched import show
    from paramsched.tools.records.log_values import LogColumn


_Result = TypeVar("_Result")

_MOST_UPDATES = 12_500_000  # in a picture; the longest recipe has as many
_MOST_VALUES = 25_000_000  # of all groups and fields; they take 200 MB
_MOST_WRITTEN = 10_000_000  # values of a table; they take 20 seconds


def too_many_values(count: int, use: str) -> click.UsageError:
    """Return the error for a run that is too long to draw or to print."""
    message = f"{count:,} values are too many to {use}"
    return WrongUsage("", message, f"For example: --at 1000 for single values. Or shorten {option_of('total')}")


def _trace_plan(loaded: Loaded, options: CommandOptions, other_plans: Sequence[Plan] = ()) -> Trace:
    """Return the values of a plan at every update, for a picture."""
    facts = facts_for_picture(loaded.plan, options)
    groups, assumed = groups_with_bases(loaded, options.bases, other_plans)
    echo_plan_notes(loaded)
    refuse_too_long(loaded.plan, facts, len(groups))
    curves = trace(loaded.plan, groups, facts=facts)
    return curves.with_assumed_bases(pair for pair in curves.keys() if pair in assumed)


def refuse_too_long(plan: Plan, facts: RunFacts | None, groups: int) -> None:
    """Raise for a plan with more values than can be drawn. The length of a run may be unknown."""
    try:
        count, total = _size_of_trace(plan, facts or RunFacts(), groups)
    except (MissingFact, Unresolved):
        return
    if total > _MOST_UPDATES or count > _MOST_VALUES:
        raise too_many_values(count, "draw")


def values_to_write(read: PlanInput) -> Trace:
    """Return the values of a plan at every update, for a table. No run fact is assumed.

    A note names the fields whose values are multiples of an unknown base.
    """
    loaded = read.loaded
    options = read.complete_options
    facts = facts_from_options(options)
    if loaded.plan.total is None and options.total is None:
        facts = replace(facts, total=known_length(loaded.plan, options))
    groups, assumed = groups_with_bases(loaded, options.bases)
    echo_plan_notes(loaded)
    count, _ = _size_of_trace(loaded.plan, facts, len(groups))
    if count > _MOST_WRITTEN:
        raise WrongUsage("", f"{count:,} values are too many to write", f"Shorten {option_of('total')}")
    curves = trace(loaded.plan, groups, facts=facts)
    multiples = [pair for pair in curves.keys() if pair in assumed and curves.base(*pair).share != "none"]
    if multiples:
        echo_note(f"no --base for {names_listed(map(column_name, multiples))}; taken to be 1")
    return curves


def _size_of_trace(plan: Plan, facts: RunFacts, groups: int) -> tuple[int, int]:
    """Return the number of values in a trace, and that of updates; 0 and 0 if the total is unknown."""
    total = resolve_in_run(plan, facts).total or 0
    return total * max(groups, 1) * len({binding.name for binding in plan.bindings}), total


def trace_plan_inputs(
    arguments: Sequence[str],
    options: CommandOptions,
    other_plan: str | None = None,
    *,
    branches: bool = False,
) -> "tuple[show.Curves, show.Curves | None]":
    """Return the values of one plan or several plans, and those of the plan `other_plan`; None without it."""
    if other_plan is not None and len(arguments) > 1:
        raise WrongUsage(
            "", f"--other compares with one plan, but {len(arguments)} were passed", "Pass it as one more plan"
        )
    for text in arguments:
        refuse_base(text, options)
    named = [("", text) if names_a_file(text) else _name_and_plan(text) for text in arguments]
    arguments = [plan for _, plan in named]
    inputs = [(text, options.format) for text in arguments] + ([] if other_plan is None else [(other_plan, None)])
    traces = _curves_of_all(inputs, options)
    if len(arguments) == 1:
        return traces[0], traces[1] if other_plan is not None else None
    from paramsched import show

    # The legend shows the name of a plan's file. If several files have this name, it shows the argument.
    names = [Path(text).name if names_a_file(text) else text for text in arguments]
    chosen = [
        legend or (name if names.count(name) == 1 else plan) for (legend, plan), name in zip(named, names, strict=True)
    ]
    if twice := next((name for name in chosen if chosen.count(name) > 1), None):
        raise WrongUsage("", f"{twice} was passed twice", "Pass each plan once")
    return show.together(dict(zip(chosen, traces, strict=True)), branches=branches), None


_NAMED = re.compile(r"(?P<name>[^()\[\]{}=:'\"*/+<>]+)=(?P<plan>[^=].*)", re.DOTALL)


def _name_and_plan(argument: str) -> tuple[str, str]:
    """Return the name of a plan in a legend and the plan: those of `NAME=PLAN`, or "" and the whole text.

    >>> _name_and_plan("cosine=warmup(over=5)"), _name_and_plan("cosine(to=0.1)")
    (('cosine', 'warmup(over=5)'), ('', 'cosine(to=0.1)'))
    """
    match = _NAMED.fullmatch(argument)
    return (match["name"].strip(), match["plan"]) if match else ("", argument)


def _curves_of_all(arguments: Sequence[tuple[str, str | None]], options: CommandOptions) -> "list[show.Curves]":
    """Return the values of several plans and configs; `arguments` contains the name of each and its format."""
    configs: dict[int, Config] = {}
    for index, (name, _) in enumerate(arguments):
        config = config_in(name)
        if config is not None:
            configs[index] = config
    plans = {index: element for index, element in enumerate(arguments) if index not in configs}
    curves: dict[int, show.Curves] = {}
    for index, config in configs.items():
        curves[index] = curves_of_config(config, options, assumes_epoch=True)
    if plans:
        traces = _trace_plans(list(plans.values()), options)
        curves |= dict(zip(plans, traces, strict=True))
    return [curves[index] for index in range(len(arguments))]


def _trace_plans(arguments: Sequence[tuple[str, str | None]], options: CommandOptions) -> list[Trace]:
    """Return the values of several plans, with a common time axis.

    `arguments` contains the name of each plan and its format.

    A fact that is assumed for one plan is assumed for all, so that their curves can be compared. A plan without a
    length gets the length of the longest plan.
    """
    plans = list[Loaded]()
    for name, its_format in arguments:
        read = read_plan_input(name, replace(options, format=its_format))
        options = read.options
        plans.append(read.loaded)
    if len(plans) == 1:
        return [_trace_plan(plans[0], with_facts_beside(plans[0], options))]
    # --total is for plans without a total. If the first plan has one too, an error is raised, as for one plan.
    facts_of = [
        options,
        *(options if plan.plan.total is None else options.with_facts(total=None) for plan in plans[1:]),
    ]
    facts_of = [with_facts_beside(plan, command_options) for plan, command_options in zip(plans, facts_of, strict=True)]
    assumed: dict[str, float] = {}  # each fact, with the largest value assumed for one of the plans
    for loaded, its_facts in zip(plans, facts_of, strict=True):
        assumption = assumed_fact(loaded.plan, its_facts)
        if assumption is not None:
            fact, value = assumption
            assumed[fact] = max(value, assumed.get(fact, 0))
    for fact, value in assumed.items():
        echo_note(f"no {option_of(fact)} given; taken to be {value:g}")
        facts_of = [command_options.with_facts(**{fact: value}) for command_options in facts_of]
    lengthless = [
        plan.plan.total is None and its_facts.total is None and known_length(plan.plan, its_facts) is None
        for plan, its_facts in zip(plans, facts_of, strict=True)
    ]
    curves: dict[int, Trace] = {}
    # Plans with a length come first, because plans without a length get the longest of their lengths.
    for index in sorted(range(len(plans)), key=lambda number: lengthless[number]):
        if lengthless[index] and curves:
            longest = max(curve.total for curve in curves.values())
            whose = "the other plan's" if len(plans) == 2 else "that of the longest plan"
            echo_note(f"no total given for {arguments[index][0]}; taken to be {whose}, {longest} updates")
            facts_of[index] = facts_of[index].with_facts(total=str(longest))
        curves[index] = _trace_plan(plans[index], facts_of[index], [plan.plan for plan in plans])
    return [curves[index] for index in range(len(plans))]


_MOST_GROUPS = 1_000


def echo_plan_notes(loaded: Loaded) -> None:
    """Print a note if the first update of a plan has the rate 0."""
    if is_installed("paramsched.tools"):
        from paramsched.checks import note_of_first_update

        if note := note_of_first_update(loaded.plan):
            echo_note(note)


@final
@dataclass(frozen=True, slots=True)
class RunTimes:
    """Single times of a run.

    Args:
        plan: the plan, with lengths in updates or in the counts of its clock.
        updates: the times in updates.
        times: a dict from clock to the times on it.
        total: the length of the run in updates; None if unknown.
    """

    plan: Plan
    updates: Sequence[int]
    times: Mapping[str, Sequence[float]]
    total: int | None


def times_of_run(plan: Plan, options: CommandOptions, times: Iterable[str]) -> RunTimes:
    """Return times such as `250` or `"50%"` in the run of a plan."""
    facts = facts_for_picture(plan, options)
    in_force = resolve_in_run(plan, facts)
    run = in_force.planned_amounts
    total = in_force.total
    if total is not None:  # percentages refer to it
        facts = replace(facts, total=total)
    updates = [ceil(facts.exact(length_from_option(time, "--at"))) for time in times]
    times_by_clock: dict[str, Sequence[float]] = {UPDATES: updates}
    if run is not None:
        times_by_clock[run.clock] = times_on(run.clock, np.array([run.amount_at(time) for time in updates])).tolist()
    return RunTimes(in_force.counted, updates, times_by_clock, total)


def groups_with_bases(
    loaded: Loaded, bases: tuple[str, ...], beside: Sequence[Plan] = ()
) -> tuple[list[dict[str, Any]], set[tuple[str, str | int]]]:
    """Create the param groups that the plan's selectors match, with a base for each scheduled field.

    Args:
        beside: other plans in the same picture. The groups that they select are created too, so that the plans can be
            compared.

    Returns:
        The groups, and the pairs of field and group whose base is unknown and assumed to be 1.

    Raises:
        UsageError: a selector names the thousandth group or a later one.
    """
    values = given_bases(loaded.plan, bases, beside)
    bindings = _field_bindings(loaded.plan)
    selecting = [*bindings, *(binding for plan in beside for binding in _field_bindings(plan))]
    most = max((binding.groups for binding in selecting if isinstance(binding.groups, int)), default=0)
    if most >= _MOST_GROUPS:
        raise WrongUsage("", f"the plan selects group {most}; a picture shows at most {_MOST_GROUPS:,} groups")
    named = [str(group["name"]) for group in loaded.bases.groups if "name" in group]
    if named and all(binding.groups is None for binding in bindings):  # one list of schedulers for named optimizers
        groups: list[dict[str, Any]] = [{"name": name} for name in named]
    else:
        from paramsched.show.plan_curves import groups_of_selectors

        groups = groups_of_selectors(selecting)
    assumed: set[tuple[str, str | int]] = set()
    of_selector: dict[Any, dict[int, Binding]] = {}
    for number, binding in enumerate(bindings):
        of_selector.setdefault(binding.groups, {})[number] = binding
    for index, group in enumerate(groups):
        label = group.get("name", index)
        bases_of_group = loaded.bases.of(group.get("name"))
        selected = {
            number: binding for key in (None, index, label) for number, binding in of_selector.get(key, {}).items()
        }
        for binding in (selected[number] for number in sorted(selected)):
            field = Field.of(binding.name)
            # An option takes precedence over the file, and a base for one group over a base for all.
            value = values.get(
                (binding.name, str(label)), values.get((binding.name, None), loaded.bases.value(bases_of_group, field))
            )
            if value is None:
                assumed.add((binding.name, label))
                value = 1.0
            field.fill(group, value)
    return groups, assumed


def _field_bindings(plan: Plan) -> list[Binding]:
    return [binding for binding in plan.bindings if not isinstance(binding.field, Target)]


def groups_to_check(loaded: Loaded, bases: tuple[str, ...]) -> Sequence[Mapping[str, Any]]:
    """Return the groups that a plan selects, with the bases of the options and of the file, and no assumed ones."""
    if not bases:
        return loaded.bases.groups
    groups, assumed = groups_with_bases(loaded, bases)
    for index, group in enumerate(groups):
        for field in [field for field, label in assumed if label == group.get("name", index)]:
            group.pop(Field.of(field).key, None)
    return groups


def given_bases(
    plan: Plan,
    entries: tuple[str, ...],
    beside: Sequence[Plan] = (),
    logged: Iterable[str | None] = (),
) -> Mapping[tuple[str, str | None], float]:
    """Return a dict from (field, group) to the base passed with `--base`. The group None means all groups.

    Args:
        plan: the plan.
        entries: the options.
        beside: other plans.
        logged: the names of the groups of a log; None for a group without a name.

    Raises:
        UsageError: no plan of the picture has the field or group.
    """
    bindings = [binding for each in (plan, *beside) for binding in _field_bindings(each)]
    fields = list(dict.fromkeys(binding.name for binding in bindings))
    selected = {selector_text(binding.groups) for binding in bindings if binding.groups is not None} | {"default"}
    labels = selected | {text for text in logged if text is not None}
    values: dict[tuple[str, str | None], float] = {}
    for entry in (part for text in entries for part in text.split(",")):
        place, equals, number = entry.rpartition("=")
        field, separator, group = place.strip().partition("@")
        if not equals:
            field = "lr" if "lr" in fields or len(fields) != 1 else fields[0]
        if field not in fields:
            raise WrongUsage(f"--base {entry}", f'unknown field "{field}" of the plan; {did_you_mean(field, fields)}')
        if separator:
            _refuse_unknown_group(entry, group, labels)
        key = field, group if separator else None
        if key in values:
            message = f"{field} has two bases; the decimal separator is a point"
            raise WrongUsage(
                f"--base {','.join(entries)}", message, f"For example: --base {place.strip() or field}=0.1"
            )
        values[key] = float(number)
    return values


def _refuse_unknown_group(entry: str, group: str, labels: Collection[str]) -> None:
    """Raise for a base of a group that does not exist. A plan may be run with any number of unnamed groups."""
    if group in labels or group.isdigit():
        return
    raise WrongUsage(f"--base {entry}", f'the plan has no group "{group}"; {did_you_mean(group, labels)}')


def runs_to_draw(
    arguments: Sequence[str],
    metrics: Sequence[str],
    curves: "show.Curves",
    tolerance: float | None = None,
) -> "tuple[show.LoggedRun, ...]":
    """Return the values and metrics of runs, each with a unique name.

    Args:
        arguments: paths of logs; `baseline=run.csv` gives a log the name baseline.
        metrics: columns to draw. If empty, the columns that are named like metrics are drawn.
        tolerance: as in `read_log`.

    Raises:
        UsageError: a log cannot be read, has no values to draw, or the plan is drawn as multiples of an unknown base.
    """
    if metrics and not arguments:
        raise WrongUsage(f"--metric {metrics[0]}", "it needs a log", "Write --used run.csv")
    if not arguments:
        return ()
    from paramsched import show

    if isinstance(curves, show.PlansTogether):
        raise WrongUsage("", f"--used needs a single plan, but {len(curves.plans)} were passed")
    return tuple(_run_to_draw(name, log, metrics, curves, tolerance) for name, log in _names_of_logs(arguments).items())


def named_traces(curves: "show.Curves", alone: str) -> "dict[str, show.Curves]":
    """Return the curves of a picture by the names of their plans; `alone` is the name of a single plan."""
    from paramsched import show

    return dict(curves.plans) if isinstance(curves, show.PlansTogether) else {alone: curves}


def _names_of_logs(arguments: Sequence[str]) -> dict[str, str]:
    """Return a dict from the name of each log in the legend to its path.

    A name has as many folders as are necessary to make it unique.
    """
    parts = [("", text) if Path(text).exists() else text.rpartition("=")[::2] for text in arguments]
    files = [Path(log) for _, log in parts]
    names: dict[str, str] = {}
    for (name, log), file in zip(parts, files, strict=True):
        depth = next(
            (d for d in range(1, len(file.parts)) if sum(path.parts[-d:] == file.parts[-d:] for path in files) == 1),
            len(file.parts),
        )
        label = name or "/".join(file.parts[-depth:])
        if label in names:
            raise WrongUsage(
                "", f"--used {label} was passed twice", f"Pass each log once, or give it a name: --used first={log}"
            )
        names[label] = log
    return names


def _run_to_draw(
    name: str, log: str, metrics: Sequence[str], curves: "show.Curves", tolerance: float | None
) -> "show.LoggedRun":
    """Read the values and metrics of one log. A log with metrics alone is drawn too."""
    from paramsched import show
    from paramsched.tools.audit import read_metrics

    fields = dict.fromkeys(field for field, _ in curves.keys())
    try:
        logged_metrics = read_metrics(log, names=metrics)
        measured = {
            logged_metric.name: (logged_metric.t, logged_metric.values)
            for logged_metric in logged_metrics
            if metrics or logged_metric.name not in fields
        }
        try:
            used, tolerance = _used_values(log, fields, curves, tolerance)
        except UnreadableLog as error:
            if not measured:
                raise
            echo_note(f"--used: {error.problem.summary}; only metrics are drawn. {error.problem.advice}")
            used = {}
    except UnreadableLog as error:
        raise error.changed(site=f"--used: {error.problem.site}") from None
    together: dict[str, list[str]] = {}
    for text in measured:
        together.setdefault(metric_word(text) or text, []).append(text)
    return show.LoggedRun(name, used, measured, together, tolerance or 0.0)


_EXAMPLE_BASE = 0.1


def _fitted_base(column: "LogColumn", multiples: Floats) -> float:
    """Return the base that an audit of the column states; 0.1 as an example if it states none."""
    from paramsched.tools.audit.match import base_of_multiples

    inside = column.t < multiples.size
    planned = multiples[column.t[inside]]
    if not planned.any():
        return _EXAMPLE_BASE
    base = base_of_multiples(replace(column, t=column.t[inside], values=column.values[inside]), planned)
    return _EXAMPLE_BASE if base is None else base


def _used_values(
    log: str, fields: Iterable[str], curves: "show.Curves", tolerance: float | None
) -> "tuple[show.Log, float]":
    """Return a dict from (field, group) to logged times and values, and the tolerance of the log.

    Columns of the log that belong to no curve of the plan are skipped.
    """
    from paramsched.tools.audit import read_log

    used = {}
    baseless = dict[str, float]()
    logged = read_log(log, fields, tolerance=tolerance)
    for column in logged.columns:
        name = logged.name_of(column.group)
        groups = [group for field, group in curves.keys() if field == column.field]
        group = next(
            (label for label in (name, column.group, *(groups if len(groups) == 1 else ())) if label in groups), None
        )
        if group is None:
            continue
        base = curves.base(column.field, group) if isinstance(curves, Trace) else None  # a config has values, no base
        if base is not None and base.value is None and base.share != "none":
            label = column.field if len(groups) == 1 else f"{column.field}@{group}"
            baseless[label] = (
                _fitted_base(column, curves[column.field, group]) if base.share == "all" else _EXAMPLE_BASE
            )
        else:
            # A logged value that equals the planned one in the digits of the log is drawn as the planned one.
            planned = curves[column.field, group]
            values = column.values.copy()
            inside = column.t < planned.size
            planned_at_rows = planned[column.t[inside]]
            values[inside] = np.where(
                column.equals(planned_at_rows, np.flatnonzero(inside)), planned_at_rows, values[inside]
            )
            used[column.field, group] = column.t, values
    if baseless:
        what = f"the base of {', '.join(baseless)} is unknown, so it is not compared"
        instead = f"For example: --base {','.join(f'{place}={number!r}' for place, number in baseless.items())}"
        if not used:
            raise UnreadableLog(log, what, instead)
        echo_note(f"--used {log}: {what}. {instead}")
    elif not used:
        listed = ", ".join(f"{field} of group {group}" for field, group in curves.keys())
        raise UnreadableLog(log, "none of its columns belongs to a curve of the plan", f"The plan has {listed}")
    return used, max(column.tolerance for column in logged.columns)


_DEFAULT = ("0%", "10%", "50%", "90%")


@final
@dataclass(frozen=True, slots=True)
class GroupValues:
    """The values of a field of a group.

    Args:
        optimizer, group, field: the names; "" for an unknown optimizer.
        base: the base of the field.
        updates: the updates at which it is evaluated.
        values: the values there.
        decided_by: the entries that decide the values, each with its file and line.
        note: the entry that has no effect, and why; "" if there is none.
    """

    optimizer: str
    group: str
    field: str
    base: float
    updates: Sequence[int]
    values: Sequence[float]
    decided_by: tuple[str, ...]
    note: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the values as data for JSON."""
        factors = [None if not self.base else value / self.base for value in self.values]
        return {
            "optimizer": self.optimizer,
            "group": self.group,
            "field": self.field,
            "base": self.base,
            "at": self.updates,
            "values": self.values,
            "factors": factors,
            "decided_by": list(self.decided_by),
            "note": self.note,
        }


def group_table(rows: Sequence[GroupValues]) -> str:
    """Return a table for each field of each group: the base, what decides the values, and a line for each time."""
    lines = list[str]()
    for row in rows:
        optimizer = f"{row.optimizer}, " if row.optimizer else ""
        lines += ["", printable(f"{optimizer}group {row.group}: {row.field}, base {row.base:.6g}")]
        lines += [printable(f"  {text}") for text in (*(f"from {text}" for text in row.decided_by), row.note) if text]
        factors = ((value, f"{value / row.base:.6g}" if row.base else "") for value in row.values)
        table = [
            (f"{time:,}", f"{value:.6g}", factor) for time, (value, factor) in zip(row.updates, factors, strict=True)
        ]
        lines += [f"  {line}" for line in table_rows([("update", "value", "factor"), *table], right=3)]
    return "\n".join(lines[1:])


def values_of_groups(read: PlanInput, times: Sequence[str]) -> Iterator[GroupValues]:
    """Yield the values of each field of each group of a plan at `times`.

    Args:
        read: the plan.
        times: times such as `250` or `"50%"`; default: four times of the run.
    """
    loaded = read.loaded
    run = times_of_run(loaded.plan, read.complete_options, times or _DEFAULT)
    groups, assumed = groups_with_bases(loaded, read.options.bases)
    labels = unique_labels(groups)
    places = _Places(read)
    for label, bounds, group in zip(labels, bind(run.plan, groups), groups, strict=True):
        for bound_line in bounds:
            base = bound_line.field.base(group)
            values = [bound_line.schedule(time, base=base) for time in run.times[bound_line.clock]]
            note = ""
            is_multiple = depends_on_base(bound_line.schedule, np.array(run.times[bound_line.clock]), base, 2 * base)
            if (bound_line.name, label) in assumed:
                note = "the base is unknown" if is_multiple else "absolute values, not multiples of base"
            decided = filter(None, [places.text(places.path_of(run.plan, bound_line))])
            yield GroupValues("", str(label), bound_line.name, base, run.updates, values, tuple(decided), note)


@final
class _Places:
    """The lines of a plan that decide values, with their places in its files, which are read once for all rows."""

    def __init__(self, read: PlanInput) -> None:
        from paramsched.checks import binding_path

        paths = [binding_path(line) for line in read.plan.bindings]
        wanted = [Problem(path, "", code=codes.UNREADABLE) for path in dict.fromkeys(paths) if path]
        self._texts = {
            problem.path: f"{read.name}:{placed.line} " * bool(placed.line) + placed.path.removeprefix("$.")
            for problem, placed in zip(wanted, read.placed(wanted), strict=True)
        }
        self._paths: dict[int, dict[tuple[str, int], str]] = {}

    def path_of(self, plan: Plan, bound: BoundLine) -> str:
        """Return the config path of the line of a plan that a bound field follows."""
        from paramsched.checks import binding_path

        if id(plan) not in self._paths:
            lines = reversed(plan.bindings)  # of equal lines the first
            self._paths[id(plan)] = {(line.name, id(line.schedule)): binding_path(line) for line in lines}
        return self._paths[id(plan)].get((bound.name, id(bound.schedule)), "")

    def text(self, path: str) -> str:
        """Return an entry with its file and line; "" without a path."""
        return self._texts.get(path, "")
