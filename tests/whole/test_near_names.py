"""Which wrong name has a correction that is written for the user, and what a fix of a file may change."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli._lint_output import with_edits
from paramsched.core import files as config
from paramsched.core.advice.peer_words import UNITS, own_name
from paramsched.core.base.near_names import certain_name, names_within_a_slip
from paramsched.core.fields import KNOWN
from paramsched.core.schedules import SHAPES
from paramsched.core.time.duration import UNIT_NAMES
from paramsched.errors import ConfigError
from support.tables import table

ARGUMENTS = ("start", "to", "over", "index")
LINES = (
    "horizon: 100 epochs\nlr: cosine(to=0.25, over='30 epochs') >> constant(0.25)\n",
    "horizon: 1000\nlr: warmup('20 steps') >> linear(start=1.0, to=0.5)\nmomentum: polynomial(power=3, to=0.75)\n",
    "lr: {multistep: {milestones: [30, 60], gamma: 0.3}}\nweight_decay: constant(0.7)\n",
    "clock: tokens\nlr: wsd(warmup='5%', decay='20%', to=0.125)\ngroups: {head: {weight_decay: constant(0.5)}}\n",
    "lr: restarts(exponential(gamma=0.7), every='5 epochs')\ntargets: {ema: {initial: 0.9, schedule: linear()}}\n",
)


def fixed(text: str) -> str:
    """Return a plan file after one round of fixes."""
    try:
        config.loads(text)
    except ConfigError as error:
        edits = [one.edit for one in error.diagnostics if one.edit is not None]
        return with_edits(text, sorted(set(edits))[:1])
    return text


@table(
    ("name", "known", "meant"),
    [
        ("cosin", SHAPES, "cosine"),
        ("cosnie", SHAPES, "cosine"),  # a swap is one edit
        ("linera", SHAPES, "linear"),
        ("COSINE", SHAPES, "cosine"),
        ("polynomail", SHAPES, "polynomial"),
        ("exponetal", SHAPES, "exponential"),  # two edits
        ("momntm", KNOWN, "momentum"),
        ("TO", ARGUMENTS, "to"),  # the same letters
        ("too", ARGUMENTS, "to"),  # a letter is typed twice
        ("top", ARGUMENTS, None),  # "to" is too short for another edit
        ("beta1_decay", KNOWN, None),  # another digit is another name
        ("hoziron", ("horizon",), "horizon"),
        ("orizno", ("horizon",), None),  # two edits need the same first letter
        ("cart", ("care", "cars"), None),  # two names are equally near
    ],
)
def test_a_correction_is_certain_only_for_a_slip_of_exactly_one_name(name, known, meant):
    assert certain_name(name, known) == meant


@table("name", ["lower", "top", "power", "order", "t", "end", "stop"])
def test_a_word_is_no_slip_of_a_short_argument(name):
    assert certain_name(name, ARGUMENTS) is None
    assert own_name(name, ARGUMENTS, "cosine") is None
    assert fixed(f"lr: cosine({name}=0.5)\n") == f"lr: cosine({name}=0.5)\n"
    assert fixed(f"lr: {{cosine: {{{name}: 0.5}}}}\n") == f"lr: {{cosine: {{{name}: 0.5}}}}\n"


@table("text", ["lr: sine()", "lr: one", "lr: none", "delta: 0.5", "base: 0.3", "decay: 0.1", "rate: 0.1", "eta: 0.1"])
def test_a_word_is_no_slip_of_a_schedule_or_a_field(text):
    assert fixed(f"{text}\n") == f"{text}\n"


@table(
    "text",
    [
        "lr: {cosine: {eta_min: 0.3}}",  # a rate, not a multiple of base
        "lr: {cosine: {anneal_epochs: 5}}",  # 5 would be updates
        "lr: {warmup: {warmup_ratio: 0.1}}",  # 0.1 is no length
    ],
)
def test_a_name_of_another_library_is_not_fixed_if_its_value_means_something_else(text):
    assert fixed(f"{text}\n") == f"{text}\n"


@table(
    ("text", "line"),
    [
        ("constant(lr=0.3)", "constant(value=absolute(0.3))"),
        ("cosine(max_epochs=5)", 'cosine(over="5 epochs")'),
        ("cosine(until=5)", 'cosine(over="until 5 steps")'),
    ],
)
def test_a_name_of_another_library_is_fixed_with_the_meaning_of_its_value(text, line):
    assert fixed(f"lr: {text}\n") == f"lr: {line}\n"


@table(
    "text",
    ["linear(absolute(0.85)), absolute(0.95))", "linear(1, 0.2)), 0.3", "linear;1.0, 0.2)", "polynomial(2), 50)",
     "step(30)), 0.5", "warmup(5)), cosine()"],
)  # fmt: skip
def test_an_argument_after_a_bracket_closed_too_early_is_not_fixed_as_a_stage(text):
    assert fixed(f"lr: {text}\n") == f"lr: {text}\n"


@st.composite
def files_with_a_slip(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a plan file, and the file with one name replaced by a wrong one: one edit, or any other word."""
    text = draw(st.sampled_from(LINES))
    place = draw(st.sampled_from([one.span() for one in re.finditer(r"[A-Za-z_]+", text)]))
    name = text[slice(*place)]
    at, letter = draw(st.integers(0, len(name) - 1)), draw(st.sampled_from(string.ascii_lowercase))
    wrong = draw(
        st.sampled_from(
            [
                name[:at] + letter + name[at:],
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at + 1 :],
                name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
            ]
        )
        | st.text(string.ascii_lowercase, min_size=1, max_size=8)
        | st.sampled_from([*SHAPES, *KNOWN, *UNIT_NAMES, "power", "order", "lower", "top", "base", "delta", "rate"])
    )
    return text, f"{text[: place[0]]}{wrong}{text[place[1] :]}"


@given(files_with_a_slip())
def test_a_fix_never_changes_a_number_and_renames_only_to_the_nearest_name(files):
    _, wrong = files

    after = fixed(wrong)

    assert re.findall(r"[\d.]+", after) == re.findall(r"[\d.]+", wrong)
    if re.sub(r"\s", "", after) == re.sub(r"\s", "", wrong):  # 100 kepochs, 100k epochs
        return
    pairs = zip(re.findall(r"[A-Za-z_]+", wrong), re.findall(r"[A-Za-z_]+", after), strict=True)
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    assert all(
        names_within_a_slip(old, [new])
        or own_name(old, [new])
        or UNIT_NAMES.get(old, [""])[0] == new
        or UNITS.get(old) == new
        for old, new in changed
    )


@given(files_with_a_slip())
def test_a_fixed_slip_of_one_letter_gives_the_file_back_or_waits_for_its_author(files):
    right, wrong = files
    pairs = zip(re.findall(r"[A-Za-z_]+", right), re.findall(r"[A-Za-z_%]+", wrong), strict=False)
    is_slip = [names_within_a_slip(one, [other]) for one, other in pairs if one != other]

    after = fixed(wrong)

    if after != wrong and is_slip and all(is_slip):
        assert config.loads(after) == config.loads(right)
