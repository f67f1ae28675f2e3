"""ConfigDict: the class of `_base_` in a config, and of each dict in it, as in MMEngine 0.10.7."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any


class ConfigDict(dict[str, Any]):
    """A dict whose entries are attributes too. Plain dicts in its values become ConfigDicts."""

    def __init__(self, *entries: Any, **more: Any) -> None:
        for key, value in dict(*entries, **more).items():
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, _as_config(value))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the config has no entry {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in dir(ConfigDict):
            raise AttributeError(f"{name!r} is a method of the config")
        self[name] = value

    __delattr__ = dict.__delitem__

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove an entry and return its value, or the default if there is no such entry."""
        return super().pop(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of an entry, which is added if it is missing."""
        if key in self:
            return self[key]
        self[key] = default
        return default

    def update(self, *other: Mapping[str, Any], **more: Any) -> None:  # type: ignore[override]  # dict's has overloads
        """Add entries. A dict is merged into a dict of the same name."""
        for key, value in {**dict(*other), **more}.items():
            before = self.get(key)
            if isinstance(before, ConfigDict) and isinstance(value, dict):
                before.update(value)
            else:
                self[key] = value

    def merge(self, other: Mapping[str, Any]) -> None:
        """Merge a dict into this one. A dict with `_delete_=True` replaces the entry of the same name."""
        merged = _merged_values(deepcopy(other), deepcopy(self))
        self.clear()
        self.update(merged)

    def copy(self) -> "ConfigDict":
        """Return a copy that shares the dicts in it."""
        return ConfigDict(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> "ConfigDict":
        return ConfigDict({key: deepcopy(value, memo) for key, value in self.items()})

    def deepcopy(self) -> "ConfigDict":
        """Return a copy of the dict and of its values."""
        return deepcopy(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the entries, with plain dicts in place of ConfigDicts."""
        return {key: _plain(value) for key, value in self.items()}

    def __or__(self, other: Any) -> "ConfigDict":  # type: ignore[override]  # dict's has overloads
        merged = deepcopy(self)
        merged.update(other)
        return merged

    def __ror__(self, other: Any) -> "ConfigDict":  # type: ignore[override]  # as above
        return ConfigDict(other) | self

    def __ior__(self, other: Any) -> "ConfigDict":  # type: ignore[override]  # as above
        self.update(other)
        return self


def inside(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a dict, list or tuple with a function applied to its values; any other value is unchanged."""
    if isinstance(value, dict):
        return {key: change(one) for key, one in value.items()}
    return type(value)(map(change, value)) if isinstance(value, (list, tuple)) else value


def _as_config(value: Any) -> Any:
    if isinstance(value, dict):
        return value if isinstance(value, ConfigDict) else ConfigDict(value)
    return inside(value, _as_config)


def _plain(value: Any) -> Any:
    return inside(value, _plain)


def _merged_values(over: Any, base: Any) -> Any:
    """Return a dict merged into another; any other value replaces what the base has, as in `ConfigDict.merge`."""
    if not isinstance(over, dict):
        return over
    replaces = over.pop("_delete_", False)
    if not isinstance(base, dict):
        return over
    kept = {} if replaces else base
    return {**kept, **{key: _merged_values(value, kept.get(key)) for key, value in over.items()}}
