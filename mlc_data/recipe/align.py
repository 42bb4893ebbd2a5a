"""The recipe's section `align`: training and the consistency loss."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlc_data.recipe.base import Fraction, Section


class Lora(Section):
    """Low-rank adapters (peft), merged into the checkpoint at the end."""

    r: int = Field(default=16, ge=1)
    """Rank."""
    alpha: int = Field(default=32, ge=1)
    """Scaling numerator."""
    dropout: Fraction = 0.0
    """Dropout on the adapter's input."""


class Loss(Section):
    """The Multi-Lingual Consistency loss (arXiv 2602.16660)."""

    weight: float = Field(default=0.8, ge=0)
    """lambda: total = alignment loss + weight x MLC. 0 leaves MLC out."""
    temperature: float = Field(default=0.2, gt=0)
    """tau: singular values are divided by it before the softmax."""
    form: Literal["rescaled", "plain"] = "rescaled"
    """`rescaled` divides by the first singular value too (released code); `plain` does not."""
    extractor: Literal["linear", "none"] = "linear"
    """A learned projection before the loss, or the hidden state itself."""
    dimensions: int = Field(default=512, ge=1)
    """Output width of the extractor."""
    frozen_extractor: bool = False
    """The projection stays at its random initialization (from the recipe's seed) and is not trained."""
    signed: bool = False
    """Languages that point in opposite directions are pulled together too; in the paper they count as
    collinear."""
    layer: int | Literal["auto"] = -1
    """Decoder layer whose output is read: 1 to the model's depth; negative counts from the end.
    `auto`: where most held-out variants are nearest to their own prompt before training."""
    center: Literal["none", "final_norm", "running_mean"] = "none"
    """Reduction of the few huge directions that all states share, before the extractor: `final_norm` applies the
    model's own last norm, `running_mean` subtracts the moving mean of the states read so far."""
    every: int = Field(default=2, ge=1)
    """Add the loss on every n-th optimiser step."""
    sets_per_step: int = Field(default=4, ge=1)
    """Variant sets read on such a step."""
    separation: float = Field(default=0.0, ge=0)
    """Weight of the term that keeps different prompts apart; 0 leaves it out."""

    @model_validator(mode="after")
    def _an_extractor_to_freeze(self) -> Self:
        if self.frozen_extractor and self.extractor == "none":
            raise ValueError("`frozen_extractor` goes with extractor linear, not none")
        return self


class Align(Section):
    """Training: a monolingual alignment method on English pairs, and MLC added to it."""

    model: str
    """Hugging Face folder, Hub id, or a .gguf file that an installed package carries."""
    revision: str | None = None
    """Commit of the Hub repository."""
    method: Literal["dpo", "sft", "orpo", "simpo", "kto"] = "dpo"
    """Monolingual alignment method. `sft` reads the chosen responses alone."""
    loss: Loss = Loss()
    """The consistency loss."""
    beta: float | None = Field(default=None, gt=0)
    """DPO and KTO: strength of the pull towards the reference model (null: 0.1). ORPO: weight of the odds
    ratio (null: 0.1). SimPO: scale of the rewards (null: 2)."""
    dpo_loss: (
        Literal["sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "apo_zero", "apo_down"]
        | None
    ) = None
    """DPO: which of TRL's losses (null: sigmoid)."""
    simpo_gamma: float | None = Field(default=None, ge=0)
    """SimPO: margin by which the chosen response's reward is to be greater (null: 0.5)."""
    lora: Lora | None = None
    """Train adapters; null trains every weight."""
    learning_rate: float = Field(default=6e-7, gt=0)
    """Peak, after warm-up; cosine decay."""
    warmup: Fraction = 0.1
    """Share of the steps spent warming up."""
    epochs: float = Field(default=3.0, gt=0)
    """Passes over the pairs, unless `max_steps` is set."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; null lets `epochs` decide."""
    batch_size: int = Field(default=4, ge=1)
    """Pairs per device and forward pass; KTO needs two or more."""
    gradient_accumulation: int = Field(default=1, ge=1)
    """Forward passes per optimiser step."""
    max_length: int = Field(default=1024, ge=8)
    """Tokens of prompt and response together; longer pairs are counted and left out, never truncated."""
    save_every: int = Field(default=50, ge=1)
    """Steps between training checkpoints that a stopped run resumes from."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type in which the weights are trained and saved."""
    gradient_checkpointing: bool = False
    """Recompute activations: slower, but needs less memory."""
    processes: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    """Processes that train together, each on its own GPU and with its own pairs and sets of a step.
    `auto`: as many as a launcher started, on one machine or several, else one per visible GPU."""
    sharding: Literal["none", "fsdp"] = "none"
    """Weights that each process holds: all of them (`none`), or its shard (`fsdp`, for models that do not fit
    into one GPU)."""
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    """Destinations of figures during training, besides training.jsonl: event files in the run's folder
    `tensorboard`, or Weights & Biases, which is contacted only if named here."""

    @model_validator(mode="after")
    def _settings_of_the_method(self) -> Self:
        for name, methods in (
            ("beta", ("dpo", "orpo", "simpo", "kto")), ("dpo_loss", ("dpo",)), ("simpo_gamma", ("simpo",)),
        ):  # fmt: skip
            if getattr(self, name) is not None and self.method not in methods:
                raise ValueError(
                    f"`{name}` goes with method {' or '.join(methods)}, not {self.method}"
                )
        if self.method == "kto" and self.batch_size < 2:
            raise ValueError(
                "method kto compares a response with those of other prompts in its batch: `batch_size` is 2 or more"
            )
        return self

    @model_validator(mode="after")
    def _shards_have_processes(self) -> Self:
        if self.sharding != "none" and self.processes == 1:
            raise ValueError("`sharding: fsdp` spreads the weights over processes: set `processes`")
        loss = self.loss
        trained = loss.weight > 0 and loss.extractor != "none" and not loss.frozen_extractor
        if self.sharding != "none" and trained:
            raise ValueError(
                "`sharding: fsdp` goes with `loss.extractor: none` or `loss.frozen_extractor: true`: accelerate "
                "lets the optimiser have the weights of the sharded model alone"
            )
        return self

    def with_layer(self, layer: int) -> Self:
        """Return the settings with another layer."""
        return self.model_copy(update={"loss": self.loss.model_copy(update={"layer": layer})})
