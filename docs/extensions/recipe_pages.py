"""Pages of the published recipes, by area. Needs no Sphinx."""

import textwrap

from page_code import COLUMNS

import paramsched as ps

_MOST = 10
"""Recipes on a page, which stays short enough to scroll."""


def areas() -> list[tuple[str, list[str]]]:
    """Return the areas with their recipes, the largest first."""
    names: dict[str, list[str]] = {}
    for name in ps.recipes:
        names.setdefault(ps.recipes[name].area, []).append(name)
    return sorted(names.items(), key=lambda area: (-len(area[1]), area[0]))


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    texts = {}
    for area, names in areas():
        for first in range(0, len(names), _MOST):
            part = names[first : first + _MOST]
            title = f"Recipes: {area}" + (
                f", {part[0]} to {part[-1]}" if len(names) > _MOST else ""
            )
            texts[page_of(part[0])] = f"# {title}\n\n" + "\n".join(map(section, part))
    return texts


def page_of(name: str) -> str:
    """Return the name of a recipe's page."""
    area = ps.recipes[name].area
    number = dict(areas())[area].index(name) // _MOST
    return (
        "recipes-"
        + area.lower().replace(" ", "-")
        + (f"-{number + 1}" if number else "")
    )


def section(name: str) -> str:
    """Return the section of a recipe: its picture, plan and source, and which of its values are certain."""
    recipe = ps.recipes[name]
    text = (
        f"## {name}\n\n{recipe.title}.\n\n```{{recipe}} {name}\n```\n\n"
        f"```{{code-block}} yaml\n{folded(recipe.plan)}\n```\n\nSource: {recipe.source}\n\n"
    )
    for heading, facts in (
        ("Stated by the source", recipe.certain),
        ("Inferred or chosen", recipe.inferred),
    ):
        if facts:
            text += f"{heading}:\n\n" + "".join(f"- {one}\n" for one in facts) + "\n"
    return text


def folded(plan: ps.Plan) -> str:
    """Return a plan's text with long lines folded at the width of the column, which YAML reads as one line.

    Raises:
        ValueError: the folded text is another plan.
    """
    text = "\n".join(map(folded_line, ps.dump(plan).splitlines()))
    if ps.loads(text) != plan:
        raise ValueError(f"folding changes the plan:\n{text}")
    return text


def folded_line(line: str) -> str:
    """Fold a long line in front of `>>`, and at spaces if a stage is still too long."""
    if len(line) <= COLUMNS:
        return line
    margin = " " * (len(line) - len(line.lstrip()) + 2)
    first, *stages = line.split(" >> ")
    lines = [first]
    for stage in stages:
        if len(lines[-1]) + len(stage) + 4 <= COLUMNS:
            lines[-1] += f" >> {stage}"
        else:
            lines.append(f"{margin}>> {stage}")
    options = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(
        textwrap.fill(line, COLUMNS, subsequent_indent=f"{margin}    ", **options)
        for line in lines
    )
