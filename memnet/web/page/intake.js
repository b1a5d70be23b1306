// What the user dropped, pasted or chose, as files with the ids that `memnet score` would give them.

const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|bmp)$/i;
const TABLE = /\.(csv|tsv)$/i;
const LITTER = /^(thumbs\.db|desktop\.ini)$/i;

/**
 * A file with where it came from: `path` as dropped ("study/beach/a.jpg"), `id` as memnet score
 * names it, relative to the folder that was dropped ("beach/a.jpg").
 */
function placed(file, path = file.name) {
  return { file, path, id: path.includes("/") ? path.slice(path.indexOf("/") + 1) : path };
}

const entriesOf = (reader) => new Promise((done, failed) => reader.readEntries(done, failed));
const fileOf = (entry) => new Promise((done, failed) => entry.file(done, failed));

async function walk(entry, found, unreadable) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      found.push(placed(await fileOf(entry), path));
      return;
    }
    const reader = entry.createReader();
    // A reader gives some hundred entries at a time, and none when it is through.
    for (let some = await entriesOf(reader); some.length; some = await entriesOf(reader)) {
      for (const each of some) await walk(each, found, unreadable);
    }
  } catch {
    unreadable.push(path);
  }
}

/** Files and folders that were dropped: everything below them. */
export async function fromDrop(transfer) {
  // Both lists must be read before the first wait: the browser empties the transfer then.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const parts = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  const unreadable = [];
  for (const part of parts) {
    if (part instanceof File) found.push(placed(part));
    else if (part) await walk(part, found, unreadable);
  }
  return sorted(found, unreadable);
}

/** Files that came from nowhere: each by its name. */
export const fromFiles = (files) => sorted(files.map((file) => placed(file)));

/** Files of a file input; those of a folder know their place in it. */
export function fromInput(input) {
  const found = [...input.files].map((file) => placed(file, file.webkitRelativePath || file.name));
  input.value = ""; // the same can be chosen again
  return sorted(found);
}

let pasted = 0;

/** Pictures of the clipboard; browsers call each of them image.png. */
export function fromPaste(transfer) {
  const files = [...transfer.files].map((file) => {
    if (file.name !== "image.png") return file;
    pasted += 1;
    return new File([file], `pasted ${pasted}.png`, { type: file.type });
  });
  return fromFiles(files);
}

/** Tell pictures, tables and the rest apart, each in the order of their ids. */
function sorted(found, unreadable = []) {
  const pictures = [];
  const tables = [];
  const leftOut = [];
  found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const each of found) {
    const name = each.file.name;
    if (name.startsWith(".") || LITTER.test(name) || /(^|\/)\./.test(each.path)) continue; // hidden
    if (TABLE.test(name)) tables.push(each);
    else if (PICTURE.test(name) || each.file.type.startsWith("image/")) pictures.push(each);
    else leftOut.push(each.path);
  }
  return { pictures, tables, leftOut, unreadable };
}

/**
 * Give each new picture an id of its own. The same file a second time is left out; another picture
 * of the same name gets a number behind it, since scores are told apart by their ids.
 */
export function withOwnIds(fresh, old) {
  const byId = new Map(old.map((picture) => [picture.id, picture]));
  const kept = [];
  const repeated = [];
  const renamed = [];
  for (const each of fresh) {
    let { id } = each;
    let isRepeated = false;
    for (let n = 2; byId.has(id) && !isRepeated; n += 1) {
      const { file } = byId.get(id);
      isRepeated = file.size === each.file.size && file.lastModified === each.file.lastModified;
      if (!isRepeated) id = each.id.replace(/(\.[^./]*)?$/, (ending) => ` (${n})${ending}`);
    }
    if (isRepeated) {
      repeated.push(each.id);
      continue;
    }
    if (id !== each.id) renamed.push(id);
    const picture = { ...each, id };
    byId.set(id, picture);
    kept.push(picture);
  }
  return { kept, repeated, renamed };
}
