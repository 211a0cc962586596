// Sending from the console: by mouse, by keyboard alone, without JavaScript; and what happens is seen as it happens.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, visit } from "../support/browser.js";
import { start } from "../support/service.js";

let browser, service;

before(async () => {
  browser = await launch();
  // Slow enough to be watched.
  service = await start({ "providers.sandbox.latency_ms": 1500 });
});
after(async () => {
  await browser.close();
  await service.stop();
});

test("a message that was sent moves on under the eyes of its sender", async () => {
  await visit(browser, service.url, {}, async (page) => {
    await page.goto("/console");
    await page.getByRole("link", { name: "Send", exact: true }).click();
    await page.getByLabel("Recipient (required)").fill("+15550100123");
    await page.getByLabel("Text").fill("Your code is 123456");
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/\/console\/notifications\/[0-9a-f-]{36}/);
    await page.evaluate(() => (window.isTheSamePage = true));
    const trace = page.getByRole("region", { name: "What happened" });
    await trace.getByText("queued").first().waitFor();
    await trace.getByText("delivered").first().waitFor();
    await page.locator("#head").getByText("delivered").waitFor();
    assert.ok(await page.evaluate(() => window.isTheSamePage), "without a reload");
  });
});

test("what happens while the page is being fetched is shown too", async () => {
  await visit(browser, service.url, {}, async (page) => {
    const sms = { channel: "sms", recipient: "+15550100125", content: "Hello" };
    const { id } = await service.api.post("/notifications", sms);
    // The answer that says less than what is true by now stays under way until everything has happened.
    let held = 0;
    await page.route(`**/console/notifications/${id}`, async (route) => {
      if (route.request().isNavigationRequest()) return route.continue();
      const answer = await route.fetch();
      if (held++ === 0) {
        await page.evaluate(hearsOf, [id, "delivered"]);
      }
      await route.fulfill({ response: answer });
    });
    await page.goto(`/console/notifications/${id}`);
    await page.locator("#head").getByText("delivered").waitFor();
    assert.ok(held >= 1, "it was fetched again");
  });
});

test("what is wrong is said beside its field, and nothing is sent", async () => {
  // An answer of 400 or 422, which Chromium tells its console.
  const expected = /the server responded with a status of 4(00|22)/;
  await visit(browser, service.url, { expected }, async (page) => {
    await page.goto("/console/send?channel=sms");
    const field = page.getByLabel("Recipient (required)");
    await field.fill("not a number");
    await page.getByLabel("Text").fill("Hello");
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.getByRole("button", { name: "Send" }).click();
    assert.ok([400, 422].includes((await answered).status()));
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.equal(await field.inputValue(), "not a number");
  });
});

test("the keyboard is enough", async () => {
  await visit(browser, service.url, {}, async (page) => {
    await page.goto("/console");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Skip to the content");
    await tabTo(page, "Send");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/console\/send/);
    await tabTo(page, "#recipient");
    await page.keyboard.type("+15550100124");
    await tabTo(page, "#content");
    await page.keyboard.type("By hand");
    await tabTo(page, "button");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/console\/notifications\/[0-9a-f-]{36}/);
    await page.getByRole("heading", { name: /sms to/ }).waitFor();
  });
});

test("without JavaScript everything can be read and sent", async () => {
  await visit(browser, service.url, { javaScriptEnabled: false }, async (page) => {
    await page.goto("/console/send?channel=push");
    await page.getByLabel("Recipient (required)").fill("device-1");
    await page.getByLabel("Text").fill("Plain");
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/\/console\/notifications\/[0-9a-f-]{36}/);
    const text = await page.locator("main").innerText();
    assert.match(text, /UTC/);
    assert.match(text, /Plain/);
  });
});

/** What has the focus: its text. */
function focused(page) {
  return page.evaluate(() => document.activeElement.textContent.trim());
}

/** Goes on with the Tab key to a link with this text, or to what a selector names. */
async function tabTo(page, wanted) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((wanted) => {
      const active = document.activeElement;
      const isNamed = /^[#a-z]/.test(wanted) && active.matches(`main ${wanted}`);
      return isNamed || (active.matches("a") && active.textContent.trim() === wanted);
    }, wanted);
    if (found) return;
  }
  assert.fail(`the Tab key does not lead to ${wanted}`);
}

/** Waits, in the page, until a stream has told that a notification has a status. */
function hearsOf([id, status]) {
  return new Promise((heard) => {
    const source = new EventSource(`/console/stream?notification_id=${id}`);
    source.onmessage = ({ data }) => {
      if (JSON.parse(data).status === status) {
        source.close();
        heard();
      }
    };
  });
}
