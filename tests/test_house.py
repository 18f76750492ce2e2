"""Each module of the product is named by a test file, so that its tests can be found."""

import ast
import re
from pathlib import Path

from tests.support import product

NOT_YET: set[str] = {
    "benchmarks.elsewhere",
    "benchmarks.hub.checkpoint",
    "benchmarks.hub.client",
    "benchmarks.hub.errors",
    "benchmarks.hub.files",
    "benchmarks.hub.prefetch",
    "benchmarks.machine.bandwidth",
    "benchmarks.machine.cpu",
    "benchmarks.machine.device",
    "benchmarks.machine.estimate",
    "benchmarks.machine.health",
    "benchmarks.machine.jetson",
    "benchmarks.machine.memory",
    "benchmarks.machine.nvml",
    "benchmarks.machine.roofline",
    "benchmarks.machine.sysfs",
    "benchmarks.machine.versions",
    "benchmarks.models.__main__",
    "benchmarks.models.base",
    "benchmarks.models.gemma3n",
    "benchmarks.models.internvl2",
    "benchmarks.models.llava",
    "benchmarks.models.miniature",
    "benchmarks.models.moondream2",
    "benchmarks.models.phi",
    "benchmarks.models.smolvlm2",
    "benchmarks.models.tokenizer",
    "benchmarks.power.__main__",
    "benchmarks.power.analysis.attribution",
    "benchmarks.power.analysis.budget",
    "benchmarks.power.analysis.energy",
    "benchmarks.power.analysis.phases",
    "benchmarks.power.analysis.uncertainty",
    "benchmarks.power.analysis.warnings",
    "benchmarks.power.base",
    "benchmarks.power.sampler",
    "benchmarks.power.selftest",
    "benchmarks.power.sensors.chips",
    "benchmarks.power.sensors.hwmon",
    "benchmarks.power.sensors.ina3221",
    "benchmarks.power.sensors.jetson",
    "benchmarks.power.sensors.jtop",
    "benchmarks.power.sensors.jtop_client",
    "benchmarks.power.sensors.kernel_files",
    "benchmarks.power.sensors.log_format",
    "benchmarks.power.sensors.meterlog",
    "benchmarks.power.sensors.nvml",
    "benchmarks.power.sensors.rails",
    "benchmarks.power.sensors.rapl",
    "benchmarks.power.sensors.replay",
    "benchmarks.power.sensors.tegrastats",
    "benchmarks.power.sensors.wallmeter",
    "benchmarks.processes.protocol",
    "benchmarks.redact",
    "benchmarks.worker.adapter",
    "benchmarks.worker.architecture",
    "benchmarks.worker.batch",
    "benchmarks.worker.generation",
    "benchmarks.worker.libraries",
    "benchmarks.worker.loading",
    "benchmarks.worker.moondream.configuration",
    "benchmarks.worker.moondream.crops",
    "benchmarks.worker.moondream.layers",
    "benchmarks.worker.moondream.modeling",
    "benchmarks.worker.moondream.processing",
    "benchmarks.worker.moondream.text",
    "benchmarks.worker.moondream.vision",
    "benchmarks.worker.numerics",
    "benchmarks.worker.pagecache",
    "benchmarks.worker.preload",
    "benchmarks.worker.probe",
    "benchmarks.worker.traffic",
    "benchmarks.worker.weights",
    "benchmarks.workload",
    "plotting.__main__",
    "plotting.analysis.conditions",
    "plotting.analysis.observations",
    "plotting.analysis.ranking",
    "plotting.comparison.compare",
    "plotting.comparison.gates",
    "plotting.comparison.render",
    "plotting.comparison.sides",
    "plotting.comparison.statistics",
    "plotting.export.action",
    "plotting.export.rows",
    "plotting.figures.alt_text",
    "plotting.figures.bars",
    "plotting.figures.combined",
    "plotting.figures.data",
    "plotting.figures.footnotes",
    "plotting.figures.heat",
    "plotting.figures.layout",
    "plotting.figures.panels",
    "plotting.figures.save",
    "plotting.figures.strips",
    "plotting.figures.style",
    "plotting.figures.theme",
    "plotting.files",
    "plotting.load",
    "plotting.metrics.bandwidth",
    "plotting.metrics.bootstrap",
    "plotting.metrics.energy",
    "plotting.metrics.intervals",
    "plotting.metrics.rates",
    "plotting.metrics.registry",
    "plotting.metrics.runs",
    "plotting.output",
    "plotting.report.csv_files",
    "plotting.report.page",
    "plotting.report.summary",
    "plotting.report.write_all",
    "plotting.selection",
    "plotting.table.build",
    "plotting.table.columns",
    "plotting.table.row",
    "plotting.table.series",
    "plotting.table.status",
    "plotting.table.whiskers",
    "plotting.table.work_groups",
    "plotting.text",
}
"""Modules that no test file names yet."""
MODULES = {
    ".".join(path.relative_to(product.ROOT).with_suffix("").parts)
    for package in ("benchmarks", "plotting")
    for path in (product.ROOT / package).rglob("*.py")
    if path.name != "__init__.py"
}


def read_docstring(path: Path) -> str:
    """Return the docstring of a file."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_each_module_is_named_by_a_test_file() -> None:
    """The docstring of at least one test file names each module by its dotted path, and no module that is gone."""
    files = (product.ROOT / "tests").rglob("test_*.py")
    named = {name for path in files for name in re.findall(r"(?:benchmarks|plotting)(?:\.\w+)+", read_docstring(path))}

    assert MODULES - named == NOT_YET
    packages = {module.rpartition(".")[0] for module in MODULES}
    assert named <= MODULES | packages
