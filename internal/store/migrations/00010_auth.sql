-- +goose Up

-- Sessions of the portal. The cookie's token is never stored, only its SHA-256.
-- An ended session stays for a while, so that a form that was sent too late can
-- be kept for the account it belonged to.
CREATE TABLE session (
  token_hash TEXT PRIMARY KEY,
  account_id TEXT NOT NULL, -- '' = nobody has signed in yet
  created TEXT NOT NULL,
  seen TEXT NOT NULL,
  ended TEXT NOT NULL,      -- '' = open
  doc TEXT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_seen ON session (seen);

-- What a person sent when their sign-in had run out, until they are back.
CREATE TABLE parked_form (
  token_hash TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES account (id),
  at TEXT NOT NULL,
  page TEXT NOT NULL, -- path of the form
  body TEXT NOT NULL  -- application/x-www-form-urlencoded
);
CREATE INDEX parked_form_account ON parked_form (account_id, at);

-- +goose Down
-- forward only
