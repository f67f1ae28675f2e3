"""The curves that MMEngine's tutorial shows as pictures are drawn from the configs beside them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from paramsched.cli import main

PICTURES = {
    "by epoch": "dict(type='CosineAnnealingLR', by_epoch=True, T_max=12)",
    "converted": "dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)",
    "milestones": "dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11], gamma=0.1)",
    "warm-up": """[
        dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=50),
        dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11], gamma=0.1)]""",
    "two windows": """[
        dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
        dict(type='CosineAnnealingLR', T_max=800, by_epoch=False, begin=100, end=900)]""",
    "momentum": """[
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=100),
        dict(type='LinearMomentum', start_factor=0.001, by_epoch=False, begin=0, end=1000)]""",
    "any entry": """[
        dict(type='LinearParamScheduler', param_name='weight_decay', start_factor=0.001, by_epoch=False, end=1000)]""",
}


@pytest.mark.parametrize("suffix", [".svg", ".html", ".png"])
@pytest.mark.parametrize("config", PICTURES.values(), ids=PICTURES.keys())
def test_plot_draws_the_picture_of_each_config(config, suffix, tmp_path: Path):
    pytest.importorskip("paramsched_runner")
    (tmp_path / "config.py").write_text(f"param_scheduler = {config}\n")
    out = tmp_path / f"picture{suffix}"
    options = ["--run-config", "--total", "60 epochs", "--steps-per-epoch", "20", "-o", str(out)]

    plotted = CliRunner().invoke(main, ["show", str(tmp_path / "config.py"), *options])

    assert plotted.exit_code == 0, plotted.output
    assert out.stat().st_size > 1000
