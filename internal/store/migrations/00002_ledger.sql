-- +goose Up

-- Public acts. A leaf commits together with the rows that it is about; the
-- sequencer gives it its place in the log later.
CREATE TABLE leaf (
  id TEXT PRIMARY KEY,
  n BIGINT NOT NULL UNIQUE, -- order in which leaves get their places, without gaps
  at TEXT NOT NULL,
  body TEXT NOT NULL, -- canonical JSON, exactly what is hashed
  seq BIGINT UNIQUE   -- place in the log; NULL until sequenced, never changed after
);
CREATE INDEX leaf_waiting ON leaf (n) WHERE seq IS NULL;

-- +goose Down
-- forward only
