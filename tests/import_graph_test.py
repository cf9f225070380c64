"""The floors of the project, enforced: imports go downwards only; tests mirror modules both ways.

A folder may import folders of lower floors. Modules of one folder may import each other as long as
there is no circle; other folders of the same floor they may not.
"""

import ast
import pathlib
from collections.abc import Iterator

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

# From the ground up. A `__main__` is a command, on the top floor, wherever it is.
FLOORS = (
    ("scaf_jax.default_config", "scaf_jax.config_forms"),
    ("scaf_jax.files", "scaf_jax.ops"),
    ("scaf_jax.landmarks", "scaf_jax.models"),
    ("scaf_jax.data", "scaf_jax.formats", "scaf_jax.reporting", "scaf_jax.training"),
    (
        "scaf_jax.annotation",
        "scaf_jax.choosing",
        "scaf_jax.detection",
        "scaf_jax.weights",
        "data_builders",
    ),
    ("scaf_jax.inference",),
    ("scaf_jax.deployment", "scaf_jax.runs"),
    ("scaf_jax.active_learning",),
    ("scaf_jax.commands",),
    (
        "scaf_jax.convert",
        "scaf_jax.detect",
        "scaf_jax.export",
        "scaf_jax.main",
        "scaf_jax.fit",
        "scaf_jax.predict",
        "scaf_jax.aot",
        "scaf_jax.benchmark",
        "scaf_jax.experiments",
        "scaf_jax.parity",
    ),
)

# The public face names what users need of these floors and loads it when it is asked for. Nothing
# may import it: it is above what it names.
FACE = "scaf_jax"
HIGHEST_OF_THE_FACE = "scaf_jax.inference"

ACCELERATED = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
OPTIONAL = {"onnx", "onnxruntime", "tensorflow", "torch"}
# Loaded only where PyTorch, or onnx, is installed.
ONLY_WITH_EXTRAS = {
    "scaf_jax.benchmark.torch_functions",
    "scaf_jax.benchmark.torch_twin",
    "scaf_jax.deployment.onnx_decoding",
    "scaf_jax.deployment.onnx_graph",
    "scaf_jax.deployment.onnx_network",
    "scaf_jax.deployment.onnx_program",
    "scaf_jax.models.torch_networks",
    "scaf_jax.weights.verification",
}
# Modules that neither a test of theirs nor modules of their folder look after, and what does.
TESTED_ELSEWHERE = {
    "scaf_jax.benchmark.__main__": "tests/benchmark/steps_test.py",
    "scaf_jax.commands.network_export": "tests/deployment/checks_test.py",
    "scaf_jax.commands.face_search": "tests/detect_test.py",
    "scaf_jax.commands.photo_prediction": "tests/predict_test.py",
    "scaf_jax.commands.fitting_command": "tests/fit_test.py",
    "scaf_jax.commands.training_run": "tests/main_test.py",
    "scaf_jax.commands.video_prediction": "tests/predict_test.py",
    "scaf_jax.inference.video_files": "tests/predict_test.py",
    "scaf_jax.commands.snapshot_conversion": "tests/convert_test.py",
    "scaf_jax.config_forms": "tests/configs_test.py",
    "scaf_jax.default_config": "tests/configs_test.py",
    "scaf_jax.export": "tests/deployment/checks_test.py",
    "scaf_jax.files.mirrors": "tests/buckets_test.py",
    "scaf_jax.formats.label_studio": "tests/annotation/importing/label_studio_test.py",
    "scaf_jax.models.adversarial_autoencoder": "tests/training/pretraining_test.py",
    "scaf_jax.models.torch_networks": "tests/benchmark/torch_twin_test.py",
    "scaf_jax.ops.paired_convolutions": "tests/models/layers_test.py",
    "scaf_jax.weights.verification": "tests/convert_test.py",
    "scaf_jax.training.progress": "tests/inference/one_pass_test.py",
}
# Tests of the whole rather than of one module.
WHOLE_PROJECT_TESTS = {
    "tests/configs_test.py",
    "tests/data_builders/bad_input_test.py",
    "tests/data_builders/every_reader_test.py",
    "tests/import_graph_test.py",
    "tests/scripts_test.py",
    "tests/buckets_test.py",
    "tests/several_processes_test.py",
    "tests/training/sharded_training_test.py",
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


def place_of(name: str) -> tuple[int, str] | None:
    """(floor, folder) of a module; None if it is in no folder of `FLOORS`."""
    for floor, folders in enumerate(FLOORS):
        for folder in folders:
            if name == folder or name.startswith(folder + "."):
                return len(FLOORS) - 1 if name.endswith(".__main__") else floor, folder
    return None


def floor_problems(modules: dict[str, Module]) -> list[str]:
    """What is wrong with the imports, a line each."""
    problems = []
    for module in modules.values():
        targets = project_modules(module.imports, modules) - {module.name}
        if module.name == FACE:
            problems += face_problems(module, targets, modules)
            continue
        place = place_of(module.name)
        if place is None:
            problems.append(f"{module.name} is on no floor: add its folder to FLOORS in this test")
            continue
        for target in sorted(targets):
            their = place_of(target)
            if their is None:
                problems.append(f"{module.name} imports {target}, which is on no floor")
            elif their[1] != place[1] and their[0] >= place[0]:
                where = f"floor {place[0]}, {place[1]}; floor {their[0]}, {their[1]}"
                problems.append(f"{module.name} imports {target}, which is not below it ({where})")
    return problems


def face_problems(face: Module, targets: set[str], modules: dict[str, Module]) -> list[str]:
    """What is wrong with the imports of the public face, a line each."""
    highest = place_of(HIGHEST_OF_THE_FACE)
    assert highest is not None
    problems = [
        f"{face.name} imports {target} when it is loaded: put it under TYPE_CHECKING, and its "
        "module among those that are loaded when asked for"
        for target in sorted(project_modules(face.imports_on_load, modules) - {face.name})
    ]
    for target in sorted(targets):
        place = place_of(target)
        if place is None or place[0] > highest[0]:
            problems.append(f"{face.name} names {target}, which is above {HIGHEST_OF_THE_FACE}")
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
    assert floor_problems(modules) == []


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
        if loaded_with(name, modules) & OPTIONAL and name not in ONLY_WITH_EXTRAS
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


def mirrored_by(name: str) -> Iterator[pathlib.Path]:
    """Where tests of a module may be: its own, and those of the folders that it is in."""
    parts = name.removeprefix("scaf_jax.").split(".")
    for end in range(len(parts), 0, -1):
        yield pathlib.Path("tests", *parts[: end - 1], f"{parts[end - 1]}_test.py")


def test_every_test_mirrors_a_module_or_folder(modules):
    places = {path for name in modules for path in mirrored_by(name)}
    orphans = []
    for path in sorted((REPOSITORY / "tests").rglob("*_test.py")):
        path = path.relative_to(REPOSITORY)
        # A module may have a folder of tests.
        mirrors = {path, path.parent.with_name(f"{path.parent.name}_test.py")}
        if path.as_posix() not in WHOLE_PROJECT_TESTS and not mirrors & places:
            orphans.append(f"{path} mirrors no module")
    assert orphans == []


def test_every_module_has_a_test(modules):
    tested = {
        name for name in modules if any((REPOSITORY / path).is_file() for path in mirrored_by(name))
    }
    waiting = list(tested)
    while waiting:  # what helps a module of the same folder is tested through it
        name = waiting.pop()
        folder = name.rpartition(".")[0]
        for target in project_modules(modules[name].imports, modules) - tested:
            if target.rpartition(".")[0] == folder:
                tested.add(target)
                waiting.append(target)
    folders = {name.rpartition(".")[0] for name in modules}
    assert modules.keys() - tested - folders == TESTED_ELSEWHERE.keys()
    for name, path in TESTED_ELSEWHERE.items():
        assert (REPOSITORY / path).is_file(), name


def made(**sources: str) -> dict[str, Module]:
    """Modules of given source; '__' in a keyword stands for a dot."""
    names = {keyword.replace("__", "."): source for keyword, source in sources.items()}
    return {name: Module(name, source) for name, source in names.items()}


def test_the_checks_find_what_they_are_for():
    upward = made(
        scaf_jax__files__atomic="from scaf_jax.models import resnet", scaf_jax__models__resnet=""
    )
    assert "scaf_jax.files.atomic imports scaf_jax.models.resnet" in floor_problems(upward)[0]
    same_floor = made(
        scaf_jax__data__warping="def f():\n  import scaf_jax.training.loop",
        scaf_jax__training__loop="",
    )
    assert "not below it" in floor_problems(same_floor)[0]
    assert place_of("scaf_jax.weights.__main__") == (len(FLOORS) - 1, "scaf_jax.weights")
    assert "is on no floor" in floor_problems(made(scaf_jax__new=""))[0]
    typed = "if TYPE_CHECKING:\n  from scaf_jax.{} import x"
    for source, problem in (
        (typed.format("inference.bundle"), None),
        (typed.format("runs.lock"), "scaf_jax names scaf_jax.runs.lock, which is above"),
        ("import scaf_jax.inference.bundle", "imports scaf_jax.inference.bundle when it is loaded"),
    ):
        face = made(scaf_jax=source, scaf_jax__inference__bundle="", scaf_jax__runs__lock="")
        found = floor_problems(face)
        assert problem in found[0] if problem else not found
    upside_down = made(scaf_jax="", scaf_jax__files__atomic="import scaf_jax")
    assert "imports scaf_jax, which is on no floor" in floor_problems(upside_down)[0]
    circle = made(
        scaf_jax__data__warping="import scaf_jax.data.images",
        scaf_jax__data__images="from scaf_jax.data.warping import read",
    )
    assert floor_problems(circle) == []  # the same folder
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
