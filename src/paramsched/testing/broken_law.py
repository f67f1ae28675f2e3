"""What a check raises."""

from typing import final


@final
class BrokenLaw(AssertionError):
    """A law that something of yours does not keep.

    Args:
        law: what is always so.
        what: the shape, curve, rule or dialect, with its arguments.
        where: at which time, base or input.
        found: what was found there.
    """

    def __init__(self, law: str, what: object, where: str, found: str) -> None:
        self.law, self.what, self.where, self.found = law, str(what), where, found
        super().__init__(law, self.what, where, found)

    def __str__(self) -> str:
        what = self.what if len(self.what) <= 300 else f"{self.what[:297]}..."
        return f"{what} breaks a law: {self.law}.\n  {self.where}: {self.found}"
