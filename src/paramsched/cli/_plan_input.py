"""Reading the arguments of commands: plans, run facts, and changes of a plan."""

import errno
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from paramsched.cli._options import UNIT_FACTS, CommandOptions
from paramsched.cli._output import WrongUsage, echo_note, option_of
from paramsched.cli._run_facts import facts_from_options, facts_if_known, names_a_file, total_from_options
from paramsched.core import files as config
from paramsched.core.base.entries import entry_names, load_entry
from paramsched.core.base.files import naming_errors
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.problem import Problem
from paramsched.core.files import Bases, Loaded
from paramsched.core.files.plan_files import PlanText, open_plan
from paramsched.core.files.problem_collector import ProblemCollector
from paramsched.core.files.read_schedule import ShapeNames, read_schedule_text
from paramsched.core.files.text_limits import MOST_BYTES
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.plan import units_of_plan
from paramsched.core.plan.resolve import known_total
from paramsched.core.schedules import SHAPES
from paramsched.core.time import RunFacts
from paramsched.errors import ConfigError, InvalidArgument, MissingFact, UnknownRecipe

if TYPE_CHECKING:
    from paramsched.tools.recipes import Recipe

# A file name has a suffix or a slash, and no brackets, unlike the text of a schedule.
_PATH = re.compile(r"[^()]*(\.[A-Za-z]\w*|[/\\][^()]*)")
_RECIPE = "recipe:"
_MISSPELLED_RECIPE = re.compile(r"recipes?(:|/|\[['\"]?)(?P<name>[\w.-]+)['\"]?\]?")  # recipes:NAME, recipes['NAME']
_ALL_RECIPES = "`paramsched recipes` lists all recipes"


@final
@dataclass(frozen=True, slots=True)
class PlanInput:
    """A plan passed to a command.

    Args:
        name: the argument: a file, "-" for standard input, "recipe:NAME" for a published recipe, or a line of text.
        loaded: the plan, with the optimizer's values and the run facts of a recipe.
        source: the text of the plan's file or of standard input; None for a line of text and for a recipe.
        options: the options of the command, with a run fact that was assumed.
    """

    name: str
    loaded: Loaded
    source: PlanText | None
    options: CommandOptions

    @property
    def known(self) -> CommandOptions:
        """The options, with the run facts of a recipe."""
        return with_facts_beside(self.loaded, self.options)

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return the problems, each with its line and column in the file."""
        return tuple(problems) if self.source is None else self.source.placed(problems)


def text_of_plan_input(given: str, format: str | None) -> PlanText | None:
    """Read the text of a plan from its file or standard input. Returns None for a recipe and a line of text."""
    if format is not None and format not in config.formats():
        names = config.formats()
        raise WrongUsage("", f'Unknown format "{format}"; {did_you_mean(format, names)}')
    if given == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed", "standard input")
        with naming_errors("standard input"):
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        try:
            return PlanText("standard input", data.decode("utf-8-sig"), format or "yaml")
        except UnicodeDecodeError as error:
            raise OSError(errno.EILSEQ, f"byte {error.start} is not valid UTF-8", "standard input") from None
    if given.startswith(_RECIPE):
        return None
    if os.path.exists(given):  # noqa: PTH110  # Path.exists raises an error for a long text
        from paramsched.cli._configs import refuse_config

        refuse_config(given)
        return open_plan(Path(given), format)
    if _PATH.fullmatch(given):
        raise FileNotFoundError(2, "no such file", given)
    return None


def read_plan_input(given: str, options: CommandOptions, *, source: PlanText | None = None) -> PlanInput:
    """Read a plan from a file, standard input, the published recipes or a line of text.

    If the text of the file or of standard input has been read already, it is `source`.
    """
    source = source or text_of_plan_input(given, options.format)  # read once, because a pipe cannot be read again
    if source is None:
        return PlanInput(given, _loaded_text(given, options), None, options)
    facts_if_known(options)  # raises an error for invalid facts
    loaded = source.loaded()
    names = dict.fromkeys(one.name for one in loaded.plan.bindings)
    if options.field not in ("lr", *names):
        echo_note(f"--field {options.field}: {given} schedules {', '.join(names)}")
    return PlanInput(given, loaded, source, options)


def recipe_named(given: str) -> "Recipe":
    """Return the recipe of an argument `recipe:NAME`."""
    name, known = given.removeprefix(_RECIPE), _recipes()
    try:
        return known[name]
    except KeyError as error:
        names = list(known)
        near = next((one for one in names if name and one.startswith(name)), None) or closest(name, names)
        found = f'no such recipe; did you mean "{near}"?' if near else "no such recipe"
        raise UnknownRecipe(given, found, f"Write {_RECIPE}{near}" if near else _ALL_RECIPES) from error


def _recipes() -> "Mapping[str, Recipe]":
    """Return the published recipes; none without the package `tools`."""
    if "recipes" not in entry_names("packages"):
        return {}
    found: Mapping[str, Recipe] = load_entry("packages", "recipes").recipes
    return found


def _loaded_text(given: str, options: CommandOptions) -> Loaded:
    """Read a recipe or a line of text."""
    facts_if_known(options)  # raises an error for invalid facts
    if given.startswith(_RECIPE):
        recipe, total = recipe_named(given), total_from_options(options)
        plan = recipe.plan if total is None else Plan(*recipe.plan.as_written(), total=total, clock=recipe.plan.clock)
        return Loaded(plan, Bases(recipe.bases), facts=recipe.facts)
    names = list(_recipes())
    if given in names:
        raise WrongUsage(given, "no such file", f"Write {_RECIPE}{given}")
    if (misspelled := _MISSPELLED_RECIPE.fullmatch(given)) is not None:
        near = next((one for one in names if one.startswith(misspelled["name"])), None)
        name = near or closest(misspelled["name"], names)
        raise WrongUsage(given, "no such file", f"Write {_RECIPE}{name}" if name else _ALL_RECIPES)
    if given.isidentifier() and given not in SHAPES:
        for suffix in (".yaml", ".yml", ".toml", ".json"):
            if os.path.isfile(given + suffix):  # noqa: PTH113  # as above
                raise WrongUsage(given, "no such file", f"Write {given}{suffix}")
    problems = ProblemCollector()
    schedule = read_schedule_text(given, "", ShapeNames(), problems)
    if schedule is None:
        line = " ".join(given.splitlines())
        placed = [one.changed(column=one.span[0] + 1, text=line) if one.span else one for one in problems.found()]
        raise ConfigError(options.field, placed)
    return Loaded(Plan(Binding(options.field, schedule), total=total_from_options(options)))


def title_of_plans(given: Sequence[str]) -> str:
    """Return the title of a picture: the names of the plan files, or "Plan"."""
    names = [Path(one).name for one in given if names_a_file(one)]
    return ", ".join(names) or ("Plan" if len(given) == 1 else "Plans")


_ALTERNATIVES = {  # a fact passed as an option, and the facts of a recipe that it replaces
    "steps_per_epoch": ("batches_per_epoch",),
    "batches_per_epoch": ("steps_per_epoch",),
    "tokens_per_step": ("sequence_length",),
}


def with_facts_beside(loaded: Loaded, options: CommandOptions) -> CommandOptions:
    """Return the facts of the options, completed by those of a recipe or a checkpoint."""
    if loaded.facts is None:
        return options
    replaced = {fact for one in options.facts for fact in _ALTERNATIVES.get(one, ())}
    of_file = {name: getattr(loaded.facts, name) for name in UNIT_FACTS if name not in {"total", *replaced}}
    return options.with_facts(**{**of_file, **options.facts})


def facts_for_picture(plan: Plan, options: CommandOptions) -> RunFacts:
    """Return the run facts for a picture. A missing fact that only scales the time axis is assumed, with a note."""
    from paramsched.show.plan_curves import ASSUMED_TOTAL

    if plan.total is None and options.total is None:
        known = known_length(plan, options)
        if known is not None:
            return facts_from_options(options, total=known)
        # A plan in percent looks the same for every total.
        if units_of_plan(plan) <= {"percent"}:
            echo_note(f"no --total given; taken to be {ASSUMED_TOTAL} updates")
            return facts_from_options(options, total=ASSUMED_TOTAL)
        raise WrongUsage(
            "",
            "The length of the run is unknown",
            "For example: --total 10000, or --total '90 epochs' --steps-per-epoch 500",
        )
    assumed = assumed_fact(plan, options)
    if assumed is None:
        return facts_from_options(options)
    fact, value = assumed
    echo_note(f"no {option_of(fact)} given; taken to be {value:g}")
    return facts_from_options(options, **{fact: value})


def assumed_fact(plan: Plan, options: CommandOptions) -> tuple[str, float] | None:
    """Return the name of the run fact that a picture lacks, and a value to assume for it.

    Returns None unless exactly one fact is missing.
    """
    from paramsched.show.plan_curves import assumed_value

    total = total_from_options(options) or plan.total
    if total is None:
        return None
    units = (units_of_plan(plan) | {unit for unit, _ in total.terms}) - {"percent"}
    if units <= {"updates"}:  # no fact converts a length
        return None
    try:
        facts = facts_from_options(options)
        if known_total(plan.resolve(facts=facts), facts) is not None:
            return None
    except InvalidArgument:
        pass
    # Lengths in a single unit keep their proportions for every number of updates per unit.
    if len(units) == 1 and "updates" not in units:
        ((unit, amount),) = total.terms
        fact, value = assumed_value(unit, float(amount))
        if fact not in options.facts and not (unit == "epochs" and options.has_epoch):
            return fact, value
    return None


def known_length(plan: Plan, options: CommandOptions) -> int | None:
    """Return the length in updates of a plan whose schedules all have a length, or None."""
    from paramsched.show.plan_curves import length_of_plan

    try:
        return length_of_plan(plan, facts_from_options(options))
    except (MissingFact, InvalidArgument):
        return None
