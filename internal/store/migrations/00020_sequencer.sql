-- +goose Up

-- Where the log stands: one row. The notes are base64: a note is bytes, and not
-- every byte fits in TEXT.
CREATE TABLE log_state (
  id BIGINT PRIMARY KEY,
  indexed BIGINT NOT NULL,   -- leaves that have a place
  signed TEXT NOT NULL,      -- newest signed checkpoint; '' = none
  published TEXT NOT NULL,   -- newest published checkpoint; '' = none
  size BIGINT NOT NULL       -- leaves below it are public
);
INSERT INTO log_state (id, indexed, signed, published, size) VALUES (1, 0, '', '', 0);

-- Signed status lists; the newest is the one that counts.
CREATE TABLE status_list (
  leaf_id TEXT PRIMARY KEY,  -- the leaf that holds the list's hash
  at TEXT NOT NULL,
  tree BIGINT NOT NULL,      -- the list reflects every leaf below
  jws TEXT NOT NULL
);
CREATE INDEX status_list_at ON status_list (at);

-- Who does what only one process may do at a time. The work itself compares
-- before it changes, so a lease that ends too early costs speed, not truth.
CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_at TEXT NOT NULL
);

-- +goose Down
-- forward only
