"""HTTP API: who asks, is the request well formed, and how is the result written?"""
