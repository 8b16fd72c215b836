-- Routing rules, version by version as they were loaded, and from when each was or will be in force.

-- `source` is rules.yaml as it was written. `origin` is `pack` for a pack's own rules, `file` for those loaded by a person.
CREATE TABLE dispatch.routing_versions (
    version int PRIMARY KEY,
    pack text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('pack', 'file')),
    digest text NOT NULL,
    source text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    loaded_by text NOT NULL,
    comment text
);

-- Of those of a pack that have started, the one that started last is in force; of two at one instant, the later row.
CREATE TABLE dispatch.routing_activations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pack text NOT NULL,
    version int NOT NULL REFERENCES dispatch.routing_versions,
    starts_at timestamptz NOT NULL,
    activated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    activated_by text NOT NULL
);
CREATE INDEX ON dispatch.routing_activations (pack, starts_at, id);
