"""Names of other libraries, and the name of each here: the only table of them.

`FOREIGN` contains the names of arguments. A key is the name of an argument (`eta_min`), or that of a function here and
of an argument (`constant.factor`), which takes precedence. `answer_to_name` answers to the names of schedulers.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, final

from paramsched.base.words import bounded, closest

# ---- arguments


def _rows(names: str, here: str) -> dict[str, str]:
    """Return one row for each name."""
    return dict.fromkeys(names.split(), here)


_BASE: Final = "the lr of the optimizer, which a schedule multiplies"
_LONGEST_NAME: Final = 100
_LONGEST: Final = 30  # characters of a value in an answer
_RUN: Final = "total=… of the run, or over=… of a stage"

FOREIGN: Final[Mapping[str, str]] = {
    # Levels: torch, timm, Transformers, optax, keras, detectron2, Composer.
    **_rows(
        "eta_min min_lr lr_min lr_end end_value min_value final_lr end_lr lr_final final_value end_learning_rate "
        "min_learning_rate minimum_lr minimum_learning_rate final_learning_rate eta_end min_eta",
        "to=absolute(…)",
    ),
    **_rows(
        "end_factor min_lr_ratio min_lr_rate eta_min_ratio alpha alpha_f final_lr_ratio final_lr_factor lr_min_ratio "
        "min_lr_factor min_ratio min_lr_scale end_ratio",
        "to=…",
    ),
    **_rows("start_factor start_ratio init_factor initial_factor", "start=…"),
    **_rows("start_lr start_value lr_start begin_value", "start=absolute(…)"),
    **_rows(
        "max_lr base_lr lr lr_max peak_lr peak_value initial_learning_rate initial_lr init_lr learning_rate base_value "
        "init_value max_learning_rate peak_learning_rate warmup_target eta_max base_learning_rate",
        _BASE,
    ),
    # Lengths.
    **_rows("total_iters total_iter anneal_epochs num_iters transition_steps", "over=…"),
    **_rows("decay_steps", "over, without the warmup, which optax counts in decay_steps"),
    **_rows("constant.factor", "value"),
    **_rows(
        "T_max t_max lr_decay_steps decay_iters total_steps num_training_steps max_steps max_iters max_iter "
        "num_steps training_steps train_steps num_train_steps total_train_steps n_steps max_train_steps steps "
        "total_num_steps max_updates total_updates train_iters max_iterations num_iterations total_iterations "
        "lr_decay_iters max_duration t_total horizon",
        _RUN,
    ),
    **_rows("t_initial", "over, without the warmup, which in timm replaces the first values of the curve"),
    **_rows(
        "epochs num_epochs max_epochs num_train_epochs n_epochs train_epochs total_epochs max_epoch nb_epochs",
        'total="… epochs" of the run, or over="… epochs" of a stage',
    ),
    **_rows("begin transition_begin", "constant(over=…) >> before the schedule"),
    **_rows("end", "over, the length from begin to end, or to, the last level"),
    **_rows("by_epoch", 'a unit in a length, such as "5 epochs"'),
    **_rows("param_name", "the name of the line"),
    **_rows("optimizer", "an argument of the Scheduler alone"),
    **_rows("last_epoch last_step", "in the checkpoint of the optimizer"),
    # Warmups.
    **_rows(
        "num_warmup_steps warmup_steps warmup_iters num_warmup_iters warmup_updates warmup_length warmup_duration "
        "warmup_iterations t_warmup warm_up_steps lr_warmup_iters lr_warmup_steps warmup_num_steps n_warmup_steps "
        "num_warmup warmup_period total_warmup_steps warmup_t",
        "warmup(…) >> before the schedule",
    ),
    **_rows(
        "warmup_epochs warmup_epoch num_warmup_epochs warm_up_epochs n_warmup_epochs",
        'warmup("… epochs") >> before the schedule',
    ),
    **_rows(
        "warmup_ratio warmup_fraction warmup_frac warmup_proportion warmup_percent warmup_pct warmup_percentage "
        "warmup_prop",
        'warmup("…%") >> before the schedule',
    ),
    **_rows(
        "warmup_lr_init warmup_start_lr warmup_init_lr warmup_lr warmup_initial_lr warmup_min_lr warmup_init_value",
        "warmup(n, start=absolute(…)) >> before the schedule",
    ),
    **_rows(
        "warmup_factor warmup_start_factor warmup_init_factor warmup_bias",
        "warmup(n, start=…) >> before the schedule",
    ),
    **_rows(
        "warmup_type warmup_mode warmup_method warmup_style warmup_schedule",
        "warmup(n, curve=…) >> before the schedule",
    ),
    # Steps, exponentials and cycles.
    **_rows("step_size lr_step_size drop_every epochs_drop decay_t", "every=… of step()"),
    **_rows(
        "milestones boundaries lr_steps decay_milestones lr_milestones decay_epochs", "milestones=[…] of multistep()"
    ),
    **_rows("gamma decay_rate lr_gamma decay_factor drop_rate lr_decay_rate factor", "gamma=…"),
    **_rows("power lr_power poly_power", "power=… of polynomial()"),
    **_rows("T_0 t_0 first_cycle_steps first_decay_steps cycle_steps cycle_length", "first=… of cosine_restarts()"),
    **_rows("T_mult t_mul t_mult cycle_mul cycle_mult", "mult=… of cosine_restarts()"),
    **_rows("m_mul cycle_decay start_value_mult", "gamma=… of cosine_restarts()"),
    **_rows("cycle_limit num_cycles", "times=…"),
    **_rows("step_size_up", "up=… of cyclic()"),
    **_rows("step_size_down", "down=… of cyclic()"),
    **_rows("pct_start", 'up="…%" of one_cycle()'),
    **_rows("div_factor", "start=1/… of one_cycle()"),
    **_rows("final_div_factor", "to of one_cycle(), a multiple of base: 1 / (div_factor * final_div_factor)"),
    **_rows("anneal_strategy", "curve=… of one_cycle()"),
    **_rows("cycle_momentum base_momentum max_momentum", "a line of its own, for momentum"),
    **_rows("num_decay_steps cooldown_steps num_cooldown_steps decay_duration", "decay=… of wsd()"),
    **_rows("decay_ratio decay_fraction decay_frac cooldown_fraction", 'decay="…%" of wsd()'),
    **_rows("d_model model_size hidden_size", "width=… of noam()"),
    # Metrics.
    **_rows("plateau.min_lr plateau.lr_min", "min=absolute(…)"),
    **_rows("monitor", "metric=… of plateau()"),
    **_rows("patience patience_t lr_patience", "patience=… of plateau()"),
    **_rows("cooldown_t", "cooldown=… of plateau()"),
    **_rows("min_delta", 'threshold=… of plateau(), with threshold_mode="abs"'),
    # Run facts.
    **_rows("iters_per_epoch updates_per_epoch num_update_steps_per_epoch iterations_per_epoch", "steps_per_epoch=…"),
    **_rows("num_batches batches_in_epoch epoch_len", "batches_per_epoch=…"),
    **_rows(
        "gradient_accumulation_steps accumulate_grad_batches accumulation_steps grad_accum_steps accum_iter",
        "accumulation=…",
    ),
    **_rows("per_device_train_batch_size train_batch_size global_batch_size samples_per_batch", "batch_size=…"),
    **_rows("seq_len seq_length max_seq_length max_seq_len block_size context_length", "sequence_length=…"),
    **_rows("tokens_per_update tokens_per_batch", "tokens_per_step=…"),
    # Functions that are not shapes.
    **_rows("clock", "clock=… of the plan"),
    **_rows("start_step global_step initial_step current_step num_updates", "t=…"),
    **_rows("schedule lr_schedule lr_scheduler scheduler lr_scheduler_type", 'a plan, such as "cosine()"'),
    **_rows("find_lr.start_lr find_lr.min_lr find_lr.lr_min", "low=…"),
    **_rows("find_lr.end_lr find_lr.max_lr find_lr.lr_max", "high=…"),
    **_rows("find_lr.num_iter find_lr.num_training find_lr.num_it", "updates=…"),
    **_rows("find_lr.early_stop_threshold find_lr.diverge_th", "stop_at=…"),
    **_rows("find_lr.smooth_f find_lr.beta", "smoothing=…"),
    **_rows("Scheduler.lr", 'the lr of the optimizer; its schedule is a line of the plan: ps.Plan(lr="cosine()")'),
    **_rows("trace.base trace.lr trace.base_lr", 'bases={"lr": …}'),
    **_rows("Binding.group Binding.param_group", "groups=…"),
    **_rows("Binding.name Binding.param_name", "field=…"),
    **_rows("Target.init_value Target.value Target.initial_value", "initial=…"),
}
"""The arguments of other libraries: torch, Transformers, timm, MMEngine, keras, optax, fastai and training programs."""


def name_here(function: str, name: str, value: object = None) -> str | None:
    """Return what to write for an argument of another library; None if it belongs to no other library.

    Args:
        function: the function here that was called with it.
        name: the argument.
        value: its value, which is part of the answer if it is a number or a text.

    >>> name_here("cosine", "eta_min", 1e-5), name_here("find_lr", "min_lr"), name_here("cosine", "to")
    ('Write to=absolute(1e-05)', 'Write low=…', None)
    >>> name_here("", "warmup_ratio", 0.1), name_here("", "max_lr", 0.1)
    ('Write warmup("10%") >> before the schedule', 'Here it is the lr of the optimizer, which a schedule multiplies')
    """
    here = FOREIGN.get(f"{function}.{name}") or FOREIGN.get(name)
    if here is None or "…" not in here:
        return here and f"Here it is {here}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = f"{100 * value:g}" if "…%" in here else repr(value)  # a share of the run
        return f"Write {here.replace('…', number)}"
    if isinstance(value, str) and '"' not in here + value and len(value) <= _LONGEST:
        text = f'"{value}"'
        return f"Write {here.replace('…', text)}"
    return f"Write {here}"


FOREIGN_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ep", "eps"), "epochs"),
    **dict.fromkeys(("it", "its", "upd"), "steps"),
    **dict.fromkeys(("ba",), "batches"),
    **dict.fromkeys(("sp",), "samples"),
    **dict.fromkeys(("tok", "toks"), "tokens"),
    **dict.fromkeys(("percent", "pct"), "%"),
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
        number = match["number"]
        word = match["scale"] or ""
        unit = match["unit"]
        if {f"{word}{unit}", f"{word}{unit}".lower()} & {*names, *FOREIGN_UNITS}:  # "10 batches" has no scale
            unit = f"{word}{unit}"
            word = ""
        if unit == "dur":  # of Composer, a share of the run
            number = f"{(Decimal(number) * 100).normalize():f}"
            unit = "%"
        unit = FOREIGN_UNITS.get(unit.lower()) or closest(unit, [name for name in names if len(name) > 3]) or unit
        scale = FOREIGN_SCALES.get(word.lower(), word)
        return f"{number}{scale}{'' if unit == '%' else ' '}{unit}"

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


_ATTRIBUTES: Final[Mapping[str, str]] = {
    **_rows("huggingface hf trainer hugging_face", "paramsched.engines.transformers"),
    **_rows("pytorch_lightning pl lightning_fabric", "paramsched.engines.lightning"),
    **_rows("plot draw", "plan.plot()"),
}
"""What is written here for an attribute of a module that other libraries have."""


def no_attribute(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """Return the error about an attribute that a module does not have, with the nearest name or what to write.

    Args:
        module: the name of the module.
        name: the name of the attribute.
        names: the names of its attributes.

    >>> print(no_attribute("paramsched.engines", "lightnig", ["lightning", "transformers"]))
    module 'paramsched.engines' has no attribute 'lightnig'; did you mean "lightning"?
    >>> print(no_attribute("paramsched.engines", "huggingface", ["lightning", "transformers"]))
    module 'paramsched.engines' has no attribute 'huggingface'. Write paramsched.engines.transformers
    """
    message = f"module {module!r} has no attribute {bounded(name, _LONGEST_NAME)!r}"
    if name.startswith("_"):  # Python, pickle and inspect ask for such names
        return AttributeError(message)
    if name.lower() in _ATTRIBUTES:
        return AttributeError(f"{message}. Write {_ATTRIBUTES[name.lower()]}")
    answer = answer_to_name(name)
    if answer is not None:
        return AttributeError(f"{message}; {answer}")
    near = closest(name, names)
    return AttributeError(message if near is None else f'{message}; did you mean "{near}"?')


def answer_to_name(name: str) -> str | None:
    """Return what to write for a scheduler of another library; None for every other name.

    >>> print(answer_to_name("CyclicLR"))
    CyclicLR is a name of torch: from paramsched.compat.torch import CyclicLR, or see the page "Coming from torch"
    >>> print(answer_to_name("get_wsd_schedule"))
    get_wsd_schedule is a name of Hugging Face: see the page "Coming from Hugging Face"
    """
    if name in _RATE_FINDERS:
        return f"{name} is ps.find_lr here"
    libraries = [library for library in _LIBRARIES if name in NAMES_OF_LIBRARIES[library.title]]
    if not libraries:
        return None
    ways = [f"from paramsched.{library.package} import {name}" for library in libraries if library.package is not None]
    ways.append("see the page " + " or ".join(f'"Coming from {library.title}"' for library in libraries))
    return f"{name} is a name of {' and of '.join(library.title for library in libraries)}: {', or '.join(ways)}"
