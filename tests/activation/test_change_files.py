"""Files of changes: whole or absent, named after what is in them, in folders and in object stores."""

import csv
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from activation_world import World, model_with
from moto.server import ThreadedMotoServer

from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.sending import Sending
from cdp_resources.destinations import connect
from cdp_resources.destinations.base import DestinationMisconfigured, Row
from cdp_resources.destinations.files import Files

DAY = dt.date(2026, 9, 30)
BATCH = [
    Row("add", "a@x.org", {"name": 'Ada "A", Countess', "tags": ["x", "y"], "vip": True}, "p1", "i1"),
    Row("remove", "b@x.org", {}, "p2", "i2"),
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket of an S3-compatible server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="exports")
    yield "s3://exports/crm"
    server.stop()


def settings(folder: object, form: str = "csv") -> Files:
    """A file destination in a folder."""
    return Files.model_validate({"type": "file", "folder": str(folder), "format": form})


def test_a_csv_file_has_the_change_the_key_and_the_fields_in_declared_order(tmp_path: Path) -> None:
    destination = connect(settings(tmp_path), "vips", {"name": "VARCHAR", "vip": "BOOLEAN", "tags": "VARCHAR[]"}, DAY)
    assert [outcome.status for outcome in destination.send(BATCH)] == ["acknowledged", "acknowledged"]
    (file,) = (tmp_path / "vips").iterdir()
    assert file.name.startswith("vips-2026-09-30-")
    assert file.suffix == ".csv"
    with file.open(newline="") as text:
        assert list(csv.reader(text)) == [
            ["change", "key", "name", "vip", "tags"],
            ["add", "a@x.org", 'Ada "A", Countess', "true", '["x", "y"]'],
            ["remove", "b@x.org", "", "", ""],
        ]


def test_the_same_changes_again_replace_their_file_and_others_get_their_own(tmp_path: Path) -> None:
    destination = connect(settings(tmp_path, "ndjson"), "vips", {"name": "VARCHAR"}, DAY)
    destination.send(BATCH)
    destination.send(BATCH)
    assert len(list((tmp_path / "vips").iterdir())) == 1
    destination.send(BATCH[:1])
    files = sorted((tmp_path / "vips").iterdir(), key=lambda file: file.stat().st_size)
    assert json.loads(files[0].read_text()) == {"change": "add", "key": "a@x.org", "fields": BATCH[0].fields}
    assert len(files) == 2


def test_an_empty_batch_makes_no_file(tmp_path: Path) -> None:
    assert connect(settings(tmp_path), "vips", {"name": "VARCHAR"}, DAY).send([]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_leaves_the_rows_for_later(tmp_path: Path) -> None:
    (tmp_path / "vips").write_text("a file where the folder should be")
    outcomes = connect(settings(tmp_path), "vips", {"name": "VARCHAR"}, DAY).send(BATCH)
    assert [(outcome.status, outcome.error) for outcome in outcomes] == [("retry_later", "FileExistsError")] * 2


def test_a_crash_while_writing_leaves_no_file_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("cdp_resources.destinations.storage.os.fsync", no_space)
    connect(settings(tmp_path), "vips", {"name": "VARCHAR"}, DAY).send(BATCH)
    assert list((tmp_path / "vips").glob("vips-*")) == []


def test_an_unknown_kind_of_storage_is_named() -> None:
    with pytest.raises(DestinationMisconfigured, match="nosuch"):
        connect(settings("nosuch://bucket"), "vips", {"name": "VARCHAR"}, DAY)


def sync(world: World) -> Delivered:
    """One run with the declared destination itself."""
    world.save()
    sending = Sending(world.lake, world.model, "vips", "run", lambda _: None)
    hub = world.model.destinations["hub"]
    return sending.run(lambda work: connect(hub, "vips", work.field_types, work.as_of))


def test_a_sync_to_an_object_store_writes_changes_and_then_nothing(lake_world: World, bucket: str) -> None:
    lake_world.model = model_with(settings(bucket))
    assert sync(lake_world).acknowledged == 5
    assert sync(lake_world).attempted == 0
    lake_world.people["p1"].member = False
    assert sync(lake_world).sent == {"remove": 1}
    client = boto3.client("s3")
    names = [found["Key"] for found in client.list_objects_v2(Bucket="exports")["Contents"]]
    contents = sorted(client.get_object(Bucket="exports", Key=name)["Body"].read().decode() for name in names)
    assert all(name.startswith("crm/vips/vips-2026-09-30-") for name in names)
    assert contents[1] == "change,key,name,spend\nremove,p1@x.org,,\n"
    assert contents[0].splitlines()[1] == "add,p1@x.org,Name1,1.5"


def test_an_object_store_that_refuses_leaves_the_rows_for_later(world: World, bucket: str) -> None:
    world.model = model_with(settings("s3://no-such-bucket/crm"))
    result = sync(world)
    assert (result.acknowledged, result.retry_later) == (0, {"FileNotFoundError": 5})
    assert result.gave_up
