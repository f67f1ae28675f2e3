"""The rules of `paramsched check`: the codes of problems of plans, files, a start and a run, and their texts.

`paramsched check --explain PS102` prints the explanation of a code from `rules.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias, final

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
BEYOND_TOTAL: Final = "PS201"
NOTHING_LEFT: Final = "PS202"
TWO_WITHOUT_LENGTH: Final = "PS203"
TWO_TOTALS: Final = "PS204"
RISES_TO_THE_END: Final = "PS205"
NOT_FOLLOWED: Final = "PS206"
MILESTONE_AFTER_END: Final = "PS207"
PERIOD_BEYOND_RUN: Final = "PS208"
MILESTONES_MIXED: Final = "PS209"
EPOCHS_FOR_UPDATES: Final = "PS210"
UPDATES_FOR_EPOCHS: Final = "PS211"
ONE_UPDATE: Final = "PS212"
TOTAL_NOT_POSITIVE: Final = "PS215"
ACCUMULATION_UNUSED: Final = "PS216"
RESTART_AT_THE_END: Final = "PS218"
UPDATES_FOR_AMOUNT: Final = "PS219"
LEVEL_AS_VALUE: Final = "PS301"
OTHERS_NAME: Final = "PS305"
NOT_FINITE: Final = "PS310"
NEGATIVE: Final = "PS311"
MOMENTUM_OF_ONE: Final = "PS312"
NEVER_ABOVE_ZERO: Final = "PS313"
ENDS_EARLY: Final = "PS315"
GROWS: Final = "PS318"
JUMP: Final = "PS319"
NO_CHANGE: Final = "PS320"
GROUPS_MADE_EQUAL: Final = "PS323"
NO_SUCH_FIELD: Final = "PS402"
BASE_OF_ZERO: Final = "PS403"
FACTOR_IN_GROUP: Final = "PS404"
LOG_DIFFERS: Final = "PS405"
BEYOND_THE_PLAN: Final = "PS406"
TARGET_OF_FIELD: Final = "PS407"
PATIENCE_BEYOND_RUN: Final = "PS502"
METRIC_NOT_LOGGED: Final = "PS504"
COUNTS_IN_WARMUP: Final = "PS505"
MODE_OF_METRIC: Final = "PS506"


Severity: TypeAlias = Literal["error", "warning", "info"]


@final
@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule of `paramsched check`.

    Args:
        code: the permanent code, such as `PS205`.
        name: a short name, such as `rises-to-the-end`.
        severity: "error" if the plan cannot run, "warning" for a likely mistake, "info" for a hint.
        line: one sentence that describes the problem.
        why: the reason why it matters.
        wrong: an example file with the problem; empty if a file alone cannot show it.
        right: the corrected file.
        options: the command-line options with which the example is checked.
    """

    code: str
    name: str
    severity: Severity
    line: str
    why: str
    wrong: str = ""
    right: str = ""
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the rule as a terminal shows it.

        >>> print(rules_by_code()["PS215"])
        PS215 total-not-positive (error)
        The total is negative or 0.
        It is probably a placeholder that was not replaced, such as total_training_steps: -1 of verl.
        <BLANKLINE>
        Wrong:
            total: -1
            lr: cosine()
        Right:
            total: 1000
            lr: cosine()
        """
        lines = [f"{self.code} {self.name} ({self.severity})", self.line, self.why]
        if self.wrong:
            lines += ["", "Wrong:" if not self.options else f"Wrong, with {' '.join(self.options)}:"]
            lines += [f"    {line}" for line in self.wrong.splitlines()]
            lines += ["Right:", *(f"    {line}" for line in self.right.splitlines())]
        return "\n".join(lines)


@cache
def rules_by_code() -> Mapping[str, CheckRule]:
    """Return a dict from code to check rule. `paramsched check --explain` and the documentation show the rules."""
    # A tenth of the import of the library, and only `--explain` needs it.
    import json
    from importlib.resources import files

    rows = json.loads(files("paramsched.base").joinpath("rules.json").read_text("utf-8"))
    return {row["code"]: CheckRule(**{**row, "options": tuple(row.get("options", ()))}) for row in rows}
