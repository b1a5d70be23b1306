"""The page of `memnet serve` in a real browser: pictures in, scores, table and report out."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import memnet
from live_server import LiveServer, tiny_settings
from memnet.data.matching import MATCH_RULES
from memnet.data.targets import TARGETS, target_in_name
from page_browser import PATIENCE, add, drop, names, opened, rows, wait_for_scores

pytestmark = pytest.mark.slow

COLUMNS = ["score", "raw", "n_crops", "clamped", "width", "height", "mode"]


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def twenty(tmp_path_factory) -> list[Path]:
    """Twenty unlike pictures: one of a colour each, with a corner of another."""
    folder = tmp_path_factory.mktemp("twenty")
    paths = []
    for i in range(20):
        picture = Image.new("RGB", (300 + i, 240), (12 * i, 255 - 9 * i, 7 * i))
        picture.paste((255 - 12 * i, 40, 90), (0, 0, 150, 6 * i + 20))
        paths.append(folder / f"p{i:02}.png")
        picture.save(paths[-1])
    return paths


def downloaded(page) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV").click()
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def test_one_picture_has_a_score_and_its_place_among_human_scores(page, weights, golden_pictures):
    path = next(iter(golden_pictures.values()))
    (score,) = memnet.load(weights, device="cpu").score([path])["score"]
    add(page, [path])
    ((who, hits, alarms, _),) = rows(page)
    assert path.name in who
    with Image.open(path) as picture:
        assert f"{picture.width} × {picture.height}" in who
    assert hits.startswith(f"{score:.2f}")
    from memnet.data.human_scores import percentile

    expected = round(percentile("lamem", score), 1)
    share = f"{expected:.{1 if expected < 1 or expected > 99 else 0}f} %"
    assert f"More memorable than {share} of LaMem’s 58,741 pictures" in hits
    assert "More often taken for seen" in alarms
    marker = page.locator("#rows .marker").first.get_attribute("d")
    assert float(marker[1:].split()[0]) == pytest.approx(8 + score * 204, abs=0.06)


def test_the_downloaded_table_is_that_of_memnet_score(page, weights, alarm_weights, twenty):
    answers = []
    page.on("response", lambda answer: "/v1/scores" in answer.url and answers.append(answer))
    add(page, twenty)
    sent = [picture for answer in answers for picture in answer.json()["pictures"]]
    assert names(page) == [path.name for path in twenty]
    table = pd.read_csv(io.StringIO(downloaded(page)), keep_default_na=False)
    assert list(table)[:12] == list(memnet.load(weights, device="cpu").score(twenty[:1]))
    for file in (weights, alarm_weights):
        expected = memnet.load(file, device="cpu").score(twenty)
        ours = table[table["model"] == file.name].reset_index(drop=True)
        assert list(ours["image_id"]) == list(expected["image_id"])
        assert list(ours["variant"]) == [""] * 20
        for column in COLUMNS:
            assert list(ours[column]) == (
                # Another batch moves the last digits of a network's output.
                pytest.approx(list(expected[column]), abs=1e-6)
                if column in ("score", "raw")
                else list(expected[column])
            ), column
        given = [
            each for picture in sent for each in picture["scores"] if each["model"] == file.name
        ]
        for column in ("score", "raw"):
            assert list(ours[column]) == [each[column] for each in given]


def test_a_broken_file_among_good_ones_says_why(page, golden_pictures, tmp_path):
    good = list(golden_pictures.values())[:2]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    add(page, [good[0], broken, good[1]])
    by_name = dict(zip(names(page), rows(page), strict=True))
    assert "No score. The file is empty (0 bytes)" in by_name["broken.jpg"][3]
    assert all("no score" not in by_name[path.name][1] for path in good)
    page.select_option("#state", "failed")
    assert names(page) == ["broken.jpg"]
    (line,) = [
        line for line in downloaded(page).splitlines() if "tiny.saf" in line and "broken" in line
    ]
    assert "failed: The file is empty" in line


def test_files_and_folders_can_be_dropped(page, golden_pictures, tmp_path):
    first, second, third = list(golden_pictures.values())[:3]
    folder = tmp_path / "study"
    (folder / "inner").mkdir(parents=True)
    shutil.copy(first, folder / "inner" / "b.png")
    shutil.copy(second, folder / "a.png")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    drop(page, [folder, third])
    wait_for_scores(page)
    # As memnet score names them: relative to the folder.
    assert sorted(names(page)) == sorted(["a.png", "inner/b.png", third.name])
    assert "1 file left out, since it is no picture: study/notes.txt." in page.inner_text("#notes")
    paths = {row["image_id"]: row["path"] for row in csv.DictReader(io.StringIO(downloaded(page)))}
    assert paths["inner/b.png"] == "study/inner/b.png"


def test_a_folder_of_more_entries_than_a_browser_lists_at_once(page, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(130):
        Image.new("RGB", (8, 8), (i, i, 0)).save(folder / f"{i:03}.png")
    drop(page, [folder])
    page.locator("#shown", has_text="130 pictures").wait_for()
    page.get_by_role("button", name="Cancel").click()
    wait_for_scores(page)
    assert page.inner_text("#unfinished-words").startswith("Cancelled.")
    assert page.locator("#rows tr").count() == 100
    page.get_by_role("button", name="Show 30 more of 30").click()
    assert page.locator("#rows tr").count() == 130


def test_a_folder_can_be_chosen(page, golden_pictures, tmp_path):
    folder = tmp_path / "chosen"
    folder.mkdir()
    shutil.copy(next(iter(golden_pictures.values())), folder / "a.png")
    page.set_input_files("#folder", str(folder))
    wait_for_scores(page)
    assert names(page) == ["a.png"]


def test_a_picture_can_be_pasted(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("""async () => {
        const canvas = new OffscreenCanvas(240, 240);
        canvas.getContext("2d").fillRect(0, 0, 100, 100);
        const blob = await canvas.convertToBlob({type: "image/png"});
        await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
    }""")
    page.keyboard.press("Control+V")
    wait_for_scores(page)
    assert names(page) == ["pasted 1.png"]


def test_sort_and_filter(page, twenty):
    add(page, twenty[:6])
    table = pd.read_csv(io.StringIO(downloaded(page)))
    scores = table[table["model"] == table["model"][0]].set_index("image_id")["score"]
    page.select_option("#sort", "high:0")
    assert names(page) == list(scores.sort_values(ascending=False).index)
    head = page.locator("#heads th").nth(1)
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == list(scores.sort_values().index)
    page.fill("#name", "P03")
    assert names(page) == ["p03.png"]
    assert page.inner_text("#shown") == "1 of 6 pictures"


def test_two_pictures_are_compared_side_by_side(page, twenty):
    add(page, twenty[:3])
    button = page.get_by_role("button", name="Compare two")
    assert button.is_disabled()
    for name in ("p00.png", "p01.png", "p02.png"):  # the first of three gives way
        page.get_by_label(f"Compare {name}").check()
    button.click()
    captions = page.locator("#pair figcaption").all_inner_texts()
    assert captions == ["A p01.png", "B p02.png"]
    of_hits = page.locator("#pair section").first
    a, b = map(float, of_hits.locator(".score").all_inner_texts())
    higher = f"{'A' if a > b else 'B'} is predicted .{round(100 * abs(a - b)):02} higher"
    assert (higher if a != b else "Both get the same score") in of_hits.inner_text()
    page.get_by_role("button", name="Close", exact=True).click()
    table = pd.read_csv(io.StringIO(downloaded(page)))
    scores = table[table["model"] == table["model"][0]]["score"]
    assert [f"{score:.2f}" for score in scores[1:]] == [f"{a:.2f}", f"{b:.2f}"]


def test_names_are_text_and_the_same_twice_is_one(page, golden_pictures, tmp_path):
    source = next(iter(golden_pictures.values()))
    evil = tmp_path / "<img src=x onerror=alert(1)>.png"
    formula = tmp_path / "=1+1.png"
    for path in (evil, formula):
        shutil.copy(source, path)
    add(page, [evil, formula])
    assert names(page) == [evil.name, formula.name]
    assert page.locator("#rows th img").count() == 2  # the thumbnails
    assert "'=1+1.png" in downloaded(page)
    page.set_input_files("#files", [str(evil)])
    page.wait_for_selector("#notes li")
    assert "left out, which is here already" in page.inner_text("#notes")
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (50, 50)).save(other / "=1+1.png")
    add(page, [other / "=1+1.png"])
    assert names(page)[-1] == "=1+1 (2).png"


def test_human_scores_beside_the_pictures_give_the_report(page, twenty, tmp_path):
    table = tmp_path / "people.csv"
    lines = [f"{path.stem};{i};0.{50 + i}" for i, path in enumerate(twenty)]
    table.write_text("picture;n;hit_rate\n" + "\n".join(lines), encoding="utf-8")
    drop(page, [*twenty, table])
    wait_for_scores(page)
    assert page.locator("#id-column option:checked").inner_text() == "picture"
    assert page.locator("#truth-column option:checked").inner_text() == "hit_rate"
    assert page.input_value("#match") == "stem"
    page.get_by_text("20 of the 20 pictures above are in this column.").wait_for()
    page.locator("#columns").get_by_role("button", name="Compare").click()
    link = page.get_by_role("link", name="Open the report")
    link.wait_for(timeout=5 * PATIENCE)
    assert "20 pictures compared" in page.inner_text("#comparison")
    with page.context.expect_page() as opening:
        link.click()
    report = opening.value
    report.wait_for_load_state()
    assert report.title()
    assert report.locator("h1").inner_text() == "Predicted and human memorability"
    report.close()


def test_a_busy_server_is_waited_for(page, golden_pictures):
    asked = []

    def busy_once(route):
        asked.append(1)
        if len(asked) > 1:
            return route.continue_()
        problem = {"title": "Busy", "status": 503, "detail": "200 pictures wait already."}
        return route.fulfill(
            status=503,
            headers={"Retry-After": "1"},
            content_type="application/problem+json",
            body=json.dumps(problem),
        )

    page.route("**/v1/scores*", busy_once)
    page.set_input_files("#files", [str(next(iter(golden_pictures.values())))])
    page.get_by_text("The server is busy; going on in 1 second.").wait_for()
    wait_for_scores(page)
    assert len(asked) == 2
    assert "waiting" not in rows(page)[0][1]
    page.complaints.clear()  # the browser notes the 503


def test_what_was_lost_goes_on(page, twenty):
    page.route("**/v1/scores*", lambda route: route.abort())
    page.set_input_files("#files", [str(path) for path in twenty[:3]])
    page.locator("#unfinished").wait_for()
    assert page.inner_text("#unfinished-words").startswith("The server cannot be reached")
    assert "3 not sent" in page.inner_text("#unfinished-words")
    page.unroute("**/v1/scores*")
    page.get_by_role("button", name="Go on").click()
    wait_for_scores(page)
    assert all("waiting" not in row[1] for row in rows(page))
    page.complaints.clear()  # the browser notes the lost connection


def test_removing_all_asks_and_leaves_nothing_to_go_on_with(page, twenty):
    page.on("dialog", lambda dialog: dialog.accept())
    add(page, twenty[:1])
    page.route("**/v1/scores*", lambda route: None)  # never answered
    page.set_input_files("#files", [str(path) for path in twenty[1:4]])
    page.get_by_text("1 of 4 pictures done").wait_for()
    page.get_by_role("button", name="Remove all").click()
    page.locator("#progress").wait_for(state="hidden")
    assert page.locator("#unfinished").is_hidden()
    assert names(page) == []


def test_what_was_cancelled_has_not_failed(page, twenty):
    page.route("**/v1/scores*", lambda route: None)
    page.set_input_files("#files", [str(path) for path in twenty[:2]])
    page.get_by_role("button", name="Cancel").click()
    page.locator(
        "#unfinished-words", has_text="Cancelled. 0 pictures scored, 2 not sent"
    ).wait_for()
    table = pd.read_csv(io.StringIO(downloaded(page)), keep_default_na=False)
    assert set(table["warning"]) == {"not scored yet"}


def test_the_browser_asks_before_scores_are_lost(page, twenty):
    page.mouse.click(5, 5)  # browsers ask only where somebody has done something
    add(page, twenty[:1])
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]


def test_a_table_without_names_of_columns_is_refused(page, twenty, tmp_path):
    add(page, twenty[:2])
    (tmp_path / "people.csv").write_text("p00.png,0.8\np01.png,0.7\n")
    page.set_input_files("#table-file", str(tmp_path / "people.csv"))
    page.get_by_text(
        "Its first row should name the columns, and has the picture p00.png."
    ).wait_for()
    (tmp_path / "people.csv").write_text("file;hit_rate\nx.png;0,8\ny.png;0,7\n")
    page.set_input_files("#table-file", str(tmp_path / "people.csv"))
    page.get_by_text("0 of the 2 pictures above are in this column.").wait_for()
    assert page.input_value("#truth-column") == "1"
    assert page.input_value("#target") == "hit_rate"
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("None of the pictures above is in the column").wait_for()


def test_a_map_of_where_in_the_picture(page, golden_pictures):
    add(page, [next(iter(golden_pictures.values()))])
    page.get_by_role("button", name="Look closely").click()
    page.get_by_role("button", name="Show where").click()
    overlay = page.locator("#picture .overlay")
    overlay.wait_for(timeout=5 * PATIENCE)
    assert overlay.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert "correlates" in page.inner_text("#picture .map-form")
    page.get_by_role("button", name="Map over the picture").click()
    assert overlay.is_hidden()


def test_a_map_lies_over_the_picture_as_it_is_stored(page, tmp_path):
    path = tmp_path / "turned.jpg"
    picture = Image.new("RGB", (300, 200), "red")
    picture.paste("blue", (150, 0, 300, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # browsers show it turned, upright
    picture.save(path, exif=exif)
    add(page, [path])
    page.get_by_role("button", name="Look closely").click()
    shown = page.locator("#picture .canvas img").first
    shape = "image => image.decode().then(() => image.clientWidth / image.clientHeight)"
    assert shown.evaluate(shape) == pytest.approx(2 / 3, abs=0.02)
    page.get_by_role("button", name="Show where").click()
    page.locator("#picture .overlay").wait_for(timeout=5 * PATIENCE)
    for at in (0, 1):
        image = page.locator("#picture .canvas img").nth(at)
        assert image.evaluate(shape) == pytest.approx(3 / 2, abs=0.02)


def test_names_agree_on_the_page_as_they_do_on_the_server(page):
    names = [
        *(
            "a.jpg",
            "x/y/A.JPG",
            "x\\y\\a.jpeg",
            "face.v0",
            "face.v0.jpg",
            "000.5",
            ".jpg",
            "x/.png",
        ),
        *("a.jp2", "a.jp3", "a.m4v", "a.b.c", "a b.png", "a%20b.png", "a\u00a0b.png", "100%.jpg"),
        *("%E4.jpg", "%c3%a4.jpg", "50%20%zz.jpg", "Stra\u00dfe.jpg", "STRASSE.jpg", "a .jpg", ""),
        *("\u00e9.png", "e\u0301.png", " a.jpg ", "..jpg", "a.", "a.tar.gz", "a.superlong"),
    ]
    ours = {rule: [MATCH_RULES[rule].simplify(name) for name in names] for rule in MATCH_RULES}
    theirs = page.evaluate(
        """names => import("/page/human.js").then(({ RULES }) => Object.fromEntries(
            Object.entries(RULES).map(([rule, simplify]) => [rule, names.map(simplify)])))""",
        names,
    )
    assert theirs == ours


def test_the_page_knows_what_human_scores_can_be(page):
    offered = page.eval_on_selector_all("#target option", "options => options.map(o => o.value)")
    assert offered == ["", *TARGETS]
    names = [
        "HR",
        "hit_rate",
        "Hits",
        "hits (n)",
        "FAR",
        "False alarms",
        "false_alarm_rate",
        "score",
    ]
    names += [
        "d'",
        "d_prime",
        "corrected",
        "Corrected recognition",
        "hit rate 2",
        "fa",
        "memorability",
    ]
    read = page.evaluate(
        'names => import("/page/human.js").then(({ targetInName }) => names.map(targetInName))',
        names,
    )
    assert read == [target_in_name(name) for name in names]


def test_a_server_with_a_key_asks_for_it_and_a_demo_begins_with_pictures(browser, weights):
    with LiveServer(tiny_settings(weights, key="correct-horse", demo=True)) as server:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(server.url)
        page.locator("#key-input").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        page.get_by_text("The server did not accept that key.").wait_for()
        page.locator("#key-input").fill("correct-horse")
        page.keyboard.press("Enter")
        wait_for_scores(page)
        assert len(names(page)) == 3
        assert "waiting" not in rows(page)[2][1]
        context.close()
