"""A command whose help ends with examples, each on a line of its own, as one types it."""

from collections.abc import Iterable
from typing import Any, final

import click


@final
class Command(click.Command):
    """A command with examples.

    Args:
        examples: lines as one types them; help shows them as they are, and tests run them.
    """

    def __init__(self, *arguments: Any, examples: Iterable[str] = (), **options: Any) -> None:
        click.Command.__init__(self, *arguments, **options)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"  {line}\n")
