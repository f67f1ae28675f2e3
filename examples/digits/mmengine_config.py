# ruff: noqa: C408, D100  # a config as MMEngine's are written
# The digits run in MMEngine's words:  python -m paramsched.mmengine examples/digits/mmengine_config.py
custom_imports = dict(imports=["parts"])

max_epochs = 20
warmup_epochs = 2

model = dict(type="DigitsNetwork")
work_dir = "runs/digits-config"
train_dataloader = dict(
    dataset=dict(type="digits_images", train=True),
    batch_size=32,
    sampler=dict(type="DefaultSampler", shuffle=True),
)
val_dataloader = dict(dataset=dict(type="digits_images", train=False), batch_size=360)
val_evaluator = dict(type="Accuracy")
val_cfg = dict()
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=3e-3, betas=(0.9, 0.999), weight_decay=0.05),
)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.01,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.01,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type="LinearMomentum",
        start_factor=0.94,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
]

default_hooks = dict(
    logger=dict(type="LoggerHook", interval=45),
    checkpoint=dict(type="CheckpointHook", interval=5),
)
randomness = dict(seed=0)
