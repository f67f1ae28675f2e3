"""axolotl's plugin, with stubs of axolotl's interface (067b021c), because axolotl requires CUDA packages."""

import json
import sys
import warnings
from importlib import import_module
from types import ModuleType, SimpleNamespace

import pytest
import torch
from addict import Dict

import paramsched as ps
from paramsched.errors import ConfigError, MissingFact


class DictDefault(Dict):
    """axolotl's config: a missing key is None."""

    def __missing__(self, key):
        return None


class BasePlugin:
    def pre_model_load(self, cfg):
        return "of the base"

    def create_lr_scheduler(self, cfg, trainer, optimizer, num_training_steps):
        raise AssertionError

    def get_input_args(self):
        raise AssertionError


@pytest.fixture
def axolotl(monkeypatch):
    base = ModuleType("axolotl.integrations.base")
    base.BasePlugin = BasePlugin
    for name in ("axolotl", "axolotl.integrations"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, base.__name__, base)
    module = import_module("paramsched.engines.axolotl")
    module.__getattr__.cache_clear()  # it keeps its classes
    yield module
    module.__getattr__.cache_clear()


def trainer(epochs=3.0, steps=30, world=1):
    """Return a trainer with the arguments that axolotl passes: `max_steps` is the length that it computes."""
    args = SimpleNamespace(
        num_train_epochs=epochs,
        max_steps=steps,
        gradient_accumulation_steps=2,
        train_batch_size=4,
        world_size=world,
    )
    callbacks = []
    return SimpleNamespace(args=args, callbacks=callbacks, add_callback=callbacks.append)


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def used(made, steps):
    rates = []
    for _ in range(steps):
        rates.append(made.param_groups[0]["lr"])
        made.step()
    return rates


PLAN = {"lr": 'warmup("1 epoch") >> cosine()'}


def test_the_plan_of_a_mapping_is_used_at_every_update(axolotl):
    made, plugin = optimizer(), axolotl.PlanPlugin()
    plugin.create_lr_scheduler(DictDefault(paramsched_plan=PLAN), trainer(), made, num_training_steps=30)

    expected = ps.trace(ps.loads(PLAN), {"lr": 0.1}, ps.Calendar(total=30, steps_per_epoch=10))["lr"]
    assert used(made, 30) == expected.tolist()


def test_the_plan_of_a_file_is_used(axolotl, tmp_path):
    path, made = tmp_path / "plan.yaml", optimizer()
    path.write_text("lr: linear()")
    axolotl.PlanPlugin().create_lr_scheduler(DictDefault(paramsched_plan=str(path)), trainer(), made, 4)

    assert used(made, 4) == pytest.approx([0.1, 0.075, 0.05, 0.025])


@pytest.mark.parametrize(
    ("given", "epochs", "steps"),
    [
        ({"max_steps": 30}, 3.0, 30),
        ({"sample_packing": True}, 3.0, 30),
        ({"dataloader_drop_last": True}, 3.0, 30),
        ({}, 3.0, 31),
        ({}, 0.5, 5),
    ],
)
def test_epochs_are_unknown_unless_the_run_is_a_number_of_whole_epochs(axolotl, given, epochs, steps):
    cfg = DictDefault(paramsched_plan=PLAN, **given)
    with pytest.raises(
        MissingFact, match=r'not a number of whole epochs. Use lengths in updates or percent, such as "1'
    ):
        axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(epochs, steps), optimizer(), steps)


def test_a_checkpoint_without_a_state_of_the_plan_continues_at_the_update_of_the_trainer(axolotl):
    run, made = trainer(), optimizer()
    scheduler = axolotl.PlanPlugin().create_lr_scheduler(DictDefault(paramsched_plan=PLAN), run, made, 30)
    whole = used(made, 30)
    scheduler.seek(0)

    for callback in run.callbacks:
        callback.on_train_begin(run.args, SimpleNamespace(global_step=12), None)

    assert used(made, 18) == whole[12:]


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")  # the warmup is as long as a run of one epoch
@pytest.mark.parametrize(("epochs", "steps"), [(2.5, 25), (1.0, 10)])
def test_a_run_of_at_least_one_epoch_has_whole_epochs(axolotl, epochs, steps):
    made = optimizer()
    axolotl.PlanPlugin().create_lr_scheduler(DictDefault(paramsched_plan=PLAN), trainer(epochs, steps), made, steps)

    expected = ps.trace(ps.loads(PLAN), {"lr": 0.1}, ps.Calendar(total=steps, steps_per_epoch=10))["lr"]
    assert used(made, steps) == expected.tolist()


def test_with_deepspeed_the_trainer_counts_the_updates(axolotl):
    made, cfg = optimizer(), DictDefault(paramsched_plan=PLAN, deepspeed={"zero_optimization": {"stage": 2}})
    scheduler = axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(), made, 30)

    made.step()
    made.step()  # the second group of the same update
    before = scheduler.t
    scheduler.step()

    assert (before, scheduler.t) == (0, 1)


@pytest.mark.parametrize("kind", ["tensor", "context"])
def test_samples_are_those_of_all_data_shards(axolotl, kind):
    made, plan = optimizer(), {"lr": 'warmup("160 samples") >> cosine()'}
    cfg = DictDefault({"paramsched_plan": plan, f"{kind}_parallel_size": 2})
    axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(world=4), made, 30)

    # 4 samples, 2 batches and 2 shards are 16 samples in an update
    expected = ps.trace(ps.loads({"lr": "warmup(10) >> cosine()"}), {"lr": 0.1}, ps.Calendar(total=30))["lr"]
    assert used(made, 30) == expected.tolist()
    cfg.sample_packing = True
    with pytest.raises(MissingFact, match="samples are packed"):
        axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(world=4), optimizer(), 30)


@pytest.mark.parametrize("given", [{}, {"lr_scheduler": "cosine", "warmup_steps": None, "lr_quadratic_warmup": False}])
def test_defaults_of_axolotl_are_not_reported(axolotl, given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cfg = DictDefault(paramsched_plan={"lr": "cosine()"}, **given)
        axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(), optimizer(), 30)


def test_each_ignored_key_is_reported(axolotl):
    cfg = DictDefault(
        paramsched_plan={"lr": "cosine()"}, lr_scheduler="one_cycle", cosine_min_lr_ratio=0.1,
        cosine_constant_lr_ratio=0.2, lr_quadratic_warmup=True, lr_scheduler_kwargs={"a": 1}, warmup_ratio=0.1,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="it has no effect beside a plan") as caught:
        axolotl.PlanPlugin().create_lr_scheduler(cfg, trainer(), optimizer(), 30)

    assert [str(one.message).partition(":")[0] for one in caught] == [f"$.{key}" for key in list(cfg)[1:]]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, r"\$.paramsched_plan: it is missing. Use paramsched_plan: plan.yaml"),
        ({"paramsched_plan": PLAN, "jagged_restart_steps": 10}, r"\$.jagged_restart_steps: axolotl would multiply"),
        ({"paramsched_plan": {"lr": "cosin()"}}, "cosine"),
        (
            {"paramsched_plan": {"clock": "tokens", "lr": "cosine()"}},
            "the plan needs metrics or reported amounts",
        ),
        ({"paramsched_plan": {"clock": "progress", "lr": "cosine()"}}, "the plan needs metrics or reported amounts"),
        ({"paramsched_plan": {"lr": 'constant() * plateau("loss")'}}, "the plan needs metrics or reported amounts"),
    ],
)
def test_a_config_that_cannot_be_applied_is_an_error(axolotl, given, problem):
    made = optimizer()
    with pytest.raises(ConfigError, match=problem):
        axolotl.PlanPlugin().create_lr_scheduler(DictDefault(given), trainer(), made, 30)
    assert made.param_groups[0]["lr"] == 0.1
    assert "initial_lr" not in made.param_groups[0]


def test_a_deepspeed_config_with_a_scheduler_is_an_error(axolotl, tmp_path):
    path, plugin = tmp_path / "zero.json", axolotl.PlanPlugin()
    for data, given in (({"scheduler": {}}, str(path)), ({"scheduler": {}}, {"scheduler": {}})):
        path.write_text(json.dumps(data))
        with pytest.raises(ConfigError, match=r"\$.deepspeed: its scheduler would replace the plan"):
            plugin.post_trainer_create(DictDefault(deepspeed=given), None)
    path.write_text("{}")
    plugin.post_trainer_create(DictDefault(deepspeed=str(path)), None)
    plugin.post_trainer_create(DictDefault(), None)


def test_the_plugin_has_the_other_hooks_and_a_model_of_its_keys(axolotl):
    plugin = axolotl.PlanPlugin()
    module, _, name = plugin.get_input_args().rpartition(".")

    assert isinstance(plugin, BasePlugin)
    assert plugin.pre_model_load(None) == "of the base"
    assert (module, name) == ("paramsched.engines.axolotl", "PlanArgs")
    fields = type("Config", (axolotl.PlanArgs,), {})
    assert fields().paramsched_plan is None
    assert fields(paramsched_plan=PLAN).paramsched_plan == PLAN
