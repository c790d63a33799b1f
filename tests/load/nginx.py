"""nginx as a plain proxy in front of the same upstream: the floor under every gateway."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.load.processes import Server, free_port, running_at

CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 1000000000; client_body_buffer_size 64k;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream vendor {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://vendor; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


@contextmanager
def plain_proxy(upstream: Server, *, core: int) -> Iterator[Server | None]:
    """A proxy to *upstream* on *core*; `None` where nginx is not installed."""
    nginx = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin") or shutil.which("nginx")
    if nginx is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        text = CONFIG.format(folder=folder, upstream=f"{upstream.host}:{upstream.port}", port=port)
        config.write_text(text, encoding="ascii")
        command = [nginx, "-c", str(config), "-p", folder, "-e", "stderr"]
        with running_at(port, command, core=core) as server:
            yield server
