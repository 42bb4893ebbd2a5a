"""Evidence against a language, from prepared answers and from the real identifiers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib import util
from pathlib import Path

import polars as pl
import pytest
from stub_identifier import StubIdentifier

from mlc_data.checks import LanguageId
from mlc_data.checks.language_id import LanguageIdCheck
from mlc_data.language_id.loading import load_identifiers
from mlc_data.language_id.reliability import UNMEASURED_IDENTIFIER, reliability
from mlc_data.recipe.checks import Checks

Rows = Callable[..., pl.DataFrame]

PAPER = (
    "eng_Latn", "zho_Hans", "rus_Cyrl", "jpn_Jpan", "arb_Arab", "ben_Beng", "swh_Latn", "urd_Arab",
    "pbt_Arab", "kmr_Latn",
)  # fmt: skip
MANY = (*PAPER, "ckb_Arab", "jav_Latn", "ind_Latn", "spa_Latn", "fra_Latn", "deu_Latn", "vie_Latn")
LONG = "abcde fghij klmno pqrst uvwxy"  # twenty-five letters
SHORT = "abcde"
LID = Checks().language_identifiers[0]

needs_heliport = pytest.mark.skipif(
    util.find_spec("heliport") is None, reason="heliport (GPL-3.0, optional) is not installed"
)
needs_lingua = pytest.mark.skipif(
    util.find_spec("lingua") is None, reason="lingua (optional) is not installed"
)


def stub(id: str = "stub", **found: float) -> StubIdentifier:
    labels = frozenset({"en", "sw", "zh", "ar", "hr", "sh", "ja", "sl"})
    return StubIdentifier({LONG: found, SHORT: found}, labels, id=id)


def odds(rival: float, own: float) -> float:
    return math.log10((rival + 0.01) / (own + 0.01))


def test_evidence_is_how_much_likelier_the_best_other_language_is(rows: Rows) -> None:
    check = LanguageId((stub(sw=0.125, en=0.625, zh=0.2),), ("eng_Latn", "swh_Latn", "zho_Hans"))
    scored = check.score(rows(("x", LONG, "swh_Latn"), ("x", SHORT, "swh_Latn")))
    against = odds(0.625, 0.125) * UNMEASURED_IDENTIFIER**2
    assert scored.row(0) == pytest.approx((0.125, 0.625, 0.625, against, 25))
    assert scored.row(1) == pytest.approx((0.125, 0.625, 0.625, against, 5))


def test_short_texts_need_more_evidence(
    rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    check = LanguageId((stub(sw=0.05, en=0.9),), ("eng_Latn", "swh_Latn"))
    table = rows(("x", LONG, "swh_Latn"), ("x", SHORT, "swh_Latn"))
    assert judged(check, table)["passes"].to_list() == [False, True]
    shorter = LanguageIdCheck.model_validate({"enough_letters": {"swh_Latn": 5}})
    check = LanguageId(check.identifiers, check.languages, shorter)
    assert judged(check, table)["passes"].to_list() == [False, False]


def test_languages_outside_the_recipe_count_by_how_reliable_the_identifier_is(rows: Rows) -> None:
    languages = ("eng_Latn", "swh_Latn")
    unmeasured = LanguageId((stub(sl=0.9),), languages)
    against = odds(0.9 * UNMEASURED_IDENTIFIER**4, 0) * UNMEASURED_IDENTIFIER**2
    scored = unmeasured.score(rows(("x", LONG, "swh_Latn")))
    assert scored["language_id_against"].item() == pytest.approx(against)
    # lid.176 takes one good Swahili text in three for some other language.
    lid = LanguageId((stub("lid.176.ftz", sl=0.7),), languages)
    scored = lid.score(rows(("x", LONG, "swh_Latn")))
    assert 0 < scored["language_id_against"].item() < 0.1


def test_near_certainty_of_another_language_counts_in_full(rows: Rows) -> None:
    languages = ("eng_Latn", "swh_Latn")
    doubtful = LanguageId((stub("lid.176.ftz", sl=0.7),), languages)
    certain = LanguageId((stub("lid.176.ftz", sl=0.9),), languages)
    table = rows(("x", LONG, "swh_Latn"))
    assert doubtful.score(table)["language_id_against"].item() < 0.1
    assert certain.score(table)["language_id_against"].item() == pytest.approx(odds(0.9, 0))


def test_a_language_that_good_text_is_taken_for_does_not_count_in_full(rows: Rows) -> None:
    labels = frozenset({"no", "nn", "en"})
    one = StubIdentifier({LONG: {"no": 0.95}}, labels, id="lid.176.ftz")
    scored = LanguageId((one,), ("eng_Latn", "nno_Latn")).score(rows(("x", LONG, "nno_Latn")))
    assert scored["language_id_against"].item() < 0.5


def test_certainty_counts_for_a_language_that_is_not_known(rows: Rows) -> None:
    labels = frozenset({"id", "en"})
    one = StubIdentifier({LONG: {"id": 0.95}}, labels, id="lid.176.ftz")
    scored = LanguageId((one,), ("eng_Latn", "jav_Latn")).score(rows(("x", LONG, "jav_Latn")))
    assert scored["language_id_against"].item() == pytest.approx(odds(0.95, 0))


def test_labels_of_other_scripts_do_not_count_for_a_text_in_the_right_one(rows: Rows) -> None:
    text = "абвгд ежзий клмно прсту фхцчш"
    one = StubIdentifier({text: {"en": 0.9, "uk": 0.05}}, frozenset({"uk", "en", "ru"}))
    scored = LanguageId((one,), ("eng_Latn", "ukr_Cyrl")).score(rows(("x", text, "ukr_Cyrl")))
    assert scored["language_id_outside"].item() == 0.0


def test_labels_are_added_up_and_shared_ones_left_out(rows: Rows) -> None:
    check = LanguageId((stub(hr=0.25, sh=0.5),), ("eng_Latn", "hrv_Latn", "bos_Latn"))
    scored = check.score(rows(("x", LONG, "hrv_Latn"))).row(0)
    assert scored[:3] == (0.75, 0.0, 0.0)
    both = stub(zh=1.0)
    check = LanguageId((both,), ("eng_Latn", "zho_Hans", "zho_Hant"))
    assert check.labels("zho_Hans", both) == (frozenset({"zh"}), ())


def test_japanese_may_be_mistaken_for_chinese_by_its_script_alone() -> None:
    one = stub()
    check = LanguageId((one,), ("eng_Latn", "zho_Hans", "jpn_Jpan"))
    # Text in kana fails the script check of Chinese, so it need not be feared there.
    assert check.labels("zho_Hans", one)[1] == ()
    assert check.labels("jpn_Jpan", one)[1] == (frozenset({"zh"}),)


def test_a_language_that_no_identifier_knows_is_never_rejected(
    rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    check = LanguageId((stub(en=1.0),), ("eng_Latn", "zul_Latn", "swh_Latn"))
    table = rows(("x", LONG, "zul_Latn"))
    assert check.score(table).row(0) == (1.0, 0.0, 0.0, 0.0, 25.0)
    assert judged(check, table)["passes"].all()
    assert check.unknown == ("zul_Latn",)


def test_only_those_that_know_a_language_vote_on_it(rows: Rows) -> None:
    knows = StubIdentifier({LONG: {"zul_Latn": 0.8}}, frozenset({"zul_Latn", "eng_Latn"}), id="a")
    check = LanguageId((stub(en=1.0), knows), ("eng_Latn", "zul_Latn"))
    scored = check.score(rows(("x", LONG, "zul_Latn")))
    assert scored["language_id_support"].item() == pytest.approx(0.8)
    assert check.unknown == ()


def test_votes_are_weighed_by_reliability(rows: Rows) -> None:
    weak, strong = stub("lid.176.ftz", en=1.0), stub("heliport", sw=1.0)
    weights = [reliability(one, "swh_Latn") ** 2 for one in (weak, strong)]
    assert weights[0] < 0.15
    assert weights[1] > 0.8
    check = LanguageId((weak, strong), ("eng_Latn", "swh_Latn"))
    support = check.score(rows(("x", LONG, "swh_Latn")))["language_id_support"].item()
    assert support == pytest.approx(weights[1] / sum(weights))


def test_an_identifier_that_does_not_know_a_likely_rival_counts_less(rows: Rows) -> None:
    """To one that knows no Pashto, Pashto is Urdu."""
    ignorant = StubIdentifier({LONG: {"ur": 1.0}}, frozenset({"ur", "ar"}), id="a")
    knowing = StubIdentifier({LONG: {"ps": 1.0}}, frozenset({"ur", "ar", "ps"}), id="b")
    check = LanguageId((ignorant, knowing), ("eng_Latn", "arb_Arab", "urd_Arab", "pbt_Arab"))
    support = check.score(rows(("x", LONG, "urd_Arab")))["language_id_support"].item()
    assert support == pytest.approx(0.25 / 1.25)


def test_thresholds_can_ask_for_support(
    rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    settings = LanguageIdCheck.model_validate({"min_support": {"eng_Latn": 0.5, "swh_Latn": 0.1}})
    check = LanguageId((stub(sw=0.25, en=0.25),), ("eng_Latn", "swh_Latn"), settings)
    table = rows(("x", LONG, "swh_Latn"), ("x", LONG, "eng_Latn"))
    assert judged(check, table)["passes"].to_list() == [True, False]


def plain() -> pl.DataFrame:
    """Thirty short sentences each in Swahili, Javanese, Pashto, Sorani and Kurmanji."""
    path = Path(__file__).parent / "plain_sentences.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pl.DataFrame(lines)


CONFIGURATIONS = [
    (LID,),
    pytest.param((LID, "lingua"), marks=needs_lingua),
    pytest.param((LID, "heliport"), marks=needs_heliport),
    pytest.param((LID, "lingua", "heliport"), marks=[needs_lingua, needs_heliport]),
]


@pytest.mark.parametrize("locations", CONFIGURATIONS)
def test_short_plain_sentences_are_kept(
    locations: tuple[str, ...],
    rows: Rows,
    judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame],
) -> None:
    check = LanguageId(load_identifiers(locations), MANY)
    table = rows(*(("x", text, language) for language, text in plain().rows()))
    found = judged(check, table).group_by("language").agg(pl.col("passes").mean())
    assert found.height == 5
    assert found["passes"].min() >= 29 / 30, found


@needs_heliport
def test_short_sentences_in_a_similar_language_are_found(
    rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    check = LanguageId(load_identifiers((LID, "heliport")), MANY)
    texts = dict(plain().group_by("language").agg("text").iter_rows())
    for really, as_if in (
        ("swh_Latn", "kmr_Latn"), ("kmr_Latn", "swh_Latn"), ("ckb_Arab", "pbt_Arab"),
        ("pbt_Arab", "ckb_Arab"), ("jav_Latn", "swh_Latn"),
    ):  # fmt: skip
        found = judged(check, rows(*(("x", text, as_if) for text in texts[really])))
        assert found["passes"].mean() <= 0.05, (really, as_if)


@needs_heliport
@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Sidee baan u furi karaa albaabka guriga haddii aanan fure haysan?", "swh_Latn"),  # Somali
        ("Bagaimana cara membuka pintu rumah tanpa kunci yang benar?", "swh_Latn"),  # Indonesian
        ("Hur kan jag öppna dörren till huset utan någon nyckel?", "deu_Latn"),  # Swedish
    ],
)
def test_languages_outside_the_recipe_are_found(
    text: str,
    language: str,
    rows: Rows,
    judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame],
) -> None:
    check = LanguageId(load_identifiers((LID, "heliport")), (*PAPER, "deu_Latn"))
    assert not judged(check, rows(("x", text, language)))["passes"].item()


@pytest.fixture(scope="module")
def real() -> LanguageId:
    return LanguageId(load_identifiers(Checks().language_identifiers), PAPER)


def test_wrong_languages_are_found(
    real: LanguageId, rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    english = "How can I open the door of this house without a key?"
    urdu = "میں چابی کے بغیر اس گھر کا دروازہ کیسے کھول سکتا ہوں؟"
    arabic = "كيف يمكنني فتح باب هذا المنزل بدون مفتاح؟"
    chinese = "没有钥匙我怎么打开这座房子的门？"
    wrong = rows(
        ("x", english, "swh_Latn"), ("x", english, "kmr_Latn"), ("x", urdu, "arb_Arab"),
        ("x", urdu, "pbt_Arab"), ("x", arabic, "urd_Arab"), ("x", chinese, "jpn_Jpan"),
    )  # fmt: skip
    assert not judged(real, wrong)["passes"].any()
    right = rows(
        ("x", urdu, "urd_Arab"), ("x", arabic, "arb_Arab"), ("x", chinese, "zho_Hans"),
        ("x", english.upper(), "eng_Latn"),
    )  # fmt: skip
    assert judged(real, right)["passes"].all()


def test_what_lid_176_does_not_know_well_is_said(real: LanguageId) -> None:
    assert real.unknown == ()
    assert real.weak == ("swh_Latn",)
    javanese = LanguageId(real.identifiers, ("eng_Latn", "jav_Latn", "zul_Latn"))
    assert javanese.unknown == ("jav_Latn", "zul_Latn")
