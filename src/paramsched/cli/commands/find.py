"""`paramsched find`: schedules by what others call them, or by words."""

import click

from paramsched.cli._options import Command
from paramsched.errors import shown

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

    asked = " ".join(words)
    found = schedules_for(asked)[:most] + recipes_for(asked)[:_MOST_RECIPES] or nearest_for(asked)[:most]
    if not found:
        click.echo(f"Nothing is found for {shown(asked)}. Try one word: cosine, restarts, plateau", err=True)
        raise SystemExit(1)
    for hit in found:
        click.echo("\n    ".join([hit.line, *hit.says]))
