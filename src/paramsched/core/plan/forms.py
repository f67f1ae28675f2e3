"""The forms of a plan, which every function that takes a plan accepts."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeGuard

from paramsched.base.params import required_names, short_name
from paramsched.base.problem import Problem
from paramsched.base.words import RECIPE, closest
from paramsched.core.builders import SHAPES, example_call
from paramsched.core.entries import is_entry_installed, load_entry
from paramsched.core.feedback import MetricRule
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.schedules.schedule import FUNCTION_AS_SHAPE, Schedule, readings_of_number
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import InvalidArgument, shown


class PlanText(Protocol):
    """The text of a plan file, as the package of files has it."""

    @property
    def name(self) -> str:
        """The name in problems, such as the path of the file."""

    def loaded(self) -> Any:
        """Return the plan, with the values that belong to it."""

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems with lines and columns if they are known."""


class PublishedPlan:
    """A plan with its source: the base class of recipes.

    A run takes the plan, but neither the run facts nor the bases.
    """

    __slots__ = ()

    name: str
    plan: Plan
    facts: RunFacts
    bases: tuple[Mapping[str, Any], ...]


FormOfPlan: TypeAlias = Plan | MetricRule[Any] | PublishedPlan | Mapping[str, Any] | str | os.PathLike[str]
"""A plan in any form but a schedule."""

PlanLike: TypeAlias = FormOfPlan | Schedule
short_name("PlanLike", PlanLike)
"""The forms of a plan. A schedule, a metric rule, or the text of one means `Plan(lr=…)`.

See the reference page "What a plan may be". Another string is `recipe:NAME`, the path of a file (one line that ends in
a suffix of `SUFFIXES`), or the text of a plan (it has a line break, or begins with `{` or `name: `). A mapping has the
entries of a plan file.
"""

FORMS: Final = (Plan, Schedule, MetricRule, PublishedPlan, Mapping, str, os.PathLike)

SUFFIXES: Final[Mapping[str, str]] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
}
"""A dict from the suffix of a plan file to its format."""

_ENTRY = re.compile(r"""\s*(\{|(["']?)[\w.@/*\[\]-]+\2\s*:(\s|\Z))""")


TextForm: TypeAlias = Literal["recipe", "path", "plan", "line"]


def form_of_text(text: str) -> TextForm:
    """Return what a text in place of a plan is: the name of a recipe, a path, the text of a plan, or of a schedule.

    >>> [form_of_text(text) for text in ("recipe:bert.yaml", "cosine(start=2).yaml", "lr: cosine()", "cosine()")]
    ['recipe', 'path', 'plan', 'line']
    """
    if "\n" in text:
        return "plan"
    if text.startswith(RECIPE) and not text[len(RECIPE) :][:1].isspace():
        return "recipe"
    if text.rstrip().lower().endswith(tuple(SUFFIXES)):
        return "path"
    return "line" if _ENTRY.match(text) is None else "plan"


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether a form of a plan is the path of a file.

    >>> is_path("plan.yaml"), is_path("cosine(start=2).yaml"), is_path("lr: cosine()"), is_path("recipe:bert.yaml")
    (True, True, False, False)
    """
    return form_of_text(value) == "path" if isinstance(value, str) else isinstance(value, os.PathLike)


def is_plan_text(value: object) -> TypeGuard[str]:
    """Return whether a form of a plan is the text of a plan file.

    >>> is_plan_text("lr: cosine()"), is_plan_text("cosine()"), is_plan_text("recipe:bert-base")
    (True, False, False)
    """
    return isinstance(value, str) and form_of_text(value) == "plan"


def is_line(value: object) -> TypeGuard[str]:
    """Return whether a form of a plan is the text of a schedule."""
    return isinstance(value, str) and form_of_text(value) == "line"


def published_plan(value: object) -> PublishedPlan | None:
    """Return the recipe that `value` is or names; None for any other form.

    Raises:
        UnknownRecipe: no recipe has this name.
    """
    if isinstance(value, str) and form_of_text(value) == "recipe":
        found: PublishedPlan = load_entry("recipes").recipes[value.removeprefix(RECIPE)]
        return found
    return value if isinstance(value, PublishedPlan) else None


def plan_of(source: PlanLike, call: str) -> Plan:
    """Return the plan that a form of a plan means.

    Args:
        source: the plan in any of its forms.
        call: the function that takes it, for messages.

    Raises:
        InvalidArgument: the value is not a form of a plan, or a text is not a schedule.
        FileNotFoundError: the file does not exist.
        ConfigError: the file, the text or the mapping has errors.

    >>> plan_of("cosine()", "trace") == plan_of({"lr": "cosine()"}, "trace") == Plan(lr="cosine()")
    True
    """
    if isinstance(source, Plan):
        return source
    if isinstance(source, (Schedule, MetricRule)):
        return Plan(lr=source)
    if (published := published_plan(source)) is not None:
        return published.plan
    if is_line(source):
        return _plan_of_line(source, call)
    if isinstance(source, (str, os.PathLike, Mapping)):
        plan: Plan = load_entry("files of plans").open_plan(source).loaded().plan
        return plan
    is_function, name = callable(source) and not isinstance(source, type), str(getattr(source, "__name__", ""))
    shape: object = SHAPES.get(name)
    if is_function and shape is source:  # cosine without brackets
        return _plan_of_line(name, call)
    example = "ps.Plan(lr=ps.cosine(to=0.1), total=1000)"
    example = "ps.show.simulate(scheduler, 100)" if hasattr(source, "step") and "show" in call else example
    instead = "Write >> between the stages" if isinstance(source, (list, tuple)) else f"For example: {example}"
    instead = FUNCTION_AS_SHAPE if is_function else instead
    if isinstance(source, (int, float)) and not isinstance(source, bool):
        instead = _advice_for_number(source)
    raise InvalidArgument(f"{call}(…, plan={shown(source)})", f"expected a plan, got {type(source).__name__}", instead)


def plan_in_run(source: PlanLike, call: str, facts: RunFacts | None) -> Plan:
    """Return the plan that a form of a plan means in a run. The total of the run facts replaces the one of a recipe."""
    plan = plan_of(source, call)
    if facts is None or facts.total is None or published_plan(source) is None:
        return plan
    return without_total(plan)


def without_total(plan: Plan) -> Plan:
    """Return a plan without its length."""
    return plan_of_lines(plan.as_written(), None, plan.clock)


def _advice_for_number(number: float | str) -> str:
    """Return the advice for a number in place of a plan, or for a text such as `10k`."""
    with suppress(ValueError, OverflowError):
        if isfinite(float(number)):
            return readings_of_number(str(number), '"')
    return 'For example: "constant(1.0)", the base at every update'


def _plan_of_line(text: str, call: str) -> Plan:
    """Return the plan of a text that has no form of a plan file: the text of a schedule."""
    word = text.strip()
    if "(" in word:
        return Plan(lr=word)
    site, instead = f"{call}(…, plan={shown(text)})", ""
    if word in SHAPES:
        call = example_call(SHAPES[word], word) if required_names(SHAPES[word]) else f"{word}()"
        message, instead = "the function needs brackets", f'Write "{call}"'
    elif re.fullmatch(r"[-+.\d][\w.+-]*", word):
        message, instead = "expected a plan, got a number", _advice_for_number(word)
    elif re.search(r">>|\*", word):
        return Plan(lr=word)
    else:
        if call == "ps.loads":  # it reads no file
            raise InvalidArgument(
                site, "neither the text of a schedule nor that of a plan file", example="lr: cosine()"
            )
        message = "neither the text of a schedule nor the path of a plan file, which ends in .yaml or .json"
        name = re.sub(r"\.[A-Za-z]{1,4}\Z", "", word) or "plan"  # plan.yam
        instead = f'For example: "{name}.yaml"' if re.fullmatch(r"[\w./\\~-]*", word) else ""
        names = load_entry("recipes").recipes if is_entry_installed("recipes") else ()
        if (recipe := closest(word, names)) is not None:
            instead = f'Write "{RECIPE}{recipe}"'
    raise InvalidArgument(site, message, instead)
