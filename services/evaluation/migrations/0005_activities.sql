-- Field work, one row an activity, kept as the facts of cases are: what is counted of it is counted when it is asked for.
CREATE TABLE evaluation.activities (
    id uuid PRIMARY KEY,
    worker text COLLATE "C" NOT NULL,
    post text NOT NULL,
    kind text NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    seconds integer NOT NULL,
    length_m double precision NOT NULL,
    handled integer NOT NULL,
    hazards integer NOT NULL,
    reports integer NOT NULL
);
CREATE INDEX activities_time ON evaluation.activities (started_at);
