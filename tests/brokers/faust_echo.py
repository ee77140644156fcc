"""A Faust worker that copies one topic to another; run as `python -m tests.brokers.faust_echo BROKER GROUP IN OUT`."""

import sys

import faust


def main(bootstrap: str, group: str, source: str, target: str) -> None:
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_commit_interval=0.2,
        web_enabled=False,
        store="memory://",
    )
    inputs = app.topic(source, value_serializer="raw", value_type=bytes)
    outputs = app.topic(target, value_serializer="raw", value_type=bytes)

    @app.agent(inputs)
    async def echo(stream):
        async for event in stream.events():
            await outputs.send(key=event.key, value=event.value)

    faust.Worker(app, loglevel="WARN", override_logging=True).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
