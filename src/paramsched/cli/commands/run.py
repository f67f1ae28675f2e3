"""`paramsched run`: train a model from a config of MMEngine. Door: `mmengine`."""

import sys
from pathlib import Path

import click

from paramsched.cli._options import (
    Command,
    ExistingFile,
    echo,
)


@click.command(
    "run",
    cls=Command,
    short_help="Train a model from an MMEngine config.",
    examples=(
        "paramsched run config.py",
        "paramsched run config.py --plan plan.yaml --work-dir runs/mine",
    ),
)
@click.argument("config", metavar="CONFIG", type=ExistingFile())
@click.option("--work-dir", metavar="FOLDER", help="Folder for logs and checkpoints. By default, the one in CONFIG.")
@click.option(
    "--plan", metavar="PLAN", help="Plan to use instead of the schedulers in CONFIG: a file or one line of text."
)
@click.option("--resume", is_flag=True, help="Resume from the newest checkpoint, if there is one.")
@click.option(
    "--load-from", metavar="CHECKPOINT", help="Start from these weights. With --resume, resume from this checkpoint."
)
def paramsched_run(config: str, work_dir: str | None, plan: str | None, resume: bool, load_from: str | None) -> None:
    """Train a model from CONFIG, a .py, .yaml or .json file with the keys of MMEngine.

    A .py file is read, not executed. The modules in its custom_imports are imported from the folder of CONFIG or from
    installed packages, and run their code; they register models, datasets, metrics and hooks. All problems of the
    config are reported at once, before anything is imported. Exit code 1 for an invalid config. Several processes:
    accelerate launch -m paramsched run CONFIG
    """
    from paramsched.errors import InvalidArgument, MissingFact
    from paramsched.mmengine.runner.runner import Runner, checked_config

    chosen = {"work_dir": work_dir, "param_scheduler": plan, "resume": resume or None, "load_from": load_from}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    checked = checked_config(config, chosen)
    if checked.get("custom_imports") is not None:  # otherwise no module of the folder may be imported
        sys.path.insert(0, str(Path(config).resolve().parent))
    runner = Runner.from_cfg(checked, **chosen)
    try:
        runner.train()
    except MissingFact as error:
        # The missing fact belongs in CONFIG, because this command has no options for run facts.
        raise InvalidArgument(error.site, error.found, error.instead) from None
    echo(str(runner.work_dir))
