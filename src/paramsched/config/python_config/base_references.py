"""`{{ _base_.x }}` in a file: the texts that stand for it while the file is read."""

from collections.abc import Callable, Mapping
from typing import Any, final

from paramsched.config.python_config.values import BaseReference, NeedsRunning


@final
class References:
    """The texts that stand for `{{ _base_.x }}` while a file is read.

    Args:
        sign: a text that is in each of them, and nowhere else in the file.
        paths: the path after `_base_`, by the text that stands for it.
    """

    def __init__(self, sign: str = "", paths: Mapping[str, str] | None = None) -> None:
        self._sign, self._paths = sign, dict(paths or {})

    def __bool__(self) -> bool:
        return bool(self._sign)

    def read(self, text: str, mark: Callable[[], NeedsRunning]) -> Any:
        """What a text in the file means: itself, a reference, or a mark where a reference is only a part of it."""
        if not self._sign or self._sign not in text:
            return text
        path = self._paths.get(text)
        return mark() if path is None else BaseReference(path, mark())
