"""What stands in the data: the constructor of a schedule and its arguments, however they are written."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched.config.faults import child_path, type_in_words
from paramsched.config.peer_arguments import REQUIRED, PeerArguments, ReadingNotes, arguments_with_defaults
from paramsched.near_names import did_you_mean

CONSTRUCTORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "constant_schedule": {"value": REQUIRED},
    "linear_schedule": {
        "init_value": REQUIRED, "end_value": REQUIRED, "transition_steps": REQUIRED, "transition_begin": 0,
    },
    "polynomial_schedule": {
        "init_value": REQUIRED, "end_value": REQUIRED, "power": REQUIRED, "transition_steps": REQUIRED,
        "transition_begin": 0,
    },
    "exponential_decay": {
        "init_value": REQUIRED, "transition_steps": REQUIRED, "decay_rate": REQUIRED, "transition_begin": 0,
        "staircase": False, "end_value": None,
    },
    "cosine_decay_schedule": {"init_value": REQUIRED, "decay_steps": REQUIRED, "alpha": 0.0, "exponent": 1.0},
    "piecewise_constant_schedule": {"init_value": REQUIRED, "boundaries_and_scales": None},
    "piecewise_interpolate_schedule": {
        "interpolate_type": REQUIRED, "init_value": REQUIRED, "boundaries_and_scales": None,
    },
    "linear_onecycle_schedule": {
        "transition_steps": REQUIRED, "peak_value": REQUIRED, "pct_start": 0.3, "pct_final": 0.85, "div_factor": 25.0,
        "final_div_factor": 1e4,
    },
    "cosine_onecycle_schedule": {
        "transition_steps": REQUIRED, "peak_value": REQUIRED, "pct_start": 0.3, "div_factor": 25.0,
        "final_div_factor": 1e4,
    },
    "warmup_constant_schedule": {"init_value": REQUIRED, "peak_value": REQUIRED, "warmup_steps": REQUIRED},
    "warmup_cosine_decay_schedule": {
        "init_value": REQUIRED, "peak_value": REQUIRED, "warmup_steps": REQUIRED, "decay_steps": REQUIRED,
        "end_value": 0.0, "exponent": 1.0,
    },
    "warmup_exponential_decay_schedule": {
        "init_value": REQUIRED, "peak_value": REQUIRED, "warmup_steps": REQUIRED, "transition_steps": REQUIRED,
        "decay_rate": REQUIRED, "transition_begin": 0, "staircase": False, "end_value": None,
    },
    "sgdr_schedule": {"cosine_kwargs": REQUIRED},
    "join_schedules": {"schedules": REQUIRED, "boundaries": REQUIRED},
}  # fmt: skip
"""The schedules, their arguments in order, and what optax takes where one is missing."""

PLATEAU: Final = "reduce_on_plateau"
PLATEAU_ARGUMENTS: Final[Mapping[str, Any]] = {
    "factor": 0.1, "patience": 10, "rtol": 1e-4, "atol": 0.0, "cooldown": 0, "accumulation_size": 1, "min_scale": 0.0,
}  # fmt: skip

_NAME_KEYS: Final = (
    "_target_", "schedule", "schedule_type", "class_name", "class_path", "target", "func", "type", "name",
)  # fmt: skip
"""The keys that name a constructor: Hydra's, and what people write."""

_ARGUMENT_KEYS: Final = ("kwargs", "params", "parameters", "init_args", "config")
_POSITIONAL: Final = "_args_"
_BESIDE: Final = ("_partial_", "_convert_", "_recursive_", "horizon", "monitor")
_EXAMPLE: Final = 'Write {"_target_": "optax.cosine_decay_schedule", "init_value": 0.001, "decay_steps": 10000}'


def optax_name_in(data: Any) -> str | None:
    """The constructor of optax's that data names; None where it names none."""
    if not isinstance(data, Mapping):
        return None
    word = _word_in(data)
    if word is not None:
        return _known_constructor(word)
    return _known_constructor(str(next(iter(data)))) if len(data) == 1 else None


def is_named_in_full(data: Mapping[str, Any]) -> bool:
    """Whether data names a constructor as optax does, and no other library would."""
    word = _word_in(data) or str(next(iter(data)))
    return word.startswith("optax.") or word in CONSTRUCTORS or word == PLATEAU


def _word_in(data: Mapping[str, Any]) -> str | None:
    """What stands where a name belongs."""
    return next((str(data[key]) for key in _NAME_KEYS if isinstance(data.get(key), str)), None)


def _known_constructor(word: str) -> str | None:
    """A name with or without its module, and without `_schedule` where nothing else is called so."""
    last = word.rpartition(".")[2]
    return next((one for one in (last, f"{last}_schedule") if one in CONSTRUCTORS or one == PLATEAU), None)


def read_optax_entry(data: Any, path: str, notes: ReadingNotes) -> PeerArguments | None:
    """The constructor that stands at a path, with its arguments; None, and a fault, where there is none."""
    name = optax_name_in(data)
    if name is None:
        notes.faults.add(path, _why_no_schedule(data), _EXAMPLE)
        return None
    given, where = _given_arguments(data, path)
    defaults = PLATEAU_ARGUMENTS if name == PLATEAU else CONSTRUCTORS[name]
    if isinstance(given, Mapping) and _POSITIONAL in given:
        given = _with_names(given, name, list(defaults), child_path(where, _POSITIONAL), notes)
    return arguments_with_defaults(name, given, where, defaults, notes, _BESIDE)


def _why_no_schedule(data: Any) -> str:
    word = _word_in(data) if isinstance(data, Mapping) else None
    if word is None:
        return "it names no schedule of optax" if isinstance(data, Mapping) else f"{type_in_words(data)}, no schedule"
    return f"optax has no schedule {word}; {did_you_mean(word.rpartition('.')[2], CONSTRUCTORS)}"


def _given_arguments(data: Mapping[str, Any], path: str) -> tuple[Any, str]:
    """The arguments beside a name, and where they stand."""
    if _word_in(data) is None:
        ((key, inner),) = data.items()
        return ({} if inner is None else inner), child_path(path, key)
    for key in _ARGUMENT_KEYS:
        if key in data:
            return ({} if data[key] is None else data[key]), child_path(path, key)
    named = next(key for key in _NAME_KEYS if isinstance(data.get(key), str))
    return {key: value for key, value in data.items() if key != named}, path


def _with_names(
    given: Mapping[str, Any], name: str, parameters: list[str], path: str, notes: ReadingNotes
) -> dict[str, Any]:
    """The arguments with those by position under their names."""
    positional = given[_POSITIONAL]
    named = {key: value for key, value in given.items() if key != _POSITIONAL}
    if not isinstance(positional, (list, tuple)) or len(positional) > len(parameters):
        notes.faults.add(path, f"{name} takes {len(parameters)} arguments", f"Write {parameters[0]}: 0.001")
        return named
    return {**dict(zip(parameters, positional, strict=False)), **named}


# ---- what holds schedules: an optimizer, a chain, a section of a config

FIELDS: Final[Mapping[str, str]] = {
    "learning_rate": "lr",
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "b1": "betas[0]",
    "b2": "betas[1]",
    "eps": "eps",
}
"""Arguments of optax's optimizers, and the fields of a group that are theirs."""

_HOLDERS: Final = ("optimizer", "tx", "schedule", "scheduler", "lr_schedule", "learning_rate_schedule", *_ARGUMENT_KEYS)


def scheduled_parts(data: Any, path: str, field: str = "lr") -> Iterator[tuple[str, Any, str]]:
    """Each schedule in the data with its field and its path; the rule of a plateau has the field "plateau"."""
    if isinstance(data, (list, tuple)):
        for index, one in enumerate(data):
            yield from scheduled_parts(one, child_path(path, index), field)
    name = optax_name_in(data)
    if not isinstance(data, Mapping):
        return
    if name is not None:
        yield ("plateau" if name == PLATEAU else field), data, path
        return
    for key, value in data.items():
        if _known_constructor(str(key)) and isinstance(value, Mapping):
            yield ("plateau" if key == PLATEAU else field), {key: value}, path
        elif isinstance(value, (Mapping, list, tuple)) and (key in FIELDS or key in (*_HOLDERS, _POSITIONAL)):
            yield from scheduled_parts(value, child_path(path, key), FIELDS.get(str(key), field))


def optimizer_in(data: Any) -> Mapping[str, Any]:
    """The arguments of the optimizer that stands in the data; nothing where there is none."""
    if not isinstance(data, Mapping):
        return {}
    if "learning_rate" in data:
        return data
    inner = (optimizer_in(data[key]) for key in _HOLDERS if isinstance(data.get(key), Mapping))
    return next((one for one in inner if one), {})
