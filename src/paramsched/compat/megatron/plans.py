"""Conversion of the arguments of Megatron-LM to a plan."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import sqrt
from typing import Any, final

from paramsched.compat.codes import SAMPLE_LENGTHS
from paramsched.compat.megatron.arguments import (
    CURVES,
    MegatronArguments,
    notes_on_options,
    read_megatron_arguments,
    report_unused_options,
    written_options,
)
from paramsched.compat.megatron.arguments import recognizes as recognizes
from paramsched.compat.megatron.batch_size import consumed_in_all, planned_batch_size, samples_of_updates, warn_of_ramp
from paramsched.core.base.codes import MISSING_FACT, NOT_IN_FILE, REFUSED_VALUE
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.arguments import defaults_of, to_level
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.known_dialects import BaseLike, GroupOfFile
from paramsched.core.files.unused_settings import note_defaults
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.schedules import Level, Schedule, absolute
from paramsched.core.schedules.anneal import anneal, warmup
from paramsched.core.schedules.cuts import skip, take
from paramsched.core.schedules.decays import inverse_sqrt
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.pointwise import clamp
from paramsched.core.schedules.sequence import in_order, with_lengths
from paramsched.core.time import Calendar, DurationLike

scheduler_entries = ("lr_decay_style",)


def groups_of(data: Any, calendar: Calendar | None) -> Iterator[GroupOfFile]:  # noqa: ARG001  # each peer has it
    """Yield the group of most parameters, that of embedding and output layers, and that of the head."""
    diagnostics = DiagnosticCollector()
    arguments, options = read_megatron_arguments(data, diagnostics), written_options(data)
    decoupled, head = _decoupled(arguments), options.get("head_lr_mult")
    if diagnostics.count:
        return
    optimizer = str(options.get("optimizer", ("adam", ""))[0])
    name = {"name": "others"} if decoupled or head else {}
    rate = {} if arguments.lr is None else {"lr": arguments.lr}
    schedule, base = options.get("lr_decay_style", ("", ""))[1], options.get("lr", ("", ""))[1]
    yield GroupOfFile({**name, **rate}, base, schedule, optimizer)
    if decoupled is not None:
        with diagnostics.reported_at(ROOT):
            run = _run_of(decoupled, diagnostics)
            plan = Plan(lr=_planned_rate(decoupled, run, diagnostics), horizon=run.length(run.horizon))
        values = {"name": "embedding and output", "lr": decoupled.lr}
        yield GroupOfFile(values, options["decoupled_lr"][1], schedule, optimizer, plan)
    if head is not None:
        note = f"lr_mult {head[0]} has no effect since 7d3f4a01 (2025-11)"
        yield GroupOfFile({"name": "head", **rate}, base, schedule, optimizer, note=note)


def _decoupled(arguments: MegatronArguments) -> MegatronArguments | None:
    """Return the arguments with the rates of embedding and output layers; None without `decoupled_lr`."""
    if arguments.decoupled_lr is None:
        return None
    floor = arguments.min_lr if arguments.decoupled_min_lr is None else arguments.decoupled_min_lr
    return replace(arguments, lr=arguments.decoupled_lr, min_lr=floor)


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return `lr`, if it is among the arguments, and `weight_decay` as bases."""
    diagnostics = DiagnosticCollector()
    arguments = read_megatron_arguments(data, diagnostics)
    if diagnostics.count:
        return NO_BASES
    rate = {} if arguments.lr is None else {"lr": arguments.lr}
    return Bases(({**rate, "weight_decay": arguments.weight_decay},), ROOT)


def notes_of(data: Any) -> Iterator[Problem]:
    """Return notes on the defaults of missing options, and on options that change a run in addition to its plan."""
    options = written_options(data)
    names = ["lr_decay_style", "min_lr", "weight_decay"]
    if "lr_decay_style" in options and options["lr_decay_style"][0] == "WSD":
        names.append("lr_wsd_decay_style")
    defaults = defaults_of(MegatronArguments)
    yield from note_defaults("Megatron-LM core 0.20", {name: defaults[name] for name in names if name not in options})
    yield from notes_on_options(options)


def to_plan(
    data: Any,
    *,
    calendar: Calendar | None = None,  # noqa: ARG001  # Megatron's lengths are counts
    base: BaseLike | None = None,  # noqa: ARG001  # Megatron's values are absolute in a plan too
) -> Plan:
    """Return the plan with the values of Megatron's `OptimizerParamScheduler`.

    Args:
        data: the arguments, as a mapping such as `vars(args)`.
        calendar: not used.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> given = {"train_iters": 1000, "lr_warmup_iters": 10, "lr_decay_style": "cosine"}
    >>> print(to_plan({**given, "min_lr": 6e-6}))
    horizon: 1000
    lr: warmup(10) >> cosine(to=absolute(6e-06), over=990)
    """
    diagnostics = DiagnosticCollector()
    arguments = read_megatron_arguments(data, diagnostics)
    report_unused_options(data, diagnostics)
    diagnostics.raise_any("config")
    warn_of_ramp(data, arguments)
    with diagnostics.reported_at(ROOT):
        run = _run_of(arguments, diagnostics)
        diagnostics.raise_any("config")
        fields: dict[str, Any] = {"lr": _planned_rate(arguments, run, diagnostics)}
        own = _decoupled(arguments)
        if own is not None:
            # Since core 0.16 only max_lr differs in these groups; is_decoupled_lr is false.
            groups = json.dumps({f"max_lr={own.lr!r}": {"lr": str(_planned_rate(own, run, diagnostics))}})
            found = (
                f"the plan is for the other groups; the base of embedding and output layers is their max_lr {own.lr!r}"
            )
            place = written_options(data)["decoupled_lr"][1]
            warn_user(Problem(place, found, f"For example groups: {groups}", code=NOT_IN_FILE))
        start, end, style = arguments.start_weight_decay, arguments.end_weight_decay, arguments.weight_decay_incr_style
        if start is not None and end is not None:
            fields["weight_decay"] = anneal(absolute(start), absolute(end), run.length(run.total), CURVES[style])
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
    by, batch, scale = arguments.unit, arguments.batch_size, 1
    steps, iterations = arguments.batch_size_steps, arguments.train_iters
    counts = arguments.counts(by)
    total, wsd = counts.train or 0, counts.wsd_decay or 0
    decay = total if counts.decay is None else counts.decay
    share = arguments.lr_warmup_fraction
    exact = Fraction(counts.warmup) if share is None else Fraction(repr(share)) * decay
    if by == "iters" and batch and (steps or _is_fractional(exact)):
        by, scale = "samples", batch
        exact, total, decay, wsd = exact * scale, total * scale, decay * scale, wsd * scale
    warm, length = exact if _is_fractional(exact) else round(exact), decay // scale
    if not 0 <= warm < decay:
        found = f"the warmup, {float(warm / scale):,.12g}, must be shorter than the entire schedule of lr, {length:,}"
        name, shorter = (f"lr_warmup_{arguments.unit}", length // 10) if share is None else ("lr_warmup_fraction", 0.01)
        diagnostics.add(ROOT, found, f"For example: {name}: {shorter}", code=REFUSED_VALUE)
    if wsd > decay:
        found = f"the decay of WSD, {wsd // scale:,}, must not be longer than the entire schedule of lr, {length:,}"
        diagnostics.add(ROOT, found, f"Use a smaller lr_wsd_decay_{arguments.unit}", code=REFUSED_VALUE)
    unit = "samples" if by == "samples" else ""
    followed = planned_batch_size(arguments) if unit else None
    if unit and followed is None:
        found = "the batch size is unknown, so the horizon includes a last partial batch that Megatron drops"
        warn_user(Problem(child_path(ROOT, "global_batch_size"), found, code=NOT_IN_FILE))
    horizon = total if not unit or batch is None else consumed_in_all(arguments, batch, total)
    if steps and iterations is not None:
        horizon = samples_of_updates(steps, iterations)
        found = (
            f"Megatron counts {scale} samples per iteration for the lengths of lr, {total:,} in all; "
            f"the run consumes {horizon:,}"
        )
        place = child_path(ROOT, "step_batch_size_schedule")
        warn_user(Problem(place, found, "Write train_samples", code=SAMPLE_LENGTHS))
    in_samples = (batch or 0) if not unit else 1
    return _MegatronRun(unit, warm, decay, wsd, total, in_samples, horizon, followed)


def _is_fractional(exact: Fraction) -> bool:
    """Return whether a count is not an integer, with a tolerance for a fraction that was rounded, such as 1/3."""
    return abs(exact - round(exact)) > 1e-9 * max(1.0, float(exact))


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
    return with_lengths(in_order(stages))  # Megatron does not round a fractional warmup


def _planned_root(
    run: _MegatronRun, floor: Level, rest: int | Fraction, diagnostics: DiagnosticCollector
) -> list[Schedule]:
    """Return the stages of an inverse-square-root decay: sqrt(W / t), not below the floor, and the floor after it.

    W is the length of the warmup, t the time. Megatron counts both in samples, with at least one sample for each.
    """
    if run.warmup:
        root: Schedule = inverse_sqrt(run.length(run.warmup))
        if 0 < (samples := run.warmup * run.scale) < 1:
            root = constant(1 / sqrt(samples)) * root
        head: list[Schedule] = []
    else:
        if not run.scale:
            found = "without a warmup, inverse-square-root counts samples, but the batch size is unknown"
            instead = "Use global_batch_size, or lr_warmup_iters"
            diagnostics.add(child_path(ROOT, "lr_decay_style"), found, instead, code=MISSING_FACT)
        root = inverse_sqrt(run.length(1))
        if run.scale > 1:
            root = constant(1 / sqrt(run.scale)) * root
        head, rest = [constant(1.0, run.length(1))], rest - 1
    bounded = clamp(root, low=floor) if floor else root
    return [*head, take(bounded, run.length(rest + 1)), constant(floor)]
