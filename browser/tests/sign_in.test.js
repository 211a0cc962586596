// With keys: nothing without signing in, and nothing after signing out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, visit } from "../support/browser.js";
import { start } from "../support/service.js";

let browser, service, key;

before(async () => {
  browser = await launch();
  service = await start();
  const created = await service.command("keys", "create", "--name", "console", "--scopes", "admin", "--json");
  key = JSON.parse(created).key;
});
after(async () => {
  await browser.close();
  await service.stop();
});

test("a key opens the console until its holder signs out", async () => {
  await visit(browser, service.url, {}, async (page, context) => {
    await page.goto("/console/notifications");
    await page.waitForURL(/\/console\/sign-in/);
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/\/console\/notifications/);
    const [cookie] = await context.cookies();
    assert.ok(cookie.httpOnly && cookie.sameSite === "Lax" && !cookie.value.includes(key), "a safe cookie");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto("/console/notifications");
    await page.waitForURL(/\/console\/sign-in/);
  });
});
