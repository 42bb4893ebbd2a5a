"""Model of critical translation errors over the vectors of prompt and variant.

Trained by ``scripts/meaning/train.py`` on the train part of WMT 2021 quality estimation, task 3 (real machine
translations of English web comments into German and Japanese, each judged by three people; Specia et al.
2021), and on good pairs. A model stands beside this file for each encoder that has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlc_data.sentence_encoder.base import Vectors

_FOLDER = Path(__file__).parent / "critical_models"


@dataclass(frozen=True)
class CriticalModel:
    """Mean of small networks with one hidden layer.

    Attributes:
        weights: ``hidden`` [K, F, H], ``hidden_bias`` [K, H], ``output`` [K, H], ``output_bias`` [K]; K
            networks, F features, H units.
    """

    weights: dict[str, Any]

    def scores(self, sources: Vectors, variants: Vectors) -> Any:
        """Return the score of a critical error (0 to 1) of each pair of unit vectors [N, D]."""
        import numpy as np

        features_ = features(sources, variants)
        hidden = np.einsum("nf,kfh->nkh", features_, self.weights["hidden"])
        hidden = np.maximum(hidden + self.weights["hidden_bias"], 0)
        logits = np.einsum("nkh,kh->nk", hidden, self.weights["output"])
        mean = (logits + self.weights["output_bias"]).mean(axis=1)
        return (1 / (1 + np.exp(-mean.astype(np.float64)))).round(6)


def features(sources: Vectors, variants: Vectors) -> Vectors:
    """Return the features [N, 3 D + 1] of pairs of unit vectors [N, D]: their product, squared difference and
    cosine, and the prompt's vector, scaled to similar sizes."""
    import numpy as np

    product = sources * variants
    parts = [
        product * 20,
        (sources - variants) ** 2 * 20,
        product.sum(axis=1, keepdims=True) * 3,
        sources * 10,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


@cache
def critical_model(encoder: str) -> CriticalModel | None:
    """Return the model for an encoder (its id); None if there is none."""
    path = _FOLDER / f"{encoder.replace('/', '--')}.safetensors"
    if not path.is_file():
        return None
    from safetensors.numpy import load_file

    return CriticalModel({name: value.astype("float32") for name, value in load_file(path).items()})
