-- Cases, what happened to them, and the clocks that run on them.

-- Serial part of case numbers. CACHE 1: numbers of one day should look like one series.
CREATE SEQUENCE dispatch.case_serial;

CREATE TABLE dispatch.cases (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL UNIQUE,
    number text NOT NULL,
    status text NOT NULL,
    version int NOT NULL,
    revision int NOT NULL,
    area text COLLATE "C" NOT NULL,
    born_in text COLLATE "C" NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    category text NOT NULL,
    description text NOT NULL,
    source text NOT NULL,
    opened_at timestamptz NOT NULL,
    occurred_at timestamptz,
    attributes jsonb NOT NULL DEFAULT '{}',
    media jsonb NOT NULL DEFAULT '[]',
    reports uuid [] NOT NULL,
    condition text,
    limit_amount int,
    limit_unit text,
    unit text,
    assisting text [] NOT NULL DEFAULT '{}',
    handlers text [] NOT NULL DEFAULT '{}',
    task_id uuid,
    assignee text,
    result text,
    verified text,
    passed boolean,
    due_at timestamptz,
    overdue boolean NOT NULL DEFAULT false,
    clocks jsonb NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Lists are newest first, and a case's id is a UUIDv7: the key of every page.
CREATE INDEX ON dispatch.cases (area, id);
CREATE INDEX ON dispatch.cases (status, id);
CREATE INDEX ON dispatch.cases (unit, id) WHERE unit IS NOT NULL;
CREATE INDEX ON dispatch.cases USING gin (assisting) WHERE assisting <> '{}';
CREATE INDEX ON dispatch.cases (id) WHERE overdue;
CREATE INDEX ON dispatch.cases (task_id) WHERE task_id IS NOT NULL;

-- Add-only. `clock` is {stage, limit_s, used_s} as it stood; `details` what only this act has.
CREATE TABLE dispatch.timeline (
    case_id uuid NOT NULL,
    version int NOT NULL,
    revision int NOT NULL,
    act text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    centre text,
    post text,
    from_status text,
    status text NOT NULL,
    opinion text,
    evidence jsonb,
    clock jsonb,
    details jsonb,
    PRIMARY KEY (case_id, version)
);

-- One row for each running clock that still has a mark to reach. `generation` is the clock's, so that a row which outlived
-- its clock is seen to mean nothing.
CREATE TABLE dispatch.clocks (
    case_id uuid NOT NULL,
    stage text NOT NULL,
    step text NOT NULL CHECK (step IN ('warn', 'overdue')),
    due_at timestamptz NOT NULL,
    generation int NOT NULL,
    PRIMARY KEY (case_id, stage)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON dispatch.clocks (due_at);

CREATE TABLE dispatch.units (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    dept text NOT NULL,
    area text COLLATE "C" NOT NULL,
    retired boolean NOT NULL DEFAULT false
);
