"""The grammar of a line of text: a line becomes a tree, without running any code in it.

The grammar has productions for slips, such as a missing bracket or `5%` without quotes. Each reports a problem, and its
tree is what was meant. A line has a tree unless it has another mistake of syntax, is too long, or is nested too deep.
"""

import ast
import re
import unicodedata
from collections.abc import Container
from typing import Final, NamedTuple, final

from paramsched.core.advice.lookalikes import first_lookalike, straighten_text
from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import KNOWN, shortened_text
from paramsched.core.base.node import Call, Keyword, List, Node, Number, Place, Text, Word
from paramsched.core.time.duration import UNIT_NAMES, length_with_unit
from paramsched.errors import ParseError

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50
_MOST_WORDS = 8  # of a name that is written with dashes
_MOST_BRACKETS = 200  # around one value; Python has the same limit
LINE_SYNTAX = "A schedule's text consists of calls, numbers, strings, lists, >>, *, /, **, + and -"
EXAMPLE_LINE = 'warmup("5%") >> cosine(to=0.1)'

BINDS: Final = {">>": 1, "<<": 1, "+": 2, "-": 2, "*": 3, "/": 3, "//": 3, "%": 3, "@": 3, "unary sign": 4, "**": 5}
"""The precedence of each operator."""

JOINED: Final = {">>": ">>", "<<": ">>", "*": "*", "+": "+", "-": "+"}
"""The operators whose operands are collected, so that a sum of a thousand terms is one sum, not a thousand."""

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\f]+|\\\r?\n|\#[^\n]*)
    |(?P<newline>\r?\n|\r)
    |(?P<string>[A-Za-z]{0,2}(?:\"\"\"(?s:(?:\\.|[^\\])*?)\"\"\"|'''(?s:(?:\\.|[^\\])*?)'''
        |\"(?:\\(?s:.)|[^\\\"\n])*\"|'(?:\\(?s:.)|[^\\'\n])*'))
    |(?P<name>[^\W\d]\w*|1cycle\b)
    |(?P<number>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+
        |(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?)
    |(?P<join>>>>+|-+>|=>|>=|\|+>?|&+|;|>(?!>))
    |(?P<sign>>>|<<|\*\*|//|==|!=|<=|:=|[-+*/%@~^<()\[\]{},.=:])
    |(?P<unknown>(?s:.))""",
    re.VERBOSE,
)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_ASSIGNS: Final = ("=", ":", "==", ":=", "=>", "->")
_SIGNS: Final = (">>", "+", "-", "*", "/", "**")
_JOIN_WORDS: Final = ("then", "and")
_OTHER_OPERATORS: Final = {"^": "**", "//": "/", "@": "*"}
_STARTS: Final = ("name", "number", "string", "(", "[")
_PYTHON_KEYWORDS: Final = ("and", "or", "not", "if", "else", "is", "in", "lambda", "for", "await", "async", "yield")
_PYTHON_SIGNS: Final = ("{", "}", "~", ":", ":=", "->", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", ".", "=>", ";")
_SPACES: Final = ("curves", "rules")
_SCALES: Final = ("k", "K", "M", "B", "T")


class Token(NamedTuple):
    """A token. Its kind is `name`, `number`, `string`, `join`, `unknown`, `end` or its sign."""

    kind: str
    word: str
    begin: int
    end: int


class Tree(NamedTuple):
    """The tree of a line, the slips in it, and the text without characters that only look like those of a line."""

    node: Node
    slips: list[ParseError]
    text: str


def tree_of(text: str, names: Container[str], *, limited: bool = True) -> Tree:
    """Return the tree of a line.

    Args:
        text: the line.
        names: the names of the functions that it may call.
        limited: False for a line that the library wrote, whose length and depth are not limited.

    Raises:
        ParseError: the line has no tree.
    """
    if limited and len(text) > MOST_CHARACTERS:
        found = f"a line has at most {MOST_CHARACTERS} characters, got {len(text)}"
        site, instead = shortened_text(text), "Use a mapping for the schedule"
        raise ParseError(site, found, instead, text=text, span=(0, len(text)))
    parser = _Parser(text, names, limited=limited)
    return Tree(parser.line(), parser.slips, parser.text)


def quoted(text: str, begin: int, end: int) -> str:
    """Quote a range of a line, for an error message.

    >>> quoted("cosine(to=x)", 10, 11)
    '"x" at character 11'
    """
    return f'"{shortened_text(text[begin:end])}" at character {begin + 1}'


@final
class _Parser:
    """A parser of one line, by precedence of operators."""

    def __init__(self, text: str, names: Container[str], *, limited: bool) -> None:
        self.slips = list[ParseError]()
        self.names, self.limited = names, limited
        self.text = text if text.isascii() else self._straightened(text)
        self._tokens, self._at = self._all_tokens(), 0
        self._depth = self._brackets = 0
        self._comma: Token | None = None  # one that is read as `>>`

    # ---- tokens

    def _straightened(self, text: str) -> str:
        """Return the text without lookalike characters outside of its strings."""
        strings = [found.span() for found in _TOKEN.finditer(text) if found.lastgroup == "string"]
        straight, last = "", 0
        for begin, end in [*strings, (len(text), len(text))]:
            straight += straighten_text(text[last:begin]) + text[begin:end]
            last = end
        outside = re.sub(r"\"[^\"]*\"|'[^']*'", lambda quote: " " * len(quote[0]), text)
        if straight != text and (other := first_lookalike(outside)) is not None:
            if text[other[0]].isalpha():
                site, found = f'"{shortened_text(text)}"', f"{other[1]}, which looks like a letter of a name"
                self.slips.append(ParseError(site, found, text=text, span=(other[0], other[0] + 1), code=UNKNOWN_NAME))
            else:
                self._slip(text, other[0], other[0] + 1, f"invalid syntax: {other[1]}")
            return straight
        return text

    def _all_tokens(self) -> list[Token]:
        text, found = self.text, list[Token]()
        stop = len(text.rstrip())
        depth = 0
        for one in _TOKEN.finditer(text, len(text) - len(text.lstrip()), stop):
            kind, word, begin, end = one.lastgroup or "", one[0], one.start(), one.end()
            if kind == "blank":
                continue
            if kind == "sign":
                depth += (word in "([{") - (word in ")]}")
                kind = word
            elif kind == "newline":
                if depth > 0 or (found and not found[-1].word.strip()):  # in brackets, or an empty line
                    continue
                self._slip(
                    text, begin, begin + 1, f"invalid syntax at character {begin + 1}: a line break outside brackets"
                )
                if not found or found[-1].kind in BINDS:
                    continue
                kind = "join"
            found.append(Token(kind, word, begin, end))
        found.append(Token("end", "", stop, stop))
        return found

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _next(self, more: int = 1) -> Token:
        return self._tokens[min(self._at + more, len(self._tokens) - 1)]

    def _take(self) -> Token:
        taken = self._tokens[self._at]
        self._at += 1
        return taken

    # ---- problems

    def _slip(self, text: str, begin: int, end: int, found: str) -> None:
        self.slips.append(ParseError(f'"{shortened_text(text)}"', found, text=text, span=(begin, end)))

    def _slipped(self, here: Token, found: str, end: int | None = None) -> None:
        self._slip(self.text, here.begin, here.end if end is None else end, f"invalid syntax: {found}")

    def _syntax_error(self, begin: int, end: int, found: str, instead: str = "") -> ParseError:
        site, example = f'"{shortened_text(self.text)}"', "" if instead else EXAMPLE_LINE
        found = f"invalid syntax at character {begin + 1}: {found}"
        return ParseError(site, found, instead, write=example, is_example=True, text=self.text, span=(begin, end))

    def _not_in_a_line(self, here: Token) -> ParseError:
        site = f'"{shortened_text(self.text)}" at character {here.begin + 1}'
        if here.word == "lambda":
            example, span = 'from_function("my_function")', (here.begin, here.end)
            found = "a plan contains the name of a registered function, not its code"
            return ParseError(site, found, write=example, is_example=True, text=self.text, span=span)
        found = f"{here.word} is not part of a schedule's text"
        return ParseError(site, found, LINE_SYNTAX, text=self.text, span=(here.begin, here.end))

    def _unexpected(self, closing: str, *, wanted: bool) -> ParseError:
        """Return the error for the current token: a value is wanted, or an operator or the end of the bracket."""
        begin, end, kind, word = self._here.begin, self._here.end, self._here.kind, self._here.word
        if kind == "unknown":
            shown = f'"{word}"' if word.isprintable() else repr(word)
            return self._syntax_error(begin, end, f"{shown} is not part of a schedule's text", "Remove it")
        unpacked = wanted and kind in ("*", "**") and closing != "end"
        if word in _PYTHON_SIGNS or word in _PYTHON_KEYWORDS or unpacked or (not wanted and kind in ("(", "[")):
            return self._not_in_a_line(self._here)
        if kind == "end":
            begin, found = max(begin - 1, 0), "expected a value at the end"
            if not self.text.strip():
                return self._syntax_error(0, 0, "the text is empty")
        elif kind == "=":
            found = '"=" is only allowed between a keyword and its value'
        elif kind in ("name", "number", "string"):
            found = "expected an operator or the end of the text" if closing == "end" else "expected a comma before it"
        else:
            found = f'expected a value before "{kind}"'
        return self._syntax_error(begin, end, found)

    # ---- productions

    def line(self) -> Node:
        """Read the entire line."""
        first, second = self._here, self._next()
        if first.kind == "name" and second.kind in ("=", ":") and self._next(2).kind != "end":
            self._take()
            sign = self._take()  # lr: cosine(), or warmup: 20 >> cosine()
            if first.word in self.names:
                self._slipped(sign, f"expected a bracket, got {sign.word}")
                value = self._expression("end", BINDS[">>"] + 1)
                call = Call(first.word, (value,), (), self._place(first.begin), self._place(first.begin, first.end))
                return self._to_the_end(self._rest("end", [call]))
            self._slip(self.text, first.begin, sign.end, f'invalid syntax: "{first.word}{sign.word}" is not part of it')
        numbers = [one.word for one in self._tokens[:3]] if len(self._tokens) == 4 else []
        if numbers and re.fullmatch(r"\d+,\d+", "".join(numbers)):  # 0,5
            self._slipped(self._tokens[1], "expected a decimal point, got a comma")
            self._at += 3
            written = f"{numbers[0]}.{numbers[2]}"
            return Number(float(written), written, self._place(first.begin))
        return self._to_the_end(self._expression("end"))

    def _to_the_end(self, node: Node) -> Node:
        while self._here.kind in (")", "]", "}"):
            here = self._take()
            self._slipped(here, f"unmatched {here.word}")
            if self._comma is not None or self._here.word in (",", ";"):  # an argument after a bracket closed too early
                raise self._unexpected("end", wanted=False) if self._comma is None else self._not_in_a_line(self._comma)
            node = self._rest("end", [node])
        if self._here.kind != "end":
            raise self._unexpected("end", wanted=False)
        return node

    def _place(self, begin: int, end: int | None = None) -> Place:
        return Place("", begin, self._tokens[self._at - 1].end if end is None else end)

    def _expression(self, closing: str, binds: int = 1) -> Node:
        """Read a value, and the operators after it whose precedence is at least `binds`, with their operands."""
        begin = self._tokens[self._at].begin
        return self._rest(closing, [self._operand(closing)], binds, begin)

    def _rest(self, closing: str, run: list[Node], binds: int = 1, begin: int | None = None) -> Node:
        signs, depth = list[str](), self._depth
        first = (run[0].place.begin or 0) if begin is None else begin
        while True:
            sign = self._tokens[self._at].kind
            if sign not in _SIGNS or self._tokens[self._at + 1].kind not in _STARTS:
                sign = self._operator(closing, run[-1])
                if sign == "method":
                    self._enter(1, 0)
                    run[-1] = self._method(closing, run[-1])
                    continue
                if sign not in BINDS:
                    break
            if BINDS[sign] < binds:
                break
            if signs and (sign not in JOINED or JOINED[sign] != JOINED.get(signs[-1])):
                self._enter(1, 0)
                run, signs = [self._joined(run, signs, first)], []
            if sign != "missing":
                self._at += 1
            signs.append(sign)
            if sign == "**":
                self._enter(1, 0)
            run.append(self._expression(closing, BINDS[sign] + (sign != "**")))  # `**` associates to the right
        self._depth = depth
        return self._joined(run, signs, first) if signs else run[0]

    def _joined(self, run: list[Node], signs: list[str], first: int) -> Node:
        last = self._tokens[self._at - 1].end
        place = Place("", first, last)
        bare = [isinstance(one, Text) and self.text[one.place.begin or 0] not in "\"'" for one in run]
        if bare[-1] and (all(bare) or (signs == ["/"] and isinstance(run[0], Number))):  # 1/3 epoch
            return Text(" ".join(self.text[first:last].split()), False, place)
        if signs[0] in ("+", "-") and "-" in signs:
            run = [
                Call("-", (one,), (), one.place, one.place) if sign == "-" else one
                for sign, one in zip(["", *signs], run, strict=True)
            ]
            return Call("+", tuple(run), (), place, place)
        name = "<<" if "<<" in signs else signs[0]
        return Call(name, tuple(run), (), place, place)

    def _operator(self, closing: str, left: Node) -> str:
        """Return the sign of the next operator; empty at the end of the expression. Slips are corrected."""
        here, after = self._here, self._next()
        kind, word = here.kind, here.word
        if kind in BINDS:
            if after.kind in ("end", ")", "]", "}", ",") or (after.kind == "join" and after.word == ";"):
                self._slipped(here, f"expected a value after {kind}")
                self._take()
                return self._operator(closing, left)
            if after.kind in (">>", "*", "/", "**", "join"):
                self._take()
                self._slipped(self._here, f'expected a value before "{self._here.word}"')
                return self._operator(closing, left)
            if kind in _OTHER_OPERATORS:
                self._slipped(here, f"{word} is not an operator of schedules")
                self._tokens[self._at] = here._replace(kind=_OTHER_OPERATORS[kind])
            return self._tokens[self._at].kind
        if kind == "^" and after.kind in (*_STARTS, "-", "+"):
            self._slipped(here, f"{word} is not an operator of schedules")
            self._tokens[self._at] = here._replace(kind="**")
            return "**"
        is_top = closing == "end"
        if kind == "join" and word == ";" and not is_top:
            return ""
        if kind == "join" or (is_top and kind == ",") or (kind == "name" and word in _JOIN_WORDS):
            if (word in _JOIN_WORDS and after.word in _JOIN_WORDS) or (not word.strip() and after.kind in BINDS):
                self._take()  # and then; or an operator at the start of a line
                return self._operator(closing, left)
            if after.kind == "end":
                self._slipped(here, f"{word} is not part of a schedule's text")
                self._take()
                return ""
            if word in (",", ";") and after.kind == "number":  # an argument, because a number alone is no stage
                return ""
            if after.kind in (*_STARTS, "-", "+", ">>", "join") and not isinstance(left, Text):
                if not word.strip():  # a line break, which is reported already
                    self._tokens[self._at] = here._replace(kind=">>")
                    return ">>"
                return self._meant(here, ">>", f"{word} is not part of a schedule's text; stages are joined by >>")
            return ""
        if kind == ".":
            if after.kind == "name" and self._next(2).kind == "(":
                return "method"
            if after.kind == "end":
                self._slipped(here, ". is not part of a schedule's text")
                self._take()
                return ""
            return ""
        if kind == "name" and word in ("x", "X") and after.kind in _STARTS and isinstance(left, (Call, Number)):
            return self._meant(here, "*", f'"{word}" is not an operator of schedules; the sign is *')
        is_call = kind == "name" and after.kind in ("(", ".")
        if is_call and isinstance(left, Number):
            self._missing(here, "*", "expected an operator before it")
            return "*"
        if is_call and isinstance(left, Call) and word not in _PYTHON_KEYWORDS:
            self._missing(here, ">>", "expected an operator before it; stages are joined by >>")
            return ">>"
        return ""

    def _meant(self, here: Token, sign: str, found: str) -> str:
        self._slipped(here, found)
        if here.word in (",", ";"):
            self._comma = here
        self._tokens[self._at] = here._replace(kind=sign)
        return sign

    def _missing(self, here: Token, sign: str, found: str) -> None:
        self._slipped(here, found)
        self._tokens.insert(self._at, Token(sign, sign, here.begin, here.begin))

    def _method(self, closing: str, left: Node) -> Node:
        """Read `.name(…)` after a value: a function whose first argument is the value, or the next stage."""
        dot = self._take()
        name = self._take()
        self._slip(self.text, dot.begin, name.end, f"invalid syntax: a schedule has no .{name.word}(…) in text")
        made = self._call(name.word, self._place(name.begin), left.place.begin or 0)
        if name.word == "then":
            return Call(">>", (left, *made.args), (), made.place, made.head)
        return Call(f".{name.word}", (left, *made.args), made.kwargs, made.place, made.head)

    def _operand(self, closing: str) -> Node:
        """Read a number, a string, a name, a call, or a value in brackets or after a sign."""
        here = self._here
        kind = here.kind
        if kind == "name":
            return self._named(closing)
        if kind == "number":
            return self._number(self._take())
        if kind == "string":
            self._at += 1
            return Text(self._string(here), False, Place("", here.begin, here.end))
        if kind in ("(", "[", "{"):
            return self._in_brackets(closing)
        if kind in ("-", "+"):
            return self._signed()
        if kind == "unknown" and here.word in "\"'`":
            return self._open_quote(closing)
        is_first = self._at == 0 or (kind == ">>" and self._tokens[self._at - 1].kind in ("(", "[", ","))
        if is_first and (kind in (">>", "*", "/", "**", ",") or kind == "join") and self._next().kind in _STARTS:
            self._slipped(here, f'expected a value before "{here.word}"')
            self._take()
            return self._operand(closing)
        if kind in (")", "]", "}") and closing in (")", "]") and kind != closing:
            raise self._syntax_error(here.begin, here.end, f'expected a value before "{kind}"')
        raise self._unexpected(closing, wanted=True)

    def _signed(self) -> Node:
        sign = self._take()
        self._enter(1, 0)
        value = self._expression("sign", BINDS["unary sign"] + 1)
        self._depth -= 1
        place = Place("", sign.begin, value.place.end)
        if isinstance(value, Number):
            number = -value.value if sign.kind == "-" else value.value
            return Number(number, f"-{value.written}" if sign.kind == "-" else value.written, place)
        return Call(sign.kind, (value,), (), place, place)

    def _enter(self, depth: int, brackets: int) -> None:
        """Go one level deeper. Raise an error if the text is nested too deep."""
        self._depth += depth
        self._brackets += brackets
        here = self._here
        if self.limited and self._brackets > _MOST_BRACKETS:
            raise self._syntax_error(here.begin, here.end, f"more than {_MOST_BRACKETS} open brackets")
        if self.limited and self._depth >= MOST_DEPTH:
            found = f"nested more than {MOST_DEPTH} deep"
            site, instead = f'"{shortened_text(self.text)}"', "Split it into named schedules"
            raise ParseError(site, found, instead, text=self.text, span=(here.begin, here.end))

    def _in_brackets(self, closing: str) -> Node:
        """Read a list or a value in brackets."""
        outer = list[Token]()  # of brackets around brackets, which are read in a loop, because Python limits recursion
        while self._here.kind == "(" == self._next().kind:
            outer.append(self._take())
            self._enter(0, 1)
        node = self._in_bracket(None)
        while outer:
            node = self._in_bracket(node, outer.pop())
            self._brackets -= 1
        return node

    def _in_bracket(self, first: Node | None, opened: Token | None = None) -> Node:
        """Read one list or one value in brackets, whose first value may be read already."""
        is_new = opened is None
        opened = opened or self._take()
        if opened.kind == "{":
            self._slipped(opened, "{ is not part of a schedule's text; a list is written as [ … ]")
        wanted = _CLOSING[opened.kind]
        is_list = opened.kind != "("
        self._enter(is_list, is_new)
        args, keywords, comma, _ = self._arguments(wanted, opened, first=first)
        self._depth -= is_list
        self._brackets -= is_new
        place = self._place(opened.begin)
        if keywords:
            raise self._syntax_error(opened.begin, opened.end, '"=" is only allowed between a keyword and its value')
        if len(args) == 1 and not comma and not is_list:
            return args[0]
        return List(tuple(args), not is_list, place)

    def _call(self, name: str, head: Place, begin: int) -> Call:
        opened = self._take()
        self._enter(1, 0)
        if opened.kind != "(":
            self._slipped(opened, f"{opened.word} does not begin the arguments of a call; ( does")
        args, keywords, _, rest = self._arguments(_CLOSING[opened.kind], opened, is_call=True)
        self._depth -= 1
        end = rest[0].place.begin if rest else None
        call = Call(name, tuple(args), tuple(keywords), self._place(begin, end), head)
        if rest:  # the bracket is closed in front of the next `>>`
            return Call(">>", (call, *rest), (), self._place(begin), self._place(begin))
        return call

    def _arguments(
        self, closing: str, opened: Token, *, is_call: bool = False, first: Node | None = None
    ) -> tuple[list[Node], list[Keyword], bool, list[Node]]:
        """Read the arguments in a bracket, to its end.

        Returns:
            The positional arguments, the keyword arguments, whether the last one is followed by a comma, and the stages
            after a bracket that is not closed.
        """
        args, keywords, comma = list[Node](), list[Keyword](), False
        while True:
            here = self._here
            if first is not None:
                pass
            elif here.kind == closing:
                self._at += 1
                return args, keywords, comma, []
            elif here.kind == "end":
                self._slipped(opened, f"the bracket {opened.word} is never closed")
                return args, keywords, comma, self._stages_of_last(args, keywords) if is_call else []
            elif here.kind in (")", "]", "}"):
                self._slipped(here, f"{here.word} does not match the bracket {opened.word}")
                self._at += 1
                return args, keywords, comma, []
            elif here.kind == "," and (comma or not (args or keywords)):
                self._slipped(here, 'expected a value before ","')
                self._at += 1
                continue
            keyword = self._keyword() if is_call and here.kind == "name" else None
            value = self._expression(closing) if first is None else self._rest(closing, [first])
            first = None
            if keyword is not None:
                keywords.append(Keyword(keyword.word, value, Place("", keyword.begin, keyword.end)))
            elif keywords:
                keywords.append(Keyword("", value, value.place))  # the builder finds its parameter
            else:
                args.append(value)
            here = self._here
            comma = here.kind == ","
            if comma:
                self._at += 1
            elif here.kind == "join" and here.word == ";":
                self._slipped(here, "expected a comma, got ;")
                self._at, comma = self._at + 1, True
            elif here.kind in ("name", "number", "string") and here.begin > self._tokens[self._at - 1].end:
                self._slipped(here, "expected a comma before it")
            elif here.kind not in (closing, "end", ")", "]", "}"):
                raise self._unexpected(closing, wanted=False)

    def _stages_of_last(self, args: list[Node], keywords: list[Keyword]) -> list[Node]:
        """Return the stages after the first one in the last argument, and remove them: `warmup(5 >> cosine()`."""
        last = keywords[-1].value if keywords else args[-1] if args else None
        if not isinstance(last, Call) or last.name != ">>" or isinstance(last.args[0], Call):
            return []
        if keywords:
            keywords[-1] = keywords[-1]._replace(value=last.args[0])
        else:
            args[-1] = last.args[0]
        return list(last.args[1:])

    def _keyword(self) -> Token | None:
        """Take the name of a keyword and the sign after it; None if the argument has no keyword."""
        here, sign = self._here, self._next()
        if sign.kind == "=":
            self._at += 2
            return here
        if sign.word in _ASSIGNS and self._next(2).kind not in ("end", ")", "]"):
            self._slipped(sign, f"expected = after a keyword, got {sign.word}")
            self._at += 2
            return here
        if sign.kind == "number" and here.word not in self.names and here.word != "until":  # cosine(over 40)
            self._slipped(sign, "expected = after a keyword")
            self._at += 1
            return here
        return None

    def _named(self, closing: str) -> Node:
        """Read a name, a call, or the length `until 5 epochs` without quotes."""
        here = self._take()
        name, begin, end = here.word, here.begin, here.end
        if not name.isascii():
            name = unicodedata.normalize("NFKC", name)
        after = self._tokens[self._at]
        while after.kind == "." and self._next().kind == "name" and (name in _SPACES or not self._is_stage(name)):
            self._at += 1
            part = self._take()
            name, end = f"{name}.{part.word}", part.end
            after = self._tokens[self._at]
        if after.kind == "." and self._next().kind != "end" and name in ("curves", "rules"):
            raise self._syntax_error(after.begin, after.end, "expected a name after the dot")
        if name in _PYTHON_KEYWORDS and after.kind != "(":
            raise self._not_in_a_line(here)
        if name == "until" and after.kind == "number":
            return self._until(here)
        is_item = after.kind == "[" and after.begin == end and self._next(2).kind == "]"
        if is_item and name not in self.names and not name.startswith(("curves.", "rules.", "betas")):
            self._at += 3  # an item of a program's config, which is a variable: args["epochs"]
            end = self._tokens[self._at - 1].end
            return Word(self.text[begin:end], Place("", begin, end))
        if after.kind == "-":
            name, end = self._with_dashes(name, begin, end)
            after = self._tokens[self._at]
        head = Place("", begin, end)
        if after.kind == "(":
            return self._call(name, head, begin)
        if after.kind in ("[", "{") and after.begin == end and name in self.names:
            return self._call(name, head, begin)
        if name in self.names and (
            after.kind in ("number", "string") or (after.kind == "name" and self._next().kind == "=")
        ):
            return self._without_bracket(name, head, closing)
        return Word(name, head)

    def _is_stage(self, name: str) -> bool:
        """Return whether a method follows a name whose brackets are missing: `cosine.then(…)`."""
        return name in self.names and self._next(2).kind == "("

    def _with_dashes(self, name: str, begin: int, end: int) -> tuple[str, int]:
        """Return a name that is written with dashes, such as `warm-up(10)`, and its end."""
        parts, at = [name], self._at
        while (
            len(parts) < _MOST_WORDS
            and self._tokens[at].kind == "-"
            and self._tokens[at].begin == end
            and self._tokens[at + 1].kind == "name"
        ):
            parts.append(self._tokens[at + 1].word)
            end, at = self._tokens[at + 1].end, at + 2
        for known in ("".join(parts), "_".join(parts)):
            if len(parts) > 1 and self._tokens[at].kind == "(" and known in self.names:
                site = quoted(self.text, begin, end)
                found = f'unknown schedule "{"-".join(parts)}"; did you mean "{known}"?'
                self.slips.append(ParseError(site, found, text=self.text, span=(begin, end), code=UNKNOWN_NAME))
                self._at = at
                return known, end
        return name, begin + len(name) if len(parts) > 1 else end

    def _until(self, word: Token) -> Node:
        while self._here.kind in ("number", "name", "%", "+", "-"):
            self._take()
        place = self._place(word.begin)
        text = self.text[place.begin : place.end]
        self._slipped(word, f"{text} is a length without quotes", place.end)
        return Text(" ".join(text.split()), False, place)

    def _without_bracket(self, name: str, head: Place, closing: str) -> Node:
        """Read a call whose opening bracket is missing: `cosine to=0.2)`."""
        args, keywords = list[Node](), list[Keyword]()
        self._slipped(self._here, "expected ( before it")
        while self._here.kind in ("number", "string", "name"):
            keyword = self._keyword() if self._here.kind == "name" else None
            value = self._expression(closing, BINDS[">>"] + 1)
            if keyword is None:
                args.append(value)
            else:
                keywords.append(Keyword(keyword.word, value, Place("", keyword.begin, keyword.end)))
            if self._here.kind == "," and closing == "end":
                self._take()
        if self._here.kind == ")" and closing != ")":
            self._take()
        return Call(name, tuple(args), tuple(keywords), self._place(head.begin or 0), head)

    def _open_quote(self, closing: str) -> Node:
        """Read a text whose quote is not closed, to the next comma or bracket; or a value in backticks."""
        here = self._take()
        if here.word == "`":
            self._slipped(here, "` is not part of a schedule's text")
            value = self._expression(closing)
            if self._here.word == "`":
                self._take()
            return value
        rest = re.compile(r"[^,()[\]\"']*").match(self.text, here.end)
        end = here.end if rest is None else rest.end()
        content = self.text[here.end : end]
        end += self.text[end : end + 1] in ("'", '"')
        while self._here.kind != "end" and self._here.begin < end:
            self._take()
        self._slipped(here, f"the quote {here.word} is never closed")
        return Text(content, False, Place("", here.begin, end))

    # ---- numbers and strings

    def _number(self, token: Token) -> Node:
        """Return the value of a number token, by Python's rules; or a length without quotes, such as 5%."""
        word, begin, end = token.word, token.begin, token.end
        after = self._tokens[self._at]
        if after.kind in ("name", "%") and after.word not in ("x", "X"):
            length = self._bare_length(token, after)
            if length is not None:
                return length
        while after.kind == "," and after.begin == end and self._next().word == "000" and self._next().begin == end + 1:
            self._slipped(after, "a number has no comma", after.end)
            self._at += 2
            word, end = f"{word}000", self._tokens[self._at - 1].end
            after = self._tokens[self._at]
        place = Place("", begin, end)
        if word[-1] in "jJ":
            site, found = quoted(self.text, begin, end), "complex numbers are not part of a schedule's text"
            raise ParseError(site, found, write=EXAMPLE_LINE, is_example=True, text=self.text, span=(begin, end))
        if len(word) > 1 and not word.strip("0"):  # rejected, because the "000" of 10,000 would be a second number
            raise self._syntax_error(begin, end, "a number must not start with 0")
        try:
            is_float = word[:2] not in ("0x", "0X") and re.search("[.eE]", word)
            return Number(float(word) if is_float else int(word, 0), word, place)
        except ValueError:  # 012, or more digits than Python converts into an integer
            raise self._syntax_error(begin, end, "invalid number") from None

    def _bare_length(self, number: Token, unit: Token) -> Node | None:
        """Return the text of a length without quotes; None if the number and the name after it are not one."""
        after = self._next()
        if after.kind in ("(", "=", ".", "[") or (unit.kind == "%" and after.kind in (*_STARTS,)):
            return None
        length = self.text[number.begin : unit.end]
        if unit.word == "f" and unit.begin == number.end:  # 0.5f
            self._slipped(unit, "f is not part of a number")
            self._take()
            return Number(float(number.word), number.word, Place("", number.begin, number.end))
        if unit.kind == "%" or unit.word in UNIT_NAMES:
            meant: str | None = length
        elif unit.word in _SCALES and after.kind == "name" and after.word in UNIT_NAMES:  # 100k tokens
            self._take()
            unit, length = after, self.text[number.begin : after.end]
            meant = length
        elif unit.word in _SCALES and unit.begin == number.end:
            meant = f"{length} steps"
        else:
            meant = length_with_unit(number.word, unit.word)
        if meant is None:
            return None
        self._take()
        self._slipped(number, f"{length} is a length without quotes", unit.end)
        return Text(" ".join(meant.split()), False, Place("", number.begin, unit.end))

    def _string(self, token: Token) -> str:
        """Return the value of a string token."""
        word, begin, end = token.word, token.begin, token.end
        quote = word[-1]
        prefix = word[: word.index(quote)]
        if not prefix and "\\" not in word:
            return word[3:-3] if word[:3] == quote * 3 else word[1:-1]
        if prefix.lower() not in ("", "r", "u"):
            self._slip(self.text, begin, end, f"text with the prefix {prefix} is not part of a schedule's text")
            return str(ast.literal_eval(word[len(prefix) :]))
        try:
            return str(ast.literal_eval(word))
        except (SyntaxError, ValueError):
            raise self._syntax_error(begin, end, "invalid escape sequence", "Double the backslash") from None


def is_field(name: str) -> bool:
    """Return whether a name is that of a field or a target, so that `like` may be meant."""
    return name in KNOWN or name in ("accumulation", "batch_size")
