"""Train TRL's DPO with the consistency loss on a data set of the Hub: arguments org/name, model, output folder."""

import sys

import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig

from mlc_data.align import (
    Consistency,
    MLCDPOTrainer,
    MultilingualConsistencyLoss,
    PromptFormat,
    tokenise_sets,
)

if __name__ == "__main__":
    data, checkpoint, out = sys.argv[1:4]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    form = PromptFormat(tokenizer)  # the chat template, up to where the reply begins
    rows = load_dataset(data, "sets", split="train")
    others = {variant["language"] for row in rows for variant in row["variants"]}
    sets = tokenise_sets(rows, form, (rows[0]["language"], *sorted(others)), max_length=512)
    paired = rows.filter(lambda row: row["chosen"] and row["rejected"])
    pairs = paired.map(
        lambda row: form.pair(row["prompt"], row["chosen"], row["rejected"]),
        remove_columns=paired.column_names,
    )
    loss = MultilingualConsistencyLoss(center="running_mean", separation=0.5)
    gpu = torch.cuda.is_available()
    arguments = DPOConfig(out, learning_rate=1e-5, logging_steps=1, report_to="none", bf16=gpu)
    trainer = MLCDPOTrainer(model, args=arguments, processing_class=tokenizer, train_dataset=pairs,
                      consistency=Consistency(loss, sets.rows, weight=0.8, every=1))  # fmt: skip
    trainer.train()
    trainer.save_model(out)
