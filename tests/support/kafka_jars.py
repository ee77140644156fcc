"""Apache Kafka by Maven coordinates: fetched once into `.cache/kafka/VERSION`, checksums verified by Maven."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

KAFKA_VERSION = "4.4.0"
"""aiokafka 0.14, Faust 0.15.3 and confluent-kafka 2.16 all speak to it; it runs on Java 17."""
LOG4J_VERSION = "2.25.5"
"""The log4j that this Kafka depends on; the binding for SLF4J must be of the same version."""
JAVA_NEEDED = 17
FETCH_SECONDS = 600

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>veilstream.tests</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def why_no_real_kafka() -> str | None:
    """The reason why this machine cannot run an Apache Kafka; None where it can."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        return f"a real Apache Kafka needs {' and '.join(missing)}, not on this machine"
    version = _java_version()
    if version < JAVA_NEEDED:
        return f"a real Apache Kafka needs Java {JAVA_NEEDED}, this machine has {version}"
    return None


def _java_version() -> int:
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True, timeout=60)
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else 0


def kafka_jars(cache: Path) -> Path:
    """The folder with Kafka's jars under `cache`, fetched where absent.

    Raises:
        RuntimeError: Maven could not fetch them; its last lines are in the message.
    """
    home = cache / "kafka" / KAFKA_VERSION
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=home.parent, prefix="fetching-"))
    try:
        _fetch(staging)
        # Another run may have been faster: its folder is as good as ours.
        if not home.is_dir():
            (staging / "jars").rename(home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return home


def _fetch(staging: Path) -> None:
    pom = staging / "pom.xml"
    pom.write_text(_POM)
    command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", str(pom), _COPY]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={staging / 'jars'}"]
    answer = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=FETCH_SECONDS,
        env=os.environ | {"MAVEN_OPTS": "-Xmx256m"},
    )
    if answer.returncode:
        raise RuntimeError("Maven could not fetch Apache Kafka:\n" + (answer.stdout + answer.stderr)[-2000:])
