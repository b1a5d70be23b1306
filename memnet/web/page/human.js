// Human scores beside the pictures: which columns, which rows agree, and the report.

import { announce, byId, counted, element } from "./dom.js";
import { parseTable, textOf } from "./csv.js";
import { titleOf } from "./scale.js";
import { ask } from "./service.js";

const USUAL_SCORES = /^(hit_?rate|hr|memorability|memorability_score|score|human_?score|.*correction)$/i;

const ENDING = /\.([a-z]{2,5}|jp2|j2k|mp2|mp4|m4v|3gp)$/i;

const base = (id) => id.replaceAll("\\", "/").split("/").pop();
function stem(id) {
  const without = base(id).replace(ENDING, "");
  return /[^.]/.test(without) ? without : base(id); // a point alone begins the name of a hidden file
}
const folded = (id) => id.toUpperCase().toLowerCase(); // ß is ss
const decoded = (id) => id.replace(/(%[0-9a-f]{2})+/gi, (codes) =>
  new TextDecoder().decode(Uint8Array.from(codes.match(/[0-9a-f]{2}/gi), (code) => parseInt(code, 16))));
const plain = (id) => decoded(id).normalize("NFC").replaceAll("\u00a0", " ");

/** Each rule by which names agree, the strictest first, as the server reads them. */
export const RULES = {
  exact: (id) => id,
  basename: base,
  stem,
  normalised: (id) => folded(stem(plain(id).trim())).trim(),
};

const TARGETS = {
  hit_rate: /^(hr|hits|hitrates?)$/,
  false_alarm_rate: /^(far|fa|falsealarms?|falsealarmrate)$/,
  corrected: /^corrected(recognition|hitrate)?$/,
  d_prime: /^dprime$/,
};

/** What a column's name says that its scores are, "" for nothing; the user sees it and may change it. */
export function targetInName(column) {
  const name = column.replaceAll("d'", "dprime").toLowerCase().replace(/[^a-z]/g, "");
  return Object.keys(TARGETS).find((target) => TARGETS[target].test(name)) ?? "";
}

/** Whether a cell is a number, also as "0,81" or "81.2 %": the server reads those or says why not. */
const isNumber = (cell) => /\d/.test(cell ?? "")
  && Number.isFinite(Number(cell.replace(/\s*%$/, "").replace(",", ".")));

const OPTIONS = { // what the page calls the options of memnet compare, which sentences name
  "--id-column": "“Column with the file’s name”",
  "--truth-column": "“Column with the human score”",
  "--match": "“Names agree”",
  "--dataset": "“Known data set”",
  "--target": "“It is a”",
};
const inWordsOfThePage = (sentence) => sentence.replace(/ \(in Python, \w+=\)/g, "")
  .replace(/--[a-z-]+/g, (option) => OPTIONS[option] ?? option);

export class HumanScores {
  /** `pictures()` are those on the page, `models` and `distributions` the server's. */
  constructor(pictures, { models, distributions }) {
    Object.assign(this, { pictures, models, text: "", table: null });
    const sets = new Set(distributions.map((each) => each.dataset));
    byId("dataset").append(...[...sets].map((name) =>
      element("option", { value: name }, titleOf(name, distributions))));
    byId("choose-table").addEventListener("click", () => byId("table-file").click());
    byId("table-file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) this.take(file);
      event.target.value = "";
    });
    byId("columns").addEventListener("submit", (event) => {
      event.preventDefault();
      this.compare();
    });
    for (const id of ["id-column", "match"]) {
      byId(id).addEventListener("change", () => this.count());
    }
    byId("truth-column").addEventListener("change", () => this.sayTarget());
  }

  /** Read a table and offer its columns. */
  async take(file) {
    byId("comparison").replaceChildren();
    try {
      this.text = await textOf(file);
      this.table = parseTable(this.text);
      if (!this.table.rows.length) throw new SyntaxError("It has no rows below its first.");
      const known = new Set(this.pictures().map(({ id }) => RULES.stem(id)));
      const picture = this.table.columns.find((name) => known.has(RULES.stem(name)));
      if (picture) {
        throw new SyntaxError(`Its first row should name the columns, and has the picture ${picture}.`);
      }
    } catch (error) {
      this.table = null;
      byId("columns").hidden = true;
      this.fail(`${file.name} cannot be read as a table. ${error.message}`);
      return;
    }
    const { columns, rows } = this.table;
    byId("table-words").replaceChildren(element("bdi", {}, file.name),
      `: ${counted(rows.length, "row")}, ${counted(columns.length, "column")}.`);
    const options = () => columns.map((name, i) => element("option", { value: i }, name || `column ${i + 1}`));
    byId("id-column").replaceChildren(...options());
    byId("truth-column").replaceChildren(element("option", { value: "" }, "choose …"), ...options());
    this.chooseLikely();
    byId("truth-column").value = this.likelyScores();
    this.sayTarget();
    byId("columns").hidden = false;
    byId("human-heading").focus();
    announce("A table of human scores was read. Choose its columns.");
  }

  /** The column that is surely the human scores: by its name, or the only one with numbers. */
  likelyScores() {
    const { columns, rows } = this.table;
    const numeric = columns.map((_, i) => i)
      .filter((i) => i !== Number(byId("id-column").value))
      .filter((i) => rows.filter((row) => isNumber(row[i])).length > rows.length / 2);
    const named = numeric.filter((i) => USUAL_SCORES.test(columns[i]));
    const sure = named.length ? named : numeric;
    return sure.length === 1 ? String(sure[0]) : "";
  }

  /** Say what the chosen scores are, where their name says it. */
  sayTarget() {
    const column = byId("truth-column").value;
    byId("target").value = column && targetInName(this.table.columns[column]);
  }

  agreeing(column, rule) {
    const name = RULES[rule];
    const told = new Set(this.table.rows.map((row) => name(row[column] ?? "")));
    return this.pictures().filter((picture) => told.has(name(picture.id))).length;
  }

  /** Choose the column and the strictest rule by which most pictures agree. */
  chooseLikely() {
    let best = { n: 0 };
    for (const rule of Object.keys(RULES)) {
      this.table.columns.forEach((_, column) => {
        const n = this.agreeing(column, rule);
        if (n > best.n) best = { n, column, rule };
      });
    }
    if (best.n) {
      byId("id-column").value = String(best.column);
      byId("match").value = best.rule;
    }
    this.count();
  }

  /** Say how many pictures the choice finds; also when pictures came or went. */
  count() {
    if (!this.table) return;
    const all = this.pictures().length;
    const n = all ? this.agreeing(Number(byId("id-column").value), byId("match").value) : 0;
    byId("matched").textContent = all
      ? `${n.toLocaleString("en")} of the ${counted(all, "picture")} above ${n === 1 ? "is" : "are"} in this column.`
      : "Add the pictures, too.";
  }

  fail(sentence) {
    byId("comparison").replaceChildren(element("p", { class: "failure" }, inWordsOfThePage(sentence)));
  }

  /** Each model's score of each picture, null where there is none: the report counts those, too. */
  rows() {
    return this.pictures().filter(({ state }) => state !== "waiting").flatMap(({ id, result }) =>
      this.models.map(({ label }) => ({
        image_id: id, model: label,
        score: result?.scores?.find((each) => each.model === label)?.score ?? null,
      })));
  }

  async compare() {
    const { columns } = this.table;
    const truth = byId("truth-column").value;
    const rows = this.rows();
    if (!truth) {
      this.fail("Choose the column with the human score.");
      byId("truth-column").focus();
      return;
    }
    if (!rows.some(({ score }) => score !== null)) {
      this.fail("No picture has a score yet.");
      return;
    }
    if (!this.agreeing(Number(byId("id-column").value), byId("match").value)) {
      this.fail("None of the pictures above is in the column with the file’s name.");
      byId("id-column").focus();
      return;
    }
    const button = byId("columns").querySelector("[type=submit]");
    button.disabled = true;
    byId("comparison").replaceChildren(element("p", {}, "The report is being written …"));
    try {
      this.tell(await ask("/v1/comparisons", { method: "POST", json: {
        truth: this.text, truth_column: columns[truth], id_column: columns[byId("id-column").value],
        match: byId("match").value, dataset: byId("dataset").value,
        target: byId("target").value, rows,
      } }));
    } catch (error) {
      this.fail(error.message);
    } finally {
      button.disabled = false;
    }
  }

  tell({ url, answer, matched, notes }) {
    byId("comparison").replaceChildren(
      element("p", { class: "lead" }, answer),
      element("p", {}, `${counted(matched, "picture")} compared. `,
        element("a", { href: url, target: "_blank", rel: "noopener" }, "Open the report"), ".",
        " It opens beside this page. The server keeps it for half an hour; save it to keep it longer."),
      notes?.length ? element("ul", { class: "warnings" }, notes.map((note) => element("li", {}, inWordsOfThePage(note)))) : "");
  }
}
