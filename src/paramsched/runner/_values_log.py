"""The log of what was really used: read from the optimizer just before each of its steps."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from torch.optim import Optimizer

from paramsched.fields import Field
from paramsched.runner._log_file import KeptLines, LogFile
from paramsched.scheduler.updates import watch_updates

ConsumedSoFar: TypeAlias = Callable[[], Mapping[str, float]]

LOGS: Final = ("values", "metrics")
"""Names of the logs, without `.jsonl`."""


@final
class ValuesLog:
    """Writes `values.jsonl` and `metrics.jsonl`; knows neither plan nor scheduler.

    Args:
        folder: where they are; None writes nothing (processes other than the main one).
        kept: what stays of each: what came after a checkpoint happens again.

    Raises:
        StateError: a log is not the one the checkpoint was saved after.
    """

    def __init__(self, folder: Path | None, kept: Mapping[str, KeptLines]) -> None:
        self.latest: dict[str, list[dict[str, float]]] = {}
        self._waiting: list[dict[str, Any]] = []
        self._stops: list[Callable[[], None]] = []
        self._logs = {name: LogFile(None if folder is None else folder / f"{name}.jsonl", kept[name]) for name in LOGS}

    def watch_optimizer(
        self, optimizer: Optimizer, fields: tuple[str, ...], name: str, updates: int, consumed: ConsumedSoFar
    ) -> None:
        """Note these fields of every group at each update of an optimizer.

        Args:
            optimizer: whose groups are read.
            fields: those that are noted.
            name: of the optimizer; empty where there is one.
            updates: how many it has taken so far.
            consumed: says what the run has consumed so far, by the name of the clock; empty where that is by updates.
        """
        t = updates
        found: list[dict[str, float]] = []
        so_far: dict[str, float] = {}

        # Read before the step, noted after it: a step that is skipped or raises leaves no line.
        def before(stepped: Any) -> None:
            so_far.clear()
            so_far.update(consumed())
            found[:] = [_numbers_of_group(group, fields) for group in stepped.param_groups]

        def after(stepped: Any) -> None:
            nonlocal t
            del stepped
            self.latest[name] = list(found)
            whose = {"optimizer": name} if name else {}
            self._waiting.append({"t": t} | so_far | whose | {"groups": self.latest[name]})
            t += 1

        self._stops.append(watch_updates(optimizer, before, after))

    def write_updates(self, *, epoch: int, iteration: int, loss: float | None) -> None:
        """Write the updates of this iteration."""
        for line in self._waiting:
            whole = line | {"epoch": epoch, "iter": iteration} | ({} if loss is None else {"loss": loss})
            self._logs["values"].write(whole)
        self._waiting.clear()

    def write_metrics(self, *, epoch: int, iteration: int, metrics: dict[str, float]) -> None:
        """Write a validation."""
        self._logs["metrics"].write({"epoch": epoch, "iter": iteration} | metrics)

    def saved_state(self) -> dict[str, Any]:
        """What a checkpoint keeps of the logs."""
        lines = {name: log.lines for name, log in self._logs.items()}
        return lines | {"written": {name: log.written for name, log in self._logs.items()}}

    def to_disk(self) -> None:
        """Put the logs on the disk; a checkpoint must never be ahead of them."""
        for log in self._logs.values():
            log.to_disk()

    def close(self) -> dict[str, Any]:
        """Stop; returns what a checkpoint keeps."""
        for stop in self._stops:
            stop()
        for log in self._logs.values():
            log.close()
        return self.saved_state()


def _numbers_of_group(group: dict[str, Any], fields: tuple[str, ...]) -> dict[str, float]:
    """The fields that a group has, as numbers."""
    found = {}
    for name in fields:
        field = Field.of(name)
        if name == "momentum" and "betas" in group:
            field = Field.of("betas[0]")
        if field.key in group:
            found[name] = float(field.read(group))
    return found
