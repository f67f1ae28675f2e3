"""Python configs of torchtitan, read without executing them, against the same text executed with stubs."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli import main
from paramsched.config import load_with_bases
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.peers.torchtitan import read_function

REGISTRY = '''\
from torchtitan.trainer import Trainer

from . import model_registry


def debug(flavor="tiny") -> Trainer.Config:
    spec = model_registry(flavor)
    return Trainer.Config(
        model_spec=spec,
        optimizer=default_adamw(lr=8e-4),
        lr_scheduler=LRSchedulersContainer.Config(
            warmup_steps=2, decay_ratio=0.8, decay_type="cosine", min_lr_factor=0.1
        ),
        training=TrainingConfig(num_tokens=8 * 2048, steps=10),
    )


def debug_tiny() -> Trainer.Config:
    return debug()


def debug_long() -> Trainer.Config:
    """Start from another config."""

    def process(sample):
        return sample

    config = debug(flavor="small")
    assert config.model_spec is not None
    enabled = config.compile.enable and "model" in config.compile.components
    config.model_spec = model_registry("small", compiled=enabled, steps=config.training.steps)
    config.training.steps = 100
    config.lr_scheduler.decay_type = "sqrt"
    config.optimizer = default_adamw(1e-3, weight_decay=0.2)
    return config


def defaults() -> Trainer.Config:
    return FluxTrainer.Config(optimizer=OptimizersContainer.Config(param_groups=[]))
'''


class Record(SimpleNamespace):
    """An object that stores the arguments of its class, and has any other attribute."""

    def __getattr__(self, name):
        return () if name == "components" else Record()


def executed(text, function):
    """Return the entries of a config by executing the text with stubs."""

    def adamw(lr=8e-4, weight_decay=0.1, betas=(0.9, 0.95)):
        return Record(lr=lr, weight_decay=weight_decay, beta1=betas[0], beta2=betas[1])

    body = "\n".join(line for line in text.splitlines() if not line.startswith("from "))
    kinds = ("Trainer", "FluxTrainer", "LRSchedulersContainer", "OptimizersContainer")
    names = {name: SimpleNamespace(Config=Record) for name in kinds}
    names |= {"TrainingConfig": Record, "default_adamw": adamw, "model_registry": lambda *_, **__: Record()}
    exec(body, names)
    return names[function]()


@pytest.mark.parametrize("function", ["debug", "debug_tiny", "debug_long"])
def test_the_entries_are_those_of_the_executed_function(function):
    config = executed(REGISTRY, function)

    assert read_function(REGISTRY, "config_registry.py", function) == {
        "training": {"steps": config.training.steps},
        "optimizer": vars(config.optimizer),
        "lr_scheduler": vars(config.lr_scheduler),
    }


READ = [
    "config.training.steps = 100",
    "config.training = TrainingConfig(steps=7)",
    "config.lr_scheduler.warmup_steps = 1",
    "config.lr_scheduler = LRSchedulersContainer.Config(decay_ratio=0.5)",
    "config.optimizer = default_adamw(lr=1.0)",
    "config.model_spec = 3",
    "config = debug()",
    "steps = config.training.steps",
]
REFUSED = [
    "other = config; other.training.steps = 3",
    "part = config.training; part.steps = 3",
    "config.training.steps += 1",
    "config.training.steps = 10 * 10",
    "setattr(config.training, 'steps', 3)",
    "vars(config)['training'].steps = 3",
    "config.training.__dict__.update(steps=3)",
    "config.__dict__['training'].steps = 3",
    "if True: config.training.steps = 3",
    "for config.training.steps in (3, 4): pass",
    "(lambda: setattr(config.training, 'steps', 3))()",
    "config.lr_scheduler = None",
    "if True: return config",
    "config.training.steps, other = 3, 4",
    "del config.training",
    "config.model_spec = config",
    "config.training.__dict__['steps'] = 3",
    "config.optimizer.param_groups[0].optimizer_kwargs['lr'] = 3",
    "config.optimizer.param_groups[0].optimizer_kwargs.update(lr=3)",
    "for group in config.optimizer.param_groups: group.optimizer_kwargs = {}",
]


def changed_by(lines):
    body = "".join(f"    {line}\n" for line in lines)
    return f"{REGISTRY}\n\ndef changed():\n    config = debug()\n{body}    return config\n"


@given(lines=st.lists(st.sampled_from(READ), max_size=4))
def test_assignments_are_read_as_executed(lines):
    found, config = (read(changed_by(lines)) for read in (read_changed, lambda text: executed(text, "changed")))

    assert found["training"] == {"steps": config.training.steps}
    assert found["lr_scheduler"] == vars(config.lr_scheduler)
    assert found["optimizer"] == vars(config.optimizer)


def read_changed(text):
    return read_function(text, "config_registry.py", "changed")


@pytest.mark.parametrize("line", REFUSED)
def test_a_statement_that_may_change_the_config_is_an_error(line):
    with pytest.raises(ConfigError):
        read_changed(changed_by([line]))


def test_classes_and_functions_of_the_file_may_have_other_defaults():
    own = "class OwnTrainingConfig(TrainingConfig):\n    steps: int = 5\n\ndef default_adamw(lr):\n    return None\n"

    assert read_changed(own + changed_by(["config.optimizer = default_adamw(lr=1.0)"]))["optimizer"] == {}
    with pytest.raises(ConfigError, match=r"expected TrainingConfig\(…\), got OwnTrainingConfig\(\)"):
        read_changed(own + changed_by(["config.training = OwnTrainingConfig()"]))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("config.training.steps = STEPS", "expected a literal, got STEPS"),
        ("config.lr_scheduler = build()", "expected LRSchedulersContainer.Config(…), got build()"),
        ("config.lr_scheduler = LRSchedulersContainer.Config(**ENTRIES)", "expected arguments with names, got ENTRIES"),
        ("config.lr_scheduler.a.b = 1", "the scheduler has no entry a.b"),
        ("scale(config)", "the statement may change the config"),
        ("config = scale(config)", "expected Trainer.Config(…) or a function of this file, got scale(config)"),
        ("config = changed()", "changed calls itself"),
    ],
)
def test_what_only_running_could_tell_is_an_error_at_its_place(line, problem):
    text = (
        "def debug():\n    return Trainer.Config(training=TrainingConfig())\n\ndef changed():\n    config = debug()\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_function(f"{text}    {line}\n    return config\n", "config_registry.py", "changed")

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.found == problem
    assert diagnostic.line == (4 if "itself" in problem else 6)


@pytest.fixture
def registry(tmp_path):
    path = tmp_path / "config_registry.py"
    path.write_text(REGISTRY)
    return path


def test_a_function_is_loaded_with_its_bases(registry):
    loaded = load_with_bases(registry, format="torchtitan", function="debug_long")

    assert str(loaded.plan.horizon) == "100"
    assert loaded.bases.groups == ({"lr": 1e-3, "weight_decay": 0.2, "betas": (0.9, 0.95)},)
    assert loaded.plan == ps.load(registry, format="torchtitan", function="debug_long")


def test_a_job_without_training_and_scheduler_is_refused(registry):
    with pytest.raises(ConfigError, match="expected a job, or its table lr_scheduler"):
        ps.load(registry, format="torchtitan", function="defaults")


def test_without_a_function_the_error_lists_them(registry):
    with pytest.raises(ConfigError, match=r"one of debug_tiny, debug_long, defaults. Write --function debug_tiny"):
        ps.load(registry, format="torchtitan")
    with pytest.raises(ConfigError, match='the file has no function debug_lon; did you mean "debug_long"'):
        ps.load(registry, format="torchtitan", function="debug_lon")


def test_another_format_has_no_functions(registry):
    with pytest.raises(
        InvalidArgument, match=r'expected a Python config of torchtitan, got mmengine. Add format="torch'
    ):
        ps.load(registry, function="debug_long")


def test_a_text_that_is_not_python_is_an_error_at_its_line():
    with pytest.raises(ConfigError, match=r"config_registry.py:2:1: not Python"):
        read_function("a = 1\nb = =\n", "config_registry.py", "debug")


def test_the_command_line_reads_a_function(registry):
    arguments = ["convert", str(registry), "--from", "torchtitan", "--function", "debug_long", "--to", "yaml"]
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 0, result.output
    assert ps.loads(result.stdout) == ps.load(registry, format="torchtitan", function="debug_long")
