"""The simulators' command line: `python -m simulators`; where each one listens is one JSON line on stdout."""

from __future__ import annotations

import argparse
import sys

from simulators import faults, keys

DEFAULT_PORTS = 16  # one PON card
PORTS_LIMIT = 4_096
DEFAULT_METERS = 4
METERS_LIMIT = 2_000  # one TCP connection each


def address(choice: str) -> tuple[str, int] | None:
    """The broker's host and port, or None for auto and embedded; ValueError for anything else."""
    if choice in ("auto", "embedded"):
        return None
    host, colon, port = choice.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"broker {choice!r}: use auto, embedded or host:port")
    return host, int(port)


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat passwords, keys and chances")
    parser.add_argument("--broker", default="auto", help="auto, embedded or host:port")
    parser.add_argument("--fault", action="append", default=[], metavar="ELEMENT:KIND[:MATCH[:COUNT]]")
    parser.add_argument("--ports", type=int, default=DEFAULT_PORTS, help="ports of the OLT")
    parser.add_argument("--meters", type=int, default=DEFAULT_METERS, help="meters on the broker")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.ports <= PORTS_LIMIT:
        parser.error(f"--ports {chosen.ports}: use 1 to {PORTS_LIMIT}")
    if not 0 <= chosen.meters <= METERS_LIMIT:
        parser.error(f"--meters {chosen.meters}: use 0 to {METERS_LIMIT}")
    chosen.keys = keys.Keys(chosen.seed)
    chosen.plan = faults.Plan(chosen.keys)
    try:
        for words in chosen.fault:
            chosen.plan.parse(words)
        chosen.address = address(chosen.broker)
    except ValueError as error:
        parser.error(str(error))
    return chosen


def main() -> None:
    """Run the simulators until stdin closes or SIGTERM comes."""
    chosen = options(sys.argv[1:])
    from simulators import house  # the protocols take most of a second to load: a usage error does not wait

    house.run(chosen)


if __name__ == "__main__":
    main()
