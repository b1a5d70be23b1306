// CSV, read and written: as `memnet score` writes it.

const FORMULA = /^[=+\-@\t\r\n]/;

const COLUMNS = ["image_id", "path", "model", "variant", "score", "raw", "n_crops", "clamped",
  "width", "height", "mode", "warning"];

/** A model's name, which may be a file's path, and behind a colon its variant. */
const LABEL = /^(.*?)(?::([\w.-]+))?$/s;

/** Put an apostrophe before a text that a spreadsheet would take for a formula. */
const disarmed = (cell) => (typeof cell === "string" && FORMULA.test(cell) ? `'${cell}` : cell);

function written(cell) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "boolean") return cell ? "True" : "False";
  if (typeof cell === "number") return String(cell);
  const text = disarmed(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The scores as a table with the columns of `memnet score`, a row per picture and model; `warning`
 * has every warning of the page, as that of memnet's own client has.
 */
export function scoreTable(pictures, models) {
  const lines = [COLUMNS];
  for (const picture of pictures) {
    const { result } = picture;
    const warnings = (result?.warnings ?? []).map((each) => each.sentence).join(" ");
    for (const { label } of models) {
      const score = result?.scores?.find((each) => each.model === label);
      const [, model, variant = ""] = LABEL.exec(label);
      const failure = score ? "" : picture.failed;
      lines.push([
        picture.id, picture.path, model, variant, score?.score, score?.raw, score?.n_crops,
        score?.clamped, result?.width, result?.height, result?.mode ?? "",
        failure ? `failed: ${failure}` : result ? warnings : "not scored yet",
      ]);
    }
  }
  return lines.map((line) => `${line.map(written).join(",")}\n`).join("");
}

/** The text of a file, whatever program wrote it. */
export async function textOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes); // what older Excel writes
  }
}

/** Which of comma, semicolon and tab the first line has most of, outside quotes. */
function separatorOf(text) {
  const first = text.replace(/"[^"]*"/g, "").split(/[\r\n]/, 1)[0];
  const count = (mark) => first.split(mark).length;
  return [",", ";", "\t"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

/** Read a table: `columns` (names) and `rows` (lists of texts). */
export function parseTable(text) {
  const separator = separatorOf(text);
  const cell = new RegExp(`("(?:[^"]|"")*"|[^${separator}\\r\\n]*)(${separator}|\\r\\n?|\\n|$)`, "y");
  const rows = [];
  let row = [];
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (!match) throw new SyntaxError(`Row ${rows.length + 1} has quotes that do not end.`);
    const [, raw, end] = match;
    row.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end !== separator || cell.lastIndex >= text.length) {
      if (row.length > 1 || row[0]) rows.push(row);
      row = [];
    }
  }
  const [columns = [], ...rest] = rows;
  return { columns: columns.map((name) => name.trim()), rows: rest };
}
