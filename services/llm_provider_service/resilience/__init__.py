"""Deadlines, retries, circuit breakers, cooldowns, limits: how hard, how long, how many at once?"""
