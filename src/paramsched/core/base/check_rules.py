"""The rules of `paramsched check`, read from `rules.json`."""

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
    """One rule of `paramsched check`.

    Args:
        code: the permanent code, such as `PS205`.
        name: a short name, such as `rises-to-the-end`.
        severity: "error" if the plan cannot run, "warning" for a likely mistake, "info" for a hint.
        line: one sentence that describes the problem.
        why: the reason why it matters.
        wrong: an example file with the problem; empty if a file alone cannot show it.
        right: the corrected file.
        file: the name of the example file, whose suffix determines the format.
        options: the command-line options with which the example is checked.
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
        """Return the rule as a terminal shows it.

        >>> print(check_rules()["PS404"])
        PS404 name-as-index (warning)
        A group's name is a number, which looks like an index.
        The text "3" selects the group whose name is 3; the fourth group is [3].
        <BLANKLINE>
        Wrong:
            groups: {'3': {lr: cosine()}}
        Right:
            groups: {'[3]': {lr: cosine()}}
        """
        lines = [f"{self.code} {self.name} ({self.severity})", self.line, self.why]
        if self.wrong:
            lines += ["", "Wrong:" if not self.options else f"Wrong, with {' '.join(self.options)}:"]
            lines += [f"    {line}" for line in self.wrong.splitlines()]
            lines += ["Right:", *(f"    {line}" for line in self.right.splitlines())]
        return "\n".join(lines)


@cache
def check_rules() -> Mapping[str, CheckRule]:
    """Return a dict from code to rule. `paramsched check --explain` and the documentation show the rules."""
    rows = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
    rules = [CheckRule(**{**row, "options": tuple(row.get("options", ()))}) for row in rows]
    return {rule.code: rule for rule in rules}
