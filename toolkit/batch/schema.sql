-- What a batch leaves: RESULTS/results.sqlite. docs/batch.md says how to ask it.
-- `user_version` counts changes; columns and tables are added, none changes its meaning.

-- One row a job: a checkpoint, what is done with it, and how it ended.
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,     -- sha256 of all that the job depends on, see `identity`
    identity TEXT NOT NULL,           -- those things, as JSON
    kind TEXT NOT NULL,               -- convert, verify, diff, record
    checkpoint TEXT NOT NULL,         -- its path when the job was entered
    checkpoint_sha256 TEXT,           -- NULL where it cannot be read
    checkpoint_bytes INTEGER NOT NULL,
    target TEXT,                      -- the folder that is written or judged
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'refused', 'died')),
    claim TEXT,                       -- of the batch that runs it
    verdict TEXT,                     -- match, mismatch, unverified; recorded; NULL until it is done
    because TEXT,                     -- why it was refused or died, in one sentence or two
    task TEXT,                        -- what the model is asked: speech_seq2seq, ctc, ...
    headline TEXT,                    -- the worst finding, else what the worst level says
    seconds REAL,                     -- of the last attempt
    cpu_seconds REAL,
    peak_bytes INTEGER,               -- resident memory of its process, at its highest
    finished_at TEXT,                 -- UTC
    report TEXT,                      -- its page, relative to RESULTS
    result TEXT                       -- the whole result, as `--json` has it
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, claim);

-- What was asked for last, each in the words of JOBS.toml: the same content may lie in several places,
-- and a place may hold other content than it did. Jobs that no row names any more are history.
CREATE TABLE IF NOT EXISTS places (
    asked TEXT NOT NULL PRIMARY KEY,  -- sha256 of kind, paths and options
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    checkpoint TEXT NOT NULL,
    target TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS places_of ON places (job);

CREATE TABLE IF NOT EXISTS levels (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,        -- in the order of the task
    name TEXT NOT NULL,
    verdict TEXT NOT NULL,            -- pass, deviation, fail, unverified
    "where" TEXT,                     -- of the worst measure: tensor, module, key or clip
    error REAL,                       -- NULL for what is no number (NaN)
    tolerance REAL,
    clips INTEGER,                    -- NULL where it is about the folder
    summary TEXT NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS findings (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,            -- 1 is the worst
    kind TEXT NOT NULL,
    module TEXT NOT NULL,
    parameters TEXT NOT NULL,         -- JSON list
    config_keys TEXT NOT NULL,        -- JSON list
    hypothesis TEXT,
    confirmed INTEGER,                -- 0 or 1
    consequence TEXT NOT NULL,
    summary TEXT NOT NULL,
    fix TEXT NOT NULL,
    PRIMARY KEY (job, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS modules (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,        -- in the order of the model's definition
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    isolated_error REAL,
    isolated_tolerance REAL,
    propagated_ratio REAL,
    propagated_tolerance REAL,
    clip TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tokens (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    clip TEXT NOT NULL,
    transcript TEXT,
    reference_text TEXT NOT NULL,
    converted_text TEXT NOT NULL,
    pipeline_text TEXT NOT NULL,      -- empty where the pipeline was not asked
    equal INTEGER NOT NULL,           -- 0 or 1, of the tokens of a greedy search
    first_difference INTEGER,
    margin REAL,
    PRIMARY KEY (job, clip)
) STRICT, WITHOUT ROWID;

-- Of which family a checkpoint is, by what it holds; what is not looked at yet has no row.
CREATE TABLE IF NOT EXISTS checkpoints (
    sha256 TEXT NOT NULL PRIMARY KEY,
    family TEXT                       -- NULL where no family knows it
) STRICT, WITHOUT ROWID;

-- Hashes of files that were read once; a file that changed has another row of numbers.
CREATE TABLE IF NOT EXISTS files (
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
