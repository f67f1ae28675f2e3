"""The schedulers of transformers that follow a metric: their arguments, and their plans."""

from collections.abc import Iterator
from typing import Final

from paramsched.config.dialects.transformers.run_arguments import RunArguments
from paramsched.feedback import greedy, plateau
from paramsched.feedback.base import Mode, ThresholdMode
from paramsched.schedules import Schedule, absolute, constant

_COMMON: Final = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps")

PLATEAU: Final = _COMMON
"""The arguments of torch's `ReduceLROnPlateau`."""

GREEDY: Final = (*_COMMON, "warmup", "max_lr", "verbose", "smooth", "window_size", "reset_start")
"""The arguments of `GreedyLR`."""


def reduce_on_plateau(run: RunArguments) -> Iterator[Schedule]:
    """torch's plateau, whose floor and smallest change are values."""
    own = run.keywords
    least, change = own.number("min_lr", 0.0, least=0), own.number("eps", 1e-8, least=0)
    if run.lr is None and change and own.given("eps"):
        _ask_for_rate(run, "a plateau's eps is a value")
    # Both are multiples of one rate, or the floor is the value that it is: a smallest change hangs on both.
    relative = run.lr is not None and change > 0
    base = run.lr or 1.0
    yield constant() * plateau(
        run.metric,
        _mode(run),
        factor=own.number("factor", 0.1, above=0),
        patience=own.count("patience", 10),
        threshold=own.number("threshold", 1e-4, least=0),
        threshold_mode=_threshold_mode(run, "rel"),
        cooldown=own.count("cooldown", 0),
        min=least / base if relative else absolute(least) if least else 0.0,
        eps=change / base if relative else 0.0,
    )


def raise_or_reduce(run: RunArguments) -> Iterator[Schedule]:
    """GreedyLR, whose bounds and smallest change are values."""
    own = run.keywords
    if run.lr is None:
        _ask_for_rate(run, "the bounds of greedy are values")
    base = run.lr or 1.0
    window = own.count("window_size", 50, least=1)
    yield constant() * greedy(
        run.metric,
        _mode(run),
        factor=own.number("factor", 0.95, above=0),
        patience=own.count("patience", 10),
        threshold=own.number("threshold", 1e-6, least=0),
        threshold_mode=_threshold_mode(run, "abs"),
        cooldown=own.count("cooldown", 0),
        warmup=own.count("warmup", 0),
        min=own.number("min_lr", 1e-3, least=0) / base,
        max=own.number("max_lr", 1.0, above=0) / base,
        eps=own.number("eps", 1e-8, least=0) / base,
        window=window if own.flag("smooth") else 1,
        reset=max(own.count("reset_start", 500), 1),
    )


def _mode(run: RunArguments) -> Mode:
    return "max" if run.keywords.choice("mode", "min", ("min", "max")) == "max" else "min"


def _threshold_mode(run: RunArguments, default: ThresholdMode) -> ThresholdMode:
    return "abs" if run.keywords.choice("threshold_mode", default, ("rel", "abs")) == "abs" else "rel"


def _ask_for_rate(run: RunArguments, why: str) -> None:
    run.keywords.faults.add("$.learning_rate", f"it is missing, and {why}", "Write learning_rate: 5e-5")
