"""The codes of diagnostics about MMEngine's configs. `rules.json` explains them."""

from typing import Final

NEVER_OBSERVED: Final = "PS503"
HARDLY_MEANT: Final = "PS601"
TICKS_TOO_LATE: Final = "PS602"
CLIMBS_AGAIN: Final = "PS603"
ASSUMED_ORDER: Final = "PS604"
COUNTS_BATCHES: Final = "PS605"
