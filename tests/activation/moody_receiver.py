"""A destination that misbehaves on demand."""

import threading
from collections import deque

from examples.receiver import Answer, Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class MoodyReceiver(Receiver):
    """A receiver with a script of misbehaviours, one for each request, and rows that it does not like."""

    def __init__(self) -> None:
        super().__init__(0, SECRET)
        self.script: deque[str] = deque()
        self.poison: set[str] = set()
        self.disliked: set[str] = set()
        self.attempts: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.released = threading.Event()
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    def behave(self) -> None:
        """No more misbehaviour."""
        self.script.clear()
        self.poison.clear()
        self.disliked.clear()

    def answer(self, headers: dict[str, str], body: str) -> Answer:
        """As the script has it; after its end, well."""
        self.attempts.append(headers)
        self.bodies.append(body)
        mood = self.script.popleft() if self.script else "good"
        if mood == "reset":
            raise ConnectionResetError
        if mood == "slow":
            self.released.wait(5)
        if mood.isdigit() or mood.startswith("429"):
            return int(mood[:3]), {"retry-after": mood[4:]} if mood[4:] else {}, {"error": "not now"}
        changes = self._verifier.verify(body, headers)["changes"]
        refused = [change["key"] for change in changes if change["key"] in self.poison]
        if refused:
            return 400, {}, {"error": f"bad row {refused[0]}"}
        disliked = {change["key"] for change in changes if change["key"] in self.disliked}
        if disliked:
            return self._all_but(disliked, headers, body)
        answer = super().answer(headers, body)
        if mood == "lost":
            raise ConnectionResetError
        return answer

    def _all_but(self, disliked: set[str], headers: dict[str, str], body: str) -> Answer:
        message = self._verifier.verify(body, headers)
        message["changes"] = [change for change in message["changes"] if change["key"] not in disliked]
        if headers["webhook-id"] not in self.messages:
            self.messages.append(headers["webhook-id"])
            self._apply(message)
        return 200, {}, {"rejected": [{"key": key, "error": f"{key} bounces"} for key in sorted(disliked)]}
