"""The run facts that the options of a command specify, and the names of files."""

import os
import re
import shlex
from typing import Any, Final

from paramsched.cli._options import CommandOptions
from paramsched.cli._output import WrongUsage, option_of
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import InvalidArgument, MissingFact

_NUMBER: Final = re.compile(r"\s*\d[\d_]*(e\d+)?\s*")


def names_a_file(given: str) -> bool:
    """Return whether an argument names a file, rather than standard input, a recipe or a line of text."""
    return given != "-" and os.path.exists(given)  # noqa: PTH110  # Path.exists raises an error for a long text


def length_from_option(text: str, option: str) -> Duration:
    """Return the length that an option specifies. A plain number such as 10000 or 1e5 counts updates."""
    try:
        return Duration.of(f"{text} steps" if _NUMBER.fullmatch(text) else text)
    except InvalidArgument as error:
        example = "10000" if option == option_of("total") else "5%"
        write, _, meant = error.problem.advice.partition("Write ")
        advice = f"Write {option} {meant}" if meant and not write else f"For example: {option} {example}"
        raise WrongUsage(option, error.problem.summary, advice) from None


def total_from_options(options: CommandOptions) -> Duration | None:
    """Return the total that the options specify; None if there is none."""
    return None if options.total is None else length_from_option(options.total, option_of("total"))


def facts_from_options(options: CommandOptions, **assumed: Any) -> RunFacts:
    """Return the run facts that the options specify. The facts in `assumed` take precedence over the options."""
    total = total_from_options(options)
    try:
        return RunFacts(**{**options.facts, "total": total, **assumed})
    except MissingFact as error:
        # A total in epochs needs the length of an epoch.
        raise error.changed(site=f"{option_of('total')} {options.total}") from None
    except InvalidArgument as error:
        passed = {**options.facts, **assumed}
        site = " ".join(f"{option_of(name)} {shlex.quote(str(value))}" for name, value in passed.items())
        raise WrongUsage(site, error.problem.found, error.problem.advice) from None


def facts_if_known(options: CommandOptions) -> RunFacts | None:
    """Return the run facts that the options specify; None if no option is passed.

    A total that cannot be converted to updates is omitted.
    """
    if not options.facts:
        return None
    try:
        return facts_from_options(options)
    except MissingFact:
        return facts_from_options(options.with_facts(total=None))
