"""The page of the command line, generated from click. It does not need Sphinx."""

import inspect

import click

from paramsched.cli import main
from paramsched.cli._options import SECTIONS, ConfigOption, FactOption

_OPENING = (
    "`paramsched COMMAND --help` prints the same text. PLAN is a file, one line of text, or `recipe:NAME`. "
    "Exit codes: 0 success, 1 problem or difference, 2 usage or missing file."
)
_SHARED = {
    FactOption: "Commands that read a plan accept these options. They convert epochs, samples, tokens and seconds into "
    "updates, and take precedence over facts in the plan's file.",
    ConfigOption: "Commands that read a plan accept these options.",
}


def page() -> str:
    """Return the page: all commands with their arguments and options, and the run facts in a section of their own."""
    context = click.Context(main, info_name="paramsched")
    commands = [
        one
        for name in main.list_commands(context)
        if (one := main.get_command(context, name)) is not None
    ]
    rows = "\n".join(map(row, commands))
    sections = "\n\n".join(map(section, commands))
    parameters = {
        one.name: one for command in commands for one in command.params
    }.values()
    shared = "\n\n".join(
        f"## {SECTIONS[kind]}\n\n{text}\n\n{option_table([one for one in parameters if type(one) is kind])}"
        for kind, text in _SHARED.items()
    )
    return (
        f"# Command line\n\n{_OPENING}\n\n| command | description |\n| --- | --- |\n{rows}\n\n"
        f"{shared}\n\n{sections}\n"
    )


def row(command: click.Command) -> str:
    """Return the row of a command in the table of all commands."""
    return f"| [`{command.name}`](#paramsched-{command.name}) | {command.get_short_help_str(200)} |"


def section(command: click.Command) -> str:
    """Return the section of a command."""
    context = click.Context(command, info_name=f"paramsched {command.name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    options = [
        one
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden
    ]
    table = option_table([one for one in options if type(one) not in _SHARED])
    if any(isinstance(one, FactOption) for one in options):
        also = " and ".join(
            f"[{SECTIONS[kind]}](#{SECTIONS[kind].lower().replace(' ', '-')})"
            for kind in _SHARED
        )
        table += f"\nAlso the options of the sections {also}.\n"
    examples = "\n".join(f"$ {line}" for line in getattr(command, "examples", ()))
    shown = f"```sh\n{examples}\n```\n" if examples else ""
    return f"## paramsched {command.name}\n\n```text\n{usage}\n```\n\n{text}\n\n{shown}\n{table}"


def option_table(options: list[click.Option]) -> str:
    """Return a table of options; empty without options."""
    rows = "\n".join(map(option_row, options))
    return f"| option | description |\n| --- | --- |\n{rows}\n" if rows else ""


def option_row(option: click.Option) -> str:
    """Return an option as a row of a table."""
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    value = option.metavar or "|".join(map(str, choices)) or option.type.name.upper()
    kind = "" if option.is_flag else f" {value}"
    kind = kind.replace("|", "\\|").replace("<", "\\<").replace("[", "\\[")
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
