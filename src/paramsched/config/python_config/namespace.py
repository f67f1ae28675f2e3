"""The names of a file and their values."""

import builtins
from collections.abc import Iterable
from typing import Any, Final, final

from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.mentions import reaches_by_module
from paramsched.config.python_config.values import MUTABLE, Builtin, Imported, NeedsRunning

_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))

DECIDING: Final = (
    "_base_",
    "auto_scale_lr",
    "default_hooks",
    "optim_wrapper",
    "param_scheduler",
    "train_cfg",
    "train_dataloader",
)
"""Names that decide a plan: where unknown code may bind any name, these are marked even if the file never says them."""


@final
class Namespace:
    """What the names of one file stand for.

    Args:
        memory: where lists and dicts are lost.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.values: dict[str, Any] = {}
        self.imported: set[str] = set()
        """Names that an `import`, a `def` or a `class` bound last."""
        self._later: dict[str, NeedsRunning] = {}
        self._bound_later: dict[str, NeedsRunning] = {}
        self._shadowed: NeedsRunning | None = None

    def read(self, name: str, line: int = 0) -> Any:
        """What a name stands for; raises KeyError."""
        if name in self.values:
            return self.memory.seen(self.values[name])
        if name in _BUILTINS:
            return self._shadowed or Builtin(name, line)
        raise KeyError(name)

    def is_way_to_names(self, name: str) -> bool:
        """Whether a name is a module whose functions lead to the names of the file."""
        value = self.values.get(name)
        return type(value) is Imported and reaches_by_module(value.dotted)

    def bind(self, name: str, value: Any) -> None:
        """`name = value`."""
        if name in self._bound_later:
            # The name may still lead to the value, so whatever is done by the name may be done to it.
            self.memory.lose((value,), self._bound_later[name])
            value = self._bound_later[name]
        elif name in self._later and (type(value) in MUTABLE or type(value) is tuple):
            self.memory.lose((value,), self._later[name])
        self.values[name] = value
        self.imported.discard(name)

    def bind_import(self, name: str, value: Imported | NeedsRunning) -> None:
        """`import name`, and what a `def` or a `class` binds."""
        self.bind(name, value)
        self.imported.add(name)

    def delete(self, name: str) -> None:
        """`del name`; raises KeyError."""
        if name in self._bound_later:
            self.values[name] = self._bound_later[name]
        else:
            del self.values[name]
        self.imported.discard(name)

    def lose(self, names: Iterable[str], mark: NeedsRunning) -> None:
        """Unknown code has what these names stand for."""
        self.memory.lose([self.values[name] for name in names if name in self.values], mark)

    def reached_by(self, names: Iterable[str]) -> list[Any]:
        """Every list, dict and set that these names lead to."""
        return self.memory.all_reached_by([self.values[name] for name in names if name in self.values])

    def leave_to_code(self, names: Iterable[str], bound: Iterable[str], mark: NeedsRunning) -> None:
        """Code that may run at any time from now on mentions and binds these names."""
        for name in names:
            self._later.setdefault(name, mark)
        self.lose(names, mark)
        for name in bound:
            self._bound_later.setdefault(name, mark)
            self.values[name] = mark

    def bind_unknown_names(self, mark: NeedsRunning) -> None:
        """`from m import *`: any name may be another's now, and any that is missing may be there."""
        for name in (*self.values, *DECIDING):
            self.values[name] = mark
        self._shadowed = mark

    def give_up(self, mark: NeedsRunning) -> None:
        """Nothing is known any more but numbers and texts that were bound before."""
        for name, value in self.values.items():
            if type(value) in MUTABLE or type(value) is tuple:
                self.values[name] = mark
