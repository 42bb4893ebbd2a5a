"""Train the model of critical errors that `mlc_data.checks.critical` reads.

    python scripts/meaning/train.py ../shared/data mlc_data/checks/critical_models/use-multilingual.safetensors

The folder holds ``critical_errors/<language>.train.tsv`` (WMT 2021 quality estimation, task 3; CC0) and
``ntrex/<language>.txt`` (NTREX-128, human translations; CC-BY-SA-4.0).

Web comments that machines translate badly are mostly about the same few topics. A model that learned the
topics would reject good translations of harmful prompts, so each comment is also shown with a good translation, a
vector made of its own and of the difference between prompt and variant in human text: only what is between
the two can tell these apart.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

from mlc_data.checks.critical import features
from mlc_data.sentence_encoder.packaged import UseMultilingual

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.meaning.judged import read_judged

NETWORKS, UNITS, EPOCHS = 4, 32, 16
HELD_OUT = 0.15
FLAGGED = 0.10
"""Share of the rows without a critical error that may score above 0.5, in each language held out."""
GOOD_WEIGHT = 0.3
GOOD_LINES = 1000
JUDGED = ("deu_Latn", "jpn_Jpan")
GOOD = ("deu_Latn", "jpn_Jpan", "fra_Latn", "arb_Arab", "kor_Hang", "tha_Thai", "spa_Latn")


def judged(folder: Path, language: str, part: str, encoder: UseMultilingual) -> dict[str, Any]:
    """Return the vectors ``source`` and ``text``, and whether most people found a critical error."""
    table = read_judged(folder / f"critical_errors/{language}.{part}.tsv", language)
    return {
        "source": encoder.encode(table["source"].to_list()),
        "text": encoder.encode(table["text"].to_list()),
        "critical": table["critical"].to_numpy().astype(np.float32),
    }


def human(folder: Path, language: str, encoder: UseMultilingual) -> dict[str, Any]:
    """Return the vectors of human translations and their sources."""
    lines = [
        (folder / f"ntrex/{code}.txt").read_text(encoding="utf-8").splitlines()[:GOOD_LINES]
        for code in ("eng_Latn", language)
    ]
    return {"source": encoder.encode(lines[0]), "text": encoder.encode(lines[1])}


def network(inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> nn.Sequential:
    """Return a trained network with one hidden layer."""
    model = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(inputs.shape[1], UNITS), nn.ReLU(), nn.Dropout(0.4), nn.Linear(UNITS, 1)
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(256):
            loss = nn.functional.binary_cross_entropy_with_logits(
                model(inputs[rows])[:, 0], targets[rows], weights[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    """Train, set the scale on held-out rows, and write the weights."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    encoder = UseMultilingual()
    good = [human(folder, language, encoder) for language in GOOD]
    differences = np.concatenate([each["text"] - each["source"] for each in good])
    inputs, targets, weights, held_out = [], [], [], []
    for language in JUDGED:
        rows = judged(folder, language, "train", encoder)
        cut = int(len(rows["critical"]) * (1 - HELD_OUT))
        held_out.append({name: value[cut:] for name, value in rows.items()})
        source, text, critical = (rows[name][:cut] for name in ("source", "text", "critical"))
        made = source + differences[random.integers(0, len(differences), cut)]
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        inputs += [features(source, text), features(source, made.astype(np.float32))]
        targets += [critical, np.zeros(cut, np.float32)]
        weights += [np.ones(cut, np.float32)] * 2
    for each in good:
        inputs.append(features(each["source"], each["text"]))
        targets.append(np.zeros(len(inputs[-1]), np.float32))
        weights.append(np.full(len(inputs[-1]), GOOD_WEIGHT, np.float32))
    data = [torch.tensor(np.concatenate(parts)) for parts in (inputs, targets, weights)]
    models = [network(*data) for _ in range(NETWORKS)]

    def logits(rows: dict[str, Any]) -> Any:
        tensor = torch.tensor(features(rows["source"], rows["text"]))
        with torch.inference_mode():
            return np.mean([model(tensor)[:, 0].numpy() for model in models], axis=0)

    threshold = max(
        float(np.quantile(logits(rows)[rows["critical"] == 0], 1 - FLAGGED)) for rows in held_out
    )
    layers = [(model[1], model[4]) for model in models]
    tensors = {
        "hidden": [first.weight.T for first, _ in layers],
        "hidden_bias": [first.bias for first, _ in layers],
        "output": [last.weight[0] for _, last in layers],
        "output_bias": [last.bias[0] - threshold for _, last in layers],
    }
    target.parent.mkdir(exist_ok=True)
    save_file(
        {
            name: torch.stack(values).detach().numpy().astype(np.float16)
            for name, values in tensors.items()
        },
        target,
    )


if __name__ == "__main__":
    main()
