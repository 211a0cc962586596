-- Times are milliseconds since 1970, ids are the 16 bytes of a UUIDv7, lists and objects are JSON text.

CREATE TABLE tenants (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO tenants VALUES (1, 'default', 0);

-- Cold: content and state. Written when a notification is created and when its state is final or waits again, never
-- when it is claimed: `processing` is not stored, it follows from the leases.
CREATE TABLE notifications (
    slot                INTEGER PRIMARY KEY,
    tenant              INTEGER NOT NULL,
    id                  BLOB NOT NULL,
    channel             TEXT NOT NULL,
    priority            TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN
        ('pending', 'queued', 'retrying', 'sent', 'delivered', 'failed', 'cancelled')),
    recipient           TEXT NOT NULL,
    recipient_id        TEXT NOT NULL,
    recipient_key       INTEGER NOT NULL,
    subject             TEXT,
    content             TEXT NOT NULL,
    html                TEXT,
    attempts            INTEGER NOT NULL,
    max_attempts        INTEGER NOT NULL,
    campaign_id         TEXT,
    batch_id            BLOB,
    template_id         BLOB,
    tags                TEXT,
    metadata            TEXT,
    correlation_id      TEXT NOT NULL,
    correlation_key     INTEGER,
    trace_parent        TEXT,
    idempotency_key     TEXT,
    scheduled_at        INTEGER,
    expires_at          INTEGER,
    next_retry_at       INTEGER,
    last_attempted_at   INTEGER,
    provider            TEXT,
    provider_message_id TEXT,
    sent_at             INTEGER,
    delivered_at        INTEGER,
    failed_at           INTEGER,
    cancelled_at        INTEGER,
    failure_reason      TEXT,
    failure_detail      TEXT,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX notifications_id ON notifications (tenant, id);
CREATE INDEX notifications_channel ON notifications (tenant, channel, id);
CREATE INDEX notifications_recipient ON notifications (recipient_key, id);
CREATE INDEX notifications_campaign ON notifications (tenant, campaign_id, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX notifications_batch ON notifications (batch_id, id) WHERE batch_id IS NOT NULL;
-- By the correlation ids that callers chose. Those that are made here say when, which leads to what has them as well.
CREATE INDEX notifications_correlation ON notifications (correlation_key, id) WHERE correlation_key IS NOT NULL;
CREATE INDEX notifications_sent ON notifications (tenant, sent_at, id) WHERE sent_at IS NOT NULL;
-- Nearly every row ends as `delivered`, where the list by id serves as well: the index holds the others only.
CREATE INDEX notifications_status ON notifications (tenant, status, id) WHERE status <> 'delivered';
-- Dead letters by why they were given up. With channel and campaign, so that they are counted in the index alone.
CREATE INDEX notifications_failure ON notifications (tenant, failure_reason, id, channel, campaign_id)
    WHERE failure_reason IS NOT NULL;
-- By the id under which the provider knows it: receipts are for what is `sent`, complaints come for what was delivered.
CREATE INDEX notifications_receipt ON notifications (tenant, provider_message_id, status)
    WHERE provider_message_id IS NOT NULL;

-- The status machine once more, for whoever comes with SQL. A settled attempt goes from where it was claimed to where
-- it ended in one step, since `processing` is not stored.
CREATE TRIGGER notifications_transition BEFORE UPDATE OF status ON notifications
WHEN OLD.status || '>' || NEW.status NOT IN (
    'pending>queued', 'pending>cancelled',
    'queued>retrying', 'queued>sent', 'queued>delivered', 'queued>failed', 'queued>cancelled',
    'retrying>retrying', 'retrying>sent', 'retrying>delivered', 'retrying>failed', 'retrying>cancelled',
    'sent>delivered', 'sent>failed', 'failed>queued')
BEGIN
    SELECT RAISE(ABORT, 'no such transition of a notification''s status');
END;

-- Hot: what is ready, narrow and never updated, in the order of getting ready. A lane is a channel and a priority. The
-- notification itself says where its row stands here (`Notification::lane`, `Notification::ready_at`).
CREATE TABLE ready (
    lane     INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    slot     INTEGER NOT NULL,
    PRIMARY KEY (lane, tenant, ready_at, slot)
) STRICT, WITHOUT ROWID;

-- What is not due yet: schedules and retries, under one order.
CREATE TABLE deferred (
    due_at INTEGER NOT NULL,
    slot   INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    PRIMARY KEY (due_at, slot)
) STRICT, WITHOUT ROWID;

-- What is claimed: one row a batch. `slots` holds eight little-endian bytes each.
CREATE TABLE leases (
    id         BLOB PRIMARY KEY,
    worker     TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    slots      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What idempotency keys stand for, for ever. `key` is a 16-byte hash of tenant and text.
CREATE TABLE idempotency (
    key             BLOB PRIMARY KEY,
    tenant          INTEGER NOT NULL,
    text            TEXT NOT NULL,
    fingerprint     BLOB NOT NULL,
    notification_id BLOB,
    batch_id        BLOB,
    CHECK ((notification_id IS NULL) <> (batch_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id             BLOB PRIMARY KEY,
    tenant         INTEGER NOT NULL,
    size           INTEGER NOT NULL,
    campaign_id    TEXT,
    metadata       TEXT,
    correlation_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What provider, name, channel and campaign a lot of events have in common: events refer to it, and are counted by it.
-- '' stands for no channel and for no campaign, so that the key holds.
CREATE TABLE series (
    id          INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    name        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    UNIQUE (tenant, campaign_id, name, channel, provider)
) STRICT;

-- The log. `position` is the order of appending, and `id` holds it too (`EventId::placed`), so that no index is needed.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    id             BLOB NOT NULL,
    tenant         INTEGER NOT NULL,
    series         INTEGER NOT NULL,
    event_id       TEXT,
    recipient_id   TEXT,
    message_id     TEXT,
    occurred_at    INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    correlation_id TEXT,
    tags           TEXT,
    metadata       TEXT
) STRICT;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;
-- How far the tables below are brought up: they say nothing yet of later events, or only some of it (`fold.rs`).
CREATE TABLE folded (
    position INTEGER NOT NULL
) STRICT;
INSERT INTO folded VALUES (0);
-- The log as people would write it.
CREATE VIEW event_log AS
SELECT e.position, e.tenant, s.provider, s.name AS event_name, nullif(s.channel, '') AS channel,
    nullif(s.campaign_id, '') AS campaign_id, e.event_id, e.recipient_id, e.message_id, e.occurred_at, e.received_at,
    e.correlation_id, e.tags, e.metadata
FROM events AS e JOIN series AS s ON s.id = e.series;

-- Timelines. Keys are 64-bit hashes (`domain::event::recipient_key`, `message_key`); the text in `events` decides.
-- Tables of their own instead of indexes: rows are half as large, and are inserted in their order, many at a time.
CREATE TABLE recipient_events (
    recipient   INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (recipient, occurred_at, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE message_events (
    message     INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (message, occurred_at, position)
) STRICT, WITHOUT ROWID;

-- The events of a series by time, thinned: level n and above hold one recipient in 2^n (`domain::event::thinning_level`).
-- Unique recipients of any range are counted in it, exactly at level 0, estimated from a deeper level if there are many.
CREATE TABLE series_events (
    series      INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    recipient   INTEGER,
    PRIMARY KEY (series, level, occurred_at, position)
) STRICT, WITHOUT ROWID;

-- Which reported event is which, for ever: `domain::ingest::EventKey`, moved on by one where two differ and share one.
-- The engine's own events have no key: their fence makes them unique.
CREATE TABLE event_keys (
    key      INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

-- How many events of a series happened on a UTC day, in each of its 96 quarters of an hour (`quarters.rs`): every zone's
-- hours and days are made of those.
CREATE TABLE event_counts (
    series   INTEGER NOT NULL,
    day      INTEGER NOT NULL,
    quarters BLOB NOT NULL,
    PRIMARY KEY (series, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaigns (
    id          INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    campaign_id TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    UNIQUE (tenant, campaign_id)
) STRICT;
CREATE INDEX campaigns_latest ON campaigns (tenant, last_at, campaign_id);

-- How often an event happened in a campaign, and to how many recipients: those are listed, each once.
CREATE TABLE campaign_events (
    id         INTEGER PRIMARY KEY,
    campaign   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    n          INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    UNIQUE (campaign, name)
) STRICT;
CREATE TABLE campaign_recipients (
    campaign_event INTEGER NOT NULL,
    recipient      INTEGER NOT NULL,
    -- Of the event that made it a new one.
    position       INTEGER NOT NULL,
    PRIMARY KEY (campaign_event, recipient)
) STRICT, WITHOUT ROWID;

-- Where the notifications of a campaign stand. Every statement that moves one is counted, wherever it comes from.
CREATE TABLE campaign_statuses (
    tenant      INTEGER NOT NULL,
    campaign_id TEXT NOT NULL,
    status      TEXT NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (tenant, campaign_id, status)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER notifications_counted AFTER INSERT ON notifications WHEN NEW.campaign_id IS NOT NULL
BEGIN
    INSERT INTO campaign_statuses VALUES (NEW.tenant, NEW.campaign_id, NEW.status, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER notifications_recounted AFTER UPDATE OF status ON notifications
WHEN NEW.campaign_id IS NOT NULL AND NEW.status <> OLD.status
BEGIN
    UPDATE campaign_statuses SET n = n - 1
        WHERE tenant = OLD.tenant AND campaign_id = OLD.campaign_id AND status = OLD.status;
    INSERT INTO campaign_statuses VALUES (NEW.tenant, NEW.campaign_id, NEW.status, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- How often statuses were entered, in slots of ten seconds, for the last hour's numbers.
CREATE TABLE activity (
    slot   INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    status TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (slot, tenant, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    id         BLOB PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    subject    TEXT,
    body       TEXT NOT NULL,
    html       TEXT,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX templates_name ON templates (tenant, name);
CREATE INDEX templates_newest ON templates (tenant, id);

CREATE TABLE api_keys (
    prefix     TEXT PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
    channel TEXT PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Endpoints that are told of events. Secrets have to be readable: they sign. `event_types` is a JSON list.
CREATE TABLE webhook_endpoints (
    id                  BLOB PRIMARY KEY,
    tenant              INTEGER NOT NULL,
    url                 TEXT NOT NULL,
    event_types         TEXT NOT NULL,
    description         TEXT,
    secret              TEXT NOT NULL,
    former_secret       TEXT,
    former_secret_until INTEGER,
    disabled_reason     TEXT,
    disabled_at         INTEGER,
    failing_since       INTEGER,
    follows_after       INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    CHECK ((former_secret IS NULL) = (former_secret_until IS NULL)),
    CHECK ((disabled_reason IS NULL) = (disabled_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_endpoints_newest ON webhook_endpoints (tenant, id);

-- How far a tenant's events have become deliveries. Deliveries are notifications of the tenant with the number negated.
CREATE TABLE webhook_fan_outs (
    tenant   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
-- What waits and has an end, in the order of the ends. What is claimed is still in it, too: `processing` is not stored.
CREATE INDEX notifications_expiry ON notifications (expires_at)
    WHERE expires_at IS NOT NULL AND status IN ('pending', 'queued', 'retrying');
-- Addresses that nothing is sent to, in the form of `domain::suppression::Address`. `number` is the order of adding.
CREATE TABLE suppressions (
    number          INTEGER PRIMARY KEY,
    tenant          INTEGER NOT NULL,
    channel         TEXT NOT NULL,
    address         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    notification_id BLOB,
    event_id        BLOB,
    created_at      INTEGER NOT NULL,
    UNIQUE (tenant, channel, address)
) STRICT;
CREATE INDEX suppressions_newest ON suppressions (tenant);
CREATE INDEX suppressions_channel ON suppressions (tenant, channel);
CREATE INDEX suppressions_reason ON suppressions (tenant, reason);
