-- Open311: what the protocol's readers ask of reports and their cases, with the indexes that those questions need, so
-- that reports keep their one index and a post pays for none of this.

-- One row a report. `id` is a UUIDv7: its order is that of arrival, so time needs no column. Written when the case
-- begins, when it ends, when its category is corrected and when the report goes over to another; what is between is
-- in the case's updates. Ended cases change nothing any more: only the flip of `open` touches an index.
CREATE TABLE intake.open311_requests (
    report_id uuid PRIMARY KEY,
    case_id uuid,
    handed boolean NOT NULL DEFAULT false,
    open boolean NOT NULL,
    category text NOT NULL,
    area text COLLATE "C" NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX open311_requests_open ON intake.open311_requests (open, report_id);
CREATE INDEX open311_requests_category ON intake.open311_requests (category, open, report_id);
CREATE INDEX open311_requests_case ON intake.open311_requests (case_id, report_id);
-- The planner must know how few categories and how many cases there are, and that everything lies in the city's area:
-- without that it takes a half per cent for what is all, and sorts thousands where it should walk fifty.
ALTER TABLE intake.open311_requests
ALTER COLUMN handed SET STATISTICS 0,
ALTER COLUMN area SET STATISTICS 10,
ALTER COLUMN lon SET STATISTICS 0,
ALTER COLUMN lat SET STATISTICS 0,
ALTER COLUMN report_id SET STATISTICS 10,
ALTER COLUMN case_id SET STATISTICS 10;

-- One row for each fact of a case that a reporter would want to hear of, however many reports the case has.
CREATE TABLE intake.open311_updates (
    case_id uuid NOT NULL,
    version int NOT NULL,
    at timestamptz NOT NULL,
    act text NOT NULL,
    status text NOT NULL,
    unit text,
    due_at timestamptz,
    said text,
    PRIMARY KEY (case_id, version)
);
CREATE INDEX open311_updates_at ON intake.open311_updates (at, case_id);
ALTER TABLE intake.open311_updates
ALTER COLUMN version SET STATISTICS 0,
ALTER COLUMN act SET STATISTICS 0,
ALTER COLUMN status SET STATISTICS 0,
ALTER COLUMN unit SET STATISTICS 0,
ALTER COLUMN due_at SET STATISTICS 0,
ALTER COLUMN said SET STATISTICS 0,
ALTER COLUMN case_id SET STATISTICS 10,
ALTER COLUMN at SET STATISTICS 10;

-- Up to this report every one has its row among the requests; those after it are looked for among the reports.
CREATE TABLE intake.open311_settled (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    upto uuid NOT NULL
);
INSERT INTO intake.open311_settled (upto) VALUES ('00000000-0000-0000-0000-000000000000');

-- When services or their definitions last became others: the protocol's `changeset`.
CREATE TABLE intake.open311_changesets (
    at timestamptz PRIMARY KEY,
    digest bytea NOT NULL
);
