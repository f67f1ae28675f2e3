"""Configs of detectron2 that go upon others: `_BASE_: ../Base-RCNN-FPN.yaml`, or a list of such files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

from paramsched.base.codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.config.diagnostic_collector import short_json, type_name_of
from paramsched.config.plan_files import read_peer_data
from paramsched.config.python_config.config_file import merge_upon_base
from paramsched.config.read_bases import error_in_base, path_without_dots, text_of_base
from paramsched.config.text_limits import refuse_long_text
from paramsched.errors import ConfigError

BASE: Final = "_BASE_"
"""The entry that names the file, or the files, which a config changes."""

_MOST_ABOVE: Final = 20
_MOST_FILES: Final = 200


def read(text: str, source: str = "config") -> Any:
    """A config from the text of a YAML or JSON file; its bases are looked for beside `source`.

    An entry stands for that of the base; sections are merged, entry by entry, as fvcore does. Of several bases the
    later one stands for the earlier.

    Raises:
        ConfigError: every fault at once; or a base cannot be read, or is its own base.
    """
    return _ConfigReader(source).read(text, source, (path_without_dots(Path(source)),))


@final
class _ConfigReader:
    """Reads one config and its bases, each file once.

    Args:
        source: the config's name, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._done: dict[Path, Any] = {}

    def read(self, text: str, source: str, above: tuple[Path, ...]) -> Any:
        """What a file says, with its bases below it; `above` are the files that led to it, and itself."""
        data = read_peer_data(text, "yaml", source)
        if not isinstance(data, Mapping) or BASE not in data:
            return data
        named = data[BASE]
        layers = [self.read_base(base, source, above) for base in (named if isinstance(named, list) else [named])]
        merged: dict[str, Any] = {}
        for layer in (*layers, {key: value for key, value in data.items() if key != BASE}):
            merged = merge_upon_base(merged, layer, source, instead="Write a section, or a value, as its base does")
        return merged

    def read_base(self, named: Any, source: str, above: tuple[Path, ...]) -> Mapping[str, Any]:
        """What a base says; one that several files name is read for the first of them."""
        beside = "" if above[0].is_file() else "Load the config from its file, beside its base"

        def refused(found: str, instead: str = beside) -> ConfigError:
            code = REFUSED_VALUE if isinstance(named, str) else WRONG_TYPE
            return ConfigError(source, [Diagnostic(child_path(ROOT, BASE), found, instead, code=code)])

        if not isinstance(named, str):
            raise refused(f"expected the name of a file, got {short_json(named)}", "Write _BASE_: Base-RCNN-FPN.yaml")
        site = short_json(named)
        place = path_without_dots(above[-1].parent / os.path.expanduser(named))  # noqa: PTH111  # keeps an unknown ~name
        if place in above or len(above) > _MOST_ABOVE:
            raise refused(f"{site}: the bases come back to a file that was read", "Name another one")
        if len(self._done) >= _MOST_FILES:
            raise refused(f"{site}: more than {_MOST_FILES} files together", "Put them into fewer files")
        if place not in self._done:
            self._done[place] = self.read_file(place, text_of_base(place, site, refused), above)
        found = self._done[place]
        if not isinstance(found, Mapping):
            raise refused(f"expected a config in {site}, got {type_name_of(found)}", "Name another one")
        return found

    def read_file(self, place: Path, text: str, above: tuple[Path, ...]) -> Any:
        """What the file of a base says; its faults are told with its name."""
        source = str(place)
        try:
            refuse_long_text(text, source)
            return self.read(text, source, (*above, place))
        except ConfigError as error:
            raise error_in_base(error, source, self._source) from None
