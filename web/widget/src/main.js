// Begins where the script stands in a page: <script src="…/widget/v1/widget.js" data-account="…" async></script>
import { Chat } from "./chat.js";
import { Client, Store } from "./client.js";
import { sheet, sheets } from "./style.js";
import { TEXTS, chosenLanguage } from "./texts.js";

/** @typedef {{ identity?: () => Promise<string | null>, open?: () => void, close?: () => void }} Page */

const script = /** @type {HTMLScriptElement} */ (document.currentScript);

/**
 * Who is signed in on the page: a token from `window.mainstay.identity()` or `data-identity`, else an id and its HMAC.
 * @returns {Promise<Record<string, unknown> | null>}
 */
async function proof() {
  const page = /** @type {{ mainstay?: Page }} */ (window).mainstay;
  const identity = page?.identity ? await page.identity() : script.dataset.identity;
  if (identity) return { identity };
  const { userId, userHash, userName } = script.dataset;
  if (!userId || !userHash) return null;
  return { user: { id: userId, hash: userHash, ...(userName ? { name: userName } : {}) } };
}

/** Names whose outbox it is, so that nobody sends what another has written. Not a proof of anything. */
async function person() {
  try {
    const proved = /** @type {any} */ (await proof());
    if (!proved) return "";
    if (proved.user) return proved.user.id;
    return JSON.parse(atob(proved.identity.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
  } catch {
    return "unknown";
  }
}

async function begin() {
  const account = script.dataset.account || "";
  const framed = script.dataset.mode === "frame";
  const store = new Store(account);
  const client = new Client(new URL(script.src).origin, account, proof, store);
  // A page whose site is switched off, or that is none of the site's, shows nothing.
  const site = await client.config().catch(() => null);
  if (!site) return;
  const ofPage = framed ? null : document.documentElement.lang;
  const wished = chosenLanguage([script.dataset.language, ofPage, ...navigator.languages, site.language]);
  client.language = wished;

  const host = document.createElement("mainstay-chat");
  host.lang = wished;
  if (framed) {
    host.dataset.mode = "frame";
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet("body { margin: 0; }")];
  }
  if (script.dataset.theme) host.dataset.theme = script.dataset.theme;
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = sheets(site.color);
  const texts = { ...TEXTS[wished], ...(site.title ? { title: site.title } : {}) };
  const socketFirst = script.dataset.transport === "ws";
  const chat = new Chat(root, texts, client, store, { framed, socketFirst, fileMib: site.files ? site.file_mib : 0, person: await person() });
  document.body.append(host);
  chat.view.toEnd();
  const page = /** @type {any} */ (window);
  page.mainstay = Object.assign(page.mainstay || {}, { open: () => chat.view.open(), close: () => chat.view.close() });
}

if (document.body) begin();
else addEventListener("DOMContentLoaded", begin);
