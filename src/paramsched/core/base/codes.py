"""The codes of diagnostics that plans, their files and a start have; other doors have a file of this name too.

`paramsched check --explain PS102` prints the explanation of a code from `rules.json`.
"""

from typing import Final

UNREADABLE: Final = "PS100"
SYNTAX: Final = "PS101"
UNKNOWN_NAME: Final = "PS102"
UNKNOWN_FIELD: Final = "PS103"
WRONG_ARGUMENT: Final = "PS104"
WRONG_TYPE: Final = "PS105"
REFUSED_VALUE: Final = "PS106"
SAID_TWICE: Final = "PS107"
NOTHING_PLANNED: Final = "PS108"
MISSING_FACT: Final = "PS109"
UNUSED_SETTING: Final = "PS111"
NOT_IN_SCRIPT: Final = "PS112"
LIBRARY_DEFAULTS: Final = "PS114"
KEY_TWICE: Final = "PS115"
MILESTONE_AFTER_END: Final = "PS207"
HORIZON_NOT_POSITIVE: Final = "PS215"
LEVEL_AS_VALUE: Final = "PS301"
NEGATIVE: Final = "PS311"
GROWS: Final = "PS318"
BASE_OF_ZERO: Final = "PS403"
