-- Which key took the place of which. A key is replaced once; until the older one has ended, both open.
CREATE TABLE intake.key_rotations (
    old_id text COLLATE "C" PRIMARY KEY,
    new_id text COLLATE "C" NOT NULL UNIQUE,
    rotated_at timestamptz NOT NULL
);
