"""`python -m cdp_server`: runs the collector for the company that CDP_MODEL names."""

import argparse
import datetime as dt
import gc
import sys
from pathlib import Path

import uvicorn
from dotenv import load_dotenv

import cdp_resources.destinations  # noqa: F401 - a company's destinations are of kinds that this makes known
from cdp_model import ModelError, load_model
from cdp_resources.environment import model_folder
from cdp_server.app import Collector
from cdp_server.streams import NotReady, collected_streams
from cdp_server.suppression import list_path

GARBAGE_THRESHOLD = 50_000
"""Requests leave few cycles behind: looking for them at Python's 700 containers costs a third of the CPU."""


def main() -> None:
    """Collect until interrupted; what was acknowledged is then in the landing folder."""
    load_dotenv(Path(".env"))
    parser = argparse.ArgumentParser(prog="cdp_server", description="Take events over HTTP into the landing folder")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for every one")
    parser.add_argument("--port", type=int, default=8088)
    chosen = parser.parse_args()
    try:
        model = load_model(model_folder())
        streams = collected_streams(model)
    except (ModelError, NotReady, ValueError) as error:
        sys.exit(str(error))
    end = model.company.end_date
    if end and end < dt.date.today():
        print(f"company.yaml ends on {end}: what is collected now lands, and is loaded once `end_date` is later")
    for stream in streams.all():
        print(f"collecting {stream.label} into {stream.folder}")
    print(f"at http://{chosen.host}:{chosen.port}; stop with Ctrl-C", flush=True)
    app = Collector(streams, list_path()).app()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_level="warning", access_log=False, proxy_headers=False)


if __name__ == "__main__":
    main()
