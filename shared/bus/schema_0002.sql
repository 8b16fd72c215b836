-- What API keys have used of their limits here, one row for all keys of a family: rotated keys share their limits.
-- `tokens` is what is left of the rate, at `filled_at`; `used` counts the requests of `day`, those leased to a process
-- included. Written a few times a second for each key in use.
CREATE TABLE {schema}.key_usage (
    family text COLLATE "C" PRIMARY KEY,
    tokens double precision NOT NULL,
    filled_at timestamptz NOT NULL,
    day date NOT NULL,
    used bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- When a key last opened this service, to the minute.
CREATE TABLE {schema}.key_seen (
    id text COLLATE "C" PRIMARY KEY,
    at timestamptz NOT NULL
) WITH (fillfactor = 50);
