"""Gateway core: how does an order become an answer?"""
