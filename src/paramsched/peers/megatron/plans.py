"""From arguments of Megatron-LM to a plan."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, final

from paramsched.base.codes import MISSING_FACT, NOT_IN_SCRIPT, REFUSED_VALUE
from paramsched.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.base.user_warnings import warn_user
from paramsched.config.faults import Faults
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_arguments import level_of_value
from paramsched.peers.megatron.arguments import (
    CURVES,
    MegatronArguments,
    begins_of_rises,
    read_megatron_arguments,
    report_unused_options,
    written_options,
)
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

_MARKS: Final = ("lr_decay_style", "lr_decay_iters", "lr_decay_samples", "lr_wsd_decay_style", "lr_warmup_iters",
                 "lr_warmup_samples", "rampup_batch_size", "weight_decay_incr_style")  # fmt: skip


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of Megatron's."""
    if isinstance(data, (list, tuple)) and not any(str(one).startswith("--") for one in data):
        return False
    return any(name in _MARKS for name in written_options(data))


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """`lr` and `weight_decay`, where the arguments say them."""
    faults = Faults()
    given = read_megatron_arguments(data, faults)
    if faults.count:
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
    faults = Faults()
    given = read_megatron_arguments(data, faults)
    report_unused_options(data, faults)
    faults.raise_any("config")
    with faults.told_at(ROOT):
        run = _run_of(given, faults)
        faults.raise_any("config")
        fields: dict[str, Any] = {"lr": _planned_rate(given, run, faults)}
        decay = _planned_weight_decay(given, run)
    if decay is not None:
        fields["weight_decay"] = decay
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


def _run_of(given: MegatronArguments, faults: Faults) -> _MegatronRun:
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
        faults.add(ROOT, found, f"Write {name}: {shorter}", code=REFUSED_VALUE)
    if wsd > decay:
        found = f"the decay of WSD, {wsd:,}, is longer than {decay:,}"
        faults.add(ROOT, found, "Write a shorter one", code=REFUSED_VALUE)
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


def _planned_rate(given: MegatronArguments, run: _MegatronRun, faults: Faults) -> Schedule:
    """Warmup, then the style; then the floor."""
    first, floor = level_of_value(given.lr_warmup_init), level_of_value(given.min_lr)
    stages: list[Schedule] = [warmup(run.length(run.warmup), first)] if run.warmup else []
    rest = run.decay - run.warmup
    match given.lr_decay_style:
        case "constant":
            stages.append(constant())
        case "inverse-square-root":
            stages += _planned_root(run, floor, rest, faults)
        case "WSD":
            stages += _planned_wsd(given, run, floor, rest)
        case style:
            stages.append(anneal(1.0, floor, run.length(rest), CURVES[style]))
    if isinstance(run.warmup, int):
        return in_order(stages)
    # Only in a cycle that is no whole number of counts are lengths inside it not rounded.
    return restarts(in_order(stages), run.length(run.decay + Fraction(3, 2)), 1)


def _planned_wsd(given: MegatronArguments, run: _MegatronRun, floor: Level, rest: int | Fraction) -> list[Schedule]:
    """The descent may have begun below the warmup."""
    descent = anneal(1.0, floor, run.length(run.wsd), CURVES[given.lr_wsd_decay_style]) if run.wsd else None
    if descent is None:
        # After the last count of the decay the floor stands.
        return [constant(1.0, run.length(rest + 1)), constant(floor)]
    stable = rest - run.wsd
    if stable < 0:
        return [skip(descent, run.length(-stable))]
    return [constant(1.0, run.length(stable)), descent] if stable else [descent]


def _planned_root(run: _MegatronRun, floor: Level, rest: int | Fraction, faults: Faults) -> list[Schedule]:
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
            faults.add(
                f"{ROOT}.lr_decay_style", found, "Write global_batch_size, or lr_warmup_iters", code=MISSING_FACT
            )
        root = inverse_sqrt(run.length(1))
        if run.scale > 1:
            root = constant(run.scale**-0.5) * root
        head, rest = [constant(1.0, run.length(1))], rest - 1
    bounded = clamp(root, low=floor) if floor else root
    return [*head, take(bounded, run.length(rest + 1)), constant(floor)]


def _planned_weight_decay(given: MegatronArguments, run: _MegatronRun) -> Schedule | None:
    style, start, end = given.weight_decay_incr_style, given.start_weight_decay, given.end_weight_decay
    if start is None or end is None or style == "constant":
        return None if start is None else constant(absolute(start))
    return anneal(absolute(start), absolute(end), run.length(run.total), CURVES[style])
