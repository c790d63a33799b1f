"""The LLM Provider Service: the single gateway from a platform's services to large language models."""
