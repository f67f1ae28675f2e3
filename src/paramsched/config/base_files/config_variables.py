"""The variables of MMEngine's config files: `{{ fileDirname }}`, `{{ $NAME:default }}`, `{{ _base_.x }}`.

As in MMEngine they are put into the text as it stands, inside quotes and outside.
"""

import os
import re
from pathlib import Path
from typing import Final

from paramsched.config.python_config.base_references import References
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError, Fault

_OF_FILE: Final = re.compile(r"\{\{\s*(fileDirname|fileBasenameNoExtension|fileBasename|fileExtname)\s*\}\}")
_OF_SYSTEM: Final = re.compile(r"\{\{['\"]?\s*\$(\w+)\s*:\s*(\S{0,200}?)\s*['\"]?\}\}")
_OF_BASE: Final = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def put_variables_in(text: str, source: str, file: Path | None) -> tuple[str, References]:
    """The text with its variables, and what stands in it for values of the bases.

    Args:
        text: the file's.
        source: its name, for messages.
        file: its path; None: what the path would say is not known.

    Raises:
        ConfigError: a variable of the system has no value and no default.
    """
    if "{{" not in text:
        return text, References()
    # A character for private use, so that no text of a user's can be taken for what stands in for a value.
    sign = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    paths: dict[str, str] = {}
    missing: list[Fault] = []

    def value_in_environment(found: re.Match[str]) -> str:
        value = os.environ.get(found[1], found[2])
        if not value:
            absent = f"the environment has no {found[1]}"
            instead = f"Set it, or write {{{{ ${found[1]}:default }}}}"
            missing.append(TextLines(found.string).fault(found.start(), absent, instead))
        return value

    def stand_in_for_base(found: re.Match[str]) -> str:
        stand_in = f"{sign}{len(paths)}{sign}"
        paths[stand_in] = found[1]
        return f'"{stand_in}"'

    known = _file_variables(file)
    text = _OF_FILE.sub(lambda found: known.get(found[1], f"{sign}{found[1]}{sign}"), text)
    text = _OF_SYSTEM.sub(value_in_environment, text)
    text = _OF_BASE.sub(stand_in_for_base, text)
    if missing:
        raise ConfigError(source, missing)
    return text, References(sign, paths) if sign in text else References()


def _file_variables(file: Path | None) -> dict[str, str]:
    """What MMEngine's variables say of a file's path, with slashes on every system."""
    if file is None:
        return {}
    path = Path(os.path.normpath(file.absolute()))
    values = {
        "fileDirname": str(path.parent),
        "fileBasename": path.name,
        "fileBasenameNoExtension": path.stem,
        "fileExtname": path.suffix,
    }
    return {variable: value.replace("\\", "/") for variable, value in values.items()}
