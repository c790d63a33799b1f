"""Replicas: what do they tell each other about removed entries, breakers and cooldowns?"""
