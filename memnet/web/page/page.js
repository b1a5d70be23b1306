// The page: what comes in is shown at once, sent in chunks, and scored one chunk after another.

import { announce, byId, counted, element, listed, megabytes } from "./dom.js";
import { scoreTable } from "./csv.js";
import { describe } from "./about.js";
import { showPair, showPicture } from "./dialogs.js";
import { HumanScores } from "./human.js";
import { fromDrop, fromFiles, fromInput, fromPaste, withOwnIds } from "./intake.js";
import { Results } from "./results.js";
import { ask, isReadable, nextChunk, onKeyNeeded, Problem, score } from "./service.js";

const ANNOUNCE_SECONDS = 5; // a screen reader is not told of every picture

const page = { models: [], distributions: [], limits: null, results: null, human: null, run: null, ready: null };

// ---- What comes in

async function take({ pictures, tables, leftOut, unreadable }) {
  await page.ready;
  if (!page.results) { // the page says why
    byId("trouble").scrollIntoView();
    announce(byId("trouble").textContent);
    return;
  }
  const { kept, repeated, renamed } = withOwnIds(pictures, page.results.pictures);
  tellOf({ tables: tables.slice(1).map((each) => each.path), leftOut, unreadable, repeated, renamed });
  for (const picture of kept) {
    picture.url = URL.createObjectURL(picture.file);
    picture.state = "waiting";
    if (picture.file.size > page.limits.bytes_per_file) {
      fail(picture, `The file has ${megabytes(picture.file.size)}; this server takes up to `
        + `${megabytes(page.limits.bytes_per_file)}.`);
    }
  }
  if (kept.length) {
    document.body.classList.add("has-pictures");
    page.results.add(kept);
    page.human.count();
    run();
  }
  if (tables.length) page.human.take(tables[0].file);
}

function tellOf({ tables, leftOut, unreadable, repeated, renamed, isLink }) {
  const told = [
    [leftOut, (n) => `${counted(n, "file")} left out, since ${n === 1 ? "it is no picture" : "they are no pictures"}`],
    [unreadable, (n) => `${counted(n, "file")} could not be read`],
    [repeated, (n) => `${counted(n, "picture")} left out, which ${n === 1 ? "is" : "are"} here already`],
    [renamed, (n) => `${counted(n, "picture")} renamed, since another one has the same name`],
    [tables, (n) => `${counted(n, "table")} left out: one is compared at a time`],
  ].filter(([names]) => names.length).map(([names, words]) => `${words(names.length)}: ${listed(names)}.`);
  if (isLink) told.push("That was a link, not a picture: save the picture first, and drop the file.");
  byId("notes").replaceChildren(...told.map((each) => element("li", {}, each)));
  byId("notes").hidden = !told.length;
  if (told.length) announce(told.join(" "));
}

// ---- Scoring

function fail(picture, sentence) {
  picture.state = "failed";
  picture.failed = sentence;
}

const waiting = () => page.results.pictures.filter((each) => each.state === "waiting");

async function run() {
  if (page.run) return; // the one that runs comes to them
  const controller = new AbortController();
  page.run = { controller, begun: performance.now(), done: 0, busy: "", told: performance.now() };
  byId("unfinished").hidden = true;
  announce(`Scoring ${counted(waiting().length, "picture")}.`);
  let stopped = "";
  try {
    for (let left = waiting(); left.length; left = waiting()) {
      showProgress(left.length);
      const chunk = nextChunk(left, page.limits, page.run.done === 0);
      await send(chunk, controller.signal);
      page.run.done += chunk.length;
    }
  } catch (error) {
    if (!controller.signal.aborted && !(error instanceof Problem)) throw error;
    stopped = controller.signal.aborted ? "Cancelled." : error.message;
  } finally {
    page.run = null;
    byId("progress").hidden = true;
  }
  finish(stopped);
}

/** Send a chunk. What the server says of a whole request is tried picture by picture. */
async function send(chunk, signal) {
  const labels = { signal, onBusy: (seconds, words) => {
    page.run.busy = `The server is busy; going on in ${counted(seconds, "second")}. ${words}`;
    showProgress(waiting().length);
  } };
  try {
    const { pictures, identities } = await score(chunk, labels);
    page.identities = { ...page.identities, ...identities };
    pictures.forEach((result, i) => settle(chunk[i], result));
  } catch (error) {
    if (signal.aborted || !(error instanceof Problem)) throw error;
    const unreadable = await filter(chunk, async (each) => !(await isReadable(each.file)));
    if (unreadable.length) {
      for (const each of unreadable) fail(each, "The file was moved, changed or deleted since it was chosen.");
    } else if (error.status === 0 || error.status >= 500) {
      throw error;
    } else if (chunk.length > 1) {
      for (const each of chunk) await send([each], signal);
    } else {
      fail(chunk[0], error.message);
    }
  }
  if (page.run) page.run.busy = "";
  chunk.forEach((each) => page.results.update(each));
}

async function filter(list, test) {
  const passed = await Promise.all(list.map(test));
  return list.filter((_, i) => passed[i]);
}

function settle(picture, result) {
  picture.result = result;
  picture.state = "scored";
  if (result.failed) fail(picture, result.failed);
}

function showProgress(left) {
  const { done, begun, busy } = page.run;
  const all = page.results.pictures.length;
  byId("progress").hidden = false;
  byId("progress-bar").max = all;
  byId("progress-bar").value = all - left;
  const seconds = (performance.now() - begun) / 1000;
  const rest = done > 2 ? `, about ${inTime((seconds / done) * left)} left` : "";
  const words = `${(all - left).toLocaleString("en")} of ${counted(all, "picture")} done${rest}.`;
  byId("progress-words").textContent = busy || words;
  if (performance.now() - page.run.told > ANNOUNCE_SECONDS * 1000) {
    page.run.told = performance.now();
    announce(busy || words);
  }
}

function inTime(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

function finish(stopped) {
  const { pictures } = page.results;
  const failed = pictures.filter((each) => each.state === "failed").length;
  const left = waiting().length;
  const scored = pictures.length - failed - left;
  const words = `${counted(scored, "picture")} scored`
    + (failed ? `, ${failed.toLocaleString("en")} without a score` : "")
    + (left ? `, ${left.toLocaleString("en")} not sent` : "");
  byId("unfinished").hidden = !stopped || !left; // all were removed meanwhile
  byId("unfinished-words").textContent = stopped ? `${stopped} ${words}.` : "";
  if (!byId("rows").contains(document.activeElement)) page.results.show();
  announce(`${stopped} ${words}.`);
}

// ---- What is done with the scores

function download() {
  const text = scoreTable(page.results.pictures, page.models);
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  element("a", { href: url, download: "memnet-scores.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function clear() {
  const scored = page.results.pictures.filter((each) => each.state === "scored").length;
  if (scored && !confirm(`Remove ${counted(page.results.pictures.length, "picture")} and their scores?`)) return;
  page.run?.controller.abort();
  page.results.pictures.forEach(({ url }) => URL.revokeObjectURL(url));
  page.results.clear();
  page.human.count();
  for (const id of ["notes", "unfinished"]) byId(id).hidden = true;
  document.body.classList.remove("has-pictures");
  byId("choose-files").focus();
  announce("All pictures were removed.");
}

function picked(pictures) {
  byId("compare").disabled = pictures.length < 2;
  byId("compare-hint").textContent = pictures.length === 2 ? ""
    : pictures.length ? "Tick one more." : "Tick two in the table.";
}

// ---- Around it

function sayWhere() {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  byId("privacy").textContent = isHere
    ? "Pictures are sent to memnet on this computer only. They are not stored, and nothing leaves this computer."
    : `Pictures are sent to the memnet server at ${location.host} only. They are not stored there, `
      + "and nothing is sent anywhere else.";
}

function askForKey(wrong) {
  if (wrong) byId("key-words").textContent = "The server did not accept that key.";
  byId("key").showModal();
  return new Promise((resolve) => {
    byId("key").addEventListener("close", () => {
      resolve(byId("key-input").value);
      byId("key-input").value = "";
    }, { once: true });
  });
}

function listen() {
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", (event) => take(fromInput(event.target)));
  }
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (isOver) => byId("drop").classList.toggle("over", isOver);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
  addEventListener("drop", async (event) => {
    mark(false);
    if (!hasFiles(event)) {
      if (event.dataTransfer?.types.includes("text/uri-list")) {
        event.preventDefault(); // else the browser would leave the page
        tellOf({ tables: [], leftOut: [], unreadable: [], repeated: [], renamed: [], isLink: true });
      }
      return;
    }
    event.preventDefault();
    await take(await fromDrop(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take(fromPaste(event.clipboardData));
  });
  addEventListener("beforeunload", (event) => {
    if (page.results?.pictures.length) event.preventDefault(); // the browser asks: all would be lost
  });
  byId("cancel").addEventListener("click", () => page.run?.controller.abort());
  byId("go-on").addEventListener("click", run);
  byId("download").addEventListener("click", download);
  byId("clear").addEventListener("click", clear);
  byId("compare").addEventListener("click", () => showPair(page.results.picked, page));
}

/** Begin with the pictures that memnet carries (memnet serve --demo). */
async function takeSamples(addresses) {
  const files = await Promise.all(addresses.map(async (address) => {
    const picture = await (await fetch(address)).blob();
    return new File([picture], address.split("/").pop(), { type: picture.type, lastModified: 0 });
  }));
  take(fromFiles(files));
}

async function begin() {
  const onBusy = () => trouble("The models are being loaded …");
  try {
    const told = await ask("/v1/models", { onBusy });
    const { distributions } = await ask("/v1/distributions", { onBusy });
    Object.assign(page, { ...told, distributions });
    trouble("");
  } catch (error) {
    trouble(error.status === 401 ? "This server asks for its key. Load this page again to enter it."
      : `${error.message} Load this page again to try once more.`);
    return;
  }
  describe(page);
  layOut(page.models.length);
  page.results = new Results({ models: page.models, distributions: page.distributions, picked,
    open: (picture) => showPicture(picture, page) });
  page.human = new HumanScores(() => page.results.pictures, page);
  picked([]);
  if (page.samples?.length) takeSamples(page.samples);
}

/** Make cards of the table's rows where its columns would not stand beside each other. */
function layOut(models) {
  const narrow = matchMedia(`(max-width: ${26 + 19 * models}rem)`);
  const apply = () => document.body.classList.toggle("cards", narrow.matches);
  narrow.addEventListener("change", apply);
  apply();
}

function trouble(sentence) {
  byId("trouble").textContent = sentence;
  byId("trouble").hidden = !sentence;
}

sayWhere();
onKeyNeeded(askForKey);
listen();
page.ready = begin();
