"""A translation model of NLLB-200-600M's shape with random weights, for measurements of speed."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import torch
from transformers import M2M100Config, M2M100ForConditionalGeneration

from mlc_data.core.records import FailureReason
from mlc_data.translate.engines.base import Hypothesis
from mlc_data.translate.engines.families.nllb import NllbTranslator
from mlc_data.translate.engines.weights import MODEL_FILE
from scripts.phrasebook.package import convert
from scripts.phrasebook.phrasebook import FOLDER, LANGUAGES
from scripts.phrasebook.tokens import PIECES_FILE, Layout

VOCABULARY = 256_206
TARGETS_OF_SHAPE = ("spa_Latn", "fra_Latn", "deu_Latn", "swh_Latn", "arb_Arab", "zho_Hans")


_NUMBERS = count(1)


class FixedLength(NllbTranslator):
    """Takes a hypothesis that reached the limit as it is: random weights never end a sentence."""

    def _hypothesis(
        self, tokens: list[str], score: float | None, prefix: list[str], unknown: float
    ) -> Hypothesis:
        made = super()._hypothesis(tokens, score, prefix, unknown)
        if made.failure != FailureReason.OUTPUT_LIMIT:
            return made
        # Random weights say the same of everything; with a number each is translated back for itself.
        # All numbers have five digits, or those who ask later would have longer sentences.
        text = f"{self._decoder.decode(tokens[len(prefix) :])} {10_000 + next(_NUMBERS) % 90_000}"
        return Hypothesis(text, score, unknown)


def build_shape(folder: Path) -> Any:
    """Write an int8 CTranslate2 model of 12 + 12 layers, width 1024, 256,206 tokens; returns the
    network with its ``tokens``.

    Tokens beyond the phrasebook's pieces have embeddings of zero, so that the model, random as it
    is, answers in pieces that can be put into text and tokenised again.
    """
    torch.manual_seed(0)
    pieces = (FOLDER / "model" / PIECES_FILE).read_bytes()
    layout = Layout(pieces, LANGUAGES)
    own = len(layout.vocabulary) - len(LANGUAGES)
    filler = [f"<filler{number}>" for number in range(VOCABULARY - len(layout.vocabulary))]
    tokens = [*layout.vocabulary[:own], *filler, *LANGUAGES]
    config = M2M100Config(
        vocab_size=VOCABULARY, d_model=1024, encoder_layers=12, decoder_layers=12,
        encoder_attention_heads=16, decoder_attention_heads=16, encoder_ffn_dim=4096,
        decoder_ffn_dim=4096, max_position_embeddings=1024, scale_embedding=True,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    network = M2M100ForConditionalGeneration(config).eval()
    with torch.no_grad():
        # Special tokens too: none of them is to be said.
        network.model.shared.weight[:4] = 0
        network.model.shared.weight[own:] = 0
    folder.mkdir(parents=True)
    convert(network, tokens, folder)
    (folder / PIECES_FILE).write_bytes(pieces)
    described = {"id": "random weights, NLLB-200-600M's shape", "licence": "Apache-2.0"}
    (folder / MODEL_FILE).write_text(json.dumps(described))
    network.tokens = tokens
    return network
