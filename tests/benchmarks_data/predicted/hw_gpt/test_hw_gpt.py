"""HW-GPT-Bench as a benchmark: files of torch that the tests write, what networks are told, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.catalogue.entries import others
from benchmarks_data.predicted.hw_gpt import surrogate
from benchmarks_data.predicted.hw_gpt.files import NAMES, Imported, import_files, inputs_of, official_names
from benchmarks_data.predicted.hw_gpt.model import COLUMNS, Model
from benchmarks_data.predicted.hw_gpt.surrogate import HWGPTBenchmark, HWGPTOracle
from harness.errors import HarnessError, TableError
from harness.problem import Constraint
from harness.records import Proposals
from harness.spaces import named
from harness.spaces.hw_gpt.scales import SCALES
from harness.testing.conformance import check_benchmark

torch = pytest.importorskip("torch")
NAME, SPACE = "hw-gpt-s-surrogate", named.space("hw-gpt-s")
pytestmark = pytest.mark.filterwarnings("ignore:.*was not checked")


def network(inputs: int, width: int, seed: int) -> torch.nn.Module:
    """Return a network in the official layout."""
    torch.manual_seed(seed)
    sizes = [(inputs, width), *[(width, width)] * 3, (width, 1)]
    made = torch.nn.Module()
    for number, size in enumerate(sizes, start=1):
        made.add_module(f"fc{number}", torch.nn.Linear(*size))
    return made


def official(made: torch.nn.Module, inputs: list[float]) -> float:
    """Return what a network says, as the official program asks it."""
    values = torch.tensor(inputs, dtype=torch.float32)
    with torch.no_grad():
        for number in range(1, 5):
            values = torch.relu(made.get_submodule(f"fc{number}")(values))
        return float(made.get_submodule("fc5")(values)[0])


def written(folder: Path, scale: str = "s", width: int = 16, seed: int = 0) -> dict[str, torch.nn.Module]:
    """Write both files of a scale, and return their networks."""
    folder.mkdir(exist_ok=True)
    made = {kind: network(inputs, width, seed + place) for place, (kind, inputs) in enumerate(inputs_of(scale).items())}
    for kind, each in made.items():
        torch.save(each.state_dict(), folder / official_names(scale)[kind])
    return made


@pytest.fixture
def imported(tmp_path):
    written(tmp_path / "given")
    return Imported.open(NAME, import_files([tmp_path / "given"], tmp_path / "tables" / NAME))


def indicators(value: int, known: tuple[int, ...]) -> list[float]:
    return [float(value == other) for other in known]


@pytest.mark.parametrize("scale", SCALES)
def test_networks_are_told_what_the_official_program_tells_them(scale, tmp_path):
    made, name = written(tmp_path / "given", scale), f"hw-gpt-{scale}-surrogate"
    model = Model(Imported.open(name, import_files([tmp_path / "given"], tmp_path / name)))
    model.missing = -1.0
    chosen, archs = SCALES[scale], model.space.sample(4, np.random.default_rng(3))
    told = {column: model.column(archs, column) for column in COLUMNS}
    for row, text in enumerate(model.space.format(archs)):
        _, _, depth, embedding, *sizes, bias = text.split("-")
        numbers = [*map(int, sizes)]
        ratios, heads, missing = numbers[: int(depth)], numbers[int(depth) :], chosen.most - int(depth)
        hot = indicators(int(embedding), chosen.embeddings) + indicators(int(depth), chosen.layers)
        hot += [each for ratio in ratios for each in indicators(ratio, (2, 3, 4))] + [0.0] * 3 * missing
        hot += [each for head in heads for each in indicators(head, chosen.heads)] + [0.0] * 3 * missing
        hot += indicators(int(bias == "True"), (1, 0))
        low, high = chosen.embeddings[0], chosen.embeddings[-1]
        scaled = [(int(embedding) - low) / (high - low), (int(depth) - chosen.layers[0]) / 2]
        scaled += [(ratio - 2) / 2 for ratio in ratios] + [-1.0] * missing
        scaled += [(head - chosen.heads[0]) / (chosen.heads[-1] - chosen.heads[0]) for head in heads]
        scaled += [-1.0] * missing + [float(bias == "True")]
        assert told["perplexity"][row] == pytest.approx(official(made["perplexity"], hot), rel=1e-5)
        assert told["memory_mb"][row] == pytest.approx(official(made["bfloat16_memory"], scaled), rel=1e-5)
    assert np.array_equal(told["params_m"], model.space.costs(archs)["params_m"])


@pytest.mark.parametrize("missing", [-1.0, 0.0])
def test_what_a_missing_block_is_to_the_network_of_memory_is_found(missing, imported):
    """The network is of random features, fitted to the weights of networks under one of the two numbers."""
    rng = np.random.default_rng(0)
    archs = SPACE.sample(2000, rng)
    inputs = np.where(SPACE.active(archs), SPACE.features(archs, "sizes"), missing)
    first = rng.normal(size=(300, 27)) * np.r_[3, 1, np.full(25, 0.3)], rng.normal(size=300)
    hidden = np.c_[np.maximum(inputs @ first[0].T + first[1], 0), np.ones(2000)]
    weights = np.linalg.lstsq(hidden, 4 * SPACE.costs(archs)["params_m"], rcond=None)[0]
    model = Model(imported)
    one = (np.ones((1, 1)), np.zeros(1))
    second, last = (weights[None, :-1], weights[-1:] + 10_000), (np.ones((1, 1)), np.array([-10_000.0]))
    model._memory = (first, second, one, one, last)
    assert model.missing == missing
    assert np.allclose(model.column(archs, "memory_mb"), hidden @ weights)


def test_the_benchmark_keeps_the_rules(imported):
    benchmark = HWGPTBenchmark(
        imported, objectives=["perplexity", "memory_mb"], constraints=[Constraint("params_m", "<=", 60.0)]
    )
    check_benchmark(benchmark, np.random.default_rng(0))
    assert not benchmark.has_seconds
    archs = SPACE.sample(3, np.random.default_rng(0))
    told = benchmark.query(Proposals.of(archs, 0), noise_seed=np.arange(3, dtype=np.uint64))
    assert np.allclose(told.constraints[:, 0], SPACE.costs(archs)["params_m"] - 60.0)
    assert np.isnan(told.seconds).all()
    assert [item.name for item in HWGPTBenchmark(imported).objectives] == ["perplexity"]


def test_reports_are_told_of_reference_architectures(imported):
    oracle = HWGPTOracle(imported)
    best = oracle.optimum("perplexity")
    assert oracle.validation == "perplexity"
    assert best.value == oracle.values("perplexity").min()
    assert (oracle.mean(SPACE.neighbours(best.arch), "perplexity") >= best.value).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": 1}, "`training` must be at most 0, got 1"),
        ({"objectives": ["latency"]}, "unknown column of hw-gpt-s-surrogate 'latency'"),
        ({"constraints": [Constraint("size", "<=", 1.0)]}, "unknown column of hw-gpt-s-surrogate 'size'"),
    ],
)
def test_what_it_has_not_is_refused(imported, settings, message):
    with pytest.raises(HarnessError, match=message):
        HWGPTBenchmark(imported, **settings)


def test_a_network_of_another_space_or_a_missing_block_is_refused(imported):
    benchmark = HWGPTBenchmark(imported)
    archs = SPACE.parse([f"gpt-s-10-192-{'2' * 10}-{'4' * 10}-True"])
    archs[0, 13] = 1
    with pytest.raises(HarnessError, match="be architectures of the space 'hw-gpt-s'"):
        benchmark.query(Proposals.of(archs, 0), noise_seed=None)
    with pytest.raises(HarnessError, match=r"range\(1\)"):
        benchmark.query(Proposals.of(SPACE.sample(1, np.random.default_rng(0)), 1), noise_seed=None)


def test_it_opens_by_name_from_the_cache(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(surrogate.files, "cache_folder", lambda: tmp_path / "none")
    assert surrogate.describe(NAME)["imported"] is False
    with pytest.raises(TableError, match=f"nas-harness data import {NAME} perplexity_s.pt bfloat16_memory_s.pth"):
        surrogate.open_benchmark(NAME)
    monkeypatch.setattr(surrogate.files, "cache_folder", lambda: tmp_path / "tables")
    benchmark, oracle = surrogate.open_benchmark(NAME, check_content=True), surrogate.open_oracle(NAME)
    assert benchmark.name == oracle.name == NAME
    assert benchmark.digest == oracle.digest == imported.digest
    told = surrogate.describe(NAME)
    assert (told["imported"], told["has_seconds"], told["space"]["name"]) == (True, False, "hw-gpt-s")
    assert list(told["source_sha256"]) == ["bfloat16_memory_s.pth", "perplexity_s.pt"]
    with pytest.raises(HarnessError, match="unknown surrogate benchmark 'hw-gpt-t-surrogate'"):
        surrogate.describe("hw-gpt-t-surrogate")


def test_the_sha256_of_a_file_is_said_and_recorded(tmp_path):
    written(tmp_path / "given")
    with pytest.warns(UserWarning, match="nobody recorded a sha256 of perplexity_s.pt") as caught:
        folder = import_files([tmp_path / "given"], tmp_path / NAME)
    assert len(caught) == 2
    about = Imported.open(NAME, folder, check_content=True).about
    assert about["files"] == {name: name for name in ("perplexity_s.pt", "bfloat16_memory_s.pth")}
    for name in about["files"]:
        assert any(name in str(each.message) and about["sha256"][name][:12] in str(each.message) for each in caught)
    with (folder / "perplexity_s.pt").open("ab") as file:
        file.write(b" ")
    with pytest.raises(TableError, match=r"perplexity_s\.pt is not the file that was imported"):
        Imported.open(NAME, folder)


def test_other_networks_have_other_digests(imported, tmp_path):
    written(tmp_path / "other", seed=7)
    other = Imported.open(NAME, import_files([tmp_path / "other"], tmp_path / "more" / NAME))
    assert other.digest != imported.digest


def test_files_are_taken_one_by_one_and_others_passed_over(imported, tmp_path):
    given = tmp_path / "given"
    (given / "LICENSE").write_text("Apache")
    (given / "energies_median_s_a100.pth").write_bytes((given / "bfloat16_memory_s.pth").read_bytes())
    one = import_files(sorted(given.iterdir()), tmp_path / "one" / NAME)
    assert Imported.open(NAME, one).digest == imported.digest


def test_files_that_do_not_fit_are_refused(tmp_path):
    given, folder = tmp_path / "given", tmp_path / NAME
    written(given)
    memory, perplexity = given / "bfloat16_memory_s.pth", given / "perplexity_s.pt"
    with pytest.raises(TableError, match=r"needs perplexity_s\.pt and bfloat16_memory_s\.pth; given was .*memory"):
        import_files([memory], folder)
    with pytest.raises(TableError, match=r"both are perplexity_s\.pt; give one"):
        import_files([perplexity, perplexity, memory], folder)
    with pytest.raises(TableError, match="there is no file"):
        import_files([perplexity, given / "absent.pth"], folder)
    with pytest.raises(HarnessError, match="unknown surrogate benchmark"):
        import_files([given], tmp_path / "elsewhere")
    written(tmp_path / "large", "l")
    (tmp_path / "large" / "perplexity_l.pt").rename(perplexity)
    with pytest.raises(TableError, match=r"be a network of 80 inputs.*: it is of scale l"):
        import_files([given], folder)
    assert not folder.exists()


class Hostile:
    """Runs a command where a pickle is executed."""

    def __reduce__(self):
        return (print, ("executed",))


def _state(change) -> dict[str, torch.Tensor]:
    state = network(80, 8, 0).state_dict()
    change(state)
    return state


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", "no whole file of torch.save|not begin|cut"),
        (lambda: pickle.dumps(Hostile()), r"names the global '\w+\.print'"),
        (lambda: {"fc1.weight": Hostile()}, r"names the global '\w+\.print'"),
        (lambda: [1, 2], "be a state dictionary of fc1 to fc5.*list"),
        (lambda: _state(lambda state: state.pop("fc3.bias")), "be a state dictionary of fc1 to fc5"),
        (lambda: _state(lambda state: state.update({"fc6.bias": torch.ones(1)})), "be a state dictionary"),
        (lambda: _state(lambda state: state["fc2.bias"].fill_(float("nan"))), "`fc2.bias of .*finite numbers"),
        (lambda: _state(lambda state: state.update({"fc2.bias": torch.ones(8, dtype=torch.int64)})), "finite numbers"),
        (lambda: _state(lambda state: state.update({"fc2.bias": 3})), "finite numbers.*int"),
        (lambda: _state(lambda state: state.update({"fc2.bias": torch.ones(9)})), "layers of equal width"),
        (lambda: _state(lambda state: state.update({"fc1.weight": torch.ones(())})), "layers of equal width"),
        (lambda: _state(lambda state: state.update({"fc5.weight": torch.ones(2, 8)})), "one output"),
    ],
)
def test_files_that_are_no_network_are_refused_and_never_run(content, message, tmp_path, capsys):
    written(tmp_path / "given")
    bad = tmp_path / "given" / "perplexity_s.pt"
    made = content()
    if isinstance(made, bytes):
        bad.write_bytes(made)
    else:
        torch.save(made, bad)
    with pytest.raises(TableError, match=message):
        import_files([tmp_path / "given"], tmp_path / NAME)
    assert "executed" not in capsys.readouterr().out


def test_a_file_that_is_cut_or_too_long_is_refused(tmp_path, monkeypatch):
    written(tmp_path / "given")
    bad = tmp_path / "given" / "bfloat16_memory_s.pth"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-100])
    with pytest.raises(TableError, match="the zip is cut"):
        import_files([tmp_path / "given"], tmp_path / NAME)
    with bad.open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(TableError, match="be the state of a small network"):
        import_files([tmp_path / "given"], tmp_path / NAME)


def test_the_catalogue_names_the_files_and_pins_their_commit():
    for name, scale in NAMES.items():
        entry = others()[name]
        assert entry.files == tuple(official_names(scale).values())
        assert entry.space == f"hw-gpt-{scale}"
        for download in entry.downloads:
            assert "/6f37698dde2ab03417d1916e157e2fe7fec9401e/" in download.url
            assert download.url.endswith(f"/{download.name}")
            assert download.sha256 == ""
