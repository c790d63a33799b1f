"""How does an order become an answer?"""
