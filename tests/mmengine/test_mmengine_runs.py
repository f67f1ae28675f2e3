"""The drop-in schedulers in MMEngine's own Runner, from a config or built, behave like MMEngine's."""

# ruff: noqa: C408  # the configs are written as MMEngine's users write them

import copy
import pickle
from itertools import product

import numpy as np
import pytest

pytest.importorskip("mmengine")

from mmengine import optim as original
from paramsched.mmengine import engine as drop_ins
from paramsched.mmengine import schedulers
from support import programs
from support.mmengine_runs import EPOCHS, Runs, Toy, sgd
from support.spread import every, spread

pytestmark = pytest.mark.package("engines")


@pytest.fixture
def run(tmp_path):
    """Run MMEngine's Runner; return the values each iteration used and the Runner."""
    runs = Runs(tmp_path)
    yield runs
    runs.close()


def of(module, config):
    """Return the config with names replaced by the classes of a module."""
    if isinstance(config, list):
        return [of(module, element) for element in config]
    return {**config, "type": getattr(module, config["type"])}


def built(module, config):
    """Return a function that builds the schedulers of a config for an optimizer wrapper."""

    def build(wrapper):
        many = [dict(element) for element in (config if isinstance(config, list) else [config])]
        return [getattr(module, element.pop("type"))(wrapper, **element) for element in many]

    return build


PLATEAU = dict(type="ReduceOnPlateauLR", monitor="acc", rule="greater", patience=0, end=EPOCHS)
LISTS = {
    "by epoch": [dict(type="LinearLR", start_factor=0.5, end=2), dict(type="CosineAnnealingLR", begin=2, end=4)],
    "by iteration": [
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=8),
        dict(type="PolyLR", power=0.9, by_epoch=False, begin=8, end=24),
    ],
    "both": [
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=8),
        dict(type="MultiStepLR", milestones=[1, 3], end=4),
    ],
    "momentum": [dict(type="StepMomentum", step_size=2, gamma=0.5), dict(type="ExponentialLR", gamma=0.9)],
    "another entry": [dict(type="LinearParamScheduler", param_name="momentum", start_factor=0.2, end=3)],
    "plateau": PLATEAU,
    "plateau of momentum": {**PLATEAU, "type": "ReduceOnPlateauMomentum"},
    "plateau after a warmup": [dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=8), PLATEAU],
}


@pytest.mark.parametrize(
    "name", spread(LISTS, "both", "momentum", "another entry", "plateau of momentum", "plateau after a warmup")
)
def test_classes_in_a_config_and_built_schedulers_behave_like_mmengines(run, name):
    config = LISTS[name]
    expected, _ = run(of(original.scheduler, config), validate=True)
    by_config, runner = run(of(drop_ins, config), validate=True)
    by_object, _ = run(built(drop_ins, config), validate=True)

    np.testing.assert_allclose(by_config, expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(by_object, by_config)
    assert all(type(scheduler).__module__.startswith("paramsched.") for scheduler in runner.param_schedulers)


def test_a_single_built_scheduler_works_in_a_loop_by_iterations(run):
    def schedulers(module):
        return lambda wrapper: module.LinearLR(wrapper, start_factor=0.1, by_epoch=False, end=5)

    expected, _ = run(schedulers(original.scheduler), by_epoch=False, epochs=1)
    actual, _ = run(schedulers(drop_ins), by_epoch=False, epochs=1)

    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-15)


def test_the_drop_in_class_converts_epochs_to_iterations(run):
    config = [dict(type="CosineAnnealingLR", convert_to_iter_based=True, eta_min=0.001)]

    expected, _ = run(of(original.scheduler, config))
    actual, runner = run(of(drop_ins, config))

    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-15)
    assert type(runner.param_schedulers[0]) is drop_ins.CosineAnnealingLR


@pytest.mark.parametrize(
    ("how", "name"), every(2, product([of, built], ["both", "momentum", "plateau after a warmup"]))
)
def test_a_run_resumes(run, name, how):
    from paramsched.mmengine.engine import allow_checkpoints

    allow_checkpoints()  # torch loads no checkpoint of MMEngine's otherwise
    config = [{"end": EPOCHS, **entries} for entries in LISTS[name]]
    expected, _ = run(how(original.scheduler, config), validate=True, epochs=2, folder="original")
    expected, _ = run(how(original.scheduler, config), validate=True, folder="original", resume=True)
    run(how(drop_ins, config), validate=True, epochs=2, folder="drop_ins")
    actual, _ = run(how(drop_ins, config), validate=True, folder="drop_ins", resume=True)

    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("module", [drop_ins, schedulers])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value)), copy.copy])
def test_copies_are_of_our_class(copied, module):
    scheduler = module.StepLR(sgd(Toy()), 2)
    scheduler.optimizer.step()
    scheduler.step()

    twin = copied(scheduler)

    assert type(twin) is module.StepLR
    assert twin.state_dict() == scheduler.state_dict()


def test_restore_passes_the_states_to_mmengines_own_schedulers():
    scheduler = original.StepLR(sgd(Toy()), 2)
    state = {**scheduler.state_dict(), "last_step": 5}

    schedulers.restore([scheduler], [state])

    assert scheduler.last_step == 5


def test_the_classes_do_not_import_mmengine():
    code = """
import sys
import paramsched.mmengine.schedulers
assert not any(name.partition(".")[0] == "mmengine" for name in sys.modules)
"""
    done = programs.run(["-c", code])

    assert done.returncode == 0, done.stderr
