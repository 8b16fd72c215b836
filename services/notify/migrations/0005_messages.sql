-- Messages to reporters. Of a report it is known here whether its reporter can be told, and of nobody who that is.
ALTER TABLE notify.tracked_reports ADD COLUMN reachable boolean NOT NULL DEFAULT false;

-- What was said to be due, once for each report and template. Not `published`: the case was heard of before its report.
CREATE TABLE notify.messages_due (
    report_id uuid NOT NULL,
    template text NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    published boolean NOT NULL,
    PRIMARY KEY (report_id, template)
);
CREATE INDEX messages_due_early ON notify.messages_due (at) WHERE NOT published;
