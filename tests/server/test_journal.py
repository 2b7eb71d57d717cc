"""Who waits for the journal waits for the disk; a disk that fails is said to fail."""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cdp_server.journal import Journal, Unwritable
from cdp_server.metrics import Metrics
from cdp_server.part_files import PartFile
from cdp_server.streams import CollectedStream


class Disk:
    """Makes files that count what is synced, and that fail while the disk is ``full``."""

    def __init__(self) -> None:
        self.full = False
        self.torn = False
        self.syncs = 0

    def __call__(self, final: Path) -> PartFile:
        disk = self

        class Watched(PartFile):
            def write(self, descriptor: int, data: memoryview) -> int:
                if disk.torn and len(data) > 1:
                    return super().write(descriptor, data[: len(data) // 2])
                if disk.full or disk.torn:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return super().write(descriptor, data)

            def sync(self, descriptor: int) -> None:
                disk.syncs += 1
                super().sync(descriptor)

        return Watched(final)


def stream_in(folder: Path) -> CollectedStream:
    return CollectedStream("app", "calls", "key", folder, "{date}*.ndjson", ZoneInfo("Europe/Berlin"))


def landed(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("[!.]*")) for line in path.read_bytes().splitlines()]


def with_journal(
    folder: Path, disk: Callable[[Path], PartFile], use: Callable[[Journal, CollectedStream], Coroutine[Any, Any, None]]
) -> None:
    """Run ``use`` beside a journal, then close it."""

    async def both() -> None:
        stream = stream_in(folder)
        journal = Journal([stream], Metrics(), new_file=disk)
        running = asyncio.create_task(journal.run())
        await use(journal, stream)
        journal.close()
        await running

    asyncio.run(both())


def test_all_that_arrive_together_share_one_sync_and_each_line_is_there_once(tmp_path: Path) -> None:
    disk = Disk()

    async def use(journal: Journal, stream: CollectedStream) -> None:
        await asyncio.gather(*(journal.commit(stream, b"%d\n" % i) for i in range(500)))

    with_journal(tmp_path, disk, use)
    assert sorted(map(int, landed(tmp_path))) == list(range(500))
    assert disk.syncs <= 3


@pytest.mark.parametrize("kind", ["full", "torn"])
def test_a_full_disk_is_never_acknowledged_and_what_comes_after_it_is(tmp_path: Path, kind: str) -> None:
    disk = Disk()

    async def use(journal: Journal, stream: CollectedStream) -> None:
        await journal.commit(stream, b"before\n")
        setattr(disk, kind, True)
        with pytest.raises(Unwritable, match="No space left"):
            await journal.commit(stream, b"meanwhile\n")
        assert journal.failed
        setattr(disk, kind, False)
        await journal.commit(stream, b"after\n")
        assert not journal.failed

    with_journal(tmp_path, disk, use)
    assert sorted(landed(tmp_path)) == [b"after", b"before"]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    async def use(journal: Journal, stream: CollectedStream) -> None:
        await journal.commit(stream, b"1\n")

    with_journal(tmp_path / "not" / "there", PartFile, use)
    assert landed(tmp_path / "not" / "there") == [b"1"]


def test_after_the_end_nothing_is_acknowledged(tmp_path: Path) -> None:
    async def use(journal: Journal, stream: CollectedStream) -> None:
        journal.close()
        with pytest.raises(Unwritable):
            await journal.commit(stream, b"1\n")

    with_journal(tmp_path, PartFile, use)


def test_a_file_is_published_while_nothing_more_comes(tmp_path: Path) -> None:
    async def publish() -> None:
        stream = stream_in(tmp_path)
        journal = Journal([stream], Metrics(), publish_seconds=0.01)
        running = asyncio.create_task(journal.run())
        await journal.commit(stream, b"1\n")
        async with asyncio.timeout(10):
            while not landed(tmp_path):
                await asyncio.sleep(0.005)
        journal.close()
        await running

    asyncio.run(publish())
