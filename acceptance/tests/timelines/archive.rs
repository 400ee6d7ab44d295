//! Old rows move to cold storage, are out of their table only then, and come back exactly as they were.

use acceptance::world::World;
use anyhow::{Context, Result, ensure};
use localstack::{cloud::Cloud, record::Record};
use serde_json::{Value, json};

/// Ours among the rows of other timelines and of the example: of a year of which nobody else has any.
const YEAR: &str = "created_at >= '2019-01-01T00:00:00Z' and created_at < '2020-01-01T00:00:00Z'";
const OLD: &str = "created_at < now() - interval '2 years'";
/// Three in each of four months.
const ROWS: usize = 12;
const MONTHS: usize = 4;

#[test]
fn old_audit_logs_leave_their_table_for_the_archive_and_come_back_as_they_were() -> Result<()> {
    // Alone: whoever else archives would take the rows before this timeline looks.
    World::shared().play_alone(async |cloud, record| {
        record.say(&written_long_ago()).await?;
        record.say(&format!("create table audit_logs_before as select * from audit_logs where {YEAR}")).await?;
        let young = count(&record, &format!("audit_logs where not ({OLD})")).await?;
        let planned = ask(cloud, json!({"task": "plan", "policy": "audit-logs"})).await?;
        let due = count(&record, &format!("audit_logs where {OLD}")).await?;
        ensure!(planned["policies"]["audit-logs"]["rows"] == json!(due) && due >= ROWS, "{due} are due: {planned}");
        let dry = ask(cloud, json!({"task": "archive", "dry_run": true})).await?;
        ensure!(count(&record, &format!("audit_logs where {OLD}")).await? == due, "a dry run moved rows: {dry}");

        let moved = ask(cloud, json!({"task": "archive", "policy": "audit-logs"})).await?;
        ensure!(moved["policies"]["audit-logs"]["rows"] == json!(due), "{due} were due: {moved}");
        ensure!(count(&record, &format!("audit_logs where {OLD}")).await? == 0, "old rows are still there: {moved}");
        ensure!(count(&record, "audit_logs").await? == young, "young rows went, too: {moved}");

        // One object for each month, and beside it what it holds.
        let bucket = cloud.stack.buckets.get("archive").context("no bucket archive")?;
        let keys = cloud.aws.keys(bucket, "audit/audit_logs/year=2019/").await?;
        let manifests: Vec<&String> = keys.iter().filter(|key| key.contains("/_")).collect();
        let objects: Vec<&String> = keys.iter().filter(|key| key.ends_with(".parquet")).collect();
        ensure!((manifests.len(), objects.len()) == (MONTHS, MONTHS), "{keys:#?}");
        let mut rows = 0;
        for key in manifests {
            let manifest: Value =
                serde_json::from_str(&cloud.aws.object(bucket, key).await?).context("reading a manifest")?;
            let object =
                manifest["object"].as_str().and_then(|address| address.strip_prefix(&format!("s3://{bucket}/")));
            ensure!(object.is_some_and(|object| objects.iter().any(|one| *one == object)), "{key}: {manifest}");
            rows += manifest["rows"].as_u64().with_context(|| format!("{key} counts no rows"))?;
        }
        ensure!(rows == ROWS as u64, "the manifests speak of {rows} rows");

        published(cloud).await?;
        let again = ask(cloud, json!({"task": "archive", "policy": "audit-logs"})).await?;
        ensure!(again["policies"]["audit-logs"]["rows"] == json!(0), "a second run moved rows: {again}");
        ensure!(cloud.aws.keys(bucket, "audit/audit_logs/year=2019/").await? == keys, "a second run wrote objects");

        comes_back(cloud, &record).await?;
        let verified = ask(cloud, json!({"task": "verify", "policy": "audit-logs"})).await?;
        let whole = verified["policies"]["audit-logs"]["whole"].as_u64();
        ensure!(whole.is_some_and(|whole| whole >= MONTHS as u64), "{verified}");
        ensure!(verified["policies"]["audit-logs"]["damaged"] == json!([]), "{verified}");
        Ok(())
    })
}

/// Rows as the example has them, and with what is easily lost on the way.
fn written_long_ago() -> String {
    let rows = ROWS / MONTHS;
    format!(
        "insert into audit_logs (organization_id, actor, action, resource_type, resource_id, metadata, ip, created_at)
         select case when row = 1 then null else gen_random_uuid() end, 'Zoë \"the\" 🦀', 'watchpoint.updated', 'watchpoint',
                md5(month || '/' || row), jsonb_build_object('a', row, 'b', array[null, 'x']),
                case row when 2 then inet '2001:db8::/48' when 3 then inet '192.0.2.7' end,
                timestamptz '2019-02-01 00:00:00Z' + make_interval(months => month, secs => (row - 1) * 0.000001)
         from generate_series(0, {MONTHS} - 1) as month
         cross join generate_series(1, {rows}) as row"
    )
}

/// The rows of the year in another table are those that there were, to the last byte that Postgres tells.
async fn comes_back(cloud: &Cloud, record: &Record) -> Result<()> {
    let (from, to) = ("2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z");
    let payload =
        json!({"task": "restore", "policy": "audit-logs", "from": from, "to": to, "into": "audit_logs_restored_2019"});
    let restored = ask(cloud, payload.clone()).await?;
    ensure!(restored["rows"] == json!(ROWS), "{restored}");
    let differences = "select count(*) from (
        (select to_jsonb(b) from audit_logs_before as b except all select to_jsonb(r) from audit_logs_restored_2019 as r)
        union all
        (select to_jsonb(r) from audit_logs_restored_2019 as r except all select to_jsonb(b) from audit_logs_before as b)
    ) as differences";
    ensure!(record.value(differences).await? == "0", "what came back is not what went");
    let again = ask(cloud, payload).await?;
    ensure!(again["rows"] == json!(0), "asked twice, rows came twice: {again}");
    Ok(())
}

/// What alarms and people see of it.
async fn published(cloud: &Cloud) -> Result<()> {
    let environment = ("Environment", "local");
    let policy = ("Policy", "audit-logs");
    let sum = async |metric, dimensions: &[(&str, &str)]| cloud.aws.metric_sum("OPsPipeline", metric, dimensions).await;
    let rows = sum("RowsMoved", &[environment, policy]).await?;
    ensure!(rows.is_some_and(|rows| rows >= ROWS as f64), "RowsMoved: {rows:?}");
    let bytes = sum("BytesArchived", &[environment, policy]).await?;
    ensure!(bytes.is_some_and(|bytes| bytes > 0.0), "BytesArchived: {bytes:?}");
    for metric in ["PoliciesBehind", "PoliciesFailed"] {
        let count = sum(metric, &[environment]).await?;
        ensure!(count == Some(0.0), "{metric}: {count:?}");
    }
    Ok(())
}

async fn ask(cloud: &Cloud, payload: Value) -> Result<Value> {
    let answer = cloud.invoke("archiver", &payload).await?;
    ensure!(!answer.failed, "archiver refused {payload}: {}", answer.payload);
    ensure!(answer.payload["failed"] == json!([]), "{payload}: {}", answer.payload);
    Ok(answer.payload)
}

async fn count(record: &Record, of: &str) -> Result<usize> {
    record.value(&format!("select count(*) from {of}")).await?.parse().context("reading a count")
}
