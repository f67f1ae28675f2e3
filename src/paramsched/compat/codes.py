"""The codes of diagnostics about configs of other libraries. `rules.json` explains them."""

from typing import Final

UNKNOWN_INTERVAL: Final = "PS116"
