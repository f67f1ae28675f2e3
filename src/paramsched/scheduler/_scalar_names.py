"""Flat names of scheduled values, in letters that every logger takes."""

import re
from collections.abc import Sequence
from typing import Any

from paramsched.fields import Field, label

# TensorBoard rewrites other characters, MLflow refuses most of them, and a slash makes a folder in each.
_REFUSED = re.compile(r"[^\w.-]")


def flat_field(name: str) -> str:
    """A field as its plan names it, without brackets: `betas_0`.

    >>> flat_field("betas[0]"), flat_field("weight_decay")
    ('betas_0', 'weight_decay')
    """
    return Field.of(name).slot


def flat_groups(groups: Sequence[Any]) -> tuple[str, ...]:
    """What follows a field's name for each group: nothing where there is one group; else `/` and its name, or index.

    A name that other groups have too, or that is no more than digits and dots, gives way to the index.

    >>> flat_groups([{"name": "body"}, {"name": "the head"}, {}])
    ('/body', '/the_head', '/2')
    >>> flat_groups([{"name": "body"}])
    ('',)
    """
    if len(groups) == 1:
        return ("",)
    names = [_REFUSED.sub("_", str(label(group, index))) for index, group in enumerate(groups)]
    return tuple(
        f"/{name}" if names.count(name) == 1 and re.search(r"[^\W\d]", name) else f"/{index}"
        for index, name in enumerate(names)
    )
