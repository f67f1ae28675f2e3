"""The dialect of Megatron-LM: the arguments of its learning rate, weight decay and batch size.

- a mapping, `{"lr_decay_style": "cosine", …}`; the words of a command line, `["--lr-decay-style", "cosine", …]`; or the
  text of one, or of the script that launches the run; arguments that schedule nothing may stand between them
- runs by `train_iters` are plans by updates; those by `train_samples` are plans on the clock of samples
- `min_lr`, `lr_warmup_init` and the weight decays are values; the learning rate's peak is base
- `rampup_batch_size` and `global_batch_size` become the target `batch_size` of a plan in samples

Facts: Megatron-LM core 0.14, `OptimizerParamScheduler`.
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


def read_megatron_arguments(data: Any, diagnostics: DiagnosticCollector) -> MegatronArguments:
    """Read all arguments; report what is wrong with them."""
    if not isinstance(data, (Mapping, list, tuple)):
        diagnostics.refuse_kind(ROOT, data, "arguments", 'Write ["--lr-decay-style", "cosine"]')
        return MegatronArguments()
    options, written = written_options(data), dict[str, tuple[Any, str]]()
    for name, (value, path) in options.items():
        if name in _REFUSED:
            if value is not None:
                instead = "Write a native plan, with a line for the groups of the embedding and the output layer"
                diagnostics.add(path, "it gives some groups another rate", instead, code=UNREADABLE)
        elif name in _NAMES:
            # A batch size that a script computes is asked for where the plan needs it.
            computed = name == "global_batch_size" and str(value).startswith("$")
            written[name] = None if computed else value_of_words(value), path
        elif name in _TOKENS:
            _refuse_tokens(name, path, options, diagnostics)
        elif not diagnostics.full and name.startswith(_SCHEDULED):
            near = next(iter(get_close_matches(name, _NAMES, n=1, cutoff=0.8)), None)
            unit = next((f"_{unit}" for unit in _UNITS if name.endswith(f"_{unit}")), "")
            if near is not None and near.endswith(unit):
                diagnostics.add(path, f'unknown argument; did you mean "{near}"?', at_key=True, code=UNKNOWN_FIELD)
    given, _, _ = read_arguments(MegatronArguments, written, ROOT, diagnostics)
    if not diagnostics.count:
        _check_together(given, {name: path for name, (_, path) in options.items()}, diagnostics)
    return given


def report_unused_options(data: Any, diagnostics: DiagnosticCollector) -> None:
    """Report the options that look like settings of a schedule and that are not read."""
    written = {name: path for name, (value, path) in written_options(data).items() if value is not None}
    told = {fault.path for fault in diagnostics.found()}
    used = {*_NAMES, *_REFUSED, *_HARMLESS, *(name for name, path in written.items() if path in told)}
    # gpt-neox anneals by a rule of its own, whatever its arguments are called.
    renamed, own = ({}, ("lr_decay_style",)) if program_of(written) else (_RENAMED, ())
    report_unused_settings(written, used, diagnostics, library="Megatron-LM", renamed=renamed, defaulted=own)


def _refuse_tokens(
    name: str, path: str, options: Mapping[str, tuple[Any, str]], diagnostics: DiagnosticCollector
) -> None:
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
    diagnostics.add(path, found, instead, at_key=True, code=UNKNOWN_FIELD)


def _check_together(given: MegatronArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report what Megatron asserts of several arguments."""

    def refuse(name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places.get(name, ROOT), found, instead, code=code)

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
    if given.rampup_batch_size is None:
        return
    first, increment, samples = given.rampup_batch_size
    batch = given.global_batch_size
    if unit == "iters":
        refuse("rampup_batch_size", "the batch grows in runs by samples only", "Write train_samples")
    if batch is None:
        found = "nothing says up to where it grows"
        refuse("rampup_batch_size", found, "Write global_batch_size: 1536", MISSING_FACT)
    elif batch < first or (batch - first) % increment:
        found = f"from {first} to {batch} are no whole number of rises by {increment}"
        refuse("rampup_batch_size", found, f"Write global_batch_size: {first + increment}")
    elif (rises := (batch - first) // increment) > _MOST_RISES:
        found = f"the batch grows {rises:,} times, and at most {_MOST_RISES:,} can be read"
        refuse("rampup_batch_size", found, f"Write rampup_batch_size: [{first}, {batch - first}, {samples}]")


def begins_of_rises(rises: int, samples: int) -> list[int]:
    """The consumed samples from which the batch has grown 1, 2, … times: Megatron divides floats, which may round down.

    >>> begins_of_rises(3, 99), begins_of_rises(15, 2_000_000)[2:4]
    ([33, 66, 99], [400000, 533334])
    """
    exact = (-(-rise * samples // rises) for rise in range(1, rises + 1))
    return [at + (int(at / (samples / rises)) < rise) for rise, at in enumerate(exact, 1)]


_MARKS: Final = ("lr_decay_style", "lr_decay_iters", "lr_decay_samples", "lr_wsd_decay_style", "lr_warmup_iters",
                 "lr_warmup_samples", "rampup_batch_size", "weight_decay_incr_style")  # fmt: skip


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of Megatron's."""
    if isinstance(data, (list, tuple)) and not any(str(one).startswith("--") for one in data):
        return False
    return any(name in _MARKS for name in written_options(data))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """`lr` and `weight_decay`, where the arguments say them."""
    diagnostics = DiagnosticCollector()
    given = read_megatron_arguments(data, diagnostics)
    if diagnostics.count:
        return NO_BASES
    rate = {} if given.lr is None else {"lr": given.lr}
    return Bases(({**rate, "weight_decay": given.weight_decay},), ROOT)


def to_plan(
    data: Any,
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # the contract; the arguments say it all
    base: BaseLike | None = None,  # noqa: ARG001  # Megatron's values are values in a plan too
) -> Plan:
    """The plan that gives what Megatron's `OptimizerParamScheduler` gives.

    Args:
        data: the arguments, as a mapping or as the words of a command line.
        calendar, base: are not needed.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> words = "--train-iters 1000 --lr-warmup-iters 10 --lr-decay-style cosine --min-lr 6e-6"
    >>> print(to_plan(words.split()))
    horizon: 1000
    lr: warmup(10) >> cosine(to=absolute(6e-06), over=990)
    """
    diagnostics = DiagnosticCollector()
    given = read_megatron_arguments(data, diagnostics)
    report_unused_options(data, diagnostics)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        run = _run_of(given, diagnostics)
        diagnostics.raise_any("config")
        fields: dict[str, Any] = {"lr": _planned_rate(given, run, diagnostics)}
        start, end, style = given.start_weight_decay, given.end_weight_decay, given.weight_decay_incr_style
        if start is not None and end is not None and style != "constant":
            fields["weight_decay"] = anneal(absolute(start), absolute(end), run.length(run.total), CURVES[style])
        elif start is not None:
            fields["weight_decay"] = constant(absolute(start))
    targets = [] if run.batch is None else [Binding(Target("batch_size", 1), run.batch)]
    return Plan(*targets, **fields, horizon=run.length(run.horizon), clock="samples" if run.unit else None)


@final
@dataclass(frozen=True, slots=True)
class _MegatronRun:
    """What the counts of a run mean."""

    unit: str  # "samples", or "" for updates
    warmup: int | Fraction
    decay: int
    wsd: int
    total: int
    scale: int  # samples in a count
    horizon: int
    batch: Schedule | None  # what the batch size follows; None where nothing says it, or nothing needs it

    def length(self, counts: int | Fraction) -> DurationLike:
        """So many counts as a length of a plan."""
        return counts if isinstance(counts, int) and not self.unit else f"{counts} {self.unit or 'steps'}"


def _run_of(given: MegatronArguments, diagnostics: DiagnosticCollector) -> _MegatronRun:
    """The lengths of a run, on the clock on which they are whole."""
    by, batch, scale = given.unit, given.global_batch_size, 1
    counts = given.counts(by)
    total, wsd = counts.train or 0, counts.wsd_decay or 0
    decay = total if counts.decay is None else counts.decay
    exact = counts.warmup if given.lr_warmup_fraction is None else given.lr_warmup_fraction * decay
    if by == "iters" and _is_part(exact) and batch:
        by, scale = "samples", batch
        exact, total, decay, wsd = exact * scale, total * scale, decay * scale, wsd * scale
    warm = Fraction(repr(exact)) if _is_part(exact) else round(exact)
    if not 0 <= warm < decay:
        found = f"the warmup, {float(warm):,.12g}, is not shorter than the decay, {decay:,}"
        name = f"lr_warmup_{by}" if given.lr_warmup_fraction is None else "lr_warmup_fraction"
        shorter = decay // 10 if given.lr_warmup_fraction is None else 0.01
        diagnostics.add(ROOT, found, f"Write {name}: {shorter}", code=REFUSED_VALUE)
    if wsd > decay:
        found = f"the decay of WSD, {wsd:,}, is longer than {decay:,}"
        diagnostics.add(ROOT, found, "Write a shorter one", code=REFUSED_VALUE)
    unit = "samples" if by == "samples" else ""
    followed = _planned_batch_size(given) if unit else None
    if unit and batch is None:
        found = "nothing says the batch size, so the horizon keeps a last batch that Megatron leaves out"
        warn_user(Diagnostic(child_path(ROOT, "global_batch_size"), found, code=NOT_IN_SCRIPT))
    horizon = total if not unit or batch is None else _consumed_in_all(given, batch, total)
    in_samples = (batch or 0) if not unit else 1
    return _MegatronRun(unit, warm, decay, wsd, total, in_samples, horizon, followed)


def _is_part(exact: float) -> bool:
    """Whether a count is no whole number, but for its last bits."""
    return abs(exact - round(exact)) > 1e-9 * max(1.0, abs(exact))


def _planned_batch_size(given: MegatronArguments) -> Schedule | None:
    """What the batch size follows, as a multiple of 1."""
    batch, ramp = given.global_batch_size, given.rampup_batch_size
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


def _consumed_in_all(given: MegatronArguments, batch: int, total: int) -> int:
    """Megatron throws the last batch away where it is not whole."""
    ramp = given.rampup_batch_size
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


def _planned_rate(given: MegatronArguments, run: _MegatronRun, diagnostics: DiagnosticCollector) -> Schedule:
    """Warmup, then the style; then the floor."""
    first, floor = to_level(given.lr_warmup_init), to_level(given.min_lr)
    stages: list[Schedule] = [warmup(run.length(run.warmup), first)] if run.warmup else []
    rest = run.decay - run.warmup
    match given.lr_decay_style:
        case "constant":
            stages.append(constant())
        case "inverse-square-root":
            stages += _planned_root(run, floor, rest, diagnostics)
        case "WSD" if not run.wsd:
            # After the last count of the decay the floor stands.
            stages += [constant(1.0, run.length(rest + 1)), constant(floor)]
        case "WSD":
            descent: Schedule = anneal(1.0, floor, run.length(run.wsd), CURVES[given.lr_wsd_decay_style])
            stable = rest - run.wsd
            if stable < 0:  # it began below the warmup
                descent = skip(descent, run.length(-stable))
            stages += [constant(1.0, run.length(stable)), descent] if stable > 0 else [descent]
        case style:
            stages.append(anneal(1.0, floor, run.length(rest), CURVES[style]))
    if isinstance(run.warmup, int):
        return in_order(stages)
    # Only in a cycle that is no whole number of counts are lengths inside it not rounded.
    return restarts(in_order(stages), run.length(run.decay + Fraction(3, 2)), 1)


def _planned_root(
    run: _MegatronRun, floor: Level, rest: int | Fraction, diagnostics: DiagnosticCollector
) -> list[Schedule]:
    """sqrt(W / t), not below the floor; after the decay the floor itself.

    Megatron counts in samples, and takes at least one sample for W and for t.
    """
    if run.warmup:
        root: Schedule = inverse_sqrt(run.length(run.warmup))
        if 0 < (samples := run.warmup * run.scale) < 1:
            root = constant(float(samples) ** -0.5) * root
        head: list[Schedule] = []
    else:
        if not run.scale:
            found = "without a warmup it counts from the first sample, and nothing says how many an iteration takes"
            instead = "Write global_batch_size, or lr_warmup_iters"
            diagnostics.add(child_path(ROOT, "lr_decay_style"), found, instead, code=MISSING_FACT)
        root = inverse_sqrt(run.length(1))
        if run.scale > 1:
            root = constant(run.scale**-0.5) * root
        head, rest = [constant(1.0, run.length(1))], rest - 1
    bounded = clamp(root, low=floor) if floor else root
    return [*head, take(bounded, run.length(rest + 1)), constant(floor)]
