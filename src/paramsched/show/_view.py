"""How a picture is looked at: its axes. The values in it are the same."""

from dataclasses import dataclass
from typing import Final, final

from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.time.calendar import CLOCKS, OTHER_WORDS

TIME_UNITS: Final = (CLOCKS[0], "epochs", *CLOCKS[1:])
"""The units that an axis of time can be told in."""


@final
@dataclass(frozen=True, slots=True)
class View:
    """The axes that someone asks for.

    Args:
        log: whether the axes of values are logarithmic; None: where the values span three decades. On such an axis 0 is
            drawn at the bottom edge, and negative values are gaps.
        log_time: whether the axis of time is. It begins where the first update ends.
        unit: of the axis of time: `"epochs"`, `"tokens"` … where the facts of the run tell it. The second row has
            updates then.

    Raises:
        InvalidArgument: no unit of time.

    >>> from paramsched.show import curves_from_values, picture
    >>> halves = curves_from_values({("lr", ""): [0.4, 0.2, 0.1]})
    >>> picture(halves).panels[0].scale.log, picture(halves, view=View(log=True)).panels[0].scale.log
    (False, True)
    """

    log: bool | None = None
    log_time: bool = False
    unit: str = TIME_UNITS[0]

    def __post_init__(self) -> None:
        name = OTHER_WORDS.get(self.unit, self.unit)
        if name not in TIME_UNITS:
            raise InvalidArgument(
                Asked("View", "unit", repr(self.unit)),
                nearest(str(self.unit), TIME_UNITS),
                f"Write one of {', '.join(TIME_UNITS)}",
            )
        object.__setattr__(self, "unit", name)


AS_VALUES_ASK: Final = View()
"""The axes that suit the values."""
