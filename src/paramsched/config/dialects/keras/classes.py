"""A class of Keras as a schedule or a rule of ours: its arguments, and a row for each."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from paramsched.config.faults import short_json
from paramsched.config.peer_arguments import (
    REQUIRED,
    PeerArguments,
    is_plain_number,
    product_as_written,
    rest_as_written,
)
from paramsched.feedback import plateau
from paramsched.feedback.plateau import Plateau
from paramsched.schedules import (
    Schedule,
    anneal,
    constant,
    cosine,
    cosine_restarts,
    every,
    exponential,
    inverse_time,
    piecewise,
    polynomial,
    polynomial_cycle,
    step,
)
from paramsched.schedules.affine import Absolute
from paramsched.time import Duration

_RATE: Final = "initial_learning_rate"
_DECAY: Final = {_RATE: REQUIRED, "decay_steps": REQUIRED}

CLASSES: Final[Mapping[str, Mapping[str, Any]]] = {
    "ExponentialDecay": {**_DECAY, "decay_rate": REQUIRED, "staircase": False},
    "InverseTimeDecay": {**_DECAY, "decay_rate": REQUIRED, "staircase": False},
    "PolynomialDecay": {**_DECAY, "end_learning_rate": 1e-4, "power": 1.0, "cycle": False},
    "PiecewiseConstantDecay": {"boundaries": REQUIRED, "values": REQUIRED},
    "CosineDecay": {**_DECAY, "alpha": 0.0, "warmup_target": None, "warmup_steps": 0},
    "CosineDecayRestarts": {_RATE: REQUIRED, "first_decay_steps": REQUIRED, "t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0},
}
"""The schedules, their arguments, and what Keras takes where one is missing."""

PLATEAU: Final = "ReduceLROnPlateau"
PLATEAU_ARGUMENTS: Final[Mapping[str, Any]] = {
    "monitor": "val_loss", "factor": 0.1, "patience": 10, "mode": "auto", "min_delta": 1e-4, "cooldown": 0,
    "min_lr": 0.0,
}  # fmt: skip

_METRICS_THAT_RISE: Final = (
    "accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
    "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "auc", "precision", "recall", "f1_score",
    "fbeta_score", "r2_score", "cosine_similarity", "concordance_correlation", "pearson_correlation", "binary_io_u",
    "mean_io_u", "one_hot_mean_io_u", "precision_at_recall", "recall_at_precision", "sensitivity_at_specificity",
    "specificity_at_sensitivity",
)  # fmt: skip
_METRICS_THAT_FALL: Final = (
    "loss", "mean_squared_error", "mse", "mean_absolute_error", "mae", "root_mean_squared_error",
    "mean_absolute_percentage_error", "mape", "mean_squared_logarithmic_error", "msle", "logcosh", "poisson",
    "kl_divergence", "hinge", "squared_hinge", "categorical_hinge", "binary_crossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)  # fmt: skip
"""Names that Keras gives its metrics: which way is better."""


def _decay_of_keras(given: PeerArguments) -> Schedule:
    rate, stairs, period = given.number("decay_rate", above=0), given.flag("staircase"), _steps_of_decay(given)
    return given.notes.scaled(given.number(_RATE), step(period, rate) if stairs else exponential(rate, period))


def _steps_of_decay(given: PeerArguments) -> Duration:
    return Duration.of_updates(Fraction(repr(given.number("decay_steps", above=0))))


def _inverse_time(given: PeerArguments) -> Schedule:
    rate, stairs = given.number("decay_rate", 0), given.flag("staircase")
    period = Duration.of(given.count("decay_steps", 1)) if stairs else _steps_of_decay(given)
    if rate == 0:
        return constant(given.level(_RATE))
    shape = inverse_time(rate, period)
    return given.notes.scaled(given.number(_RATE), every(shape, period) if stairs else shape)


def _decay_by_power(given: PeerArguments) -> Schedule:
    power, steps = given.number("power", 0), given.count("decay_steps", 1)
    start, to = given.level(_RATE), given.level("end_learning_rate")
    if power == 0:
        return constant(start)
    return polynomial_cycle(steps, power, start, to) if given.flag("cycle") else polynomial(power, start, to, steps)


def _held_between_boundaries(given: PeerArguments) -> Schedule:
    """A value for each step up to a boundary, that one included."""
    times, values = (_numbers_of(given, name) for name in ("boundaries", "values"))
    if times is None or values is None:
        return constant()
    if not times or len(values) != len(times) + 1 or any(b < a for a, b in pairwise(times)):
        found = f"{len(times)} boundaries in order for {len(values)} values"
        given.refuse("boundaries", found, "Write boundaries: [1000, 2000], values: [0.1, 0.01, 0.001]")
        return constant()
    points = {0: values[0]}
    for time, value in zip(times, values[1:], strict=True):
        points[max(int(time) + 1, 0)] = value
    return piecewise(tuple((time, given.notes.level(value)) for time, value in points.items()))


def _numbers_of(given: PeerArguments, name: str) -> list[float] | None:
    """A list of numbers, also as Keras writes a tuple."""
    found: Any = given.given[name]
    if isinstance(found, Mapping) and found.get("class_name") == "__tuple__":
        found = found.get("items")
    if isinstance(found, (list, tuple)) and all(map(is_plain_number, found)):
        return [float(one) for one in found]
    if found is not REQUIRED:
        given.refuse(name, f"{short_json(found)} is no list of numbers", f"Write {name}: [1000, 2000]")
    return None


def _cosine_decay(given: PeerArguments) -> Schedule:
    """A cosine, and before it a line where there is something to warm up to."""
    first, share, notes = given.number(_RATE), given.number("alpha"), given.notes
    steps, warm = given.count("decay_steps", 1), given.count("warmup_steps", 0)
    if given.given["warmup_target"] is None:
        if warm:
            notes.cautions.append(f"{given.path}.warmup_steps: without a warmup_target Keras has no warmup")
        return cosine(notes.level(first), notes.level(product_as_written(first, share)), steps)
    peak = given.number("warmup_target")
    fall = cosine(notes.level(peak), notes.level(product_as_written(peak, share)), steps)
    return anneal(notes.level(first), notes.level(peak), warm) >> fall if warm else fall


def _cosine_restarts(given: PeerArguments) -> Schedule:
    """Cycles whose peak shrinks and whose floor does not."""
    first, share, notes = given.number(_RATE), given.number("alpha"), given.notes
    steps, mult, gamma = given.count("first_decay_steps", 1), given.number("t_mul", 1), given.number("m_mul", above=0)
    if gamma == 1:
        return notes.scaled(first, cosine_restarts(steps, mult, share, lengths="exact"))
    cycles = notes.scaled(
        product_as_written(first, rest_as_written(share)), cosine_restarts(steps, mult, gamma=gamma, lengths="exact")
    )
    return cycles + constant(notes.level(product_as_written(first, share))) if share else cycles


ROWS: Final[Mapping[str, Callable[[PeerArguments], Schedule]]] = {
    "ExponentialDecay": _decay_of_keras,
    "InverseTimeDecay": _inverse_time,
    "PolynomialDecay": _decay_by_power,
    "PiecewiseConstantDecay": _held_between_boundaries,
    "CosineDecay": _cosine_decay,
    "CosineDecayRestarts": _cosine_restarts,
}


def keras_plateau(given: PeerArguments) -> Plateau:
    """The rule of `ReduceLROnPlateau`, which reduces at value number `patience`, and counts the last of a cooldown."""
    monitor: Any = given.given["monitor"]
    if not isinstance(monitor, str) or not monitor:
        given.refuse("monitor", f"{short_json(monitor)} is no name of a metric", "Write monitor: val_loss")
        monitor = "val_loss"
    mode = given.choice("mode", ("auto", "min", "max"))
    metric = monitor.removeprefix("val_")
    rises = mode == "max" or (mode == "auto" and metric in _METRICS_THAT_RISE)
    if mode == "auto" and not rises and metric not in _METRICS_THAT_FALL:
        given.refuse("mode", f"auto, and Keras asks the metric {metric} which way is better", "Write mode: max")
    least = given.number("min_lr", 0)
    return plateau(
        monitor,
        "max" if rises else "min",
        factor=given.number("factor", above=0),
        patience=max(given.count("patience", 0) - 1, 0),
        threshold=abs(given.number("min_delta")),
        threshold_mode="abs",
        cooldown=max(given.count("cooldown", 0) - 1, 0),
        min=Absolute(least) if least else 0.0,
    )
