"""Check the argument `param_scheduler` by building its schedulers for copies of the groups."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from paramsched.compat.group_values import by_value
from paramsched.core.base.codes import REFUSED_VALUE
from paramsched.core.base.printing import child_path
from paramsched.core.files.problem_collector import ProblemCollector
from paramsched.core.plan import Plan, bind
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.forms import plan_of
from paramsched.core.plan.optimizers import ALONE, check_names, one_plan_advice, scopes_of
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.mmengine.building import report_error
from paramsched.mmengine.runner._param_schedulers import is_plan
from paramsched.mmengine.schedulers import OptimWrapper
from paramsched.mmengine.schedulers.base import is_scheduler
from paramsched.mmengine.schedulers.build import RunLength
from paramsched.mmengine.schedulers.entry import build_entry, located_entries
from paramsched.mmengine.schedulers.optimizers import ValuesOnly


def check_schedulers(
    config: Any,
    wrappers: Mapping[str, OptimWrapper | None],
    length: RunLength,
    path: str,
    problems: ProblemCollector,
) -> None:
    """Build the schedulers of `param_scheduler` for copies of the groups, and report every problem.

    Args:
        config: the value of `param_scheduler`.
        wrappers: the wrappers of the optimizers by name; None in place of one with a problem.
        length: the length of the run.
        path: the path of `param_scheduler`.
        problems: receives the problems.
    """
    if config is None or not wrappers:
        return
    names = list(wrappers)
    several = [] if names == [""] else names
    if is_plan(config, names=several):
        _check_plan(config, wrappers, path, problems)
        return
    if plans := plans_by_name(config, several):
        advice = one_plan_advice(plans, "param_scheduler={plan}")
        problems.add(path, "one plan drives all optimizers, on one clock", advice, code=REFUSED_VALUE)
        return
    by_name = bool(several) and isinstance(config, Mapping) and "type" not in config
    entries = located_entries(config, names if by_name else names[:1], path, problems)
    for name, many in entries.items():
        place = child_path(path, name) if by_name else path
        if [where for _, where in many] == [place] and is_plan(many[0][0], names=()):
            _check_plan(many[0][0], {"": wrappers[name]}, place, problems)
            continue
        built = [is_scheduler(entry) for entry, _ in many]
        if any(built) and several and not by_name:
            advice = f"Use {{{names[0]!r}: [scheduler], …}}, or dict(type=…)"
            problems.add(path, "a built scheduler belongs to one optimizer", advice, code=REFUSED_VALUE)
        elif any(built) and not all(built):
            found, advice = "built schedulers and dicts are mixed", "Use dicts only, or build all of them"
            problems.add(place, found, advice, code=REFUSED_VALUE)
        elif not any(built):
            _check_entries(many, wrappers[name], length, problems)


def _check_plan(
    config: Any, wrappers: Mapping[str, OptimWrapper | None], path: str, problems: ProblemCollector
) -> None:
    """Check a plan for all optimizers. Its lengths are resolved once the loader is known."""
    groups = {name or ALONE: one.optimizer.param_groups for name, one in wrappers.items() if one is not None}
    try:
        plan = plan_of(config, "Runner")
        if len(groups) < len(wrappers):
            return
        if list(wrappers) != [""]:
            check_names("Runner(optim_wrapper=…)", groups)
        for name, scope in scopes_of(plan, plan, groups).items():
            bind(plan, groups[name], scope)
    except (ConfigError, OSError) as error:
        report_error(error, path, problems)
    except InvalidArgument as error:
        problems.refuse(path, error)


def _check_entries(
    entries: Sequence[tuple[Any, str]],
    wrapper: OptimWrapper | None,
    length: RunLength,
    problems: ProblemCollector,
) -> None:
    """Build schedulers one after another for a copy of the groups of an optimizer."""
    groups, counts = [_UNKNOWN], 1
    if wrapper is not None:
        groups = by_value([{**group, "params": []} for group in wrapper.optimizer.param_groups])
        counts = wrapper._accumulative_counts
    with warnings.catch_warnings():  # the warnings are shown when the scheduler is built for the run
        warnings.simplefilter("ignore")
        copied = OptimWrapper(ValuesOnly(groups), counts)
        for entry, path in entries:
            is_dict = isinstance(entry, Mapping)
            quiet = {key: one for key, one in entry.items() if key != "verbose"} if is_dict else entry
            build_entry(quiet, path, copied, length, problems)


_UNKNOWN: Final = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0, "betas": (0.9, 0.999)}
"""Values in place of those of an optimizer with a problem."""


def plans_by_name(config: Any, names: Sequence[str]) -> dict[str, Plan]:
    """Return the plans of a config that has one for each optimizer, if one plan can replace them.

    The dict is empty if the config contains other schedulers or errors, or plans with several clocks, because a run
    counts only one amount.
    """
    by_name = config if isinstance(config, Mapping) and "type" not in config and set(config) <= set(names) else {}
    configs = {name: one for name, one in by_name.items() if one is not None}
    if not all(is_plan(one, names=()) for one in configs.values()):
        return {}
    plans: dict[str, Plan] = {}
    with suppress(ConfigError, InvalidArgument, OSError):
        plans = {name: plan_of(one, "Runner") for name, one in configs.items()}
    return plans if len({amount_clock(plan.clock) for plan in plans.values()}) == 1 else {}
