"""A page for each area of the published recipes. Needs no Sphinx."""

import textwrap

from page_code import COLUMNS

import paramsched as ps


def areas() -> list[tuple[str, list[str]]]:
    """Return the areas with their recipes, the largest first."""
    found: dict[str, list[str]] = {}
    for name in ps.recipes:
        found.setdefault(ps.recipes[name].area, []).append(name)
    return sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    return {
        page_of(area): f"# Recipes: {area}\n\n" + "\n".join(map(section, names))
        for area, names in areas()
    }


def page_of(area: str) -> str:
    """Return the name of an area's page."""
    return "recipes-" + area.lower().replace(" ", "-")


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
