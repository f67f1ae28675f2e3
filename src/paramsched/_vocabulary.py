"""What other libraries call things, and our words for it: for messages, docstrings and `paramsched find`.

Nothing is accepted by these words; an error that meets one of them says what to write.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from paramsched._peer_names import EDGES, LIBRARIES, OtherName
from paramsched.near_names import closest

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


_FUNCTION = re.compile(r"(?<![\w.\"'])([a-z]\w*(?=[.(])|previous\b|following\b)")


def other_names() -> Iterator[tuple[str, OtherName]]:
    """Every name with its library, in the order of the table."""
    for library, names in LIBRARIES.items():
        for one in names:
            yield library, one


def meant_by(name: str) -> tuple[str, OtherName] | None:
    """The library and the row of a name that peers have, also behind its module's; None where it is none.

    >>> meant_by("torch.optim.lr_scheduler.CosineAnnealingLR")[1][2]
    'cosine(to=0.0, over=100)'
    """
    spaces, _, last = name.rpartition(".")
    kind = next((end for end in ("Momentum", "LR") if last.endswith(end)), "")
    if kind == "Momentum" or (kind and "mmengine" in spaces):  # MMEngine's, one each for each of its schedulers
        last = f"{last.removesuffix(kind)}ParamScheduler"
    asked = letters_of(last)
    found = [(library, one) for library, one in other_names() if letters_of(one[0]) == asked]
    return next((hit for hit in found if hit[0] in spaces), found[0] if found else None)


def advice_for_peer(name: str) -> tuple[str, str] | None:
    """What a peer's name is, and a line to write; None where it is none.

    >>> advice_for_peer("StepLR")
    ('"StepLR" is a name of torch; here it is step', 'step(30, gamma=0.1)')
    """
    if (found := meant_by(name)) is None:
        return None
    library, (_, ours, line, different) = found
    origin = "a word of papers" if library == "papers" else f"a name of {library}"
    return f'"{name}" is {origin}; here it is {ours}{different and f" ({library}: {different})"}', line


def unknown_attribute(name: str, known: Iterable[str]) -> str:
    """What to write for an attribute that the package has not; nothing where nothing is near.

    >>> unknown_attribute("StepLR", [])
    '; "StepLR" is a name of torch; here it is step. Write ps.step(30, gamma=0.1)'
    """
    if name.startswith("_"):  # what Python and its tools ask every module for
        return ""
    if peer := advice_for_peer(name):
        return f"; {peer[0]}. Write {line_in_code(peer[1])}"
    near = closest(name, known)
    return f'; did you mean "{near}"?' if near else ""


def line_in_code(line: str) -> str:
    """A line of text as Python has it.

    >>> line_in_code('warmup("5%") >> anneal(curve=curves.rex)')
    'ps.warmup("5%") >> ps.anneal(curve=ps.curves.rex)'
    """
    return _FUNCTION.sub(r"ps.\1", line)


def letters_of(name: str) -> str:
    """A name without case, spaces and punctuation, so that `warm-up` is `warmup`."""
    return "".join(filter(str.isalnum, name.lower()))


def with_other_names(documented: str | None, ours: str) -> str | None:
    """A docstring with what others call the same at its end, and by which edge they count.

    Args:
        documented: the docstring; None where Python drops them.
        ours: the name, with its prefix.
    """
    rows = rows_by_our_name().get(ours)
    if documented is None or rows is None:
        return documented
    body = documented.partition("\n")[2].lstrip("\n")
    margin = body[: len(body) - len(body.lstrip(" "))]
    lines = "\n".join(f"{margin}- {row}" for row in rows)
    return f"{documented.rstrip()}\n\n{margin}In other libraries:\n\n{lines}\n"


@cache
def rows_by_our_name() -> dict[str, list[str]]:
    """For each name of ours a row for each library: its names, what is different there, its edge."""
    gathered: dict[tuple[str, str], dict[str, list[str]]] = {}
    for library, (name, ours, _, different) in other_names():
        gathered.setdefault((ours, library), {}).setdefault(different, []).append(f"`{name}`")
    rows: dict[str, list[str]] = {}
    for (ours, library), names in gathered.items():
        pieces = (", ".join(several) + (different and f" ({different})") for different, several in names.items())
        rows.setdefault(ours, []).append(f"{library} {', '.join(pieces)}{EDGES[library] and f': {EDGES[library]}'}")
    return rows


_SIGNS = {
    '"': "“”„‟«»″",
    "'": "‘’‚‛′`´",
    "-": "–—−‐‑‒―",
    ">>": "≫»⟫→⇒",
    "*": "×·∗⋅",
    ">": "›",
}
_LETTERS = {
    **dict(zip("асеорхуіјѕһԁԛԝӏкмтвнгпʟ", "aceopxyijshdqwlkmtbhrnl", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТХУ", "ABESIJKMHOPCTXY", strict=True)),
    **dict(zip("οανρικυτε", "oavpikute", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    "ı": "i",
}
_MEANT = {one: sign for sign, others in _SIGNS.items() for one in others} | _LETTERS
_CALLED = {'"': "a curly quote", "'": "a curly quote", "-": "a long dash", ">>": "a sign of its own"}


def first_lookalike(text: str) -> tuple[int, str, str] | None:
    """The first character of a text that looks like another: where it is, what it is, and what was meant.

    >>> first_lookalike("сosine()")
    (0, '"с" is CYRILLIC SMALL LETTER ES', 'c')
    >>> first_lookalike("warmup(“5%”)")
    (7, '“ is a curly quote', '"')
    >>> first_lookalike("cosine()") is None
    True
    """
    for place, one in enumerate(text):
        meant = _meant_character(one)
        if meant != one:
            return place, _what_it_is(one, meant), meant
    return None


def straighten_text(text: str) -> str:
    """The text with every such character as the one that was meant.

    >>> straighten_text("сosine(to=0.1) ≫ warmup(“5%”)")
    'cosine(to=0.1) >> warmup("5%")'
    """
    return text if text.isascii() else "".join(map(_meant_character, text))


def _meant_character(one: str) -> str:
    """The character that was meant: itself, where it looks like no other."""
    if one.isascii():
        return one
    meant = " " if one.isspace() else _MEANT.get(one) or unicodedata.normalize("NFKC", one)
    return meant if meant.isascii() and meant else one


def _what_it_is(one: str, meant: str) -> str:
    if meant in _CALLED:
        return f"{one} is {_CALLED[meant]}"
    name = unicodedata.name(one, f"U+{ord(one):04X}")
    return f'"{one}" is {name}' if one.isprintable() else f"here is {name}"
