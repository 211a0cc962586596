// What the console shows is what happened, and what it changes is changed: campaigns, dead letters, templates.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, visit } from "../support/browser.js";
import { CAMPAIGN, campaign } from "../support/data.js";
import { eventually, receiver, start } from "../support/service.js";

let browser, service, sink;
let answer = 400;

before(async () => {
  browser = await launch();
  sink = await receiver(() => answer);
  service = await start({ "security.outbound_allow": "127.0.0.0/8" });
});
after(async () => {
  await browser.close();
  await service.stop();
  await sink.stop();
});

test("a dead letter is sent again after a question, and arrives", async () => {
  const sent = await service.api.post("/notifications", {
    channel: "webhook",
    recipient: sink.url,
    recipient_id: "shop-1",
    content: "{}",
  });
  const status = async () => (await service.api.get(`/notifications/${sent.id}`)).status;
  await eventually("it is given up", async () => (await status()) === "failed");
  answer = 200;
  await visit(browser, service.url, {}, async (page) => {
    await page.goto("/console/dead-letters");
    await page.getByRole("region", { name: "Dead letters by reason" }).getByRole("link").click();
    await page.getByRole("link", { name: /Send again… to shop-1/ }).click();
    assert.equal(await status(), "failed", "a question changes nothing");
    await page.getByRole("main").getByRole("button").click();
    await page.waitForURL(/\/console\/(dead-letters|notifications)/);
    await page.goto(`/console/notifications/${sent.id}`);
    await page.locator("#head").getByText("delivered").waitFor();
  });
  assert.equal(await status(), "delivered");
});

test("a template is seen while it is written, and kept", async () => {
  await visit(browser, service.url, {}, async (page) => {
    await page.goto("/console/templates/new");
    await page.getByLabel(/^Name/).fill("receipt");
    await page.getByLabel(/^Subject/).fill("Order {{ order }}");
    await page.getByLabel(/^Text/).fill("Thank you for order {{ order }}.");
    const preview = page.locator("#preview");
    await preview.getByText("order").first().waitFor();
    await page.getByLabel(/variables/i).fill('{"order": 1001}');
    await preview.getByText("Thank you for order 1001.").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(/\/console\/templates\/[0-9a-f-]{36}/);
    await page.getByLabel(/^Text/).fill("Thanks for order {{ order }}.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForLoadState();
  });
  const saved = async () => (await service.api.get("/templates")).items[0];
  await eventually("it is kept", async () => (await saved()).body === "Thanks for order {{ order }}.");
  assert.equal((await saved()).name, "receipt");
});

test("a campaign's chart shows the numbers of its summary", async () => {
  await campaign(service.api);
  const summary = await service.api.get(`/campaigns/${CAMPAIGN.id}/summary`);
  await visit(browser, service.url, {}, async (page) => {
    await page.goto(`/console/campaigns/${CAMPAIGN.id}`);
    const funnel = page.getByRole("region", { name: "Funnel" });
    const drawn = await funnel.locator("text.chart-count").allTextContents();
    const kinds = ["sent", "delivered", "opened", "clicked"];
    assert.deepEqual(drawn.map(Number), kinds.map((kind) => summary.unique_recipients[kind]));
    const events = page.getByRole("region", { name: "Events" });
    for (const kind of kinds) {
      const row = events.getByRole("row", { name: new RegExp(`^${kind}`) });
      assert.equal(Number(await row.getByRole("cell").first().textContent()), summary.counts[kind]);
    }
    const time = page.getByRole("region", { name: "Over time" });
    await time.getByText("The numbers as a table").click();
    const counts = await time.locator("tbody td:nth-child(2)").allTextContents();
    const all = counts.reduce((sum, count) => sum + Number(count), 0);
    assert.equal(all, kinds.reduce((sum, kind) => sum + summary.counts[kind], 0));
    assert.equal(counts.filter((count) => Number(count) > 0).length, CAMPAIGN.days.length);
  });
});
