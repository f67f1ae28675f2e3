"""The table of MMEngine's schedulers, and diagnostics for classes and config keys that are not in it.

The config dialect and the drop-in classes read the same table. Source: MMEngine 0.10.7.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Final

from paramsched.core.base.codes import NOTHING_PLANNED, REFUSED_VALUE, UNREADABLE
from paramsched.core.base.printing import ROOT, entry_path
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.mmengine.reader.config_run import bare_class_name
from paramsched.mmengine.reader.row import CONVERTED, Arguments
from paramsched.mmengine.reader.row import INF as INF
from paramsched.mmengine.reader.row import SchedulerRow as SchedulerRow
from paramsched.mmengine.reader.rows import SCHEDULER_ROWS as SCHEDULER_ROWS
from paramsched.mmengine.reader.user_classes import user_class

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries fall back to MMEngine's: `mmcls.LinearLR` is MMEngine's `LinearLR`."""

FAMILIES: Final = {"ParamScheduler": None, "LR": "lr", "Momentum": "momentum"}
"""From the suffix of a class, its family, to the field that it schedules; None if `param_name` specifies the field."""

_FAMILY_SUBJECTS = {"ParamScheduler": "the value", "LR": "the learning rate", "Momentum": "the momentum"}


def row_of_class(name: str) -> tuple[SchedulerRow, str] | None:
    """Return a class's row in the table and its family (the suffix of its name); None if MMEngine has no such class."""
    for ending, field in FAMILIES.items():
        row = SCHEDULER_ROWS.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if row is not None and (row.only_field is None or field in (None, row.only_field)):
            return row, ending
    return None


def class_names() -> list[str]:
    """Return the names of the classes."""
    return [name + ending for name in SCHEDULER_ROWS for ending in FAMILIES if row_of_class(name + ending)]


def meaning_of_class(row: SchedulerRow, family: str) -> str:
    """Return the description of a class as a sentence.

    >>> meaning_of_class(*row_of_class("StepLR"))
    'Multiply the learning rate by `gamma` every `step_size` steps, counted from `begin`.'
    """
    sentence = row.meaning.format(it=_FAMILY_SUBJECTS[family])
    return f"{sentence[0].upper()}{sentence[1:]}."


def arguments_in_iterations(counted: Iterable[str], given: Arguments, epoch_length: int) -> dict[str, Any]:
    """Convert arguments in epochs to iterations, as `build_iter_from_epoch` and `convert_to_iter_based` do.

    Args:
        counted: the names of the arguments besides `begin` and `end` that count epochs.
        arguments: the arguments.
        epoch_length: iterations per epoch.
    """
    out = dict(given)
    for name in ("begin", "end"):
        if name in out and out[name] != INF:
            out[name] = int(out[name] * epoch_length)
    for name in counted:
        value = out.get(name)
        if isinstance(value, (list, tuple)):
            out[name] = [one * epoch_length for one in value]
        elif value is not None:
            out[name] = value * epoch_length
    out["by_epoch"] = False
    return out


def argument_warnings(row: SchedulerRow, arguments: Arguments, *, converted_from_epochs: bool = False) -> Iterator[str]:
    """Yield warnings for arguments that are valid but probably a mistake.

    The mistakes are rows 3, 10 and 35 of `docs/reference/divergences.md`.
    """
    yield from row.warnings(arguments, converted_from_epochs=converted_from_epochs)
    if arguments.get(CONVERTED, False):
        return
    for name in ("begin", "end", *row.counted):
        values = arguments[name] if isinstance(arguments[name], (list, tuple, Counter)) else [arguments[name]]
        if any(isinstance(one, float) and not one.is_integer() for one in values):
            yield f"{name}={arguments[name]!r} is not an integer, although steps are; write integers"


def unknown_class_error(site: str, scope: str, name: str, given: Iterable[str]) -> tuple[str, str]:
    """Return the error for an unknown class, and the advice.

    A similar name is suggested only if its class accepts the arguments, because the config may have a class of its own.

    Args:
        site: the name as written.
        scope: the package in front of the name, "" for none.
        name: the name without the package.
        given: the names of the arguments.
    """
    near = probably_meant(name, class_names())
    if near is not None and not scope and _accepts(near, given):
        found = f'unknown scheduler "{site}"; did you mean "{near}"?'
        return found, ""
    found = f'unknown scheduler "{site}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{site}" is a class of the package {scope}, which is not installed'
    register = f"paramsched.mmengine.schedulers.PARAM_SCHEDULERS.register_module(module={name})"
    return found, f"Import its module first (on the command line: --import the.module), or call {register}"


def _accepts(name: str, given: Iterable[str]) -> bool:
    """Return whether MMEngine's class of this name has all these arguments."""
    found = row_of_class(name)
    assert found is not None
    row, family = found
    known = row.arguments.keys() | ({"param_name"} if FAMILIES[family] is None else set())
    return known >= {*given}


def probably_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar, or None if none is similar enough."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return close[0] if close else None


SCHEDULERS_PATH: Final = entry_path("param_scheduler")
EXAMPLE: Final = "For example: dict(type='MultiStepLR', milestones=[8, 11])"

_CONFIG_KEYS = (
    "param_scheduler",
    "train_cfg",
    "optim_wrapper",
    "default_hooks",
    "model",
    "train_dataloader",
    "default_scope",
    "lr_config",
)


def recognizes(data: Any) -> bool:
    """Return whether data looks like a config of MMEngine."""
    return isinstance(data, Mapping) and any(part in data for part in ("param_scheduler", "optim_wrapper"))


def find_schedulers(data: Any) -> tuple[str, Any, Mapping[str, Any]]:
    """Return the config path of the schedulers, the schedulers, and the config that contains them."""
    if isinstance(data, Mapping) and "type" not in data:
        is_config = any(part in data for part in _CONFIG_KEYS)
        if is_config or not any(_looks_like_schedulers(value) for value in data.values()):
            return SCHEDULERS_PATH, data.get("param_scheduler"), data
    return ROOT, data, {}


def _looks_like_schedulers(value: Any) -> bool:
    """Return whether a value may be the schedulers of one of several optimizers."""
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    kind = first.get("type") if isinstance(first, Mapping) else None
    name = bare_class_name(kind)
    return name is not None and any((user_class(kind), row_of_class(name), probably_meant(name, class_names())))


def has_scheduler(schedulers: Any) -> bool:
    """Return whether a value contains a scheduler; None, [] and dict(net=[]) do not."""
    if isinstance(schedulers, Mapping) and "type" not in schedulers:
        return any(has_scheduler(one) or not isinstance(one, (list, tuple)) for one in schedulers.values())
    return schedulers is not None and schedulers != [] and schedulers != ()


def report_missing_schedulers(config: Mapping[str, Any], diagnostics: DiagnosticCollector) -> None:
    """Report that a config has no plan; an empty `param_scheduler` and a missing one get different messages."""
    if "param_scheduler" in config:
        diagnostics.add(
            SCHEDULERS_PATH,
            f"{config['param_scheduler']!r} contains no scheduler, so there is no plan and every value stays constant",
            "For example: dict(type='ConstantLR', factor=1) for a plan with a constant lr",
            code=NOTHING_PLANNED,
        )
        return
    near = probably_meant("param_scheduler", map(str, config))
    found = "param_scheduler is missing from this config of MMEngine"
    found += f'; did you mean it by "{near}"?' if near else ""
    old = "; lr_config is the key of mmcv 1" if "lr_config" in config else ""
    diagnostics.add(ROOT, found + old, f"{EXAMPLE} as param_scheduler", code=NOTHING_PLANNED)


def check_hook(config: Mapping[str, Any], schedulers: Any, diagnostics: DiagnosticCollector) -> None:
    """Report a `param_scheduler` hook other than MMEngine's own: only that hook steps the schedulers."""
    hooks = config.get("default_hooks")
    if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
        return
    path, hook = entry_path("default_hooks", "param_scheduler"), hooks["param_scheduler"]
    if hook is None and has_scheduler(schedulers):
        diagnostics.add(
            path,
            "None: no hook steps the schedulers, so every value stays at its initial value",
            "Leave it out, or write param_scheduler = None",
            code=REFUSED_VALUE,
        )
    name = bare_class_name(hook.get("type")) if isinstance(hook, Mapping) else None
    if name is not None and name != "ParamSchedulerHook":
        diagnostics.add(
            path,
            f"{name} is a hook that sets values itself; they are unknown until it runs",
            'Use a native plan, lr: warmup("3 epochs") >> linear(1, 0.01)',
            code=UNREADABLE,
        )
