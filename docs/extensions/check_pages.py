"""The pages of all codes of `paramsched check`, written from the table of the rules. Needs no Sphinx."""

from paramsched.base.codes import CheckRule, rules_by_code

_TITLES = {
    "PS1": "PS1: files, names and arguments",
    "PS2": "PS2: lengths and the total",
    "PS3": "PS3: levels and values",
    "PS4": "PS4: groups, targets and logs",
    "PS5": "PS5: metrics",
}
_OPENING = """\
# Codes

A problem in a plan has one of these codes. [Checking](../reference/checking.md) describes where it is reported.
Codes are provisional: a minor version may change them, with a line in the changelog.
"""
_EXPLAINED = {
    "PS301": "[Levels](../reference/lengths-and-levels.md#levels) has a picture of multiples of base and of values."
}
"""By code, a link to the page that explains the problem."""
_TABLE = "\n| code | severity | problem |\n| --- | --- | --- |\n"


def pages() -> dict[str, str]:
    """Return each page's name and text: an index of the codes, and a page for each hundred."""
    index, texts = _OPENING, {}
    for prefix, title in _TITLES.items():
        name = f"checks-{prefix[-1]}"
        rules = [
            rule for rule in rules_by_code().values() if rule.code.startswith(prefix)
        ]
        index += f"\n## {title}\n{_TABLE}" + "".join(
            f"| [{rule.code}]({name}.md#{rule.code.lower()}) `{rule.name}` | {rule.severity} | {rule.line} |\n"
            for rule in rules
        )
        texts[name] = f"# {title}\n" + "".join(map(section, rules))
    return {
        "checks": f"{index}\n```{{toctree}}\n:hidden:\n\n"
        + "\n".join(texts)
        + "\n```\n"
    } | texts


def section(rule: CheckRule) -> str:
    """Return the section of a rule, whose anchor is its code."""
    text = f"\n({rule.code.lower()})=\n\n## {rule.code} {rule.name}\n\n*{rule.severity}.* {rule.line}\n\n{rule.why}\n"
    if rule.code in _EXPLAINED:
        text += f"\n{_EXPLAINED[rule.code]}\n"
    if rule.wrong:
        fence = "```yaml"
        options = f", with `{' '.join(rule.options)}`" if rule.options else ""
        text += f"\nWrong{options}:\n\n{fence}\n{rule.wrong.rstrip()}\n```\n"
        text += f"\nRight:\n\n{fence}\n{rule.right.rstrip()}\n```\n"
    return text
