-- What came in, what was decided, who is told. All instants are timestamptz; words are text with a CHECK, never an enum
-- type: the untyped look-up of an enum's OID needs a prepared statement, which a transaction pooler does not keep.

create table watchkeeper.signals (
    signal_id       uuid        primary key,
    idempotency_key text        not null unique,
    received_at     timestamptz not null,
    occurred_at     timestamptz not null,
    source          text        not null,
    kind            text        not null,
    subject         text        not null,
    environment     text        not null,
    status          text        not null check (status in ('firing', 'resolved', 'event', 'none')),
    severity        text        not null check (severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    fingerprint     text        not null,
    labels          jsonb       not null,
    summary         text        not null,
    body            text        not null,
    alert_id        uuid,
    decision        text        check (decision in ('opened', 'updated', 'resolved', 'suppressed')),
    reason          text        check (reason in (
        'duplicate', 'stale', 'no-change', 'nothing-open', 'silenced', 'inhibited', 'flapping', 'rate-limited',
        'grouped', 'outside-hours', 'no-receiver', 'switched-off')),
    reason_ref      text,
    digest_id       uuid,
    -- A suppression always says why; nothing else has a reason.
    check ((decision = 'suppressed') = (reason is not null))
);
create index signals_by_time on watchkeeper.signals (received_at);
create index signals_by_alert on watchkeeper.signals (alert_id) where alert_id is not null;

create table watchkeeper.alerts (
    alert_id           uuid        primary key,
    fingerprint        text        not null,
    kind               text        not null,
    subject            text        not null,
    environment        text        not null,
    severity           text        not null check (severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    notified_severity  text        not null check (notified_severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    labels             jsonb       not null,
    worker_id          text,
    status             text        not null check (status in ('firing', 'resolved')),
    opened_at          timestamptz not null,
    last_signal_at     timestamptz not null,
    resolved_at        timestamptz,
    close_reason       text        check (close_reason in ('recovered', 'expired', 'manual')),
    signal_count       bigint      not null,
    acknowledged_at    timestamptz,
    acknowledged_by    text,
    acknowledged_until timestamptz,
    -- Set where an event opened the alert: tells its window apart in the provider's keys.
    event_key          text,
    check ((status = 'resolved') = (resolved_at is not null and close_reason is not null))
);
create unique index alerts_one_open on watchkeeper.alerts (fingerprint) where status = 'firing';

create table watchkeeper.alert_sources (
    fingerprint text        not null,
    source      text        not null,
    status      text        not null check (status in ('firing', 'resolved')),
    severity    text        not null check (severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    changed_at  timestamptz not null,
    primary key (fingerprint, source)
);

create table watchkeeper.deliveries (
    delivery_id  uuid        primary key default gen_random_uuid(),
    -- Order of creation; rows of one (fingerprint, receiver) go out in it.
    position     bigint      generated always as identity,
    alert_id     uuid        references watchkeeper.alerts,
    fingerprint  text        not null,
    receiver     text        not null,
    integration  text        not null,
    notice       text        not null check (notice in (
        'firing', 'severity', 'reminder', 'flapping', 'escalation', 'resolved', 'digest', 'quarantined', 'released')),
    sequence     integer     not null,
    dedup_key    text        not null,
    status       text        not null check (status in ('pending', 'sending', 'sent', 'failed', 'held', 'cancelled')),
    -- Null while it waits for another row to be accepted first.
    due_at       timestamptz,
    waits_for    integer,
    lease_until  timestamptz,
    lease_token  uuid,
    attempts     integer     not null default 0,
    notification jsonb       not null,
    receipt      jsonb,
    digest_id    uuid,
    created_at   timestamptz not null,
    sent_at      timestamptz,
    unique (alert_id, receiver, notice, sequence),
    check ((status = 'sending') = (lease_until is not null and lease_token is not null))
);
create unique index deliveries_one_per_digest on watchkeeper.deliveries (digest_id, receiver) where digest_id is not null;
create index deliveries_unfinished on watchkeeper.deliveries (fingerprint, receiver, position)
    where status in ('pending', 'sending');

create table watchkeeper.delivery_attempts (
    attempt_id   uuid        primary key default gen_random_uuid(),
    delivery_id  uuid        not null references watchkeeper.deliveries,
    attempted_at timestamptz not null,
    outcome      text        not null check (outcome in (
        'accepted', 'transient', 'rate-limited', 'permanent', 'ambiguous')),
    http_status  integer,
    provider_id  text,
    latency_ms   integer,
    error        text
);
create index delivery_attempts_by_delivery on watchkeeper.delivery_attempts (delivery_id, attempted_at);

-- Signals of our own functions, written with the change they tell of and sent after its commit.
create table watchkeeper.signal_outbox (
    id         text        primary key,
    body       text        not null,
    created_at timestamptz not null default now(),
    sent_at    timestamptz
);
create index signal_outbox_unsent on watchkeeper.signal_outbox (created_at) where sent_at is null;

-- Messages that were received before and never recorded: whichever kills its reader is read last.
create table watchkeeper.suspects (
    message_id text        primary key,
    noted_at   timestamptz not null
);
