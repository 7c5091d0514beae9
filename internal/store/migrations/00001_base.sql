-- +goose Up

-- Organisations, people, and who may act for whom.
CREATE TABLE organisation (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  corporate_number TEXT UNIQUE, -- NULL for a foreign body
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  doc TEXT NOT NULL
);

CREATE TABLE person (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL
);

CREATE TABLE account (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person (id),
  login TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,    -- argon2id in PHC form; '' = no password sign-in
  totp_secret TEXT NOT NULL, -- '' = not set up
  totp_last BIGINT NOT NULL, -- last accepted time step; a code is good once
  failures BIGINT NOT NULL,
  locked_until TEXT NOT NULL
);

CREATE TABLE membership (
  id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES account (id),
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  role TEXT NOT NULL,
  from_at TEXT NOT NULL,
  until_at TEXT NOT NULL -- '' = open
);
CREATE INDEX membership_account ON membership (account_id);

CREATE TABLE signing_key (
  id TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  doc TEXT NOT NULL
);
CREATE INDEX signing_key_organisation ON signing_key (organisation_id);

-- What a vendor works on. Content is JSON of the types in package scheme.
CREATE TABLE product (
  id TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX product_organisation ON product (organisation_id);

CREATE TABLE evaluation (
  id TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  product_id TEXT NOT NULL REFERENCES product (id),
  evaluator_org_id TEXT NOT NULL,
  edition_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX evaluation_product ON evaluation (product_id);
CREATE INDEX evaluation_evaluator ON evaluation (evaluator_org_id);

-- What the rules made of an attached bundle, so that a page need not replay it.
CREATE TABLE bundle (
  evaluation_id TEXT NOT NULL REFERENCES evaluation (id),
  digest TEXT NOT NULL,
  doc TEXT NOT NULL, -- verdicts, and facts when the vendor lets the portal keep the file
  PRIMARY KEY (evaluation_id, digest)
);
CREATE INDEX bundle_digest ON bundle (digest);

CREATE TABLE application (
  id TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  product_id TEXT NOT NULL REFERENCES product (id),
  evaluation_id TEXT NOT NULL REFERENCES evaluation (id),
  state TEXT NOT NULL,
  number TEXT UNIQUE,     -- NULL until the first submission
  acceptance TEXT UNIQUE, -- NULL until accepted
  submitted TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX application_organisation ON application (organisation_id);
CREATE INDEX application_state ON application (state, submitted);
CREATE INDEX application_evaluation ON application (evaluation_id);
-- One open application for each evaluation at most.
CREATE UNIQUE INDEX application_open ON application (evaluation_id)
  WHERE state IN ('draft', 'submitted', 'returned', 'accepted', 'proposed');

-- What was submitted, by the hash of its canonical JSON; never changed.
CREATE TABLE snapshot (
  digest TEXT PRIMARY KEY,
  application_id TEXT NOT NULL REFERENCES application (id),
  round BIGINT NOT NULL,
  taken TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX snapshot_application ON snapshot (application_id, round);

-- Official numbers: the next value of each series. Taken in the transaction
-- that uses it, so a rolled-back act leaves no gap.
CREATE TABLE series (
  name TEXT PRIMARY KEY,
  next BIGINT NOT NULL
);

CREATE TABLE label (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  registration TEXT NOT NULL UNIQUE,
  application_id TEXT NOT NULL UNIQUE REFERENCES application (id),
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  level TEXT NOT NULL,
  issued TEXT NOT NULL,
  last_day TEXT NOT NULL,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  doc TEXT NOT NULL,
  sealed TEXT NOT NULL -- label.Statement with the fields kept back; never published
);
CREATE INDEX label_organisation ON label (organisation_id);
CREATE INDEX label_ending ON label (state, last_day);

CREATE TABLE revocation (
  id TEXT PRIMARY KEY,
  label_id TEXT NOT NULL REFERENCES label (id),
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX revocation_label ON revocation (label_id);
-- One open revocation for each label at most.
CREATE UNIQUE INDEX revocation_open ON revocation (label_id) WHERE state = 'proposed';

CREATE TABLE change_report (
  id TEXT PRIMARY KEY,
  label_id TEXT NOT NULL REFERENCES label (id),
  at TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX change_report_label ON change_report (label_id);

-- What anybody may read of a label: an allow-listed statement, what became of the
-- label, and one folded column to search in. Nothing else of this database
-- reaches a public page.
CREATE TABLE public_label (
  label_id TEXT PRIMARY KEY REFERENCES label (id),
  serial BIGINT NOT NULL UNIQUE, -- place in the status list
  granted TEXT NOT NULL,   -- sort key: issue day and serial
  folded TEXT NOT NULL,    -- product, model numbers, company, number; see registry.Fold
  state TEXT NOT NULL,
  since TEXT NOT NULL,     -- when the state was entered
  last_day TEXT NOT NULL,  -- inclusive
  ground TEXT NOT NULL,    -- of the end: a code, '' = none
  reason TEXT NOT NULL,    -- of the end, in public words
  reason_salt TEXT NOT NULL, -- opens the commitment to reason in the leaf of the end
  leaf_id TEXT NOT NULL,   -- the leaf that the statement stands on
  last_leaf_id TEXT NOT NULL, -- the newest leaf about the label
  version BIGINT NOT NULL,
  doc TEXT NOT NULL        -- label.Statement
);
CREATE INDEX public_label_granted ON public_label (granted);

-- Who did what, append-only.
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  person_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  organisation_id TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (kind, subject, at);
CREATE INDEX audit_at ON audit (at);

-- A form can be sent twice; the second time answers what the first did.
CREATE TABLE once (
  key TEXT PRIMARY KEY, -- account id and the form's token
  at TEXT NOT NULL,
  result TEXT NOT NULL
);

-- +goose Down
-- forward only
