"""The dialect of Megatron-LM: the arguments of its learning rate, weight decay and batch size.

- The input is a mapping, `{"lr_decay_style": "cosine", …}`, a command line as a list,
  `["--lr-decay-style", "cosine", …]`, or the text of a command line or of the script that launches the run. It may
  contain arguments that are unrelated to schedules.
- A run by `train_iters` becomes a plan in updates, and a run by `train_samples` a plan on the clock of samples.
- `min_lr`, `lr_warmup_init` and the weight decays are absolute values; the peak of lr is the base.
- `rampup_batch_size` and `global_batch_size` become the target `batch_size` of a plan in samples.

Source: Megatron-LM core 0.14, `OptimizerParamScheduler`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, final

from paramsched import curves
from paramsched.base.codes import (
    MISSING_FACT,
    NOT_IN_SCRIPT,
    REFUSED_VALUE,
    SAID_TWICE,
    UNKNOWN_FIELD,
    UNREADABLE,
)
from paramsched.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.base.user_warnings import warn_user
from paramsched.config.arguments import (
    WrongValue,
    argument,
    argument_table,
    arguments_of,
    is_count,
    is_plain_number,
    read_arguments,
    to_level,
)
from paramsched.config.command_lines import named_options, value_of_words
from paramsched.config.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.config.known_dialects import BaseLike
from paramsched.config.unused_settings import program_of, report_unused_settings
from paramsched.curves import Curve
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import (
    Level,
    Schedule,
    absolute,
    anneal,
    clamp,
    constant,
    inverse_sqrt,
    restarts,
    skip,
    stairs,
    take,
    warmup,
)
from paramsched.schedules.sequence import in_order
from paramsched.time import Calendar, DurationLike

scheduler_entries: Final = ("lr_decay_style",)
command_lines: Final = True

CURVES: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "exponential": curves.exponential(0.5),
    "minus_sqrt": curves.one_minus_sqrt,
}
"""The curve of each decay style. Megatron's exponential is 2 * 0.5 ** u - 1, where u is the elapsed fraction."""


def _three_counts(value: Any) -> tuple[int, ...]:
    counts = value_of_words(value.split() if isinstance(value, str) else value)
    if not isinstance(counts, (list, tuple)) or len(counts) != 3 or not all(map(is_count, counts)) or 0 in counts[:2]:
        found = f"expected a start, an increment and a number of samples, got {short_json(value)}"
        raise WrongValue(found, code=REFUSED_VALUE)
    return tuple(map(int, counts))


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
        """The unit in which the run counts."""
        return "iters" if self.train_samples is None else "samples"

    def counts(self, unit: Literal["iters", "samples"]) -> Counts:
        """Return the lengths that were specified in `unit`."""
        if unit == "iters":
            return Counts(self.train_iters, self.lr_decay_iters, self.lr_wsd_decay_iters, self.lr_warmup_iters)
        return Counts(self.train_samples, self.lr_decay_samples, self.lr_wsd_decay_samples, self.lr_warmup_samples)


_NAMES: Final = arguments_of(MegatronArguments)
_SCHEDULED: Final = ("lr_", "min_lr", "weight_decay_", "start_weight", "end_weight", "rampup", "global_batch")
"""The prefixes of arguments that affect a schedule."""

_REFUSED: Final = ("decoupled_lr", "decoupled_min_lr")
_HARMLESS: Final = (
    "override_opt_param_scheduler", "use_checkpoint_opt_param_scheduler", "override_lr_scheduler", "head_lr_mult",
    "use_checkpoint_lr_scheduler", "decrease_batch_size_if_needed", "cuda_graph_warmup_steps", "adlr_autoresume",
    "straggler_ctrlr_port", "iter_per_epoch", "dino_warmup_teacher_temp", "dino_warmup_teacher_temp_epochs",
    "inference_dynamic_batching_async_sched_mode", "inprocess_max_iterations", "moe_routing_trace_max_training_iters",
)  # fmt: skip
"""Options of Megatron that do not affect a schedule, although their names resemble those of schedules."""

_TOKENS: Final = ("lr_decay_tokens", "lr_warmup_tokens")
_RENAMED: Final = {"warmup": "lr_warmup_fraction"}
_UNITS: Final = ("iters", "samples", "tokens", "steps", "epochs", "fraction")
_MAX_RISES: Final = 100_000

_SECTION: Final = "MODEL_ARGS"
"""The key of the options in the configs of Megatron's own tests."""


def written_options(data: Any) -> dict[str, tuple[Any, str]]:
    """Return a dict from the name of each option to a pair of its value and its path."""
    if isinstance(data, Mapping) and isinstance(data.get(_SECTION), Mapping):
        return named_options(data[_SECTION], child_path(ROOT, _SECTION))
    return named_options(data)


def read_megatron_arguments(data: Any, diagnostics: DiagnosticCollector) -> MegatronArguments:
    """Read all arguments and report their errors."""
    if not isinstance(data, (Mapping, list, tuple)):
        diagnostics.refuse_kind(ROOT, data, "arguments", 'Write ["--lr-decay-style", "cosine"]')
        return MegatronArguments()
    options, written = written_options(data), dict[str, tuple[Any, str]]()
    for name, (value, path) in options.items():
        if name in _REFUSED:
            if value is not None:
                instead = "Write a native plan, with a line for the groups of the embedding and the output layer"
                diagnostics.add(path, "it sets another lr for embedding and output layers", instead, code=UNREADABLE)
        elif name in _NAMES:
            # A batch size that a script computes is unknown, and reported only if the plan needs it.
            computed = name == "global_batch_size" and str(value).startswith("$")
            written[name] = None if computed else value_of_words(value), path
        elif name in _TOKENS:
            _refuse_tokens(name, path, options, diagnostics)
        elif not diagnostics.full and name.startswith(_SCHEDULED):
            near = next(iter(get_close_matches(name, _NAMES, n=1, cutoff=0.8)), None)
            unit = next((f"_{unit}" for unit in _UNITS if name.endswith(f"_{unit}")), "")
            if near is not None and near.endswith(unit):
                diagnostics.add(path, f'unknown argument; did you mean "{near}"?', at_key=True, code=UNKNOWN_FIELD)
    arguments, _, _ = read_arguments(MegatronArguments, written, ROOT, diagnostics)
    if not diagnostics.count:
        _check_together(arguments, {name: path for name, (_, path) in options.items()}, diagnostics)
    return arguments


def report_unused_options(data: Any, diagnostics: DiagnosticCollector) -> None:
    """Report the options that look like settings of a schedule but are ignored."""
    written = {name: path for name, (value, path) in written_options(data).items() if value is not None}
    reported = {diagnostic.path for diagnostic in diagnostics.found()}
    used = {*_NAMES, *_REFUSED, *_HARMLESS, *(name for name, path in written.items() if path in reported)}
    # In gpt-neox the decay of lr is different, although the arguments have the names of Megatron's.
    renamed, own = ({}, ("lr_decay_style",)) if program_of(written) else (_RENAMED, ())
    report_unused_settings(written, used, diagnostics, library="Megatron-LM", renamed=renamed, defaulted=own)


def _refuse_tokens(
    name: str, path: str, options: Mapping[str, tuple[Any, str]], diagnostics: DiagnosticCollector
) -> None:
    """Report a count of tokens, which only Megatron-DeepSpeed supports, and suggest one in samples or iterations."""
    by = "samples" if "train_samples" in options else "iters"
    read = (value_of_words(options.get(key, (None, ""))[0]) for key in (name, "seq_length", "global_batch_size"))
    tokens, length, batch = (one if is_plain_number(one) else None for one in read)
    size = length if by == "samples" else length and batch and length * batch
    own_name = name.replace("tokens", by)
    divisor = "seq_length" if by == "samples" else "seq_length and global_batch_size"
    known = f"Write {own_name}: {int(tokens // size)} instead of {name}" if tokens and size else ""
    found = "Megatron-LM does not count tokens, as Megatron-DeepSpeed does"
    instead = known or f"Write {own_name} instead of {name}: the tokens divided by {divisor}"
    diagnostics.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)


def _check_together(arguments: MegatronArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report combinations of arguments that Megatron refuses."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places.get(name, ROOT), found, instead, code=code)

    unit, counts = arguments.unit, arguments.counts(arguments.unit)
    other: Literal["iters", "samples"] = "samples" if unit == "iters" else "iters"
    if not counts.train or (arguments.train_iters is not None and arguments.train_samples is not None):
        instead = (
            "Leave one of them out"
            if arguments.train_iters and arguments.train_samples
            else "Write train_iters: 500000"
        )
        refuse("", "exactly one of train_iters and train_samples is required", instead, SAID_TWICE)
    _, decay, wsd_decay, warmup = arguments.counts(other)
    for name, count in (("lr_decay", decay), ("lr_wsd_decay", wsd_decay), ("lr_warmup", warmup)):
        if count:
            refuse(f"{name}_{other}", f"the run counts {unit}", f"Write {name}_{unit}")
    if arguments.lr_warmup_fraction is not None and counts.warmup:
        refuse("lr_warmup_fraction", f"it cannot be used with lr_warmup_{unit}", "Leave one of them out", SAID_TWICE)
    if arguments.lr_decay_style == "WSD" and counts.wsd_decay is None:
        refuse("lr_decay_style", "WSD requires the length of its decay", f"Write lr_wsd_decay_{unit}: 1000")
    for name, value in (("min_lr", arguments.min_lr), ("lr_warmup_init", arguments.lr_warmup_init)):
        if arguments.lr is not None and value > arguments.lr:
            refuse(name, f"it must not be greater than lr={arguments.lr:g}, got {value:g}", f"Write {name}: 0")
    start, end = arguments.start_weight_decay, arguments.end_weight_decay
    if arguments.weight_decay_incr_style == "constant":
        if (start is not None or end is not None) and start != end:
            found = "start_weight_decay and end_weight_decay must be equal with the style constant"
            refuse("weight_decay_incr_style", found, "Write weight_decay_incr_style: cosine")
    elif start is None or end is None or end < start:
        found = "it requires start_weight_decay, and an end_weight_decay of at least start_weight_decay"
        refuse("weight_decay_incr_style", found, "Write start_weight_decay: 0.01, end_weight_decay: 0.1")
    if arguments.rampup_batch_size is None:
        return
    first, increment, samples = arguments.rampup_batch_size
    batch = arguments.global_batch_size
    if unit == "iters":
        refuse("rampup_batch_size", "it requires a run that counts samples", "Write train_samples")
    if batch is None:
        found = "the final batch size is unknown"
        refuse("rampup_batch_size", found, "Write global_batch_size: 1536", MISSING_FACT)
    elif batch < first or (batch - first) % increment:
        found = f"the increase from {first} to {batch} must be a multiple of {increment}"
        refuse("rampup_batch_size", found, f"Write global_batch_size: {first + increment}")
    elif (rises := (batch - first) // increment) > _MAX_RISES:
        found = f"the batch size increases {rises:,} times; at most {_MAX_RISES:,} are supported"
        refuse("rampup_batch_size", found, f"Write rampup_batch_size: [{first}, {batch - first}, {samples}]")


def begins_of_rises(rises: int, samples: int) -> list[int]:
    """Return the consumed samples at which the batch size has increased 1, 2, … times.

    Megatron divides floats. If the quotient is rounded down, the increase is one sample later.

    >>> begins_of_rises(3, 99), begins_of_rises(15, 2_000_000)[2:4]
    ([33, 66, 99], [400000, 533334])
    """
    exact = (-(-rise * samples // rises) for rise in range(1, rises + 1))
    return [at + (int(at / (samples / rises)) < rise) for rise, at in enumerate(exact, 1)]


_MARKS: Final = ("lr_decay_style", "lr_decay_iters", "lr_decay_samples", "lr_wsd_decay_style", "lr_warmup_iters",
                 "lr_warmup_samples", "rampup_batch_size", "weight_decay_incr_style")  # fmt: skip


def recognizes(data: Any) -> bool:
    """Return whether data looks like arguments of Megatron."""
    if isinstance(data, (list, tuple)) and not any(str(one).startswith("--") for one in data):
        return False
    return any(name in _MARKS for name in written_options(data))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return `lr`, if it is among the arguments, and `weight_decay` as bases."""
    diagnostics = DiagnosticCollector()
    arguments = read_megatron_arguments(data, diagnostics)
    if diagnostics.count:
        return NO_BASES
    rate = {} if arguments.lr is None else {"lr": arguments.lr}
    return Bases(({**rate, "weight_decay": arguments.weight_decay},), ROOT)


def to_plan(
    data: Any,
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # each peer has this parameter; the arguments contain all facts
    base: BaseLike | None = None,  # noqa: ARG001  # Megatron's values are absolute in a plan too
) -> Plan:
    """Return the plan with the values of Megatron's `OptimizerParamScheduler`.

    Args:
        data: the arguments, as a mapping or as a command line split into a list.
        calendar: not used.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> options = "--train-iters 1000 --lr-warmup-iters 10 --lr-decay-style cosine --min-lr 6e-6"
    >>> print(to_plan(options.split()))
    horizon: 1000
    lr: warmup(10) >> cosine(to=absolute(6e-06), over=990)
    """
    diagnostics = DiagnosticCollector()
    arguments = read_megatron_arguments(data, diagnostics)
    report_unused_options(data, diagnostics)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        run = _run_of(arguments, diagnostics)
        diagnostics.raise_any("config")
        fields: dict[str, Any] = {"lr": _planned_rate(arguments, run, diagnostics)}
        start, end, style = arguments.start_weight_decay, arguments.end_weight_decay, arguments.weight_decay_incr_style
        if start is not None and end is not None and style != "constant":
            fields["weight_decay"] = anneal(absolute(start), absolute(end), run.length(run.total), CURVES[style])
        elif start is not None:
            fields["weight_decay"] = constant(absolute(start))
    targets = [] if run.batch is None else [Binding(Target("batch_size", 1), run.batch)]
    return Plan(*targets, **fields, horizon=run.length(run.horizon), clock="samples" if run.unit else None)


@final
@dataclass(frozen=True, slots=True)
class _MegatronRun:
    """The lengths of a run, all in one unit."""

    unit: str  # "samples", or "" for updates
    warmup: int | Fraction
    decay: int
    wsd: int
    total: int
    scale: int  # samples per update or, if the run counts samples, 1; 0 if unknown
    horizon: int
    batch: Schedule | None  # the schedule of the batch size; None if it is unknown or not needed

    def length(self, counts: int | Fraction) -> DurationLike:
        """Return a number of updates or samples as a duration for a plan."""
        return counts if isinstance(counts, int) and not self.unit else f"{counts} {self.unit or 'steps'}"


def _run_of(arguments: MegatronArguments, diagnostics: DiagnosticCollector) -> _MegatronRun:
    """Return the lengths of a run, in samples if the run counts samples or its warmup is not an integer of updates."""
    by, batch, scale = arguments.unit, arguments.global_batch_size, 1
    counts = arguments.counts(by)
    total, wsd = counts.train or 0, counts.wsd_decay or 0
    decay = total if counts.decay is None else counts.decay
    exact = counts.warmup if arguments.lr_warmup_fraction is None else arguments.lr_warmup_fraction * decay
    if by == "iters" and _is_fractional(exact) and batch:
        by, scale = "samples", batch
        exact, total, decay, wsd = exact * scale, total * scale, decay * scale, wsd * scale
    warm = Fraction(repr(exact)) if _is_fractional(exact) else round(exact)
    if not 0 <= warm < decay:
        found = f"the warmup, {float(warm):,.12g}, must be shorter than the entire schedule of lr, {decay:,}"
        name = f"lr_warmup_{by}" if arguments.lr_warmup_fraction is None else "lr_warmup_fraction"
        shorter = decay // 10 if arguments.lr_warmup_fraction is None else 0.01
        diagnostics.add(ROOT, found, f"Write {name}: {shorter}", code=REFUSED_VALUE)
    if wsd > decay:
        found = f"the decay of WSD, {wsd:,}, must not be longer than the entire schedule of lr, {decay:,}"
        diagnostics.add(ROOT, found, f"Write a smaller lr_wsd_decay_{arguments.unit}", code=REFUSED_VALUE)
    unit = "samples" if by == "samples" else ""
    followed = _planned_batch_size(arguments) if unit else None
    if unit and batch is None:
        found = "the batch size is unknown, so the horizon includes a last partial batch that Megatron drops"
        warn_user(Diagnostic(child_path(ROOT, "global_batch_size"), found, code=NOT_IN_SCRIPT))
    horizon = total if not unit or batch is None else _consumed_in_all(arguments, batch, total)
    in_samples = (batch or 0) if not unit else 1
    return _MegatronRun(unit, warm, decay, wsd, total, in_samples, horizon, followed)


def _is_fractional(exact: float) -> bool:
    """Return whether a count is not an integer, with a tolerance for rounding errors."""
    return abs(exact - round(exact)) > 1e-9 * max(1.0, abs(exact))


def _planned_batch_size(arguments: MegatronArguments) -> Schedule | None:
    """Return the schedule of the batch size, a target whose base is 1; None if the batch size is unknown."""
    batch, ramp = arguments.global_batch_size, arguments.rampup_batch_size
    if batch is None:
        return None
    if ramp is None or ramp[0] == batch or not ramp[2]:
        return constant(float(batch))
    start, increment, samples = ramp
    rises = (batch - start) // increment
    begins = begins_of_rises(rises, samples)
    if begins == [-(-rise * samples // rises) for rise in range(1, rises + 1)]:
        return stairs(float(start), float(batch), rises, f"{samples} samples")
    sizes = [float(start + rise * increment) for rise in range(rises)]
    lengths = [end - begin for begin, end in pairwise([0, *begins])]
    held = [constant(size, f"{length} samples") for size, length in zip(sizes, lengths, strict=True)]
    return in_order([*held, constant(float(batch))])


def _consumed_in_all(arguments: MegatronArguments, batch: int, total: int) -> int:
    """Return the samples that a run consumes, without a last partial batch, which Megatron drops."""
    ramp = arguments.rampup_batch_size
    if ramp is None:
        return total // batch * batch if total >= batch else total
    start, increment, samples = ramp
    consumed = 0
    rises = (batch - start) // increment
    for rise, end in enumerate(begins_of_rises(rises, samples) if samples and rises else []):
        size = start + rise * increment
        steps = max(-(-(end - consumed) // size), 0)
        if consumed <= total:
            consumed += min(steps, (total - consumed) // size + 1) * size
    if consumed <= min(samples, total):
        consumed += batch
    return consumed + max(total - consumed, 0) // batch * batch


def _planned_rate(arguments: MegatronArguments, run: _MegatronRun, diagnostics: DiagnosticCollector) -> Schedule:
    """Return the schedule of lr: the warmup, the decay of `lr_decay_style`, and the floor."""
    first, floor = to_level(arguments.lr_warmup_init), to_level(arguments.min_lr)
    stages: list[Schedule] = [warmup(run.length(run.warmup), first)] if run.warmup else []
    rest = run.decay - run.warmup
    match arguments.lr_decay_style:
        case "constant":
            stages.append(constant())
        case "inverse-square-root":
            stages += _planned_root(run, floor, rest, diagnostics)
        case "WSD" if not run.wsd:
            # lr stays constant up to and including the end of the decay.
            stages += [constant(1.0, run.length(rest + 1)), constant(floor)]
        case "WSD":
            decay: Schedule = anneal(1.0, floor, run.length(run.wsd), CURVES[arguments.lr_wsd_decay_style])
            stable = rest - run.wsd
            if stable < 0:  # the decay starts during the warmup, which applies up to and including its last count
                last = 1 if isinstance(run.warmup, int) else 0
                decay, stable = skip(decay, run.length(last - stable)), last
            stages += [constant(1.0, run.length(stable)), decay] if stable > 0 else [decay]
        case style:
            stages.append(anneal(1.0, floor, run.length(rest), CURVES[style]))
    if isinstance(run.warmup, int):
        return in_order(stages)
    # A fractional warmup must not be rounded; inside a cycle of fractional length, lengths are exact.
    return restarts(in_order(stages), run.length(run.decay + Fraction(3, 2)), 1)


def _planned_root(
    run: _MegatronRun, floor: Level, rest: int | Fraction, diagnostics: DiagnosticCollector
) -> list[Schedule]:
    """Return the stages of an inverse-square-root decay: sqrt(W / t), not below the floor, and the floor after it.

    W is the length of the warmup, t the time. Megatron counts both in samples, with at least one sample for each.
    """
    if run.warmup:
        root: Schedule = inverse_sqrt(run.length(run.warmup))
        if 0 < (samples := run.warmup * run.scale) < 1:
            root = constant(float(samples) ** -0.5) * root
        head: list[Schedule] = []
    else:
        if not run.scale:
            found = "without a warmup, inverse-square-root counts samples, but the batch size is unknown"
            instead = "Write global_batch_size, or lr_warmup_iters"
            diagnostics.add(child_path(ROOT, "lr_decay_style"), found, instead, code=MISSING_FACT)
        root = inverse_sqrt(run.length(1))
        if run.scale > 1:
            root = constant(run.scale**-0.5) * root
        head, rest = [constant(1.0, run.length(1))], rest - 1
    bounded = clamp(root, low=floor) if floor else root
    return [*head, take(bounded, run.length(rest + 1)), constant(floor)]
