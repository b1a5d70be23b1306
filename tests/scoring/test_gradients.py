"""Scores of tensors, with gradients: of ResMem, of functions, and as docs/gradients.md shows."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import memnet
import references
from memnet.errors import MemnetError
from memnet.reimpl.resmem import ResMem
from memnet.scoring.functions import FunctionHeader
from memnet.weights.catalogue import find
from planted import TINY
from tiny import OUTPUT, SPEC

RESMEM = find("resmem.published").preprocess
SMOOTH = references.limit("resmem.smooth")
PAGE = Path(__file__).parents[2] / "docs" / "gradients.md"


@pytest.fixture(scope="module")
def small() -> memnet.Predictor:
    """ResMem at small sizes with random weights, and the published preprocessing."""
    torch.manual_seed(4)
    network = ResMem(sizes={k: v for k, v in TINY.items() if k in ResMem.published_sizes})
    network.initialise(tuple(ResMem.branches))
    return memnet.Predictor("resmem.small", network, FunctionHeader(name="s", preprocess=RESMEM))


def photograph(size=(120, 150), count=1) -> torch.Tensor:
    """Smooth made-up pictures, brighter towards one side, on the grid of 8 bits."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(count, 3, 6, 8, generator=generator) * 0.8 + 0.1
    return (torch.nn.functional.interpolate(coarse, size, mode="bilinear") * 255).round() / 255


def save(picture: torch.Tensor, path: Path) -> Path:
    pixels = (picture[0].detach() * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path)
    return path


def ascend(model, picture, *, steps=50, step=1 / 255, exact=True) -> torch.Tensor:
    for _ in range(steps):
        picture = picture.detach().requires_grad_()
        raw, _ = model.score_tensor(picture, exact=exact)
        (gradient,) = torch.autograd.grad(raw.sum(), picture)
        picture = (picture + step * gradient.sign()).clamp(0, 1)
    return picture.detach()


# Forward.


def test_the_scores_of_tensors_are_those_of_the_pictures_rounded_to_8_bits(small):
    between = torch.rand(3, 3, 90, 70, generator=torch.Generator().manual_seed(5))
    table = small.score(list(between.permute(0, 2, 3, 1).numpy()))
    assert table.score.nunique() == 3
    raw, score = small.score_tensor(between)
    assert raw.shape == score.shape == (3,)
    assert np.abs(score.numpy() - table.score).max() <= 1e-6
    alone = torch.cat([small.score_tensor(picture[None])[1] for picture in between])
    assert (alone - score).abs().max() <= 1e-6


def test_the_published_model_gives_tensors_the_published_scores(resmem, golden_pictures):
    found = references.resmem_tensors(resmem, list(golden_pictures.values())[:3], None)
    assert {one.rung for one in found} == {"resmem.tensor", "resmem.smooth"}
    assert references.too_far(found) == []


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_scores_are_float32_or_float64(small, kind):
    wanted = small.score_tensor(photograph().to(kind).float())[1]
    raw, score = small.score_tensor(photograph().to(kind))
    assert raw.dtype == score.dtype == torch.promote_types(kind, torch.float32)
    assert abs(score.item() - wanted.item()) < 1e-6


# Gradients.


@pytest.mark.parametrize("exact", [True, False])
def test_the_gradient_is_the_slope_of_the_smooth_score(small, exact):
    """Finite differences along the gradient; the exact score's are steps, so not of that."""
    picture = photograph()
    network = small.network.double()  # else differences drown in float32's rounding
    try:
        double = memnet.Predictor.from_function(
            "double.v1", lambda crops: network(crops.double()), preprocess=RESMEM
        )
        variable = picture.double().requires_grad_()
        double.score_tensor(variable, exact=exact)[0].sum().backward()
        slope = variable.grad.norm().item()
        direction = variable.grad / slope
        h = 0.001  # small against the network's kinks
        ends = [
            double.score_tensor(picture.double() + sign * h * direction, exact=False)[0].item()
            for sign in (1, -1)
        ]
    finally:
        network.float()
    assert slope > 0
    assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, rel=0.02 if not exact else 0.5)


def test_a_batch_has_the_gradients_of_its_pictures_alone(small):
    batch = photograph(count=3).requires_grad_()
    small.score_tensor(batch)[1].sum().backward()
    for number, picture in enumerate(batch.detach()):
        alone = picture[None].clone().requires_grad_()
        small.score_tensor(alone)[1].sum().backward()
        assert (alone.grad[0] - batch.grad[number]).norm() < 1e-3 * alone.grad.norm()
        assert alone.grad.norm() > 0
    assert all(parameter.grad is None for parameter in small.network.parameters())


@pytest.mark.parametrize("exact", [True, False])
def test_fifty_steps_of_ascent_raise_the_score_and_that_of_the_saved_picture(
    small, tmp_path, exact
):
    before = photograph()
    after = ascend(small, before, exact=exact)
    first, last = (small.score_tensor(x, exact=exact)[1].item() for x in (before, after))
    saved = [small.score(save(x, tmp_path / "a.png")).score[0] for x in (before, after)]
    assert last - first > 0.01
    tolerance = 1e-6 if exact else SMOOTH
    assert saved[1] - saved[0] == pytest.approx(last - first, abs=2 * tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False])
def test_fifty_steps_of_ascent_with_the_published_model(resmem, golden_pictures, tmp_path, exact):
    path = golden_pictures["astronaut_256x256.png"]
    with Image.open(path) as image:
        smaller = np.asarray(image.convert("RGB").resize((200, 180)), dtype=np.float32)
    before = torch.from_numpy(smaller / np.float32(255)).permute(2, 0, 1)[None]
    after = ascend(resmem, before, exact=exact)
    first, last = (resmem.score_tensor(x, exact=exact)[1].item() for x in (before, after))
    saved = [resmem.score(save(x, tmp_path / "a.png")).score[0] for x in (before, after)]
    print(f"exact={exact}: {first:.6f} to {last:.6f}; saved {saved[0]:.6f} to {saved[1]:.6f}")
    assert last - first > 0.05
    tolerance = 1e-6 if exact else SMOOTH
    assert saved[1] - saved[0] == pytest.approx(last - first, abs=2 * tolerance)


# Functions.


def test_a_function_of_crops_has_gradients():
    output = dataclasses.replace(OUTPUT, multiply=2.0, clamp="0-1")
    model = memnet.Predictor.from_function(
        "green.v1", lambda crops: crops[:, 1].mean(dim=(1, 2)), preprocess=SPEC, output=output
    )
    picture = torch.tensor([0.2, 0.8])[:, None, None, None].expand(2, 3, 20, 30).clone()
    picture.requires_grad_()
    raw, score = model.score_tensor(picture)
    assert raw.tolist() == pytest.approx([0.2, 0.8], abs=1e-6)
    assert score.tolist() == pytest.approx([0.4, 1.0], abs=1e-6)
    (of_score,) = torch.autograd.grad(score.sum(), picture, retain_graph=True)
    (of_raw,) = torch.autograd.grad(raw.sum(), picture)
    assert of_score[0].sum().item() == pytest.approx(2.0, abs=1e-5)
    assert of_score[1].abs().sum() == 0  # the clamp holds this one
    assert of_raw[1].sum().item() == pytest.approx(1.0, abs=1e-5)
    assert of_raw[:, [0, 2]].abs().sum() == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda crops: crops.detach().mean(dim=(1, 2, 3)),
        lambda crops: [crop.mean().item() for crop in crops],
        lambda crops: crops.detach().numpy().mean(axis=(1, 2, 3)),
        torch.no_grad()(lambda crops: crops.mean(dim=(1, 2, 3))),
    ],
)
def test_a_function_that_loses_the_gradient_is_named(function):
    model = memnet.Predictor.from_function("lost.v1", function, preprocess=SPEC)
    picture = torch.rand(2, 3, 20, 30)
    assert model.score_tensor(picture)[1].shape == (2,)  # nobody asks for gradients
    with torch.no_grad():
        assert model.score_tensor(picture.requires_grad_())[1].shape == (2,)
    with pytest.raises(MemnetError, match=r"lost\.v1 gives numbers without gradients: it must"):
        model.score_tensor(picture)


def test_a_function_of_pictures_takes_no_tensors():
    model = memnet.Predictor.from_function("a.v1", lambda pictures: [0.5] * len(pictures))
    with pytest.raises(MemnetError, match=r"a function of pictures, not of tensors; .*preprocess="):
        model.score_tensor(torch.rand(1, 3, 8, 8))


# The page.


def test_the_examples_of_the_page_do_what_it_says(small, tmp_path, monkeypatch):
    """Word for word and in order, with the small network in place of the published weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memnet, "load", {"resmem.published": small}.__getitem__)
    save(photograph((60, 80)), tmp_path / "photo.png")
    begin, ascent, saving, camera, *rest = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert len(ascent.splitlines()) <= 5
    assert len(camera.splitlines()) <= 5
    names: dict[str, object] = {}
    exec(begin, names)
    first = small.score("photo.png").score[0]
    exec(ascent, names)
    exec(saving, names)
    assert small.score("steered.png").score[0] - first > 0.01
    assert small.score("steered.png").score[0] == pytest.approx(
        small.score_tensor(names["picture"])[1].item(), abs=1e-6
    )
    exec(camera, names)
    gradient = names["pose"].grad
    assert gradient.shape == (2, 3)
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).all()
    for code in rest:
        exec(code, names)
