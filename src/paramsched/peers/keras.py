"""The dialect of Keras: the config of a `LearningRateSchedule`, an optimizer, or `ReduceLROnPlateau`.

- A schedule is `{"class_name": "CosineDecay", "config": {…}}`, the output of `keras.optimizers.schedules.serialize`, or
  `{"CosineDecay": {…}}`.
- An optimizer is `{"class_name": "Adam", "config": {"learning_rate": {…}, …}}`, the output of
  `keras.optimizers.serialize`.
- `{"ReduceLROnPlateau": {"monitor": "val_loss", …}}` becomes a rule that observes the metric once per epoch.
- The values of a schedule of Keras become absolute values in the plan.

Source: Keras 3.15.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Literal

from paramsched.base.codes import UNKNOWN_NAME, WRONG_TYPE
from paramsched.base.diagnostic import HORIZON, ROOT, child_path
from paramsched.base.near_names import did_you_mean
from paramsched.base.user_warnings import warn_user
from paramsched.config.arguments import (
    ReadEntry,
    ReadingNotes,
    WrongValue,
    argument,
    argument_table,
    base_of_lr,
    is_plain_number,
    numbers_by_field,
    product_as_written,
    read_entry,
    rest_as_written,
    table_named,
    to_level,
)
from paramsched.config.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.config.known_dialects import BaseLike
from paramsched.feedback import plateau
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
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

_HIGHER_IS_BETTER: Final = (
    "accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
    "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "auc", "precision", "recall", "f1_score",
    "fbeta_score", "r2_score", "cosine_similarity", "concordance_correlation", "pearson_correlation", "binary_io_u",
    "mean_io_u", "one_hot_mean_io_u", "precision_at_recall", "recall_at_precision", "sensitivity_at_specificity",
    "specificity_at_sensitivity",
)  # fmt: skip
_LOWER_IS_BETTER: Final = (
    "loss", "mean_squared_error", "mse", "mean_absolute_error", "mae", "root_mean_squared_error",
    "mean_absolute_percentage_error", "mape", "mean_squared_logarithmic_error", "msle", "logcosh", "poisson",
    "kl_divergence", "hinge", "squared_hinge", "categorical_hinge", "binary_crossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)  # fmt: skip
"""Names of Keras's metrics, by the direction of improvement."""


_TABLES: Final[dict[str, Any]] = {}
"""A dict from the name of each class of Keras to the table of its arguments."""


@argument_table
class _Decay:
    initial_learning_rate: float = argument(example=0.1)
    decay_steps: float = argument(above=0, example=1000)

    @property
    def period(self) -> Duration:
        return Duration.of_updates(Fraction(repr(self.decay_steps)))


@table_named(_TABLES, "ExponentialDecay")
class _ExponentialDecay(_Decay):
    decay_rate: float = argument(above=0, example=0.9)
    staircase: bool = argument(False)

    def schedule(self, entry: ReadEntry) -> Schedule:
        shape = step(self.period, self.decay_rate) if self.staircase else exponential(self.decay_rate, self.period)
        return entry.notes.scaled(self.initial_learning_rate, shape)


@table_named(_TABLES, "InverseTimeDecay")
class _InverseTimeDecay(_Decay):
    decay_rate: float = argument(low=0, example=0.5)
    staircase: bool = argument(False)

    def schedule(self, entry: ReadEntry) -> Schedule:
        if self.staircase and not self.decay_steps.is_integer():
            entry.refuse("decay_steps", "a staircase requires an integer number of updates", "Write decay_steps: 1000")
        if self.decay_rate == 0:
            return constant(entry.notes.level(self.initial_learning_rate))
        shape = inverse_time(self.decay_rate, self.period)
        return entry.notes.scaled(self.initial_learning_rate, every(shape, self.period) if self.staircase else shape)


@table_named(_TABLES, "PolynomialDecay")
class _PolynomialDecay:
    initial_learning_rate: float = argument(example=0.1)
    decay_steps: int = argument(low=1, example=1000)
    end_learning_rate: float = argument(1e-4)
    power: float = argument(1.0, low=0)
    cycle: bool = argument(False)

    def schedule(self, entry: ReadEntry) -> Schedule:
        start, to = (entry.notes.level(one) for one in (self.initial_learning_rate, self.end_learning_rate))
        if self.power == 0:
            return constant(start)
        if self.cycle:
            return polynomial_cycle(self.decay_steps, self.power, start, to)
        return polynomial(self.power, start, to, self.decay_steps)


def _numbers(value: Any) -> tuple[float, ...]:
    """Return a list of numbers, which may have the form of a tuple serialized by Keras."""
    found = value.get("items") if isinstance(value, Mapping) and value.get("class_name") == "__tuple__" else value
    if isinstance(found, (list, tuple)) and all(map(is_plain_number, found)):
        return tuple(map(float, found))
    raise WrongValue(f"expected a list of numbers, got {short_json(found)}")


@table_named(_TABLES, "PiecewiseConstantDecay")
class _PiecewiseConstantDecay:
    boundaries: tuple[float, ...] = argument(parse=_numbers, example=(1000, 2000))
    values: tuple[float, ...] = argument(parse=_numbers, example=(0.1, 0.01, 0.001))

    def schedule(self, entry: ReadEntry) -> Schedule:
        """Return a schedule in which each value applies up to and including the update of its boundary."""
        times, values = self.boundaries, self.values
        if not times or len(values) != len(times) + 1 or any(b < a for a, b in pairwise(times)):
            found = f"expected one boundary less than values, got {len(times)} boundaries and {len(values)} values"
            if times and len(values) == len(times) + 1:
                found = "expected boundaries in ascending order"
            instead = "Write boundaries: [1000, 2000], values: [0.1, 0.01, 0.001]"
            entry.refuse("boundaries", found, instead, "values")
            return constant()
        points = {0: values[0]}
        for time, value in zip(times, values[1:], strict=True):
            points[max(int(time) + 1, 0)] = value
        return piecewise(tuple((time, entry.notes.level(value)) for time, value in points.items()))


@table_named(_TABLES, "CosineDecay")
class _CosineDecay:
    initial_learning_rate: float = argument(example=0.1)
    decay_steps: int = argument(low=1, example=1000)
    alpha: float = argument(0.0)
    warmup_target: float | None = argument(None, example=0.1)
    warmup_steps: int = argument(0, low=0)

    def schedule(self, entry: ReadEntry) -> Schedule:
        """Return a cosine, after a linear warmup if `warmup_target` is specified."""
        level, first, peak = entry.notes.level, self.initial_learning_rate, self.warmup_target
        if peak is None and self.warmup_steps:
            entry.notes.cautions.append(f"{entry.path}.warmup_steps: without a warmup_target Keras has no warmup")
        top = first if peak is None else peak
        decay = cosine(level(top), level(product_as_written(top, self.alpha)), self.decay_steps)
        if peak is None or not self.warmup_steps:
            return decay
        return anneal(level(first), level(peak), self.warmup_steps) >> decay


@table_named(_TABLES, "CosineDecayRestarts")
class _CosineDecayRestarts:
    initial_learning_rate: float = argument(example=0.1)
    first_decay_steps: int = argument(low=1, example=1000)
    t_mul: float = argument(2.0, low=1)
    m_mul: float = argument(1.0, above=0)
    alpha: float = argument(0.0)

    def schedule(self, entry: ReadEntry) -> Schedule:
        """Return cosine cycles above a constant floor, with a peak that each cycle multiplies by `m_mul`."""
        first, share, notes = self.initial_learning_rate, self.alpha, entry.notes
        steps, mult, gamma = self.first_decay_steps, self.t_mul, self.m_mul
        if gamma == 1:
            return notes.scaled(first, cosine_restarts(steps, mult, share, lengths="exact"))
        height = product_as_written(first, rest_as_written(share))
        cycles = notes.scaled(height, cosine_restarts(steps, mult, gamma=gamma, lengths="exact"))
        return cycles + constant(notes.level(product_as_written(first, share))) if share else cycles


def _metric(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise WrongValue(f"expected the name of a metric, got {short_json(value)}")
    return value


@table_named(_TABLES, "ReduceLROnPlateau")
class _ReduceLROnPlateau:
    monitor: str = argument("val_loss", parse=_metric)
    factor: float = argument(0.1, above=0)
    patience: int = argument(10, low=0)
    mode: Literal["auto", "min", "max"] = argument("auto")
    min_delta: float = argument(1e-4)
    cooldown: int = argument(0, low=0)
    min_lr: float = argument(0.0, low=0)

    def schedule(self, entry: ReadEntry) -> Plateau:
        """Return the metric rule.

        Keras reduces lr, and ends a cooldown, one observation earlier than `plateau`, so `patience` and
        `cooldown` of the rule are 1 less.
        """
        metric = self.monitor.removeprefix("val_")
        rises = self.mode == "max" or (self.mode == "auto" and metric in _HIGHER_IS_BETTER)
        if self.mode == "auto" and not rises and metric not in _LOWER_IS_BETTER:
            found = f"the direction of the metric {metric} is unknown, so mode: auto is ambiguous"
            entry.refuse("mode", found, "Write mode: max")
        return plateau(
            self.monitor,
            "max" if rises else "min",
            factor=self.factor,
            patience=max(self.patience - 1, 0),
            threshold=abs(self.min_delta),
            threshold_mode="abs",
            cooldown=max(self.cooldown - 1, 0),
            min=to_level(self.min_lr),
        )


_NAMES: Final = ("class_name", "_target_")
_INNER: Final = ("compile_config", "optimizer", "config", "callbacks", "learning_rate")
"""Keys that may contain a schedule: in a compiled model, in an optimizer, or a list of callbacks."""

_BESIDE: Final = ("name", "dtype", "verbose", "horizon")
_EXAMPLE: Final = 'Write {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 1000}}'


def recognizes(data: Any) -> bool:
    """Return whether data looks like a schedule of Keras, or an optimizer or a callback with a schedule."""
    return any(_keras_class_in(part) for part, _ in _parts_of_config(data, ROOT))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the numbers in the config of the optimizer as bases."""
    arguments = _optimizer_config(data)
    named = {"lr": "learning_rate", "weight_decay": "weight_decay", "momentum": "momentum", "eps": "epsilon"}
    numbers = numbers_by_field(arguments, **named)
    betas = (arguments.get("beta_1"), arguments.get("beta_2"))
    if all(map(is_plain_number, betas)):
        return Bases(({**numbers, "betas": betas},), "optimizer")
    return Bases((numbers,), "optimizer") if numbers else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # Keras counts updates
    base: BaseLike | None = None,
) -> Plan:
    """Return the plan with the values of Keras's schedule.

    Args:
        data: the config of a schedule, of an optimizer, or of `ReduceLROnPlateau`; an entry `horizon` is optional.
        calendar: not used.
        base: the base of lr. If specified, levels are multiples of it, else absolute values.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> print(to_plan({"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 1000, "alpha": 0.01}}))
    lr: cosine(absolute(0.1), absolute(0.001), 1000)
    """
    notes = ReadingNotes(DiagnosticCollector(), base=base_of_lr(base))
    parts = list(_parts_of_config(data, ROOT))
    if len(parts) != 1:
        kind = "a mapping that names none" if isinstance(data, Mapping) else type_name_of(data)
        found, instead = f"expected a schedule of Keras, got {kind}", _EXAMPLE
        if parts:
            found, instead = "Keras accepts either one schedule or one ReduceLROnPlateau", "Keep one"
        notes.diagnostics.add(ROOT, found, instead, code=WRONG_TYPE)
    followed = [_followed(part, path, notes) for part, path in parts]
    notes.diagnostics.raise_any("config")
    horizon = data.get("horizon")
    with notes.diagnostics.reported_at(ROOT if horizon is None else HORIZON):
        plan = Plan(lr=followed[0], horizon=horizon)
    for warning in notes.cautions:
        warn_user(warning)
    return plan


def _followed(data: Mapping[str, Any], path: str, notes: ReadingNotes) -> Any:
    """Read a config as a schedule or a metric rule; if it has an error, report it and return None."""
    name = _keras_class_in(data)
    if name is None:
        names = _class_names_in(data)
        package, _, bare = names[0].rpartition(">") if names else ("", "", "")
        if package and package != "keras":
            found = f"{bare} is a class of the package {package}, not of Keras"
            instead = "Write its schedule as a native plan: lr: warmup(100) >> exponential(0.99)"
        else:
            found = (
                f"unknown schedule {names[0]} of Keras; {did_you_mean(names[0], _TABLES)}"
                if names
                else "the name of the class is missing"
            )
            instead = _EXAMPLE
        notes.diagnostics.add(path, found, instead, code=UNKNOWN_NAME)
        return None
    key = "config" if "config" in data else next((key for key in data if str(key).rpartition(".")[2] == name), None)
    arguments, path = (data, path) if key is None else (data[key], child_path(path, key))
    beside = (*_BESIDE, *_NAMES) if key is None else _BESIDE
    entry = read_entry(name, _TABLES[name], arguments, path, notes, beside)
    return None if entry is None else entry.schedule()


def _parts_of_config(data: Any, path: str, *, wanted: bool = False) -> Iterator[tuple[Any, str]]:
    """Yield pairs (config, path) for each schedule and callback inside `data`.

    If `wanted`, a schedule is expected here, so `data` is yielded even if it names no known class.
    """
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
    """Return the name of the schedule or callback class in `data`, or None if `data` names no known class."""
    return next((one for one in _class_names_in(data) if one in _TABLES), None)


def _class_names_in(data: Mapping[str, Any]) -> list[str]:
    """Return the possible class names: the values of `class_name` and `_target_`, or all keys if both are missing."""
    named = [str(data[key]) for key in _NAMES if isinstance(data.get(key), str)]
    # Modules are removed; a registered class, `package>Class`, keeps its package.
    return [one if ">" in one else one.rpartition(".")[2] for one in named or map(str, data)]


def _optimizer_config(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    return next((one for one in (_optimizer_config(data.get(key)) for key in _INNER) if one), {})
