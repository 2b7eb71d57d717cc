"""What goes wrong while a source is asked, in words without personal data and without secrets."""

import requests


class PullFailed(Exception):
    """Rows could not be fetched; nothing of the pull has landed. The message says why and what to do."""


def why_not(error: requests.RequestException) -> str:
    """What an API did wrong. Never its address, which may have a key in it, nor its answer, which may have people."""
    response = error.response
    if response is None:
        return f"no answer ({type(error).__name__}): is the address right, and the server up?"
    status = f"answered {response.status_code} {response.reason or ''}".strip()
    if response.status_code in (401, 403):
        return f"{status}: are the credentials right, and allowed to read this?"
    if response.status_code == 404:
        return f"{status}: is the path right?"
    if response.status_code == 429:
        return f"{status}, and still did after all attempts: raise `max_attempts`, or pull less often"
    if response.status_code >= 500:
        return f"{status}, and still did after all attempts: pull again later"
    return f"{status}: are parameters and body right?"
