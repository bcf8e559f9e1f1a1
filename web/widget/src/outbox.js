// What the visitor has written and the gateway has not yet got. It is kept in the browser, in order; each message has an
// id of its own, so one that is sent again after a lost answer, or by two pages at once, is stored once.
import { Client, Refused, Store } from "./client.js";
import { pause } from "./stream.js";

/** @typedef {{ id: string, name: string }} Attached a file that the gateway has */
/** @typedef {{ id: string, text: string, files?: Attached[], failed?: boolean }} Item */

export class Outbox {
  /**
   * @param {Client} client @param {Store} store @param {string} name where it is kept: each person's own
   * @param {(item: Item, receipt: { message_id: string } | null, error?: unknown) => void} settled receipt null: not sent
   */
  constructor(client, store, name, settled) {
    this.client = client;
    this.store = store;
    this.name = name;
    this.settled = settled;
    /** @type {Promise<void> | null} */
    this.sending = null;
    /** @type {Promise<unknown>} */
    this.posting = Promise.resolve();
    this.never = new AbortController().signal;
  }

  /** @returns {Item[]} */
  get items() {
    return this.store.get(this.name) || [];
  }

  /** @param {string} text @param {Attached[]} files @returns {Item} */
  add(text, files) {
    const item = { id: newId(), text, files };
    this.store.put(this.name, [...this.items, item]);
    this.flush();
    return item;
  }

  /** Try again what was refused. @param {string} id */
  retry(id) {
    this.change(id, (item) => ({ ...item, failed: undefined }));
    this.flush();
  }

  flush() {
    this.sending ??= this.send().finally(() => (this.sending = null));
    return this.sending;
  }

  async send() {
    let failures = 0;
    for (;;) {
      const item = this.items.find((each) => !each.failed);
      if (!item) return;
      try {
        const attachment_ids = (item.files || []).map((file) => file.id);
        const body = { ...(item.text ? { text: item.text } : {}), attachment_ids, client_message_id: item.id };
        const posted = this.client.request("POST", "messages", body).then((answer) => answer.json());
        this.posting = posted.catch(() => null);
        const receipt = await posted;
        this.change(item.id, () => null);
        this.settled(item, receipt);
        failures = 0;
      } catch (error) {
        if (error instanceof Refused && error.final) {
          this.change(item.id, (each) => ({ ...each, failed: true }));
          this.settled(item, null, error);
          continue;
        }
        failures += 1;
        const wait = error instanceof Refused ? error.retryAfter : 0;
        if (wait) await new Promise((resolve) => setTimeout(resolve, wait * 1000));
        else await pause(failures, this.never);
      }
    }
  }

  /** @param {string} id @param {(item: Item) => Item | null} into null: take it out */
  change(id, into) {
    this.store.put(this.name, this.items.map((each) => (each.id === id ? into(each) : each)).filter(Boolean));
  }
}

/** 128 random bits. `randomUUID` is there on pages by https only. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
