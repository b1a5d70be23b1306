// What is asked of the server: JSON in, JSON out, a busy server waited for, errors as sentences.

const KEY = "memnet-key";
const CHUNK = 8; // pictures a request: scores come as often, and a cancelled run ends as soon
const OVERHEAD = 2048; // bytes of a request for each picture beside the picture itself
const RETRY_SECONDS = 2;

/** What a server says of an error (RFC 9457); `status` is 0 where it could not be reached. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let askForKey = null;
/** Set what asks the user for the server's key: wrong (bool) -> promise of a key. */
export const onKeyNeeded = (ask) => { askForKey = ask; };

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", () => { clearTimeout(timer); stop(); }, { once: true });
  });
}

async function problemOf(response) {
  let detail = "";
  try {
    const told = await response.json();
    detail = typeof told.detail === "string" ? told.detail : told.title ?? "";
  } catch { /* no JSON: a proxy in between, say */ }
  return new Problem(response.status, detail || `The server answered ${response.status}.`);
}

/**
 * Ask the server. While it is busy (503) wait as long as it says and ask again; `onBusy` is told
 * the seconds. Throws a Problem, or the signal's reason.
 */
export async function ask(path, { method = "GET", body, json, signal, onBusy } = {}) {
  for (;;) {
    const headers = {};
    const key = sessionStorage.getItem(KEY);
    if (key) headers.Authorization = `Bearer ${key}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, {
        method, headers, signal, body: json === undefined ? body : JSON.stringify(json),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new Problem(0, "The server cannot be reached. Does memnet serve still run?");
    }
    if (response.ok) return response.json();
    const problem = await problemOf(response);
    if (response.status === 401 && askForKey) {
      const given = await askForKey(Boolean(key));
      if (!given) throw problem; // the dialog was closed
      sessionStorage.setItem(KEY, given);
    } else if (response.status === 503) {
      const seconds = Number(response.headers.get("Retry-After")) || RETRY_SECONDS;
      onBusy?.(seconds, problem.message);
      await pause(seconds, signal);
    } else throw problem;
  }
}

/** Pictures of the next request: the first goes alone, so that its score is there soonest. */
export function nextChunk(waiting, limits, isFirst) {
  const most = isFirst ? 1 : Math.min(CHUNK, limits.files);
  const chunk = [];
  let bytes = 0;
  for (const picture of waiting) {
    bytes += picture.file.size + OVERHEAD;
    if (chunk.length && (chunk.length >= most || bytes > limits.bytes)) break;
    chunk.push(picture);
  }
  return chunk;
}

/** Send pictures; resolves to what the server says of each, in their order. */
export async function score(pictures, options) {
  const body = new FormData();
  for (const picture of pictures) body.append("files", picture.file, picture.file.name);
  return ask("/v1/scores", { method: "POST", body, ...options });
}

/** Ask where in a picture: a map as an overlay. */
export async function mapOf(picture, model, method, options) {
  const body = new FormData();
  body.append("files", picture.file, picture.file.name);
  const query = new URLSearchParams({ model, method });
  return ask(`/v1/maps?${query}`, { method: "POST", body, ...options });
}

/** Whether a file can still be read: one that was moved or deleted since cannot. */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
