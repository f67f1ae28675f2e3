"""Reading the file of a recipe: a native plan under `plan`, and what is said of the run beside it."""

from collections.abc import Mapping
from typing import Any

from paramsched.config import native
from paramsched.config.file_formats import read_data
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.recipe_book.recipe import Recipe
from paramsched.time import Calendar


def read_recipe(name: str, text: str) -> Recipe:
    """The recipe that a file says.

    Raises:
        ConfigError: the text is no YAML, or its plan is none.

    >>> read_recipe("tiny", "{title: T, area: A, source: S, bases: {lr: 0.1}, plan: {lr: cosine()}}").bases
    ({'lr': 0.1},)
    """
    data = read_data(text, read_yaml, f"recipe:{name}")
    given = data.get("bases", {})
    return Recipe(
        name=name,
        title=data["title"],
        area=data["area"],
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
