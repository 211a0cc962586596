// Every page, light and dark, wide and narrow: accessible, not too wide, not too heavy, every link of it answers; and a
// picture of each to be looked at.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, screenshot, visit } from "../support/browser.js";
import { fill } from "../support/data.js";
import { start } from "../support/service.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const BYTES_MAX = 100_000;
const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 380, height: 800 } };

let browser, service, pages;

before(async () => {
  browser = await launch();
  service = await start({
    "channels.push.providers": "refusing",
    "providers.refusing.kind": "sandbox",
    "providers.refusing.success_rate": 0,
    "providers.refusing.failure": "permanent",
  });
  pages = await fill(service);
});
after(async () => {
  await browser.close();
  await service.stop();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`${colorScheme} and ${size}: accessible, and as wide as the screen`, async () => {
      await visit(browser, service.url, { colorScheme, viewport, bypassCSP: true }, async (page) => {
        for (const [name, path] of Object.entries(pages)) {
          await page.goto(path);
          await screenshot(page, `${name}-${colorScheme}-${size}`);
          const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
          assert.ok(width <= viewport.width, `${path} is ${width} pixels wide`);
          await page.addScriptTag({ path: AXE });
          // The frame that shows a mail's HTML is sealed: axe could not talk to itself in there.
          const options = { resultTypes: ["violations"], iframes: false };
          const found = await page.evaluate((options) => window.axe.run(options), options);
          const serious = found.violations
            .filter((fault) => ["serious", "critical"].includes(fault.impact))
            .map((fault) => `${fault.id}: ${fault.nodes.map((node) => node.html).join("\n  ")}`);
          assert.deepEqual(serious, [], path);
        }
      });
    });
  }
}

test("every page is light, and every link on it answers", async () => {
  const asked = new Map();
  const ask = async (url) => {
    if (!asked.has(url)) asked.set(url, (await fetch(url)).status);
    return asked.get(url);
  };
  for (const path of Object.values(pages)) {
    const html = await (await fetch(new URL(path, service.url))).text();
    assert.ok(Buffer.byteLength(html) < BYTES_MAX, `${path} has ${Buffer.byteLength(html)} bytes`);
    for (const [, link] of html.matchAll(/<a [^>]*href="([^"#]+)/g)) {
      const url = new URL(link.replaceAll("&amp;", "&").replaceAll("&#38;", "&"), service.url + path);
      assert.equal(url.origin, service.url, `${path} leads away: ${link}`);
      assert.ok((await ask(url.href)) < 400, `${path} leads to ${link}: ${asked.get(url.href)}`);
    }
  }
});
