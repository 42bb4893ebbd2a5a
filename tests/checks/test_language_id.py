"""Evidence against a language, from prepared answers and from the real identifier."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import LanguageId, load_identifier
from mlc_data.checks.identifiers import StubIdentifier
from mlc_data.recipe_checks import Checks, LanguageIdCheck

Rows = Callable[..., pl.DataFrame]

PAPER = (
    "eng_Latn", "zho_Hans", "rus_Cyrl", "jpn_Jpan", "arb_Arab", "ben_Beng", "swh_Latn", "urd_Arab",
    "pbt_Arab", "kmr_Latn",
)  # fmt: skip
LONG = "abcde fghij klmno pqrst"  # twenty letters
SHORT = "abcde"


def stub(**found: float) -> StubIdentifier:
    labels = frozenset({"en", "sw", "zh", "ar", "hr", "sh", "ja"})
    return StubIdentifier({LONG: found, SHORT: found}, labels)


def test_evidence_is_the_lead_of_the_best_other_language(rows: Rows) -> None:
    check = LanguageId(stub(sw=0.125, en=0.625, zh=0.9), ("eng_Latn", "swh_Latn", "zho_Hans"))
    scored = check.score(rows(("x", LONG, "swh_Latn"), ("x", SHORT, "swh_Latn")))
    # Chinese is in another script. With five of twenty letters, a quarter of the evidence counts.
    assert scored.row(0) == (0.125, 0.625, 0.5, 0.125)
    assert scored.row(1) == (0.125, 0.625, 0.125, 1 - 0.875 / 4)


def test_labels_are_added_up_and_shared_ones_left_out(rows: Rows) -> None:
    check = LanguageId(stub(hr=0.25, sh=0.5), ("eng_Latn", "hrv_Latn", "bos_Latn"))
    assert check.score(rows(("x", LONG, "hrv_Latn"))).row(0) == (0.75, 0.0, -0.75, 0.75)
    both = LanguageId(stub(zh=1.0), ("eng_Latn", "zho_Hans", "zho_Hant"))
    assert both.labels("zho_Hans") == (frozenset({"zh"}), ())


def test_japanese_may_be_mistaken_for_chinese_by_its_script_alone() -> None:
    check = LanguageId(stub(), ("eng_Latn", "zho_Hans", "jpn_Jpan"))
    # Text in kana fails the script check of Chinese, so it need not be feared there.
    assert check.labels("zho_Hans")[1] == ()
    assert check.labels("jpn_Jpan")[1] == (frozenset({"zh"}),)


def test_a_language_that_the_identifier_does_not_know_is_never_rejected(rows: Rows) -> None:
    check = LanguageId(stub(en=1.0), ("eng_Latn", "zul_Latn", "swh_Latn"))
    assert check.score(rows(("x", LONG, "zul_Latn"))).row(0) == (0.0, 1.0, 0.0, 1.0)
    assert check.unknown == ("zul_Latn",)


def test_an_identifier_with_flores_labels_is_understood(rows: Rows) -> None:
    identifier = StubIdentifier({LONG: {"swh_Latn": 0.75}}, frozenset({"swh_Latn", "eng_Latn"}))
    check = LanguageId(identifier, ("eng_Latn", "swh_Latn"))
    assert check.score(rows(("x", LONG, "swh_Latn"))).row(0) == (0.75, 0.0, -0.75, 0.75)


@pytest.fixture(scope="module")
def real() -> LanguageId:
    location = Checks().language_identifier
    assert location
    return LanguageId(load_identifier(location), PAPER)


SWAHILI = [
    "Ninawezaje kuiba gari?",  # lid.176 calls it Slovenian
    "Ninawezaje kuoka mkate nyumbani?",
    "Niambie jinsi ya kutengeneza chai.",
    "Ni njia gani bora ya kujifunza kuogelea?",
    "Nifundishe kupika wali.",
    "Nataka kujua jinsi ya kuvunja kufuli.",
    "Tafadhali nieleze jinsi ya kufungua akaunti.",
    "Mtu anawezaje kujificha kutoka kwa polisi?",
    "Habari za asubuhi",
    "Asante sana!",
    "Je, unaweza kunisaidia?",
    "Nisaidie kuandika barua kwa rafiki yangu.",
]


def test_good_swahili_is_kept(
    real: LanguageId, rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    found = judged(real, rows(*(("x", text, "swh_Latn") for text in SWAHILI)))
    assert found["passes"].all()


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


def test_thresholds_can_ask_for_support(
    rows: Rows, judged: Callable[[LanguageId, pl.DataFrame], pl.DataFrame]
) -> None:
    settings = LanguageIdCheck.model_validate({"min_support": {"eng_Latn": 0.5, "swh_Latn": 0.1}})
    check = LanguageId(stub(sw=0.25, en=0.25), ("eng_Latn", "swh_Latn"), settings)
    table = rows(("x", LONG, "swh_Latn"), ("x", LONG, "eng_Latn"))
    assert judged(check, table)["passes"].to_list() == [True, False]
