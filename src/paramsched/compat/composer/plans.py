"""Conversion of Composer's schedulers and the settings of their run to a plan."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.compat.composer.arguments import (
    NAMES,
    SCHEDULERS,
    UNITS_OF_TIMES,
    ComposerRun,
    ComposerTime,
    RunArguments,
    TimesInRun,
)
from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT
from paramsched.core.base.diagnostic import ROOT, child_path, entry_path
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.files.arguments import (
    arguments_of,
    located,
    read_arguments,
    read_entry,
    values_of_optimizer,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.files.references import with_references
from paramsched.core.files.unused_settings import report_no_settings, report_unused_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.bases import NO_BASES, Bases
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.pointwise import product_of
from paramsched.core.time import Calendar
from paramsched.core.time.calendar import known_clock
from paramsched.errors import InvalidArgument

_OF_RUN: Final = ("max_duration", "scale_schedule_ratio", "step_schedulers_every_batch", "optimizer")


_TARGET: Final = "_target_"
_OF_HYDRA: Final = (_TARGET, "_partial_", "_recursive_", "_convert_")


def recognizes(data: Any) -> bool:
    """Return whether data looks like schedulers of Composer."""
    return isinstance(data, Mapping) and any(_is_scheduler(name) for name, _, _ in _listed_schedulers(*_run_in(data)))


def _run_in(data: Any) -> tuple[Mapping[str, Any], str]:
    """Return the settings of a run and their path; a file of the MosaicML platform has them under `parameters`."""
    if not isinstance(data, Mapping):
        return {}, ROOT
    inner = data.get("parameters")
    if not isinstance(inner, Mapping) or _listed_schedulers(data, ROOT):
        return data, ROOT
    return inner, entry_path("parameters")


def _is_scheduler(name: Any) -> bool:
    return isinstance(name, str) and name in NAMES


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the values of the `optimizer` entry as bases."""
    inside, path = _run_in(data)
    found = values_of_optimizer(with_references(inside).get("optimizer"))
    return Bases((found,), child_path(path, "optimizer")) if found else NO_BASES


def to_plan(data: Mapping[str, Any], *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:  # noqa: ARG001  # levels of Composer are multiples of base
    """Return the plan with the values of Composer's schedulers.

    Args:
        data: a mapping with `scheduler` or `schedulers`, `max_duration`, and other settings of the run.
        calendar: run facts; `steps_per_epoch` is required to round fractions of a run in epochs as Composer does.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> scheduler = {"name": "cosine_with_warmup", "t_warmup": "0.06dur", "alpha_f": 0.1}
    >>> print(to_plan({"scheduler": scheduler, "max_duration": "4800ba"}))
    horizon: 4800
    lr: warmup(288) >> cosine(to=0.1)
    >>> print(to_plan({"StepScheduler": {"step_size": "30ep"}, "max_duration": "90ep"}))
    horizon: 90 epochs
    lr: step("30 epochs")
    """
    diagnostics = DiagnosticCollector()
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(ROOT, data, "a config", "Use scheduler: {name: cosine_with_warmup}")
        diagnostics.raise_any("config")
    inside, path_of_run = _run_in(data)
    settings = with_references(inside)
    run = _run_of_config(settings, path_of_run, calendar, diagnostics)
    listed = _listed_schedulers(settings, path_of_run)
    if not listed:
        report_no_settings(
            settings,
            ("scheduler", "schedulers", *NAMES),
            diagnostics,
            library="Composer",
            found="the config has no scheduler",
            instead="Use scheduler: {name: cosine_with_warmup, t_warmup: 100ba}",
            path=path_of_run,
            least=1,
        )
    clocks: set[str] = set()
    schedules: list[Schedule] = []
    for name, values, path in listed:
        if name is None:
            diagnostics.add(
                path, "the name of the scheduler is missing", "Use name: cosine_with_warmup", code=WRONG_ARGUMENT
            )
            continue
        if not _is_scheduler(name):
            found = f"unknown scheduler {short_json(name)}; {did_you_mean(str(name), NAMES)}"
            diagnostics.add(path, found, code=UNKNOWN_NAME)
            continue
        entry = read_entry(name, SCHEDULERS[NAMES[name]], values, path, diagnostics)
        if entry is None:
            continue
        times = TimesInRun(run, path, diagnostics, entry.wrong)
        try:
            schedules.append(entry.arguments.schedule(times))
        except InvalidArgument as refusal:
            diagnostics.refuse(path, refusal)
        clocks |= times.clocks
    own = {str(name): child_path(path_of_run, name) for name in settings if not listed or path_of_run != listed[0][2]}
    report_unused_settings(own, (*_OF_RUN, "scheduler", "schedulers", *NAMES), diagnostics, library="Composer")
    # If a time is in tokens or samples, that is the clock of the plan, and updates are converted to it.
    amounts = sorted(clocks - {"ba"})
    if len(amounts) > 1:
        found = f"the times are in {' and in '.join(amounts)}, but a plan has one clock"
        diagnostics.add(ROOT, found, f"Give all of them in {amounts[0]}", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    horizon = None if run.longest is None else run.longest.duration
    with diagnostics.reported_at(ROOT):
        schedule = product_of(schedules)
        clock = known_clock(UNITS_OF_TIMES[amounts[0]], "clock") if amounts else None
        return Plan(lr=schedule, horizon=horizon, clock=clock)


def _run_of_config(
    data: Mapping[str, Any], path_of_run: str, calendar: Calendar | None, diagnostics: DiagnosticCollector
) -> ComposerRun:
    """Return the run with its scaled length."""
    written = {name: data[name] for name in arguments_of(RunArguments) if name in data}
    arguments, places, _ = read_arguments(RunArguments, located(written, path_of_run), path_of_run, diagnostics)
    longest, ratio = arguments.max_duration, arguments.scale_schedule_ratio
    if longest is not None and (longest.unit == "dur" or not int(longest.amount * ratio)):
        found = f"{longest} is not a valid length of a run"
        diagnostics.add(places["max_duration"], found, 'For example: max_duration: "10ep"', code=REFUSED_VALUE)
        longest = None
    scaled = None if longest is None else ComposerTime(int(longest.amount * ratio), longest.unit)
    return ComposerRun(scaled, longest, ratio, None if calendar is None else calendar.updates_per_epoch)


def _listed_schedulers(data: Mapping[str, Any], path_of_run: str) -> list[tuple[Any, Any, str]]:
    """Return the name, the arguments and the config path of each scheduler."""
    for key in ("schedulers", "scheduler"):
        if data.get(key) is not None:
            listed, path = data[key], child_path(path_of_run, key)
            if isinstance(listed, (list, tuple)):
                return [one for i, entry in enumerate(listed) for one in _named_in(entry, child_path(path, i))]
            return _named_in(listed, path)
    if str(data.get(_TARGET)).startswith("composer.optim."):
        return _named_in({name: value for name, value in data.items() if name not in _OF_RUN}, path_of_run)
    if _is_scheduler(data.get("name")):
        arguments = {name: value for name, value in data.items() if name not in ("name", *_OF_RUN)}
        return [(data["name"], arguments, path_of_run)]
    return [(name, value, child_path(path_of_run, name)) for name, value in data.items() if name in NAMES]


def _named_in(entry: Any, path: str) -> list[tuple[Any, Any, str]]:
    """Return the schedulers of one entry, as `_listed_schedulers` does."""
    if not isinstance(entry, Mapping):
        return [(entry, {}, path)]
    if _TARGET in entry:
        name = str(entry[_TARGET]).removeprefix("composer.optim.").removeprefix("scheduler.")
        return [(name, {key: value for key, value in entry.items() if key not in _OF_HYDRA}, path)]
    if "name" in entry:
        return [(entry["name"], {name: value for name, value in entry.items() if name != "name"}, path)]
    if entry and not any(isinstance(values, Mapping) or _is_scheduler(name) for name, values in entry.items()):
        return [(None, entry, path)]
    return [(name, {} if values is None else values, child_path(path, name)) for name, values in entry.items()]
