// A little Markdown as elements: paragraphs, lists, bold, code and web links. Whatever else stands there is shown as it
// is: text becomes text nodes only, so nothing that somebody wrote is ever read as HTML.

const LIST_ITEM = /^\s*(?:([-*•])|(\d{1,3})[.)])\s+(.*)$/;
// As in the other channels, `**` within words or before a space is no markup, and `` is not two times code.
const INLINE = /(?<![\p{L}\p{N}])\*\*(?!\s)([^*\n]+)(?<!\s)\*\*|(?<!`)`([^`\n]+)`(?!`)|\[([^\]\n]+)\]\((https?:\/\/[^\s()<>]+)\)|(https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]])/gu;
const BARE = /(https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]])/g;

/** @param {string} text @returns {DocumentFragment} */
export function rendered(text) {
  const found = document.createDocumentFragment();
  /** @type {HTMLElement | null} */
  let block = null;
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    const item = LIST_ITEM.exec(line);
    if (item) {
      const kind = item[2] ? "OL" : "UL";
      if (!block || block.tagName !== kind) {
        block = found.appendChild(document.createElement(kind));
        if (item[2] && item[2] !== "1") block.setAttribute("start", item[2]);
      }
      block.appendChild(document.createElement("li")).append(inline(item[3]));
    } else if (!line.trim()) {
      block = null;
    } else if (block && block.tagName === "P") {
      block.append(document.createElement("br"), inline(line));
    } else {
      block = found.appendChild(document.createElement("p"));
      block.append(inline(line));
    }
  }
  return found;
}

/** What a person wrote, as it stands: addresses lead somewhere. @param {string} text @returns {DocumentFragment} */
export function literal(text) {
  const found = document.createDocumentFragment();
  for (const [place, piece] of text.split(BARE).entries()) found.append((place % 2 && link(piece, piece)) || piece);
  return found;
}

/** @param {string} line @returns {DocumentFragment} */
function inline(line) {
  const found = document.createDocumentFragment();
  let from = 0;
  for (const match of line.matchAll(INLINE)) {
    const [whole, bold, code, label, target, bare] = match;
    found.append(line.slice(from, match.index));
    from = match.index + whole.length;
    if (bold) found.append(element("strong", bold));
    else if (code) found.append(element("code", code));
    else found.append(link(target || bare, label || bare) || whole);
  }
  found.append(line.slice(from));
  return found;
}

/** @param {string} name @param {string} text */
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/**
 * A link to the web that opens beside the page; null for every other address.
 * @param {string | null | undefined} address @param {string} text
 */
export function link(address, text) {
  let url;
  try {
    url = new URL(address || "");
  } catch {
    return null;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  const made = /** @type {HTMLAnchorElement} */ (element("a", text));
  made.href = url.href;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}
