"""All problems of a config at once, each with the path of its entry."""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import final

from paramsched.base.codes import UNREADABLE, WRONG_ARGUMENT
from paramsched.base.problem import MOST_PROBLEMS, Problem
from paramsched.base.words import child_path, did_you_mean, path_from_root
from paramsched.errors import ConfigError, InvalidArgument


@final
class ProblemCollector:
    """A collector of problems. Reading continues after a problem if possible, so that one run reports all problems.

    >>> problems = ProblemCollector()
    >>> problems.add("$.lr", "expected a number, got true", "For example: 0.1")
    >>> problems.lines()
    ('$.lr: expected a number, got true. For example: 0.1',)
    """

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        """True if no more problems are listed, so that expensive searches for advice can be skipped."""
        return len(self._found) >= MOST_PROBLEMS

    def add(
        self,
        path: str,
        message: str,
        advice: str = "",
        *,
        span: tuple[int, int] | None = None,
        code: str = UNREADABLE,
        at_key: bool = False,
    ) -> None:
        """Add a problem.

        Args:
            path: the config path.
            message: the description of the problem.
            advice: what to do, in one sentence.
            span, at_key: as for `Problem`.
            code: the code of the rule.
        """
        if self.full:
            self.count += 1
        else:
            self.add_problem(Problem(path, message, advice, span, at_key, code=code))

    def add_problem(self, problem: Problem) -> None:
        """Add a problem that has its path."""
        self.count += 1
        if not self.full:
            self._found[problem] = None

    @contextmanager
    def collecting(self, path: str, *, at_key: bool = False) -> Iterator[None]:
        """Add the problem of an error in the `with` block at a path, and continue after the block."""
        try:
            yield
        except InvalidArgument as refusal:
            self.refuse(path, refusal, at_key=at_key)

    def refuse(self, path: str, refusal: InvalidArgument, *, at_key: bool = False) -> None:
        """Add the error of a library function as a problem."""
        self.report(path, refusal.problem, at_key=at_key)

    def report(self, path: str, problem: Problem, *, at_key: bool = False) -> None:
        """Add a problem of a part at the path of the whole, `path`."""
        self.add(
            path,
            problem.summary,
            problem.advice,
            span=problem.span,
            at_key=at_key,
            code=problem.code,
        )

    def report_text(self, path: str, problem: Problem) -> None:
        """Add a problem of a text, such as a plan's, at the path of the entry that contains the text."""
        line = f"line {problem.line}: " if problem.line is not None and not problem.path else ""
        self.add(path + path_from_root(problem.path), line + problem.found, problem.advice, code=problem.code)

    def refuse_unknown(
        self,
        names: Iterable[object],
        known_names: Collection[str],
        path: str,
        message: str,
        *,
        code: str = WRONG_ARGUMENT,
    ) -> None:
        """Add a problem for each unknown name, with the name that was probably intended."""
        for name in names:
            if name not in known_names and self.full:
                self.count += 1  # the search for a suggestion is slow, and the problem would not be listed
            elif name not in known_names:
                meant = did_you_mean(str(name), known_names) if known_names else "it has no arguments"
                self.add(child_path(path, name), f"{message}; {meant}", at_key=True, code=code)

    def lines(self) -> tuple[str, ...]:
        """Return one line of text for each problem."""
        return tuple(problem.place_and_message for problem in self.problems())

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems; if there are more than 200, the last one counts those that are not listed."""
        more = self.count - len(self._found)
        listed = tuple(self._found)
        if len(listed) < MOST_PROBLEMS or not more:
            return listed
        return (*listed, Problem("", f"and {more} more", code=UNREADABLE))

    def error(self, source: str) -> ConfigError:
        """Return the error with the problems."""
        return ConfigError(source, self.problems())

    def raise_any(self, source: str) -> None:
        """Raise a ConfigError if there is a problem."""
        if self.count:
            raise self.error(source)


def short_json(value: object) -> str:
    """Return the JSON of a value, truncated.

    >>> short_json(True), short_json(None), short_json({"a": [1]}), short_json("x" * 100)[-4:]
    ('true', 'null', '{"a": [1]}', 'xxx…')
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def type_name_of(value: object) -> str:
    """Return the type of a value as messages about files name it.

    >>> type_name_of(True), type_name_of([1]), type_name_of("x"), type_name_of(None)
    ('a boolean', 'a list', 'text', 'nothing')
    """
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}")
