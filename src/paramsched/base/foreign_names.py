"""Names of other libraries, and what to write for them here: the only table of them.

`FOREIGN` contains the names of arguments. A key is the name of an argument (`eta_min`), or that of a function here and
of an argument (`constant.factor`), which takes precedence. `paramsched.core.foreign_calls` reads the table for calls,
lines of text, plan files and commands. `answer_to_name` answers to the names of schedulers.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

from paramsched.base.words import closest

Given: TypeAlias = Mapping[str, Any]
"""The keywords of a call, of which the meaning of one may depend on another."""
Form: TypeAlias = Callable[[Any, Given], str | None]
"""A function that returns the text of a value here; None if the value has no meaning here."""
Belongs: TypeAlias = Literal["", "warmup", "hold", "run"]
"""The call to which an argument belongs: this one, a warmup or a hold before it, or that of the Scheduler."""

# ---- texts of values


def text_of(value: Any) -> str | None:
    """Return a value as Python code and as an argument in a line of text; None if it has no such text.

    >>> text_of("5%"), text_of((0.5, 1)), text_of(None), text_of(print)
    ('"5%"', '[0.5, 1]', 'None', None)
    """
    if isinstance(value, str):
        return f'"{value}"' if value.isprintable() and not {'"', "\\"} & {*value} else repr(value)
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, Integral):
        return repr(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        items = [text_of(item) for item in value]
        return None if None in items else f"[{', '.join(filter(None, items))}]"
    written = getattr(value, "written", None)  # of a Duration
    text = str(written()) if callable(written) else str(value)
    return None if isinstance(value, type) or "<" in text or "\n" in text or not text.strip() else text


_MOST: Final = 10**18  # updates


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _same(value: Any, _: Given) -> str | None:
    """Return the value unchanged."""
    return text_of(value)


def _number(value: Any, _: Given) -> str | None:
    return text_of(value) if _is_number(value) else None


def _level(value: Any, _: Given) -> str | None:
    """Return a value of the field as a level, which is absolute unless it is 0."""
    if isinstance(value, (str, bool, list, tuple)) or value is None:
        return None
    return f"absolute({text_of(value)})" if _is_number(value) and value else text_of(value)


def _length(value: Any, arguments: Given) -> str | None:
    """Return a number of updates, or of epochs in a call with `by_epoch=True`; text contains its unit."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, tuple)):
        return None
    if _is_number(value) and (arguments.get("by_epoch") is True or arguments.get("t_in_epochs") is True):
        return _epochs(value, arguments)
    if _is_number(value):
        return text_of(int(value)) if 0 <= value <= _MOST and value == int(value) else None
    return text_of(value) if not isinstance(value, str) or any(map(str.isdecimal, value)) else None


def _length_or_share(value: Any, arguments: Given) -> str | None:
    """Return a length; a number between 0 and 1 is a share of the run."""
    return _share(value, arguments) if _is_number(value) and 0 < value < 1 else _length(value, arguments)


def _share(value: Any, arguments: Given) -> str | None:
    """Return a number between 0 and 1 as a percentage."""
    if not _is_number(value) or not 0 <= value <= 1:
        return _length(value, arguments) if isinstance(value, str) else None
    return f'"{float(Fraction(str(value)) * 100):.15g}%"'


def _epochs(value: Any, _: Given) -> str | None:
    if isinstance(value, str):
        return text_of(value)
    return f'"{value} epoch{"" if value == 1 else "s"}"' if _is_number(value) else None


def _length_after_warmup(value: Any, arguments: Given) -> str | None:
    """Return keras' `decay_steps`, which do not include the warmup; None in a call of optax, whose do."""
    return _length(value, arguments) if {"warmup_target", "initial_learning_rate"} & arguments.keys() else None


def _stepwise(value: Any, arguments: Given) -> str | None:
    """Return the empty text if values change between epochs only."""
    return "" if value is True and arguments.get("convert_to_iter_based") is not True else None


def _plain_cosine(value: Any, _: Given) -> str | None:
    return "" if text_of(value) == "cosine()" else None


def _from_begin(value: Any, arguments: Given) -> str | None:
    """Return the length from `begin` to `end`."""
    begin = arguments.get("begin", 0)
    return _length(value - begin, arguments) if _is_number(value) and _is_number(begin) else None


def _after(value: Any, arguments: Given) -> str | None:
    """Return the length of a stage before the first change; None if it is 0."""
    return _length(value, arguments) if value else None


def _milestones(value: Any, arguments: Given) -> str | None:
    if not isinstance(value, (list, tuple)):
        return None
    texts = [_length(item, arguments) for item in value]
    return None if None in texts else f"[{', '.join(filter(None, texts))}]"


def _reciprocal(value: Any, _: Given) -> str | None:
    return repr(1 / value) if _is_number(value) and value else None


def _last_of_one_cycle(value: Any, arguments: Given) -> str | None:
    """Return torch's last level: the first one, which `div_factor` defines, divided by `final_div_factor`."""
    first = arguments.get("div_factor", 25.0)
    return repr(1 / first / value) if _is_number(value) and _is_number(first) and value and first else None


def _ramp_back(value: Any, arguments: Given) -> str | None:
    return _share(arguments.get("pct_start", 0.3), arguments) if value is True else None


_CURVES: Final = {"cos": "cosine", "cosine": "cosine", "linear": "linear", "lin": "linear"}


def _curve(value: Any, _: Given) -> str | None:
    return f'"{_CURVES[value]}"' if value in _CURVES else None


def _if_false(value: Any, _: Given) -> str | None:
    return None if value else ""


def _in_a_warmup(value: Any, arguments: Given) -> str | None:
    """Return optax's `init_value` if a warmup starts there; otherwise it is the base."""
    return _level(value, arguments) if "peak_value" in arguments else None


def _without_value(*_: object) -> str:
    return ""


def _completed(value: Any, _: Given) -> str | None:
    """Return the number of completed updates for torch's `last_epoch`; None at the start of a run."""
    return text_of(value + 1) if isinstance(value, int) and value >= 0 else None


def _difference(value: Any, _: Given) -> str | None:
    """Return keras' `min_delta`, which is a difference and not a fraction of the best value."""
    return f'{text_of(value)}, threshold_mode="abs"' if _is_number(value) else None


# ---- the table


@final
@dataclass(frozen=True, slots=True)
class Way:
    """A way to write an argument of another library.

    Args:
        argument: the argument here; empty if only `around` or `note` replaces it.
        form: the text of its value.
        belongs: the call that has the argument.
        around: the line, with `{call}` for the call and `{value}` for the value.
        note: why there is no argument, for the advice.
        until: True if the length ends at that time of the run, so that a warmup before it makes the stage shorter.
        overlays: True if a warmup replaces the first part of the schedule and does not delay it.
    """

    argument: str = ""
    form: Form = _same
    belongs: Belongs = ""
    around: str = ""
    note: str = ""
    until: bool = False
    overlays: bool = False


@final
@dataclass(frozen=True, slots=True)
class Foreign:
    """An argument of another library.

    Args:
        ways: the ways to write it. The first one that the function can use applies.
        homes: the shapes that have the argument, for a function that cannot use any way.
    """

    ways: tuple[Way, ...]
    homes: tuple[str, ...] = ()


def _rows(names: str, *ways: Way, homes: str = "") -> dict[str, Foreign]:
    """Return one row for each name."""
    return dict.fromkeys(names.split(), Foreign(ways, tuple(homes.split())))


def _run(form: Form) -> tuple[Way, ...]:
    """Return the ways to write the length of a run."""
    return (
        Way("over", form, until=True),
        Way("total", form),
        Way("total", form, "run"),
    )


def _fact(name: str) -> tuple[Way, ...]:
    """Return the ways to write a run fact."""
    return (Way(name, _same), Way(name, _same, "run"))


def _warmup(argument: str, form: Form, *, overlays: bool = False) -> Way:
    return Way(argument, form, "warmup", overlays=overlays)


def _left_out(note: str = "", form: Form = _without_value) -> Way:
    return Way(form=form, note=note)


def _last(form: Form) -> tuple[Way, ...]:
    """Return the ways to write the last or lowest level."""
    return (Way("to", form), Way("min", form), Way("low", form), Way(form=form, around="maximum({call}, {value})"))


BASE: Final = _left_out("a schedule multiplies the lr of the optimizer")
_MOMENTUM: Final = _left_out("momentum has a line of its own")
_PERIODS: Final = (Way("per", _length), Way("every", _length), Way("first", _length))
_AFTER_WARMUP: Final = Way(form=_level, around="{call} >> cosine(to={value})")

FOREIGN: Final[Mapping[str, Foreign]] = {
    # The last level: torch, timm, Transformers, optax, keras, detectron2, Composer.
    **_rows(
        "eta_min min_lr lr_min lr_end end_value min_value final_lr end_lr lr_final final_value end_learning_rate "
        "min_learning_rate minimum_lr minimum_learning_rate final_learning_rate eta_end min_eta",
        *_last(_level),
        homes="cosine",
    ),
    **_rows("warmup.eta_min warmup.min_lr warmup.lr_min warmup.lr_end", _AFTER_WARMUP),
    **_rows(
        "end_factor min_lr_ratio min_lr_rate eta_min_ratio alpha alpha_f final_lr_ratio final_lr_factor lr_min_ratio "
        "min_lr_factor min_ratio min_lr_scale end_ratio",
        *_last(_number),
        homes="cosine",
    ),
    # The first level.
    **_rows("start_factor start_ratio init_factor initial_factor", Way("start", _number), homes="linear"),
    **_rows("start_lr start_value lr_start begin_value", Way("start", _level), homes="linear"),
    **_rows("warmup.init_value linear.init_value anneal.init_value warmup.init_lr", Way("start", _level)),
    **_rows("init_value", _warmup("start", _in_a_warmup), BASE),
    # The base.
    **_rows(
        "max_lr base_lr lr lr_max peak_lr peak_value initial_learning_rate initial_lr init_lr learning_rate base_value "
        "max_learning_rate peak_learning_rate warmup_target eta_max base_learning_rate",
        BASE,
        homes="cosine",
    ),
    # Lengths of a schedule.
    **_rows("total_iters total_iter anneal_epochs num_iters", Way("over", _length), *_run(_length), homes="linear"),
    **_rows("constant.total_iters", Way("over", _length, around="{call} >> constant(1)")),
    **_rows("constant.factor", Way("value", _number)),
    **_rows("T_max t_max", *_run(_length), homes="cosine"),
    **_rows("warmup.T_max warmup.t_max warmup.t_initial", Way(form=_length, around="{call} >> cosine(over={value})")),
    **_rows("t_initial", *_PERIODS, Way("over", _length), *_run(_length), homes="cosine cosine_restarts"),
    **_rows(
        "decay_steps transition_steps lr_decay_steps decay_iters",
        *_PERIODS, Way("decay", _length), Way("over", _length_after_warmup), *_run(_length),
        homes="cosine",
    ),
    **_rows("warmup.transition_steps cooldown.transition_steps cooldown.decay_steps", Way("over", _length)),
    # Lengths of a run.
    **_rows(
        "total_steps num_training_steps max_steps max_iters max_iter num_steps training_steps train_steps "
        "num_train_steps total_train_steps n_steps max_train_steps total_num_steps max_updates total_updates "
        "train_iters max_iterations num_iterations total_iterations lr_decay_iters max_duration t_total horizon",
        *_run(_length),
        homes="cosine",
    ),
    **_rows(
        "epochs num_epochs max_epochs num_train_epochs n_epochs train_epochs total_epochs max_epoch nb_epochs",
        *_run(_epochs),
        homes="cosine",
    ),
    **_rows(
        "warmup.total_steps warmup.num_training_steps warmup.max_steps warmup.max_iters cooldown.total_steps "
        "cooldown.num_training_steps cooldown.max_steps",
        Way("total", _length, "run"),
    ),
    **_rows("steps", Way("over", _length), Way("total", _length)),
    **_rows("run.steps", Way("total", _length, "run")),
    **_rows("warmup.epochs warmup.num_epochs warmup.max_epochs", Way("total", _epochs, "run")),
    # MMEngine, whose values are base before its window, and optax, whose value is then that of the start.
    **_rows("end", Way("over", _from_begin), homes="linear"),
    **_rows("begin", _left_out(form=_if_false), Way("base", _after, "hold")),
    **_rows("transition_begin", _left_out(form=_if_false), Way("start", _after, "hold")),
    **_rows("by_epoch", Way(form=_stepwise, around='every({call}, "1 epoch")'), _left_out()),
    **_rows("convert_to_iter_based t_in_epochs warmup_prefix verbose initialize name", _left_out()),
    **_rows("param_name", _left_out("the field is the name of the line")),
    **_rows("optimizer", _left_out("the Scheduler has the optimizer"), homes="cosine"),
    **_rows("last_epoch last_step", _left_out("a resumed optimizer carries its position"), homes="cosine"),
    # Warmups.
    **_rows(
        "num_warmup_steps warmup_steps warmup_iters num_warmup_iters warmup_updates warmup_length warmup_duration "
        "warmup_iterations t_warmup warm_up_steps lr_warmup_iters lr_warmup_steps warmup_num_steps n_warmup_steps "
        "num_warmup warmup_period total_warmup_steps",
        _warmup("over", _length_or_share),
        homes="cosine",
    ),
    **_rows("warmup_t", _warmup("over", _length_or_share, overlays=True), homes="cosine"),
    **_rows(
        "warmup_epochs warmup_epoch num_warmup_epochs warm_up_epochs n_warmup_epochs", _warmup("over", _epochs),
        homes="cosine",
    ),
    **_rows(
        "warmup_ratio warmup_fraction warmup_frac warmup_proportion warmup_percent warmup_pct warmup_percentage "
        "warmup_prop",
        _warmup("over", _share),
        homes="cosine",
    ),
    **_rows(
        "warmup_lr_init warmup_start_lr warmup_init_lr warmup_lr warmup_initial_lr warmup_min_lr warmup_init_value",
        _warmup("start", _level),
    ),
    **_rows("warmup_factor warmup_start_factor warmup_init_factor warmup_bias", _warmup("start", _number)),
    **_rows("warmup_type warmup_mode warmup_method warmup_style warmup_schedule", _warmup("curve", _curve)),
    **_rows(
        "inverse_sqrt.num_warmup_steps inverse_sqrt.warmup_steps inverse_sqrt.warmup_updates",
        Way("timescale", _length, around="warmup({value}) >> {call}"),
        _warmup("over", _length),
    ),
    **_rows("warmup.pct_start", Way("over", _share)),
    # Steps and exponentials.
    **_rows("step_size lr_step_size drop_every epochs_drop", Way("every", _length), homes="step"),
    **_rows("decay_t", Way("every", _length), Way("milestones", _milestones), homes="step multistep"),
    **_rows(
        "milestones boundaries lr_steps decay_milestones lr_milestones decay_epochs", Way("milestones", _milestones),
        homes="multistep",
    ),
    **_rows("gamma decay_rate lr_gamma decay_factor drop_rate lr_decay_rate", Way("gamma", _number),
            homes="exponential step multistep"),
    **_rows("factor", Way("gamma", _number), homes="plateau"),
    **_rows("staircase", _left_out(form=_if_false), homes="step"),
    **_rows("step.staircase", _left_out()),
    **_rows("power lr_power poly_power", Way("power", _number), homes="polynomial"),
    **_rows("exponential.to exponential.start", homes="geometric"),
    **_rows("exponential.over", Way(form=_length, around="take({call}, {value})"), homes="geometric"),
    # Cycles.
    **_rows(
        "T_0 t_0 first_cycle_steps first_decay_steps cycle_steps cycle_length", Way("first", _length),
        Way("every", _length), homes="cosine_restarts",
    ),
    **_rows("T_mult t_mul t_mult cycle_mul cycle_mult", Way("mult", _number), homes="cosine_restarts"),
    **_rows("restarts.eta_min restarts.min_lr restarts.lr_min", homes="cosine_restarts"),
    **_rows("cosine_restarts.schedule", _left_out(form=_plain_cosine)),
    **_rows("cosine_restarts.every", Way("first", _length)),
    **_rows("m_mul cycle_decay start_value_mult", Way("gamma", _number), homes="cosine_restarts"),
    **_rows("end_value_mult", Way("to_gamma", _number), homes="cosine_restarts"),
    **_rows("cycle_limit", Way("times", _number), homes="cosine_restarts"),
    **_rows("num_cycles", Way("times", _number), Way("cycles", _number), homes="cosine_wave"),
    **_rows("step_size_up", Way("up", _length), homes="cyclic"),
    **_rows("step_size_down", Way("down", _length), homes="cyclic"),
    **_rows("cyclic.base_lr cyclic.min_lr", Way("start", _level)),
    **_rows("cyclic.max_lr", Way("to", _level)),
    **_rows("clamp.max_lr", Way("high", _level)),
    # One cycle.
    **_rows("pct_start", Way("up", _share), homes="one_cycle"),
    **_rows("div_factor", Way("start", _reciprocal), homes="one_cycle"),
    **_rows("final_div_factor", Way("to", _last_of_one_cycle), homes="one_cycle"),
    **_rows("anneal_strategy", Way("curve", _curve), homes="one_cycle"),
    **_rows("three_phase", Way("back", _ramp_back), _left_out(form=_if_false), homes="one_cycle"),
    **_rows("cycle_momentum base_momentum max_momentum", _MOMENTUM, homes="one_cycle"),
    # Warmup, stable, decay.
    **_rows("num_decay_steps cooldown_steps num_cooldown_steps decay_duration", Way("decay", _length), homes="wsd"),
    **_rows("decay_ratio decay_fraction decay_frac cooldown_fraction", Way("decay", _share), homes="wsd"),
    **_rows("num_stable_steps", _left_out("the stage between takes what is left of the run"), homes="wsd"),
    **_rows("cooldown_epochs", _left_out("the last level is kept")),
    **_rows("d_model model_size hidden_size", Way("width", _number), homes="noam"),
    # Metrics.
    **_rows("monitor", Way("metric", _same), homes="plateau"),
    **_rows("patience patience_t lr_patience", Way("patience", _number), homes="plateau"),
    **_rows("plateau.decay_rate plateau.gamma", Way("factor", _number)),
    **_rows("hold.min_lr hold.eta_min hold.lr_min"),
    **_rows("threshold_mode", Way("threshold_mode", _same), homes="plateau"),
    **_rows("threshold", Way("threshold", _number), homes="plateau"),
    **_rows("cooldown cooldown_t", Way("cooldown", _number), homes="plateau"),
    **_rows("min_delta", Way("threshold", _difference), homes="plateau"),
    # Run facts.
    **_rows(
        "steps_per_epoch iters_per_epoch updates_per_epoch num_update_steps_per_epoch iterations_per_epoch",
        *_fact("steps_per_epoch"),
    ),
    **_rows("num_batches batches_in_epoch epoch_len", *_fact("batches_per_epoch")),
    **_rows(
        "gradient_accumulation_steps accumulate_grad_batches accumulation_steps grad_accum_steps accum_iter",
        *_fact("accumulation"),
    ),
    **_rows(
        "per_device_train_batch_size train_batch_size global_batch_size samples_per_batch", *_fact("batch_size")
    ),
    **_rows(
        "seq_len seq_length max_seq_length max_seq_len block_size context_length", *_fact("sequence_length")
    ),
    **_rows("tokens_per_update tokens_per_batch", *_fact("tokens_per_step")),
    # Functions that are not shapes.
    **_rows("Scheduler.last_epoch", Way("t", _completed), _left_out()),
    **_rows("start_step global_step initial_step current_step num_updates", Way("t", _same)),
    **_rows("schedule lr_schedule lr_scheduler scheduler lr_scheduler_type", Way("plan", _same)),
    **_rows("find_lr.start_lr find_lr.min_lr find_lr.lr_min", Way("low", _number)),
    **_rows("find_lr.end_lr find_lr.max_lr find_lr.lr_max", Way("high", _number)),
    **_rows("find_lr.num_iter find_lr.num_training find_lr.num_it", Way("updates", _number)),
    **_rows("find_lr.early_stop_threshold find_lr.diverge_th", Way("stop_at", _number)),
    **_rows("find_lr.smooth_f find_lr.beta", Way("smoothing", _number)),
    **_rows("Binding.group Binding.param_group", Way("groups", _same)),
    **_rows("Binding.name Binding.param_name", Way("field", _same)),
    **_rows("Target.init_value Target.value Target.initial_value", Way("initial", _number)),
}  # fmt: skip
"""The arguments of other libraries: torch, Transformers, timm, MMEngine, keras, optax, fastai and training programs."""


def foreign_argument(function: str, name: str) -> Foreign | None:
    """Return the row of an argument that a function was called with; None if it belongs to no other library."""
    return FOREIGN.get(f"{function}.{name}") or FOREIGN.get(name)


FOREIGN_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ep", "eps"), "epochs"),
    **dict.fromkeys(("it", "its", "upd"), "steps"),
    **dict.fromkeys(("ba",), "batches"),
    **dict.fromkeys(("sp",), "samples"),
    **dict.fromkeys(("tok", "toks"), "tokens"),
    **dict.fromkeys(("percent", "pct"), "%"),
    **dict.fromkeys(("hr", "hrs"), "h"),
    **dict.fromkeys(("mins",), "min"),
    **dict.fromkeys(("secs",), "s"),
}
"""Units that other libraries and users write, and the units of paramsched: Composer's `ep`, `ba`, `sp` and `tok`."""
FOREIGN_SCALES: Final[Mapping[str, str]] = {
    "thousand": "k", "m": "M", "million": "M", "b": "B", "bn": "B", "g": "B", "G": "B", "billion": "B", "t": "T",
    "trillion": "T",
}  # fmt: skip

_LOOSE_SCALES = "|".join(sorted({"k", *FOREIGN_SCALES}, key=len, reverse=True))
_LOOSE_TERM = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d{{1,3}})?)\s*(?P<scale>{_LOOSE_SCALES})?\s*(?P<unit>%|[A-Za-z]+)",
    re.ASCII | re.IGNORECASE,
)
"""A number with any unit, and a scale in any case."""


def with_own_units(text: str, names: Collection[str]) -> str:
    """Return the text of a length with our units in place of misspelled ones and those of other libraries.

    Args:
        text: the length.
        names: the names of the units.
    """

    def with_own_unit(match: re.Match[str]) -> str:
        number, word, unit = match["number"], match["scale"] or "", match["unit"]
        if {f"{word}{unit}", f"{word}{unit}".lower()} & {*names, *FOREIGN_UNITS}:  # "10 batches" has no scale
            word, unit = "", f"{word}{unit}"
        if unit == "dur":  # of Composer, a share of the run
            number, unit = f"{(Decimal(number) * 100).normalize():f}", "%"
        known = FOREIGN_UNITS.get(unit.lower()) or closest(unit, [name for name in names if len(name) > 3]) or unit
        scale = FOREIGN_SCALES.get(word.lower(), word)
        return f"{number}{scale}{'' if known == '%' else ' '}{known}"

    return _LOOSE_TERM.sub(with_own_unit, " ".join(text.split()))


# ---- names of schedulers


@final
class _Library(NamedTuple):
    """A library: its name in the title of its page, the package of its drop-ins or None, and its names."""

    title: str
    package: str | None
    names: str


_LIBRARIES: Final = (
    _Library(
        "torch",
        "compat.torch",
        "LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR SequentialLR PolynomialLR "
        "CosineAnnealingLR ChainedScheduler ReduceLROnPlateau CyclicLR OneCycleLR CosineAnnealingWarmRestarts",
    ),
    _Library(
        "MMEngine",
        "mmengine",
        "StepLR MultiStepLR ConstantLR LinearLR ExponentialLR CosineAnnealingLR CosineRestartLR OneCycleLR PolyLR "
        "ReduceOnPlateauLR",
    ),
    _Library("pytorch-accelerated", "compat.pytorch_accelerated", "CosineLrScheduler"),
    _Library("GradualWarmupScheduler", "compat.gradual_warmup", "GradualWarmupScheduler"),
    _Library("Megatron-LM", None, "OptimizerParamScheduler"),
    _Library("DeepSpeed", None, "WarmupLR WarmupDecayLR WarmupCosineLR"),
    _Library(
        "Hugging Face",
        None,
        "get_constant_schedule get_constant_schedule_with_warmup get_cosine_schedule_with_warmup "
        "get_cosine_with_hard_restarts_schedule_with_warmup get_cosine_with_min_lr_schedule_with_warmup "
        "get_inverse_sqrt_schedule get_linear_schedule_with_warmup get_polynomial_decay_schedule_with_warmup "
        "get_reduce_on_plateau_schedule get_scheduler get_wsd_schedule "
        "constant_with_warmup cosine_with_restarts cosine_with_min_lr cosine_warmup_with_min_lr reduce_lr_on_plateau "
        "warmup_stable_decay",
    ),
    _Library(
        "timm",
        None,
        "CosineLRScheduler MultiStepLRScheduler PlateauLRScheduler PolyLRScheduler StepLRScheduler TanhLRScheduler "
        "create_scheduler create_scheduler_v2",
    ),
)
NAMES_OF_LIBRARIES: Final = {library.title: tuple(library.names.split()) for library in _LIBRARIES}
_RATE_FINDERS: Final = frozenset({"lr_find", "lr_finder", "LRFinder", "LearningRateFinder"})


def answer_to_name(name: str) -> str | None:
    """Return what to write for a scheduler of another library; None for every other name.

    >>> print(answer_to_name("CyclicLR"))
    CyclicLR is a name of torch: from paramsched.compat.torch import CyclicLR, or see the page "Coming from torch"
    >>> print(answer_to_name("get_wsd_schedule"))
    get_wsd_schedule is a name of Hugging Face: see the page "Coming from Hugging Face"
    """
    if name in _RATE_FINDERS:
        return f"{name} is ps.find_lr here"
    found = [library for library in _LIBRARIES if name in NAMES_OF_LIBRARIES[library.title]]
    if not found:
        return None
    ways = [f"from paramsched.{one.package} import {name}" for one in found if one.package is not None]
    ways.append("see the page " + " or ".join(f'"Coming from {one.title}"' for one in found))
    return f"{name} is a name of {' and of '.join(one.title for one in found)}: {', or '.join(ways)}"
