"""What a run tells those that observe it: the diagnosis, which no value depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, final

from paramsched.base.problem import Problem
from paramsched.core.groups.fields import Field
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.record import RestoredOptimizer


@final
@dataclass(frozen=True, slots=True)
class ExternalWrite:
    """A value of a group that other code wrote, and that an update has used.

    Args:
        field: the field.
        group: the label of the group.
        value: the value in the group.
        planned: the value that the plan had written.
        update: the update that used the value.
    """

    field: Field
    group: str | int
    value: Any
    planned: Any
    update: int


class RunObserver(Protocol):
    """An object that a run tells what happens. What it finds, it adds to `RunState.unreported`."""

    def begun(self) -> None:
        """Note that the run has begun: its first values are written."""

    def updated(self, name: str) -> None:
        """Look at the run after an update at which values are computed.

        On a clock of amounts only if the observer has set `RunState.is_watched`, or if the amount may be at the end of
        the plan.

        Args:
            name: the optimizer whose values are computed, or whose step has started the update.
        """

    def differed(self, write: ExternalWrite) -> None:
        """Note the first external write of a field."""

    def moved(self) -> None:
        """Note that the run came to a position without an update."""

    def sought(self) -> None:
        """Note that the user's code has moved the run to a position."""

    def reported(self, difference: float) -> None:
        """Note a reported progress, and its difference from the one before."""

    def saved(self, count: int) -> None:
        """Note a checkpoint of an update."""

    def loading(
        self,
        loaded: Mapping[str, RestoredOptimizer],
        groups: Mapping[str, list[GroupDict]],
        states: Any = None,
        present: Sequence[GroupDict] | None = None,
    ) -> None:
        """Look at a load before anything is written. A warning may be an error, which refuses the load.

        Args:
            loaded: what it restores, by optimizer.
            groups: the groups of all optimizers, by name; those of the loaded ones with the values of the checkpoint.
            states: the states of the parameters in the checkpoint, or in the optimizer, if they are known.
            present: the groups of the optimizer that the load replaces, if the groups of the checkpoint may be others.
        """

    def loading_of_torch(self, restored: RestoredOptimizer, rates: Mapping[tuple[int, str], Any]) -> None:
        """Look at a load of a state of torch's schedulers before anything is written.

        Args:
            restored: what it restores.
            rates: the lr of the next update that the state has, by group.
        """

    def restoring(self, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> None:
        """Note that a load begins to change the run; the arguments are those of `loading`."""

    def loaded(self) -> None:
        """Note that a load has ended."""

    def observed(self, states: Mapping[MetricRule[Any], Any], numbers: Mapping[str, float]) -> None:
        """Look at metrics that were observed.

        Args:
            states: the new states of the metric rules that have observed one.
            numbers: the metrics by name.
        """

    def queried(self) -> None:
        """Note that a loop has asked whether the plan is over."""

    def warn_once(self, subject: str, problem: Problem) -> None:
        """Warn of one kind of reports or metrics, once in the life of the Scheduler."""

    def ended(self) -> None:
        """Note that the Scheduler was detached, or replaced."""

    # What an engine asks and says.

    def take_over(self, what: Literal["metrics", "training"]) -> None:
        """Note that the engine itself reports metrics that never arrive, or why the plan does not move."""

    def set_end_known(self, is_known: bool) -> None:
        """Note whether the end of the run was reported, or needs no report."""

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""

    def problems_of_end(self, *, early: bool, unmoved_advice: str) -> list[Problem]:
        """Return the problems of a run at its end, as `EngineHandle.problems_of_end`."""
