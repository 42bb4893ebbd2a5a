"""Marks of residue, one kind at a time, and texts that only look like it."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Residue
from mlc_data.checks.marks import residue
from mlc_data.text.mojibake import mojibake

Rows = Callable[..., pl.DataFrame]

PROMPT = "How do I feed my pigeon every morning?"
SPANISH = "¿Cómo alimento a mi paloma todas las mañanas?"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zho_Hans", "我每天早上怎么喂我的 ⁇ ？"),
        ("zho_Hans", "我每天早上怎么喂我的<unk>？"),
        ("spa_Latn", "<s> ¿Cómo alimento a mi paloma?</s>"),
        ("spa_Latn", "¿Cómo alimento a mi paloma?<pad><pad>"),
        ("spa_Latn", "spa_Latn ¿Cómo alimento a mi paloma?"),
        ("fra_Latn", "__fr__ Comment nourrir mon pigeon ?"),
        ("fra_Latn", ">>fra<< Comment nourrir mon pigeon ?"),
        ("fra_Latn", "fr_XX Comment nourrir mon pigeon ?"),
        ("deu_Latn", "<2de> Wie füttere ich meine Taube?"),
        ("deu_Latn", "de Wie füttere ich meine Taube?"),
        ("deu_Latn", "[de] Wie füttere ich meine Taube?"),
        ("deu_Latn", "▁Wie▁füttere▁ich meine Taube?"),
        ("deu_Latn", "Wie füt@@ tere ich meine Tau@@ be?"),
        ("deu_Latn", "Wie füt ##tere ich meine Tau ##be?"),
        ("fra_Latn", "Qu&apos;est-ce que je donne à mon pigeon ?"),
        ("fra_Latn", "Qu&#39;est-ce que je donne à mon pigeon ?"),
        ("spa_Latn", "&quot;¿Cómo alimento a mi paloma?&quot;"),
        ("spa_Latn", "¿C\ufffdmo alimento a mi paloma?"),
        ("spa_Latn", "\\u00bfC\\u00f3mo alimento a mi paloma?"),
        ("spa_Latn", "¿Cómo alimento\\na mi paloma?"),
        ("spa_Latn", "Â¿CÃ³mo alimento a mi paloma?"),
        ("spa_Latn", "Comen â€œpanâ€\u009d cada maÃ±ana"),
        ("rus_Cyrl", "РљР°Рє РєРѕСЂРјРёС‚СЊ РіРѕР»СѓР±СЏ?"),
        ("rus_Cyrl", "Как корм\u200bить голубя?"),
        ("spa_Latn", "Here is the translation: ¿Cómo alimento a mi paloma?"),
        ("spa_Latn", "Sure, here is the Spanish version: ¿Cómo alimento a mi paloma?"),
        ("spa_Latn", "Traducción: ¿Cómo alimento a mi paloma?"),
        ("spa_Latn", "Aquí está la traducción:\n¿Cómo alimento a mi paloma?"),
        ("fra_Latn", "Bien sûr, voici la traduction : Comment nourrir mon pigeon ?"),
        ("deu_Latn", "Hier ist die Übersetzung: Wie füttere ich meine Taube?"),
        ("rus_Cyrl", "Вот перевод: Как кормить голубя?"),
        ("arb_Arab", "إليك الترجمة: كيف أطعم حمامتي؟"),
        ("zho_Hans", "以下是翻译：我怎么喂鸽子？"),
        ("jpn_Jpan", "以下は翻訳です：鳩にどうやって餌をやりますか？"),
        ("swh_Latn", "Tafsiri: Ninalishaje njiwa wangu?"),
        ("urd_Arab", "یہاں ترجمہ ہے: میں اپنے کبوتر کو کیسے کھلاؤں؟"),
        ("ben_Beng", "অনুবাদ: আমি আমার কবুতরকে কীভাবে খাওয়াব?"),
        ("deu_Latn", "Deutsch: Wie füttere ich meine Taube?"),
        ("deu_Latn", "Assistant: Wie füttere ich meine Taube?"),
        ("deu_Latn", "Wie f?ttere ich meine Taube?"),
        ("deu_Latn", "Wie\x00 füttere ich meine Taube?"),
        ("deu_Latn", '{"translation": "Wie füttere ich meine Taube?"}'),
    ],
)
def test_mark_is_found(language: str, text: str) -> None:
    assert residue(text, PROMPT, language) > 0


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("spa_Latn", PROMPT, SPANISH),
        ("fra_Latn", "Here is the question: why?", "Voici la question : pourquoi ?"),
        ("deu_Latn", "What is a translation: an art?", "Was ist eine Übersetzung: eine Kunst?"),
        ("deu_Latn", "What does &amp; mean?", "Was bedeutet &amp;?"),
        ("deu_Latn", "Remove the <s> tag.", "Entferne das Tag <s>."),
        ("deu_Latn", "Is it spa_Latn?", "Ist es spa_Latn?"),
        ("pes_Arab", PROMPT, "چگونه به کبوترم غذا می\u200cدهم؟"),
        ("hin_Deva", PROMPT, "मैं कबूतर को क्\u200dया खिलाऊँ?"),
        ("tha_Thai", PROMPT, "ฉันให้อาหาร\u200bนกพิราบอย่างไร"),
        ("arb_Arab", PROMPT, "كيف أطعم\u200f حمامتي؟"),
        ("deu_Latn", "Send me a family emoji", "Schick mir 👨\u200d👩\u200d👧"),
        ("fra_Latn", PROMPT, "« Déjà vu » : où est l’été ?"),
        ("por_Latn", "THE END", "“AMANHÔ"),
        ("zho_Hans", PROMPT, "怎么喂?我不知道"),
        ("mlt_Latn", PROMPT, "Ġwanni jgħix fiċ-Ċentru"),
        ("spa_Latn", "is Ana here?", "es Ana la de aquí?"),
        ("swh_Latn", "What?! Why???", "Nini?! Kwa nini???"),
    ],
)
def test_good_text_has_none(language: str, source: str, text: str) -> None:
    assert residue(text, source, language) == 0


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "mac_roman", "cp437"])
@pytest.mark.parametrize(
    ("script", "text"), [("Cyrl", "Как мне это сделать"), ("Arab", "كيف يمكنني"), ("Latn", "Cómo")]
)
def test_mojibake_of_every_encoding(encoding: str, script: str, text: str) -> None:
    assert mojibake(text.encode().decode(encoding, "ignore"), script) > 0


def test_a_language_with_many_diacritics_has_lost_them_all(rows: Rows) -> None:
    good = "Làm thế nào để tôi cho chim bồ câu ăn mỗi buổi sáng?"
    plain = "Lam the nao de toi cho chim bo cau an moi buoi sang?"
    table = rows(
        (PROMPT, good, "vie_Latn"), (PROMPT, plain, "vie_Latn"), (PROMPT, plain, "swh_Latn")
    )
    judged = Residue().score(table)
    assert [score > 6 for score in judged["residue_stripped"]] == [False, True, False]


def test_marks_and_verdict(
    rows: Rows, judged: Callable[[Residue, pl.DataFrame], pl.DataFrame]
) -> None:
    table = rows((PROMPT, SPANISH, "spa_Latn"), (PROMPT, SPANISH + " ⁇ ⁇", "spa_Latn"))
    scored = judged(Residue(), table)
    assert scored["residue_marks"].to_list() == [0.0, 2.0]
    assert scored["passes"].to_list() == [True, False]
