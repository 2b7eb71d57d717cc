"""The lake's files and the landing folder on an S3-compatible server."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cdp_resources.lake import Lake
from cdp_resources.sources.files import list_files
from tests.small_company import SmallCompany, csv, day


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a running server."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty bucket that the environment's credentials lead to."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = request.node.name.replace("_", "-")[:60]
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)
    return name


def put(bucket: str, key: str, content: str) -> None:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket=bucket, Key=key, Body=content.encode())


def keys(bucket: str) -> list[str]:
    listed = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket=bucket)
    return [found["Key"] for found in listed.get("Contents", [])]


def test_a_lake_keeps_its_files_in_object_storage(lake: Lake, bucket: str) -> None:
    remote = Lake(catalog=lake.catalog, data_path=f"s3://{bucket}/lake")
    with remote.transaction() as con:
        con.execute("CREATE TABLE lake.raw.numbers AS SELECT i FROM range(1000) AS t(i)")
    assert any(key.startswith("lake/raw/numbers/") and key.endswith(".parquet") for key in keys(bucket))
    with remote.reading() as con:
        assert con.execute("SELECT sum(i) FROM lake.raw.numbers").fetchall() == [(499500,)]


def test_extracts_are_loaded_from_object_storage(
    company: SmallCompany, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDP_LANDING", f"s3://{bucket}/landing")
    put(bucket, "landing/people/2026-03-01.csv", csv("id,first_name", "1,Ann"))
    assert company.materialize("raw/shop__people").success
    assert company.query("SELECT id, first_name, _source_file FROM lake.raw.shop__people") == [
        ("1", "Ann", "people/2026-03-01.csv")
    ]
    put(bucket, "landing/people/2026-03-01.csv", csv("id,first_name", "1,Bob"))
    assert company.materialize("raw/shop__people").success
    assert company.query("SELECT first_name FROM lake.raw.shop__people ORDER BY 1") == [("Ann",), ("Bob",)]


def test_a_broken_file_in_object_storage_is_named(
    company: SmallCompany, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDP_LANDING", f"s3://{bucket}/landing")
    put(bucket, "landing/people/2026-03-01.csv", "id,first_name\r\n1,Ann\n2,Bob\r\n")
    assert "people/2026-03-01.csv: its lines end in different ways" in company.failure("raw/shop__people")


def test_files_that_landed_since_the_last_look_are_seen(bucket: str) -> None:
    put(bucket, "landing/people/2026-03-01.csv", "id\n1\n")
    assert len(list_files(f"s3://{bucket}/landing", "people/{date}.csv", day(1))) == 1
    put(bucket, "landing/people/2026-03-02.csv", "id\n1\n")
    found = list_files(f"s3://{bucket}/landing", "people/{date}.csv", day(1))
    assert [file.day for file in found] == [day(1), day(2)]
    assert [file.url for file in found] == [f"s3://{bucket}/landing/people/2026-03-0{n}.csv" for n in (1, 2)]


def test_a_missing_bucket_is_told(bucket: str) -> None:
    with pytest.raises(FileNotFoundError, match="the landing folder s3://nothing-here/landing does not exist"):
        list_files("s3://nothing-here/landing", "people/{date}.csv", day(1))
