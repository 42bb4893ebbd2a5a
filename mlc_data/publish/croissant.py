"""Croissant metadata (``croissant.json``, http://mlcommons.org/croissant/1.0) of the data set.

It lets search engines and loaders know files, columns and licence without reading the card.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from mlc_data.languages.flores import get_language
from mlc_data.publish.card import Facts

FILE = "croissant.json"
"""Its name, beside the data."""

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}  # as the specification gives it; readers compare it with theirs

_TYPES: Mapping[Any, str] = {
    pl.String: "sc:Text",
    pl.Int64: "sc:Integer",
    pl.Float64: "sc:Float",
    pl.Boolean: "sc:Boolean",
}
_SPDX = "https://spdx.org/licenses/"


def croissant(
    facts: Facts, url: str, published: str, checksums: Mapping[str, str]
) -> dict[str, Any]:
    """The metadata as JSON-LD.

    Args:
        facts: what the card is made from.
        url: where the data set is; a path where it is a folder.
        published: date, ISO 8601.
        checksums: SHA-256 by path of every shard.
    """
    recipe, licence = facts.recipe, facts.granted.licence
    codes = (recipe.languages.source, *recipe.languages.targets)
    whole = {
        "@type": "cr:FileObject",
        "@id": "repo",
        "name": "repo",
        "description": "The repository, or the folder, with all files.",
        "contentUrl": url,
        "encodingFormat": "git+https",
        # A repository has no checksum of its own; the Hub writes this link in its place.
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }
    files = [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "containedIn": {"@id": "repo"},
            "contentUrl": path,
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }
        for path, digest in checksums.items()
        if path.endswith(".parquet")
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{config}-files",
            "name": f"{config}-files",
            "description": f"Shards of the configuration {config}.",
            "containedIn": {"@id": "repo"},
            "encodingFormat": "application/x-parquet",
            "includes": f"{config}/*.parquet",
        }
        for config in facts.tables.rows
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": recipe.name,
        "description": (
            f"{get_language(recipe.languages.source).name} prompts and their machine translations "
            f"into {len(recipe.languages.targets)} languages, as variant sets for multilingual "
            "safety alignment. The prompts ask for harmful things on purpose."
        ),
        "url": url,
        "license": licence.id if licence.hub == "other" else f"{_SPDX}{licence.id}.html",
        "datePublished": published,
        "inLanguage": [get_language(code).bcp47 for code in codes],
        "keywords": ["multilingual", "safety", "alignment", "parallel text"],
        "citeAs": "arXiv:2602.16660",
        **_creator(facts.repo),
        "isLiveDataset": False,
        "distribution": [whole, *files, *sets],
        "recordSet": [_records(config, schema) for config, schema in facts.tables.schemas.items()],
    }


def _creator(repo: str | None) -> dict[str, Any]:
    if repo is None:
        return {}
    return {"creator": {"@type": "sc:Organization", "name": repo.partition("/")[0]}}


def _records(config: str, schema: Mapping[str, pl.DataType]) -> dict[str, Any]:
    key = [f"{config}/prompt_id"] + (["variants/language"] if config == "variants" else [])
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": "One row a prompt." if config == "sets" else "One row a kept translation.",
        "key": [{"@id": one} for one in key],
        "field": [_field(config, column, kind) for column, kind in schema.items()],
    }


def _field(config: str, column: str, kind: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{config}/{column}",
        "name": column,
        "source": {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": column}},
    }
    inner = kind
    if isinstance(kind, pl.List):
        made["repeated"], inner = True, kind.inner
    if isinstance(inner, pl.Struct):
        made["subField"] = [
            {
                "@type": "cr:Field",
                "@id": f"{config}/{column}/{field.name}",
                "name": field.name,
                "dataType": _TYPES[type(field.dtype)],
                "source": {
                    "fileSet": {"@id": f"{config}-files"},
                    "extract": {"column": column},
                    "transform": {"jsonPath": field.name},
                },
            }
            for field in inner.fields
        ]
    else:
        made["dataType"] = _TYPES[type(inner)]
    return made
