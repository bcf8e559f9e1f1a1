// Requests to the gateway, with the visitor's token. It is asked for when the first request needs it, and again when it
// has ended; what opens the same conversation again is kept in the browser.

/** An answer that is no success. `final`: the same request would be refused again. */
export class Refused extends Error {
  /** @param {number} status @param {number} retryAfter seconds */
  constructor(status, retryAfter) {
    super(`refused with ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    this.final = status >= 400 && status < 500 && ![408, 429].includes(status);
  }
}

/** The browser's storage, or none where a page may not have it. */
export class Store {
  /** @param {string} account */
  constructor(account) {
    this.prefix = `mainstay/${account}/`;
    /** @type {Map<string, unknown>} */
    this.instead = new Map();
  }

  /** @param {string} name @returns {any} null when nothing is there */
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(this.prefix + name) || "null");
    } catch {
      return this.instead.get(name) ?? null;
    }
  }

  /** @param {string} name @param {unknown} value null: forget it */
  put(name, value) {
    try {
      if (value === null) localStorage.removeItem(this.prefix + name);
      else localStorage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      this.instead.set(name, value);
    }
  }
}

const RENEWED_BEFORE_MS = 60_000;
const PATIENCE_MS = 20_000;

export class Client {
  /**
   * @param {string} base origin of the gateway
   * @param {string} account
   * @param {() => Promise<Record<string, unknown> | null>} proof who is signed in on the page, as the gateway takes it
   * @param {Store} store
   */
  constructor(base, account, proof, store) {
    this.url = `${base}/v1/widget/${account}/`;
    this.proof = proof;
    this.store = store;
    /** Of the conversation that is begun. */
    this.language = "en";
    /** @type {{ token: string, ends: number } | null} */
    this.visit = null;
    /** @type {Promise<void> | null} */
    this.opening = null;
    /** Called when a visit has another conversation than the one before. */
    this.began = () => {};
  }

  get known() {
    return this.store.get("resume") !== null;
  }

  /** A token that is good for a while. */
  async token() {
    if (!this.visit || this.visit.ends < Date.now() + RENEWED_BEFORE_MS) {
      this.opening ??= this.open().finally(() => (this.opening = null));
      await this.opening;
    }
    return /** @type {{ token: string }} */ (this.visit).token;
  }

  async open() {
    const resume = this.store.get("resume");
    const proved = await this.proof();
    const who = proved || (resume ? { resume } : {});
    const answer = await this.fetched("POST", "session", { ...who, language: this.language }, null);
    const visit = await answer.json();
    this.visit = { token: visit.token, ends: Date.now() + visit.expires_in * 1000 };
    if (!proved) this.store.put("resume", visit.resume);
    if (visit.created) this.began();
  }

  /** Forget the token: the next request asks for another. */
  renew() {
    this.visit = null;
  }

  config() {
    return this.fetched("GET", "config", null, null).then((answer) => answer.json());
  }

  /**
   * @param {"GET" | "POST"} method @param {string} path @param {unknown} [body]
   * @param {{ headers?: Record<string, string>, signal?: AbortSignal }} [options]
   */
  async request(method, path, body, options = {}) {
    try {
      return await this.fetched(method, path, body, await this.token(), options);
    } catch (error) {
      // It has ended, or its conversation was erased: a new one, once.
      if (!(error instanceof Refused) || ![401, 404].includes(error.status)) throw error;
      this.renew();
      return this.fetched(method, path, body, await this.token(), options);
    }
  }

  /**
   * @param {string} method @param {string} path @param {unknown} body @param {string | null} token
   * @param {{ headers?: Record<string, string>, signal?: AbortSignal }} [options]
   */
  async fetched(method, path, body, token, options = {}) {
    const headers = new Headers(options.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const form = body instanceof FormData;
    if (body && !form) headers.set("Content-Type", "application/json");
    const answer = await fetch(this.url + path, {
      method,
      headers,
      body: form ? body : body ? JSON.stringify(body) : undefined,
      // A file may take its time.
      signal: options.signal || (form ? undefined : AbortSignal.timeout(PATIENCE_MS)),
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    if (!answer.ok) throw new Refused(answer.status, Number(answer.headers.get("Retry-After")) || 0);
    return answer;
  }
}
