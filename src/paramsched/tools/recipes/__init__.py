"""Published training recipes: the plan and the facts of a run, from a paper or its code.

Each recipe is a YAML document in a file of the folder `data`, which has one file per area. A document is parsed on
first access.
"""

from paramsched.tools.recipes.book import Recipe as Recipe
from paramsched.tools.recipes.book import RecipeBook as RecipeBook
from paramsched.tools.recipes.book import recipes as recipes

__all__ = ["Recipe", "RecipeBook", "recipes"]


def __dir__() -> list[str]:
    return __all__
