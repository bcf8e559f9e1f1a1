// An answer is shown word by word, as it is read. What arrives is checked; nothing is shown before that.

const WORDS_A_STEP = 2;
const LONGEST_MS = 2500;

/**
 * Show the words of `root` one after another. `grown` is called after each step. Readers of the screen get the whole.
 * @param {HTMLElement} root @param {() => void} grown @param {number} seen characters that stand there at once
 */
export async function reveal(root, grown, seen = 0) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  /** @type {[Node, string[], number][]} */
  const texts = [];
  /** @type {Element[]} */
  const hidden = [];
  while (walker.nextNode()) {
    const words = (walker.currentNode.nodeValue || "").split(/(?<=\s)/);
    let known = 0;
    while (known < words.length && words[known].trimEnd().length <= seen) seen -= words[known++].length;
    if (known < words.length) seen = 0;
    texts.push([walker.currentNode, words, known]);
  }
  for (const each of root.querySelectorAll("p, li, ol, ul, details")) {
    each.toggleAttribute("data-unseen", true);
    hidden.push(each);
  }
  for (const [node, words, known] of texts) {
    node.nodeValue = words.slice(0, known).join("");
    if (known) uncover(node, root);
  }
  const steps = Math.ceil(texts.reduce((sum, [, words, known]) => sum + words.length - known, 0) / WORDS_A_STEP);
  const pause = Math.min(30, LONGEST_MS / Math.max(1, steps));
  for (const [node, words, known] of texts) {
    uncover(node, root);
    for (let at = known; at < words.length; at += WORDS_A_STEP) {
      node.nodeValue += words.slice(at, at + WORDS_A_STEP).join("");
      grown();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  for (const each of hidden) each.removeAttribute("data-unseen");
}

/** @param {Node} node @param {HTMLElement} root */
function uncover(node, root) {
  for (let parent = node.parentElement; parent && parent !== root; parent = parent.parentElement) {
    parent.removeAttribute("data-unseen");
  }
}
