"""The dialect of OpenAI's Chat Completions, which many vendors and local servers copy."""
