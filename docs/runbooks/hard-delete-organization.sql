-- Deletes an organisation and everything of it for good, after a verified request:
--
--   psql "$DATABASE_URL" --set org_id=… --set confirmed_by=… --file docs/runbooks/hard-delete-organization.sql
--
-- One transaction: all of it or nothing. Prints how many rows of each table, and puts it on record in `hard_deletions`, where
-- a second run finds that it is done. Audit logs stay.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\if :{?org_id}
\else
    \set org_id ''
\endif
\if :{?confirmed_by}
\else
    \set confirmed_by ''
\endif

begin;
-- Rather tried again than in everybody's way.
set local lock_timeout = '10s';
set local client_min_messages = warning;
create temporary table asked on commit drop as
select trim(:'org_id') as org_id, trim(:'confirmed_by') as confirmed_by;

do $$
declare
    wanted   text := (select org_id from asked);
    done_at  timestamptz;
    is_there boolean;
begin
    if wanted = '' or (select confirmed_by from asked) = '' then
        raise exception 'expected --set org_id=… and --set confirmed_by=…: which organisation, and who has verified the request';
    end if;
    -- Whoever adds to an organisation, a watchpoint or a notification waits until this is over, and then finds it gone: what
    -- is counted below is what is deleted.
    perform from organizations where id = wanted::uuid for update;
    is_there := found;
    done_at := (select deleted_at from hard_deletions where what = 'organization' and id = wanted::uuid::text);
    if is_there and done_at is not null then
        raise exception 'organisation % is on record as deleted at %, and is there again', wanted, done_at
            using hint = 'Who brought it back, and should it go again? Then rename the id in its row of hard_deletions first.';
    elsif not is_there and done_at is null then
        raise exception 'there is no organisation %, and there is no record that there ever was', wanted
            using hint = 'Expected the id of a row of organizations: is this the right database?';
    end if;
    perform from watchpoints where organization_id = wanted::uuid for update;
    perform from notifications where organization_id = wanted::uuid for update;
end
$$;

-- From here on as Postgres writes it.
select asked.org_id::uuid as org_id, deletion.id is not null as done
from asked
left join hard_deletions as deletion on deletion.what = 'organization' and deletion.id = asked.org_id::uuid::text
\gset
\if :done
    select format('already done: organisation %s was deleted at %s, confirmed by %s; %s', id, deleted_at, confirmed_by, counts)
    from hard_deletions
    where what = 'organization' and id = :'org_id';
    rollback;
    \quit
\endif

create temporary table deleted (position integer generated always as identity, relation text, count bigint) on commit drop;

-- 1. Audit logs are kept: they say who did what, also to what is gone.

-- 2. Notifications; their deliveries go with them.
insert into deleted (relation, count)
select 'notification_deliveries', count(*)
from notification_deliveries
where notification_id in (select id from notifications where organization_id = :'org_id');
with gone as (delete from notifications where organization_id = :'org_id' returning id)
insert into deleted (relation, count) select 'notifications', count(*) from gone;

-- 3. Watchpoints; what their evaluation knows goes with them.
insert into deleted (relation, count)
select 'watchpoint_evaluation_state', count(*)
from watchpoint_evaluation_state
where watchpoint_id in (select id from watchpoints where organization_id = :'org_id');
with gone as (delete from watchpoints where organization_id = :'org_id' returning id)
insert into deleted (relation, count) select 'watchpoints', count(*) from gone;

-- 4. Keys.
with gone as (delete from api_keys where organization_id = :'org_id' returning id)
insert into deleted (relation, count) select 'api_keys', count(*) from gone;

-- 5. Sessions.
with gone as (delete from sessions where organization_id = :'org_id' returning id)
insert into deleted (relation, count) select 'sessions', count(*) from gone;

-- 6. People.
with gone as (delete from users where organization_id = :'org_id' returning id)
insert into deleted (relation, count) select 'users', count(*) from gone;

-- 7. Limits.
with gone as (delete from rate_limits where organization_id = :'org_id' returning bucket)
insert into deleted (relation, count) select 'rate_limits', count(*) from gone;

-- 8. The organisation.
with gone as (delete from organizations where id = :'org_id' returning id)
insert into deleted (relation, count) select 'organizations', count(*) from gone;

insert into hard_deletions (what, id, confirmed_by, counts, deleted_at)
select 'organization', :'org_id', confirmed_by, (select jsonb_object_agg(relation, count) from deleted), now()
from asked;

select format('%s: %s', relation, count) from deleted order by position;
commit;
\echo organisation :org_id is deleted
