"""The mapping of recipes by name, which parses each recipe on first access."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, final

from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import did_you_mean, names_listed, text_on_screen
from paramsched.core.calls.lazy_imports import notebook_display
from paramsched.core.plan import Plan, PublishedPlan, Trace, trace
from paramsched.core.time import RunFacts
from paramsched.errors import UnknownRecipe
from paramsched.files import read_data, to_plan


@final
@dataclass(frozen=True, slots=True)
class Recipe(PublishedPlan):
    """A published training run.

    Args:
        name: the key, as in `ps.recipes["gpt3-175b"]`.
        title: a short description of the model or training.
        area: the field of research, e.g. language, vision or speech.
        plan: the plan of the run.
        facts: the facts of the run that convert units to updates.
        bases: param groups with the base values.
        source: the paper or the code, with the section, table or file.
        certain: facts that the source states explicitly.
        inferred: facts that were inferred or assumed because the source does not state them.
    """

    name: str
    title: str
    area: str
    plan: Plan
    facts: RunFacts
    bases: tuple[Mapping[str, Any], ...]
    source: str
    certain: tuple[str, ...]
    inferred: tuple[str, ...]

    def __reduce__(self) -> Reduced:
        return pickled("recipes", *(getattr(self, item.name) for item in fields(self)))

    def __repr__(self) -> str:
        return text_on_screen(f"<Recipe {self.name}: {self.title}, {self.source}>")

    _repr_mimebundle_ = notebook_display

    def trace(self) -> Trace:
        """Return the values of the published run at each update.

        >>> from paramsched.tools.recipes import recipes
        >>> float(recipes["resnet50-goyal"].trace()["lr"].max())
        3.2
        """
        return trace(self.plan, self.bases, facts=self.facts)


restores("recipes")(Recipe)

# Each document of a data file is a recipe, and starts with the line `name: …`. It contains a native plan under `plan`,
# and the description of the run.


def texts_by_name(folder: Path) -> dict[str, tuple[str, str]]:
    """Return a dict from the name of each recipe in a folder to a pair of its area and its unparsed text."""
    sources = {}
    for file in sorted(folder.glob("*.yaml")):
        area = file.stem.replace("_", " ")
        for text in file.read_text(encoding="utf-8").split("\n---\n"):
            name = text.partition("\n")[0].removeprefix("name: ")
            sources[name] = (area, text)
    return dict(sorted(sources.items()))


@cache
def read_recipe(name: str, area: str, text: str) -> Recipe:
    """Parse the YAML text of a recipe.

    >>> read_recipe("tiny", "vision", "{title: T, source: S, bases: {lr: 0.1}, plan: {lr: cosine()}}").bases
    ({'lr': 0.1},)
    """
    data = read_data(text, "yaml", f"recipe:{name}")
    bases = data.get("bases", {})
    groups = bases if isinstance(bases, list) else [bases]
    return Recipe(
        name=name,
        title=data["title"],
        area=area,
        plan=to_plan(data["plan"]),
        facts=RunFacts(**data.get("facts", {})),
        bases=tuple({key: tuple(v) if isinstance(v, list) else v for key, v in group.items()} for group in groups),
        source=data["source"],
        certain=tuple(data.get("certain", ())),
        inferred=tuple(data.get("inferred", ())),
    )


@final
class RecipeBook(Mapping[str, Recipe]):
    """Published training recipes by name: `ps.recipes["llama3-405b"].plan`.

    Raises:
        UnknownRecipe: no recipe has this name; the message suggests the nearest name.

    >>> recipes["gpt3-175b"].source
    'Brown et al. 2020 (2005.14165), appendix B'
    >>> recipes["gpt3"]
    Traceback (most recent call last):
        ...
    paramsched.errors.UnknownRecipe: recipes['gpt3']: unknown recipe; did you mean...
    """

    def __getitem__(self, name: str) -> Recipe:
        if name not in _all_texts():
            longer = [text for text in self if str(name) and text.startswith(str(name))]
            nearest = f'did you mean "{longer[0]}"?' if longer else did_you_mean(str(name), _all_texts())
            message = f"unknown recipe; {nearest}"
            raise UnknownRecipe(f"recipes[{name!r}]", message, "The command `paramsched recipes` lists all names")
        return read_recipe(name, *_all_texts()[name])

    def __contains__(self, name: object) -> bool:
        return name in _all_texts()

    def __iter__(self) -> Iterator[str]:
        return iter(_all_texts())

    def __len__(self) -> int:
        return len(_all_texts())

    def __repr__(self) -> str:
        return text_on_screen(f"<{len(self)} recipes: {names_listed(self)}>")

    def matching(self, words: str) -> tuple[Recipe, ...]:
        """Return the recipes whose name, title, area or source contains all the words.

        Args:
            words: words separated by spaces; case is ignored.

        >>> [recipe.name for recipe in recipes.matching("llama3 405b")]
        ['llama3-405b']
        """
        recipes_with_words = []
        for recipe in self.values():
            text = f"{recipe.name} {recipe.title} {recipe.area} {recipe.source}".lower()
            if all(word in text for word in words.lower().split()):
                recipes_with_words.append(recipe)
        return tuple(recipes_with_words)


recipes = RecipeBook()


@cache
def _all_texts() -> dict[str, tuple[str, str]]:
    return texts_by_name(Path(__file__).with_name("data"))
