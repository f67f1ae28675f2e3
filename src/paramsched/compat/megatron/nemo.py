"""Configs of NeMo Automodel and Megatron-Bridge, with the arguments of Megatron's scheduler one level down."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.compat.codes import OUTSIDE_PLAN
from paramsched.core.base.codes import MISSING_FACT, NOT_IN_SCRIPT
from paramsched.core.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.core.base.user_warnings import warn_user
from paramsched.core.files.arguments import is_count, is_plain_number
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.time import Calendar
from paramsched.errors import MissingFact

Options = dict[str, tuple[Any, str]]
"""A dict from the name of an argument of Megatron to the pair (value, config path)."""

_BRIDGE: Final = ("train", "scheduler", "optimizer")
_DECIDED: Final = ("optimizer.lr", "optimizer.min_lr", "scheduler.lr_decay_style", "scheduler.lr_warmup_iters")
"""Arguments that a recipe of Megatron-Bridge sets; its configs only override them."""

_AUTOMODEL: Final = {
    "step_scheduler": {"max_steps": "train_iters"},
    "optimizer": {"lr": "lr", "weight_decay": "weight_decay"},
    "lr_scheduler": {
        "lr_decay_style": "lr_decay_style", "lr_decay_steps": "lr_decay_iters", "lr_warmup_steps": "lr_warmup_iters",
        "init_lr": "lr_warmup_init", "min_lr": "min_lr", "max_lr": "lr", "wsd_decay_steps": "lr_wsd_decay_iters",
        "lr_wsd_decay_style": "lr_wsd_decay_style", "start_wd": "start_weight_decay", "end_wd": "end_weight_decay",
        "wd_incr_style": "weight_decay_incr_style",
    },
}  # fmt: skip
"""The arguments of each section of Automodel, and Megatron's names for them."""


def nested_options(data: Any) -> Options | None:
    """Return the arguments in a config of Automodel (36044ad3) or Megatron-Bridge (067f987d); None for another one."""
    sections = {key: one for key, one in data.items() if isinstance(one, Mapping)} if isinstance(data, Mapping) else {}
    found: Options = {}
    if is_automodel(sections):
        names: Mapping[str, Mapping[str, str]] = _AUTOMODEL
    elif {*_BRIDGE[:2]} <= sections.keys() and any(str(key).startswith("lr_") for key in sections["scheduler"]):
        names = {key: {one: one for one in sections.get(key, ())} for key in _BRIDGE}
    else:
        return None
    for section, of_section in names.items():
        for key, name in of_section.items():
            if (value := sections.get(section, {}).get(key)) is not None:
                found[name] = value, child_path(ROOT, section, key)
    return found


def is_automodel(data: Mapping[str, Any]) -> bool:
    """Return whether data is a config of Automodel with a scheduler of Megatron."""
    scheduler, steps = data.get("lr_scheduler"), data.get("step_scheduler")
    return isinstance(scheduler, Mapping) and isinstance(steps, Mapping)


def complete_options(data: Any, options: Options, calendar: Calendar | None, diagnostics: DiagnosticCollector) -> None:
    """Add the defaults of Automodel to its options, and report what Megatron-Bridge leaves to a recipe."""
    if not is_automodel(data):
        for one in (one for one in _DECIDED if one.rpartition(".")[2] not in options):
            found = "Megatron-Bridge: it is missing, so that a recipe sets it"
            diagnostics.add(child_path(ROOT, *one.split(".")), found, "Use its value", code=MISSING_FACT)
        if "max_steps" in options:
            found = "Megatron-Bridge: the schedule is that of another length"
            diagnostics.add(options["max_steps"][1], found, "Use lr_decay_iters", code=OUTSIDE_PLAN)
        return
    if "_target_" in data["lr_scheduler"] or not is_plain_number(options.get("lr", (None, ""))[0]):
        found = "Automodel: expected the arguments of its scheduler, and a number for lr of the optimizer"
        diagnostics.add(
            child_path(ROOT, "lr_scheduler"), found, "For example: optimizer: {lr: 1e-5}", code=OUTSIDE_PLAN
        )
        return
    epochs, (steps, _) = data["step_scheduler"].get("num_epochs", 10), options.get("train_iters", (None, ""))
    place = child_path(ROOT, "step_scheduler", "num_epochs")
    length = None if calendar is None else calendar.updates_per_epoch
    if length is not None and is_count(epochs, 1):
        options["train_iters"] = min(epochs * length, steps) if is_count(steps, 1) else epochs * length, place
    elif steps is None:
        found = "Automodel: the length of the run is unknown"
        raise MissingFact(place, found, fact="steps_per_epoch", example="100")
    elif epochs is not None:
        found = f"Automodel: the run may end earlier, after {epochs} epochs; pass the updates of an epoch"
        warn_user(Diagnostic(place, found, code=NOT_IN_SCRIPT))
    total, rate = options["train_iters"][0], options["lr"][0]
    path = child_path(ROOT, "lr_scheduler")
    defaults = {"lr_decay_style": "cosine", "lr_warmup_init": rate * 0.1, "min_lr": rate * 0.01}
    defaults |= {"lr_warmup_iters": min(1000, int(total) // 10)} if is_count(total) else {}
    options |= {name: (value, path) for name, value in defaults.items() if name not in options}
