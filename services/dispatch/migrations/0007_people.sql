-- Who there is: handling units as imported, persons, duty rosters, built-in accounts. Small tables, rarely written, whose
-- content every replica keeps in memory; rows are ended, never taken away.

-- What a replica looks at to see whether it has the newest. One row for each register; whoever changes one locks its row.
CREATE TABLE dispatch.registers (
    name text PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0
);
INSERT INTO dispatch.registers (name) VALUES ('units'), ('people'), ('roster');

-- A unit as it was from `valid_from` until `valid_until`. A code that stands here is no longer the pack's from then on.
CREATE TABLE dispatch.unit_versions (
    code text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    dept text NOT NULL,
    area text COLLATE "C" NOT NULL,
    leader text,
    successor text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (code, valid_from),
    CHECK (valid_until >= valid_from)
);

-- A person in one post. `subject` is what tokens call them.
CREATE TABLE dispatch.persons (
    subject text COLLATE "C" NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    name text NOT NULL,
    phone text,
    post text NOT NULL,
    unit text,
    area text COLLATE "C" NOT NULL,
    successor text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subject, valid_from),
    CHECK (valid_until >= valid_from)
);

-- Who is on duty in an area. `weekdays` are ISO (1 Monday … 7 Sunday); hours are minutes since midnight, over midnight
-- when they end before they begin; `from_day` and `until_day` are both days of duty. An import ends what it replaces.
CREATE TABLE dispatch.roster (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area text COLLATE "C" NOT NULL,
    a text NOT NULL,
    b text,
    weekdays int [] NOT NULL,
    from_minute int NOT NULL,
    until_minute int NOT NULL,
    from_day date,
    until_day date,
    absent_a date [] NOT NULL DEFAULT '{}',
    absent_b date [] NOT NULL DEFAULT '{}',
    known_from timestamptz NOT NULL,
    known_until timestamptz
);
CREATE INDEX ON dispatch.roster (area) WHERE known_until IS NULL;

-- `generation` rises whenever sessions begun before must not be renewed.
CREATE TABLE dispatch.accounts (
    account text COLLATE "C" PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    hash text NOT NULL,
    generation int NOT NULL DEFAULT 1,
    must_change boolean NOT NULL DEFAULT true,
    disabled boolean NOT NULL DEFAULT false,
    password_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    signed_in_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX ON dispatch.accounts (subject);

-- Failed tries to sign in, by the SHA-256 of the account's name: counted alike for names that no account has, and a
-- password typed into the wrong field is not kept.
CREATE TABLE dispatch.sign_in_tries (
    name_hash bytea PRIMARY KEY,
    failed int NOT NULL,
    since timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX ON dispatch.sign_in_tries (since);
