"""Routing: which targets should answer a request, and in which order?"""
