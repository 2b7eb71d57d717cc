"""What is wrong with how records are linked: identifiers that no source gives, thresholds that contradict."""

from collections.abc import Collection, Iterator

from cdp_model.crosscheck.references import Mistake, sources_are_known
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model

OF_EVERY_COMPANY = {"email", "phone", "device"}


def identity_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Of what is declared; the defaults name identifiers that many companies have and this one may not."""
    identity = model.identity
    declared = {kind for _, _, s in model.streams() if s.customers for kind in s.customers.identifiers}
    known = OF_EVERY_COMPANY | declared
    for field in ("strong", "shared_prone", "exclusive"):
        is_checked = field in identity.model_fields_set and sources_are_known(broken)
        for i, kind in enumerate(getattr(identity, field) if is_checked else []):
            if kind not in known:
                yield (
                    "IdentitySettings",
                    "",
                    (field, i),
                    f"no source has identifier `{kind}`{did_you_mean(kind, known)}",
                )
    if identity.candidate_threshold > identity.link_threshold:
        field = "candidate_threshold" if "candidate_threshold" in identity.model_fields_set else "link_threshold"
        message = "`candidate_threshold` is above `link_threshold`: pairs that come together would not be kept"
        yield "IdentitySettings", "", (field,), message
