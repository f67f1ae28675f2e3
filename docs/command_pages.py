"""The page of the command line, read from click. Needs no Sphinx."""

import inspect

import click

from paramsched.cli import main


def page() -> str:
    """Return the page of every command with its arguments and options."""
    context = click.Context(main, info_name="paramsched")
    commands = [
        main.get_command(context, name) for name in main.list_commands(context)
    ]
    rows = "\n".join(
        f"| [`{one.name}`](#paramsched-{one.name}) | {one.get_short_help_str(200)} |"
        for one in commands
        if one
    )
    sections = "\n\n".join(section(one) for one in commands if one)
    opening = (
        "`paramsched COMMAND --help` prints the same. PLAN is a file, one line of text, or `recipe:NAME`. Exit codes: "
        "0 success, 1 problem or difference, 2 wrong usage."
    )
    return f"# Command line\n\n{opening}\n\n| command | purpose |\n| --- | --- |\n{rows}\n\n{sections}\n"


def row(command: click.Command) -> str:
    """Return the row of a command in the table of all commands."""
    return f"| [`{command.name}`](#paramsched-{command.name}) | {command.get_short_help_str(200)} |"


def section(command: click.Command) -> str:
    """Return the section of a command."""
    context = click.Context(command, info_name=f"paramsched {command.name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    options = "\n".join(
        option_row(one)
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden
    )
    table = f"| option | meaning |\n| --- | --- |\n{options}\n" if options else ""
    examples = "\n".join(f"$ {line}" for line in getattr(command, "examples", ()))
    shown = f"```sh\n{examples}\n```\n" if examples else ""
    return f"## paramsched {command.name}\n\n```text\n{usage}\n```\n\n{text}\n\n{shown}\n{table}"


def option_row(option: click.Option) -> str:
    """Return an option as a row of a table."""
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    kind = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    kind = (
        kind.replace("INTEGER RANGE", "INTEGER")
        .replace("|", "\\|")
        .replace("<", "\\<")
        .replace("[", "\\[")
    )
    default = (
        f" Default: `{option.default}`."
        if option.show_default and option.default not in (None, False)
        else ""
    )
    text = (
        (option.help or "")
        .replace("|", "\\|")
        .replace("<", "\\<")
        .replace("*", "\\*")
    )
    return f"| {names}{kind} | {text}{default} |"
