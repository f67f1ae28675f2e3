"""The names of metrics."""

from paramsched.core.feedback.metric_names import direction_of, metric_word
from support.tables import table


@table(
    ("name", "direction"),
    [
        ("loss", "min"), ("val_loss", "min"), ("valLoss", "min"), ("WER", "min"), ("eval/perplexity", "min"),
        ("acc", "max"), ("top1_accuracy", "max"), ("coco/bbox_mAP", "max"), ("mIoU", "max"), ("F1", "max"),
        ("x", None), ("", None), ("accuracy_loss", None), ("score", None),
    ])  # fmt: skip
def test_the_direction_of_a_metric(name, direction):
    assert direction_of(name) == direction


@table(
    ("name", "word"),
    [("val/loss_epoch", "loss"), ("Top1", "top1"), ("epoch", ""), ("loss_scale", ""), ("lr", ""), ("grad_norm", "norm"),
     ("loss/accuracy", "accuracy")])  # fmt: skip
def test_the_word_of_a_name_that_is_a_metric(name, word):
    assert metric_word(name) == word
