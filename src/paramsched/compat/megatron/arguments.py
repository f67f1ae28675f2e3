"""The arguments of Megatron-LM that affect a schedule: their types, and the combinations that it rejects."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, final

from paramsched.compat.codes import OUTSIDE_PLAN
from paramsched.core import curves
from paramsched.core.base.codes import MISSING_FACT, REFUSED_VALUE, SAID_TWICE, UNKNOWN_FIELD
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem
from paramsched.core.curves import Curve
from paramsched.core.files.arguments import (
    argument,
    argument_table,
    arguments_of,
    is_count,
    is_plain_number,
    read_arguments,
    wrong_value,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.files.unused_settings import report_no_settings, report_unused_settings

CURVES: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "exponential": curves.exponential(0.5),
    "minus_sqrt": curves.one_minus_sqrt,
}
"""The curve of each decay style. Megatron's exponential is 2 * 0.5 ** u - 1, where u is the elapsed fraction."""


def ramp_counts(value: Any) -> tuple[int, ...]:
    """Return the start, the increment and the number of samples of `rampup_batch_size`."""
    counts = _value_of(value.split() if isinstance(value, str) else value)
    if not isinstance(counts, (list, tuple)) or len(counts) != 3 or not all(map(is_count, counts)) or 0 in counts[:2]:
        found = f"expected a start, an increment and a number of samples, got {short_json(value)}"
        raise wrong_value(found, code=REFUSED_VALUE)
    return tuple(map(int, counts))


def _value_of(written: Any) -> Any:
    """Return a value whose numbers may be texts, because YAML reads 3e-4 as a text.

    >>> _value_of("3e-4"), _value_of(["30", "60"]), _value_of("cosine")
    (0.0003, [30, 60], 'cosine')
    """
    if isinstance(written, list):
        return [_value_of(one) for one in written]
    if isinstance(written, bool):
        return written
    try:
        number = float(written)
    except (TypeError, ValueError, OverflowError):
        return written
    return int(number) if number.is_integer() else number


_SUFFIXES: Final = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def _tokens_and_sizes(value: Any) -> list[tuple[int, int]]:
    """Return the pairs of a threshold in tokens and a batch size in `0:16 1M:32`, in the order of the thresholds."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    entries = [entry for part in parts for entry in str(part).replace(",", " ").split()]
    found = []
    for entry in entries or [""]:
        numbers = [_suffixed_number(text) for text in entry.split(":", 1)]
        if len(numbers) != 2 or None in numbers or not numbers[1]:
            text = f"expected TOKENS:BATCH_SIZE with a batch size of at least 1, got {short_json(entry)}"
            raise wrong_value(text, code=REFUSED_VALUE)
        found.append((numbers[0] or 0, numbers[1] or 0))
    return sorted(found)


def _suffixed_number(text: str) -> int | None:
    """Return the number of a text such as `2.4B`, rounded down; None if it is not a number of at least 0."""
    digits = text.strip().upper()
    suffix = digits[-1:] if digits[-1:] in _SUFFIXES else ""
    number = _value_of(digits.removesuffix(suffix))
    return int(number * _SUFFIXES.get(suffix, 1)) if is_plain_number(number) and number >= 0 else None


class Counts(NamedTuple):
    """The lengths of a run, in iterations or samples."""

    train: int | None
    decay: int | None
    wsd_decay: int | None
    warmup: int


@final
@argument_table
class MegatronArguments:
    """The arguments of Megatron-LM that affect a schedule."""

    lr: float | None = argument(None, low=0, example=0.0001)
    min_lr: float = argument(0.0, low=0, example=1e-05)
    decoupled_lr: float | None = argument(None, low=0, example=0.0001)
    decoupled_min_lr: float | None = argument(None, low=0, example=1e-05)
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
    rampup_batch_size: tuple[int, ...] | None = argument(None, parse=ramp_counts, example=[16, 8, 300_000])
    step_batch_size_schedule: list[tuple[int, int]] | None = argument(
        None, parse=_tokens_and_sizes, example="0:256 100B:512"
    )
    decrease_batch_size_if_needed: bool = argument(default=False)
    seq_length: int | None = argument(None, low=1, example=4096)
    micro_batch_size: int | None = argument(None, low=1, example=1)
    data_parallel_size: int | None = argument(None, low=1, example=8)

    @property
    def unit(self) -> Literal["iters", "samples"]:
        """The unit in which the run counts."""
        return "iters" if self.train_samples is None else "samples"

    @property
    def smallest_batch(self) -> int | None:
        """The batch size with one micro batch for each rank; None if it is unknown."""
        if self.micro_batch_size is None or self.data_parallel_size is None:
            return None
        return self.micro_batch_size * self.data_parallel_size

    @property
    def batch_size(self) -> int | None:
        """The batch size of the run, or the last one if it rises; None if it is unknown."""
        smallest = self.smallest_batch
        batch = smallest if self.global_batch_size is None else self.global_batch_size
        if batch is None or smallest is None or not self.decrease_batch_size_if_needed:
            return batch
        return batch // smallest * smallest or batch

    @property
    def batch_size_steps(self) -> list[tuple[int, int]]:
        """The batch sizes of `step_batch_size_schedule`, each with the consumed samples at which it begins.

        >>> schedule = [(0, 16), (1_000_000, 32), (3_000_000, 64)]
        >>> MegatronArguments(step_batch_size_schedule=schedule, seq_length=2048).batch_size_steps
        [(0, 16), (488, 32), (1464, 64)]
        """
        length = self.seq_length
        return [(tokens // length, size) for tokens, size in self.step_batch_size_schedule or () if length]

    def counts(self, unit: Literal["iters", "samples"]) -> Counts:
        """Return the lengths that were specified in `unit`."""
        if unit == "iters":
            return Counts(self.train_iters, self.lr_decay_iters, self.lr_wsd_decay_iters, self.lr_warmup_iters)
        return Counts(self.train_samples, self.lr_decay_samples, self.lr_wsd_decay_samples, self.lr_warmup_samples)


_NAMES: Final = arguments_of(MegatronArguments)
_SCHEDULED: Final = (
    "lr_",
    "min_lr",
    "weight_decay_",
    "start_weight",
    "end_weight",
    "rampup",
    "global_batch",
    "step_batch",
)
"""The prefixes of arguments that affect a schedule."""

_IGNORED: Final = {
    "use_mup": "groups have other bases",
    "head_lr_mult": "it has no effect since 7d3f4a01 (2025-11), and gave the head another base before",
    "iterations_to_skip": "skipped iterations consume samples, and the scheduler does not count them",
    "decrease_batch_size_if_needed": "the batch size is rounded down to micro_batch_size * data_parallel_size",
}
"""Options that change a run in addition to its plan."""

_HARMLESS: Final = (
    "override_opt_param_scheduler", "use_checkpoint_opt_param_scheduler", "override_lr_scheduler",
    "use_checkpoint_lr_scheduler", "cuda_graph_warmup_steps", "adlr_autoresume",
    "straggler_ctrlr_port", "iter_per_epoch", "dino_warmup_teacher_temp", "dino_warmup_teacher_temp_epochs",
    "inference_dynamic_batching_async_sched_mode", "inprocess_max_iterations", "moe_routing_trace_max_training_iters",
)  # fmt: skip
"""Options of Megatron that do not affect a schedule, although their names resemble those of schedules."""

_TOKENS: Final = ("lr_decay_tokens", "lr_warmup_tokens")
_RENAMED: Final = {"warmup": "lr_warmup_fraction", "batch_size": "micro_batch_size"}
"""Options that Megatron rejects as deprecated."""

_UNITS: Final = ("iters", "samples", "tokens", "steps", "epochs", "fraction")

_SECTION: Final = "MODEL_ARGS"
"""The key of the options in the configs of Megatron's own tests."""


def written_options(data: Any) -> dict[str, tuple[Any, str]]:
    """Return a dict from the name of each option to a pair of its value and its path."""
    if not isinstance(data, Mapping):
        return {}
    options, path = data, ROOT
    if isinstance(data.get(_SECTION), Mapping):
        options, path = data[_SECTION], child_path(ROOT, _SECTION)
    return {str(key).lstrip("-").replace("-", "_"): (value, child_path(path, key)) for key, value in options.items()}


def read_megatron_arguments(data: Any, diagnostics: DiagnosticCollector) -> MegatronArguments:
    """Read all arguments and report their errors."""
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(ROOT, data, "arguments", "For example: lr_decay_style: cosine")
        return MegatronArguments()
    options, written = written_options(data), dict[str, tuple[Any, str]]()
    lengths = ("train_iters", "train_samples")
    if not any(name in options for name in lengths):
        found, instead = f"exactly one of {' and '.join(lengths)} is required", "For example: train_iters: 500000"
        report_no_settings(data, lengths, diagnostics, library="Megatron-LM", found=found, instead=instead)
        return MegatronArguments()
    for name, (value, path) in options.items():
        if name in _NAMES:
            written[name] = _value_of(value), path
        elif name in _RENAMED and value is not None:
            found = f"Megatron-LM rejects {name}, which is deprecated"
            instead = f"Use {_RENAMED[name]} in place of {name}"
            diagnostics.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)
        elif name in _TOKENS:
            _refuse_tokens(name, path, options, diagnostics)
        elif not diagnostics.full and name.startswith(_SCHEDULED):
            near = next(iter(get_close_matches(name, _NAMES, n=1, cutoff=0.8)), None)
            unit = next((f"_{unit}" for unit in _UNITS if name.endswith(f"_{unit}")), "")
            if near is not None and near.endswith(unit):
                diagnostics.add(path, f'unknown argument; did you mean "{near}"?', at_key=True, code=UNKNOWN_FIELD)
    arguments, _, _ = read_arguments(MegatronArguments, written, ROOT, diagnostics)
    if not diagnostics.count:
        places = {name: path for name, (value, path) in options.items() if value is not None}
        check_together(arguments, places, diagnostics)
        _check_batch_sizes(arguments, places, diagnostics)
    return arguments


def report_unused_options(data: Any, diagnostics: DiagnosticCollector) -> None:
    """Report the options that look like settings of a schedule but are ignored."""
    written = {name: path for name, (value, path) in written_options(data).items() if value is not None}
    reported = {diagnostic.path for diagnostic in diagnostics.found()}
    used = {*_NAMES, *_HARMLESS, *_IGNORED, *(name for name, path in written.items() if path in reported)}
    # In gpt-neox the decay of lr is different, although the arguments have the names of Megatron's.
    report_unused_settings(written, used, diagnostics, library="Megatron-LM", defaulted=("lr_decay_style",))


def notes_on_options(options: Mapping[str, tuple[Any, str]]) -> Iterator[Problem]:
    """Yield a note on each option that changes a run in addition to its plan."""
    reasons = {name: reason for name, reason in _IGNORED.items() if name in options}
    if options.get("optimizer", ("", ""))[0] == "muon":
        reasons["optimizer"] = "the groups of muon have other bases"
    for name, reason in reasons.items():
        value, path = options[name]
        if value not in (None, False, "false"):
            yield Problem(path, f"{reason}; the plan does not contain this", code=OUTSIDE_PLAN)


def _refuse_tokens(
    name: str, path: str, options: Mapping[str, tuple[Any, str]], diagnostics: DiagnosticCollector
) -> None:
    """Report a count of tokens, which only Megatron-DeepSpeed supports, and suggest one in samples or iterations."""
    by = "samples" if "train_samples" in options else "iters"
    read = (_value_of(options.get(key, (None, ""))[0]) for key in (name, "seq_length", "global_batch_size"))
    tokens, length, batch = (one if is_plain_number(one) else None for one in read)
    size = length if by == "samples" else length and batch and length * batch
    own_name = name.replace("tokens", by)
    divisor = "seq_length" if by == "samples" else "seq_length and global_batch_size"
    known = f"Use {own_name}: {int(tokens // size)} instead of {name}" if tokens and size else ""
    found = "Megatron-LM does not count tokens, as Megatron-DeepSpeed does"
    instead = known or f"Use {own_name} instead of {name}: the tokens divided by {divisor}"
    diagnostics.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)


def check_together(arguments: MegatronArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report combinations of arguments that Megatron refuses."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places.get(name, ROOT), found, instead, code=code)

    unit, counts = arguments.unit, arguments.counts(arguments.unit)
    other: Literal["iters", "samples"] = "samples" if unit == "iters" else "iters"
    if not counts.train or (arguments.train_iters is not None and arguments.train_samples is not None):
        is_twice = arguments.train_iters and arguments.train_samples
        instead = "Leave one of them out" if is_twice else "For example: train_iters: 500000"
        refuse("", "exactly one of train_iters and train_samples is required", instead, SAID_TWICE)
    _, decay, wsd_decay, warmup = arguments.counts(other)
    for name, count in (("lr_decay", decay), ("lr_wsd_decay", wsd_decay), ("lr_warmup", warmup)):
        if count and counts.train:  # else the unit of the run is unknown
            refuse(f"{name}_{other}", f"the run counts {unit}", f"Use {name}_{unit}")
    if arguments.lr_warmup_fraction is not None and counts.warmup:
        refuse("lr_warmup_fraction", f"it cannot be used with lr_warmup_{unit}", "Leave one of them out", SAID_TWICE)
    if arguments.lr_decay_style == "WSD" and counts.wsd_decay is None:
        refuse("lr_decay_style", "WSD requires the length of its decay", f"For example: lr_wsd_decay_{unit}: 1000")
    for name, value in (("min_lr", arguments.min_lr), ("lr_warmup_init", arguments.lr_warmup_init)):
        if arguments.lr is not None and value > arguments.lr:
            refuse(name, f"it must not be greater than lr={arguments.lr:g}, got {value:g}", f"For example: {name}: 0")
    start, end = arguments.start_weight_decay, arguments.end_weight_decay
    if arguments.weight_decay_incr_style == "constant":
        if start is not None or end is not None:
            found = "Megatron rejects start_weight_decay and end_weight_decay with the style constant"
            place = "start_weight_decay" if start is not None else "end_weight_decay"
            refuse(place, found, "Use weight_decay_incr_style: linear, or weight_decay instead of both")
    elif start is None or end is None or end < start:
        found = "it requires start_weight_decay, and an end_weight_decay of at least start_weight_decay"
        refuse("weight_decay_incr_style", found, "For example: start_weight_decay: 0.01, end_weight_decay: 0.1")


def _check_batch_sizes(
    arguments: MegatronArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector
) -> None:
    """Report batch sizes that Megatron refuses, and facts of the run that a rising batch size needs."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places.get(name, ROOT), found, instead, code=code)

    if arguments.step_batch_size_schedule is not None:
        name, steps = "step_batch_size_schedule", arguments.batch_size_steps
        for other in ("global_batch_size", "decrease_batch_size_if_needed"):
            if other in places and getattr(arguments, other) is not False:
                refuse(other, f"Megatron takes either it or {name}", f"Leave out {other}", SAID_TWICE)
        if arguments.seq_length is None:
            refuse(
                name,
                "its thresholds are tokens, and seq_length is missing",
                "For example: seq_length: 4096",
                MISSING_FACT,
            )
        elif steps[0][0] != 0:
            refuse(name, "the first threshold must be 0", f"For example: 0:{steps[0][1]}")
        elif near := [size for (begin, _), (end, size) in pairwise(steps) if begin == end]:
            found = f"two thresholds are the same number of samples, tokens // {arguments.seq_length}"
            refuse(name, found, f"Leave out the entry of batch size {near[0]}, or write a larger threshold")
        if arguments.unit == "iters" and arguments.smallest_batch is None:
            found = (
                "with train_iters, Megatron converts lengths by micro_batch_size * data_parallel_size samples per "
                "iteration, which is unknown"
            )
            instead = "Use train_samples, or micro_batch_size and data_parallel_size"
            refuse("train_iters", found, instead, MISSING_FACT)


_MARKS: Final = ("lr_decay_style", "lr_decay_iters", "lr_decay_samples", "lr_wsd_decay_style", "lr_warmup_iters",
                 "lr_warmup_samples", "rampup_batch_size", "weight_decay_incr_style")  # fmt: skip


def recognizes(data: Any) -> bool:
    """Return whether data looks like arguments of Megatron."""
    return any(name in _MARKS for name in written_options(data))
