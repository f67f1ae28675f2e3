"""What the reference pages list: read from the code, so that a new shape appears by itself. Needs no Sphinx."""

import paramsched
from paramsched._names_elsewhere import other_names
from paramsched._peer_names import EDGES
from paramsched.schedules import SHAPES
from paramsched.schedules.levels import NEIGHBOR_LEVELS


def pages() -> dict[str, str]:
    """Each generated page's name and text."""
    shapes = {name: builder.__module__ for name, builder in sorted(SHAPES.items())}
    others = sorted(set(paramsched.__all__) - set(SHAPES))
    rest = {name: "paramsched" for name in others if callable(getattr(paramsched, name))}
    rest |= dict.fromkeys(NEIGHBOR_LEVELS, "paramsched.schedules.levels")
    return {"shapes": page("Shapes", shapes), "api": page("Everything else", rest), "names": names_page()}


def names_page() -> str:
    """The page of the names that other libraries have, a table for each."""
    rows: dict[str, list[str]] = {}
    for library, (name, ours, line, different) in other_names():
        rows.setdefault(library, []).append(f"| `{name}` | `{ours}` | `{line}` | {different} |")
    head = "| there | here | a line to write | what is different there |\n| --- | --- | --- | --- |"
    tables = (
        f"## {library}\n\n{EDGES[library] and f'Counts by {EDGES[library]}.'}\n\n{head}\n" + "\n".join(several)
        for library, several in rows.items()
    )
    opening = "Wherever one of these is typed, in code, text, YAML or `paramsched find`, the answer is the line."
    return "# Names elsewhere\n\n" + opening + "\n\n" + "\n\n".join(tables) + "\n"


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
