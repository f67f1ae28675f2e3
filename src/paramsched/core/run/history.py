"""The plans of a run, in the order in which they were in force."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, final

from paramsched.core.run.group_entries import is_amount, is_count, is_finite_number, mapping_in
from paramsched.core.run.messages import records as messages


@final
class HistoryPlan(NamedTuple):
    """A plan with the bases that changed, and the update from which it was in force.

    Args:
        update: the first update of the plan.
        amount: the amount before that update; None on the clock of updates.
        text: the plan's canonical text; None if the plan has no text or is unknown.
        bases: the bases from that update on, by field and group, if they changed in the run.
    """

    update: int
    amount: float | None
    text: str | None
    bases: "Bases" = ()

    def as_data(self) -> list[Any]:
        """Return update, amount, text and, if bases have changed, these in a dict."""
        by_field: dict[str, dict[str, float]] = {}
        for (name, group), base in self.bases:
            by_field.setdefault(name, {})[group] = base
        return [self.update, self.amount, self.text, *([{"bases": by_field}] if by_field else [])]


Bases: TypeAlias = tuple[tuple[tuple[str, str], float], ...]
"""Pairs of a place, which is a field and the label of a group, and its base."""


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; consecutive plans have different texts.

    A job that resumes with another plan each time would add an entry to each of its checkpoints, without an end.
    Therefore only the first 10 and the last 90 plans are kept.

    >>> history = History((HistoryPlan(0, None, "a"),)).with_plan(HistoryPlan(8000, None, "b"))
    >>> history.as_data(), history.resumed_at(7000, None).as_data()
    ([[0, None, 'a'], [8000, None, 'b']], [[0, None, 'a'], [7000, None, 'b']])
    """

    entries: tuple[HistoryPlan, ...]

    def with_plan(self, new: HistoryPlan) -> "History":
        """Return the history with a new plan. Entries from its update on are dropped, because the run was rewound.

        Their bases remain in force.
        """
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        dropped = self.entries[len(kept) :]
        bases = _last_of((*dropped, new))
        if kept and kept[-1].text == new.text and not bases:
            return History(kept)
        return History(_bounded((*kept, new._replace(bases=tuple(bases.items())))))

    def with_bases(
        self, now: HistoryPlan, bases: Mapping[tuple[str, str], float], before: Mapping[tuple[str, str], float]
    ) -> "History":
        """Return the history of a run whose bases may change at the update of `now`, the last one of the history.

        Args:
            now: the plan in force.
            bases: the bases from that update on, by field and group.
            before: the bases that were replaced.
        """
        replaced = {**before, **_last_of(self.entries)}
        if not replaced:
            return self
        first, *rest = self.entries
        first = first._replace(bases=tuple({**before, **dict(first.bases)}.items()))
        kept = tuple(entry for entry in (first, *rest) if entry.update < now.update)
        kept_bases = _last_of(kept)
        new = tuple(
            (place, bases[place]) for place in replaced if place in bases and kept_bases.get(place) != bases[place]
        )
        if kept and kept[-1].text == now.text:
            return History(_bounded((*kept, now._replace(bases=new))) if new else kept)
        last = self.entries[-1]
        return History(_bounded((*kept, (last if last.update == now.update else now)._replace(bases=new))))

    def resumed_at(self, update: int, amount: float | None) -> "History":
        """Return the history of a run that resumes at an update, possibly an earlier one, with the current plan."""
        last = self.entries[-1]
        return self if last.update <= update else self.with_plan(last._replace(update=update, amount=amount))

    def as_data(self) -> list[list[Any]]:
        """Return a list for each entry."""
        return [entry.as_data() for entry in self.entries]


_FIRST = 10  # plans that a history keeps


_LAST = 90  # and those after them


def _bounded(entries: tuple[HistoryPlan, ...]) -> tuple[HistoryPlan, ...]:
    """Leave out the middle of a long history; the bases that were changed there remain in force."""
    more = len(entries) - _FIRST - _LAST
    if more <= 0:
        return entries
    first = entries[:_FIRST]
    dropped = entries[_FIRST:-_LAST]
    (after, *last) = entries[-_LAST:]
    return (*first, after._replace(bases=tuple(_last_of((*dropped, after)).items())), *last)


def _last_of(entries: Iterable[HistoryPlan]) -> dict[tuple[str, str], float]:
    """Return the last base of each place in some entries."""
    return {place: base for entry in entries for place, base in entry.bases}


_DETAILS: Final = {"bases", "facts", "left_out"}
"""The details of an entry. 1.0.0rc6 wrote the last two, which nothing reads."""


def read_history(data: Any) -> History:
    """Validate the history in a scheduler's state."""
    if not isinstance(data, (list, tuple)) or not data:
        raise messages.history_is_not_a_list(data)
    entries: list[HistoryPlan] = []
    for index, row in enumerate(data):
        if not isinstance(row, (list, tuple)) or len(row) not in (3, 4):
            raise messages.not_an_entry(index, row)
        update, amount, plan, *more = row
        if not is_count(update) or (entries and update <= entries[-1].update):
            raise messages.update_does_not_increase(index, update)
        if amount is not None and not is_amount(amount):
            raise messages.amount_of_entry(index, amount)
        if plan is not None and not isinstance(plan, str):
            raise messages.plan_of_entry(index, plan)
        details = mapping_in(f"the fourth element of history[{index}]", more[0]) if more else {}
        if not details.keys() <= _DETAILS:
            raise messages.details_of_entry(index, more[0])
        bases = _read_bases(index, details["bases"]) if "bases" in details else ()
        entries.append(HistoryPlan(update, amount, plan, bases))
    return History(_bounded(tuple(entries)))


def _read_bases(index: int, data: Any) -> Bases:
    """Read the bases of an entry of the history."""
    name = f"bases of history[{index}]"
    bases = {
        (field, group): base
        for field, by_group in mapping_in(name, data).items()
        for group, base in mapping_in(name, by_group).items()
    }
    for base in bases.values():
        if not is_finite_number(base):
            raise messages.not_finite(name, base)
    return tuple(bases.items())


@final
class RunHistory:
    """The plans of a run that goes on.

    Args:
        begin: returns the first entry, which is made when it is needed, because the text of a plan takes time.
    """

    def __init__(self, begin: Callable[[], HistoryPlan]) -> None:
        self._begin = begin
        self._plans: History | None = None
        self._before_seek = -1, History(())  # the update of the last jump, and the plans before it

    @property
    def plans(self) -> History:
        """The plans, the earliest first."""
        if self._plans is None:
            self._plans = History((self._begin(),))
        return self._plans

    @plans.setter
    def plans(self, plans: History) -> None:
        self._plans = plans

    def before_seek(self, t: int) -> History:
        """Return the plans before a jump from update `t`; a jump that no update followed is undone."""
        sought, before = self._before_seek
        return before if sought == t else self.plans

    def seek(self, t: int, amount: float | None, before: History) -> None:
        """Note a jump to update `t`, and the plans before it."""
        self._before_seek = t, before
        self.plans = before.resumed_at(t, amount)
