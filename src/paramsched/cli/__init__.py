"""The command `paramsched`."""

import click

from paramsched.cli._options import Commands


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="paramsched", message="%(version)s")
def main() -> None:
    """See, check, compare and convert plans of hyperparameters over time.

    PLAN is a file (YAML, TOML, JSON, or another library's config), - for YAML from standard input, recipe:NAME for a
    published one, or one line of text such as 'warmup("5%") >> cosine(to=0.1)'.

    Exit codes: 0; 1 for a bad plan or a difference; 2 for wrong usage or a missing file.
    """
