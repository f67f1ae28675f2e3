"""The names of metrics."""

from paramsched.core.feedback.base import better_mode, metric_word
from support.tables import table


@table(
    ("name", "word"),
    [("val/loss_epoch", "loss"), ("Top1", "top1"), ("epoch", ""), ("loss_scale", ""), ("lr", ""), ("grad_norm", "norm"),
     ("loss/accuracy", "accuracy")])  # fmt: skip
def test_the_word_of_a_name_that_is_a_metric(name, word):
    assert metric_word(name) == word


@table(
    ("mode", "names"),
    [
        ("max", "acc val_acc valAcc eval/f1 mAP50-95 mIoU bbox_mAP top1-acc acc@1 rouge1 test/reward recall"),
        ("min", "loss valLoss top1_error eval_perplexity WER acc_loss mse"),
        (
            None,
            "-acc 1-acc neg_loss minus_acc inverse_f1 acc_gap loss_delta one_minus_iou score metric kl elbo lr epoch",
        ),
        (None, "loss_scale grad_norm reward_std loss_ratio accumulation lossy"),
    ],
)
def test_the_mode_that_the_name_of_a_metric_suggests(mode, names):
    assert {name: better_mode(name) for name in names.split()} == dict.fromkeys(names.split(), mode)
