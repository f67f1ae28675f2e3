"""The group of commands: found by their files, and loaded when they are called."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, cast

import click

from paramsched.cli._messages import run_guarded
from paramsched.near_names import closest

_FOLDER = Path(__file__).with_name("commands")


class Commands(click.Group):
    """The commands in the folder `commands`: the file `show.py` has `paramsched_show`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in iter_modules([str(_FOLDER)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found = getattr(import_module(f"paramsched.cli.commands.{cmd_name}"), f"paramsched_{cmd_name}")
        return cast(click.Command, found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = closest(args[0], known)
            advice = f"Known: {', '.join(known)}." if near is None else f'Did you mean "{near}"?'
            raise click.UsageError(f'No such command "{args[0]}". {advice}', ctx)
        return click.Group.resolve_command(self, ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return run_guarded(lambda: click.Group.parse_args(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        return run_guarded(lambda: click.Group.invoke(self, ctx))
