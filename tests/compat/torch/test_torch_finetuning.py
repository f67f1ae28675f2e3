"""Groups that Lightning's BaseFinetuning adds in a real run behave as in torch, and also work if torch raises."""

import logging
import warnings

import pytest
import torch
from torch.optim import lr_scheduler as original

import paramsched.compat.torch as drop_in

lightning = pytest.importorskip("lightning.pytorch")
callbacks = pytest.importorskip("lightning.pytorch.callbacks")
pytestmark = pytest.mark.filterwarnings("ignore")


class Unfreeze(callbacks.BaseFinetuning):
    """Trains the head alone for three epochs, then the body too, at a tenth of the lr of that moment."""

    def freeze_before_training(self, model):
        self.freeze(model.body)

    def finetune_function(self, model, epoch, optimizer):
        if epoch == 3:
            self.unfreeze_and_add_param_group(model.body, optimizer, initial_denom_lr=10.0)


class Model(lightning.LightningModule):
    def __init__(self, build):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Linear(3, 3)
        self.head = torch.nn.Linear(3, 1)
        self.build = build
        self.rows = []

    def training_step(self, batch, index):
        self.rows.append([group["lr"] for group in self.optimizers().optimizer.param_groups])
        return self.head(self.body(batch)).pow(2).mean()

    def configure_optimizers(self):
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.9)
        return [optimizer], [self.build(optimizer)]


def fit(build):
    """The rates of every update, and the weights at the end."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    model = Model(build)
    torch.manual_seed(1)
    loader = torch.utils.data.DataLoader(torch.randn(8, 3), batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=8,
        callbacks=[Unfreeze()],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(model, loader)
    return model.rows, [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize(
    "build",
    [
        lambda m, o: m.StepLR(o, 2, 0.5),
        lambda m, o: m.CosineAnnealingLR(o, 20),
        lambda m, o: m.ChainedScheduler([m.LinearLR(o, 0.1, 1.0, 6), m.ExponentialLR(o, 0.9)]),
    ],
    ids=["StepLR", "CosineAnnealingLR", "ChainedScheduler"],
)
def test_finetuning_has_torchs_rates_and_weights(build):
    expected, weights = fit(lambda o: build(original, o))

    rates, trained_weights = fit(lambda o: build(drop_in, o))

    assert [row for row in rates if len(row) == 2]
    for actual, from_torch in zip(rates, expected, strict=True):
        assert actual == pytest.approx(from_torch, rel=1e-12)
    assert all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(trained_weights, weights, strict=True))


@pytest.mark.parametrize(
    "build",
    [
        lambda o: drop_in.LambdaLR(o, lambda epoch: 0.9**epoch),
        lambda o: drop_in.SequentialLR(o, [drop_in.LinearLR(o, 0.1, 1.0, 5), drop_in.CosineAnnealingLR(o, 20)], [5]),
    ],
    ids=["LambdaLR", "SequentialLR"],
)
def test_the_body_stays_at_a_tenth_of_the_head_if_torch_raises(build):
    rates, _ = fit(build)

    both = [row for row in rates if len(row) == 2]
    assert len(both) == 10
    for head, body in both:
        assert body == pytest.approx(head / 10, rel=1e-12)
