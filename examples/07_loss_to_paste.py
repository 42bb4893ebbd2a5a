"""Paste the consistency loss into a bare PyTorch loop: `consistency_loss` needs nothing but torch."""

import torch
from torch.nn import functional


def consistency_loss(states, present, extractor, temperature=0.2):
    """Return the loss of states [prompts, languages, hidden]; present [prompts, languages] is bool."""
    states = states.float().masked_fill(~present[..., None], 0)
    rows = functional.normalize(extractor(states), dim=-1) * present[..., None]
    enough = present.sum(dim=1) >= 2  # one language alone agrees with itself
    values = torch.linalg.svdvals(rows[enough])
    logits = values / (values[:, :1].detach().clamp_min(1e-12) * temperature)
    place = torch.arange(values.shape[1], device=values.device)
    logits = logits.masked_fill(place >= present[enough].sum(dim=1, keepdim=True), -torch.inf)
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    prompts, languages, tokens = 8, 4, 12
    body = torch.nn.Sequential(torch.nn.Embedding(64, 32), torch.nn.Linear(32, 32), torch.nn.Tanh())
    extractor = torch.nn.Linear(32, 16)  # trained with the model
    optimizer = torch.optim.AdamW([*body.parameters(), *extractor.parameters()], lr=1e-2)
    texts = torch.randint(64, (prompts * languages, tokens))  # one row for each variant
    present = torch.ones(prompts, languages, dtype=torch.bool)
    present[0, 3] = False  # a variant that the checks rejected
    for step in range(20):
        last = body(texts)[:, -1]  # state of the last prompt token, where the reply would begin
        value = consistency_loss(last.view(prompts, languages, -1), present, extractor)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if step % 19 == 0:
            print(f"step {step}: consistency loss {value.item():.4f}")
