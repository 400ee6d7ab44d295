//! Deletes what is stored under a key: the object itself, and everything in the folder of that name.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use runtime::Deadline;

use crate::cold::Trouble;

/// Deletes it; nothing being there is as good.
///
/// # Errors
/// S3's, or that the time is over.
pub(super) async fn remove(client: &Client, bucket: &str, key: &str, deadline: &Deadline) -> Result<(), Trouble> {
    let mut keys = vec![key.to_owned()];
    let mut next: Option<String> = None;
    loop {
        let left = deadline.for_work();
        let page =
            client.list_objects_v2().bucket(bucket).prefix(format!("{key}/")).set_continuation_token(next).send();
        let page = tokio::time::timeout(left, page).await.map_err(|_| Trouble::OutOfTime)?;
        let page = page.map_err(|error| unavailable("ListObjectsV2", &error))?;
        failpoint::pass("listing stored objects");
        next = page.next_continuation_token.clone().filter(|token| !token.is_empty());
        keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        delete(client, bucket, std::mem::take(&mut keys), deadline).await?;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// Deletes keys, a page of S3's at a time (1,000 and the object itself).
async fn delete(client: &Client, bucket: &str, keys: Vec<String>, deadline: &Deadline) -> Result<(), Trouble> {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
    const MOST: usize = 1_000;
    for part in keys.chunks(MOST) {
        let mut objects = Vec::with_capacity(part.len());
        for key in part {
            let object = ObjectIdentifier::builder().key(key).build();
            objects.push(object.map_err(|error| Trouble::Unavailable(error.to_string()))?);
        }
        let all = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let all = all.map_err(|error| Trouble::Unavailable(error.to_string()))?;
        let deleting = client.delete_objects().bucket(bucket).delete(all).send();
        let answer = tokio::time::timeout(deadline.for_work(), deleting).await.map_err(|_| Trouble::OutOfTime)?;
        let answer = answer.map_err(|error| unavailable("DeleteObjects", &error))?;
        failpoint::pass("deleting stored objects");
        if let Some(refused) = answer.errors().first() {
            let said = format!(
                "DeleteObjects refused {}: {}",
                refused.key().unwrap_or_default(),
                refused.message().or(refused.code()).unwrap_or("without a reason")
            );
            return Err(Trouble::Unavailable(said));
        }
    }
    Ok(())
}

fn unavailable<E: std::error::Error + 'static, R: std::fmt::Debug + Send + Sync + 'static>(
    what: &str,
    error: &SdkError<E, R>,
) -> Trouble {
    Trouble::Unavailable(format!("{what}: {}", DisplayErrorContext(error)))
}
