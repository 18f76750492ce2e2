"""All pairs as miniatures, and the models' tests, with the newest release of every library: `tox run -e newest`.

It says what the newest releases break, and fails only where work is not proved: someone else's release must not stop
this project, but a pair that decodes something else must never be reported as measured.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine.versions import read_versions
from benchmarks.record import MEASURED
from tests.support.product import ROOT, read_saves

PAIRS = ("benchmarks", "--weights=mini", "--runs=2", "--warmup-runs=1", "--new-tokens=8")
FILES = ("moondream", "decode_check", "architecture", "adapter", "traffic")
MODELS = ("tests/models", *(f"tests/worker/test_{name}.py" for name in FILES), "-n2", "--benchmark-disable")


def run(folder: Path) -> int:
    """Measure all pairs and run the models' tests; print the outcome, and return 1 if any work is not proved."""
    bench = _run_pytest(*PAIRS, f"--benchmark-storage=file://{folder}")
    tests = _run_pytest(*MODELS)
    save = next(iter(read_saves(folder)), {})
    records = [bench["extra_info"] for bench in save.get("benchmarks", [])] + save.get("unmeasured", [])
    print(f"\nThe newest releases: {', '.join(f'{name} {version}' for name, version in read_versions().items())}")
    for record in records:
        print(f"{record['pair']['id']}: {describe_proof(record)}")
    print(f"{len(records)} pairs (exit code {bench}); the models' tests: exit code {tests}")
    unproved = [record["pair"]["id"] for record in records if is_unproved(record)]
    print(f"Not proved: {', '.join(unproved)}" if unproved else "Every measured pair is proved.")
    return 1 if unproved or not records else 0


def is_unproved(record: Mapping[str, Any]) -> bool:
    """Return whether a pair's runs are reported without a proof, or did other work than they claim."""
    if record["status"] == MEASURED:
        return record["numerics"]["decode_check"] is None
    return "DecodeMismatch" in record["failures"]["by_reason"]


def describe_proof(record: Mapping[str, Any]) -> str:
    """Return how a pair ended, and how far its decoding is from one forward without a cache."""
    found = record["numerics"]["decode_check"]
    if found is None:
        return f"{record['status']}: {record['message'] or record['numerics']['reasons']['decode_check']}"
    return f"{record['status']}, decoding differs by {found['difference']:.1e} of at most {found['bound']:g}"


def _run_pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
