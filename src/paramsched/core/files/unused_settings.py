"""Keys of a config that look like schedule settings but that its reader did not use."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from paramsched.core.base.codes import LIBRARY_DEFAULTS, NOTHING_PLANNED, UNKNOWN_FIELD, UNUSED_SETTING
from paramsched.core.base.printing import ROOT, child_path, names_listed
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.diagnostic_collector import DiagnosticCollector


def report_unused_settings(
    written: Mapping[str, str],
    used: Collection[str],
    diagnostics: DiagnosticCollector,
    *,
    library: str,
    renamed: Mapping[str, str] | None = None,
    unfit: Collection[str] = (),
    defaulted: Collection[str] = (),
) -> None:
    """Report all keys that look like schedule settings but that a reader did not use, in one diagnostic.

    The diagnostic is a warning. It is an error if the plan would certainly be wrong: if the file belongs to another
    program, or if a key is another name of a setting, which would have its default value instead.

    Args:
        written: the keys that have a value in the file, each with its path, such as `$.optimizer.warmup`.
        used: keys that the reader used, and keys of its library that do not affect the schedule.
        diagnostics: the collector to which an error is added.
        library: the name of the library whose configs the reader reads.
        renamed: a dict from other names of settings to the library's names for them.
        unfit: keys whose value the library refuses under its own name, so that a new name is no advice.
        defaulted: missing settings whose defaults affect the plan.
    """
    unused = [key for key in written if key not in used and looks_like_schedule(key)]
    program = program_of(written)
    meant = {key: name for key, name in (renamed or {}).items() if key in unused and name not in written}
    if not unused and not (program and defaulted):
        return
    path = written[unused[0]] if unused else "$"
    found = f"{library} has no {names_listed(unused)}" if unused else ""
    if program:
        missing = f"its defaults for {', '.join(defaulted)} are not those of {library}" if not unused else ""
        found = f"this is a config of {program}: {found or missing}"
    instead = "; ".join(f"Use {name} in place of {key}" for key, name in meant.items() if key not in unfit)
    if program or meant:
        native = 'Use a native plan, such as lr: warmup("5%") >> cosine()'
        diagnostics.add(path, found, instead or native, at_key=bool(unused), code=UNKNOWN_FIELD)
    else:
        them = "it" if len(unused) == 1 else "them"
        warn_user(Problem(path, f"{found}; the plan is read without {them}", code=UNUSED_SETTING))


def has_setting(keys: Iterable[Any], names: Iterable[str]) -> bool:
    """Return whether one of the keys is a name or almost a name, such as `warmup_epoch` for `warmup_epochs`."""
    known = set(names)
    written = [str(key) for key in keys]
    return not known.isdisjoint(written) or any(
        get_close_matches(one, known, cutoff=0.85) for one in written[:_MAX_KEYS]
    )


_MAX_KEYS: Final = 1_000


def report_no_settings(
    data: Any,
    names: Collection[str],
    diagnostics: DiagnosticCollector,
    *,
    library: str,
    found: str,
    instead: str,
    path: str = ROOT,
    least: int = 2,
) -> None:
    """Report a config without a setting of a library, at the part of the config that has most of them.

    Args:
        data: the config.
        names: the names of the library's settings.
        diagnostics: the collector.
        library: the name of the library.
        found: the message if no part of the config has such names.
        instead: the advice for this message.
        path: the config path of the data.
        least: the number of names with which a part is of this library. One name may be of any program.
    """
    parts = _parts_with(data, names, path)
    path, inside, others = max(parts, key=lambda part: len(part[1]), default=(path, [], []))
    is_own = len(inside) >= least and not others and not _SHARED.issuperset(inside)
    if inside:
        found = f"expected {names_listed(inside)} at the top level of a config of {library}"
        instead = "Save this part of the config as a file of its own"
    if inside and not is_own:
        instead = 'Use a native plan, such as lr: warmup("5%") >> cosine()'
    diagnostics.add(path, found, instead, code=NOTHING_PLANNED)


_SHARED: Final = frozenset({"learning_rate", "lr", "max_steps", "steps", "epochs", "warmup_steps", "optimizer", "seed"})
"""Settings of so many programs that they do not tell whose config it is."""


def _parts_with(data: Any, names: Collection[str], path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each mapping that has some of the names: its config path, these names, and its other schedule settings."""
    if isinstance(data, Mapping):
        if inside := [str(key) for key in data if key in names]:
            yield path, inside, [str(key) for key in data if key not in names and looks_like_schedule(str(key))]
        for key, value in data.items():
            yield from _parts_with(value, names, child_path(path, key))
    elif isinstance(data, (list, tuple)):
        for index, value in enumerate(data):
            yield from _parts_with(value, names, child_path(path, index))


def note_defaults(library: str, defaults: Mapping[str, object]) -> Iterator[Problem]:
    """Yield a diagnostic with the library's defaults that affect the schedule, for settings that the config omits.

    Args:
        library: the name of the library with its version, because defaults differ between versions.
        defaults: a dict from setting to default.
    """
    if defaults:
        taken = ", ".join(f"{name} {value}" for name, value in defaults.items())
        yield Problem("$", f"defaults of {library} are taken for {taken}", code=LIBRARY_DEFAULTS)


_PROGRAMS: Final[Mapping[str, list[str]]] = json.loads(Path(__file__).with_name("programs.json").read_text("utf-8"))
"""Keys that are specific to one program; two of them identify its configs."""


def program_of(keys: Collection[str]) -> str | None:
    """Return the program whose configs have these keys.

    >>> program_of(["base_model", "sequence_len", "num_epochs"])
    'axolotl'
    """
    plain = {_in_snake_case(key) for key in keys}
    return next((name for name, marks in _PROGRAMS.items() if len(plain.intersection(marks)) > 1), None)


_HARMLESS: Final = frozenset(
    {
        *("eval", "evals", "evaluation", "save", "saves", "saving", "log", "logging", "checkpoint"),
        *("checkpointing", "ckpt", "val", "valid", "validation", "test", "print", "report", "profile"),
        *("profiler", "interval", "freq", "frequency", "every", "seed", "resume", "ema", "noise", "pipeline"),
        *("plot", "restore", "exit", "load", "overlap", "retro", "graph"),
    }
)
"""Words in keys that are not about the schedule, such as `eval_steps`."""
_SCHEDULING: Final = re.compile(
    r"epochs?|epochwise|warm\w*|\w*sched(ule|uler|ules|ulers)?|anneal\w*|cool\w*|ramp(up)?|cycles|milestones|\w*lrs?"
)
_LENGTH: Final = re.compile(
    r"(^|_)(max|num|total|train|training|hold|stable|n)_"
    r"(train_|training_|optimizer_|update_|global_)?(steps?|iters?|iterations?|updates)$"
    r"|(^|_)(train|total)_tokens$|learning_rate|learningrate"
)
_DECAY_OF_WEIGHTS: Final = re.compile(r"weight_decay|(^|_)wd(?=_|$)")
_BOUNDS: Final = frozenset(
    ["start", "end", "init", "initial", "final", "last", "min", "max", "incr", "style", "cosine", "linear"]
)
_OTHER_DECAYS: Final = frozenset(["layer", "layerwise", "rope", "rotary", "alpha", "beta"])


def looks_like_schedule(key: str) -> bool:
    """Return whether a key looks like a schedule setting in any library.

    >>> [looks_like_schedule(one) for one in ("num_epochs", "cosine_min_lr_ratio", "lr-decay-tokens", "WarmupSteps")]
    [True, True, True, True]
    >>> [looks_like_schedule(one) for one in ("eval_steps", "weight_decay", "layer_decay", "momentum", "color")]
    [False, False, False, False, False]
    """
    plain = _in_snake_case(key)
    words = {*plain.split("_")}
    if words & _HARMLESS or {"warm", "start"} <= words or "warmstart" in words:
        return False
    if _DECAY_OF_WEIGHTS.search(plain):
        rest = {*_DECAY_OF_WEIGHTS.sub("", plain).split("_")}
        return bool(rest & _BOUNDS) or any(map(_SCHEDULING.fullmatch, rest))
    if "decay" in words and not words & _OTHER_DECAYS:
        return True
    return any(map(_SCHEDULING.fullmatch, words)) or _LENGTH.search(plain) is not None


def _in_snake_case(key: str) -> str:
    """Return a key in snake case and without its path, such as `lr_warmup`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(key)[-100:].rpartition(".")[2])
    return re.sub(r"\W+", "_", name).lower()
