"""Meaning by the vectors of a sentence encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from mlc_data.checks import Check, Intent
from mlc_data.checks.base import Context
from mlc_data.checks.critical import CriticalModel, critical_model, features
from mlc_data.checks.meaning import Meaning, MeaningCheck
from mlc_data.checks.scoring import excuses_of
from mlc_data.sentence_encoder.base import Vectors

Rows = Callable[..., pl.DataFrame]
Judge = Callable[[Check, pl.DataFrame], pl.DataFrame]

PROMPT = "Tell me how to bake bread."
OTHER = "Never feed bread to ducks."


class Encoder:
    """Texts about bread point one way, texts about cars the other, all others between."""

    id, revision, licence = "stub", "7", "MIT"
    languages: frozenset[str] | None = frozenset({"eng_Latn", "spa_Latn"})

    def encode(self, texts: Sequence[str]) -> Vectors:
        angles = [0.0 if "bread" in one or "pan" in one else np.pi / 2 for one in texts]
        return np.array([[np.cos(a), np.sin(a)] for a in angles], np.float32)


def meaning(source: str = "eng_Latn", **settings: object) -> Meaning:
    return Meaning(
        MeaningCheck.model_validate({"encoder": "use-multilingual", **settings}), source, Encoder()
    )


@pytest.mark.parametrize(
    ("text", "cosine"), [("Dime cómo hornear pan.", 1.0), ("Dime cómo robar un coche.", 0.0)]
)
def test_prompt_against_variant(rows: Rows, text: str, cosine: float) -> None:
    scores = meaning().score(rows((PROMPT, text, "spa_Latn", PROMPT)))
    assert scores["meaning_variant"].item() == pytest.approx(cosine, abs=1e-6)


def test_prompt_against_back_translation(rows: Rows) -> None:
    scores = meaning().score(rows((PROMPT, "x", "swh_Latn", "Tell me how to steal a car.")))
    assert scores["meaning_back"].item() == pytest.approx(0, abs=1e-6)


def test_a_variant_in_an_unknown_language_is_not_compared(rows: Rows) -> None:
    scores = meaning().score(rows((PROMPT, "gari", "swh_Latn", PROMPT)))
    assert scores["meaning_variant"].item() is None


def test_the_recipe_may_name_the_languages(rows: Rows) -> None:
    scores = meaning(languages=["eng_Latn", "swh_Latn"]).score(rows((PROMPT, "gari", "swh_Latn")))
    assert scores["meaning_variant"].item() == pytest.approx(0, abs=1e-6)


def test_prompts_in_a_language_that_the_encoder_does_not_know_are_not_judged(rows: Rows) -> None:
    scores = meaning("swh_Latn").score(rows((PROMPT, "coche", "spa_Latn", "car")))
    assert scores.row(0) == (None, None, None)


def test_without_a_back_translation_there_is_nothing_to_compare(rows: Rows) -> None:
    assert meaning().score(rows((PROMPT, "pan", "spa_Latn")))["meaning_back"].item() is None


def test_the_worst_sentence_counts(rows: Rows) -> None:
    parts = [(PROMPT, "pan", PROMPT), (OTHER, "coche", OTHER)]
    table = rows(
        {
            "source": f"{PROMPT} {OTHER}",
            "text": "pan coche",
            "language": "spa_Latn",
            "segments": parts,
        }
    )
    assert meaning().score(table)["meaning_variant"].item() == pytest.approx(0, abs=1e-6)


def test_a_short_sentence_is_not_compared_by_itself(rows: Rows) -> None:
    parts = [(PROMPT, "pan", PROMPT), ("Eat bread.", "coche", "Eat bread.")]
    table = rows(
        {
            "source": f"{PROMPT} Eat bread.",
            "text": "pan coche",
            "language": "spa_Latn",
            "segments": parts,
        }
    )
    assert meaning().score(table)["meaning_variant"].item() == pytest.approx(1, abs=1e-6)


def test_another_meaning_is_rejected(rows: Rows, judged: Judge) -> None:
    table = rows((PROMPT, "pan", "spa_Latn", PROMPT), (PROMPT, "coche", "spa_Latn", PROMPT))
    assert judged(meaning(), table)["passes"].to_list() == [True, False]


def test_scores_do_not_depend_on_other_rows(rows: Rows) -> None:
    wanted = [(PROMPT, "pan", "spa_Latn", PROMPT), (OTHER, "gari", "swh_Latn", "car")]
    alone = pl.concat([meaning().score(rows(one)) for one in wanted])
    assert meaning().score(rows(*wanted)).equals(alone)


def test_a_recipe_without_an_encoder_has_no_such_check() -> None:
    assert Meaning.of_recipe(MeaningCheck(), Context()) is None


def test_the_revision_of_the_encoder_decides_scores() -> None:
    assert meaning().scored_by()["revision"] == "7"


def test_an_encoder_without_a_trained_model_scores_no_critical_errors(rows: Rows) -> None:
    assert critical_model("stub") is None
    scores = meaning().score(rows((PROMPT, "coche", "spa_Latn")))
    assert scores["meaning_critical"].item() is None


def test_features_of_pairs() -> None:
    vectors = np.eye(4, dtype=np.float32)[:3]
    assert features(vectors, vectors).shape == (3, 3 * 4 + 1)


def test_a_model_of_critical_errors_is_the_mean_of_its_networks() -> None:
    vector = np.array([[1.0, 0.0]], np.float32)
    hidden = np.zeros((2, 7, 1), np.float32)
    model = CriticalModel({
        "hidden": hidden, "hidden_bias": np.ones((2, 1), np.float32),
        "output": np.array([[1.0], [3.0]], np.float32), "output_bias": np.zeros(2, np.float32),
    })  # fmt: skip
    assert model.scores(vector, vector).tolist() == [pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)]


def test_the_shipped_model_takes_the_vectors_of_its_encoder() -> None:
    model = critical_model("use-multilingual")
    assert model is not None
    vectors = np.eye(512, dtype=np.float32)[:2]
    assert ((model.scores(vectors, vectors) >= 0) & (model.scores(vectors, vectors) <= 1)).all()


@pytest.mark.parametrize(
    ("settings", "encoder", "excused"),
    [
        ({}, "use-multilingual", True),
        ({"same_back": 0.99}, "use-multilingual", False),
        ({}, "another", False),  # other encoders have other scales
        ({"same_back": 0.5}, "another", True),
        ({"enabled": False}, "use-multilingual", False),
    ],
)
def test_a_back_translation_with_the_same_meaning_excuses_a_lost_object(
    settings: dict[str, object], encoder: str, *, excused: bool
) -> None:
    check, intent = meaning(encoder=encoder, **settings), Intent()
    scores = {"intent_polarity": 1.0, "intent_object": 0.0, "meaning_back": 0.8}
    table = pl.DataFrame({"language": ["swh_Latn"], **scores})
    assert table.select(intent.passes(excuses_of([intent, check]))).item() is excused


def test_a_lost_negation_is_not_excused() -> None:
    check, intent = meaning(same_back=0.5), Intent()
    scores = {"intent_polarity": 0.0, "intent_object": 1.0, "meaning_back": 1.0}
    table = pl.DataFrame({"language": ["swh_Latn"], **scores})
    assert not table.select(intent.passes(excuses_of([intent, check]))).item()
