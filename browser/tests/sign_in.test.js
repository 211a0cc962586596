// With keys: nothing without signing in, and nothing after signing out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, visit } from "../support/browser.js";
import { eventually, start } from "../support/service.js";

let browser, service, key;

before(async () => {
  browser = await launch();
  service = await start();
  const created = await service.command("keys", "create", "--name", "console", "--scopes", "admin", "--json");
  key = JSON.parse(created).key;
  // Another process made it, so the service learns of it a moment later.
  const closed = async () => (await fetch(`${service.url}/console`, { redirect: "manual" })).status === 303;
  await eventually("the console is closed", closed);
});
after(async () => {
  await browser.close();
  await service.stop();
});

test("a page notices that its key was revoked", async () => {
  const created = await service.command("keys", "create", "--name", "guest", "--scopes", "read,send", "--json");
  const guest = JSON.parse(created).key;
  const sms = { channel: "sms", recipient: "+15550100126", content: "Hello", scheduled_at: "2099-01-01T00:00:00Z" };
  // Another process made this key too.
  const send = () => service.api.post("/notifications", sms, { "x-api-key": guest }).catch(() => null);
  const { id } = await eventually("the guest's key is known", send);
  // What a stream that ends and a page that is refused make Chromium say.
  const expected = /the server responded with a status of 401|ERR_INCOMPLETE_CHUNKED_ENCODING/;
  await visit(browser, service.url, { expected }, async (page) => {
    await page.goto(`/console/sign-in?next=/console/notifications/${id}`);
    await page.getByLabel("API key").fill(guest);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("[data-live-state]").getByText("live").waitFor();
    await service.command("keys", "revoke", guest.split("_")[1]);
    await page.waitForURL(/\/console\/sign-in\?next=/, { timeout: 90_000 });
  });
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
