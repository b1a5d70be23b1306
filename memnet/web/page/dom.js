// Making elements. Text is always set as text: a file's name can be no markup.

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** An HTML element: attributes by name, functions are listeners; children are nodes or texts. */
export const element = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const drawn = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** "1 picture", "2 pictures", "1,200 pictures". */
export const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** A correlation or an error as papers write it: ".67". */
export const bare = (value, digits = 2) =>
  value.toFixed(digits).replace(/^(-?)0\./, "$1.").replace("-", "−");

/** "20 MB". */
export const megabytes = (bytes) =>
  `${(bytes / 1e6).toLocaleString("en", { maximumSignificantDigits: 3 })} MB`;

/** The first names of a list, and how many more. */
export function listed(names, most = 5) {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${more.toLocaleString("en")} more` : "");
}

/** Say something to screen readers. */
export function announce(sentence) {
  byId("announcer").textContent = sentence;
}
