"""What the Hub's `/api/validate-yaml` refuses, from its documentation (hub-docs: datasetcard.md,
modelcard.md, repositories-licenses). Written apart from what is tested."""

from __future__ import annotations

import re
from typing import Any

import yaml

# https://huggingface.co/docs/hub/repositories-licenses
_LICENCES = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c
ms-pl apple-ascl mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib
pddl lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2
llama3.3 llama4 gemma unknown other
"""
_SIZES = """
n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B 10B<n<100B 100B<n<1T n>1T
"""
LICENCES = frozenset(_LICENCES.split())
SIZES = frozenset(_SIZES.split())
TASKS = {
    "text-generation", "translation", "text-classification", "question-answering",
    "reinforcement-learning", "sentence-similarity", "feature-extraction", "other",
}  # fmt: skip
MULTILINGUALITY = {"monolingual", "multilingual", "translation", "other"}
CREATORS = {"found", "crowdsourced", "expert-generated", "machine-generated", "other"}
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


def faults_of_card(content: str, kind: str) -> list[str]:
    """Everything that is wrong with a card's head."""
    found = HEAD.match(content)
    if not found:
        return ["no metadata"]
    try:
        head = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [f"the metadata is no YAML: {error}"]
    if not isinstance(head, dict):
        return ["the metadata is no mapping"]
    return [*_common(head), *(_dataset(head) if kind == "dataset" else _model(head))]


def _common(head: dict[str, Any]) -> list[str]:
    wrong = []
    if head.get("license") not in LICENCES:
        wrong.append(f'"license" must be one of the listed ones, not {head.get("license")!r}')
    if head.get("license") == "other" and not re.fullmatch(
        r"[a-z0-9.-]+", str(head.get("license_name", ""))
    ):
        wrong.append('"license_name" is missing or has other letters than it may have')
    for code in _list(head.get("language")):
        if not re.fullmatch(r"[a-z]{2,3}", str(code)):
            wrong.append(f'"language" must be an ISO 639 code, not {code!r}')
    if not all(isinstance(tag, str) for tag in _list(head.get("tags"))):
        wrong.append('"tags" must be texts')
    return wrong


def _dataset(head: dict[str, Any]) -> list[str]:
    wrong = []
    for key, allowed in (
        ("size_categories", SIZES), ("task_categories", TASKS),
        ("multilinguality", MULTILINGUALITY), ("language_creators", CREATORS),
    ):  # fmt: skip
        wrong += [f'"{key}" has {one!r}' for one in _list(head.get(key)) if one not in allowed]
    names = [one.get("config_name") for one in head.get("configs", [])]
    if len(set(names)) < len(names) or None in names:
        wrong.append('"configs" must have names of their own')
    if sum(bool(one.get("default")) for one in head.get("configs", [])) > 1:
        wrong.append('"configs" has two defaults')
    return wrong


def _model(head: dict[str, Any]) -> list[str]:
    return [
        f'"{key}" must be a repository of the Hub, not {one!r}'
        for key in ("base_model", "datasets")
        for one in _list(head.get(key))
        if not REPO.fullmatch(str(one))
    ]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
