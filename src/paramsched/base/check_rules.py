"""The rules of the check: what each code stands for, from `rules.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, final

Severity: TypeAlias = Literal["error", "warning", "info"]


@final
@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule of the check.

    Args:
        code: never changes: `PS205`.
        name: a few words: `rises-to-the-end`.
        severity: "error": the plan cannot run; "warning": it runs, but hardly as intended; "info": good to know.
        line: what is reported.
        why: why it matters.
        wrong: a file for which it is reported; empty where a file alone does not show it.
        right: the corrected file.
        file: the name of the file, whose suffix determines the format.
        options: of the command line, with which it is reported.
    """

    code: str
    name: str
    severity: Severity
    line: str
    why: str
    wrong: str = ""
    right: str = ""
    file: str = "plan.yaml"
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The rule as a terminal shows it.

        >>> print(check_rules()["PS404"])
        PS404 name-as-index (warning)
        A group's name is a number, which looks like an index.
        The text "3" selects the group that is called 3; the fourth group is [3].
        <BLANKLINE>
        Wrong:
            groups: {'3': {lr: 0.1}}
        Right:
            groups: {'[3]': {lr: 0.1}}
        """
        lines = [f"{self.code} {self.name} ({self.severity})", self.line, self.why]
        if self.wrong:
            lines += ["", "Wrong:" if not self.options else f"Wrong, with {' '.join(self.options)}:"]
            lines += [f"    {line}" for line in self.wrong.splitlines()]
            lines += ["Right:", *(f"    {line}" for line in self.right.splitlines())]
        return "\n".join(lines)


@cache
def check_rules() -> Mapping[str, CheckRule]:
    """Return every rule by its code. `paramsched check --explain` and the documentation show them."""
    rows = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
    rules = [CheckRule(**{**row, "options": tuple(row.get("options", ()))}) for row in rows]
    return {rule.code: rule for rule in rules}
