-- First-asked responsibility 首问责任: who took a report in, until another has taken it over. A row for each report that
-- has a case, made when its opening is heard: the post that stores a report pays nothing for it.
CREATE TABLE intake.first_asked (
    report_id uuid PRIMARY KEY,
    subject text NOT NULL,
    area text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    lapsed_at timestamptz,
    lapsed_by text,
    post text,
    act text
) WITH (fillfactor = 80);
-- Of those alone that nobody has taken over, which are few: the longest waiting first.
CREATE INDEX first_asked_answerable ON intake.first_asked (since, report_id) WHERE lapsed_at IS NULL;
