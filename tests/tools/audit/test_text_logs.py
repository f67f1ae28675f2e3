"""Text logs are read by the shape of their lines; others are refused with a command that makes a table."""

import shlex
from contextlib import redirect_stdout
from io import StringIO

import pytest

import paramsched as ps
from paramsched.tools.audit import UnreadableLog, read_log, read_metrics
from paramsched.tools.records import log_file
from support.tables import table

RATES = [1e-3 * (1 - t / 40) for t in range(40)]

LINES = {
    "nanoGPT": (lambda t, lr: f"iter {t}: loss {3 - t / 100:.4f}, time 101.25ms, mfu 12.00%, lr {lr:.6e}", 0),
    "llm.c": (lambda t, lr: f"step {t:4d}/19560 | loss 11.009 (+nanz)| norm 15.35 (+nanz)| lr {lr:.6e} | 30 ms", 0),
    "Megatron-LM": (
        lambda t, lr: (
            f" [2024-05-01 10:00:00] iteration {t + 1:8d}/  500000 | consumed samples: {t * 256:12d} | "
            f"elapsed time per iteration (ms): 1234.5 | learning rate: {lr:.6E} | lm loss: 1.101E+01 | scale: 1.0 |"
        ),
        1,
    ),
    "MMEngine": (
        lambda t, lr: (
            f"2023/01/01 12:00:00 - mmengine - INFO - Iter(train) [{t + 1:5d}/80000]  base_lr: {lr:.6e} "
            f"lr: {lr:.6e}  eta: 1:00:00  time: 0.2  loss: 0.5"
        ),
        1,
    ),
    "MMCV": (
        lambda t, lr: (
            f"2022-01-01 12:00:00,123 - mmdet - INFO - Epoch [{t // 8 + 1}][{t % 8 + 1}/8]\tlr: {lr:.6e}, "
            "eta: 1 day, time: 0.5, data_time: 0.01, memory: 5000, loss: 1.2"
        ),
        1,
    ),
    "DeepSpeed": (
        lambda t, lr: (
            f"[2023-01-01 10:00:00,1] [INFO] [logging.py:96:log_dist] [Rank 0] step={t + 1}, skipped=0, "
            f"lr=[{lr!r}, {lr!r}], mom=[(0.9, 0.95), (0.9, 0.95)]"
        ),
        1,
    ),
    "detectron2": (
        lambda t, lr: f"[01/01 10:00:00 d2.utils.events]: eta: 1:00 iter: {t} total_loss: 2 lr: {lr:.6e}",
        0,
    ),
}


@pytest.mark.parametrize("program", LINES)
def test_the_lines_of_a_program_are_rows(program, tmp_path):
    line, _ = LINES[program]
    log = tmp_path / "train.log"
    before = "using 8 GPUs\nConfig: {'lr': 0.02, 'steps': 100}\noptimizer lr = 0.001\nna\xefve\n\n"
    text = before + "\n".join(f"{line(t, lr)}\nsaved, nothing else" for t, lr in enumerate(RATES))
    log.write_text(text, encoding="latin-1")

    (column,) = read_log(log, ["lr"]).columns

    assert column.t.tolist() == list(range(40))
    assert column.values == pytest.approx(RATES, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("quoted", [True, False])
def test_the_dicts_of_a_trainer_are_counted_by_the_progress_bar_above_them(quoted, tmp_path):
    log = tmp_path / "train.out"
    mark = "'" if quoted else ""
    rows = [
        f" {step / 4:2.0f}%|██ | {step}/400 [00:01<00:10, 3it/s]\r{{'loss': {mark}2.5{mark}, "
        f"'learning_rate': {mark}{5e-5 * (1 - (step - 1) / 400)!r}{mark}, 'epoch': {step / 100}}}"
        for step in range(10, 401, 10)
    ]
    log.write_text("\n".join(rows))

    (column,) = read_log(log, ["lr"]).columns
    (loss,) = read_metrics(log)

    assert column.t.tolist() == list(range(9, 400, 10))
    assert column.values == pytest.approx([5e-5 * (1 - t / 400) for t in range(9, 400, 10)])
    assert (loss.name, loss.values.tolist()) == ("loss", [2.5] * 40)


def test_dicts_without_a_progress_bar_are_counted_by_rows(tmp_path):
    log = tmp_path / "train.txt"
    rows = [{"loss": 2.0, "learning_rate": lr, "epoch": t / 7} for t, lr in enumerate(RATES)]
    log.write_text("\n".join(map(str, rows)))

    found = ps.recognize(log)

    assert found["lr"].unit == "rows"
    assert [one.code for one in found.notes] == ["rows"]


@pytest.mark.parametrize("name", ["train.log", "train.txt", "slurm.out"])
def test_another_text_is_refused_with_a_command_that_makes_a_table(name, tmp_path):
    log = tmp_path / name
    log.write_text("".join(f"[{t}] at step#{t}, then lr~{lr:.6f}\n" for t, lr in enumerate(RATES)))

    with pytest.raises(UnreadableLog, match="the text is no table") as caught:
        read_log(log, ["lr"])

    program, option, code, _, table = shlex.split(str(caught.value).partition("in its lines: ")[2])
    assert (program, option, table) == ("python", "-c", "log.csv")
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    (tmp_path / table).write_text(printed.getvalue())
    (column,) = read_log(tmp_path / table, ["lr"]).columns
    assert column.t.tolist() == list(range(40))
    assert column.values == pytest.approx(RATES, abs=1e-6)


@table(
    ("name", "rows", "found"),
    [
        ("train.log", ["iter 0: lr 0.5", "iter 1: lr 0.25"], None),  # such as zeros after a crash
        ("log.jsonl", ['{"step": 0, "lr": 0.5}'], "log.jsonl, line 2: the line has more than 40 characters"),
        ("log.csv", ["step,lr", "0,0.5"], "log.csv, line 3: the line has more than 40 characters"),
    ],
)
def test_a_line_that_is_too_long_ends_a_text_and_is_refused_in_a_table(name, rows, found, tmp_path):
    log = tmp_path / name
    log.write_text("\n".join([*rows, "x" * 40]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "_MAX_LINE_LENGTH", 40)
        if found is None:
            assert read_log(log, ["lr"]).columns[0].values.tolist() == [0.5, 0.25]
            return
        with pytest.raises(UnreadableLog, match=found):
            read_log(log, ["lr"])
