"""The book of recipes: a mapping from names, each recipe read when it is asked for."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import final

from paramsched.errors import UnknownRecipe
from paramsched.near_names import did_you_mean
from paramsched.recipe_book.recipe import Recipe
from paramsched.recipe_book.recipe_files import read_recipe, texts_by_name


@final
class RecipeBook(Mapping[str, Recipe]):
    """Published training recipes by their names: `ps.recipes["llama3-405b"].plan`.

    Raises:
        UnknownRecipe: no recipe has the name; the nearest is told.

    >>> recipes["gpt3-175b"].source
    'Brown et al. 2020 (2005.14165), appendix B'
    >>> recipes["gpt3"]
    Traceback (most recent call last):
        ...
    paramsched.errors.UnknownRecipe: recipes['gpt3']: no such recipe; did you mean "gpt3-175b"?...
    """

    def __getitem__(self, name: str) -> Recipe:
        if name not in _all_texts():
            found = f"no such recipe; {_nearest_name(name)}"
            raise UnknownRecipe(f"recipes[{name!r}]", found, "The command `paramsched recipes` lists them")
        return _recipe_of(name)

    def __contains__(self, name: object) -> bool:
        return name in _all_texts()

    def __iter__(self) -> Iterator[str]:
        return iter(_all_texts())

    def __len__(self) -> int:
        return len(_all_texts())

    def __repr__(self) -> str:
        return f"<{len(self)} recipes: {', '.join(self)}>"

    def matching(self, words: str) -> tuple[Recipe, ...]:
        """The recipes whose name, title, area or source has each of some words.

        >>> [one.name for one in recipes.matching("llama3 405b")]
        ['llama3-405b']
        """
        asked = words.lower().split()
        return tuple(one for one in self.values() if all(word in _said_of(one) for word in asked))


recipes = RecipeBook()


@cache
def _all_texts() -> dict[str, tuple[str, str]]:
    return texts_by_name(Path(__file__).with_name("data"))


@cache
def _recipe_of(name: str) -> Recipe:
    return read_recipe(name, *_all_texts()[name])


def _said_of(recipe: Recipe) -> str:
    """What is searched for words."""
    return f"{recipe.name} {recipe.title} {recipe.area} {recipe.source}".lower()


def _nearest_name(name: object) -> str:
    """The clause that names the recipes that begin with what was asked, or the nearest."""
    begun = [one for one in _all_texts() if str(name) and one.startswith(str(name))]
    return f'did you mean "{begun[0]}"?' if begun else did_you_mean(str(name), _all_texts())
