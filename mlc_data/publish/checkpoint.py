"""A run's checkpoint as a model repository whose card names the data set's revision."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from huggingface_hub import ModelCard

from mlc_data.core.manifest import ModelRecord
from mlc_data.core.paths import is_hub_id
from mlc_data.core.redaction import without_folders
from mlc_data.core.templates import without_html
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.pipeline.lineage import record as lineage
from mlc_data.pipeline.lineage.record import PublishedData
from mlc_data.pipeline.run import Run
from mlc_data.publish import record
from mlc_data.publish.card import as_yaml, license_head, read_head
from mlc_data.publish.dataset import LicenseRequest, data_parts, part_records, source_part
from mlc_data.publish.hub import Pushed, Target, Upload
from mlc_data.publish.license import BASE, LicenseDecision, Part
from mlc_data.publish.record import Publication
from mlc_data.publish.tables import require

GATED_PROMPT = (
    "This model was trained on prompts that ask for harmful things. By asking for access you agree to "
    "use it only to make language models safer, and to keep to the license."
)
"""Question of the Hub to those who ask for access to a gated model."""

_FOLDER = "checkpoint/"


def model_parts(run: Run) -> tuple[Part, ...]:
    """Return the parts of the checkpoint: the base model, the pairs, and all of the variant sets."""
    recipe, manifest = run.recipe, run.manifest
    base = _base(run)
    adapters = f"{_FOLDER}adapter_config.json" in manifest.stages["align"].outputs
    what = str(without_folders(base.id))
    parts = [Part(BASE, what, base.licence, carried=not adapters)]
    if recipe.sources.preferences:
        parts.append(source_part("preferences", recipe.sources.preferences))
    data = data_parts(recipe, manifest)
    return (*parts, *(part for part in data if part not in parts))


def upload(run: Run, request: LicenseRequest, target: Target, data: Pushed) -> Upload:
    """Return the checkpoint's files, with a card that names the revision of the data set.

    Raises:
        UsageError: there is no checkpoint.
        LicenseError: the license is refused.
        MlcDataError: a file of the checkpoint is missing or was changed.
    """
    with run.locked():
        decision = request.decide(model_parts(run))
        manifest = require(run, "align")
        digests = {
            path.removeprefix(_FOLDER): digest
            for path, digest in manifest.stages["align"].outputs.items()
            if path.startswith(_FOLDER)
        }
    folder = run.path(_FOLDER)
    text = (folder / "README.md").read_text(encoding="utf-8")
    card = rewrite(text, _base(run), decision, target, data)
    files: dict[str, Path | bytes] = {path: folder / path for path in digests}
    files["README.md"] = card.encode()
    if lineage.FILE in digests:
        text = lineage_as_published(folder, card, data)
        files[lineage.FILE] = text.encode()
        digests[lineage.FILE] = sha256(text.encode()).hexdigest()
    publication = Publication.make(
        card,
        kind="model",
        name=run.recipe.name,
        content={path: digest for path, digest in digests.items() if path != "README.md"},
        licence=decision.name,
        parts=part_records(decision),
        rights=decision.rights,
        recipe_hash=manifest.recipe_hash,
        files=sorted([*digests, record.FILE]),
    )
    files[record.FILE] = (publication.model_dump_json(indent=2) + "\n").encode()
    message = f"Publish checkpoint {run.recipe.name} ({publication.content_hash[:12]})"
    return Upload(publication, files, message)


def lineage_as_published(folder: Path, card: str, data: Pushed) -> str:
    """Return the checkpoint's lineage with the data set's revision and the published card's hash."""
    record = lineage.read_lineage(folder / lineage.FILE)
    changed = record.changed(
        published=PublishedData(repo=data.repo, revision=data.revision, url=data.url),
        files={**record.files, "README.md": sha256(card.encode()).hexdigest()},
    )
    return changed.text()


def rewrite(
    text: str, base: ModelRecord, decision: LicenseDecision, target: Target, data: Pushed
) -> str:
    """Return the checkpoint's card for the Hub.

    The metadata get the license, the data set and the access question, and lose a base model that is not on
    the Hub. Folders of this machine are removed from the text.
    """
    card = ModelCard(text)
    head = read_head(card)
    for key in ("license", "license_name", "license_link", "datasets", "extra_gated_prompt"):
        head.pop(key, None)
    if not is_hub_id(base.id):
        head.pop("base_model", None)
    head = {**license_head(decision), **head, "datasets": [data.repo]}
    if target.gated is not False:
        head["extra_gated_prompt"] = GATED_PROMPT
    body = card.text.replace(base.id, str(without_folders(base.id)))
    body = body.replace('from_pretrained("checkpoint")', f'from_pretrained("{target.repo}")')
    rewritten = f"---\n{as_yaml(head)}---\n{body.rstrip()}\n\n{_data(data)}\n{_license(decision)}"
    if read_head(ModelCard(rewritten)) != head:
        raise MlcDataError("the model card's metadata are not as intended")
    return rewritten


def _data(data: Pushed) -> str:
    return (
        "## Data\n\n"
        f"The variant sets are the data set [{data.repo}]({data.url}), revision\n`{data.revision}`:\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        f'sets = load_dataset(\n    "{data.repo}", "sets", revision="{data.revision}"\n)\n```\n'
    )


def _license(decision: LicenseDecision) -> str:
    name = without_html(decision.name)
    lines = [f"## License\n\nPublished under **{name}**. It was made from:\n"]
    lines += [
        f"- {part.name.replace('_', ' ')}: `{without_html(part.what)}`, {without_html(part.license)}"
        + (" (as declared by the publisher)" if part.declared else "")
        for part in decision.parts
    ]
    lines += [f"\n{notice}" for notice in decision.notices]
    if decision.objections:
        lines.append("\nThe licenses of the parts do not allow this by themselves:\n")
        lines += [f"- {without_html(objection)}" for objection in decision.objections]
    if decision.rights:
        lines.append(f'\nThe publisher states: "{without_html(" ".join(decision.rights.split()))}"')
    return "\n".join(lines) + "\n"


def _base(run: Run) -> ModelRecord:
    base = run.manifest.models.get("base")
    if base is None or "align" not in run.manifest.stages:
        raise UsageError(
            f"{run.folder} has no checkpoint to publish: run `mlc-data align {run.folder}` first"
        )
    return base
