// What is on the screen: a button, and the dialog that it opens. It knows nothing of the gateway.
import { link, literal, rendered } from "./markdown.js";
import { reveal } from "./reveal.js";

/**
 * An element with attributes and children. Texts become text nodes.
 * @param {string} name @param {Record<string, string>} [attributes] @param {(Node | string)[]} children
 */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** @param {string} path */
function icon(path) {
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const drawn = svg.appendChild(document.createElementNS(NAMESPACE, "path"));
  drawn.setAttribute("d", path);
  drawn.setAttribute("fill", "currentColor");
  return svg;
}

/** @typedef {import("./outbox.js").Attached} Attached */

const CLIP = "M16.5 6v11a4.5 4.5 0 0 1-9 0V5a3 3 0 0 1 6 0v10.5a1.5 1.5 0 0 1-3 0V6H9v9.5a3 3 0 0 0 6 0V5a4.5 4.5 0 0 0-9 0v12a6 6 0 0 0 12 0V6z";
const BUBBLE = "M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z";

export class View {
  /**
   * @param {ShadowRoot} root @param {import("./texts.js").Texts} texts @param {boolean} framed
   * @param {{ send: (text: string, files: Attached[]) => void, attach: ((file: File) => Promise<Attached | null>) | null,
   *   retry: (id: string) => void, opened: (open: boolean) => void }} told
   */
  constructor(root, texts, framed, told) {
    this.root = root;
    this.texts = texts;
    this.framed = framed;
    this.told = told;
    this.badge = h("span", { class: "badge", hidden: "" });
    this.launcher = h("button", { class: "launcher", type: "button", "aria-label": texts.open, "aria-expanded": "false" });
    this.launcher.append(icon(BUBBLE), this.badge);
    this.title = h("h2", { id: "title" }, texts.title);
    this.closer = h("button", { type: "button", "aria-label": texts.close }, "×");
    this.state = h("p", { class: "state", role: "status", hidden: "" });
    this.log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-labelledby": "title", tabindex: "0" });
    /** @type {HTMLElement | null} */
    this.drafted = null;
    this.dots = h("div", { class: "typing", role: "img", "aria-label": texts.typing }, h("i"), h("i"), h("i"));
    this.alert = h("p", { class: "alert", role: "alert", hidden: "" });
    this.person = h("button", { class: "person", type: "button" }, texts.person);
    this.input = /** @type {HTMLTextAreaElement} */ (
      h("textarea", { rows: "1", "aria-label": texts.message, placeholder: texts.placeholder, maxlength: "16000" })
    );
    /** @type {Attached[]} */
    this.files = [];
    this.attached = h("ul", { class: "attached", "aria-label": texts.files, hidden: "" });
    const form = h("form", {}, ...this.clip(told.attach), this.input, h("button", { type: "submit" }, texts.send));
    this.panel = h(
      "section",
      { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: "" },
      h("header", {}, this.title, ...(framed ? [] : [this.closer])),
      this.state,
      this.log,
      this.person,
      this.alert,
      this.attached,
      form,
    );
    if (!framed) this.panel.setAttribute("aria-modal", "true");
    this.log.append(this.bubble("bot", rendered(texts.greeting)));
    root.append(...(framed ? [] : [this.launcher]), this.panel);
    this.launcher.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    this.closer.addEventListener("click", () => this.close());
    this.person.addEventListener("click", () => told.send(texts.wantsPerson, []));
    this.panel.addEventListener("keydown", (event) => this.pressed(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.submit();
      }
    });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  /** @param {boolean} [focus] not when a page is loaded: it has a focus of its own */
  open(focus = true) {
    this.panel.hidden = false;
    this.launcher.setAttribute("aria-expanded", "true");
    this.unread(false);
    this.toEnd();
    if (focus) this.input.focus();
    this.told.opened(true);
  }

  close() {
    if (this.framed) return;
    this.panel.hidden = true;
    this.launcher.setAttribute("aria-expanded", "false");
    this.launcher.focus();
    this.told.opened(false);
  }

  /** Escape closes; Tab goes round inside. @param {KeyboardEvent} event */
  pressed(event) {
    if (this.framed) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Tab") {
      const stops = [...this.panel.querySelectorAll("button, textarea, a[href], summary, [tabindex='0']")].filter(
        (each) => /** @type {HTMLElement} */ (each).offsetParent !== null,
      );
      const [first, last] = [stops[0], stops[stops.length - 1]];
      const at = this.root.activeElement;
      if (at === (event.shiftKey ? first : last)) {
        event.preventDefault();
        /** @type {HTMLElement} */ (event.shiftKey ? last : first).focus();
      }
    }
  }

  submit() {
    const text = this.input.value.trim();
    if (!text && !this.files.length) return;
    this.input.value = "";
    this.told.send(text, this.files);
    this.files = [];
    this.shown();
    this.input.focus();
  }

  /** A button that asks for a file. @param {((file: File) => Promise<Attached | null>) | null} attach @returns {Node[]} */
  clip(attach) {
    if (!attach) return [];
    const chosen = /** @type {HTMLInputElement} */ (h("input", { type: "file", hidden: "", tabindex: "-1" }));
    const button = h("button", { class: "clip", type: "button", "aria-label": this.texts.attach });
    button.append(icon(CLIP));
    button.addEventListener("click", () => chosen.click());
    chosen.addEventListener("change", async () => {
      const [file] = chosen.files || [];
      chosen.value = "";
      if (!file) return;
      button.setAttribute("aria-busy", "true");
      const kept = await attach(file);
      button.removeAttribute("aria-busy");
      if (kept) this.files.push(kept);
      this.shown();
    });
    return [button, chosen];
  }

  /** Files that go with the next message. */
  shown() {
    this.attached.replaceChildren(
      ...this.files.map((file) => {
        const remove = h("button", { type: "button", "aria-label": `${this.texts.remove}: ${file.name}` }, "×");
        remove.addEventListener("click", () => {
          this.files = this.files.filter((each) => each !== file);
          this.shown();
          this.input.focus();
        });
        return h("li", {}, file.name, remove);
      }),
    );
    this.attached.hidden = !this.files.length;
  }

  /** @param {string} author @param {Node | string} content */
  bubble(author, content) {
    const who = author === "customer" ? this.texts.you : author === "manager" ? this.texts.manager : this.texts.bot;
    return h("article", { class: `said ${author}` }, h("span", { class: "who" }, who), h("div", { class: "text" }, content));
  }

  /**
   * @param {{ id: string, author: string, text: string, citations: any[], attachments: any[] }} message
   * @param {boolean} slowly word by word
   */
  async show(message, slowly) {
    if (this.log.querySelector(`[data-id="${CSS.escape(message.id)}"]`)) return;
    const { author, text } = message;
    const said = this.bubble(author, author === "customer" ? text : author === "manager" ? literal(text) : rendered(text));
    said.dataset.id = message.id;
    for (const file of message.attachments) said.append(this.file(file));
    if (message.citations.length) said.append(this.sources(message.citations));
    this.typing(false);
    const follow = this.atEnd();
    const seen = author === "bot" ? this.withdrawn() : 0;
    if (slowly && this.isOpen) {
      this.log.setAttribute("aria-busy", "true");
      this.log.append(said);
      await reveal(said, () => follow && this.toEnd(), seen);
      this.log.removeAttribute("aria-busy");
    } else {
      this.log.append(said);
    }
    if (follow) this.toEnd();
  }

  /**
   * What is there so far of an answer that is being written; empty: nothing any more. It may go away again, so nobody can
   * act on it, and readers of the screen get the whole answer, once.
   * @param {string} text
   */
  async draft(text) {
    const follow = this.atEnd();
    const seen = this.withdrawn();
    if (!text) return;
    this.typing(false);
    this.drafted = this.bubble("bot draft", rendered(text));
    this.drafted.setAttribute("inert", "");
    this.log.append(this.drafted);
    if (this.isOpen) await reveal(this.drafted, () => follow && this.toEnd(), seen);
    if (follow) this.toEnd();
  }

  /** Take the draft away. @returns {number} characters that were to be read */
  withdrawn() {
    const drafted = this.drafted;
    this.drafted = null;
    drafted?.remove();
    return drafted?.textContent?.length || 0;
  }

  /** @param {{ name?: string | null, url?: string | null, size?: number | null }} file */
  file({ name, url, size }) {
    const label = name || this.texts.files;
    const kilobytes = size ? ` (${Math.ceil(size / 1024)} KB)` : "";
    return h("p", { class: "file" }, link(url, label) || label, kilobytes);
  }

  /** @param {{ title?: string | null, uri?: string | null }[]} citations */
  sources(citations) {
    const named = new Map(citations.map((each) => [each.uri || each.title, each]));
    const list = h("ul");
    for (const { title, uri } of named.values()) {
      const label = title || uri;
      if (label) list.append(h("li", {}, link(uri, label) || label));
    }
    return h("details", { class: "sources" }, h("summary", {}, `${this.texts.sources} (${list.childElementCount})`), list);
  }

  /** What was just written. @param {import("./outbox.js").Item} item */
  pending(item) {
    const said = this.bubble("customer", item.text);
    for (const { name } of item.files || []) said.append(this.file({ name }));
    said.dataset.pending = item.id;
    const note = h("div", { class: "note", "data-note": item.id }, this.texts.waiting);
    this.log.append(said, note);
    if (item.failed) this.refused(item.id);
    this.toEnd();
  }

  /** It is stored. @param {string} pending @param {string} id @returns {boolean} whether it had not been shown before */
  stored(pending, id) {
    const said = /** @type {HTMLElement | null} */ (this.log.querySelector(`[data-pending="${CSS.escape(pending)}"]`));
    this.log.querySelector(`[data-note="${CSS.escape(pending)}"]`)?.remove();
    if (!said) return false;
    const twice = this.log.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (twice) said.remove();
    else said.dataset.id = id;
    said.removeAttribute("data-pending");
    return !twice;
  }

  /** It was not taken. @param {string} pending */
  refused(pending) {
    const note = this.log.querySelector(`[data-note="${CSS.escape(pending)}"]`);
    if (!note) return;
    const again = h("button", { type: "button" }, this.texts.retry);
    again.addEventListener("click", () => {
      note.classList.remove("failed");
      note.replaceChildren(this.texts.waiting);
      this.told.retry(pending);
    });
    note.classList.add("failed");
    note.replaceChildren(`${this.texts.failed}. `, again);
  }

  /** @param {boolean} on */
  typing(on) {
    if (on) {
      this.log.append(this.dots);
      this.toEnd();
    } else {
      this.dots.remove();
    }
  }

  /** @param {string} state of the conversation */
  stands(state) {
    const text = state === "pending" ? this.texts.pending : state === "manager_active" ? this.texts.manager_active : "";
    this.state.textContent = text;
    this.state.hidden = !text;
    // What goes away must not take the focus with it.
    if (text && this.root.activeElement === this.person) this.input.focus();
    this.person.hidden = Boolean(text);
  }

  /** @param {string} text empty: nothing is wrong */
  warn(text) {
    if (this.alert.textContent !== text) this.alert.textContent = text;
    this.alert.hidden = !text;
  }

  /** @param {boolean} on */
  unread(on) {
    this.badge.hidden = !on;
    this.launcher.setAttribute("aria-label", on ? `${this.texts.open}. ${this.texts.unread}` : this.texts.open);
  }

  /** Below all others. @param {string} pending */
  last(pending) {
    for (const name of ["pending", "note"]) {
      const each = this.log.querySelector(`[data-${name}="${CSS.escape(pending)}"]`);
      if (each) this.log.append(each);
    }
  }

  /** Whether somebody else has spoken after a message. @param {string} id */
  answered(id) {
    return Boolean(this.log.querySelector(`[data-id="${CSS.escape(id)}"] ~ .said:not(.customer, .draft)`));
  }

  clear() {
    this.withdrawn();
    for (const each of this.log.querySelectorAll("[data-id]")) each.remove();
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
