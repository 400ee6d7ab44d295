-- Runs of which people were told that they have failed: what ends is told to them too, also where the watch file has no such
-- source any more.
create index forecast_runs_told on watchkeeper.forecast_runs (source, run_timestamp) where told_failed;
