//! Lists buckets, with and without credentials.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::types::Object as Listed;
use domain::Timestamp;
use domain::upstream::Object;

/// A cycle of more objects than this is not what anybody means; S3 lists 1,000 at a time.
const MOST_OBJECTS: usize = 50_000;
/// The longest that one page may take, with its second try: another mirror may have it.
const PAGE: Duration = Duration::from_secs(6);

/// Longest quotation of what a mirror answers, in characters.
const LONGEST_ANSWER: usize = 500;

/// Where a listing is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) bucket: &'a str,
    /// Else ours.
    pub(super) region: Option<&'a String>,
    /// Without credentials: what is public is asked as the public asks, and needs no permission of the role.
    pub(super) anonymous: bool,
}

/// Lists buckets; a client is made for each region and way of asking when it is first needed.
#[derive(Debug)]
pub(super) struct Buckets {
    sdk: SdkConfig,
    clients: Mutex<BTreeMap<(Option<String>, bool), Client>>,
}

impl Buckets {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), clients: Mutex::default() }
    }

    fn client(&self, at: At<'_>) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let sdk = runtime::aws::for_service(&self.sdk, "S3").into_builder();
            let region = at.region.map(|region| Region::new(region.clone()));
            let mut sdk = sdk.region(region.or_else(|| self.sdk.region().cloned()));
            if at.anonymous {
                // What a client has once taken over cannot be taken from it.
                sdk.set_credentials_provider(None);
            }
            let sdk = sdk.build();
            let mut config = aws_sdk_s3::config::Builder::from(&sdk)
                .retry_config(RetryConfig::standard().with_max_attempts(2))
                // A local cloud is one host for all buckets.
                .force_path_style(sdk.endpoint_url().is_some());
            if at.anonymous {
                config = config.allow_no_auth();
            }
            Client::from_conf(config.build())
        };
        clients.entry((at.region.cloned(), at.anonymous)).or_insert_with(make).clone()
    }

    /// Everything whose key begins with `prefix`, all pages.
    ///
    /// # Errors
    /// Why that is not known.
    pub(super) async fn list(&self, at: At<'_>, prefix: &str) -> Result<Vec<Object>, String> {
        let client = self.client(at);
        let mut objects: Vec<Object> = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = client.list_objects_v2().bucket(at.bucket).prefix(prefix).set_continuation_token(next).send();
            let page = tokio::time::timeout(PAGE, page).await;
            let page = page.map_err(|_| format!("no answer within {} s", PAGE.as_secs()))?;
            let page = page.map_err(|err| describe(&err))?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(object));
            next = page.next_continuation_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(objects);
            }
            if objects.len() >= MOST_OBJECTS {
                return Err(format!("more than {MOST_OBJECTS} objects begin with {prefix}"));
            }
        }
    }
}

fn object(listed: Listed) -> Option<Object> {
    Some(Object {
        key: listed.key?,
        bytes: u64::try_from(listed.size.unwrap_or_default()).unwrap_or_default(),
        last_modified: listed
            .last_modified
            .and_then(|at| Timestamp::new(at.secs(), at.subsec_nanos().cast_signed()).ok()),
        etag: listed.e_tag,
    })
}

fn describe(err: &SdkError<ListObjectsV2Error>) -> String {
    let status = err.raw_response().map(|answer| answer.status().as_u16());
    let said = match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(err).to_string(),
    };
    let advice = match status {
        Some(301 | 307) => "; `region` says where the bucket is",
        Some(403) => "; a public bucket needs `anonymous = true`, another its ARN in the parameter WatchedBucketArns",
        _ => "",
    };
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    // A mirror may answer with a page for people.
    let said = domain::notification::truncate(&said, LONGEST_ANSWER);
    format!("ListObjectsV2 answered{status}: {said}{advice}")
}
