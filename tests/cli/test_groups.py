"""`paramsched show --groups`: the rate of each group, and the entries that decide it."""

import json

import pytest
from click.testing import CliRunner

from compat.deepspeed.peer import used, used_by_deepspeed
from paramsched.cli import main
from support.tables import table

LR = 5e-4
WARMUP = {"warmup_num_steps": 20, "warmup_type": "linear"}
SCHEDULERS = [
    ("WarmupLR", {**WARMUP, "warmup_max_lr": 3e-4}),
    ("WarmupLR", {"warmup_num_steps": 20}),
    ("WarmupDecayLR", {**WARMUP, "warmup_max_lr": 3e-4, "total_num_steps": 90}),
    ("WarmupCosineLR", {**WARMUP, "total_num_steps": 90}),
    ("OneCycle", {"cycle_min_lr": 1e-5, "cycle_max_lr": 3e-4, "cycle_first_step_size": 30, "cycle_momentum": False}),
    ("LRRangeTest", {"lr_range_test_min_lr": 1e-5, "lr_range_test_step_size": 10, "lr_range_test_step_rate": 1.0}),
]
TIMES = (0, 1, 7, 20, 21, 50, 89)
AT = [word for time in TIMES for word in ("--at", time)]


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return the rows of `show --groups --json`."""
    monkeypatch.chdir(tmp_path)

    def rows_of(*words):
        result = CliRunner().invoke(main, ["show", "--groups", "--json", *map(str, words)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout, parse_constant=pytest.fail)

    return rows_of


def write_config(folder, name, params, **optimizer):
    config = {"optimizer": {"type": "AdamW", "params": {"lr": LR}}} | optimizer
    (folder / "ds.json").write_text(json.dumps({**config, "scheduler": {"type": name, "params": params}}, indent=1))


@pytest.mark.parametrize(("name", "params"), SCHEDULERS)
def test_the_values_of_a_group_are_those_of_deepspeed(shown, tmp_path, name, params):
    write_config(tmp_path, name, params)

    (row,) = shown("ds.json", "--format", "deepspeed", "--horizon", 90, *AT)

    assert (row["optimizer"], row["field"], row["base"], row["at"]) == ("AdamW", "lr", LR, list(TIMES))
    assert row["values"] == pytest.approx([used(name, params, LR, time)[0] for time in TIMES], rel=1e-12)
    assert row["factors"] == pytest.approx([value / LR for value in row["values"]])


@pytest.mark.parametrize(("name", "params"), SCHEDULERS)
def test_the_values_of_a_group_are_those_of_deepspeeds_classes(shown, tmp_path, name, params):
    expected = used_by_deepspeed(name, params, LR, 90)
    write_config(tmp_path, name, params)

    (row,) = shown("ds.json", "--format", "deepspeed", "--horizon", 90, *AT)

    assert row["values"] == pytest.approx([expected[time][0] for time in TIMES], rel=1e-12)


@pytest.mark.parametrize("rate", [3e-4, 2e-2, 1e-3, 1e-5])
def test_a_scheduler_with_a_rate_of_its_own_overwrites_both_rates_of_muon(shown, tmp_path, rate):
    params = {"lr": 1e-3, "muon_lr": 2e-2, "adam_lr": 1e-5}
    write_config(tmp_path, "WarmupLR", {**WARMUP, "warmup_max_lr": rate}, optimizer={"type": "Muon", "params": params})

    muon, adam = shown("ds.json", "--format", "deepspeed", "--horizon", 90, "--at", 50)

    assert [(one["group"], one["base"]) for one in (muon, adam)] == [("muon-params", 2e-2), ("adam-params", 1e-5)]
    assert muon["values"] == adam["values"] == [pytest.approx(rate)]
    assert muon["decided_by"] == adam["decided_by"] == ["ds.json:15 scheduler.params.warmup_max_lr"]
    assert muon["note"] == "ds.json:6 optimizer.params.muon_lr has no effect"
    assert adam["note"] == "ds.json:7 optimizer.params.adam_lr has no effect"


def test_a_scheduler_without_a_rate_of_its_own_keeps_both_rates_of_muon(shown, tmp_path):
    write_config(tmp_path, "WarmupLR", WARMUP, optimizer={"type": "Muon", "params": {"lr": 1e-3, "muon_lr": 2e-2}})

    muon, adam = shown("ds.json", "--format", "deepspeed", "--horizon", 90, "--at", 50)

    assert (muon["values"], adam["values"]) == ([2e-2], [1e-3])
    assert adam["decided_by"] == ["ds.json:5 optimizer.params.lr", "ds.json:9 scheduler"]


def test_the_scheduler_of_the_other_file_decides(shown, tmp_path):
    auto = dict.fromkeys(("warmup_max_lr", "warmup_num_steps", "total_num_steps"), "auto")
    write_config(tmp_path, "WarmupDecayLR", {**auto, "warmup_type": "linear"}, optimizer=None)
    (tmp_path / "args.yaml").write_text(
        "learning_rate: 5e-4\nmax_steps: 90\nwarmup_steps: 20\nlr_scheduler_type: cosine\n"
    )

    (row,) = shown("args.yaml", "ds.json", "--at", 50)

    own = {**WARMUP, "warmup_max_lr": LR, "total_num_steps": 90}
    assert row["values"] == [pytest.approx(used("WarmupDecayLR", own, LR, 50)[0])]
    assert row["decided_by"] == ["args.yaml:1 learning_rate", "ds.json:6 scheduler.params.warmup_max_lr"]
    (alone,) = shown("args.yaml", "--format", "transformers", "--at", 50)
    assert alone["decided_by"] == ["args.yaml:1 learning_rate", "args.yaml:4 lr_scheduler_type"]


def test_each_group_of_megatron_has_a_row(shown, tmp_path):
    (tmp_path / "args.yaml").write_text(
        "train_iters: 100\nlr: 1.0e-4\nlr_decay_style: linear\ndecoupled_lr: 5.0e-4\nhead_lr_mult: 10\n"
    )

    others, embedding, head = shown("args.yaml", "--format", "megatron", "--at", 50)

    assert [one["values"] for one in (others, embedding, head)] == [[5e-5], [2.5e-4], [5e-5]]
    assert embedding["decided_by"] == ["args.yaml:4 decoupled_lr", "args.yaml:3 lr_decay_style"]
    assert head["note"] == "lr_mult 10 has no effect since 7d3f4a01 (2025-11)"


def test_the_line_of_a_plan_that_is_in_force_is_named_for_each_group(shown, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "horizon: 100\nlr: linear()\ngroups:\n  head:\n    lr: constant(0.5)\n  body: {weight_decay: constant(0.1)}\n"
    )

    rows = shown("plan.yaml", "--base", "lr=0.1", "--at", 50)

    found = [(one["group"], one["field"], one["values"], one["decided_by"]) for one in rows]
    assert found == [
        ("default", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("head", "lr", [0.05], ["plan.yaml:5 groups.head.lr"]),
        ("body", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("body", "weight_decay", [0.1], ["plan.yaml:6 groups.body.weight_decay"]),
    ]
    assert rows[-1]["note"] == "the base is unknown"


@table(
    ("line", "note"),
    [
        ("linear(absolute(0.1), absolute(0.01))", "absolute values, not multiples of base"),
        ("linear(1, absolute(0.01))", "the base is unknown"),
    ],
)
def test_the_note_about_an_unknown_base_is_only_for_multiples(shown, line, note):
    (row,) = shown(line, "--horizon", 10, "--at", 5)

    assert row["note"] == note


def test_the_table_of_a_group_has_a_line_for_each_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("horizon: 100\nlr: linear()\nweight_decay: linear(1, 0.5)\n")

    result = CliRunner().invoke(main, ["show", "plan.yaml", "--groups", "--base", "lr=0.1"])

    assert result.stdout.split("\n") == [
        "group 0: lr, base 0.1",
        "  from plan.yaml:2 lr",
        "  update  value  factor",
        "       0    0.1       1",
        "      10   0.09     0.9",
        "      50   0.05     0.5",
        "      90   0.01     0.1",
        "",
        "group 0: weight_decay, base 1",
        "  from plan.yaml:3 weight_decay",
        "  the base is unknown",
        "  update  value  factor",
        "       0      1       1",
        "      10   0.95    0.95",
        "      50   0.75    0.75",
        "      90   0.55    0.55",
        "",
    ]


def test_a_value_that_overflows_is_null_in_json(shown):
    (row,) = shown("exponential(1e300)", "--horizon", 100, "--base", "lr=0.1", "--at", 0, "--at", 10)

    assert (row["values"], row["factors"]) == ([0.1, None], [1.0, None])
