"""References within a config, such as `${trainer.max_epochs}`. Hydra and llm-foundry resolve them by OmegaConf."""

import re
from typing import Any, Final, TypeAlias, final

from paramsched.core.files.text_limits import MOST_DEPTH, MOST_VALUES, too_many_values
from paramsched.errors import ConfigError

_REFERENCE: Final = re.compile(r"(?<!\\)\$\{([^\s${}:]+)\}")
_KEYS: Final = re.compile(r"[^.\[\]]+")
_MISSING: Final = object()
_MOST_TEXT: Final = 10_000  # characters of a text with references, which is read again after each replacement

_Keys: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value from the root of a config."""


def with_references(data: Any) -> Any:
    """Return a config with its references replaced by their values, by the rules of OmegaConf.

    A reference to something outside of the config, or to a resolver such as `${oc.env:HOME}`, stays as it is written.
    The reader of the entry reports it.

    >>> with_references({"n": 100, "over": "${n}ba", "same": {"as": "${..over}"}, "home": "${oc.env:HOME}"})
    {'n': 100, 'over': '100ba', 'same': {'as': '100ba'}, 'home': '${oc.env:HOME}'}
    """
    return _References(data).resolved(data, ())


_OF_MONAI: Final = re.compile(r"@(\w+(?:(?:#|::)\w+)*)")


def is_reference(value: Any) -> bool:
    """Return whether a value is a reference of a MONAI bundle, such as `@epochs`."""
    return isinstance(value, str) and _OF_MONAI.fullmatch(value) is not None


def is_unresolved(value: Any) -> bool:
    """Return whether a value is a reference or an expression that the file does not resolve.

    >>> [is_unresolved(one) for one in ("@epochs", "$@epochs * 2", "${oc.env:N}", "10", 10)]
    [True, True, True, False, False]
    """
    return is_reference(value) or (isinstance(value, str) and value.startswith("$"))


def with_monai_references(data: Any) -> Any:
    """Return a config of a MONAI bundle with numbers and plain text in place of their references.

    A reference to something else, to nothing or in a circle stays as it is written. The reader of the entry reports it.

    >>> with_monai_references({"epochs": 9, "a": {"n": "@epochs"}, "T_max": "@a#n", "x": "@none", "f": "@x"})
    {'epochs': 9, 'a': {'n': 9}, 'T_max': 9, 'x': '@none', 'f': '@x'}
    """

    def plain(value: Any) -> Any:
        text, seen = value, list[str]()
        while is_reference(value) and value not in seen:
            seen.append(value)
            found = data
            for key in re.split("#|::", value[1:]):
                found = found.get(key) if isinstance(found, dict) else None
            value = found
        is_plain = isinstance(value, (int, float)) or (isinstance(value, str) and not value.startswith(("$", "%", "@")))
        return value if is_plain else text

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolved(one) for key, one in value.items()}
        if isinstance(value, list):
            return [resolved(one) for one in value]
        return plain(value)

    return resolved(data)


@final
class _References:
    """A resolver of the references in one config.

    It limits the number of values, because nested references can multiply them.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = 5 * MOST_VALUES
        self._depth = 0
        self._open: list[_Keys] = []

    def resolved(self, value: Any, keys: _Keys) -> Any:
        """Return a value without references; `keys` is its position in the config."""
        self._count(1)
        if isinstance(value, str):
            return self._text(value, keys) if "${" in value else value
        if not isinstance(value, (dict, list)):
            return value
        self._depth += 1
        if self._depth > 2 * MOST_DEPTH:
            raise ConfigError("config", [f"nested more than {2 * MOST_DEPTH} deep after references are replaced"])
        found: Any
        if isinstance(value, dict):
            found = {key: self.resolved(one, (*keys, key)) for key, one in value.items()}
        else:
            found = [self.resolved(one, (*keys, index)) for index, one in enumerate(value)]
        self._depth -= 1
        return found

    def _count(self, made: int) -> None:
        self._left -= made
        if self._left < 0:
            raise too_many_values("config")

    def _text(self, text: str, keys: _Keys) -> Any:
        """Return the value of a single reference, or the text with the values of its references."""
        only = _REFERENCE.fullmatch(text)
        if only is not None:
            found = self._named(only[1], keys)
            return text if found is _MISSING else found

        def text_of_value(reference: re.Match[str]) -> str:
            found = self._named(reference[1], keys)
            value = reference[0] if found is _MISSING or isinstance(found, (dict, list)) else str(found)
            self._count(len(value))
            return value

        before = None
        while before != text and len(text) <= _MOST_TEXT:  # a reference may contain another one
            before = text
            text = _REFERENCE.sub(text_of_value, before)
            if _REFERENCE.fullmatch(text):
                return self._text(text, keys)
        return text

    def _named(self, name: str, keys: _Keys) -> Any:
        """Return the value of a reference; `_MISSING` if there is none.

        A leading dot means the mapping around the reference.
        """
        up = len(name) - len(name.lstrip("."))
        if up > len(keys):
            return _MISSING
        path: _Keys = keys[: len(keys) - up] if up else ()
        value = self._root
        for above in path:
            value = value[above]
        for word in _KEYS.findall(name):
            key: str | int = int(word) if isinstance(value, list) and word.isdecimal() and len(word) < 10 else word
            if not isinstance(value, dict) and not (isinstance(value, list) and isinstance(key, int)):
                return _MISSING
            if key not in (value if isinstance(value, dict) else range(len(value))):
                return _MISSING
            value, path = value[key], (*path, key)  # type: ignore[index]  # of a list it is an integer
        if path in self._open or len(self._open) >= MOST_DEPTH:
            return _MISSING
        self._open.append(path)
        found = self.resolved(value, path)
        self._open.pop()
        return found
