-- A batch waits for critical notices only: in a storm they are few among hundreds of thousands that wait.
create index deliveries_critical on watchkeeper.deliveries (fingerprint, receiver, position)
    where status in ('pending', 'sending') and urgency = 1;
