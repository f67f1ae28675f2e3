"""`paramsched run`: train what a config with MMEngine's names describes."""

import sys
from pathlib import Path

import click

from paramsched.cli._options import Command, ExistingFile


@click.command(
    "run",
    cls=Command,
    short_help="Train by a config.",
    examples=(
        "paramsched run config.py",
        "paramsched run config.py --plan plan.yaml --work-dir runs/mine",
    ),
)
@click.argument("config", metavar="CONFIG", type=ExistingFile())
@click.option("--work-dir", metavar="FOLDER", help="Where logs and checkpoints go; by default what CONFIG says.")
@click.option("--plan", metavar="PLAN", help="A plan, its text or file, instead of the schedulers CONFIG names.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint, if there is one.")
@click.option("--load-from", metavar="CHECKPOINT", help="Begin with these weights; with --resume go on from there.")
def paramsched_run(config: str, work_dir: str | None, plan: str | None, resume: bool, load_from: str | None) -> None:
    """Train by CONFIG, a .py, .yaml or .json file with MMEngine's names.

    A .py file is read, not run. The modules in its custom_imports are imported, from beside it or from where Python
    looks; they register models, datasets, metrics and hooks. Every fault is reported at once. Exit code 1 for a bad
    config. Several processes: accelerate launch -m paramsched run CONFIG
    """
    from paramsched.errors import InvalidArgument, MissingFact
    from paramsched.runner import Runner

    sys.path.insert(0, str(Path(config).resolve().parent))
    asked = {"work_dir": work_dir, "param_scheduler": plan, "resume": resume or None, "load_from": load_from}
    runner = Runner.from_cfg(config, **{name: value for name, value in asked.items() if value is not None})
    try:
        runner.train()
    except MissingFact as error:
        # What is missing is said in CONFIG: this command has no options for the facts of a run.
        raise InvalidArgument(error.asked, error.found, error.instead) from None
    click.echo(str(runner.work_dir))
