"""The LLM Provider Service: one place through which a platform's services reach large language models."""
