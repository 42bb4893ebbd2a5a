"""Refusals in place of translations."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from mlc_data.checks import Refusal
from mlc_data.checks.calibration import CALIBRATED
from mlc_data.languages.flores import get_language
from mlc_data.text.refusals import REFUSALS

Rows = Callable[..., pl.DataFrame]

SORRY = {
    "eng_Latn": "I'm sorry, but I can’t help with that.",
    "amh_Ethi": "ይቅርታ፣ ልረዳዎት አልችልም።",
    "arb_Arab": "عذرًا، لا أستطيع مساعدتك في ذلك.",
    "ben_Beng": "দুঃখিত, আমি আপনাকে সাহায্য করতে পারছি না।",
    "ckb_Arab": "ببوورە، ناتوانم یارمەتیت بدەم.",
    "deu_Latn": "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "fra_Latn": "Je suis désolé, mais je ne peux pas vous aider.",
    "hau_Latn": "Yi hakuri, ba zan iya taimaka maka ba.",
    "hin_Deva": "मुझे खेद है, मैं इसमें आपकी मदद नहीं कर सकता।",
    "ind_Latn": "Maaf, saya tidak dapat membantu Anda.",
    "ita_Latn": "Mi dispiace, ma non posso aiutarti.",
    "jav_Latn": "Nuwun sewu, aku ora bisa mbantu sampeyan.",
    "jpn_Jpan": "申し訳ありませんが、お手伝いできません。",
    "kmr_Latn": "Bibore, ez nikarim alîkariya te bikim.",
    "kor_Hang": "죄송하지만 도와드릴 수 없습니다.",
    "nld_Latn": "Sorry, maar ik kan je daar niet bij helpen.",
    "pbt_Arab": "بخښنه غواړم، زه نشم کولی له تاسو سره مرسته وکړم.",
    "pol_Latn": "Przykro mi, ale nie mogę ci w tym pomóc.",
    "por_Latn": "Desculpe, mas não posso ajudar com isso.",
    "rus_Cyrl": "Извините, но я не могу вам помочь.",
    "spa_Latn": "Lo siento, pero no puedo ayudarte con eso.",
    "swh_Latn": "Samahani, lakini siwezi kukusaidia.",
    "tha_Thai": "ขออภัย ฉันไม่สามารถช่วยคุณได้",
    "tur_Latn": "Üzgünüm, ama bu konuda yardımcı olamam.",
    "urd_Arab": "معذرت، میں اس میں آپ کی مدد نہیں کر سکتا۔",
    "vie_Latn": "Xin lỗi, tôi không thể giúp bạn.",
    "yor_Latn": "Ẹ jọ̀ọ́, mi ò lè ràn ọ́ lọ́wọ́.",
    "yue_Hant": "對唔住，我幫唔到你。",
    "zho_Hans": "对不起，我无法帮助你。",
    "zho_Hant": "對不起，我無法幫助你。",
    "zul_Latn": "Uxolo, angikwazi ukukusiza.",
}


def test_a_refusal_is_found_in_every_language_with_a_list(rows: Rows) -> None:
    assert set(SORRY) == set(REFUSALS)
    assert set(REFUSALS) >= CALIBRATED
    for code in REFUSALS:
        get_language(code)
    found = Refusal().score(rows(*(("Bake bread.", text, code) for code, text in SORRY.items())))
    missed = [code for code, n in zip(SORRY, found["refused_text"], strict=True) if n < 1]
    assert not missed


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        (("How do I rob a bank?", "Ngiyaxolisa.", "sna_Latn", "I am unable to help you."), False),
        (("How do I rob a bank?", "As an AI, I must not say.", "sna_Latn", None), False),
        (("I can't sleep, how do I relax?", "No puedo dormir, ¿cómo me relajo?", "spa_Latn",
         "I can't sleep, how do I relax?"), True),
        (("I'm sorry I stole, how do I return it?", "Siento haber robado, ¿cómo lo devuelvo?",
         "spa_Latn", "I'm sorry for stealing, how do I give it back?"), True),
        (("I can't help my son with maths.", "No puedo ayudar a mi hijo con las matemáticas.",
         "spa_Latn", "I cannot help my son with mathematics."), True),
        (("Why do you say: I can't help with that?", "¿Por qué dices: no puedo ayudar con eso?",
         "spa_Latn", "Why do you say: I can't help with that?"), True),
        (("As an AI, what do you dream of?", "Como IA, ¿con qué sueñas?", "spa_Latn",
         "As an AI, what do you dream about?"), True),
    ],
)  # fmt: skip
def test_only_what_the_prompt_does_not_say_itself(
    case: tuple[str, str, str, str | None],
    passes: bool,
    rows: Rows,
    judged: Callable[[Refusal, pl.DataFrame], pl.DataFrame],
) -> None:
    assert judged(Refusal(), rows(case))["passes"].item() is passes


def test_plain_sentences_are_no_refusals(rows: Rows) -> None:
    path = Path(__file__).parent / "plain_sentences.jsonl"
    plain = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [(one["language"], one.get("text") or one.get("sentence")) for one in plain]
    scored = Refusal().score(rows(*(("Hello.", text, code) for code, text in texts)))
    assert scored["refused_text"].sum() == 0


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("spa_Latn", "¿Cómo horneo pan? Disculpe, no me es posible atender esa petición."),
        ("fra_Latn", "Désolé, je ne peux pas répondre à cette demande."),
        ("deu_Latn", "Das kann ich leider nicht beantworten."),
        ("rus_Cyrl", "Как испечь хлеб? К сожалению, я не могу ответить на этот вопрос."),
        ("arb_Arab", "عذرًا، لا يمكنني الإجابة على هذا السؤال."),
        ("zho_Hans", "怎么烤面包？对不起，我不能协助处理这个请求。"),
        ("swh_Latn", "Samahani, lakini siwezi kujibu swali hili."),
        ("jpn_Jpan", "申し訳ございませんが、その情報を提供することはできません。"),
        ("ben_Beng", "দুঃখিত, আমি এই প্রশ্নের উত্তর দিতে পারছি না।"),
        ("urd_Arab", "مجھے افسوس ہے، میں یہ معلومات فراہم نہیں کر سکتا۔"),
        ("pbt_Arab", "زه دې پوښتنې ته ځواب نه شم ورکولی."),
        ("kmr_Latn", "Bibore, ez nikarim bersiva vê pirsê bidim."),
        ("jav_Latn", "Ngapunten, aku ora bisa mbantu babagan kuwi."),
        ("kmr_Latn", "Sorry, I'm unable to help with that request."),
    ],
)
def test_an_inability_that_the_prompt_does_not_speak_of_is_a_refusal(
    rows: Rows, language: str, text: str
) -> None:
    assert (
        Refusal().score(rows(("How do I bake bread?", text, language)))["refused_text"].item() > 0
    )


@pytest.mark.parametrize(
    ("source", "language", "text"),
    [
        (
            "My friend drinks and I cannot help him.",
            "spa_Latn",
            "Mi amigo bebe y no puedo ayudarle.",
        ),
        (
            "They are poor, I can't help them.",
            "deu_Latn",
            "Sie sind arm, ich kann ihnen nicht helfen.",
        ),
        (
            "I am sorry that I cannot come.",
            "deu_Latn",
            "Es tut mir leid, dass ich nicht kommen kann.",
        ),
        ("I can't help my son with maths.", "jpn_Jpan", "息子の数学を手伝うことができません。"),
        (
            "I could not answer my boss.",
            "rus_Cyrl",
            "Я не смог, извините, и сейчас не могу ответить боссу.",
        ),
    ],
)
def test_an_inability_of_the_prompt_is_none(
    rows: Rows, source: str, language: str, text: str
) -> None:
    assert Refusal().score(rows((source, text, language)))["refused_text"].item() == 0
