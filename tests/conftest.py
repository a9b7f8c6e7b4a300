"""What many tests share: stores, also S3 as a real server over HTTP; the sample job; the CLI."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest

from backfleet.job import Job, Overrides
from backfleet.plan.manifest import Manifest
from backfleet.store.s3_client import use_region
from in_process import InProcess
from sample_job import SAMPLE_DATA, job_text
from testbed.aws.server import reached, served, variables_for

# A busy machine is no failure. The default run draws the same cases every time, so that it fails
# for a change and never by chance; `-m exhaustive` looks for new ones.
hypothesis.settings.register_profile("same cases", deadline=None, derandomize=True)
hypothesis.settings.register_profile("new cases", deadline=None)

pytest_plugins = ["testbed.fixtures", "testbed.browser"]

CLI_SECONDS = 120


def pytest_configure(config: pytest.Config) -> None:
    """Draw new cases where exhaustive tests are asked for."""
    expression = config.getoption("markexpr")
    exhaustive = "exhaustive" in expression and "not exhaustive" not in expression
    hypothesis.settings.load_profile("new cases" if exhaustive else "same cases")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Tests that need the engine of the testbed share it, and come one after the other.

    Of all others, one more than there are processors: they wait for processes of their own. The
    testbed's others run beside those that need the engine.
    """
    expression = config.getoption("markexpr")
    if "testbed" not in expression or "not testbed" in expression:
        return (os.cpu_count() or 1) + 1
    if "not docker" in expression:
        return os.cpu_count() or 1
    config.option.dist = "no"
    return 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the engine, so that the testbed's other tests can come beside it."""
    for item in items:
        if "docker_engine" in getattr(item, "fixturenames", ()):
            item.add_marker("docker")


@pytest.fixture(autouse=True)
def _no_chosen_region() -> Iterator[None]:
    """The region that a test's executor chose ends with the test."""
    yield
    use_region(None)


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Caches and worker logs of the tests stay out of the user's, and runs have one worker.

    Starting a second one takes longer than most runs of tests. A test of several workers says how
    many it needs.

    Tests that run side by side share the cache, as a user's processes do; with
    `BACKFLEET_TEST_CACHE`, as in CI, so do test sessions.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as environment:
        cache = os.environ.get("BACKFLEET_TEST_CACHE", str(shared / "cache"))
        environment.setenv("BACKFLEET_CACHE", cache)
        environment.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        environment.setenv("BACKFLEET_LOCAL_WORKERS", "1")
        yield


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of the three Shanghai stocks."""
    return SAMPLE_DATA


@pytest.fixture
def sample_job(tmp_path: Path) -> Path:
    """The reference job as a file; its store is `tmp_path / "runs"`."""
    file = tmp_path / "sample.toml"
    file.write_text('name = "sample"' + job_text(store=tmp_path / "runs"))
    return file


@pytest.fixture
def backfleet(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as a process, in `tmp_path`; `env` is added to the environment."""

    def call(
        *arguments: object, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "backfleet", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | (env or {}),
            capture_output=True,
            text=True,
            timeout=CLI_SECONDS,
            check=False,
        )

    return call


@pytest.fixture
def in_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> InProcess:
    """Run the command line as `backfleet` does, but in this process."""
    return InProcess(tmp_path, capfd)


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Lay out a distribution as pip leaves it, without pip, in the folder `tmp_path / "site"`.

    The result is the environment in which a process finds all that were laid out so far.
    """

    def install(
        name: str,
        files: Mapping[str, str],
        entry_points: Mapping[str, Mapping[str, str]],
        version: str = "1.0",
    ) -> dict[str, str]:
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        groups = (
            "\n".join([f"[{group}]", *(f"{key} = {target}" for key, target in points.items())])
            for group, points in entry_points.items()
        )
        metadata = {
            info / "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            info / "entry_points.txt": "\n\n".join(groups),
            info / "RECORD": "",
        }
        for path, text in ({site / file: text for file, text in files.items()} | metadata).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return {
            "PYTHONPATH": os.pathsep.join(
                [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
            )
        }

    return install


@pytest.fixture
def fresh_python(tmp_path: Path) -> Path:
    """The interpreter of a virtual environment of its own, which sees the packages of this one."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    above = [path for path in sys.path if path.endswith("-packages")]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in above]
    (site / "above.pth").write_text("".join(lines))
    return folder / "bin" / "python"


@pytest.fixture
def pip_install(fresh_python: Path) -> Callable[..., None]:
    """Install into the environment of `fresh_python`, from nothing but what is given."""
    options = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation"

    def install(*what: object) -> None:
        command = [str(fresh_python), "-m", "pip", "install", *options.split(), *map(str, what)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return install


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3 server, which the environment names too, also for child processes."""
    with served("--jobs", "stock") as url, reached(url):
        yield url


@pytest.fixture
def s3_store_url(
    s3_endpoint: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A prefix of a fresh bucket, `s3://<bucket>/runs`, on the server of `s3_endpoint`."""
    import boto3

    if "endpoint" not in request.fixturenames:
        # Other servers were named meanwhile; only `endpoint` stands in front of this one.
        for name, value in variables_for(s3_endpoint).items():
            monkeypatch.setenv(name, value)
    bucket = f"test-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/runs"


@pytest.fixture(params=["directory", "s3"])
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty store, once in a directory and once on S3."""
    if request.param == "s3":
        url: str = request.getfixturevalue("s3_store_url")
        return url
    tmp_path: Path = request.getfixturevalue("tmp_path")
    return str(tmp_path / "runs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"CI must be able to mount a small file system: {mounted.stderr}")
        pytest.skip(f"mounting a small file system is not permitted here: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def plan(sample_job: Path) -> Callable[..., Manifest]:
    """The manifest of the sample job, with `-p`, `--symbols` and `--set`."""

    def planned(*sets: str, params: tuple[str, ...] = (), symbols: str | None = None) -> Manifest:
        from backfleet.plan.plan import plan_job

        return plan_job(Job.load(sample_job, Overrides(params, symbols, sets))).manifest

    return planned
