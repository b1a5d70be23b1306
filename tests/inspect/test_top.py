"""The strongest pictures, beside all activations sorted, and what their strongest units see."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import conv2d

import memnet
from inspected import make_model, make_small, make_spec, noise
from memnet.data.inputs import Item
from memnet.inspect.layers import find_layers, layers_of
from memnet.inspect.top import find_top, read
from memnet.inspect.top_progress import Progress
from memnet.preprocess.decode import decode
from memnet.preprocess.differentiable import preprocess_tensor


def as_items(pictures) -> list[Item]:
    """Ids sort otherwise than the pictures do."""
    return [Item(f"{(7 * n) % 101:03}", "", picture) for n, picture in enumerate(pictures)]


def everything(model, names=("first", "second")):
    return [(layer, range(layer.filters)) for layer in find_layers(model, list(names))]


def units_by_hand(model, picture) -> dict[str, np.ndarray]:
    """Return what each layer gives, ``(crops, filters, units)``."""
    net = model.network
    with torch.no_grad():
        decoded = decode(picture, exif_orientation="ignore")
        crops = model.preprocess.apply_decoded(decoded)
        first = conv2d(crops, net.first.weight, net.first.bias, stride=2)
        second = conv2d(torch.relu(first), net.second.weight, net.second.bias, padding=1)
        score = net.score(torch.relu(second).mean(dim=(2, 3)))
    return {
        "first": first.flatten(2).numpy(),
        "second": second.flatten(2).numpy(),
        "score": score[:, :, None].numpy(),
    }


def brute_force(model, items, by, k):
    """Sort all activations: (layer, filter, side) -> ids, activations, places."""
    units = {item.image_id: units_by_hand(model, item.picture) for item in items}
    expected = {}
    for name in ("first", "second", "score"):
        for number in range(next(iter(units.values()))[name].shape[1]):
            values = {image_id: each[name][:, number] for image_id, each in units.items()}
            reduced = {i: v.mean() if by == "mean" else v.max() for i, v in values.items()}
            for side, sign in (("most", -1), ("least", 1)):
                ids = sorted(values, key=lambda i: (sign * reduced[i], i))[:k]
                places = [np.unravel_index(values[i].argmax(), values[i].shape) for i in ids]
                expected[name, number, side] = ids, [reduced[i] for i in ids], places
    return expected


@pytest.mark.parametrize("crops", [1, 3])
@pytest.mark.parametrize("by", ["mean", "max"])
@pytest.mark.parametrize(("batch_size", "order"), [(1, 1), (4, -1), (32, 1)])
def test_it_is_what_sorting_all_activations_gives(tmp_path, crops, by, batch_size, order):
    model, items = make_small(crops=crops), as_items(noise(14))
    wanted = everything(model, ("score", "second", "first"))
    top = find_top(model, items[::order], wanted, tmp_path, k=5, by=by, batch_size=batch_size)
    expected = brute_force(model, items, by, k=5)
    assert len(top.rows) == 5 * len(expected)
    for row in top.rows:
        ids, values, places = expected[row.layer, row.filter, row.side]
        at = row.rank - 1
        assert row.image_id == ids[at]
        assert row.activation == pytest.approx(values[at], abs=1e-6)
        crop, unit = places[at]
        where = (None, None) if row.layer == "score" else divmod(unit, 15)
        assert (row.crop, row.row, row.column) == (crop, *where)


def test_read_returns_what_was_found_and_the_table_says_the_same(tmp_path):
    model = make_small()
    top = find_top(model, as_items(noise(4)), everything(model), tmp_path, k=2)
    assert read(tmp_path) == top
    heading, *lines = (tmp_path / "top.csv").read_text().splitlines()
    assert heading.split(",")[:7] == [
        "layer",
        "filter",
        "side",
        "rank",
        "image_id",
        "path",
        "activation",
    ]
    assert len(lines) == len(top.rows) == (6 + 4) * 2 * 2
    row = top.rows[0]
    assert lines[0].startswith(f"first,0,most,1,{row.image_id},,{row.activation},")
    with pytest.raises(memnet.MemnetError, match="`memnet inspect top` makes such files"):
        read(tmp_path / "elsewhere")


class Positive(nn.Module):
    """Two convolutions of positive weights, so that no gradient cancels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 5, stride=2, padding=2)
        self.second = nn.Conv2d(4, 3, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x))).mean(dim=(1, 2, 3))


def make_positive(**spec) -> memnet.Predictor:
    torch.manual_seed(3)
    network = Positive()
    for parameter in network.parameters():
        parameter.data.uniform_(0.1, 1.0)
    preprocess = make_spec(33)
    if spec:
        preprocess = type(preprocess)(**{**preprocess.to_dict(), **spec})
    return memnet.Predictor.from_function("positive.v1", network, preprocess=preprocess)


def box_by_gradient(model, layer, row, picture):
    """Return the box of the picture's pixels that move a unit, through the preprocessing."""
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255
    pixels.requires_grad_()
    crops = preprocess_tensor(pixels, model.preprocess, exact=False)[0].float()
    kept = []
    hook = layer.module.register_forward_hook(lambda _, __, output: kept.append(output))
    model.network.function(crops)
    hook.remove()
    kept[0][row.crop, row.filter, row.row, row.column].backward()
    seen = pixels.grad[0].abs().sum(dim=0) > 0
    rows, columns = (seen.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


MIRRORED = {
    "resize_hw": (40, 44),
    "crop_offsets": ((0, 0), (7, 11), (3, 6)),
    "crop_mirrors": "of-mirrored",
}


@pytest.mark.parametrize("spec", [{}, MIRRORED], ids=["whole", "crops and mirrors"])
def test_boxes_are_those_of_the_gradient_where_nothing_is_resized(tmp_path, spec):
    model = make_positive(**spec)
    height, width = model.preprocess.resize_hw
    random = np.random.default_rng(5)
    pictures = random.integers(256, size=(6, height, width, 3), dtype=np.uint8)
    items = as_items(pictures)
    top = find_top(model, items, everything(model), tmp_path, k=3, by="max")
    by_id = {item.image_id: item.picture for item in items}
    layers = {layer.name: layer for layer in layers_of(model)}
    for row in top.rows:
        expected = box_by_gradient(model, layers[row.layer], row, by_id[row.image_id])
        assert row.box == expected
        assert row.left <= row.x <= row.right
        assert row.top <= row.y <= row.bottom
    assert len({row.box for row in top.rows}) > 6
    if spec:
        assert len({row.crop for row in top.rows}) > 2


@pytest.mark.parametrize(("width", "height"), [(70, 50), (20, 95), (66, 33)])
def test_boxes_in_resized_pictures_are_within_the_resizers_reach(tmp_path, width, height):
    model = make_positive(**MIRRORED)
    random = np.random.default_rng(6)
    pictures = random.integers(256, size=(3, height, width, 3), dtype=np.uint8)
    items = as_items(pictures)
    top = find_top(model, items, everything(model), tmp_path, k=2, by="max")
    by_id = {item.image_id: item.picture for item in items}
    layers = {layer.name: layer for layer in layers_of(model)}
    reach_x, reach_y = (math.ceil(max(old / new, 1)) for old, new in ((width, 44), (height, 40)))
    for row in top.rows:
        expected = box_by_gradient(model, layers[row.layer], row, by_id[row.image_id])
        for got, true, reach in zip(row.box, expected, (reach_x, reach_y) * 2, strict=True):
            assert abs(got - true) <= reach
        assert (row.width, row.height) == (width, height)


def grey_with_step(at: tuple[int, int], *, upright: bool) -> np.ndarray:
    """Draw a patch on grey, dark before ``at`` = (x, y) and bright behind: the strongest step."""
    picture = np.full((60, 60, 3), 128, np.uint8)
    x, y = at
    picture[y - 8 : y + 8, x - 8 : x + 8] = 255
    before = (slice(y - 8, y + 8), slice(x - 8, x))
    picture[before if upright else (slice(y - 8, y), slice(x - 8, x + 8))] = 0
    return picture


@pytest.mark.parametrize("by", ["max", "mean"])
def test_a_planted_edge_is_found_and_outlined(tmp_path, by):
    """A filter that looks for dark beside bright; the mean is of rectified steps."""

    class Edge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = nn.Conv2d(3, 1, 7, bias=False)
            self.after = nn.Conv2d(1, 1, 1, bias=False)
            self.step.weight.data[:] = torch.tensor([-1.0, -1, -1, 0, 1, 1, 1])
            self.after.weight.data[:] = 1

        def forward(self, x: Tensor) -> Tensor:
            return self.after(torch.relu(self.step(x))).mean(dim=(1, 2, 3))

    model = memnet.Predictor.from_function("edge.v1", Edge(), preprocess=make_spec(60))
    places = {"a": (15, 40), "b": (40, 20), "c": (31, 31)}
    items = [Item(f"{n} lying", "", grey_with_step(at, upright=False)) for n, at in places.items()]
    items += [
        Item(f"{n} standing", "", grey_with_step(at, upright=True)) for n, at in places.items()
    ]
    items += [Item("plain", "", np.full((60, 60, 3), 200, np.uint8))]
    (layer,) = find_layers(model, ["step" if by == "max" else "after"])
    top = find_top(model, items, [(layer, [0])], tmp_path, k=3, by=by)
    most = [row for row in top.rows if row.side == "most"]
    assert sorted(row.image_id for row in most) == [f"{name} standing" for name in places]
    for row in most:
        x, y = places[row.image_id[0]]
        left, upper, right, lower = row.box
        assert (left + right) / 2 == pytest.approx(x, abs=0.5)  # 3 pixels of each side, 1 between
        assert y - 8 <= upper < lower <= y + 8
        assert (row.x, row.y) == ((left + right) / 2, (upper + lower) / 2)
    assert top.rows[-3].side == "least"
    assert next(row for row in top.rows if row.side == "least").image_id == "plain"


def test_a_pass_that_was_broken_off_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    model, items = make_small(), as_items(noise(30))
    items[4] = Item("damaged", "", b"no picture")
    whole = find_top(model, items, everything(model), tmp_path / "whole", k=4, batch_size=3)
    assert list(whole.failed) == ["damaged"]
    add, calls = Progress.add, []

    def add_until(self, *arguments):
        calls.append(len(self.done))
        if len(calls) == 6:
            raise KeyboardInterrupt
        add(self, *arguments)

    monkeypatch.setattr(Progress, "add", add_until)
    parts = (tmp_path / "parts", 4, 3)
    with pytest.raises(KeyboardInterrupt):
        find_top(model, items, everything(model), parts[0], k=4, batch_size=3, every=6)
    assert not (tmp_path / "parts" / "top.csv").exists()
    find_top(model, items, everything(model), parts[0], k=4, batch_size=3, every=6)
    # 12 of the 15 pictures that were looked at had been saved, and 3 were looked at again.
    assert calls[6] == 11
    assert len(calls) == 6 + 6 + 1
    for name in ("top.csv", "top.json"):
        there = [(tmp_path / folder / name).read_bytes() for folder in ("whole", "parts")]
        assert there[0] == there[1]


def test_more_pictures_join_those_of_before(tmp_path):
    model, items = make_small(), as_items(noise(12))
    whole = find_top(model, items, everything(model), tmp_path / "whole", batch_size=1)
    find_top(model, items[:5], everything(model), tmp_path / "grown", batch_size=1)
    layers = everything(model)[::-1]  # named in another order
    grown = find_top(model, items[5:], layers, tmp_path / "grown", batch_size=1)
    assert grown == whole
    assert grown.pictures == 12


def test_another_question_is_not_answered_in_the_same_folder(tmp_path):
    model, items = make_small(), as_items(noise(3))
    find_top(model, items, everything(model), tmp_path, k=2)
    other = make_small()
    with torch.no_grad():
        other.network.first.weight[0, 0, 0, 0] += 1
    for said, changed, wanted, settings in (
        (r"different: -k\);", model, everything(model), {"k": 3}),
        (r"different: --by\);", model, everything(model), {"k": 2, "by": "max"}),
        (r"different: layers or filters\);", model, everything(model, ["first"]), {"k": 2}),
        (r"different: weights\);", other, everything(other), {"k": 2}),
    ):
        with pytest.raises(memnet.MemnetError, match=f"{said} choose another --out"):
            find_top(changed, items, wanted, tmp_path, **settings)
    (tmp_path / "progress.npz").write_bytes(b"damaged")
    with pytest.raises(memnet.MemnetError, match=r"progress.npz cannot be read .* begin anew"):
        find_top(model, items, everything(model), tmp_path, k=2)
    (tmp_path / "progress.npz").unlink()
    with pytest.raises(memnet.MemnetError, match="has results already"):
        find_top(model, items, everything(model), tmp_path, k=2)


def save(picture: np.ndarray, path: Path) -> Item:
    Image.fromarray(picture).save(path)
    return Item(path.name, str(path), path)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_a_file_that_is_there_twice_counts_once_under_the_smaller_id(tmp_path, order, batch_size):
    model, pictures = make_small(), noise(3)
    items = [save(picture, tmp_path / f"{n}.png") for n, picture in enumerate(pictures)]
    items += [save(pictures[0], tmp_path / name) for name in ("0 copy.png", "z.png")]
    out = tmp_path / "out"
    top = find_top(model, items[::order], everything(model), out, batch_size=batch_size)
    assert top.pictures == 5
    for side in ("most", "least"):
        ids = {row.image_id for row in top.rows if row.side == side}
        assert ids == {"0 copy.png", "1.png", "2.png"}
    assert max(row.rank for row in top.rows) == 3
    assert top.rows[0].path == str(tmp_path / top.rows[0].image_id)


@pytest.mark.parametrize("order", [1, -1])
def test_equal_activations_are_ordered_by_id(tmp_path, order):
    model, (picture,) = make_small(), noise(1)
    names = ["c.png", "a.bmp", "b.tif"]  # equal pixels in other files
    items = [save(picture, tmp_path / name) for name in names]
    top = find_top(model, items[::order], everything(model), tmp_path / "out", k=2, batch_size=1)
    for first, second in zip(top.rows[::2], top.rows[1::2], strict=True):
        assert [first.image_id, second.image_id] == ["a.bmp", "b.tif"]


def test_a_picture_that_failed_is_named_and_looked_at_again(tmp_path):
    model, items = make_small(), as_items(noise(3))
    bad = Item("bad.jpg", "x/bad.jpg", b"no picture")
    top = find_top(model, [bad, *items], everything(model), tmp_path)
    assert list(top.failed) == ["bad.jpg"]
    assert "no picture that can be read" in top.failed["bad.jpg"]
    mended = Item("bad.jpg", "x/bad.jpg", noise(1, seed=9)[0])
    top = find_top(model, [mended, *items], everything(model), tmp_path)
    assert top.failed == {}
    assert "bad.jpg" in {row.image_id for row in top.rows}
    with pytest.raises(memnet.MemnetError, match=r"None of 1 pictures can be read: bad.jpg: The "):
        find_top(model, [bad], everything(model), tmp_path / "other")


def test_a_layer_without_a_finite_number_fails_for_that_picture(tmp_path):
    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)
            self.conv.weight.data[:] = 1e38

        def forward(self, x: Tensor) -> Tensor:
            self.conv(20 * x)
            return x.mean(dim=(1, 2, 3))

    model = make_model(Bright(), side=33)
    items = as_items([np.full((40, 40, 3), grey, np.uint8) for grey in (0, 255)])
    top = find_top(model, items, everything(model, ["conv"]), tmp_path)
    assert top.failed == {"007": "Layer conv gives no finite number for it."}
    assert {row.image_id for row in top.rows} == {"000"}


def test_one_grey_picture_and_more_places_than_pictures(tmp_path):
    model = make_small()
    grey = Item("grey", "", np.full((30, 45), 128, np.uint8))
    top = find_top(model, [grey], everything(model), tmp_path, k=9)
    assert [row.rank for row in top.rows] == [1] * len(top.rows)
    assert len(top.rows) == 2 * (6 + 4)
    assert {(row.width, row.height) for row in top.rows} == {(45, 30)}


def test_questions_without_an_answer(tmp_path):
    model, items = make_small(), as_items(noise(2))
    layers = find_layers(model, ["first"])
    with pytest.raises(memnet.MemnetError, match=r"first has no filter 6: .* are 0 to 5"):
        find_top(model, items, [(layers[0], [0, 6])], tmp_path)
    with pytest.raises(memnet.MemnetError, match="k is 0; it must be a whole number, 1 or more"):
        find_top(model, items, everything(model), tmp_path, k=0)
    with pytest.raises(memnet.MemnetError, match="k is 2,000; at most 1,000"):
        find_top(model, items, everything(model), tmp_path, k=2000)
    with pytest.raises(memnet.MemnetError, match="Known: 'mean', 'max'"):
        find_top(model, items, everything(model), tmp_path, by="median")
    with pytest.raises(memnet.MemnetError, match="no pictures to choose from"):
        find_top(model, [], everything(model), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_record_says_what_was_looked_for(tmp_path):
    model = make_small()
    find_top(model, as_items(noise(2)), everything(model, ["second"]), tmp_path, k=1)
    record = json.loads((tmp_path / "top.json").read_text())
    assert record["about"]["layers"] == [
        {
            "name": "second",
            "other_names": [],
            "kind": "convolution",
            "shape": [4, 15, 15],
            "receptive_field": {"size": 9, "stride": 2, "start": -2},
            "filters": [0, 1, 2, 3],
        }
    ]
    assert record["about"]["model"] == "random.test"
    assert record["pictures"] == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    """But for the ids of those done."""
    random = np.random.default_rng(0)
    pixels = random.integers(256, size=(2000, 8, 8, 3), dtype=np.uint8)
    items = [save(picture, tmp_path / f"{n:04}.png") for n, picture in enumerate(pixels)]
    model = make_model(nn.Sequential(nn.Conv2d(3, 64, 5), nn.AdaptiveMaxPool3d(1)), side=9)
    wanted = everything(model, ["0"])
    find_top(model, items[:50], wanted, tmp_path / "first", k=50)
    peaks = {}
    for count in (200, 2000):
        tracemalloc.start()
        find_top(model, items[:count], wanted, tmp_path / str(count), k=50, every=50)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[200] > 5e6
    assert peaks[2000] < 1.05 * peaks[200] + 150 * 1800, peaks
    print(peaks)


@pytest.mark.slow
def test_the_published_network_ranks_as_its_own_package_does(resmem, golden_pictures, tmp_path):
    """Its network, its preprocessing, and layers found by a walk over children."""
    package = pytest.importorskip("resmem")
    network = package.ResMem(pretrained=True).eval()

    def walk(module: nn.Module) -> list[nn.Conv2d]:
        found = []
        for child in module.children():
            found += [child] if isinstance(child, nn.Conv2d) else walk(child)
        return found

    kept = {}
    convolutions = walk(network.features)
    modules = {"resnet-13": convolutions[13], "resnet-81": convolutions[81], "conv2": network.conv2}
    for name, module in modules.items():
        module.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out.clone()}))
    means = {name: {} for name in modules}
    for image_id, path in golden_pictures.items():
        with Image.open(path) as image, torch.no_grad():
            network(package.transformer(image.convert("RGB"))[None])
        for name in modules:
            means[name][image_id] = kept[name][0].mean(dim=(1, 2)).numpy()
    items = [Item(image_id, str(path), path) for image_id, path in golden_pictures.items()]
    layers = find_layers(resmem, list(modules))
    wanted = [(layer, range(layer.filters)) for layer in layers]
    top = find_top(resmem, items, wanted, tmp_path, k=3)
    names = {layer.name: name for layer, name in zip(layers, modules, strict=True)}
    assert len(top.rows) == 2 * 3 * sum(layer.filters for layer in layers)
    for row in top.rows:
        values = {i: each[row.filter] for i, each in means[names[row.layer]].items()}
        ordered = sorted(values, key=values.__getitem__, reverse=row.side == "most")
        assert row.activation == pytest.approx(values[ordered[row.rank - 1]], abs=1e-5)
        assert row.activation == pytest.approx(values[row.image_id], abs=1e-5)
