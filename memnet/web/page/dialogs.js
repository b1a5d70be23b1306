// Looking closely at one picture, with a map of where; and at two side by side.

import { bare, byId, drawn, element } from "./dom.js";
import { badge, failureBlock, failureOf, image, scoreBlock, scoreOf } from "./results.js";
import { distributionsFor, errorsInShort, errorWord, scale, titleOf, typicalError } from "./scale.js";
import { mapOf } from "./service.js";

const METHODS = {
  windows: "the score of each part alone",
  occlusion: "what the score loses with each part covered",
};

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

/** How far a model can be trusted, as a list. */
function errorList(model, distributions) {
  const errors = errorsInShort(model, distributions);
  if (!errors.length) return element("p", { class: "small" }, "Nothing was published of its errors.");
  return element("ul", { class: "errors small" }, errors.map(({ words, source, contamination }) =>
    element("li", {}, `${words} (${source}) `, badge(contamination))));
}

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

const PASSES = { windows: 91, occlusion: 165 }; // through the network, with the check

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
    words.textContent = `The map is being made; that takes as long as scoring ${PASSES[method.value]} pictures …`;
    try {
      const map = await mapOf(picture, model.value, method.value, { signal, onBusy: (seconds) => {
        words.textContent = `The server is busy; asking again in ${seconds} s.`;
      } });
      canvas.querySelector(".overlay")?.remove();
      // Else the browser turns the picture, and the map lies over other places of it.
      const { exif_orientation: turning } = models.find(({ label }) => label === model.value);
      canvas.classList.toggle("as-stored", turning === "ignore");
      canvas.append(element("img", { class: "overlay", src: `data:image/png;base64,${map.png}`,
        alt: `Map of ${picture.id}: ${METHODS[method.value]}, by ${model.value}` }));
      toggle.hidden = false;
      toggle.setAttribute("aria-pressed", "true");
      words.replaceChildren(...mapInWords(map));
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

const COLOURS = { // of the overlay: matplotlib's viridis, and its coolwarm round 0
  windows: ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"],
  occlusion: ["#3b4cc0", "#8db0fe", "#dddddd", "#f4987a", "#b40426"],
};

/** What the colours of a map mean. */
function legend({ method, values, lowest, highest }) {
  const most = Math.max(-lowest, highest);
  const ends = method === "windows" ? [lowest, highest] : [-most, most];
  const stops = COLOURS[method].map((colour, i) =>
    drawn("stop", { offset: i / (COLOURS[method].length - 1), "stop-color": colour }));
  return element("figure", {},
    drawn("svg", { class: "legend", viewBox: "0 0 220 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      drawn("linearGradient", { id: "map-colours" }, stops),
      drawn("rect", { width: 220, height: 10, fill: "url(#map-colours)" })),
    element("figcaption", {}, `${bare(ends[0])} ${COLOUR_NAMES[method][0]} to ${bare(ends[1])} `
      + `${COLOUR_NAMES[method][1]}: ${values}. Colours are scaled for each picture. The network does `
      + "not see what is dark at the edges."));
}

const COLOUR_NAMES = { windows: ["(dark violet)", "(yellow)"], occlusion: ["(blue)", "(red)"] };

function mapInWords(map) {
  const { sanity, warnings } = map;
  const said = [];
  if (sanity.reason) said.push(sanity.reason);
  else if (sanity.rho <= 0.5) { // of more the server warns
    said.push(`The map of a network of random weights correlates ρ ${bare(sanity.rho)} with this one. `
      + "Above .5, it would show the picture rather than the model.");
  }
  said.push("It says what the model’s score depends on, not what people look at.", ...warnings);
  return [map.lowest === null ? "" : legend(map),
    ...said.map((each) => element("p", { class: "small" }, each))];
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
  const difference = Number(a.toFixed(2)) - Number(b.toFixed(2)); // of the numbers that are shown
  const size = bare(Math.abs(difference));
  const error = typicalError(model);
  const first = Math.abs(difference) < 0.005 ? "Both get the same score, to two digits."
    : `${difference > 0 ? "A" : "B"} is predicted ${size} higher.`;
  if (!error) return first;
  const together = error * Math.SQRT2; // of two errors that know nothing of each other
  return `${first} The difference between two pictures’ scores is off by ± ${bare(together)}, going by `
    + `the published error${errorWord(model) === "contaminated" ? " (on pictures that the model had seen)" : ""}`
    + (Math.abs(difference) < together
      ? ": this one says little about these two pictures."
      : "; this one is larger.");
}
