"""On a GPU the used values equal the planned ones with FSDP2, Accelerate and Lightning."""

import contextlib

import pytest
import torch

import paramsched as ps
from support.updates import planned

pytestmark = pytest.mark.heavy

PLAN = ps.Plan(lr=ps.warmup(3, start=0.1) >> ps.cosine(to=0.01), total=12)
RATES = planned(PLAN, {"lr": 0.1})


def model_of():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def batches():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(48, 4)), batch_size=4)


def rates_used(optimizer):
    """Return a list to which each step of the optimizer appends its lr."""
    used = []
    optimizer.register_step_pre_hook(lambda stepped, *_: used.append(float(stepped.param_groups[0]["lr"])))
    return used


@contextlib.contextmanager
def one_process(device):
    """Create a process group with only this process."""
    import torch.distributed as dist

    backend = "nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


def test_fsdp2_on_one_device(device):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    with one_process(device):
        model = model_of().to(device)
        fully_shard(model, mesh=init_device_mesh(device, (1,)))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        scheduler = ps.Scheduler(optimizer, PLAN)
        used = rates_used(optimizer)
        for (batch,) in batches():
            model(batch.to(device)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    assert used == RATES
    assert scheduler.t == 12


@pytest.mark.usefixtures("fresh_accelerate")
def test_accelerate(device):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="bf16")
    model = model_of()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    used = rates_used(optimizer)
    model, optimizer, loader, prepared = accelerator.prepare(model, optimizer, batches(), scheduler)
    for (batch,) in loader:
        accelerator.backward(model(batch).square().mean())
        optimizer.step()
        prepared.step()
        optimizer.zero_grad()

    assert accelerator.device.type == device
    assert used == RATES
    assert scheduler.t == 12


@pytest.mark.filterwarnings("ignore")  # Lightning's own, about loaders and loggers
def test_lightning(device, tmp_path):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model_of()
            self.used = []

        def training_step(self, batch, index):
            return self.model(batch[0]).square().mean()

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.1)
            self.scheduler = ps.Scheduler(optimizer, PLAN)
            self.used = rates_used(optimizer)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler, "interval": "step"}}

    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu", devices=1, max_epochs=1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    module = Module()
    trainer.fit(module, batches())

    assert module.device.type == device or trainer.strategy.root_device.type == device
    assert module.used == RATES
    assert module.scheduler.t == 12


@pytest.mark.usefixtures("fresh_accelerate")
@pytest.mark.filterwarnings("ignore")  # of transformers, about a model without a config
@pytest.mark.parametrize("stopped", [False, True], ids=["whole", "resumed"])
def test_the_trainer_of_transformers(device, stopped, tmp_path):
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned as planned_trainer

    used = []

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model_of()

        def forward(self, x):
            return {"loss": self.net(x).square().mean()}

    def trainer(limit):
        args = transformers.TrainingArguments(
            tmp_path, num_train_epochs=1, per_device_train_batch_size=4, learning_rate=0.1, max_grad_norm=0.0,
            report_to=[], disable_tqdm=True, use_cpu=device == "cpu", save_steps=5, save_strategy="steps",
            logging_strategy="no", bf16=device == "cuda",
        )  # fmt: skip
        data = [{"x": row} for row in torch.randn(48, 4)]

        class Stop(transformers.TrainerCallback):
            def on_step_end(self, args, state, control, **keywords):
                control.should_training_stop |= state.global_step == limit

            def on_pre_optimizer_step(self, args, state, control, optimizer=None, **keywords):
                used.append(float(optimizer.param_groups[0]["lr"]))

        return planned_trainer(transformers.Trainer, PLAN)(
            model=Model(), args=args, train_dataset=data, callbacks=[Stop()]
        )

    if stopped:
        trainer(5).train()
    trainer(None).train(resume_from_checkpoint=stopped)

    assert used == RATES
