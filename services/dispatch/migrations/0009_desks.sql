-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- A migration is one transaction, so no index is built beside the traffic: writers wait, 21 s at a million cases on a busy
-- machine of two cores; readers do not.

-- What desks ask: their queue, the situation in numbers, words in a text, a map. Nothing here changes what an act writes
-- itself: a trigger keeps the derived columns and notes each change, and workers carry the notes on.

-- `waits_until`: when the running clock is due, infinity while none runs; `warned`: it has passed its yellow mark.
-- `waits_xid`: who last changed `waits_until`, so that a list in its order never shows a case twice. All three are the
-- trigger's.
ALTER TABLE dispatch.cases
ADD COLUMN waits_until timestamptz NOT NULL DEFAULT 'infinity',
ADD COLUMN waits_xid xid8,
ADD COLUMN warned boolean NOT NULL DEFAULT false;
ALTER TABLE dispatch.cases
ALTER COLUMN waits_until SET STATISTICS 10,
ALTER COLUMN waits_xid SET STATISTICS 0,
ALTER COLUMN warned SET STATISTICS 10,
ALTER COLUMN ended_at SET STATISTICS 10;

-- One row for each change of what is counted: the case leaves one side and comes to the other. Append-only, so that no
-- act waits for another; workers fold them into the counters and delete them, a reader adds those not folded yet.
CREATE TABLE dispatch.case_moves (
    from_area text COLLATE "C",
    from_status text,
    from_overdue boolean,
    from_warned boolean,
    from_ended_at timestamptz,
    to_area text COLLATE "C",
    to_status text,
    to_overdue boolean,
    to_warned boolean,
    to_ended_at timestamptz,
    opened_at timestamptz NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);

-- Cases of `area`, a child of `parent`, and all below it.
CREATE TABLE dispatch.case_counts (
    parent text COLLATE "C" NOT NULL,
    area text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    cases int NOT NULL,
    overdue int NOT NULL,
    warned int NOT NULL,
    PRIMARY KEY (parent, area, status)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);

-- The same for what was opened and closed on a day, of the city's own time. Yesterday's and today's are kept.
CREATE TABLE dispatch.case_days (
    parent text COLLATE "C" NOT NULL,
    area text COLLATE "C" NOT NULL,
    day date NOT NULL,
    opened int NOT NULL,
    closed int NOT NULL,
    PRIMARY KEY (parent, area, day)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);

-- When the counters were last counted from the cases themselves; without a row nobody counted yet.
CREATE TABLE dispatch.case_recounts (counted_at timestamptz NOT NULL);

-- What is searched in a case, normalised, and its pairs of characters. A table of its own: it is written once, while a
-- case's row is written anew at each act, and an index on that would be too.
CREATE TABLE dispatch.case_words (
    case_id uuid PRIMARY KEY,
    number text COLLATE "C" NOT NULL,
    words text COLLATE "C" NOT NULL,
    grams int [] NOT NULL
) WITH (autovacuum_analyze_threshold = 20000, autovacuum_vacuum_insert_threshold = 20000);
ALTER TABLE dispatch.case_words
ALTER COLUMN number SET STATISTICS 0,
ALTER COLUMN words SET STATISTICS 0,
ALTER COLUMN grams SET STATISTICS 100,
ALTER COLUMN case_id SET STATISTICS 30;
CREATE INDEX ON dispatch.case_words (number);
CREATE INDEX ON dispatch.case_words USING gin (grams);

-- Cases whose words have to be read, or read anew.
CREATE TABLE dispatch.case_unread (case_id uuid NOT NULL) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);

CREATE FUNCTION dispatch.case_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dispatch.case_moves (to_area, to_status, to_overdue, to_warned, to_ended_at, opened_at)
    SELECT area, status, overdue, warned, ended_at, opened_at FROM opened;
    INSERT INTO dispatch.case_unread (case_id) SELECT id FROM opened;
    RETURN NULL;
END
$$;

CREATE FUNCTION dispatch.case_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    running jsonb;
BEGIN
    IF NEW.clocks IS DISTINCT FROM OLD.clocks THEN
        running := jsonb_path_query_first(NEW.clocks, '$.* ? (@.since != null)');
        NEW.waits_until := CASE jsonb_typeof(running -> 'due_at')
            WHEN 'number' THEN timestamptz 'epoch' + (running ->> 'due_at')::bigint * interval '1 microsecond'
            WHEN 'string' THEN (running ->> 'due_at')::timestamptz
            ELSE 'infinity'
        END;
        NEW.warned := coalesce((running ->> 'warned')::boolean, false);
        IF NEW.waits_until <> OLD.waits_until THEN
            NEW.waits_xid := pg_current_xact_id();
        END IF;
    END IF;
    IF NEW.status <> OLD.status OR NEW.warned <> OLD.warned OR NEW.overdue <> OLD.overdue OR NEW.area <> OLD.area THEN
        INSERT INTO dispatch.case_moves VALUES (
            OLD.area, OLD.status, OLD.overdue, OLD.warned, OLD.ended_at,
            NEW.area, NEW.status, NEW.overdue, NEW.warned, NEW.ended_at, NEW.opened_at
        );
    END IF;
    IF NEW.description <> OLD.description OR NEW.attributes <> OLD.attributes OR NEW.number <> OLD.number THEN
        INSERT INTO dispatch.case_unread VALUES (NEW.id);
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION dispatch.case_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dispatch.case_moves (from_area, from_status, from_overdue, from_warned, from_ended_at, opened_at)
    SELECT area, status, overdue, warned, ended_at, opened_at FROM deleted;
    DELETE FROM dispatch.case_words w USING deleted d WHERE w.case_id = d.id;
    RETURN NULL;
END
$$;

-- Before the row is written, for the columns; by statement where rows come by COPY: one for each row would keep COPY from
-- writing many at once.
CREATE TRIGGER opened AFTER INSERT ON dispatch.cases
REFERENCING NEW TABLE AS opened FOR EACH STATEMENT EXECUTE FUNCTION dispatch.case_opened();
CREATE TRIGGER changed BEFORE UPDATE ON dispatch.cases
FOR EACH ROW EXECUTE FUNCTION dispatch.case_changed();
CREATE TRIGGER deleted AFTER DELETE ON dispatch.cases
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION dispatch.case_deleted();

-- Cases that are there already.
INSERT INTO dispatch.case_unread SELECT id FROM dispatch.cases;
UPDATE dispatch.cases c SET waits_until = k.due_at, warned = k.warned
FROM (
    SELECT
        id,
        coalesce((running ->> 'warned')::boolean, false) AS warned,
        timestamptz 'epoch' + (running ->> 'due_at')::bigint * interval '1 microsecond' AS due_at
    FROM (
        SELECT id, jsonb_path_query_first(clocks, '$.* ? (@.since != null)') AS running
        FROM dispatch.cases WHERE status NOT IN ('rejected', 'closed', 'voided')
    ) AS still_open
    WHERE jsonb_typeof(running -> 'due_at') = 'number'
) AS k
WHERE c.id = k.id;

-- Of open cases alone: a queue and the most urgent first; a map. A unit's queue has no index of its own: it is found by
-- this one or by the unit's, 7,000 rows at the worst among a million.
CREATE INDEX cases_waiting ON dispatch.cases (status, waits_until, id)
WHERE status NOT IN ('rejected', 'closed', 'voided');
CREATE INDEX cases_open_places ON dispatch.cases (lon, lat)
WHERE status NOT IN ('rejected', 'closed', 'voided');
-- The first of these finds open cases by their status too: the old index has to have the others only.
CREATE INDEX cases_ended_status ON dispatch.cases (status, id)
WHERE status IN ('rejected', 'closed', 'voided');
DROP INDEX dispatch.cases_status_id_idx;
-- Where days lie: pages, not rows.
CREATE INDEX cases_days ON dispatch.cases USING brin (opened_at, ended_at);
