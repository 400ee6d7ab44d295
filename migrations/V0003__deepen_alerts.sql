-- What calm needs: alerts that are muted for a reason and until an end, silences, quarantines, digests, acknowledgements.

alter table watchkeeper.alerts
    -- Null as long as nobody was told.
    alter column notified_severity drop not null,
    -- What was last said about it, for notices that no signal causes: reminders, escalations, the end of a silence.
    add column source       text        not null default '',
    add column summary      text        not null default '',
    add column occurred_at  timestamptz,
    add column runbook      text,
    -- Nobody is told while it is muted; every retry tick looks whether that is over.
    add column muted_reason text        check (muted_reason in ('silenced', 'inhibited', 'flapping', 'grouped')),
    add column muted_since  timestamptz,
    add column muted_until  timestamptz,
    -- The id of what mutes it: a silence, or an alert.
    add column muted_by     text,
    -- The same in words, for people.
    add column muted_because text,
    -- While it waits for others to be told with: what they have in common, and until when.
    add column group_key    text,
    add column group_until  timestamptz,
    add check ((muted_reason is null) = (muted_since is null));
create index alerts_by_fingerprint on watchkeeper.alerts (fingerprint, opened_at);
create index alerts_that_gather on watchkeeper.alerts (group_key) where group_key is not null and status = 'firing';
create index alerts_muted on watchkeeper.alerts (muted_by) where muted_reason is not null and status = 'firing';
create index alerts_open_by_kind on watchkeeper.alerts (kind) where status = 'firing';

alter table watchkeeper.signals
    add column sender text not null default '',
    -- When the suppression ends, where that is known.
    add column reason_until timestamptz;

alter table watchkeeper.deliveries
    -- Why it is held, and until when where that is known.
    add column held_because text check (held_because in ('outside-hours', 'switched-off')),
    add column held_until   timestamptz,
    -- Who is told instead where its receiver does not take it.
    add column fallback     text[] not null default '{}',
    add check ((status = 'held') = (held_because is not null));
create index deliveries_held on watchkeeper.deliveries (held_until) where status = 'held';

create table watchkeeper.acknowledgements (
    acknowledgement_id uuid        primary key default gen_random_uuid(),
    alert_id           uuid        not null references watchkeeper.alerts,
    at                 timestamptz not null,
    by                 text        not null,
    until              timestamptz,
    note               text
);
create index acknowledgements_by_alert on watchkeeper.acknowledgements (alert_id);

create table watchkeeper.silences (
    silence_id uuid        primary key,
    -- {"severity": […], "kind": […], "subject": […], "environment": […], "labels": {name: […]}}
    matchers   jsonb       not null,
    from_at    timestamptz not null,
    until_at   timestamptz not null,
    -- {"cron": …, "duration": …, "timezone": …}: it mutes during these windows only.
    recurring  jsonb,
    author     text        not null,
    reason     text        not null,
    created_at timestamptz not null,
    ended_at   timestamptz,
    ended_by   text,
    check (from_at < until_at),
    check ((ended_at is null) = (ended_by is null))
);
create index silences_in_force on watchkeeper.silences (until_at) where ended_at is null;

create table watchkeeper.quarantines (
    quarantine_id  uuid        primary key default gen_random_uuid(),
    worker_id      text        not null,
    environment    text        not null,
    barred_at      timestamptz not null,
    reason         text        not null,
    signal_id      uuid        not null,
    alert_id       uuid        not null,
    released_at    timestamptz,
    released_by    text,
    release_reason text,
    check ((released_at is null) = (released_by is null and release_reason is null))
);
-- The first reason is kept: a worker is barred once.
create unique index quarantines_one_bar on watchkeeper.quarantines (worker_id, environment) where released_at is null;

create table watchkeeper.digests (
    digest_id uuid        primary key,
    from_at   timestamptz not null unique,
    to_at     timestamptz not null,
    -- Null while signals are still taken into it.
    told_at   timestamptz,
    check (from_at < to_at)
);
