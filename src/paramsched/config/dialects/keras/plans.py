"""From configs of Keras to a plan: a class of its own schedules, with its arguments, is a row."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from paramsched._fault_codes import UNKNOWN_NAME, WRONG_TYPE
from paramsched.config.faults import HORIZON, ROOT, Faults, child_path, short_json, type_in_words
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.config.peer_arguments import (
    REQUIRED,
    PeerArguments,
    ReadingNotes,
    arguments_with_defaults,
    base_of_lr,
    is_plain_number,
    level_of_value,
    numbers_by_field,
    product_as_written,
    rest_as_written,
)
from paramsched.errors import InvalidArgument
from paramsched.feedback import plateau
from paramsched.feedback.plateau import Plateau
from paramsched.near_names import did_you_mean
from paramsched.plan import Plan
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
from paramsched.time import Calendar, Duration
from paramsched.user_warnings import warn_user

_RATE: Final = "initial_learning_rate"
_DECAY: Final = {_RATE: REQUIRED, "decay_steps": REQUIRED}

_PLATEAU: Final = "ReduceLROnPlateau"
_PLATEAU_ARGUMENTS: Final[Mapping[str, Any]] = {
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
        given.refuse(name, f"{short_json(found)} is no list of numbers", f"Write {name}: [1000, 2000]", code=WRONG_TYPE)
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


_ROWS: Final[Mapping[str, tuple[Callable[[PeerArguments], Schedule], Mapping[str, Any]]]] = {
    "ExponentialDecay": (_decay_of_keras, {**_DECAY, "decay_rate": REQUIRED, "staircase": False}),
    "InverseTimeDecay": (_inverse_time, {**_DECAY, "decay_rate": REQUIRED, "staircase": False}),
    "PolynomialDecay": (_decay_by_power, {**_DECAY, "end_learning_rate": 1e-4, "power": 1.0, "cycle": False}),
    "PiecewiseConstantDecay": (_held_between_boundaries, {"boundaries": REQUIRED, "values": REQUIRED}),
    "CosineDecay": (_cosine_decay, {**_DECAY, "alpha": 0.0, "warmup_target": None, "warmup_steps": 0}),
    "CosineDecayRestarts": (
        _cosine_restarts,
        {_RATE: REQUIRED, "first_decay_steps": REQUIRED, "t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0},
    ),
}
"""The schedules, their arguments, and what Keras takes where one is missing."""


def _keras_plateau(given: PeerArguments) -> Plateau:
    """The rule of `ReduceLROnPlateau`, which reduces at value number `patience`, and counts the last of a cooldown."""
    monitor: Any = given.given["monitor"]
    if not isinstance(monitor, str) or not monitor:
        given.refuse(
            "monitor", f"{short_json(monitor)} is no name of a metric", "Write monitor: val_loss", code=WRONG_TYPE
        )
        monitor = "val_loss"
    mode = given.choice("mode", ("auto", "min", "max"))
    metric = monitor.removeprefix("val_")
    rises = mode == "max" or (mode == "auto" and metric in _METRICS_THAT_RISE)
    if mode == "auto" and not rises and metric not in _METRICS_THAT_FALL:
        given.refuse("mode", f"auto, and Keras asks the metric {metric} which way is better", "Write mode: max")
    return plateau(
        monitor,
        "max" if rises else "min",
        factor=given.number("factor", above=0),
        patience=max(given.count("patience", 0) - 1, 0),
        threshold=abs(given.number("min_delta")),
        threshold_mode="abs",
        cooldown=max(given.count("cooldown", 0) - 1, 0),
        min=level_of_value(given.number("min_lr", 0)),
    )


_KNOWN: Final = (*_ROWS, _PLATEAU)
_NAMES: Final = ("class_name", "_target_")
_INNER: Final = ("compile_config", "optimizer", "config", "callbacks", "learning_rate")
"""What a schedule may stand in: the config of a compiled model, of an optimizer; a list of callbacks."""

_BESIDE: Final = ("name", "dtype", "verbose", "horizon")
_EXAMPLE: Final = 'Write {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 1000}}'


def recognizes(data: Any) -> bool:
    """Whether data looks like a schedule of Keras, or an optimizer or a callback with one."""
    return any(_keras_class_in(part) for part, _ in _parts_of_config(data, ROOT))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """The numbers in the config of the optimizer."""
    given = _optimizer_config(data)
    named = {"lr": "learning_rate", "weight_decay": "weight_decay", "momentum": "momentum", "eps": "epsilon"}
    numbers = numbers_by_field(given, **named)
    betas = (given.get("beta_1"), given.get("beta_2"))
    if all(map(is_plain_number, betas)):
        return Bases(({**numbers, "betas": betas},), "optimizer")
    return Bases((numbers,), "optimizer") if numbers else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # Keras counts updates
    base: BaseLike | None = None,
) -> Plan:
    """The plan that gives what Keras gives.

    Args:
        data: the config of a schedule, of an optimizer, or of `ReduceLROnPlateau`; `horizon` may stand beside it.
        calendar: is not needed.
        base: lr's own value; levels are then multiples of it, and else values as they stand.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> print(to_plan({"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 1000, "alpha": 0.01}}))
    lr: cosine(absolute(0.1), absolute(0.001), 1000)
    """
    notes = ReadingNotes(Faults(), base=base_of_lr(base))
    parts = list(_parts_of_config(data, ROOT))
    if len(parts) != 1:
        found = type_in_words(data) if not isinstance(data, Mapping) else "it names no schedule of Keras"
        instead = _EXAMPLE
        if parts:
            found, instead = "Keras takes no ReduceLROnPlateau beside a schedule, nor two of them", "Keep one"
        notes.faults.add(ROOT, found, instead, code=WRONG_TYPE)
    followed = [_followed(part, path, notes) for part, path in parts]
    notes.faults.raise_any("config")
    horizon = data.get("horizon")
    with notes.faults.told_at(ROOT if horizon is None else HORIZON):
        plan = Plan(lr=followed[0], horizon=horizon)
    for caution in notes.cautions:
        warn_user(caution)
    return plan


def _followed(data: Any, path: str, notes: ReadingNotes) -> Any:
    """A schedule or a rule; None where a fault was noted."""
    given = _entry_of_keras(data, path, notes)
    if given is None:
        return None
    try:
        return _keras_plateau(given) if given.name == _PLATEAU else _ROWS[given.name][0](given)
    except InvalidArgument as refusal:
        notes.faults.refuse(given.path, refusal)
        return None


def _parts_of_config(data: Any, path: str, *, wanted: bool = False) -> Iterator[tuple[Any, str]]:
    """Each schedule and callback with its path; where one is wanted also what is none."""
    if isinstance(data, (list, tuple)):
        for index, one in enumerate(data):
            yield from _parts_of_config(one, child_path(path, index))
    if not isinstance(data, Mapping):
        return
    if wanted or _keras_class_in(data) is not None:
        yield data, path
        return
    for key in _INNER:
        if key in data:
            yield from _parts_of_config(data[key], child_path(path, key), wanted=key == "learning_rate")


def _keras_class_in(data: Mapping[str, Any]) -> str | None:
    """The class that data names, of those that schedule."""
    return next((one for one in _words_for_class(data) if one in _KNOWN), None)


def _words_for_class(data: Mapping[str, Any]) -> list[str]:
    """What may name a class: behind a key for it, else each key."""
    named = [str(data[key]) for key in _NAMES if isinstance(data.get(key), str)]
    return [_bare_class(one) for one in named or map(str, data)]


def _bare_class(name: str) -> str:
    """The name of a class without its module; a package's registered class, `package>Class`, keeps its package."""
    return name if ">" in name else name.rpartition(".")[2]


def _entry_of_keras(data: Mapping[str, Any], path: str, notes: ReadingNotes) -> PeerArguments | None:
    """The class at a path, with its arguments."""
    name = _keras_class_in(data)
    if name is None:
        words = _words_for_class(data)
        package, _, bare = words[0].rpartition(">") if words else ("", "", "")
        if package and package != "keras":
            found = f"{bare} is a class of the package {package}, not of Keras"
            notes.faults.add(
                path,
                found,
                "Write what it does as a native plan: lr: warmup(100) >> exponential(0.99)",
                code=UNKNOWN_NAME,
            )
            return None
        found = f"Keras has no schedule {words[0]}; {did_you_mean(words[0], _KNOWN)}" if words else "it names no class"
        notes.faults.add(path, found, _EXAMPLE, code=UNKNOWN_NAME)
        return None
    defaults = _PLATEAU_ARGUMENTS if name == _PLATEAU else _ROWS[name][1]
    key = "config" if "config" in data else next((key for key in data if str(key).rpartition(".")[2] == name), None)
    if key is not None:
        return arguments_with_defaults(name, data[key], child_path(path, key), defaults, notes, _BESIDE)
    given = {key: value for key, value in data.items() if key not in _NAMES}
    return arguments_with_defaults(name, given, path, defaults, notes, _BESIDE)


def _optimizer_config(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    return next((one for one in (_optimizer_config(data.get(key)) for key in _INNER) if one), {})
