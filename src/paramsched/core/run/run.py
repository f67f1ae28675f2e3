"""A run: a plan in force, its position and history, and the optimizers that follow it."""

from collections.abc import Callable, Collection
from typing import Any, Literal, final
from weakref import ref

from paramsched.core.plan.lines import BoundLine, RuleStates, UpdateRange
from paramsched.core.plan.optimizers import OptimizerScope
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.arguments import Arguments
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.history import HistoryPlan, RunHistory
from paramsched.core.run.messages import hooks as messages
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import Processes
from paramsched.core.run.ranges import refuse_not_finite
from paramsched.core.run.run_state import RunState
from paramsched.core.run.several import SharedUpdates
from paramsched.core.run.targets import TargetValues


@final
class Run:
    """The run of a plan, which one optimizer or several follow.

    Each optimizer is an `AttachedOptimizer`, which is at the update of the run, or at the one before if it has not
    stepped in it yet. The run is at the largest count of its optimizers. The hooks of an optimizer and the Scheduler
    own its part, and the run holds it weakly, so that deleting an optimizer frees its memory at once.

    Attributes:
        state: what its updates read and change.
        arguments: those of the Scheduler.
        history: the plans that were in force.
        shared: the updates of several optimizers; None if there is one.
        targets: the values of the plan's targets; None if it has none.
        acknowledged_at: the update at which an engine last called step().
        was_moved: True after `seek`, or after a checkpoint of an earlier update.
        end: how the Scheduler has ended; "" if it has not.
        successor: the Scheduler that has replaced it.
        scheduler: returns the Scheduler; None if it was deleted.

    Args:
        in_force: the plan in force.
        position: the position.
        states: the states of the metric rules.
        arguments: those of the Scheduler.
        source: the name of the checkpoint with this position; None if there is none.
    """

    targets: TargetValues | None = None
    was_moved = False
    end: Literal["", "detached", "replaced"] = ""
    successor: Any = None

    def __init__(
        self,
        in_force: ResolvedPlan,
        position: RunPosition,
        states: RuleStates,
        arguments: Arguments,
        source: str | None = None,
    ) -> None:
        self.arguments = arguments
        self.state = state = RunState(in_force, position, states, arguments, source, self.refuse_not_finite)
        self.history = RunHistory(lambda: HistoryPlan(position.t, position.amount, in_force.text))
        self.attached_refs: dict[str, ref[AttachedOptimizer]] = {}  # a deleted optimizer is none of them
        self.shared = SharedUpdates(state, lambda: self.attached) if arguments.names else None
        self.acknowledged_at = position.t
        self.scheduler: Callable[[], object] = lambda: None

    def attach(
        self,
        name: str,
        scope: OptimizerScope,
        position: RunPosition,
        lines: tuple[BoundLine, ...],
        groups: list[GroupDict],
    ) -> AttachedOptimizer:
        """Return an optimizer of the run, which has computed its values and has not written them."""
        drive = self.arguments.drive
        attached = AttachedOptimizer(
            self.state, name, scope, position.t, lines, groups,
            can_start=drive in ("optimizer", "manual", name), all_groups=self.groups,
        )  # fmt: skip
        self.attached_refs[name] = ref(attached)
        return attached

    # ------------------------------------------------------------------ the position and the optimizers

    @property
    def attached(self) -> dict[str, AttachedOptimizer]:
        """The optimizers by name, without deleted ones."""
        return {
            name: attached for name, reference in self.attached_refs.items() if (attached := reference()) is not None
        }

    @property
    def t(self) -> int:
        """The number of completed updates."""
        return self.state.t

    @property
    def in_force(self) -> ResolvedPlan:
        """The plan in force."""
        return self.state.in_force

    @property
    def processes(self) -> Processes:
        """The processes that train together."""
        return self.arguments.processes

    @property
    def counts(self) -> dict[str, int]:
        """The update that the next step of each optimizer belongs to."""
        return {name: attached.t for name, attached in self.attached.items()}

    def groups(self) -> dict[str, list[GroupDict]]:
        """Return the bound groups of each optimizer."""
        return {name: attached.bound.groups for name, attached in self.attached.items()}

    @property
    def is_acknowledged(self) -> bool:
        """True if an engine has called step() since the last update."""
        return self.acknowledged_at == self.t or self.arguments.drive == "manual"

    @property
    def has_ended(self) -> bool:
        """True after the Scheduler was detached or replaced."""
        return self.end != ""

    def entry(self) -> HistoryPlan:
        """Return the history entry of the plan that is in force from the present position on."""
        return HistoryPlan(self.t, self.state.amount, self.in_force.text)

    # ------------------------------------------------------------------ values

    def bind(self) -> None:
        """Write the targets at the present position, and count the amounts from now on."""
        state = self.state
        self.targets = None
        if TargetValues.are_in(state.in_force.counted):
            self.targets = TargetValues(state)
            self.targets.put()
        self.begin_amounts()
        if self.targets is not None:
            self.targets.note_values()

    def begin_amounts(self) -> None:
        """Discard what was expected of the coming updates."""
        state = self.state
        state.needs_check = False
        if state.amounts is not None:
            has_progress = state.t > 0 or bool(state.amount) or state.restored_from is not None
            state.amounts.begin(state.t, has_progress=has_progress)
            state.set_needs_check()
        state.parts = [update_part for update_part in (self.shared, self.targets) if update_part is not None]
        state.is_plain = state.amounts is None and not state.parts

    def rewrite(self, size: int = 1) -> None:
        """Recompute and write the values, after the states of metric rules or the progress changed.

        Args:
            size: the number of updates with the present amount.
        """
        state = self.state
        for attached in self.attached.values():
            attached.table.seek(attached.times._replace(size=size), state.states)
            state.note_values(attached.table)
            attached.write_values()
        if self.targets is not None:
            self.targets.rewrite(size)
        self.refuse_not_finite_by_hand()

    def refuse_not_finite(self, t: int) -> None:
        """Raise if a value of update `t` is not finite.

        Raises:
            PlanError: a value is not finite, of any of the optimizers or of a target.
        """
        state = self.state
        if self.targets is not None:
            self.targets.refuse_not_finite(t)
        now = UpdateRange(t, state.position_at(t).amount)
        for attached in self.attached.values():
            table = attached.table
            if table.not_finite_at == t:
                labels = attached.scope.labels(attached.bound.groups)
                refuse_not_finite(state.in_force, table.lines, labels, now, state.states)

    def refuse_not_finite_by_hand(self) -> None:
        """Raise if a value of the next update is not finite, if no hook runs before that update.

        After the end of the plan there may be no such update.
        """
        state = self.state
        is_next = state.not_finite_at == state.t and self.arguments.drive == "manual"
        if is_next and not state.in_force.is_over_at(state.t, state.amount):
            self.refuse_not_finite(state.t)

    # ------------------------------------------------------------------ what moves or ends it

    def move(self, position: RunPosition, source: str | None = None) -> None:
        """Jump to a position, for `seek` or a checkpoint; `source` names the checkpoint."""
        self.was_moved = self.was_moved or position.t < self.t
        self.state.move(position, source)
        self.acknowledged_at = position.t

    def report(self, progress: Amount) -> None:
        """Move to a reported progress before the next update, with all optimizers, and write its values."""
        amounts = self.state.amounts
        assert amounts is not None
        before = amounts.amount
        if any(attached.t < self.t for attached in self.attached.values()):  # a next step belongs to the last update
            amounts.last_amount = progress
        amounts.amount = progress
        for observer in self.state.observers:
            observer.reported(float(progress) - float(before or 0))
        self.rewrite(size=2)  # the update after the next one has the same progress

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        state = self.state
        before = self.history.before_seek(state.t)
        attached = list(self.attached.values())
        for optimizer in attached:
            optimizer.table.seek(position.times, state.states)
        self.move(position)
        self.was_moved = True
        if self.shared is not None:
            self.shared.loads = None
        for optimizer in attached:
            optimizer.t = position.t
            optimizer.write_values()
            optimizer.bound.write_count(position.t)
        self.bind()
        for optimizer in attached:
            state.note_values(optimizer.table)
        self.history.seek(state.t, state.amount, before)
        for observer in state.observers:
            observer.sought()
        self.refuse_not_finite_by_hand()

    def release(self, kept: Collection[str] = ()) -> None:
        """Remove the hooks from all optimizers; warn of those that no other Scheduler takes over.

        Args:
            kept: the names of the optimizers that another Scheduler takes over.
        """
        attached = self.attached  # the hooks may own the last references
        for optimizer in attached.values():
            optimizer.release()
        self.end = "replaced" if kept else "detached"
        for observer in self.state.observers:
            observer.ended()
        left = [name for name in attached if name not in kept]
        if kept and left:
            self.processes.log(*messages.takes_over_a_part(kept, left))

    def require_attached(self, call: str) -> None:
        """Raise if the Scheduler of the run is detached."""
        self.require_in_use(call)
        if self.has_ended:
            raise messages.is_detached(call)

    def require_in_use(self, call: str) -> None:
        """Raise if another Scheduler has taken an optimizer of the run over, whose values this one no longer knows."""
        if self.end == "replaced":
            raise messages.is_replaced(call, self.t)
