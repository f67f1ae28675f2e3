"""The codes of diagnostics about configs of other libraries. `rules.json` explains them."""

from typing import Final

UNKNOWN_INTERVAL: Final = "PS116"
OUTSIDE_PLAN: Final = "PS117"
SAMPLE_LENGTHS: Final = "PS611"
DEEPSPEED_ARGUMENT: Final = "PS621"
DEEPSPEED_LATE: Final = "PS622"
DEEPSPEED_NOTE: Final = "PS623"
DEEPSPEED_WINS: Final = "PS624"
DEEPSPEED_DIFFERS: Final = "PS625"
