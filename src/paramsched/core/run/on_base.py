"""The base that applies if it differs between a checkpoint and the code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from paramsched.core.plan.lines import Line, Place, by_group
from paramsched.core.run.groups import Groups
from paramsched.core.run.reports import OtherBase
from paramsched.core.run.run import Run
from paramsched.core.run.state import Group
from paramsched.errors import InvalidArgument, PlanChanged

OnBase: TypeAlias = Literal["checkpoint", "code", "error"]


@final
@dataclass(frozen=True, slots=True)
class LoadedBases:
    """The bases after a checkpoint is loaded.

    Args:
        lines: the lines with the bases that apply.
        changes: the bases that differ between the code and the checkpoint.
        replaced: those of the checkpoint that do not apply, by field and group.
    """

    lines: tuple[Line, ...]
    changes: tuple[OtherBase, ...]
    replaced: Mapping[tuple[str, str], float]


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

    def loaded(self, planned: Groups, lines: Iterable[Line], groups: Sequence[Group]) -> LoadedBases:
        """Return the bases that apply.

        Args:
            planned: the groups of the optimizer, with the bases of the code.
            lines: the lines with the bases of the checkpoint.
            groups: the groups, for their names.

        Raises:
            PlanChanged: a base differs, and the choice is "error".
        """
        labels, lines, uses_code = planned.labels(list(groups)), tuple(lines), self.on_base == "code"
        changes: list[OtherBase] = []
        replaced: dict[tuple[str, str], float] = {}
        applied: dict[Place, float] = {}
        for index, line, base in by_group(lines):
            code = planned.code_bases.get((index, line.field.slot), base)
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
        return LoadedBases(tuple(line.with_bases(applied) for line in lines), tuple(changes), replaced)


BASES_OF_CHECKPOINT: Final = BasePolicy()


def record_bases(run: Run, replaced: Mapping[tuple[str, str], float]) -> None:
    """Record in the history that the bases in force may have changed at the present update."""
    clock = run.clock
    bases: dict[tuple[str, str], float] = {}
    for planned in run.members.values():
        if planned.bound:
            labels = planned.labels(planned.bound)
            bases |= {(line.name, str(labels[index])): base for index, line, base in by_group(planned.block.lines)}
    clock.history = clock.history.with_bases(clock.entry(run.lead.in_force), bases, replaced)
