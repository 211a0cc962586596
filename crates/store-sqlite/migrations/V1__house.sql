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
CREATE INDEX notifications_sent ON notifications (tenant, sent_at, id) WHERE sent_at IS NOT NULL;
-- Nearly every row ends as `delivered`, where the list by id serves as well: the index holds the others only.
CREATE INDEX notifications_status ON notifications (tenant, status, id) WHERE status <> 'delivered';

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

-- The log. `position` is the order of appending; `message_key` and `recipient_key` find the events of a message and
-- of a recipient, see `domain::event::timeline_key`.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    tenant         INTEGER NOT NULL,
    id             BLOB NOT NULL,
    provider       TEXT NOT NULL,
    event_id       TEXT,
    name           TEXT NOT NULL,
    recipient_id   TEXT,
    recipient_key  INTEGER,
    message_id     TEXT,
    message_key    INTEGER,
    campaign_id    TEXT,
    channel        TEXT,
    occurred_at    INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    correlation_id TEXT,
    tags           TEXT,
    metadata       TEXT
) STRICT;
CREATE INDEX events_id ON events (id);
CREATE INDEX events_message ON events (message_key, occurred_at, id) WHERE message_key IS NOT NULL;
CREATE INDEX events_recipient ON events (recipient_key, occurred_at, id) WHERE recipient_key IS NOT NULL;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

-- Which reported event is which, for ever: a 16-byte hash of tenant, provider and event id (or what stands for it), the
-- place of the event, and what it said. The engine's own events have no key: their fence makes them unique.
CREATE TABLE event_keys (
    key         BLOB PRIMARY KEY,
    position    INTEGER NOT NULL,
    fingerprint BLOB NOT NULL
) STRICT, WITHOUT ROWID;

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
