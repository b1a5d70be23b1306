// A score on the distribution of human scores: drawn, and in words.

import { bare, drawn } from "./dom.js";

const WIDTH = 220;
const HEIGHT = 56;
const LEFT = 8;
const BASE = 39;
const TOP = 8;

const at = (score) => LEFT + score * (WIDTH - 2 * LEFT);

/** The outline of a histogram, as steps from 0 to 1. */
function outline({ edges, counts }) {
  const most = Math.max(...counts, 1);
  const up = (count) => (BASE - (count / most) * (BASE - TOP)).toFixed(1);
  const steps = counts.map((count, i) => `V${up(count)}H${at(edges[i + 1]).toFixed(1)}`);
  return `M${at(edges[0]).toFixed(1)} ${BASE}${steps.join("")}V${BASE}`;
}

/**
 * Draw scores on a distribution (or, without one, on the bare range from 0 to 1).
 *
 * marks: [{ score, name }]; error: root mean squared error, or null, drawn to both sides of each.
 * The drawing says nothing that does not stand in words beside it, and is hidden from readers.
 */
export function scale(distribution, marks, error) {
  const axis = [0, 0.5, 1].flatMap((tick) => [
    drawn("path", { class: "tick", d: `M${at(tick)} ${BASE}v4` }),
    drawn("text", { class: "tick-label", x: at(tick), y: HEIGHT - 3, "text-anchor": "middle" },
      String(tick)),
  ]);
  const right = Math.max(...marks.map(({ score }) => score)); // names stand away from each other
  const markers = marks.flatMap(({ score, name }, i) => {
    const isLeft = score > 0.93 || (score < right && score > 0.07);
    const x = at(score).toFixed(1);
    const y = TOP + 6 + 12 * i;
    const [low, high] = error ? [score - error, score + error].map((end) =>
      at(Math.min(Math.max(end, 0), 1)).toFixed(1)) : [];
    return [
      error ? drawn("path", { class: "error", d: `M${low} ${y}H${high}M${low} ${y - 3}v6M${high} ${y - 3}v6` })
        : null,
      drawn("path", { class: "marker", d: `M${x} ${TOP - 4}V${BASE}` }),
      drawn("circle", { class: "dot", cx: x, cy: y, r: 4.5 }),
      name ? drawn("text", { class: "mark-name", x: isLeft ? at(score) - 8 : at(score) + 8,
        y: TOP + 2 + 12 * i, "text-anchor": isLeft ? "end" : "start" }, name) : null,
    ];
  });
  return drawn("svg", { class: "scale", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    distribution ? drawn("path", { class: "human", d: outline(distribution) }) : null,
    drawn("path", { class: "axis", d: `M${at(0)} ${BASE}H${at(1)}` }), axis, markers);
}

/** Human scores of what a model predicts. */
export const distributionsFor = (model, distributions) =>
  distributions.filter((each) => each.target === model.target);

/** "63 %"; close to the ends with a decimal: "0.4 %", "99.6 %". */
const share = (percentile) => `${percentile.toFixed(percentile < 1 || percentile > 99 ? 1 : 0)} %`;

const PREDICTED = {
  hit_rate: "More memorable",
  corrected: "More memorable",
  d_prime: "More memorable",
  false_alarm_rate: "More often taken for seen when new",
};

/** Where a score lies among human scores, a sentence; "" where there are none to compare with. */
export function placeInWords(score, model, distributions) {
  const places = distributionsFor(model, distributions)
    .filter((each) => typeof score.percentiles?.[each.dataset] === "number")
    .map((each, i) => `${share(score.percentiles[each.dataset])} of ${titleOf(each.dataset, distributions)}’s `
      + `${each.n.toLocaleString("en")}${i ? "" : " pictures"}`);
  if (!places.length) return "";
  return `${PREDICTED[model.target] ?? "Higher"} than ${places.join(", and ")}`;
}

/** What people call a data set, without its authors: "LaMem and MemCat" of "lamem+memcat". */
export const titleOf = (dataset, distributions, otherwise = null) => dataset.split("+").map((name) =>
  distributions.find((each) => each.dataset === name)?.title ?? otherwise ?? name)
  .map((title) => title.replace(/ \(.*/, "")).join(" and ");

/** The published value by which a metric is first given, or first on pictures the model never saw. */
const firstOf = (model, metric, onlyClean = false) => model.published.find((each) =>
  each.metric === metric && (!onlyClean || each.contamination === "clean"));

const squaredError = (model) => firstOf(model, "mse", true) ?? firstOf(model, "mse");

/** Root of the published mean squared error, in units of the score; null where there is none. */
export function typicalError(model) {
  const mse = squaredError(model);
  return mse ? Math.sqrt(mse.value) : null;
}

/** Whether that was measured on pictures that the model had seen: "contaminated", "clean" ... */
export const errorWord = (model) => squaredError(model)?.contamination ?? "";

/** "ρ .67", "± .09": a published value in units that can be read against scores. */
export const shortValue = ({ metric, value }) =>
  (metric === "mse" ? `± ${bare(Math.sqrt(value))}` : `ρ ${bare(value)}`);

/**
 * How far a model can be trusted, in short: what its authors give first, and the first that was
 * measured on pictures that it did not see in training.
 */
export function errorsInShort(model, distributions) {
  const chosen = [firstOf(model, "spearman"), firstOf(model, "spearman", true), firstOf(model, "mse")];
  return [...new Set(chosen)].filter(Boolean).map((each) => ({
    ...each,
    words: `${each.metric === "mse" ? "misses people’s scores by" : "ranks as people do:"} `
      + `${shortValue(each)} on ${titleOf(each.dataset, distributions, each.dataset_title)}`,
  }));
}
