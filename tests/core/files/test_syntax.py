"""Invalid YAML, TOML and JSON: the sentence of the parser and its place; texts that it accepts and a plan does not."""

import json
import re
import tomllib

import pytest
import yaml

from paramsched.core import files as config
from paramsched.core.files.json_and_toml import read_json, read_toml
from paramsched.core.files.yaml_text import read_peer_yaml, read_yaml
from paramsched.errors import ConfigError
from support.tables import table

CAUSES = [
    ('yaml', 'lr:0.1\nmomentum:3\n', '1:1'),
    ('yaml', 'lr = 0.1\n', '1:1'),
    ('yaml', 'lr: \ud800\n', '1:5'),
    ('yaml', 'lr: “warmup(5)”\n', '1:5'),
    ('yaml', 'lr: warmup(“5%”)\n', '1:12'),
    ('yaml', '“lr”: 1\n', '1:1'),
    ('yaml', 'lr: соsine()\n', '1:5'),
    ('yaml', 'lг: 1\n', '1:1'),
    ('yaml', 'lr: warmup(5%)\n', '1:12'),
    ('yaml', 'lr: warmup(5 epochs) >> cosine()\n', '1:12'),
    ('yaml', 'lr: warmup(5 >> cosine()\n', '1:11'),
    ('yaml', 'lr: warmup(5)) >> cosine()\n', '1:14'),
    ('yaml', 'lr: warmup(5) >>\n', '1:16'),
    ('toml', 'lr = 2024-01-01\n', 'None:None'),
    ('toml', 'lr = "warmup(5%)"\n', 'None:None'),
    ('json', '{"lr": "warmup(5%)"}', '1:16'),
]  # fmt: skip


@table(("format", "text", "place"), CAUSES)
def test_what_the_parser_accepts_and_a_plan_does_not_is_refused_at_its_place(format, text, place):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)

    (fault,) = refusal.value.diagnostics
    assert f"{fault.line}:{fault.column}" == place


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


def test_a_long_text_with_a_syntax_error_is_read_once():
    text = "lr: 1\n" + "# comment\n" * 6_000 + "b: [1"

    with pytest.raises(ConfigError) as refusal:
        config.loads(text)

    assert (refusal.value.diagnostics[0].line, refusal.value.diagnostics[0].found[:6]) == (6_002, "YAML: ")


# The location of the problem, or the content that is read.
READ = [
    ('yaml', 'lr: [cosine(to=0.1, over=5), 2]', "= [('lr', ['cosine(to=0.1', 'over=5)', 2])]"),
    ('yaml', 'lr: {a: cosine(to=0.1, over=5)}', "= [('lr', [('a', 'cosine(to=0.1'), ('over=5)', None)])]"),
    ('yaml', 'lr: [step("a", 2)]', '= [(\'lr\', [\'step("a"\', \'2)\'])]'),
    ('yaml',
     'lr: 1\nbetas: [cosine(to=0.1, over=5), 0.9]',
     "= [('lr', 1), ('betas', ['cosine(to=0.1', 'over=5)', 0.9])]"),
    ('yaml', 'betas: [cosine(to=0.1, over=5), 0.9]', "= [('betas', ['cosine(to=0.1', 'over=5)', 0.9])]"),
    ('yaml', 'lr: [cosine(to=0.1, over=5', '1:27'),
    ('yaml', "lr: [cosine(to=(0.1, 5), 'x']", "= [('lr', ['cosine(to=(0.1', '5)', 'x'])]"),
    ('yaml', 'lr: &a 1', '1:5'),
    ('yaml', 'lr: *a', '1:5'),
    ('yaml', 'lr: !x 1', '1:5'),
    ('yaml', 'lr: !x [1]', '1:5'),
    ('yaml', 'lr: &a [1]', '1:5'),
    ('yaml', 'lr: 1]', "= [('lr', '1]')]"),
    ('yaml', 'lr: [a b: c, 1]', "= [('lr', [[('a b', 'c')], 1])]"),
    ('yaml', 'lr: {a 1, b: 2}', "= [('lr', [('a 1', None), ('b', 2)])]"),
    ('yaml', 'lr: [1 2: 3]', "= [('lr', [[('1 2', 3)]])]"),
    ('yaml', 'lr: 1\n---\nlr: constant(2)', '2:1'),
    ('yaml', 'lr: {? a}', "= [('lr', [('a', None)])]"),
    ('yaml', '{lr: 1, lr: constant(2)}', "= [('lr', 1), ('lr', 'constant(2)')]"),
    ('yaml', 'lr: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[', '1:54'),
    ('yaml', 'lr: *x y', '1:5'),
    ('yaml', '&a lr: 1\nb: 2', '1:1'),
    ('toml', 'a = 1\n\n', "= {'a': 1}"),
    ('toml', "x = 'a' # [", "= {'x': 'a'}"),
    ('toml', 'lr = +1', "= {'lr': 1}"),
    ('toml', 'lr = 1_0', "= {'lr': 10}"),
    ('toml', 'lr = 0x10', "= {'lr': 16}"),
    ('toml', 'lr = inf', "= {'lr': inf}"),
    ('toml', 'lr = nan', "= {'lr': nan}"),
    ('yaml', 'groups:\n  a: [1,\n\t2]', "= [('groups', [('a', [1, 2])])]"),
    ('yaml', 'lr: [1 "a"]', '= [(\'lr\', [\'1 "a"\'])]'),
    ('yaml', 'lr: !!float 1', '1:5'),
    ('yaml', 'lr: &a\n  b: 1', '1:5'),
    ('yaml', '- &a 1', '1:3'),
    ('yaml', '{a: &b 1}', '1:5'),
    ('yaml', '&a {b: 1}', '1:1'),
    ('yaml', '&a [1]', '1:1'),
    ('yaml', '!x {b: 1}', '1:1'),
    ('yaml', '!!map {b: 1}', '1:1'),
    ('yaml', '? a\n: b', "= [('a', 'b')]"),
    ('yaml', '<<: {a: 1}', "= [('<<', [('a', 1)])]"),
    ('yaml', '--- \nlr: 1', "= [('lr', 1)]"),
    ('yaml', 'lr: 1\n...\n---\nb: 1', '3:1'),
    ('yaml', 'lr: |\n  a\n  b', "= [('lr', 'a\\nb')]"),
    ('yaml', 'lr: >\n  a\n  b', "= [('lr', 'a b')]"),
    ('yaml', 'lr: >-\n  cosine()', "= [('lr', 'cosine()')]"),
    ('yaml', 'lr: &x', '1:5'),
    ('yaml', 'lr: !', '1:5'),
    ('yaml', 'lr: "\t"', "= [('lr', '\\t')]"),
    ('yaml', 'lr: [cosine(to=1, over=5)]', "= [('lr', ['cosine(to=1', 'over=5)'])]"),
    ('yaml', 'lr:  [ cosine(to=1, over=5) ]', "= [('lr', ['cosine(to=1', 'over=5)'])]"),
    ('yaml', '  betas: [cosine(to=1, over=5)]', "= [('betas', ['cosine(to=1', 'over=5)'])]"),
    ('yaml', 'xbetas: [cosine(to=1, over=5)]', "= [('xbetas', ['cosine(to=1', 'over=5)'])]"),
    ('yaml', 'betas: {a: [cosine(to=1, over=5)]}', "= [('betas', [('a', ['cosine(to=1', 'over=5)'])])]"),
    ('yaml', 'lr: [cosine(to=1, over=5) # x', '1:30'),
    ('yaml', 'lr: ["cosine(to=1, over=5)"]', "= [('lr', ['cosine(to=1, over=5)'])]"),
    ('yaml', 'lr: [cosine((1), 2), 3]', "= [('lr', ['cosine((1)', '2)', 3])]"),
    ('yaml', 'lr: [a(b), 3]', "= [('lr', ['a(b)', 3])]"),
    ('yaml', 'lr: [a(b, "c", \'d\')]', '1:19'),
    ('yaml',
     'a: [~, null, Null, NULL, "", \'~\', true, True, TRUE, tRUE, yes, on, .inf, -.inf, +.inf, .Inf, .nan, .NaN]',
     "= [('a', [None, None, None, None, '', '~', True, True, True, 'tRUE', 'yes', 'on', inf, -inf, inf, inf, "
     'nan, nan])]'),
    ('yaml',
     'a: [1, -1, +1, 01, 1., .5, 1e3, 1E-3, 1_0, 0x1, 0o7, 1:30, 2024-01-01, -0, -0.0, 00, "1", \'1\']',
     "= [('a', [1, -1, '+1', '01', '1.', '.5', 1000.0, 0.001, 10, '0x1', '0o7', '1:30', '2024-01-01', 0, "
     "-0.0, '00', '1', '1'])]"),
    ('yaml',
     'a: [-.nan, .iNf, inf, NaN, 1e, e1, -, "-1"]',
     "= [('a', ['-.nan', '.iNf', 'inf', 'NaN', '1e', 'e1', '-', '-1'])]"),
    ('yaml', 'a:\nb: null', "= [('a', None), ('b', None)]"),
    ('yaml',
     "1: a\n'1': b\n1.5: c\ntrue: d\n~: e",
     "= [(1, 'a'), ('1', 'b'), (1.5, 'c'), (True, 'd'), (None, 'e')]"),
    ('yaml', '[a]: 1', "= [(['a'], 1)]"),
    ('yaml', '{a: 1}: 1', "= [([('a', 1)], 1)]"),
    ('peer',
     'a: [~, null, Null, NULL, "", \'~\', true, True, TRUE, tRUE, yes, Yes, YES, yEs, on, Off, n, .inf, -.inf, '
     '+.inf, .Inf, .nan, .NaN]',
     "= [('a', [None, None, None, None, '', '~', True, True, True, 'tRUE', True, True, True, 'yEs', True, False, "
     "'n', inf, -inf, inf, inf, nan, nan])]"),
    ('peer',
     'a: [1, -1, +1, 01, 1., .5, -.5, +.5e3, 1e3, 1E-3, 1_0, 1_0.5_0, 0x1, 0o7, 1:30, 2024-01-01, -0, "1", '
     "'1', ., _1, 1_]",
     "= [('a', [1, -1, 1, '01', 1.0, 0.5, -0.5, 500.0, 1000.0, 0.001, 10, 10.5, '0x1', '0o7', '1:30', "
     "'2024-01-01', 0, '1', '1', '.', '_1', 1])]"),
    ('peer',
     'a: !!int "5"\n'
     'b: !!float 5\n'
     'c: !!bool "yes"\n'
     'd: !!null ""\n'
     'e: !!str 5\n'
     'f: ! 5\n'
     'g: !x 5\n'
     'h: !x\n'
     'i: !!python/str 5\n'
     'j: !!python/unicode 5',
     "= [('a', 5), ('b', 5), ('c', True), ('d', None), ('e', '5'), ('f', '5'), ('g', '!x 5'), ('h', '!x'), ('i', "
     "'5'), ('j', '5')]"),
    ('peer',
     'a: !x [1]\n'
     'b: !x {c: 1}\n'
     'c: !!map {a: 1}\n'
     'd: !!seq [1]\n'
     'e: !!set {a}\n'
     'f: !!omap [a: 1]\n'
     'g: !!python/list [1]\n'
     'h: !!python/dict {a: 1}\n'
     'i: !!python/tuple [1]\n'
     'j: !!python/object:x.Y {a: 1}',
     "= [('a', '!x …'), ('b', '!x …'), ('c', [('a', 1)]), ('d', [1]), ('e', 'tag:yaml.org,2002:set …'), ('f', "
     "'tag:yaml.org,2002:omap …'), ('g', [1]), ('h', [('a', 1)]), ('i', [1]), ('j', "
     "'tag:yaml.org,2002:python/object:x.Y …')]"),
    ('peer',
     '1: a\n1.5: c\ntrue: d\n~: e\n"x": f',
     "= [('1', 'a'), ('1.5', 'c'), ('true', 'd'), ('~', 'e'), ('x', 'f')]"),
    ('peer', '? [a, 1]\n: 1\n? {b: 2}\n: 2', '= [(\'["a", 1]\', 1), (\'[["b", 2]]\', 2)]'),
    ('peer', 'a: &x [1, 2]\nb: *x\nc: [*x, *x]', "= [('a', [1, 2]), ('b', [1, 2]), ('c', [[1, 2], [1, 2]])]"),
    ('peer', 'a: &x {k: &y 5}\nb: *y\nc: *x', "= [('a', [('k', 5)]), ('b', 5), ('c', [('k', 5)])]"),
    ('peer', 'a: &x [&y [1], *y]\nb: *x', "= [('a', [[1], [1]]), ('b', [[1], [1]])]"),
    ('peer', 'a: &x 1\nb: &x 2\nc: *x', "= [('a', 1), ('b', 2), ('c', 2)]"),
    ('peer', 'a: &x [1, *x]', '1:11'),
    ('peer', 'a: &x {b: *x}', '1:11'),
    ('peer', 'a: *x', '1:4'),
    ('peer', 'a: *x\nb: &x 1', '1:4'),
    ('peer', '&x a: 1\nb: *x', "= [('a', 1), ('b', 'a')]"),
    ('peer', 'a: &x b\n*x : 1', "= [('a', 'b'), ('b', 1)]"),
    ('peer',
     'a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}',
     "= [('a', [('k', 1), ('l', 2)]), ('b', [('l', 2), ('k', 3)])]"),
    ('peer',
     'a: &x {k: 1, l: 2}\nb: {k: 3, <<: *x}',
     "= [('a', [('k', 1), ('l', 2)]), ('b', [('l', 2), ('k', 3)])]"),
    ('peer',
     'a: &x {k: 1}\nb: &y {k: 2, m: 1}\nc: {<<: [*x, *y]}',
     "= [('a', [('k', 1)]), ('b', [('k', 2), ('m', 1)]), ('c', [('k', 1), ('m', 1)])]"),
    ('peer',
     'a: &x {k: 1}\nb: &y {k: 2, m: 1}\nc: {<<: *x, <<: *y}',
     "= [('a', [('k', 1)]), ('b', [('k', 2), ('m', 1)]), ('c', [('k', 2), ('m', 1)])]"),
    ('peer', 'a: {<<: 1}', '1:4'),
    ('peer', 'a: {<<: [1]}', '1:4'),
    ('peer', 'a: {<<: [{b: 1}, 2]}', '1:4'),
    ('peer', 'a: {<<: {b: 1}}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: {<<: [], b: 1}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: {<<: {}, b: 1}', "= [('a', [('b', 1)])]"),
    ('peer', 'a: 1\n---\nb: 2', '2:1'),
    ('peer', 'a: 1\n...', "= [('a', 1)]"),
    ('peer', '--- \na: 1', "= [('a', 1)]"),
    ('peer', '', '= None'),
    ('peer', '# x', '= None'),
    ('peer', '5', '= 5'),
    ('peer', '- a', "= ['a']"),
    ('json',
     '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e400, "e": -5, "f": 1.0}',
     "= [('a', nan), ('b', inf), ('c', inf), ('d', inf), ('e', -5), ('f', 1.0)]"),
    ('json', '{"a": 1, "a": 2}', "= [('a', 1), ('a', 2)]"),
]  # fmt: skip


@table(("format", "text", "expected"), READ)
def test_a_text_is_read_or_refused_at_its_place(format, text, expected):
    read = {"yaml": read_yaml, "peer": read_peer_yaml, "json": read_json, "toml": read_toml}[format]
    try:
        found = f"= {read(text, '')!r}"
    except ConfigError as refusal:
        (fault,) = refusal.diagnostics
        found = f"{fault.line}:{fault.column}"

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
