"""What can be wrong with an installation, each looked at on its own: nothing here stops at the first failure."""

import asyncio
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from json import loads
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname
from uuid import uuid4

from filters.errors import ConfigurationError, DeliveryError, ObjectError, ObjectStoreError
from filters.policy import Keeping
from models.manifest import load_manifest
from models.session import RuntimeReport, runtime_report
from models.weights import WeightStore
from streams.object_store import ObjectStore, ObstoreObjects, S3Options
from streams.object_url import TENANT_MARK, bucket_names, prefix_of, under
from streams.policy_files import policy_files
from streams.settings import Settings
from streams.topic_admin import TopicAdmin, librdkafka_arguments
from streams.topics import TopicSizing, wanted_topics
from streams.transactions import require_transactions

DISTRIBUTION = "veilstream"
PACKAGES = ("filters", "models", "streams")
OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = (3, 11), (3, 14)


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Works, and somebody should know."""
    FAILED = "failed"


class Cause(StrEnum):
    """Where a failure has to be mended."""

    INSTALLATION = "installation"
    CONFIGURATION = "configuration"
    DEPENDENCY = "dependency"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report; `cause` only with `FAILED`."""

    name: str
    status: Status
    detail: str
    cause: Cause | None = None


def installation_checks() -> list[CheckResult]:
    """What holds without any settings: Python, onnxruntime, and that the three packages are ours."""
    return [python_version(sys.version_info[:2]), onnx_runtime(runtime_report()), *map(package_owner, PACKAGES)]


def settings_checks(settings: Settings) -> list[CheckResult]:
    """What the settings point at, brokers apart."""
    return [weights(settings), master_key(settings), policy_source(settings)]


def python_version(version: tuple[int, int]) -> CheckResult:
    """A Python that the locked dependencies are made for."""
    name = ".".join(map(str, version))
    if OLDEST_PYTHON <= version < FIRST_UNTRIED_PYTHON:
        return CheckResult("python", Status.OK, name)
    return _failed("python", f"{name} is none of 3.11, 3.12, 3.13", Cause.INSTALLATION)


def onnx_runtime(report: RuntimeReport) -> CheckResult:
    """Exactly one onnxruntime, and one that works: two of them fill the same folder, and no GPU is found."""
    names = " and ".join(report.distributions)
    if not report.distributions:
        problem = "not installed; install veilstream[cpu] or veilstream[gpu]"
    elif report.conflicting:
        problem = f"{names} are both installed and overwrite each other; uninstall both, then install one"
    elif not report.providers:
        problem = f"{names} is installed and cannot be imported; uninstall it, then install it again"
    else:
        installed = ", ".join(f"{name} {version}" for name, version in report.distributions.items())
        return CheckResult("onnxruntime", Status.OK, f"{installed}: {', '.join(report.providers)}")
    return _failed("onnxruntime", problem, Cause.INSTALLATION)


def package_owner(package: str) -> CheckResult:
    """`package` is imported from this distribution and not from another one that uses the same plain name."""
    name = f"package {package}"
    spec = find_spec(package)
    place = Path(spec.origin) if spec and spec.origin else None
    if place is None or not place.is_relative_to(_home() / package):
        found = place or "nowhere"
        return _failed(
            name, f"imported from {found}, not from {DISTRIBUTION}; use an environment of its own", Cause.INSTALLATION
        )
    others = sorted(set(metadata.packages_distributions().get(package, ())) - {DISTRIBUTION})
    if others:
        return _failed(
            name, f"also installed by {', '.join(others)}; use an environment of its own", Cause.INSTALLATION
        )
    return CheckResult(name, Status.OK, str(place.parent))


def weights(settings: Settings) -> CheckResult:
    """The files of the configured detectors are where they belong and have the manifest's digests."""
    options = settings.models
    names = [name for name in (options.face, options.text, options.ocr) if name]
    try:
        manifest, store = load_manifest(options.manifest), WeightStore(options.cache_dir)
        names += manifest.entry(options.face).ensemble
        places = [f"{name}: {store.path(manifest.entry(name))}" for name in names]
    except ConfigurationError as error:
        return _failed("weights", str(error), Cause.CONFIGURATION)
    return CheckResult("weights", Status.OK, "; ".join(places))


def master_key(settings: Settings) -> CheckResult:
    """Whether a key is set, or needed; settings already refused a malformed one."""
    if settings.keys.master is None and settings.delivery.dead_letters_without_policy is Keeping.SEALED:
        needed = "none, and delivery.dead_letters_without_policy asks for one; set VEILSTREAM_KEYS__MASTER"
        return _failed("key", needed, Cause.CONFIGURATION)
    if settings.keys.master is None:
        return CheckResult("key", Status.NOTE, "none: policies that hold, seal, hash or pseudonymize are refused")
    return CheckResult("key", Status.OK, "set")


def policy_source(settings: Settings) -> CheckResult:
    """Where policies come from; a folder must hold at least one."""
    folder = settings.policies.folder
    if folder is None:
        return CheckResult("policies", Status.OK, f"topic {settings.topics.policies}")
    if not folder.is_dir():
        return _failed("policies", f"{folder} is not a folder", Cause.CONFIGURATION)
    count = len(policy_files(folder))
    if not count:
        return _failed("policies", f"{folder} holds no policy; every record would be rejected", Cause.CONFIGURATION)
    return CheckResult("policies", Status.OK, f"{count} in {folder}")


def brokers(settings: Settings, timeout: float) -> list[CheckResult]:
    """Kafka answers within `timeout` seconds a request, has the topics, and can keep what is promised."""
    try:
        arguments = librdkafka_arguments(settings.kafka)
        if settings.delivery.transactional:
            require_transactions(arguments, timeout)
        admin = TopicAdmin(arguments, timeout)
        count = admin.brokers()
        names = [spec.name for spec in wanted_topics(settings.topics, TopicSizing())]
        missing = sorted(set(names) - admin.names())
    except DeliveryError as error:
        return [_failed("kafka", str(error), Cause.DEPENDENCY)]
    except ConfigurationError as error:
        return [_failed("kafka", str(error), Cause.CONFIGURATION)]
    topics = (
        CheckResult("topics", Status.NOTE, f"missing: {', '.join(missing)}; see `veilstream topics plan`")
        if missing
        else CheckResult("topics", Status.OK, f"all {len(names)}")
    )
    kafka = CheckResult("kafka", Status.OK, f"{settings.kafka.bootstrap_servers}: {count} broker(s)")
    return [kafka, topics, guarantee(settings)]


def guarantee(settings: Settings) -> CheckResult:
    """What consumers have to do for the guarantee that is set."""
    if settings.delivery.transactional:
        detail = "exactly once, for consumers with isolation.level=read_committed; others see what was aborted"
        return CheckResult("delivery", Status.NOTE, detail)
    return CheckResult("delivery", Status.OK, "at least once: consumers drop repeated veilstream-verdict ids")


def objects(settings: Settings, timeout: float) -> list[CheckResult]:
    """The stores of images by reference answer within `timeout` seconds a prefix; nothing is read or written."""
    given = settings.objects
    s3 = S3Options(given.endpoint, given.region, 2 * timeout)
    store = ObstoreObjects(bucket_names(given.prefixes), s3)
    results = [_store_answers(store, prefix, timeout) for prefix in given.prefixes]
    # the folder of releases is made when it is needed
    return [*results, *(_no_folder(prefix) for prefix in given.allowed if not _allowed_folder(prefix).is_dir())]


def _store_answers(store: ObjectStore, prefix: str, timeout: float) -> CheckResult:
    """Asks for an object that is not there."""
    url = under(prefix_of(prefix, "veilstream-doctor"), uuid4().hex)
    try:
        asyncio.run(store.fetch(url, 0, timeout))
    except ObjectStoreError as error:
        return _failed("objects", f"{prefix}: {error} ({error.reason})", Cause.DEPENDENCY)
    except ObjectError:
        pass  # as it should be
    return CheckResult("objects", Status.OK, prefix)


def _allowed_folder(prefix: str) -> Path:
    """The folder above all tenants'; for other schemes one that is there."""
    return Path(prefix.removeprefix("file://").partition(TENANT_MARK)[0] if prefix.startswith("file://") else "/")


def _no_folder(prefix: str) -> CheckResult:
    return _failed("objects", f"{prefix}: {_allowed_folder(prefix)} is not a folder", Cause.CONFIGURATION)


def _failed(name: str, detail: str, cause: Cause) -> CheckResult:
    return CheckResult(name, Status.FAILED, detail, cause)


def _home() -> Path:
    """The folder that holds our packages: the checkout of an editable installation, else site-packages."""
    distribution = metadata.distribution(DISTRIBUTION)
    origin = loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlparse(origin["url"]).path))
    return Path(str(distribution.locate_file("")))
