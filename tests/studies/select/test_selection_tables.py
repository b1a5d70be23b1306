"""Tables of pictures: read, made wide, joined; what is left out and why."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from memnet.errors import MemnetError
from memnet.studies.select.candidates import find_candidates
from memnet.studies.select.near_duplicates import find_repeats
from memnet.studies.select.rules import Rule

SCORES = pd.DataFrame({"image_id": list("abcdef"), "score": [0.9, 0.8, 0.7, 0.4, 0.3, 0.2]})
MORE = pd.DataFrame(
    {
        "image_id": list("fedcba"),
        "light": [6.0, 5, 4, 3, 2, 1],
        "category": ["x", "y", "x", "y", "x", "y"],
    }
)


def find(table=SCORES, **settings):
    return find_candidates(table, **{"score": ["score"], "match": (), "exact": (), **settings})


def test_tables_are_joined_by_id_and_not_by_order():
    found = find(others=[MORE], match=["light"], exact=["category"])
    assert found.covariates[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.categories[:, 0].tolist() == ["y", "x", "y", "x", "y", "x"]


def test_a_score_table_has_a_column_for_each_model(tmp_path):
    rows = [
        {"image_id": each, "path": f"p/{each}", "model": model, "variant": variant, "score": score}
        for each, scores in {"b": (0.5, 0.6, 0.7), "a": (0.1, 0.2, 0.3)}.items()
        for (model, variant), score in zip([("m", ""), ("m", "v"), ("n", "")], scores, strict=True)
    ]
    table = tmp_path / "scores.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    models = {"m": {"arch": "one", "weights_sha256": "0"}, "n": {"arch": "two"}}
    (tmp_path / "scores.csv.json").write_text(json.dumps({"sidecar_version": 2, "models": models}))
    found = find(table, score=["m:v", "n"], match=["m"])
    assert found.ids == ["b", "a"]
    assert found.paths == ["p/b", "p/a"]
    assert found.scores.tolist() == [[0.6, 0.7], [0.2, 0.3]]
    assert found.covariates.tolist() == [[0.5], [0.1]]
    assert found.identities == {"n": models["n"]}
    with pytest.raises(MemnetError, match=r"scores of 3 models, m, m:v, n; say which .* --score"):
        find(table, score=[])
    with pytest.raises(MemnetError, match="There is no model 'score'"):
        find(table, score=["score"])


def test_the_only_model_is_meant(tmp_path):
    table = SCORES.assign(model="m", variant="")
    assert find(table, score=[]).score_names == ["m"]
    assert find(table, score=["score"]).score_names == ["m"]


def test_failed_pictures_are_named_with_their_reason():
    table = SCORES.assign(model="m", variant="", warning="")
    table.loc[2, ["score", "warning"]] = [np.nan, "failed: It is no picture."]
    found = find(table, score=[])
    assert found.left_out == {"c": "It is no picture."}
    assert found.lacking == 1
    assert any("c (It is no picture.)" in note for note in found.notes)


def test_pictures_that_could_not_be_described_have_their_reason():
    more = MORE.assign(warning="")
    more.loc[1, ["light", "warning"]] = [np.nan, "failed: It is damaged."]
    assert find(others=[more], match=["light"]).left_out == {"e": "It is damaged."}


def test_raw_outputs_of_the_only_model_can_be_the_score():
    """Clamped scores are ties that are not real; what is behind them is not."""
    table = SCORES.assign(model="m", variant="", raw=[1.3, 1.2, 0.7, 0.4, -0.1, -0.2])
    assert find(table, score=["raw"]).scores[:2, 0].tolist() == [1.3, 1.2]


def test_two_scores_of_a_picture_are_refused():
    table = pd.concat([SCORES, SCORES.iloc[:1].assign(score=0.1)]).assign(model="m", variant="")
    with pytest.raises(MemnetError, match=r"several scores of m for 1 picture.*'a' \(0.9, 0.1\)"):
        find(table, score=[])
    with pytest.raises(MemnetError, match=r"column 'score': 'a' has '0.9'.*and '0.1'"):
        find(table.drop(columns="model"))


def test_rows_that_repeat_a_picture_count_once():
    """As in a table of trials, whose other columns differ from row to row."""
    trials = pd.concat([SCORES, SCORES]).assign(rt=range(12))
    found = find(trials)
    assert found.ids == list("abcdef")
    assert any("6 row(s) repeat the picture of another row" in note for note in found.notes)


def test_one_picture_in_two_categories_is_refused_by_name():
    twice = pd.concat([MORE, MORE.iloc[:1].assign(category="z")], ignore_index=True)
    with pytest.raises(MemnetError, match=r"'category': 'f' has 'x' \(row .*\) and 'z' \(row"):
        find(others=[twice], exact=["category"])
    assert len(find(others=[twice]).ids) == 6  # where nobody asks for the category


def test_tables_may_not_contradict_each_other_in_what_is_used():
    other = MORE.assign(score=[0.2, 0.3, 0.4, 0.7, 0.8, 0.5])
    with pytest.raises(MemnetError, match=r"both have a column 'score', and differ .* 1 .*'a'"):
        find(others=[other])
    same = MORE.assign(score=["0.20", "0.30", ".4", "0.7", "0.8", "9e-1"])
    assert find(others=[same]).scores[0, 0] == 0.9


def test_a_picture_whose_file_changed_between_two_tables_is_refused():
    one, two = SCORES.assign(sha256=list("123456")), MORE.assign(sha256=list("654322"))
    with pytest.raises(MemnetError, match=r"'sha256'.*'a' \('1' and '2'\); the pictures changed"):
        find(one, others=[two])


def test_missing_covariates_are_named():
    more = MORE[MORE["image_id"] != "b"].assign(light=["6", "", "n/a", "3", "words"])
    found = find(others=[more], match=["light"])
    assert found.ids == ["c", "f"]
    assert found.left_out == {
        "a": "light is 'words', no number",
        "b": "it is not in table 2",
        "d": "light is missing ('n/a')",
        "e": "light is missing",
    }
    assert any(note.startswith("4 picture(s) have no number in 'light'") for note in found.notes)
    found = find(others=[MORE.assign(category=["x", "", "x", "y", "x", "y"])], exact=["category"])
    assert found.left_out == {"e": "category is missing"}


def test_codes_of_missing_values_are_none():
    found = find(SCORES.assign(light=[1, 2, 3, 2, 1, -999]), match=["light"])
    assert "taken for the code of a missing value" in found.left_out["f"]


def test_pictures_of_only_one_table_are_named():
    found = find(others=[pd.concat([MORE, MORE.assign(image_id=[f"{n}" for n in range(6)])])])
    assert any("6 picture(s) of" in note and "cannot be chosen" in note for note in found.notes)
    with pytest.raises(MemnetError, match=r"No id of .* 1 would agree|No id of .* would agree"):
        find(others=[MORE.assign(image_id=[f"{each}.jpg" for each in "fedcba"])])


def test_decimal_commas_and_semicolons(tmp_path):
    scores, more = tmp_path / "scores.csv", tmp_path / "more.csv"
    scores.write_text("image_id;score\na;0,9\nb;0,8\nc;1,071\n")
    more.write_text("image_id,light\na,1.5\nb,2.5\nc,1000.5\n")
    found = find(scores, others=[more], match=["light"])
    assert found.scores[:, 0].tolist() == [0.9, 0.8, 1.071]
    assert found.covariates[:, 0].tolist() == [1.5, 2.5, 1000.5]
    assert find(scores, include=["score >= 0,85"]).ids == ["a", "c"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"score": ["scroe"]}, r"no column 'scroe'\. Did you mean 'score'\?"),
        ({"score": []}, r"Say which column has the scores: --score COLUMN\. There are: score"),
        ({"score": ["category"]}, r"no number in column 'category'.*first cell is 'y'"),
        ({"match": ["ligth"]}, r"no column 'ligth'\. Did you mean 'light'\?"),
        ({"match": ["score"]}, r"cannot differ in 'score' and be alike in it"),
        ({"match": ["category"]}, r"no number in column 'category'.*matched by --exact"),
        ({"exact": ["categry"]}, r"no column 'categry'\. Did you mean 'category'\?"),
        ({"match": ["light"], "exact": ["light"]}, r"'light' is given to --exact"),
        ({"include": ["category = z"]}, r"No picture is left by --include 'category = z'"),
        ({"include": ["category = X"]}, r"Did you mean 'x'\?"),
        ({"include": ["heights > 3"]}, r"no column 'heights'"),
        ({"include": ["category"]}, r"rule 'category' cannot be read: write a column"),
        ({"include": ["light >= much"]}, r"compares with 'much', which is no number"),
        ({"include": ["category >= 3"]}, r"needs numbers, and column 'category'"),
        ({"id_column": "light2"}, None),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(settings, sentence):
    if sentence is None:  # every table has image_id
        assert len(find(others=[MORE], **settings).ids) == 6
        return
    with pytest.raises(MemnetError, match=sentence):
        find(others=[MORE], **settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("image_id,score\n", "has no rows"),
        ("image_id,score\n,0.5\n", "no id in column 'image_id'"),
        ("image_id,score\na,\nb,\n", "no number in column 'score'"),
        ("score\n0.5\n", "no column 'image_id'"),
        ("image_id,score,score\na,1,2\n", "2 columns called 'score'"),
    ],
)
def test_odd_tables_are_one_sentence(tmp_path, text, sentence):
    table = tmp_path / "odd.csv"
    table.write_text(text)
    with pytest.raises(MemnetError, match=sentence):
        find(table)


def test_rows_without_an_id_are_counted(tmp_path):
    table = tmp_path / "scores.csv"
    table.write_text("image_id,score\na,0.5\n,0.6\nb,0.7\n")
    found = find(table)
    assert found.ids == ["a", "b"]
    assert any("1 row(s) have no image_id (row 3)" in note for note in found.notes)


# Rules.


@pytest.mark.parametrize(
    ("text", "holds", "unknown"),
    [
        ("n >= 10", [False, True, True, False], [False, False, False, True]),
        ("n > 10", [False, False, True, False], [False, False, False, True]),
        ("n<1e1", [True, False, False, False], [False, False, False, True]),
        ("n = 9.0", [True, False, False, False], [False, False, False, True]),
        ("n == 9", [True, False, False, False], [False, False, False, True]),
        ("n != 9", [False, True, True, False], [False, False, False, True]),
        ("word = a b", [True, False, False, False], [False, False, True, False]),
        ('word != "a b"', [False, True, False, True], [False, False, True, False]),
        ("word =", [False, False, True, False], [False] * 4),
        ("word !=", [True, True, False, True], [False] * 4),
        ("word = A B", [False] * 4, [False, False, True, False]),
        ("'a = b' = 1", [True, False, True, False], [False] * 4),
    ],
)
def test_rules(text, holds, unknown):
    """Numbers as numbers (10 is more than 9), words as words; of an empty cell nobody can tell."""
    table = pd.DataFrame(
        {"n": ["9", "10", "100", ""], "word": ["a b", "a", "", "9"], "a = b": ["1", "2", "1", "0"]}
    )
    rule = Rule.parse(text)
    got = rule.apply(table[rule.column], "the table")
    assert [each.tolist() for each in got] == [holds, unknown]


def test_a_rule_may_name_several_values_and_pictures():
    table = pd.DataFrame({"image_id": list("abcd"), "score": [1, 2, 3, 4], "kind": list("xyzx")})
    kept = find_candidates(table, score=["score"], match=[], exact=[], include=["kind = x | z"])
    assert kept.ids == ["a", "c", "d"]
    kept = find_candidates(table, score=["score"], match=[], exact=[], exclude=["image_id = c"])
    assert kept.ids == ["a", "b", "d"]
    with pytest.raises(MemnetError, match=r"one of several values is 'COLUMN = a \| b'"):
        find_candidates(
            table, score=["score"], match=[], exact=[], include=["kind = x", "kind = y"]
        )


def test_rules_leave_out_by_name_and_count():
    table = SCORES.assign(width=["100", "400", "", "500", "600", "700"], kind=list("xxyyyz"))
    found = find(table, include=["width >= 400"], exclude=["kind = z", "kind = Y"])
    assert found.ids == ["b", "d", "e"]
    assert found.left_out["c"] == "width is missing or no number"
    assert found.left_out["f"] == "--exclude kind = z"
    assert found.lacking == 1
    assert any("'kind = Y' leaves out no picture. Did you mean 'y'?" in n for n in found.notes)


# Pictures that are there twice.


def test_near_duplicates_are_as_brute_force_finds_them():
    random = np.random.default_rng(3)
    hashes = random.integers(2**64, size=120, dtype=np.uint64)
    for place in range(60, 120):  # each a copy of an earlier one, some bits turned over
        bits = random.choice(64, size=random.integers(0, 12), replace=False)
        hashes[place] = hashes[place - 60] ^ np.bitwise_or.reduce(
            np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0)
        )
    expected: dict[int, int] = {}
    for place in range(120):
        near = [
            other
            for other in range(place)
            if other not in expected and (int(hashes[place]) ^ int(hashes[other])).bit_count() <= 6
        ]
        if near:
            expected[place] = near[0]
    got = find_repeats(hashes, np.ones(120, dtype=bool), [""] * 120)
    assert got == expected
    assert 20 < len(got) < 60


def test_the_first_of_near_duplicates_is_kept_and_the_others_named():
    hashes = [
        "00000000000000ff",
        "ffffffff00000000",
        "00000000000000fe",
        "",
        "0f0f0f0f0f0f0f0f",
        "",
    ]
    digests = ["1", "2", "3", "4", "2", "4"]
    table = SCORES.assign(phash=hashes, sha256=digests)
    found = find(table)
    assert found.ids == ["a", "b", "d"]
    assert found.left_out == {
        "c": "nearly the same as a",
        "e": "the same file as b",
        "f": "the same file as d",
    }
    assert found.lacking == 0
    # A picture that a rule leaves out keeps nobody else out.
    assert find(table, exclude=["score = 0.9"]).ids == ["b", "c", "d"]


def test_it_is_said_where_near_duplicates_were_not_looked_for():
    assert any("Near-duplicates were not looked for" in note for note in find().notes)
    with pytest.raises(MemnetError, match="'xyz' in column 'phash', which is no perceptual hash"):
        find(SCORES.assign(phash="xyz"))


def test_many_pictures_are_searched_for_near_duplicates_in_seconds():
    hashes = np.random.default_rng(1).integers(2**64, size=20_000, dtype=np.uint64)
    hashes[-1] = hashes[0] ^ np.uint64(0b111)
    assert find_repeats(hashes, np.ones(20_000, dtype=bool), [""] * 20_000) == {19_999: 0}


# Files.


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(4, "pictures")


def test_without_hashes_in_a_table_the_pictures_are_looked_at(pictures):
    from PIL import Image

    from memnet.data.pictures import collect

    pytest.importorskip("imagehash", reason="needs ImageHash; pip install ImageHash")
    names = sorted(each.name for each in pictures.iterdir())
    with Image.open(pictures / names[1]) as picture:
        picture.convert("RGB").save(pictures / "copy.jpg", quality=90)
    for number, colour in enumerate(("#333333", "#999999")):  # flat pictures are no copies
        Image.new("RGB", (30, 30), colour).save(pictures / f"flat{number}.png")
    names += ["copy.jpg", "flat0.png", "flat1.png"]
    table = pd.DataFrame({"image_id": names, "score": range(len(names))})
    found = find(table, images=collect([pictures]))
    assert found.left_out == {"copy.jpg": f"nearly the same as {names[1]}"}


def test_files_give_paths_and_digests(pictures):
    import hashlib

    from memnet.data.pictures import collect

    names = sorted(each.name for each in pictures.iterdir())
    table = pd.DataFrame({"image_id": [*names, "gone.png"], "score": [0.1, 0.2, 0.3, 0.4, 0.5]})
    found = find(table, images=collect([pictures]))
    assert found.ids == names
    assert found.paths == [str(pictures / name) for name in names]
    assert found.sha256[0] == hashlib.sha256((pictures / names[0]).read_bytes()).hexdigest()
    assert found.left_out == {"gone.png": "it is not among --images"}
    other = table.assign(sha256=["0" * 64, "", "", "", ""])
    with pytest.raises(MemnetError, match=r"1 picture\(s\) are not the files .*memnet describe"):
        find(other, images=collect([pictures]))
