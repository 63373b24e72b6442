"""Trace the programs of the images, and compare the traces with `explain`."""

from __future__ import annotations

import os
from pathlib import Path

from lgbm_sm.explain.call_chain import call_chains
from tests.contract.serving import Endpoint
from tools.call_chains import WRITE_VARIABLE, chain_of, write_chain

TRACER = Path(__file__).parents[1] / "tools" / "call_trace"
VARIABLE = "LGBM_SM_CALL_TRACE"


def ask(endpoint: Endpoint, row: str) -> None:
    """Send the requests whose calls make up the chain of serving."""
    assert endpoint.ask("GET", "/ping").status == 200
    for body, content_type in ((f"{row}\n", "text/csv"), (f"[[{row}]]", "application/json")):
        reply = endpoint.ask("POST", "/invocations", body.encode(), {"Content-Type": content_type})
        assert reply.status == 200, reply.body


def compare(name: str, trace_path: Path) -> None:
    """Assert that a chain and a trace have the same files with the same callers in order."""
    made = chain_of(trace_path)
    assert len(made) > 4
    if os.environ.get(WRITE_VARIABLE):
        write_chain(name, made)
    assert made == call_chains()[name], "the programs have changed: run `python tools/call_chains.py`"
