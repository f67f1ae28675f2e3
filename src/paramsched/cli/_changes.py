"""Reading what changes in a plan: `lr=SCHEDULE`, `lr@head=SCHEDULE`, `lr=0.5`."""

import re

import click

from paramsched.config.faults import Faults
from paramsched.config.schedule_text import ShapeNames, read_schedule_line
from paramsched.errors import ConfigError
from paramsched.plan import Binding, Plan
from paramsched.schedules import Schedule

# A field, a selector that may hold an "=" of its own (is_last_layer=true), and the schedule.
_CHANGE = re.compile(r"(?P<field>[^@=]+)(?:@(?P<groups>[^=]+(?:=[^=()]+)?))?=(?P<line>.+)", re.DOTALL)


def changes_from_arguments(plan: Plan, given: tuple[str, ...]) -> tuple[list[Binding], dict[str, Schedule]]:
    """The changes of single groups, and those of whole fields.

    Raises:
        UsageError: an argument that says no field.
        ConfigError: every fault of a line of text.
    """
    bindings: list[Binding] = []
    fields: dict[str, Schedule] = {}
    for one in given:
        found = _CHANGE.fullmatch(one)
        if found is None:
            raise click.UsageError(f"{one}: no change of a field. Write 'lr=linear(previous, 0, over=\"1000 steps\")'")
        field, groups = found["field"].strip(), found["groups"]
        _refuse_option(one, field)
        faults = Faults()
        schedule = read_schedule_line(found["line"].strip(), f"$.{field}", ShapeNames(), faults)
        if schedule is None:
            raise ConfigError(one, faults.found())
        if groups is None:
            fields[field] = schedule
        else:
            bindings.append(Binding(field, schedule, _selector(plan, groups.strip())))
    return bindings, fields


def factors_from_options(given: tuple[str, ...]) -> dict[str, float]:
    """The factor of each field that `--scale` names."""
    factors: dict[str, float] = {}
    for one in given:
        field, _, number = one.partition("=")
        _refuse_option(f"--scale {one}", field.strip())
        try:
            factors[field.strip()] = float(number)
        except ValueError:
            raise click.UsageError(f"--scale {one}: no field with a factor. Write --scale lr=0.5") from None
    return factors


def _refuse_option(given: str, field: str) -> None:
    """Refuse what is no field but an argument of `plan.change`."""
    if field in ("self", "at", "horizon"):
        raise click.UsageError(f"{given}: {field} is no field. Write --at 8000, --horizon 9000")


def _selector(plan: Plan, groups: str) -> str | int:
    """Groups as the plan selects them: by index where it does so."""
    by_index = groups.isdigit() and all(binding.groups != groups for binding in plan.bindings)
    return int(groups) if by_index else groups
