"""The pages of the published recipes: all of them as thumbnails, and a page for each area. Needs no Sphinx."""

import paramsched as ps


def pages() -> dict[str, str]:
    """Each page's name and text."""
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
        f"{len(ps.recipes)} published training runs, each drawn from its plan when this page was built. "
        "[How to use them](../published-recipes.md): `ps.recipes['gpt3-175b']`, or `recipe:gpt3-175b` where a command "
        "takes a plan."
    )
    index = f"# Recipes with pictures\n\n{opening}\n\n{galleries}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    return {"recipes": index} | {page_of(area): area_page(area, names) for area, names in ordered}


def page_of(area: str) -> str:
    """The name of an area's page."""
    return "recipes-" + area.lower().replace(" ", "-")


def area_page(area: str, names: list[str]) -> str:
    """All recipes of one area."""
    return f"# Recipes: {area}\n\n" + "\n".join(section(name) for name in names)


def section(name: str) -> str:
    """One recipe: its picture, its plan, its source, and what is certain."""
    recipe = ps.recipes[name]
    certain = "".join(f"- {one}\n" for one in recipe.certain)
    inferred = "".join(f"- {one}\n" for one in recipe.inferred)
    return (
        f"## {name}\n\n{recipe.title}.\n\n```{{recipe}} {name}\n```\n\n"
        f"```{{code-block}} yaml\n{ps.dump(recipe.plan)}\n```\n\n"
        f"Source: {recipe.source}\n\n"
        + (f"Said there:\n\n{certain}\n" if certain else "")
        + (f"Concluded or chosen:\n\n{inferred}\n" if inferred else "")
    )
