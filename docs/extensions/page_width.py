"""The width of a page in characters, and folding of plans that are wider. Needs no Sphinx."""

import textwrap

import paramsched as ps

COLUMNS = 86
"""Characters of code that fit into furo's column at 1280 pixels."""


def folded(plan: ps.Plan) -> str:
    """Return a plan's text with long lines folded at the width of the column, which YAML reads as one line.

    Raises:
        ValueError: the folded text is another plan.
    """
    text = "\n".join(folded_line(line) for line in ps.dump(plan).splitlines())
    if ps.loads(text) != plan:
        raise ValueError(f"folding changes the plan:\n{text}")
    return text


def folded_line(line: str) -> str:
    """Fold a long line in front of `>>`, and at spaces if a stage is still too long."""
    if len(line) <= COLUMNS:
        return line
    margin = len(line) - len(line.lstrip()) + 2
    first, *stages = line.split(" >> ")
    lines, depth = [first], first.count("(") - first.count(")")
    for stage in stages:
        if len(lines[-1]) + len(stage) + 4 <= COLUMNS:
            lines[-1] += f" >> {stage}"
        else:
            lines.append(f"{' ' * (margin + 2 * depth)}>> {stage}")
        depth += stage.count("(") - stage.count(")")
    options = {
        "subsequent_indent": " " * (margin + 4),
        "break_long_words": False,
        "break_on_hyphens": False,
    }
    return "\n".join(textwrap.fill(line, COLUMNS, **options) for line in lines)
