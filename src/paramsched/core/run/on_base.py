"""The base that applies if it differs between a checkpoint and the code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from paramsched.core.plan.optimizers import unique_labels
from paramsched.core.run.block import Slot, with_base
from paramsched.core.run.groups import Groups
from paramsched.core.run.reports import ChangedBase
from paramsched.core.run.run import Run
from paramsched.core.run.state import Group
from paramsched.errors import InvalidArgument, PlanChanged

OnBaseChoice: TypeAlias = Literal["checkpoint", "code", "error"]

OnBase: TypeAlias = OnBaseChoice | Mapping[str, OnBaseChoice]
"""One choice for all fields, or one for each field; the default of a field is "checkpoint"."""


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
    changes: tuple[ChangedBase, ...]
    replaced: Mapping[tuple[str, str], float]


@final
@dataclass(frozen=True, slots=True)
class BasePolicy:
    """Chooses between the bases of a checkpoint and those of the code; `on_base` as in `ps.Scheduler`."""

    on_base: OnBase = "checkpoint"

    def _choice(self, field: str) -> OnBaseChoice:
        return self.on_base.get(field, "checkpoint") if isinstance(self.on_base, Mapping) else self.on_base

    def require_code(self) -> None:
        """Raise for groups that hold a checkpoint already, if a choice needs the bases of the code."""
        choices = self.on_base.values() if isinstance(self.on_base, Mapping) else [self.on_base]
        needs = next((choice for choice in choices if choice != "checkpoint"), None)
        if needs is not None:
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
            PlanChanged: a base differs, and the choice for its field is "error".
        """
        labels, unique = planned.labels(list(groups)), unique_labels(groups, planned.scope)
        chosen: list[Slot] = []
        changes: list[ChangedBase] = []
        replaced: dict[tuple[str, str], float] = {}
        refused: list[str] = []
        for slot in slots:
            code, choice = planned.code_bases.get((slot.group, slot.field.slot), slot.base), self._choice(slot.name)
            applies = slot
            if code != slot.base:
                changes.append(ChangedBase(str(slot.field), labels[slot.group], code, slot.base, choice == "code"))
                if choice == "error":
                    text = f"base of {slot.field} in group {labels[slot.group]}: "
                    refused.append(text + f"{slot.base!r} in the checkpoint -> {code!r} in the code")
                if choice == "code":
                    replaced[slot.name, str(unique[slot.group])] = slot.base
                    applies = with_base(slot, code)
            chosen.append(applies)
        if refused:
            raise PlanChanged(
                "bases differ from the checkpoint's; on_base is 'error', so nothing was written.\n"
                + "\n".join(refused)
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
