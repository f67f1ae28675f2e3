"""Short names of types in signatures: `Level` instead of the four classes of the union."""

import re

from sphinx.application import Sphinx

_MODULE = re.compile(
    r"~?(?:paramsched|collections|typing|numpy|torch|pathlib)(?:\.\w+)*\.(?=\w)"
)
_SHORT = (
    (re.compile(r"\(?float \| Absolute \| AffineLevel \| NeighborLevel\)?"), "Level"),
    (re.compile(r"Duration \| str \| int"), "Length"),
    (
        re.compile(
            r"_Buffer \| _SupportsArray\[dtype\[Any\]\] \| "
            r"_NestedSequence\[_SupportsArray\[dtype\[Any\]\]\] \| complex \| bytes \| str \| "
            r"_NestedSequence\[complex \| bytes \| str\]"
        ),
        "ArrayLike",
    ),
    (re.compile(r"Curve \| str \| Callable\[\[Any\], Any\]"), "Curve"),
    (
        re.compile(
            r"Literal\['t/n', '\(t\+1\)/n', '\(t\+1\)/\(n\+1\)', 't/\(n-1\)'\]"
        ),
        "Index",
    ),
    (re.compile(r"Schedule \| float \| str \| MetricRule \| Guided"), "ScheduleLike"),
)


def shorten(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Shorten the types of a signature and of its result."""
    return in_short(signature), in_short(returned)


def in_short(text: str | None) -> str | None:
    """Return a signature with short names of types."""
    if text is None:
        return None
    text = _MODULE.sub("", text)
    for pattern, name in _SHORT:
        text = pattern.sub(name, text)
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    """Shorten the signatures that autodoc writes."""
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
