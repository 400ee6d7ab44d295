-- The example product that forecasts are made for: somebody else's tables, some of whose rows grow old and some of whose
-- owners ask to be forgotten. What is deleted in which order matters: most references forbid, two cascade.
create table organizations (
    id         uuid        primary key default gen_random_uuid(),
    name       text        not null,
    plan       text        not null default 'free',
    created_at timestamptz not null default now(),
    -- Softly: it can still be taken back.
    deleted_at timestamptz
);

create table users (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid        not null references organizations (id),
    email           text        not null unique,
    password_hash   text        not null,
    created_at      timestamptz not null default now()
);
create index on users (organization_id);

create table sessions (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid        not null references organizations (id),
    user_id         uuid        not null references users (id),
    token_hash      bytea       not null unique,
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null
);
create index on sessions (organization_id);
create index on sessions (user_id);

create table api_keys (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid        not null references organizations (id),
    created_by      uuid        not null references users (id),
    name            text        not null,
    -- The beginning, by which people know it.
    prefix          text        not null,
    key_hash        bytea       not null unique,
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz
);
create index on api_keys (organization_id);
create index on api_keys (created_by);

create table rate_limits (
    organization_id uuid        not null references organizations (id),
    bucket          text        not null,
    window_start    timestamptz not null,
    used            integer     not null check (used >= 0),
    primary key (organization_id, bucket, window_start)
);

create table watchpoints (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid        not null references organizations (id),
    name            text        not null,
    latitude        numeric(8, 5) not null check (latitude between -90 and 90),
    longitude       numeric(8, 5) not null check (longitude between -180 and 180),
    conditions      jsonb       not null,
    status          text        not null check (status in ('active', 'paused', 'archived')),
    created_at      timestamptz not null default now()
);
create index on watchpoints (organization_id);

create table watchpoint_evaluation_state (
    watchpoint_id          uuid        primary key references watchpoints (id) on delete cascade,
    last_evaluated_at      timestamptz,
    -- Whether the conditions held when it was evaluated the time before.
    previous_trigger_state boolean     not null default false,
    seen_forecast_run      timestamptz
);

create table notifications (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid        not null references organizations (id),
    watchpoint_id   uuid        not null references watchpoints (id),
    event_type      text        not null check (event_type in ('threshold_crossed', 'threshold_cleared', 'forecast_changed')),
    payload         jsonb       not null,
    created_at      timestamptz not null default now()
);
create index on notifications (organization_id);
create index on notifications (watchpoint_id, created_at);

create table notification_deliveries (
    id              uuid        primary key default gen_random_uuid(),
    notification_id uuid        not null references notifications (id) on delete cascade,
    channel         text        not null check (channel in ('email', 'webhook')),
    -- An address of a person.
    destination     text        not null,
    status          text        not null check (status in ('pending', 'sent', 'failed')),
    attempts        integer     not null default 0,
    failure_reason  text,
    updated_at      timestamptz not null default now()
);
create index on notification_deliveries (notification_id);

-- It outlives the organisation that it is about: no reference.
create table audit_logs (
    id              uuid        primary key default gen_random_uuid(),
    organization_id uuid,
    actor           text        not null,
    action          text        not null,
    resource_type   text        not null,
    resource_id     text        not null,
    metadata        jsonb       not null default '{}',
    ip              inet,
    created_at      timestamptz not null default now()
);
create index on audit_logs (created_at);
create index on audit_logs (organization_id, created_at);

-- What was deleted for good: by the name of what it was, and its key there.
create table hard_deletions (
    what         text        not null,
    id           text        not null,
    confirmed_by text        not null,
    -- How many rows of each table.
    counts       jsonb       not null,
    deleted_at   timestamptz not null,
    primary key (what, id)
);

-- Whoever helps customers looks, and changes nothing. Roles belong to the whole server: another database of it may have made
-- this one, or be about to.
do $$
begin
    create role watchpoint_support_ro nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema public to watchpoint_support_ro;
grant select on organizations, watchpoints, watchpoint_evaluation_state, notifications to watchpoint_support_ro;
-- Without addresses of people, and without what opens a door.
grant select (id, notification_id, channel, status, attempts, failure_reason, updated_at)
    on notification_deliveries to watchpoint_support_ro;
grant select (id, organization_id, created_at) on users to watchpoint_support_ro;
grant select (id, organization_id, user_id, created_at, expires_at) on sessions to watchpoint_support_ro;
grant select (id, organization_id, created_by, name, prefix, created_at, last_used_at) on api_keys to watchpoint_support_ro;

-- Acme is alive, Globex has been deleted for longer than it is kept, Initech can still be taken back.
insert into organizations (id, name, plan, created_at, deleted_at)
values
    ('00000000-0000-4000-8000-0000000000a1', 'Acme',    'pro',  now() - interval '4 years', null),
    ('00000000-0000-4000-8000-0000000000a2', 'Globex',  'pro',  now() - interval '3 years', now() - interval '40 days'),
    ('00000000-0000-4000-8000-0000000000a3', 'Initech', 'free', now() - interval '1 year',  now() - interval '5 days');

-- Two people each, one of whom is signed in, one key and three hours of its use.
insert into users (organization_id, email, password_hash, created_at)
select id, person || '@' || lower(name) || '.example', 'argon2id$' || md5(person || name), created_at
from organizations
cross join unnest(array['ada', 'bob']) as person;

insert into sessions (organization_id, user_id, token_hash, expires_at)
select organization_id, id, sha256(email::bytea), now() + interval '1 hour'
from users
where email like 'ada@%';

insert into api_keys (organization_id, created_by, name, prefix, key_hash, last_used_at)
select organization_id, id, 'dashboard', 'wp_' || left(md5(email), 6), sha256(('key ' || email)::bytea), now()
from users
where email like 'bob@%';

insert into rate_limits (organization_id, bucket, window_start, used)
select id, 'api', date_trunc('hour', now()) - make_interval(hours => hour), 10 * hour
from organizations
cross join generate_series(0, 2) as hour;

-- Two watchpoints each. The harbour has crossed its threshold twice: once told by both ways, once refused by one of them.
insert into watchpoints (id, organization_id, name, latitude, longitude, conditions, status)
select overlay(id::text placing number::text from 25)::uuid, id, place, 53.54 + number, 9.98, '{"wind_speed_10m": {"above": 17.2}}', 'active'
from organizations
cross join unnest(array['Harbour', 'Ridge']) with ordinality as named (place, number);

insert into watchpoint_evaluation_state (watchpoint_id, last_evaluated_at, previous_trigger_state, seen_forecast_run)
select id, now() - interval '10 minutes', name = 'Harbour', date_trunc('hour', now()) - interval '6 hours'
from watchpoints;

insert into notifications (organization_id, watchpoint_id, event_type, payload, created_at)
select organization_id, id, 'threshold_crossed', '{"wind_speed_10m": 19.4}', now() - make_interval(days => days)
from watchpoints
cross join unnest(array[1, 3]) as days
where name = 'Harbour';

insert into notification_deliveries (notification_id, channel, destination, status, attempts, failure_reason)
select
    notification.id,
    channel,
    case channel when 'email' then 'ada@' || lower(organization.name) || '.example' else 'https://hooks.example.com/wp' end,
    case when refused then 'failed' else 'sent' end,
    case when refused then 5 else 1 end,
    case when refused then '410 Gone: the webhook does not exist any more' end
from notifications as notification
join organizations as organization on organization.id = notification.organization_id
cross join unnest(array['email', 'webhook']) as channel
cross join lateral (select channel = 'webhook' and notification.created_at > now() - interval '2 days' as refused) as story;

-- A line for every month of four years, half of them longer ago than two years, with and without an address.
insert into audit_logs (organization_id, actor, action, resource_type, resource_id, metadata, ip, created_at)
select
    id,
    'ada@' || lower(name) || '.example',
    case when month % 2 = 0 then 'watchpoint.updated' else 'api_key.created' end,
    case when month % 2 = 0 then 'watchpoint' else 'api_key' end,
    md5(name || month),
    jsonb_build_object('month', month, 'note', 'Grüße "aus" ' || name),
    case month % 3 when 0 then inet '192.0.2.7' when 1 then inet '2001:db8::7' end,
    now() - make_interval(months => month, days => 1)
from organizations
cross join generate_series(0, 47) as month;
