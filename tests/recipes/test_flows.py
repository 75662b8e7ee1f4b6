"""Recipes for orchestrators, which are run by them."""

import sys

import pytest
from helpers.recipes import installed, needs

pytestmark = pytest.mark.slow


def run_shares(place, command: list[str], **more: str) -> None:
    """Each share is run, and all of the list is submitted once; a share that is run again submits nothing."""
    place.run(command, **more)
    assert place.shares() == [f"{number}/8" for number in range(1, 9)]
    assert place.accepted() == place.once()
    ran = (place.data / "ran").read_text().splitlines()
    assert any(place.run(["sh", "-c", f"seedvr {words}"]) for words in ran)  # by chance a share may have no source
    assert place.accepted() == place.once()
    assert len(list((place.data / "big").iterdir())) == len(place.sources)


def test_prefect(place):
    """The flow, on Prefect's own temporary server."""
    needs("prefect")
    program = place.data / "prefect_flow.py"
    program.write_text(place.text("prefect_flow.py"))
    run_shares(place, [sys.executable, str(program)], PREFECT_HOME=str(place.data / "prefect"))


def test_airflow(place, tmp_path):
    """The DAG, by Airflow's own test run of it."""
    airflow = installed("airflow")
    dags = tmp_path / "airflow" / "dags"
    dags.mkdir(parents=True)
    (dags / "airflow_dag.py").write_text(place.text("airflow_dag.py"))
    more = {"AIRFLOW_HOME": str(dags.parent), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    # An installation of its own: what this process imports is not for it.
    more["PYTHONPATH"] = ""
    place.run([airflow, "db", "migrate"], **more)
    run_shares(place, [airflow, "dags", "test", "upscale"], **more)
