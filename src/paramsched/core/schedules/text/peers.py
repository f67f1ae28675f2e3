"""The names of other libraries' schedulers, and where a user of one finds the same values.

Nothing is translated: a class with a drop-in is answered with its import line, every name with the page of its library.
"""

from collections.abc import Mapping
from typing import Final

_PAGES: Final[Mapping[str, tuple[bool, str]]] = {
    "torch": (
        True,
        "LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR SequentialLR PolynomialLR "
        "CosineAnnealingLR ChainedScheduler ReduceLROnPlateau CyclicLR OneCycleLR CosineAnnealingWarmRestarts",
    ),
    "pytorch_accelerated": (True, "CosineLrScheduler"),
    "gradual_warmup": (True, "GradualWarmupScheduler"),
    "megatron": (True, "OptimizerParamScheduler"),
    "transformers": (
        False,
        "get_constant_schedule get_constant_schedule_with_warmup get_cosine_schedule_with_warmup "
        "get_cosine_with_hard_restarts_schedule_with_warmup get_cosine_with_min_lr_schedule_with_warmup "
        "get_inverse_sqrt_schedule get_linear_schedule_with_warmup get_polynomial_decay_schedule_with_warmup "
        "get_reduce_on_plateau_schedule get_scheduler get_wsd_schedule",
    ),
    "timm": (
        False,
        "CosineLRScheduler MultiStepLRScheduler PlateauLRScheduler PolyLRScheduler StepLRScheduler TanhLRScheduler "
        "create_scheduler create_scheduler_v2",
    ),
}
"""A dict from the page of a library to whether it has drop-ins, and the names."""

_RATE_FINDERS: Final = frozenset({"lr_find", "lr_finder", "LRFinder", "LearningRateFinder"})
NAMES_OF_PAGES: Final = {page: tuple(names.split()) for page, (_, names) in _PAGES.items()}
_OF_NAME: Final = {name: page for page, names in NAMES_OF_PAGES.items() for name in names}


def answer_to_name(name: str) -> str | None:
    """Return what to write for a scheduler of another library; None for every other name.

    >>> print(answer_to_name("StepLR"))
    StepLR is a class of torch: from paramsched.compat.torch import StepLR, or see the page "Coming from torch"
    >>> print(answer_to_name("get_wsd_schedule"))
    get_wsd_schedule is a name of transformers: see the page "Coming from transformers"
    """
    if name in _RATE_FINDERS:
        return f"{name} is ps.find_lr here"
    if (page := _OF_NAME.get(name)) is None:
        return None
    see = f'see the page "Coming from {page}"'
    if not _PAGES[page][0]:
        return f"{name} is a name of {page}: {see}"
    return f"{name} is a class of {page}: from paramsched.compat.{page} import {name}, or {see}"
