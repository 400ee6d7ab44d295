//! The fake S3 tells the real client what S3 would, and keeps nothing of what it would refuse.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
    RestoreRequest, StorageClass,
};
use testkit::bucket::{Behaviour, Buckets, Corrupt, Cut, Operation};

use crate::plain_http;

const NOW: &str = "2026-11-22T06:00:00Z";

async fn start() -> anyhow::Result<(Buckets, Client)> {
    let fake = Buckets::start(&["archive", "forecasts"], NOW.parse()?).await?;
    let client = client(&fake.url()).await;
    Ok((fake, client))
}

/// A client that says at once what it was told.
async fn client(url: &str) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build())
}

/// The code of a refusal; `cut` where there was no answer that could be read.
fn code<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(SdkError::ServiceError(refusal)) => refusal.err().code().unwrap_or("none").to_owned(),
        Err(_) => "cut".to_owned(),
    }
}

async fn put(client: &Client, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
    client.put_object().bucket("archive").key(key).body(ByteStream::from(bytes.to_vec())).send().await?;
    Ok(())
}

async fn get(client: &Client, key: &str, range: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let object = client.get_object().bucket("archive").key(key).set_range(range.map(str::to_owned)).send().await?;
    Ok(object.body.collect().await?.to_vec())
}

/// Uploads these parts with sums of this kind, and answers what completes them.
async fn parts(
    client: &Client,
    key: &str,
    parts: &[&[u8]],
    kind: ChecksumType,
) -> anyhow::Result<(String, CompletedMultipartUpload)> {
    let begun = client
        .create_multipart_upload()
        .bucket("archive")
        .key(key)
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .checksum_type(kind)
        .storage_class(StorageClass::GlacierIr)
        .metadata("rows", "3")
        .send()
        .await?;
    let id = begun.upload_id().unwrap_or_default().to_owned();
    let mut completed = CompletedMultipartUpload::builder();
    for (number, bytes) in (1..).zip(parts) {
        let sent = client
            .upload_part()
            .bucket("archive")
            .key(key)
            .upload_id(&id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(bytes.to_vec()))
            .send()
            .await?;
        let part =
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32);
        completed = completed.parts(part.build());
    }
    Ok((id, completed.build()))
}

fn complete(
    client: &Client,
    key: &str,
    (id, parts): &(String, CompletedMultipartUpload),
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    client.complete_multipart_upload().bucket("archive").key(key).upload_id(id).multipart_upload(parts.clone())
}

#[tokio::test]
async fn what_is_written_is_read_whole_and_in_ranges() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let key = "audit logs/2026+11/ä&<b>.parquet";
    put(&client, key, b"0123456789").await?;
    assert_eq!(get(&client, key, None).await?, b"0123456789");
    assert_eq!(get(&client, key, Some("bytes=2-4")).await?, b"234");
    assert_eq!(get(&client, key, Some("bytes=7-")).await?, b"789");
    assert_eq!(get(&client, key, Some("bytes=-2")).await?, b"89");
    let beyond = client.get_object().bucket("archive").key(key).range("bytes=10-12").send().await;
    assert_eq!(code(beyond), "InvalidRange");
    let head = client.head_object().bucket("archive").key(key).checksum_mode(ChecksumMode::Enabled).send().await?;
    assert_eq!((head.content_length(), head.checksum_crc32()), (Some(10), Some("poTHxg==")));
    assert_eq!(code(client.head_object().bucket("archive").key("other").send().await), "NotFound");
    assert_eq!(code(client.get_object().bucket("nobody").key(key).send().await), "NoSuchBucket");
    assert_eq!(fake.bucket("archive").keys(), [key]);
    Ok(())
}

#[tokio::test]
async fn bytes_with_a_wrong_sum_are_refused_and_kept_nowhere() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let send = |sum: &str| {
        let put = client.put_object().bucket("archive").key("k").body(ByteStream::from_static(b"rows"));
        put.checksum_crc32(sum).send()
    };
    assert_eq!(code(send("AAAAAA==").await), "BadDigest");
    let sha = client.put_object().bucket("archive").key("k").body(ByteStream::from_static(b"rows"));
    assert_eq!(code(sha.checksum_sha256("AAAA").send().await), "BadDigest");
    assert!(fake.bucket("archive").keys().is_empty() && fake.written().is_empty());
    for algorithm in [ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256, ChecksumAlgorithm::Crc32C] {
        let put = client.put_object().bucket("archive").key("k").body(ByteStream::from_static(b"rows"));
        put.checksum_algorithm(algorithm).send().await?;
        assert_eq!(get(&client, "k", None).await?, b"rows");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_comes_in_chunks_is_taken_apart_and_checked() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let folder = tempfile::tempdir()?;
    let (file, rows) = (folder.path().join("rows"), vec![7_u8; 300_000]);
    std::fs::write(&file, &rows)?;
    let body = ByteStream::from_path(&file).await?;
    let put = client.put_object().bucket("archive").key("k").content_encoding("zstd").body(body);
    put.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await?;
    assert_eq!(fake.bucket("archive").bytes("k").as_deref(), Some(&rows[..]));
    assert_eq!(fake.written()[0].headers.get("content-encoding").map(String::as_str), Some("zstd"));

    for (length, expected) in [("4", "BadDigest"), ("5", "IncompleteBody")] {
        let (url, length) = (fake.url(), length.to_owned());
        let sent = tokio::task::spawn_blocking(move || {
            let body = "4\r\nrows\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
            let headers = format!(
                "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\
                 x-amz-decoded-content-length: {length}"
            );
            plain_http::send_with(&url, "PUT", "/archive/raw", &headers, body)
        });
        let said = sent.await??;
        assert!(said.contains(expected), "{said}");
    }
    assert!(fake.bucket("archive").bytes("raw").is_none());
    Ok(())
}

#[tokio::test]
async fn an_upload_in_parts_is_visible_when_it_is_complete_and_not_before() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let first = vec![1_u8; 5 << 20];
    for (key, kind) in [("whole", ChecksumType::FullObject), ("parts", ChecksumType::Composite)] {
        let upload = parts(&client, key, &[&first, b"end"], kind).await?;
        assert!(fake.bucket("archive").bytes(key).is_none());
        assert_eq!(fake.unfinished().len(), 1);
        complete(&client, key, &upload).if_none_match("*").send().await?;
        let read = get(&client, key, None).await?;
        assert_eq!((read.len(), &read[read.len() - 3..]), (first.len() + 3, &b"end"[..]));
        assert_eq!(code(complete(&client, key, &upload).send().await), "NoSuchUpload");
    }
    let head = client.head_object().bucket("archive").key("parts").checksum_mode(ChecksumMode::Enabled).send().await?;
    assert!(head.checksum_crc32().is_some_and(|sum| sum.ends_with("-2")), "{head:?}");
    let written = &fake.written()[0];
    assert_eq!((written.operation, written.size), (Operation::CompleteMultipartUpload, first.len() + 3));
    assert_eq!(
        (written.storage_class(), written.if_none_match(), written.metadata("rows")),
        ("GLACIER_IR", Some("*"), Some("3"))
    );
    assert!(fake.unfinished().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_there_is_not_overwritten_by_who_wants_a_new_one() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    fake.bucket("archive").replace("k", "theirs");
    let put = client.put_object().bucket("archive").key("k").body(ByteStream::from_static(b"ours"));
    assert_eq!(code(put.if_none_match("*").send().await), "PreconditionFailed");
    let upload = parts(&client, "k", &[b"ours"], ChecksumType::FullObject).await?;
    assert_eq!(code(complete(&client, "k", &upload).if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(get(&client, "k", None).await?, b"theirs");
    client.abort_multipart_upload().bucket("archive").key("k").upload_id(&upload.0).send().await?;
    assert!(fake.unfinished().is_empty() && fake.written().is_empty());
    Ok(())
}

#[tokio::test]
async fn parts_that_do_not_fit_make_no_object() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let small = parts(&client, "k", &[b"small", b"end"], ChecksumType::FullObject).await?;
    assert_eq!(code(complete(&client, "k", &small).send().await), "EntityTooSmall");
    fake.smallest_part(1);
    assert_eq!(code(complete(&client, "k", &small).checksum_crc32("AAAAAA==").send().await), "BadDigest");
    assert_eq!(code(complete(&client, "k", &small).mpu_object_size(7).send().await), "InvalidRequest");
    let turned = small.1.parts().iter().rev().cloned().collect();
    let turned = (small.0.clone(), CompletedMultipartUpload::builder().set_parts(Some(turned)).build());
    assert_eq!(code(complete(&client, "k", &turned).send().await), "InvalidPartOrder");
    let without_sums = small.1.parts().iter().map(|part| {
        CompletedPart::builder()
            .part_number(part.part_number().unwrap_or_default())
            .set_e_tag(part.e_tag.clone())
            .build()
    });
    let without_sums = CompletedMultipartUpload::builder().set_parts(Some(without_sums.collect())).build();
    let composite = parts(&client, "c", &[b"one", b"two"], ChecksumType::Composite).await?;
    assert_eq!(code(complete(&client, "c", &(composite.0.clone(), without_sums.clone())).send().await), "InvalidPart");
    let one = CompletedPart::builder().part_number(1).set_e_tag(composite.1.parts()[0].e_tag.clone()).build();
    let one = (composite.0.clone(), CompletedMultipartUpload::builder().parts(one).build());
    assert_eq!(code(complete(&client, "c", &one).send().await), "InvalidRequest", "sums over sums want each of them");
    assert!(fake.bucket("archive").keys().is_empty());
    complete(&client, "k", &(small.0.clone(), without_sums)).send().await?;
    assert_eq!(fake.bucket("archive").bytes("k").as_deref(), Some(&b"smallend"[..]));
    Ok(())
}

#[tokio::test]
async fn keys_are_listed_in_pages_and_deleted_by_the_thousand() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let forecasts = fake.bucket("forecasts");
    for n in 0..2_100 {
        forecasts.replace(&format!("runs/{n:04}"), "zarr");
    }
    forecasts.replace("other", "zarr");
    let mut pages = client.list_objects_v2().bucket("forecasts").prefix("runs/").into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        let keys =
            page.contents().iter().filter_map(|object| ObjectIdentifier::builder().key(object.key()?).build().ok());
        let delete = Delete::builder().set_objects(Some(keys.collect())).build()?;
        let deleted = client.delete_objects().bucket("forecasts").delete(delete).send().await?;
        sizes.push((page.contents().len(), deleted.deleted().len(), page.is_truncated()));
    }
    assert_eq!(sizes, [(1_000, 1_000, Some(true)), (1_000, 1_000, Some(true)), (100, 100, Some(false))]);
    client.delete_object().bucket("forecasts").key("gone already").send().await?;
    assert_eq!(forecasts.keys(), ["other"]);
    assert!(fake.asked().iter().all(|asked| asked.bucket == "forecasts"));
    assert_eq!(fake.count(Operation::DeleteObjects), 3);
    Ok(())
}

#[tokio::test]
async fn an_archived_object_is_read_once_it_is_thawed_and_until_it_freezes_again() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let archive = fake.bucket("archive");
    put(&client, "k", b"rows").await?;
    let restore = |days| {
        let request = RestoreRequest::builder().days(days).build();
        client.restore_object().bucket("archive").key("k").restore_request(request).send()
    };
    let read = || async { code(client.get_object().bucket("archive").key("k").send().await) };
    let head = || client.head_object().bucket("archive").key("k").send();
    assert_eq!((code(restore(1).await), read().await.as_str()), ("InvalidObjectState".to_owned(), "done"));

    assert!(archive.transition("k", "DEEP_ARCHIVE") && !archive.thaw("k"));
    assert_eq!(read().await, "InvalidObjectState");
    assert_eq!((head().await?.storage_class(), head().await?.restore()), (Some(&StorageClass::DeepArchive), None));
    restore(1).await?;
    assert_eq!(
        (code(restore(1).await), read().await),
        ("RestoreAlreadyInProgress".into(), "InvalidObjectState".into())
    );
    assert_eq!(head().await?.restore(), Some("ongoing-request=\"true\""));

    assert!(archive.thaw("k"));
    assert_eq!(get(&client, "k", None).await?, b"rows");
    let until = "ongoing-request=\"false\", expiry-date=\"Tue, 24 Nov 2026 00:00:00 GMT\"";
    assert_eq!(head().await?.restore(), Some(until));
    fake.set_clock("2026-11-24T00:00:00Z".parse()?);
    assert_eq!((read().await.as_str(), head().await?.restore()), ("InvalidObjectState", None));
    Ok(())
}

#[tokio::test]
async fn a_byte_that_changed_is_found_by_the_sum_of_what_was_written() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    put(&client, "k", b"rows").await?;
    fake.behave(Operation::GetObject, Behaviour::corrupt(Corrupt::Answered).times(1));
    assert!(get(&client, "k", None).await.is_err(), "on its way");
    assert_eq!(get(&client, "k", None).await?, b"rows");
    assert!(fake.bucket("archive").rot("k"));
    assert!(get(&client, "k", None).await.is_err(), "at rest");
    fake.behave(Operation::UploadPart, Behaviour::corrupt(Corrupt::Stored).times(1));
    let upload = parts(&client, "m", &[b"rows"], ChecksumType::FullObject).await?;
    complete(&client, "m", &upload).send().await?;
    assert!(get(&client, "m", None).await.is_err(), "in a part");
    fake.bucket("archive").replace("m", "other");
    assert_eq!(get(&client, "m", None).await?, b"other", "somebody else's object fits its own sums");
    Ok(())
}

#[tokio::test]
async fn a_cut_says_nothing_of_whether_it_took_effect() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    let archive = fake.bucket("archive");
    let send = |key: &'static str| client.put_object().bucket("archive").key(key).body(vec![7; 100_000].into()).send();
    for (key, cut, kept) in [("a", Cut::Before, false), ("b", Cut::RequestAt(70_000), false), ("c", Cut::After, true)] {
        fake.behave(Operation::PutObject, Behaviour::cut(cut).times(1));
        assert_eq!((code(send(key).await), archive.bytes(key).is_some()), ("cut".to_owned(), kept), "{cut:?}");
    }
    fake.behave(Operation::GetObject, Behaviour::cut(Cut::AnswerAt(60_000)).after(1).times(1));
    assert_eq!(get(&client, "c", None).await?.len(), 100_000);
    let mut body = client.get_object().bucket("archive").key("c").send().await?.body;
    let mut came = 0;
    let end = loop {
        match body.next().await {
            Some(Ok(bytes)) => came += bytes.len(),
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    assert_eq!((came, end.is_some()), (60_000, true));
    assert_eq!(get(&client, "c", None).await?.len(), 100_000);
    Ok(())
}

#[tokio::test]
async fn an_operation_fails_or_waits_as_often_as_it_is_told() -> anyhow::Result<()> {
    let (fake, client) = start().await?;
    fake.behave(Operation::PutObject, Behaviour::answer(503).times(2));
    fake.behave(Operation::PutObject, Behaviour::answer(403).times(1));
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(match put(&client, "k", b"rows").await {
            Ok(()) => "done".to_owned(),
            Err(error) => match error.downcast_ref::<SdkError<aws_sdk_s3::operation::put_object::PutObjectError>>() {
                Some(SdkError::ServiceError(refusal)) => refusal.err().code().unwrap_or("none").to_owned(),
                _ => format!("{}", DisplayErrorContext(&*error)),
            },
        });
    }
    assert_eq!(said, ["SlowDown", "SlowDown", "AccessDenied", "done"]);
    fake.behave(Operation::HeadObject, Behaviour::late(Duration::from_millis(200)));
    let asked = Instant::now();
    client.head_object().bucket("archive").key("k").send().await?;
    assert!(asked.elapsed() >= Duration::from_millis(200));
    assert_eq!((fake.written().len(), fake.count(Operation::PutObject)), (1, 4));
    Ok(())
}
