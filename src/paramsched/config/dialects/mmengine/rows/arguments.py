"""The arguments of MMEngine's schedulers: what one is, those that all have, and what is said of a wrong one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

INF: Final = 10**9
"""What MMEngine writes for a window without end."""

CONVERTED: Final = "convert_to_iter_based"
"""Marks arguments that are in epochs and tick by iteration, until the length of an epoch is known."""

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of one scheduler by name, all of them there."""


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its name, its default, what it means, and whether it counts epochs or iterations."""

    name: str
    default: Any
    meaning: str
    counted: bool = False

    @property
    def required(self) -> bool:
        return self.default is ...


@final
@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """What is wrong with an argument, the built-in error MMEngine raises for it, and what to write in a config."""

    argument: str
    message: str
    kind: type[Exception] = ValueError
    instead: str = ""


WINDOW_ARGUMENTS: Final = (
    Argument("begin", 0, "first epoch (iteration) of the window"),
    Argument("end", INF, "where the window stops; `begin <= t < end`"),
    Argument("last_step", -1, "continue as if `last_step + 1` active steps had been made"),
    Argument("by_epoch", True, "whether counts are epochs (and `step` is called once an epoch) or iterations"),
    Argument("verbose", False, "write a line for each group and change"),
)
"""What every scheduler takes besides its own arguments."""
