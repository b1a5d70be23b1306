// What the server has: its models with their published errors, and the human scores in the curves.

import { byId, element, megabytes } from "./dom.js";
import { badge } from "./results.js";
import { scale, shortValue, titleOf } from "./scale.js";

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

/** Every published value of a model's errors, with what it was measured on. */
function publishedTable({ label, published }) {
  const head = (text) => element("th", { scope: "col" }, text);
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Published errors of ${label}` },
    element("table", { class: "published" },
      element("thead", {}, element("tr", {}, head("Value"), head("Measured on"), head("Seen in training?"))),
      element("tbody", {}, published.map((each) => element("tr", {},
        element("th", { scope: "row" }, shortValue(each)),
        element("td", {}, `${each.what} (${each.source}${each.metric === "mse" ? `: MSE ${each.printed}` : ""})`,
          each.note ? element("span", { class: "small" }, sentence(each.note)) : null),
        element("td", {}, badge(each.contamination)))))));
}

function aboutModel(model, distributions) {
  const sets = model.trained_on?.flatMap((name) => name.split("+")); // "lamem+memcat" beside both
  const facts = [
    ["Name", model.label],
    ["Predicts", model.target_words],
    ["Trained on", [...new Set(sets)].map((name) => titleOf(name, distributions)).join(", ") || "not known"],
    ["Source", model.citation],
    ["Licence", model.licence],
    ["Remark", model.remark],
  ].filter(([, told]) => told);
  return element("section", { class: "about-model", "aria-label": model.label },
    element("h3", {}, model.title),
    element("dl", {}, facts.map(([term, told]) => [element("dt", {}, term), element("dd", {}, told)]).flat()),
    model.published.length
      ? element("details", {}, element("summary", {}, "Published errors"), publishedTable(model))
      : element("p", { class: "small" }, "Nothing was published of its errors."));
}

/** Fill the last part of the page. */
export function describe({ models, distributions, limits, version }) {
  byId("version").textContent = `memnet ${version}`;
  byId("limits").textContent = `JPEG, PNG, WebP, GIF, TIFF or BMP, up to ${megabytes(limits.bytes_per_file)} each.`;
  byId("models").replaceChildren(...models.map((model) => aboutModel(model, distributions)));
  byId("distributions").replaceChildren(...distributions.map((each) => element("figure", { class: "distribution" },
    scale(each, [], null),
    element("figcaption", {}, `${titleOf(each.dataset, distributions)}: ${each.label}; `
      + `${each.n.toLocaleString("en")} pictures, mean ${each.mean.toFixed(2)}, SD ${each.sd.toFixed(2)}. `,
    element("a", { href: each.url, rel: "noreferrer", target: "_blank" }, each.citation)))));
}
