"""Load the suite's pytest plugin, after the one that checks what it needs.

They are named here, in the root, because options exist only in plugins that pytest loads
before it parses the command line, and `pytest benchmarks` must know ours. Nothing else stands
here: `pytest-benchmark compare` imports this file too, outside pytest.
"""

pytest_plugins = ["benchmarks.neighbours", "benchmarks.plugin"]
