"""The commands of a shell script, with the values that the script gives to its variables. Nothing is executed."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias, final

from paramsched.core.files.text_limits import MOST_BYTES
from paramsched.core.files.unused_settings import looks_like_schedule


@final
@dataclass(frozen=True, slots=True)
class Unknown:
    """A substitution whose value is known only when the script runs.

    Args:
        text: the substitution as it is written, such as `$ARGS`.
        begin: the offset of its first character.
        why: the reason, such as `is not set in this file`.
        several: True if the substitution may expand to several words or to none.
    """

    text: str
    begin: int
    why: str
    several: bool


@final
@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word of a command after expansion.

    Args:
        text: the characters of the word. Substitutions of unknown value are in it as they are written.
        begin: the offset at which the word is written, in the command or in the value of a variable.
        unknown: the substitutions of unknown value in the word.
    """

    text: str
    begin: int
    unknown: tuple[Unknown, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A command that has or may have options, or the words of a variable's value.

    Args:
        runs: False for the value of a variable.
    """

    words: tuple[ShellWord, ...]
    runs: bool = True


class _Piece(NamedTuple):
    """A part of a word or of a variable's value; a quoted part is not split into words."""

    text: str
    begin: int
    quoted: bool = False
    unknown: Unknown | None = None


_Pieces: TypeAlias = list[_Piece]
_Value: TypeAlias = tuple[_Pieces, ...] | None
"""The items of a variable (several for an array); None if the script sets it to different values."""

_PLAIN: Final = re.compile(r"[^\s\\'\"$`|&;<>()]+")
_BLANKS: Final = re.compile(r"(?:[ \t\r\f\v]|\\\n)+")
_BLANK: Final = re.compile(r"\s")
_COMMENT: Final = re.compile(r"#[^\n]*")
_ESCAPES: Final = re.compile(r"(?:\\[^\n])+")
_IN_QUOTES: Final = re.compile(r'[^"\\$`]+')
_ESCAPES_IN_QUOTES: Final = re.compile(r'(?:\\[$`"\\])+')
_EXPR: Final = re.compile(r"(?:\$\(|`)\s*expr((?:\s+(?:\w+|\$\w+|\$\{\w+\}|[-+/%]|\\\*))+)\s*[)`]")
_NAME: Final = re.compile(r"\$(?:([A-Za-z_]\w*)|([0-9@*#?$!-]))")
_BRACES: Final = re.compile(r"(\w+|[@*#?$!-])(?:\[([^\]]*)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
_UNSET: Final = re.compile(
    r"""\s*\[\[?\s+-z\s+"?\$\{?([A-Za-z_]\w*)(?::?-)?\}?"?\s+\]\]?\s*(?:;|\n)\s*then\b"""
    r"(?=(?:(?!\b(?:if|else|elif|case|for|while|until)\b).){,9999}?\bfi\b)",
    re.DOTALL,
)
"""A test for a variable without a value, such as `[ -z "$A" ]`, whose block has no other branch and no block inside."""
_GIVEN: Final = re.compile(
    r"""\s*\[\[?\s+-n\s+"\$\{?[1-9](?::?-)?\}?"\s+\]\]?\s*(?:;|\n)\s*then\b"""
    r"(?:(?!\b(?:if|else|elif|case|for|while|until)\b).){,9999}?\bfi\b",
    re.DOTALL,
)
"""A block that runs only if the script has an argument, as in `if [ -n "$2" ]; then STEPS=$2; fi`."""
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)(\[[^\]\s]*\])?(\+?)=")
_REDIRECTION: Final = re.compile(r"\d*(?:<<<|<<-?|[<>]&|>>|>\||<>|[<>])|&>>?")
_END_OF_COMMAND: Final = re.compile(r";;|&&|\|\||[\n;&|()]")
_IN_BRACKETS: Final = re.compile(r"[()]|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.", re.DOTALL)
_IN_BRACES: Final = re.compile(r"[{}]|\\.", re.DOTALL)
_LOOP: Final = re.compile(r"for[ \t]+(\w+)[ \t]+in\b")
_OPTION_WITHIN: Final = re.compile(r"\s--?[A-Za-z]|^--?[A-Za-z][^\s=]*\s")
_ASSIGNED_IN_ARITHMETIC: Final = re.compile(r"(\w+)\s*(?:[-+*/%]?=(?!=)|\+\+|--)")

_SETTERS: Final = ("export", "declare", "local", "readonly", "typeset")
_OPENERS: Final = ("if", "do", "case", "{")
_CLOSERS: Final = ("fi", "done", "esac", "}")
_RESERVED: Final = (*_OPENERS, *_CLOSERS, "then", "else", "elif", "while", "until", "in", "function", "!", "time")
_RUN_TEXT: Final = ("-c", "-lc", "--wrap", "--command", "--cmd")
"""Options whose value is a command."""
_MOST_NESTED: Final = 5
_MOST_PIECES: Final = 50_000
"""The maximum number of word parts that are read. The largest of 485 published scripts has 1,100 words."""


@final
@dataclass(frozen=True, slots=True)
class ShellScript:
    """The content of a script.

    Args:
        commands: the commands, in the order of the script.
        unclosed: the offset of a quote that is never closed; None if there is none.
        is_whole: False if the script is so large that its end was not read.
    """

    commands: tuple[ShellCommand, ...]
    unclosed: int | None
    is_whole: bool


def read_script(text: str) -> ShellScript:
    r"""Read the commands of a script that have options, and the values of its variables.

    >>> found = read_script("A=1; train --lr $A # --lr 2 \\\n--x").commands
    >>> [[word.text for word in command.words] for command in found]
    [['A=1'], ['train', '--lr', '1'], ['--x']]
    """
    script = _Script(text, {}, _MOST_PIECES)
    commands = script.commands()
    return ShellScript(tuple(commands), script.unclosed, script.left > 0)


@final
class _Script:
    """A parser of a script, or of a quoted command.

    Args:
        variables: the values that were set so far; None for a variable that is set to several values.
        left: the number of word parts that may still be read.
        nested: the number of quoted commands around this one.
    """

    def __init__(self, text: str, variables: dict[str, _Value], left: int, nested: int = 0) -> None:
        self.text, self.variables, self.left, self.nested = text, variables, left, nested
        self.at, self.end = 0, len(text)
        # Blocks of if, for, case and functions, which may not run. Those with a condition record where each variable
        # is first set; None if it is set twice.
        self.blocks: list[dict[str, int | None] | None] = []
        self.doubtful = False  # the command follows && or ||
        self.unclosed: int | None = None
        self.delimiters: list[str] = []
        self.found: list[ShellCommand] = []

    def commands(self) -> list[ShellCommand]:
        while self.at < self.end and self.left > 0:
            self.left -= 1
            self.read_command()
            self.end_command()
        return self.found

    def read_command(self) -> None:
        """Read a command up to its end."""
        fields: list[ShellWord] = []
        values: list[list[ShellWord]] = []
        setting = True
        while self.skip_blanks() and self.left > 0:
            self.left -= 1
            if found := _REDIRECTION.match(self.text, self.at, self.end):
                self.pass_redirection(found[0])
            elif _END_OF_COMMAND.match(self.text, self.at, self.end):
                break
            elif fields or not self.reserved():
                target = _ASSIGNMENT.match(self.text, self.at, self.end) if setting else None
                if target is not None:
                    values.append(self.assign(target))
                    continue
                fields += self.split(self.pieces_of_word())
                setting = fields[:1] != [] and fields[0].text in _SETTERS
                if len(fields) > 1 and fields[0].text in ("let", "read", "unset"):
                    name, equals, expression = fields.pop().text.partition("=")
                    number = _arithmetic(expression, self.text_of_variable) if equals else None
                    self.variables[name] = None if number is None else ([_Piece(str(number), self.at)],)
        if fields and fields[0].text not in _SETTERS:  # the assignment applies to one command only
            options = [word for value in values if value and value[0].text.startswith("-") for word in value]
            self.add([*options, ShellWord("--", options[0].begin), *fields] if options else fields, runs=True)
        else:
            for value in values:
                self.add(value, runs=False)

    def skip_blanks(self) -> bool:
        """Skip whitespace and a comment; return False at the end of the text."""
        self.take(_BLANKS)
        self.take(_COMMENT)
        return self.at < self.end

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Skip the text that matches a pattern."""
        if found := pattern.match(self.text, self.at, self.end):
            self.at = found.end()
        return found

    def end_command(self) -> None:
        """Skip the end of a command; after a line break, also skip the documents announced by `<<`."""
        found = _END_OF_COMMAND.match(self.text, self.at, self.end)
        sign = found[0] if found else ""
        self.doubtful = sign in ("&&", "||")
        if self.text.startswith("((", self.at):
            begin = self.at
            self.at = self.closing(begin + 1, _IN_BRACKETS, "(")
            self.variables |= dict.fromkeys(_ASSIGNED_IN_ARITHMETIC.findall(self.text, begin, self.at))
            return
        self.at += len(sign)
        if sign == ";;":
            self.end_branch()
        if sign == "\n":
            for delimiter in self.delimiters:
                over = re.compile(rf"^\t*{re.escape(delimiter)}$", re.MULTILINE).search(self.text, self.at)
                self.at = over.end() if over else self.end
            self.delimiters = []

    def pass_redirection(self, sign: str) -> None:
        """Skip a redirection and its file."""
        self.at += len(sign)
        if self.text.startswith("(", self.at):  # a process substitution
            self.at = self.closing(self.at + 1, _IN_BRACKETS, "(")
        elif self.skip_blanks():
            target = "".join(piece.text for piece in self.pieces_of_word())
            if sign.lstrip("0123456789") in ("<<", "<<-"):
                self.delimiters.append(target)

    def reserved(self) -> bool:
        """Skip a keyword of the shell. Return whether there was one."""
        if found := self.take(_LOOP):
            items = self.words_until(";\n")
            known = len(items) == 1 and not items[0].unknown
            self.variables[found[1]] = ([_Piece(items[0].text, items[0].begin)],) if known else None
            return True
        found = _PLAIN.match(self.text, self.at, self.end)
        if found is None or found[0] not in _RESERVED:
            return False
        self.at = found.end()
        if found[0] == "if" and not self.blocks and (given := _GIVEN.match(self.text, self.at, self.end)):
            self.at = given.end()  # a script is read as it runs without arguments, as `${2:-20000}` is 20000
            return True
        unset = _UNSET.match(self.text, self.at, self.end) if found[0] == "if" else None
        if unset and unset[1] not in self.variables and not self.blocks:
            return True  # the branch is always taken
        if found[0] in _OPENERS:
            self.blocks.append({} if found[0] in ("if", "case") else None)
        elif found[0] in _CLOSERS and self.blocks:
            self.end_branch()
            self.blocks.pop()
        elif found[0] in ("else", "elif"):
            self.end_branch()
        return True

    def end_branch(self) -> None:
        """Note that the values that a branch has set may not apply after it."""
        branch = (self.blocks[-1:] or [None])[0] or {}
        for name, begin in branch.items():
            value = self.variables.get(name)
            if begin is not None and value is not None:
                self.variables[name] = _one_of((), value, begin)
        branch.clear()

    def words_until(self, ends: str) -> list[ShellWord]:
        """Read words up to one of the given characters, which is not skipped."""
        found: list[ShellWord] = []
        while self.skip_blanks() and self.text[self.at] not in ends and self.left > 0:
            self.left -= 1
            before = self.at
            found += self.split(self.pieces_of_word())
            self.at += self.at == before
        return found

    def assign(self, target: re.Match[str]) -> list[ShellWord]:
        """Set a variable by `name=value`, `name+=value` or `name=(a b)`; return the words of its value."""
        name, index, more = target.groups()
        self.at = target.end()
        array = self.text.startswith("(", self.at)
        value: _Value
        if array:
            self.at += 1
            words = self.words_until(")")
            self.at += 1
            value = tuple(
                [_Piece(word.text, word.begin, unknown=word.unknown[0])]
                if word.unknown and word.unknown[0].text == word.text  # an unknown substitution remains one part
                else [_Piece(word.text, word.begin), *(_Piece("", one.begin, unknown=one) for one in word.unknown)]
                for word in words
            )
        else:
            pieces = [piece._replace(quoted=False) for piece in self.pieces_of_word()]
            text = "".join(piece.text for piece in pieces)
            value = (pieces,)
            options = _OPTION_WITHIN.search(text) or text.startswith("-")
            words = self.split(pieces) if options else [ShellWord(target[0] + text, target.start())]
        before = self.variables.get(name, ())
        if index is not None or (more and before is None):
            value = None
        elif more and before:
            value = (*before, *value) if array else ([*before[0], *value[0]], *before[1:])
        condition = next((block for block in reversed(self.blocks) if block is not None), {})
        old, new = _text_of(before), _text_of(value)
        grows = condition.get(name) is not None and new.startswith(old) and new != old
        if before is None:
            value = None if self.blocks or self.doubtful else value
        elif value is not None and not grows and (self.doubtful or (self.blocks and old)):
            value = _one_of(before, value, target.start())
        if not grows:
            condition[name] = None if name in condition or old else target.start()
        self.left -= sum(map(len, value or ()))
        size = sum(len(piece.text) + 10 for item in value or () for piece in item)  # a part counts as several
        self.variables[name] = value if size <= MOST_BYTES else None
        return words

    def add(self, fields: list[ShellWord], *, runs: bool) -> None:
        """Add a command that may have options, or a value. Commands inside its words are parsed as well."""
        if runs and fields and fields[0].text in ("[", "[[", "test"):
            return
        if self.nested < _MOST_NESTED:
            fields = [inner for index, word in enumerate(fields) for inner in self.run_text(index, word, fields, runs)]
        if runs and not any(word.text.startswith("-") or any(one.several for one in word.unknown) for word in fields):
            return
        if fields:
            self.found.append(ShellCommand(tuple(fields), runs))

    def run_text(self, index: int, word: ShellWord, fields: list[ShellWord], runs: bool) -> list[ShellWord]:
        """Return the words of a quoted command, as in `bash -c "…"`; other words are returned unchanged."""
        before = fields[index - 1].text if index else ""
        is_command = not runs or before in _RUN_TEXT or (index > 0 and not before.startswith("-"))
        is_one = (runs and word.text.startswith("-")) or (word.unknown and word.unknown[0].text == word.text)
        if not is_command or is_one or word.text.startswith(("{", "[")) or not _OPTION_WITHIN.search(word.text):
            return [word]
        inner = _Script(word.text, self.variables, self.left, self.nested + 1)
        commands = inner.commands()
        self.left = inner.left
        return [
            ShellWord(
                one.text,
                self.place(one.text, word),
                tuple(replace(part, begin=self.place(part.text, word)) for part in one.unknown),
            )
            for command in commands
            for one in command.words
        ]

    def place(self, text: str, outer: ShellWord) -> int:
        """Return the offset of a part of a quoted command in the script."""
        begin = self.text.find(text, outer.begin, outer.begin + 2 * len(outer.text))
        return begin if begin >= 0 else outer.begin

    def split(self, pieces: _Pieces) -> list[ShellWord]:
        """Split the unquoted parts of a word at whitespace."""
        fields: list[ShellWord] = []
        word: _Pieces = []
        for piece in pieces:
            if piece.quoted or piece.unknown is not None or not _BLANK.search(piece.text):
                word += [piece] if piece.text or piece.quoted else []
                continue
            for found in re.finditer(r"\s+|\S+", piece.text):
                if not found[0].isspace():
                    word.append(_Piece(found[0], piece.begin + found.start()))
                elif word:
                    fields.append(_word_of(word))
                    word = []
        return [*fields, _word_of(word)] if word else fields

    # Words consist of characters, quotes and substitutions, up to whitespace or an operator.

    def pieces_of_word(self) -> _Pieces:
        pieces: _Pieces = []
        while self.at < self.end and self.left > 0:
            begin, sign = self.at, self.text[self.at]
            if found := self.take(_PLAIN):
                pieces.append(_Piece(found[0], begin))
            elif self.text.startswith("\\\n", begin):
                self.at += 2
            elif sign == "\\":
                found = self.take(_ESCAPES)
                self.at += found is None
                pieces.append(_Piece(found[0][1::2] if found else "\\", begin, quoted=True))
            elif sign == "'" or self.text.startswith("$'", begin):
                first = begin + 1 + (sign == "$")
                last = self.text.find("'", first, self.end)
                if last < 0:
                    self.unclosed, last = begin, self.end
                self.at = last + 1
                pieces.append(_Piece(self.text[first:last], first, quoted=True))
            elif sign == '"' or self.text.startswith('$"', begin):
                self.at += 1 + (sign == "$")
                pieces += self.pieces_in_quotes()
            elif sign in "$`":
                pieces += self.substituted(quoted=False)
            else:
                break
        return pieces

    def pieces_in_quotes(self) -> _Pieces:
        """Read up to the closing quote, which is skipped."""
        first = self.at
        pieces = [_Piece("", first, quoted=True)]
        while self.at < self.end and self.text[self.at] != '"' and self.left > 0:
            begin = self.at
            if found := self.take(_IN_QUOTES):
                pieces.append(_Piece(found[0], begin, quoted=True))
            elif found := self.take(_ESCAPES_IN_QUOTES):
                pieces.append(_Piece(found[0][1::2], begin, quoted=True))
            elif self.text.startswith("\\\n", begin):
                self.at += 2
            elif self.text[begin] == "\\":
                pieces.append(_Piece("\\", begin, quoted=True))
                self.at += 1
            else:
                pieces += self.substituted(quoted=True)
        if self.at >= self.end:
            self.unclosed = first - 1
        self.at += 1
        return pieces

    def closing(self, at: int, signs: re.Pattern[str], opener: str) -> int:
        """Return the offset after the bracket that closes the one before `at`."""
        still_open = 1
        while still_open and (found := signs.search(self.text, at, self.end)):
            at = found.end()
            if len(found[0]) == 1:
                still_open += 1 if found[0] == opener else -1
        return self.end if still_open else at

    def substituted(self, *, quoted: bool) -> _Pieces:
        """Read a dollar sign or a backtick and its expansion."""
        begin = self.at
        self.left -= 1
        if self.text.startswith(("$(", "$[", "`"), begin):
            end = "]" if self.text[begin + 1 : begin + 2] == "[" else "`" if self.text[begin] == "`" else ""
            last = self.text.find(end, begin + 1, self.end)
            self.at = self.closing(begin + 2, _IN_BRACKETS, "(") if not end else self.end if last < 0 else last + 1
            if end == "]":  # $[1 + 2] is an old form of $((1 + 2))
                inner, why = self.text[begin + 2 : self.at - 1], "is computed from values that are not in this file"
            elif self.text.startswith("$((", begin):
                inner, why = self.text[begin + 3 : self.at - 2], "is computed from values that are not in this file"
            else:
                expr = _EXPR.fullmatch(self.text, begin, self.at)
                inner, why = expr[1].replace("\\", "") if expr else "", "is the output of a command"
            number = _arithmetic(inner, self.text_of_variable)
            return self.unknown(begin, why, quoted) if number is None else [_Piece(str(number), begin, quoted)]
        if self.text.startswith("${", begin):
            self.at = self.closing(begin + 2, _IN_BRACES, "{")
            return self.braces(begin, quoted=quoted)
        if found := self.take(_NAME):
            return self.value(found[1] or found[2], "", begin, quoted=quoted)
        self.at += 1
        return [_Piece("$", begin, quoted)]

    def unknown(self, begin: int, why: str, quoted: bool, *, several: bool = False) -> _Pieces:
        text = self.text[begin : self.at]
        return [_Piece(text, begin, quoted, Unknown(text, begin, why, several))]

    def value(self, name: str, index: str, begin: int, *, quoted: bool) -> _Pieces:
        """Return the value of a variable; for an array one item, or all items as separate words."""
        every = index in ("@", "*") or name in ("@", "*")
        items = self.variables.get(name)
        if not every and items:
            at = int(index or 0) if index.isdigit() or not index else len(items)
            items = items[at : at + 1] or None
        if items is None:
            own = not (name[0].isalpha() or name[0] == "_")
            why = "has several values" if name in self.variables else "is not set"
            why = "is given to the script when it is run" if own else f"{why} in this file"
            return self.unknown(begin, why, quoted, several=every)
        self.left -= sum(map(len, items))
        if self.left <= 0:
            return []
        pieces: _Pieces = []
        for item in items:
            pieces += [_Piece(" ", begin)] if pieces else []
            pieces += [_Piece("", begin, quoted=True)] if quoted else []
            pieces += [piece._replace(quoted=quoted) for piece in item]
        return pieces

    def braces(self, begin: int, *, quoted: bool) -> _Pieces:
        """Expand `${NAME}`, `${NAME:-default}`, `${NAME[@]}` and similar forms; other forms are unknown."""
        found = _BRACES.fullmatch(self.text, begin + 2, max(self.at - 1, begin + 2))
        if found is None or self.nested >= _MOST_NESTED:
            return self.unknown(begin, "is a text that only the shell computes", quoted)
        name, index, sign, _ = found.groups()
        value = self.variables.get(name)
        is_set = value is not None and (not sign or sign[0] != ":" or _text_of(value) != "")
        several_values = value is None and name in self.variables
        if not sign or several_values or is_set != (sign[-1] == "+") or sign[-1] == "?":
            return self.value(name, index or "", begin, quoted=quoted)
        inner = _Script(self.text, self.variables, self.left, self.nested + 1)
        inner.at, inner.end = found.span(4)
        pieces: _Pieces = []
        while inner.at < inner.end and inner.left > 0:
            inner.left -= 1
            more = inner.pieces_of_word()
            pieces += [piece._replace(quoted=piece.quoted or quoted) for piece in more]
            if not more:
                pieces.append(_Piece(self.text[inner.at], inner.at, quoted))
                inner.at += 1
        self.left = inner.left
        if sign[-1] == "=":
            self.variables[name] = (pieces,)
        return pieces

    def text_of_variable(self, name: str) -> str:
        return _text_of(self.variables.get(name))


def _word_of(pieces: _Pieces) -> ShellWord:
    unknown = tuple(
        replace(piece.unknown, several=piece.unknown.several or not piece.quoted)
        for piece in pieces
        if piece.unknown is not None
    )
    return ShellWord("".join(piece.text for piece in pieces), pieces[0].begin, unknown)


def _one_of(before: tuple[_Pieces, ...], value: tuple[_Pieces, ...], begin: int) -> _Value:
    """Return the value of a variable that has the value `before`, or `value` if a condition holds.

    None if options of a schedule depend on the condition.
    """
    old, new = _text_of(before), _text_of(value)
    added = new.removeprefix(old)
    is_more = new.startswith(old)
    if old == new:
        return value
    options = re.findall(r"(?<!\S)--?([A-Za-z][\w-]*)", added if is_more else f"{old} {added}")
    if not options:
        return None if old else value
    if not any(map(looks_like_schedule, options)):
        return value
    if not is_more:
        return None
    maybe = Unknown(" ".join(added.split())[:40], begin, "is only added under a condition", several=True)
    piece = _Piece(maybe.text, begin, unknown=maybe)
    if len(value) > len(before):  # the array has one more item
        return (*before, [piece])
    return (*before[:-1], [*before[-1], _Piece(" ", begin), piece])


def _text_of(value: _Value) -> str:
    """Return the entire text of a variable; "" if it has none."""
    return " ".join("".join(piece.text for piece in item) for item in value or ())


def _divided(first: int, second: int) -> int:
    """Divide as in C, truncating toward zero."""
    quotient = abs(first) // abs(second)
    return quotient if (first < 0) == (second < 0) else -quotient


_OPERATIONS: Final[Mapping[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divided,
    ast.Mod: lambda first, second: first - second * _divided(first, second),
    ast.Pow: lambda first, second: int(first**second) if 0 <= second <= 64 else _LARGEST,
}
_MOST_ARITHMETIC: Final = 500  # characters
_MOST_OF_VARIABLE: Final = 501  # characters, so that an expression with a longer value is not read
_MOST_DEEP: Final = 10  # nested variables
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_LARGEST: Final = 2**63


def _arithmetic(expression: str, text_of: Callable[[str], str], nested: int = 0) -> int | None:
    """Return the value of an integer expression; None if it is invalid or has an unknown variable."""

    def number(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool):
                found: int | None = value
            case ast.Name(id=name):
                found = _arithmetic(text_of(name), text_of, nested + 1)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                found = -number(operand) if isinstance(sign, ast.USub) else number(operand)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATIONS:
                found = _OPERATIONS[type(op)](number(left), number(right))
            case _:
                found = None
        if found is None or abs(found) >= _LARGEST:
            raise ValueError(expression)
        return found

    if len(expression) > _MOST_ARITHMETIC or nested > _MOST_DEEP:
        return None
    filled = _VARIABLE.sub(lambda one: text_of(one[1] or one[2])[:_MOST_OF_VARIABLE], expression)
    if len(filled) > _MOST_ARITHMETIC:
        return None
    try:
        return number(ast.parse(" ".join(filled.split()), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None
