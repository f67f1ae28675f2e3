"""The GradualWarmupScheduler of a document, which its tutorials print."""

# ruff: noqa: UP008, RET505 - as printed

from types import SimpleNamespace

from torch.optim import lr_scheduler


def document(base: type) -> type:
    """Return the class of the document, with its printed parts unchanged, on either `_LRScheduler`."""

    # fmt: off
    class GradualWarmupScheduler(base):  # type: ignore[misc,valid-type]  # either
        def __init__(self, optimizer, multiplier, warmup_epoch, after_scheduler):
            self.multiplier = multiplier
            self.warmup_epoch = warmup_epoch
            self.after_scheduler = after_scheduler
            super(GradualWarmupScheduler, self).__init__(optimizer)

        def step(self, epoch=None):
            if epoch is None:
                epoch = self.last_epoch + 1
            self.last_epoch = epoch
            if epoch > self.warmup_epoch: # 超过warmup范围,使用自带的类,也就是CosineAnnealingLR
                self.after_scheduler.step(epoch - self.warmup_epoch) # 注意CosineAnnealingLR要从0epoch开始,所以需要减去
            else:
                super(GradualWarmupScheduler, self).step(epoch)  # warmup范围,使用当前重构类的()

        def get_lr(self):
            if self.last_epoch > self.warmup_epoch:  # 超过warmup范围,使用CosineAnnealingLR类的get_lr()
                return self.after_scheduler.get_lr()
            else:  # warmup范围,编写线性变化,也就是上图中0-10区间内的直线
                return [base_lr / self.multiplier * ((self.multiplier - 1.) * self.last_epoch / self.warmup_epoch + 1.)
                        for base_lr in self.base_lrs]
    # fmt: on

    return GradualWarmupScheduler


printed = SimpleNamespace(GradualWarmupScheduler=document(lr_scheduler._LRScheduler))
