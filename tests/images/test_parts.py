"""What an image is made of."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from backfleet.code.hashes import distribution_hash, distribution_hashes
from backfleet.errors import ExecutorError
from backfleet_executors.images.parts import collect_parts, wheel_distribution
from backfleet_executors.images.wheels import build_wheel

INSTALLED = """
import sys
from pathlib import Path
from backfleet.code.hashes import distribution_hash
from backfleet_executors.images.build import DOCKERFILE
from backfleet_executors.images.parts import collect_parts, wheel_distribution

(wheel,) = collect_parts((), Path(sys.argv[1])).code
print(distribution_hash(wheel_distribution(wheel)), DOCKERFILE)
"""


def code_of(*extra: str, folder: Path) -> dict[str, str]:
    """Content hash by name of the code in an image."""
    folder.mkdir(exist_ok=True)
    distributions = map(wheel_distribution, collect_parts(extra, folder).code)
    return {distribution.name: distribution_hash(distribution) for distribution in distributions}


def test_backfleet_goes_into_an_image_with_the_content_it_has_here(tmp_path: Path) -> None:
    assert code_of(folder=tmp_path) == distribution_hashes(["backfleet"])


def test_the_command_line_goes_with_it(tmp_path: Path) -> None:
    (wheel,) = collect_parts((), tmp_path).code
    points = wheel_distribution(wheel).entry_points
    assert ("console_scripts", "backfleet") in {(group, name) for group, name, _ in points}


def test_dependencies_are_those_installed_here_and_no_extras(tmp_path: Path) -> None:
    pins = collect_parts((), tmp_path).pins
    assert pins["numba"] == version("numba")
    assert pins["llvmlite"] == version("llvmlite")
    assert not {"scipy", "docker", "plotly", "pytest", "backfleet"} & set(pins)


def test_a_package_that_brings_plugins_goes_in_as_it_is_here(
    tmp_path: Path, installed_here: Callable[..., None]
) -> None:
    installed_here(
        "acme-plugin",
        requires="jinja2",
        backfleet_strategies={"acme-always": "acme_plugin:Always"},
    )
    content = distribution_hashes(["acme-plugin"])
    assert code_of("acme-plugin", folder=tmp_path / "wheels").items() >= content.items()
    assert collect_parts(["acme-plugin"], tmp_path).pins["jinja2"] == version("jinja2")


def test_an_extra_that_is_asked_for_brings_its_requirements(
    tmp_path: Path, installed_here: Callable[..., None]
) -> None:
    points = {"acme-always": "acme_extra:Always"}
    installed_here("acme-extra", requires="moto[server]", backfleet_strategies=points)
    assert "flask" in collect_parts(["acme-extra"], tmp_path).pins


def test_a_project_goes_in_as_its_wheel(tmp_path: Path, project: Path) -> None:
    assert "acme-images" in code_of(str(project), folder=tmp_path / "wheels")


def test_a_wheel_goes_in_as_it_is(tmp_path: Path, project: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (wheel,) = (file for file in collect_parts([str(project)], folder).code if "acme" in file.name)
    assert wheel in collect_parts([str(wheel)], tmp_path).code


def test_a_requirement_that_is_not_installed_is_named(
    tmp_path: Path, installed_here: Callable[..., None]
) -> None:
    points = {"acme-always": "acme_lacking:Always"}
    installed_here("acme-lacking", requires="no-such-thing>=2", backfleet_strategies=points)
    with pytest.raises(ExecutorError, match=r"acme-lacking 1\.0 requires no-such-thing, which is"):
        collect_parts(["acme-lacking"], tmp_path)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("numbaa", "no distribution 'numbaa' is installed here; did you mean 'numba'"),
        ("./gone.whl", "there is no such wheel or folder"),
        ("{folder}", "without a pyproject.toml this folder cannot be installed"),
        ("{folder}/bad-1-py3-none-any.whl", "is not a wheel"),
    ],
)
def test_what_cannot_go_in_is_refused(tmp_path: Path, extra: str, message: str) -> None:
    (tmp_path / "bad-1-py3-none-any.whl").write_text("not a zip")
    with pytest.raises(ExecutorError, match=message):
        collect_parts([extra.format(folder=tmp_path)], tmp_path)


def test_a_project_that_does_not_build_shows_what_pip_said(tmp_path: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'acme'\nversion = 'none'\n")
    with pytest.raises(ExecutorError, match=r"(?s)pip cannot make wheels:.*version"):
        collect_parts([str(project)], tmp_path)


def test_an_installed_backfleet_goes_in_as_a_checkout_does(
    tmp_path: Path,
    fresh_python: Path,
    pip_install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    wheel = build_wheel(Path(__file__).parents[2], tmp_path)
    pip_install(wheel)
    done = subprocess.run(
        [fresh_python, "-P", "-c", INSTALLED, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    content, dockerfile = done.stdout.split()
    assert content == distribution_hashes(["backfleet"])["backfleet"]
    assert Path(dockerfile).is_relative_to(fresh_python.parent.parent)
    assert Path(dockerfile).read_text().startswith("# The image that workers run in")
