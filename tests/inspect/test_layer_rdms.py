"""RDMs of layers and brains from files: matched by id, compared, written, drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from activations import write_npz
from memnet.errors import MemnetError
from memnet.inspect import rdm_figure
from memnet.inspect.brain_rdm import read_rdm
from memnet.inspect.common_pictures import find_common, without_failed
from memnet.inspect.rdm_files import write_rdms
from memnet.inspect.rdms import compare_layers

IDS = [f"p{number:02}.jpg" for number in range(24)]
QUICK = {"resamples": 20, "permutations": 20}


@pytest.fixture
def layers():
    """Three layers; the second is what the brain is made of."""
    random = np.random.default_rng(3)
    shapes = {"conv1": (4, 3, 3), "conv2": (30,), "fc6": (12,)}
    return {
        name: random.normal(size=(len(IDS), *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture
def brain(layers):
    noise = np.random.default_rng(4).normal(size=(len(IDS), 30))
    return squareform(pdist(layers["conv2"] + 0.7 * noise, "correlation"))


@pytest.fixture
def save(tmp_path):
    def save(arrays, name="net.npz", ids=IDS) -> Path:
        write_npz(tmp_path / name, ids, arrays)
        return tmp_path / name

    return save


def square(brain, order=tuple(range(24)), columns=None) -> pd.DataFrame:
    table = pd.DataFrame(brain, index=IDS, columns=IDS).iloc[list(order)]
    return table.iloc[:, list(order if columns is None else columns)]


def test_the_layer_that_the_brain_is_made_of_is_found(layers, brain, save, tmp_path):
    """The brain's pictures in another order, some of them only, columns in yet another."""
    order = np.random.default_rng(0).permutation(len(IDS))[:20]
    square(brain, order, order[::-1]).to_csv(tmp_path / "V4.csv")

    found = compare_layers({"net": save(layers)}, {"V4": tmp_path / "V4.csv"}, **QUICK)

    kept = sorted(order)
    assert found.ids == [IDS[row] for row in kept]
    rho = {each.first: each.spearman for each in found.comparisons if each.second == "V4"}
    above = np.triu_indices(20, 1)
    for name, values in layers.items():
        ours = pdist(values.reshape(len(IDS), -1)[kept], "correlation")
        np.testing.assert_allclose(found.layers[name], ours, atol=1e-6)
        expected = spearmanr(ours, brain[np.ix_(kept, kept)][above]).statistic
        assert rho[name] == pytest.approx(expected, abs=1e-9)
    assert max(rho, key=rho.__getitem__) == "conv2"
    assert rho["conv2"] > 0.5
    (note,) = found.record["notes"]
    assert note.startswith("4 of 24 pictures of ")
    assert "are not in" in note


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "square.npy", "vector.npy"])
def test_every_kind_of_file_gives_the_same_rdm(brain, kind, tmp_path):
    path = tmp_path / f"brain.{kind}"
    if kind == "csv":
        square(brain).to_csv(path)
    elif kind == "tsv":
        square(brain).rename_axis("image_id").to_csv(path, sep="\t")
    elif kind == "parquet":
        square(brain).to_parquet(path)
    else:
        np.save(path, brain if kind.startswith("square") else squareform(brain))
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n", encoding="utf-8")
    found = read_rdm(path, tmp_path / "ids.txt")
    assert found.ids == IDS
    np.testing.assert_allclose(found.rdm, squareform(brain), rtol=1e-12)


def changed(brain, *places):
    new = brain.copy()
    for row, column, value in places:
        new[row, column] = value
    return new


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda b: 1 - b, r"'p00.jpg' has 1 to itself, .* give 1 minus them"),
        (lambda b: changed(b, (2, 5, 9.0)), "'p02.jpg' to 'p05.jpg' it has 9, and back"),
        (lambda b: np.triu(b), "Fill both halves alike"),
        (lambda b: changed(b, (2, 5, np.nan), (5, 2, np.nan)), "'p02.jpg' and 'p05.jpg'; leave"),
        (lambda b: changed(b, (2, 5, np.inf), (5, 2, np.inf)), "infinite"),
        (lambda b: b * np.nan, "no number besides its diagonal"),
        (lambda b: b[:, :9], r"shape \(24, 9\)"),
        (lambda b: squareform(b)[:-1], "275 numbers are no RDM"),
        (lambda b: b[:9, :9], r"of 9 pictures, and .* has 24 ids \('p00.jpg' to 'p23.jpg'\)"),
        (lambda b: b.astype(str), "cannot be read"),
    ],
)
def test_numbers_that_are_no_rdm_are_refused_in_a_sentence(brain, make, words, tmp_path):
    numbers = make(brain)
    if numbers.dtype.kind == "U":
        numbers[0, 0] = "a"
    np.save(tmp_path / "brain.npy", numbers)
    (tmp_path / "ids.txt").write_text("\n".join(IDS), encoding="utf-8")
    with pytest.raises(MemnetError, match=words):
        read_rdm(tmp_path / "brain.npy", tmp_path / "ids.txt")


def test_no_order_of_pictures_is_guessed(brain, tmp_path):
    np.save(tmp_path / "brain.npy", brain)
    with pytest.raises(MemnetError, match="does not say which pictures"):
        read_rdm(tmp_path / "brain.npy")


def test_a_table_whose_rows_are_not_its_columns_is_refused_with_examples(brain, tmp_path):
    path = tmp_path / "brain.csv"
    square(brain).iloc[:, 2:].to_csv(path)
    with pytest.raises(MemnetError, match=r"24 rows and 22 columns .* 2 of the rows are no"):
        read_rdm(path)
    square(brain).rename(columns={"p03.jpg": "p3.jpg"}).to_csv(path)
    with pytest.raises(MemnetError, match=r"no columns: p03.jpg; 1 of the columns .*: p3.jpg"):
        read_rdm(path)


def test_a_picture_without_any_number_is_set_aside_by_name(brain, tmp_path):
    table = square(brain)
    table.loc["p07.jpg"] = table["p07.jpg"] = np.nan
    table.to_csv(tmp_path / "brain.csv")
    found = read_rdm(tmp_path / "brain.csv")
    assert found.set_aside == ["p07.jpg"]
    assert len(found.ids) == 23


def test_a_brain_of_other_pictures_is_refused_with_what_would_match(layers, brain, save, tmp_path):
    new = [each.replace(".jpg", ".png") for each in IDS]
    square(brain).set_axis(new).set_axis(new, axis=1).to_csv(tmp_path / "V4.csv")
    given = {"net": save(layers)}, {"V4": tmp_path / "V4.csv"}
    with pytest.raises(MemnetError, match="24 would agree without file endings"):
        compare_layers(*given, **QUICK)
    assert compare_layers(*given, match="stem", **QUICK).ids == IDS


def test_a_brain_with_the_name_of_a_layer_is_not_taken_for_it(layers, brain, save, tmp_path):
    square(brain).to_csv(tmp_path / "fc6.csv")
    with pytest.raises(MemnetError, match="both called fc6; call the RDM otherwise"):
        compare_layers({"net": save(layers)}, {"fc6": tmp_path / "fc6.csv"}, **QUICK)


def test_models_are_compared_on_the_pictures_that_both_have(layers, save):
    other = {"conv1": layers["conv1"][::-1][:20]}
    files = {"a": save(layers, "a.npz"), "b": save(other, "b.npz", IDS[::-1][:20])}
    found = compare_layers(files, **QUICK)
    assert list(found.layers) == ["a:conv1", "a:conv2", "a:fc6", "b:conv1"]
    assert len(found.ids) == 20
    assert len(found.comparisons) == 6
    np.testing.assert_allclose(found.layers["a:conv1"], found.layers["b:conv1"], atol=1e-6)


def test_what_has_no_correlation_is_left_out_by_name(layers, save):
    layers["conv1"][5] = 1.0
    layers["score"] = layers["fc6"][:, :1]
    found = compare_layers({"net": save(layers)}, **QUICK)
    assert list(found.layers) == ["conv1", "conv2", "fc6"]
    assert len(found.ids) == 23
    picture, layer = found.record["set_aside"]
    assert "p05.jpg" in picture
    assert "Layer score" in layer
    assert "--distance euclidean" in layer
    with_euclidean = compare_layers({"net": save(layers)}, distance="euclidean", **QUICK)
    assert len(with_euclidean.layers) == 4
    assert len(with_euclidean.ids) == 24


def test_pictures_that_could_not_be_read_are_left_out_and_other_gaps_refused(layers, save):
    for values in layers.values():
        values[3] = np.nan
    found = compare_layers({"net": save(layers)}, **QUICK)
    assert found.record["activations"]["net"]["set_aside"] == ["p03.jpg"]
    assert "p03.jpg" not in found.ids
    layers["conv2"][4, 2] = np.inf
    with pytest.raises(MemnetError, match=r"Layer conv2 .* not finite for 1 picture.*p04.jpg"):
        compare_layers({"net": save(layers)}, **QUICK)


def test_too_few_pictures_and_repeated_ids_are_refused(layers, save, brain, tmp_path):
    few = {name: values[:3] for name, values in layers.items()}
    with pytest.raises(MemnetError, match=r"Only 3 picture.* over 4 or more"):
        compare_layers({"net": save(few, ids=IDS[:3])}, **QUICK)
    with pytest.raises(MemnetError, match=r"more than once: p00.jpg"):
        compare_layers({"net": save(layers, ids=[*IDS[:-1], IDS[0]])}, **QUICK)
    with pytest.raises(MemnetError, match="Did you mean 'cosine'"):
        compare_layers({"net": save(layers)}, distance="cosin", **QUICK)
    path = save(layers)
    with pytest.raises(MemnetError, match="given twice"):
        compare_layers({"a": path, "b": path}, **QUICK)


def test_three_sources_are_matched_and_what_is_in_two_alone_is_named():
    common = find_common({"x": ["a", "b", "c"], "y": ["c", "b"], "z": ["a", "c"]})
    assert common.ids == ["c"]
    assert {name: rows.tolist() for name, rows in common.rows.items()} == {
        "x": [2],
        "y": [0],
        "z": [1],
    }
    assert common.sentences == [
        "1 of 3 pictures of x is not in y: a.",
        "1 of 3 pictures of x is not in z: b.",
    ]
    with pytest.raises(MemnetError, match="No picture of x is in each of y, z"):
        find_common({"x": ["a", "b"], "y": ["a"], "z": ["b"]})


def test_a_picture_is_left_out_only_if_every_layer_lacks_it():
    layers = {"a": np.array([[1.0], [np.nan]]), "b": np.array([[1.0], [2.0]])}
    assert without_failed(["p", "q"], layers)[2] == []
    layers["b"][1] = np.nan
    ids, kept, failed = without_failed(["p", "q"], layers)
    assert (ids, failed) == (["p"], ["q"])
    assert kept["a"].tolist() == [[1.0]]


def test_files_hold_what_was_computed_and_other_files_stay(layers, brain, save, tmp_path):
    square(brain).to_csv(tmp_path / "V4.csv")
    given = {"net": save(layers)}, {"V4": tmp_path / "V4.csv"}
    out = tmp_path / "out"
    found = compare_layers(*given, **QUICK)
    write_rdms(found, out)
    with np.load(out / "rdms.npz", allow_pickle=False) as file:
        assert file["ids"].tolist() == IDS
        assert file["names"].tolist() == ["conv1", "conv2", "fc6", "V4"]
        assert file["rdms"].shape == (4, 24, 24)
        np.testing.assert_array_equal(file["rdms"][3], squareform(found.brains["V4"]))
    table = pd.read_csv(out / "comparisons.csv")
    pd.testing.assert_frame_equal(table, found.table, rtol=1e-15)
    record = json.loads((out / "rdms.json").read_text(encoding="utf-8"))
    assert record["seed"] == 0
    rho = [each["spearman"] for each in record["comparisons"]]
    assert rho == [each.spearman for each in found.comparisons]
    before = (out / "rdms.svg").read_bytes()
    again = compare_layers(*given, **QUICK)
    assert again.comparisons == found.comparisons
    write_rdms(again, out)  # its own files may be replaced
    assert (out / "rdms.svg").read_bytes() == before
    (out / "rdms.json").unlink()
    with pytest.raises(MemnetError, match="exists and holds something else"):
        write_rdms(again, out)


def test_the_figure_shows_every_rdm_and_a_bar_for_each_layer(layers, brain, save, tmp_path):
    square(brain).to_csv(tmp_path / "V4.csv")
    found = compare_layers({"net": save(layers)}, {"V4": tmp_path / "V4.csv"}, **QUICK)
    figure = rdm_figure.draw(found)
    images = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in images] == ["conv1", "conv2", "fc6", "V4"]
    percentiles = images[1].images[0].get_array()
    assert np.nanmin(percentiles) == 0
    assert np.nanmax(percentiles) == 100
    (bars,) = [axes for axes in figure.axes if "V4" in axes.get_xlabel()]
    widths = [bar.get_width() for bar in bars.patches]
    assert widths == [each.spearman for each in found.comparisons if each.second == "V4"]


def test_the_figure_without_a_brain_has_rho_between_layers(layers, save):
    figure = rdm_figure.draw(compare_layers({"net": save(layers)}, **QUICK))
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert len(texts) == 3
    one = rdm_figure.draw(compare_layers({"net": save({"fc6": layers["fc6"]})}, **QUICK))
    assert sum(bool(axes.images) for axes in one.axes) == 1


def test_a_matrix_without_ids_is_not_taken_for_one_with_them(brain, tmp_path):
    """Its first row and column agree, being symmetric; the ids would be numbers."""
    pd.DataFrame(brain).to_csv(tmp_path / "bare.csv", index=False, header=False)
    with pytest.raises(MemnetError, match="numbers where ids should be"):
        read_rdm(tmp_path / "bare.csv")


def test_ids_that_are_whole_numbers_are_ids(tmp_path):
    path = tmp_path / "V4.csv"
    path.write_text("0,1,2\n1,0,0.5\n2,0.5,0\n", encoding="utf-8")
    assert read_rdm(path).ids == ["1", "2"]


def test_an_rdm_that_is_the_same_everywhere_is_refused(tmp_path):
    (tmp_path / "ids.txt").write_text("\n".join(IDS), encoding="utf-8")
    np.save(tmp_path / "ones.npy", np.ones((24, 24)) - np.eye(24))
    with pytest.raises(MemnetError, match="has 1 for every two pictures"):
        read_rdm(tmp_path / "ones.npy", tmp_path / "ids.txt")


def test_a_folder_of_somebody_else_is_left_alone(layers, save, tmp_path):
    found = compare_layers({"net": save(layers)}, **QUICK)
    out = tmp_path / "theirs"
    out.mkdir()
    for name, text in (("rdms.json", "{}"), ("comparisons.csv", "mine")):
        (out / name).write_text(text, encoding="utf-8")
    with pytest.raises(MemnetError, match=r"comparisons\.csv exists and holds something else"):
        write_rdms(found, out)
    assert (out / "comparisons.csv").read_text(encoding="utf-8") == "mine"


def test_a_numpy_file_is_one_in_any_letter_case(layers, brain, save, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(IDS), encoding="utf-8")
    with (tmp_path / "V4.NPY").open("wb") as file:
        np.save(file, brain)
    found = compare_layers(
        {"net": save(layers)}, {"V4": tmp_path / "V4.NPY"}, brain_ids=ids, **QUICK
    )
    assert list(found.brains) == ["V4"]


def test_ids_are_asked_for_by_the_options_that_there_are(layers, brain, save, tmp_path):
    table = pd.DataFrame(brain, index=range(24), columns=range(24))
    table.to_csv(tmp_path / "V4.csv")
    with pytest.raises(MemnetError) as caught:
        compare_layers({"net": save(layers)}, {"V4": tmp_path / "V4.csv"}, **QUICK)
    assert "Are these the same pictures?" in str(caught.value)
    assert "--id-column" not in str(caught.value)
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(IDS), encoding="utf-8")
    square(brain).to_csv(tmp_path / "V4.csv")
    with pytest.raises(MemnetError, match="no --brain is one"):
        compare_layers({"net": save(layers)}, {"V4": tmp_path / "V4.csv"}, brain_ids=ids, **QUICK)
