"""Reading the files of recipes: a file for each area of work, and in it a YAML document for each recipe.

A document begins with the line `name: …`. It has a native plan under `plan`, and beside it what is said of the run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramsched.config import native
from paramsched.config.file_formats import read_data
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.recipe_book.recipe import Recipe
from paramsched.time import Calendar


def texts_by_name(folder: Path) -> dict[str, tuple[str, str]]:
    """The area and the text of each recipe in the files of a folder, by its name. The text is not read as YAML yet."""
    texts = {}
    for file in sorted(folder.glob("*.yaml")):
        area = file.stem.replace("_", " ")
        for text in file.read_text(encoding="utf-8").split("\n---\n"):
            name = text.partition("\n")[0].removeprefix("name: ")
            texts[name] = (area, text)
    return dict(sorted(texts.items()))


def read_recipe(name: str, area: str, text: str) -> Recipe:
    """The recipe that a document says.

    Raises:
        ConfigError: the text is no YAML, or its plan is none.

    >>> read_recipe("tiny", "vision", "{title: T, source: S, bases: {lr: 0.1}, plan: {lr: cosine()}}").bases
    ({'lr': 0.1},)
    """
    data = read_data(text, read_yaml, f"recipe:{name}")
    given = data.get("bases", {})
    return Recipe(
        name=name,
        title=data["title"],
        area=area,
        plan=native.to_plan(data["plan"]),
        calendar=Calendar(**data.get("facts", {})),
        bases=tuple(_group_values(one) for one in (given if isinstance(given, list) else [given])),
        source=data["source"],
        certain=tuple(data.get("certain", ())),
        inferred=tuple(data.get("inferred", ())),
    )


def _group_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """A param group as optimizers have it: betas are a tuple there."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
