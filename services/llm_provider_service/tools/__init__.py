"""Command-line tools of the service; `./dev` starts them."""
