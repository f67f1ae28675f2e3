"""Shell scripts are read as bash reads them; values that require running the script are reported."""

import re
import shutil
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.base.user_warnings import DiagnosticWarning
from paramsched.core.files.command_lines import read_command_line
from paramsched.core.files.shell_script import read_script
from support.spread import spread
from support.tables import table
from support.work import work_of

NAMES = st.sampled_from(["A", "B", "LONG_1"])
PLAIN = st.text("abc019.,:/=+-@%_", min_size=1, max_size=6)
ANYTHING = st.text("ab1 -#'\"\\$`\t();|&*", max_size=8)


def single_quoted(text):
    return "'" + text.replace("'", "") + "'"


def double_quoted(text):
    return '"' + "".join("\\" + one if one in '"\\$`' else one for one in text) + '"'


NUMBERS = st.integers(0, 99).map(str)
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: st.tuples(inner, st.sampled_from([" + ", "*", " - ", " / (1 + ", " % (7 + "]), inner).map(
        lambda one: f"({one[0]}{one[1]}{one[2]}{')' if '(' in one[1] else ''})"
    ),
    max_leaves=4,
).flatmap(lambda text: st.sampled_from([f"$(({text}))", f"$[{text}]"]))
OPERATIONS = st.tuples(NUMBERS, st.sampled_from(["+", "-", "\\*"]), NUMBERS).map(" ".join)
EXPR = st.builds(str.__mod__, st.sampled_from(["$(expr %s)", "`expr %s`"]), OPERATIONS)
VARIABLES = st.tuples(NAMES, st.sampled_from(["${%s}", '"$%s"', '"${%s} x"', "${%s:-c d}", '"${%s[@]}"', "${%s[0]}"]))
PARTS = st.one_of(
    PLAIN,
    ANYTHING.map(single_quoted),
    ANYTHING.map(double_quoted),
    st.sampled_from(["\\ ", "\\#", "\\$A", "a\\\nb", "${NOT_SET:-d e}", '"${NOT_SET-}"', "a#b"]),
    VARIABLES.map(lambda one: one[1] % one[0]),
    ARITHMETIC,
    EXPR,
)
WORDS = st.lists(PARTS, min_size=1, max_size=3).map("".join)
BLANKS = st.sampled_from([" ", "  ", " \\\n ", "\t"])
COMMENTS = st.sampled_from(["", "  # a comment that ends in \\", " #'", '; # "x'])


@st.composite
def lines(draw):
    """Draw lines of a script: values, comments, or commands with options."""
    kind = draw(st.sampled_from(["value", "more", "array", "comment", "command", "command", "let"]))
    name, words = draw(NAMES), draw(st.lists(WORDS, max_size=4))
    joined = draw(BLANKS).join(words)
    match kind:
        case "value":
            line = f"{draw(st.sampled_from(['', 'export ']))}{name}={words[0] if words else ''}"
        case "more":
            line = f"{name}+={words[0] if words else ''}"
        case "array":
            line = f"{name}=({joined}\n  # inside\n {words[0] if words else ''} )"
        case "let":
            line = f"unset {name}; let {name}={draw(NUMBERS)}*3"
        case "comment":
            return f"# {name}=1 \\"
        case _:
            line = f"train --x {joined}"
    return line + draw(COMMENTS)


def bash_arguments(script):
    """Return the arguments of each call of train, as bash splits them."""
    call = r'train() { printf "%s\0" "$@"; printf "\1\0"; }; '
    text = f"set -f; A=1; B='--b  2'; LONG_1=x\n{script}"
    done = subprocess.run(["bash", "-c", call + text], capture_output=True, timeout=20, check=False)
    return [one.split("\0")[:-1] for one in done.stdout.decode().split("\1\0")[:-1]]


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@given(script=st.lists(lines(), min_size=1, max_size=6).map("\n".join))
def test_arguments_are_split_as_in_bash(script):
    expected = bash_arguments(script)
    assume(not any(re.search(r"^(?!-).*\s--?[A-Za-z]", word, re.DOTALL) for one in expected for word in one))

    read = read_script(f"A=1; B='--b  2'; LONG_1=x\n{script}").commands

    assert [[word.text for word in one.words[1:]] for one in read if one.runs] == expected


HOSTILE = {
    "backslashes": ("\\" * 9_999 + "\n") * 90,
    "quotes": ("'" * 9_998 + "\n") * 90,
    "options": "t " + "--a \\\n" * 180_000,
    "dollars": ("$" * 9_998 + "\n") * 90,
    "open commands": "$(" * 450_000,
    "open braces": "${a" * 300_000,
    "nested defaults": "${A:-" * 180_000,
    "one long default": "t --x ${A:-" + "b " * 400_000 + "}",
    "doubled": "A=xxxxxxxxxx\n" + "A=$A$A\n" * 130_000 + "t --x $A\n",
    "appended": "A+=' --x 1'\n" * 80_000,
    "items": "A+=(1)\n" * 5_000 + "x -a ${A[@]}\n" * 60_000,
    "assignments": "a=b " * 240_000,
    "arithmetic": "let a=a+1\n" * 90_000,
    "loops": "for a in b\n" * 90_000,
    "texts": "cat <<E\nx\n" * 90_000,
    "commands in quotes": "bash -c 'bash -c \"x --a $A\"'\n" * 30_000,
    "if": 'if x; then A="$A --lr 1"; fi\n' * 30_000 + "t $A\n",
}


@pytest.mark.heavy
@pytest.mark.parametrize(
    "name", spread(HOSTILE, "quotes", "open commands", "nested defaults", "doubled", "items", "arithmetic", "if")
)
def test_a_script_of_a_megabyte_is_read_with_bounded_work(name):
    text = HOSTILE[name][:1_000_000]

    assert work_of(lambda: read_command_line(text)).calls < 10_000_000


def cautions_of(text, format="transformers", **facts):
    with pytest.warns(DiagnosticWarning) as caught:
        plan = ps.loads(text, format, **facts)
    return plan, [str(one.message) for one in caught]


def test_a_comment_ends_at_its_line():
    text = """\
    # --finetune \\
    ARGS="--lr-decay-style constant"  # or linear \\
    python pretrain_gpt.py --train-iters 100 --lr 1e-4 $ARGS
    """

    assert str(ps.loads(text, "megatron")) == "horizon: 100\nlr: constant()"


@pytest.mark.parametrize(
    ("rest", "warning"),
    [
        ("$ARGS", "line 3: $ARGS is not set in this file; options in it are not read"),
        ('"$@"', "line 3: $@ is given to the script when it is run; options in it are not read"),
        ("$(cat args)", "line 3: $(cat args) is the output of a command; options in it are not read"),
        ("--bf16 $(cat args)", "line 3: $(cat args) is the output of a command; options in it are not read"),
        ("--bf16 `more_args 1`", "line 3: `more_args 1` is the output of a command; options in it are not read"),
        ("--bf16 $MORE_ARGS", "line 3: $MORE_ARGS is not set in this file; options in it are not read"),
        (
            "$X $Y",
            "line 3: $X is not set in this file, line 3: $Y is not set in this file; options in them are not read",
        ),
    ],
)
def test_expansions_that_may_contain_options_are_reported(rest, warning):
    _, found = cautions_of(f"#!/bin/bash\n\npython train.py --num_train_epochs 2 --learning_rate 1e-4 {rest}\n")

    assert found == [warning]


@pytest.mark.parametrize(
    "rest",
    [
        "--data $DATA",
        "--name run_$(date)",
        "--id `basename $DIR/epoch_*`",
        '--mix $(IFS=+; echo "${DATA[*]}")',
        '--dir "$OUT"',
        "> $LOG",
        "2>&1 | tee $LOG",
    ],
)
def test_values_unrelated_to_the_schedule_are_not_reported(rest, recwarn):
    ps.loads(f"$PYTHON -m torch.run $NODES train.py --num_train_epochs 2 --learning_rate 1e-4 {rest}", "transformers")

    assert [one for one in recwarn if isinstance(one.message, DiagnosticWarning)] == []


@table("value", ["$STEPS", "${STEPS}", "$1", "$((2 * NODES))", "$(nproc)"])
@pytest.mark.parametrize(
    ("format", "option"), [("transformers", "max_steps"), ("megatron", "train-iters"), ("timm", "epochs")]
)
def test_the_error_for_an_unknown_value_asks_to_write_it_out(value, format, option):
    with pytest.raises(ps.errors.ConfigError) as refused:
        ps.loads(f"python train.py --lr 1 --{option} {value}", format)

    assert f"Use the value in place of {value}" in str(refused.value)


def test_the_last_of_several_commands_is_read_and_reported():
    text = "train.py --max_steps 10 --learning_rate 1\neval.py --batch 8\ntrain.py --max_steps 20 --learning_rate 1\n"

    plan, found = cautions_of(text)

    assert str(plan.horizon) == "20"
    assert found == ["line 3: only this command is read; commands in other lines have other settings: 1"]


def test_of_many_other_commands_the_first_five_are_listed():
    text = "".join(f"train.py --max_steps {steps} --learning_rate 1\n" for steps in range(10, 18))

    _, (found,) = cautions_of(text)

    assert found.endswith("commands in other lines have other settings: 1, 2, 3, 4, 5 and 2 more")


def test_an_option_after_a_comment_is_not_part_of_the_command():
    text = "train.py --max_steps 10 \\\n  # --learning_rate 2 \\\n  --warmup_steps 5\n"

    plan, found = cautions_of(text)

    assert str(plan) == "horizon: 10\nlr: linear()"
    assert found[0].startswith("line 3: warmup_steps: bash takes this for a separate command")


def test_options_that_are_added_under_a_condition_are_read_unless_they_schedule(recwarn):
    script = "ARGS='--max_steps 10'\nif [ $X ]; then\n  ARGS=\"$ARGS %s\"\nfi\ntrain.py $ARGS\n"

    assert str(ps.loads(script % "--bf16", "transformers").horizon) == "10"
    assert not recwarn
    _, found = cautions_of(script % "--warmup_steps 5")
    assert found == ["line 3: --warmup_steps 5 is only added under a condition; options in it are not read"]


@table(
    "script",
    [
        "ARGS=''\nif [ $X ]; then ARGS='--max_steps 5'; fi\n",
        "if [ $X ]; then ARGS='--max_steps 5'; fi\n",
        "ARGS=\n[ $X ] && ARGS='--max_steps 5'\n",
        "case $X in a) if [ $Y ]; then ARGS='--max_steps 5'; fi;; esac\n",
        "if [ $X ]; then ARGS='--warmup_steps 2'; ARGS=\"$ARGS --max_steps 5\"; fi\n",
        "ARGS=(--x 1)\nif [ $X ]; then ARGS+=(--max_steps 5); fi\n",
        "ARGS=()\nif [ $X ]; then ARGS+=(--warmup_steps 2); ARGS+=(--max_steps 5); fi\n",
    ],
)
def test_options_that_are_only_set_under_a_condition_are_not_read(script):
    used = '"${ARGS[@]}"' if "=(" in script else "$ARGS"
    plan, found = cautions_of(f"{script}train.py --learning_rate 1e-4 --num_train_epochs 2 --bf16 {used}\n")

    assert str(plan) == "horizon: 2 epochs\nlr: linear()"
    assert "--max_steps 5 is only added under a condition; options in it are not read" in found[0]


@pytest.mark.parametrize(
    "script",
    [
        "if [ $X ]; then ARGS='--max_steps 5'; train.py --learning_rate 1 $ARGS; fi\n",
        "if [ $X ]; then ARGS='--max_steps 5'; else ARGS='--max_steps 5'; fi\ntrain.py --learning_rate 1 $ARGS\n",
        "main() {\n  ARGS='--max_steps 5'\n}\nmain\ntrain.py --learning_rate 1 $ARGS\n",
        "if [ -z $STEPS ]; then STEPS=5; fi\ntrain.py --learning_rate 1 --max_steps $STEPS\n",
        "if [ $X ]; then MORE=--bf16; fi\ntrain.py --learning_rate 1 --max_steps 5 $MORE\n",
        'STEPS=5\nif [ -n "${2}" ]; then\n  STEPS=$2;\nfi\ntrain.py --learning_rate 1 --max_steps $STEPS\n',
    ],
)
def test_variables_set_near_the_command_and_their_defaults_are_read(script, recwarn):
    assert str(ps.loads(script, "transformers").horizon) == "5"
    assert not recwarn


@table("test", ['[ -n "$X" ]', "[ -n $2 ]", '[ -z "${2}" ]', '[ -n "${2}" ] && [ $X ]'])
def test_a_value_under_another_condition_is_unknown(test):
    script = f"STEPS=5\nif {test}; then STEPS=6; fi\ntrain.py --learning_rate 1 --max_steps $STEPS\n"

    with pytest.raises(ps.errors.ConfigError):
        ps.loads(script, "transformers")


@table("value", ["$(expr 16 / $NODES)", "$((16 / NODES))", "$(nproc)", "`nproc`"])
def test_an_unknown_accumulation_is_reported_as_the_value_of_its_option(value):
    text = f"train.py --num_train_epochs 2 --learning_rate 1e-4 --gradient_accumulation_steps {value} --bf16"

    plan, (found,) = cautions_of(text, calendar=ps.Calendar(batches_per_epoch=10))

    assert str(plan.horizon) == "2 epochs"
    assert found.startswith(f"$.gradient_accumulation_steps: {value} is unknown")


def test_an_unknown_part_of_a_quoted_command_has_its_line():
    text = "#!/bin/bash\n\nsrun bash -c '\n  train.py --max_steps 5 --learning_rate 1 $MORE'\n"

    _, found = cautions_of(text)

    assert found == ["line 4: $MORE is not set in this file; options in it are not read"]


@pytest.mark.peer("timm")
def test_lines_that_end_in_crlf_are_reported():
    text = "python train.py \\\r\n  --sched step \\\r\n  --epochs 9\r\n"

    with pytest.raises(ps.errors.ConfigError, match=r"1:17: the lines end in CRLF.*Save the file with LF line ends"):
        ps.loads(text, "timm")
    assert ps.loads("train.py --sched step --epochs 9\r\n", "timm") == ps.loads(
        "train.py --sched step --epochs 9", "timm"
    )


def test_an_unclosed_quote_is_reported():
    with pytest.raises(ps.errors.ConfigError, match="2:9: the quote is never closed"):
        ps.loads("cd x\n --name 'x --max_steps 3\n", "transformers")
