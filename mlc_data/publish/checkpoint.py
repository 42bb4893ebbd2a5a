"""A run's checkpoint as a model repository whose card names the data set's revision."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from huggingface_hub import ModelCard

from mlc_data.core.manifest import ModelRecord
from mlc_data.core.paths import is_hub_id
from mlc_data.core.redaction import without_folders
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.lineage import record as lineage
from mlc_data.lineage.record import PublishedData
from mlc_data.pipeline.run import Run
from mlc_data.publish import record
from mlc_data.publish.card import as_yaml, licence_head, read_head
from mlc_data.publish.dataset import Wishes, data_parts, part_records, source_part
from mlc_data.publish.hub import Pushed, Target, Upload
from mlc_data.publish.license import Granted, Part
from mlc_data.publish.record import Publication
from mlc_data.publish.tables import require

GATED_PROMPT = (
    "This model was trained on prompts that ask for harmful things. By asking for access you agree to "
    "use it only to make language models safer, and to keep to the licence."
)
_FOLDER = "checkpoint/"


def model_parts(run: Run) -> tuple[Part, ...]:
    """What the checkpoint is made from: the base model, the pairs, and all of the variant sets."""
    recipe, manifest = run.recipe, run.manifest
    base = _base(run)
    found = [Part("base", str(without_folders(base.id)), base.licence)]
    if recipe.sources.preferences:
        found.append(source_part("preferences", recipe.sources.preferences))
    return (*found, *data_parts(recipe, manifest))


def upload(run: Run, wishes: Wishes, target: Target, data: Pushed) -> Upload:
    """The files of the checkpoint, with a card that names the data set as it was pushed.

    Raises:
        UsageError: there is no checkpoint.
        LicenceError: the licence is refused.
        MlcDataError: a file of the checkpoint is missing or was changed.
    """
    with run.locked():
        granted = wishes.grant(model_parts(run))
        manifest = require(run, "align")
        digests = {
            path.removeprefix(_FOLDER): digest
            for path, digest in manifest.stages["align"].outputs.items()
            if path.startswith(_FOLDER)
        }
    folder = run.path(_FOLDER)
    text = (folder / "README.md").read_text(encoding="utf-8")
    card = rewrite(text, _base(run), granted, target, data)
    files: dict[str, Path | bytes] = {path: folder / path for path in digests}
    files["README.md"] = card.encode()
    if lineage.FILE in digests:
        told = lineage_as_published(folder, card, data).encode()
        files[lineage.FILE] = told
        digests[lineage.FILE] = sha256(told).hexdigest()
    made = Publication.make(
        card,
        kind="model",
        name=run.recipe.name,
        content={path: digest for path, digest in digests.items() if path != "README.md"},
        licence=granted.licence.id,
        parts=part_records(granted),
        rights=granted.rights,
        recipe_hash=manifest.recipe_hash,
        files=sorted([*digests, record.FILE]),
    )
    files[record.FILE] = (made.model_dump_json(indent=2) + "\n").encode()
    message = f"Publish checkpoint {run.recipe.name} ({made.content_hash[:12]})"
    return Upload(made, files, message)


def lineage_as_published(folder: Path, card: str, data: Pushed) -> str:
    """The checkpoint's lineage, with the data set's revision and the hash of the card as it is published."""
    found = lineage.read_lineage(folder / lineage.FILE)
    made = found.changed(
        published=PublishedData(repo=data.repo, revision=data.revision, url=data.url),
        files={**found.files, "README.md": sha256(card.encode()).hexdigest()},
    )
    return made.text()


def rewrite(text: str, base: ModelRecord, granted: Granted, target: Target, data: Pushed) -> str:
    """The checkpoint's card as the Hub is to show it.

    Its head gets the licence, the data set and the question of the gate; a base model that is no
    repository of the Hub leaves it, and folders of this machine leave the text.
    """
    card = ModelCard(text)
    head = read_head(card)
    for key in ("license", "license_name", "datasets", "extra_gated_prompt"):
        head.pop(key, None)
    if not is_hub_id(base.id):
        head.pop("base_model", None)
    head = {**licence_head(granted), **head, "datasets": [data.repo]}
    if target.gated is not False:
        head["extra_gated_prompt"] = GATED_PROMPT
    body = card.text.replace(base.id, str(without_folders(base.id)))
    body = body.replace('from_pretrained("checkpoint")', f'from_pretrained("{target.repo}")')
    made = f"---\n{as_yaml(head)}---\n{body.rstrip()}\n\n{_data(data)}\n{_licence(granted)}"
    if read_head(ModelCard(made)) != head:
        raise MlcDataError("the model card's head does not hold what it should")
    return made


def _data(data: Pushed) -> str:
    return (
        "## Data\n\n"
        f"The variant sets are the data set [{data.repo}]({data.url}), revision\n`{data.revision}`:\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        f'sets = load_dataset(\n    "{data.repo}", "sets", revision="{data.revision}"\n)\n```\n'
    )


def _licence(granted: Granted) -> str:
    lines = [f"## Licence\n\nPublished under **{granted.licence.id}**. It was made from:\n"]
    lines += [
        f"- {part.name.replace('_', ' ')}: `{part.what}`, {part.licence}"
        + (" (as declared by the publisher)" if part.declared else "")
        for part in granted.parts
    ]
    if granted.objections:
        lines.append("\nThe licences of the parts do not allow this by themselves:\n")
        lines += [f"- {one}" for one in granted.objections]
    if granted.rights:
        lines.append(f'\nThe publisher states: "{" ".join(granted.rights.split())}"')
    return "\n".join(lines) + "\n"


def _base(run: Run) -> ModelRecord:
    base = run.manifest.models.get("base")
    if base is None or "align" not in run.manifest.stages:
        raise UsageError(
            f"{run.folder} has no checkpoint to publish: do `mlc-data align {run.folder}` first"
        )
    return base
