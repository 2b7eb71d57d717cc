"""From a folder of YAML to a checked Model. All mistakes are collected and reported at once."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from cdp_model.corrections import read_corrections
from cdp_model.crosscheck import crosscheck
from cdp_model.documents import Document, KeyPath, Problem, read_document, yaml_files
from cdp_model.families import TraitEntry
from cdp_model.identity import IdentitySettings
from cdp_model.messages import problems_of
from cdp_model.model import CompanySettings, Model
from cdp_model.names import Name
from cdp_model.overrides import FILE, contradictions, read_overrides
from cdp_model.predictions import MOST_CLUSTERS, Prediction, segments_of_clusters
from cdp_model.sources import Source
from cdp_model.survivorship import ProfileSettings
from cdp_model.syncs import AnyDestination, Sync
from cdp_model.tracking_plan import Plan, SchemaFileKeys, plain, schema_file
from cdp_model.traits import Segment, Trait
from cdp_model.vacuous import vacuous

T = TypeVar("T")
Place = tuple[Document, KeyPath]


class ModelError(Exception):
    """The declared model has mistakes; ``problems`` lists every one with file and line."""

    def __init__(self, root: Path, problems: Collection[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = f"{len(self.problems)} mistake{'s' if len(self.problems) > 1 else ''}"
        super().__init__(f"{count} in the model at {root}:\n" + "\n".join(f"  {p}" for p in self.problems))


@lru_cache(maxsize=8)
def load_model(root: Path) -> Model:
    """Load the company declared in folder ``root``.

    Reads ``company.yaml``, ``identity.yaml``, ``profiles.yaml``, ``traits.yaml``, ``predictions.yaml``,
    ``destinations.yaml``, every YAML file of ``sources/``, ``segments/`` and ``syncs/``, and the YAML and JSON files of
    ``tracking_plan/``. Raises ``ModelError`` with all mistakes found.
    """
    return _load(root)[0]


def check_meaning(root: Path) -> list[Problem]:
    """What is well declared at ``root`` and hardly meant, such as segments that nobody can be in. Loads the model."""
    model, loader = _load(root)
    return sorted(loader.problem(*warned) for warned in vacuous(model))


def _load(root: Path) -> "tuple[Model, _Loader]":
    if not (root / "company.yaml").is_file():
        raise ModelError(
            root, [Problem("company.yaml", 1, "", f"missing: {root} is not the folder of a declared company")]
        )
    loader = _Loader(root)
    company = loader.one("company.yaml", CompanySettings)
    identity = loader.one("identity.yaml", IdentitySettings) or IdentitySettings()
    profiles = loader.one("profiles.yaml", ProfileSettings) or ProfileSettings()
    sources = loader.sources()
    traits = loader.traits()
    predictions = loader.named([root / "predictions.yaml"], Prediction, "Prediction")
    segments = loader.named(yaml_files(root / "segments"), Segment)
    segments |= loader.clusters(predictions, segments)
    destinations = loader.named([root / "destinations.yaml"], AnyDestination, "Destination")
    syncs = loader.named(yaml_files(root / "syncs"), Sync)
    tracking_plan = loader.plans()
    if company is None:
        raise ModelError(root, loader.problems)
    model = Model.model_construct(
        company=company,
        identity=identity,
        profiles=profiles,
        sources=sources,
        traits=traits,
        predictions=predictions,
        segments=segments,
        destinations=destinations,
        syncs=syncs,
        tracking_plan=tracking_plan,
    )
    loader.problems += [loader.problem(*mistake) for mistake in crosscheck(model, loader.broken)]
    if loader.problems:
        raise ModelError(root, loader.problems)
    return model, loader


def check_overrides(root: Path) -> None:
    """Raise ``ModelError`` with all mistakes of ``overrides.csv``, decisions that contradict one another included.

    Not a part of ``load_model``: the file is read again in each run, so that it may change while one is running.
    """
    decisions, problems = read_overrides(root)
    problems += [
        Problem(FILE, wrong.refused.line, "", f"contradiction: {wrong}") for wrong in contradictions(decisions)
    ]
    if problems:
        raise ModelError(root, problems)


def check_corrections(root: Path) -> None:
    """Raise ``ModelError`` with all mistakes of ``corrections.csv``, which each run reads again as well."""
    _, problems = read_corrections(root)
    if problems:
        raise ModelError(root, problems)


def load_identity(path: Path) -> IdentitySettings:
    """Load one file like ``identity.yaml``, wherever it is. Raises ``ModelError`` with all mistakes found."""
    loader = _Loader(path.parent)
    if not path.is_file():
        raise ModelError(path.parent, [Problem(path.name, 1, "", "missing: there is no such file")])
    settings = loader.one(path.name, IdentitySettings)
    if settings is None or loader.problems:
        raise ModelError(path.parent, loader.problems)
    return settings


def load_segments(path: Path, model: Model) -> tuple[dict[str, Segment], list[Problem]]:
    """The segments of one file, wherever it is, checked against ``model``, where they replace those of their names.

    Returns what is hardly meant in them as well, as ``check_meaning`` finds it. Raises ``ModelError`` with all mistakes
    found in the file.
    """
    loader = _Loader(path.parent)
    if not path.is_file():
        raise ModelError(path.parent, [Problem(path.name, 1, "", "missing: there is no such file")])
    segments = loader.named([path], Segment)
    with_them = model.model_copy(update={"segments": {**model.segments, **segments}})
    for kind, name, key, message in crosscheck(with_them, loader.broken):
        if (kind, name) in loader.places:
            loader.problems.append(loader.problem(kind, name, key, message))
    if loader.problems:
        raise ModelError(path.parent, loader.problems)
    warnings = [loader.problem(*warned) for warned in vacuous(with_them) if warned[:2] in loader.places]
    return segments, sorted(warnings)


class _Loader:
    """Reads files and remembers where each declared thing stands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.places: dict[tuple[str, str], Place] = {}
        self.broken: set[tuple[str, str]] = set()

    def one(self, file: str, kind: type[T]) -> T | None:
        """A file that is one object; None when it is missing or wrong."""
        document = self._read(self.root / file)
        if document is None:
            return None
        self.places[(kind.__name__, "")] = (document, ())
        return self._validate(document, (), document.content, kind)

    def sources(self) -> dict[str, Source]:
        """A file for each source, named like it."""
        found: dict[str, Source] = {}
        for path in yaml_files(self.root / "sources"):
            document = self._read(path)
            source = document and self._validate(document, (), document.content, Source)
            if not document or not source:
                self.broken.add(("Source", path.stem))
                continue
            if source.name in found:
                self.problems.append(document.problem(("name",), f"source `{source.name}` is declared twice"))
            found[source.name] = source
            self.places[("Source", source.name)] = (document, ())
        if not found and not self.problems:
            self.problems.append(Problem("sources/", 1, "", "no source is declared: add sources/<name>.yaml"))
        return found

    def named(self, paths: Any, kind: Any, label: str = "") -> dict[str, Any]:
        """Files that map names to objects of one kind, together. ``label`` names the kind where it is a union."""
        label = label or kind.__name__
        found: dict[str, Any] = {}
        for path in paths:
            document = self._read(path)
            for name, content in (document.content if document else {}).items():
                assert document
                if name in found or (label, name) in self.broken:
                    self.problems.append(document.problem((name,), f"`{name}` is declared twice"))
                    continue
                self.places[(label, name)] = (document, (name,))
                self._validate(document, (name,), name, Name)
                value = self._validate(document, (name,), content, kind)
                if value is None:
                    self.broken.add((label, name))
                else:
                    found[name] = value
        return found

    def traits(self) -> dict[str, Trait]:
        """The traits, those of families among them, each with the place of its entry."""
        found: dict[str, Trait] = {}
        for entry, declared in self.named([self.root / "traits.yaml"], TraitEntry, "Trait").items():
            document, place = self.places[("Trait", entry)]
            for name, trait in ({entry: declared} if isinstance(declared, Trait) else declared.traits(entry)).items():
                if name in found:
                    self.problems.append(document.problem(place, f"`{name}` is declared twice"))
                found[name] = trait
                self.places[("Trait", name)] = (document, place)
        return found

    def clusters(self, predictions: dict[str, Prediction], segments: dict[str, Segment]) -> dict[str, Segment]:
        """The segments of clusters, each with the place of its prediction."""
        for kind, name in sorted(self.broken):
            if kind == "Prediction":
                self.broken |= {("Segment", f"{name}_{number}") for number in range(1, MOST_CLUSTERS + 1)}
        found = segments_of_clusters(predictions)
        for name, (prediction, _) in found.items():
            if name in segments:
                document, place = self.places[("Segment", name)]
                message = f"`{name}` is already a group of prediction `{prediction}`; choose another name"
                self.problems.append(document.problem(place, message))
            self.places[("Segment", name)] = self.places[("Prediction", prediction)]
        return {name: segment for name, (_, segment) in found.items()}

    def plans(self) -> dict[str, Plan]:
        """A plan for each file of the tracking plan, by the name of the file."""
        found: dict[str, Plan] = {}
        for path in yaml_files(self.root / "tracking_plan", ".json"):
            if document := self._read(path):
                one_event = path.suffix == ".json"
                plan = self._validate(document, (), document.content, SchemaFileKeys if one_event else Plan)
                if plan:
                    found[path.name] = schema_file(plan, plain(document.content)) if one_event else plan
                    self.places[("Plan", path.name)] = (document, ())
        return found

    def problem(self, kind: str, name: str, path: KeyPath, message: str) -> Problem:
        """A problem of something declared, where it stands."""
        document, prefix = self.places[(kind, name)]
        return document.problem((*prefix, *path), message)

    def _read(self, path: Path) -> Document | None:
        if not path.is_file():
            return None
        document = read_document(self.root, path)
        if isinstance(document, Problem):
            self.problems.append(document)
            return None
        return document

    def _validate(self, document: Document, prefix: KeyPath, content: Any, kind: Any) -> Any:
        try:
            return TypeAdapter(kind).validate_python(content)
        except ValidationError as error:
            self.problems += problems_of(error, document, prefix, kind)
            return None
