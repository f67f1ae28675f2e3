"""Reader of detectron2 configs with base files: `_BASE_: ../Base-RCNN-FPN.yaml`, or a list of such files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

from paramsched.core.base.codes import REFUSED_VALUE, UNREADABLE, WRONG_TYPE
from paramsched.core.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.core.files.diagnostic_collector import short_json, type_name_of
from paramsched.core.files.plan_files import read_peer_data
from paramsched.core.files.python_config.config_file import merge_upon_base
from paramsched.core.files.read_bases import error_in_base, path_without_dots, text_of_base
from paramsched.core.files.text_limits import refuse_long_text
from paramsched.errors import ConfigError

BASE: Final = "_BASE_"
"""The key of a config's base file or base files."""

_MAX_DEPTH: Final = 20
_MAX_FILES: Final = 200


def read(text: str, source: str = "config") -> Any:
    """Read a config from the text of a YAML or JSON file and merge it over its base files.

    As in fvcore, an entry replaces that of the base, sections are merged entry by entry, and later bases replace
    earlier ones.

    Args:
        text: the text of the file.
        source: its path; base files are searched relative to it.

    Raises:
        ConfigError: the config has errors, or a base cannot be read or includes itself.
    """
    if Path(source).suffix == ".py":
        found = "Python configs of detectron2 are not read"
        instead = "Save the config as YAML: LazyConfig.save(cfg, 'config.yaml')"
        raise ConfigError(source, [Diagnostic("", found, instead, code=UNREADABLE)])
    return _ConfigReader(source).read(text, source, (path_without_dots(Path(source)),))


@final
class _ConfigReader:
    """Reader of one config and its bases, which reads each file once.

    Args:
        source: the config's name, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._done: dict[Path, Any] = {}

    def read(self, text: str, source: str, chain: tuple[Path, ...]) -> Any:
        """Read a file and its bases; `chain` contains the files that led to it, and the file itself."""
        data = read_peer_data(text, "yaml", source)
        if not isinstance(data, Mapping) or BASE not in data:
            return data
        named = data[BASE]
        layers = [self.read_base(base, source, chain) for base in (named if isinstance(named, list) else [named])]
        merged: dict[str, Any] = {}
        for layer in (*layers, {key: value for key, value in data.items() if key != BASE}):
            merged = merge_upon_base(merged, layer, source, instead="Use a section, or a value, as its base does")
        return merged

    def read_base(self, named: Any, source: str, chain: tuple[Path, ...]) -> Mapping[str, Any]:
        """Read a base file; return the earlier result if the file has been read already."""
        advice = "" if chain[0].is_file() else "Load the config from its file, in the directory of its base"

        def base_error(found: str, instead: str = advice) -> ConfigError:
            code = REFUSED_VALUE if isinstance(named, str) else WRONG_TYPE
            return ConfigError(source, [Diagnostic(child_path(ROOT, BASE), found, instead, code=code)])

        if not isinstance(named, str):
            found = f"expected the name of a file, got {short_json(named)}"
            raise base_error(found, "Use _BASE_: Base-RCNN-FPN.yaml")
        site = short_json(named)
        place = path_without_dots(chain[-1].parent / os.path.expanduser(named))  # noqa: PTH111  # keeps an unknown ~name
        if place in chain or len(chain) > _MAX_DEPTH:
            raise base_error(f"{site}: the base files form a cycle", "Name another file")
        if len(self._done) >= _MAX_FILES:
            raise base_error(f"{site}: the config has more than {_MAX_FILES} base files", "Merge some of the files")
        if place not in self._done:
            text = text_of_base(place, site, base_error)
            try:
                refuse_long_text(text, str(place))
                self._done[place] = self.read(text, str(place), (*chain, place))
            except ConfigError as error:  # its errors name the file
                raise error_in_base(error, str(place), self._source) from None
        found = self._done[place]
        if not isinstance(found, Mapping):
            raise base_error(f"{site}: expected a config, got {type_name_of(found)}", "Name another file")
        return found
