-- How receivers fare: how much they take, until when they asked to be left alone, since when they refuse.

create table watchkeeper.receiver_states (
    receiver         text        primary key,
    -- The token bucket: when it would be full again if nothing were sent (generic cell rate algorithm).
    full_at          timestamptz not null,
    -- It asked to be left alone until then.
    paused_until     timestamptz,
    -- It refuses whatever it is told: its address or its secret is wrong.
    unhealthy_since  timestamptz,
    unhealthy_reason text,
    check ((unhealthy_since is null) = (unhealthy_reason is null))
);

alter table watchkeeper.deliveries
    -- When its fallback was told instead.
    add column fell_back_at timestamptz,
    -- When what was held was released: nobody kept its receiver waiting before.
    add column released_at  timestamptz,
    -- In a storm: the delivery in whose request it is told, or was.
    add column folded_into  uuid,
    -- The worst goes first: 1 is CRITICAL.
    add column urgency      integer generated always as (
        coalesce(array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], notification ->> 'severity'), 4)) stored,
    -- In a storm, what may be told in one request. A critical notice is always told by itself, and one with notes: a request
    -- says no more of the others than their subjects.
    add column sort         text    generated always as (
        case when notice in ('firing', 'resolved') and notification ->> 'severity' <> 'CRITICAL'
              and coalesce(notification -> 'notes', '[]') = '[]'
             then case when notification ->> 'kind' = 'delivery-failed' then 'failure ' else '' end || notice
        end) stored,
    add check (folded_into is null or status in ('sending', 'sent'));
