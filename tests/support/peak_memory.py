"""Reads a file chunk by chunk and prints by how much the memory of this process grew at its peak.

Run as a program, so that each file has a process of its own: ``peak_memory.py FILE CHUNK_EVENTS``. One
chunk is read before the count begins, so that libraries and compiled code are no part of it. Mapped
pages of the file itself, which the system takes back when it likes, are not counted.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from emulator.objects import open_file


def own_bytes() -> int:
    """Return the memory of this process that is no mapped file."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    msg = "this system does not tell RssAnon"
    raise OSError(msg)


def watched(stop: threading.Event, peak: list[int]) -> None:
    """Keep the largest number of bytes until told to stop."""
    while not stop.wait(0.002):
        peak[0] = max(peak[0], own_bytes())


def main(path: str, chunk_events: int) -> None:
    """Read the file and print what was found as JSON."""
    reader = open_file(path, order="readout")
    for chunk in reader.chunks(chunk_events=chunk_events):
        first = chunk.events.nbytes
        break
    before = own_bytes()
    stop, peak = threading.Event(), [before]
    thread = threading.Thread(target=watched, args=(stop, peak))
    thread.start()
    events = total = 0
    for chunk in reader.chunks(chunk_events=chunk_events):
        events += len(chunk.events)
        total += chunk.events.nbytes
    stop.set()
    thread.join()
    found = {"events": events, "bytes": total, "chunk": first, "grown": peak[0] - before}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
