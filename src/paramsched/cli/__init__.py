"""The command line program `paramsched`: one file per command, in `commands`, named with the package that it needs.

Promised. Imports every package on first use; without a package, its commands do not exist.
"""

import click

from paramsched.base import VERSION
from paramsched.cli._options import Commands


@click.command(cls=Commands, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
@click.version_option(VERSION, message="%(version)s")
def main() -> None:
    """Draw, check and compare plans for hyperparameters that change during training.

    PLAN is a file (YAML or JSON; for show, check and audit also a config of MMEngine), - for YAML from standard
    input, recipe:NAME for a published recipe, or one line of text such as 'warmup("5%") >> cosine(to=0.1)'.

    Exit codes: 0 success, 1 problem or difference, 2 usage or missing file.
    """
