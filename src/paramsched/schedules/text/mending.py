"""What a refused line was meant to be: each slip that can mean one thing only is mended in the line's own text."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Final, final, get_args, get_origin

from paramsched.base.calls import example_call, takes_list
from paramsched.base.codes import SYNTAX, UNKNOWN_NAME
from paramsched.base.lookalikes import first_lookalike, straighten_text
from paramsched.base.near_names import closest
from paramsched.base.peer_words import (
    DROPPED,
    PEER_PARAMETERS,
    SEQUENCES,
    dashed_word_at,
    is_share_of_run,
    is_warmup_length,
    letters_of,
    meant_argument,
    meant_by,
    unit_of_length,
    warmup_text,
)
from paramsched.curves import CONSTANTS, FAMILIES, Curve, CurveLike, curve_text
from paramsched.errors import InvalidArgument
from paramsched.schedules.affine import NEIGHBOR_LEVELS, Absolute, Level, NeighborLevel
from paramsched.schedules.registry import RULES, SHAPES
from paramsched.schedules.text.reader import called_by_name
from paramsched.schedules.text.tokens import STRING, without_strings
from paramsched.time import Duration, DurationLike
from paramsched.time.duration import UNIT_NAMES

_ADVICE: Final = re.compile(r"\A(Write|Quote the length:) ")
_PEER_SEQUENCES: Final = ("SequentialLR", "ChainedScheduler")
_OPTIMIZER: Final = re.compile(r"(?:self\.)?(?:optimizer|optim|opt)\w*")
_MOST_EDITS: Final = 12
_MOST_CHARACTERS: Final = 400  # a longer line is not repeated in a message
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}


def mended_line(text: str, names: Mapping[str, Callable[..., Any]], read: Callable[[str], object]) -> str | None:
    """The line with every slip mended, so that it can be read; None where one of them may mean several things.

    Args:
        text: a line that `read` refuses.
        names: the functions that a line may call.
        read: raises InvalidArgument for a line that cannot be read.
    """
    if len(text) > _MOST_CHARACTERS:
        return None
    for _ in range(_MOST_EDITS):
        try:
            read(text)
        except InvalidArgument as refusal:
            mended = _Slip(text, refusal, names).mended()
            if mended is None or mended == text:
                return None
            text = mended.strip()
        else:
            return text
    return None


def advice_of_mended(text: str, mended: str, refusal: InvalidArgument) -> str:
    """What to write of a mended line: the call around all that is changed, else the whole line.

    The refusal's own advice, or the name that it names, is kept where that mends the line in the refused place.

    >>> line = "warmup(5) >> cosin(to=0.1)"
    >>> advice_of_mended(line, "warmup(5) >> cosine(to=0.1)", InvalidArgument("cosin").locate(line, 13, 18))
    'Write cosine(to=0.1)'
    """
    begin, end = refusal.span or (0, len(text))
    own = _ADVICE.sub("", refusal.instead)
    if refusal.replace and not refusal.instead:
        own = text[begin:end].replace(*refusal.replace, 1)
    called = text[end : end + 1] == "(" and not refusal.replace
    if own != refusal.instead and not called and f"{text[:begin]}{own}{text[end:]}" == mended:
        return refusal.instead
    same = next((at for at, (old, new) in enumerate(zip(text, mended, strict=False)) if old != new), len(text))
    shorter = min(len(text), len(mended)) - same
    behind = next((at for at in range(shorter) if text[-1 - at] != mended[-1 - at]), shorter)
    pieces = [(call.begin, call.closed) for call in _Slip(text, refusal, {}).calls()]
    pieces += [
        (word.start(), word.end()) for word in re.finditer(r"[A-Za-z_][\w.-]*\Z|[A-Za-z_][\w.-]*(?=\s*>>)", text)
    ]
    put_in = behind >= len(text) - same  # nothing is replaced: what is put in before a call is no part of it
    inside = [
        (first, last)
        for first, last in pieces
        if first <= min(begin, same - put_in) and max(len(text) - behind, begin) <= last
    ]
    first, last = min(inside, key=lambda one: one[1] - one[0], default=(0, len(text)))
    return f"Write {mended[first : len(mended) - (len(text) - last)].strip()}"


@final
@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of a call in a text: where it begins and ends, its name, and where its value begins."""

    begin: int
    end: int
    name: str
    value: int


@final
@dataclass(frozen=True, slots=True)
class _Call:
    """A call in a text: its name, where that begins, where the bracket opens, and where it is closed."""

    name: str
    begin: int
    opened: int
    closed: int
    arguments: tuple[_Argument, ...]


@final
class _Slip:
    """One refusal of a line, and what is to be changed in the line because of it."""

    def __init__(self, text: str, refusal: InvalidArgument, names: Mapping[str, Callable[..., Any]]) -> None:
        self.text, self.refusal, self.names = text, refusal, names
        self.outside = without_strings(text)
        self.begin, self.end = refusal.span or (0, len(text))

    def mended(self) -> str | None:
        """The line with this slip mended; None where nothing is known of it."""
        if dashed_word_at(self.text, self.begin) is not None:  # which the refusal knows a line for
            return None
        syntax = (self.characters, self.prefixes, self.quotes, self.argument_text, self.keywords, self.foreign_brackets,
                  self.operators, self.lengths, self.juxtaposed, self.brackets)  # fmt: skip
        values = (
            self.whole_line,
            self.listed_stages,
            self.listed_arguments,
            self.swapped,
            self.names_in_call,
            self.value,
        )
        rules = {SYNTAX: (*syntax, *values), UNKNOWN_NAME: (self.argument_text, self.name, self.value)}
        for rule in rules.get(self.refusal.code, values):
            mended = rule()
            if mended is not None and mended != self.text:
                return mended
        return None

    def put(self, begin: int, end: int, new: str) -> str:
        """The text with a piece replaced."""
        return self.text[:begin] + new + self.text[end:]

    # ------------------------------------------------------------------ what a line is written with

    def characters(self) -> str | None:
        """Characters that only look like those of a line."""
        signs = {"→": ">>", "⇒": ">>", "»": ">>", "×": "*", "·": "*", "`": '"'}
        for place, one in enumerate(self.outside):
            if one in signs:
                return self.put(place, place + 1, signs[one])
        if first_lookalike(self.outside) is None:
            return None
        letters = zip(self.text, self.outside, strict=True)
        return "".join(straighten_text(one) if one == seen else one for one, seen in letters)

    def prefixes(self) -> str | None:
        """`lr: cosine()` for the line of a field, `warmup: 20` for a call, `.then(…)` for `>>`."""
        begun = re.match(r"\s*([A-Za-z_]\w*(?:\[\d\])?)\s*(?::|=(?!=))\s*", self.outside)
        if begun is not None and begun[1] in self.names:
            end = re.search(r"\s*(?:>>|\Z)", self.outside[begun.end() :])
            assert end is not None  # the end of the text
            stop = begun.end() + end.start()
            return self.put(0, stop, f"{begun[1]}({self.text[begun.end() : stop]})")
        if begun is not None:
            return self.text[begun.end() :]
        then = re.search(r"\)\s*\.\s*then\s*(?=\()", self.outside)
        if then is not None:
            closed = next((last for first, last in self.pairs() if first == then.end()), len(self.text))
            return f"{self.text[: then.start() + 1]} >> {self.text[then.end() + 1 : closed - 1]}{self.text[closed:]}"
        for pattern, sign in (
            (r"(?<=\))\s*\.\s*(?=[a-z_]\w*\s*\()", " >> "),
            (r"\.\s*\Z", ""),
            (r"(?<=\d)f\b", ""),
            (r"(?<![\w.])1cycle\b", "one_cycle"),
            (r"(?<=[\w(])(?<![\w.]\w{3}),(?=000\b)", ""),  # 10,000
        ):
            if slip := re.search(pattern, self.outside):
                return self.put(*slip.span(), sign)
        number = re.fullmatch(r"\s*(\d+),(\d+)\s*", self.outside)
        return None if number is None else f"{number[1]}.{number[2]}"

    def quotes(self) -> str | None:
        """A quote without its other one: it ends before the next comma or bracket."""
        place = next((place for place, one in enumerate(self.outside) if one in "\"'"), None)
        if place is None:
            return None
        rest = re.match(r"([^,()\[\]\"']*)([\"']?)", self.text[place + 1 :])
        assert rest is not None  # it matches nothing too
        end = place + 1 + rest.end(1)
        return self.put(end, end + len(rest[2]), self.text[place])

    def keywords(self) -> str | None:
        """`to: 0.1` and `to => 0.1` for `to=0.1`; an argument without a name behind one with a name."""
        for found in re.finditer(r"(?<=[(,])(\s*[A-Za-z_]\w*)\s*(?:=>|->|==|:=|:)\s*", self.outside):
            return self.put(found.start(), found.end(), f"{found[1]}=")
        for call in self.calls():
            named = {one.name for one in call.arguments if one.name}
            for place, one in enumerate(call.arguments):
                word = re.match(r"([A-Za-z_]\w*)\s+(?=[\w.\"'-])", self.text[one.value : one.end])
                if not one.name and word is not None and word[1] in self.parameters(call):  # cosine(to 0.2)
                    return self.put(one.begin, one.begin + word.end(), f"{word[1]}=")
                if not one.name and any(before.name for before in call.arguments[:place]):
                    last = call.arguments[place - 1]
                    comma = self.text[last.value : one.end]
                    if re.fullmatch(r"\d+,\d+", comma):  # 0,1 for 0.1
                        return self.put(last.value, one.end, comma.replace(",", "."))
                    before = next(before.name for before in reversed(call.arguments[:place]) if before.name)
                    known = [*self.parameters(call)]
                    behind = known[known.index(before) + 1 :] if before in known else []
                    unused = next((name for name in behind if name not in named), None)
                    return None if unused is None else self.put(one.begin, one.begin, f"{unused}=")
        return None

    def foreign_brackets(self) -> str | None:
        """`cosine[…]` and `multistep{20, 70}` for calls, and braces for lists."""
        for begin, end in self.pairs():
            word = re.search(r"([A-Za-z_]\w*)\s*\Z", self.outside[:begin])
            inside = self.text[begin + 1 : end - 1]
            if self.outside[begin] != "(" and word is not None and word[1] in self.names:
                listed = next(map(takes_list, signature(self.names[word[1]]).parameters.values()), False)
                return self.put(begin, end, f"([{inside}])" if listed and "=" not in inside else f"({inside})")
            if self.outside[begin] == "{" and begin == 0:
                return inside
            if self.outside[begin] == "{":
                pairs = re.sub(r"([^,:]+):([^,]+)", r"(\1,\2)", inside) if ":" in inside else inside
                return self.put(begin, end, f"[{pairs}]")
        return None

    def operators(self) -> str | None:
        """Other signs for `>>`, `*` and `**`; signs that are there twice, or at an end; words between stages."""
        solid = STRING.sub(lambda text: "_" * len(text[0]), self.text)  # a text is a value, not a blank
        depth = [0]
        for one in solid:
            depth.append(depth[-1] + (one in "([{") - (one in ")]}"))
        for found in re.finditer(r"[,;]", solid):
            if not depth[found.start()] and not depth[-1]:
                return self.put(*found.span(), " >>")
            if found[0] == ";":
                return self.put(*found.span(), ",")
        for pattern, sign in (
            (r"\s*(?:>>>+|=>|-+>|>=|\|+>?|&+|(?<!>)>(?!>)|\b(?:then|and)\b)\s*", " >> "),
            (r"\s*\^\s*", " ** "),
            (r"(?<=[\w)])\s*//\s*", " / "),
            (r"(?<=[\w)])\s*@\s*", " * "),
            (r"(?<=[\w)])\s+[xX]\s+(?=[\w(])", " * "),
            (r"(?:>>\s*){2,}", ">> "),
            (r"(?:,\s*){2,}", ", "),
            (r"\A\s*(?:>>|\*+|/)\s*|\s*(?:>>|[-+*/])\s*\Z", ""),
            (r",\s*\Z", ""),
            (r"[A-Za-z_]\w*\s*=\s*(?=[,)])|(?<=\()\s*,", ""),
        ):
            if slip := re.search(pattern, solid):
                return self.put(*slip.span(), sign)
        return None

    def brackets(self) -> str | None:
        """A bracket that is missing, too many, or of another kind."""
        opened: list[int] = []
        for place, one in enumerate(self.outside):
            if one in "([{":
                opened.append(place)
            elif one in ")]}":
                if not opened:
                    return self.put(place, place + 1, "")
                kinds = [_BRACKETS[self.outside[before]] for before in opened]
                call = self.text[: opened[-1]]
                name = re.search(r"([A-Za-z_]\w*)\s*\Z", call)
                first = (
                    next(iter(signature(self.names[name[1]]).parameters.values()), None)
                    if name and name[1] in self.names
                    else None
                )
                if kinds[-1] != one and one == "]" and first is not None and takes_list(first):  # multistep(30, 60]
                    return self.put(opened[-1] + 1, opened[-1] + 1, "[")
                argument = re.search(r",\s*[a-z_]+\s*=", self.outside[opened[-1] : place])
                if kinds[-1] == "]" and one == ")" and argument is not None:  # multistep([30, 60, gamma=0.1)
                    return self.put(opened[-1] + argument.start(), opened[-1] + argument.start(), "]")
                if kinds[-1] != one:
                    between = one in kinds  # the one inside is still open
                    return self.put(place, place if between else place + 1, kinds[-1])
                opened.pop()
        if not opened:
            return None
        # What is open inside an argument ends before the operator between stages, which stands in none.
        stage = self.outside.find(">>", opened[-1])
        place = len(self.outside[:stage].rstrip()) if stage > 0 else len(self.text)
        return self.put(place, place, _BRACKETS[self.outside[opened[-1]]])

    def juxtaposed(self) -> str | None:
        """Two values with nothing between them, and a call without its bracket."""
        word = re.search(r"([A-Za-z_]\w*)\s*\Z", self.outside[: self.begin])
        here = self.text[self.begin : self.begin + 1]
        if word is not None and word[1] in self.names and (here.isalnum() or here in ("'", '"')):  # cosine to=0.1
            rest = self.text[self.begin :].rstrip()
            ends = rest.endswith(")") and rest.count(")") > rest.count("(")
            stop = re.search(r"[,)\]]|>>", self.outside[self.begin :]) if "=" not in rest else None
            if stop is not None:
                end = self.begin + stop.start()
                return self.put(word.end(1), end, f"({self.text[self.begin : end].strip()})")
            return self.put(word.end(1), len(self.text), f"({rest.removesuffix(')') if ends else rest})")
        found = re.search(r"(?<=\))\s+(?=[A-Za-z_]\w*\s*\()", self.outside)
        if found is not None:
            inside = self.call_around(found.start()) is not None
            return self.put(*found.span(), ", " if inside else " >> ")
        found = re.search(r"(?<![\w.])([\d.]+(?:e-?\d+)?)\s*(?=[A-Za-z_]\w*\s*\()", self.outside)
        if found is not None:
            return self.put(found.end(1), found.end(), " * ")
        if self.call_around(self.begin) is not None and self.text[self.begin - 1].isspace():
            return self.put(self.begin, self.begin, ", ").replace(" , ", ", ")
        return None

    def lengths(self) -> str | None:
        """A length without quotes, as a whole argument; a share where a level stands."""
        for call in self.calls():
            for one in call.arguments:
                raw = self.text[one.value : one.end]
                parameter = self.parameter_of(call, one)
                if parameter is not None and takes_list(parameter) and raw[:1] == "[" and raw[-1:] == "]":
                    items = [self.text[first:last] for first, last in self.items_in(one.value + 1, one.end - 1)]
                    with suppress(InvalidArgument):
                        bare = re.compile(r"\d[\d_.]*\s*(%|[A-Za-z]+)")
                        quoted = [f'"{_length(one)}"' if bare.fullmatch(one) else one for one in items]
                        if quoted != items:
                            return self.put(one.value, one.end, f"[{', '.join(quoted)}]")
                if not re.search(r"\d", raw) or re.search(r"[()\"']", raw) or parameter is None:
                    continue
                if _is(parameter, Level, float) and raw.rstrip().endswith("%"):
                    return self.put(one.value, one.end, _share(raw))
                if not _is(parameter, DurationLike) or re.fullmatch(r"[-+\d._e]+", raw):
                    continue
                with suppress(InvalidArgument):
                    return self.put(one.value, one.end, f'"{_length(raw)}"')
        return None

    # ------------------------------------------------------------------ names

    def argument_text(self) -> str | None:
        """A name where text belongs: `plateau(val_loss)`, `index=t/n`, `every(cosine(), epoch)`."""
        found = self.argument_at(self.begin)
        if found is None:
            return None
        call, one = found
        parameter, raw = self.parameter_of(call, one), self.text[one.value : one.end]
        if parameter is None or re.search(r"[\"'(]", raw.replace("(t+1)", "")):
            return None
        choices = get_args(parameter.annotation) if get_origin(parameter.annotation) is not None else ()
        if _is(parameter, str) or raw.replace(" ", "") in choices:
            return self.put(one.value, one.end, f'"{raw}"')
        if _is(parameter, DurationLike):
            with suppress(InvalidArgument):
                return self.put(one.value, one.end, f'"{_length(raw)}"')
        return None

    def name(self) -> str | None:
        """An unknown name, or one that is not called."""
        name, call = self.text[self.begin : self.end], self.call_at(self.begin)
        dashed = re.match(r"[A-Za-z]\w*(?:-[A-Za-z]\w*)+(?=\s*\()", self.text[self.begin :])
        if dashed is not None and (meant := self.spelled_otherwise(dashed[0])):
            return self.put(self.begin, self.begin + dashed.end(), meant)
        space, _, last = name.rpartition(".")
        if space and space not in ("curves", "rules"):
            if space.rpartition(".")[2] in ("curves", "rules"):
                return self.put(self.begin, self.end, f"{space.rpartition('.')[2]}.{last}")
            if last in self.names or self.near(last) or meant_by(name) is None:
                return self.put(self.begin, self.end, last) if self.near(last) or last in self.names else None
        end = self.end if call is None else call.closed
        if self.curve_wanted():
            return self.curve_name(last, call, end)
        if last in CONSTANTS or last in FAMILIES:
            if space == "curves" and call is None and last in FAMILIES:
                return self.put(self.begin, end, curve_text(last))
            if last not in self.names or space == "curves":
                return self.curve_as_schedule(last, call, end)
        if name in NEIGHBOR_LEVELS:
            return self.put(self.begin, end, name)
        argument = self.argument_at(self.begin)
        if name in CONSTANTS and call is None and argument is not None and "curve" in self.parameters(argument[0]):
            return self.put(self.begin, self.end, f"curve=curves.{name}")
        if name in self.names and call is None:
            return self.put(self.begin, self.end, called_by_name(name, self.names[name]))
        found = meant_by(name)
        combined = found is not None and re.search(r" >> | \* ", found[1][2])
        if last.lower() in self.names and last not in self.names:
            return self.put(self.begin, self.end, last.lower())
        if not combined and (near := self.spelled_otherwise(last)):
            return self.put(self.begin, self.end, near)
        listed = call is not None and self.outside[call.opened + 1 : call.opened + 2] in ("[", "(")
        several = call is not None and (len(call.arguments) == 1 if listed else len(call.arguments) > 1)
        sign = " * " if last == "ChainedScheduler" else " >> "
        if call is not None and several and (last in SEQUENCES or (listed and last in _PEER_SEQUENCES)):
            return self.put(self.begin, end, sign.join(self.stages_in(self.text[call.opened + 1 : end - 1])))
        if found is not None:
            return self.peer(*found, name, call, end)
        meant = self.refusal.replace[1] if self.refusal.replace else self.near(last)
        return None if meant is None else self.put(self.begin + len(name) - len(last), self.end, meant)

    def spelled_otherwise(self, name: str) -> str | None:
        """A known name with other capitals or underscores; Python's words for the lowest and the highest."""
        words = {"min": "minimum", "max": "maximum", "abs": "absolute"}
        letters = letters_of(name)
        return words.get(name) or next((one for one in self.names if letters_of(one) == letters), None)

    def near(self, name: str) -> str | None:
        """The known name that is nearest."""
        return self.spelled_otherwise(name) or closest(name, [*self.names, *NEIGHBOR_LEVELS])

    def curve_name(self, last: str, call: _Call | None, end: int) -> str | None:
        """A curve without its prefix, or one whose name is a slip."""
        near = last if last in CONSTANTS or last in FAMILIES else closest(last, [*CONSTANTS, *FAMILIES])
        if near is None:
            return None
        if near in FAMILIES and call is not None:
            return self.put(self.begin, self.end, f"curves.{near}")
        return self.put(self.begin, end, curve_text(near))

    def curve_as_schedule(self, last: str, call: _Call | None, end: int) -> str:
        """`rex(to=0.2)` as `anneal(to=0.2, curve=curves.rex)`."""
        given = [] if call is None else [(one.name, self.text[one.begin : one.end]) for one in call.arguments]
        if last in FAMILIES:
            own = [text for name, text in given if not name or name in signature(FAMILIES[last]).parameters]
            curve = f"curves.{last}({', '.join(own)})" if own else curve_text(last)
            given = [(name, text) for name, text in given if text not in own]
        else:
            curve = f"curves.{last}"
        return self.put(self.begin, end, f"anneal({', '.join([*(text for _, text in given), f'curve={curve}'])})")

    def peer(self, library: str, row: tuple[str, str, str, str], name: str, call: _Call | None, end: int) -> str | None:
        """A scheduler of another library: its arguments by our names where each of them has one, else an example."""
        _, ours, line, _ = row
        if call is None or not call.arguments:
            return self.put(self.begin, end, line if line.count(">>") == 0 or self.stands_alone(end) else f"({line})")
        builder, given = self.names.get(ours), list(call.arguments)
        if _OPTIMIZER.fullmatch(self.text[given[0].value : given[0].end]):
            del given[0]
        last = name.rpartition(".")[2]
        theirs = PEER_PARAMETERS.get(last, ())
        # A name in small letters is a slip for ours; one argument without a name means the same in both.
        small = (last.lower() == last and not last.endswith("schedule")) or library == "papers"
        before = r"(warmup\([^()=]*\) >> )?" if "warmup" not in last and library != "papers" else ""
        plain = re.fullmatch(rf"{before}{re.escape(ours)}\([^()]*\)", line) and "index=" not in line
        is_warmup = ours == "warmup" and re.fullmatch("[a-z]+_warmup", last)
        alike = not theirs and small and bool(plain or is_warmup) and sum(not one.name for one in given) <= 1
        warmup, arguments = "", []
        staged = re.fullmatch(r"warmup\([^()]*\) >> (\w+)\([^()]*\)", line) if "warmup" in last and theirs else None
        if staged is not None:
            builder, ours = self.names[staged[1]], staged[1]
        if builder is None:
            return None
        known = signature(builder).parameters
        for place, one in enumerate(given):
            value = self.text[one.value : one.end]
            if not one.name and alike:
                arguments.append(value)
                continue
            key = one.name or (theirs[place] if place < len(theirs) else "")
            if (key in DROPPED and key in (*theirs, "optimizer")) or (staged and key == "num_training_steps"):
                continue
            if staged and key == "num_warmup_steps":
                warmup = f"warmup({value}) >> "
                continue
            meant = meant_argument(key, known, ours) if theirs or alike else None
            if meant is None or (theirs and key not in theirs):
                return None
            absolute = key in ("eta_min", "min_lr", "lr_min") and re.fullmatch(r"[\d.]+(e-?\d+)?", value)
            arguments.append(f"{meant}={f'absolute({value})' if absolute and float(value) else value}")
        if name.endswith("CosineAnnealingLR") and not any(one.startswith("to=") for one in arguments):
            arguments.insert(0, "to=0.0")
        line = f"{warmup}{ours}({', '.join(arguments)})"
        return self.put(self.begin, end, line if not warmup or self.stands_alone(end) else f"({line})")

    # ------------------------------------------------------------------ arguments and values

    def whole_line(self) -> str | None:
        """A line that stands in quotes, or says a level, a curve or a rule."""
        line = self.text.strip()
        if (found := STRING.fullmatch(line)) and found[0][1:-1].strip():
            return found[0][1:-1]
        whole = self.begin <= 1 and self.end >= len(line)
        for begin, form in (
            ("curves.", "anneal(curve={})"),
            ("rules.", "recurrence({})"),
            ("absolute(", "constant({})"),
        ):
            if whole and line.startswith(begin) and ">>" not in line:
                return form.format(line)
        if self.text[self.begin : self.end] in NEIGHBOR_LEVELS and self.call_around(self.begin) is None:
            return self.put(self.begin, self.end, f"constant({self.text[self.begin : self.end]})")
        return None

    def listed_stages(self) -> str | None:
        """A list of stages in place of `>>`."""
        line = self.text.strip()
        whole = next(((begin, end) for begin, end in self.pairs() if (begin, end) == (0, len(self.outside))), None)
        if whole is None or line[:1] not in "[(" or "," not in self.outside:
            return None
        return " >> ".join(self.stages_in(line[1:-1]))

    def listed_arguments(self) -> str | None:
        """`multistep(20, 70)` for a function that takes a list."""
        call = self.call_at(self.begin) or self.call_around(self.begin)
        if call is None or not call.arguments:
            return None
        first = next(iter(self.parameters(call).values()), None)
        only = call.arguments[0]
        if first is not None and first.kind is first.VAR_POSITIONAL and self.outside[only.begin] == "[":
            return self.put(only.begin, only.end, self.text[only.begin + 1 : only.end - 1])
        if first is None or not takes_list(first):
            return None
        several = [one for one in call.arguments if one.name in ("", first.name)]
        if not several or self.outside[several[0].value] in "[(":
            return None
        inside = self.text[several[0].value : several[-1].end]
        if STRING.fullmatch(inside) and "," in inside:
            inside = inside[1:-1]
        return self.put(several[0].value, several[-1].end, f"[{inside}]")

    def names_in_call(self) -> str | None:
        """Arguments that the function does not have, and required ones that are missing."""
        call = self.call_at(self.begin) or self.call_around(self.begin)
        if call is None or not (known := self.parameters(call)):
            return None
        if any(one.kind is one.VAR_KEYWORD for one in known.values()):
            return None
        for one in call.arguments:
            if not one.name or one.name in known:
                continue
            value = self.literal(one)
            if is_share_of_run(one.name, value) and "over" in known and call.name.endswith("warmup"):
                return self.put(one.begin, one.end, f"over={warmup_text(one.name, value)}")
            if (length := self.length_in_unit(call, one)) is not None:
                return self.put(one.begin, one.end, length)
            meant = (
                None if is_warmup_length(one.name) and "over" in known else meant_argument(one.name, known, call.name)
            )
            if call.name == "warmup" and is_warmup_length(one.name):
                meant = "over"
            if meant is not None and meant not in {other.name for other in call.arguments}:
                return self.put(one.begin, one.begin + len(one.name), meant)
            rest = [self.text[other.begin : other.end] for other in call.arguments if other is not one]
            kept = f"{call.name}({', '.join(rest)})"
            if is_warmup_length(one.name):
                length = self.text[one.value : one.end] if isinstance(value, str) else warmup_text(one.name, value)
                staged = f"warmup({length}) >> {kept}"
                bare = self.stands_alone(call.closed, call.begin)
                return self.put(call.begin, call.closed, staged if bare else f"({staged})")
            return self.put(call.begin, call.closed, kept) if one.name in DROPPED else None
        needed = [
            name for name, one in known.items() if one.default is one.empty and one.kind is not one.VAR_POSITIONAL
        ]
        if needed and not call.arguments and (builder := self.builder_of(call.name)) is not None:
            return self.put(call.begin, call.closed, example_call(builder, call.name))
        return None

    def length_in_unit(self, call: _Call, one: _Argument) -> str | None:
        """`epochs=5` as `over="5 epochs"`."""
        unit = unit_of_length(one.name)
        if one.name.startswith("warmup_") and call.name != "warmup":
            return None
        given = {other.name for other in call.arguments}
        name = next((name for name, known in self.parameters(call).items() if _is(known, DurationLike)), None)
        value = self.text[one.value : one.end]
        if unit not in UNIT_NAMES or name is None or name in given or not value.isdecimal():
            return None
        return f'{name}="{value} {unit}"'

    def literal(self, one: _Argument) -> object:
        """The value of an argument that is a number or a text; None for any other."""
        with suppress(ValueError, SyntaxError, RecursionError):
            return ast.literal_eval(self.text[one.value : one.end])
        return None

    def swapped(self) -> str | None:
        """`every("epoch", cosine())` for a function that takes the schedule first."""
        call = self.call_at(self.begin) or self.call_around(self.begin)
        if call is None or len(call.arguments) < 2 or next(iter(self.parameters(call)), "") != "schedule":
            return None
        first, second = call.arguments[:2]
        values = self.text[first.begin : first.end], self.text[second.begin : second.end]
        if first.name or second.name or "(" in values[0] or "(" not in values[1]:
            return None
        return self.put(first.begin, second.end, f"{values[1]}, {values[0]}")

    def value(self) -> str | None:
        """A value that its argument does not take."""
        call = self.call_at(self.begin) or self.call_around(self.begin)
        if call is None:
            return None
        pairs = [(one, self.parameter_of(call, one)) for one in call.arguments]
        inside = [one for one in pairs if one[0].begin <= self.begin and self.end <= one[0].end]
        named = [one for one in pairs if one[1] is not None and one[1].name == self.refusal.argument]
        for one, parameter in inside or named or pairs:
            raw = self.text[one.value : one.end].strip()
            meant = None if parameter is None else self.meant_value(parameter, raw)
            if meant is not None and meant != raw:
                return self.put(one.value, one.end, meant)
            name = re.fullmatch(r"[\"']?(\w+)[\"']?", raw)
            if not one.name and name is not None and (name[1] in CONSTANTS) and "curve" in self.parameters(call):
                return self.put(one.begin, one.end, f"curve=curves.{name[1]}")
            if raw.startswith("curves.") and parameter is not None and not _is(parameter, CurveLike):
                return self.put(one.begin, one.begin, "curve=") if "curve" in self.parameters(call) else None
        named = named or [one for one in pairs if self.is_refused(one[0])]
        if named and self.refusal.sample is not None:
            one, _ = named[0]
            return self.put(one.value, one.end, _written(self.refusal.sample))
        return None

    def is_refused(self, one: _Argument) -> bool:
        """Whether an argument has the value that the refusal is about, under another name."""
        if self.refusal.call is None:
            return False
        with suppress(ValueError, SyntaxError):
            refused = ast.literal_eval(self.refusal.call.got or self.refusal.call.value)
            return bool(ast.literal_eval(self.text[one.value : one.end]) == refused)
        return False

    def meant_value(self, parameter: Parameter, raw: str) -> str | None:
        """What a value of an argument was meant to be, by what the argument takes."""
        if _is(parameter, CurveLike):
            name = re.match(r"(?:curves\.)?(\w+)", raw.strip("\"' "))
            if name is None or name[1] not in (*CONSTANTS, *FAMILIES):
                return None
            if name[1] in FAMILIES and raw.strip("\"' ").endswith(")") and "()" not in raw:
                return f"curves.{raw.strip(chr(34) + chr(39) + ' ').removeprefix('curves.')}"
            return curve_text(name[1])
        if raw.lower() in ("nan", "inf", "-inf", "+inf", "infinity"):
            return '"5%"' if _is(parameter, DurationLike) else "0.1"
        with suppress(ValueError, SyntaxError, TypeError, RecursionError):
            value = ast.literal_eval(raw)
            if _is(parameter, DurationLike):
                return _refused_length(value)
            if takes_list(parameter) and isinstance(value, (list, tuple)):
                items = [_refused_length(item) or _written(item) for item in value]
                return f"[{', '.join(items)}]"
            if _is(parameter, Level, float) and isinstance(value, str):
                return _share(value) if value.strip().endswith("%") else repr(float(value))
        return None

    def curve_wanted(self) -> bool:
        """Whether the name stands where a curve belongs."""
        found = self.argument_at(self.begin)
        parameter = None if found is None else self.parameter_of(*found)
        return parameter is not None and (_is(parameter, CurveLike) or parameter.name == "curve")

    # ------------------------------------------------------------------ pieces of the line

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Where each pair of brackets begins and ends, from inside out; one that is not closed ends with the line."""
        opened: list[int] = []
        for place, one in enumerate(self.outside):
            if one in "([{":
                opened.append(place)
            elif one in ")]}" and opened:
                yield opened.pop(), place + 1
        yield from ((place, len(self.text)) for place in reversed(opened))

    def calls(self) -> Iterator[_Call]:
        """Every call, from inside out."""
        for begin, end in self.pairs():
            word = re.search(r"([A-Za-z_][\w.]*)\s*\Z", self.outside[:begin])
            if self.outside[begin] == "(" and word is not None:
                closed = end if self.outside[end - 1] == ")" else end + 1
                yield _Call(word[1], word.start(1), begin, end, tuple(self.arguments_in(begin + 1, closed - 1)))

    def arguments_in(self, begin: int, end: int) -> Iterator[_Argument]:
        """The arguments between two places."""
        for first, last in self.items_in(begin, end):
            key = re.match(r"([A-Za-z_]\w*)\s*=(?!=)\s*", self.text[first:last])
            yield _Argument(first, last, key[1] if key else "", first + key.end() if key else first)

    def items_in(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The pieces between commas that stand in no further bracket, without the blanks around them."""
        depth, start = 0, begin
        for place in range(begin, min(end, len(self.outside)) + 1):
            one = self.outside[place] if place < min(end, len(self.outside)) else ","
            depth += (one in "([{") - (one in ")]}")
            if one == "," and (depth == 0 or place == end):
                piece = self.text[start:place]
                if piece.strip():
                    yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
                start = place + 1

    def stages_in(self, text: str) -> list[str]:
        """The stages of a list of them."""
        inner = _Slip(text, self.refusal, self.names)
        if text.strip()[:1] in ("[", "(") and (0, len(text)) in inner.pairs():
            return self.stages_in(text.strip()[1:-1])
        return [text[begin:end] for begin, end in inner.items_in(0, len(text))]

    def call_at(self, place: int) -> _Call | None:
        """The call whose name begins at a place."""
        return next((call for call in self.calls() if call.begin == place), None)

    def call_around(self, place: int) -> _Call | None:
        """The innermost call in whose brackets a place is."""
        return next((call for call in self.calls() if call.opened < place < call.closed), None)

    def argument_at(self, place: int) -> tuple[_Call, _Argument] | None:
        """The argument that a place is in, with its call."""
        call = self.call_around(place)
        found = None if call is None else next((one for one in call.arguments if one.begin <= place < one.end), None)
        return None if call is None or found is None else (call, found)

    def stands_alone(self, end: int, begin: int | None = None) -> bool:
        """Whether a piece is a stage by itself, so that `>>` may be put into it."""
        before = self.outside[: self.begin if begin is None else begin].rstrip()
        behind = self.outside[end:].lstrip()
        return before[-2:] in ("", ">>") and behind[:2] in ("", ">>")

    def builder_of(self, name: str) -> Callable[..., Any] | None:
        """The function that a call means."""
        space, _, last = name.rpartition(".")
        if space:
            return {"curves": FAMILIES, "rules": RULES}.get(space, SHAPES).get(last)
        return self.names.get(name)

    def parameters(self, call: _Call) -> Mapping[str, Parameter]:
        """The parameters of the function that is called; none of an unknown one."""
        builder = self.builder_of(call.name)
        return {} if builder is None else signature(builder).parameters

    def parameter_of(self, call: _Call, argument: _Argument) -> Parameter | None:
        """The parameter that an argument is for."""
        known = self.parameters(call)
        if argument.name:
            return known.get(argument.name)
        place = [one for one in call.arguments if not one.name].index(argument)
        return next(iter([*known.values()][place : place + 1]), None)


def _is(parameter: Parameter, *kinds: Any) -> bool:
    """Whether a parameter is annotated as one of some kinds, or as one of them or None."""
    return any(parameter.annotation in (kind, kind | None) for kind in kinds)


def _share(text: str) -> str:
    """Per cent as a number: `10%` is 0.1."""
    return repr(float(text.strip("+ %\"'")) / 100)


def _length(raw: str) -> str:
    """A length that stands without quotes, in our units.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        Duration.of(raw)
    except InvalidArgument as refusal:
        number = re.match(r"[\d.]+", str(refusal.sample))
        if not isinstance(refusal.sample, str) or number is None or number[0] not in raw:
            raise
        return refusal.sample
    return raw.strip()


def _refused_length(value: object) -> str | None:
    """The length that a refused one was meant to be; None for a good one."""
    try:
        Duration.of(value)  # type: ignore[arg-type]  # whatever stands in the line
    except InvalidArgument as refusal:
        return _written(refusal.sample)
    return None


def _written(value: object) -> str:
    """A sample as a line has it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (Curve, Absolute, NeighborLevel)):
        return str(value)
    if isinstance(value, Duration):
        return value.written()
    return repr(value)
