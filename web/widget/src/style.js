// How it looks. Sheets are made in script and adopted: no page's policy has to allow inline styles for that.

/** @param {string} accent as #2457d6 */
export function sheets(accent) {
  const color = /^#[0-9a-f]{6}$/i.test(accent) ? accent : "#2457d6";
  return [sheet(`:host { --accent: ${color}; --on-accent: ${readableOn(color)}; }`), sheet(STYLE)];
}

/** @param {string} text */
export function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

/**
 * Black or white, whichever stands out more (WCAG 2.2): at least 4.58 to 1 on any color.
 * @param {string} color
 */
export function readableOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

const DARK = `
  --ground: #16181d; --raised: #262a33; --ink: #f2f4f8; --soft: #b4bccb; --line: #3c424f; --link: #9dbdff;
  --alert: #ff9d94; color-scheme: dark;`;

const STYLE = `
:host {
  --ground: #ffffff; --raised: #eff1f5; --ink: #16181d; --soft: #545c6b; --line: #c9cfda; --link: #1d48b8;
  --alert: #b3261e; color-scheme: light;
  all: initial; font: 15px/1.45 system-ui, "Segoe UI", Roboto, sans-serif;
}
@media (prefers-color-scheme: dark) { :host(:not([data-theme="light"])) {${DARK}} }
:host([data-theme="dark"]) {${DARK}}
*, *::before { box-sizing: border-box; }
[hidden], [data-unseen] { display: none !important; }
button { font: inherit; cursor: pointer; border: 0; border-radius: 10px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.launcher {
  position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; width: 58px; height: 58px;
  border-radius: 50%; background: var(--accent); color: var(--on-accent); box-shadow: 0 4px 16px #0005;
}
.launcher svg { width: 28px; height: 28px; display: block; margin: auto; }
.badge {
  position: absolute; inset-block-start: 0; inset-inline-end: 0; width: 16px; height: 16px; border-radius: 50%;
  background: #c4231a; border: 2px solid #fff;
}
.panel {
  position: fixed; inset-block-end: 92px; inset-inline-end: 20px; z-index: 2147483000; display: flex;
  flex-direction: column; width: min(380px, calc(100vw - 24px)); height: min(600px, calc(100vh - 112px));
  overflow: hidden; border: 1px solid var(--line); border-radius: 16px; background: var(--ground); color: var(--ink);
  box-shadow: 0 12px 40px #0006;
}
:host([data-mode="frame"]) .panel { inset: 0; width: auto; height: auto; border: 0; border-radius: 0; box-shadow: none; }
header { display: flex; align-items: center; gap: 8px; padding: 10px 10px 10px 16px; background: var(--accent); color: var(--on-accent); }
header h2 { flex: 1; margin: 0; font-size: 17px; font-weight: 600; }
header button { width: 36px; height: 36px; background: transparent; color: inherit; font-size: 22px; line-height: 1; }
header :focus-visible { outline-color: currentColor; }
.state { margin: 0; padding: 6px 16px; background: var(--raised); color: var(--ink); font-size: 13px; }
.log { flex: 1; overflow-y: auto; margin: 0; padding: 14px; display: flex; flex-direction: column; gap: 10px; overscroll-behavior: contain; }
.said { max-width: 86%; align-self: flex-start; padding: 9px 13px; border-radius: 14px; background: var(--raised); overflow-wrap: anywhere; }
.said.manager > .text { white-space: pre-wrap; }
.said.customer { align-self: flex-end; background: var(--accent); color: var(--on-accent); white-space: pre-wrap; }
.said .who { display: block; font-size: 12px; color: var(--soft); }
.said.customer .who { position: absolute; color: inherit; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.said p, .said ul, .said ol { margin: 0 0 8px; }
.said ul, .said ol { padding-inline-start: 22px; }
.said > .text > :last-child { margin-bottom: 0; }
.said code { font: 13px ui-monospace, monospace; background: #8883; border-radius: 4px; padding: 1px 4px; }
.said a { color: var(--link); }
.draft > .text > :last-child::after { content: " …"; color: var(--soft); animation: blink 1.2s infinite; }
.sources { margin-top: 8px; font-size: 13px; color: var(--soft); }
.sources summary { cursor: pointer; }
.sources ul { margin: 4px 0 0; }
.note { align-self: flex-end; margin: -6px 4px 0; font-size: 12px; color: var(--soft); }
.note.failed { color: var(--alert); }
.note button { padding: 2px 6px; background: transparent; color: var(--link); text-decoration: underline; }
.typing { align-self: flex-start; display: flex; gap: 5px; padding: 14px; border-radius: 14px; background: var(--raised); }
.typing i { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); animation: blink 1.2s infinite; }
.typing i:nth-child(2) { animation-delay: .2s; }
.typing i:nth-child(3) { animation-delay: .4s; }
@keyframes blink { 0%, 60%, 100% { opacity: .35; } 30% { opacity: 1; } }
.alert { margin: 0; padding: 6px 16px; color: var(--alert); font-size: 13px; }
form { display: flex; gap: 8px; align-items: flex-end; padding: 10px; border-top: 1px solid var(--line); }
textarea {
  flex: 1; min-height: 42px; max-height: 120px; padding: 9px 12px; border: 1px solid var(--soft); border-radius: 12px;
  background: var(--ground); color: var(--ink); font: inherit; resize: none; field-sizing: content;
}
textarea::placeholder { color: var(--soft); opacity: 1; }
form button { height: 42px; padding: 0 14px; background: var(--accent); color: var(--on-accent); font-weight: 600; }
form .clip { width: 42px; flex: none; padding: 0; background: transparent; color: var(--soft); }
.clip svg { width: 22px; height: 22px; display: block; margin: auto; }
.clip[aria-busy] { opacity: .5; }
.attached { display: flex; flex-wrap: wrap; gap: 6px; margin: 0; padding: 6px 10px 0; list-style: none; font-size: 13px; }
.attached li { display: flex; align-items: center; gap: 4px; padding: 2px 4px 2px 10px; border-radius: 8px; background: var(--raised); overflow-wrap: anywhere; }
.attached button { width: 26px; height: 26px; padding: 0; background: transparent; color: inherit; }
.said .file { margin: 6px 0 0; }
.said.customer a { color: inherit; }
.person { align-self: center; margin: 0 0 10px; padding: 4px 12px; background: transparent; color: var(--link); }
@media (max-width: 480px) { .panel { inset: 0; width: auto; height: auto; border-radius: 0; border: 0; } }
@media (prefers-reduced-motion: reduce) { .typing i, .draft > .text > :last-child::after { animation: none; } }
@media (forced-colors: active) { .said, .panel, .launcher { border: 1px solid; } }
`;
