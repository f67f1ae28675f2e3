"""The arguments of Megatron-LM that schedule something, read from a command line, and written for a plan."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, NamedTuple, final

from paramsched import curves
from paramsched.base.codes import (
    MISSING_FACT,
    REFUSED_VALUE,
    SAID_TWICE,
    UNKNOWN_FIELD,
    UNREADABLE,
)
from paramsched.base.diagnostic import ROOT, child_path
from paramsched.config.arguments import WrongValue, argument, argument_table, arguments_of, read_arguments
from paramsched.config.command_lines import named_options, value_of_words
from paramsched.config.faults import Faults, short_json
from paramsched.config.peer_arguments import is_count, is_plain_number
from paramsched.config.unused_settings import program_of, report_unused_settings
from paramsched.curves import Curve

CURVES: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "exponential": curves.exponential(0.5),
    "minus_sqrt": curves.one_minus_sqrt,
}
"""The curves of a descent; Megatron's exponential is 2 * 0.5 ** u - 1."""


def _three_counts(value: Any) -> tuple[int, ...]:
    words = value_of_words(value.split() if isinstance(value, str) else value)
    if not isinstance(words, (list, tuple)) or len(words) != 3 or not all(map(is_count, words)) or 0 in words[:2]:
        found = f"expected a start, an increment and a number of samples, got {short_json(value)}"
        raise WrongValue(found, code=REFUSED_VALUE)
    return tuple(map(int, words))


class Counts(NamedTuple):
    """The lengths of a run, in iterations or in samples."""

    train: int | None
    decay: int | None
    wsd_decay: int | None
    warmup: int


@final
@argument_table
class MegatronArguments:
    """The arguments of Megatron-LM that schedule something."""

    lr: float | None = argument(None, low=0, example=0.0001)
    min_lr: float = argument(0.0, low=0, example=1e-05)
    lr_decay_style: Literal["constant", "linear", "cosine", "inverse-square-root", "WSD"] = argument("linear")
    lr_wsd_decay_style: Literal["linear", "cosine", "exponential", "minus_sqrt"] = argument("exponential")
    lr_decay_iters: int | None = argument(None, low=0, example=500_000)
    lr_decay_samples: int | None = argument(None, low=0, example=500_000_000)
    lr_wsd_decay_iters: int | None = argument(None, low=0, example=1000)
    lr_wsd_decay_samples: int | None = argument(None, low=0, example=1000)
    lr_warmup_fraction: float | None = argument(None, low=0, high=1, example=0.01)
    lr_warmup_iters: int = argument(0, low=0, example=1000)
    lr_warmup_samples: int = argument(0, low=0, example=1000)
    lr_warmup_init: float = argument(0.0, low=0)
    train_iters: int | None = argument(None, low=0, example=500_000)
    train_samples: int | None = argument(None, low=0, example=500_000_000)
    weight_decay: float = argument(0.01, low=0, example=0.1)
    start_weight_decay: float | None = argument(None, low=0, example=0.1)
    end_weight_decay: float | None = argument(None, low=0, example=0.1)
    weight_decay_incr_style: Literal["constant", "linear", "cosine"] = argument("constant")
    global_batch_size: int | None = argument(None, low=0, example=1024)
    rampup_batch_size: tuple[int, ...] | None = argument(None, parse=_three_counts, example=[16, 8, 300_000])

    @property
    def unit(self) -> Literal["iters", "samples"]:
        """What the run counts."""
        return "iters" if self.train_samples is None else "samples"

    def counts(self, unit: Literal["iters", "samples"]) -> Counts:
        """The lengths in one unit."""
        if unit == "iters":
            return Counts(self.train_iters, self.lr_decay_iters, self.lr_wsd_decay_iters, self.lr_warmup_iters)
        return Counts(self.train_samples, self.lr_decay_samples, self.lr_wsd_decay_samples, self.lr_warmup_samples)


_NAMES: Final = arguments_of(MegatronArguments)
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
_MOST_RISES: Final = 100_000

_SECTION: Final = "MODEL_ARGS"
"""Where the configs of Megatron's own tests have the options."""


def written_options(data: Any) -> dict[str, tuple[Any, str]]:
    """Each option with its value and path."""
    if isinstance(data, Mapping) and isinstance(data.get(_SECTION), Mapping):
        return named_options(data[_SECTION], child_path(ROOT, _SECTION))
    return named_options(data)


def read_megatron_arguments(data: Any, faults: Faults) -> MegatronArguments:
    """Read all arguments; report what is wrong with them."""
    if not isinstance(data, (Mapping, list, tuple)):
        faults.refuse_kind(ROOT, data, "arguments", 'Write ["--lr-decay-style", "cosine"]')
        return MegatronArguments()
    options, written = written_options(data), dict[str, tuple[Any, str]]()
    for name, (value, path) in options.items():
        if name in _REFUSED:
            if value is not None:
                instead = "Write a native plan, with a line for the groups of the embedding and the output layer"
                faults.add(path, "it gives some groups another rate", instead, code=UNREADABLE)
        elif name in _NAMES:
            # A batch size that a script computes is asked for where the plan needs it.
            computed = name == "global_batch_size" and str(value).startswith("$")
            written[name] = None if computed else value_of_words(value), path
        elif name in _TOKENS:
            _refuse_tokens(name, path, options, faults)
        elif not faults.full and name.startswith(_SCHEDULED) and (near := _near_option(name)):
            faults.add(path, f'unknown argument; did you mean "{near}"?', at_key=True, code=UNKNOWN_FIELD)
    given, _, _ = read_arguments(MegatronArguments, written, ROOT, faults)
    if not faults.count:
        _check_together(given, {name: path for name, (_, path) in options.items()}, faults)
    return given


def report_unused_options(data: Any, faults: Faults) -> None:
    """Report the options that look like settings of a schedule and that are not read."""
    written = {name: path for name, (value, path) in written_options(data).items() if value is not None}
    told = {fault.path for fault in faults.found()}
    used = {*_NAMES, *_REFUSED, *_HARMLESS, *(name for name, path in written.items() if path in told)}
    # gpt-neox anneals by a rule of its own, whatever its arguments are called.
    renamed, own = ({}, ("lr_decay_style",)) if program_of(written) else (_RENAMED, ())
    report_unused_settings(written, used, faults, library="Megatron-LM", renamed=renamed, defaulted=own)


def _near_option(name: str) -> str | None:
    """The option that is probably meant; none that counts in another unit."""
    near = next(iter(get_close_matches(name, _NAMES, n=1, cutoff=0.8)), None)
    unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), None)
    return None if near is None or (unit is not None and not near.endswith(f"_{unit}")) else near


def _refuse_tokens(name: str, path: str, options: Mapping[str, tuple[Any, str]], faults: Faults) -> None:
    """Counts of tokens, which Megatron-DeepSpeed has; the advice counts samples or iterations."""
    by = "samples" if "train_samples" in options else "iters"
    read = (value_of_words(options.get(key, (None, ""))[0]) for key in (name, "seq_length", "global_batch_size"))
    tokens, length, batch = (one if is_plain_number(one) else None for one in read)
    size = length if by == "samples" else length and batch and length * batch
    meant = name.replace("tokens", by)
    what = "seq_length" if by == "samples" else "seq_length and global_batch_size"
    known = f"Write {meant}: {int(tokens // size)} in place of {name}" if tokens and size else ""
    found = "Megatron-LM does not count tokens, as Megatron-DeepSpeed does"
    instead = known or f"Write {meant} in place of {name}: the tokens divided by {what}"
    faults.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)


def _check_together(given: MegatronArguments, places: Mapping[str, str], faults: Faults) -> None:
    """Report what Megatron asserts of several arguments."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        faults.add(places.get(name, ROOT), found, instead, code=code)

    unit, counts = given.unit, given.counts(given.unit)
    other: Literal["iters", "samples"] = "samples" if unit == "iters" else "iters"
    if not counts.train or (given.train_iters is not None and given.train_samples is not None):
        instead = "Leave one of them out" if given.train_iters and given.train_samples else "Write train_iters: 500000"
        refuse("", "a run has either train_iters or train_samples", instead, SAID_TWICE)
    _, decay, wsd_decay, warmup = given.counts(other)
    for name, count in (("lr_decay", decay), ("lr_wsd_decay", wsd_decay), ("lr_warmup", warmup)):
        if count:
            refuse(f"{name}_{other}", f"the run counts {unit}", f"Write {name}_{unit}")
    if given.lr_warmup_fraction is not None and counts.warmup:
        refuse("lr_warmup_fraction", f"lr_warmup_{unit} says it too", "Leave one of them out", SAID_TWICE)
    if given.lr_decay_style == "WSD" and counts.wsd_decay is None:
        refuse("lr_decay_style", "WSD needs its decay", f"Write lr_wsd_decay_{unit}: 1000")
    for name, value in (("min_lr", given.min_lr), ("lr_warmup_init", given.lr_warmup_init)):
        if given.lr is not None and value > given.lr:
            refuse(name, f"{value:g} is above lr, {given.lr:g}", f"Write {name}: 0")
    start, end = given.start_weight_decay, given.end_weight_decay
    if given.weight_decay_incr_style == "constant":
        if (start is not None or end is not None) and start != end:
            found = "start_weight_decay and end_weight_decay need a style that rises"
            refuse("weight_decay_incr_style", found, "Write weight_decay_incr_style: cosine")
    elif start is None or end is None or end < start:
        found = "it needs start_weight_decay, and end_weight_decay that is not below it"
        refuse("weight_decay_incr_style", found, "Write start_weight_decay: 0.01, end_weight_decay: 0.1")
    if given.rampup_batch_size is not None:
        _check_ramp(given.rampup_batch_size, given.global_batch_size, unit, places["rampup_batch_size"], faults)


def _check_ramp(ramp: tuple[int, ...], batch: int | None, unit: str, path: str, faults: Faults) -> None:
    start, increment, samples = ramp
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
