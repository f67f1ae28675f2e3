"""Text of users made safe to print: in a terminal, a message, a picture."""

from collections.abc import Iterable


def printable(text: str, *, ascii: bool = False) -> str:
    r"""Write control characters as escapes, so that a group's name cannot command the terminal.

    >>> printable("head\x1b[31m"), printable("köpfe", ascii=True)
    ('head\\x1b[31m', 'k\\xf6pfe')
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown.encode("ascii", "backslashreplace").decode() if ascii else shown


def names_listed(names: Iterable[str], most: int = 20) -> str:
    r"""Names in a message: made safe, and no more of them than one reads.

    >>> names_listed(["lr", "a\x1b"]), names_listed("abc", most=2)
    ('lr, a\\x1b', 'a, b and 1 more')
    """
    known = [printable(name) for name in names]
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest
