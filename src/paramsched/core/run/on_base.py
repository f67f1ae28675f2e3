"""The base that applies if it differs between a checkpoint and the code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from paramsched.core.plan.optimizers import unique_labels
from paramsched.core.run.block import Slot, with_base
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
        slots: the slots with the bases that apply.
        changes: the bases that differ between the code and the checkpoint.
        replaced: those of the checkpoint that do not apply, by field and group.
    """

    slots: tuple[Slot, ...]
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

    def loaded(self, planned: Groups, slots: Iterable[Slot], groups: Sequence[Group]) -> LoadedBases:
        """Return the bases that apply.

        Args:
            planned: the groups of the optimizer, with the bases of the code.
            slots: the slots with the bases of the checkpoint.
            groups: the groups, for their names.

        Raises:
            PlanChanged: a base differs, and the choice is "error".
        """
        labels, unique = planned.labels(list(groups)), unique_labels(groups, planned.scope)
        chosen: list[Slot] = []
        changes: list[OtherBase] = []
        replaced: dict[tuple[str, str], float] = {}
        for slot in slots:
            code = planned.code_bases.get((slot.group, slot.field.slot), slot.base)
            applies = slot
            if code != slot.base:
                label, uses_code = labels[slot.group], self.on_base == "code"
                changes.append(OtherBase(str(slot.field), label, code, slot.base, code_applies=uses_code))
                if uses_code:
                    replaced[slot.name, str(unique[slot.group])] = slot.base
                    applies = with_base(slot, code)
            chosen.append(applies)
        if changes and self.on_base == "error":
            raise PlanChanged(
                "bases differ from the checkpoint's; on_base is 'error', so nothing was written.\n"
                + "\n".join(f"base of {one.field} in group {one.group}: {one.text()}" for one in changes)
                + '\nWrite on_base="code" to continue with those of the code, "checkpoint" with the saved ones.'
            )
        return LoadedBases(tuple(chosen), tuple(changes), replaced)


BASES_OF_CHECKPOINT: Final = BasePolicy()


def record_bases(run: Run, replaced: Mapping[tuple[str, str], float]) -> None:
    """Record in the history that the bases in force may have changed at the present update."""
    clock = run.clock
    bases: dict[tuple[str, str], float] = {}
    for planned in run.members.values():
        labels = unique_labels(planned.bound, planned.scope)
        bases |= {(slot.name, str(labels[slot.group])): slot.base for slot in planned.block.slots if planned.bound}
    clock.history = clock.history.with_bases(clock.entry(run.lead.in_force), bases, replaced)
