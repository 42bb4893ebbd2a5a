"""A model before its conversion: where it came from, its family and its weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlc_data.core.hashing import hash_file
from mlc_data.core.model_card import read_license
from mlc_data.core.paths import is_hub_id, model_location, snapshot_commit
from mlc_data.core.yaml_text import read_yaml
from mlc_data.errors import ModelError, UnknownLanguageError
from mlc_data.languages.flores import find_language, get_language
from mlc_data.translate.engines.families import FAMILIES
from mlc_data.translate.engines.weights import read_json

MARIAN_FILE = "decoder.yml"
"""File that names the .npz file and the vocabularies in an OPUS-MT folder of Marian's own files."""

_PAIR = re.compile(r"opus-mt(?:-tc-\w+|-tc)?-([a-z]{2,3}(?:_\w+)?)-([a-z]{2,3}(?:_\w+)?)$")


@dataclass(frozen=True)
class Origin:
    """A model that is to be converted.

    Attributes:
        id: name given by the user.
        folder: folder of its files.
        revision: commit on the Hub, or SHA-256 of the weights.
        licence: SPDX identifier from the card, or ``unknown``.
        family: key of `FAMILIES`.
        weights: files that hold the weights.
        languages: source and target of a Marian model, as FLORES-200 codes; else empty.
    """

    id: str
    folder: Path
    revision: str
    licence: str
    family: str
    weights: tuple[Path, ...]
    languages: tuple[str, ...]

    @property
    def is_marian_file(self) -> bool:
        """True if the weights are Marian's own .npz file, not safetensors."""
        return self.weights[0].suffix == ".npz"


def find(
    location: str,
    *,
    revision: str | None = None,
    family: str = "auto",
    licence_named: str | None = None,
    languages: tuple[str, ...] = (),
) -> Origin:
    """Identify the model in a folder, or in a repository downloaded from the Hub.

    Raises:
        ModelError: it does not exist, has no readable weights, or belongs to no known family.
        UnknownLanguageError: ``languages`` are not FLORES-200 codes.
    """
    if family not in ("auto", *FAMILIES):
        raise ModelError(f"--family {family}: known are auto, {', '.join(FAMILIES)}")
    for code in languages:
        get_language(code)
    on_hub = is_hub_id(location)
    if revision and not on_hub:
        raise ModelError(f"--revision names a commit on the Hub, and {location} is a folder")
    folder = model_location(location, "models convert", revision)
    if not folder.is_dir():
        raise ModelError(f"{location} is a file; name the folder of the model")
    weights = _weights(folder, location)
    chosen = family if family != "auto" else _family(folder, location)
    if chosen == "marian":
        languages = languages or _pair(location)
    if languages and (chosen != "marian" or len(languages) != 2):
        raise ModelError("--languages names the source and the target of a Marian model: two codes")
    return Origin(
        id=location,
        folder=folder,
        revision=snapshot_commit(folder) if on_hub else weights_hash(weights),
        licence=licence_named or read_license(folder),
        family=chosen,
        weights=weights,
        languages=languages,
    )


def weights_hash(files: Iterable[Path]) -> str:
    """Return the SHA-256 (hexadecimal) of the names and bytes of weight files, sorted by name."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name} {hash_file(file)}\n".encode())
    return digest.hexdigest()


def _weights(folder: Path, location: str) -> tuple[Path, ...]:
    if (folder / MARIAN_FILE).is_file():
        named = folder / str(_yaml(folder / MARIAN_FILE)["models"][0])
        if not named.is_file() or named.suffix != ".npz":
            raise ModelError(
                f"{folder / MARIAN_FILE} names {named.name}, which is no .npz file here"
            )
        return (named,)
    safetensors = tuple(sorted(folder.glob("model*.safetensors")))
    if safetensors:
        return safetensors
    pickled = sorted(path.name for path in folder.glob("pytorch_model*"))
    there = f"only pickled weights ({', '.join(pickled)})" if pickled else "no safetensors"
    hint = (
        "the repository may have them in a pull request: --revision refs/pr/1, or whichever it is"
        if is_hub_id(location)
        else "save it again with save_pretrained from a machine that trusts it"
    )
    raise ModelError(
        f"{location} has {there}. Unpickling runs whatever code a file holds, so only safetensors "
        f"are read; {hint}"
    )


def _family(folder: Path, location: str) -> str:
    if (folder / MARIAN_FILE).is_file():
        return "marian"
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    if kind == "marian":
        return "marian"
    if kind == "t5":
        return "madlad"
    if kind == "m2m_100":
        named = str(read_json(folder / "tokenizer_config.json").get("tokenizer_class", ""))
        if "small100" in f"{location} {named} {config.get('_name_or_path', '')}".lower():
            raise ModelError(
                f"{location} is SMaLL-100: M2M100's network with another token layout, which is "
                "not supported; name M2M100 or MADLAD-400"
            )
        is_nllb = named.startswith("Nllb") or not (folder / "vocab.json").is_file()
        return "nllb" if is_nllb else "m2m100"
    raise ModelError(
        f"{location}: {'model type ' + repr(kind) if kind else 'no config.json with a model_type'}; "
        "what can be converted are NLLB-200 and M2M100 (m2m_100), MADLAD-400 (t5) and bilingual "
        f"OPUS-MT (marian, or Marian's own files with {MARIAN_FILE})"
    )


def _pair(location: str) -> tuple[str, ...]:
    """Return the languages in the name that OPUS-MT gives its models."""
    match = _PAIR.search(location.rstrip("/").rpartition("/")[2])
    try:
        if match:
            return tuple(find_language(code).code for code in match.groups())
        why = f"the name {location} does not contain them"
    except UnknownLanguageError as error:
        why = str(error)
    raise ModelError(
        f"a Marian model must name its two languages, and {why}: add "
        "--languages eng_Latn,swh_Latn (source, target)"
    )


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict) or not data.get("models") or not data.get("vocabs"):
        raise ModelError(f"{path} names no models and vocabs: not an OPUS-MT folder")
    return data
