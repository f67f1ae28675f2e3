"""Programs on top of transformers' Trainer or beside it: their names for its settings, and their defaults."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final, final

from paramsched.compat.codes import OUTSIDE_PLAN
from paramsched.core.base.codes import NOT_IN_SCRIPT, REFUSED_VALUE, WRONG_TYPE
from paramsched.core.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.core.files.arguments import is_count, is_plain_number
from paramsched.core.files.command_lines import mapping_of_options, named_options, value_of_words
from paramsched.core.files.unused_settings import program_of
from paramsched.core.time import Calendar
from paramsched.errors import MissingFact

Written = dict[str, tuple[Any, str]]
"""A dict from the name of a setting to the pair (value, config path)."""


@final
@dataclass(frozen=True, slots=True)
class Program:
    """A program that has the Trainer's settings under its own names, or with its own defaults.

    Args:
        name: the name.
        source: the version, or the commit that was read.
        defaults: its defaults of the Trainer's settings.
        names: a dict from its names to the Trainer's; None if it has all names of the Trainer.
        refused: a dict from its settings that no plan or no other setting expresses to the reason.
        variants: a dict from (setting, value) to the fields that differ with it. Without a setting, the value is a word
            of the command; without a value, the setting is present.
        rounded: converts a share of the run to the updates of the warmup.
        warmup: converts the updates of the warmup, and whether its length was specified, to those that are used.
        per_process: True if accelerate steps the scheduler once for each process.
        is_least: True if the shorter of `max_steps` and the epochs determines the warmup.
        epoch: computes the updates of an epoch from those of transformers, the run facts and the settings.
        keywords: returns arguments of a scheduler from its name and the updates after the warmup.
        adapt: changes the settings, which have the Trainer's names. Returns one that the program refuses, and why.
    """

    name: str = "transformers"
    source: str = "5.23"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    rounded: Callable[[float], int] = math.ceil
    warmup: Callable[[int, bool], int] = lambda updates, given: updates  # noqa: ARG005
    per_process: bool = False
    is_least: bool = False
    epoch: Callable[[int, Calendar, Mapping[str, Any]], int] = lambda updates, calendar, values: updates  # noqa: ARG005
    keywords: Callable[[str, int | None], Mapping[str, Any]] = lambda name, left: {}  # noqa: ARG005
    adapt: Callable[[Written], tuple[str, str] | None] = lambda written: None  # noqa: ARG005


TRAINER: Final = Program()
_SAME: Final = ("learning_rate", "warmup_steps", "warmup_ratio", "max_steps", "gradient_accumulation_steps",
                "lr_scheduler_kwargs", "weight_decay", "adam_beta1", "adam_beta2", "deepspeed")  # fmt: skip
_OUTSIDE: Final = "a schedule that transformers does not have"


def _axolotl(written: Written) -> tuple[str, str] | None:
    """Replace axolotl's cosine with a floor, and its texts of numbers."""
    if isinstance((rate := written.get("learning_rate", (None, "")))[0], str):
        written["learning_rate"] = value_of_words(rate[0]), rate[1]
    steps = written.get("warmup_steps", (None, ""))
    floor, path = written.pop("cosine_min_lr_ratio", (None, ""))
    if floor and str(written.get("lr_scheduler_type", ("cosine", ""))[0]) == "cosine":
        written["lr_scheduler_type"] = "cosine_with_min_lr", path
        written["lr_scheduler_kwargs"] = {"min_lr_rate": floor}, path
    is_share = is_plain_number(steps[0]) and not is_count(steps[0])
    return (steps[1], "expected an integer; warmup_ratio is a share of the run") if is_share else None


def _axolotl_warmup(updates: int, given: bool) -> int:
    """Return the updates of axolotl's warmup: never 1, and at most 100 if its length is not specified."""
    return 2 if updates == 1 else updates if given else min(updates, 100)


def _torchtune(written: Written) -> None:
    """Replace the path of a function by its name, and arguments by those of the Trainer."""
    if (name := written.get("lr_scheduler_type")) is not None:
        written["lr_scheduler_type"] = str(name[0]).rpartition(".")[2], name[1]
    cycles, path = written.pop("num_cycles", (None, ""))
    if cycles is not None:
        written["lr_scheduler_kwargs"] = {"num_cycles": cycles}, path.rpartition(".")[0]
    betas, path = written.pop("betas", (None, ""))
    if isinstance(betas, list) and len(betas) == 2:
        written |= {"adam_beta1": (betas[0], path), "adam_beta2": (betas[1], path)}


def _torchtune_epoch(updates: int, calendar: Calendar, values: Mapping[str, Any]) -> int:
    """Return the updates of an epoch of torchtune, which drops the last batches if they are fewer."""
    batches, accumulation = calendar.batches_per_epoch, values.get("gradient_accumulation_steps", 1)
    accumulation = accumulation if calendar.accumulation is None else calendar.accumulation
    if calendar.steps_per_epoch is None and batches is not None and is_count(accumulation, 1):
        updates = batches // int(accumulation)
    most = values.get("max_steps_per_epoch") or updates
    return min(updates, int(most)) if is_count(most, 1) else updates


def _ms_swift(written: Written) -> None:
    """Remove the name of a DeepSpeed config of ms-swift, because none of them has a scheduler."""
    if str(written.get("deepspeed", ("", ""))[0]).startswith("zero"):
        del written["deepspeed"]


def _oumi(written: Written) -> None:
    """Replace constant, which has a warmup in the trainer of oumi."""
    name, path = written.get("lr_scheduler_type", ("", ""))
    if str(name).lower() == "constant":
        written["lr_scheduler_type"] = "constant_with_warmup", path


def _missing(program: str, part: str) -> MissingFact:
    found = f"its {part} depends on the updates of the run, which are unknown"
    return MissingFact(program, found, fact="steps_per_epoch", example="100")


def _llama_factory(name: str, left: int | None) -> Mapping[str, Any]:
    """Return the lengths of LLaMA-Factory's stable decay: a third of the rest of the run is stable."""
    if name != "warmup_stable_decay":
        return {}
    if left is None:
        raise _missing("LLaMA-Factory", "stable stage")
    return {"num_stable_steps": left // 3, "num_decay_steps": left - left // 3}


_ROLLOUT: Final = {"num_unique_prompts_rollout": 16, "num_samples_per_prompt_rollout": 4}
_PER_ROLLOUT: Final = {"num_epochs": 1, "num_mini_batches": 1}
_EPISODES: Final = ("total_episodes", *_ROLLOUT, *_PER_ROLLOUT)


def _open_instruct(written: Written) -> None:
    """Replace the number of processes by the first word, because the script follows it."""
    count, path = written.get("num_processes", (None, ""))
    if isinstance(count, list) and count:
        written["num_processes"] = count[0], path


def _open_instruct_grpo(written: Written) -> None:
    """Replace the number of episodes by that of updates."""
    episodes, path = written.get("total_episodes", (100_000, child_path(ROOT, "total_episodes")))
    facts = {**_ROLLOUT, **_PER_ROLLOUT}
    facts |= {name: value for name in facts for value, _ in [written.pop(name, (facts[name], ""))]}
    written.pop("total_episodes", None)
    unknown = [one for one in (episodes, *facts.values()) if not is_count(one, 1)]
    if not unknown:
        rollouts = episodes // math.prod(facts[name] for name in _ROLLOUT)
        unknown = [int(rollouts * math.prod(facts[name] for name in _PER_ROLLOUT))]
    written["max_steps"] = unknown[0], path


_OLMO: Final = {"refused": {"": "its trainer is that of OLMo-core"}}
_OF_TRAINER: Final = {"rounded": math.ceil, "warmup": lambda updates, given: updates, "is_least": False}  # noqa: ARG005
_FULL: Final = {"defaults": {"learning_rate": 1e-5}}

PROGRAMS: Final[Mapping[str, Program]] = {
    "axolotl": Program(
        "axolotl", "067b021c",
        # Without a length, the warmup is 3 % of the run, but at most 100 updates.
        {"num_train_epochs": 1, "learning_rate": None, "lr_scheduler_type": "cosine", "warmup_ratio": 0.03},
        {**{one: one for one in _SAME}, "num_epochs": "num_train_epochs", "lr_scheduler": "lr_scheduler_type",
         "optimizer": "optim", "cosine_min_lr_ratio": "cosine_min_lr_ratio"},
        dict.fromkeys(("lr_quadratic_warmup", "cosine_constant_lr_ratio", "jagged_restart_steps", "relora_steps"),
                      _OUTSIDE),
        {("rl", "grpo"): _OF_TRAINER, ("rl", "ebft"): _OF_TRAINER},
        rounded=math.floor, warmup=_axolotl_warmup, is_least=True, adapt=_axolotl,
    ),
    "ms-swift": Program(
        "ms-swift", "3602360a",
        {"lr_scheduler_type": "cosine", "learning_rate": 1e-4, "weight_decay": 0.1, "adam_beta2": 0.95},
        refused={"sft_type": "it is a setting of ms-swift 2, which has other defaults"},
        variants={("tuner_type", "full"): _FULL, ("train_type", "full"): _FULL,
                  ("", "megatron"): {"refused": {"": "its trainer is that of Megatron-LM"}}},
        adapt=_ms_swift,
    ),
    "LLaMA-Factory": Program("LLaMA-Factory", "ff6d4d12", keywords=_llama_factory),
    "TRL": Program(
        "TRL", "f2cd5771", {"learning_rate": 1e-6},
        variants={("", "sft"): {"defaults": {"learning_rate": 2e-5}},
                  ("", "reward"): {"defaults": {"learning_rate": 1e-4}}},
    ),
    "oumi": Program(
        "oumi", "d8ed0777", {},
        {f"training.{one}": one for one in (*_SAME[:-1], "num_train_epochs", "lr_scheduler_type")}
        | {"training.optimizer": "optim"},
        {"deepspeed.scheduler": "it may replace the schedule of training"},
        {("training.trainer_type", "oumi"): {"rounded": math.floor, "adapt": _oumi},
         ("training.trainer_type", "verl_grpo"): {"refused": {"training.trainer_type": "verl trains"}}},
    ),
    "torchtune": Program(
        "torchtune", "bd2a0fc7", {"learning_rate": 1e-3, "lr_scheduler_type": "constant", "num_train_epochs": None,
                                  "weight_decay": 0.01},
        {"epochs": "num_train_epochs", "gradient_accumulation_steps": "gradient_accumulation_steps",
         "lr_scheduler._component_": "lr_scheduler_type",
         "lr_scheduler.num_warmup_steps": "warmup_steps", "lr_scheduler.num_cycles": "num_cycles",
         "optimizer._component_": "optim", "optimizer.lr": "learning_rate", "optimizer.betas": "betas",
         "optimizer.weight_decay": "weight_decay", "max_steps_per_epoch": "max_steps_per_epoch"},
        dict.fromkeys(("ppo_epochs", "num_steps", "total_steps", "grpo_samples"), "the length of its run is not read"),
        epoch=_torchtune_epoch, adapt=_torchtune,
    ),
    "open-instruct": Program(
        "open-instruct", "e6c3044a", {"learning_rate": 2e-5, "num_train_epochs": 2, "warmup_ratio": 0.03},
        {**{one: one for one in (*_SAME[:1], *_SAME[2:3], *_SAME[4:5], "weight_decay", "lr_scheduler_type")},
         "num_train_epochs": "num_train_epochs", "num_epochs": "num_train_epochs", "max_train_steps": "max_steps",
         "num_processes": "num_processes"},
        {"final_lr_ratio": _OUTSIDE, "sequence_parallel_size": "it changes the length of the schedule"},
        {("", "dpo_tune_cache"): {"defaults": {"num_train_epochs": 1, "warmup_ratio": 0.1}},
         ("", "grpo_fast"): {
             "defaults": {"warmup_ratio": 0.0}, "adapt": _open_instruct_grpo, "per_process": False, "refused": {},
             "names": {one: one for one in ("learning_rate", "warmup_ratio", "weight_decay", "lr_scheduler_type",
                                            *_EPISODES)}},
         **{("", one): _OLMO for one in ("dpo", "grpo", "olmo_core_finetune", "reward_modeling")}},
        rounded=math.floor, per_process=True, adapt=_open_instruct,
    ),
}  # fmt: skip
"""The programs that are read, by name."""


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a config or a command.

    Args:
        program: the program that they belong to.
        written: its settings, by the Trainer's names.
        others: a dict from each other entry to its config path.
        refused: diagnostics about settings that cannot be read.
    """

    program: Program
    written: Written
    others: Mapping[str, str]
    refused: tuple[Diagnostic, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The values of the settings."""
        return {name: value for name, (value, _) in self.written.items()}

    def missing(self, part: str) -> MissingFact:
        """Return the error for a length that the program computes from the updates of the run."""
        return _missing(self.program.name, part)


def settings_of(data: Any) -> Settings | None:
    """Return the settings of a config or a command; None if data is neither."""
    if not isinstance(mapping_of_options(data), Mapping):
        return None
    if isinstance(data, Mapping):
        words, named = [], {str(key): (value, child_path(ROOT, key)) for key, value in data.items()}
    else:
        words = [str(word) for word in data]
        named = {key: (value_of_words(value), path) for key, (value, path) in named_options(data).items()}
    named = {key: one for key, one in named.items() if one[0] is not None}
    flat = dict(_flattened(named))
    row = PROGRAMS.get(program_of(flat) or "", TRAINER)
    for (key, value), change in row.variants.items():
        found = str(flat.get(key, ("",))[0]).lower()
        if (found == value) if key else any(word.rpartition("/")[2].removesuffix(".py") == value for word in words):
            row = replace(row, **{**change, "defaults": {**row.defaults, **change.get("defaults", {})}})
    if row is TRAINER:
        return Settings(row, named, {key: path for key, (_, path) in named.items()})
    names = dict(zip(named, named, strict=True)) if row.names is None else row.names
    written = {names[key]: one for key, one in flat.items() if key in names}
    sections = {"", *(name.rpartition(".")[0] for name in names)}
    unread = {key: one for key, one in flat.items() if key not in names and key.rpartition(".")[0] in sections}
    unread = written if row.names is None else unread
    others = {key: path for key, (value, path) in unread.items() if not isinstance(value, Mapping)}
    faults = [Diagnostic(*fault, code=WRONG_TYPE)] if (fault := row.adapt(written)) else []
    return Settings(row, written, others, (*faults, *_refused(row, flat, words)))


def _flattened(named: Written) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield the entries, and those of their mappings as `key.inner`."""
    for key, (value, path) in named.items():
        yield key, (value, path)
        if isinstance(value, Mapping):
            yield from (
                (f"{key}.{inner}", (one, child_path(path, inner))) for inner, one in value.items() if one is not None
            )


def _refused(row: Program, flat: Written, words: list[str]) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each setting that cannot be read, and one if a command names a file with settings."""
    native = 'Use a native plan, such as lr: warmup("5%") >> cosine()'
    for key, reason in row.refused.items():
        value, path = flat.get(key, (None, ROOT))
        if not key or value is True or value not in (None, False, 0, 1):
            yield Diagnostic(path, reason, native, code=OUTSIDE_PLAN if key else REFUSED_VALUE)
    for before, word in pairwise(words):
        if word.endswith((".yaml", ".yml")) and (before in ("--config", "-c") or not before.startswith("-")):
            yield Diagnostic(ROOT, f"other settings are in {word}", f"Write paramsched show {word}", code=NOT_IN_SCRIPT)
