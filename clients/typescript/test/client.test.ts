/** The client against a running service, whose address is in `ANGAROS_URL`. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { angaros, type Schemas } from "../src/index.js";

const client = angaros(process.env["ANGAROS_URL"] ?? "http://127.0.0.1:8080", process.env["ANGAROS_API_KEY"]);
const sms: Schemas["NotificationRequest"] = { channel: "sms", recipient: "+15550100123", content: "Hello" };

test("a notification is sent once, and its trace tells of it", async () => {
  const header = { "Idempotency-Key": randomUUID() };
  const sent = await client.POST("/api/v1/notifications", { params: { header }, body: sms });
  assert.equal(sent.response.status, 202);
  assert.ok(sent.data);
  const again = await client.POST("/api/v1/notifications", { params: { header }, body: sms });
  assert.equal(again.response.status, 200);
  assert.equal(again.data?.id, sent.data.id);

  const path = { id: sent.data.id };
  const trace = await client.GET("/api/v1/notifications/{id}/trace", { params: { path } });
  assert.equal(trace.data?.entries[0]?.event, "created");
});

test("an event is stored once", async () => {
  const event: Schemas["EventRequest"] = {
    provider: "shop",
    event_id: randomUUID(),
    event_name: "purchase",
    recipient_id: "user-7",
    occurred_at: "2026-02-02T08:15:30Z",
    metadata: { amount: 20 },
  };
  const stored = await client.POST("/api/v1/events", { body: event });
  assert.equal(stored.response.status, 201);
  const again = await client.POST("/api/v1/events", { body: event });
  assert.equal(again.response.status, 200);
  const other = await client.POST("/api/v1/events", { body: { ...event, event_name: "refund" } });
  assert.deepEqual(other.error?.fields, ["event_name"]);
});

test("a list is paged to its end", async () => {
  const campaign_id = randomUUID();
  const notifications = Array.from({ length: 5 }, () => sms);
  await client.POST("/api/v1/notifications/batch", { body: { campaign_id, notifications } });
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const query = cursor === null ? { campaign_id, limit: 2 } : { campaign_id, limit: 2, cursor };
    const page: { data?: Schemas["Listing_Notification"] } = await client.GET("/api/v1/notifications", {
      params: { query },
    });
    assert.ok(page.data);
    seen.push(...page.data.items.map((notification) => notification.id));
    cursor = page.data.next_cursor;
  } while (cursor !== null);
  assert.equal(new Set(seen).size, 5);
});

test("what is refused is a problem that points at the fault", async () => {
  const { data, error } = await client.POST("/api/v1/notifications", { body: { ...sms, recipient: "nobody" } });
  assert.equal(data, undefined);
  assert.equal(error?.type, "/problems/invalid-request");
  assert.equal(error?.errors?.[0]?.pointer, "#/recipient");
});
