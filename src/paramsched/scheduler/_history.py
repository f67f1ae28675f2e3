"""Which plans were in force since when: what a scheduler's state tells of a run whose plan was changed on the way."""

from dataclasses import dataclass
from typing import Any, NamedTuple, final

from paramsched.errors import StateError, shown


@final
class Entry(NamedTuple):
    """A plan and when it came into force.

    Args:
        update: the first that it gave the values of.
        amount: what had been consumed before that update; None on the clock of updates.
        text: the plan's canonical text; None for one that has none, or that nobody knows.
    """

    update: int
    amount: float | None
    text: str | None


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; each has another text than the one before it.

    >>> history = History.begun("a").entered(Entry(8000, None, "b"))
    >>> history.as_data(), history.standing_at(7000, None).as_data()
    ([[0, None, 'a'], [8000, None, 'b']], [[0, None, 'a'], [7000, None, 'b']])
    """

    entries: tuple[Entry, ...]

    @staticmethod
    def begun(text: str | None, update: int = 0, amount: float | None = None) -> "History":
        """That of a run with one plan so far."""
        return History((Entry(update, amount, text),))

    def entered(self, new: Entry) -> "History":
        """A plan comes into force: entries from its update on are of a run that went on differently."""
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        if kept and kept[-1].text == new.text:
            return History(kept)
        return History((*kept, new))

    def entered_after_unknown(self, new: Entry) -> "History":
        """The same where all that is known of the plan before is that it was another one."""
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        if kept and kept[-1].text == new.text:
            kept = (*kept[:-1], kept[-1]._replace(text=None))
        before = History(kept) if kept else History.begun(None, 0, None if new.amount is None else 0)
        return before if new.update == 0 else before.entered(new)

    def standing_at(self, update: int, amount: float | None) -> "History":
        """The run goes on from an update: where that is an earlier one, the present plan is in force from there."""
        last = self.entries[-1]
        return self if last.update <= update else self.entered(Entry(update, amount, last.text))

    def as_data(self) -> list[list[Any]]:
        """Lists of update, amount and text, for a state."""
        return [list(entry) for entry in self.entries]


def read_history(data: Any, text: str | None) -> History:
    """Check the history of a state whose plan has this text.

    Raises:
        StateError: it is none.
    """
    if not isinstance(data, (list, tuple)) or not data:
        raise StateError(f"state: history is {shown(data)}, not a list of [update, amount, plan]")
    entries: list[Entry] = []
    for index, found in enumerate(data):
        if not isinstance(found, (list, tuple)) or len(found) != 3:
            raise StateError(f"state: history[{index}] is {shown(found)}, not [update, amount, plan]")
        update, amount, plan = found
        if not _is_from_zero(update, int) or (entries and update <= entries[-1].update):
            raise StateError(f"state: history[{index}] is of update {shown(update)}, not a later one")
        if amount is not None and not _is_from_zero(amount, int, float):
            raise StateError(f"state: history[{index}] is of amount {shown(amount)}, not a number from 0 on")
        if plan is not None and not isinstance(plan, str):
            raise StateError(f"state: the plan of history[{index}] is a {type(plan).__name__}, not text")
        entries.append(Entry(update, amount, plan))
    if entries[-1].text != text:
        raise StateError("state: history ends with another plan than that of the state")
    return History(tuple(entries))


def _is_from_zero(value: Any, *types: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    number: Any = value
    return bool(0 <= number < 2**62)
