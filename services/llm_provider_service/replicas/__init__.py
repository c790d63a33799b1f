"""What do replicas tell each other?"""
