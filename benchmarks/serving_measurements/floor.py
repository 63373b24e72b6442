"""The floor: the cost of HTTP itself. Here nginx answers each request with 200."""

from pathlib import Path

from benchmarks.serving_measurements.chain import temporary_paths
from benchmarks.serving_measurements.programs import system_program
from benchmarks.serving_measurements.servers import Server, free_port, plain_environment, start_server

_CONFIGURATION = """
worker_processes {workers};
daemon off;
pid {folder}/nginx.pid;
error_log stderr;

events {{
}}

http {{
{temporary_paths}
    access_log off;
    keepalive_requests 100000000;

    server {{
        listen 127.0.0.1:{port} reuseport;

        location / {{
            return 200 "24.371491\\n";
        }}
    }}
}}
"""


def start_floor(folder: Path, workers: int) -> Server:
    """Start nginx without an application behind it."""
    port = free_port()
    path = folder / "nginx.conf"
    paths = temporary_paths(folder)
    path.write_text(_CONFIGURATION.format(workers=workers, folder=folder, port=port, temporary_paths=paths))
    command = [str(system_program("nginx", "nginx-light")), "-e", "stderr", "-c", str(path)]
    return start_server(command, plain_environment(folder), folder, port)
