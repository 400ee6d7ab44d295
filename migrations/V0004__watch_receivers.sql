-- How receivers fare: how much they take, until when they asked to be left alone, since when they refuse.

create table watchkeeper.receiver_states (
    receiver         text        primary key,
    -- The token bucket: when it would be full again if nothing were sent (generic cell rate algorithm).
    full_at          timestamptz not null,
    -- It asked to be left alone until then.
    paused_until     timestamptz,
    -- It refuses whatever it is told: its address or its secret is wrong.
    unhealthy_since  timestamptz,
    unhealthy_reason text
);

alter table watchkeeper.deliveries
    -- When its fallback was told instead.
    add column fell_back_at timestamptz;
