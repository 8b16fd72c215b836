-- What is personal (docs/privacy.md): keys of subjects, keys of reports under them, who read what and why, messages to
-- reporters. Nothing here names anyone without a key.

-- Secrets of intake itself, wrapped by the installation key: `marks` keys the hashes by which a person is known again.
CREATE TABLE intake.personal_secrets (
    purpose text PRIMARY KEY,
    key bytea NOT NULL
);

-- A person 个人主体, as far as it can be known. `key` is wrapped by the installation key; the row's end is the person's:
-- no report under it opens any more. `mark`: the keyed hash that it was made for; null where only the report is known.
-- `silent_at`: wants no messages since.
CREATE TABLE intake.subjects (
    id uuid PRIMARY KEY,
    mark bytea UNIQUE,
    key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    silent_at timestamptz
);
ALTER TABLE intake.subjects
ALTER COLUMN mark SET STATISTICS 10,
ALTER COLUMN key SET STATISTICS 0,
ALTER COLUMN created_at SET STATISTICS 0,
ALTER COLUMN id SET STATISTICS 10;

-- Keyed hashes of telephone numbers and e-mail addresses, and whose they are. One may be of two subjects, where a person
-- gave the telephone first and the address later: whoever erases by it erases both.
CREATE TABLE intake.subject_marks (
    mark bytea NOT NULL,
    subject uuid NOT NULL REFERENCES intake.subjects ON DELETE CASCADE,
    PRIMARY KEY (mark, subject)
);
CREATE INDEX subject_marks_of ON intake.subject_marks (subject);

-- The key of a report's personal part, wrapped by its subject's. Written before the report. `code` is the SHA-256 of its
-- tracking code; `ended_at` when its case ended.
CREATE TABLE intake.personal (
    report_id uuid PRIMARY KEY,
    subject uuid NOT NULL,
    key bytea NOT NULL,
    code bytea NOT NULL,
    received_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX personal_of ON intake.personal (subject);
CREATE INDEX personal_code ON intake.personal (code);
CREATE INDEX personal_ended ON intake.personal (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX personal_open ON intake.personal (received_at) WHERE ended_at IS NULL;
ALTER TABLE intake.personal
ALTER COLUMN report_id SET STATISTICS 10,
ALTER COLUMN subject SET STATISTICS 10,
ALTER COLUMN key SET STATISTICS 0,
ALTER COLUMN code SET STATISTICS 0;

-- Who read, erased or wrapped anew what is personal, when, why. Rows are only added.
CREATE TABLE intake.personal_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    act text NOT NULL CHECK (act IN ('read', 'erase', 'expire', 'rewrap')),
    actor text NOT NULL,
    post text,
    purpose text NOT NULL,
    note text NOT NULL DEFAULT '',
    report_id uuid,
    routing_key text COLLATE "C" NOT NULL
);
CREATE INDEX personal_log_of ON intake.personal_log (report_id, id);

-- A hurdle for a slip of the hand; whoever may drop a trigger passes it.
CREATE FUNCTION intake.personal_log_is_add_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'intake.personal_log is only added to';
END $$;
CREATE TRIGGER add_only BEFORE UPDATE OR DELETE ON intake.personal_log
FOR EACH ROW EXECUTE FUNCTION intake.personal_log_is_add_only();
CREATE TRIGGER add_only_as_a_whole BEFORE TRUNCATE ON intake.personal_log
FOR EACH STATEMENT EXECUTE FUNCTION intake.personal_log_is_add_only();

-- Messages to reporters: one for each report and template. `next_at` is also a lease: whoever sends moves it ahead.
CREATE TABLE intake.messages (
    report_id uuid NOT NULL,
    template text NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    reason text,
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (report_id, template)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX messages_waiting ON intake.messages (next_at) WHERE state = 'waiting';
