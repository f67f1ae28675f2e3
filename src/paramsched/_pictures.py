"""How plans, schedules and traces are drawn, for their own methods: by `paramsched.show`, which stands above them.

It is looked up by name when a picture is asked for. So the lower half imports nothing of it, and a notebook shows a
plan as the value of a cell without any import of the user.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def mime_bundle_of(value: object) -> dict[str, str]:
    """What a notebook shows for a value, by MIME types."""
    found: dict[str, str] = import_module("paramsched.show").mime_bundle(value)
    return found


def axes_of_plan(plan: object, bases: Any, calendar: object, axes: Any, view: Mapping[str, Any]) -> Any:
    """A plan on Matplotlib axes; `view` has the entries of a `show.View`."""
    show = import_module("paramsched.show")
    return show.plan_axes(plan, bases, calendar, axes, show.View(**view))
