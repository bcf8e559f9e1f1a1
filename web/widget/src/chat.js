// One conversation: what is written goes through the outbox, what is said comes by the stream, both end in the view.
import { Client, Refused, Store } from "./client.js";
import { Outbox } from "./outbox.js";
import { Stream } from "./stream.js";
import { View } from "./view.js";

// A visitor who was here so lately is listened for although the dialog is closed.
const LATELY_MS = 24 * 60 * 60 * 1000;
const LONGEST_TYPING_MS = 60_000;
const AGAIN_MS = 5_000;

export class Chat {
  /**
   * @param {ShadowRoot} root @param {import("./texts.js").Texts} texts @param {Client} client @param {Store} store
   * @param {{ framed: boolean, socketFirst: boolean, fileMib: number, person: string }} options fileMib: the largest file,
   *   0: none are taken; person: whose outbox it is, empty: unknown
   */
  constructor(root, texts, client, store, { framed, socketFirst, fileMib, person }) {
    this.texts = texts;
    this.client = client;
    this.store = store;
    this.socketFirst = socketFirst;
    this.fileMib = fileMib;
    this.identified = person !== "";
    this.state = "";
    this.awaited = "";
    this.last = "";
    this.typingEnds = 0;
    /** @type {Promise<void> | null} */
    this.connected = null;
    /** @type {Promise<unknown>} */
    this.turn = Promise.resolve();
    this.view = new View(root, texts, framed, {
      send: (text, attached) => this.send(text, attached),
      attach: fileMib ? (file) => this.attach(file) : null,
      retry: (id) => this.outbox.retry(id),
      opened: (open) => this.opened(open),
    });
    this.outbox = new Outbox(client, store, `outbox${person && `/${person}`}`, (item, receipt, error) =>
      this.settled(item.id, receipt, error),
    );
    client.began = () => this.view.clear();
    for (const item of this.outbox.items) this.view.pending(item);
    if (this.outbox.items.length) this.outbox.flush();
    const lately = Date.now() - (store.get("at") || 0) < LATELY_MS;
    if (framed || sessionOpen(store)) this.view.open(false);
    else if (this.begun && lately) this.connect();
    addEventListener("offline", () => this.view.warn(texts.offline));
    addEventListener("online", () => this.view.warn(""));
  }

  /** Somebody who has never written has nothing to hear, and no conversation yet. */
  get begun() {
    return this.client.known || this.identified;
  }

  /** @param {boolean} open */
  opened(open) {
    sessionOpen(this.store, open);
    if (!open) return;
    if (this.last) this.store.put("seen", this.last);
    if (this.begun) this.connect();
  }

  /** @param {string} text @param {import("./outbox.js").Attached[]} files */
  send(text, files) {
    this.store.put("at", Date.now());
    this.view.pending(this.outbox.add(text, files));
    if (!navigator.onLine) this.view.warn(this.texts.offline);
  }

  /** Give the gateway a file that will go with a message. @param {File} file */
  async attach(file) {
    if (file.size > this.fileMib << 20) {
      this.view.warn(this.texts.tooLarge.replace("{mib}", `${this.fileMib}`));
      return null;
    }
    const form = new FormData();
    form.append("file", file, file.name);
    try {
      const { id } = await (await this.client.request("POST", "files", form)).json();
      this.view.warn("");
      return { id, name: file.name };
    } catch (error) {
      this.view.warn(error instanceof Refused ? this.texts.notTaken : this.texts.offline);
      return null;
    }
  }

  /** @param {string} item @param {{ message_id: string } | null} receipt @param {unknown} [error] */
  settled(item, receipt, error) {
    if (!receipt) {
      this.view.refused(item);
      if (error instanceof Refused && error.status === 401) this.view.warn(this.texts.expired);
      return;
    }
    if (this.view.stored(item, receipt.message_id) && this.state !== "manager_active") this.awaits(receipt.message_id);
    this.connect();
  }

  /** Show that an answer is being written, until its turn is done. @param {string} message */
  awaits(message) {
    this.awaited = message;
    this.types(LONGEST_TYPING_MS);
  }

  /** Show that an answer is being written. @param {number} ms for how long, unless more is heard of it */
  types(ms) {
    this.view.typing(true);
    clearTimeout(this.typingEnds);
    this.typingEnds = setTimeout(() => this.view.typing(false), ms);
  }

  connect() {
    this.connected ??= this.catchUp().catch((error) => {
      this.connected = null;
      this.standing(false, error);
      if (!(error instanceof Refused && error.final)) setTimeout(() => this.connect(), AGAIN_MS);
    });
    return this.connected;
  }

  /** What was said so far, and from there on what is said. */
  async catchUp() {
    let cursor = "0";
    let after = Infinity;
    for (;;) {
      const page = await (await this.client.request("GET", `messages?limit=200&cursor=${cursor}`)).json();
      after = Math.min(after, page.last_event_id);
      await this.outbox.posting;
      for (const message of page.items) {
        await this.view.show(message, false);
        this.came(message);
      }
      this.stands(page.state);
      if (!page.next) break;
      cursor = page.next;
    }
    this.keepWaitingLast();
    this.waits();
    this.view.warn("");
    const stream = new Stream(
      this.client,
      this.socketFirst,
      (event) => (this.turn = this.turn.then(() => this.heard(event))),
      (connected, error) => this.standing(connected, error),
    );
    stream.run(after);
  }

  keepWaitingLast() {
    for (const item of this.outbox.items) this.view.last(item.id);
  }

  /** @param {import("./stream.js").Happened} event */
  async heard({ type, data }) {
    if (type === "message") {
      // One of our own may be told before its receipt is here.
      if (data.author === "customer") await this.outbox.posting;
      await this.view.show(data, data.author === "bot");
      this.came(data);
    } else if (type === "state") {
      this.stands(data.state);
      if ((data.handled || []).includes(this.awaited)) {
        this.awaited = "";
        this.view.typing(false);
      }
    } else if (type === "typing") {
      // Whoever has written here waits longer than a word about it is good for.
      if (!this.view.drafted) this.types(this.awaited ? LONGEST_TYPING_MS : data.seconds * 1000);
    } else if (type === "draft") {
      await this.view.draft(data.text);
      if (!data.text) this.waits();
    }
  }

  /** Show whether an answer is still to come. */
  waits() {
    if (this.awaited) this.view.typing(this.state !== "manager_active" && !this.view.answered(this.awaited));
  }

  /** Note whether it was seen: by its id alone. @param {{ id: string, author: string }} message */
  came(message) {
    this.last = message.id;
    if (this.view.isOpen) this.store.put("seen", message.id);
    else if (message.author !== "customer") this.view.unread(message.id > (this.store.get("seen") || ""));
  }

  /** @param {string} state */
  stands(state) {
    this.state = state;
    this.view.stands(state);
    if (state === "manager_active") this.view.typing(false);
  }

  /** @param {boolean} connected @param {unknown} [error] */
  standing(connected, error) {
    if (connected) {
      this.view.warn("");
      // Nobody has told meanwhile whether it was withdrawn.
      this.turn = this.turn.then(() => this.view.draft(""));
    } else if (error instanceof Refused && error.status === 401) this.view.warn(this.texts.expired);
    else if (error instanceof Refused && error.final) this.view.warn(this.texts.gone);
    else if (!navigator.onLine) this.view.warn(this.texts.offline);
  }
}

/**
 * Whether the dialog is open in this tab: it stays so from page to page.
 * @param {Store} store @param {boolean} [open] set it
 */
function sessionOpen(store, open) {
  try {
    if (open !== undefined) sessionStorage.setItem(`${store.prefix}open`, String(open));
    return sessionStorage.getItem(`${store.prefix}open`) === "true";
  } catch {
    return false;
  }
}
