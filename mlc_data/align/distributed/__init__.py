"""Training in several processes, which torch's elastic launch, torchrun or accelerate starts."""
