// A service with something on every page.

import { eventually } from "./service.js";

/** The days of a campaign's events, counted back from today, and how many of each kind happened on each. */
export const CAMPAIGN = { id: "spring-sale", days: [5, 4, 3], sent: 20, delivered: 18, opened: 9, clicked: 3 };

/** Fills it, if it refuses pushes for good. Answers every page there is then: a name and a path. */
export async function fill(service) {
  const { api } = service;
  await campaign(api);
  const template = await api.post("/templates", {
    name: "welcome",
    subject: "Hello {{ name }}",
    body: "Welcome, {{ name }}!",
  });
  const sent = await api.post("/notifications", {
    channel: "email",
    recipient: "ada@example.com",
    recipient_id: "user-1",
    template_id: template.id,
    template_variables: { name: "Ada" },
    campaign_id: CAMPAIGN.id,
  });
  const failed = await api.post("/notifications", {
    channel: "push",
    recipient: "device-2",
    recipient_id: "user-2",
    content: "It will not arrive",
  });
  await api.post("/notifications", {
    channel: "sms",
    recipient: "+15550100125",
    content: "Later",
    scheduled_at: "2099-01-01T00:00:00Z",
  });
  const endpoint = await api.post("/webhook-endpoints", {
    url: "https://shop.example.com/hooks",
    event_types: ["notification.delivered"],
  });
  await ends(api, sent.id, "delivered");
  await ends(api, failed.id, "failed");
  const [event] = (await api.get("/recipients/user-1/activity")).items;
  return {
    overview: "/console",
    notifications: "/console/notifications",
    notification: `/console/notifications/${sent.id}`,
    "notification-failed": `/console/notifications/${failed.id}`,
    recipient: "/console/recipients/user-1",
    campaigns: "/console/campaigns",
    campaign: `/console/campaigns/${CAMPAIGN.id}`,
    events: "/console/events?group_by=day",
    event: `/console/events/${event.id}`,
    "dead-letters": "/console/dead-letters",
    "dead-letters-retry": "/console/dead-letters/retry",
    templates: "/console/templates",
    template: `/console/templates/${template.id}`,
    "template-new": "/console/templates/new",
    webhooks: "/console/webhooks",
    webhook: `/console/webhooks/${endpoint.id}`,
    "webhook-new": "/console/webhooks/new",
    keys: "/console/keys",
    send: "/console/send",
  };
}

/** A campaign's events, as a provider reports them. */
export async function campaign(api) {
  const kinds = ["sent", "delivered", "opened", "clicked"];
  for (const day of CAMPAIGN.days) {
    const at = new Date();
    at.setUTCHours(12, 0, 0, 0);
    at.setUTCDate(at.getUTCDate() - day);
    const events = kinds.flatMap((kind) =>
      Array.from({ length: CAMPAIGN[kind] }, (_, number) => ({
        provider: "esp",
        event_id: `${day}-${kind}-${number}`,
        event_name: kind,
        recipient_id: `reader-${number}`,
        campaign_id: CAMPAIGN.id,
        channel: "email",
        occurred_at: at.toISOString(),
      })),
    );
    await api.post("/events/bulk", { events });
  }
}

function ends(api, id, status) {
  return eventually(`${id} is ${status}`, async () => (await api.get(`/notifications/${id}`)).status === status);
}
