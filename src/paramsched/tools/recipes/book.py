"""The mapping of recipes by name, which parses each recipe on first access, and the search for similar recipes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched.core.base.diagnostic import names_listed
from paramsched.core.base.entries import notebook_display
from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.curves.arrays import Floats
from paramsched.core.fields import label
from paramsched.core.files import native
from paramsched.core.files.plan_files import read_data
from paramsched.core.files.syntaxes.yaml_text import read_yaml
from paramsched.core.plan import Plan, bind
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.forms import PlanLike, PublishedPlan, plan_of
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.plan.trace import Trace, trace
from paramsched.core.time import Calendar, Duration
from paramsched.core.time.progress import PROGRESS, WHOLE
from paramsched.errors import InvalidArgument, UnknownRecipe


@final
@dataclass(frozen=True, slots=True)
class Recipe(PublishedPlan):
    """A published training run.

    Args:
        name: the key, as in `ps.recipes["gpt3-175b"]`.
        title: a short description of the model or training.
        area: the field of research, e.g. language, vision or speech.
        plan: the plan of the run.
        calendar: the facts of the run that convert units to updates.
        bases: param groups with the base values.
        source: the paper or the code, with the section, table or file.
        certain: facts that the source states explicitly.
        inferred: facts that were inferred or assumed because the source does not state them.
    """

    name: str
    title: str
    area: str
    plan: Plan
    calendar: Calendar
    bases: tuple[Mapping[str, Any], ...]
    source: str
    certain: tuple[str, ...]
    inferred: tuple[str, ...]

    def __repr__(self) -> str:
        return text_on_screen(f"<Recipe {self.name}: {self.title}, {self.source}>")

    _repr_mimebundle_ = notebook_display

    def trace(self) -> Trace:
        """Return the values of the published run at each update.

        >>> from paramsched.tools.recipes import recipes
        >>> float(recipes["resnet50-goyal"].trace()["lr"].max())
        3.2
        """
        return trace(self.plan, self.bases, self.calendar)


# Each document of a data file is a recipe, and starts with the line `name: …`. It contains a native plan under `plan`,
# and the description of the run.


def texts_by_name(folder: Path) -> dict[str, tuple[str, str]]:
    """Return a dict from the name of each recipe in a folder to a pair of its area and its unparsed text."""
    texts = {}
    for file in sorted(folder.glob("*.yaml")):
        area = file.stem.replace("_", " ")
        for text in file.read_text(encoding="utf-8").split("\n---\n"):
            name = text.partition("\n")[0].removeprefix("name: ")
            texts[name] = (area, text)
    return dict(sorted(texts.items()))


@cache
def read_recipe(name: str, area: str, text: str) -> Recipe:
    """Parse the YAML text of a recipe.

    >>> read_recipe("tiny", "vision", "{title: T, source: S, bases: {lr: 0.1}, plan: {lr: cosine()}}").bases
    ({'lr': 0.1},)
    """
    data = read_data(text, read_yaml, f"recipe:{name}")
    bases = data.get("bases", {})
    groups = bases if isinstance(bases, list) else [bases]
    return Recipe(
        name=name,
        title=data["title"],
        area=area,
        plan=native.to_plan(data["plan"]),
        calendar=Calendar(**data.get("facts", {})),
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
            longer = [one for one in self if str(name) and one.startswith(str(name))]
            nearest = f'did you mean "{longer[0]}"?' if longer else did_you_mean(str(name), _all_texts())
            found = f"unknown recipe; {nearest}"
            raise UnknownRecipe(f"recipes[{name!r}]", found, "The command `paramsched recipes` lists all names")
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

        >>> [one.name for one in recipes.matching("llama3 405b")]
        ['llama3-405b']
        """
        found = []
        for one in self.values():
            text = f"{one.name} {one.title} {one.area} {one.source}".lower()
            if all(word in text for word in words.lower().split()):
                found.append(one)
        return tuple(found)


recipes = RecipeBook()


@cache
def _all_texts() -> dict[str, tuple[str, str]]:
    return texts_by_name(Path(__file__).with_name("data"))


_POINTS = 200


@final
@dataclass(frozen=True, slots=True)
class Likeness:
    """A recipe and the distance between its schedule and the schedule of a plan.

    Args:
        recipe: the recipe.
        distance: the mean absolute difference of the two schedules, in [0, 1]. Both are scaled to the same length and
            to a maximum of 1.
    """

    recipe: Recipe
    distance: float


def nearest_recipes(
    plan: PlanLike, calendar: Calendar, groups: Sequence[Mapping[str, Any]], *, field: str = "lr"
) -> tuple[Likeness, ...]:
    """Return all recipes that schedule `field`, sorted by their distance from a plan.

    Only the shapes of the schedules are compared, not the lengths of the runs, the peaks or the units.

    Args:
        plan: the plan.
        calendar: the facts of its run.
        groups: param groups with the bases; only the first group is compared.
        field: the field that is compared.

    Raises:
        InvalidArgument: the plan does not schedule the field, or has no horizon.

    >>> from paramsched.core.schedules import linear, overlay, warmup
    >>> plan = Plan(lr=overlay(warmup("1%"), linear()), horizon=1000)
    >>> nearest_recipes(plan, Calendar(), [{"lr": 0.1}])[0].recipe.name
    'bert-base'
    """
    if not groups:
        instead = 'For example: nearest_recipes(plan, calendar, [{"lr": 0.1}])'
        raise InvalidArgument("nearest_recipes(groups=[])", "expected at least one group", instead)
    site = curve_on_unit_run(plan_of(plan, "nearest_recipes"), calendar, groups, field)
    if site is None:
        raise InvalidArgument(
            f"nearest_recipes(field={field!r})",
            f"the plan does not schedule {field} for the first group, or has no horizon",
            f"Use a plan with {field} and a horizon",
        )
    found = [(one, _curve_of_recipe(one.name, field)) for one in recipes.values()]
    distances = [Likeness(one, float(np.abs(site - curve).mean())) for one, curve in found if curve is not None]
    return tuple(sorted(distances, key=lambda one: (one.distance, one.recipe.name)))


def curve_on_unit_run(plan: Plan, calendar: Calendar, groups: Sequence[Mapping[str, Any]], field: str) -> Floats | None:
    """Return the values of `field` in the first group, divided by their maximum, at 200 evenly spaced times of the run.

    Returns None if the field is not scheduled or the length of the run is unknown.
    """
    resolved = plan.resolve(calendar)
    counted = counted_plan(resolved)
    bound = next((one for one in bind(counted, list(groups))[0] if one.name == field), None)
    if bound is None:
        return None
    horizon = Duration.of_updates(WHOLE) if bound.clock == PROGRESS else resolved.horizon
    if horizon is None:
        return None
    ((unit, amount),) = horizon.terms
    # Without progress, the field and the horizon may have different clocks.
    if bound.clock != PROGRESS and bound.by_amount == (unit == UPDATES):
        values = trace(plan, list(groups), calendar)[field, label(groups[0], 0)]
        curve = np.abs(values[np.array(_middles(len(values)))])
    else:
        base = bound.field.base(groups[0])
        curve = np.abs(bound.schedule(np.array(_middles(ceil(amount))), base))
    most: float = curve.max()
    shaped: Floats = curve / most if most > 0 else curve
    return shaped


def _middles(length: int) -> list[int]:
    return [length * (2 * part + 1) // (2 * _POINTS) for part in range(_POINTS)]


@cache
def _curve_of_recipe(name: str, field: str) -> Floats | None:
    recipe = recipes[name]
    return curve_on_unit_run(recipe.plan, recipe.calendar, recipe.bases, field)
