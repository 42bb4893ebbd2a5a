"""The FLORES-200 registry."""

import re

import pytest

from mlc_data.errors import UnknownLanguageError
from mlc_data.languages.flores import all_languages, get_language

# Every label of lid.176.ftz.
LID176 = set(
    """af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb
    co cs cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi
    hif hr hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li
    lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no
    oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su
    sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue
    zh""".split()  # noqa: SIM905
)


def test_there_are_204_languages_with_distinct_codes_and_tags() -> None:
    languages = all_languages()
    assert len(languages) == 204
    codes = [language.code for language in languages]
    assert codes == sorted(set(codes))
    assert len({language.bcp47 for language in languages}) == 204
    assert len({language.name for language in languages}) == 204


def test_every_row_is_well_formed() -> None:
    for language in all_languages():
        assert re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", language.code)
        assert language.code.endswith(f"_{language.script}")
        assert re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?", language.bcp47)
        assert set(language.lid176) <= LID176, language


def test_a_language_knows_its_script_tag_labels_and_spacing() -> None:
    swahili = get_language("swh_Latn")
    assert (swahili.name, swahili.script, swahili.bcp47) == ("Swahili", "Latn", "sw")
    assert (swahili.lid176, swahili.spaced) == (("sw",), True)
    # lid.176 calls Alemannic "als", FLORES-200 Tosk Albanian.
    assert get_language("als_Latn").lid176 == ("sq",)
    assert get_language("kmr_Latn").lid176 == ("ku",)
    assert get_language("zul_Latn").lid176 == ()
    unspaced = {language.code for language in all_languages() if not language.spaced}
    assert unspaced == {
        "bod_Tibt", "dzo_Tibt", "jpn_Jpan", "khm_Khmr", "lao_Laoo", "mya_Mymr", "shn_Mymr",
        "tha_Thai", "yue_Hant", "zho_Hans", "zho_Hant",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "choices"),
    [
        ("ku", ["kmr_Latn (Northern Kurdish)", "ckb_Arab (Central Kurdish)"]),
        ("zh", ["zho_Hans", "zho_Hant", "yue_Hant"]),
        ("zho", ["zho_Hans", "zho_Hant", "yue_Hant"]),
        ("sr", ["srp_Cyrl", "hrv_Latn", "bos_Latn"]),
        ("ar", ["arb_Arab", "arz_Arab", "ary_Arab"]),
        ("no", ["nob_Latn", "nno_Latn"]),
        ("ace", ["ace_Arab", "ace_Latn"]),
        ("fa", ["pes_Arab", "prs_Arab"]),
    ],
)
def test_an_ambiguous_code_is_refused_with_the_choices(code: str, choices: list[str]) -> None:
    with pytest.raises(UnknownLanguageError, match="ambiguous") as refused:
        get_language(code)
    for choice in choices:
        assert choice in str(refused.value)


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("sw", "swh_Latn (Swahili)"),
        ("swa", "swh_Latn"),
        ("swh_latn", "swh_Latn"),
        ("swa_Latn", "swh_Latn"),
        ("zh-Hans", "zho_Hans"),
        ("zho_hant", "zho_Hant"),
        ("ku_Arab", "ckb_Arab"),
        ("kmr", "kmr_Latn"),
        ("ps", "pbt_Arab"),
        ("Swahili", "swh_Latn"),
        ("sat_Beng", "sat_Olck"),
    ],
)
def test_other_names_of_a_language_are_answered_with_its_code(code: str, meant: str) -> None:
    with pytest.raises(UnknownLanguageError, match=re.escape(f"write {meant}")):
        get_language(code)


def test_a_misspelt_code_gets_the_nearest() -> None:
    with pytest.raises(UnknownLanguageError, match=r"did you mean .*swh_Latn"):
        get_language("swhh_Latn")


@pytest.mark.parametrize("code", ["xxx_Xxxx", "", " ", "_", "klingon"])
def test_an_unknown_code_points_to_the_list(code: str) -> None:
    with pytest.raises(UnknownLanguageError, match="mlc-data languages") as refused:
        get_language(code)
    assert refused.value.exit_code == 2


def test_every_short_tag_is_refused_with_a_code_that_is_right() -> None:
    for language in all_languages():
        for written in (language.bcp47, language.code.partition("_")[0], language.code.lower()):
            with pytest.raises(UnknownLanguageError) as refused:
                get_language(written)
            assert re.search(
                r"\b[a-z]{3}_[A-Z][a-z]{3}\b", str(refused.value).partition(":")[2]
            ) or ("ambiguous" in str(refused.value))
