"""`paramsched recipes`: published training recipes. Package: `tools`."""

from typing import TYPE_CHECKING, Any

import click

from paramsched.base.terminal import table_rows
from paramsched.cli._options import Command, json_option
from paramsched.cli._output import WrongUsage, echo, echo_json

if TYPE_CHECKING:
    from paramsched.tools.recipes import Recipe


@click.command(
    "recipes",
    cls=Command,
    short_help="List published training recipes.",
    examples=(
        "paramsched recipes language",
        "paramsched recipes llama3-405b",
    ),
)
@click.argument("words", nargs=-1)
@json_option
def paramsched_recipes(
    words: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the published training recipes whose name, title, area or source contains all WORDS.

    If WORDS is the name of a recipe, or only one recipe matches, its plan is printed, with its run facts and a note on
    which parts are from the source and which are inferred.
    Every command accepts a recipe as a plan: paramsched show recipe:NAME.
    """
    from paramsched.tools.recipes import recipes

    matching = recipes.matching(" ".join(words))
    if as_json:
        echo_json([_recipe_data(recipe) for recipe in matching])
        return
    only = matching[0] if len(matching) == 1 else None
    if len(words) == 1 and words[0] in recipes:
        only = recipes[words[0]]
    if only is not None:
        from paramsched import files as config

        comments = [only.title, f"Source: {only.source}"]
        comments += [f"From the source: {text}" for text in only.certain]
        comments += [f"Inferred: {text}" for text in only.inferred]
        comments += [f"Base values: {_named_values(group)}" for group in only.bases if group]
        if facts_of_run := _facts_of(only):
            comments.append(f"Facts of the run: {_named_values(facts_of_run)}")
        echo("\n".join([*(f"# {comment}" for comment in comments), config.dump(only.plan).rstrip("\n")]))
        return
    if not matching:
        raise WrongUsage(
            "", f"no recipe matches all of: {' '.join(words)}", f"Without WORDS, all {len(recipes)} recipes are listed"
        )
    echo("\n".join(table_rows([(recipe.name, recipe.area, recipe.title) for recipe in matching])))


def _recipe_data(recipe: "Recipe") -> dict[str, Any]:
    data = {name: getattr(recipe, name) for name in ("name", "title", "area", "source", "certain", "inferred", "bases")}
    return data | {"facts": _facts_of(recipe)}


def _facts_of(recipe: "Recipe") -> dict[str, Any]:
    facts = {name: getattr(recipe.facts, name) for name in type(recipe.facts).__dataclass_fields__}
    return {name: value for name, value in facts.items() if value is not None}


def _named_values(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
