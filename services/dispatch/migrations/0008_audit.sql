-- The timeline as an audit trail 审计: who the case went to next, under which request, and a keyed hash chain (docs/audit.md).

-- `receiver` is {centre, unit?, assignee?}; `key` the Idempotency-Key of the act's request; `mac` a kind, a key's id and
-- HMAC-SHA-256 over the mac before it and every other column: 37 bytes. Rows of older programs have none.
ALTER TABLE dispatch.timeline
ADD COLUMN receiver jsonb,
ADD COLUMN key text,
ADD COLUMN mac bytea;
ALTER TABLE dispatch.timeline
ALTER COLUMN receiver SET STATISTICS 0,
ALTER COLUMN key SET STATISTICS 0,
ALTER COLUMN mac SET STATISTICS 0;

-- The mac of the case's last fact: what the next one follows, found by the lock that an act takes anyway.
ALTER TABLE dispatch.cases ADD COLUMN head bytea;
ALTER TABLE dispatch.cases ALTER COLUMN head SET STATISTICS 0;

-- Cases that changed since the last checkpoint, as often as they did. Written by each act, emptied by each checkpoint.
CREATE TABLE dispatch.audit_pending (
    case_id uuid NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE dispatch.audit_pending ALTER COLUMN case_id SET STATISTICS 0;

-- Signed checkpoints, numbered from 1. `cases` and `rows` are those of this one, `total_…` all so far; `previous` is the
-- hash of the one before; `sealed`: no row of the timeline was without a mac then.
CREATE TABLE dispatch.audit_checkpoints (
    number bigint PRIMARY KEY,
    form smallint NOT NULL,
    made_at timestamptz NOT NULL,
    cases bigint NOT NULL,
    rows bigint NOT NULL,
    total_cases bigint NOT NULL,
    total_rows bigint NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL,
    sealed boolean NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL
);

-- What a checkpoint's root is made of: the cases that changed, from which version (0: new) to which, and their head.
CREATE TABLE dispatch.audit_entries (
    case_id uuid NOT NULL,
    checkpoint bigint NOT NULL,
    since int NOT NULL,
    version int NOT NULL,
    head bytea NOT NULL,
    PRIMARY KEY (case_id, checkpoint)
);
ALTER TABLE dispatch.audit_entries
ALTER COLUMN since SET STATISTICS 0,
ALTER COLUMN version SET STATISTICS 0,
ALTER COLUMN head SET STATISTICS 0,
ALTER COLUMN case_id SET STATISTICS 10,
ALTER COLUMN checkpoint SET STATISTICS 10;

-- A hurdle, not the proof: whoever may drop a trigger passes it, and the macs then tell. A row without a mac may be
-- given one, once, with nothing else changed.
CREATE FUNCTION dispatch.audit_is_add_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'timeline' THEN
        IF to_jsonb(OLD) ->> 'mac' IS NULL AND to_jsonb(OLD) - 'mac' = to_jsonb(NEW) - 'mac' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '%.% is add-only 只增不改: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER add_only BEFORE UPDATE OR DELETE ON dispatch.timeline
FOR EACH ROW EXECUTE FUNCTION dispatch.audit_is_add_only();
CREATE TRIGGER add_only_whole BEFORE TRUNCATE ON dispatch.timeline
FOR EACH STATEMENT EXECUTE FUNCTION dispatch.audit_is_add_only();
CREATE TRIGGER add_only BEFORE UPDATE OR DELETE ON dispatch.audit_checkpoints
FOR EACH ROW EXECUTE FUNCTION dispatch.audit_is_add_only();
CREATE TRIGGER add_only_whole BEFORE TRUNCATE ON dispatch.audit_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION dispatch.audit_is_add_only();
CREATE TRIGGER add_only BEFORE UPDATE OR DELETE ON dispatch.audit_entries
FOR EACH ROW EXECUTE FUNCTION dispatch.audit_is_add_only();
CREATE TRIGGER add_only_whole BEFORE TRUNCATE ON dispatch.audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION dispatch.audit_is_add_only();
