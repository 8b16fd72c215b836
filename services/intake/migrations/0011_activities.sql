-- Field work: written once, read by worker, by area and by time. The id is the app's own; `content` tells whether an
-- activity that comes again is the same. `sealed` is what names a person, encrypted, null where there is nothing or it
-- was erased. Numbers of the track are in `details` as well, so that a list need not read the track.
CREATE TABLE intake.activities (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('patrol', 'visit', 'inspection', 'diary', 'meeting')),
    worker text COLLATE "C" NOT NULL,
    post text NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    grids text [] NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL CHECK (ended_at >= started_at),
    recorded_at timestamptz NOT NULL,
    details jsonb NOT NULL,
    media uuid [] NOT NULL,
    reports uuid [] NOT NULL,
    track jsonb,
    sealed bytea,
    content bytea NOT NULL
);
CREATE INDEX activities_time ON intake.activities (started_at, id);
CREATE INDEX activities_worker ON intake.activities (worker, started_at, id);
CREATE INDEX activities_area ON intake.activities (routing_key, started_at, id);
CREATE INDEX activities_sealed ON intake.activities (started_at) WHERE sealed IS NOT NULL;
