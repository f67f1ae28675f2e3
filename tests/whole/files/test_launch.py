"""One literal launch command: read as the shell and the program read it, or refused with the line."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.files.command_lines import mapping_of_options, read_launch
from paramsched.errors import ConfigError
from support.spread import spread
from support.tables import table
from support.work import work_of

PUBLIC = yaml.safe_load(Path(__file__).with_name("launch_commands.yaml").read_text(encoding="utf-8"))
READ = [one for one in PUBLIC if "parser" in one]
REFUSED = [one for one in PUBLIC if "line" in one]


LAUNCHERS = ("train.py", "distributed_train.sh", "python", "python3", "torchrun", "deepspeed", "accelerate", "srun")


def split_by_bash(text):
    """Return the arguments that bash gives to each call of a launcher."""
    calls = "".join(f'{name}() {{ printf "%s\\0" "$@"; printf "\\1\\0"; }}; ' for name in LAUNCHERS)
    done = subprocess.run(["bash", "-c", f"{calls} set -f; {text}"], capture_output=True, timeout=20, check=False)
    return [one.split("\0")[:-1] for one in done.stdout.decode().split("\1\0")[:-1]]


PIECES = st.sampled_from(
    ["--lr", "--b-2", "-c", "1e-4", "=", "'a b'", '"a b"', "'", '"', "\\", "\\ ", "\\\n", "\\\n  ", "\n", "\r\n", "#",
     "$A", "`x`", "'$A'", '"\\$A"', '"$A"', "|", "&&", ";", ">", "{1,2}", "{1}", '\'{"a": 0.1}\'', "*", "~x", "é",
     "\u00a0", "\t", " # x", "cd x\n", "set -e\n", "export A=1\n", "train.py --y 1"]
)  # fmt: skip


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@given(st.lists(st.tuples(st.sampled_from(["", " "]), PIECES), min_size=1, max_size=9))
def test_what_is_read_are_the_words_of_bash(parts):
    text = "train.py --first 1" + "".join(blank + piece for blank, piece in parts)

    launch = read_launch(text)

    if launch is not None and launch.fault is None:
        assert split_by_bash(text) == [launch.words]


def transformers_parser():
    transformers = pytest.importorskip("transformers")
    return transformers.HfArgumentParser(transformers.TrainingArguments)


def timm_parser():
    parser = argparse.ArgumentParser()
    for name in ("--lr", "--warmup-lr", "--min-lr", "--weight-decay", "--decay-epochs", "--decay-rate"):
        parser.add_argument(name, type=float)
    for name in ("--epochs", "--warmup-epochs"):
        parser.add_argument(name, type=int)
    parser.add_argument("--lr-noise", type=float, nargs="+")
    parser.add_argument("--sched")
    parser.add_argument("--opt")
    return parser


PARSERS = {"transformers": transformers_parser, "timm": timm_parser}
ABOUT = (
    "lr", "warmup", "learning_rate", "epochs", "max_steps", "num_", "weight_decay", "sched", "opt", "decay",
    "accumulation",
)  # fmt: skip


@pytest.mark.parametrize("case", [one for one in READ if one["parser"] in PARSERS], ids=lambda one: one["text"][:40])
def test_a_public_command_is_read_as_its_program_does(case):
    launch = read_launch(case["text"])

    assert launch.fault is None
    parsed, _ = PARSERS[case["parser"]]().parse_known_args(launch.words)
    options = mapping_of_options(launch.words)
    known = {name: value for name, value in vars(parsed).items() if name in options and name.startswith(ABOUT)}
    assert known
    assert {name: _plain(value) for name, value in known.items()} == {name: _plain(options[name]) for name in known}


def _plain(value):
    """Return a value of a parser or a reader as text, with numbers as float."""
    values = value if isinstance(value, list) else [value]
    return [float(one) if re.fullmatch(r"[-+.\de]+", str(one)) else str(getattr(one, "value", one)) for one in values]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@table("case", READ)
def test_a_public_command_has_the_words_of_bash(case):
    launch = read_launch(case["text"])

    (given,) = split_by_bash(case["text"].replace("./distributed_train.sh", "distributed_train.sh"))
    assert given[-len(launch.words) :] == launch.words
    assert len(given) == len(launch.words) or given[-len(launch.words) - 1].endswith((".py", ".sh", "reward"))


@table("case", REFUSED)
def test_a_public_command_with_several_readings_is_refused_with_its_line(case):
    fault = read_launch(case["text"]).fault

    assert fault.line == case["line"], fault


def test_there_are_30_public_commands():
    assert len(PUBLIC) >= 30


@table(
    ("text", "found"),
    [
        ("train.py --max_steps $N", "1:22: expected one literal command; got a variable or a substitution"),
        ("train.py --max_steps 3 \\\n --name 'x", "2:9: expected one literal command; the quote is never closed"),
        ("train.py \\\r\n --max_steps 9\r\n", "1:10: expected one literal command; the line ends in CRLF"),
        ("train.py --max_steps 3 --files *.json 5", "1:32: expected one literal command; got a pattern"),
        ("train.py --max_steps 3\n --lr 1", "2:2: expected one literal command; bash takes the option for a command"),
        ("trl sft --max_steps 3", "1:1: expected the command of a Python script with options, got trl"),
    ],
)
def test_a_refusal_has_the_place_and_what_to_do(text, found):
    with pytest.raises(ConfigError, match=re.escape(found)):
        ps.loads(text, "transformers")


def test_a_file_of_a_refused_command_is_not_of_an_unknown_suffix(tmp_path):
    (tmp_path / "run.sh").write_text("train.py --lr_scheduler_type $NAME\n")

    with pytest.raises(ConfigError, match=r"run\.sh:1:30: expected one literal command"):
        ps.load(tmp_path / "run.sh")


HOSTILE = {
    "backslashes": "t.py -a " + ("\\" * 9_999 + "\n") * 90,
    "quotes": "t.py -a " + ("'" * 9_998 + "\n") * 90,
    "double quotes": "t.py -a " + '"' * 900_000,
    "options": "t.py " + "--a \\\n" * 180_000,
    "braces": "t.py -a " + "{" * 900_000,
    "open braces": "t.py -a " + "{a" * 450_000,
    "commas": "t.py -a {" + "," * 900_000,
    "assignments": "t.py -a " + "a=b " * 220_000,
    "comments": "t.py -a " + "# \\\n" * 220_000,
    "lines": "t.py -a" + "\n" * 900_000,
    "commands": "cd x\n" * 150_000 + "t.py -a",
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", spread(HOSTILE, "quotes", "options", "commas", "commands"))
def test_a_text_of_a_megabyte_is_read_with_bounded_work(name):
    assert work_of(lambda: read_launch(HOSTILE[name])).calls < 10_000_000
