"""Suggestions of known names for unknown ones."""

from collections.abc import Iterable
from functools import lru_cache


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to `name`; None if none is similar.

    >>> closest("weight_decy", ["lr", "weight_decay"])
    'weight_decay'
    """
    return _closest_of(name, tuple(sorted(set(known))))


@lru_cache(maxsize=1024)
def _closest_of(name: str, known: tuple[str, ...]) -> str | None:
    """Return the name in `known` that is most similar to `name`, or None.

    The result is cached, because a mistake is often repeated in a file.
    """
    from difflib import get_close_matches  # only messages need it, so it is not imported with the module

    if (same := next((one for one in known if one.lower() == name.lower()), None)) is not None:
        return same
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return close[0] if close else None


def shortened_text(text: str) -> str:
    """Shorten a text for a message: to one line of at most 60 characters."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


KNOWN = (
    "alpha", "betas", "beta2_decay", "d", "dampening", "eps", "etas", "initial_accumulator_value", "lambd", "lr",
    "lr_decay", "momentum", "momentum_decay", "rho", "step_sizes", "t0", "weight_decay",
)  # fmt: skip
"""The numeric entries of the parameter groups of torch's own optimizers."""

_LONGEST_LIST = 360  # the most characters that the names in a message may have


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the clause of a message that suggests the closest known name, or lists the known names.

    >>> did_you_mean("weight_decy", ["lr", "weight_decay"]), did_you_mean("xyz", ["lr", "eps"])
    ('did you mean "weight_decay"?', 'expected one of eps, lr')
    """
    names = sorted(set(known))
    if not names:
        return "no names are defined"
    if (near := closest(name, names)) is not None:
        return f'did you mean "{near}"?'
    text = ", ".join(names)
    if len(text) > _LONGEST_LIST:
        text = text[:_LONGEST_LIST].rpartition(", ")[0]
        text += f" and {len(names) - text.count(', ') - 1} more"
    return f"expected one of {text}" if len(names) > 1 else f"expected {text}"
