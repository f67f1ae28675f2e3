"""`paramsched find`: the best match is first, and each match is a valid line."""

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.cli._search import nearest_for, recipes_for, schedules_for


def call(*words):
    return CliRunner().invoke(main, ["find", *words], prog_name="paramsched")


@pytest.mark.parametrize(
    ("site", "line"),
    [
        ("cosine with warmup", 'warmup("5%") >> cosine()'),
        ("warm-up, then cosine", 'warmup("5%") >> cosine()'),
        ("CosineAnnealingWarmRestarts", "cosine_restarts(10, mult=2)"),
        ("cosine_decay_schedule", "cosine(to=0.1, over=1000)"),
        ("1cycle", 'one_cycle("30%")'),
        ("one cycle", "one_cycle()"),
        ("warm restarts", "cosine_restarts(1000, mult=2)"),
        ("WSD", 'wsd("2%", "20%")'),
        ("inverse square root", "warmup(500) >> inverse_sqrt(500)"),
        ("step decay", 'step("30 epochs")'),
        ("T_max", "cosine(over=100)"),
        ("num_warmup_steps", "warmup(500) >> cosine()"),
        ("gradient_accumulation_steps", "Calendar(accumulation=100)"),
        ("caffe inv", "inverse_time(0.0001) ** 0.75"),
        ("WarmupLR of espnet", "skip(warmup(25_000) >> inverse_sqrt(25_000), 1)"),
        ("MXNet PolyScheduler", 'skip(warmup(500) >> polynomial(2.0), 1, of="100%")'),
        ("MMEngine LinearLR", "recurrence(rules.linear(0.1, end=5))"),
        ("yolov5 cos_lr", 'every(cosine(to=0.01), "epoch")'),
        ("cosine annealing", "cosine()"),
        ("torch.optim.lr_scheduler.StepLR", "step(30, gamma=0.1)"),
        ("SOLVER.STEPS", "multistep([60_000, 80_000])"),
        ("--warmup-lr", "warmup(500, start=0.1)"),
        ("end_value_mult", "cosine_restarts(100, to=0.1, to_gamma=0.5)"),
        ("keras cosine", "warmup(500) >> cosine(to=0.1, over=9500)"),
    ],
)
def test_the_best_match_is_first(site, line):
    first = schedules_for(site)[0].line

    assert first == line


def test_each_line_can_be_pasted():
    words = ("cosine", "linear", "step", "T_0", "curve", "restarts", "batch_size")
    lines = {hit.line for word in words for hit in schedules_for(word)}
    facts = {line for line in lines if line.startswith("Calendar(")}
    lines = {line for line in lines if not line.startswith("# ")}  # an alternative without a line

    assert len(lines - facts) > 20
    assert all(ps.parse(line) for line in lines - facts)
    assert all(eval(f"ps.{line}", {"ps": ps}) for line in facts)


def test_recipes_are_found_and_their_lines_name_plans():
    found = recipes_for("cosine with warmup")

    assert "recipe:llama3-405b" in [hit.line for hit in found]
    assert all("cosine" in str(ps.recipes[hit.line.removeprefix("recipe:")].plan) for hit in found)


def test_entries_with_most_search_words_are_found_if_none_has_all():
    assert schedules_for("wsd with a wobble") == []
    assert nearest_for("wsd with a wobble")[0].line == 'wsd("2%", "20%")'
    assert nearest_for("frobnicated wobbles") == []


def test_a_misspelled_search_finds_the_nearest_entry():
    assert schedules_for("cosin") == []
    assert nearest_for("cosin") == schedules_for("cosine")
    assert nearest_for("zzzzqq") == []


def test_the_command_prints_a_line_and_its_description_below():
    shown = call("CosineAnnealingWarmRestarts", "--most", "1")

    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "cosine_restarts(10, mult=2)",
        "    torch CosineAnnealingWarmRestarts: cosine_restarts",
    ]


def test_an_empty_result_exits_with_1_and_suggests_a_search():
    shown = call("zzzzqq")

    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == "No result for 'zzzzqq'. Try a single word: cosine, restarts, plateau\n"
    assert call("cosine").exit_code == 0
