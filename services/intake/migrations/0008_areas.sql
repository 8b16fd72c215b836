-- Areas in time: when each version began, what came from what, and changes that are still to come.

-- One row for each version of the areas as a whole. What stood before this migration is told by its areas.
CREATE TABLE intake.area_versions (
    version int PRIMARY KEY,
    valid_from timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by text NOT NULL,
    note text,
    defined int NOT NULL,
    retired int NOT NULL
);
INSERT INTO intake.area_versions (version, valid_from, made_at, made_by, defined, retired)
SELECT
    version,
    min(defined_at),
    min(defined_at),
    'import',
    count(*),
    0
FROM intake.areas
GROUP BY version;

-- Grids that were split, merged or cut anew. A pair may come twice: cut in two, made whole again.
CREATE TABLE intake.area_successions (
    predecessor text COLLATE "C" NOT NULL,
    successor text COLLATE "C" NOT NULL,
    version int NOT NULL,
    PRIMARY KEY (predecessor, successor, version)
);
CREATE INDEX ON intake.area_successions (successor, version);

-- A change of the areas that takes effect on a day. `wrong` says why one that was due was refused.
CREATE TABLE intake.area_plans (
    id uuid PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    planned_by text NOT NULL,
    note text,
    retire_below text COLLATE "C",
    retire text [] NOT NULL,
    whole boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'done', 'refused', 'withdrawn')),
    settled_at timestamptz,
    version int,
    wrong jsonb
);
CREATE INDEX ON intake.area_plans (effective_at) WHERE status = 'waiting';

CREATE TABLE intake.area_plan_areas (
    plan_id uuid NOT NULL REFERENCES intake.area_plans,
    number int NOT NULL,
    path text COLLATE "C" NOT NULL,
    name text NOT NULL,
    level text NOT NULL,
    geometry bytea,
    place_in_file text NOT NULL,
    predecessors text [] NOT NULL,
    PRIMARY KEY (plan_id, number)
);
