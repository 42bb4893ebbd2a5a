"""The Multi-Lingual Consistency loss (arXiv 2602.16660): pure PyTorch, for any training loop."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlc_data.errors import MlcDataError

_RANK_TOLERANCE = 1e-6
"""Singular values below this share of the first are rounding errors of zero (float32)."""

MOMENTUM = 0.1
"""Weight of each batch in the moving mean (``center="running_mean"``), which covers about the last ten batches."""

AT_FLOOR = 0.005
"""Share of the way from floor to ceiling below which a loss has almost nothing left to teach: with eight
languages and temperature 0.2, s_1^2 / m is then above about 0.986."""


def bounds(
    present: Tensor, temperature: float, form: Literal["rescaled", "plain"] = "rescaled"
) -> tuple[float, float]:
    """Return floor and ceiling of the loss: its values for collinear and for orthogonal languages.

    With m languages the floor is log(1 + (m - 1) exp(-s / temperature)), where s is 1 (``rescaled``) or the
    first singular value of m equal rows of norm 1, sqrt(m) (``plain``); the ceiling is log(m). Both are
    averaged over the prompts.

    Args:
        present: [B, L], bool; prompts with fewer than two languages are not in the mean.
        temperature: tau.
        form: see `MultilingualConsistencyLoss`.

    Returns:
        Floor and ceiling; NaN if no prompt is left.
    """
    languages = present.sum(dim=1).double()
    languages = languages[languages >= 2]
    first = languages.sqrt() if form == "plain" else torch.ones_like(languages)
    least = torch.log1p((languages - 1) * torch.exp(-first / temperature)).mean()
    return least.item(), languages.log().mean().item()


def at_floor(loss: float, floor: float, ceiling: float) -> bool:
    """Return whether a loss is so near its floor that it teaches almost nothing; see `AT_FLOOR` and `bounds`."""
    return loss < floor + AT_FLOOR * (ceiling - floor)


class MultilingualConsistencyLoss(nn.Module):
    """Pulls a prompt's hidden states in several languages onto one line.

    For each prompt, the states ``h`` of its present languages become ``r = W h + b`` and
    ``z = r / |r|``; the rows ``z`` have singular values ``s_1 >= s_2 >= ...``. The loss is the
    cross-entropy of ``softmax(s / scale)`` with class 1, averaged over the prompts, where ``scale``
    is ``stop_gradient(s_1) * temperature`` (form ``rescaled``) or ``temperature`` (form ``plain``).
    With ``m`` collinear languages the rescaled form is ``log(1 + (m - 1) exp(-1 / temperature))``,
    its floor, not 0.

    A missing language is left out exactly: loss and gradient are those of the set without it. A
    prompt with fewer than two present languages gives no loss and is not in the mean. If no prompt
    is left, the loss is a zero that can be differentiated (distributed training needs that).

    Singular values know no sign: languages whose rows point in opposite directions count as collinear.
    With ``signed``, the mean of ``max(0, -cosine)`` over the pairs of a prompt's languages is added: 0
    where none are more than a right angle apart.

    Nothing in the loss keeps *different* prompts apart, and it can be lowered by collapse.
    ``separation`` adds an in-batch contrastive term in the same space: each row must find, among
    the normalised means of all prompts of the batch, the mean of its own. Watch
    ``between_cosine`` either way.

    A few huge directions that all states share can make every set look collinear. With ``center``
    ``running_mean`` the exponential moving mean of the states read so far is subtracted before the
    extractor. It is a buffer without a gradient, starts as the mean of the first batch, is updated with
    each batch before it is subtracted from it (`MOMENTUM`; present languages of the prompts that
    give a loss), and in eval mode is used as it is.

    Computed in float32 (float64 for float64 input) whatever the input's type, also under autocast.
    A state of norm 0 counts as present and orthogonal to all others.

    Args:
        temperature: tau, above 0.
        form: ``rescaled`` (the paper's released code) or ``plain`` (the paper's formula).
        extractor: ``linear`` learns W and b; ``none`` takes the hidden state itself as ``r``.
        hidden_size: H. If None, it is taken from the first states that are seen; give it, or call
            `build`, where parameters and buffer must exist before that (an optimizer, a state dict).
        dimensions: rows of W.
        trained: False keeps W and b at their random initialization. Seed torch before.
        center: ``running_mean`` or ``none``.
        signed: opposite directions do not count as collinear.
        separation: weight of the separation term; 0 leaves it out.
        separation_temperature: its temperature, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        temperature: float = 0.2,
        form: Literal["rescaled", "plain"] = "rescaled",
        extractor: Literal["linear", "none"] = "linear",
        hidden_size: int | None = None,
        *,
        dimensions: int = 512,
        trained: bool = True,
        center: Literal["none", "running_mean"] = "none",
        signed: bool = False,
        separation: float = 0.0,
        separation_temperature: float = 0.1,
    ) -> None:
        super().__init__()
        if temperature <= 0 or separation_temperature <= 0:
            raise ValueError("temperature is above 0")
        if form not in ("rescaled", "plain"):
            raise ValueError(f"form is 'rescaled' or 'plain', not {form!r}")
        if extractor not in ("linear", "none"):
            raise ValueError(f"extractor is 'linear' or 'none', not {extractor!r}")
        if center not in ("none", "running_mean"):
            raise ValueError(f"center is 'none' or 'running_mean', not {center!r}")
        if separation < 0:
            raise ValueError("separation is a weight, 0 or more")
        self.temperature = temperature
        self.form = form
        self.center = center
        self.trained = trained
        self.signed = signed
        self.separation = separation
        self.separation_temperature = separation_temperature
        self.extractor: nn.Linear | None = None
        if extractor == "linear":
            self.extractor = (
                nn.LazyLinear(dimensions)
                if hidden_size is None
                else nn.Linear(hidden_size, dimensions).requires_grad_(trained)
            )
        self.running_mean: Tensor | None
        self.batches: Tensor | None
        self.register_buffer("running_mean", None)
        self.register_buffer("batches", None)
        if hidden_size is not None:
            self.build(hidden_size)

    def build(self, hidden_size: int) -> None:
        """Create the parameters and buffers that depend on the hidden size; existing ones stay as they are.

        Args:
            hidden_size: H.
        """
        if isinstance(self.extractor, nn.LazyLinear):
            self.extractor(torch.zeros(1, hidden_size, device=self.extractor.weight.device))
            self.extractor.requires_grad_(self.trained)
        if self.center == "running_mean" and self.running_mean is None:
            self.running_mean = torch.zeros(hidden_size)
            self.batches = torch.zeros((), dtype=torch.int64)

    def extra_repr(self) -> str:
        """Return the settings, for ``print(module)``."""
        return (
            f"temperature={self.temperature}, form={self.form}, center={self.center}, "
            f"signed={self.signed}, separation={self.separation}"
        )

    def forward(self, states: Tensor, present: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch of prompts.

        Args:
            states: [B, L, H], any floating type; values at missing languages are ignored.
            present: [B, L], bool.

        Returns:
            The loss, [], and detached figures, each []: ``mlc`` (the loss without separation),
            ``separation`` (unweighted), ``first_share`` (mean of s_1^2 / m, 1/m to 1),
            ``within_cosine`` (mean cosine of two languages of a prompt), ``between_cosine`` (mean
            cosine of rows of different prompts; NaN if there is one prompt only) and ``sets``
            (prompts that gave a loss).

        Raises:
            ValueError: shapes do not fit.
            MlcDataError: a present state is not finite (the SVD waits for the device anyway, so
                this costs nothing more), or ``running_mean`` is asked for in eval mode before any
                batch was read in training mode.
        """
        if states.dim() != 3 or present.shape != states.shape[:2]:
            raise ValueError(
                f"states [B, L, H] and present [B, L] do not fit: "
                f"{tuple(states.shape)}, {tuple(present.shape)}"
            )
        present = present.to(device=states.device, dtype=torch.bool)
        with torch.autocast(states.device.type, enabled=False):
            dtype = torch.promote_types(states.dtype, torch.float32)
            rows = states.to(dtype).masked_fill(~present[..., None], 0.0)
            if not bool(torch.isfinite(rows.detach()).all()):
                raise MlcDataError("a hidden state is not finite (NaN or infinity)")
            self.build(rows.shape[-1])
            usable = present.sum(dim=1) >= 2
            if self.running_mean is not None:
                rows = self._centred(self.running_mean, rows, present & usable[:, None])
            projected = self._extract(rows)
            kept = present[usable]
            unit = _normalise(projected)[usable] * kept[..., None]
            if not len(kept):
                nothing = (projected * 0).sum()
                return nothing, _figures(nothing, nothing, torch.zeros(0, 1), unit, kept)
            values = torch.linalg.svdvals(unit)
            # More languages than dimensions have singular values of zero that SVD does not list.
            values = functional.pad(values, (0, max(0, kept.shape[1] - values.shape[1])))
            mlc = self._cross_entropy(values, kept.sum(dim=1))
            if self.signed:
                mlc = mlc + _opposed(unit, kept)
            separation = self._separate(unit, kept) if self.separation else mlc.new_zeros(())
            figures = _figures(mlc, separation, values, unit, kept)
            return mlc + self.separation * separation, figures

    def _centred(self, mean: Tensor, rows: Tensor, read: Tensor) -> Tensor:
        """Return ``rows`` [B, L, H] minus the moving mean, first updated with those marked in ``read`` [B, L].

        In float32 or wider, whatever the buffer's type.
        """
        assert self.batches is not None
        if mean.device != rows.device:  # made before the states' device was known
            mean = self.running_mean = mean.to(rows.device)
            self.batches = self.batches.to(rows.device)
        if not self.training and not bool(self.batches):
            raise MlcDataError("running_mean: no states have been read in training mode yet")
        if self.training and bool(read.any()):
            batch_mean = rows.detach()[read].mean(dim=0)
            old = mean.to(batch_mean.dtype)
            share = torch.where(self.batches == 0, 1.0, MOMENTUM)
            mean.copy_(old + share * (batch_mean - old))
            self.batches += 1
        return rows - mean.to(rows.dtype)

    def _extract(self, rows: Tensor) -> Tensor:
        if self.extractor is None:
            return rows
        bias = self.extractor.bias
        return functional.linear(
            rows,
            self.extractor.weight.to(rows.dtype),
            None if bias is None else bias.to(rows.dtype),
        )

    def _cross_entropy(self, values: Tensor, languages: Tensor) -> Tensor:
        """Return the mean over sets; ``values`` [B, K] in descending order, ``languages`` [B] the number that are real."""
        first = values[:, :1].detach()
        # Zeros have no direction: without this their gradient would be an arbitrary one.
        values = torch.where(values > _RANK_TOLERANCE * first, values, values.detach())
        tiny = torch.finfo(values.dtype).tiny
        scale = first.clamp_min(tiny) if self.form == "rescaled" else torch.ones_like(first)
        logits = values / (scale * self.temperature)
        index = torch.arange(values.shape[1], device=values.device)
        logits = logits.masked_fill(index[None, :] >= languages[:, None], -torch.inf)
        return (logits.logsumexp(dim=1) - logits[:, 0]).mean()

    def _separate(self, unit: Tensor, kept: Tensor) -> Tensor:
        if len(kept) < 2:
            return (unit * 0).sum()
        means = _normalise(unit.sum(dim=1))
        own = torch.arange(len(kept), device=unit.device)[:, None].expand(kept.shape)
        logits = unit[kept] @ means.T / self.separation_temperature
        return functional.cross_entropy(logits, own[kept])


def _opposed(unit: Tensor, kept: Tensor) -> Tensor:
    """Return the mean over sets of the mean of max(0, -cosine) of two languages."""
    languages = kept.sum(dim=1).to(unit.dtype)
    against = functional.relu(-(unit @ unit.mT)).sum(dim=(1, 2))
    return (against / (languages * (languages - 1))).mean()


def _normalise(rows: Tensor) -> Tensor:
    """Return rows of norm 1; a zero row stays zero, with a zero gradient."""
    greatest = rows.detach().abs().amax(dim=-1, keepdim=True)
    some = greatest > 0
    scaled = rows / torch.where(some, greatest, 1.0)  # squares neither overflow nor vanish
    squares = scaled.square().sum(dim=-1, keepdim=True)
    return scaled * torch.where(some, squares, 1.0).rsqrt() * some


@torch.no_grad()
def _figures(
    mlc: Tensor, separation: Tensor, values: Tensor, unit: Tensor, kept: Tensor
) -> dict[str, Tensor]:
    languages = kept.sum(dim=1).to(unit.dtype)
    sums = unit.sum(dim=1)
    squares = sums.square().sum(dim=-1)
    within = (squares - languages) / (languages * (languages - 1))
    pairs = languages.sum().square() - languages.square().sum()
    between = (sums.sum(dim=0).square().sum() - squares.sum()) / pairs
    return {
        "mlc": mlc.detach(),
        "separation": separation.detach(),
        "first_share": (values[:, 0].square() / languages).mean(),
        "within_cosine": within.mean(),
        "between_cosine": between,
        "sets": kept.new_tensor(len(kept), dtype=unit.dtype),
    }
