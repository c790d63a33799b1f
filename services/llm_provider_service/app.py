"""The ASGI application, for any server that wants a name to import."""

from services.llm_provider_service.startup_setup import create_app

app = create_app()
