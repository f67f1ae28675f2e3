"""The arguments of Megatron-LM that schedule something, read from a command line, and written for a plan."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from paramsched import curves
from paramsched._fault_codes import (
    MISSING_FACT,
    REFUSED_VALUE,
    SAID_TWICE,
    UNKNOWN_FIELD,
    UNREADABLE,
    WRONG_TYPE,
)
from paramsched.config.command_lines import named_options
from paramsched.config.faults import ROOT, Faults, short_json
from paramsched.config.peer_arguments import is_plain_number
from paramsched.curves import Curve
from paramsched.near_names import did_you_mean

DEFAULTS: Final[Mapping[str, Any]] = {
    "lr": None,
    "min_lr": 0.0,
    "lr_decay_style": "linear",
    "lr_wsd_decay_style": "exponential",
    "lr_decay_iters": None,
    "lr_decay_samples": None,
    "lr_wsd_decay_iters": None,
    "lr_wsd_decay_samples": None,
    "lr_warmup_fraction": None,
    "lr_warmup_iters": 0,
    "lr_warmup_samples": 0,
    "lr_warmup_init": 0.0,
    "train_iters": None,
    "train_samples": None,
    "weight_decay": 0.01,
    "start_weight_decay": None,
    "end_weight_decay": None,
    "weight_decay_incr_style": "constant",
    "global_batch_size": None,
    "rampup_batch_size": None,
}
"""The arguments, and what Megatron takes where one is missing."""

CURVES: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "exponential": curves.exponential(0.5),
    "minus_sqrt": curves.one_minus_sqrt,
}
"""The curves of a descent; Megatron's exponential is 2 * 0.5 ** u - 1."""

_INCREASES: Final = ("constant", "linear", "cosine")
_NUMBERS: Final = (
    "lr", "min_lr", "lr_warmup_fraction", "lr_warmup_init", "weight_decay", "start_weight_decay", "end_weight_decay",
)  # fmt: skip
_STYLES: Final[Mapping[str, Collection[str]]] = {
    "lr_decay_style": (*_INCREASES, "inverse-square-root", "WSD"),
    "lr_wsd_decay_style": tuple(CURVES),
    "weight_decay_incr_style": _INCREASES,
}
_SCHEDULED: Final = ("lr_", "min_lr", "weight_decay_", "start_weight", "end_weight", "rampup", "global_batch")
"""How the names of arguments begin that would schedule something."""

_REFUSED: Final = ("decoupled_lr", "decoupled_min_lr")


def checked_arguments(data: Any, faults: Faults) -> dict[str, Any]:
    """All arguments; what is wrong with them is noted."""
    if not isinstance(data, (Mapping, list, tuple)):
        faults.refuse_kind(ROOT, data, "arguments", 'Write ["--lr-decay-style", "cosine"]')
        return dict(DEFAULTS)
    given, places = dict(DEFAULTS), dict.fromkeys(DEFAULTS, ROOT)
    for name, (value, path) in named_options(data).items():
        if name in _REFUSED:
            if value is not None:
                instead = "Write a native plan, with a line for the groups of the embedding and the output layer"
                faults.add(path, "it gives some groups another rate", instead, code=UNREADABLE)
        elif name == "global_batch_size" and str(value).startswith("$"):
            continue  # a script computes it: it is asked for where the plan needs it
        elif name in DEFAULTS:
            given[name], places[name] = value, path
        elif name.startswith(_SCHEDULED):
            faults.add(path, f"no such argument; {did_you_mean(name, DEFAULTS)}", at_key=True, code=UNKNOWN_FIELD)
    _check_values(given, places, faults)
    if not faults.count:
        _check_together(given, places, faults)
    return given


def _check_values(given: dict[str, Any], places: Mapping[str, str], faults: Faults) -> None:
    """Types and ranges; numbers may stand as words."""
    for name, value in given.items():
        if name in _STYLES:
            if value not in _STYLES[name]:
                faults.refuse_word(places[name], value, _STYLES[name], "no such style; ")
        elif name == "rampup_batch_size":
            given[name] = _three_counts(value, places[name], faults)
        elif value is not None or (DEFAULTS[name] is not None):
            given[name] = _checked_number(name, value, places[name], faults)


def _checked_number(name: str, value: Any, path: str, faults: Faults) -> Any:
    number = _number_in(value)
    if number is None or number < 0 or (name not in _NUMBERS and number != int(number)):
        kind = "number" if name in _NUMBERS else "whole number"
        faults.add(path, f"{short_json(value)} is no {kind} from 0 on", f"Write {name}: 1", code=WRONG_TYPE)
        return 1
    if name == "lr_warmup_fraction" and number > 1:
        faults.add(
            path, f"{short_json(value)} is no share of the decay", "Write lr_warmup_fraction: 0.01", code=REFUSED_VALUE
        )
    return number if name in _NUMBERS else int(number)


def _number_in(value: Any) -> float | None:
    """A number, also from a word."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if is_plain_number(value) else None


def _three_counts(value: Any, path: str, faults: Faults) -> list[int] | None:
    if value is None:
        return None
    words = value.split() if isinstance(value, str) else value
    counts = [_number_in(one) for one in words] if isinstance(words, (list, tuple)) else []
    if len(counts) != 3 or any(one is None or one != int(one) or one < 0 for one in counts) or 0 in counts[:2]:
        found = f"{short_json(value)} is no start, increment and samples"
        faults.add(path, found, "Write rampup_batch_size: [16, 8, 300000]", code=REFUSED_VALUE)
        return None
    return [int(one) for one in counts if one is not None]


def _check_together(given: Mapping[str, Any], places: Mapping[str, str], faults: Faults) -> None:
    """What Megatron asserts of several arguments."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        faults.add(places.get(name, ROOT), found, instead, code=code)

    unit, other = ("iters", "samples") if given["train_samples"] is None else ("samples", "iters")
    if not given[f"train_{unit}"] or given[f"train_{other}"] is not None:
        refuse("", "a run has either train_iters or train_samples", "Write train_iters: 500000", SAID_TWICE)
    for name in (f"lr_decay_{other}", f"lr_wsd_decay_{other}", f"lr_warmup_{other}"):
        if given[name]:
            refuse(name, f"the run counts {unit}", f"Write {name.replace(other, unit)}")
    if given["lr_warmup_fraction"] is not None and given[f"lr_warmup_{unit}"]:
        refuse("lr_warmup_fraction", f"lr_warmup_{unit} says it too", "Leave one of them out", SAID_TWICE)
    if given["lr_decay_style"] == "WSD" and given[f"lr_wsd_decay_{unit}"] is None:
        refuse("lr_decay_style", "WSD needs its decay", f"Write lr_wsd_decay_{unit}: 1000")
    for name in ("min_lr", "lr_warmup_init"):
        if given["lr"] is not None and given[name] > given["lr"]:
            refuse(name, f"{given[name]:g} is above lr, {given['lr']:g}", f"Write {name}: 0")
    start, end, style = given["start_weight_decay"], given["end_weight_decay"], "weight_decay_incr_style"
    if given[style] == "constant":
        if (start is not None or end is not None) and start != end:
            found = "start_weight_decay and end_weight_decay need a style that rises"
            refuse(style, found, "Write weight_decay_incr_style: cosine")
    elif start is None or end is None or end < start:
        found = "it needs start_weight_decay, and end_weight_decay that is not below it"
        refuse(style, found, "Write start_weight_decay: 0.01, end_weight_decay: 0.1")
    if given["rampup_batch_size"] is not None:
        _check_ramp(given, unit, places["rampup_batch_size"], faults)


def _check_ramp(given: Mapping[str, Any], unit: str, path: str, faults: Faults) -> None:
    start, increment, samples = given["rampup_batch_size"]
    batch = given["global_batch_size"]
    if unit == "iters":
        faults.add(path, "the batch grows in runs by samples only", "Write train_samples", code=REFUSED_VALUE)
    if batch is None:
        faults.add(path, "nothing says up to where it grows", "Write global_batch_size: 1536", code=MISSING_FACT)
    elif batch < start or (batch - start) % increment:
        found = f"from {start} to {batch} are no whole number of rises by {increment}"
        faults.add(path, found, f"Write global_batch_size: {start + increment}", code=REFUSED_VALUE)
    elif batch > start and _rounded_down_early((batch - start) // increment, samples):
        found = "Megatron's division rounds some rises down, a batch late"
        faults.add(path, found, "Write samples that rises divide", code=UNREADABLE)


def _rounded_down_early(rises: int, samples: int) -> bool:
    """Whether Megatron's float division misses a rise at a whole number of samples."""
    if not samples or rises > 10_000:
        return False
    ends = [(k, k * samples // rises) for k in range(1, rises + 1) if k * samples % rises == 0]
    return any(int(at / (samples / rises)) != k for k, at in ends)
