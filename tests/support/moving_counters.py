"""Let energy counters go on until the process is killed: TOP_UJ FILE=WATTS..."""

import sys
import time
from pathlib import Path


def move(top_uj: int, files: dict[Path, float]) -> None:
    """Write each counter anew every two milliseconds, whole: a reader finds the old value or the new one."""
    begun = time.monotonic()
    while True:
        for file, watts in files.items():
            new = file.with_name("new")
            new.write_text(f"{round(watts * (time.monotonic() - begun) * 1e6) % top_uj}\n")
            new.replace(file)
        time.sleep(2e-3)


if __name__ == "__main__":
    pairs = (argument.rpartition("=") for argument in sys.argv[2:])
    move(int(sys.argv[1]), {Path(file): float(watts) for file, _, watts in pairs})
