"""The arguments of Megatron-LM that schedule something, read from a command line, and written for a plan."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
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
from paramsched.config.command_lines import advice_instead, named_options
from paramsched.config.faults import ROOT, Faults, child_path, short_json
from paramsched.config.peer_arguments import is_plain_number
from paramsched.config.unused_settings import program_of, report_unused_settings
from paramsched.curves import Curve

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
_HARMLESS: Final = (
    "override_opt_param_scheduler", "use_checkpoint_opt_param_scheduler", "override_lr_scheduler", "head_lr_mult",
    "use_checkpoint_lr_scheduler", "decrease_batch_size_if_needed", "cuda_graph_warmup_steps", "adlr_autoresume",
    "straggler_ctrlr_port", "iter_per_epoch", "dino_warmup_teacher_temp", "dino_warmup_teacher_temp_epochs",
    "inference_dynamic_batching_async_sched_mode", "inprocess_max_iterations", "moe_routing_trace_max_training_iters",
)  # fmt: skip
"""Options of Megatron's whose names look like those of schedules, which they leave as they are."""

_TOKENS: Final = ("lr_decay_tokens", "lr_warmup_tokens")
_RENAMED: Final = {"warmup": "lr_warmup_fraction"}
_UNITS: Final = ("iters", "samples", "tokens", "steps", "epochs", "fraction")
_SAMPLES: Final[Mapping[str, Any]] = {
    "lr": 0.0001, "min_lr": 1e-05, "lr_warmup_fraction": 0.01, "lr_warmup_init": 0.0, "weight_decay": 0.1,
    "start_weight_decay": 0.1, "end_weight_decay": 0.1, "train_iters": 500000, "train_samples": 500000000,
    "lr_decay_iters": 500000, "lr_decay_samples": 500000000, "global_batch_size": 1024,
}  # fmt: skip
"""Values as one writes them, for advice; other counts are 1000."""
_MOST_RISES: Final = 100_000

_SECTION: Final = "MODEL_ARGS"
"""Where the configs of Megatron's own tests have the options."""


def written_options(data: Any) -> dict[str, tuple[Any, str]]:
    """Each option with its value and path."""
    if isinstance(data, Mapping) and isinstance(data.get(_SECTION), Mapping):
        return named_options(data[_SECTION], child_path(ROOT, _SECTION))
    return named_options(data)


def checked_arguments(data: Any, faults: Faults) -> dict[str, Any]:
    """All arguments; what is wrong with them is noted."""
    if not isinstance(data, (Mapping, list, tuple)):
        faults.refuse_kind(ROOT, data, "arguments", 'Write ["--lr-decay-style", "cosine"]')
        return dict(DEFAULTS)
    given, places = dict(DEFAULTS), dict.fromkeys(DEFAULTS, ROOT)
    options = written_options(data)
    for name, (value, path) in options.items():
        if name in _REFUSED:
            if value is not None:
                instead = "Write a native plan, with a line for the groups of the embedding and the output layer"
                faults.add(path, "it gives some groups another rate", instead, code=UNREADABLE)
        elif name == "global_batch_size" and str(value).startswith("$"):
            places[name] = path  # a script computes it: it is asked for where the plan needs it
        elif name in DEFAULTS:
            given[name], places[name] = value, path
        elif name in _TOKENS:
            _refuse_tokens(name, path, options, faults)
        elif not faults.full and name.startswith(_SCHEDULED) and (near := _near_option(name)):
            faults.add(path, f'no such argument; did you mean "{near}"?', at_key=True, code=UNKNOWN_FIELD)
    _check_values(given, places, faults)
    if not faults.count:
        _check_together(given, places, faults)
    return given


def report_unused_options(data: Any, faults: Faults) -> None:
    """Report the options that look like settings of a schedule and that are not read."""
    written = {name: path for name, (value, path) in written_options(data).items() if value is not None}
    told = {fault.path for fault in faults.found()}
    used = {*DEFAULTS, *_REFUSED, *_HARMLESS, *(name for name, path in written.items() if path in told)}
    # gpt-neox anneals by a rule of its own, whatever its arguments are called.
    renamed, own = ({}, ("lr_decay_style",)) if program_of(written) else (_RENAMED, ())
    report_unused_settings(written, used, faults, library="Megatron-LM", renamed=renamed, defaulted=own)


def _near_option(name: str) -> str | None:
    """The option that is probably meant; none that counts in another unit."""
    near = next(iter(get_close_matches(name, DEFAULTS, n=1, cutoff=0.8)), None)
    unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), None)
    return None if near is None or (unit is not None and not near.endswith(f"_{unit}")) else near


def _refuse_tokens(name: str, path: str, options: Mapping[str, tuple[Any, str]], faults: Faults) -> None:
    """Counts of tokens, which Megatron-DeepSpeed has; the advice counts samples or iterations."""
    by = "samples" if "train_samples" in options else "iters"
    tokens, length, batch = (
        _number_in(options.get(key, (None, ""))[0]) for key in (name, "seq_length", "global_batch_size")
    )
    size = length if by == "samples" else length and batch and length * batch
    meant = name.replace("tokens", by)
    what = "seq_length" if by == "samples" else "seq_length and global_batch_size"
    known = f"Write {meant}: {int(tokens // size)} in place of {name}" if tokens and size else ""
    found = "Megatron-LM does not count tokens, as Megatron-DeepSpeed does"
    instead = known or f"Write {meant} in place of {name}: the tokens divided by {what}"
    faults.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)


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
        instead = advice_instead(value, f"Write {name}: {_SAMPLES.get(name, 1000)}")
        faults.add(path, f"{short_json(value)} is no {kind} from 0 on", instead, code=WRONG_TYPE)
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
    words = value.split() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    counts = [_number_in(one) for one in words]
    if len(counts) != 3 or any(one is None or one != int(one) or one < 0 for one in counts) or 0 in counts[:2]:
        found = f"{short_json(value)} is no start, increment and samples"
        unknown = next((one for one in words if isinstance(one, str) and "$" in one), None)
        instead = advice_instead(unknown, "Write rampup_batch_size: [16, 8, 300000]")
        faults.add(path, found, instead, code=REFUSED_VALUE)
        return None
    return [int(one) for one in counts if one is not None]


def _check_together(given: Mapping[str, Any], places: Mapping[str, str], faults: Faults) -> None:
    """What Megatron asserts of several arguments."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        faults.add(places.get(name, ROOT), found, instead, code=code)

    unit, other = ("iters", "samples") if given["train_samples"] is None else ("samples", "iters")
    if not given[f"train_{unit}"] or given[f"train_{other}"] is not None:
        both = given["train_iters"] and given["train_samples"]
        instead = "Leave one of them out" if both else "Write train_iters: 500000"
        refuse("", "a run has either train_iters or train_samples", instead, SAID_TWICE)
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
    elif (rises := (batch - start) // increment) > _MOST_RISES:
        found = f"the batch grows {rises:,} times, and at most {_MOST_RISES:,} can be read"
        faults.add(path, found, f"Write rampup_batch_size: [{start}, {batch - start}, {samples}]", code=REFUSED_VALUE)


def begins_of_rises(rises: int, samples: int) -> list[int]:
    """The consumed samples from which the batch has grown 1, 2, … times: Megatron divides floats, which may round down.

    >>> begins_of_rises(3, 99), begins_of_rises(15, 2_000_000)[2:4]
    ([33, 66, 99], [400000, 533334])
    """
    exact = (-(-rise * samples // rises) for rise in range(1, rises + 1))
    return [at + (int(at / (samples / rises)) < rise) for rise, at in enumerate(exact, 1)]
