-- Intake: reports, what is personal of them, the status that dispatch gives them, areas, media.

CREATE SCHEMA IF NOT EXISTS intake;

-- Written once and read by id: the primary key is the only index, for every further one is paid by each report.
-- `details` holds attributes and media ids where there are any; `sealed` what names a person, encrypted, null once erased.
CREATE TABLE intake.reports (
    id uuid PRIMARY KEY,
    tracking_code text NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    category text NOT NULL,
    description text NOT NULL CHECK (length(description) <= 4000),
    lon double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    lat double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    source text NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL,
    caller text NOT NULL,
    details jsonb,
    sealed bytea
);

-- The case a report became and the case's last known status; small rows, updated in place.
CREATE TABLE intake.report_status (
    report_id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    version int NOT NULL,
    status text NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- An area keeps its versions: cases that were born in an old grid keep it. The current one has no `ended_at`; `version`
-- is that of the areas as a whole when it was defined.
CREATE TABLE intake.areas (
    path text COLLATE "C" NOT NULL,
    version int NOT NULL,
    name text NOT NULL,
    level text NOT NULL,
    parent text COLLATE "C" NOT NULL,
    geometry bytea,
    lon double precision,
    lat double precision,
    fingerprint bytea NOT NULL,
    defined_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (path, version)
);
CREATE UNIQUE INDEX areas_current ON intake.areas (path) WHERE ended_at IS NULL;
CREATE INDEX areas_children ON intake.areas (parent, path) WHERE ended_at IS NULL;

-- One row: rises with every change of the areas, so that each process sees at a glance whether its index is current.
CREATE TABLE intake.areas_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO intake.areas_head (version) VALUES (0);

CREATE TABLE intake.media (
    id uuid PRIMARY KEY,
    media_type text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    sha256 bytea NOT NULL,
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL
);
