"""The logs of a run: what a resumed run keeps, refuses and replaces."""

import gc
import io
import json
from types import SimpleNamespace

import pytest
import torch

from paramsched.errors import InvalidArgument, StateError
from paramsched.mmengine.runner import Hook, LoggerHook, Runner
from paramsched_runner.runner.hooks import LogFile, require_kept_part
from support.runner_jobs import WithMode, WithTrainStep, loader
from support.tables import table

NOTHING = {"bytes": 0, "sha256": LogFile(None, {}).written["sha256"]}


def lines(file):
    return [json.loads(line)["t"] for line in file.read_text().splitlines()]


def written(file, count, kept=NOTHING):
    """Write lines to a log, and return the part that a checkpoint after each of them would keep."""
    log = LogFile(file, kept)
    parts = []
    for t in range(count):
        log.write({"t": t})
        parts.append(log.written)
    log.close()
    return parts


def test_a_log_keeps_the_part_of_the_checkpoint_and_replaces_the_rest(tmp_path):
    file = tmp_path / "values.jsonl"
    parts = written(file, 4)
    whole = file.read_bytes()

    again = LogFile(file, parts[1])
    assert lines(file) == [0, 1]
    for t in (2, 3):
        again.write({"t": t})
        assert again.written == parts[t]

    assert file.read_bytes() == whole
    assert parts[3]["bytes"] == len(whole)
    assert require_kept_part(file, parts[3]) == len(whole)
    assert require_kept_part(tmp_path / "missing", NOTHING) == 0
    assert written(file, 1)[0] == parts[0]
    assert lines(file) == [0]


def missing(file):
    file.unlink()


def shorter(file):
    file.write_bytes(file.read_bytes()[:-1])


def changed(file):
    file.write_bytes(b"x" + file.read_bytes()[1:])


@table(
    ("damage", "said"),
    [(missing, "it is missing"), (shorter, "it has 35 bytes"), (changed, "its beginning has changed")],
)
def test_a_damaged_log_is_refused_and_stays(damage, said, tmp_path):
    file = tmp_path / f"{damage.__name__}.jsonl"
    kept = written(file, 4)[-1]
    damage(file)
    before = file.read_bytes() if file.exists() else None

    for attempt in (require_kept_part, LogFile):
        with pytest.raises(StateError, match=f"{said}.*, but the checkpoint was saved after 36 bytes"):
            attempt(file, kept)
    assert before == (file.read_bytes() if file.exists() else None)


def test_a_large_log_is_compared_to_its_end(tmp_path):
    file = tmp_path / "values.jsonl"
    log = LogFile(file, NOTHING)
    for _ in range(3):
        log.write({"t": "x" * 2**20})
    log.close()

    assert require_kept_part(file, log.written) == file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(-3, 2)
        stream.write(b"y")
    with pytest.raises(StateError, match="has changed"):
        require_kept_part(file, log.written)


def test_a_log_without_a_file_writes_nothing(tmp_path):
    log = LogFile(None, NOTHING)
    log.write({"t": 0})
    log.close()

    assert log.written == NOTHING


def test_a_closed_log_writes_nothing(tmp_path):
    log = LogFile(tmp_path / "values.jsonl", NOTHING)
    log.write({"t": 0})

    for _ in range(2):
        log.close()
        log.write({"t": 1})

    assert lines(tmp_path / "values.jsonl") == [0]


# ------------------------------------------------------------------ the hook


class WithGradient(WithTrainStep):
    """A model whose `train_step` returns the loss with its gradient."""

    def train_step(self, data, optim_wrapper):
        loss = self(*data)
        optim_wrapper.update_params(loss)
        return {"loss": loss}


@pytest.mark.filterwarnings("error")
def test_a_loss_with_a_gradient_is_logged_without_a_warning_of_torch(tmp_path):
    is_always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        Runner(
            model=WithGradient(),
            work_dir=tmp_path,
            train_dataloader=loader(4),
            train_cfg={"by_epoch": True, "max_epochs": 2},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
            default_hooks={"logger": {"type": "LoggerHook", "interval": 1}, "checkpoint": None},
        ).train()
    finally:
        torch.set_warn_always(is_always)

    rows = [json.loads(line) for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    assert len([row["loss"] for row in rows]) == 8


class Run:
    """What the LoggerHook uses of a Runner: one optimizer, which `step` updates."""

    def __init__(self, folder, iterations=4):
        weight = torch.nn.Parameter(torch.ones(1))
        weight.grad = torch.ones(1)
        self.optimizer = torch.optim.SGD([weight], lr=0.5, momentum=0.9)
        self.work_dir = folder
        self.schedulers = {"": []}
        self.accelerator = SimpleNamespace(is_main_process=True)
        self.steppers = {"": SimpleNamespace(optimizer=self.optimizer, updates=0)}
        self.training = SimpleNamespace(passes=0, position=SimpleNamespace(epoch=1, iter=3))
        self.iter = 0
        self.max_iters = iterations

    def fields(self, name):
        return [("lr", 0), ("momentum", 0)]

    def values(self):
        return {("lr", 0): self.optimizer.param_groups[0]["lr"]}


def logged(folder, name="values"):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_each_update_has_the_values_that_it_used(tmp_path, capsys):
    run = Run(tmp_path)
    hook = LoggerHook(interval=2)
    hook.before_train(run)
    for run.iter in range(4):
        if run.iter != 1:  # batches without an update have no line
            run.optimizer.step()
            run.optimizer.param_groups[0]["lr"] *= 0.5
        hook.after_train_iter(run, run.iter, outputs={"loss": torch.tensor(1.0 + run.iter)})
    hook.after_val_epoch(run, {"acc": torch.tensor(0.5), "text": "x"})
    hook.after_val_epoch(run, None)
    state = hook.state_dict()
    hook.after_train(run)

    actual = logged(tmp_path)
    assert [(line["t"], line["iter"], line["epoch"]) for line in actual] == [(0, 0, 0), (1, 2, 0), (2, 3, 0)]
    assert [line["groups"][0] for line in actual] == [{"lr": lr, "momentum": 0.9} for lr in (0.5, 0.25, 0.125)]
    assert [line.get("loss") for line in actual] == [None, None, 4.0]
    assert logged(tmp_path, "metrics") == [{"epoch": 1, "iter": 3, "acc": 0.5}]
    assert hook.state_dict() == state
    assert state["values"]["bytes"] == (tmp_path / "values.jsonl").stat().st_size
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown] == [
        ["epoch", "iter", "loss", "lr", "momentum"],
        ["1", "2", "2.0000", "0.5", "0.9"],
        ["1", "4", "4.0000", "0.125", "0.9"],
        ["val", "acc", "0.5000"],
    ]
    run.optimizer.step()  # no longer watched
    assert len(logged(tmp_path)) == 3


class Interrupt(Hook):
    """Interrupt the first training at its third batch."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not hasattr(self, "error") and runner.iter == 2:
            self.error = KeyboardInterrupt()
            raise self.error


def open_files(folder):
    files = [file for file in gc.get_objects() if type(file) is io.TextIOWrapper and not file.closed]
    return [file.name for file in files if str(file.name).startswith(str(folder))]


def interrupted(folder, **arguments):
    return Runner(
        model=WithMode(),
        work_dir=folder,
        train_dataloader=loader(3),
        train_cfg={"max_epochs": 1},
        val_dataloader=loader(1),
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        param_scheduler='lr: constant() * plateau("loss", patience=0)',
        custom_hooks=[] if arguments else [Interrupt()],
        default_hooks={"checkpoint": None},
        **arguments,
    )


def test_an_exception_closes_the_logs_and_ends_the_reports_of_metrics(tmp_path):
    runner = interrupted(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    (states,) = [scheduler.states for scheduler in runner.schedulers[""]]

    runner.val()

    assert open_files(tmp_path) == []
    assert [scheduler.states for scheduler in runner.schedulers[""]] == [states]


@pytest.mark.parametrize("resumes", [False, True])
def test_the_log_of_an_interrupted_run_continues(resumes, tmp_path):
    runner = interrupted(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    runner.save_checkpoint("at_the_interrupt")
    assert [line["t"] for line in logged(tmp_path)] == [0, 1]

    (interrupted(tmp_path, resume=True) if resumes else runner).train()

    assert [line["t"] for line in logged(tmp_path)] == [0, 1, 2]


def test_the_table_repeats_its_header_and_shows_values_of_groups_that_differ(tmp_path, capsys):
    run = Run(tmp_path, 21)
    hook = LoggerHook(interval=1)
    run.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5, "momentum": 0.8})
    hook.before_train(run)
    for run.iter in range(21):
        run.optimizer.step()
        hook.after_train_iter(run, run.iter)
    hook.after_train(run)

    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    header = ["epoch", "iter", "loss", "lr", "momentum"]
    rows = [["1", str(count), "0.5", "0.9/0.8"] for count in range(1, 22)]
    assert shown == [header, *rows[:20], header, rows[20]]


def test_a_resumed_hook_continues_the_log(tmp_path):
    run = Run(tmp_path)
    hook = LoggerHook()
    hook.before_train(run)
    run.optimizer.step()
    hook.after_train_iter(run, 0)
    state = hook.state_dict()
    run.optimizer.step()
    hook.after_train_iter(run, 1)
    hook.after_train(run)

    again = Run(tmp_path)
    resumed = LoggerHook()
    again.steppers[""].updates = 1
    resumed.require_resumable(again, state)
    resumed.load_state_dict(state)
    resumed.before_train(again)
    again.optimizer.step()
    resumed.after_train_iter(again, 1)
    resumed.after_train(again)

    assert [line["t"] for line in logged(tmp_path)] == [0, 1]
    (tmp_path / "values.jsonl").write_text("")
    with pytest.raises(StateError, match="it has 0 bytes"):
        resumed.require_resumable(again, state)
    again.accelerator.is_main_process = False
    resumed.require_resumable(again, state)
    LoggerHook().before_train(again)


@table("interval", [0, -1, 0.5, "two"])
def test_an_invalid_interval_is_refused(interval):
    with pytest.raises(InvalidArgument):
        LoggerHook(interval=interval)
