"""The targets of a plan: values outside of the optimizers, which a run writes with theirs."""

from typing import final

from paramsched.core.plan.binding import Target
from paramsched.core.plan.lines import UpdateRange
from paramsched.core.plan.plan import Plan
from paramsched.core.run.ranges import refuse_not_finite
from paramsched.core.run.run_state import RunState
from paramsched.core.run.value_table import ValueTable


@final
class TargetValues:
    """The values of the targets of a plan.

    Args:
        run: the state of the run.
    """

    def __init__(self, run: RunState) -> None:
        self._run = run
        in_force = run.in_force
        self._table = ValueTable(in_force.counted, (), (), run.times, run.states, end=in_force.total, targets=True)

    @staticmethod
    def are_in(plan: Plan) -> bool:
        """Return whether a plan has targets."""
        return any(isinstance(binding.field, Target) for binding in plan.bindings)

    def put(self) -> None:
        """Write the values of the next update."""
        self._table.put()

    def note_values(self) -> None:
        """Note values that are not finite."""
        self._run.note_values(self._table)

    def before_update(self, starter: str) -> None:
        """Note that an update begins: nothing."""

    def join_update(self, name: str) -> None:
        """Note that an optimizer steps in the last update: nothing."""

    def after_update(self) -> None:
        """Write the values of the next update."""
        run = self._run
        table = self._table
        row = run.t - table.first
        if not 0 < row < table.size or (table.amounts is not None and table.amounts[row] != run.amount):
            run.extend(table, run.times)
            row = 1
        for write, cells in table.loops:
            write(cells[row - 1], cells[row])

    def rewrite(self, size: int) -> None:
        """Compute the values again, of some updates with the present amount, and write the first ones."""
        run = self._run
        self._table.seek(run.times._replace(size=size), run.states)
        run.note_values(self._table)
        self._table.put()

    def refuse_not_finite(self, t: int) -> None:
        """Raise if a value of update `t` is not finite.

        Raises:
            PlanError: a value is not finite.
        """
        if self._table.not_finite_at == t:
            run = self._run
            refuse_not_finite(run.in_force, (), (), UpdateRange(t, run.position_at(t).amount), run.states)

    def values(self, *, last: bool = False) -> dict[str, float]:
        """Return the values for the next update, or for the last completed one if `last` is True."""
        run = self._run
        times, states = (run.last_times, run.used) if last else (run.times, run.states)
        return {column.target.name: column.entries(times, states)[0] for column in self._table.targets}
