-- Notify: the log that streams and webhooks are read from, tracking, webhooks, stream tickets.

-- One row: the last position given out. Whoever appends holds its lock until the commit, so that positions become
-- visible in their order and without a gap: a reader may take "everything after p" and has missed nothing.
CREATE TABLE notify.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
INSERT INTO notify.head (position) VALUES (0);

-- One row: the first position that is still kept. Apart from the head, so that the sweep never makes an append wait.
CREATE TABLE notify.kept (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    oldest bigint NOT NULL
);
INSERT INTO notify.kept (oldest) VALUES (1);

-- Every fact, in one order. `event` is the structured CloudEvent (JSON) as it is sent; `appended_at` counts for the
-- sweep. `category` and `unit` are there for credentials that are narrowed to them.
CREATE TABLE notify.log (
    position bigint PRIMARY KEY,
    appended_at timestamptz NOT NULL DEFAULT now(),
    type text NOT NULL,
    subject text NOT NULL,
    sequence int NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    routing_key_from text COLLATE "C",
    category text,
    unit text,
    event bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.2);
-- A long event is stored as it is: it is read several times soon after, and packing it costs more than it saves.
ALTER TABLE notify.log ALTER COLUMN event SET STORAGE EXTERNAL;

-- A report by the hash of its tracking code. Nothing of the reporter is here.
CREATE TABLE notify.tracked_reports (
    report_id uuid PRIMARY KEY,
    tracking_hash text NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON notify.tracked_reports (tracking_hash);

-- Which case a report belongs to, as the case's own facts say. Apart from the report, whose fact may come later.
CREATE TABLE notify.tracked_links (
    report_id uuid PRIMARY KEY,
    case_id uuid NOT NULL
);

-- Every status a case came to. Rows are only added.
CREATE TABLE notify.tracked_steps (
    case_id uuid NOT NULL,
    version int NOT NULL,
    status text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (case_id, version)
);

-- A ticket opens a stream for a minute after it was asked for. Only its hash is kept.
CREATE TABLE notify.stream_tickets (
    hash bytea PRIMARY KEY,
    holder jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON notify.stream_tickets (expires_at);

-- `position`: everything up to it has been delivered or waits in webhook_waiting. `leased_until` and `lease`: who sends
-- for it now. `resting_until`: the receiver seems to be down as a whole. `missed`: facts that were swept from the log before
-- they were looked at for it, because it was disabled or down for longer than the log is kept.
CREATE TABLE notify.webhooks (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    url text NOT NULL,
    area text COLLATE "C" NOT NULL,
    types text[] NOT NULL,
    categories text[],
    unit text,
    secret text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    state_reason text,
    created_at timestamptz NOT NULL,
    position bigint NOT NULL,
    missed bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    failing_since timestamptz,
    resting_until timestamptz,
    last_status int,
    last_error text,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    lease uuid,
    leased_until timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON notify.webhooks (owner, id);

-- Events that could not be delivered yet, and those of the same subject behind them. They carry the event itself: a
-- receiver that is down for days must not depend on the log's retention. Only a subject's first has a finite `next_at`.
CREATE TABLE notify.webhook_waiting (
    webhook_id uuid NOT NULL REFERENCES notify.webhooks ON DELETE CASCADE,
    position bigint NOT NULL,
    subject text NOT NULL,
    attempts int NOT NULL,
    next_at timestamptz NOT NULL,
    failed_at timestamptz,
    event bytea NOT NULL,
    PRIMARY KEY (webhook_id, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON notify.webhook_waiting (webhook_id, subject, position);
CREATE INDEX ON notify.webhook_waiting (webhook_id, next_at) WHERE next_at < 'infinity';
