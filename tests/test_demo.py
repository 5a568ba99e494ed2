"""`pilvi demo job-offers`: the README's first command."""

import json
import os
import re
import signal
import subprocess
import urllib.request

import pytest
from conftest import ROOT

PILVI = os.environ["PILVI_BIN"]


def environment(**more):
    return dict(os.environ, PILVI_SDK_DIR=str(ROOT / "target" / "e2e" / "sdk"), **more)


@pytest.mark.parametrize("language", ["node", "python", "rust"])
def test_the_demonstration_runs_in_every_language(tmp_path, language):
    command = [PILVI, "demo", "job-offers", "--port", "0", "--exit", "--language", language, "--data", str(tmp_path)]
    shown = [subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300) for _ in range(2)]
    # The second time everything is there already.
    for done in shown:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "table: 300 items in" in done.stdout
        assert "GET /v1/jobs                         300 job offers" in done.stdout
        assert '{"city":"Tampere","company":"Birch"' in done.stdout


def test_without_node_and_python_the_functions_are_rust(tmp_path):
    # A PATH with cargo and what it needs, and no npm and no pip.
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for tool in ("cargo", "rustc", "cc", "ld", "rustup", "mold"):
            if os.path.isfile(os.path.join(folder, tool)) and not (tools / tool).exists():
                (tools / tool).symlink_to(os.path.join(folder, tool))
    command = [PILVI, "demo", "job-offers", "--port", "0", "--ephemeral"]
    running = subprocess.Popen(
        command, env=environment(PATH=str(tools)), stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    shown = ""
    for line in running.stdout:
        shown += line
        if "serves until Ctrl+C" in line:
            break
    try:
        assert "demo_job_api_lambda (Rust)" in shown, shown
        # It serves until it is told to stop.
        url = re.search(r"curl '(.*/v1/jobs)'", shown).group(1)
        with urllib.request.urlopen(url) as answer:
            assert len(json.loads(answer.read())) == 300
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 0


def test_a_busy_port_is_named(cloud, tmp_path):
    done = subprocess.run(
        [PILVI, "start", "--port", str(cloud.port), "--data", str(tmp_path)], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert str(cloud.port) in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_data_folder_in_use_is_named(cloud):
    done = subprocess.run(
        [PILVI, "start", "--port", "0", "--data", str(cloud.data)], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert str(cloud.data) in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
