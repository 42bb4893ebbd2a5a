"""Train the phrasebook translator: ``python -m scripts.phrasebook.train --out DIR``.

A small M2M100 model is trained from nothing, in both directions between English and every other
language of the phrasebook, on the combinations that are not held out. It ends as an int8
CTranslate2 model with its card and the figures measured on the held-out combinations.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.nn import functional
from transformers import M2M100Config, M2M100ForConditionalGeneration

from mlc_data.core import progress
from scripts.phrasebook import phrasebook
from scripts.phrasebook.measure import measure
from scripts.phrasebook.package import DESCRIPTION_FILE, write_figures, write_model
from scripts.phrasebook.tokens import END, PAD, START, Layout, learn_pieces

log = logging.getLogger(__name__)

Pair = tuple[list[int], list[int]]
"""Ids of a source, and of a target with the decoder's start token."""

MAX_POSITIONS = 256
"""Positions of the model, in tokens."""

LOG_EVERY = 100
"""Steps between two lines of the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides the trained weights, besides the phrasebook."""

    seed: int = 7
    vocabulary: int = 2600
    """Sentencepiece pieces."""
    width: int = 128
    """Size of hidden states (d_model)."""
    layers: int = 2
    """Layers of the encoder, and of the decoder."""
    heads: int = 4
    feed_forward: int = 512
    dropout: float = 0.1
    label_smoothing: float = 0.0
    epochs: int = 6
    """Times that every pair is seen."""
    batch: int = 32
    """Pairs a step."""
    learning_rate: float = 2.5e-3
    """Highest rate; it rises over the first tenth of the steps and falls to 0 along a cosine."""
    noise: float = 0.2
    """Share of English sources that are shown with a small change of surface (0 to 1)."""
    prefix_noise: float = 0.1
    """Share of the decoder's own earlier pieces that are shown wrong in training (0 to 1)."""
    threads: int = 1


DEFAULTS = Settings()
"""What the shipped model was trained with."""


def noisy(text: str, chance: random.Random) -> str:
    """An English text with one small change of surface: case, a contraction, or no full stop."""
    changes = (
        text.lower(),
        text[0].lower() + text[1:],
        text.rstrip("?."),
        text[:-1].lower(),
        text.replace("What is", "What's"),
        text.replace("Please help me to", "Please help me"),
    )
    return chance.choice(changes)


def pairs(layout: Layout, settings: Settings, epoch: int) -> list[Pair]:
    """Both directions of every training combination, in an order that the epoch decides."""
    chance = random.Random(settings.seed * 1000 + epoch)
    made: list[Pair] = []
    for one in phrasebook.split(held_out=False):
        english = one.text(phrasebook.ENGLISH)
        said = layout.target_ids(english, phrasebook.ENGLISH)
        for language in phrasebook.TARGETS:
            other = one.text(language)
            shown = noisy(english, chance) if chance.random() < settings.noise else english
            forth = layout.source_ids(shown, phrasebook.ENGLISH)
            made.append((forth, layout.target_ids(other, language)))
            made.append((layout.source_ids(other, language), said))
    chance.shuffle(made)
    return made


def batches(made: Sequence[Pair], size: int, chance: random.Random) -> Iterator[list[Pair]]:
    """Batches of ``size`` pairs of about the same length, in random order."""
    ordered = sorted(made, key=lambda pair: (len(pair[1]), len(pair[0])))
    starts = list(range(0, len(ordered), size))
    chance.shuffle(starts)
    for start in starts:
        yield ordered[start : start + size]


def padded(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    """``[len(rows), longest]`` ids, int64, filled up on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])


def build(layout: Layout, settings: Settings) -> Any:
    """The untrained network (M2M100ForConditionalGeneration)."""
    config = M2M100Config(
        vocab_size=len(layout.vocabulary),
        d_model=settings.width,
        encoder_layers=settings.layers,
        decoder_layers=settings.layers,
        encoder_attention_heads=settings.heads,
        decoder_attention_heads=settings.heads,
        encoder_ffn_dim=settings.feed_forward,
        decoder_ffn_dim=settings.feed_forward,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        dropout=settings.dropout,
        attention_dropout=0.0,
        activation_dropout=0.0,
        max_position_embeddings=MAX_POSITIONS,
        scale_embedding=True,
        bos_token_id=START,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=END,
    )
    return M2M100ForConditionalGeneration(config)


def train(layout: Layout, settings: Settings) -> Any:
    """The trained network, in evaluation mode. The same settings give the same weights on one
    kind of machine."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    network = build(layout, settings)
    parameters = [p for p in network.parameters() if p.requires_grad]
    log.info("%d parameters", sum(p.numel() for p in parameters))
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01)
    steps = settings.epochs * math.ceil(len(pairs(layout, settings, 0)) / settings.batch)
    step, recent = 0, 0.0
    network.train()
    with progress.bar("training", steps, "steps") as bar:
        for epoch in range(settings.epochs):
            chance = random.Random(settings.seed * 1000 + epoch)
            for batch in batches(pairs(layout, settings, epoch), settings.batch, chance):
                step += 1
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * _rate(step / steps)
                loss = _loss(network, batch, settings)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                recent = loss.item() if step == 1 else 0.98 * recent + 0.02 * loss.item()
                bar.advance()
                if step % LOG_EVERY == 0:
                    log.info("step %d of %d: loss %.3f", step, steps, recent)
    return network.eval()


def _rate(done: float) -> float:
    """Factor of the learning rate (0 to 1) when this share of the steps is done."""
    return done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def _with_errors(reads: torch.Tensor, share: float, vocabulary: int) -> torch.Tensor:
    """The decoder's input ``[pairs, positions]`` with some pieces replaced by the next piece or by
    any piece at all.

    A decoder that has only seen perfect prefixes skips ahead after a wrong piece. In a beam search
    such short hypotheses end first, and CTranslate2 stops when as many have ended as there are
    beams, before the right one has. What is seen wrong here is carried on at the right place.
    """
    following = reads.roll(-1, dims=1)
    anything = torch.randint_like(reads, END + 2, vocabulary)
    wrong = torch.where(torch.rand(reads.shape) < 0.5, following, anything)
    chosen = torch.rand(reads.shape) < share
    chosen[:, :2] = False  # the start and the language are always given
    return torch.where(chosen, wrong, reads)


def _loss(network: Any, batch: Sequence[Pair], settings: Settings) -> torch.Tensor:
    sources = padded([source for source, _ in batch], PAD)
    reads = padded([target[:-1] for _, target in batch], PAD)
    reads = _with_errors(reads, settings.prefix_noise, network.config.vocab_size)
    # The language is given, not predicted: nothing is to be learnt at the decoder's first step.
    says = padded([[-100, *target[2:]] for _, target in batch], -100)
    logits = network(
        input_ids=sources,
        attention_mask=(sources != PAD).long(),
        decoder_input_ids=reads,
    ).logits
    return functional.cross_entropy(
        logits.flatten(0, 1),
        says.flatten(),
        ignore_index=-100,
        label_smoothing=settings.label_smoothing,
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder of the model, written or evaluated.")],
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Only measure the model that is in the folder.")
    ] = False,
    epochs: Annotated[int, typer.Option(help="Times that every pair is seen.")] = DEFAULTS.epochs,
    seed: Annotated[int, typer.Option(help="Decides every random choice.")] = DEFAULTS.seed,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = DEFAULTS.threads,
) -> None:
    """Train the phrasebook translator, or measure one that is there.

    Examples:

        python -m scripts.phrasebook.train --out mlc_data/quickstart/model

        python -m scripts.phrasebook.train --out mlc_data/quickstart/model --evaluate
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if evaluate and not (out / DESCRIPTION_FILE).is_file():
        raise typer.BadParameter(f"{out} holds no phrasebook model ({DESCRIPTION_FILE} is missing)")
    if not evaluate:
        settings = Settings(epochs=epochs, seed=seed, threads=threads)
        begun = time.monotonic()
        texts = (
            one.text(language)
            for one in phrasebook.split(held_out=False)
            for language in phrasebook.LANGUAGES
        )
        pieces = learn_pieces(texts, settings.vocabulary)
        layout = Layout(pieces, phrasebook.LANGUAGES)
        network = train(layout, settings)
        seconds = time.monotonic() - begun
        write_model(out, network, layout, pieces, {**asdict(settings), "seconds": round(seconds)})
    write_figures(out, measure(out))


if __name__ == "__main__":
    typer.run(main)
