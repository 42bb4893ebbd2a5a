"""Low-rank adapters as PEFT is given them."""

from __future__ import annotations

from peft import LoraConfig

from mlc_data.recipe.align import Align


def adapters_of(settings: Align) -> LoraConfig | None:
    """Return the recipe's adapters; None where every weight is trained."""
    if settings.lora is None:
        return None
    return LoraConfig(
        r=settings.lora.r,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        task_type="CAUSAL_LM",
        **{"target_modules": "all-linear", **settings.lora.options},
    )
