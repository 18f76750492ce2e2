"""`python -m benchmarks.power` on made-up boards and drivers.

Tests benchmarks.power.__main__ and benchmarks.power.selftest.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.machine import device
from benchmarks.power import selftest
from benchmarks.power.__main__ import format_report
from benchmarks.power.analysis import warnings
from benchmarks.power.base import PowerSample, PowerTarget
from tests.support import boards, product, trees

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

S = 1_000_000_000


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the self-test as a user does."""
    return product.run(
        [sys.executable, "-m", "benchmarks.power", "--seconds=0.5", *arguments], product.ROOT, **settings
    )


def test_a_board_s_sensor(tmp_path: Path) -> None:
    """With a Thor's files hwmon works, and missing sensors give their reason."""
    trees.hwmon(tmp_path, "thor")
    found = {
        verdict["name"]: verdict for verdict in selftest.examine_sensors(PowerTarget("cuda:0", root=tmp_path), 1.0)
    }
    hwmon = found["hwmon"]

    assert set(found) == {"hwmon", "jtop", "nvml", "rapl", "tegrastats"}
    assert hwmon["works"]
    assert hwmon["sensor"] is not None
    assert hwmon["sensor"]["rails"] == ("VDD_GPU", "VDD_CPU_SOC_MSS")
    assert hwmon["seen"] is not None
    assert hwmon["seen"]["mean_w"] == pytest.approx(39.2)
    assert 10 < (hwmon["seen"]["rate_hz"] or 0) < 25
    assert hwmon["seen"]["reasons"]["counter_mean_w"] == "the sensor has no energy counter"
    assert not found["rapl"]["works"]
    assert found["rapl"]["why_not"]
    assert selftest.choose_auto(PowerTarget("cuda:0", root=tmp_path)) == ("hwmon", None)


def test_the_boards_of_the_study(tmp_path: Path, nvml_library: Path) -> None:
    """The report names each board, and scope, rails and idle watts of its working sensors."""
    stats = boards.with_tegrastats(tmp_path / "bin", os.environ["PATH"])
    settings = {
        "gb10": boards.gb10(tmp_path / "gb10", nvml_library),
        "orin": boards.orin(tmp_path / "orin"),
        "thor": boards.thor(tmp_path / "thor") | stats,
    }
    for name, (first, covers, works) in {
        "gb10": ("Dell Pro Max GB10 (gb10)\nNVIDIA GB10; driver 580.95.05\n", "gpu", {"nvml": boards.GB10_W}),
        "orin": (
            "Jetson AGX Orin (jetson-agx-orin)\nJetson AGX Orin 64GB; L4T 36.4.4; JetPack 6.2.1; power mode MODE_30W\n",
            "gpu+soc, rails VDD_GPU_SOC\n",
            {"hwmon": 15.2},
        ),
        "thor": (
            "Jetson Thor (jetson-thor)\nJetson AGX Thor; L4T 38.4.0; JetPack 7.1; power mode 120W\n",
            "gpu+soc, rails VDD_GPU, VDD_CPU_SOC_MSS\n",
            {"hwmon": boards.THOR_W, "tegrastats": boards.THOR_W},
        ),
    }.items():
        done = run("--json", **settings[name])
        found = json.loads(done.stdout)
        said = "\n".join(format_report(found)) + "\n"
        seen = {verdict["name"]: verdict["seen"] for verdict in found["sensors"] if verdict["works"]}

        assert done.returncode == 0, done.stderr
        assert {sensor: of["mean_w"] for sensor, of in seen.items()} == {s: pytest.approx(w) for s, w in works.items()}
        assert said.startswith(f"{first}device and sensor files are read from the folder $EDGE_VLM_BENCH_ROOT, ")
        assert f"    covers {covers}" in said
        assert all(f"    idle (no model runs now): {watts:.3g} W\n" in said for watts in works.values())
        assert said.count("    smallest step seen: unknown (the readings never changed)\n") == len(works)
        assert said.endswith(f"--power-monitor=auto chooses {next(iter(works))}.\n")


def test_on_the_cpu_a_gpus_sensor_says_what_it_does_not_cover(nvml_library: Path) -> None:
    """For a model on the CPU auto does not choose NVML, and the report says what naming it does."""
    done = run("--torch-device=cpu", LD_LIBRARY_PATH=str(nvml_library))

    assert (
        "a GPU sensor does not measure a model that runs on the CPU: auto does not choose it; if it is" in done.stdout
    )
    if done.returncode == 1:  # where there is no counter of the processor's
        assert done.stdout.rstrip().endswith("type --power-monitor=nvml to measure anyway.")


def test_an_arm_processor_has_no_rapl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an Arm board the refusal does not suggest Intel's module."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    (rapl,) = [
        verdict
        for verdict in selftest.examine_sensors(PowerTarget("cpu", root=tmp_path), 0.1)
        if verdict["name"] == "rapl"
    ]

    assert (
        rapl["why_not"]
        == "rapl: an Arm processor has no such counters; type --power-monitor=csv:FILE for the log of a meter."
    )


def test_a_root_that_is_no_folder() -> None:
    """An EDGE_VLM_BENCH_ROOT that is not a folder is refused with what it must hold."""
    done = run(EDGE_VLM_BENCH_ROOT="/no/such/folder")

    assert done.returncode == 2
    assert "EDGE_VLM_BENCH_ROOT=/no/such/folder: there is no such folder; type one with proc and sys" in done.stderr


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ("orin", "+-0.462 W (+-80 uV at each shunt (TI SBOS576): 2 mOhm at 20 V, from tegra234-p3701.dtsi of Linux)"),
        ("thor", "not specified (the shunts of Jetson Thor are not specified)"),
    ],
)
def test_what_is_stated_of_a_sensor(tmp_path: Path, board: str, said: str) -> None:
    """The report lists a sensor's specified errors, their sources, and what is not specified."""
    trees.hwmon(tmp_path, board)
    target = PowerTarget("cuda:0", root=tmp_path)
    found: dict[str, Any] = {
        "device": device.identify("cpu", root=tmp_path),
        "torch_device": "cuda:0",
        "torch_says": "",
        "auto": {"sensor": "hwmon", "why_none": None},
        "sensors": [verdict for verdict in selftest.examine_sensors(target, 0.2) if verdict["name"] == "hwmon"],
    }

    told = "\n".join(format_report(found))
    assert "    gain error: not specified (TI's SBOS576 specifies 0.25% at most for the INA3221; " in told
    assert f"    offset error at 0 W: {said}\n    a reading averages over: 0.007 s\n" in told
    assert ("    smallest step specified for its chips: 0.4 W\n" in told) == (board == "orin")


def test_what_a_series_tells() -> None:
    """Rate, update period, step and counter power come from the readings."""
    samples = [PowerSample(tick * S // 20, 10.0 + (tick // 4 % 20) * 0.5, tick / 20 * 12.0) for tick in range(200)]
    seen = selftest.summarise(samples, None)

    assert seen["rate_hz"] == pytest.approx(20.0)
    assert seen["update_period_s"] == pytest.approx(0.2)
    assert seen["resolution_w"] == pytest.approx(0.5)
    assert (seen["min_w"], seen["max_w"]) == (10.0, 19.5)
    assert seen["counter_mean_w"] == pytest.approx(12.0)
    assert seen["void_samples"] == 0


def test_a_sensor_that_gives_nothing() -> None:
    """Readings without a number are void and give no values."""
    seen = selftest.summarise([PowerSample(tick * S, None) for tick in range(5)], "the chip is gone")

    assert (seen["mean_w"], seen["counter_mean_w"], seen["void_samples"]) == (None, None, 5)
    assert seen["lost"] == "the chip is gone"
    assert (
        warnings.explain_no_energy([], "the chip is gone")
        == "there was no reading; the sensor stopped early: the chip is gone"
    )
    assert set(seen["reasons"]) >= {"mean_w", "resolution_w", "update_period_s", "counter_mean_w"}


def test_a_sensor_that_reads_0_w_does_not_work(tmp_path: Path) -> None:
    """A counter that never moves, as in some virtual machines, does not work."""
    trees.rapl(tmp_path, {"intel-rapl:0": "package-0"})
    (rapl,) = [
        found for found in selftest.examine_sensors(PowerTarget("cpu", root=tmp_path), 0.2) if found["name"] == "rapl"
    ]

    assert not rapl["works"]
    assert (
        rapl["why_not"]
        == "rapl: the sensor opens, but in 0.2 s the sensor read 0 W throughout, but every device draws power"
    )


def test_its_json(nvml_library: Path) -> None:
    """The JSON names device and sensors, with a reason for every null, even without CUDA in torch."""
    done = run("--json", LD_LIBRARY_PATH=str(nvml_library), FAKE_MW="42500")
    found: dict[str, Any] = json.loads(done.stdout)
    nvml = next(verdict for verdict in found["sensors"] if verdict["name"] == "nvml")

    assert done.returncode == 0, done.stderr
    assert found["auto"] == {"sensor": "nvml", "why_none": None}
    assert "finds no CUDA device" in found["torch_says"]
    assert nvml["seen"]["mean_w"] == pytest.approx(42.5)
    assert nvml["seen"]["counter_mean_w"] == pytest.approx(42.5, rel=0.05)
    assert nvml["sensor"]["scope"] == "gpu"
    for name, value in nvml["seen"].items():
        assert value is not None or name in nvml["seen"]["reasons"]


def test_its_words(nvml_library: Path) -> None:
    """The report says whether each sensor works, and which one auto chooses."""
    done = run(LD_LIBRARY_PATH=str(nvml_library))

    assert "nvml works: NVML driver 580.95.05" in done.stdout
    assert "hwmon, tegrastats, jtop do not work: no file identifies a Jetson board; " in done.stdout
    assert done.stdout.rstrip().endswith("--power-monitor=auto chooses nvml.")


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--seconds=0", "asked for '0', needs seconds above 0 and below 3600"),
        ("--torch-device=gpu", "there is no 'gpu'"),
    ],
)
def test_bad_usage(option: str, complaint: str) -> None:
    """Bad usage is exit code 2 and one sentence."""
    done = run(option)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("exec {} >/dev/full", "The test broke off (No space left on device)"),
        ("exec {} <&- >&-", ""),
    ],
    ids=["full disk", "closed"],
)
def test_a_shell_that_lacks_something_gets_a_sentence(tmp_path: Path, shell: str, said: str) -> None:
    """Without room for the output, or any output, the self-test ends without a traceback."""
    command = f"{sys.executable} -m benchmarks.power --seconds=0.1 --torch-device=cpu"
    done = product.run(["sh", "-c", shell.format(command)], EDGE_VLM_BENCH_ROOT=str(tmp_path))

    assert done.stderr == (f"{said}: check the output's disk and ulimit -n.\n" if said else "")
    assert done.returncode == (2 if said else 1)


def test_a_shell_that_allows_few_files_is_named(tmp_path: Path) -> None:
    """Where too few files may be open to start a process, the report says so, and what to type."""
    command = f"ulimit -n 10; exec {sys.executable} -m benchmarks.power --seconds=0.1 --torch-device=cuda"
    done = product.run(["sh", "-c", command], EDGE_VLM_BENCH_ROOT=str(tmp_path))

    assert (done.returncode, done.stderr) == (1, "")
    assert "A process cannot be started (Too many open files); type `ulimit -n 1024` before the command." in done.stdout
