"""The layers of the package, enforced: imports go downwards only.

A module may import modules of lower layers, and modules of its own layer in its own folder, as
long as there is no circle. `LAYERS` names the layer of every module; a folder's entry (with a
slash) holds for all modules in it.
"""

import ast
import pathlib
from collections.abc import Iterator

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

LAYERS = {
    # 0: plain functions of arrays; what everything may use
    "scaf_jax.default_config": 0,
    "scaf_jax.config_forms": 0,
    "scaf_jax.landmarks.schemes": 0,
    "scaf_jax.landmarks.scheme_files": 1,
    "scaf_jax.landmarks.heatmaps": 0,
    "scaf_jax.landmarks.metrics": 0,
    "scaf_jax.landmarks.normalizers": 0,
    "scaf_jax.training.losses": 0,
    "scaf_jax.ops/": 0,
    "scaf_jax.training.sharding": 0,
    "scaf_jax.training.metric_writers": 0,
    "scaf_jax.training.preprocessing": 0,
    "scaf_jax.training.progress": 0,
    "scaf_jax.training.tree_paths": 0,
    # 1: networks, data, pictures
    "scaf_jax.models.layers": 1,
    "scaf_jax.models.resnet": 1,
    "scaf_jax.models.autoencoder": 1,
    "scaf_jax.models.discriminators": 1,
    "scaf_jax.models.aligner": 1,
    "scaf_jax.models.embedding_guide": 1,
    "scaf_jax.models.torch_names": 1,
    "scaf_jax.choosing.k_center": 1,
    "scaf_jax.choosing.acquisition": 1,
    "scaf_jax.active_learning.score_files": 2,
    "data_builders.synthetic_faces.renderer/": 1,
    "scaf_jax.data.images": 1,
    "scaf_jax.formats/": 1,
    "scaf_jax.files/": 0,
    "scaf_jax.data.geometry": 1,
    "scaf_jax.data.warping": 1,
    "scaf_jax.data.augmentations": 1,
    "scaf_jax.data.published_crop": 1,
    "scaf_jax.data.samples": 1,
    "scaf_jax.data.sources": 1,
    "scaf_jax.data.prepared_sources": 1,
    "scaf_jax.data.coverage": 1,
    "scaf_jax.data.folder_source": 1,
    "scaf_jax.data.precropping": 1,
    "scaf_jax.data.mixtures": 1,
    "scaf_jax.data.mixture_parts": 1,
    "scaf_jax.data.pipelines": 1,
    "scaf_jax.reporting/": 1,
    # 2: the state of a training
    "scaf_jax.training.state": 2,
    "scaf_jax.training.optimizers": 2,
    "scaf_jax.training.blindness": 2,
    "scaf_jax.training.checkpointing": 2,
    "scaf_jax.training.checkpoint_errors": 2,
    "scaf_jax.training.checkpoint_storage": 2,
    "scaf_jax.training.checkpoint_texts": 2,
    "scaf_jax.annotation/": 2,
    "scaf_jax.choosing.plan": 2,
    # 3: the two stages
    "scaf_jax.training.pretraining_terms": 2,
    "scaf_jax.training.adversaries": 3,
    "scaf_jax.training.pretraining": 3,
    "scaf_jax.training.alignment": 3,
    "scaf_jax.weights/": 3,
    # 4: the loop around a stage; measuring; from here on configs are known
    "scaf_jax.training.loop": 4,
    # 5: whole runs
    "scaf_jax.runs/": 5,
    "scaf_jax.active_learning.selections": 6,
    "scaf_jax.active_learning.scoring": 6,
    # 6: rounds of runs
    "scaf_jax.active_learning.pictures": 6,
    "scaf_jax.active_learning.labels": 6,
    "scaf_jax.active_learning.round_report": 6,
    "scaf_jax.active_learning.rounds": 6,
    # 7: what commands share
    "scaf_jax.commands/": 7,
    # 8: commands
    "scaf_jax.active_learning.__main__": 8,
    "scaf_jax.parity/": 8,
    "scaf_jax.benchmark/": 8,
    "scaf_jax.experiments/": 8,
    "scaf_jax.main": 8,
    "scaf_jax.weights.__main__": 8,
    # On top of the package, which never imports them.
    "data_builders/": 9,
}

ACCELERATED = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
OPTIONAL = {"tensorflow", "torch"}
# The other side of a measurement, loaded only where PyTorch is installed.
ONLY_WITH_TORCH = {
    f"scaf_jax.benchmark.{name}" for name in ("torch_functions", "torch_networks", "torch_twin")
}
# Tests of the whole rather than of one module.
WHOLE_PROJECT_TESTS = {
    "tests/configs_test.py",
    "tests/data_builders/bad_input_test.py",
    "tests/import_graph_test.py",
}


class Module:
    """A source file: its dotted name, what it imports, and what of that when it is loaded."""

    def __init__(self, name: str, source: str):
        self.name = name
        tree = ast.parse(source)
        self.imports = set(_imported(ast.walk(tree)))
        self.imports_on_load = set(_imported(_executed_on_load(tree)))


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Dotted names; for `from a import b` it is 'a.b', since b may be a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield from (f"<relative import in line {node.lineno}>",)
            else:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _executed_on_load(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not is_function and not typing_only:
            yield node
            yield from _executed_on_load(node)


def load_modules() -> dict[str, Module]:
    """All modules of the project; a package goes by its folder's name."""
    modules = {}
    for top in ("scaf_jax", "data_builders"):
        for path in sorted((REPOSITORY / top).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            modules[name] = Module(name, path.read_text(encoding="utf-8"))
    return modules


def project_modules(imports: set[str], modules: dict[str, Module]) -> set[str]:
    """The project's modules among imported names: 'scaf_jax.data.pipelines.x' is in pipelines."""
    found = set()
    for name in imports:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        if name:
            found.add(name)
    return found


def layer_of(name: str) -> tuple[int, str] | None:
    """(layer, room) of a module; None if the table does not have it."""
    if name in LAYERS:
        return LAYERS[name], name.rpartition(".")[0]
    for entry, layer in LAYERS.items():
        folder = entry.removesuffix("/")
        if entry != folder and (name == folder or name.startswith(folder + ".")):
            return layer, folder
    return None


def layer_problems(modules: dict[str, Module]) -> list[str]:
    """What is wrong with the imports, a line each."""
    problems = []
    for module in modules.values():
        targets = project_modules(module.imports, modules)
        place = layer_of(module.name)
        if place is None:
            is_package = any(other.startswith(module.name + ".") for other in modules)
            if is_package and not targets:
                continue  # an __init__.py that imports nothing needs no layer
            problems.append(f"{module.name} has no layer: add it to LAYERS in this test")
            continue
        for target in sorted(targets - {module.name}):
            their = layer_of(target)
            if their is None:
                problems.append(f"{module.name} imports {target}, which has no layer")
            elif their[0] > place[0] or (their[0] == place[0] and their[1] != place[1]):
                where = f"layer {place[0]}, {place[1]}; layer {their[0]}, {their[1]}"
                problems.append(f"{module.name} imports {target}, which is not below it ({where})")
    return problems


def circles(modules: dict[str, Module]) -> list[str]:
    """Modules that import each other in a circle."""
    edges = {n: project_modules(m.imports, modules) - {n} for n, m in modules.items()}
    while free := [name for name, targets in edges.items() if not targets & edges.keys()]:
        for name in free:
            del edges[name]
    return sorted(edges)


def loaded_with(name: str, modules: dict[str, Module]) -> set[str]:
    """Top-level names of all libraries that loading a module loads, directly or through ours."""
    seen, waiting, libraries = set(), [name], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        imports = modules[current].imports_on_load
        waiting += project_modules(imports, modules)
        # Loading a module loads the packages that it is in.
        waiting += [parent for parent in modules if current.startswith(parent + ".")]
        libraries |= {imported.partition(".")[0] for imported in imports}
    return libraries


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return load_modules()


def test_imports_go_downwards(modules):
    assert layer_problems(modules) == []


def test_no_circles(modules):
    assert circles(modules) == []


def test_imports_are_absolute(modules):
    relative = {n for n, m in modules.items() if any("<relative" in i for i in m.imports)}
    assert relative == set()


def test_data_is_loaded_without_jax(modules):
    """Data workers are processes of their own; JAX must neither compute nor start in them."""
    wrong = {
        name: sorted(loaded_with(name, modules) & ACCELERATED)
        for name in modules
        if name.startswith(("scaf_jax.data.", "data_builders."))
    }
    assert {name: found for name, found in wrong.items() if found} == {}


def test_optional_libraries_are_not_needed_to_load_anything(modules):
    wrong = [
        name
        for name in modules
        if loaded_with(name, modules) & OPTIONAL and name not in ONLY_WITH_TORCH
    ]
    assert wrong == []


def test_only_one_module_knows_orbax(modules):
    users = [n for n, m in modules.items() if any(i.startswith("orbax") for i in m.imports)]
    assert users == ["scaf_jax.training.checkpoint_storage"]


def test_configs_hold_plain_values():
    for path in sorted((REPOSITORY / "configs").glob("*.py")):
        module = Module(path.stem, path.read_text(encoding="utf-8"))
        libraries = {imported.partition(".")[0] for imported in module.imports}
        assert not libraries & (ACCELERATED | OPTIONAL), path.name


def test_every_test_mirrors_a_module():
    orphans = []
    for path in sorted((REPOSITORY / "tests").rglob("*_test.py")):
        name = path.relative_to(REPOSITORY)
        if name.as_posix() in WHOLE_PROJECT_TESTS:
            continue
        inner = name.relative_to("tests")
        inner = inner.with_name(inner.name.removesuffix("_test.py"))
        top = (
            REPOSITORY
            if inner.parts[0] in ("data_builders", "configs")
            else REPOSITORY / "scaf_jax"
        )
        target = top / inner
        # A module may have a folder of tests.
        found = [t.with_name(t.name + ".py").is_file() for t in (target, target.parent)]
        if not any(found) and not target.is_dir():
            orphans.append(f"{name} mirrors no module: there is no {target}(.py)")
    assert orphans == []


def made(**sources: str) -> dict[str, Module]:
    """Modules of given source; '__' in a keyword stands for a dot."""
    names = {keyword.replace("__", "."): source for keyword, source in sources.items()}
    return {name: Module(name, source) for name, source in names.items()}


def test_the_checks_find_what_they_are_for():
    upward = made(
        scaf_jax__files__atomic="from scaf_jax.models import resnet", scaf_jax__models__resnet=""
    )
    assert "scaf_jax.files.atomic imports scaf_jax.models.resnet" in layer_problems(upward)[0]
    other_room = made(
        scaf_jax__data__warping="def f():\n  import scaf_jax.models.resnet",
        scaf_jax__models__resnet="",
    )
    assert "not below it" in layer_problems(other_room)[0]
    assert "has no layer" in layer_problems(made(scaf_jax__new=""))[0]
    circle = made(
        scaf_jax__data__warping="import scaf_jax.data.images",
        scaf_jax__data__images="from scaf_jax.data.warping import read",
    )
    assert layer_problems(circle) == []  # the same room
    assert circles(circle) == ["scaf_jax.data.images", "scaf_jax.data.warping"]


def test_what_is_loaded_is_followed_through_modules_but_not_into_functions():
    source = "from scaf_jax.data import images\nif TYPE_CHECKING:\n  import optax"
    modules = made(
        scaf_jax__data__warping=source,
        scaf_jax__data__images="try:\n  import jax.numpy\nfinally:\n  pass",
        scaf_jax__data__geometry="def f():\n  import torch",
    )
    loaded = loaded_with("scaf_jax.data.warping", modules)
    assert "jax" in loaded and "optax" not in loaded
    assert "torch" not in loaded_with("scaf_jax.data.geometry", modules)
