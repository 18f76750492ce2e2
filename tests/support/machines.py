"""The files of a board or another machine, written below a folder."""

from pathlib import Path

L4T = "# R38 (release), REVISION: 4.0, GCID: 1, BOARD: generic, EABI: aarch64\n"
MODES = {
    # of an AGX Orin 64GB (L4T 36) and a Thor T5000 (L4T 38); each mode's limits stand below its name
    "orin": "< PM_CONFIG DEFAULT=2 >\n< POWER_MODEL ID=0 NAME=MAXN >\nGPU MAX_FREQ -1\n"
    "< POWER_MODEL ID=1 NAME=MODE_15W >\n"
    "< POWER_MODEL ID=2 NAME=MODE_30W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=3 NAME=MODE_50W >\n",
    "thor": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=120W >\n< POWER_MODEL ID=2 NAME=90W >\n",
}
MEMINFO = "MemTotal:       128000000 kB\nMemFree: 1000 kB\nMemAvailable:   100000000 kB\n"


def write_board(root: Path, **files: str) -> Path:
    """Write files, named with `__` for `/`, below `root`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def write_jetson(root: Path, model: str, compatible: str, mode: str, modes: str, l4t: str = L4T) -> Path:
    """Build a Jetson: strings of its device tree end in a NUL each."""
    write_board(root, etc__nv_tegra_release=l4t, proc__meminfo=MEMINFO, var__lib__nvpmodel__status=mode)
    (root / "proc/device-tree").mkdir(exist_ok=True)
    for name, text in (("proc/device-tree/model", model), ("proc/device-tree/compatible", compatible)):
        (root / name).write_text(text)
    (root / "etc/nvpmodel.conf").write_text(modes)
    return root
