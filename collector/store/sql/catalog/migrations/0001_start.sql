-- a row is one ledger: the collector that signs for it, the SHA-256 of its first entry once it has one, its newest confirmed entry
CREATE TABLE stream (
    stream BIGINT PRIMARY KEY,
    owner TEXT NOT NULL,
    first TEXT,
    no BIGINT NOT NULL
);
-- a row is one device: its key (empty: only its batches are known), where its chain stands, whether the key is frozen, by which
-- collector's key its receipts are signed, where its newest batch is, and the receipt that was given for that
CREATE TABLE head (
    dev TEXT PRIMARY KEY,
    spki BYTEA NOT NULL,
    batch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    pae_sha256 TEXT NOT NULL,
    frozen BOOLEAN NOT NULL,
    signer TEXT NOT NULL,
    stream BIGINT NOT NULL,
    segment TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    receipt BYTEA NOT NULL
) WITH (fillfactor = 70);
-- a row is one entry that is no batch; ids become visible in their order. A body that nobody needs to know it is not here
CREATE TABLE control (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream BIGINT NOT NULL,
    no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    meta BYTEA NOT NULL,
    body BYTEA NOT NULL,
    body_sha256 TEXT NOT NULL,
    segment TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    UNIQUE (stream, no)
);
CREATE INDEX control_of_kind ON control (kind, id);
CREATE INDEX control_by_name ON control (kind, name, id) WHERE name <> '';
