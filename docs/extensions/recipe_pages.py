"""The pages of the published recipes: a gallery of all, and a page for each area. Needs no Sphinx."""

from page_width import folded

import paramsched as ps


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    areas: dict[str, list[str]] = {}
    for name in ps.recipes:
        areas.setdefault(ps.recipes[name].area, []).append(name)
    ordered = sorted(areas.items(), key=lambda one: (-len(one[1]), one[0]))
    tree = "\n".join(page_of(area) for area, _ in ordered)
    galleries = "\n\n".join(
        f"## {area[:1].upper()}{area[1:]}\n\n```{{recipes}} {page_of(area)}\n{chr(10).join(names)}\n```"
        for area, names in ordered
    )
    opening = (
        f"{len(ps.recipes)} published training runs, each with a picture of its plan. "
        "Write `ps.recipes['gpt3-175b']` in Python, or `recipe:gpt3-175b` in place of a plan file in a command. "
        "[How to use recipes](../reference/published-recipes.md)."
    )
    index = f"# Recipe gallery\n\n{opening}\n\n{galleries}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    return {"recipes": index} | {
        page_of(area): area_page(area, names) for area, names in ordered
    }


def page_of(area: str) -> str:
    """Return the name of an area's page."""
    return "recipes-" + area.lower().replace(" ", "-")


def area_page(area: str, names: list[str]) -> str:
    """Return the page of one area's recipes."""
    return f"# Recipes: {area}\n\n" + "\n".join(section(name) for name in names)


def section(name: str) -> str:
    """Return the section of a recipe: its picture, plan and source, and which of its values are certain."""
    recipe = ps.recipes[name]
    certain = "".join(f"- {one}\n" for one in recipe.certain)
    inferred = "".join(f"- {one}\n" for one in recipe.inferred)
    return (
        f"## {name}\n\n{recipe.title}.\n\n```{{recipe}} {name}\n```\n\n"
        f"```{{code-block}} yaml\n{folded(recipe.plan)}\n```\n\n"
        f"Source: {recipe.source}\n\n"
        + (f"Stated by the source:\n\n{certain}\n" if certain else "")
        + (f"Inferred or chosen:\n\n{inferred}\n" if inferred else "")
    )
