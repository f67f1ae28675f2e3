"""Configs of detectron2 that go upon others: `_BASE_: ../Base-RCNN-FPN.yaml`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from paramsched._fault_codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.config.faults import ROOT, Faults, child_path, plain_data, short_json
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.config.text_limits import read_bounded_text

BASE: Final = "_BASE_"
"""The entry that names the file which a config changes."""

_MOST_BASES: Final = 20
_PYTHON_TAG = re.compile(r"!!python/\S+")


def read(text: str, source: str = "config") -> Any:
    """A config from the text of a YAML or JSON file; its base is looked for beside `source`.

    An entry stands for that of the base; sections are merged, entry by entry, as fvcore does.

    Raises:
        ConfigError: every fault at once; a base that is not there, or has none of its own at its end.
    """
    faults = Faults()
    data = plain_data(read_yaml(_without_tags(text), source), faults)
    faults.raise_any(source)
    files = [Path(source).absolute()]
    chain = [data]
    while isinstance(chain[-1], Mapping) and BASE in chain[-1]:
        file = _base_file(chain[-1][BASE], files, faults)
        faults.raise_any(str(files[-1]) if len(files) > 1 else source)
        chain.append(plain_data(read_yaml(_without_tags(read_bounded_text(file)), str(file)), faults))
        files.append(file)
        faults.raise_any(str(file))
    merged = chain.pop()
    while chain:
        merged = _merge_sections(merged, {key: value for key, value in chain.pop().items() if key != BASE})
    return merged


def _without_tags(text: str) -> str:
    """The text without Python's tags: some sizes of anchors have them, and no entry that schedules anything."""
    return _PYTHON_TAG.sub(lambda tag: " " * len(tag[0]), text)


def _base_file(named: Any, files: list[Path], faults: Faults) -> Path:
    """The file that an entry names, from where its own file lies; what is wrong with it is noted."""
    path = child_path(ROOT, BASE)
    if not isinstance(named, str):
        faults.add(path, f"{short_json(named)} is no file", "Write _BASE_: Base-RCNN-FPN.yaml", code=WRONG_TYPE)
        return files[-1]
    file = files[-1].parent / Path(named).expanduser()
    if not file.is_file():
        found = f"no such file: {file}"
        faults.add(path, found, "Load the config from its file, beside its base", code=REFUSED_VALUE)
    elif len(files) > _MOST_BASES or any(file.samefile(one) for one in files if one.is_file()):
        faults.add(path, "the bases come back to a file that was read", "Name another one", code=REFUSED_VALUE)
    return file


def _merge_sections(base: Any, change: Any) -> Any:
    """A base with what a config changes of it."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    inner = {key: _merge_sections(base[key], value) for key, value in change.items() if key in base}
    return {**base, **change, **inner}
