"""Check the argument `param_scheduler` by building its schedulers for copies of the groups."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

from paramsched.compat.group_values import by_value
from paramsched.core.base.codes import REFUSED_VALUE
from paramsched.core.files.problem_collector import ProblemCollector
from paramsched.core.plan import bind
from paramsched.core.plan.forms import plan_of
from paramsched.core.plan.optimizers import ALONE, check_names, scopes_of
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.mmengine.building import report_error
from paramsched.mmengine.runner._param_schedulers import is_plan
from paramsched.mmengine.schedulers import OptimWrapper
from paramsched.mmengine.schedulers.build import RunLength, build_lists
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
    plans = config.values() if several and isinstance(config, Mapping) and "type" not in config else ()
    if any(is_plan(one, names=()) for one in plans):
        advice = f"Use one plan with groups: {{{names[0]}: {{lr: …}}, …}}"
        problems.add(path, "one plan drives all optimizers, on one clock", advice, code=REFUSED_VALUE)
        return
    with warnings.catch_warnings():  # the warnings are shown when the schedulers are built for the run
        warnings.simplefilter("ignore")
        copies = {name: _copy_of(wrapper) for name, wrapper in wrappers.items()}
        build_lists(config, copies, length, path, problems, ["verbose"])


def _copy_of(wrapper: OptimWrapper | None) -> OptimWrapper:
    """Return a wrapper without parameters, whose groups are copies."""
    if wrapper is None:
        return OptimWrapper(ValuesOnly([_UNKNOWN]))
    groups = by_value([{**group, "params": []} for group in wrapper.optimizer.param_groups])
    return OptimWrapper(ValuesOnly(groups), wrapper._accumulative_counts)


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


_UNKNOWN: Final = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0, "betas": (0.9, 0.999)}
"""Values in place of those of an optimizer with a problem."""
