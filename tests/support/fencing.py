"""`python -m tests.support.fencing BOOTSTRAP GROUP INPUT OUTPUT`: one writer shuts another out, in one process.

What librdkafka says goes to a log that this prints, a line a record: logger, template, and whether it had arguments.
"""

import logging
import sys
import time
from contextlib import suppress

from confluent_kafka import KafkaException

from filters.errors import DeliveryError
from streams.emit import OutputRecord
from streams.transactions import KafkaTransactions

SECONDS = 20.0


class Printing(logging.Handler):
    """Prints templates, and counts the records of librdkafka."""

    told = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.told += record.name == "veilstream.librdkafka"
        sys.stdout.write(f"{record.name} {bool(record.args)} {record.msg}\n")


def main() -> None:
    """Exit code 1 where the one that was shut out could write."""
    bootstrap, group, source, target = sys.argv[1:]
    handler = Printing()
    logging.getLogger().addHandler(handler)
    client = {"bootstrap.servers": bootstrap, "log_level": 2}
    earlier, later = (KafkaTransactions(client, group, (source, 1), 1 << 20, SECONDS) for _ in range(2))
    earlier.open(SECONDS)
    later.open(SECONDS)
    try:
        earlier.write([OutputRecord(target, b"k", b"v")], 1, SECONDS)
    except DeliveryError:
        deadline = time.monotonic() + SECONDS
        while not handler.told and time.monotonic() < deadline:
            with suppress(KafkaException):
                earlier._producer.poll(0.2)  # which is when it speaks
    else:
        sys.exit(1)
    earlier.close()
    later.close()


if __name__ == "__main__":
    main()
