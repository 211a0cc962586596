// Chromium, and pages in it that are watched: whatever a page logs as an error, throws, or asks of another host fails
// its test.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const EXECUTABLE = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const SCREENSHOTS = resolve(
  process.env.ANGAROS_SCREENSHOTS ?? join(import.meta.dirname, "../../target/screenshots"),
);
// Chromium calls home in the background unless it is told not to; as root it can not make its sandbox.
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

export async function launch() {
  assert.ok(EXECUTABLE, "Chromium is needed: apt-get install chromium");
  return chromium.launch({ executablePath: EXECUTABLE, args: QUIET });
}

/**
 * Runs `visit` with a page of a new visitor, and fails if the page did anything that it must not. What matches `expected` in
 * the options may be said on the console.
 */
export async function visit(browser, url, { expected, ...options }, visit) {
  const context = await browser.newContext({ baseURL: url, timezoneId: "Europe/Berlin", ...options });
  const faults = [];
  const watch = (page) => {
    page.on("console", (message) => {
      const isFault = ["error", "warning"].includes(message.type()) && !expected?.test(message.text());
      if (isFault) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      const asked = new URL(request.url());
      if (asked.protocol.startsWith("http") && asked.origin !== url) faults.push(`foreign: ${request.url()}`);
    });
  };
  context.on("page", watch);
  try {
    const page = await context.newPage();
    await visit(page, context);
  } finally {
    await context.close();
  }
  assert.deepEqual(faults, [], "a page stays quiet and at home");
}

/** Writes what the page looks like, to be looked at. */
export async function screenshot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
