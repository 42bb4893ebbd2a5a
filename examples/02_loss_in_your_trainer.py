"""Use the consistency loss in a training loop of your own: it needs PyTorch alone."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mlc_data.align import MultilingualConsistencyLoss

PROMPTS, LANGUAGES, TOKENS = 8, 4, 12

if __name__ == "__main__":
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    loss = MultilingualConsistencyLoss(hidden_size=32, dimensions=16)
    parameters = [*model.parameters(), *loss.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)

    tokens = torch.randint(64, (PROMPTS * LANGUAGES, TOKENS))  # one row for each variant
    present = torch.ones(PROMPTS, LANGUAGES, dtype=torch.bool)
    present[0, 3] = False  # a variant that the checks rejected
    for step in range(20):
        hidden = model(tokens, output_hidden_states=True).hidden_states[-1]
        # The state of the last prompt token, where the reply would begin: [prompts, languages, hidden]
        states = hidden[:, -1].view(PROMPTS, LANGUAGES, -1)
        value, diagnostics = loss(states, present)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if step % 19 == 0:
            print(f"step {step}: consistency loss {value.item():.4f}")
