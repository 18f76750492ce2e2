"""Which saves the command line means: paths and name patterns -> files -> tables, and the sides of a comparison."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from plotting import load

RESULTS = Path("results")
SOME = 8
MOST_OTHERS = 30
"""Further saves that are read for the spread between sessions: a full study's takes 80 ms each."""


class UsageError(Exception):
    """What was asked, what was found, what to type next, in one sentence."""


class Reader:
    """Reads each save once, and gathers what it leaves out."""

    def __init__(self) -> None:
        self.tables: dict[Path, pd.DataFrame] = {}
        self.problems: list[str] = []

    def __call__(self, paths: Sequence[Path]) -> dict[Path, pd.DataFrame]:
        """Return the table of each save that holds something of this suite.

        Raises:
            UsageError: none does.
        """
        from plotting.table import build  # pandas: half a second that bad usage must not cost

        for path in paths:
            if path not in self.tables:
                saves = load.load([path])
                self.tables[path] = build.build(saves)
                self.problems += saves.problems
        found = {path: self.tables[path] for path in paths if len(self.tables[path])}
        if not found:
            raise nothing(paths)
        return found


def sides(patterns: Sequence[str], folders: Sequence[Path], read: Reader) -> dict[str, pd.DataFrame]:
    """Return {name: table} of the sides, the baseline first; a save stands on the first side that names it.

    Raises:
        UsageError: there are no two of them.
    """
    import pandas as pd  # as above

    from plotting.comparison.sides import is_one_side  # as above

    found: dict[str, pd.DataFrame] = {}
    for pattern, paths in _groups(patterns, folders).items():
        tables = read(paths)
        if len(tables) > 1 and len(patterns) > 1 and is_one_side(list(tables.values())):
            found[pattern] = pd.concat(tables.values(), ignore_index=True)
            continue
        for path, table in tables.items():
            name = load.clean(path.stem)
            found[name if name not in found else load.clean(str(path))] = table
    if len(found) < 2:
        raise UsageError(
            f"compare: {next(iter(found))!r} is the only side that there is, and it takes two; {_compare_some(folders)}"
        )
    return found


def _groups(patterns: Sequence[str], folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the saves that each pattern adds; a pattern that adds none has no place."""
    taken: dict[Path, Path] = {}
    groups = {}
    for pattern in patterns:
        added = {path.resolve(): path for path in choose([pattern], folders) if path.resolve() not in taken}
        taken |= added
        if added:
            groups[pattern] = list(added.values())
    if len(taken) < 2:
        only = load.clean(next(iter(taken.values())).stem)
        raise UsageError(f"compare: found only {only!r}, and it takes two saves; {_compare_some(folders)}")
    return groups


def _compare_some(folders: Sequence[Path]) -> str:
    there = [path for folder in folders if folder.is_dir() for path in load.find(folder)]
    return f"type python -m plotting compare A B with names from: {_names(there)}."


def _names(paths: Sequence[Path]) -> str:
    """Return the names of some saves, for a sentence."""
    return ", ".join(dict.fromkeys(load.clean(path.stem) for path in paths[:SOME]))


def others(folders: Sequence[Path], read: Reader) -> pd.DataFrame:
    """Return the rows of the other saves in the folders: how far sessions of a series lie apart."""
    import pandas as pd  # as above

    from plotting.table import build  # as above

    paths = [path for folder in folders if folder.is_dir() for path in load.find(folder) if path not in read.tables]
    tables = [build.build(load.load([path])) for path in paths[-MOST_OTHERS:]]
    return pd.concat([table for table in tables if len(table)] or [pd.DataFrame()], ignore_index=True)


def nothing(paths: Sequence[Path]) -> UsageError:
    """Return that saves hold nothing of this suite."""
    what = f"{str(paths[0])!r} holds no" if len(paths) == 1 else f"none of {len(paths)} files holds a"
    return UsageError(
        f"{what} benchmark of this suite; type pytest benchmarks --weights=mini --benchmark-save=first to make one, "
        "or name a folder with --results."
    )


def choose(patterns: Sequence[str], folders: Sequence[Path]) -> list[Path]:
    """Return the saves that are meant: all without patterns.

    Raises:
        UsageError: a folder is missing or holds nothing, or a pattern matches nothing.
    """
    direct = [Path(pattern) for pattern in patterns if Path(pattern).is_file()]
    named = [pattern for pattern in patterns if not Path(pattern).is_file()]
    if patterns and not named:
        return direct
    available = [path for folder in folders for path in _in_folder(folder)]
    if not patterns:
        return available
    found = [path for pattern in named for path in _matching(pattern, available)]
    return list(dict.fromkeys([*direct, *found]))


def _in_folder(folder: Path) -> list[Path]:
    make_one = "type pytest benchmarks --weights=mini --benchmark-save=first to make one"
    if not folder.is_dir():
        raise UsageError(f"--results {folder}: there is no such folder; {make_one}, or name a folder with --results.")
    found = load.find(folder)
    if not found:
        raise UsageError(f"--results {folder}: there is no save in it; {make_one}, or name a folder with --results.")
    return found


def _matching(pattern: str, available: Sequence[Path]) -> list[Path]:
    """Return the saves whose name, with or without its number, is or matches `pattern`."""
    found = [
        path
        for path in available
        if any(fnmatch(name, pattern) for name in (path.name, path.stem, path.stem.partition("_")[2]))
    ]
    if not found:
        raise UsageError(f"{pattern!r} matches no save; there are: {_names(available)}. Type one of these, or a path.")
    return found
