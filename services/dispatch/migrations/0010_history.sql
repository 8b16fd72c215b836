-- Cases that an old system closed. `history` is the system's name, null for a case of ours.
ALTER TABLE dispatch.cases ADD COLUMN history text;
ALTER TABLE dispatch.cases ALTER COLUMN history SET STATISTICS 0;

-- How far each import of a file came. Written in the transaction of each batch, so that an import which was cut short
-- goes on where the last whole batch ended: `rows_done` of the file's rows are settled, and the file of refused rows
-- was then `errors_bytes` long.
CREATE TABLE dispatch.history_imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    file text NOT NULL,
    sha256 text NOT NULL,
    rows_done bigint NOT NULL DEFAULT 0,
    imported bigint NOT NULL DEFAULT 0,
    known bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    errors_bytes bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX ON dispatch.history_imports (system, sha256) WHERE finished_at IS NULL;
