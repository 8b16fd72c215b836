-- Calendars of working time, every version that a deadline was ever counted from, and the cases that wait for one.

-- Add-only. `edition` counts publications from 1 without a gap, in the order in which they were committed; of an area the
-- last one is in force. `days` is the whole calendar, as a pack has it; `area` the prefix it is for, '' the whole city.
CREATE TABLE dispatch.calendars (
    edition int PRIMARY KEY,
    area text COLLATE "C" NOT NULL,
    version text NOT NULL UNIQUE,
    days jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);

-- The oldest edition that a deadline of the case was counted from while one of its years was not published; null: none.
-- 0: written by a program that knew no editions; it is looked at once.
ALTER TABLE dispatch.cases ADD COLUMN provisional_edition int DEFAULT 0;
ALTER TABLE dispatch.cases ALTER COLUMN provisional_edition SET STATISTICS 10;
-- Holds up writes for one pass over the cases: 2 s for a million.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ON dispatch.cases (provisional_edition)
WHERE provisional_edition IS NOT NULL AND status NOT IN ('rejected', 'closed', 'voided');

-- A timer may name any step of its clock's course, or be due beside it (suspension, urging:1, assist:roads). Rows so far
-- keep to the narrower rule that this one replaces.
-- squawk-ignore ban-drop-constraint
ALTER TABLE dispatch.clocks DROP CONSTRAINT clocks_step_check;
ALTER TABLE dispatch.clocks
ADD CONSTRAINT clocks_step_check CHECK (step ~ '^(warn|overdue|due|at_[1-9][0-9]{0,4})$') NOT VALID;
