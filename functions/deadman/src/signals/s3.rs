//! Looks into buckets: any object under a nominal time's prefix is its success.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use config::watch_file::S3Signal;
use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind, Reading};
use futures::StreamExt;
use futures::stream;

use super::evidence::{said, seen};
use super::{Readings, Wanted, left};

/// How many at once: enough for a watch file full of them, without a burst that S3 slows down.
const AT_ONCE: usize = 16;
/// So many nominal times of a heartbeat are looked for, the newest: an object for one of them ends the older ones, too.
const MOST_SLOTS: usize = 10;

/// Lists buckets; a client is made for each region when it is first needed.
#[derive(Debug)]
pub(super) struct Buckets {
    sdk: SdkConfig,
    clients: Mutex<BTreeMap<Option<String>, Client>>,
}

impl Buckets {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), clients: Mutex::default() }
    }

    /// For buckets of a region, else of ours.
    fn client(&self, region: Option<&String>) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let make = || {
            let sdk = runtime::aws::for_service(&self.sdk, "S3").into_builder();
            let region = region.map(|region| Region::new(region.clone()));
            Client::new(&sdk.region(region.or_else(|| self.sdk.region().cloned())).build())
        };
        clients.entry(region.cloned()).or_insert_with(make).clone()
    }
}

/// Looks for the objects of every nominal time that is awaited.
pub(super) async fn read<'w>(
    buckets: &Buckets,
    wanted: Vec<(Wanted<'w, '_>, &'w S3Signal)>,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    let looks = wanted.iter().enumerate().flat_map(|(n, (wanted, signal))| {
        let slots: Vec<Timestamp> = wanted.awaited(now).collect();
        let newest = slots.len().saturating_sub(MOST_SLOTS);
        let client = buckets.client(signal.region.as_ref());
        slots.into_iter().skip(newest).map(move |slot| {
            let client = client.clone();
            async move { (n, look(&client, signal, slot, until).await) }
        })
    });
    let looks: Vec<_> = looks.collect();
    let mut found: BTreeMap<usize, Result<Vec<Beat>, String>> = BTreeMap::new();
    let mut looking = stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some((n, looked)) = looking.next().await {
        let so_far = found.remove(&n).unwrap_or_else(|| Ok(Vec::new()));
        let both = match (so_far, looked) {
            (Ok(mut beats), Ok(beat)) => {
                beats.extend(beat);
                Ok(beats)
            }
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        found.insert(n, both);
    }
    let reading = |n: usize| match found.remove(&n) {
        // Nothing is awaited.
        None => Reading::Unread,
        Some(Ok(beats)) => seen(beats, None, "newest object", now),
        Some(Err(why)) => Reading::Unknown { why },
    };
    let readings: Vec<Reading> = (0..wanted.len()).map(reading).collect();
    wanted.iter().map(|(wanted, _)| wanted.name()).zip(readings).collect()
}

/// Whether there is an object of a nominal time.
async fn look(client: &Client, signal: &S3Signal, slot: Timestamp, until: Instant) -> Result<Option<Beat>, String> {
    let prefix = signal.prefix_at(slot);
    let what = format!("s3://{}/{prefix}", signal.bucket);
    let listing = client.list_objects_v2().bucket(&signal.bucket).prefix(&prefix).max_keys(1).send();
    let listed = match tokio::time::timeout(left(until), listing).await {
        Ok(Ok(listed)) => listed,
        Ok(Err(err)) => {
            let status = match &err {
                SdkError::ServiceError(refused) => refused.raw().status().as_u16(),
                _ => 0,
            };
            let what_to_do = match status {
                301 | 307 => "; `region` says where the bucket is",
                403 => "; is its ARN in the parameter WatchedBucketArns?",
                _ => "",
            };
            return Err(format!("{what}: ListObjectsV2 failed: {}{what_to_do}", said(&err)));
        }
        Err(_) => return Err(format!("{what}: S3 did not answer in time")),
    };
    let object = listed.contents.unwrap_or_default().into_iter().next();
    let modified = object.and_then(|object| object.last_modified);
    let at = modified.and_then(|at| Timestamp::new(at.secs(), at.subsec_nanos().cast_signed()).ok());
    Ok(at.map(|at| Beat { slot: Some(slot), ..Beat::found(BeatKind::Success, at) }))
}
