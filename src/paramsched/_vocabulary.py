"""What other libraries call things, and our word for it: one table, for messages of code, text, configs and commands.

Nothing is accepted by these words; an error that meets one of them says what to write.
"""

from collections.abc import Iterable, Iterator, Mapping

UNITS: Mapping[str, str] = {
    "ep": "epochs", "e": "epochs",
    "ba": "steps", "it": "steps", "its": "steps", "sp": "samples", "img": "samples", "imgs": "samples",
    "tok": "tokens", "toks": "tokens",
    "dur": "%", "percent": "%", "pct": "%",
    "secs": "s", "mins": "min", "hr": "h", "hrs": "h", "d": "24 h", "day": "24 h", "days": "24 h",
}  # fmt: skip
"""Units of time: Composer's `10ep`, `5ba`, `0.06dur`, `2000tok`, and what people write."""

_ARGUMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("over", ("T_max", "anneal_epochs", "lr_decay_iters", "max_iter", "total_iters", "decay_steps", "transition_steps",
              "n_iter", "duration", "t_max", "length",
              "num_training_steps", "total_steps", "num_decay_steps", "max_iters", "max_steps", "steps", "iters")),
    ("first", ("T_0", "t_initial", "first_cycle_steps", "first_decay_steps", "t_0", "cycle_size")),
    ("mult", ("T_mult", "cycle_mult", "cycle_mul", "t_mul", "t_mult", "cycle_multiplier")),
    ("up", ("step_size_up", "up_steps", "pct_start", "pct_warmup")),
    ("down", ("step_size_down", "down_steps")),
    ("warmup", ("num_warmup_steps", "warmup_steps", "warmup_t", "t_warmup", "warmup_epochs", "warmup_iters",
                "warmup_ratio", "warmup_length", "lr_warmup_iters", "lr_warmup_steps",
                "warmup_fraction", "warmup_updates")),
    ("decay", ("num_decay_steps", "decay_steps", "cooldown_steps", "decay_ratio", "decay_fraction", "decay_epochs")),
    ("to", ("eta_min", "end_factor", "alpha_f", "alpha", "lr_min", "min_lr", "min_lr_ratio", "lr_end", "end_value",
            "end", "final", "stop", "min_value", "max_lr", "min_lr_rate", "min_lr_factor", "swa_lr",
            "lr_end_ratio", "final_lr_frac", "warmup_target")),
    ("start", ("start_factor", "warmup_start_factor", "warmup_ratio", "init_value", "warmup_init_lr", "warmup_lr_init",
               "begin_value", "base_lr", "initial", "start_value", "warmup_bias_lr")),
    ("gamma", ("decay_rate", "lr_decay", "gamma_factor", "cycle_decay", "factor", "decay", "m_mul", "restart_weight")),
    ("every", ("step_size", "decay_t", "decay_steps", "period", "interval", "decay_epochs")),
    ("milestones", ("boundaries", "boundaries_and_scales", "steps", "decay_epochs", "decay_milestones")),
    ("per", ("decay_steps", "transition_steps", "step_size", "every")),
    ("power", ("exponent", "p", "decay_power")),
    ("exponent", ("power", "p", "decay_power")),
    ("timescale", ("tau", "num_warmup_steps", "warmup_steps", "shift", "per")),
    ("value", ("factor", "lr", "level")),
    ("cut", ("cut_frac", "warmup", "num_warmup_steps")),
    ("metric", ("monitor",)),
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
    ("by", ("transition_begin", "offset", "begin")),
    ("times", ("num_cycles", "cycles", "cycle_limit", "n_cycle")),
    ("width", ("d_model", "model_size", "dim_embed")),
    ("total", ("total_steps", "num_training_steps", "max_steps", "max_iters", "total_iters", "horizon", "steps",
               "total_updates", "num_steps", "T_max", "max_epochs", "num_epochs", "epochs", "num_train_epochs")),
    ("steps_per_epoch", ("iters_per_epoch", "updates_per_epoch", "epoch_length", "num_update_steps_per_epoch",
                         "iterations_per_epoch", "steps_in_epoch")),
    ("batches_per_epoch", ("len_loader", "num_batches", "loader_length", "num_training_batches")),
    ("accumulation", ("gradient_accumulation_steps", "accumulate_grad_batches", "accumulative_counts", "grad_accum",
                      "accumulation_steps", "update_freq", "grad_accum_steps")),
    ("batch_size", ("train_batch_size", "per_device_train_batch_size", "samples_per_step", "global_batch_size",
                    "samples_per_gpu")),
    ("tokens_per_step", ("tokens_per_batch", "tokens_per_update", "batch_tokens")),
    ("sequence_length", ("seq_len", "seq_length", "context_length", "block_size", "max_seq_length", "n_ctx")),
    ("frames_per_step", ("frames_per_batch", "frames_per_update")),
    ("seconds_per_step", ("step_time", "seconds_per_batch", "time_per_step")),
    ("curve", ("anneal_strategy", "decay_type", "shape", "mode", "warmup_mode", "interpolate_type")),
)  # fmt: skip
"""Ours, and what peers call the same argument: torch, MMEngine, Hugging Face, timm, optax, Keras, Composer, fairseq."""

NOWHERE: Mapping[str, str] = {
    "last_epoch": "a schedule has no state; Scheduler.seek(t) goes to a time",
    "verbose": "nothing is printed; Scheduler.values() says what is in force",
    "by_epoch": 'a length says its unit: over="10 epochs"; every(…, "epoch") changes between epochs only',
    "convert_to_iter_based": 'a length says its unit: over="10 epochs"',
    "optimizer": "a schedule is no part of an optimizer; Scheduler(optimizer, Plan(lr=…)) joins them",
    "num_training_steps": "the run is as long as the plan's horizon says",
    "total_steps": "the run is as long as the plan's horizon says",
    "num_warmup_steps": "a warmup is a stage of its own: warmup(500) >> cosine()",
    "warmup_steps": "a warmup is a stage of its own: warmup(500) >> cosine()",
    "warmup_epochs": 'a warmup is a stage of its own: warmup("5 epochs") >> cosine()',
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
        ("num_warmup_steps", "warmup_steps", "warmup_t", "warmup_epochs", "warmup_iters", "warmup_length"), "over"
    ),
    "cooldown": dict.fromkeys(("cooldown_steps", "cooldown_epochs", "cooldown_length"), "over"),
    "one_cycle": dict.fromkeys(("max_lr", "peak_value"), None),
}
"""Words that mean another argument in one function than elsewhere, or none."""


def our_word(name: str, known: Iterable[str], function: str = "") -> str | None:
    """Our name for what a peer calls `name`, among those known here; None where it is no peer's word.

    Args:
        name: the peer's word.
        known: our words, of which one may be it.
        function: whose arguments they are.

    >>> our_word("T_max", ["start", "to", "over"])
    'over'
    """
    known = set(known)
    if name in (own := _OF_ONE.get(function, {})):
        return own[name]
    return next((ours for ours, theirs in _ARGUMENTS if ours in known and name in theirs), None)


def keywords_elsewhere() -> Iterator[tuple[str, str | None, str | None]]:
    """Each keyword of peers' with our argument of the same meaning, and with what there is instead.

    >>> next(row for row in keywords_elsewhere() if row[0] == "T_0")
    ('T_0', 'first', None)
    """
    ours: dict[str, str] = {}
    for argument, theirs in _ARGUMENTS:
        for name in theirs:
            ours.setdefault(name, argument)
    for name in dict.fromkeys([*ours, *NOWHERE]):
        yield name, ours.get(name), NOWHERE.get(name)
