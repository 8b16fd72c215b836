-- What whoever sent a report did with it afterwards: took it back, or added to it. Few reports have either. Text is masked
-- before it is stored, so that nothing here names a person.
CREATE TABLE intake.withdrawals (
    report_id uuid PRIMARY KEY,
    reason text NOT NULL,
    withdrawn_at timestamptz NOT NULL,
    caller text NOT NULL
);

CREATE TABLE intake.additions (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL,
    said text,
    media uuid [] NOT NULL,
    added_at timestamptz NOT NULL,
    caller text NOT NULL
);
CREATE INDEX additions_report ON intake.additions (report_id);
