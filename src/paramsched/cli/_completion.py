"""What the Tab key completes: plans and codes, in each shell of click."""

from pathlib import Path
from typing import Final, final

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from paramsched.base.words import RECIPE
from paramsched.core.entries import is_installed

# Before click 8.3, CompletionItem has no parameter, so the annotations with one are in quotes.

offer_files: Final = click.Path().shell_complete
"""Complete file names in the shell."""


def offer_recipes(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem[str]]":  # noqa: ARG001  # click's
    """Complete the names of published recipes."""
    if not is_installed("paramsched.tools"):
        return []
    from paramsched.tools.recipes import recipes

    return [CompletionItem(name) for name in recipes if name.startswith(typed)]


def offer_plans(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem[str]]":
    """Complete `recipe:NAME` and file names."""
    files = offer_files(context, parameter, typed)
    if typed.startswith(RECIPE):
        return [
            CompletionItem(RECIPE + item.value)
            for item in offer_recipes(context, parameter, typed.removeprefix(RECIPE))
        ]
    if not typed or not RECIPE.startswith(typed) or not is_installed("paramsched.tools"):
        return files
    # Listed here, because bash completes files itself only if there are no other completions.
    beside = [CompletionItem(path.name) for path in sorted(Path().glob(f"{typed}*"))]
    return [*beside, *offer_plans(context, parameter, RECIPE)]


def offer_codes(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem[str]]":  # noqa: ARG001  # click's
    """Complete the last of several codes or names of check rules, separated by commas."""
    from paramsched.base.codes import check_rules

    before, comma, last = typed.rpartition(",")
    rules = check_rules().values()
    codes = [CompletionItem(before + comma + rule.code, help=rule.name) for rule in rules if rule.code.startswith(last)]
    names = [CompletionItem(before + comma + rule.name, help=rule.code) for rule in rules if rule.name.startswith(last)]
    return [*codes, *names]


@final
@add_completion_class
class _BashComplete(BashComplete):
    """Completion for bash, which splits words at a colon and at "=", and replaces only the part behind it."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, typed = BashComplete.get_completion_args(self)
        joined = [""]
        for word in [*words, typed]:
            if word in (":", "=") or joined[-1].endswith((":", "=")):
                joined[-1] += word
            else:
                joined.append(word)
        self.typed = joined.pop()
        return joined[1:], self.typed

    def format_completion(self, item: "CompletionItem[str]") -> str:
        kept = self.typed[: self.typed.rfind(":") + 1]
        return f"{item.type},{item.value.removeprefix(kept)}"
