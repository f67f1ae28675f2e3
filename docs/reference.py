"""What the reference pages list: read from the code, so that a new shape appears by itself. Needs no Sphinx."""

import paramsched
from paramsched.schedules import SHAPES
from paramsched.schedules.levels import NEIGHBOR_LEVELS


def pages() -> dict[str, str]:
    """Each generated page's name and text."""
    shapes = {name: builder.__module__ for name, builder in sorted(SHAPES.items())}
    others = sorted(set(paramsched.__all__) - set(SHAPES))
    rest = {name: "paramsched" for name in others if callable(getattr(paramsched, name))}
    rest |= dict.fromkeys(NEIGHBOR_LEVELS, "paramsched.schedules.levels")
    return {"shapes": page("Shapes", shapes), "api": page("Everything else", rest)}


def page(title: str, names: dict[str, str]) -> str:
    """A page that documents names of modules."""
    entries = "\n".join(directive(module, name) for name, module in names.items())
    return f"# {title}\n\n```{{eval-rst}}\n{entries}\n```\n"


def directive(module: str, name: str) -> str:
    """The directive that documents one public name."""
    if isinstance(getattr(paramsched, name, None), type):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    if name in NEIGHBOR_LEVELS:
        return f".. autodata:: {module}.{name}\n   :no-value:\n"
    return f".. autofunction:: {module}.{name}\n"
