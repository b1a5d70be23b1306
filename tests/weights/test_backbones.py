"""Backbones: torchvision's files against its own tables, and small ones on their way to the store.

download.pytorch.org is asked for nothing: a server on this machine sends files made here.
"""

from __future__ import annotations

import os
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import ResNet152_Weights
from torchvision.models.segmentation import FCN_ResNet50_Weights
from typer.testing import CliRunner

from file_server import FileServer
from memnet.cli.weights import app
from memnet.errors import MemnetError
from memnet.reimpl.m3m import M3M
from memnet.weights import backbones as module
from memnet.weights import store
from memnet.weights.backbones import Backbone, backbones, find_backbone
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import read_header, read_weights

RESNET = "torchvision.resnet152_imagenet1k_v1"
FCN = "torchvision.fcn_resnet50_coco_voc_v1"
TINY = "torchvision.tiny"
UNUSED = ("aux.weight", "aux.bias")


def fetch_backbone(name: str, **options) -> Path:
    return store.fetch(find_backbone(name), **options)


def fetch_verified_backbone(name: str, **options) -> Path:
    return store.fetch_verified(find_backbone(name), **options)


def has_backbone(name: str) -> bool:
    return store.is_current(find_backbone(name))


def load_backbone(name: str) -> dict[str, torch.Tensor]:
    return store.load(find_backbone(name))[0]


def stored_backbone(name: str) -> Path:
    return store.stored_path(find_backbone(name))


def verify_backbone(name: str) -> Path:
    return store.verify(find_backbone(name))


class TinyNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, kernel_size=3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("MEMNET_OFFLINE", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    """What torchvision would publish for the tiny network, and a head that nobody uses."""
    torch.manual_seed(3)
    made = TinyNetwork().state_dict()
    made["bn.running_mean"] = torch.randn(4)
    made["bn.num_batches_tracked"] = torch.tensor(17)
    return {**made, "aux.weight": torch.randn(2, 2), "aux.bias": torch.randn(2)}


@pytest.fixture
def register(monkeypatch):
    """Return a function that makes a file the published one of the backbone `torchvision.tiny`."""

    def known(file: Path, url: str = "http://127.0.0.1:9/tiny-0000.pth") -> Backbone:
        entry = replace(
            backbones.__wrapped__()[RESNET],
            name=TINY,
            url=url,
            sha256=file_digest(file)[:8],
            model="memnet_tiny",
            without=("weights",),
            unused=UNUSED,
        )
        monkeypatch.setattr(module, "backbones", lambda: {TINY: entry})
        return entry

    monkeypatch.setitem(
        torchvision.models._api.BUILTIN_MODELS, "memnet_tiny", lambda weights: TinyNetwork()
    )
    return known


@pytest.fixture
def published(tensors, tmp_path, register) -> Path:
    """The published file, somewhere on the user's disk; the catalogue knows its digits."""
    path = tmp_path / "mine.pth"
    torch.save(tensors, path)
    register(path)
    return path


@pytest.fixture
def server(published, register):
    with FileServer(published.read_bytes()) as running:
        register(published, running.url.replace("model.pt", "tiny-0000.pth"))
        yield running


def hub(content: bytes) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / "tiny-0000.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def stored() -> list[str]:
    root = store.home()
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


# What torchvision says about its own files


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        (RESNET, ResNet152_Weights.IMAGENET1K_V1),
        (FCN, FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1),
    ],
)
def test_the_files_are_those_of_torchvisions_own_tables(name, weights):
    entry = find_backbone(name)
    assert entry.url == weights.url
    assert entry.file_name.endswith(f"-{entry.sha256}.pth")  # the rule by which torch.hub checks
    assert len(entry.sha256) == 8
    assert entry.megabytes == round(weights.meta["_file_size"] * 2**20 / 1e6)
    assert entry.title.endswith(str(weights))
    published = entry.parameters
    if name == FCN:
        published += 2_365_205  # 1024 x 256 x 9, batch norm 2 x 256, 256 x 21 + 21: its other head
    assert published == weights.meta["num_params"]


def test_the_kept_tensors_are_those_of_the_networks_branches():
    with torch.device("meta"):
        network = M3M()
    for name, prefix in ((RESNET, "features."), (FCN, "fcn.")):
        ours = {
            key.removeprefix(prefix): tuple(tensor.shape)
            for key, tensor in network.state_dict().items()
            if key.startswith(prefix)
        }
        assert {k: tuple(t.shape) for k, t in find_backbone(name).network().items()} == ours
        count = sum(
            parameter.numel()
            for key, parameter in network.named_parameters()
            if key.startswith(prefix)
        )
        assert count == find_backbone(name).parameters


def test_all_that_is_left_out_is_the_auxiliary_classifier():
    with torch.device("meta"):
        whole = torchvision.models.segmentation.fcn_resnet50(
            weights=None, weights_backbone=None, aux_loss=True
        ).state_dict()
    entry = find_backbone(FCN)
    assert set(entry.unused) == {name for name in whole if name.startswith("aux_classifier.")}
    assert whole.keys() == entry.network().keys() | set(entry.unused)
    assert find_backbone(RESNET).unused == ()


def test_nothing_is_downloaded_to_know_the_tensors(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    assert len(find_backbone(RESNET).network()) == 932
    assert len(find_backbone(FCN).network()) == 326


def test_every_backbone_is_well_formed_and_named_apart_from_the_models():
    assert len(backbones()) == 2
    assert not backbones().keys() & catalogue().keys()
    for entry in backbones().values():
        for field in fields(entry):
            value = getattr(entry, field.name)
            assert value or field.name in ("unused", "bytes"), field.name
        assert "BSD" in entry.licence


def test_a_mistyped_name_is_answered_with_the_nearest_one():
    with pytest.raises(MemnetError, match=r"mean 'torchvision\.resnet152_imagenet1k_v1'\?"):
        load_backbone("torchvision.resnet152_imagenet1k_v2")


# Where it comes from


def test_a_file_of_ones_own_is_converted_number_by_number(published, tensors, capsys):
    before = published.read_bytes()
    path = fetch_backbone(TINY, file=published)
    assert path == stored_backbone(TINY)
    assert stored() == ["weights/torchvision.tiny.safetensors"]
    kept = load_backbone(TINY)
    assert kept.keys() == tensors.keys() - set(UNUSED)
    assert all(torch.equal(kept[name], tensors[name]) for name in kept)
    assert published.read_bytes() == before
    assert "2 tensors of mine.pth are not used" in capsys.readouterr().err


def test_the_stored_file_says_what_it_is_and_is_no_model(published):
    header = read_header(fetch_backbone(TINY, file=published))
    assert header.weights_sha256 == file_digest(published)  # all 64 digits
    assert header.trained_on == ()
    assert "BSD" in header.licence
    assert "divided by 0.229" in header.remark
    import memnet

    with pytest.raises(MemnetError, match="There is no architecture 'torchvision backbone'"):
        memnet.load(stored_backbone(TINY))


def test_a_file_without_batch_counters_gets_them_as_pytorch_would(tensors, tmp_path, register):
    """Torchvision's ImageNet files of before PyTorch 0.4.1 have none; PyTorch begins at zero."""
    del tensors["bn.num_batches_tracked"]
    torch.save(tensors, tmp_path / "old.pth")
    register(tmp_path / "old.pth")
    fetch_backbone(TINY, file=tmp_path / "old.pth")
    network = TinyNetwork()
    network.load_state_dict({k: v for k, v in tensors.items() if k not in UNUSED})
    assert tensors_digest(load_backbone(TINY)) == tensors_digest(network.state_dict())


def test_parameters_in_a_file_are_stored_as_plain_numbers(tensors, tmp_path, register):
    tensors["fc.weight"] = nn.Parameter(tensors["fc.weight"])
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    register(tmp_path / "old.pth")
    fetch_backbone(TINY, file=tmp_path / "old.pth")
    assert torch.equal(load_backbone(TINY)["fc.weight"], tensors["fc.weight"])


def test_what_pytorch_has_downloaded_before_is_taken(published, server):
    path = hub(published.read_bytes())
    published.unlink()
    assert load_backbone(TINY).keys() == TinyNetwork().state_dict().keys()
    assert server.asked == []
    assert path.exists()  # it is PyTorch's, not ours


def test_a_damaged_file_of_pytorchs_is_passed_over_with_a_sentence(server, capsys):
    path = hub(server.content[:-1] + b"\1")
    with pytest.raises(MemnetError, match="not on this machine"):
        fetch_backbone(TINY)
    said = capsys.readouterr().err
    assert str(path) in said
    assert "passed over" in said
    fetch_backbone(TINY, download=True)
    assert len(server.asked) == 1
    verify_backbone(TINY)


def test_what_is_stored_needs_its_source_no_more(published, capsys):
    path = fetch_backbone(TINY, file=published)
    published.unlink()
    before = path.stat()
    capsys.readouterr()
    assert fetch_backbone(TINY) == path == verify_backbone(TINY)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "converting" not in capsys.readouterr().err


def test_a_backbone_that_is_nowhere_is_answered_with_the_ways_to_get_it():
    for call in (load_backbone, fetch_backbone):
        with pytest.raises(MemnetError) as caught:
            call(RESNET)
        text = str(caught.value)
        assert f"`memnet weights fetch {RESNET}` (a download of 242 MB)" in text
        assert f"`memnet weights fetch {RESNET} --file resnet152-394f9c45.pth`" in text
        assert str(store.home()) in text
        assert str(Path(torch.hub.get_dir()) / "checkpoints") in text
        assert "\n" not in text
    assert stored() == []


# The network


def test_nothing_but_a_fetch_with_download_uses_the_network(server):
    for call in (load_backbone, fetch_backbone, verify_backbone):
        with pytest.raises(MemnetError):
            call(TINY)
    assert not has_backbone(TINY)
    assert server.asked == []


def test_a_download_is_converted_and_not_kept_twice(server):
    path = fetch_backbone(TINY, download=True)
    assert path == fetch_backbone(TINY, download=True)
    assert stored() == ["weights/torchvision.tiny.safetensors"]
    assert len(server.asked) == 1
    assert has_backbone(TINY)


def test_a_broken_download_goes_on_where_it_stopped(tensors, tmp_path, register):
    large = tmp_path / "large.pth"
    torch.save({**tensors, "aux.weight": torch.randn(600, 1000)}, large)  # 2.4 MB: three pieces
    with FileServer(large.read_bytes()) as server:
        register(large, server.url)
        server.cut = 2_200_000
        with pytest.raises(MemnetError, match=r"bytes are kept, run it again") as caught:
            fetch_backbone(TINY, download=True)
        assert "`memnet weights fetch torchvision.tiny --file model.pt`" in str(caught.value)
        kept = (store.home() / "downloads" / "torchvision.tiny.part").stat().st_size
        assert kept > 1_000_000
        server.cut = None
        fetch_backbone(TINY, download=True)
        assert server.asked == [None, f"bytes={kept}-"]
    assert torch.equal(load_backbone(TINY)["fc.bias"], tensors["fc.bias"])


def test_a_download_with_other_digits_is_thrown_away(server):
    server.content = server.content[:-1] + b"\1"
    with pytest.raises(MemnetError, match="sha256 differs"):
        fetch_backbone(TINY, download=True)
    assert stored() == []


@pytest.mark.parametrize(("value", "forbidden"), [("1", True), ("yes", True), ("0", False)])
def test_memnet_offline_forbids_the_download(server, monkeypatch, value, forbidden):
    monkeypatch.setenv("MEMNET_OFFLINE", value)
    if forbidden:
        with pytest.raises(MemnetError, match="MEMNET_OFFLINE"):
            fetch_backbone(TINY, download=True)
    else:
        fetch_backbone(TINY, download=True)
    assert bool(server.asked) is not forbidden


# What is refused


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\n<!DOCTYPE html><html>Please log in.</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS pointer"),
        (b"something else", "its sha256 is [0-9a-f]{64} instead of [0-9a-f]{8}"),
    ],
)
def test_another_file_is_refused_with_its_reason(published, content, told):
    published.write_bytes(content)
    with pytest.raises(MemnetError, match=told) as caught:
        fetch_backbone(TINY, file=published)
    assert str(published) in str(caught.value)
    assert stored() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fc.weight": None}, r"nothing in the file for fc\.weight"),
        ({"bn.running_var": None}, r"nothing in the file for bn\.running_var"),
        ({"new.weight": torch.zeros(1)}, r"no place in the network for new\.weight"),
        ({"fc.weight": torch.zeros(5, 3)}, r"fc\.weight has shape \(5, 3\)"),
        ({"fc.bias": torch.zeros(5).half()}, r"fc\.bias has type torch\.float16"),
        ({"fc.bias": 3}, "not a table of tensors"),
    ],
)
def test_digits_that_fit_do_not_excuse_other_tensors(tensors, tmp_path, register, change, told):
    changed = {k: v for k, v in {**tensors, **change}.items() if v is not None}
    torch.save(changed, tmp_path / "other.pth")
    register(tmp_path / "other.pth")
    with pytest.raises(MemnetError, match=told):
        fetch_backbone(TINY, file=tmp_path / "other.pth")
    assert stored() == []


class Trap:
    """What a malicious pickle holds: a call that loading it makes."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_pickle_is_not_run_even_where_the_digits_fit(tensors, tmp_path, register):
    sprung = tmp_path / "the trap was sprung"
    torch.save({**tensors, "aux.weight": Trap(sprung)}, tmp_path / "bad.pth")
    register(tmp_path / "bad.pth")
    with pytest.raises(MemnetError, match="cannot be read as weights"):
        fetch_backbone(TINY, file=tmp_path / "bad.pth")
    assert not sprung.exists()
    torch.load(tmp_path / "bad.pth", weights_only=False)
    assert sprung.exists()  # the trap was a real one


# What is damaged, and many at once


def test_damaged_numbers_are_not_given_out_and_are_written_anew(published, tensors, capsys):
    path = fetch_backbone(TINY, file=published)
    whole = path.read_bytes()
    hub(published.read_bytes())
    path.write_bytes(whole[:-4] + b"\xff\xff\xff\x7f")
    for call in (load_backbone, verify_backbone):
        with pytest.raises(MemnetError, match="do not match their checksum"):
            call(TINY)
    assert fetch_verified_backbone(TINY) == path
    assert "Writing it anew" in capsys.readouterr().err
    assert torch.equal(load_backbone(TINY)["fc.weight"], tensors["fc.weight"])


def test_a_stored_file_of_another_name_is_refused(published):
    path = fetch_backbone(TINY, file=published)
    other = stored_backbone(TINY).with_name("kept")
    path.rename(other)
    tensors, header = read_weights(other)
    from memnet.weights.files import write_weights

    write_weights(path, tensors, replace(header, name="another"))
    assert not has_backbone(TINY)
    with pytest.raises(MemnetError, match="it was made as 'another'"):
        verify_backbone(TINY)


def test_other_words_in_the_catalogue_do_not_outdate_the_numbers(published, monkeypatch):
    """A download is not kept, so a new sentence about a licence must not ask for it again."""
    fetch_backbone(TINY, file=published)
    entry = replace(find_backbone(TINY), remark="put otherwise")
    monkeypatch.setattr(module, "backbones", lambda: {TINY: entry})
    assert has_backbone(TINY)
    entry = replace(entry, sha256="00000000")
    assert not has_backbone(TINY)


def test_threads_that_fetch_at_once_convert_once(server, capsys):
    threads = [
        threading.Thread(target=lambda: fetch_backbone(TINY, download=True)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert capsys.readouterr().err.count("converting") == 1
    assert len(server.asked) == 1
    assert has_backbone(TINY)


def test_a_home_that_is_a_file_gives_one_sentence(published):
    store.home().write_text("a file where the folder should be")
    with pytest.raises(MemnetError, match=r"cannot be written \(Not a directory\)"):
        fetch_backbone(TINY, file=published)


# The command


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=True)


def test_the_list_has_backbones_in_a_section_of_their_own(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    printed = run("list").stdout
    models, rest = printed.split("Backbones, which networks can be trained from:")
    starts, known = rest.split("Known, no weights here")
    assert "AMNet" in known
    assert "resmem.published" in models
    assert RESNET not in models
    lines = {line.split()[0]: line for line in starts.splitlines() if line.strip()}
    assert lines.keys() == {"name", RESNET, FCN}
    assert "missing" in lines[RESNET]
    assert "BSD-3-Clause" in lines[RESNET]


def test_the_command_fetches_and_verifies_a_file_of_ones_own(published):
    done = run("fetch", TINY, "--file", published)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(stored_backbone(TINY))
    assert "non-commercial research and education" in done.stderr
    assert f"{TINY}\tok\t{stored_backbone(TINY)}" in run("verify").stdout
    listed = run("list").stdout
    assert "stored" in listed.split("Backbones,")[1]


def test_the_command_says_when_stored_numbers_are_damaged(published):
    path = fetch_backbone(TINY, file=published)
    path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
    done = run("verify", TINY)
    assert done.exit_code == 1
    assert f"{TINY}\tdamaged" in done.stdout
    path.unlink()
    assert f"{TINY}\tmissing" in run("verify", TINY).stdout


def test_the_command_downloads_unless_it_is_told_not_to(server, monkeypatch):
    monkeypatch.setenv("MEMNET_OFFLINE", "0")  # so that what --offline sets is undone afterwards
    done = run("fetch", TINY, "--offline")
    assert isinstance(done.exception, MemnetError)
    assert "the network is forbidden" in str(done.exception)
    assert server.asked == []
    monkeypatch.setenv("MEMNET_OFFLINE", "0")
    assert run("fetch", TINY).exit_code == 0
    assert len(server.asked) == 1


def test_an_unknown_name_is_answered_with_models_and_backbones():
    done = run("fetch", "torchvision.resnet152")
    assert isinstance(done.exception, MemnetError)
    for name in (*backbones(), *catalogue()):
        assert repr(name) in str(done.exception)
