"""Whether any test that is due notices a mutant, in a scratch copy of the checkout.

dbt reads the project once. Each mutant is tried by a process that is forked after that,
from cheap to dear: unit tests of the model, a build of it and of what is built from it with
their data tests, the pytest files that name the nearest of these; or, for a module of the
loader, those that reach it by imports.
"""

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from loaders.config.paths import Paths
from loaders.publishing.privacy import disclose, read_disclosure
from loaders.publishing.publish import strip
from tests import projects
from tests.mutants.mutators import Mutant
from tests.path.compiled import Compiled, compile_project
from tests.projects import Project, new_project

# Errors by which an engine says that it cannot read a mutant at all.
UNREADABLE = re.compile(
    r"(Parser|Binder|Catalog|Compilation) Error(?!.*contract)", re.DOTALL
)
INCREMENTAL = ("tests/path/test_incremental.py",)
# What the hooks and materializations of dbt do, and no model names.
MACHINERY = (
    "tests/path/test_dbt_internals.py",
    "tests/path/test_settings.py",
    "tests/path/test_unchanged.py",
    "tests/path/test_scoped_tests.py",
    *INCREMENTAL,
)
# More than any build takes, also of a machine with other work.
BUILD_SECONDS = 1200
# What takes minutes is left out; so are the real files, which only some people have.
CHEAP = "not full and not real_data"
ALL_DEAR = re.compile(
    r"^pytestmark = (?:\[[^\]]*|.*)mark\.(?:full|real_data)", re.MULTILINE
)
PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "-m", CHEAP, "--tb", "no")
ONLY_TABLES = ("--full-refresh", "--exclude-resource-type", "unit_test")
TEST_FILES = "tests/*/test_*.py"


@dataclass
class Trial:
    """A scratch copy in which the demo is built, and what dbt has read of it.

    `ask` are tests to run in place of the nearest, if any; `sound` are tests that failed
    of a mutant and pass without; `broken` fail without too, and so notice nothing.
    """

    root: Path
    n_steps: int
    n_files: int
    seconds: float
    ask: list[str]
    sound: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    @cached_property
    def manifest(self) -> Manifest:
        """What dbt has read of the project, by the process that all others begin as."""
        # Its threads are no more after a fork, and who waits for them waits forever.
        os.environ["DBT_STATIC_PARSER"] = "false"
        Project(Paths(self.root / "data" / "parsed", self.ready / "inbox")).invoke("parse")
        return projects._parsed[0]

    @property
    def ready(self) -> Path:
        """What tests need first: the demo, a build of it, all models compiled."""
        return self.root / "data" / "ready"

    def judge(self, mutant: Mutant) -> str:
        """What noticed it; "" if nothing did, "unreadable" if it is no program."""
        path = self.root / mutant.file
        path.write_text(mutant.change.of(mutant.text))
        try:
            work = self._python if path.suffix == ".py" else self._sql
            found = self._in_child(lambda: work(mutant))
        finally:
            path.write_text(mutant.text)
        if "::" in found and found not in self.sound:
            again = self._in_child(lambda: self._pytest(self.ready, [found]))
            (self.broken if again else self.sound).add(found)
            return self.judge(mutant) if again else found
        return found

    def prepare(self) -> None:
        """Read the project; build the demo, if that is not done yet."""
        assert self.manifest
        is_ready = (self.ready / "compiled.pickle").exists()
        if found := "" if is_ready else self._in_child(self._prepare):
            sys.exit(f"without any mutant: {found}; see {self.root / 'data' / 'log'}")

    def _prepare(self) -> str:
        from demo import generate

        shutil.rmtree(self.ready, ignore_errors=True)
        generate(self.ready / "inbox", projects.SCALE, 1)
        project = new_project(self.ready / "built", self.ready / "inbox")
        project.land()
        project.dbt("build")
        project.publish()
        _publish(project)
        compiled = compile_project(self.ready / "compiled")
        (self.ready / "compiled.pickle").write_bytes(pickle.dumps(compiled))
        return ""

    def _sql(self, mutant: Mutant) -> str:
        """Try a mutant of a model or macro."""
        changed = self._put(mutant)
        models = _named(self.manifest, changed, "model")
        tests = _named(self.manifest, changed, "test")
        project = self._copy()
        units = [f"{name},test_type:unit" for name in models]
        if models or tests:
            alone = ("--indirect-selection", "cautious", "--select")
            if found := _failed(project, "test", *alone, *units, *tests):
                return found
        if models:
            follow = [f"{name}+{self.n_steps}" for name in models]
            if found := _failed(project, "build", *ONLY_TABLES, "--select", *follow):
                return found
            _publish(project)
        compiled: Compiled = pickle.loads((self.ready / "compiled.pickle").read_bytes())
        if models:
            call = ("compile", "--full-refresh", "--no-write-json", "--select", *models)
            done = {r.node.unique_id: r.node for r in project.invoke(*call).result.results}
            now = tuple(done.get(model.unique_id, model) for model in compiled.models)
            compiled = Compiled(now, compiled.seeds)
        ready = project.paths.data.parent
        (ready / "compiled.pickle").write_bytes(pickle.dumps(compiled))
        return self._pytest(ready, self.ask or self._files_of_models(mutant, models))

    def _copy(self) -> Project:
        """A copy of the demo's build, for one mutant."""
        ready = self.root / "data" / "trial"
        for name in ("built", "inbox", "compiled"):
            shutil.copytree(self.ready / name, ready / name, symlinks=True)
        shutil.copy(self.ready / "compiled.pickle", ready)
        return Project(Paths(ready / "built", ready / "inbox"))

    def _put(self, mutant: Mutant) -> set[str]:
        """Put a mutant into what dbt has read; the ids of all that calls it."""
        text, change = mutant.change.of(mutant.text), mutant.change
        for node in self.manifest.nodes.values():
            if node.original_file_path == mutant.file:
                node.raw_code = text.strip()
                return {node.unique_id}
        changed = set()
        for macro in self.manifest.macros.values():
            start = mutant.text.find(macro.macro_sql)
            end = start + len(macro.macro_sql)
            is_here = macro.original_file_path == mutant.file and start >= 0
            if is_here and start <= change.start < change.end <= end:
                macro.macro_sql = text[start : end + len(text) - len(mutant.text)]
                changed.add(macro.unique_id)
        for _ in range(8):
            for callers in (self.manifest.macros, self.manifest.nodes):
                for node in callers.values():
                    if changed & {*node.depends_on.macros}:
                        changed.add(node.unique_id)
        return changed

    def _files_of_models(self, mutant: Mutant, models: list[str]) -> list[str]:
        """The pytest files that name these or what follows, the nearest first."""
        distance = dict.fromkeys([*models, Path(mutant.file).stem], 0)
        nodes = [n for n in self.manifest.nodes.values() if n.resource_type == "model"]
        for step in range(1, 20):
            for node in nodes:
                before = {one.rpartition(".")[2] for one in node.depends_on.nodes}
                if any(distance.get(name) == step - 1 for name in before):
                    distance.setdefault(node.name, step)
        found = {}
        for file in (self.root / "tests" / "path").glob("test_*.py"):
            text = file.read_text()
            words = {*re.findall(r"\w+", text)} & distance.keys()
            if words and not ALL_DEAR.search(text):
                # What builds for itself is dear, and comes last.
                n_builds = len(re.findall(r"new_project\(|\.dbt\(|\.run\(", text))
                order = (min(distance[word] for word in words), n_builds, len(text))
                found[str(file.relative_to(self.root))] = order
        files = sorted(found, key=found.__getitem__)[: self.n_files]
        files.sort(key=lambda file: found[file][1])
        if not models or "/state/" in mutant.file or "/overrides/" in mutant.file:
            return list(dict.fromkeys([*files, *MACHINERY]))
        block = mutant.text[: mutant.change.start].rpartition("{% if is_incremental()")
        is_incremental = block[1] and "{% endif" not in block[2]
        return list(dict.fromkeys([*files, *(INCREMENTAL if is_incremental else ())]))

    def _python(self, mutant: Mutant) -> str:
        """Try a mutant of a module of the loader, in a process that has not read it."""
        files = self.ask or files_of_module(self.root, mutant.file)[: self.n_files]
        self._asked.touch()
        environment, python = dict(os.environ), [sys.executable, "-m"]
        if any(name.startswith(("tests/path", "tests/pages")) for name in files):
            # What these read was published by the mutant; landing has tests of its own.
            data = self._copy().paths.data
            shutil.rmtree(data / "published")
            run = data / "target" / "run_results.json"
            environment |= {"EVENTMART_DATA": str(data), projects.READY: str(data.parent)}
            publish = [*python, "loaders", "publish", "--run-results", str(run)]
            if subprocess.run(publish, env=environment).returncode:
                return "publish"
        call = [*python, "pytest", *PYTEST, *self._deselected(), *files]
        done = subprocess.run(call, env=environment, capture_output=True, text=True)
        return _first_failure(done.stdout, done.returncode)

    def _pytest(self, ready: Path, nodes: list[str]) -> str:
        """Run tests in this process, with all that it has read; what failed first."""
        if not nodes:
            return ""
        self._asked.touch()
        os.environ[projects.READY] = str(ready)
        log = self.root / "data" / "log"
        start = log.stat().st_size
        code = pytest.main([*PYTEST, *self._deselected(), *nodes])
        sys.stdout.flush()
        return _first_failure(log.read_bytes()[start:].decode(errors="replace"), code)

    def _deselected(self) -> list[str]:
        return [part for test in sorted(self.broken) for part in ("--deselect", test)]

    def _in_child(self, work: Callable[[], str]) -> str:
        """Work in a process of its own, with all it starts; "" if tests take too long."""
        data = self.root / "data"
        for name in ("trial", "tmp"):
            shutil.rmtree(data / name, ignore_errors=True)
        (data / "tmp").mkdir(parents=True)
        answer, log = data / "tmp" / "answer", data / "log"
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                os.environ["TMPDIR"] = tempfile.tempdir = str(data / "tmp")
                log.write_bytes(b"")
                with log.open("ab") as said:
                    os.dup2(said.fileno(), 1)
                    os.dup2(said.fileno(), 2)
                answer.write_text(work())
            except BaseException as error:
                answer.write_text(f"error: {error!r}")
            finally:
                os._exit(0)
        ends, is_asked = time.monotonic() + BUILD_SECONDS, False
        while not os.waitpid(child, os.WNOHANG)[0]:
            if not is_asked and self._asked.exists():
                ends, is_asked = time.monotonic() + self.seconds, True
            if time.monotonic() > ends:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "" if is_asked else "no end"
            time.sleep(0.1)
        return answer.read_text() if answer.exists() else "crash"

    @property
    def _asked(self) -> Path:
        """What a process makes when it begins to run pytest."""
        return self.root / "data" / "tmp" / "asked"


def files_of_module(root: Path, module: str) -> list[str]:
    """The pytest files that reach a module by imports, the nearest first.

    Of equally near ones, those first that name it or what it defines most often.
    """
    texts = {f: f.read_text() for f in root.glob("loaders/**/*.py")}
    distance, step = {module: 0}, 0
    while len(distance) > step:
        step += 1
        near = [name for name, d in distance.items() if d == step - 1]
        for file, text in texts.items():
            if any(_imports(text, one) for one in near):
                distance.setdefault(str(file.relative_to(root)), step)
        if not near:
            break
    stem = Path(module).stem
    names = re.findall(r"^(?:def|class) ([a-zA-Z]\w*)", (root / module).read_text(), re.M)
    found = {}
    for file in root.glob(TEST_FILES):
        text = file.read_text()
        if ALL_DEAR.search(text):
            continue
        near = [d for one, d in distance.items() if _imports(text, one)]
        n_named = sum(len(re.findall(rf"\b{name}\b", text)) for name in [*names, stem])
        if near:
            order = (min(near), stem not in file.stem, -n_named / len(text))
            found[str(file.relative_to(root))] = order
    return sorted(found, key=found.__getitem__)


def _imports(text: str, module: str) -> bool:
    package, _, stem = module.removesuffix(".py").replace("/", ".").rpartition(".")
    from_package = rf"from {re.escape(package)} import (?:[\w, ]*|\([^)]*)\b{stem}\b"
    return bool(re.search(rf"\b{re.escape(package)}\.{stem}\b|{from_package}", text))


def _named(manifest: Manifest, ids: Iterable[str], kind: str) -> list[str]:
    """The names of nodes of a kind."""
    nodes = (manifest.nodes[one] for one in sorted(ids) if one in manifest.nodes)
    return [node.name for node in nodes if node.resource_type == kind]


def _failed(project: Project, *arguments: str) -> str:
    """What failed first of a call of dbt; "" if nothing did."""
    done = project.invoke(*arguments, "--fail-fast")
    if "Connection already closed" in str(done.exception):
        # What failed closed it for another thread, and dbt names only that.
        done = project.invoke(*arguments)
    results: list[Any] = getattr(done.result, "results", [])
    said = [f"{r.message}" for r in results if r.status in ("error", "runtime error")]
    if any(map(UNREADABLE.search, [*said, str(done.exception or "")])):
        return "unreadable"
    bad = [r for r in results if r.status not in ("success", "pass", "no-op", "skipped")]
    return bad[0].node.name if bad else "" if done.success else f"error: {done.exception}"


def _publish(project: Project) -> None:
    """Have readers see what is built, without the proof that all of it was tested."""
    file = (project.paths.published / "eventmart.duckdb").resolve()
    file.unlink()
    shutil.copyfile(project.paths.build, file)
    strip(file)
    manifest = project.paths.data / "target" / "manifest.json"
    disclose(file, project.paths.intermediate, read_disclosure(manifest))


def _first_failure(output: str, code: int) -> str:
    """The first test that pytest says has failed."""
    found = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output, flags=re.MULTILINE)
    if code in (0, 5):
        return ""
    return found[1] if found else f"pytest ended with {code}"
