-- Components 部件: what stands in the city. One row each, as it now stands; those it replaced are in component_versions.
-- A code of 16 or 17 digits fits a bigint: half the size of its text. `cell` is the Z-order number of the point.
-- `owner` and its like are a unit's code, or its name where it has none.
CREATE TABLE intake.components (
    code bigint PRIMARY KEY CHECK (code BETWEEN 1000000000000000 AND 99999999999999999),
    cell bigint NOT NULL,
    fingerprint bigint NOT NULL,
    former_code bigint,
    successor bigint,
    lon double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    lat double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    version int NOT NULL,
    surveyed_on date,
    changed_on date,
    kind text COLLATE "C" NOT NULL,
    area text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('intact', 'damaged', 'missing', 'abandoned', 'removed')),
    name text NOT NULL,
    authority text,
    authority_name text,
    owner text COLLATE "C",
    owner_name text,
    maintainer text,
    maintainer_name text,
    data_source text,
    note text,
    by text NOT NULL,
    attributes jsonb
);
-- The nearest of a kind; what lies in a box; a list by area; a list by owner.
CREATE INDEX components_kind ON intake.components (kind, cell, code);
CREATE INDEX components_cell ON intake.components (cell, code);
CREATE INDEX components_area ON intake.components (area, code);
CREATE INDEX components_owner ON intake.components (owner, code) WHERE owner IS NOT NULL;
CREATE INDEX components_former ON intake.components (former_code) WHERE former_code IS NOT NULL;

-- What a component was before: `component` is its row then. It held from its `since` to that of the version after it.
CREATE TABLE intake.component_versions (
    code bigint NOT NULL,
    version int NOT NULL,
    since timestamptz NOT NULL,
    by text NOT NULL,
    component jsonb NOT NULL,
    PRIMARY KEY (code, version)
);

-- Which reports name a component; report ids sort by time.
CREATE TABLE intake.component_reports (
    code bigint NOT NULL,
    report_id uuid NOT NULL,
    PRIMARY KEY (code, report_id)
);

-- How far each import of a file came. Written in the transaction of each batch: `rows_done` of the file's rows are
-- settled, and the file of refused rows was then `errors_bytes` long.
CREATE TABLE intake.component_imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file text NOT NULL,
    sha256 text NOT NULL,
    rows_done bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    errors_bytes bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX ON intake.component_imports (sha256) WHERE finished_at IS NULL;
