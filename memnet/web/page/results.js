// The table of scores: a row per picture, a column per model; sorted, filtered, a page at a time.

import { byId, counted, element } from "./dom.js";
import { distributionsFor, errorsInShort, placeInWords, scale, typicalError } from "./scale.js";

const AT_ONCE = 100; // rows shown; thousands of pictures would make the page slow

/** The badge that tells whether a model may have been trained on what it was tested on. */
export const badge = (word) => element("span", { class: `word ${word}` },
  { possibly: "possibly contaminated", unknown: "contamination unknown" }[word] ?? word);

/** The score of a picture by a model, or undefined. */
export const scoreOf = (picture, model) =>
  picture.result?.scores?.find((each) => each.model === model.label);

/** Why a picture has no score, or not each, a sentence; "" where it has or still waits. */
export const failureOf = (picture) => picture.failed ?? "";

/** The sentence on a picture that failed, set apart. */
export const failureBlock = (picture) => element("p", { class: "failure" }, element("strong", {},
  picture.result?.scores?.length ? "Not by every model. " : "No score. "), failureOf(picture));

/** One model's score of one picture: number, place among human scores, drawn and in words. */
export function scoreBlock(score, model, distributions) {
  const words = placeInWords(score, model, distributions);
  const [main] = distributionsFor(model, distributions);
  return [
    element("div", { class: "drawn" },
      element("span", { class: "score" }, score.score.toFixed(2)),
      scale(main, [{ score: score.score }], typicalError(model))),
    words ? element("p", { class: "place" }, words) : null,
    score.clamped ? element("p", { class: "small" },
      `Cut off at ${score.score.toFixed(0)}, where scores end: the model’s value lies beyond.`) : null,
  ];
}

/** The picture itself, or words where the browser cannot show its format. */
export function image(picture, attributes = {}) {
  const img = element("img", { src: picture.url, alt: "", decoding: "async", ...attributes });
  img.addEventListener("error", () => {
    img.replaceWith(element("span", { class: "no-preview" })); // its words are in the style
  }, { once: true });
  return img;
}

export class Results {
  /** `open(picture)` shows one closely, `picked(pictures)` is told which are ticked. */
  constructor({ models, distributions, open, picked }) {
    Object.assign(this, { models, distributions, open, onPicked: picked });
    this.pictures = [];
    this.rows = new Map();
    this.picked = [];
    this.most = AT_ONCE;
    this.sort = "added";
    this.drawHeads();
    this.fillSort();
    byId("sort").addEventListener("change", (event) => this.sortBy(event.target.value));
    byId("state").addEventListener("change", () => this.show());
    byId("name").addEventListener("input", () => this.show());
    byId("more").addEventListener("click", () => this.showMore());
  }

  drawHeads() {
    const head = (...children) =>
      element("th", { role: "columnheader", scope: "col" }, ...children);
    this.heads = new Map();
    const picture = head(this.headButton("Picture", "name", "name"));
    this.heads.set("name", picture);
    byId("heads").replaceChildren(picture, ...this.models.map((model, i) => {
      const errors = errorsInShort(model, this.distributions);
      const th = head(
        this.headButton(model.label, `high:${i}`, `low:${i}`),
        element("span", { class: "small" }, model.target_words),
        errors.map(({ words, contamination }) =>
          element("span", { class: "small" }, `${words} `, badge(contamination))),
        errors.length ? null : element("span", { class: "small" }, "nothing published of its errors"),
        distributionsFor(model, this.distributions).length ? null
          : element("span", { class: "small" }, "there are no human scores here to place it among"),
      );
      this.heads.set(String(i), th);
      return th;
    }), head("Notes"));
  }

  headButton(text, first, second) {
    return element("button", {
      type: "button", class: "head", click: () => this.sortBy(this.sort === first ? second : first),
    }, text);
  }

  fillSort() {
    const option = (value, text) => element("option", { value }, text);
    byId("sort").replaceChildren(option("added", "as added"), option("name", "name"),
      ...this.models.flatMap(({ label }, i) => {
        const of = this.models.length > 1 ? ` by ${label}` : "";
        return [option(`high:${i}`, `highest score${of}`), option(`low:${i}`, `lowest score${of}`)];
      }));
  }

  sortBy(value) {
    this.sort = value;
    byId("sort").value = value;
    const [way, i] = value.split(":");
    for (const [key, th] of this.heads) {
      if (key === "name" ? way === "name" : key === i) {
        th.setAttribute("aria-sort", way === "high" ? "descending" : "ascending");
      } else th.removeAttribute("aria-sort");
    }
    this.show();
  }

  add(pictures) {
    this.pictures.push(...pictures);
    this.show();
  }

  clear() {
    this.pictures = [];
    this.rows.clear();
    this.picked = [];
    this.most = AT_ONCE;
    byId("name").value = "";
    byId("state").value = "all";
    this.show();
    this.onPicked(this.picked);
  }

  /** Pictures that the filters leave, in the order that was chosen. */
  chosen() {
    const name = byId("name").value.trim().toLowerCase();
    const wanted = {
      all: () => true,
      scored: (picture) => picture.result?.scores?.length,
      warned: (picture) => picture.result?.warnings?.length,
      failed: (picture) => failureOf(picture),
    }[byId("state").value];
    const left = this.pictures.filter((picture) =>
      wanted(picture) && picture.id.toLowerCase().includes(name));
    const [way, i] = this.sort.split(":");
    if (way === "name") left.sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
    else if (way !== "added") {
      const sign = way === "high" ? -1 : 1;
      const key = (picture) => scoreOf(picture, this.models[i])?.score ?? sign * -Infinity;
      left.sort((a, b) => sign * (key(a) - key(b)) || 0); // without a score last, either way
    }
    return left;
  }

  show() {
    const chosen = this.chosen();
    const shown = chosen.slice(0, this.most);
    byId("rows").replaceChildren(...shown.map((picture) => this.row(picture)));
    const all = this.pictures.length;
    byId("results").hidden = !all;
    byId("none").hidden = chosen.length > 0;
    byId("table-box").hidden = !chosen.length;
    byId("shown").textContent = chosen.length === all ? counted(all, "picture")
      : `${chosen.length.toLocaleString("en")} of ${counted(all, "picture")}`;
    const rest = chosen.length - shown.length;
    byId("more").hidden = rest <= 0;
    byId("more").textContent = `Show ${Math.min(rest, AT_ONCE)} more of ${rest.toLocaleString("en")}`;
  }

  showMore() {
    const first = this.chosen()[this.most];
    this.most += AT_ONCE;
    this.show();
    this.rows.get(first)?.querySelector("button").focus(); // the button may be gone
  }

  row(picture) {
    if (!this.rows.has(picture)) {
      const row = element("tr", { role: "row" });
      this.rows.set(picture, row);
      this.fillRow(picture);
    }
    return this.rows.get(picture);
  }

  /** Draw a picture's row anew, since its scores came. */
  update(picture) {
    if (this.rows.has(picture)) this.fillRow(picture);
  }

  fillRow(picture) {
    const row = this.rows.get(picture);
    const failure = failureOf(picture);
    const cell = (attributes, ...children) => element("td", { role: "cell", ...attributes }, ...children);
    const name = this.headOf(picture, row);
    const scores = this.models.map((model) => {
      const score = scoreOf(picture, model);
      const title = element("span", { class: "phone-head" }, model.label);
      if (score) return cell({ class: "scored" }, title, scoreBlock(score, model, this.distributions));
      return cell({ class: "empty" }, title, failure ? "no score" : "waiting …");
    });
    const notes = (picture.result?.warnings ?? []).map((each) => element("li", {}, each.sentence));
    row.classList.toggle("failed", Boolean(failure));
    row.replaceChildren(name, ...scores, cell({ class: "notes-cell" },
      failure ? failureBlock(picture) : null,
      notes.length ? element("ul", { class: "warnings" }, ...notes) : null));
  }

  /** The row's heading: made once, so that a score that comes takes no focus away. */
  headOf(picture, row) {
    const old = row.querySelector("th");
    if (old) {
      old.querySelector(".size").textContent = sizeOf(picture);
      return old;
    }
    const box = element("input", { type: "checkbox", "aria-label": `Compare ${picture.id}`,
      change: (event) => this.pick(picture, event.target.checked) });
    return element("th", { role: "rowheader", scope: "row" }, element("div", { class: "picture-cell" },
      element("button", { type: "button", class: "thumb", "aria-label": `Look closely at ${picture.id}`,
        click: () => this.open(picture) }, image(picture)),
      element("span", { class: "who" },
        element("span", { class: "name" }, element("bdi", {}, picture.id)),
        element("span", { class: "small size" }, sizeOf(picture)),
        element("label", { class: "pick small" }, box, "compare"))));
  }

  /** Tick one for a comparison; the first of three gives way. */
  pick(picture, isPicked) {
    this.picked = this.picked.filter((each) => each !== picture);
    if (isPicked) this.picked.push(picture);
    if (this.picked.length > 2) {
      const gone = this.picked.shift();
      this.rows.get(gone).querySelector("input").checked = false;
    }
    this.onPicked(this.picked);
  }
}

function sizeOf({ result }) {
  return result?.width ? `${result.width} × ${result.height}` : "";
}
