"""Train a model from a config of MMEngine: `python -m paramsched.mmengine config.py`."""

import sys
import warnings
from pathlib import Path

import click

from paramsched.base import Problem, codes, entry_path, printable, printable_lines
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact, ParamschedError


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("config", metavar="CONFIG")
@click.option("--work-dir", metavar="FOLDER", help="Folder for logs and checkpoints. By default, the one in CONFIG.")
@click.option(
    "--plan", metavar="PLAN", help="Plan to use instead of the schedulers in CONFIG: a file or one line of text."
)
@click.option("--resume", is_flag=True, help="Resume from the newest checkpoint, if there is one.")
@click.option(
    "--load-from", metavar="CHECKPOINT", help="Start from these weights. With --resume, resume from this checkpoint."
)
def main(config: str, work_dir: str | None, plan: str | None, resume: bool, load_from: str | None) -> None:
    """Train a model from CONFIG, a .py, .yaml or .json file with the keys of MMEngine.

    A .py file is run. The modules in its custom_imports are imported from the folder of CONFIG or from installed
    packages, and run their code; they register models, datasets, metrics and hooks. All problems of the config are
    reported at once, before anything is written.

    Several processes: accelerate launch -m paramsched.mmengine CONFIG

    Exit code 1 for an invalid config, 2 for a missing file or package.
    """
    chosen = {"work_dir": work_dir, "param_scheduler": plan, "resume": resume or None, "load_from": load_from}
    code = 1
    problem = ""
    printed = set[str]()

    def print_once(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in printed:
            printed.add(str(message))
            click.echo(printable_lines(f"warning: {message}"), err=True)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = print_once
            _train(config, {name: value for name, value in chosen.items() if value is not None})
    except MissingDependency as error:
        code = 2
        problem = str(error)
    except ParamschedError as error:
        problem = str(error)
    except OSError as error:
        code = 2
        problem = printable(f"{error.filename or config}: {error.strerror or error}")
    except KeyboardInterrupt:
        code = 130
        problem = "Interrupted."
    if problem:
        click.echo(printable_lines(problem), err=True)
        sys.exit(code)


def _train(config: str, options: dict[str, object]) -> None:
    """Train, and print the folder of the run."""
    from paramsched_runner.runner._parts import FOR_TRAINING
    from paramsched_runner.runner.runner import Runner, config_as_dict

    entries = config_as_dict(config)
    if all(entries.get(name) is None for name in FOR_TRAINING):  # a Runner without them may evaluate
        message = "it is missing, and a training needs it"
        raise ConfigError(
            "Runner", [Problem(entry_path(name), message, code=codes.WRONG_ARGUMENT) for name in FOR_TRAINING]
        )
    path = sys.path[:]
    if entries.get("custom_imports") is not None:  # otherwise no module of the folder may be imported
        sys.path.insert(0, str(Path(config).resolve().parent))
    try:
        runner = Runner.from_cfg(entries, **options)
        runner.train()
    except MissingFact as error:
        # The missing fact belongs in CONFIG, because this command has no options for run facts.
        raise InvalidArgument(error.problem.site, error.problem.found, error.problem.advice) from None
    finally:
        sys.path[:] = path
    click.echo(printable(str(runner.work_dir)))
