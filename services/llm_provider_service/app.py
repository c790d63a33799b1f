"""The ASGI application, for servers that import it by name."""

from services.llm_provider_service.startup_setup import create_app

app = create_app()
