"""How much reading one config may cost: time and memory stay in proportion to its text."""

from typing import Final, final

MOST_BITS: Final = 1_400  # of an integer; no float has more
MOST_LENGTH: Final = 1_000_000  # of a text
MOST_WIDTH: Final = 1_000  # a formatted number may be padded to
MOST_DEPTH: Final = 90  # of an expression, and of a value
MOST_SIZE: Final = 200_000  # entries of a value, and of those in it
_STEPS: Final = 300_000
_STEPS_PER_BYTE: Final = 2


@final
class BudgetSpent(BaseException):
    """The budget is used up. No `Exception`, so that no handler of Python's errors takes it for one."""


@final
class Budget:
    """Steps that are left; a step is a node of the tree, or a few entries of a value that is made or looked through."""

    def __init__(self) -> None:
        self.steps = _STEPS
        self.largest = MOST_SIZE

    def add_text(self, length: int) -> None:
        """A longer text may take more steps, and say a larger value."""
        self.steps += _STEPS_PER_BYTE * length
        self.largest = max(self.largest, length)

    def spend(self, steps: int) -> None:
        """
        Raises:
            Spent: fewer are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise BudgetSpent
