"""Invalid YAML, TOML and JSON: each error has its cause, a fix and a location."""

import pytest

from paramsched import config
from paramsched.errors import ConfigError
from support.tables import table

CAUSES = [
    ("yaml", "lr: 1\n\tmomentum: 2\n", "2:1", "begins with a tab", "Write momentum: 2"),
    ("yaml", "groups:\n\thead: {lr: 1}\n", "2:1", "begins with a tab", "Indent it by 2"),
    ("yaml", "groups:\n  head:\n  \tlr: 1\n", "3:3", "begins with a tab", "Indent it by 4"),
    ("yaml", "groups:\n  head:\n    lr: 1\n   tail:\n    lr: 2\n", "4:4", "indented by 3 spaces", "by 0, 2 or 4"),
    ("yaml", "lr: 1\n  momentum: 2\n", "2:3", "the line above has a value", "Write momentum: 2"),
    ("yaml", " lr: 1\nmomentum: 2\n", "2:1", "indented by 0 spaces, the lines above by 1", "Indent it by 1"),
    ("yaml", "lr:\n  - 1\n - 2\n", "3:2", "indented by 1 space", "by 0 or 2"),
    ("yaml", "lr: [0.1, 0.2\nmomentum: 1\n", "1:5", "the bracket [ is never closed", 'Write lr: [0.1, 0.2]'),
    ("yaml", "groups: {head: {lr: 1}\nmomentum: 1\n", "1:9", "the bracket { is never closed", 'Write groups: {head: {'),
    ("yaml", "lr: [1}\n", "1:7", "} closes the bracket [", 'Close it with ]'),
    ("yaml", "lr: [1]]\n", "1:8", "unmatched ]", "Leave ] out"),
    ("yaml", "lr: [1 : 2 : 3]\n", "1:12", "a second colon", "in quotes"),
    ("yaml", 'lr: "warmup(5)\nmomentum: 1\n', "1:5", "the quote \" is never closed", 'Write lr: "warmup(5)"'),
    ("yaml", "lr: 'warmup(5)\nmomentum: 1\n", "1:5", "the quote ' is never closed", "Write lr: 'warmup(5)'"),
    ("yaml", 'lr: "5%" >> x\n', "1:10", "after a closing quote", "in single quotes"),
    ("yaml", 'lr: "a\\qb"\n', "1:7", "a backslash in double quotes", "in single quotes"),
    ("yaml", "lr: >> cosine()\n", "1:5", "begins with >", "in single quotes"),
    ("yaml", "lr: * 2\n", "1:5", "begins with *", "in single quotes"),
    ("yaml", "lr: @x\n", "1:5", "text must not begin with @", "in single quotes"),
    ("yaml", "lr: a: b\n", "1:6", "a second colon", "in single quotes"),
    ("yaml", "lr 0.1\nmomentum: 3\n", "1:7", "no colon in lr 0.1", "Write lr: 0.1"),
    ("yaml", "groups:\n  head\n    lr: 1\n", "2:7", "no colon in head", "Write head:"),
    ("yaml", "lr:0.1\nmomentum:3\n", "1:1", "a space is missing after the colon", "Write lr: 0.1"),
    ("yaml", "lr = 0.1\n", "1:1", "YAML needs a colon", "Write lr: 0.1"),
    ("yaml", "lr: \x00\n", "1:5", "\\x00 is not allowed in text", "Leave it out"),
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
    ("toml", "lr = 1\nlr = 2\n", "2:1", "it occurs twice", "Keep one"),
    ("toml", "lr = cosine()\n", "1:6", "a text without quotes", 'Write lr = "cosine()"'),
    ("toml", 'lr = warmup("5%")\n', "1:6", "a text without quotes", "Write lr = 'warmup(\"5%\")'"),
    ("toml", "lr: 0.1\n", "1:3", "a colon, as in YAML", "Write lr = 0.1"),
    ("toml", "betas[0] = 1\n", "1:1", "brackets in a name", 'Write "betas[0]" = 1'),
    ("toml", "lr = [0.1\n", "1:6", "the bracket [ is never closed", 'Write lr = [0.1]'),
    ("toml", "[groups.head\nlr = 1\n", "1:1", "the bracket [ is never closed", 'Write [groups.head]'),
    ("toml", 'lr = "abc\n', "1:6", "the quote is never closed", 'Write lr = "abc"'),
    ("toml", "lr = “x”\n", "1:6", "a curly quote", 'Write "'),
    ("toml", "lr\n", "1:3", "an equals sign is missing", 'Write lr = "cosine()"'),
    ("toml", "lr = " + "9" * 5000, "1:6", "too many digits", "Write 0.1"),
    ("toml", 'lr = "warmup(5%)"\n', "1:14", "a length without quotes", 'Write warmup("5%")'),
    ("json", '{"lr": 1,}', "1:9", "a trailing comma", 'Write {"lr": 1}'),
    ("json", "{'lr': 1}", "1:2", "double quotes only", 'Write {"lr": 1}'),
    ("json", "{lr: 1}", "1:2", "a name without quotes", 'Write {"lr": 1}'),
    ("json", '{"lr": 1 // x\n}', "1:10", "does not allow comments", "write YAML"),
    ("json", '{"lr" 1}', "1:7", "a colon is missing", 'Use a colon'),
    ("json", '{"lr": 1\n "x": 2}', "2:2", "a comma is missing", 'Use a comma'),
    ("json", '{"lr": cosine()}', "1:8", "a text without quotes", 'Write {"lr": "cosine()"}'),
    ("json", '{"lr": 1', "1:9", "ends too early", 'Write {"lr": 1}'),
    ("json", '{"lr": “x”}', "1:8", "a curly quote", 'Write {"lr": "x"}'),
    ("json", '{"lr": "warmup(5%)"}', "1:16", "a length without quotes", "Write warmup('5%')"),
]  # fmt: skip


@table(("format", "text", "place", "found", "instead"), CAUSES)
def test_each_syntax_error_has_its_own_message_fix_and_location(format, text, place, found, instead):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)

    (fault,) = refusal.value.diagnostics
    assert f"{fault.line}:{fault.column}" == place
    assert found in fault.found
    assert instead in fault.instead


@pytest.mark.parametrize("format", ["yaml", "toml", "json"])
def test_a_file_that_is_not_utf_8_is_reported_with_line_and_column(tmp_path, format):
    file = tmp_path / f"plan.{format}"
    file.write_bytes("lr: 1\n# größe ".encode() + b"\xff\n")

    with pytest.raises(ConfigError) as refusal:
        config.load(file)

    (fault,) = refusal.value.diagnostics
    assert (fault.line, fault.column) == (2, 9)
    assert "0xff" in fault.found
