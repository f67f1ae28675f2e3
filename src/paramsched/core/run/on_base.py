"""The base that applies if it differs between a checkpoint and the code."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, final

from paramsched.core.plan.lines import Place, by_group
from paramsched.core.run.record import Restored
from paramsched.core.run.reports import OtherBase
from paramsched.core.run.run import Member, Run
from paramsched.core.run.state import Group
from paramsched.errors import InvalidArgument, PlanChanged

OnBase: TypeAlias = Literal["checkpoint", "code", "error"]


@final
@dataclass(frozen=True, slots=True)
class BasePolicy:
    """Chooses between the bases of a checkpoint and those of the code; `on_base` as in `ps.Scheduler`."""

    on_base: OnBase = "checkpoint"

    def require_code(self) -> None:
        """Raise for groups that hold a checkpoint already, if the choice needs the bases of the code."""
        if self.on_base != "checkpoint":
            raise InvalidArgument(
                f"Scheduler(on_base={self.on_base!r})",
                "the groups hold a checkpoint already, so the bases of the code are lost",
                "Construct the Scheduler before optimizer.load_state_dict(…)",
            )

    def applied(self, restored: Restored, member: Member, groups: list[Group]) -> Restored:
        """Return what an optimizer continues with, with the bases that apply.

        Args:
            restored: its lines have the bases of the checkpoint.
            member: the optimizer, with the bases of the code.
            groups: the groups, for their names.

        Raises:
            PlanChanged: a base differs, and the choice is "error".
        """
        labels, uses_code = member.labels(groups), self.on_base == "code"
        changes: list[OtherBase] = []
        replaced: dict[tuple[str, str], float] = {}
        applied: dict[Place, float] = {}
        for index, line, base in by_group(restored.lines):
            code = member.code_bases.get((index, line.field.slot), base)
            if code != base:
                changes.append(OtherBase(str(line.field), labels[index], code, base, code_applies=uses_code))
                if uses_code:
                    replaced[line.name, str(labels[index])] = base
                    applied[index, line.field.slot] = code
        if changes and self.on_base == "error":
            raise PlanChanged(
                "bases differ from the checkpoint's; on_base is 'error', so nothing was written.\n"
                + "\n".join(f"base of {one.field} in group {one.group}: {one.text()}" for one in changes)
                + '\nWrite on_base="code" to continue with those of the code, "checkpoint" with the saved ones.'
            )
        if not changes:
            return restored
        lines = tuple(line.with_bases(applied) for line in restored.lines)
        return replace(restored, lines=lines, changes=tuple(changes), replaced=replaced)


BASES_OF_CHECKPOINT: Final = BasePolicy()


def record_bases(run: Run, replaced: Mapping[tuple[str, str], float]) -> None:
    """Record in the history that the bases in force may have changed at the present update."""
    bases: dict[tuple[str, str], float] = {}
    for member in run.members.values():
        if member.bound:
            labels = member.labels(member.bound)
            bases |= {(line.name, str(labels[index])): base for index, line, base in by_group(member.rows.lines)}
    run.history = run.history.with_bases(run.entry(), bases, replaced)
