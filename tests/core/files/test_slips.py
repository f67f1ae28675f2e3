"""Slips in the YAML of a plan: the line of the problem, and the mended line, which reads when it is pasted."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.files import open_plan
from paramsched.core.files.yaml_slips import problems_of_slips
from paramsched.errors import ConfigError, InvalidArgument
from support.examples import examples
from support.tables import table

KL = 'targets: {kl: {initial: 1, schedule: "linear(0, 1)"}}'
WARM = 'warmup("5%") >> cosine()'


def advised(problem):
    """Return the line that a problem says to write."""
    return problem.advice.partition("rite ")[2]


@table(
    ("text", "place", "lines", "mended"),
    [
        ("groups:\n  head: {lr: linear(1.0, 0.1)}", 2, 1, 'head: {lr: "linear(1.0, 0.1)"}'),
        ("targets: {kl: {initial: 1, schedule: linear(0, 1)}}", 1, 1, KL),
        ("groups:\n  head: {lr: 0.5 * step(5, 0.5)}", 2, 1, 'head: {lr: "0.5 * step(5, 0.5)"}'),
        ("groups: {a: {lr: linear(1, 0)}}", 1, 1, 'groups: {a: {lr: "linear(1, 0)"}}'),
        (f'lr: "{WARM}"', 1, 1, f"lr: {WARM}"),
        (f"total: 9\nlr: '{WARM}'".replace('"', "'"), 2, 1, "lr: warmup('5%') >> cosine()"),
        ('lr: warmup("5%")\n>> cosine()\ntotal: 100', 1, 2, f"lr: {WARM}"),
        ('lr: warmup("5%") >>\ncosine()\ntotal: 100', 1, 2, f"lr: {WARM}"),
        ("lr: linear()\n* cosine()\n* cosine()", 1, 3, "lr: linear() * cosine() * cosine()"),
        ("lr: cosine(over=9) # to 0\n  >> constant()", 1, 2, "lr: cosine(over=9) >> constant()"),
        ("lr: cosine()\ntotal:100", 2, 1, "total: 100"),
        ("lr:cosine()\ntotal: 100", 1, 1, "lr: cosine()"),
        ("lr = cosine()\ntotal: 100", 1, 1, "lr: cosine()"),
        ("total: 100\nlr = cosine()", 2, 1, "lr: cosine()"),
        ("lr: cosine()\n total: 100", 2, 1, "total: 100"),
        ("lr: warmup(10)\n# c\n\n  >> cosine()\ntotal: 90", 1, 4, "lr: warmup(10) >> cosine()"),
        ("lr: warmup(10)\n\t>> cosine()", 1, 2, "lr: warmup(10) >> cosine()"),
        ("lr: linear(\n1, 0\n)", 1, 3, "lr: linear( 1, 0 )"),
        ("lr: # c\n  warmup(10) # c\n  >> cosine()", 1, 3, "lr: warmup(10) >> cosine()"),
        (f'lr: "{WARM}"\n  >> constant()', 1, 1, f"lr: {WARM}"),
        (f'lr: "{WARM}"\n>> constant()', 1, 2, f"lr: {WARM} >> constant()"),
        ("groups:\n  a: {lr: linear()}\n   b: {lr: cosine()}", 3, 0, "b: {lr: cosine()}"),
        ("groups:\n  a: {lr: linear(1, 0)} # {lr: step(1, 0)}", 2, 1, 'a: {lr: "linear(1, 0)"} # {lr: step(1, 0)}'),
        ("groups:\n  is_last_layer=true: {lr: linear(1, 0)}", 2, 1, 'is_last_layer=true: {lr: "linear(1, 0)"}'),
        ("{lr: linear(1, 0)}\n", 1, 1, '{lr: "linear(1, 0)"}'),
        ('lr: "warmup(10)" # was "linear()"\ntotal:100', 2, 1, "total: 100"),
        ("lr: [warmup(10), cosine()]", 1, 1, "lr: warmup(10) >> cosine()"),
        ("lr:\n  - warmup(10)\n  - cosine()\ntotal: 90", 2, 0, "lr: warmup(10) >> cosine()"),
        ("lr: {type: cosine, to: 0.1}", 1, 1, "lr: cosine(to=0.1)"),
        ("lr: {cosine: {to: 0.1}}", 1, 1, "lr: cosine(to=0.1)"),
        ("lr: {schedule: cosine()}", 1, 1, "lr: cosine()"),
        ("lr: [{type: warmup, over: 10}, cosine()]", 1, 1, "lr: warmup(over=10) >> cosine()"),
        ("lr: cosine()\nhead:\n  lr: linear(1, 0)", 2, 2, 'groups: {head: {lr: "linear(1, 0)"}}'),
        ('lr: cosine()\n"body, head": {lr: linear()}', 2, 1, 'groups: {"body, head": {lr: linear()}}'),
    ],
)  # fmt: skip
def test_a_slip_names_the_users_own_line_mended(text, place, lines, mended):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    (problem,) = refusal.value.problems
    assert problem.line == place
    assert advised(problem) == mended
    if lines:
        rows = text.split("\n")
        indent = " " * (len(rows[place - 1]) - len(rows[place - 1].lstrip()))
        indent = "" if mended == "total: 100" else indent
        assert ps.loads("\n".join([*rows[: place - 1], indent + mended, *rows[place - 1 + lines :]]))


@table(
    ("text", "problems"),
    [
        (
            "total = 90\nlr:cosine()\ngroups:\n  head: {lr: linear(1, 0)}\n",
            [(1, "total: 90"), (2, "lr: cosine()"), (4, 'head: {lr: "linear(1, 0)"}')],
        ),
        (
            "lr: warmup(10)\n>> cosine()\ntotal=100\nweight_decay=cosine()",
            [(1, "lr: warmup(10) >> cosine()"), (3, "total: 100"), (4, "weight_decay: cosine()")],
        ),
        ("lr: warmup(10)\n>> cosine()\nmomentum: cosin()", [(1, "lr: warmup(10) >> cosine()"), (3, "")]),
        ("lr: cosine()\n total: 9\n momentum=cosine()", [(2, "total: 9"), (3, "momentum: cosine()")]),
        ("total:9\nlr: %x", [(1, "total: 9"), (2, "")]),
        ("total:9\nlr:cosin()", [(1, "total: 9"), (2, ""), (2, "")]),
        ("lr: warmup(10)\n>> cosin()\ntotal:9", [(1, ""), (1, ""), (3, "total: 9")]),
        ("lr: warmup(1) >>\ntotal=100", [(1, ""), (2, "total: 100")]),
    ],
)
def test_each_of_several_problems_has_its_place_in_the_users_text(text, problems):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    assert [(problem.line, advised(problem)) for problem in refusal.value.problems] == problems
    assert all(problem.text == text.split("\n")[problem.line - 1] for problem in refusal.value.problems)


SLIPS = [
    ("F=linear(1, 0)", "F: linear(1, 0)"),
    ("F:cosine() # c", "F: cosine() # c"),
    ("F: warmup(10)\n>> cosine()\n\n>> constant()", "F: warmup(10) >> cosine() >> constant()"),
    ("F: warmup(10) # c\n  # d\n  >> cosine()", "F: warmup(10) >> cosine()"),
    ('F: "warmup("5%") >> cosine()"', 'F: warmup("5%") >> cosine()'),
    ("F = warmup(10) >>\ncosine()", "F: warmup(10) >> cosine()"),
]
RIGHT = [
    *("# F=cosine()", "F: cosine() # F=cosine()", "F: warmup(10)\n  >> cosine() # c", "F: cosine(\n  to=0.1\n  )"),
    *(
        "F: warmup(10) >>\n  \tcosine()",
        "F: |\n  warmup(10)\n  >> cosine()",
        "F: # c\n  # d\n  + warmup(1)\n  >> cosine()",
        'F: "cosine()" # "c"',
    ),
    *("F: 'warmup(''5%'')'", "F:\n    warmup(1)\n    >> cosine()", "", "F: >-\n\n  linear(1,\n  0)"),
]
GROUPS = [
    ("groups:\n  my group:\n    lr: cosine()\n  a=b: {lr: 'warmup(\"5%\")'}", ""),
    ('groups: {a: {lr: warmup("5%"), eps: "linear(1, 0)"}} # {lr: linear(1, 0)}', ""),
    ("groups: {a: {lr: linear(1, 0)}}", 'groups: {a: {lr: "linear(1, 0)"}}'),
]
FIELDS = ["alpha", "d", "dampening", "eps", "lambd", "lr", "momentum", "rho", "t0", "weight_decay"]
ENTRIES = st.lists(st.sampled_from([*SLIPS, *((text, "") for text in RIGHT)]), max_size=len(FIELDS))


def named(entries):
    """Return entries with a field of its own for each."""
    pairs = zip(FIELDS, entries, strict=False)
    return [(text.replace("F", field), mended.replace("F", field)) for field, (text, mended) in pairs]


@examples(300)
@given(ENTRIES, st.sampled_from(GROUPS))
def test_each_slip_and_no_other_line_is_mended(entries, groups):
    entries = [*named(entries), groups]
    text = "\n".join(text for text, _ in entries)
    begins = [
        "\n".join(text for text, _ in [*entries[:place], ("", "")]).count("\n") + 1 for place in range(len(entries))
    ]

    problems = problems_of_slips(text, lambda text: open_plan(text).loaded())

    expected = [(begin, mended) for begin, (_, mended) in zip(begins, entries, strict=True) if mended]
    assert [(problem.line, advised(problem)) for problem in problems] == expected
    assert open_plan("\n".join(mended or text for text, mended in entries)).loaded()


def pasted(text, problem):
    """Return a text with the line that a problem says to write."""
    rows, mended = text.split("\n"), advised(problem)
    last = end = problem.line
    while "continues" in problem.found and last < len(rows):
        row = rows[last].partition("#")[0].strip()
        if row not in mended or row.endswith(":"):
            break
        last += 1
        end = last if row else end
    indent = re.match(" *", rows[problem.line - 1])[0]
    return "\n".join([*rows[: problem.line - 1], indent + mended, *rows[end:]])


def problems_of(text):
    try:
        open_plan(text, "yaml").loaded()
    except ConfigError as error:
        return error.problems
    return ()


@examples(300)
@given(ENTRIES, st.sampled_from(GROUPS), st.sampled_from([*'\n "{}#():=,', " #", ""]), st.data())
def test_a_mended_line_in_a_damaged_text_leaves_fewer_problems(entries, groups, damage, data):
    text = "\n".join(text for text, _ in [*named(entries), groups]) + "\n"
    place = data.draw(st.integers(0, len(text) - 1))
    text = text[:place] + damage + text[place + data.draw(st.integers(0, 1)) :]
    problems = problems_of(text)
    slips = [problem for problem in problems if advised(problem) and not problem.path and "column" not in problem.found]
    assume(slips)

    for slip in slips:
        rest = problems_of(pasted(text, slip))

        is_yaml = not any(problem.found.startswith("YAML") for problem in problems)
        assert len(rest) < len(problems) if is_yaml else slip.line not in {one.line for one in rest}


@table(
    ("text", "most"),
    [
        ("lr: warmup(1)\n" + ">> cosine()\n" * 1500, 1),
        ("lr: linear(1, 0) >> (\n" + "- a\n" * 4000, 0),
        ("lr: linear(1, 0) >> (\n" + "- a\n" * 4000 + ")", 1),
        ("lr=cosine()\n" * 1500 + "a: %", 3),
        ("lr=cosine()\na: %" + " " * 20_000, 0),
        ("lr" + " " * 19_000 + "x", 0),
        ("lr: x\n" + "# c\n" * 4500 + ">> y", 1),
        ('{"' + '\\"' * 9000, 0),
        ("{a: (b: " + "(c: " * 4000 + "}", 1),
    ],
)
def test_a_text_is_read_a_few_times_whatever_its_size(text, most):
    reads = []

    def read(text):
        reads.append(text)
        raise ConfigError("text", problems_of(text))

    problems_of_slips(text, read)

    assert len(reads) <= most


def test_groups_that_exist_get_the_group():
    with pytest.raises(ConfigError) as refusal:
        ps.loads("lr: cosine()\ngroups: {a: {lr: linear()}}\nhead: {lr: step(3)}")

    assert refusal.value.problems[0].advice == "Write it under groups, as head: {lr: step(3)}"


@table("line", ["lr = cosine()", "lr:cosine()", "lr=cosine()"])
def test_one_line_is_mended_in_python_too(line):
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(line, total=10)

    assert refusal.value.problem.advice == "Write 'lr: cosine()'"


@table(
    "line", [r"C:\plans\x", "plan:v2", "lr=0.1", "to=0.1", "total=100", "momentum=cosin()", "lr" + " " * 60_000 + "x"]
)
def test_another_line_is_not_mended_in_python(line):
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(line, total=10)

    assert "Write" not in refusal.value.problem.advice


@table(
    "text",
    [
        "lr: %cosine()",
        "lr: @x",
        "lr: cosine(\n",
        "lr: cosine()\nlr: linear()",
        "a: [1, 2",
        "\tlr: cosine()",
        "lr: '5%' * cosine()",
    ],
)
def test_another_mistake_keeps_its_message_and_place(text):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    assert all("rite" not in problem.advice for problem in refusal.value.problems)
