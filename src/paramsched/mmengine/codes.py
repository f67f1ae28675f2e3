"""The codes of diagnostics about MMEngine's configs. `rules.json` explains them."""

from typing import Final

TICKS_TOO_LATE: Final = "PS602"
CLIMBS_AGAIN: Final = "PS603"
