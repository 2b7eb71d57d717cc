"""Third stage: which records are about the same person, and why."""

import dagster as dg

from cdp_assets.identity.accuracy import accuracy_against_truth
from cdp_assets.identity.evidence import evidence
from cdp_assets.identity.households import households
from cdp_assets.identity.linkage_models import declared_settings_are_promoted, linkage_models, model_is_sound
from cdp_assets.identity.links import links
from cdp_assets.identity.overrides import overrides
from cdp_assets.identity.persons import no_giant_person, persons
from cdp_assets.identity.quality import quality
from cdp_assets.identity.record_persons import every_record_has_a_person, record_persons, record_persons_are_unique
from cdp_assets.identity.review_queue import review_queue
from cdp_model import Model


def assets(_model: Model) -> list[dg.AssetsDefinition]:
    """From evidence to people."""
    return [evidence, linkage_models, links, overrides, record_persons, persons, households, review_queue, quality]


def checks(_model: Model) -> list[dg.AssetChecksDefinition]:
    """What must hold of people, and how right they are where the truth is known."""
    return [
        model_is_sound,
        declared_settings_are_promoted,
        record_persons_are_unique,
        every_record_has_a_person,
        no_giant_person,
        accuracy_against_truth,
    ]
