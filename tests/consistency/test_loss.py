"""The loss against values derived by hand.

With m present languages and unit rows Z, the singular values s satisfy sum s_i^2 = m.

- Collinear rows: s = (sqrt(m), 0, ..., 0). Rescaled logits are (1/tau, 0, ..., 0), so the loss is
  log(e^(1/tau) + m - 1) - 1/tau = log(1 + (m - 1) e^(-1/tau)). Plain logits are (sqrt(m)/tau, 0...):
  log(1 + (m - 1) e^(-sqrt(m)/tau)).
- Orthogonal rows: s = (1, ..., 1), all logits are equal, the loss is log(m) in either form.
- Two rows at angle a: Z Z^T = [[1, cos a], [cos a, 1]] has eigenvalues 1 + cos a and 1 - cos a, so
  s^2 = 1 + |cos a|, 1 - |cos a|. Rescaled: log(1 + exp((s_2/s_1 - 1)/tau)), and s_2/s_1 =
  tan(a/2) for a <= 90 degrees. At 60 degrees: tan 30 = 1/sqrt(3).
"""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch

from mlc_data.align import MultilingualConsistencyLoss
from mlc_data.consistency.loss import at_floor, bounds
from mlc_data.errors import MlcDataError

TAU = 0.2


def plain(**options: Any) -> MultilingualConsistencyLoss:
    return MultilingualConsistencyLoss(extractor="none", **options)


def value(states: torch.Tensor, present: torch.Tensor | None = None, **options: Any) -> float:
    present = torch.ones(states.shape[:2], dtype=torch.bool) if present is None else present
    return float(plain(**options)(states, present)[0])


@pytest.mark.parametrize("languages", [2, 3, 10])
@pytest.mark.parametrize("tau", [0.05, 0.2, 1.0])
def test_collinear_rows_give_the_floor_and_not_zero(languages: int, tau: float) -> None:
    direction = torch.tensor([1.0, -2.0, 3.0, 0.5])
    rows = direction * torch.linspace(0.5, 40.0, languages)[:, None]  # lengths do not matter
    expected = math.log(1 + (languages - 1) * math.exp(-1 / tau))
    assert value(rows[None], temperature=tau) == pytest.approx(expected, abs=1e-6)
    expected = math.log(1 + (languages - 1) * math.exp(-math.sqrt(languages) / tau))
    assert value(rows[None], temperature=tau, form="plain") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("form", ["rescaled", "plain"])
def test_bounds_are_the_loss_of_collinear_and_of_orthogonal_rows(form: Any) -> None:
    present = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]]).bool()
    floor, ceiling = bounds(present, 0.3, form)
    options = {"temperature": 0.3, "form": form}
    assert floor == pytest.approx(value(torch.ones(3, 4, 5), present, **options), abs=1e-6)
    orthogonal = torch.eye(4).expand(3, 4, 4)
    assert ceiling == pytest.approx(value(orthogonal, present, **options), abs=1e-6)
    assert at_floor(floor + 0.0049 * (ceiling - floor), floor, ceiling)
    assert not at_floor(floor + 0.0051 * (ceiling - floor), floor, ceiling)


@pytest.mark.parametrize("form", ["rescaled", "plain"])
def test_orthogonal_rows_give_log_m(form: str) -> None:
    assert value(torch.eye(5)[None] * 7, form=form) == pytest.approx(math.log(5), abs=1e-6)


@pytest.mark.parametrize("degrees", [10, 60, 90, 120])
def test_two_rows_at_an_angle(degrees: float) -> None:
    angle = math.radians(degrees)
    rows = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    first, second = (math.sqrt(1 + sign * abs(math.cos(angle))) for sign in (1, -1))
    expected = math.log(1 + math.exp((second / first - 1) / TAU))
    assert value(rows[None]) == pytest.approx(expected, abs=1e-6)
    expected = math.log(1 + math.exp((second - first) / TAU))
    assert value(rows[None], form="plain") == pytest.approx(expected, abs=1e-6)
    if degrees == 60:
        assert second / first == pytest.approx(1 / math.sqrt(3))


@pytest.mark.parametrize("degrees", [10, 90, 120, 170])
def test_signed_penalises_opposite_directions(degrees: float) -> None:
    angle = math.radians(degrees)
    rows = torch.tensor([[[1.0, 0.0], [math.cos(angle), math.sin(angle)]]], requires_grad=True)
    expected = value(rows.detach()) + max(0.0, -math.cos(angle))
    assert value(rows.detach(), signed=True) == pytest.approx(expected, abs=1e-6)
    # A small step down the gradient brings the two nearer to each other.
    loss, _ = plain(signed=True)(rows, torch.ones(1, 2, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, rows)
    one, other = (rows - 1e-2 * gradient).detach()[0]
    assert torch.cosine_similarity(one, other, dim=0) > math.cos(angle)


def test_signed_counts_each_pair_of_languages() -> None:
    axis = torch.tensor([1.0, 2.0, 0.0])
    rows = torch.stack([axis, -axis, 3 * axis, torch.full((3,), 9.0)])[None]
    present = torch.tensor([[True, True, True, False]])
    floor = math.log(1 + 2 * math.exp(-5))
    assert value(rows, present) == pytest.approx(floor, abs=1e-6)
    assert value(rows, present, signed=True) == pytest.approx(floor + 2 / 3, abs=1e-6)


def test_prompts_are_averaged() -> None:
    batch = torch.stack([torch.eye(3), torch.ones(3, 3)])
    floor = math.log(1 + 2 * math.exp(-5))
    assert value(batch) == pytest.approx((math.log(3) + floor) / 2, abs=1e-6)


@pytest.mark.parametrize("form", ["rescaled", "plain"])
@pytest.mark.parametrize("separation", [0.0, 0.7])
def test_a_missing_language_is_as_if_it_had_never_been(form: str, separation: float) -> None:
    torch.manual_seed(1)
    loss = MultilingualConsistencyLoss(
        form=form,  # type: ignore[arg-type]
        hidden_size=8,
        dimensions=6,
        separation=separation,
    )
    whole = torch.randn(3, 5, 8)
    whole[:, [1, 4]] = torch.nan  # whatever stands there is not looked at
    whole.requires_grad_()
    present = torch.ones(3, 5, dtype=torch.bool)
    present[:, [1, 4]] = False
    subset = whole.detach()[:, [0, 2, 3]].clone().requires_grad_()
    masked, figures = loss(whole, present)
    alone, same = loss(subset, torch.ones(3, 3, dtype=torch.bool))
    assert masked.item() == pytest.approx(alone.item(), abs=1e-6)
    for name, figure in figures.items():
        assert figure.item() == pytest.approx(same[name].item(), abs=1e-5), name
    masked.backward()
    weight = loss.extractor.weight.grad.clone()  # type: ignore[union-attr]
    loss.zero_grad()
    alone.backward()
    assert whole.grad is not None
    torch.testing.assert_close(whole.grad[:, [0, 2, 3]], subset.grad, atol=1e-6, rtol=1e-4)
    assert (whole.grad[:, [1, 4]] == 0).all()
    torch.testing.assert_close(weight, loss.extractor.weight.grad, atol=1e-6, rtol=1e-4)  # type: ignore[union-attr]


def test_sets_with_fewer_than_two_languages_do_not_count() -> None:
    batch = torch.stack([torch.eye(3), torch.ones(3, 3), torch.ones(3, 3)])
    present = torch.tensor([[1, 1, 1], [0, 1, 0], [0, 0, 0]]).bool()
    loss, figures = plain()(batch, present)
    assert loss.item() == pytest.approx(math.log(3), abs=1e-6)
    assert figures["sets"] == 1


def test_no_usable_set_gives_a_zero_that_can_be_differentiated() -> None:
    states = torch.randn(2, 3, 8, requires_grad=True)
    module = MultilingualConsistencyLoss(hidden_size=8, separation=1.0)
    loss, figures = module(states, torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert figures["sets"] == 0
    assert states.grad is not None
    assert (states.grad == 0).all()
    assert all((weight.grad == 0).all() for weight in module.parameters())


@pytest.mark.parametrize("form", ["rescaled", "plain"])
def test_gradient_is_that_of_finite_differences(form: str) -> None:
    torch.manual_seed(2)
    loss = plain(form=form, separation=0.5, signed=True)
    present = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1]]).bool()
    states = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    if form == "plain":
        assert torch.autograd.gradcheck(lambda x: loss(x, present)[0], (states,))
        return
    # The rescaled form holds s_1 in the divisor fixed: compare with it written out.
    unit = torch.nn.functional.normalize(states[0], dim=-1)
    values = torch.linalg.svdvals(unit)
    logits = values / (values[0].detach() * TAU)
    (expected,) = torch.autograd.grad(logits.logsumexp(0) - logits[0], states)
    (found,) = torch.autograd.grad(plain()(states[:1], present[:1])[0], states)
    torch.testing.assert_close(found, expected)


def test_order_of_languages_does_not_matter() -> None:
    torch.manual_seed(3)
    states = torch.randn(4, 6, 16)
    assert value(states) == pytest.approx(value(states[:, torch.randperm(6)]), abs=1e-6)


def test_numpy_agrees() -> None:
    import numpy as np

    torch.manual_seed(4)
    states = torch.randn(5, 7, 12)
    unit = states.double().numpy()
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    values = np.linalg.svd(unit, compute_uv=False)
    logits = values / (values[:, :1] * TAU)
    expected = (np.log(np.exp(logits).sum(axis=1)) - logits[:, 0]).mean()
    assert value(states) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_states_are_computed_in_float32(autocast: bool) -> None:
    torch.manual_seed(5)
    module = MultilingualConsistencyLoss(hidden_size=8, dimensions=4)
    states = torch.randn(2, 3, 8).bfloat16()
    present = torch.ones(2, 3, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss, _ = module(states, present)
    assert loss.dtype == torch.float32
    assert loss.item() == module(states.float(), present)[0].item()


@pytest.mark.parametrize(
    "states",
    [
        torch.zeros(2, 3, 4),
        torch.ones(2, 3, 4),
        torch.stack([torch.ones(3, 4), -torch.ones(3, 4)]),
        torch.ones(2, 3, 4) * 1e30,
        torch.ones(2, 3, 4) * 1e-30,
        torch.tensor([[[1.0, 0], [0, 0], [-1, 0]], [[1, 0], [0, 1], [0, 0]]]),
    ],
)
def test_degenerate_rows_give_finite_loss_and_gradient(states: torch.Tensor) -> None:
    states = states.clone().requires_grad_()
    loss, _ = plain(separation=1.0)(states, torch.ones(2, 3, dtype=torch.bool))
    loss.backward()
    assert torch.isfinite(loss)
    assert states.grad is not None
    assert torch.isfinite(states.grad).all()


def test_not_a_number_is_named() -> None:
    states = torch.ones(2, 3, 4)
    states[1, 2, 3] = torch.nan
    with pytest.raises(MlcDataError, match="not finite"):
        value(states)


def test_extractor_takes_its_width_from_the_first_states() -> None:
    module = MultilingualConsistencyLoss(temperature=0.2, form="rescaled", extractor="linear")
    loss, _ = module(torch.randn(2, 3, 24), torch.ones(2, 3, dtype=torch.bool))
    loss.backward()
    assert module.extractor is not None
    assert module.extractor.weight.shape == (512, 24)
    assert module.extractor.bias.grad is not None


def test_separation_tells_collapse_from_consistency() -> None:
    """Two prompts on one line: every row fits both means, log(2). On two orthogonal lines with
    temperature 0.1: log(1 + e^-10)."""
    same = torch.ones(2, 3, 4)
    apart = torch.stack([torch.eye(4)[0].expand(3, 4), torch.eye(4)[1].expand(3, 4)])
    present = torch.ones(2, 3, dtype=torch.bool)
    _, collapsed = plain(separation=1.0)(same, present)
    _, separate = plain(separation=1.0)(apart, present)
    assert collapsed["separation"].item() == pytest.approx(math.log(2), abs=1e-6)
    assert separate["separation"].item() == pytest.approx(math.log1p(math.exp(-10)), abs=1e-6)
    assert collapsed["mlc"].item() == pytest.approx(separate["mlc"].item(), abs=1e-6)
    assert collapsed["between_cosine"].item() == pytest.approx(1)
    assert separate["between_cosine"].item() == pytest.approx(0, abs=1e-6)
    assert separate["within_cosine"].item() == pytest.approx(1)
    assert separate["first_share"].item() == pytest.approx(1)


@pytest.mark.integration
def test_the_loss_alone_brings_in_no_trainer() -> None:
    program = (
        "import sys; from mlc_data.align import MultilingualConsistencyLoss; "
        "print({'transformers', 'trl', 'peft', 'datasets', 'polars'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"form": "other"}, {"extractor": "mlp"}, {"separation": -1}]
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MultilingualConsistencyLoss(**options)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        plain()(torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))
