"""Conversion of arguments of transformers to a plan."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from paramsched.compat.codes import DEEPSPEED_WINS
from paramsched.compat.deepspeed.plans import TrainerRun, plan_of_config, report_mismatches
from paramsched.compat.deepspeed.plans import groups_of as groups_of_deepspeed
from paramsched.compat.transformers.arguments import SCHEDULERS, Call, Run, Trainer
from paramsched.core.base.codes import (
    REFUSED_VALUE,
    UNKNOWN_FIELD,
    UNUSED_SETTING,
    WRONG_TYPE,
)
from paramsched.core.base.near_names import closest
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.arguments import (
    accumulation_fact,
    arguments_of,
    defaults_of,
    given_rate,
    is_plain_number,
    located,
    names_of,
    numbers_by_field,
    read_arguments,
    updates_with_accumulation,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, type_name_of
from paramsched.core.files.known_dialects import BaseLike, GroupOfFile
from paramsched.core.files.unused_settings import note_defaults, report_no_settings, report_unused_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.time import Calendar, Duration, DurationLike
from paramsched.errors import ConfigError, MissingFact

scheduler_entries = ("lr_scheduler_type", "name")


_OF_CALL: Final = tuple(name for name in arguments_of(Call) if name != "learning_rate")
_OF_TRAINER: Final = tuple(arguments_of(Trainer))
_OF_BOTH: Final = ("lr", "learning_rate", "optimizer", "metric_for_best_model")
_SIGNS: Final = (
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "scheduler_specific_kwargs",
    "num_warmup_steps",
    "num_training_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
    "warmup_ratio",
    "max_steps",
)
_DECISIVE: Final = frozenset({*_OF_TRAINER, *_SIGNS} - {"gradient_accumulation_steps"})
"""Settings without which a config is that of another program."""

_BETAS: Final = {"adam_beta1": 0.9, "adam_beta2": 0.999}
_WITHOUT_BETAS: Final = ("sgd", "adafactor", "rmsprop", "adagrad", "lion")

_RENAMED: Final = {
    **dict.fromkeys(("lr_scheduler", "lr_schedule", "scheduler", "scheduler_type"), "lr_scheduler_type"),
    **dict.fromkeys(("num_epochs", "epochs", "max_epochs", "train_epochs", "max_train_epochs"), "num_train_epochs"),
    **dict.fromkeys(("max_train_steps", "train_steps", "total_steps", "num_training_steps"), "max_steps"),
    "num_warmup_steps": "warmup_steps",
}
"""Names in other programs of settings of a `TrainingArguments`."""

_HARMLESS: Final = ("lr", "num_iterations", "num_ppo_epochs", "ppo_epochs", "multi_turn_scheduler")
"""An alias of the learning rate, and keys of derived trainers that do not affect a schedule."""

_MAX_NAMES: Final = 2_000
"""The most entries that are checked for misspellings; a `TrainingArguments` has 130."""


def recognizes(data: Any) -> bool:
    """Return whether data looks like arguments of transformers."""
    if not isinstance(data, Mapping):
        return False
    return any(name in _SIGNS for name in data) or is_plain_number(data.get("learning_rate"))


def to_plan(data: Mapping[str, Any], *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """Return the plan with the values of transformers' scheduler.

    Args:
        data: a `TrainingArguments` or the arguments of `get_scheduler`; missing entries have their defaults.
        calendar: run facts; `steps_per_epoch` or `total` is required to round fractions of the run as in transformers.
        base: the base of lr, of which the levels of a metric rule are multiples. Default: `learning_rate`.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> arguments = {"lr_scheduler_type": "cosine", "warmup_ratio": 0.03, "num_train_epochs": 2}
    >>> print(to_plan(arguments))
    horizon: 2 epochs
    lr: warmup("3%") >> cosine()
    >>> print(to_plan({"name": "polynomial", "num_warmup_steps": 10, "num_training_steps": 100}))
    horizon: 100
    lr: warmup(10) >> linear(to=absolute(1e-07))
    """
    written = _written_in(data)
    if written is None:
        found = f"expected arguments, got {type_name_of(data)}"
        raise ConfigError("config", [Problem(ROOT, found, "Use lr_scheduler_type: cosine", code=WRONG_TYPE)])
    plan = _plan_of(data, written, calendar, given_rate(base))
    _warn_of_other_program(written, data)
    return plan


_WrittenArguments = Mapping[str, tuple[Any, str]]
"""A dict from the name of a setting to the pair (value, config path)."""


def _written_in(data: Any) -> _WrittenArguments | None:
    """Return the settings of a config with a value; None if data is not a mapping."""
    if not isinstance(data, Mapping):
        return None
    return {str(key): (value, child_path(ROOT, key)) for key, value in data.items() if value is not None}


def _values(written: _WrittenArguments) -> dict[str, Any]:
    return {name: value for name, (value, _) in written.items()}


def _plan_of(data: Mapping[str, Any], given: _WrittenArguments, calendar: Calendar | None, lr: float | None) -> Plan:
    """Return the plan of the settings of a config, whose entries are `data`."""
    diagnostics, arguments = DiagnosticCollector(), dict(given)
    if "lr" in arguments and arguments["lr"][0] == arguments.get("learning_rate", (None, ""))[0]:
        del arguments["lr"]  # else both are refused
    if _is_call(data):
        name, keywords, run = _read_call(arguments, calendar, lr, diagnostics)
    else:
        _report_other_names(given, diagnostics)
        if not diagnostics.count and not any(name in _DECISIVE for name in (*given, *data)):
            found, instead = "expected arguments of transformers' Trainer", "For example lr_scheduler_type: cosine"
            report_no_settings(data, _DECISIVE, diagnostics, library="transformers", found=found, instead=instead)
            diagnostics.raise_any("config")
        _report_other_program(data, diagnostics)
        name, keywords, run = _read_trainer(arguments, calendar, lr, diagnostics)
    if not name:
        diagnostics.raise_any("config")
    if not _is_call(data) and arguments.get("deepspeed") is not None:
        plan = _plan_of_deepspeed(_values(given), name, run, calendar, diagnostics)
        if plan is not None:
            return plan
    table = SCHEDULERS.get(name) or next(one for one in SCHEDULERS.values() if one.function == name)
    written = {} if table.ignores else located(keywords, run.path)
    written = {key: one for key, one in written.items() if one[0] is not None or key not in arguments_of(table)}
    scheduler, _, wrong = read_arguments(table, written, run.path, diagnostics, of=name)
    with diagnostics.reported_at(run.path):
        schedule = scheduler.schedule(replace(run, wrong=wrong))
        return Plan(lr=schedule, horizon=run.horizon)


_OF_MANY: Final = frozenset({"learning_rate", "lr", "max_steps"})
"""Settings that many programs have, each with a schedule of its own."""
_OF_TRAINING_ARGUMENTS: Final = frozenset(
    (*_SIGNS, *_OF_TRAINER, "output_dir", "per_device_eval_batch_size", "gradient_checkpointing", "logging_steps",
     "save_steps", "save_strategy", "eval_strategy", "evaluation_strategy", "logging_strategy", "save_total_limit",
     "report_to", "optim", "max_grad_norm", "adam_beta1", "adam_beta2", "adam_epsilon", "dataloader_num_workers",
     "remove_unused_columns", "push_to_hub", "lr_scheduler_type", "deepspeed", "fsdp", "bf16", "fp16", "tf32")
)  # fmt: skip


def _report_other_program(data: Mapping[str, Any], diagnostics: DiagnosticCollector) -> None:
    """Report a config that is not a Trainer's: its optimizer has settings, where a `TrainingArguments` has a name."""
    for key in ("optim", "optimizer"):
        if isinstance(data.get(key), (Mapping, list)):
            found = f"expected the name of an optimizer, got {type_name_of(data[key])}: this config is not a Trainer's"
            instead = 'Use a native plan, such as lr: warmup("5%") >> cosine()'
            diagnostics.add(child_path(ROOT, key), found, instead, at_key=True, code=WRONG_TYPE)
            diagnostics.raise_any("config")


def _warn_of_other_program(written: _WrittenArguments, data: Any) -> None:
    """Warn about a file with one setting only, which many programs have: another one's default schedule may differ."""
    own = _OF_TRAINING_ARGUMENTS.intersection(written)
    if isinstance(data, Mapping) and len(own) == 1 and own <= _OF_MANY:
        (only,) = own
        found = f"{only} is the only setting of transformers here; the schedule of another program may not be linear"
        instead = "If transformers reads this file, write lr_scheduler_type: linear"
        warn_user(Problem(child_path(ROOT, only), found, instead, at_key=True, code=UNUSED_SETTING))


def _is_call(data: Mapping[str, Any]) -> bool:
    """Return whether data contains arguments of `get_scheduler`, not of a trainer."""
    own = any(name in data for name in _OF_TRAINER if name != "learning_rate")
    is_named = "name" in data and closest(str(data["name"]), SCHEDULERS) is not None  # else the name of a run
    return not own and (is_named or any(name in data for name in _OF_CALL if name != "name"))


_COMPARED: Final = {
    "train_micro_batch_size_per_gpu": ("per_device_train_batch_size", 8),
    "gradient_accumulation_steps": ("gradient_accumulation_steps", 1),
    "gradient_clipping": ("max_grad_norm", 1.0),
    "optimizer.params.eps": ("adam_epsilon", 1e-8),
    "optimizer.params.weight_decay": ("weight_decay", 0.0),
}
"""For values of a DeepSpeed config that transformers compares with an argument: its name and default."""


def _plan_of_deepspeed(
    data: Mapping[str, Any], name: str, run: Run, calendar: Calendar | None, diagnostics: DiagnosticCollector
) -> Plan | None:
    """Return the plan of the scheduler in the DeepSpeed config of the arguments; None if it has none."""
    config = data["deepspeed"]
    if isinstance(config, str):
        found = f"if {config} has a scheduler, lr_scheduler_type: {name} has no effect"
        instead = f"Write paramsched check args.yaml {config}"
        warn_user(Problem(child_path("$", "deepspeed"), found, instead, code=DEEPSPEED_WINS, as_warning=True))
    if not isinstance(config, Mapping):
        return None
    scheduler = config.get("scheduler")
    params = scheduler.get("params") if isinstance(scheduler, Mapping) else None
    if run.total is None and isinstance(params, Mapping) and "auto" in params.values():
        found = "the DeepSpeed config refers to the updates of the run, which are unknown"
        raise MissingFact("TrainingArguments", found, fact="steps_per_epoch", example="100")
    values = {place: (one, data.get(one, default)) for place, (one, default) in _COMPARED.items()}
    betas = [data.get(one, default) for one, default in _BETAS.items()]
    warmup = run.warmup.updates if run.warmup.is_resolved else None
    if warmup is None and run.total is not None:
        warmup = math.ceil(run.total * dict(run.warmup.terms)["percent"] / 100)
    trainer = TrainerRun(
        run.lr,
        warmup,
        run.total,
        run.horizon,
        {
            **values,
            "optimizer.params.lr": ("learning_rate", run.lr),
            "optimizer.params.betas": ("adam_beta1, adam_beta2", betas),
        },
        name,
        is_default="lr_scheduler_type" not in data,
    )
    report_mismatches(config, child_path("$", "deepspeed"), trainer, diagnostics)
    plan = None
    if scheduler is not None:
        plan = plan_of_config(config, child_path("$", "deepspeed"), trainer, diagnostics, calendar)
    diagnostics.raise_any("config")
    return plan


_Read = tuple[str, Mapping[str, Any], Run]


def _read_call(
    written: _WrittenArguments, calendar: Calendar | None, lr: float | None, diagnostics: DiagnosticCollector
) -> _Read:
    """Read the arguments of `get_scheduler`; the arguments of the scheduler itself may be next to them."""
    names = names_of(Call).keys() - ({"learning_rate", "lr"} if lr is not None else ())
    own = {name: one for name, one in written.items() if name in names}
    arguments, places, wrong = read_arguments(Call, own, "$", diagnostics)
    keywords, path = arguments.scheduler_specific_kwargs, places["scheduler_specific_kwargs"]
    if not keywords:
        keywords, path = {name: one for name, (one, _) in written.items() if name not in (*_OF_CALL, *_OF_BOTH)}, "$"
    horizon = 1000 if "num_training_steps" in wrong else arguments.num_training_steps
    total = horizon if horizon or calendar is None else calendar.horizon
    metric = str(written.get("metric_for_best_model", ("", ""))[0] or "loss")
    rate = arguments.learning_rate or None if lr is None else lr
    warmup = Duration.of(arguments.num_warmup_steps)
    run = Run(warmup, total, horizon, rate, metric, "num_training_steps", path, diagnostics)
    return "" if "name" in wrong else arguments.name, keywords, run


def _read_trainer(
    written: _WrittenArguments,
    calendar: Calendar | None,
    lr: float | None,
    diagnostics: DiagnosticCollector,
) -> _Read:
    """Read a `TrainingArguments`."""
    given = {"learning_rate", "lr"} if lr is not None else set[str]()
    own = {name: one for name, one in written.items() if name in names_of(Trainer).keys() - given}
    arguments, places, wrong = read_arguments(Trainer, own, "$", diagnostics)
    if arguments.max_steps == 0:
        found = "the run must have at least one update"
        diagnostics.add(
            "$.max_steps", found, "For example: max_steps: 1000, or -1 for num_train_epochs", code=REFUSED_VALUE
        )
    total, horizon = _length_of_training(arguments, places, calendar, diagnostics)
    metric = str(written.get("metric_for_best_model", ("", ""))[0] or "loss")
    run = Run(
        _length_of_warmup(arguments, total, horizon),
        total,
        horizon,
        (arguments.learning_rate or 5e-5) if lr is None else lr,
        metric if metric.startswith("eval_") else f"eval_{metric}",
        "max_steps",
        places["lr_scheduler_kwargs"],
        diagnostics,
    )
    return "" if "lr_scheduler_type" in wrong else arguments.lr_scheduler_type, arguments.lr_scheduler_kwargs, run


def _report_other_names(written: _WrittenArguments, diagnostics: DiagnosticCollector) -> None:
    """Report entries that are probably misspelled, or look like settings of a schedule."""
    misspelled = set[str]()
    for name in islice(written, _MAX_NAMES):
        near = get_close_matches(name, _OF_TRAINER, cutoff=0.88)
        if name not in _OF_TRAINER and name not in _RENAMED and near:
            found = f'unknown argument; did you mean "{near[0]}"?'
            diagnostics.add(written[name][1], found, at_key=True, code=UNKNOWN_FIELD)
            misspelled.add(name)
    used = [*_OF_TRAINER, *_HARMLESS, *misspelled]
    steps = written.get("max_steps", (None, ""))[0]
    by_epochs = not is_plain_number(steps) or steps <= 0
    renamed = {key: name for key, name in _RENAMED.items() if by_epochs or "epochs" not in name}
    if by_epochs and "num_train_epochs" in written:
        renamed = {key: name for key, name in renamed.items() if name != "max_steps"}
    defaulted = tuple(_defaults_taken(written))
    report_unused_settings(
        {name: path for name, (_, path) in written.items()},
        used,
        diagnostics,
        library="transformers",
        renamed=renamed,
        unfit=[key for key, name in renamed.items() if not _fits(name, written.get(key, ("", ""))[0])],
        defaulted=defaulted,
    )


def _fits(name: str, value: Any) -> bool:
    """Return whether a setting accepts a value. A scheduler of another program is often a mapping."""
    return not read_arguments(Trainer, {name: (value, ROOT)}, ROOT, DiagnosticCollector())[2]


def _defaults_taken(written: _WrittenArguments | None) -> dict[str, object]:
    """Return the missing settings that affect the schedule, with their defaults."""
    data = None if written is None else _values(written)
    if data is None or _is_call(data):
        return {}
    specified = {*data}
    specified |= {"num_train_epochs"} if is_plain_number(data.get("max_steps")) and data["max_steps"] > 0 else set()
    specified |= {"warmup_steps"} if "warmup_ratio" in specified else set()
    specified |= {"learning_rate"} if "lr" in specified else set()
    defaults = defaults_of(Trainer)
    counted = ("lr_scheduler_type", "num_train_epochs", "learning_rate", "warmup_steps")
    return {name: defaults[name] for name in counted if name not in specified}


def _length_of_training(
    arguments: Trainer,
    places: Mapping[str, str],
    calendar: Calendar | None,
    diagnostics: DiagnosticCollector,
) -> tuple[int | None, DurationLike | None]:
    """Return the length of a trainer's run in updates, or None if unknown, and as a plan specifies it."""
    if arguments.max_steps > 0:
        return arguments.max_steps, arguments.max_steps
    epochs = arguments.num_train_epochs
    length_text = f"{Decimal(repr(epochs)).normalize():f} epochs"
    length, accumulation = calendar and calendar.updates_per_epoch, arguments.gradient_accumulation_steps
    if calendar is not None and accumulation is not None and calendar.steps_per_epoch is None:
        length = updates_with_accumulation(accumulation, places["gradient_accumulation_steps"], calendar, diagnostics)
    if calendar is None or length is None:
        return None, length_text
    total = math.ceil(epochs * length)  # rounded as a float, as in the trainer
    same = length == calendar.updates_per_epoch and total == math.ceil(Fraction(repr(epochs)) * length)
    return total, length_text if same else total


def _length_of_warmup(arguments: Trainer, total: int | None, horizon: DurationLike | None) -> Duration:
    """Return the length of the warmup in updates, or in percent of a run of unknown length."""
    if arguments.warmup_steps >= 1:
        return Duration.of(int(arguments.warmup_steps))
    share = arguments.warmup_steps or arguments.warmup_ratio
    if total is not None:
        updates = math.ceil(total * share)
        if isinstance(horizon, int) or updates != math.ceil(total * Fraction(repr(share))):
            return Duration.of(updates)
    return Duration.of(f"{Decimal(repr(share)) * 100:f}%")


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the bases: the values of a `TrainingArguments`, or the learning rate next to those of `get_scheduler`."""
    written = _written_in(data)
    if written is None:
        return NO_BASES
    data = _values(written)
    is_call = _is_call(data)
    data = {"learning_rate": data["lr"], **data} if "lr" in data else data
    defaults = {**defaults_of(Trainer), "weight_decay": 0.0, **_BETAS}
    if is_call:
        rate = data.get("learning_rate")
        return Bases(({"lr": float(rate)},), "learning_rate") if is_plain_number(rate) else NO_BASES
    found: dict[str, Any] = {"lr": defaults["learning_rate"], "weight_decay": defaults["weight_decay"]}
    found |= numbers_by_field(data, lr="learning_rate", weight_decay="weight_decay")
    if not any(word in str(data.get("optim", "adamw")) for word in _WITHOUT_BETAS):
        betas = [data.get(name, defaults[name]) for name in _BETAS]
        found |= {"betas": tuple(map(float, betas))} if all(map(is_plain_number, betas)) else {}
    notes = ("weight_decay applies to weights only, not to biases and norms",) if found["weight_decay"] else ()
    return Bases((found,), "TrainingArguments", notes)


def groups_of(data: Any, calendar: Calendar | None = None) -> Iterator[GroupOfFile]:
    """Yield the group of a Trainer, or those of the optimizer in its DeepSpeed config."""
    written, bases = _written_in(data), bases_of(data)
    if written is None or not bases.groups:
        return
    values, rate = _values(written), bases.groups[0].get("lr")
    base = written.get("learning_rate", written.get("lr", (None, "")))[1]
    config = values.get("deepspeed")
    schedule = written.get("lr_scheduler_type", (None, ""))[1]
    if isinstance(config, Mapping):
        for one in groups_of_deepspeed(config, calendar, child_path(ROOT, "deepspeed"), (rate, base)):
            yield one if config.get("scheduler") is not None else replace(one, schedule=schedule)
    else:
        yield GroupOfFile(bases.groups[0], base, schedule, str(values.get("optim", "")))


def facts_of(data: Any) -> Calendar | None:
    """Return the accumulation of a `TrainingArguments`."""
    written = _written_in(data)
    return None if written is None else accumulation_fact(_values(written).get("gradient_accumulation_steps"))


def notes_of(data: Any) -> Iterator[Problem]:
    """Return notes on the defaults of missing entries."""
    return note_defaults("transformers 5.23", _defaults_taken(_written_in(data)))
