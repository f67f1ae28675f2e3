"""All checks of what a Runner is given, in order; every fault at once, each with its path."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from paramsched.config.faults import Faults, entry_path
from paramsched.errors import Fault
from paramsched.runner._checks.entries import looking_at
from paramsched.runner._checks.hooks import check_hooks
from paramsched.runner._checks.loaders import check_sides
from paramsched.runner._checks.model_and_places import check_model, check_places, check_what_goes_together
from paramsched.runner._checks.optimizers import OptimizerModels, check_optimizers
from paramsched.runner._checks.schedulers import check_schedulers
from paramsched.runner._checks.training import check_amounts, check_auto_scale, check_randomness, check_train_cfg
from paramsched.runner._checks.unreadable import without_unreadable

_CHECKS: Final[tuple[tuple[str, Callable[[Mapping[str, Any], Faults], None]], ...]] = (
    (entry_path("model"), check_model),
    ("", check_places),
    ("", check_what_goes_together),
    ("", check_sides),
    (entry_path("train_cfg"), check_train_cfg),
    (entry_path("auto_scale_lr"), check_auto_scale),
    (entry_path("randomness"), check_randomness),
    (entry_path("amount_of"), check_amounts),
    (entry_path("custom_hooks"), check_hooks),
)
"""What looks, and the argument that is at fault where looking itself fails."""


def check_settings(given: Mapping[str, Any], known: Iterable[Fault] = ()) -> None:
    """Refuse what cannot be trained with.

    Args:
        given: the arguments of a Runner by name.
        known: faults that were found before.

    Raises:
        ConfigError: every fault.
    """
    faults = Faults()
    for fault in known:
        faults.add(fault.path, fault.found, fault.instead)
    given = {name: without_unreadable(value, entry_path(name), faults) for name, value in given.items()}
    for path, check in _CHECKS:
        with looking_at(path, faults):
            check(given, faults)
    models: OptimizerModels = {}
    with looking_at(entry_path("optim_wrapper"), faults):
        models = check_optimizers(given["optim_wrapper"], given["model"], faults)
    with looking_at(entry_path("param_scheduler"), faults):
        check_schedulers(given, models, faults)
    faults.raise_any("Runner")
