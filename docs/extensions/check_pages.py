"""The page of every code of `paramsched check`, written from the table of the rules. Needs no Sphinx."""

from paramsched.core.base.codes import CheckRule, check_rules

_OPENING = """\
# Codes

A diagnostic of `paramsched check`, of a start or of a run has one of these codes. [Checking](../reference/checking.md)
describes where each is reported. The meaning of a code never changes.

| code | severity | problem |
| --- | --- | --- |
"""


def page() -> str:
    """Return the page: a table of the codes, and a section for each."""
    rules = check_rules().values()
    rows = "".join(
        f"| [{rule.code}](#{rule.code.lower()}) `{rule.name}` | {rule.severity} | {rule.line} |\n"
        for rule in rules
    )
    return _OPENING + rows + "".join(map(section, rules))


def section(rule: CheckRule) -> str:
    """Return the section of a rule, whose anchor is its code."""
    text = f"\n({rule.code.lower()})=\n\n## {rule.code} {rule.name}\n\n*{rule.severity}.* {rule.line}\n\n{rule.why}\n"
    if rule.wrong:
        fence = "```yaml"
        options = f", with `{' '.join(rule.options)}`" if rule.options else ""
        text += f"\nWrong{options}:\n\n{fence}\n{rule.wrong.rstrip()}\n```\n"
        text += f"\nRight:\n\n{fence}\n{rule.right.rstrip()}\n```\n"
    return text
