"""The text of a plan, from a file or elsewhere, and how it is to be read."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from paramsched.config._optimizer_values import Loaded
from paramsched.config.file_formats import SUFFIXES, SYNTAXES, format_of, known_format, loaded_from, placed
from paramsched.config.known_dialects import BaseLike
from paramsched.config.shape_names import ShapeLike
from paramsched.config.syntaxes.comments import has_comments
from paramsched.config.whole_files import path_of_file, read_bounded_text
from paramsched.errors import Fault
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class PlanText:
    """A text that says a plan, and how it is to be read.

    Args:
        name: what faults call it.
        text: the whole text.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name.
        syntax: what the file's suffix says, where the format is a dialect.
        folder: from which paths in it count; None: from where the process stands.
    """

    name: str
    text: str
    format: str
    syntax: str | None = None
    folder: Path | None = None

    def loaded(
        self,
        *,
        shapes: Iterable[ShapeLike] = (),
        calendar: Calendar | None = None,
        base: BaseLike | None = None,
    ) -> Loaded:
        """The plan it says, and the optimizer's values that stand beside it.

        Raises:
            ConfigError: every fault at once, each with its path, line and column.
        """
        return loaded_from(
            self.text,
            self.format,
            self.name,
            syntax=self.syntax,
            folder=self.folder,
            shapes=shapes,
            calendar=calendar,
            base=base,
        )

    @property
    def has_comments(self) -> bool:
        """Whether it has comments, which no plan keeps."""
        own = self.format if self.format in SYNTAXES else self.syntax
        return has_comments(self.text, "yaml" if own is None and self.format == "native" else own)

    def placed(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """Faults by their paths, each with its line and column."""
        return placed(faults, self.text, self.format, self.syntax)


def read_plan_text(path: str | os.PathLike[str], format: str | None = None) -> PlanText:
    """What a file says, and how it is to be read.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is no UTF-8, or larger than 1 MB.
        InvalidArgument: an unknown format, or a suffix that says none.
    """
    file = path_of_file(path)
    text = read_bounded_text(file)
    chosen = format_of(file) if format is None else known_format(format)
    return PlanText(str(file), text, chosen, syntax_of_suffix(file), file.parent)


def syntax_of_suffix(file: Path) -> str | None:
    """What the suffix says of the syntax, where the format is a dialect."""
    found = SUFFIXES.get(file.suffix.lower())
    return found if found in SYNTAXES else None
