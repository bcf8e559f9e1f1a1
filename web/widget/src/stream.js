// What happens in the conversation, as it happens: server-sent events, or a WebSocket where those do not come through.
// A connection that ends is made again, from the last event on, by the other way each time one has failed.
import { Client, Refused } from "./client.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
// The gateway says something at least every 15 seconds.
const SILENCE_MS = 40_000;

/** @typedef {{ id?: number, type: string, data: any }} Happened without an id: of this moment only */

export class Stream {
  /**
   * @param {Client} client @param {boolean} socketFirst
   * @param {(event: Happened) => void} heard @param {(connected: boolean, error?: unknown) => void} standing
   */
  constructor(client, socketFirst, heard, standing) {
    this.client = client;
    this.bySocket = socketFirst;
    this.heard = heard;
    this.standing = standing;
    this.last = 0;
    this.stopped = new AbortController();
  }

  /** Listen until `stop`. @param {number} after number of the last event that is known */
  async run(after) {
    this.last = after;
    let failures = 0;
    while (!this.stopped.signal.aborted) {
      const began = Date.now();
      try {
        await (this.bySocket ? this.socket() : this.events());
        failures = 0;
      } catch (error) {
        if (this.stopped.signal.aborted) return;
        failures = Date.now() - began > SILENCE_MS ? 1 : failures + 1;
        this.standing(false, error);
        if (error instanceof Refused && error.final) return;
        if (navigator.onLine) this.bySocket = !this.bySocket;
        await pause(failures, this.stopped.signal);
      }
    }
  }

  stop() {
    this.stopped.abort();
  }

  /** @param {Happened} event */
  happened(event) {
    this.last = event.id || this.last;
    this.heard(event);
  }

  async events() {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const stop = () => silence.abort();
    this.stopped.signal.addEventListener("abort", stop);
    try {
      const answer = await this.client.request("GET", "events", null, {
        headers: { Accept: "text/event-stream", "Last-Event-ID": String(this.last) },
        signal: silence.signal,
      });
      this.standing(true);
      const reader = /** @type {ReadableStream} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
        rest = /** @type {string} */ (blocks.pop());
        for (const block of blocks) {
          const event = parsed(block);
          if (event) this.happened(event);
        }
      }
    } finally {
      clearTimeout(timer);
      this.stopped.signal.removeEventListener("abort", stop);
    }
  }

  async socket() {
    const token = await this.client.token();
    const url = this.client.url.replace(/^http/, "ws") + `ws?last_event_id=${this.last}`;
    const socket = new WebSocket(url, ["mainstay", `token.${token}`]);
    const stop = () => socket.close();
    this.stopped.signal.addEventListener("abort", stop);
    try {
      await new Promise((resolve, reject) => {
        socket.onopen = () => this.standing(true);
        socket.onmessage = (message) => this.happened(JSON.parse(message.data));
        socket.onclose = (closed) => {
          // Refused or ended: whether the token is the reason cannot be known.
          this.client.renew();
          if (closed.code === 1000 || closed.code === 1012) resolve(null);
          else reject(new Error(`closed with ${closed.code}`));
        };
      });
    } finally {
      this.stopped.signal.removeEventListener("abort", stop);
    }
  }
}

/** @param {string} block @returns {Happened | null} */
function parsed(block) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, "");
  }
  return fields.data ? { id: Number(fields.id), type: fields.event, data: JSON.parse(fields.data) } : null;
}

/**
 * Longer after each failure, by chance so that not all come at once; over at once when the network is back.
 * @param {number} failures @param {AbortSignal} signal
 */
export function pause(failures, signal) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      signal.removeEventListener("abort", over);
      resolve(null);
    };
    const timer = setTimeout(over, longest * (0.5 + Math.random() / 2));
    addEventListener("online", over);
    signal.addEventListener("abort", over);
  });
}
