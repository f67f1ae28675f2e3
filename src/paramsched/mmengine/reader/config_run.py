"""Reading an MMEngine config as text, and the length of the run that it describes."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from math import ceil
from pathlib import Path
from typing import Any, final

from paramsched.core.base.codes import REFUSED_VALUE, SAID_TWICE, WRONG_TYPE
from paramsched.core.base.printing import child_path, entry_path
from paramsched.core.files.arguments import accumulation_fact, updates_with_accumulation
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.plan_files import read_peer_data
from paramsched.core.time import Calendar, Duration
from paramsched.errors import ConfigError, MissingFact
from paramsched.mmengine.config_file import RUN_IT, TO_RUN, load_config
from paramsched.mmengine.reader.row import CONVERTED, INF, Arguments, is_finite


def count_above_zero(config: Any, path: str, name: str, diagnostics: DiagnosticCollector) -> int | None:
    """Return a positive count from a part of the config, or None if it is missing or invalid."""
    value = config.get(name) if isinstance(config, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not is_finite(value) or value < 1 or value != int(value):
        diagnostics.add(
            child_path(path, name),
            f"expected an integer of at least 1, got {value!r:.40}",
            f"For example: {name}=12",
            code=WRONG_TYPE,
        )
        return None
    return int(value)


def bare_class_name(kind: Any) -> str | None:
    """Return the name of a class in MMEngine's registries, without its scope; None if `kind` is not a class or name.

    >>> bare_class_name("mmdet.StepLR"), bare_class_name(dict), bare_class_name(5)
    ('StepLR', 'dict', None)
    """
    name = kind.__name__ if isinstance(kind, type) else kind
    return name.rpartition(".")[2] if isinstance(name, str) else None


@final
@dataclass(frozen=True, slots=True)
class RunLength:
    """The length of a run.

    Args:
        epoch_length: iterations per epoch; None if unknown.
        max_epochs: its length in epochs, if the loop runs by epochs.
        max_iters: its length in iterations, if the loop runs by iterations.
    """

    epoch_length: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None

    def end(self, by_epoch: bool) -> int | None:
        """Return the end of the run, the default of a scheduler's `end`, in epochs or iterations; None if unknown."""
        if by_epoch:
            if self.max_epochs is not None:
                return self.max_epochs
            if self.max_iters is not None and self.epoch_length:
                # MMEngine takes 1 instead: row 25 of docs/reference/divergences.md.
                return ceil(self.max_iters / self.epoch_length)
            return None
        if self.max_iters is not None:
            return self.max_iters
        if self.max_epochs is not None and self.epoch_length:
            return self.max_epochs * self.epoch_length
        return None

    def in_iterations(self, tick: float, by_epoch: bool) -> float | None:
        """Convert the number of a scheduler's step to iterations; return None if it needs the unknown epoch length."""
        if not by_epoch or tick >= INF or tick == 0:
            return tick
        return None if self.epoch_length is None else tick * self.epoch_length


def missing_epoch_length(site: str, found: str) -> MissingFact:
    """Return the error for a part of a config that depends on the unknown length of an epoch."""
    return MissingFact(
        site, found, "For example: Calendar(..., steps_per_epoch=100)", fact="steps_per_epoch", example="100"
    )


def ticks_by_epoch(arguments: Arguments) -> bool:
    """Return whether a scheduler steps once per epoch."""
    return bool(arguments["by_epoch"]) and not arguments.get(CONVERTED, False)


def min_epoch_length_apart(one: Arguments, other: Arguments) -> int | None:
    """Return the shortest epoch for which a window in iterations ends before a window in epochs begins.

    Returns None if there is no such length.
    """
    first, second = (other, one) if one["by_epoch"] else (one, other)
    if first["by_epoch"] or not second["by_epoch"] or not second["begin"] > 0 or first["end"] >= INF:
        return None
    least: int = ceil(first["end"] / second["begin"])
    return least


def windows_overlap(one: Arguments, other: Arguments, length: RunLength) -> bool:
    """Return whether two windows have a common step; True if that is unknown."""
    if bool(one["by_epoch"]) == bool(other["by_epoch"]):
        bounds = [(each["begin"], each["end"]) for each in (one, other)]
    else:
        known = [
            tuple(length.in_iterations(each[name], each["by_epoch"]) for name in ("begin", "end"))
            for each in (one, other)
        ]
        if any(bound is None for pair in known for bound in pair):
            return True
        bounds = [(pair[0] or 0, pair[1] or 0) for pair in known]
    (begin, end), (other_begin, other_end) = bounds
    return bool(begin < other_end and other_begin < end)


_LENGTHS_OF_LOOPS = (("EpochBasedTrainLoop", "max_epochs"), ("IterBasedTrainLoop", "max_iters"))


@final
@dataclass(frozen=True, slots=True)
class ConfigRun:
    """The run that a config and a calendar describe.

    Args:
        length: its length in MMEngine's units.
        horizon: its length as a plan specifies it; None if unknown.
        accumulation: batches per update.
    """

    length: RunLength
    horizon: Duration | None
    accumulation: int


def run_of_config(whole: Mapping[str, Any], calendar: Calendar, diagnostics: DiagnosticCollector) -> ConfigRun:
    """Return the length of the run, from the config or else from the calendar."""
    epoch, path = calendar.updates_per_epoch, entry_path("optim_wrapper")
    accumulation = count_above_zero(whole.get("optim_wrapper"), path, "accumulative_counts", diagnostics)
    if accumulation is not None:
        epoch = updates_with_accumulation(accumulation, child_path(path, "accumulative_counts"), calendar, diagnostics)
    accumulation = calendar.accumulation or accumulation or 1
    epochs, iterations = _train_length(whole.get("train_cfg"), diagnostics)
    if iterations is not None:
        return ConfigRun(RunLength(epoch, None, iterations), Duration.of(iterations), accumulation)
    if epochs is not None:
        return ConfigRun(RunLength(epoch, epochs, None), Duration.of(f"{epochs} epochs"), accumulation)
    if calendar.total is None:
        return ConfigRun(RunLength(epoch), None, accumulation)
    total = Duration.of(calendar.total)
    exact = dict(total.terms)
    if set(exact) == {"epochs"}:  # kept as written
        return ConfigRun(RunLength(epoch, ceil(exact["epochs"]), None), total, accumulation)
    horizon = calendar.horizon
    assert horizon is not None
    length = RunLength(None, None, horizon) if epoch is None else RunLength(epoch, ceil(Fraction(horizon, epoch)), None)
    return ConfigRun(length, Duration.of(horizon), accumulation)


def facts_of(data: Any) -> Calendar | None:
    """Return the accumulation of a config with one optimizer."""
    wrapper = data.get("optim_wrapper") if isinstance(data, Mapping) else None
    return accumulation_fact(wrapper.get("accumulative_counts")) if isinstance(wrapper, Mapping) else None


def _train_length(train: Any, diagnostics: DiagnosticCollector) -> tuple[int | None, int | None]:
    """Return `max_epochs` and `max_iters` of `train_cfg`; each of MMEngine's two loops takes one of them."""
    path = entry_path("train_cfg")
    if not isinstance(train, Mapping):
        return None, None
    epochs = count_above_zero(train, path, "max_epochs", diagnostics)
    iterations = count_above_zero(train, path, "max_iters", diagnostics)
    loop, by_epoch = bare_class_name(train.get("type")), train.get("by_epoch")
    if loop is not None and by_epoch is not None:
        diagnostics.add(path, "type and by_epoch exclude each other", "Leave by_epoch out", code=SAID_TWICE)
    if loop is None and isinstance(by_epoch, bool):
        loop = _LENGTHS_OF_LOOPS[not by_epoch][0]
    for (own, own_length), (other, other_length) in permutations(_LENGTHS_OF_LOOPS):
        if loop == own and other_length in train:
            instead = f"Use {own_length}=…, or dict(type='{other}', {other_length}=…)"
            path_of_length = child_path(path, other_length)
            diagnostics.add(path_of_length, f"{loop} has no {other_length}", instead, code=REFUSED_VALUE)
    return epochs, iterations


def read(text: str, source: str = "config") -> Any:
    """Read a config from the text of a YAML or JSON file.

    Raises:
        ConfigError: it is Python, which is not run here.
    """
    suffix = Path(source).suffix
    if suffix == ".py":
        raise ConfigError(source, [f"{TO_RUN}. {RUN_IT}"])
    if suffix in (".yaml", ".yml", ".json") and "_base_" in text and Path(source).is_file():
        return load_config(Path(source))
    return read_peer_data(text, "json" if suffix == ".json" else "yaml", source)


def execute(path: str) -> dict[str, Any]:
    """Run a config file with its bases, and return its values."""
    return load_config(Path(path))
