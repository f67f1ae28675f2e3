"""The names of metrics."""

from paramsched.core.feedback.base import metric_word
from support.tables import table


@table(
    ("name", "word"),
    [("val/loss_epoch", "loss"), ("Top1", "top1"), ("epoch", ""), ("loss_scale", ""), ("lr", ""), ("grad_norm", "norm"),
     ("loss/accuracy", "accuracy")])  # fmt: skip
def test_the_word_of_a_name_that_is_a_metric(name, word):
    assert metric_word(name) == word
