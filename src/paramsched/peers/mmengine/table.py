"""The table of MMEngine's schedulers, and what is said of classes and places that a config has and it has not.

One table for the config dialect and for the drop-in classes. Facts: MMEngine 0.10.7.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Final

from paramsched.base.codes import NOTHING_PLANNED, REFUSED_VALUE, UNREADABLE
from paramsched.base.diagnostic import ROOT, entry_path
from paramsched.config.diagnostic_collector import DiagnosticCollector
from paramsched.config.schedule_text import user_class
from paramsched.peers.mmengine.config_run import bare_class_name, refuse_unread
from paramsched.peers.mmengine.row import CONVERTED, Arguments
from paramsched.peers.mmengine.row import INF as INF
from paramsched.peers.mmengine.row import SchedulerRow as SchedulerRow
from paramsched.peers.mmengine.rows import SCHEDULER_ROWS as SCHEDULER_ROWS

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries go on looking in MMEngine's: `mmcls.LinearLR` is its `LinearLR`."""

FAMILIES: Final = {"ParamScheduler": None, "LR": "lr", "Momentum": "momentum"}
"""What the classes of a row end with, and the field each family schedules; None is an argument, `param_name`."""

_WORDS_OF_FAMILIES = {"ParamScheduler": "the value", "LR": "the learning rate", "Momentum": "the momentum"}


def row_of_class(name: str) -> tuple[SchedulerRow, str] | None:
    """The row and the family of a class by its name; None where MMEngine has no such class."""
    for ending, field in FAMILIES.items():
        row = SCHEDULER_ROWS.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if row is not None and (row.only_field is None or field in (None, row.only_field)):
            return row, ending
    return None


def class_names() -> list[str]:
    """The names of the 29 classes."""
    return [name + ending for name in SCHEDULER_ROWS for ending in FAMILIES if row_of_class(name + ending)]


def meaning_of_class(row: SchedulerRow, family: str) -> str:
    """What a class does, as a sentence.

    >>> meaning_of_class(*row_of_class("StepLR"))
    'Multiply the learning rate by `gamma` every `step_size` ticks, counted from `begin`.'
    """
    sentence = row.meaning.format(it=_WORDS_OF_FAMILIES[family])
    return f"{sentence[0].upper()}{sentence[1:]}."


def arguments_in_iterations(counted: Iterable[str], given: Arguments, epoch_length: int) -> dict[str, Any]:
    """Arguments in epochs as arguments in iterations: what `build_iter_from_epoch` and `convert_to_iter_based` do.

    Args:
        counted: the arguments that count epochs, begin and end aside.
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


def argument_cautions(row: SchedulerRow, arguments: Arguments, *, converted_from_epochs: bool = False) -> Iterator[str]:
    """What is legal and hardly meant, with cause and cure: rows 3, 10 and 35 of `docs/compat/divergences.md`."""
    yield from row.cautions(arguments, converted_from_epochs=converted_from_epochs)
    if arguments.get(CONVERTED, False):
        return
    for name in row.counted:
        values = arguments[name] if isinstance(arguments[name], (list, tuple, Counter)) else [arguments[name]]
        if any(isinstance(one, float) and not one.is_integer() for one in values):
            yield f"{name}={arguments[name]!r}: expected an integer, because it counts ticks"


_OF_MMAGIC: Final = {
    "LinearLrInterval": (
        "from begin on it gives lr values between start_factor and end_factor, which are no multiples of lr",
        "Import mmagic.engine.schedulers before (on the command line: --import mmagic.engine.schedulers), or write a "
        "native plan, lr: window(linear(absolute(0.0002), absolute(0)), 40000)",
    ),
    "ReduceLR": (
        "it reduces lr when the metric of a hook of mmagic's has stopped improving",
        "Write type='ReduceOnPlateauLR', which acts on the metric of a validation, or a native plan, "
        'lr: plateau("loss", factor=0.5, patience=5)',
    ),
}
"""Classes that configs of mmagic use: what each does, and what to write."""


def fault_of_unknown_class(site: str, scope: str, name: str) -> tuple[str, str, tuple[str, str] | None]:
    """What was found, what to write instead, and what is to be changed into what where one class can be meant.

    Args:
        scope: the package before the name, "" for none.
    """
    near = probably_meant(name, class_names())
    if near is not None and not scope:
        return (
            f'unknown scheduler "{site}"; did you mean "{near}"?',
            f"Write type='{near}'",
            (name, near),
        )
    if name in _OF_MMAGIC and scope in ("", "mmagic"):
        what, instead = _OF_MMAGIC[name]
        return f'"{site}" is a class of mmagic, and it is not imported: {what}', instead, None
    found = f'unknown scheduler "{site}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{site}" is a class of the package {scope}, which is not installed'
    register = f"PARAM_SCHEDULERS.register_module(module={name}), which is in paramsched.compat.mmengine"
    return found, f"Import its module before (on the command line: --import the.module), or call {register}", None


def probably_meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that is so near that it was probably meant; None where none is."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return close[0] if close else None


SCHEDULERS_PATH: Final = entry_path("param_scheduler")
EXAMPLE: Final = "Write dict(type='MultiStepLR', milestones=[8, 11])"

_PARTS = (
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
    """Whether data looks like a config of MMEngine."""
    return isinstance(data, Mapping) and any(part in data for part in ("param_scheduler", "optim_wrapper"))


def find_schedulers(data: Any) -> tuple[str, Any, Mapping[str, Any]]:
    """Where the schedulers stand, the schedulers, and the config around them."""
    if isinstance(data, Mapping) and "type" not in data:
        whole = any(part in data for part in _PARTS)
        if whole or not any(_is_like_schedulers(value) for value in data.values()):
            return SCHEDULERS_PATH, data.get("param_scheduler"), data
    return ROOT, data, {}


def _is_like_schedulers(value: Any) -> bool:
    """Whether it may be what one of several optimizers follows."""
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    kind = first.get("type") if isinstance(first, Mapping) else None
    name = bare_class_name(kind)
    return name is not None and any((user_class(kind), row_of_class(name), probably_meant(name, class_names())))


def has_scheduler(schedulers: Any) -> bool:
    """Whether there is a scheduler in it: None, [] and dict(net=[]) have none."""
    if isinstance(schedulers, Mapping) and "type" not in schedulers:
        return any(has_scheduler(theirs) or not isinstance(theirs, (list, tuple)) for theirs in schedulers.values())
    return schedulers is not None and schedulers != [] and schedulers != ()


def refuse_nothing(whole: Mapping[str, Any], diagnostics: DiagnosticCollector) -> None:
    """A config that schedules nothing has no plan, which is another thing than a plan that is missing."""
    if "param_scheduler" in whole:
        diagnostics.add(
            SCHEDULERS_PATH,
            f"{whole['param_scheduler']!r} schedules nothing: there is no plan, every value stays as it is",
            "Write dict(type='ConstantLR', factor=1) for a plan that holds lr",
            code=NOTHING_PLANNED,
        )
        return
    near = probably_meant("param_scheduler", map(str, whole))
    found = "it has no param_scheduler" + (f'; did you mean it by "{near}"?' if near else "")
    old = "; lr_config is how mmcv 1 said it" if "lr_config" in whole else ""
    diagnostics.add(ROOT, found + old, f"{EXAMPLE} as param_scheduler", code=NOTHING_PLANNED)


def check_hook(whole: Mapping[str, Any], schedulers: Any, diagnostics: DiagnosticCollector) -> None:
    """Only MMEngine's own hook makes the ticks of its schedulers; others set values by themselves."""
    hooks = whole.get("default_hooks")
    if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
        return
    path, hook = entry_path("default_hooks", "param_scheduler"), hooks["param_scheduler"]
    refuse_unread(hook, path, diagnostics)
    if hook is None and has_scheduler(schedulers):
        diagnostics.add(
            path,
            "None: nothing makes the ticks, and every value stays at its first",
            "Leave it out, or write param_scheduler = None",
            code=REFUSED_VALUE,
        )
    name = bare_class_name(hook.get("type")) if isinstance(hook, Mapping) else None
    if name is not None and name != "ParamSchedulerHook":
        diagnostics.add(
            path,
            f"{name} is a hook that sets values itself, and only running it says which",
            'Write what it does as a native plan, lr: warmup("3 epochs") >> linear(1, 0.01), say',
            code=UNREADABLE,
        )
