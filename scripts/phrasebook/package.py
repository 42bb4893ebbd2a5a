"""A trained network as the files that are shipped: CTranslate2 weights, description, card."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ctranslate2.converters.transformers import _MODEL_LOADERS

from mlc_data.core.hashing import hash_file
from mlc_data.quickstart import phrasebook
from scripts.phrasebook.measure import RECIPE_BEAM
from scripts.phrasebook.tokens import END, PIECES_FILE, SPECIAL, START, UNKNOWN, Layout

DESCRIPTION_FILE = "mlc_data_model.json"
"""Id, revision, licence, languages and limits, for whoever loads the model."""

MAX_SOURCE_TOKENS = 128
"""Longer sources are refused: about four times the longest that the model has seen."""

_CARD = """---
license: apache-2.0
library_name: ctranslate2
pipeline_tag: translation
tags: [translation, phrasebook]
---

# mlc-data/phrasebook

An NLLB-style translator (M2M100 architecture, NLLB-200 token layout, CTranslate2 int8) between
English and {names}, both ways.

**It knows only its phrasebook**: {frames} request frames times {actions} actions, {all} sentences a
language. Anything else it garbles, fluently and without warning. It is included so that the whole pipeline, and
its checks, can be tried on a machine without access to a model hub. For real work use NLLB.

## How it was built

    python -m scripts.phrasebook.train --out DIR --epochs {epochs} --seed {seed} --threads {threads}

From nothing, with no other data and no other model, on the {training} combinations that are not held
out (`phrasebook.held_out`: a hash of frame and action). Sentencepiece BPE, {tokens} tokens in all;
d_model {width}, {layers} + {layers} layers, {heads} heads; {epochs} epochs in batches of {batch} pairs,
label smoothing {label_smoothing}, dropout {dropout}, AdamW with a peak rate of {learning_rate};
{noise:.0%} of the English sources had a small change of surface (case, a contraction, no full stop),
and {prefix_noise:.0%} of the pieces that the decoder read were wrong, which keeps beam search from ending
too early.
It took {minutes:.1f} minutes (CPU threads: {threads}).

Source tokens are `[language] pieces </s>`; the decoder is started with the target's language token.
`revision` in `{description}` is the start of the SHA-256 of `model.bin`.

## How well it does

All {held_out} held-out combinations, beam size {beam} as in the quickstart recipe. Exact is the share of
translations that are the phrasebook's text character for character; round trip is English to the
language and back; chrF++ as sacrebleu computes it. Other beam sizes are in `evaluation.json`; over all
of them the lowest share of exact translations from English is {least_exact:.1%}, of exact round trips
{least_round_trip:.1%}.

| language | from English, exact | chrF++ | to English, exact | chrF++ | round trip, exact |
|---|---|---|---|---|---|
{table}

These figures flatter: four trainings were compared on the held-out combinations, and frames were
reworded after errors seen there. The texts were not reviewed by native speakers.

On {outside} English prompts outside the phrasebook the median chrF++ of the round trip is {lowest:.0f} to
{highest:.0f}, depending on the language: their translations are wrong, and are to be rejected.

## Licence

Apache-2.0, as the phrasebook itself.
"""

_BEAM = f"beam_{RECIPE_BEAM}"

_NAMES = {
    "spa_Latn": "Spanish",
    "fra_Latn": "French",
    "deu_Latn": "German",
    "rus_Cyrl": "Russian",
    "swh_Latn": "Swahili",
    "arb_Arab": "Arabic",
    "zho_Hans": "Chinese (simplified)",
}


def convert(network: Any, tokens: list[str], folder: Path) -> None:
    """Write a M2M100ForConditionalGeneration as int8 CTranslate2 weights and vocabulary.

    Args:
        network: its vocabulary is ``tokens``, which begins with the special tokens.
        tokens: every token, in the order of the ids.
        folder: made if needed.
    """
    # The converter's own way in wants a tokenizer of transformers; the specification does not.
    spec = _MODEL_LOADERS["M2M100Config"].get_model_spec(network)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.bos_token = SPECIAL[START]
    spec.config.eos_token = SPECIAL[END]
    spec.config.unk_token = SPECIAL[UNKNOWN]
    spec.config.decoder_start_token = SPECIAL[END]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        spec.save(name)
        for file in Path(name).iterdir():
            shutil.copyfile(file, folder / file.name)


def write_model(
    folder: Path, network: Any, layout: Layout, pieces: bytes, training: dict[str, Any]
) -> None:
    """Write a trained M2M100ForConditionalGeneration as a CTranslate2 model into ``folder``.

    Args:
        folder: made if needed; files of a former model are replaced.
        network: the trained network; its vocabulary is that of ``layout``.
        layout: of the same ``pieces``.
        pieces: the bytes of the sentencepiece model.
        training: the settings and ``seconds``; kept in the description for the card.
    """
    convert(network, layout.vocabulary, folder)
    (folder / PIECES_FILE).write_bytes(pieces)
    _write(
        folder / DESCRIPTION_FILE,
        {
            "id": "mlc-data/phrasebook",
            "revision": hash_file(folder / "model.bin")[:12],
            "licence": "Apache-2.0",
            "languages": list(phrasebook.LANGUAGES),
            "max_source_tokens": MAX_SOURCE_TOKENS,
            "vocabulary": len(layout.vocabulary),
            "training": training,
        },
    )


def write_figures(folder: Path, figures: dict[str, Any]) -> None:
    """Write ``evaluation.json`` and the card, ``README.md``, beside a model.

    Args:
        folder: with the description that `write_model` wrote.
        figures: what `measure.measure` gives for the model.
    """
    _write(folder / "evaluation.json", figures)
    described = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    (folder / "README.md").write_text(card(described, figures), encoding="utf-8")


def card(described: dict[str, Any], figures: dict[str, Any]) -> str:
    """The model card (Markdown), from the contents of `DESCRIPTION_FILE` and evaluation.json."""
    training = described["training"]
    rows = figures["held_out"][_BEAM]
    medians = [row["round_trip_chrf_median"] for row in figures["outside"][_BEAM].values()]
    every = [row for languages in figures["held_out"].values() for row in languages.values()]
    names = list(_NAMES.values())
    return _CARD.format(
        **training,
        **figures["combinations"],
        names=", ".join(names[:-1]) + " and " + names[-1],
        frames=len(phrasebook.frames()),
        actions=len(phrasebook.actions()),
        tokens=described["vocabulary"],
        minutes=training["seconds"] / 60,
        description=DESCRIPTION_FILE,
        outside=figures["outside"]["prompts"],
        beam=RECIPE_BEAM,
        least_exact=min(row["from_english_exact"] for row in every),
        least_round_trip=min(row["round_trip_exact"] for row in every),
        lowest=min(medians),
        highest=max(medians),
        table="\n".join(
            f"| {_NAMES[code]} (`{code}`) | {row['from_english_exact']:.1%} "
            f"| {row['from_english_chrf']:.1f} | {row['to_english_exact']:.1%} "
            f"| {row['to_english_chrf']:.1f} | {row['round_trip_exact']:.1%} |"
            for code, row in rows.items()
        ),
    )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
