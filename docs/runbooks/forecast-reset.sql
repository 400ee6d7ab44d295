-- After a failover to another region: the output of these cycles lies in buckets that are out of reach. They have failed
-- without a reason, so that nothing pages for them, and catch-up.sh makes each of them anew.
UPDATE forecast_runs SET status='failed', storage_path='' WHERE run_timestamp > NOW() - INTERVAL '48 hours';
