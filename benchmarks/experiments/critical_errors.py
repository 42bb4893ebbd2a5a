"""What finds critical translation errors: the shipped model, cosine alone, and the prompt alone.

    python benchmarks/experiments/critical_errors.py --data ../shared/data

The folder holds ``critical_errors/<language>.train.tsv`` and ``.dev.tsv`` (WMT 2021 quality estimation, task 3).
The prompt alone is a linear model of the prompt's vector, trained on the train part: it never sees the translation,
and what it reaches shows how far the topic predicts the error. For each, the MCC on the dev part where 4, 8 and 12 % of
the rows without a critical error are flagged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mlc_data.checks.critical import critical_model
from mlc_data.sentence_encoder.packaged import UseMultilingual

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.experiments.real_errors import mcc
from scripts.meaning.train import JUDGED, judged

FLAGGED = (0.04, 0.08, 0.12)
EPOCHS = 30


def main() -> None:
    """Print a line for each language and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    encoder = UseMultilingual()
    model = critical_model(encoder.id)
    if model is None:
        raise SystemExit(f"there is no model for {encoder.id}")
    for language in JUDGED:
        dev = judged(data, language, "dev", encoder)
        ways = {
            "shipped model": model.scores(dev["source"], dev["text"]),
            "cosine alone": -(dev["source"] * dev["text"]).sum(axis=1),
            "prompt alone": prompt_alone(judged(data, language, "train", encoder), dev["source"]),
        }
        for name, scores in ways.items():
            reached = [at(scores, dev["critical"] == 1, share) for share in FLAGGED]
            shown = ", ".join(
                f"{value:.3f} at {share:.0%}" for value, share in zip(reached, FLAGGED, strict=True)
            )
            print(f"{language}: {name}: MCC {shown}", flush=True)


def prompt_alone(train: dict[str, Any], sources: Any) -> Any:
    """Return the scores of a linear model of the prompt's vector."""
    torch.manual_seed(0)
    inputs, targets = torch.tensor(train["source"] * 10), torch.tensor(train["critical"])
    linear = nn.Linear(inputs.shape[1], 1)
    optimizer = torch.optim.AdamW(linear.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(256):
            loss = nn.functional.binary_cross_entropy_with_logits(
                linear(inputs[rows])[:, 0], targets[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        return linear(torch.tensor(sources * 10))[:, 0].numpy()


def at(scores: Any, critical: Any, flagged: float) -> float:
    """Return the MCC of the threshold that flags a share of the rows without a critical error."""
    rejected = scores > np.quantile(scores[~critical], 1 - flagged)
    hits, alarms = int((rejected & critical).sum()), int((rejected & ~critical).sum())
    return mcc(hits, alarms, int(critical.sum()) - hits, int((~critical).sum()) - alarms)


if __name__ == "__main__":
    main()
