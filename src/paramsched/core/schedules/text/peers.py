"""The names of other libraries' schedulers, and where a user of one finds the same values.

Nothing is translated: a class with a drop-in is answered with its import line, every name with the page of its library.
A name of two libraries is answered for both.
"""

from typing import Final, NamedTuple, final


@final
class _Library(NamedTuple):
    """A library: its name in the title of its page, the door of its drop-ins or None, and its names."""

    title: str
    door: str | None
    names: str


_LIBRARIES: Final = (
    _Library(
        "torch",
        "compat.torch",
        "LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR SequentialLR PolynomialLR "
        "CosineAnnealingLR ChainedScheduler ReduceLROnPlateau CyclicLR OneCycleLR CosineAnnealingWarmRestarts",
    ),
    _Library(
        "MMEngine",
        "mmengine",
        "StepLR MultiStepLR ConstantLR LinearLR ExponentialLR CosineAnnealingLR CosineRestartLR OneCycleLR PolyLR "
        "ReduceOnPlateauLR",
    ),
    _Library("pytorch-accelerated", "compat.pytorch_accelerated", "CosineLrScheduler"),
    _Library("GradualWarmupScheduler", "compat.gradual_warmup", "GradualWarmupScheduler"),
    _Library("Megatron-LM", "compat.megatron", "OptimizerParamScheduler"),
    _Library(
        "Hugging Face",
        None,
        "get_constant_schedule get_constant_schedule_with_warmup get_cosine_schedule_with_warmup "
        "get_cosine_with_hard_restarts_schedule_with_warmup get_cosine_with_min_lr_schedule_with_warmup "
        "get_inverse_sqrt_schedule get_linear_schedule_with_warmup get_polynomial_decay_schedule_with_warmup "
        "get_reduce_on_plateau_schedule get_scheduler get_wsd_schedule",
    ),
    _Library(
        "timm",
        None,
        "CosineLRScheduler MultiStepLRScheduler PlateauLRScheduler PolyLRScheduler StepLRScheduler TanhLRScheduler "
        "create_scheduler create_scheduler_v2",
    ),
)
NAMES_OF_LIBRARIES: Final = {one.title: tuple(one.names.split()) for one in _LIBRARIES}
_RATE_FINDERS: Final = frozenset({"lr_find", "lr_finder", "LRFinder", "LearningRateFinder"})


def answer_to_name(name: str) -> str | None:
    """Return what to write for a scheduler of another library; None for every other name.

    >>> print(answer_to_name("CyclicLR"))
    CyclicLR is a name of torch: from paramsched.compat.torch import CyclicLR, or see the page "Coming from torch"
    >>> print(answer_to_name("get_wsd_schedule"))
    get_wsd_schedule is a name of Hugging Face: see the page "Coming from Hugging Face"
    """
    if name in _RATE_FINDERS:
        return f"{name} is ps.find_lr here"
    found = [one for one in _LIBRARIES if name in NAMES_OF_LIBRARIES[one.title]]
    if not found:
        return None
    ways = [f"from paramsched.{one.door} import {name}" for one in found if one.door is not None]
    ways.append("see the page " + " or ".join(f'"Coming from {one.title}"' for one in found))
    return f"{name} is a name of {' and of '.join(one.title for one in found)}: {', or '.join(ways)}"
