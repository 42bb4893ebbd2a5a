"""The recipe's section `align`: training and the consistency loss."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mlc_data.recipe.align_options import (
    QUANTISATION,
    lora_options,
    model_options,
    training_options,
)
from mlc_data.recipe.base import Fraction, Section

SMALLEST_STEP = 5e-5
"""Learning rate below which AdamW's steps are lost in weights stored in bfloat16: about half the distance of two
neighbouring numbers of that type at 1/64, a usual size of a weight."""

WAYS_OUT = (
    "keep float32 masters (align.weights: float32), train adapters (align.lora: {r: 16}), or take an optimiser that "
    "rounds stochastically (align.training: {optim: adamw_torch_8bit, optim_args: bf16_stochastic_round=True}, which "
    "needs torchao)"
)

_STOCHASTIC = ("adamw_torch_8bit", "adamw_torch_4bit")

Reporter = Literal[
    "azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "mlflow", "neptune", "swanlab",
    "tensorboard", "trackio", "wandb",
]  # fmt: skip
"""Services that transformers can report to."""


class Lora(Section):
    """Low-rank adapters (peft), merged into the checkpoint at the end unless `align.merge` is false.

    Further keys are those of PEFT's LoraConfig (`use_rslora`, `target_modules`, `modules_to_save` ...).
    """

    model_config = ConfigDict(extra="allow")

    r: int = Field(default=16, ge=1)
    """Rank."""
    alpha: int = Field(default=32, ge=1)
    """Scaling numerator."""
    dropout: Fraction = 0.0
    """Dropout on the adapter's input."""

    @model_validator(mode="before")
    @classmethod
    def _names_of_peft(cls, data: Any) -> Any:
        """Take `lora_alpha` for `alpha` and `lora_dropout` for `dropout`, as PEFT writes them."""
        if not isinstance(data, dict):
            return data
        names = {"lora_alpha": "alpha", "lora_dropout": "dropout"}
        renamed = {name: data[name] for name in names if name in data}
        if both := [name for name in renamed if names[name] in data]:
            raise ValueError(f"`{both[0]}` and `{names[both[0]]}` are one setting")
        rest = {name: value for name, value in data.items() if name not in names}
        return rest | {names[name]: value for name, value in renamed.items()}

    @model_validator(mode="after")
    def _keys_of_peft(self) -> Self:
        lora_options(self.model_extra or {})
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Further arguments of LoraConfig, in its types."""
        return lora_options(self.model_extra or {})


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


_ADDED = (
    "model_options", "chat_template", "chat_template_options", "chat_template_date", "merge", "training",
    "early_stopping", "weights",
)  # fmt: skip


class Align(Section):
    """Training: a monolingual alignment method on English pairs, and MLC added to it."""

    model: str
    """Hugging Face folder, Hub id, or a .gguf file that an installed package carries; also a folder of adapters,
    which are merged into their model first."""
    revision: str | None = None
    """Commit of the Hub repository."""
    model_options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of `from_pretrained`: `attn_implementation`, or weights quantised to 4 or 8 bit (`load_in_4bit`,
    `bnb_4bit_quant_type` ...; needs `lora` and bitsandbytes)."""
    chat_template: str | None = None
    """A Jinja file, or a template itself, in place of the tokenizer's own."""
    chat_template_options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Values of the template's switches, such as `enable_thinking: false`. They are written into the checkpoint's
    template."""
    chat_template_date: date | None = None
    """Day that a template writes which would write today's."""
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
    merge: bool = True
    """Merge the adapters into the checkpoint; false keeps them as adapters."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the trainer: the fields of TRL's DPOConfig, SFTConfig, ... (`optim`,
    `lr_scheduler_type`, `weight_decay`, `eval_strategy`, `use_liger_kernel` ...)."""
    early_stopping: int | None = Field(default=None, ge=1)
    """Stop after so many evaluations without a better `metric_for_best_model` (the loss on held-out pairs, unless
    `training` says otherwise); needs `training.eval_strategy`."""
    min_changed: Fraction = 0.5
    """Least share of the trained weights that the first 20 steps have to change; less is an error, since the
    training would be for nothing."""
    learning_rate: float = Field(default=6e-7, gt=0)
    """Peak, after warm-up; then cosine decay, or `training.lr_scheduler_type`."""
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
    """Type that is computed in, and that the checkpoint's weights are saved in."""
    weights: Literal["float32", "bfloat16"] = "float32"
    """Type that trained weights are held in between the steps. Adapters are always float32. `bfloat16` halves the
    memory, and wants an optimiser that rounds stochastically."""
    gradient_checkpointing: bool = False
    """Recompute activations: slower, but needs less memory."""
    processes: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    """Processes that train together, each on its own GPU and with its own pairs and sets of a step.
    `auto`: as many as a launcher started, on one machine or several, else one per visible GPU."""
    sharding: Literal["none", "fsdp"] = "none"
    """Weights that each process holds: all of them (`none`), or its shard (`fsdp`, for models that do not fit
    into one GPU)."""
    report_to: tuple[Reporter, ...] = ("tensorboard",)
    """Destinations of figures during training, besides training.jsonl: event files in the run's folder
    `tensorboard`, or a service that transformers knows (`wandb`, `mlflow`, `trackio` ...), which is contacted only
    if named here."""

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
    def _settings_of_the_libraries(self) -> Self:
        model_options(self.model_options)
        training_options(self.method, self.training)
        return self

    @model_validator(mode="after")
    def _updates_survive(self) -> Self:
        """Refuse a training whose every step would be lost in rounding; others are measured."""
        if self.lora is not None and self.weights == "bfloat16":
            raise ValueError(
                "`weights: bfloat16` goes without `lora`: adapters are held in float32"
            )
        lost = self.weights == "bfloat16" and self.learning_rate < SMALLEST_STEP
        if lost and not self.rounds_stochastically:
            raise ValueError(
                f"weights stored in bfloat16 would not change at learning_rate {self.learning_rate:g}: its steps are "
                f"rounded away. Three ways out: {WAYS_OUT}"
            )
        return self

    @model_validator(mode="after")
    def _adapters_where_they_are_needed(self) -> Self:
        if self.lora is None and not self.merge:
            raise ValueError("`merge: false` keeps adapters: it goes with `lora`")
        if self.quantised is None:
            if extra := [name for name in self.model_options if name in QUANTISATION]:
                raise ValueError(
                    f"`model_options.{extra[0]}` goes with load_in_4bit or load_in_8bit: true"
                )
            return self
        if self.lora is None:
            raise ValueError(
                f"{self.quantised}-bit weights cannot be trained themselves: set `lora`, such as {{r: 16}}"
            )
        if self.sharding != "none":
            raise ValueError("quantised weights go with `sharding: none`")
        return self

    @model_validator(mode="after")
    def _early_stopping_evaluates(self) -> Self:
        if self.early_stopping is not None and not self.evaluates:
            raise ValueError(
                "`early_stopping` needs evaluations: set training.eval_strategy to steps or epoch"
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

    @property
    def rounds_stochastically(self) -> bool:
        """True if the optimiser rounds the updates of bfloat16 weights stochastically."""
        arguments = str(self.training.get("optim_args") or "").replace(" ", "").lower()
        optim = str(self.training.get("optim"))
        return optim in _STOCHASTIC and "bf16_stochastic_round=true" in arguments

    @property
    def quantised(self) -> Literal[4, 8] | None:
        """Bits of the base model's weights, where they are quantised."""
        if self.model_options.get("load_in_4bit"):
            return 4
        return 8 if self.model_options.get("load_in_8bit") else None

    @property
    def evaluates(self) -> bool:
        """True if the loss on held-out pairs is computed during the training."""
        return str(self.training.get("eval_strategy") or "no") != "no"

    def determining(self) -> dict[str, Any]:
        """Return the settings that decide the checkpoint, as JSON-able values.

        Settings that came after the first release are left out at their defaults, which are what was done before:
        a finished training stays finished.
        """
        values = self.model_dump(mode="json", exclude={"save_every", "report_to", "min_changed"})
        for name in _ADDED:
            field = type(self).model_fields[name]
            if getattr(self, name) == field.get_default(call_default_factory=True):
                del values[name]
        return values

    def with_layer(self, layer: int) -> Self:
        """Return the settings with another layer."""
        return self.model_copy(update={"loss": self.loss.model_copy(update={"layer": layer})})
