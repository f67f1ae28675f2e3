"""Invalid YAML, TOML and JSON: the sentence of the parser and its place; texts that it accepts and a plan does not."""

import json
import re
import sys
import tomllib

import pytest
import yaml

from paramsched.core import files as config
from paramsched.core.base.diagnostic import child_path
from paramsched.core.files.syntaxes.json_and_toml import (
    _toml_string_value,
    read_json,
    read_toml,
    toml_places,
    write_toml,
)
from paramsched.core.files.syntaxes.yaml_text import read_peer_yaml, read_yaml
from paramsched.errors import ConfigError
from support.tables import table

CAUSES = [
    ("yaml", "lr:0.1\nmomentum:3\n", "1:1", "a space is missing after the colon", "For example: lr: cosine(to=0.1)"),
    ("yaml", "lr = 0.1\n", "1:1", "YAML needs a colon", "For example: lr: cosine(to=0.1)"),
    ("yaml", "lr: \ud800\n", "1:5", "half a character", "Leave it out"),
    ("yaml", "lr: “warmup(5)”\n", "1:5", "a curly quote", "Write warmup(5)"),
    ("yaml", "lr: warmup(“5%”)\n", "1:12", "a curly quote", 'Write warmup("5%")'),
    ("yaml", "“lr”: 1\n", "1:1", "a curly quote", "Write lr"),
    ("yaml", "lr: соsine()\n", "1:5", "CYRILLIC SMALL LETTER ES", "Write cosine"),
    ("yaml", "lг: 1\n", "1:1", "CYRILLIC SMALL LETTER GHE", "Write lr"),
    ("yaml", "lr: warmup(5%)\n", "1:12", "a length without quotes", 'Write warmup("5%")'),
    ("yaml", "lr: warmup(5 epochs) >> cosine()\n", "1:12", "without quotes", 'Write warmup("5 epochs") >> cosine()'),
    ("yaml", "lr: warmup(5 >> cosine()\n", "1:11", "the bracket ( is never closed", "Write warmup(5) >> cosine()"),
    ("yaml", "lr: warmup(5)) >> cosine()\n", "1:14", "unmatched )", "Write warmup(5) >> cosine()"),
    ("yaml", "lr: warmup(5) >>\n", "1:15", "expected a value after >>", "Write warmup(5)"),
    ("toml", "lr = 2024-01-01\n", "1:6", "is a date or a time", "Use text in quotes, or a number"),
    ("toml", 'lr = "warmup(5%)"\n', "1:14", "a length without quotes", 'Write warmup("5%")'),
    ("json", '{"lr": "warmup(5%)"}', "1:16", "a length without quotes", "Write warmup('5%')"),
]  # fmt: skip


@table(("format", "text", "place", "found", "instead"), CAUSES)
def test_what_the_parser_accepts_and_a_plan_does_not_has_its_own_message_fix_and_location(
    format, text, place, found, instead
):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)

    (fault,) = refusal.value.diagnostics
    assert f"{fault.line}:{fault.column}" == place
    assert found in fault.found
    assert instead in fault.instead


def sentence_and_place(format, text):
    """Return the sentence of the parser and its place, as the parser names them."""
    try:
        if format == "yaml":
            list(yaml.parse(text, Loader=yaml.SafeLoader))
        (json if format == "json" else tomllib).loads(text)
    except yaml.reader.ReaderError as error:
        return f"YAML: {str(error).splitlines()[0]}", (1, error.position + 1)
    except yaml.YAMLError as error:
        return f"YAML: {error.problem}", (error.problem_mark.line + 1, error.problem_mark.column + 1)
    except json.JSONDecodeError as error:
        return f"JSON: {error.msg}", (error.lineno, error.colno)
    except tomllib.TOMLDecodeError as error:
        said, place = str(error).removesuffix(")").split(" (at ")
        line = re.match(r"line (\d+), column (\d+)", place)
        return f"TOML: {said}", tuple(map(int, line.groups())) if line else (
            text.count("\n") + 1,
            len(text) - text.rfind("\n"),
        )
    raise AssertionError(f"the parser of {format} accepts it")


INVALID = [
    ("yaml", "lr: 1\n\tmomentum: 2\n"),
    ("yaml", "groups:\n  head:\n    lr: 1\n   tail:\n    lr: constant(2)\n"),
    ("yaml", "lr: [0.1, 0.2\nmomentum: 1\n"),
    ("yaml", "groups: {head: {lr: 1}\nmomentum: 1\n"),
    ("yaml", "lr: [1}\n"),
    ("yaml", "lr: [1]]\n"),
    ("yaml", 'lr: "warmup(5)\nmomentum: 1\n'),
    ("yaml", 'lr: "5%" >> x\n'),
    ("yaml", 'lr: "a\\qb"\n'),
    ("yaml", "lr: >> cosine()\n"),
    ("yaml", "lr: * 2\n"),
    ("yaml", "lr: @x\n"),
    ("yaml", "lr: a: b\n"),
    ("yaml", "lr 0.1\nmomentum: 3\n"),
    ("yaml", "lr: \x00\n"),
    ("yaml", "größe: \x07"),
    ("yaml", "lr: ["),
    ("yaml", "%x\nlr: 1"),
    ("yaml", "[1,2]]"),
    ("yaml", "lr: &"),
    ("toml", "lr = 1\nlr = 2\n"),
    ("toml", "lr = cosine()\n"),
    ("toml", "lr: 0.1\n"),
    ("toml", "betas[0] = 1\n"),
    ("toml", "lr = [0.1\n"),
    ("toml", "[groups.head\nlr = 1\n"),
    ("toml", 'lr = "abc\n'),
    ("toml", "lr = “x”\n"),
    ("toml", "lr\n"),
    ("toml", 'lr = """abc'),
    ("toml", "größe = 1"),
    ("json", '{"lr": 1,}'),
    ("json", "{'lr': 1}"),
    ("json", "{lr: 1}"),
    ("json", '{"lr": 1 // x\n}'),
    ("json", '{"lr" 1}'),
    ("json", '{"lr": 1\n "x": 2}'),
    ("json", '{"lr": cosine()}'),
    ("json", '{"lr": 1'),
    ("json", '{"lr": “x”}'),
    ("json", ""),
    ("json", '"'),
    ("json", '{"lr": 1} x'),
    ("json", '{"a": "\\q"}'),
]


@table(("format", "text"), INVALID)
def test_a_syntax_error_is_the_sentence_of_the_parser_at_its_place(format, text):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)

    (fault,) = refusal.value.diagnostics
    assert (fault.found, (fault.line, fault.column)) == sentence_and_place(format, text)


@table(
    ("format", "text", "advice"),
    [
        ("toml", "lr = warmup(5) >> cosine()\n", "Write lr = 'warmup(5) >> cosine()'"),
        ("toml", 'lr: "cosine()"\n', "Write lr = 'cosine()'"),
        ("toml", "horizon = 100 epochs\nlr = 'cosine()'", "Write horizon = '100 epochs'"),
        ("toml", """lr = "warmup("5%") >> cosine()" """, """Write lr = 'warmup("5%") >> cosine()'"""),
        ("toml", 'lr = "cosine()', "Write lr = 'cosine()'"),
        ("toml", "lr: 0.1\n", ""),
        ("toml", "lr = it's\n", ""),
        ("toml", "lr = [0.1\n", ""),
        ("json", '{"lr": cosine(to=0.1, over=5), "horizon": 10}', 'Write "cosine(to=0.1, over=5)"'),
        ("json", "{'lr': 1}", """Use " in place of each '"""),
        ("json", '{"lr": 1, }', "Remove the comma in front of it" if sys.version_info < (3, 13) else "Remove it"),
        ("json", '{"lr": 1', ""),
        ("json", '{"lr": 1} // base', "JSON has no comments; YAML and TOML have. Remove it"),
        ("json", '{"lr": 1, // base\n "horizon": 5}', "JSON has no comments; YAML and TOML have. Remove it"),
        ("yaml", "lr: >> cosine()", "No stage precedes >>. Remove it"),
        ("yaml", "lr: > >", ""),
    ],
)
def test_a_missing_quote_or_a_comma_too_many_has_advice(format, text, advice):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)

    assert refusal.value.diagnostics[0].advice == advice


@table(
    ("text", "line"),
    [
        ("lr: [1\n", "2:1: YAML: expected ',' or ']', but got '<stream end>'. The [ opens in line 1, column 5"),
        ("a: {b: 1\nc: 2\n", "2:2: YAML: expected ',' or '}', but got ':'. The { opens in line 1, column 4"),
        ("a: 'b\nc: 2\n", "3:1: YAML: found unexpected end of stream. The ' opens in line 1, column 4"),
        ('"a": 1\n b: 2', "2:3: YAML: mapping values are not allowed here"),
        ("lr: cosine(to: 0.1)", "1:14: YAML: mapping values are not allowed here. Write lr: cosine(to=0.1)"),
        ("lr: LambdaLR(o, lambda t: 0.9 ** t)", "1:25: YAML: mapping values are not allowed here"),
        ("lr: piecewise({0: 1})", "1:17: YAML: mapping values are not allowed here"),
        (
            "horizon:100\nlr: cosine()",
            "2:3: YAML: mapping values are not allowed here. A space is missing after the colon. Write horizon: 100",
        ),
    ],
)
def test_an_open_bracket_or_quote_has_its_place(text, line, tmp_path):
    (tmp_path / "plan.yaml").write_text(text)

    with pytest.raises(ConfigError) as refusal:
        config.load(tmp_path / "plan.yaml")

    assert str(refusal.value).splitlines()[0].endswith(f"plan.yaml:{line}")


def test_a_long_text_with_a_syntax_error_is_read_once():
    text = "lr: 1\n" + "# comment\n" * 6_000 + "b: [1"

    with pytest.raises(ConfigError) as refusal:
        config.loads(text)

    assert (refusal.value.diagnostics[0].line, refusal.value.diagnostics[0].found[:6]) == (6_002, "YAML: ")


# The location, the cause and the advice, or the content that is read.
READ = [
    ('yaml', 'lr: [cosine(to=0.1, over=5), 2]',
     '1:6 inside {} and [] a comma ends a text, and this call has one | '
     'Write "cosine(to=0.1, over=5)"'),
    ('yaml', 'lr: {a: cosine(to=0.1, over=5)}',
     '1:9 inside {} and [] a comma ends a text, and this call has one | '
     'Write "cosine(to=0.1, over=5)"'),
    ('yaml', 'lr: [step("a", 2)]',
     '1:6 inside {} and [] a comma ends a text, and this call has one | '
     'Write \'step("a", 2)\''),
    ('yaml', 'lr: 1\nbetas: [cosine(to=0.1, over=5), 0.9]',
     '2:9 each element of this field is a field of its own | '
     'Split it: "betas[0]": cosine(to=0.1, over=5) and "betas[1]": absolute(0.9)'),
    ('yaml', 'betas: [cosine(to=0.1, over=5), 0.9]',
     '1:9 each element of this field is a field of its own | '
     'Split it: "betas[0]": cosine(to=0.1, over=5) and "betas[1]": absolute(0.9)'),
    ('yaml', 'lr: [cosine(to=0.1, over=5',
     '1:6 inside {} and [] a comma ends a text, and this call has one | '
     'Put the whole call in quotes'),
    ('yaml', "lr: [cosine(to=(0.1, 5), 'x']",
     '1:6 inside {} and [] a comma ends a text, and this call has one | '
     'Put the whole call in quotes'),
    ('yaml', 'lr: &a 1', '1:5 the anchor &a | Put the value where it belongs'),
    ('yaml', 'lr: *a', '1:5 the alias *a | Use the value itself'),
    ('yaml', 'lr: !x 1', '1:5 the tag !x | A plan has no tags; write the value alone'),
    ('yaml', 'lr: !x [1]', '1:5 the tag !x | A plan has no tags; write the value alone'),
    ('yaml', 'lr: &a [1]', '1:5 the anchor &a | Put the value where it belongs'),
    ('yaml', 'lr: 1]', "= [('lr', '1]')]"),
    ('yaml', 'lr: [a b: c, 1]', "= [('lr', [[('a b', 'c')], 1])]"),
    ('yaml', 'lr: {a 1, b: 2}', "= [('lr', [('a 1', None), ('b', 2)])]"),
    ('yaml', 'lr: [1 2: 3]', "= [('lr', [[('1 2', 3)]])]"),
    ('yaml', 'lr: 1\n---\nlr: constant(2)', '2:1 a second document begins | A plan is one document'),
    ('yaml', 'lr: {? a}', "= [('lr', [('a', None)])]"),
    ('yaml', '{lr: 1, lr: constant(2)}', "= [('lr', 1), ('lr', 'constant(2)')]"),
    ('yaml', 'lr: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
     '1:54 nested more than 50 deep | '
     'Use one line of text for the schedule'),
    ('yaml', 'lr: *x y', '1:5 the alias *x | Use the value itself'),
    ('yaml', '&a lr: 1\nb: 2', '1:1 the anchor &a | Put the value where it belongs'),
    ('toml', 'a = 1\n\n', "= {'a': 1}"),
    ('toml', "x = 'a' # [", "= {'x': 'a'}"),
    ('toml', 'lr = +1', "= {'lr': 1}"),
    ('toml', 'lr = 1_0', "= {'lr': 10}"),
    ('toml', 'lr = 0x10', "= {'lr': 16}"),
    ('toml', 'lr = inf', "= {'lr': inf}"),
    ('toml', 'lr = nan', "= {'lr': nan}"),
    ('yaml', 'groups:\n  a: [1,\n\t2]', "= [('groups', [('a', [1, 2])])]"),
    ('yaml', 'lr: [1 "a"]', '= [(\'lr\', [\'1 "a"\'])]'),
    ('yaml', 'lr: !!float 1', '1:5 the tag tag:yaml.org,2002:float | A plan has no tags; write the value alone'),
    ('yaml', 'lr: &a\n  b: 1', '1:5 the anchor &a | Put the value where it belongs'),
    ('yaml', '- &a 1', '1:3 the anchor &a | Put the value where it belongs'),
    ('yaml', '{a: &b 1}', '1:5 the anchor &b | Put the value where it belongs'),
    ('yaml', '&a {b: 1}', '1:1 the anchor &a | Put the value where it belongs'),
    ('yaml', '&a [1]', '1:1 the anchor &a | Put the value where it belongs'),
    ('yaml', '!x {b: 1}', '1:1 the tag !x | A plan has no tags; write the value alone'),
    ('yaml', '!!map {b: 1}', '1:1 the tag tag:yaml.org,2002:map | A plan has no tags; write the value alone'),
    ('yaml', '? a\n: b', "= [('a', 'b')]"),
    ('yaml', '<<: {a: 1}', "= [('<<', [('a', 1)])]"),
    ('yaml', '--- \nlr: 1', "= [('lr', 1)]"),
    ('yaml', 'lr: 1\n...\n---\nb: 1', '3:1 a second document begins | A plan is one document'),
    ('yaml', 'lr: |\n  a\n  b', "= [('lr', 'a\\nb')]"),
    ('yaml', 'lr: >\n  a\n  b', "= [('lr', 'a b')]"),
    ('yaml', 'lr: >-\n  cosine()', "= [('lr', 'cosine()')]"),
    ('yaml', 'lr: &x', '1:5 the anchor &x | Put the value where it belongs'),
    ('yaml', 'lr: !', '1:5 the tag ! | A plan has no tags; write the value alone'),
    ('yaml', 'lr: "\t"', "= [('lr', '\\t')]"),
    ('yaml', 'lr: [cosine(to=1, over=5)]',
     '1:6 inside {} and [] a comma ends a text, and this call has one | Write "cosine(to=1, over=5)"'),
    ('yaml', 'lr:  [ cosine(to=1, over=5) ]',
     '1:8 inside {} and [] a comma ends a text, and this call has one | Write "cosine(to=1, over=5)"'),
    ('yaml', '  betas: [cosine(to=1, over=5)]',
     '1:11 each element of this field is a field of its own | For example: "betas[0]": cosine(to=1, over=5)'),
    ('yaml', 'xbetas: [cosine(to=1, over=5)]',
     '1:10 inside {} and [] a comma ends a text, and this call has one | Write "cosine(to=1, over=5)"'),
    ('yaml', 'betas: {a: [cosine(to=1, over=5)]}',
     '1:13 inside {} and [] a comma ends a text, and this call has one | Write "cosine(to=1, over=5)"'),
    ('yaml', 'lr: [cosine(to=1, over=5) # x',
     '1:6 inside {} and [] a comma ends a text, and this call has one | Write "cosine(to=1, over=5)"'),
    ('yaml', 'lr: ["cosine(to=1, over=5)"]', "= [('lr', ['cosine(to=1, over=5)'])]"),
    ('yaml', 'lr: [cosine((1), 2), 3]',
     '1:6 inside {} and [] a comma ends a text, and this call has one | Write "cosine((1), 2)"'),
    ('yaml', 'lr: [a(b), 3]', "= [('lr', ['a(b)', 3])]"),
    ('yaml', 'lr: [a(b, "c", \'d\')]',
     '1:6 inside {} and [] a comma ends a text, and this call has one | Write "a(b, \\"c\\", \'d\')"'),
    ('yaml', 'a: [~, null, Null, NULL, "", \'~\', true, True, TRUE, tRUE, yes, on, .inf, -.inf, +.inf, .Inf, .nan, '
     '.NaN]',
     "= [('a', [None, None, None, None, '', '~', True, True, True, 'tRUE', 'yes', 'on', inf, -inf, inf, "
     'inf, nan, nan])]'),
    ('yaml', 'a: [1, -1, +1, 01, 1., .5, 1e3, 1E-3, 1_0, 0x1, 0o7, 1:30, 2024-01-01, -0, -0.0, 00, "1", \'1\']',
     "= [('a', [1, -1, '+1', '01', '1.', '.5', 1000.0, 0.001, '1_0', '0x1', '0o7', '1:30', '2024-01-01', 0, "
     "-0.0, '00', '1', '1'])]"),
    ('yaml', 'a: [-.nan, .iNf, inf, NaN, 1e, e1, -, "-1"]',
     "= [('a', ['-.nan', '.iNf', 'inf', 'NaN', '1e', 'e1', '-', '-1'])]"),
    ('yaml', 'a:\nb: null', "= [('a', None), ('b', None)]"),
    ('yaml', "1: a\n'1': b\n1.5: c\ntrue: d\n~: e", "= [(1, 'a'), ('1', 'b'), (1.5, 'c'), (True, 'd'), (None, 'e')]"),
    ('yaml', '[a]: 1', "= [(['a'], 1)]"),
    ('yaml', '{a: 1}: 1', "= [([('a', 1)], 1)]"),
    ('peer', 'a: [~, null, Null, NULL, "", \'~\', true, True, TRUE, tRUE, yes, Yes, YES, yEs, on, Off, n, .inf, '
     '-.inf, +.inf, .Inf, .nan, .NaN]',
     "= [('a', [None, None, None, None, '', '~', True, True, True, 'tRUE', True, True, True, 'yEs', True, "
     "False, 'n', inf, -inf, inf, inf, nan, nan])]"),
    ('peer', 'a: [1, -1, +1, 01, 1., .5, -.5, +.5e3, 1e3, 1E-3, 1_0, 1_0.5_0, 0x1, 0o7, 1:30, 2024-01-01, -0, '
     '"1", \'1\', ., _1, 1_]',
     "= [('a', [1, -1, 1, '01', 1.0, 0.5, -0.5, 500.0, 1000.0, 0.001, 10, 10.5, '0x1', '0o7', '1:30', "
     "'2024-01-01', 0, '1', '1', '.', '_1', 1])]"),
    ('peer', 'a: !!int "5"\nb: !!float 5\nc: !!bool "yes"\nd: !!null ""\ne: !!str 5\nf: ! 5\ng: !x 5\nh: !x\ni: '
     '!!python/str 5\nj: !!python/unicode 5',
     "= [('a', 5), ('b', 5), ('c', True), ('d', None), ('e', '5'), ('f', '5'), ('g', '!x 5'), ('h', '!x'), "
     "('i', '5'), ('j', '5')]"),
    ('peer', 'a: !x [1]\nb: !x {c: 1}\nc: !!map {a: 1}\nd: !!seq [1]\ne: !!set {a}\nf: !!omap [a: 1]\ng: !!python/list '
     '[1]\nh: !!python/dict {a: 1}\ni: !!python/tuple [1]\nj: !!python/object:x.Y {a: 1}',
     "= [('a', '!x …'), ('b', '!x …'), ('c', [('a', 1)]), ('d', [1]), ('e', 'tag:yaml.org,2002:set …'), "
     "('f', 'tag:yaml.org,2002:omap …'), ('g', [1]), ('h', [('a', 1)]), ('i', [1]), ('j', "
     "'tag:yaml.org,2002:python/object:x.Y …')]"),
    ('peer', '1: a\n1.5: c\ntrue: d\n~: e\n"x": f',
     "= [('1', 'a'), ('1.5', 'c'), ('true', 'd'), ('~', 'e'), ('x', 'f')]"),
    ('peer', '? [a, 1]\n: 1\n? {b: 2}\n: 2', '= [(\'["a", 1]\', 1), (\'[["b", 2]]\', 2)]'),
    ('peer', 'a: &x [1, 2]\nb: *x\nc: [*x, *x]', "= [('a', [1, 2]), ('b', [1, 2]), ('c', [[1, 2], [1, 2]])]"),
    ('peer', 'a: &x {k: &y 5}\nb: *y\nc: *x', "= [('a', [('k', 5)]), ('b', 5), ('c', [('k', 5)])]"),
    ('peer', 'a: &x [&y [1], *y]\nb: *x', "= [('a', [[1], [1]]), ('b', [[1], [1]])]"),
    ('peer', 'a: &x 1\nb: &x 2\nc: *x', "= [('a', 1), ('b', 2), ('c', 2)]"),
    ('peer', 'a: &x [1, *x]', '1:11 the alias *x is inside its own anchor | Use the value itself'),
    ('peer', 'a: &x {b: *x}', '1:11 the alias *x is inside its own anchor | Use the value itself'),
    ('peer', 'a: *x', '1:4 the alias *x has no anchor above it | Write &x in front of its value'),
    ('peer', 'a: *x\nb: &x 1', '1:4 the alias *x has no anchor above it | Write &x in front of its value'),
    ('peer', '&x a: 1\nb: *x', "= [('a', 1), ('b', 'a')]"),
    ('peer', 'a: &x b\n*x : 1', "= [('a', 'b'), ('b', 1)]"),
    ('peer', 'a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}', "= [('a', [('k', 1), ('l', 2)]), ('b', [('l', 2), ('k', 3)])]"),
    ('peer', 'a: &x {k: 1, l: 2}\nb: {k: 3, <<: *x}', "= [('a', [('k', 1), ('l', 2)]), ('b', [('l', 2), ('k', 3)])]"),
    ('peer', 'a: &x {k: 1}\nb: &y {k: 2, m: 1}\nc: {<<: [*x, *y]}',
     "= [('a', [('k', 1)]), ('b', [('k', 2), ('m', 1)]), ('c', [('k', 1), ('m', 1)])]"),
    ('peer', 'a: &x {k: 1}\nb: &y {k: 2, m: 1}\nc: {<<: *x, <<: *y}',
     "= [('a', [('k', 1)]), ('b', [('k', 2), ('m', 1)]), ('c', [('k', 2), ('m', 1)])]"),
    ('peer', 'a: {<<: 1}', '1:4 << takes a mapping, or a list of them | Use <<: *name'),
    ('peer', 'a: {<<: [1]}', '1:4 << takes a mapping, or a list of them | Use <<: *name'),
    ('peer', 'a: {<<: [{b: 1}, 2]}', '1:4 << takes a mapping, or a list of them | Use <<: *name'),
    ('peer', 'a: {<<: {b: 1}}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: {<<: [], b: 1}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: {<<: {}, b: 1}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: 1\n---\nb: 2', '2:1 a second document begins | A plan is one document'),
    ('peer', 'a: 1\n...', "= [('a', 1)]"),
    ('peer', '--- \na: 1', "= [('a', 1)]"),
    ('peer', '', '= None'),
    ('peer', '# x', '= None'),
    ('peer', '5', '= 5'),
    ('peer', '- a', "= ['a']"),
    ('json', '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e400, "e": -5, "f": 1.0}',
     "= [('a', nan), ('b', inf), ('c', inf), ('d', inf), ('e', -5), ('f', 1.0)]"),
    ('json', '{"a": 1, "a": 2}', "= [('a', 1), ('a', 2)]"),
]  # fmt: skip


@table(("format", "text", "expected"), READ)
def test_a_text_is_read_or_refused_at_its_place_with_its_advice(format, text, expected):
    read = {"yaml": read_yaml, "peer": read_peer_yaml, "json": read_json, "toml": read_toml}[format]
    try:
        found = f"= {read(text, '')!r}"
    except ConfigError as refusal:
        (fault,) = refusal.diagnostics
        found = f"{fault.line}:{fault.column} {fault.found} | {fault.instead}"

    assert found == expected


@pytest.mark.parametrize("format", ["yaml", "toml", "json"])
def test_a_file_that_is_not_utf_8_is_reported_with_line_and_column(tmp_path, format):
    file = tmp_path / f"plan.{format}"
    file.write_bytes("lr: 1\n# größe ".encode() + b"\xff\n")

    with pytest.raises(ConfigError) as refusal:
        config.load(file)

    (fault,) = refusal.value.diagnostics
    assert (fault.line, fault.column) == (2, 9)
    assert "0xff" in fault.found


@table(
    ("data", "text"),
    [
        ({"a": True, "b": False, "c": 1, "d": 0.5}, "a = true\nb = false\nc = 1\nd = 0.5\n"),
        ({"a b": 'x"y'}, "\"a b\" = 'x\"y'\n"),
        ({"c.d": "x'\"y", "e": "x\x7f"}, "\"c.d\" = \"x'\\\"y\"\ne = \"x\\U0000007f\"\n"),
        ({"a": ["x" * 35, "y" * 40]}, f'a = ["{"x" * 35}", "{"y" * 40}"]\n'),
        ({"a": ["x" * 36, "y" * 40]}, f'a = [\n  "{"x" * 36}",\n  "{"y" * 40}",\n]\n'),
        ({"a": {"b c": [1, {"d": 2}]}}, 'a = { "b c" = [1, { d = 2 }] }\n'),
        ({"groups": {"a b": {"lr": 1}}, "x": 1, "targets": {"t": {"y": 2}}},
         'x = 1\n\n[groups."a b"]\nlr = 1\n\n[targets.t]\ny = 2\n'),
        ({"groups": {"a": {"lr": 1}}}, "[groups.a]\nlr = 1\n"),
    ],
)  # fmt: skip
def test_toml_is_written_in_a_natural_layout(data, text):
    assert write_toml(data) == text
    assert read_toml(text, "") == data


def places(text, place, path="$"):
    """Return the text of each place by its path."""
    parts = place.parts.items() if isinstance(place.parts, dict) else enumerate(place.parts or ())
    rows = {path: text[place.begin : place.end]}
    for key, part in parts:
        rows |= places(text, part, child_path(path, key))
    return rows


def test_each_value_of_toml_is_located():
    text = """\
a.b = [1, 'x', # one
  {c = 2, "d e" = [3]},
]
[t.u] # a table
v = "w"
[[rows]]
x = 1
[rows.inner]
y = 2
[[rows]]
x = 3
["q r".t]
z = '''
q'''
"""
    found = places(text, toml_places(text))

    assert {path: piece for path, piece in found.items() if piece not in ("", text)} == {
        "$.a.b": text[6 : text.index("\n[t.u]")],
        "$.a.b[0]": "1",
        "$.a.b[1]": "'x'",
        "$.a.b[2]": '{c = 2, "d e" = [3]}',
        "$.a.b[2].c": "2",
        '$.a.b[2]["d e"]': "[3]",
        '$.a.b[2]["d e"][0]': "3",
        "$.t.u.v": '"w"',
        "$.rows[0].x": "1",
        "$.rows[0].inner.y": "2",
        "$.rows[1].x": "3",
        '$["q r"].t.z': "'''\nq'''",
    }


@pytest.mark.parametrize(("entries", "is_read"), [(2_500, True), (2_501, False)])
def test_the_names_of_a_toml_text_have_at_most_100_000_dots(entries, is_read):
    text = "# ...\n" + "".join(f"{'a.' * 40}x{n} = 1\n" for n in range(entries))

    if is_read:
        assert read_toml(text, "")["a"]
    else:
        with pytest.raises(ConfigError, match="more than 100,000 values"):
            read_toml(text, "")


@table(
    ("text", "place", "found"),
    [
        ("a: &x [1, *x]\n", (1, 11), "the alias *x is inside its own anchor. Use the value itself"),
        ("a: 1\nb: *x\n", (2, 4), "the alias *x has no anchor above it. Write &x in front of its value"),
    ],
)
def test_an_alias_of_a_peer_that_has_no_value_is_refused_at_its_place(text, place, found):
    with pytest.raises(ConfigError) as refused:
        read_peer_yaml(text, "peer.yaml")

    (fault,) = refused.value.diagnostics
    assert ((fault.line, fault.column), fault.message) == (place, found)


@table(("raw", "value"), [('"a\\tb"', "a\tb"), ("'a\\tb'", "a\\tb"), ('"a\\qb"', '"a\\qb"')])
def test_a_toml_text_with_an_invalid_escape_is_unchanged(raw, value):
    assert _toml_string_value(raw) == value
