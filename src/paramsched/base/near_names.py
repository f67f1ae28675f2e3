"""The known name that is nearest to one that is unknown."""

from collections.abc import Iterable
from functools import lru_cache


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be; None where none is near.

    >>> closest("weight_decy", ["lr", "weight_decay"])
    'weight_decay'
    """
    return _closest_of(name, tuple(sorted(set(known))))


@lru_cache(maxsize=1024)
def _closest_of(name: str, known: tuple[str, ...]) -> str | None:
    """The same of sorted names; kept, as a mistake is often made many times over in one file."""
    from difflib import get_close_matches  # for messages only, so not at import

    if (same := next((one for one in known if one.lower() == name.lower()), None)) is not None:
        return same
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The clause that names the nearest right name, or the right ones.

    >>> did_you_mean("weight_decy", ["lr", "weight_decay"]), did_you_mean("xyz", ["lr", "eps"])
    ('did you mean "weight_decay"?', 'known: eps, lr')
    """
    names = sorted(set(known))
    near = closest(name, names)
    return f"known: {', '.join(names)}" if near is None else f'did you mean "{near}"?'
