"""From configs of Keras to a plan."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched.config.dialects.keras.classes import CLASSES, PLATEAU, PLATEAU_ARGUMENTS, ROWS, keras_plateau
from paramsched.config.faults import HORIZON, ROOT, Faults, child_path, type_in_words
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.config.peer_arguments import (
    PeerArguments,
    ReadingNotes,
    arguments_with_defaults,
    base_of_lr,
    is_plain_number,
)
from paramsched.errors import InvalidArgument
from paramsched.near_names import did_you_mean
from paramsched.plan import Plan
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user

_KNOWN: Final = (*CLASSES, PLATEAU)
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
    found: dict[str, Any] = {field: given.get(name) for field, name in named.items()}
    numbers = {field: float(value) for field, value in found.items() if is_plain_number(value)}
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
        notes.faults.add(ROOT, found, instead)
    followed = [_followed(part, path, notes) for part, path in parts]
    notes.faults.raise_any("config")
    horizon = data.get("horizon")
    try:
        plan = Plan(lr=followed[0], horizon=horizon)
    except InvalidArgument as refusal:
        notes.faults.refuse(ROOT if horizon is None else HORIZON, refusal)
        notes.faults.raise_any("config")
        raise
    for caution in notes.cautions:
        warn_user(caution)
    return plan


def _followed(data: Any, path: str, notes: ReadingNotes) -> Any:
    """The schedule or the rule that stands at a path; None where a fault was noted."""
    given = _entry_of_keras(data, path, notes)
    if given is None:
        return None
    try:
        return keras_plateau(given) if given.name == PLATEAU else ROWS[given.name](given)
    except InvalidArgument as refusal:
        notes.faults.refuse(given.path, refusal)
        return None


def _parts_of_config(data: Any, path: str, *, wanted: bool = False) -> Iterator[tuple[Any, str]]:
    """Each schedule and callback in the data, with its path; where one is wanted also what is none."""
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
    """The class of Keras that data names; None where it is none of those that schedule."""
    return next((one for one in _words_for_class(data) if one in _KNOWN), None)


def _words_for_class(data: Mapping[str, Any]) -> list[str]:
    """What may be the name of a class: behind a key for it, else each key."""
    named = [str(data[key]) for key in _NAMES if isinstance(data.get(key), str)]
    return [one.rpartition(".")[2] for one in named or map(str, data)]


def _entry_of_keras(data: Mapping[str, Any], path: str, notes: ReadingNotes) -> PeerArguments | None:
    """The class that stands at a path, with its arguments."""
    name = _keras_class_in(data)
    if name is None:
        words = _words_for_class(data)
        found = f"Keras has no schedule {words[0]}; {did_you_mean(words[0], _KNOWN)}" if words else "it names no class"
        notes.faults.add(path, found, _EXAMPLE)
        return None
    defaults = PLATEAU_ARGUMENTS if name == PLATEAU else CLASSES[name]
    key = "config" if "config" in data else next((key for key in data if str(key).rpartition(".")[2] == name), None)
    if key is not None:
        return arguments_with_defaults(name, data[key], child_path(path, key), defaults, notes, _BESIDE)
    given = {key: value for key, value in data.items() if key not in _NAMES}
    return arguments_with_defaults(name, given, path, defaults, notes, _BESIDE)


def _optimizer_config(data: Any) -> Mapping[str, Any]:
    """The config of the optimizer that stands in the data; nothing where there is none."""
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    return next((one for one in (_optimizer_config(data.get(key)) for key in _INNER) if one), {})
