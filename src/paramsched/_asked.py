"""What an error is about: one argument of one call."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Asked:
    """An argument of a call, as an error shows it: `cosine(to=…) got 'x'`.

    Args:
        call: the name of the function.
        argument: the name of its parameter.
        value: the text of the value; more of the call may stand behind it.
        got: the text of the value, where it is told behind the call.
        entry: whether an entry of the argument is meant, which is a list.
    """

    call: str
    argument: str
    value: str = "…"
    got: str = ""
    entry: bool = False

    def __str__(self) -> str:
        before = "an entry of " if self.entry else ""
        behind = f" got {self.got}" if self.got else ""
        return f"{before}{self.call}({self.argument}={self.value}){behind}"
