"""What can be looked up: `paramsched find`, `paramsched recipes`."""

from typing import TYPE_CHECKING, Any

import click

from paramsched.cli._options import (
    CalendarOptions,
    Command,
    aligned_rows,
    base_option,
    calendar_options,
    field_option,
    format_option,
    json_option,
    json_text,
    offer_files,
)
from paramsched.errors import shown

if TYPE_CHECKING:
    from paramsched.recipe_book import Recipe


_MOST_NEAR = 10


@click.command(
    "recipes",
    cls=Command,
    short_help="List published training recipes, or find those like a plan.",
    examples=(
        "paramsched recipes language",
        "paramsched recipes llama3-405b",
        "paramsched recipes --like plan.yaml --steps-per-epoch 500",
    ),
)
@click.argument("words", nargs=-1)
@click.option("--like", metavar="PLAN", shell_complete=offer_files, help="List the recipes whose curves are nearest.")
@calendar_options
@base_option
@field_option
@format_option
@json_option
def paramsched_recipes(
    words: tuple[str, ...],
    like: str | None,
    facts: CalendarOptions,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    as_json: bool,
) -> None:
    """List the published training recipes that have all WORDS in their name, title, area or source.

    The name of one prints all of it: its plan, the facts of the run, what the source says and what was inferred.
    Each can be given where a command takes a plan: paramsched show recipe:NAME.
    """
    from paramsched.recipe_book import recipes

    found = recipes.matching(" ".join(words))
    if like is not None:
        from paramsched.cli._plan_input import calendar_for_picture, loaded_with_facts
        from paramsched.cli._traces import groups_with_bases
        from paramsched.recipe_book import nearest_recipes

        loaded, known = loaded_with_facts(like, format=format, field=field, facts=facts)
        calendar = calendar_for_picture(loaded.plan, known, native=loaded.native)
        groups, _ = groups_with_bases(loaded, bases)
        near = nearest_recipes(loaded.plan, calendar, groups, field=field)
        chosen = [one for one in near if one.recipe in found][:_MOST_NEAR]
        if as_json:
            click.echo(json_text([_recipe_data(one.recipe) | {"distance": one.distance} for one in chosen]))
            return
        click.echo(
            "\n".join(aligned_rows([(f"{one.distance:.4f}", one.recipe.name, one.recipe.title) for one in chosen]))
        )
        return
    if as_json:
        click.echo(json_text([_recipe_data(one) for one in found]))
        return
    whole = recipes[words[0]] if len(words) == 1 and words[0] in recipes else found[0] if len(found) == 1 else None
    if whole is not None:
        from paramsched import config

        lines = [f"# {whole.title}", f"# Source: {whole.source}"]
        lines += [f"# The source says: {one}" for one in whole.certain]
        lines += [f"# Inferred: {one}" for one in whole.inferred]
        lines += [f"# Base values: {_named_values(group)}" for group in whole.bases if group]
        if of_run := _facts_of(whole):
            lines.append(f"# Facts of the run: {_named_values(of_run)}")
        click.echo("\n".join([*lines, (config.dump(whole.plan) or "").rstrip("\n")]))
        return
    if not found:
        raise click.UsageError(f"No recipe has all of: {' '.join(words)}. Without words all {len(recipes)} are listed.")
    click.echo("\n".join(aligned_rows([(one.name, one.area, one.title) for one in found])))


def _recipe_data(recipe: "Recipe") -> dict[str, Any]:
    said = {name: getattr(recipe, name) for name in ("name", "title", "area", "source", "certain", "inferred", "bases")}
    return said | {"facts": _facts_of(recipe)}


def _facts_of(recipe: "Recipe") -> dict[str, Any]:
    facts = {name: getattr(recipe.calendar, name) for name in type(recipe.calendar).__dataclass_fields__}
    return {name: value for name, value in facts.items() if value is not None}


def _named_values(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


_MOST_RECIPES = 4


@click.command(
    "find",
    cls=Command,
    short_help="Find schedules by names of other libraries, or by words.",
    examples=(
        "paramsched find cosine with warmup",
        "paramsched find CosineAnnealingWarmRestarts",
        "paramsched find num_warmup_steps",
    ),
)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="How many lines to print, beside the recipes.",
)
def paramsched_find(words: tuple[str, ...], most: int) -> None:
    """Find the shapes, curves, rules, arguments and recipes that WORDS mean, the best first, each with a line to paste.

    WORDS are a name that another library has (CosineAnnealingLR), a keyword of it (T_max), or plain words.

    Exit code 1 where nothing is found.
    """
    from paramsched.cli._search import nearest_for, recipes_for, schedules_for

    site = " ".join(words)
    found = schedules_for(site)[:most] + recipes_for(site)[:_MOST_RECIPES] or nearest_for(site)[:most]
    if not found:
        click.echo(f"Nothing is found for {shown(site)}. Try one word: cosine, restarts, plateau", err=True)
        raise SystemExit(1)
    for hit in found:
        click.echo("\n    ".join([hit.line, *hit.says]))
