-- What the archiver has moved to cold storage, batch by batch, and how each policy fares.
create table watchkeeper.archive_batches (
    batch_id    uuid        primary key,
    policy      text        not null,
    -- The table whose rows they are, `schema.name`, and its database in the watch file.
    "database"  text        not null,
    "table"     text        not null,
    -- Counts the objects that were begun for the range, by this batch and by those before it: each has a key of its own.
    generation  integer     not null default 1,
    -- The first and the last row, both in it: a JSON list of the instant and the key, each as text.
    key_from    text        not null,
    key_to      text        not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    object_key  text        not null unique,
    status      text        not null check (status in ('planned', 'uploaded', 'verified', 'deleted')),
    rows        bigint      not null default 0,
    -- Size of the object, and what its rows take in Postgres's own binary form.
    bytes       bigint      not null default 0,
    raw_bytes   bigint      not null default 0,
    -- SHA-256 of the object, and of its rows in order.
    checksum    text,
    content     text,
    -- The columns as they were: the table may have others by now.
    columns     jsonb,
    -- Keys of rows that changed between export and delete: they are still in the table, and the object's copies are void.
    kept        jsonb       not null default '[]',
    rows_deleted bigint     not null default 0,
    -- Why the object before this one was given up.
    last_failure text,
    planned_at  timestamptz not null,
    uploaded_at timestamptz,
    verified_at timestamptz,
    deleted_at  timestamptz,
    -- When its object was last read back and found whole.
    checked_at  timestamptz
);

-- One batch of a policy at a time: what was begun is finished before another begins.
create unique index archive_batches_open on watchkeeper.archive_batches (policy) where status <> 'deleted';
create index archive_batches_of on watchkeeper.archive_batches (policy, first_at, batch_id);

create table watchkeeper.retention_states (
    policy        text        not null,
    -- The kind of the signal: `archive-failed`, `archive-damaged`.
    kind          text        not null,
    -- Since when it is raised, and why.
    failing_since timestamptz,
    failure       text,
    evaluated_at  timestamptz not null,
    primary key (policy, kind)
);
