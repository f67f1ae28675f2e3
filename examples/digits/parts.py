"""The registered parts of mmengine_config.py: the network, the images and the accuracy."""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from digits import load
from model import network
from paramsched.mmengine import DATASETS, METRICS, MODELS, Metric


@MODELS.register_module()
class DigitsNetwork(nn.Module):
    """The network of train.py, with the `mode` argument that MMEngine passes to a model."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()

    def forward(self, images: Tensor, labels: Tensor, mode: str = "tensor") -> Tensor | dict[str, Tensor]:
        output = self.layers(images)
        return {"loss": cross_entropy(output, labels)} if mode == "loss" else output


@DATASETS.register_module()
def digits_images(*, train: bool) -> TensorDataset:
    """Return the training images or the held-out images."""
    batches, test_images, test_labels = load()
    return TensorDataset(batches.images, batches.labels) if train else TensorDataset(test_images, test_labels)


@METRICS.register_module()
class Accuracy(Metric):
    """The share of correct predictions."""

    def process(self, data_batch: list[Tensor], data_samples: Tensor) -> None:
        self.results += (data_samples.argmax(dim=1) == data_batch[1]).tolist()

    def compute_metrics(self, results: list[bool]) -> dict[str, float]:
        return {"accuracy": sum(results) / len(results)}
