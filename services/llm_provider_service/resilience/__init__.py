"""How hard, how long, how many at once?"""
