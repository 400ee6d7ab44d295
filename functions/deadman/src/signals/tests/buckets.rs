//! Heartbeats found in buckets: the emulator's S3.

use aws_sdk_s3::primitives::ByteStream;

use super::*;

/// Now, as the emulator dates what it is given.
#[expect(clippy::disallowed_methods, reason = "what the emulator dates is dated now")]
fn today() -> Timestamp {
    Timestamp::now()
}

/// The last nominal times before now, oldest first, and the next one.
fn nominal_times(now: Timestamp) -> Vec<Timestamp> {
    let next = now.as_second() - now.as_second().rem_euclid(6 * 3600) + 6 * 3600;
    (-2..=0).map(|n| Timestamp::from_second(next + n * 6 * 3600).expect("an instant")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_object_under_the_prefix_of_a_nominal_time_is_its_success() {
    let sdk = emulator();
    let s3 = aws_sdk_s3::Client::new(&sdk);
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::from(REGION))
        .build();
    s3.create_bucket().bucket("forecasts").create_bucket_configuration(place).send().await.expect("a bucket");
    let now = today();
    let times = nominal_times(now);
    let done = times[1];
    for key in ["a.grib2", "b.grib2"] {
        let key = format!("gfs/{}/{key}", done.strftime("%Y%m%d/%H"));
        s3.put_object().bucket("forecasts").key(key).body(ByteStream::from_static(b"x")).send().await.expect("put");
    }
    let signal = "s3 = \"s3://forecasts/gfs/{yyyymmdd}/{hh}/\"";
    let file = watch_file(
        &[scheduled("gfs", signal), scheduled("gone", "s3 = \"s3://no-such-bucket/gfs/{yyyymmdd}/{hh}/\"")].concat(),
    );
    let open: Vec<Slot> = times.iter().map(|time| Slot::new(*time, SlotStatus::Late)).collect();
    let readers = Readers::new(&sdk);
    let readings = read_all(&readers, &file, &open, None, &no_secrets().await, now).await;
    let (found, note) = seen(&readings["gfs"]);
    let [beat] = found.as_slice() else { panic!("one nominal time has objects: {found:?}") };
    assert_eq!((beat.kind, beat.slot, note), (BeatKind::Success, Some(done), None));
    assert!(beat.at.duration_since(now).abs() < jiff::SignedDuration::from_secs(60), "dated as it was written");
    assert!(why(&readings["gone"]).contains("ListObjectsV2 failed: NoSuchBucket"), "{}", why(&readings["gone"]));

    // Seen from the day before, what was written today is from the future.
    let yesterday = |at: Timestamp| at.saturating_sub(jiff::SignedDuration::from_hours(24)).expect("yesterday");
    let key = format!("gfs/{}/a.grib2", yesterday(done).strftime("%Y%m%d/%H"));
    s3.put_object().bucket("forecasts").key(key).body(ByteStream::from_static(b"x")).send().await.expect("put");
    let early = [Slot::new(yesterday(done), SlotStatus::Late)];
    let readings = read_all(&readers, &file, &early, None, &no_secrets().await, yesterday(now)).await;
    let (found, note) = seen(&readings["gfs"]);
    assert_eq!(found, []);
    assert!(note.is_some_and(|note| note.starts_with("its newest object is dated") && note.contains("in the future")));
}

#[tokio::test]
async fn a_bucket_is_not_looked_into_while_nothing_is_awaited() {
    // Nobody answers there.
    let readers = Readers::new(&sdk("http://127.0.0.1:1", "100000000001"));
    let file = watch_file(&scheduled("gfs", "s3 = \"s3://forecasts/gfs/{yyyymmdd}/{hh}/\""));
    let later = slots(&["2026-03-01T12:00:00Z"]);
    assert_eq!(read_all(&readers, &file, &later, None, &no_secrets().await, now()).await["gfs"], Reading::Unread);
    let awaited = slots(&["2026-03-01T06:00:00Z"]);
    let readings = read_all(&readers, &file, &awaited, None, &no_secrets().await, now()).await;
    let why = why(&readings["gfs"]);
    assert!(why.starts_with("s3://forecasts/gfs/20260301/06/: "), "{why}");
}
