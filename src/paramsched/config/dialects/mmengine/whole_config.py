"""What a whole config says around its schedulers: where they stand, and whether anything steps them."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched._fault_codes import NOTHING_PLANNED
from paramsched.config.dialects.mmengine.config_values import bare_class_name, refuse_unread
from paramsched.config.dialects.mmengine.table import class_names, row_of_class
from paramsched.config.dialects.mmengine.unknown_class import probably_meant
from paramsched.config.faults import ROOT, Faults, entry_path
from paramsched.config.schedule_text import user_class

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
    name = bare_class_name(first.get("type")) if isinstance(first, Mapping) else None
    if name is not None and isinstance(first, Mapping) and user_class(first.get("type")) is not None:
        return True
    return name is not None and (row_of_class(name) is not None or probably_meant(name, class_names()) is not None)


def has_scheduler(schedulers: Any) -> bool:
    """Whether there is a scheduler in it: None, [] and dict(net=[]) have none."""
    if isinstance(schedulers, Mapping) and "type" not in schedulers:
        return any(has_scheduler(theirs) or not isinstance(theirs, (list, tuple)) for theirs in schedulers.values())
    return schedulers is not None and schedulers != [] and schedulers != ()


def refuse_nothing(whole: Mapping[str, Any], faults: Faults) -> None:
    """A config that schedules nothing has no plan, which is another thing than a plan that is missing."""
    if "param_scheduler" in whole:
        faults.add(
            SCHEDULERS_PATH,
            f"{whole['param_scheduler']!r} schedules nothing: there is no plan, every value stays as it is",
            "Write dict(type='ConstantLR', factor=1) for a plan that holds lr",
            code=NOTHING_PLANNED,
        )
        return
    near = probably_meant("param_scheduler", whole)
    found = "it has no param_scheduler" + (f'; did you mean it by "{near}"?' if near else "")
    old = "; lr_config is how mmcv 1 said it" if "lr_config" in whole else ""
    faults.add(ROOT, found + old, f"{EXAMPLE} as param_scheduler", code=NOTHING_PLANNED)


def check_hook(whole: Mapping[str, Any], schedulers: Any, faults: Faults) -> None:
    """Only MMEngine's own hook makes the ticks of its schedulers; others set values by themselves."""
    hooks = whole.get("default_hooks")
    if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
        return
    path, hook = entry_path("default_hooks", "param_scheduler"), hooks["param_scheduler"]
    refuse_unread(hook, path, faults)
    if hook is None and has_scheduler(schedulers):
        faults.add(
            path,
            "None: nothing makes the ticks, and every value stays at its first",
            "Leave it out, or write param_scheduler = None",
        )
    name = bare_class_name(hook.get("type")) if isinstance(hook, Mapping) else None
    if name is not None and name != "ParamSchedulerHook":
        faults.add(
            path,
            f"{name} is a hook that sets values itself, and only running it says which",
            'Write what it does as a native plan, lr: warmup("3 epochs") >> linear(1, 0.01), say',
        )
