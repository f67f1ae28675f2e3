# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A checkpoint of another run is refused before anything changes; weights are loaded from every form of file."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy

from paramsched.errors import ConfigError, StateError
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from paramsched.mmengine.schedulers import StepLR
from support.runner_jobs import loader, network
from support.tables import table

SGD = dict(type="SGD", lr=0.1, momentum=0.9)


class Named(nn.Module):
    """A model of two parts, for one optimizer or two."""

    def __init__(self, width=16, *, more=False):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(64, width)
        self.head = nn.Linear(width, 10)
        if more:
            self.extra = nn.Linear(1, 1)

    def forward(self, inputs):
        return self.head(self.body(inputs).relu())


class Kept(Hook):
    """A hook with a state."""

    count = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.count += 1

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def runner_in(folder, model=None, optimizer=SGD, **settings):
    defaults = dict(
        train_dataloader=loader(3),
        train_cfg=dict(max_epochs=2),
        optim_wrapper=dict(optimizer=optimizer),
        default_hooks=dict(progress=None, checkpoint=CheckpointHook()),  # only the last one
        loss=cross_entropy,
        randomness=dict(seed=3),
    )
    return Runner(model or Named(), folder, **{**defaults, **settings})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the folder of a run of two epochs with a hook that has a state."""
    folder = tmp_path_factory.mktemp("saved") / "run"
    runner_in(folder, custom_hooks=[Kept()]).train()
    return folder


def tree(folder):
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def two_groups(model, lr=0.1):
    return torch.optim.SGD([{"params": model.body.parameters()}, {"params": model.head.parameters()}], lr=lr)


def two_optimizers():
    return dict(optim_wrapper={name: dict(optimizer=SGD) for name in ("body", "head")})


def with_groups():
    model = Named()
    return dict(model=model, optim_wrapper=two_groups(model))


@table(
    ("settings", "said"),
    [
        (lambda: dict(model=Named(8)), "body.weight has shape (16, 64), but the model's has (8, 64)"),
        (lambda: dict(model=Named(more=True)), "only in the file: none; only in the model: extra.bias, extra.weight"),
        (lambda: dict(model=network()), "only in the file: body.bias, body.weight, head.bias"),
        (with_groups, "its groups have [4] parameters, but those of SGD have [2, 2]"),
        (lambda: dict(optimizer=dict(type="Adam", lr=0.1)), "group 0 has no betas, eps, which Adam needs"),
        (lambda: dict(param_scheduler="lr: cosine()"), "MMEngine's schedulers, but the run has a Plan"),
        (
            lambda: dict(param_scheduler=dict(type="StepLR", step_size=1)),
            "1 schedulers (StepLR), but the checkpoint has 0 states",
        ),
    ],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_refused_and_nothing_changes(settings, said, saved):
    actual = settings()
    runner = runner_in(saved, actual.pop("model", None), resume=True, **actual)
    weights = {k: v.clone() for k, v in runner.model.state_dict().items()}
    files = tree(saved)

    with pytest.raises((StateError, ConfigError, ValueError)) as refusal:
        runner.train()

    assert said in str(refusal.value)
    assert all(torch.equal(value, weights[name]) for name, value in runner.model.state_dict().items())
    assert tree(saved) == files


def test_a_checkpoint_of_other_optimizers_is_refused(saved):
    with pytest.raises(StateError, match="the optimizers differ: 1 in the checkpoint, 2 now"):
        runner_in(saved, resume=True, **two_optimizers()).train()


def change_state(folder, change):
    """Change `runner.pt` of a checkpoint, and its SHA-256."""
    state = torch.load(folder / "runner.pt", weights_only=False)
    change(state)
    torch.save(state, folder / "runner.pt")
    listed = json.loads((folder / "sha256.json").read_text())
    listed["files"]["runner.pt"] = hashlib.sha256((folder / "runner.pt").read_bytes()).hexdigest()
    (folder / "sha256.json").write_text(json.dumps(listed))


@table(
    ("change", "said"),
    [
        (lambda state: state.update(processes=4), "processes was 4 when it was saved, and is 1 now"),
        (lambda state: state["param_schedulers"].update(other=[]), "the checkpoint has the optimizers 'other', but"),
    ],
)  # fmt: skip
def test_a_changed_state_of_the_run_is_refused_and_names_the_entry(change, said, saved, tmp_path):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    folder = shutil.copytree(saved, tmp_path / "run")
    change_state(folder / "epoch_2", change)
    log = (folder / "values.jsonl").read_text()

    with pytest.raises(StateError) as refusal:
        runner_in(folder, resume=True, load_from=folder / "epoch_2").train()

    assert said in str(refusal.value)
    assert (folder / "values.jsonl").read_text() == log


def test_a_resumed_run_has_the_seed_the_bases_and_the_hooks_of_its_checkpoint(saved, caplog):
    hook = Kept()
    runner = runner_in(
        saved, resume=True, custom_hooks=[hook], train_cfg=dict(max_epochs=3), randomness=dict(seed=7),
        optimizer=dict(SGD, lr=0.3), param_scheduler=None,
    )  # fmt: skip

    with caplog.at_level(logging.INFO, "paramsched"):
        runner.train()

    assert "resume: seed 3 in the checkpoint, 7 now; using the checkpoint's" in caplog.text
    assert "epoch_2: epoch 2, iteration 6" in caplog.text
    assert (runner.seed, hook.count, runner.epoch, runner.iter) == (3, 9, 3, 9)
    assert runner.values()["lr", 0] == 0.1


def test_all_groups_of_a_resumed_run_have_the_lr_of_its_checkpoint(tmp_path):
    def train(lr, epochs, **more):
        model = Named()
        optimizer = two_groups(model, lr)
        runner = runner_in(tmp_path, model, optim_wrapper=optimizer, train_cfg=dict(max_epochs=epochs), **more)
        runner.train()
        return runner.optim_wrapper.get_lr()

    assert train(0.1, 1) == train(0.3, 2, resume=True) == {"lr": [0.1, 0.1], "base_lr": [0.1]}


@pytest.mark.parametrize(("form", "on_change"), [("built", "new"), ("list", "checkpoint"), ("dict", "error")])
def test_schedulers_in_any_form_continue_their_values(form, on_change, tmp_path):
    def train(epochs, **more):
        model = Named()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        config = dict(type="StepLR", step_size=2, gamma=0.5)  # its end is that of the run
        schedule = {"built": StepLR(optimizer, 2, gamma=0.5), "list": [config], "dict": config}[form]
        if form != "built":
            optimizer = dict(optimizer=optimizer)
        length = dict(max_epochs=epochs)
        runner = runner_in(tmp_path, model, optim_wrapper=optimizer, train_cfg=length, param_scheduler=schedule, **more)
        runner.train()
        return runner

    train(3)
    runner = train(7, resume=True, on_change=on_change)

    assert runner.values()["lr", 0] == pytest.approx(0.1 * 0.5**3)
    assert runner.param_schedulers[0].last_step == 6 if form != "built" else 7


@pytest.mark.parametrize("on_change", ["new", "checkpoint"])
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("PolyLR", {}),
        ("LinearLR", {"start_factor": 0.2}),
        ("StepLR", {"step_size": 2}),
        ("CosineAnnealingLR", {"by_epoch": False}),
    ],
)
def test_a_run_that_ended_continues_as_if_it_had_been_longer(name, more, on_change, tmp_path):
    def train(folder, epochs, **settings):
        length = dict(max_epochs=epochs)
        schedule = dict(type=name, **more)
        runner = runner_in(tmp_path / folder, train_cfg=length, param_scheduler=schedule, **settings)
        runner.train()
        return runner.values()["lr", 0]

    expected = train("whole", 7)
    train("stopped", 3)

    assert train("stopped", 7, resume=True, on_change=on_change) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["optimizer.bin", "random_states_0.pkl", "runner.pt", "model.safetensors"])
def test_a_damaged_file_is_named(name, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "run")
    (folder / "epoch_2" / name).write_bytes(b"not a file of torch")

    with pytest.raises(StateError, match=rf"{name}: it has changed since the checkpoint was saved"):
        runner_in(folder, resume=True, load_from=folder / "epoch_2").train()


def test_random_states_that_accelerate_ignores_are_named(saved, tmp_path, monkeypatch):
    folder = shutil.copytree(saved, tmp_path / "run")
    monkeypatch.delattr("numpy.random.set_state")  # Accelerate only logs the error

    with pytest.raises(StateError, match=r"random_states_0\.pkl: Accelerate could not load the random states in it"):
        runner_in(folder, resume=True).train()


# ---------------------------------------------------------------------- weights


def forms(folder):
    """Yield files that contain the weights of one model, in every form that a Runner loads."""
    weights = {name: value + 1 for name, value in Named().state_dict().items()}
    for name, content in (
        ("plain.pth", weights),
        ("nested.pth", {"state_dict": weights, "epoch": 3}),
        ("parallel.pth", {f"module.{name}": value for name, value in weights.items()}),
    ):
        torch.save(content, folder / name)
        yield folder / name
    save_file(weights, folder / "weights.safetensors")
    yield folder / "weights.safetensors"
    for name, save in (("pytorch_model.bin", torch.save), ("model.safetensors", save_file)):
        (folder / f"exported {name}").mkdir()
        save(weights, folder / f"exported {name}" / name)
        yield folder / f"exported {name}"


def test_weights_are_loaded_from_every_form_of_file(tmp_path):
    expected = {name: value + 1 for name, value in Named().state_dict().items()}
    for file in forms(tmp_path):
        runner = Runner(Named(), load_from=file, val_dataloader=loader(1), loss=cross_entropy)

        runner.val()

        assert all(torch.equal(value, expected[name]) for name, value in runner.model.state_dict().items()), file


@table(
    ("content", "said"),
    [
        ({"other": torch.ones(1)}, "none of its 1 names is in the model; it has other, the model has body.weight"),
        ({"body.bias": torch.ones(3)}, "body.bias is (3,), but the model's (16,)"),
        ({"body.bias": 3}, "body.bias is 3, but the model's (16,)"),
        ([1, 2], "expected weights by name, got list"),
        ({3: torch.ones(1)}, "expected weights by name, got dict"),
    ],
)
def test_weights_that_do_not_fit_are_refused(content, said, tmp_path):
    torch.save(content, tmp_path / "weights.pth")
    runner = Runner(Named(), load_from=tmp_path / "weights.pth", val_dataloader=loader(1), loss=cross_entropy)

    with pytest.raises(StateError) as refusal:
        runner.val()

    assert said in str(refusal.value)


def test_weights_of_a_part_are_loaded_and_the_others_named(tmp_path, caplog):
    torch.save({"body.bias": torch.ones(16), "neck.bias": torch.ones(1)}, tmp_path / "weights.pth")
    runner = Runner(Named(), load_from=tmp_path / "weights.pth", val_dataloader=loader(1), loss=cross_entropy)

    runner.val()

    assert runner.model.body.bias.tolist() == [1.0] * 16
    assert "the file lacks body.weight, head.weight, head.bias" in caplog.text
    assert "the model lacks neck.bias" in caplog.text


def test_a_folder_without_weights_or_with_damaged_weights_is_refused(saved, tmp_path):
    (tmp_path / "empty").mkdir()
    damaged = shutil.copytree(saved / "epoch_2", tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"x")
    unreadable = tmp_path / "unreadable.safetensors"
    unreadable.write_bytes(b"x" * 20)

    no_checkpoint = tmp_path / "other.pth"
    no_checkpoint.write_bytes(b"x" * 20)

    for folder, said in (
        (no_checkpoint, "other.pth: it cannot be read (UnpicklingError"),
        (tmp_path / "empty", "it contains neither model.safetensors nor pytorch_model.bin"),
        (damaged, "model.safetensors"),
        (unreadable, "it cannot be read (SafetensorError"),
    ):
        runner = Runner(Named(), load_from=folder, val_dataloader=loader(1), loss=cross_entropy)
        with pytest.raises(StateError) as refusal:
            runner.val()
        assert said in str(refusal.value)
