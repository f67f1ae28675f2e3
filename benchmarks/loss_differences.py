"""Measure the band of `law.difference` on public curves that a law has not seen.

python benchmarks/loss_differences.py MULTI_POWER_LAW LR_SCHEDULING

The arguments are checkouts of thu-yao-01-luo/MultiPowerLaw (8da9f19) and fabian-sp/lr-scheduling. For each model and
peak, laws are fitted on two or three curves, and every pair of the remaining ones is compared at the ends of the runs.
"""

import csv
import json
import sys
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import paramsched as ps

Run = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]  # rates, updates, losses
WARMUP = 'linear(0, 1, over="2159 steps") >> constant(over="1 steps")'
SHAPES = {
    "cosine_24000": "cosine(to=0.1)",
    "constant_24000": "constant()",
    "cosine_72000": "cosine(to=0.1)",
    "constant_72000": "constant()",
    "wsd_20000_24000": 'constant(over="17840 steps") >> geometric(1, 0.1)',
    "wsdld_20000_24000": 'constant(over="17840 steps") >> linear(1, 0.1)',
    **{f"wsdcon_{n}": f'constant(over="5840 steps") >> constant({n / 30})' for n in (3, 9, 18)},
}
COSINE, CONSTANT = "cosine_24000", "constant_24000"
SPLITS = [
    *((COSINE, CONSTANT, one) for one in ("wsdcon_3", "wsdcon_9", "wsdcon_18", "wsdld_20000_24000")),
    *((COSINE, one) for one in (CONSTANT, "wsdcon_3", "wsdcon_9", "wsdld_20000_24000")),
    *((CONSTANT, one) for one in ("wsdcon_3", "wsdcon_9", "wsd_20000_24000")),
    (COSINE, "wsdcon_3", "wsdcon_18"),
]


def multi_power_law(folder: Path) -> dict[str, Run]:
    """Return the nine curves of a model of MultiPowerLaw."""
    found = {}
    for name, shape in SHAPES.items():
        horizon = 16000 if "con_" in name else int(name.rpartition("_")[2])
        rates = ps.trace(ps.Plan(lr=f"{WARMUP} >> {shape}", horizon=horizon), {"lr": 3e-4})["lr"]
        rows = list(csv.reader((folder / f"{name}.csv").open()))[1:]
        at, losses = (np.array([float(row[column]) for row in rows]) for column in (0, 2))
        found[name] = np.asarray(rates), at[at < horizon].astype(int), losses[at < horizon]
    return found


def lr_scheduling(folder: Path, peak: str) -> dict[str, Run]:
    """Return the validation losses of the 124M models with a peak rate; a branch has the losses of its trunk too."""
    found = {}
    for file in sorted(folder.glob(f"*124*_nlayers12_nhead12_lr{peak}_sched*.json")):
        data = json.loads(file.read_text())
        config, losses = data["config"], data["history"]["val"]
        horizon, warm, t = config["iterations"], config["warmup_steps"], np.arange(config["iterations"])
        if "zero" in file.name:
            continue
        if config["scheduler"] == "cos":  # torch's OneCycleLR with div_factor=100, ends at a tenth
            up = 0.01 + 0.99 * (1 - np.cos(np.pi * t / (warm - 1))) / 2
            rates = np.where(t < warm - 1, up, 0.1 + 0.9 * (1 + np.cos(np.pi * (t - warm + 1) / (horizon - warm))) / 2)
        else:
            part = int(horizon * config["wsd_fract_decay"])
            done = np.clip((t - horizon + part) / max(part, 1), 0, 1)
            rates = np.where(t < warm, t / warm, 1 - (done if config["decay_type"] == "linear" else np.sqrt(done)))
        at, index = np.unique(losses["iter"], return_index=True)
        name = f"{file.name.split('_')[0]}_{config['decay_type']}_{horizon}"
        inside = at < horizon
        found[name] = config["lr"] * rates, at[inside], np.array(losses["val_loss"])[index][inside]
    trunk = next(name for name in found if name.startswith("stable"))
    _, at, losses = found[trunk]
    for name, (rates, branch, measured) in found.items():
        if name.startswith("ann"):
            earlier = at < branch[0]
            found[name] = rates, np.append(at[earlier], branch), np.append(losses[earlier], measured)
    found["trunk_25000"] = found[trunk][0][:25000], at[at < 25000], losses[at < 25000]
    return found


def measure(title: str, curves: dict[str, Run], splits: list[tuple[str, ...]], trunk: str = "") -> None:
    """Print the share of true differences inside the band, and its width over that of the two bands together."""
    found: dict[bool, list[tuple[bool, float]]] = {True: [], False: []}
    for fitted in splits:
        law = ps.loss_law.fit([curves[one][1:] for one in fitted], [curves[one][0] for one in fitted])
        unseen = [one for one in curves if one not in (*fitted, trunk)]
        runs = {one: law.predict(curves[one][0]) for one in unseen}
        for a, b in combinations(unseen, 2):
            gap = law.difference(runs[a], runs[b])
            true = curves[a][2][-1] - curves[b][2][-1]
            bands = sum(runs[one].high[-1] - runs[one].low[-1] for one in (a, b))
            equal = runs[a].rates.size == runs[b].rates.size
            found[equal].append((gap.low <= true <= gap.high, (gap.high - gap.low) / bands))
    for equal, rows in found.items():
        inside, width = np.mean(rows, axis=0)
        print(f"{title}, {'equal' if equal else 'other'} lengths: {inside:.1%} of {len(rows)} pairs, width {width:.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    power, scheduling = map(Path, sys.argv[1:3])
    for size in ("25", "100", "400"):
        measure(f"{size}M", multi_power_law(power / "loss_curve_repo" / f"csv_{size}"), SPLITS)
    for peak in ("0.0005", "0.001", "0.002"):
        curves = lr_scheduling(scheduling / "data", peak)
        cosine = next(one for one in curves if one.startswith("cos") and one.endswith("_25000"))
        short = [one for one in curves if one.startswith("ann") and one.endswith("_25000")]
        pairs = [("trunk_25000", one) for one in (*short, cosine)] + [(cosine, one) for one in short]
        measure(f"124M at {peak}", curves, [*pairs, *(("trunk_25000", cosine, one) for one in short)], "trunk_25000")
