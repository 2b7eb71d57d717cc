"""The first rows of a stream as a local file, whichever way they come, without anything landing."""

from contextlib import nullcontext
from pathlib import Path

from cdp_model.model import CompanySettings
from cdp_model.pulls import PULLED
from cdp_model.sources import Source, Stream
from cdp_resources.environment import landing_of
from cdp_resources.remote import open_folder
from cdp_resources.sources.download import fetch
from cdp_resources.sources.files import list_files
from cdp_resources.sources.folders import remote_folder
from cdp_resources.sources.pulled import asked, start_of, write_rows


def first_rows(company: CompanySettings, source: Source, name: str, stream: Stream, into: Path, most: int) -> Path:
    """A file with the first ``most`` rows of an API or a table, else the newest whole file.

    Raises ``PullFailed``, and ``FileNotFoundError`` when there is no file.
    """
    ending = stream.files.rsplit("/", 1)[-1].split(".", 1)[-1].removeprefix("*.")
    path = into / f"{source.name}-{name}.{ending}"
    if stream.download:
        fetch(stream.download, stream.format, path)
    elif stream.asked:
        cursor = start_of(stream, None)
        write_rows(path, asked(source, stream, cursor), stream, cursor, most)
    else:
        folder = remote_folder(source) if source.folder else nullcontext(open_folder(landing_of(company)))
        pattern = stream.files.removeprefix(f"{PULLED}/{source.name}/") if source.folder else stream.files
        with folder as (storage, root):
            files = list_files(root, pattern, company.start_date, storage)
            if not files:
                raise FileNotFoundError(f"there is no file {pattern} yet")
            newest = max(files, key=lambda file: (file.day, file.name))
            storage.get_file(newest.url, str(path))
    return path
