"""`paramsched edit`: a page with a plan's text beside its curves. Package: `show`."""

import os
import shlex
import signal
from pathlib import Path

import click

from paramsched.cli._completion import offer_files
from paramsched.cli._options import (
    Command,
    CommandOptions,
    arguments_of_command,
    base_option,
    format_option,
    plan_options,
)
from paramsched.cli._output import WrongUsage, echo


@click.command(
    "edit",
    cls=Command,
    short_help="Edit a plan in the browser, beside its curves.",
    examples=(
        "paramsched edit plan.yaml --steps-per-epoch 500 --base lr=3e-4",
        "paramsched edit first.yaml --new",
    ),
)
@click.argument("file", metavar="FILE", shell_complete=offer_files)
@click.option("--new", is_flag=True, help="Begin a new file with a short plan. It is written when you save.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, metavar="N", help="Port to listen on. By default, a free one."
)
@click.option("--draw", is_flag=True, hidden=True)  # the process that draws, for this command itself
@format_option
@base_option
@plan_options
def paramsched_edit(file: str, options: CommandOptions, new: bool, no_browser: bool, port: int, draw: bool) -> None:
    """Edit FILE in the browser: the text beside its curves, which follow while you type.

    Problems are shown below the text with their line and column, and the last curves stay. Save writes the whole file,
    unless another program or page has changed it since the page was opened; your text then stays, to be compared or
    saved under another name. The page is served on 127.0.0.1 only, below a secret path. Its address is the first line
    of the output. Ctrl-C ends the program.
    """
    import webbrowser

    from paramsched.cli._edit import DrawingProcess, Editor, Server, answer_drawings
    from paramsched.cli._input import refuse_config
    from paramsched.core.plan import SUFFIXES

    path = Path(file)
    if draw:
        return answer_drawings(path, options)
    if path.exists() and not path.is_file():
        raise WrongUsage(file, "not a file", "For example: paramsched edit plan.yaml --new")
    exists = os.path.lexists(path) if new else path.exists()  # a link to nowhere is not replaced
    if new == exists:
        message = "the file exists already" if new else "no such file"
        options_of_file = "" if new else " --new" if path.suffix in SUFFIXES else " --new --format yaml"
        raise WrongUsage(file, message, f"For example: paramsched edit {shlex.quote(file)}{options_of_file}")
    refuse_config(file)
    editor, drawing = Editor(path, options), DrawingProcess(arguments_of_command())
    server = Server(editor, drawing.draw, port)
    try:
        echo(server.address)
        if not no_browser:
            webbrowser.open(server.address)
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        editor.saving.acquire()  # wait for a save, and begin no other
        drawing.end()
        server.server_close()
        signal.signal(signal.SIGINT, handler)
    return None
