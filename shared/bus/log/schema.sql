-- The embedded carrier's log: one per database, created by the carrier beside its topics. Safe to run again.

CREATE SCHEMA IF NOT EXISTS bus;

CREATE TABLE IF NOT EXISTS bus.cluster (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO bus.cluster DEFAULT VALUES ON CONFLICT DO NOTHING;

-- A record's offset comes from its partition's row here, whose lock is held until the commit: commit order = offset order.
CREATE TABLE IF NOT EXISTS bus.counters (
    topic text COLLATE "C" NOT NULL,
    partition smallint NOT NULL,
    topic_id uuid NOT NULL DEFAULT gen_random_uuid(),
    start_offset bigint NOT NULL DEFAULT 0,
    next_offset bigint NOT NULL DEFAULT 0,
    compacted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE IF NOT EXISTS bus.log (
    topic text COLLATE "C" NOT NULL,
    partition smallint NOT NULL,
    "offset" bigint NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    sequence int NOT NULL,
    routing_key text NOT NULL,
    routing_key_from text,
    at timestamptz NOT NULL,
    traceparent text,
    data bytea NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
