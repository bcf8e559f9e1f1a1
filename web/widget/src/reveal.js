// An answer is shown word by word, as it is read. It is whole and checked when it arrives; nothing is shown before that.

const WORDS_A_STEP = 2;
const LONGEST_MS = 2500;

/**
 * Show the words of `root` one after another. `grown` is called after each step. Readers of the screen get the whole.
 * @param {HTMLElement} root @param {() => void} grown
 */
export async function reveal(root, grown) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  /** @type {[Node, string[]][]} */
  const texts = [];
  /** @type {Element[]} */
  const hidden = [];
  while (walker.nextNode()) texts.push([walker.currentNode, (walker.currentNode.nodeValue || "").split(/(?<=\s)/)]);
  for (const each of root.querySelectorAll("p, li, ol, ul, details")) {
    each.toggleAttribute("data-unseen", true);
    hidden.push(each);
  }
  for (const [node] of texts) node.nodeValue = "";
  const steps = Math.ceil(texts.reduce((sum, [, words]) => sum + words.length, 0) / WORDS_A_STEP);
  const pause = Math.min(30, LONGEST_MS / Math.max(1, steps));
  for (const [node, words] of texts) {
    for (let parent = node.parentElement; parent && parent !== root; parent = parent.parentElement) {
      parent.removeAttribute("data-unseen");
    }
    for (let at = 0; at < words.length; at += WORDS_A_STEP) {
      node.nodeValue += words.slice(at, at + WORDS_A_STEP).join("");
      grown();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  for (const each of hidden) each.removeAttribute("data-unseen");
}
