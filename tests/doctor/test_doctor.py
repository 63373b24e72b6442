"""The findings of `doctor` on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm import __version__
from lgbm_sm.config.loading import load_config
from lgbm_sm.doctor.containers import (
    examine_engine_disk,
    examine_folder_disk,
    examine_program,
    judge_image,
    wanted_patterns,
)
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding, Status, within
from lgbm_sm.doctor.installation import (
    examine_lightgbm,
    examine_packages,
    examine_python,
    examine_sagemaker_sdk,
    lightgbm_fix,
)
from lgbm_sm.doctor.run import examine_configuration, exit_code_of
from lgbm_sm.errors import AwsError, ConfigError, ExitCode, TimedOutError

NO_ENGINE = "unix:///nonexistent/docker.sock"
PROGRAM = "from lgbm_sm.commands import doctor\nfrom lgbm_sm import cli\ncli.main()\n"
# every connection but one to a file, and every look-up of a name, ends the program at once
WITHOUT_NETWORK = """
import os, socket, sys

def refuse(event, arguments):
    if event == "socket.getaddrinfo" or event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
        os._exit(99)

sys.addaudithook(refuse)
"""


@dataclass
class Doctor:
    """Runs `doctor` in a new process and folder, by default without Docker."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"DOCKER_HOST": NO_ENGINE})
    preamble: str = ""

    def run(self, *arguments: str, exit_code: int) -> str:
        finished = subprocess.run(
            [sys.executable, "-c", self.preamble + PROGRAM, "doctor", *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert finished.returncode == exit_code, f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        example = "==> No config.yaml here or above: the built-in Boston example is used"
        assert [line for line in finished.stderr.splitlines() if not line.startswith(example)] == []
        return finished.stdout

    def checks(self, *arguments: str, exit_code: int) -> dict[str, dict[str, Any]]:
        """Run the command, and return its findings by check.

        If a check has several findings, only the last one is returned.
        """
        answer = json.loads(self.run(*arguments, "--output", "json", exit_code=exit_code))
        assert answer["exit_code"] == exit_code
        return {finding["check"]: finding for finding in answer["checks"]}


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


def make_distribution(folder: Path, name: str, version: str) -> None:
    """Write the files by which importlib.metadata finds an installed package."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.mark.slow
def test_nobody_is_called_and_nothing_is_made_when_all_is_local(doctor: Doctor) -> None:
    doctor.preamble = WITHOUT_NETWORK
    checks = doctor.checks(exit_code=0)
    assert checks["aws"]["message"].startswith("not checked, because both instance types are local")
    assert checks["docker engine"]["status"] == "warning"
    assert {name for name, check in checks.items() if check["status"] != "ok"} == {"docker engine", "image"}
    assert list(doctor.folder.iterdir()) == []


@pytest.mark.slow
def test_the_network_is_really_withheld_when_aws_is_asked(doctor: Doctor) -> None:
    doctor.preamble = WITHOUT_NETWORK
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    doctor.environment |= {**keys, "AWS_CONFIG_FILE": "/dev/null", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert "region          eu-west-1" in doctor.run("--aws", exit_code=99).splitlines()[-1]


@pytest.mark.slow
def test_one_line_says_so_when_aws_cannot_be_reached(doctor: Doctor) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    doctor.environment |= {**keys, "AWS_CONFIG_FILE": "/dev/null", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    checks = doctor.checks("--aws", exit_code=6)
    assert "Could not connect to the endpoint URL" in checks["credentials"]["message"]
    later = ("clock", "execution role", "bucket", "repository", "quota")
    assert all(checks[name]["message"].startswith("not checked") for name in later)
    assert checks["lightgbm"]["status"] == "ok"


@pytest.mark.slow
def test_a_profile_that_is_not_there_is_told_and_hides_nothing(doctor: Doctor) -> None:
    doctor.environment |= {"AWS_PROFILE": "no-such-profile", "AWS_CONFIG_FILE": "/dev/null"}
    checks = doctor.checks("--aws", exit_code=6)
    assert "no-such-profile" in checks["region"]["message"]
    assert "aws configure list-profiles" in checks["region"]["fix"]
    assert checks["quota"]["message"].startswith("not checked")


@pytest.mark.slow
def test_each_finding_is_a_line_with_its_remedy(doctor: Doctor) -> None:
    lines = doctor.run("--set", "local.backend=docker", exit_code=5).splitlines()
    assert all(line.split()[0] in ("ok", "warning", "problem") for line in lines)
    [problem] = [line for line in lines if line.startswith("problem")]
    assert problem.startswith(
        "problem  docker engine   Docker does not answer: /nonexistent/docker.sock does not exist"
    )
    assert "(fix: start Docker (`sudo systemctl start docker`" in problem


@pytest.mark.slow
def test_an_engine_address_where_nobody_listens_is_a_problem_when_images_are_wanted(doctor: Doctor) -> None:
    doctor.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    checks = doctor.checks("--set", "local.backend=docker", exit_code=5)
    assert checks["docker engine"]["status"] == "problem"
    assert checks["lightgbm"]["status"] == checks["configuration"]["status"] == "ok"


@pytest.mark.slow
def test_all_mistakes_of_the_configuration_are_told_and_the_rest_is_looked_at(doctor: Doctor) -> None:
    doctor.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    (doctor.folder / "config.yaml").write_text("training:\n  instance_typ: local\nendpoint:\n  instance_type: m4\n")
    lines = doctor.run(exit_code=3).splitlines()
    told = [line for line in lines if line.startswith("problem  configuration")]
    assert [line.split()[2].rstrip(":") for line in told] == ["config.yaml:2", "config.yaml:4"]
    assert any(line.startswith("ok       lightgbm") for line in lines)
    assert any(line.startswith("warning  docker engine") for line in lines)
    assert any(line.startswith("warning  aws             not checked") for line in lines)


@pytest.mark.slow
def test_packages_that_do_not_fit_are_named_when_they_are_installed(doctor: Doctor, tmp_path: Path) -> None:
    for name, version in (("sagemaker", "2.251.0"), ("sagemaker-core", "1.0.70")):
        make_distribution(tmp_path, name, version)
    doctor.environment["PYTHONPATH"] = str(tmp_path)
    checks = doctor.checks(exit_code=3)
    assert checks["packages"]["status"] == "problem"
    assert "1.0.70 is installed" in checks["packages"]["message"]
    assert checks["packages"]["fix"] == "pip install 'sagemaker-core<3,>=2.27'"
    assert checks["sagemaker sdk"]["status"] == "warning"
    assert "into a separate environment: python -m venv" in checks["sagemaker sdk"]["fix"]


def test_a_package_that_is_missing_is_a_problem_unless_only_an_extra_wants_it() -> None:
    [finding] = examine_packages(["no-such-package>=1", "pytest>=8", "no-such-extra; extra == 'sagemaker'"])
    assert finding.status is Status.PROBLEM
    assert finding.message == "lgbm-sm needs no-such-package>=1, but it is not installed"


@pytest.mark.parametrize(
    ("version", "status"), [(None, "ok"), ("3.2.0", "ok"), ("2.251.0", "warning"), ("1.72.3", "warning")]
)
def test_only_the_sdks_older_lines_are_warned_of(version: str | None, status: str) -> None:
    assert examine_sagemaker_sdk(version).status == status


def test_an_old_python_is_a_problem() -> None:
    assert examine_python("3.10.14", ">=3.11").status is Status.PROBLEM
    assert examine_python("3.11.7", ">=3.11").status is Status.OK
    assert examine_python("3.15.0rc1", ">=3.11").status is Status.OK


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("libgomp.so.1: cannot open shared object file: No such file or directory", "apt-get install libgomp1"),
        ("Library not loaded: @rpath/libomp.dylib", "brew install libomp"),
        ("lib_lightgbm.so: invalid ELF header", "pip install --force-reinstall lightgbm"),
    ],
)
def test_lightgbms_own_words_decide_on_the_remedy_when_it_does_not_load(said: str, remedy: str) -> None:
    assert remedy in lightgbm_fix(f"OSError: {said}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"lib/lib_lightgbm.so": b"not a library " * 10}, "lib_lightgbm.so"),
        ({"lib/other.so": b""}, "lib has no lib_lightgbm"),
    ],
)
def test_a_lightgbm_whose_library_does_not_load_is_a_problem_with_a_remedy(
    files: dict[str, bytes], said: str, tmp_path: Path
) -> None:
    package = tmp_path / "lightgbm"
    for name, content in {"__init__.py": b"", "VERSION.txt": b"4.6.0", **files}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(content)
    finding = examine_lightgbm({"PYTHONPATH": str(tmp_path)})
    assert finding.status is Status.PROBLEM
    assert said in finding.message
    assert finding.fix == "pip install --force-reinstall lightgbm"


@pytest.mark.slow
def test_lightgbm_loads_though_a_file_of_that_name_lies_in_the_folder(doctor: Doctor) -> None:
    (doctor.folder / "lightgbm.py").write_text("raise OSError('not this one')\n")
    assert doctor.checks(exit_code=0)["lightgbm"]["status"] == "ok"


def test_an_instance_type_that_botocore_does_not_know_is_warned_of() -> None:
    [finding] = examine_configuration(load_config(None, ["training.instance_type=ml.m4.3xlarge"]))
    assert finding.status is Status.WARNING
    assert "ml.m4.3xlarge is not among the instance types" in finding.message


@pytest.mark.parametrize(
    ("built", "needed", "platform", "status", "remedy"),
    [
        (True, True, "linux/amd64", "ok", ""),
        (False, False, "linux/amd64", "ok", ""),
        (False, True, "linux/amd64", "warning", "lgbm-sm build"),
        (False, True, "linux/arm64", "warning", "tonistiigi/binfmt"),
        (True, True, "linux/arm64", "ok", ""),
    ],
)
def test_an_image_that_is_not_built_is_the_next_step_and_no_problem(
    built: bool, needed: bool, platform: str, status: str, remedy: str
) -> None:
    finding = judge_image("model:1", platform, "linux/amd64", is_built=built, is_needed=needed)
    assert finding.status == status
    assert remedy in finding.fix
    assert bool(remedy) is bool(finding.fix)


@pytest.mark.parametrize(
    ("pattern", "patterns"), [("byoc", ["byoc"]), ("inference_toolkit", ["byoc", "inference_toolkit"])]
)
def test_the_image_that_trains_is_looked_for_whichever_serves(pattern: str, patterns: list[str]) -> None:
    config = load_config(None, [f"container.pattern={pattern}"]).config
    assert wanted_patterns(config) == patterns


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    assert examine_engine_disk(10**9, Status.PROBLEM).status is Status.PROBLEM
    assert "docker system df" in examine_engine_disk(10**9, Status.WARNING).fix
    assert examine_engine_disk(None, Status.PROBLEM).status is Status.OK
    assert examine_folder_disk(tmp_path, 10**8).area is DoctorArea.CONFIGURATION
    assert examine_folder_disk(tmp_path, 10**8).status is Status.PROBLEM
    assert examine_folder_disk(tmp_path, 10**10).status is Status.OK


def test_a_check_that_takes_too_long_is_a_problem_and_does_not_hold_up_the_rest() -> None:
    began = time.monotonic()
    check = DoctorCheck("slow", DoctorArea.AWS)

    def dawdle() -> Finding:
        time.sleep(5)
        return check.ok("done")

    finding = check.look(0.05, dawdle)
    assert time.monotonic() - began < 2
    assert finding.status is Status.PROBLEM
    assert finding.message == "no answer within 0.05 s"


def test_an_error_of_a_check_arrives_where_it_is_waited_for() -> None:
    def refuse() -> None:
        raise TimeoutError("the check's own")

    with pytest.raises(TimeoutError, match="the check's own"):
        within(5, "x", refuse)
    with pytest.raises(TimedOutError):
        within(0.05, "x", lambda: time.sleep(5))

    def deny() -> Finding:
        raise AwsError("two\nlines", "do\nthis")

    finding = DoctorCheck("denied", DoctorArea.AWS).look(5, deny)
    assert (finding.message, finding.fix) == ("two lines", "do this")


@pytest.mark.parametrize(
    ("problems", "warnings", "code"),
    [
        ([], ["aws", "image", "configuration"], ExitCode.OK),
        (["aws"], ["image"], ExitCode.AWS),
        (["aws", "image"], [], ExitCode.IMAGE),
        (["aws", "image", "configuration"], [], ExitCode.CONFIG),
    ],
)
def test_the_gravest_problem_decides_on_the_exit_code(problems: list[str], warnings: list[str], code: ExitCode) -> None:
    found = [DoctorCheck("x", DoctorArea(area)).problem("wrong", "") for area in problems]
    found += [DoctorCheck("x", DoctorArea(area)).warning("odd", "") for area in warnings]
    assert exit_code_of(found) is code


def test_each_line_of_a_refused_configuration_is_a_finding() -> None:
    findings = examine_configuration(ConfigError("config.yaml:1: a\nconfig.yaml:2: b"))
    assert [finding.message for finding in findings] == ["config.yaml:1: a", "config.yaml:2: b"]


def test_a_projects_own_program_is_warned_of_when_it_is_of_another_version(tmp_path: Path) -> None:
    assert examine_program(tmp_path, f'"""Text."""\n\n__version__ = "{__version__}"\n').status is Status.OK
    other = examine_program(tmp_path, '__version__ = "0.0.1"\n')
    assert other.status is Status.WARNING
    assert other.message.startswith(f"{tmp_path} has lgbm_runtime 0.0.1, but lgbm-sm is {__version__}")
