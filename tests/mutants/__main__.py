"""Break models, macros and loader on purpose, and count what the tests notice.

make mutants runs this. What is tried stays in a file of results, so that a run goes on
where the last one ended, and --again tries survivors once more after they got tests.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, write_sections
from tests.mutants.mutators import CYCLE, Mutant, draw

HEADING = "Mutants: what tests notice of faults made on purpose"
HOW = """\
`make mutants` draws small faults by a seed, layers and kinds in turn, and makes each in a
copy of the checkout. It asks, from cheap to dear, and stops at the first that fails: the
unit tests of the model; a build of it and of what is built from it directly, on the demo,
with their data tests; the pytest files that name the nearest of these, or that import the
module of the loader (few files, for a minute; tests marked `full` or `real_data` are not
asked). What no engine reads is no fault. Equivalent are those that change nothing that
any test could see; they count neither way. In brackets the share and its 95 % interval
(Wilson). Noticed at first: by the tests asked before anybody had seen the fault, so an
estimate for all such faults, too low where a test that was not asked would notice;
noticed now: asked again for longer, with the tests that were written for those which
nothing noticed.
"""
# What the demo's build depends on.
SOURCES = ("models", "macros", "seeds", "loaders", "demo")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
Result = dict[str, Any]


def main(arguments: list[str] | None = None) -> list[Result]:
    """Try so many mutants; returns what came of each."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="how many to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=ROOT / "target" / "mutants.jsonl")
    parser.add_argument("--scratch", type=Path, default=ROOT / "target" / "mutants")
    parser.add_argument("--steps", type=int, default=1, help="of models built after it")
    parser.add_argument("--files", type=int, default=3, help="pytest files for each")
    parser.add_argument("--seconds", type=float, default=60, help="at most, for these")
    parser.add_argument("--ask", nargs="*", default=[], help="these tests in their place")
    parser.add_argument("--again", action="store_true", help="try survivors again")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write-reliability", action="store_true")
    options = parser.parse_args(arguments)
    if options.inside:
        _try_all(options)
        return []
    if options.count:
        _call_inside(options, arguments if arguments is not None else sys.argv[1:])
    results = read_results(options.results)
    body = "\n".join(report(results))
    print(body)
    if options.write_reliability:
        write_sections({HEADING: body})
    return results


def _call_inside(options: argparse.Namespace, arguments: list[str]) -> None:
    """Try mutants in a copy of the checkout, by the code of the copy."""
    options.results.parent.mkdir(parents=True, exist_ok=True)
    copy_checkout(ROOT, options.scratch)
    call = [sys.executable, "-m", "tests.mutants", *arguments, "--inside"]
    call += ["--results", str(options.results.absolute())]
    # What pytest tells the processes that it starts is not meant for those started here.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"EVENTMART_INBOX": "", "PYTHONPATH": str(options.scratch.absolute())}
    subprocess.run(call, cwd=options.scratch, env=environment, check=True)


def copy_checkout(root: Path, scratch: Path) -> None:
    """Copy what git knows or would; what was built there before stays while it is true."""
    scratch.mkdir(parents=True, exist_ok=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True)
    before = _sources(scratch)
    for path in scratch.iterdir():
        if path.name != "data":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in filter(None, names.stdout.split("\0")):
        if (root / name).is_file():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, scratch / name)
    if before != _sources(scratch):
        shutil.rmtree(scratch / "data", ignore_errors=True)


def _sources(root: Path) -> dict[str, bytes]:
    """What the build of the demo depends on, by file."""
    files = (file for name in SOURCES for file in (root / name).rglob("*"))
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in files
        if file.suffix in (".sql", ".py", ".csv") or file.name == "feeds.yml"
    }


def _try_all(options: argparse.Namespace) -> None:
    """Try mutants in the scratch copy, which is where this runs."""
    from tests.mutants.trial import Trial

    root = Path.cwd()
    trial = Trial(root, options.steps, options.files, options.seconds, options.ask)
    trial.prepare()
    last = {one["id"]: one for one in read_results(options.results) if not is_error(one)}
    equivalent = read_equivalent()
    n_tried = 0
    for mutant in draw(root, options.seed):
        if n_tried >= options.count:
            return
        known = last.get(id_of(mutant))
        is_survivor = known is not None and known["noticed_by"] == ""
        if is_survivor if options.again else known is None:
            began = time.monotonic()
            is_equal = (mutant.file, mutant.before, mutant.after) in equivalent
            found = "equivalent" if is_equal else trial.judge(mutant)
            result = _result(mutant, options.seed, found, time.monotonic() - began)
            with options.results.open("a") as file:
                file.write(json.dumps(result) + "\n")
            print(_line(result), flush=True)
            n_tried += found != "unreadable"


def id_of(mutant: Mutant) -> str:
    """What tells a mutant from others, as long as its file stays as it is."""
    change = mutant.change
    return f"{mutant.file}:{change.start}:{change.end}:{change.new}:{mutant.before}"


def _result(mutant: Mutant, seed: int, found: str, seconds: float) -> Result:
    return {
        "id": id_of(mutant),
        "seed": seed,
        "layer": mutant.layer,
        "kind": mutant.change.kind,
        "file": mutant.file,
        "line": mutant.line,
        "before": mutant.before,
        "after": mutant.after,
        "noticed_by": found,
        "seconds": round(seconds, 1),
    }


def _line(result: Result) -> str:
    said = result["noticed_by"] or "NOT NOTICED"
    text = f"{result['file']}:{result['line']} {result['kind']}: {said}"
    if not result["noticed_by"]:
        text += f"\n    - {result['before']}\n    + {result['after']}"
    return f"{result['seconds']:6.0f} s {text}"


def read_equivalent() -> dict[tuple[str, str, str], str]:
    """Why no test can notice some mutants, by file, lines before and after."""
    listed = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return {(one["file"], one["before"], one["after"]): one["reason"] for one in listed}


def read_results(file: Path) -> list[Result]:
    """What came of each trial so far, in their order."""
    if not file.exists():
        return []
    results = [json.loads(line) for line in file.read_text().splitlines()]
    equivalent = read_equivalent()
    for one in results:
        one["reason"] = equivalent.get((one["file"], one["before"], one["after"]), "")
        if one["reason"]:
            one["noticed_by"] = "equivalent"
    return results


def is_error(one: Result) -> bool:
    """Whether a trial failed, and not the mutant: to be tried again."""
    return bool(one["noticed_by"].startswith("error"))


def wilson(n: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share, spread = n / of, z * z / of
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / of + spread / of / 4)
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def report(results: list[Result]) -> list[str]:
    """A table by layer, and the mutants that no test notices.

    The share at first is that of mutants which nobody had seen; that of now also counts
    those noticed by tests that were written for them.
    """
    first: dict[str, Result] = {}
    last: dict[str, Result] = {}
    for one in results:
        if one["noticed_by"] != "unreadable" and not is_error(one):
            first.setdefault(one["id"], one)
            last[one["id"]] = one
    lines = [
        *HOW.splitlines(),
        "",
        "| layer | mutants | equivalent | noticed at first | noticed now |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    layers = dict.fromkeys(CYCLE)
    for name, here in {**{layer: [layer] for layer in layers}, "all": [*layers]}.items():
        ones = [one for one in last.values() if one["layer"] in here]
        judged = [one for one in ones if one["noticed_by"] != "equivalent"]
        if judged:
            n_first = sum(bool(first[one["id"]]["noticed_by"]) for one in judged)
            n_now = sum(bool(one["noticed_by"]) for one in judged)
            cells = (name, len(judged), len(ones) - len(judged))
            low, high = wilson(n_first, len(judged))
            at_first = f"{n_first} ({n_first / len(judged):.0%}; {low:.0%} to {high:.0%})"
            cells += (at_first, f"{n_now} ({n_now / len(judged):.0%})")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    for said, title in (("", "Not noticed"), ("equivalent", "Equivalent")):
        ones = [one for one in last.values() if one["noticed_by"] == said]
        if ones:
            lines += ["", f"{title}:", ""]
        for one in sorted(ones, key=lambda one: (one["file"], one["line"])):
            lines.append(f"- `{one['file']}:{one['line']}`, {one['kind']}:")
            lines.append(f"  `{one['before']}` became `{one['after']}`")
            if said:
                lines[-1] += f". {one['reason']}"
    return lines


if __name__ == "__main__":
    main()
