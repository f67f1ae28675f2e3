"""The rules of `paramsched check`, read from the file `rules.json` of each door that reports them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, final

from paramsched.core.base.entries import entry_names, load_entry

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

        >>> print(check_rules()["PS215"])
        PS215 horizon-not-positive (error)
        The horizon is negative or 0.
        It is probably a placeholder that was not replaced, such as total_training_steps: -1 of verl.
        <BLANKLINE>
        Wrong:
            horizon: -1
            lr: cosine()
        Right:
            horizon: 1000
            lr: cosine()
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
    found = [files(load_entry("rules", door)).joinpath("rules.json") for door in entry_names("rules")]
    rows = sorted((row for file in found for row in json.loads(file.read_text("utf-8"))), key=lambda row: row["code"])
    return {row["code"]: CheckRule(**{**row, "options": tuple(row.get("options", ()))}) for row in rows}
