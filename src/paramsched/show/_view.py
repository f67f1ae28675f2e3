"""How a picture is looked at: its axes. The values in it are the same."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class View:
    """The axes that someone asks for.

    Args:
        log: whether the axes of values are logarithmic; None: where the values span three decades. On such an axis 0 is
            drawn at the bottom edge, and negative values are gaps.

    >>> from paramsched.show import curves_from_values, picture
    >>> halves = curves_from_values({("lr", ""): [0.4, 0.2, 0.1]})
    >>> picture(halves).panels[0].scale.log, picture(halves, view=View(log=True)).panels[0].scale.log
    (False, True)
    """

    log: bool | None = None


AS_VALUES_ASK = View()
"""The axes that suit the values."""
