// Looking closely at one picture, with a map of where; and at two side by side.

import { bare, byId, element } from "./dom.js";
import { badge, failureBlock, failureOf, image, scoreBlock, scoreOf } from "./results.js";
import { distributionsFor, errorInWords, scale, titleOf, typicalError } from "./scale.js";
import { mapOf } from "./service.js";

const METHODS = {
  windows: "the score of each part alone",
  occlusion: "what the score loses with each part covered",
};

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

/** How far a model can be trusted, as a list. */
export function errorList(model, distributions, isFull = false) {
  const errors = errorInWords(model, distributions);
  if (!errors.length) {
    return element("p", { class: "small" }, "Nothing was published of how well it predicts.");
  }
  return element("ul", { class: "errors small" }, errors.map(
    ({ words, source, note, contamination }) =>
      element("li", {}, `${words} (${source}). `, badge(contamination), isFull && note ? ` ${sentence(note)}` : "")));
}

const sentence = (note) => `${note[0].toUpperCase()}${note.slice(1)}${note.endsWith(".") ? "" : "."}`;

/** Show one picture with all that is known of it. */
export function showPicture(picture, { models, distributions }) {
  byId("picture-heading").textContent = picture.id;
  const canvas = element("div", { class: "canvas" }, image(picture, { alt: picture.id }));
  const { result } = picture;
  const facts = result?.width
    ? `${result.width} × ${result.height} pixels, ${result.mode}` : "";
  const failure = failureOf(picture);
  const scores = models.flatMap((model) => {
    const score = scoreOf(picture, model);
    if (!score) return [];
    const [, ...others] = distributionsFor(model, distributions);
    return [element("section", { class: "one-model", "aria-label": model.label },
      element("h3", {}, model.label),
      element("p", { class: "small" }, model.target_words),
      scoreBlock(score, model, distributions),
      others.map((other) => [
        scale(other, [{ score: score.score }], typicalError(model)),
        element("p", { class: "small" }, `The same on ${titleOf(other.dataset, distributions)}’s scores.`)]).flat(),
      errorList(model, distributions))];
  });
  const warnings = (result?.warnings ?? []).map((each) => element("li", {}, each.sentence));
  const controller = new AbortController();
  byId("picture-body").replaceChildren(element("div", { class: "closely" },
    element("div", {}, canvas, element("p", { class: "small" }, facts),
      scores.length ? mapForm(picture, canvas, models, controller.signal) : null),
    element("div", {},
      failure ? failureBlock(picture) : null,
      warnings.length ? element("ul", { class: "warnings" }, warnings) : null, scores)));
  const dialog = byId("picture");
  dialog.addEventListener("close", () => controller.abort(), { once: true });
  dialog.showModal();
}

function choice(label, options) {
  const select = element("select", {}, options.map(([value, text]) => element("option", { value }, text)));
  return [select, element("label", {}, `${label} `, select)];
}

/** What makes a map of where in a picture, and shows it over the picture. */
function mapForm(picture, canvas, models, signal) {
  const [method, methodLabel] = choice("Map", Object.entries(METHODS));
  const [model, modelLabel] = choice("of", models.map(({ label }) => [label, label]));
  const words = element("div", { role: "status" });
  const button = element("button", { type: "submit" }, "Show where");
  const toggle = element("button", { type: "button", hidden: true, "aria-pressed": "true", click: () => {
    const isOn = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(isOn));
    canvas.querySelector(".overlay").hidden = !isOn;
  } }, "Map over the picture");
  const make = async (event) => {
    event.preventDefault();
    button.disabled = true;
    words.textContent = "The map is being made: many passes through the network …";
    try {
      const map = await mapOf(picture, model.value, method.value, { signal, onBusy: (seconds) => {
        words.textContent = `The server is busy; asking again in ${seconds} s.`;
      } });
      canvas.querySelector(".overlay")?.remove();
      canvas.append(element("img", { class: "overlay", src: `data:image/png;base64,${map.png}`,
        alt: `Map of ${picture.id}: ${METHODS[method.value]}, by ${model.value}` }));
      toggle.hidden = false;
      toggle.setAttribute("aria-pressed", "true");
      words.replaceChildren(...mapInWords(map).map((each) => element("p", { class: "small" }, each)));
    } catch (error) {
      if (!signal.aborted) {
        words.replaceChildren(element("p", { class: "failure" }, error.message));
      }
    } finally {
      button.disabled = false;
    }
  };
  return element("form", { class: "map-form", submit: make },
    element("h3", {}, "Where in the picture?"),
    element("p", { class: "fields" }, methodLabel, models.length > 1 ? modelLabel : null),
    element("p", { class: "buttons" }, button, toggle), words);
}

function mapInWords({ sanity, warnings }) {
  const said = ["Where it is lit, the picture raises the predicted score most."];
  if (sanity?.reason) said.push(sanity.reason);
  else if (typeof sanity?.rho === "number") {
    said.push(`Against a network of random weights its map correlates ρ ${bare(sanity.rho)}: above `
      + ".5 a map shows the picture rather than the model.");
  }
  return [...said, ...(warnings ?? []).map((each) => each.sentence ?? each)];
}

/** Show two pictures side by side, and what their difference means. */
export function showPair(pair, { models, distributions }) {
  const names = ["A", "B"];
  const figures = pair.map((picture, i) => element("figure", {}, image(picture, { alt: picture.id }),
    element("figcaption", {}, element("strong", {}, `${names[i]} `), element("bdi", {}, picture.id))));
  const sections = models.map((model) => {
    const scores = pair.map((picture) => scoreOf(picture, model)?.score);
    const marks = scores.map((score, i) => ({ score, name: names[i] })).filter(({ score }) => score !== undefined);
    const [main] = distributionsFor(model, distributions);
    return element("section", { class: "one-model", "aria-label": model.label },
      element("h3", {}, model.label), element("p", { class: "small" }, model.target_words),
      element("p", { class: "both" }, marks.map(({ score, name }) =>
        [element("span", { class: "small" }, `${name} `), element("span", { class: "score" }, score.toFixed(2)), " "]).flat()),
      scale(main, marks, typicalError(model)),
      element("p", {}, marks.length < 2 ? "One of them has no score." : differenceInWords(scores, model)));
  });
  byId("pair-body").replaceChildren(element("div", { class: "pair" }, figures), ...sections);
  byId("pair").showModal();
}

function differenceInWords([a, b], model) {
  const difference = a - b;
  const size = bare(Math.abs(difference));
  const error = typicalError(model);
  const first = Math.abs(difference) < 0.005 ? "Both get the same score, to two digits."
    : `${difference > 0 ? "A" : "B"} is predicted ${size} higher.`;
  if (!error) return first;
  const together = error * Math.SQRT2; // of two errors that know nothing of each other
  return `${first} The difference between two pictures’ scores is off by ± ${bare(together)}, going by `
    + "the published error"
    + (Math.abs(difference) < together
      ? ": this one says little about these two pictures."
      : "; this one is larger.");
}
