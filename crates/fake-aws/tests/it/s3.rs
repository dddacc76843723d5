//! S3 through the SDK.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use fake_aws::{Aws, CallFilter, Fault, Service};

fn archive() -> Aws {
    let aws = Aws::new(1);
    aws.create_bucket("archive");
    aws
}

fn put_once(aws: &Aws, key: &str, bytes: &'static [u8]) -> PutObjectFluentBuilder {
    let put = aws
        .s3()
        .put_object()
        .bucket("archive")
        .key(key)
        .if_none_match("*");
    put.metadata("key-id", "k1")
        .content_type("application/json")
        .body(ByteStream::from_static(bytes))
}

#[tokio::test(start_paused = true)]
async fn an_object_is_written_once_and_read_back() {
    let aws = archive();
    put_once(&aws, "verified/2026/01/a b+ä.json", b"{}")
        .send()
        .await
        .unwrap();
    let second = put_once(&aws, "verified/2026/01/a b+ä.json", b"[]")
        .send()
        .await
        .unwrap_err();
    assert_eq!(second.raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(second.into_service_error().code(), Some("PreconditionFailed"));

    let read = aws
        .s3()
        .get_object()
        .bucket("archive")
        .key("verified/2026/01/a b+ä.json")
        .send()
        .await
        .unwrap();
    assert_eq!(read.content_type(), Some("application/json"));
    assert_eq!(read.metadata().unwrap()["key-id"], "k1");
    assert_eq!(read.body.collect().await.unwrap().to_vec(), b"{}");
    assert_eq!(aws.objects("archive").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_written_over_the_one_that_was_read_and_over_no_other() {
    let aws = archive();
    let put = || aws.s3().put_object().bucket("archive").key("quarantine/1");
    let put = async |tag: &str, bytes: &'static [u8]| {
        let put = put().if_match(tag).body(ByteStream::from_static(bytes)).send();
        let put = put.await.map(|put| put.e_tag.unwrap());
        put.map_err(|error| error.raw_response().unwrap().status().as_u16())
    };
    assert_eq!(put("\"0\"", b"{}").await, Err(404));
    let first = put_once(&aws, "quarantine/1", b"{}").send().await.unwrap();
    let first = first.e_tag.unwrap();
    let second = put(&first, b"[]").await.unwrap();
    assert_eq!(put(&first, b"{}").await, Err(412));
    put(&second, b"{}").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_a_typed_error() {
    let aws = archive();
    let get = aws
        .s3()
        .get_object()
        .bucket("archive")
        .key("no")
        .send()
        .await
        .unwrap_err();
    assert!(get.into_service_error().is_no_such_key());
    let head = aws
        .s3()
        .head_object()
        .bucket("archive")
        .key("no")
        .send()
        .await
        .unwrap_err();
    assert!(head.into_service_error().is_not_found());
    let put = aws
        .s3()
        .put_object()
        .bucket("no-such-bucket")
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(put.into_service_error().code(), Some("NoSuchBucket"));
}

#[tokio::test(start_paused = true)]
async fn a_listing_goes_through_its_pages_in_order() {
    let aws = archive();
    for key in ["verified/2", "verified/1", "quarantine/1", "verified/3"] {
        put_once(&aws, key, b"{}").send().await.unwrap();
    }
    let list = aws
        .s3()
        .list_objects_v2()
        .bucket("archive")
        .prefix("verified/")
        .max_keys(2);
    let mut pages = list.into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(
            page.unwrap()
                .contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned)),
        );
    }
    assert_eq!(keys, ["verified/1", "verified/2", "verified/3"]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_put_is_tried_again_by_the_sdk() {
    let aws = archive();
    aws.inject(Fault::Throttle, CallFilter::any());
    aws.invoke("test", put_once(&aws, "verified/1", b"{}").send())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(aws.count(Service::S3, "PutObject"), 2);
}
