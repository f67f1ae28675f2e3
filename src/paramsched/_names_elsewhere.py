"""What a name of another library means here: for errors, docstrings, the page of names and `paramsched find`."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from paramsched._peer_names import EDGES, LIBRARIES, OtherName
from paramsched.near_names import closest

_FUNCTION = re.compile(r"(?<![\w.\"'])([a-z]\w*(?=[.(])|previous\b|following\b)")


def other_names() -> Iterator[tuple[str, OtherName]]:
    """Every name with its library, in the order of the table."""
    for library, names in LIBRARIES.items():
        for one in names:
            yield library, one


def meant_by(name: str) -> tuple[str, OtherName] | None:
    """The library and the row of a name that peers have, also behind its module's; None where it is none.

    >>> meant_by("torch.optim.lr_scheduler.CosineAnnealingLR")[1][2]
    'cosine(to=0.0, over=100)'
    """
    spaces, _, last = name.rpartition(".")
    kind = next((end for end in ("Momentum", "LR") if last.endswith(end)), "")
    if kind == "Momentum" or (kind and "mmengine" in spaces):  # MMEngine's, one each for each of its schedulers
        last = f"{last.removesuffix(kind)}ParamScheduler"
    asked = letters_of(last)
    found = [(library, one) for library, one in other_names() if letters_of(one[0]) == asked]
    return next((hit for hit in found if hit[0] in spaces), found[0] if found else None)


def advice_for_peer(name: str) -> tuple[str, str] | None:
    """What a peer's name is, and a line to write; None where it is none.

    >>> advice_for_peer("StepLR")
    ('"StepLR" is a name of torch; here it is step', 'step(30, gamma=0.1)')
    """
    if (found := meant_by(name)) is None:
        return None
    library, (_, ours, line, different) = found
    origin = "a word of papers" if library == "papers" else f"a name of {library}"
    return f'"{name}" is {origin}; here it is {ours}{different and f" ({library}: {different})"}', line


def unknown_attribute(name: str, known: Iterable[str]) -> str:
    """What to write for an attribute that the package has not; nothing where nothing is near.

    >>> unknown_attribute("StepLR", [])
    '; "StepLR" is a name of torch; here it is step. Write ps.step(30, gamma=0.1)'
    """
    if name.startswith("_"):  # what Python and its tools ask every module for
        return ""
    if peer := advice_for_peer(name):
        return f"; {peer[0]}. Write {line_in_code(peer[1])}"
    near = closest(name, known)
    return f'; did you mean "{near}"?' if near else ""


def line_in_code(line: str) -> str:
    """A line of text as Python has it.

    >>> line_in_code('warmup("5%") >> anneal(curve=curves.rex)')
    'ps.warmup("5%") >> ps.anneal(curve=ps.curves.rex)'
    """
    return _FUNCTION.sub(r"ps.\1", line)


def letters_of(name: str) -> str:
    """A name without case, spaces and punctuation, so that `warm-up` is `warmup`."""
    return "".join(filter(str.isalnum, name.lower()))


def with_other_names(documented: str | None, ours: str) -> str | None:
    """A docstring with what others call the same at its end, and by which edge they count.

    Args:
        documented: the docstring; None where Python drops them.
        ours: the name, with its prefix.
    """
    rows = rows_by_our_name().get(ours)
    if documented is None or rows is None:
        return documented
    body = documented.partition("\n")[2].lstrip("\n")
    margin = body[: len(body) - len(body.lstrip(" "))]
    lines = "\n".join(f"{margin}- {row}" for row in rows)
    return f"{documented.rstrip()}\n\n{margin}In other libraries:\n\n{lines}\n"


@cache
def rows_by_our_name() -> dict[str, list[str]]:
    """For each name of ours a row for each library: its names, what is different there, its edge."""
    gathered: dict[tuple[str, str], dict[str, list[str]]] = {}
    for library, (name, ours, _, different) in other_names():
        gathered.setdefault((ours, library), {}).setdefault(different, []).append(f"`{name}`")
    rows: dict[str, list[str]] = {}
    for (ours, library), names in gathered.items():
        pieces = (", ".join(several) + (different and f" ({different})") for different, several in names.items())
        rows.setdefault(ours, []).append(f"{library} {', '.join(pieces)}{EDGES[library] and f': {EDGES[library]}'}")
    return rows
