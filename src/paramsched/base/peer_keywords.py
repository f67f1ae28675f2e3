"""Keywords of other libraries, our arguments of the same meaning, and what there is instead of those that have none.

Nothing is accepted by these words; an error that meets one of them says what to write.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from paramsched.base.near_names import closest

_ARGUMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("over", ("T_max", "anneal_epochs", "lr_decay_iters", "lr_decay_samples", "max_iter", "total_iters", "decay_steps",
              "transition_steps", "n_iter", "duration", "t_max", "length",
              "num_training_steps", "total_steps", "num_decay_steps", "max_iters", "max_steps", "steps", "iters",
              "total", "n_steps", "num_steps", "horizon")),
    ("first", ("T_0", "t_initial", "first_cycle_steps", "first_decay_steps", "t_0", "cycle_size", "lr_period_updates",
               "period", "every", "cycle_length", "cycle_len", "cycle_steps", "length")),
    ("mult", ("T_mult", "cycle_mult", "cycle_mul", "t_mul", "t_mult", "cycle_multiplier", "multiplier")),
    ("up", ("step_size_up", "up_steps", "cycle_first_step_size", "pct_start", "pct_warmup")),
    ("down", ("step_size_down", "down_steps", "cycle_second_step_size")),
    ("to_gamma", ("end_value_mult",)),
    ("warmup", ("num_warmup_steps", "warmup_steps", "warmup_t", "t_warmup", "warmup_epochs", "warmup_iters",
                "warmup_ratio", "warmup_length", "lr_warmup_iters", "lr_warmup_steps", "lr_warmup_samples",
                "lr_warmup_fraction", "warmup_fraction", "warmup_updates", "warmup_num_steps",
                "learning_rate_warmup")),
    ("decay", ("num_decay_steps", "decay_steps", "cooldown_steps", "decay_ratio", "decay_fraction", "decay_epochs",
               "cooldown", "lr_wsd_decay_iters", "lr_wsd_decay_samples")),
    ("to", ("eta_min", "end_factor", "alpha_f", "alpha", "lr_min", "min_lr", "min_lr_ratio", "lr_end", "end_value",
            "end", "final", "stop", "min_value", "max_lr", "min_lr_rate", "min_lr_factor", "swa_lr",
            "lr_end_ratio", "final_lr_frac", "warmup_target", "final_lr", "end_lr", "end_learning_rate",
            "learning_rate_end", "cos_min_ratio", "min_learning_rate", "eta_min_ratio",
            "warmup_end_value", "min", "low", "floor", "target")),
    ("start", ("start_factor", "warmup_start_factor", "warmup_ratio", "init_value", "warmup_init_lr", "warmup_lr_init",
               "begin_value", "base_lr", "initial", "start_value",
               "from", "from_", "begin", "init", "warmup_bias_lr", "lr_warmup_init",
               "warmup_min_lr", "warmup_begin_lr", "warmup_start_lr", "warmup_learning_rate", "warmup_lr",
               "warmup_min_ratio", "warmup_start_value", "start_lr", "cycle_min_lr", "lr_range_test_min_lr")),
    ("gamma", ("decay_rate", "lr_decay", "gamma_factor", "cycle_decay", "factor", "decay", "m_mul", "restart_weight",
               "decay_factor", "learning_rate_decay", "start_value_mult", "rate", "multiplier", "by")),
    ("every", ("step_size", "stepsize", "size", "decay_t", "decay_steps", "period", "interval", "decay_epochs")),
    ("milestones", ("boundaries", "boundaries_and_scales", "steps", "decay_epochs", "decay_milestones", "at",
                    "values")),
    ("per", ("decay_steps", "transition_steps", "step_size", "every")),
    ("power", ("exponent", "p", "pwr", "degree", "n", "poly_order", "decay_power")),
    ("exponent", ("power", "p", "decay_power")),
    ("timescale", ("tau", "num_warmup_steps", "warmup_steps", "shift", "per")),
    ("value", ("factor", "lr", "level")),
    ("cut", ("cut_frac", "warmup", "num_warmup_steps")),
    ("metric", ("monitor",)),
    ("patience", ("patience_epochs", "patience_t", "reduce_num_not_improved")),
    ("min", ("min_lr", "min_value", "eta_min")),
    ("max", ("max_lr", "max_value")),
    ("window", ("window_size", "smooth")),
    ("reset", ("reset_start",)),
    ("back", ("three_phase", "pct_final")),
    ("periods", ("num_periods",)),
    ("most", ("eta_max", "lr_max")),
    ("rise", ("ratio",)),
    ("begin", ("transition_begin", "start")),
    ("end", ("stop", "T_max")),
    ("factor", ("gamma", "decay", "decay_rate", "decay_factor")),
    ("low", ("min", "lower", "min_value", "minimum", "floor")),
    ("high", ("max", "upper", "max_value", "maximum", "ceiling", "cap")),
    ("by", ("transition_begin", "offset", "begin")),
    ("times", ("num_cycles", "cycles", "cycle_limit", "n_cycle")),
    ("width", ("d_model", "model_size", "dim_embed")),
    ("total", ("total_steps", "num_training_steps", "max_steps", "max_iters", "total_iters", "horizon", "steps",
               "total_updates", "total_num_steps", "num_steps", "T_max", "max_epochs", "num_epochs", "epochs",
               "num_train_epochs", "train_iters")),
    ("steps_per_epoch", ("iters_per_epoch", "updates_per_epoch", "epoch_length", "num_update_steps_per_epoch",
                         "iterations_per_epoch", "steps_in_epoch")),
    ("batches_per_epoch", ("len_loader", "num_batches", "loader_length", "num_training_batches")),
    ("accumulation", ("gradient_accumulation_steps", "accumulate_grad_batches", "accumulative_counts", "grad_accum",
                      "accumulation_steps", "update_freq", "grad_accum_steps", "gradient_accumulation")),
    ("batch_size", ("bs", "train_batch_size", "per_device_train_batch_size", "samples_per_step", "global_batch_size",
                    "samples_per_gpu")),
    ("tokens_per_step", ("tokens_per_batch", "tokens_per_update", "batch_tokens")),
    ("sequence_length", ("seq_len", "seq_length", "context_length", "block_size", "max_seq_length", "n_ctx")),
    ("frames_per_step", ("frames_per_batch", "frames_per_update")),
    ("seconds_per_step", ("step_time", "seconds_per_batch", "time_per_step")),
    ("curve", ("anneal_strategy", "decay_type", "shape", "mode", "warmup_mode", "warmup_type", "interpolate_type",
               "type", "strategy", "kind")),
    ("period", ("every", "interval", "freq", "frequency")),
    ("optimizer", ("base", "bases", "initial_lr")),
)  # fmt: skip
"""Ours, and what peers call the same argument: torch, MMEngine, Hugging Face, timm, optax, Keras, Composer, fairseq."""

_NO_ARGUMENT: Mapping[str, str] = {
    "last_epoch": "a schedule has no state; Scheduler.seek(t) goes to a time",
    "verbose": "nothing is printed; Scheduler.values() says what is in force",
    "by_epoch": 'a length says its unit: over="10 epochs"; every(…, "epoch") changes between epochs only',
    "convert_to_iter_based": 'a length says its unit: over="10 epochs"',
    "optimizer": "a schedule is no part of an optimizer; Scheduler(optimizer, Plan(lr=…)) joins them",
    "num_training_steps": "the run is as long as the plan's horizon says",
    "total_steps": "the run is as long as the plan's horizon says",
    **dict.fromkeys(
        (
            "num_warmup_steps",
            "warmup_steps",
            "lr_warmup_iters",
            "lr_warmup_steps",
            "warmup_updates",
            "warmup_num_steps",
        ),
        "a warmup is a stage of its own: warmup(500) >> cosine()",
    ),
    "warmup_epochs": 'a warmup is a stage of its own: warmup("5 epochs") >> cosine()',
    "lr_warmup_samples": 'a warmup is a stage of its own: warmup("1M samples") >> cosine()',
    "lr_warmup_fraction": 'a warmup is a stage of its own: warmup("1%") >> cosine()',
    "T_max": "a schedule has a length of its own: cosine(over=100)",
    "T_0": "the first cycle is an argument of cosine_restarts(1000)",
    "T_mult": "what each cycle is multiplied by is an argument of cosine_restarts(1000, mult=2)",
    "eta_min": "the end is a share of the group's own lr, or absolute(…): cosine(to=0.1)",
    "train_iters": "the run is as long as the plan's horizon says",
    "train_samples": 'the run is as long as the plan\'s horizon says: "10M samples"',
    "lr_decay_iters": 'a schedule has a length of its own, also one behind a warmup: cosine(over="until 9000 steps")',
    "lr_decay_samples": 'a schedule has a length of its own, also one behind a warmup: cosine(over="until 9M samples")',
    "override_opt_param_scheduler": 'what a checkpoint may change is Scheduler(on_change="new")',
    "use_checkpoint_opt_param_scheduler": 'what a checkpoint may change is Scheduler(on_change="checkpoint")',
    **dict.fromkeys(
        (
            "lr_scheduler_type",
            "lr_scheduler_kwargs",
            "lr_scheduler_name",
            "lr_schedule",
            "lr_policy",
            "learning_rate_schedule",
            "decay_method",
        ),
        'the line says which schedule it is: warmup("5%") >> cosine()',
    ),
    **dict.fromkeys(
        ("hold_steps", "hold_ratio", "constant_steps", "constant_ratio"),
        "a level that is held is a stage of its own: warmup(500) >> constant(over=4000) >> cosine()",
    ),
    "scale_schedule_ratio": 'lengths in per cent follow the horizon: warmup("5%") >> cosine()',
    "cooldown_epochs": 'what is held at the end is a stage of its own: cosine() >> constant(0.1, "10 epochs")',
    "warmup_momentum": 'momentum is a field of its own: Plan(lr="cosine()", momentum="linear(absolute(0.8), 1, 500)")',
    "lr0": "the group's own lr is the peak",
    "warmup_max_lr": "the group's own lr is the peak",
    "cycle_max_lr": "the group's own lr is the peak",
    "max_lr": "the group's own lr is the peak",
    "peak_value": "the group's own lr is the peak",
    "initial_learning_rate": "the group's own lr is the peak",
    "num_stable_steps": "the stable part of wsd is what its warmup and its decay leave",
    "num_cycles": "cosine_wave(2.0) has two waves; cosine_restarts(1000) begins again",
    "div_factor": "the start is a share of the group's own lr: one_cycle(start=0.04)",
    "final_div_factor": "the end is a share of the group's own lr: one_cycle(to=4e-06)",
    "cycle_momentum": 'momentum is a field of its own: Plan(lr=one_cycle(), **{"betas[0]": …})',
    "base_momentum": 'momentum is a field of its own: Plan(lr=one_cycle(), **{"betas[0]": …})',
    "max_momentum": 'momentum is a field of its own: Plan(lr=one_cycle(), **{"betas[0]": …})',
    "warmup_prefix": "warmup(500) >> cosine() puts a warmup before the curve, overlay(warmup(500), cosine()) over it",
    "lr_noise": "noise is a factor: cosine() * noise(1.0, clip=0.67)",
    "noise_pct": "noise is a factor: cosine() * noise(1.0, clip=0.67)",
    "step_on_epochs": 'every(…, "epoch") changes between epochs only',
    "staircase": 'every(exponential(0.9, per="1 epoch"), "1 epoch") changes between epochs only',
}
"""What has no argument of ours, and what there is instead."""


_OF_ONE: Mapping[str, Mapping[str, str | None]] = {
    "warmup": dict.fromkeys(
        (
            "num_warmup_steps",
            "warmup_steps",
            "warmup_t",
            "warmup_epochs",
            "warmup_iters",
            "warmup_length",
            "lr_warmup_iters",
            "lr_warmup_steps",
            "lr_warmup_samples",
            "lr_warmup_fraction",
            "warmup_updates",
            "warmup_num_steps",
        ),
        "over",
    ),
    "cooldown": dict.fromkeys(("cooldown_steps", "cooldown_epochs", "cooldown_length"), "over"),
    "one_cycle": dict.fromkeys(("max_lr", "peak_value"), None),
    "Binding": {
        **dict.fromkeys(("name", "target", "key"), "field"),
        **dict.fromkeys(("line", "value", "text"), "schedule"),
        **dict.fromkeys(("group", "param_group", "param_groups", "selector", "group_name", "only"), "groups"),
    },
    "Target": dict.fromkeys(("value", "init", "initial_value", "base", "start", "default"), "initial"),
}
"""Words that mean another argument in one function than elsewhere, or none."""


_LINE_OF_ARGUMENT: Mapping[str, str] = {
    "over": "cosine(over=100)",
    "first": "cosine_restarts(first=100)",
    "mult": "cosine_restarts(100, mult=2)",
    "up": 'one_cycle(up="30%")',
    "down": "cyclic(500, down=1500)",
    "warmup": "warmup(500) >> cosine()",
    "decay": 'wsd(500, decay="20%")',
    "to": "cosine(to=0.1)",
    "start": "warmup(500, start=0.1)",
    "gamma": "step(30, gamma=0.1)",
    "every": "step(every=30)",
    "milestones": "multistep([30, 80])",
    "per": "exponential(0.9, per=1000)",
    "power": "polynomial(power=2.0)",
    "exponent": "power_law(exponent=0.5, timescale=1000)",
    "timescale": "inverse_sqrt(timescale=500)",
    "value": "constant(value=0.1)",
    "cut": 'slanted_triangular(cut="10%")',
    "metric": 'plateau(metric="val_loss")',
    "patience": 'plateau("val_loss", patience=10)',
    "min": 'plateau("val_loss", min=0.01)',
    "max": 'greedy("val_loss", max=10.0)',
    "window": 'greedy("val_loss", window=50)',
    "reset": 'greedy("val_loss", reset=500)',
    "back": 'one_cycle("30%", back="30%")',
    "periods": "linear_cosine(periods=2.0)",
    "most": "power_scheduler(1024, most=0.01)",
    "rise": "cyclical_anneal(rise=0.5)",
    "begin": "window(cosine(over=100), begin=10)",
    "end": "window(cosine(over=100), end=90)",
    "by": "shift(cosine(over=100), by=10)",
    "to_gamma": "cosine_restarts(100, to=0.1, to_gamma=0.5)",
    "times": "restarts(cosine(over=100), every=100, times=3)",
    "width": "noam(width=512, warmup=4000)",
    "curve": "anneal(curve=curves.cosine)",
}
"""A line for each argument of a schedule's; the others are facts of the run."""


def our_word(name: str, known: Iterable[str], function: str = "") -> str | None:
    """Our name for what a peer calls `name`, among those known here; None where it is no peer's word.

    Args:
        function: whose arguments they are.

    >>> our_word("T_max", ["start", "to", "over"]), our_word("--lr-warmup-iters", ["warmup", "to"])
    ('over', 'warmup')
    """
    known, name = set(known), _as_identifier(name)
    if name in (own := _OF_ONE.get(function, {})):
        return own[name]
    return next((ours for ours, theirs in _ARGUMENTS if ours in known and name in theirs), None)


def meant_argument(name: str, known: Iterable[str], function: str = "") -> str | None:
    """The argument that an unknown one was meant to be: by a peer's word, by its letters, or by its spelling.

    >>> [meant_argument(name, ["start", "to", "over"]) for name in ("T_max", "TO", "ovr", "batch_size")]
    ['over', 'to', 'over', None]
    """
    names = list(known)
    same = next((one for one in names if one.replace("_", "") == name.lower().replace("_", "")), None)
    return same or our_word(name, names, function) or (None if instead_of(name) else closest(name, names))


def is_warmup_length(name: str) -> bool:
    """Whether an argument says how long a warmup is, which is a stage of its own here."""
    theirs = next(theirs for ours, theirs in _ARGUMENTS if ours == "warmup")
    return name == "warmup" or name in theirs


def warmup_text(name: str, value: object) -> str:
    """The length of a warmup that an argument gives, as a line has it.

    >>> warmup_text("warmup_steps", 500), warmup_text("warmup_ratio", 0.1), warmup_text("warmup_epochs", 5)
    ('500', '"10%"', '"5 epochs"')
    """
    if isinstance(value, float) and 0 < value < 1:
        return f'"{value * 100:.12g}%"'
    unit = name.removeprefix("warmup_")
    return f'"{value} {unit}"' if unit in _UNITS and isinstance(value, (int, float)) else repr(value)


_UNITS = ("epochs", "samples", "tokens")


def unit_of_length(name: str) -> str:
    """The unit of a length that an argument names, `warmup_epochs=5`; empty where it names none.

    >>> unit_of_length("max_epochs"), unit_of_length("warmup_epochs"), unit_of_length("over")
    ('epochs', 'epochs', '')
    """
    prefix, _, unit = name.rpartition("_")
    return unit if unit in (*_UNITS, "steps") and prefix in ("", "num", "max", "n", "total", "warmup", "decay") else ""


def is_share_of_run(name: str, value: object) -> bool:
    """Whether an argument gives a length as a share of the run: `ratio=0.1`, `warmup_ratio=0.1`."""
    shares = ("ratio", "fraction", "proportion", "pct", "share", "warmup_ratio", "warmup_fraction", "pct_warmup")
    return name in shares and isinstance(value, float) and 0 < value < 1


OTHER_NAMES: Mapping[str, str] = {
    "learning_rate": "lr", "learningrate": "lr", "lrate": "lr", "base_lr": "lr", "max_lr": "lr", "initial_lr": "lr",
    "rate": "lr", "lr_sched": "lr", "schedule": "lr", "scheduler": "lr", "lr_schedule": "lr", "lr_scheduler": "lr",
    "wd": "weight_decay", "l2": "weight_decay", "decay": "weight_decay", "mom": "momentum",
    **{f"betas{sign}{place}": f"betas[{place}]" for sign in ("_", ".", "") for place in (0, 1)},
    "beta": "betas[0]", "beta1": "betas[0]", "beta_1": "betas[0]", "adam_beta1": "betas[0]",
    "beta2": "betas[1]", "beta_2": "betas[1]", "adam_beta2": "betas[1]", "epsilon": "eps", "adam_epsilon": "eps",
}  # fmt: skip
"""What others call a field of torch's optimizers."""

LENGTHS_OF_RUN: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("max_steps", "total_steps", "num_steps", "steps", "training_steps", "train_steps", "num_training_steps"),
            *("max_iters", "max_iterations", "total_iters", "train_iters", "num_iters", "iters", "iterations"),
            *("max_train_steps", "n_steps", "n_iters", "max_iter", "num_iterations", "total_iterations", "T_max"),
            *("max_updates", "total_updates", "num_updates", "updates", "total", "length", "duration", "max_duration"),
        ),
        "",
    ),
    **dict.fromkeys(
        (
            "epochs",
            "max_epochs",
            "num_epochs",
            "n_epochs",
            "total_epochs",
            "num_train_epochs",
            "epoch",
            "max_epoch",
            "train_epochs",
        ),
        "epochs",
    ),
    **dict.fromkeys(("tokens", "max_tokens", "total_tokens", "num_tokens", "train_tokens"), "tokens"),
    **dict.fromkeys(("max_samples", "total_samples", "train_samples"), "samples"),
}
"""What others call the length of a run, which is a plan's horizon, with the unit of a bare number."""

DROPPED = frozenset(("last_epoch", "verbose", "optimizer", "by_epoch", "convert_to_iter_based"))
"""Arguments of schedulers that a schedule does without."""

SEQUENCES = frozenset(
    ("sequence", "sequential", "join", "concat", "then", "compose", "join_schedules", "sequential_lr")
)
"""What people call a function that puts stages one behind the other."""

PEER_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("get_linear_schedule_with_warmup", "get_cosine_schedule_with_warmup"),
        ("num_warmup_steps", "num_training_steps"),
    ),
    "cosine_decay_schedule": ("init_value", "decay_steps", "alpha"),
    "exponential_decay": ("init_value", "transition_steps", "decay_rate"),
    "linear_schedule": ("init_value", "end_value", "transition_steps"),
    "get_constant_schedule_with_warmup": ("num_warmup_steps",),
    "ConstantLR": ("factor", "total_iters", "last_epoch"),
    "CosineAnnealingLR": ("T_max", "eta_min", "last_epoch"),
    "CosineAnnealingWarmRestarts": ("T_0", "T_mult", "eta_min", "last_epoch"),
    "ExponentialLR": ("gamma", "last_epoch"),
    "LinearLR": ("start_factor", "end_factor", "total_iters", "last_epoch"),
    "MultiStepLR": ("milestones", "gamma", "last_epoch"),
    "PolynomialLR": ("total_iters", "power", "last_epoch"),
    "StepLR": ("step_size", "gamma", "last_epoch"),
}
"""The arguments of other libraries' schedulers in their order, after the optimizer, to translate calls of them."""


def instead_of(name: str) -> str | None:
    """What there is instead of a peer's keyword that has no argument of ours; None where it is none of these.

    >>> instead_of("lr-warmup-iters")
    'a warmup is a stage of its own: warmup(500) >> cosine()'
    """
    return _NO_ARGUMENT.get(_as_identifier(name))


def advice_for_keyword(name: str) -> tuple[str, str] | None:
    """What a peer's keyword is, and a line to write; None where it is none, or a word of everyday.

    >>> advice_for_keyword("T_max")
    ('"T_max" is an argument of other libraries; here it is over', 'cosine(over=100)')
    """
    written = _as_identifier(name)
    if "_" not in written:
        return None
    if (row := _keywords_by_name().get(written)) is None:
        return None
    argument, instead = row
    meant = f"here it is {argument}" if argument else instead
    return f'"{name}" is an argument of other libraries; {meant}', line_of_keyword(argument)


@cache
def _keywords_by_name() -> Mapping[str, tuple[str | None, str | None]]:
    return {name: (argument, instead) for name, argument, instead in keywords_elsewhere()}


def line_of_keyword(argument: str | None) -> str:
    """A line with an argument of ours, of a schedule or of a Calendar; nothing where there is none.

    >>> line_of_keyword("to"), line_of_keyword("accumulation")
    ('cosine(to=0.1)', 'Calendar(accumulation=100)')
    """
    return "" if argument is None else _LINE_OF_ARGUMENT.get(argument, f"Calendar({argument}=100)")


def _as_identifier(name: str) -> str:
    """A keyword of a command line or a config, `--lr-warmup-iters` or `SOLVER.STEPS`, as code has it."""
    word = name.rpartition(".")[2].lstrip("-").replace("-", "_")
    return word.lower() if word.isupper() else word


def keywords_elsewhere() -> Iterator[tuple[str, str | None, str | None]]:
    """Each keyword of peers' with our argument of the same meaning, and with what there is instead.

    >>> next(row for row in keywords_elsewhere() if row[0] == "cycle_mul")
    ('cycle_mul', 'mult', None)
    """
    ours: dict[str, str] = {}
    for argument, theirs in _ARGUMENTS:
        for name in theirs:
            ours.setdefault(name, argument)
    for name in dict.fromkeys([*ours, *_NO_ARGUMENT]):
        yield name, ours.get(name), _NO_ARGUMENT.get(name)
