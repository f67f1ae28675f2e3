"""An argument is declared once: its other places are made from the declaration."""

import inspect
from typing import Unpack, get_type_hints

import click
import pytest

from paramsched.cli import main
from paramsched.cli._options import FactOption
from paramsched.core.base.params import params_of, params_of_record
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.time.calendar import Calendar, Facts

UNIT_FACTS = params_of_record(Facts)
CONTEXT = click.Context(main)
COMMANDS = [main.get_command(CONTEXT, name) for name in main.list_commands(CONTEXT) if name != "recipes"]
"""The commands that read a plan of the user."""


def test_the_run_facts_are_the_fields_of_a_calendar_and_keywords_of_a_scheduler():
    declared, fields = params_of_record(Facts), params_of(Calendar)

    assert list(fields) == list(declared)
    assert get_type_hints(Scheduler.__init__)["facts"] == Unpack[Facts]
    assert Facts.__annotations__.keys() <= inspect.signature(Scheduler).parameters.keys()
    assert {name: one.kind for name, one in fields.items()} == {name: one.kind for name, one in declared.items()}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_the_options_for_run_facts_have_the_declared_names_types_ranges_and_descriptions(command):
    options = {one.name: one for one in command.params if isinstance(one, FactOption) and one.name in UNIT_FACTS}
    shown = {
        name: (one.opts, getattr(one.type, "min", None), one.type.name, one.help.partition(":")[0].rstrip("."))
        for name, one in options.items()
    }
    types = {"count": "integer range", "number": "float", "length": "text"}

    assert shown == {
        name: (
            [f"--{its.replace('_', '-')}" for its in (*one.other_names, name)],
            one.marker("ge"),
            types[one.kind],
            one.marker("doc"),
        )
        for name, one in UNIT_FACTS.items()
    }
