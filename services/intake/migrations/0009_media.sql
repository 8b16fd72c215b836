-- Media: what a picture is and says of itself, where it is stored, and when something first named it. What nothing names
-- within some days is swept.
ALTER TABLE intake.media
ADD COLUMN stored_as text,
ADD COLUMN width int,
ADD COLUMN height int,
ADD COLUMN lon double precision,
ADD COLUMN lat double precision,
ADD COLUMN taken_at timestamptz,
ADD COLUMN named_at timestamptz;
-- Who named the files that are there is not known: all of them stay.
UPDATE intake.media SET named_at = uploaded_at;
-- It holds unnamed files only, none yet: built in one pass over a small table.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX media_unnamed ON intake.media (uploaded_by, uploaded_at) WHERE named_at IS NULL;

-- Media that was named before it came. `caller` alone may send it; null: an act named it, whoever sends it.
CREATE TABLE intake.media_expected (
    media_id uuid PRIMARY KEY,
    caller text,
    until timestamptz NOT NULL
);

-- Uploads that are under way, and for a while those that have become media: a client whose last answer was lost asks again.
CREATE TABLE intake.uploads (
    id uuid PRIMARY KEY,
    length bigint NOT NULL CHECK (length > 0),
    received bigint NOT NULL CHECK (received BETWEEN 0 AND length),
    uploaded_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    done boolean NOT NULL
);
CREATE INDEX uploads_of ON intake.uploads (uploaded_by) WHERE NOT done;

CREATE TABLE intake.upload_parts (
    upload_id uuid NOT NULL,
    start bigint NOT NULL,
    stored_as text NOT NULL,
    PRIMARY KEY (upload_id, start)
);

-- One row: when the media store was last listed for files that nothing knows.
CREATE TABLE intake.media_sweep (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    listed_at timestamptz NOT NULL
);
INSERT INTO intake.media_sweep (listed_at) VALUES (now());
