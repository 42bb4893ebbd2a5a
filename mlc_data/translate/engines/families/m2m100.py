"""M2M100 (facebook/m2m100_418M, facebook/m2m100_1.2B).

Source ``[__sw__] pieces </s>``; the decoder starts with the target's language token, which the
hypothesis repeats: CTranslate2's guide to Transformers models, section M2M-100. Languages are those
of ``FAIRSEQ_LANGUAGE_CODES`` in transformers' tokenizer; its Breton (``br``) and West Frisian
(``fy``) are not FLORES-200 languages. SMaLL-100 has the same network and another layout (the target's
token on the source): it is not this family.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.ctranslate2 import END, Ct2Translator

_CODES = """
    afr_Latn:af amh_Ethi:am arb_Arab:ar ast_Latn:ast azj_Latn:az bak_Cyrl:ba bel_Cyrl:be bul_Cyrl:bg
    ben_Beng:bn bos_Latn:bs cat_Latn:ca ceb_Latn:ceb ces_Latn:cs cym_Latn:cy dan_Latn:da deu_Latn:de
    ell_Grek:el eng_Latn:en spa_Latn:es est_Latn:et pes_Arab:fa fuv_Latn:ff fin_Latn:fi fra_Latn:fr
    gle_Latn:ga gla_Latn:gd glg_Latn:gl guj_Gujr:gu hau_Latn:ha heb_Hebr:he hin_Deva:hi hrv_Latn:hr
    hat_Latn:ht hun_Latn:hu hye_Armn:hy ind_Latn:id ibo_Latn:ig ilo_Latn:ilo isl_Latn:is ita_Latn:it
    jpn_Jpan:ja jav_Latn:jv kat_Geor:ka kaz_Cyrl:kk khm_Khmr:km kan_Knda:kn kor_Hang:ko ltz_Latn:lb
    lug_Latn:lg lin_Latn:ln lao_Laoo:lo lit_Latn:lt lvs_Latn:lv plt_Latn:mg mkd_Cyrl:mk mal_Mlym:ml
    khk_Cyrl:mn mar_Deva:mr zsm_Latn:ms mya_Mymr:my npi_Deva:ne nld_Latn:nl nob_Latn:no nso_Latn:ns
    oci_Latn:oc ory_Orya:or pan_Guru:pa pol_Latn:pl pbt_Arab:ps por_Latn:pt ron_Latn:ro rus_Cyrl:ru
    snd_Arab:sd sin_Sinh:si slk_Latn:sk slv_Latn:sl som_Latn:so als_Latn:sq srp_Cyrl:sr ssw_Latn:ss
    sun_Latn:su swe_Latn:sv swh_Latn:sw tam_Taml:ta tha_Thai:th tgl_Latn:tl tsn_Latn:tn tur_Latn:tr
    ukr_Cyrl:uk urd_Arab:ur uzn_Latn:uz vie_Latn:vi wol_Latn:wo xho_Latn:xh ydd_Hebr:yi yor_Latn:yo
    zho_Hans:zh zul_Latn:zu
"""

TOKENS = MappingProxyType(
    {code: f"__{iso}__" for code, _, iso in (entry.partition(":") for entry in _CODES.split())}
)
"""FLORES-200 code to language token; no two share one."""

# Languages that share a token with another one: the answer would be in the other language.
_TAKEN = MappingProxyType(
    {
        "zho_Hans": "zho_Hant yue_Hant",
        "nob_Latn": "nno_Latn",
        "pes_Arab": "prs_Arab",
        "azj_Latn": "azb_Arab",
        "arb_Arab": "arb_Latn acm_Arab acq_Arab aeb_Arab ajp_Arab apc_Arab ars_Arab ary_Arab arz_Arab",
    }
)

REFUSED = MappingProxyType(
    {
        code: f"M2M100 has one token for it and {taken}, {TOKENS[taken]}, which is {taken} here"
        for taken, codes in _TAKEN.items()
        for code in codes.split()
    }
)
"""Languages whose token belongs to another language, and the reason given."""


class M2m100Translator(Ct2Translator):
    """An M2M100 model converted to CTranslate2."""

    family = "m2m100"
    engine_version = "ctranslate2-m2m100-1"
    max_source_tokens = 512  # its positions end at 1024
    tokenizers = (("sentencepiece.bpe.model", "sentencepiece.model", "spm.model"),)
    control_tokens = 2
    refused = REFUSED

    def __init__(self, folder: Path, settings: Translate, tokenizer: Path) -> None:
        super().__init__(folder, settings, tokenizer)
        self.languages = frozenset(c for c, token in TOKENS.items() if token in self.vocabulary)

    def source_tokens(self, text: str, source: str, target: str = "") -> list[str]:
        """Return ``[__sw__] pieces </s>``, whatever the target."""
        return [TOKENS[source], *self._encoder.encode(text, out_type=str), END]

    def target_prefix(self, target: str) -> list[str]:
        """Return ``[__sw__]``."""
        return [TOKENS[target]]
