"""What a code of the check stands for, as text for a terminal and as a section of the documentation."""

from paramsched.config.checking.check_rule import NATIVE, CheckRule


def rule_as_text(rule: CheckRule) -> str:
    """A rule as a terminal shows it.

    >>> from paramsched.config.checking.rule_table import rule_of_code
    >>> print(rule_as_text(rule_of_code("PS404")))
    PS404 name-as-index (warning)
    A group's name is a number, which looks like an index.
    The text "3" selects the group that is called 3; the fourth group is [3].
    <BLANKLINE>
    Wrong:
        groups: {'3': {lr: 0.1}}
    Right:
        groups: {'[3]': {lr: 0.1}}
    """
    lines = [f"{rule.code} {rule.name} ({rule.severity})", rule.line, rule.why]
    if rule.wrong:
        lines += ["", "Wrong:" if not rule.options else f"Wrong, with {' '.join(rule.options)}:"]
        lines += [f"    {line}" for line in rule.wrong.splitlines()]
        lines += ["Right:", *(f"    {line}" for line in rule.right.splitlines())]
    return "\n".join(lines)


def rule_as_markdown(rule: CheckRule) -> str:
    """A rule as a section of the documentation, whose anchor is its code."""
    lines = [f"({rule.code.lower()})=", "", f"## {rule.code} {rule.name}", ""]
    lines += [f"*{rule.severity}.* {rule.line}", "", rule.why, ""]
    if rule.wrong:
        language = "yaml" if rule.file == NATIVE else "python"
        with_options = f", with `{' '.join(rule.options)}`" if rule.options else ""
        lines += [f"Wrong{with_options}:", "", f"```{language}", rule.wrong.rstrip(), "```", ""]
        lines += ["Right:", "", f"```{language}", rule.right.rstrip(), "```", ""]
    return "\n".join(lines)
