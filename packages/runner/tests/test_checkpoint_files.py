"""Checkpoints in a work folder, without a run: which are found, which are kept, and what a new run does."""

import logging
import random
from pathlib import Path

import pytest
import torch

from paramsched.errors import StateError
from paramsched_runner.runner._checkpoints import (
    DIGESTS,
    NEWEST,
    STATE,
    Checkpoints,
    in_every_process,
    in_main_process,
    read_runner_state,
    read_torch,
    replaced_path,
    require_fit,
    shapes_of,
)
from support.tables import table

STATE_OF_RUN = {
    "meta": {"seed": 0, "iter": 6, "epoch": 2, "run": "mine"},
    "clock": {"epoch": 2, "batch": 0, "iter": 6, "validated": False},
    "run": {"processes": 1},
    "param_schedulers": {},
    "optimizers": {},
    "hooks": {},
}


class Accelerator:
    """What checkpoints use of an Accelerator with one process."""

    is_main_process = True
    num_processes = 1
    process_index = 0
    scaler = None
    distributed_type = "NO"

    def __init__(self, model=None, optimizer=None):
        self._models = [model for model in [model] if model]
        self._optimizers = [optimizer for optimizer in [optimizer] if optimizer]
        self._schedulers = []
        self._custom_objects = []

    def wait_for_everyone(self):
        pass

    def save_state(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (weights,) = [model.state_dict() for model in self._models] or [{}]
        torch.save(weights, folder / "pytorch_model.bin")
        for optimizer in self._optimizers:
            torch.save(optimizer.state_dict(), folder / "optimizer.bin")
        states = {
            "random_state": random.getstate(),
            "numpy_random_seed": ("MT19937", [1] * 624, 3, 0, 0.0),
            "torch_manual_seed": torch.get_rng_state(),
        }
        torch.save(states, folder / "random_states_0.pkl")


def home(folder, accelerator=None):
    return Checkpoints(folder, accelerator or Accelerator())


def saved(folder, name="epoch_2", *, newest=True, gradients=None, accelerator=None):
    home(folder, accelerator).save(name, STATE_OF_RUN, gradients or {}, newest=newest)
    return folder / name


def test_a_saved_checkpoint_is_the_newest(tmp_path):
    first = saved(tmp_path, "epoch_1")
    second = saved(tmp_path, "epoch_2", gradients={"w": torch.ones(2)})

    saved(tmp_path, "best_acc", newest=False)

    assert home(tmp_path).newest() == second
    assert home(tmp_path).gradients(second)["w"].tolist() == [1, 1]
    assert home(tmp_path).gradients(first) == {}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert read_runner_state(second) == STATE_OF_RUN


def test_a_checkpoint_that_is_saved_again_replaces_the_first(tmp_path):
    saved(tmp_path, gradients={"w": torch.ones(2)})

    again = saved(tmp_path)

    assert home(tmp_path).newest() == again
    assert home(tmp_path).gradients(again) == {}
    assert not replaced_path(again).exists()


def test_a_checkpoint_is_saved_again_beside_what_a_kill_left(tmp_path):
    saved(tmp_path / "other").rename(replaced_path(saved(tmp_path)))

    again = saved(tmp_path, gradients={"w": torch.ones(2)})

    assert home(tmp_path).gradients(again)["w"].tolist() == [1, 1]
    assert not replaced_path(again).exists()


class Code:
    """An object that creates a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save(Code(tmp_path / "made by code"), tmp_path / "state.pt")

    with pytest.raises(StateError, match=r"it cannot be read \(UnpicklingError: Weights only load failed\)$"):
        read_torch(tmp_path / "state.pt")
    assert not (tmp_path / "made by code").exists()


def test_the_checkpoint_that_was_being_replaced_is_found_after_a_kill(tmp_path):
    target = saved(tmp_path)
    target.rename(replaced_path(target))

    assert home(tmp_path).newest() == replaced_path(target)


def test_a_checkpoint_that_is_named_and_missing_is_refused(tmp_path):
    saved(tmp_path).rename(tmp_path / "elsewhere")

    with pytest.raises(StateError, match=r"the checkpoint that it names, .*epoch_2, is missing"):
        home(tmp_path).newest()


@table("content", [b"", b"\n", b"\xff"])
def test_a_damaged_name_of_the_newest_checkpoint_is_refused(content, tmp_path):
    saved(tmp_path)
    (tmp_path / NEWEST).write_bytes(content)

    with pytest.raises(StateError, match=NEWEST):
        home(tmp_path).newest()


def test_a_folder_without_checkpoints_has_no_newest(tmp_path, caplog):
    home(tmp_path).begin_at(None)

    with caplog.at_level(logging.INFO, "paramsched.mmengine"):
        assert home(tmp_path).first(None, resume=True) is None
    assert "no checkpoint" in caplog.text
    assert home(tmp_path).newest() is None
    assert home(tmp_path).first(tmp_path / "x.bin", resume=False) == tmp_path / "x.bin"


def test_a_folder_without_a_state_is_not_a_checkpoint(tmp_path):
    with pytest.raises(StateError, match="not a checkpoint of a Runner"):
        read_runner_state(tmp_path)


@table("content", ["", "3", "{}", '{"version": 3, "files": {}}', '{"version": 4}', '{"version": 4, "files": 3}'])
def test_an_invalid_list_of_files_is_refused(content, tmp_path):
    folder = saved(tmp_path / "run")
    (folder / DIGESTS).write_text(content)

    with pytest.raises(StateError, match=DIGESTS):
        read_runner_state(folder)


@table(
    "damage",
    [lambda file: file.unlink(), lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"x" * 999)],
)
@pytest.mark.parametrize("name", [STATE, "pytorch_model.bin", "random_states_0.pkl", "gradients_0.pt"])
def test_a_file_that_is_missing_or_has_changed_is_refused(name, damage, tmp_path):
    folder = saved(tmp_path / name, gradients={"w": torch.ones(1)})
    damage(folder / name)

    with pytest.raises(StateError, match=name):
        read_runner_state(folder)


def test_a_new_run_clears_the_pointer_and_warns_only_if_there_was_a_run(tmp_path, caplog):
    pointer = tmp_path / NEWEST
    home(tmp_path).begin_at(None)
    assert not pointer.exists()
    folder = saved(tmp_path)
    written = pointer.read_bytes()
    home(tmp_path).begin_at(folder)
    assert pointer.read_bytes() == written
    assert "a new run starts" not in caplog.text

    home(tmp_path).begin_at(None)

    assert "a new run starts" in caplog.text
    assert home(tmp_path).newest() is None
    caplog.clear()
    home(tmp_path).begin_at(None)
    assert "a new run starts" not in caplog.text


def test_a_run_that_resumes_from_an_older_checkpoint_points_to_it(tmp_path):
    older = saved(tmp_path, "epoch_1")
    newer = saved(tmp_path, "epoch_2")
    home(tmp_path).begin_at(older)
    assert home(tmp_path).newest() == older

    elsewhere = tmp_path / "new"
    elsewhere.mkdir()
    home(elsewhere).begin_at(newer)
    assert home(elsewhere).newest().samefile(newer)


def test_a_checkpoint_that_cannot_be_written_leaves_the_others(tmp_path):
    folder = saved(tmp_path)

    class Full(Accelerator):
        def save_state(self, folder):
            raise OSError("no space left")

    with pytest.raises(StateError, match=r"epoch_3: it could not be saved \(no space left\)"):
        saved(tmp_path, "epoch_3", accelerator=Full())
    assert home(tmp_path).newest() == folder


# ------------------------------------------------------------------ does a checkpoint fit a model and an optimizer?


def model(*sizes):
    return torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in sizes))


def sgd(network, **options):
    return torch.optim.SGD(network.parameters(), **{"lr": 0.1, **options})


def fitted(network, optimizer=None):
    return Accelerator(network, optimizer or sgd(network))


@pytest.fixture
def checkpoint(tmp_path):
    return saved(tmp_path, accelerator=fitted(model((2, 3), (3, 1))))


SAVED = fitted(model((2, 3), (3, 1)))


def test_a_checkpoint_fits_the_objects_it_was_saved_from(tmp_path):
    require_fit(fitted(model((2, 3), (3, 1))), tmp_path, shapes_of(SAVED))


def two_groups(network):
    return torch.optim.SGD([{"params": list(module.parameters())} for module in network], lr=0.1)


def registered(accelerator):
    accelerator._custom_objects = [object()]
    return accelerator


def scaled(accelerator):
    accelerator.scaler = object()
    return accelerator


@table(
    ("build", "said"),
    [
        (lambda: fitted(model((2, 3))), "it contains the weights of another model"),
        (lambda: fitted(model((2, 3), (3, 1), (1, 1))), "it contains the weights of another model"),
        (lambda: fitted(model((2, 3), (3, 2))), "1.weight has shape"),
        (lambda: fitted(m := model((2, 3), (3, 1)), two_groups(m)), "its groups have"),
        (lambda: registered(fitted(model((2, 3), (3, 1)))), "registered objects: 0 in the checkpoint, 1 now"),
        (lambda: scaled(fitted(model((2, 3), (3, 1)))), "loss scaler: False in the checkpoint, True now"),
        (lambda: fitted(m := model((2, 3), (3, 1)), torch.optim.Adam(m.parameters())), "group 0 has no betas, eps"),
    ],
)
def test_a_checkpoint_of_other_objects_is_refused(build, said, tmp_path):
    with pytest.raises(StateError, match=said):
        require_fit(build(), tmp_path, shapes_of(SAVED))


def test_formats_of_other_libraries_are_left_to_them(tmp_path):
    accelerator = fitted(model((2, 3)))
    accelerator.distributed_type = "FSDP"

    require_fit(accelerator, tmp_path, shapes_of(accelerator))


def test_each_of_several_models_and_optimizers_is_compared(tmp_path):
    def both(width):
        first = fitted(model((2, 3)))
        second = fitted(model((5, width)))
        first._models += second._models
        first._optimizers += second._optimizers
        return first

    require_fit(both(2), tmp_path, shapes_of(both(2)))
    with pytest.raises(StateError, match=r"0\.weight has shape"):
        require_fit(both(3), tmp_path, shapes_of(both(2)))


def tied():
    network = model((2, 2), (2, 2))
    network[1].weight = network[0].weight
    return network


def test_a_weight_with_two_names_fits(tmp_path):
    require_fit(fitted(tied()), tmp_path, shapes_of(fitted(tied())))


# ------------------------------------------------------------------ weights


# ------------------------------------------------------------------ several processes


def process(*, main, count=1):
    accelerator = fitted(model((2, 3)))
    accelerator.is_main_process = main
    accelerator.num_processes = count
    accelerator.process_index = 0 if main else 1
    return accelerator


def test_only_the_main_process_writes_the_files_of_the_runner(tmp_path):
    folder = saved(tmp_path)
    pointer = (tmp_path / NEWEST).read_bytes()
    second_process = home(tmp_path, process(main=False))
    unfinished = tmp_path / ".epoch_3.part"
    unfinished.mkdir()
    (unfinished / "model.safetensors").touch()  # by the main process

    second_process.save("epoch_3", STATE_OF_RUN, {"w": torch.ones(1)}, newest=True)
    second_process.remove("epoch_2")
    second_process.begin_at(None)

    assert folder.exists()
    assert (tmp_path / NEWEST).read_bytes() == pointer
    assert {path.name for path in unfinished.iterdir()} >= {"gradients_1.pt", "pytorch_model.bin", "model.safetensors"}
    assert not (unfinished / STATE).exists()


def refuse():
    raise StateError("it is damaged")


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_one_process_is_raised_in_all(count):
    main = process(main=True, count=count)

    assert in_main_process(main, lambda: 3) == 3
    with pytest.raises(StateError, match="it is damaged"):
        in_main_process(main, refuse)
    with pytest.raises(StateError, match="it is damaged"), in_every_process(main):
        refuse()
    with in_every_process(main):
        pass


def test_another_process_does_not_call_the_function():
    assert in_main_process(process(main=False, count=2), refuse) is None
