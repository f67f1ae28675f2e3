"""A class that a reader suggests for an unknown one is pasted into the config: the reader accepts its arguments.

A config may name a class of its own that resembles one of the library. Whoever obeys a suggestion then trains another
schedule, so a similar name alone is no reason for one.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramsched.compat.torch.arguments import TABLES
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.files.known_dialects import dialect_named
from paramsched.errors import ConfigError
from paramsched.mmengine.reader.arguments import class_names
from support import answers
from support.spread import every

SLICES = 3
CLASSES = {"torch": sorted(TABLES), "mmengine": class_names()}
FILES = {"torch": "compat/torch/answers.yaml", "mmengine": "mmengine/reader/answers.yaml"}
OWN = {"stages": [4, 8], "stage_gammas": [0.5, 0.1]}
"""Arguments that no class of the libraries has."""


def problems(library: str, config: Any) -> tuple[Diagnostic, ...]:
    try:
        dialect_named(library).plan_of(config, calendar=None, base=0.1)
    except ConfigError as error:
        return error.diagnostics
    return ()


def misspelled(name: str) -> list[str]:
    """Return names that resemble a class: a letter left out, two exchanged, or another word of the same letters."""
    return [name[:3] + name[4:], name[:2] + name[3] + name[2] + name[4:], name.replace("Step", "Stage")]


def places_of_classes(library: str, data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each mapping that names a class in one of its values, and the key."""
    if isinstance(data, dict):
        yield from ((data, key) for key, one in data.items() if isinstance(one, str) and one in CLASSES[library])
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from places_of_classes(library, one)


def variants(library: str, config: Any) -> Iterator[tuple[Any, str]]:
    """Yield the config with an unknown class, with the arguments of the known one and with others, and its name."""
    for place, (holder, key) in enumerate(places_of_classes(library, config)):
        for name in misspelled(holder[key]):
            if name not in CLASSES[library]:
                for more in ({}, OWN):
                    changed = copy.deepcopy(config)
                    mapping, _ = [*places_of_classes(library, changed)][place]
                    mapping[key] = name
                    arguments = next(
                        (mapping[one] for one in ("init_args", "kwargs", "params") if one in mapping), mapping
                    )
                    if isinstance(arguments, dict):
                        arguments.update(more)
                        yield changed, name


def with_class(data: Any, name: str, suggested: str) -> Any:
    if isinstance(data, dict):
        return {key: with_class(one, name, suggested) for key, one in data.items()}
    if isinstance(data, list):
        return [with_class(one, name, suggested) for one in data]
    return suggested if data == name else data


@pytest.mark.parametrize("number", every(SLICES, range(SLICES)))
@pytest.mark.parametrize("library", CLASSES)
@pytest.mark.filterwarnings("ignore")
def test_a_suggested_class_is_accepted_with_the_arguments_of_the_config(library: str, number: int) -> None:
    file = Path(__file__).parents[2] / FILES[library]
    configs = [one["config"] for one in answers.read(file) if one.keys() & {"plan", "facts", "base"} == {"plan"}][
        number::SLICES
    ]
    tried = [pair for config in configs for pair in variants(library, config)]
    suggested = [
        (config, name, found.partition('did you mean "')[2].partition('"')[0])
        for config, name in tried
        for found in [one.problem.found for one in problems(library, config)]
        if f'{name}"' in found or f"{name};" in found
    ]
    offered = [one for one in suggested if one[2]]

    refused = [(*one, problems(library, pasted)) for one in offered if problems(library, pasted := with_class(*one))]

    assert len(offered) > 3
    assert len(offered) < len(suggested)
    assert refused == []
