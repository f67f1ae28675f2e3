"""The dialect of detectron2 against its formulas, written out here, at every update."""

import bisect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import fvcore as dialect
from paramsched.errors import ConfigError
from support.tables import table

EPSILON = 1e-6


def curve(solver, where):
    """Return the value of fvcore's scheduler of a config at a fraction of the run."""
    match solver["LR_SCHEDULER_NAME"]:
        case "WarmupCosineLR":
            end = solver["BASE_LR_END"] / solver["BASE_LR"]
            return end + (1 - end) * (1 + math.cos(math.pi * where)) / 2
        case "WarmupStepWithFixedGammaLR":
            return solver["BASE_LR"] * solver["GAMMA"] ** int((where + EPSILON) * (solver["NUM_DECAYS"] + 1))
    return solver["GAMMA"] ** bisect.bisect_right(solver["STEPS"], int((where + EPSILON) * solver["MAX_ITER"]))


def multiplier(solver, t):
    """Return the factor of detectron2's LRMultiplier at an update: fvcore's composite of the warmup and the curve."""
    total = solver["MAX_ITER"]
    where, share, rescaled = t / total, min(solver["WARMUP_ITERS"] / total, 1.0), solver["RESCALE_INTERVAL"]
    if where + EPSILON > share:
        return curve(solver, (where - share) / (1 - share) if rescaled else where)
    start = solver["WARMUP_FACTOR"] * curve(solver, 0.0)
    if solver["WARMUP_METHOD"] == "constant":
        return start
    met = curve(solver, 0.0 if rescaled else share)
    return met * (where / share) + start * (1 - where / share)


@st.composite
def solvers(draw):
    total = draw(st.integers(30, 90))
    return {
        "LR_SCHEDULER_NAME": draw(
            st.sampled_from(["WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR"])
        ),
        "MAX_ITER": total,
        "BASE_LR": 0.02,
        "BASE_LR_END": draw(st.sampled_from([0.0, 0.002])),
        "GAMMA": draw(st.sampled_from([0.1, 0.5])),
        "STEPS": sorted(draw(st.lists(st.integers(1, total - 1), max_size=3, unique=True))),
        "NUM_DECAYS": draw(st.integers(1, 4)),
        "WARMUP_FACTOR": draw(st.sampled_from([0.0, 0.001, 0.3])),
        "WARMUP_ITERS": draw(st.integers(0, 29)),
        "WARMUP_METHOD": draw(st.sampled_from(["linear", "constant"])),
        "RESCALE_INTERVAL": draw(st.booleans()),
    }


@given(solver=solvers(), whole=st.booleans())
def test_a_plan_has_detectron2s_rate_at_every_update(solver, whole):
    plan = dialect.to_plan({"SOLVER": {**solver, "IMS_PER_BATCH": 16}} if whole else solver)

    found = ps.trace(plan, {"lr": 0.02})["lr", 0]

    expected = [0.02 * multiplier(solver, t) for t in range(solver["MAX_ITER"])]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


SOLVER = {
    "MAX_ITER": 60, "BASE_LR": 0.02, "BASE_LR_END": 0.002, "GAMMA": 0.5, "STEPS": [25, 40, 50], "NUM_DECAYS": 3,
    "WARMUP_FACTOR": 0.1, "WARMUP_ITERS": 20, "WARMUP_METHOD": "linear", "RESCALE_INTERVAL": False,
}  # fmt: skip
CHANGES = [
    {}, {"WARMUP_METHOD": "constant"}, {"RESCALE_INTERVAL": True}, {"WARMUP_ITERS": 0}, {"WARMUP_FACTOR": 0.0},
    {"WARMUP_ITERS": 30, "RESCALE_INTERVAL": True, "WARMUP_METHOD": "constant"}, {"GAMMA": 0.1}, {"STEPS": []},
    {"STEPS": [5, 10]}, {"NUM_DECAYS": 1}, {"NUM_DECAYS": 7}, {"BASE_LR_END": 0.0}, {"MAX_ITER": 61},
    {"WARMUP_ITERS": 60}, {"WARMUP_ITERS": 90},
]  # fmt: skip


@table("changes", CHANGES)
@pytest.mark.parametrize("name", ["WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR"])
def test_each_argument_alone_has_detectron2s_rate(name, changes):
    solver = {"LR_SCHEDULER_NAME": name, **SOLVER, **changes}
    if name == "WarmupStepWithFixedGammaLR" and solver["WARMUP_ITERS"] >= solver["MAX_ITER"]:
        return  # fvcore raises an IndexError

    found = ps.trace(dialect.to_plan(solver), {"lr": 0.02})["lr", 0]

    expected = [0.02 * multiplier(solver, t) for t in range(solver["MAX_ITER"])]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("decays", [1, 2, 5, 9])
def test_a_decay_begins_at_the_update_of_detectron2_in_a_run_of_any_length(decays):
    fixed = {"LR_SCHEDULER_NAME": "WarmupStepWithFixedGammaLR", **SOLVER, "WARMUP_ITERS": 0, "NUM_DECAYS": decays}
    milestones = {"LR_SCHEDULER_NAME": "WarmupMultiStepLR", **SOLVER, "RESCALE_INTERVAL": True}
    for total in range(2, 60):
        steps = sorted({1 + (total - 1) * k // (decays + 1) for k in range(1, decays + 1)})
        after_half = {"MAX_ITER": total, "STEPS": [one for one in steps if one < total], "WARMUP_ITERS": total // 2}
        for solver in ({**fixed, "MAX_ITER": total}, {**milestones, **after_half}):
            found = ps.trace(dialect.to_plan(solver), {"lr": 0.02})["lr", 0]
            expected = [0.02 * multiplier(solver, t) for t in range(total)]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"max_iter": 9}, "$: expected settings of detectron2's SOLVER"),
        ({"SOLVER": {"STEPS": [9, 3], "MAX_ITER": 10}}, "$.SOLVER.STEPS: the milestones must be in increasing order"),
        ({"SOLVER": {"LR_SCHEDULER_NAME": "WarmupCosine"}}, 'did you mean "WarmupCosineLR"?'),
        ({"SOLVER": {"WARMUP_ITER": 3}}, '$.SOLVER.WARMUP_ITER: unknown argument; did you mean "WARMUP_ITERS"?'),
        ({"SOLVER": {"WARMUP_METHOD": "cosine"}}, 'unknown value "cosine"; expected one of constant, linear'),
        ({"SOLVER": {"MAX_ITER": 2_000_000}}, "fvcore's tolerance ends the warmup early"),
        ([], "$: expected a config, got a list"),
    ],
)  # fmt: skip
def test_arguments_a_plan_cannot_express_are_rejected_with_their_location(data, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(data)

    assert any(said in problem for problem in refusal.value.problems), refusal.value.problems


def test_a_config_is_read_by_its_format(tmp_path):
    (tmp_path / "run.yaml").write_text(
        "{SOLVER: {LR_SCHEDULER_NAME: WarmupCosineLR, MAX_ITER: 100, WARMUP_ITERS: 0}}\n"
    )

    plan = ps.load(tmp_path / "run.yaml", format="fvcore")

    assert plan == ps.Plan(lr=ps.cosine(over=100), horizon=100)
    assert dialect.bases_of({"SOLVER": {"BASE_LR": 0.02}}, None).groups == ({"lr": 0.02},)
    with pytest.raises(ps.errors.ConfigError, match=r'looks like a config of fvcore. Give format="fvcore"'):
        ps.load(tmp_path / "run.yaml")


@pytest.mark.parametrize("method", ["linear", "constant"])
@pytest.mark.parametrize("ending", [0.0, 0.3])
def test_deeplab_multiplies_a_polynomial_decay_by_the_warmup(method, ending):
    solver = {
        "LR_SCHEDULER_NAME": "WarmupPolyLR", "MAX_ITER": 90, "WARMUP_ITERS": 20, "WARMUP_FACTOR": 0.1,
        "WARMUP_METHOD": method, "POLY_LR_CONSTANT_ENDING": ending,
    }  # fmt: skip
    planned = ps.trace(ps.loads({"SOLVER": solver}, format="fvcore"), {"lr": 0.5})["lr"]

    for t in range(90):
        warm = 1.0 if t >= 20 else 0.1 if method == "constant" else 0.1 * (1 - t / 20) + t / 20
        assert planned[t] == pytest.approx(0.5 * max(warm * (1 - t / 90) ** 0.9, ending if warm == 1 else 0), rel=1e-12)


@pytest.mark.parametrize("ending", [0.0, 0.3])
def test_deeplab_without_a_warmup_is_the_polynomial_decay(ending):
    solver = {"LR_SCHEDULER_NAME": "WarmupPolyLR", "MAX_ITER": 90, "WARMUP_ITERS": 0, "POLY_LR_CONSTANT_ENDING": ending}

    planned = ps.trace(ps.loads({"SOLVER": solver}, format="fvcore"), {"lr": 0.5})["lr"]

    assert planned == pytest.approx([0.5 * max((1 - t / 90) ** 0.9, ending) for t in range(90)], rel=1e-12)


def test_a_config_is_merged_into_its_base(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "MODEL: {SIZES: !!python/object/apply:eval ['[[x] for x in [32]]']}\n"
        "SOLVER:\n  STEPS: (60, 80)\n  MAX_ITER: 90\n  BASE_LR: 0.02\n"
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more/middle.yaml").write_text("_BASE_: ../base.yaml\nSOLVER:\n  WARMUP_ITERS: 10\n")
    (tmp_path / "run.yaml").write_text("_BASE_: more/middle.yaml\nSOLVER:\n  MAX_ITER: 95\n")
    merged = {"SOLVER": {"STEPS": [60, 80], "MAX_ITER": 95, "BASE_LR": 0.02, "WARMUP_ITERS": 10}}

    assert ps.load(tmp_path / "run.yaml", format="fvcore") == ps.loads(merged, format="fvcore")


def test_the_last_of_several_bases_is_used(tmp_path):
    (tmp_path / "first.yaml").write_text("SOLVER: {STEPS: [60], WARMUP_ITERS: 10}\n")
    (tmp_path / "second.yaml").write_text("_BASE_: first.yaml\nSOLVER: {WARMUP_ITERS: 20, BASE_LR: '0.5'}\n")
    (tmp_path / "run.yaml").write_text("_BASE_: [first.yaml, second.yaml]\nSOLVER: {MAX_ITER: 95}\n")
    merged = {"SOLVER": {"STEPS": [60], "MAX_ITER": 95, "BASE_LR": 0.5, "WARMUP_ITERS": 20}}

    assert ps.load(tmp_path / "run.yaml", format="fvcore") == ps.loads(merged, format="fvcore")


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("absent.yaml", "there is no"), ("run.yaml", "the base files form a cycle"), ("3", "the name of a file, got 3"),
        ("null", "expected the name of a file, got null"), (".", "is a folder"), ("/dev/zero", "is a device"),
        ("~no_such_user/x.yaml", "there is no"),
        ("x" * 5000, "cannot be read"), (r'"a\0b"', "cannot be read"), ("list.yaml", "expected a config, got a list"),
    ],
)  # fmt: skip
def test_an_unreadable_base_is_rejected(tmp_path, base, found):
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "run.yaml").write_text(f"SOLVER: {{MAX_ITER: 9}}\n_BASE_: {base}\n")

    with pytest.raises(ConfigError, match=rf"run.yaml:2:9: \$._BASE_: .*{found}") as refusal:
        ps.load(tmp_path / "run.yaml", format="fvcore")
    (error,) = refusal.value.diagnostics
    assert error.code == ("PS105" if base in ("3", "null") else "PS106")
    assert "Load the config from its file" not in error.instead


@pytest.mark.parametrize(
    ("base", "place"),
    [
        ("SOLVER: [60", r"base.yaml:1:12: YAML"),
        ("_BASE_: absent.yaml", r"base.yaml: \$._BASE_: .absent.yaml. cannot"),
    ],
)
def test_an_error_in_a_base_is_reported_with_the_file_of_the_base(tmp_path, base, place):
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "middle.yaml").write_text("_BASE_: base.yaml\n")
    (tmp_path / "run.yaml").write_text("_BASE_: middle.yaml\nSOLVER: {MAX_ITER: 9}\n")

    with pytest.raises(ConfigError, match=rf"run.yaml: \S*{place}"):
        ps.load(tmp_path / "run.yaml", format="fvcore")


def test_a_section_cannot_be_merged_into_a_value(tmp_path):
    (tmp_path / "base.yaml").write_text("SOLVER: 3\n")
    (tmp_path / "run.yaml").write_text("_BASE_: base.yaml\nSOLVER: {MAX_ITER: 9}\n")

    with pytest.raises(ConfigError, match=r"\$.SOLVER: a dict here, and a number in the base. Use a section"):
        ps.load(tmp_path / "run.yaml", format="fvcore")


def test_a_file_named_by_many_bases_is_read_once(tmp_path):
    for k in range(15):
        (tmp_path / f"{k}.yaml").write_text(f"_BASE_: [{', '.join([f'{k + 1}.yaml'] * 10)}]\n")
    (tmp_path / "15.yaml").write_text("SOLVER: {MAX_ITER: 9}\n")

    assert str(ps.load(tmp_path / "0.yaml", format="fvcore").horizon) == "9"


def test_a_base_needs_the_location_of_a_file():
    with pytest.raises(ConfigError, match="Load the config from its file"):
        ps.loads({"_BASE_": "base.yaml", "SOLVER": {"MAX_ITER": 9}}, format="fvcore")
    with pytest.raises(ConfigError, match="Load the config from its file, in the directory of its base"):
        dialect.read("_BASE_: base.yaml")


@pytest.mark.parametrize("data", [[], None, "SOLVER"])
def test_what_is_not_a_config_has_no_bases_and_no_notes(data):
    assert not dialect.bases_of(data, None).groups
    assert list(dialect.notes_of(data)) == []


@pytest.mark.parametrize("steps", ["(60000, 80000)", "[60000, 80000,]", "60000, 80000"])
def test_milestones_are_read_as_a_python_literal_as_in_detectron2(steps):
    text = f"SOLVER:\n  STEPS: {steps!r}\n  MAX_ITER: '90000'\n  LR_SCHEDULER_NAME: WarmupMultiStepLR\n"
    data = {"SOLVER": {"STEPS": [60000, 80000], "MAX_ITER": 90000}}

    assert ps.loads(text, format="fvcore") == ps.loads(data, format="fvcore")


@pytest.mark.parametrize(
    "text", ["(60000, 80000", "{[]: 1}", "-" * 900 + "1", "{1, 2}", "b'x'", "1j", "9" * 900, "1e999"]
)
def test_text_that_is_not_a_literal_of_numbers_is_rejected_with_its_location(text):
    for entry, found in (("STEPS", "expected a list of numbers"), ("MAX_ITER", "expected an integer")):
        with pytest.raises(ConfigError, match=rf"fvcore text:2:\d+: \$.SOLVER.{entry}: .*{found}"):
            ps.loads(f'SOLVER:\n  {entry}: "{text}"\n', format="fvcore")


@given(st.sets(st.sampled_from(["LR_SCHEDULER_NAME", "MAX_ITER", "STEPS", "GAMMA", "WARMUP_ITERS", "WARMUP_METHOD"])))
def test_the_defaults_of_detectron2_are_noted(missing):
    solver = {
        "LR_SCHEDULER_NAME": "WarmupMultiStepLR", "MAX_ITER": 40000, "STEPS": "(30000,)", "GAMMA": 0.1,
        "WARMUP_ITERS": 1000, "WARMUP_METHOD": "linear", "WARMUP_FACTOR": 0.001,
    }  # fmt: skip

    notes = list(dialect.notes_of({"SOLVER": {name: one for name, one in solver.items() if name not in missing}}))

    assert len(notes) == bool(missing)
    assert all(name in str(note) for name in missing for note in notes)
    assert not any(name in str(note) for name in solver.keys() - missing for note in notes)


def test_a_python_config_is_refused(tmp_path):
    (tmp_path / "config.py").write_text("train.max_iter = 90\n")

    with pytest.raises(ConfigError, match="Python configs of detectron2 are not read"):
        ps.load(tmp_path / "config.py", format="fvcore")
