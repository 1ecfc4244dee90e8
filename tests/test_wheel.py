"""The wheel that is built from this tree: all it needs is in it, and it works where nothing else is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from carddav_msg import __version__
from tests.servers import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"import hatchling.build; hatchling.build.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_wheel_has_all_parts(wheel: Path) -> None:
    """Both typed packages, migrations, sample and licence are in the wheel; tests and configuration are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"carddav_msg/py.typed", "radicale_carddav_msg/py.typed", "radicale_carddav_msg/storage.py"} <= names
    assert {"carddav_msg/sample/networks.csv", "carddav_msg/sample/users.csv"} <= names
    for package, folder in (("carddav_msg", ROOT), ("radicale_carddav_msg", ROOT / "plugins")):
        sources = {str(path.relative_to(folder)) for path in (folder / package).rglob("*.py")}
        assert sources - names == set()
    assert any("migrations/versions/" in name for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "carddav_msg",
        "radicale_carddav_msg",
        f"carddav_msg-{__version__}.dist-info",
    }


def test_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    """Unpacked far from the source tree, the command says its version, and its migrations make a database."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environ = {"PYTHONPATH": str(tmp_path / "site"), "CARDDAV_MSG_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    command = [sys.executable, "-P", "-m", "carddav_msg"]
    for arguments, said in ((["--version"], __version__), (["migrate"], "")):
        done = subprocess.run(
            [*command, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout
    assert (tmp_path / "x.db").stat().st_size > 0
