"""The gallery draws every scheduler of torch, each with its parameters and formula."""

from pathlib import Path

import pytest
import torch.optim.lr_scheduler as peers

from support import programs
from support.example_runs import environment

EXAMPLE = Path(__file__).parents[3] / "examples" / "gallery" / "make.py"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    finished = programs.run([str(EXAMPLE), str(folder)], env=environment())
    assert finished.returncode == 0, finished.stderr
    return folder / "index.html"


@pytest.mark.parametrize("name", [name for name in peers.__all__ if name != "LRScheduler"])
def test_every_scheduler_of_torch_is_in_the_gallery(page, name):
    assert f"<h2>{name}</h2>" in page.read_text()


def test_the_gallery_shows_cycled_momentum(page):
    sections = page.read_text().split("<section>")

    for name in ("CyclicLR", "OneCycleLR"):
        drawn = [section for section in sections if f"<h2>{name}</h2>" in section]
        assert drawn
        assert all(">momentum<" in section for section in drawn)


def test_the_gallery_is_also_an_image(page):
    assert (page.parent / "gallery.png").read_bytes().startswith(b"\x89PNG")
