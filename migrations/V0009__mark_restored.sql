-- After a restore: what was to be told long before is not sent any more, and is listed in a digest instead.

alter table watchkeeper.deliveries
    -- Why it is no longer sent, where that is not for what came of its alert.
    add column cancelled_because text check (cancelled_because in ('restored')),
    -- The digest that lists it.
    add column listed_in         uuid,
    add check (cancelled_because is null or status = 'cancelled');
create index deliveries_to_list on watchkeeper.deliveries (position)
    where cancelled_because is not null and listed_in is null;

-- What may be said is more than before, so that what is stored need not be looked at again.
alter table watchkeeper.alerts
    drop constraint alerts_muted_reason_check,
    add constraint alerts_muted_reason_check
        check (muted_reason in ('silenced', 'inhibited', 'flapping', 'grouped', 'restored')) not valid;
alter table watchkeeper.signals
    drop constraint signals_reason_check,
    add constraint signals_reason_check check (reason in (
        'duplicate', 'stale', 'no-change', 'nothing-open', 'silenced', 'inhibited', 'flapping', 'rate-limited',
        'grouped', 'outside-hours', 'no-receiver', 'switched-off', 'restored')) not valid;
