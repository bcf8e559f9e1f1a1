"""What a person who cannot see, or not well, or has no mouse needs of the widget, read from the page as it is drawn."""

from typing import Any

from playwright.async_api import Page

# Text of less contrast than WCAG 2.2 AA asks for (1.4.3), and controls without a name (4.1.2). A ground that is not
# opaque counts as what is below it.
FAULTS = """
() => {
  const root = document.querySelector("mainstay-chat").shadowRoot;
  const parts = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  let looked = 0;
  for (const each of root.querySelectorAll("*")) {
    if (!each.checkVisibility()) continue;
    const words = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || each.placeholder;
    if (words) {
      looked += 1;
      const style = getComputedStyle(each);
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
      const [one, two] = [light(parts(style.color)), light(ground(each))].sort((a, b) => b - a);
      const ratio = (one + 0.05) / (two + 0.05);
      if (ratio < (large ? 3 : 4.5)) found.push(`${each.className || each.tagName}: ${ratio.toFixed(2)}`);
    }
    if (each.matches("button, a, textarea, summary")) {
      const name = each.getAttribute("aria-label") || each.textContent.trim();
      if (!name) found.push(`${each.tagName} has no name`);
      const box = each.getBoundingClientRect();
      if (each.matches("button, textarea") && Math.min(box.width, box.height) < 24) found.push(`${name} is small`);
    }
    if (each.tabIndex > 0) found.push(`${each.tagName} has an order of its own`);
  }
  const ids = [...root.querySelectorAll("[id]")].map((each) => each.id);
  if (new Set(ids).size < ids.length) found.push("an id stands twice");
  for (const each of root.querySelectorAll("[aria-labelledby]"))
    if (!root.getElementById(each.getAttribute("aria-labelledby"))) found.push("a label that is not there");
  return { found, looked };
}
"""


async def faults(page: Page) -> list[str]:
    """What is wrong with what is on the screen now; empty: nothing that is looked for."""
    seen: dict[str, Any] = await page.evaluate(FAULTS)
    assert seen["looked"] > 2, "there is something to look at"
    found: list[str] = seen["found"]
    return found


async def read_aloud(page: Page) -> str:
    """What the browser gives to readers of the screen."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    return "\n".join(node["name"]["value"] for node in tree["nodes"] if not node["ignored"] and "name" in node)
