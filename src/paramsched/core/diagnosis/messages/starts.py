"""What the diagnosis says of a start and of a load: bases, counts, edits and values that were probably not meant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.codes import FACTOR_IN_GROUP
from paramsched.base.problem import Problem
from paramsched.core.groups.fields import Field
from paramsched.core.plan.binding import Selector, selector_text
from paramsched.core.plan.lines import BoundLine, by_group
from paramsched.core.plan.optimizers import shown_names
from paramsched.core.run.messages import LogCall

_SHOWN: Final = 8  # groups, and pairs of numbers, that a message names
_BASES_SHOWN: Final = 4  # bases that a message names


def listed(texts: Iterable[str], separator: str) -> str:
    """Return the first texts, joined."""
    every = list(texts)
    return separator.join(every[:_SHOWN] + ["…"] * (len(every) > _SHOWN))


def where_in(labels: Sequence[str]) -> str:
    """Return the text that names one group, or several."""
    return f"group {labels[0]}" if len(labels) == 1 else f"{len(labels)} groups ({listed(labels, ', ')})"


# ---------------------------------------------------------------- bases


@final
@dataclass(frozen=True, slots=True)
class DifferingBases:
    """Bases of a field that differ from those in the code, as messages name them.

    Args:
        field: the field.
        groups: the labels of the groups.
        numbers: the words for both numbers, of each group.
    """

    field: str
    groups: Sequence[str]
    numbers: Sequence[str]

    def __str__(self) -> str:
        return f"base of {self.field} in {where_in(self.groups)}: {listed(dict.fromkeys(self.numbers), '; ')}"


def bases_of_code_apply(bases: DifferingBases, owner: str, t: int) -> Problem:
    """Return the problem of bases in place of which those of the code, or of the group, apply from update `t` on."""
    return Problem(found=str(bases), advice=f"From update {t} on, that of {owner} applies")


def bases_of_checkpoint_apply(bases: DifferingBases) -> Problem:
    """Return the problem of bases of a checkpoint that apply."""
    advice = 'That of the checkpoint applies; for that of the code, pass on_base="code"'
    return Problem(found=str(bases), advice=advice)


def initial_values_apply(bases: DifferingBases, entry: str, owner: str) -> Problem:
    """Return the problem of bases that were read from an entry such as `initial_lr`.

    Args:
        bases: the bases.
        entry: the entry.
        owner: the source of the other numbers: the code, or the group.
    """
    advice = f'That of {entry} applies; for that of {owner}, first write del group["{entry}"]'
    return Problem(found=str(bases), advice=advice)


def present_bases(lines: Iterable[BoundLine], t: int) -> Problem:
    """Return the problem of a plan that starts at update `t` with the present values as bases."""
    advice = (
        "If a scheduler has changed them since update 0, write those of update 0 first: "
        'group["initial_lr"] = 0.1 for the lr of each group. '
        'If they are right, group["initial_lr"] = group["lr"] turns this warning off'
    )
    return Problem(found=f"the plan starts at update {t} with {_bases(lines, 'present')}", advice=advice)


def _bases(lines: Iterable[BoundLine], source: str) -> str:
    """Return a text with the source of the bases and their distinct values."""
    bases = list(dict.fromkeys(f"{line.field} {base!r}" for _, line, base in by_group(lines)))
    first = ", ".join(bases[:_BASES_SHOWN]) + (", …" if len(bases) > _BASES_SHOWN else "")
    return f"the {source} values as bases ({first})"


# ---------------------------------------------------------------- counts


def found_count(where: str, count: int | None) -> str:
    """Return the words for a count of the run that is missing, or 0."""
    if count is None:
        return f"no update count found in {where}"
    return f"{where} carries a count of 0 updates"


def optimizer_count(taken: int | None) -> str:
    """Return the count in the optimizer's own state, in brackets; "" if it has none."""
    return "" if taken is None else f" (its own state counts {taken})"


def starts_at_zero(lines: Iterable[BoundLine], taken: int | None, count: int | None, source: str) -> str:
    """Return the text about a plan that starts at update 0, which may not be the position of the run.

    Args:
        lines: the lines whose bases the text names.
        taken: the number of updates in the optimizer's own state.
        count: the count that the groups carry, or None.
        source: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    return (
        f"{found_count('the optimizer', count)}; starting the plan at update 0, with "
        f"{_bases(lines, source)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )


def checkpoint_without_count(count: int | None, taken: int | None, *, has_initial_values: bool) -> Problem:
    """Return the problem of a checkpoint without a count, or with a count of 0.

    Args:
        count: the count, or None.
        taken: the number of updates in the optimizer's own state.
        has_initial_values: True if the groups of the checkpoint have initial values, which are the bases.
    """
    bases = "those of the code" if count is None else "the recorded values"
    if has_initial_values:
        bases = "initial values"
    count_text = found_count("the checkpoint of the optimizer", count)
    sentence = f"{count_text}; starting the plan at update 0, with {bases} as bases"
    advice = f"If it was saved after n updates, call scheduler.seek(n){optimizer_count(taken)}."
    return Problem(found=sentence, advice=advice)


def argument_is_ignored(start: int, t: int, *, is_shared: bool) -> LogCall:
    """Return the line about an argument `t` over which the count of an optimizer takes precedence.

    Args:
        start: the argument.
        t: the update of the run.
        is_shared: True for several optimizers.
    """
    carries = "these optimizers carry" if is_shared else "this optimizer carries"
    text = "t=%d is ignored: %s a count of %d updates, which takes precedence. To jump, call scheduler.seek(%d)"
    return text, start, carries, t, start


def joins_run(t: int, saved: Iterable[str], names: Iterable[str]) -> LogCall:
    """Return the line about optimizers without a count and a state, which join the run of others.

    Args:
        t: the update of the run.
        saved: the optimizers that have a count.
        names: those that join.
    """
    text = (
        "the run is at update %d, from %s, and %s has neither a count nor a state: it joins the run at this "
        "update. If it has a checkpoint, load it before the Scheduler is constructed"
    )
    return text, t, shown_names(saved), shown_names(names)


# ---------------------------------------------------------------- an earlier Scheduler


def fields_are_dropped(fields: Iterable[str]) -> Problem:
    """Return the problem of fields that the plan of a replaced Scheduler writes, and the new one does not."""
    names = ", ".join(fields)
    sentence = f"a new Scheduler replaces one that also writes {names}, which keeps its present value from now on"
    return Problem(found=sentence, advice=f"Add a line for {names}, or call detach() of the earlier Scheduler first")


def replaces_same_plan(t: int) -> LogCall:
    """Return the line about a second Scheduler with the same plan, which replaces one that is still referenced."""
    text = (
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used"
    )
    return text, t


# ---------------------------------------------------------------- groups


def no_group_has_field(name: str, groups: Selector, field: Field) -> LogCall:
    """Return the line about an optional line whose field no group has."""
    text = (
        "the optional line %s @ %s: no group of the optimizer has the field %r. It applies to a group that is "
        "added with this entry, and to no other"
    )
    return text, name, selector_text(groups), str(field)


def second_warmup(group: str | int, steps: float, begin: float) -> Problem:
    """Return the problem of an optimizer that warms up a rate which the plan warms up too.

    Args:
        group: the label of the group.
        steps: the length of the optimizer's warmup.
        begin: the first value of the plan, as a multiple of base.
    """
    sentence = (
        f"group {group!r} has warmup_steps={steps:g}, and the plan begins at {begin:g} × "
        "base: the optimizer multiplies the planned lr by a warmup of its own"
    )
    return Problem(found=sentence, advice="Construct the optimizer with warmup_steps=0, or begin the plan at base")


def factor_is_not_applied(key: str, factors: Iterable[tuple[float, str | int]], field: str, base: float) -> Problem:
    """Return the problem of groups with different factors and equal bases.

    Args:
        key: the entry of the factor.
        factors: some factors, each with the label of its group.
        field: the field.
        base: its base.
    """
    values = ", ".join(f"{factor:g} in group {label!r}" for factor, label in factors)
    sentence = f"{key} is {values}, but their {field} is {base:g}: the plan does not multiply it by {key}"
    line = f'for group in optimizer.param_groups: group["{field}"] *= group.get("{key}", 1)'
    return Problem(code=FACTOR_IN_GROUP, found=sentence, advice=f"Before the Scheduler is constructed: {line}")


def groups_in_other_order(saved: Iterable[object], present: Iterable[object]) -> Problem:
    """Return the problem of a checkpoint whose groups have other names than those of the optimizer."""
    sentence = (
        f"the groups of the checkpoint are {', '.join(map(str, saved))}, those of the optimizer "
        f"{', '.join(map(str, present))}: torch loads them by their order, also their names"
    )
    return Problem(found=sentence, advice="Construct the optimizer with its groups in the order of the checkpoint")


# ---------------------------------------------------------------- values


def value_jumps(name: str, value: float, base: float, before: float) -> str:
    """Return the words for a value with which a plan continues, in place of that of another scheduler."""
    return f"{name} {value:g} (base {base:g}) in place of {before:g}"


def continues_with_jumps(t: int, jumps: Iterable[str]) -> LogCall:
    """Return the line about the values with which a plan continues the run of another scheduler at update `t`."""
    text = (
        "the plan continues at update %d with %s. If that is not meant, correct the number of updates, the line or "
        "the base, such as group['initial_lr'] = 0.1"
    )
    return text, t, ", ".join(jumps)


def value_differs(name: str, t: int, saved: float, value: float) -> str:
    """Return the sentence about a value of update `t` that differs from that of a checkpoint."""
    return f"{name} at update {t}: {saved:g} in the checkpoint, {value:g} now"


# ---------------------------------------------------------------- edits


@final
@dataclass(frozen=True, slots=True)
class EditedFields:
    """An entry that was edited in some groups, as messages name it.

    Args:
        entry: the entry.
        groups: the labels of the groups.
        numbers: the edited numbers and the expected ones, of each group.
        update: the update of the save.
    """

    entry: str
    groups: Sequence[str]
    numbers: Sequence[tuple[float, float]]
    update: int

    def __str__(self) -> str:
        texts = dict.fromkeys(f"{number:g} instead of {expected:g}" for number, expected in self.numbers)
        return (
            f"{self.entry} in {where_in(self.groups)} is {listed(texts, '; ')} at update {self.update}: it was changed "
            "after the save or the last update, and the plan overwrites it"
        )


def edit_may_be_base(edited: EditedFields, number: float) -> Problem:
    """Return the problem of an edit that the plan overwrites, with the advice to use the number as base."""
    advice = (
        f"To train from {number:g} as base, construct the Scheduler after the load and the change, with "
        'ps.Scheduler(optimizer, plan, on_base="code")'
    )
    return Problem(found=str(edited), advice=advice)


def edit_of_absolute_values(edited: EditedFields, number: float, name: str) -> Problem:
    """Return the problem of an edit that the plan overwrites with absolute values, in the line of a field."""
    text = f'"absolute({number!r})"'
    line = f"{name}={text}" if name.isidentifier() else f'ps.Binding("{name}", {text})'
    advice = f"The values of its line are absolute. To train with {number:g}, write it there: {line}"
    return Problem(found=str(edited), advice=advice)
