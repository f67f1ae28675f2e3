"""The amounts of a run whose sizes are planned: whole numbers, exact, and quick for any schedule."""

from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, final

import numpy as np

from paramsched._arrays import Array
from paramsched.errors import InvalidArgument
from paramsched.plan.run_amounts import Amount, RunAmounts
from paramsched.plan.update_sizes import MOST_OF_UPDATE, UpdateSizes

_STRIDE = 4096  # updates between two amounts that are kept
_GUESSED = 16, 1024  # updates that are guessed at once: few where a guess before was soon wrong
_ROUNDS = 8  # how often a guess is made better before what is right of it is kept
_MOST_AMOUNT = 10**18
_MOST_UPDATES = 500_000_000


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlannedAmounts(RunAmounts):
    """Each update takes what is planned for it: amount(t + 1) = amount(t) + size(t, amount(t)).

    Args:
        clock: what the amounts count.
        sizes: what an update takes.
        times: the amounts that targets are scheduled by, where these count something else.
    """

    clock: str
    sizes: UpdateSizes
    times: RunAmounts | None = None
    _kept: list[int] = field(default_factory=lambda: [0])  # the amounts before every 4096th update
    _held: list[tuple[int, int, int]] = field(default_factory=list)  # update, amount and size that all behind have

    @property
    def is_constant(self) -> bool:
        return False

    def amount_at(self, t: int) -> int:
        block = t // _STRIDE
        while len(self._kept) <= block and not self._held:
            self._kept_amounts(_MOST_AMOUNT)
        if self._held and t >= self._held[0][0]:
            update, amount, size = self._held[0]
            return amount + (t - update) * size
        return int(self._amounts(block * _STRIDE, self._kept[block], t % _STRIDE + 1, _MOST_AMOUNT)[-1])

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        return self._amounts(t, int(amount), count)

    def updates_until(self, amount: Amount | Fraction) -> int:
        wanted = ceil(amount)
        if wanted <= self._kept[-1]:
            block = max(bisect_left(self._kept, wanted) - 1, 0)
            amounts = self._amounts(block * _STRIDE, self._kept[block], _STRIDE + 1, wanted)
            return block * _STRIDE + int(np.searchsorted(amounts, wanted))
        while not self._held:
            update = (len(self._kept) - 1) * _STRIDE
            amounts = self._kept_amounts(wanted)
            if amounts[-1] >= wanted:
                return update + int(np.searchsorted(amounts, wanted))
        update, before, size = self._held[0]
        return update - (before - wanted) // size

    def _kept_amounts(self, until: int) -> Array:
        """The amounts behind the last one that is kept, up to the next one, or to where they reach `until`.

        The next one is kept. Where sizes are held from now on that is kept instead: what follows needs no amounts.
        """
        update, before = (len(self._kept) - 1) * _STRIDE, self._kept[-1]
        if update > _MOST_UPDATES:
            found = f"more than {_MOST_UPDATES} updates, of which each has to be looked at"
            raise InvalidArgument("the amounts of the run", found, "Plan larger sizes, or a shorter run")
        if self.sizes.are_held_at(update, before if self.times is None else ceil(self.times.amount_at(update))):
            behind = int(self._amounts(update, before, 2, _MOST_AMOUNT)[-1])
            self._held.append((update, before, behind - before))
            return np.array([before])
        amounts = self._amounts(update, before, _STRIDE + 1, until)
        if amounts.size == _STRIDE + 1:
            self._kept.append(int(amounts[-1]))
        return amounts

    def _amounts(self, t: int, amount: int, count: int, until: int | None = None) -> Array:
        """`count` amounts from update `t` on, which begins at `amount`; as many as are needed to reach `until`.

        Where `until` is given, each update before it has to take something. A block of coming updates may reach behind
        the end of the run, where nobody asks for that.
        """
        if amount + MOST_OF_UPDATE > _MOST_AMOUNT:
            found = f"more than {_MOST_AMOUNT} {self.clock} before update {t}"
            raise InvalidArgument("the amounts of the run", found, "Plan smaller sizes, or a shorter run")
        pieces = [np.array([amount])]
        left, (least, most) = count - 1, _GUESSED
        guessed = most
        while left > 0 and (until is None or amount < until):
            piece = self._next_amounts(t, amount, min(left, guessed))
            guessed = min(max(4 * piece.size, least), most)
            if until is not None:
                piece = piece[: int(np.searchsorted(piece, until)) + 1]
                self._refuse_none(t, np.concatenate([[amount], piece]))
            pieces.append(piece)
            t, amount, left = t + piece.size, int(piece[-1]), left - piece.size
        return np.concatenate(pieces)

    def _next_amounts(self, t: int, amount: int, most: int) -> Array:
        """The amounts behind update `t`, as many as are right after a few guesses: one at least, `most` at most.

        The next sizes are guessed to stay, and each round makes the sizes at the guessed amounts. The amounts up to the
        first that two rounds do not agree on are right, and so is that one of the later round, since its size is.
        """
        updates = np.arange(t, t + most)
        if self.times is not None or not self.sizes.by_amount:
            at = updates if self.times is None else self.times.amounts_from(t, self.times.amount_at(t), most)
            return amount + np.cumsum(self.sizes.at(updates, at))
        guess = amount + self.sizes.at(updates[:1], np.array([amount]))[0] * np.arange(most + 1)
        right = 0
        for _ in range(_ROUNDS):
            better = amount + np.concatenate([[0], np.cumsum(self.sizes.at(updates, guess[:-1]))])
            differing = np.flatnonzero(better != guess)
            right = int(differing[0]) if differing.size else most
            guess = better
            if right == most:
                break
        return guess[1 : right + 1]

    def require_some(self, t: int, amount: Amount) -> None:
        """Refuse update `t`, before which so much was consumed, where it is planned to take nothing.

        Raises:
            PlanError: one of its sizes is below 1.
        """
        self._refuse_none(t, self._amounts(t, int(amount), 2))

    def _refuse_none(self, t: int, amounts: Array) -> None:
        """Refuse an update that takes nothing."""
        nothing = np.flatnonzero(np.diff(amounts) < 1)
        if nothing.size:
            update, amount = t + int(nothing[0]), int(amounts[nothing[0]])
            self.sizes.require_possible(update, amount if self.times is None else ceil(self.times.amount_at(update)))
